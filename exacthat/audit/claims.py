"""The slides' statements on the mechanism (slide 21) and the conclusion, as tests of one solved case.

A statement is tried in cells: region by sector, region, or once an economy. Each cell says how far the statement is from
turning false, its margin, and which elasticity of substitution between the bundles is at work there. References are to
sections of docs/rare_earths_model.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import xarray as xr

from exacthat.audit.cases import EXOGENOUS, Case

UNMOVED = 1e-9
"""A margin below this, in logs, is no sign: solutions are certified to about a tenth of it."""


@dataclass(frozen=True)
class Cells:
    """Where a statement was tried in one case.

    Attributes
    ----------
    margin : array
        Positive where the statement holds, negative where it fails, about zero where that cannot be told.
    epsilon : array
        Elasticity of substitution between the bundles: of the sector, or the mean abroad weighted with the cost of REE.
    figure : array
        The number to report, in the unit of the claim.
    """

    margin: np.ndarray
    epsilon: np.ndarray
    figure: np.ndarray


@dataclass(frozen=True)
class Claim:
    """A statement, what its figure is, and the test; None where a case says nothing about it."""

    name: str
    statement: str
    figure: str
    test: Callable[[Case], Cells | None]


def _log(ratio: xr.DataArray) -> xr.DataArray:
    return cast(xr.DataArray, np.log(ratio))


def _percent(log: xr.DataArray) -> xr.DataArray:
    return cast(xr.DataArray, 100 * np.expm1(log))


def _cells(case: Case, margin: xr.DataArray, figure: xr.DataArray | None = None) -> Cells:
    """One cell for each region abroad and sector that uses rare earths."""
    figure = _percent(margin) if figure is None else figure
    at = {"region": case.abroad, "sector": case.using}
    used = (case.data["ree_share"].sel(at) > 0).transpose(*at).values

    def chosen(x: xr.DataArray) -> np.ndarray:
        return x.sel(at).transpose(*at).values[used]

    return Cells(chosen(margin), chosen(case.data["ree_elasticity"].broadcast_like(margin)), chosen(figure))


def _relative_price(case: Case) -> xr.DataArray:
    return _log(case.changes["ree_price"] / case.changes["wage"])


def _price_rises(case: Case) -> Cells:
    rise = _relative_price(case).sel(region=case.abroad)
    return Cells(rise.values, np.full(rise.size, _mean_epsilon(case)), _percent(rise).values)


def _use_falls(case: Case) -> Cells:
    change = _log(case.changes["relative_bundle_expenditure"]) - _relative_price(case)
    return _cells(case, -change, _percent(change))


def _expenditure_rises(case: Case) -> Cells:
    return _cells(case, _log(case.changes["relative_bundle_expenditure"]))


def _technology_shifts(case: Case) -> Cells | None:
    return None if case.technology == EXOGENOUS else _cells(case, _log(case.changes["innovation_bias"]))


# ---- costs: sections 5.4 and 5.5 -----------------------------------------------------------------------


def _nest(case: Case, ree: xr.DataArray, labour: xr.DataArray) -> xr.DataArray:
    """Log change of the cost of value added where the two bundles' prices change by these logs."""
    share, e = case.data["ree_share"], 1 - case.data["ree_elasticity"]
    mean = share * ree + (1 - share) * labour
    curved = share * np.expm1(e * (ree - mean)) + (1 - share) * np.expm1(e * (labour - mean))
    return mean + xr.where(e == 0, 0.0, _log(1 + curved) / e.where(e != 0, 1.0))


def _against_others(case: Case, cost: xr.DataArray) -> xr.DataArray:
    """A change by sector less the mean of the sectors that use no rare earths, by region."""
    return cost - cost.sel(sector=case.without).mean("sector")


def _factor_cost(case: Case) -> xr.DataArray:
    """Log change of the cost of value added at given technology."""
    q, w = _log(case.changes["ree_price"]), _log(case.changes["wage"])
    return _nest(case, q, w)


def _technology_effect(case: Case, *, labour_varieties: bool) -> xr.DataArray:
    """What the change of technology does to the log cost of value added at the new factor prices.

    Without labour varieties A_R/A_L moves and A_L stands still.
    """
    q, w = _log(case.changes["ree_price"]), _log(case.changes["wage"])
    phi = case.data["variety_productivity"]
    bias = _log(case.changes["innovation_bias"])
    a_labour = _log(case.changes["labour_varieties"]) if labour_varieties else 0 * bias
    return _nest(case, q - phi * (bias + a_labour), w - phi * a_labour) - _factor_cost(case)


def _technology_lowers_cost(*, labour_varieties: bool) -> Callable[[Case], Cells | None]:
    def test(case: Case) -> Cells | None:
        if case.technology == EXOGENOUS or not case.without:
            return None
        effect = _against_others(case, _technology_effect(case, labour_varieties=labour_varieties))
        shifts = _cells(case, _log(case.changes["innovation_bias"])).margin > UNMOVED
        return _where(shifts, _cells(case, -effect, _percent(effect)))

    return test


def _where(chosen: np.ndarray, cells: Cells) -> Cells:
    """The cells that a statement is about."""
    return Cells(cells.margin[chosen], cells.epsilon[chosen], cells.figure[chosen])


def _factor_cost_effect(case: Case) -> Cells:
    return _cells(case, _against_others(case, _factor_cost(case)))


def _factor_cost_rises(case: Case) -> Cells | None:
    return _factor_cost_effect(case) if case.without else None


def _relative_cost(case: Case) -> xr.DataArray:
    return _against_others(case, _log(case.changes["value_added_cost"]))


def _technology_dominates(case: Case) -> Cells | None:
    if case.technology == EXOGENOUS or not case.without:
        return None
    cost = _relative_cost(case)
    raised = _factor_cost_effect(case).margin > UNMOVED
    return _where(raised, _cells(case, -cost, _percent(cost)))


def _revenue_follows(case: Case) -> Cells | None:
    """The margin is that of the sign that is the less certain of the two."""
    if not case.without:
        return None
    cost, revenue = _relative_cost(case), _against_others(case, _log(case.changes["gross_output"]))
    least = xr.where(abs(cost) < abs(revenue), abs(cost), abs(revenue))
    agree = (cost < 0) == (revenue > 0)
    return _cells(case, xr.where(agree, least, -least), _percent(revenue))


# ---- welfare and the price: sections 5.6 and 5.7 -------------------------------------------------------


def _mean_epsilon(case: Case) -> float:
    """Elasticity between the bundles abroad, weighted with the cost of rare earths."""
    cost = case.data["ree_share"] * case.data["value_added_share"] * case.data["gross_output"]
    cost = cost.sel(region=case.abroad)
    return float((cost * case.data["ree_elasticity"]).sum() / cost.sum())


def foreign_loss(case: Case, changes: xr.Dataset) -> float:
    """Fall of consumption outside the exporter, as a share of what is spent there."""
    spent = case.data["final_expenditure"].sel(region=case.abroad)
    return float((spent * (1 - changes["real_consumption"])).sum() / spent.sum())


def _cushioned(case: Case) -> Cells | None:
    if case.technology == EXOGENOUS:
        return None
    before, after = foreign_loss(case, case.exogenous), foreign_loss(case, case.changes)
    if before <= UNMOVED:
        return None  # no loss on the whole, so there is nothing to cushion
    return Cells(np.array([before - after]), np.array([_mean_epsilon(case)]), np.array([after / before]))


def _spike(case: Case) -> Cells | None:
    """The world price, relative to the wage of the numeraire region, under the tax; ten times is asked for."""
    if case.instrument != "tax":
        return None
    ratio = float(case.changes["ree_price_ratio"])
    return Cells(np.array([np.log(ratio / 10)]), np.array([_mean_epsilon(case)]), np.array([ratio]))


CLAIMS = [
    Claim("relative-price-rises", "REE become dearer relative to labour outside the exporter",
          "change of q/w, percent", _price_rises),
    Claim("relative-use-falls", "Relative use of REE falls outside the exporter",
          "change of r/l, percent", _use_falls),
    Claim("relative-expenditure-rises", "Relative expenditure on the REE bundle rises",
          "change of E_R/E_L, percent", _expenditure_rises),
    Claim("technology-shifts-towards-ree", "Technology shifts towards REE: A_R/A_L rises",
          "change of A_R/A_L, percent", _technology_shifts),
    Claim("technology-effect-at-given-labour-varieties",
          "Where A_R/A_L rises, its rise alone lowers costs more in sectors that use REE",
          "effect on relative cost, percent", _technology_lowers_cost(labour_varieties=False)),
    Claim("technology-effect",
          "Where A_R/A_L rises, technology lowers costs more in sectors that use REE",
          "effect on relative cost, percent", _technology_lowers_cost(labour_varieties=True)),
    Claim("factor-cost-effect", "Factor prices raise costs more in sectors that use REE",
          "effect on relative cost, percent", _factor_cost_rises),
    Claim("technology-dominates",
          "Where factor prices raise costs more in sectors that use REE, the technology effect outweighs that",
          "change of relative cost, percent", _technology_dominates),
    Claim("revenue-follows-dominance",
          "Revenue of sectors that use REE rises relative to others if, and only if, their cost falls relative to others",
          "change of relative revenue, percent", _revenue_follows),
    Claim("cushioned", "Endogenous technology cushions the loss of the other regions",
          "loss, relative to exogenous technology", _cushioned),
    Claim("tenfold-price", "An export tax of 100 percent makes the world price ten times as high",
          "world price, new over baseline", _spike),
]  # fmt: skip
"""In the order of the slides."""
