"""The rare-earth part of a baseline: physical use, and what the variants of the model that are off by default read."""

from __future__ import annotations

import xarray as xr

from calibration.parameters import Parameters
from framework.errors import DataError


def scaled_to_use(
    share: xr.DataArray, added: xr.DataArray, price: xr.DataArray, parameters: Parameters
) -> xr.DataArray:
    """Return cost shares of rare earths at which some regions have given shares of world physical use.

    The shares of a region that parameter ``ree_use_share`` names are all multiplied by one number; those of the other
    regions stay.

    Parameters
    ----------
    share, added : xr.DataArray
        Cost share in value added, and value added, over (region, sector).
    price : xr.DataArray
        Price to users over the world price, by region.

    Raises
    ------
    DataError
        A region that the data do not have or that uses none, given shares that leave nothing to the others, or a cost
        share of one or more.
    """
    wanted = parameters["ree_use_share"].table
    if not wanted:
        return share
    used = (share * added / price).sum("sector")
    for region in wanted:
        if region not in used.region.values or not float(used.sel(region=region)) > 0:
            raise DataError(
                f"parameter 'ree_use_share': '{region}' is not a region of the data that uses rare earths."
            )
    named = used.region.isin(list(wanted))
    total = sum(wanted.values())
    if not total < 1 or bool(named.all()):
        raise DataError(
            f"parameter 'ree_use_share' sums to {total:g}; leave a part of world use to a region that it does not name."
        )
    rest = float(used.where(~named, 0.0).sum())
    factor = xr.ones_like(used)
    for region, part in wanted.items():
        target = part / (1 - total) * rest
        factor = factor.where(factor.region != region, target / float(used.sel(region=region)))
    scaled = share * factor
    if bool((scaled >= 1).any()):
        raise DataError(
            f"parameter 'ree_use_share' makes a cost share of {float(scaled.max()):g} of value added; lower it, or 'ree_share'."
        )
    return scaled


def extensions(base: xr.Dataset, income: xr.DataArray, parameters: Parameters) -> dict[str, object]:
    """Return the data that only variants off by default read.

    Every region buys rare earths of each origin in proportion to the origin's share of the world endowment, which
    is consistent with any endowment; there are no tariffs on rare earths.

    Parameters
    ----------
    income : xr.DataArray
        Factor income by region.
    """
    endowed = base.ree_endowment / base.ree_endowment.sum()
    origin = endowed.rename(region="exporter")
    ones = xr.ones_like(base.final_expenditure).rename(region="importer")
    return {
        "ree_trade_share": (ones * origin).transpose("importer", "exporter"),
        "ree_tariff": xr.zeros_like(base.final_expenditure),
        "deficit_rate": base.deficit / income,
        "income_share": income / income.sum(),
        **{
            name: parameters.scalar(name)
            for name in ("input_elasticity", "ree_supply_elasticity", "ree_trade_elasticity")
        },
    }
