"""The slides' statements on the mechanism (slide 21) and the conclusion, as tests of one solved case.

A statement is tried in cells: region by sector, region, or once an economy. Each cell says how far the statement is from
turning false, its margin, and which of the conditions that theory offers are met there. References are to sections of
docs/rare_earths_model.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import xarray as xr

from exacthat.audit.cases import EXOGENOUS, Case

UNMOVED = 1e-9
"""A margin below this, in logs, is no sign: solutions are certified to about a tenth of it."""
NIL = 1e-4
"""A factor-cost effect below this, in logs, is about nil: there is nothing for technology to outweigh."""
EPSILON_BELOW, EPSILON_ABOVE = "epsilon < 1", "epsilon > 1"
REVENUE_RISES = "relative revenue rises"
LARGE = "the factor-cost effect is above 0.1 percent"
LIKE_RIVALS = "cost against rivals moves the same way"
DAMPED = "the price of REE rises less than with exogenous technology"


@dataclass(frozen=True)
class Cells:
    """Where a statement was tried in one case.

    Attributes
    ----------
    margin : array
        Positive where the statement holds, negative where it fails, about zero where that cannot be told.
    figure : array
        The number to report, in the unit of the claim.
    conditions : dict
        Where each condition that theory offers is met. That on epsilon, the elasticity of substitution between the
        bundles, is on that of the sector, or on the mean abroad weighted with the cost of REE.
    left_out : int
        Cells to which the statement does not apply.
    details : dict
        What else the case says about the statement, ready for JSON.
    """

    margin: np.ndarray
    figure: np.ndarray
    conditions: dict[str, np.ndarray]
    left_out: int = 0
    details: dict[str, Any] = field(default_factory=dict)

    def where(self, applies: np.ndarray) -> Cells:
        """The cells to which the statement applies."""
        conditions = {words: met[applies] for words, met in self.conditions.items()}
        return Cells(self.margin[applies], self.figure[applies], conditions, int((~applies).sum()))


def _by_epsilon(epsilon: np.ndarray) -> dict[str, np.ndarray]:
    return {EPSILON_BELOW: epsilon < 1, EPSILON_ABOVE: epsilon > 1}


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


def _cells(
    case: Case,
    margin: xr.DataArray,
    figure: xr.DataArray | None = None,
    conditions: Mapping[str, xr.DataArray] | None = None,
) -> Cells:
    """One cell for each region abroad and sector that uses rare earths; conditions beside that on epsilon, in words."""
    figure = _percent(margin) if figure is None else figure
    at = {"region": case.abroad, "sector": case.using}
    used = (case.data["ree_share"].sel(at) > 0).transpose(*at).values

    def chosen(x: xr.DataArray) -> np.ndarray:
        return x.sel(at).transpose(*at).values[used]

    epsilon = chosen(case.data["ree_elasticity"].broadcast_like(margin))
    met = _by_epsilon(epsilon) | {words: chosen(condition) for words, condition in (conditions or {}).items()}
    return Cells(chosen(margin), chosen(figure), met)


def _relative_price(case: Case) -> xr.DataArray:
    return _log(case.changes["ree_price"] / case.changes["wage"])


def _price_rises(case: Case) -> Cells:
    rise = _relative_price(case).sel(region=case.abroad)
    return Cells(rise.values, _percent(rise).values, _by_epsilon(np.full(rise.size, _mean_epsilon(case))))


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
        found = _cells(case, -effect, _percent(effect), {REVENUE_RISES: _relative_revenue(case) > 0})
        # The statement is about where technology does shift towards rare earths.
        return found.where(_cells(case, _log(case.changes["innovation_bias"])).margin > UNMOVED)

    return test


def _factor_cost_effect(case: Case) -> Cells:
    return _cells(case, _against_others(case, _factor_cost(case)))


def _factor_cost_rises(case: Case) -> Cells | None:
    return _factor_cost_effect(case) if case.without else None


def _relative_cost(case: Case) -> xr.DataArray:
    return _against_others(case, _log(case.changes["value_added_cost"]))


def _relative_revenue(case: Case) -> xr.DataArray:
    return _against_others(case, _log(case.changes["gross_output"]))


def _technology_dominates(case: Case) -> Cells | None:
    """Of the cells in which factor prices do raise the relative cost."""
    if case.technology == EXOGENOUS or not case.without:
        return None
    cost, factor_cost = _relative_cost(case), _against_others(case, _factor_cost(case))
    conditions = {REVENUE_RISES: _relative_revenue(case) > 0, LARGE: factor_cost > np.log1p(1e-3)}
    raised = _factor_cost_effect(case).margin > NIL
    return _cells(case, -cost, _percent(cost), conditions).where(raised)


def _against_rivals(case: Case) -> xr.DataArray:
    """Log change of unit cost against the price indices of the markets sold to, weighted with sales."""
    names = {"importer": "market", "exporter": "region"}
    bought = case.data["expenditure"].rename(region="market")
    share = case.data["expenditure_share"].rename(names)
    sales = share * bought / (1 + case.data["tariff"].rename(names))
    index = _log(case.changes["price_index"]).rename(region="market")
    return _log(case.changes["unit_cost"]) - (sales * index).sum("market") / sales.sum("market")


def _revenue_follows(case: Case) -> Cells | None:
    """The margin is that of the sign that is the less certain of the two."""
    if not case.without:
        return None
    cost, revenue = _relative_cost(case), _relative_revenue(case)
    least = xr.where(abs(cost) < abs(revenue), abs(cost), abs(revenue))
    agree = (cost < 0) == (revenue > 0)
    alike = (cost < 0) == (_against_others(case, _against_rivals(case)) < 0)
    return _cells(case, xr.where(agree, least, -least), _percent(revenue), {LIKE_RIVALS: alike})


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
    conditions = _by_epsilon(np.array([_mean_epsilon(case)]))
    if case.instrument != "price":
        damped = case.changes["ree_price_ratio"] < case.exogenous["ree_price_ratio"]
        conditions[DAMPED] = np.array([bool(damped)])
    return Cells(np.array([before - after]), np.array([after / before]), conditions)


def _spike(case: Case) -> Cells | None:
    """The world price, relative to the wage of the numeraire region, under the tax; ten times is asked for."""
    if case.instrument != "tax":
        return None
    ratio = float(case.changes["ree_price_ratio"])
    needed: dict[str, Any] = {
        "economy": case.economy.name,
        "exporter_use_share": case.use_share,
        "price": ratio,
    }
    needed["export_tax_needed_percent"], needed["why"] = None, None
    if isinstance(case.tenfold, str):
        needed["why"] = case.tenfold
    elif case.tenfold is not None:
        needed["export_tax_needed_percent"] = 100 * float(case.tenfold["export_tax"])
    conditions = _by_epsilon(np.array([_mean_epsilon(case)]))
    return Cells(np.array([np.log(ratio / 10)]), np.array([ratio]), conditions, details=needed)


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
          "Where factor prices raise relative cost by more than 0.01 percent, the technology effect outweighs this",
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
