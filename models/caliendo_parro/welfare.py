"""What a solution of the Caliendo-Parro model says of welfare and trade: terms of trade, volume of trade, blocs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import xarray as xr

from framework import DataError, Solution
from framework.errors import did_you_mean
from framework.sensitivity import problem_of


def welfare_decomposition(solution: Solution) -> xr.Dataset:
    r"""Split the change of real consumption into terms of trade and volume of trade.

    The first-order accounting of Caliendo and Parro (2015) for tariff changes, derived here for every shock. With
    :math:`E_{ni}` exports of region n to its partner i, :math:`M_{ni}` imports from it, both before tariffs, and producer
    prices :math:`p = x \lambda^{-1/\theta}`:

    .. math::
        d \ln C_n = \frac{1}{I_n} \sum_{i,s} (E_{nis}\, d\ln p_{ns} - M_{nis}\, d\ln p_{is})
                  + \frac{1}{I_n} \sum_{i,s} \tau_{nis} M_{nis}\, (d\ln M_{nis} - d\ln p_{is} - d\ln d_{nis})

    which is all of it when tariffs alone change. Weights are those of the baseline and changes are logs, so the sum
    misses the exact change by a term that is quadratic in the shock: the remainder.

    Parameters
    ----------
    solution : Solution
        Of `caliendo_parro` in hats.

    Returns
    -------
    xarray.Dataset
        Logs, all in units of baseline final expenditure of the region. ``terms_of_trade`` and ``volume_of_trade``
        (region, partner, sector): sum over ``sector`` for the bilateral, over ``partner`` for the sectoral terms. What
        other shocks do directly is ``trade_cost`` (region, partner, sector), ``technology`` (region, sector),
        ``labour`` and ``deficit`` (region). ``real_consumption`` (region) is the exact log change and ``remainder``
        what the others leave of it.

    Raises
    ------
    DataError
        The solution is of another model, or was stored without its problem.
    """
    at = _Economy.of(solution)
    income, theta = at.base("I").rename("region"), at.base("theta")
    bought = at.imports
    sold = bought.rename(region="partner", partner="region").transpose(*bought.dims)
    ability, barrier = _log(at.new("lam_hat")) / theta, _log(at.new("d_hat"))
    price = _log(at.new("x_hat")) - ability
    abroad = price.rename(region="partner")
    quantity = _log(at.imports_hat) - abroad - barrier
    parts = {
        "terms_of_trade": (sold * price - bought * abroad) / income,
        "volume_of_trade": at.base("tau") * bought * quantity / income,
        "trade_cost": -bought * barrier / income,
        "technology": at.base("G") * ability / income,
        "labour": (at.base("nu") * at.base("G")).sum("sector") * _log(at.new("L_hat")) / income,
        "deficit": (at.new("D_new") - at.base("D")) / income,
    }
    exact = _log(at.new("C_hat"))
    rest = exact - sum(part.sum([d for d in part.dims if d != "region"]) for part in parts.values())
    out = xr.Dataset(parts | {"real_consumption": exact, "remainder": rest})
    out = out.transpose("region", "partner", "sector")
    return _described(out, _ABOUT, "log change, in units of baseline final expenditure")


def bloc_trade(solution: Solution, bloc: Collection[str]) -> xr.Dataset:
    """Return how much members of a bloc import from each other and from the rest of the world.

    Parameters
    ----------
    solution : Solution
        Of `caliendo_parro` in hats.
    bloc : collection of str
        Labels of at least two regions, for instance ``["CAN", "MEX", "USA"]``.

    Returns
    -------
    xarray.Dataset
        Imports before tariffs over (region in the bloc, origin, sector), ``origin`` being ``"bloc"`` (the other
        members) or ``"rest"``: ``imports_baseline`` and ``imports``, in the unit of the data with world labour income
        held; ``change`` is new over base and ``total_change`` (region, origin) that of all sectors, both 1 where there
        is no trade. ``intra_bloc_trade`` is the change of all trade between members.

    Raises
    ------
    DataError
        Fewer than two members, an unknown label or one given twice, a solution of another model.
    """
    at = _Economy.of(solution)
    members, regions = list(bloc), [str(label) for label in at.imports.region.values]
    if isinstance(bloc, str) or len(members) < 2:
        raise DataError(f"bloc is {bloc!r}; give a list of two regions or more, for instance {regions[:2]}")
    for label in members:
        if label not in regions:
            raise DataError(f"bloc: '{label}' is not a region.{did_you_mean(str(label), regions)}")
    if len(set(members)) < len(members):
        raise DataError(f"bloc: a region is given twice in {members}")
    away = at.imports.region != at.imports.partner
    inside = at.imports.partner.isin(members)

    def by_origin(flow: xr.DataArray) -> xr.DataArray:
        flow = flow.where(away, 0.0).sel(region=members)
        parts = [flow.where(inside, 0.0).sum("partner"), flow.where(~inside, 0.0).sum("partner")]
        both = xr.concat(parts, xr.Variable("origin", ["bloc", "rest"]))
        return both.transpose("region", "origin", "sector")

    before, after = by_origin(at.imports), by_origin(at.imports * at.imports_hat)
    old, new = before.sum("sector"), after.sum("sector")
    out = xr.Dataset(
        {
            "imports_baseline": before,
            "imports": after,
            "change": _ratio(after, before),
            "total_change": _ratio(new, old),
            "intra_bloc_trade": _ratio(new.sel(origin="bloc").sum(), old.sel(origin="bloc").sum()),
        }
    )
    return _described(out, _ABOUT_BLOC, "new/base")


@dataclass(frozen=True)
class _Economy:
    """Baseline data and changes of a solution, with the importer as ``region`` and the exporter as ``partner``."""

    solution: Solution

    @classmethod
    def of(cls, solution: Solution) -> _Economy:
        model = problem_of(solution).system.model
        if model.name != "caliendo-parro" or not model.is_hat:
            raise DataError(
                f"the solution is of model '{model.name}'{'' if model.is_hat else ' in levels'}; "
                "give one of 'caliendo-parro' in hats: compile_model(hat(caliendo_parro()))"
            )
        return cls(solution)

    def base(self, symbol: str) -> xr.DataArray:
        """Baseline data by symbol."""
        problem = problem_of(self.solution)
        decl, bound = problem.system.model.symbols[symbol], problem.bound
        coords = {d.name: bound.labels[d.root] for d in decl.dims}
        return _sides(xr.DataArray(bound.values[symbol], coords, decl.dim_names))

    def new(self, symbol: str) -> xr.DataArray:
        """A change or new level by symbol, whether the model determines it or it was given."""
        decl = problem_of(self.solution).system.model.symbols[symbol]
        known = self.solution.outcomes
        return _sides(known[decl.key].reset_coords(drop=True)) if decl.key in known else self.base(symbol)

    @property
    def imports(self) -> xr.DataArray:
        """Baseline imports before tariffs, own purchases included."""
        return self.base("pi") * self.base("X") / (1 + self.base("tau"))

    @property
    def imports_hat(self) -> xr.DataArray:
        """Their change, new over base."""
        duty = (1 + self.base("tau")) / (1 + self.new("tau_new"))
        return self.new("pi_hat") * self.new("X_hat") * duty


def _sides(array: xr.DataArray) -> xr.DataArray:
    names = {"importer": "region", "exporter": "partner"}
    return array.rename({d: names[str(d)] for d in array.dims if d in names})


def _log(array: xr.DataArray) -> xr.DataArray:
    return array.copy(data=np.log(array.values))


def _ratio(new: xr.DataArray, old: xr.DataArray) -> xr.DataArray:
    """New over old; 1 where there is nothing, which stays nothing."""
    return (new / old.where(old != 0, 1.0)).where(old != 0, 1.0)


def _described(out: xr.Dataset, about: dict[str, str], unit: str) -> xr.Dataset:
    for key, array in out.items():
        money = str(key).startswith("imports")
        array.attrs = {"long_name": about[str(key)], "units": "million USD" if money else unit}
    return out


_ABOUT = {
    "terms_of_trade": "terms of trade: export prices less import prices",
    "volume_of_trade": "volume of trade: quantities imported, valued at their tariffs",
    "trade_cost": "direct effect of trade costs",
    "technology": "direct effect of technology",
    "labour": "direct effect of labour supply",
    "deficit": "change of the deficit",
    "real_consumption": "exact change of real consumption",
    "remainder": "what the first-order terms leave of it",
}
_ABOUT_BLOC = {
    "imports_baseline": "imports before tariffs, baseline",
    "imports": "imports before tariffs, after the shock",
    "change": "change of imports by sector",
    "total_change": "change of imports of all sectors",
    "intra_bloc_trade": "change of trade between members",
}
