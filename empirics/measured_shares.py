"""Rare-earth shares of value added by sector of the rare-earth model, from the extended input-output table of 2012."""

from __future__ import annotations

import numpy as np
import xarray as xr

from empirics.elasticities import estimate_ree_shares
from empirics.measurement.extension import MAGNETS, METALS
from empirics.sectors import sectors_of_naics
from framework.errors import DataError, did_you_mean

#: Choices of prices whose spread stands for the uncertainty of the prices of 2012.
PRICE_CHOICES = ("year-end-2012", "mean-2012")


def measured_ree_shares(
    measurement: xr.Dataset, accounts: xr.Dataset, price_choices: tuple[str, ...] = PRICE_CHOICES
) -> xr.Dataset:
    """Return direct costs of rare earths over value added by sector, United States 2012.

    Parameters
    ----------
    measurement : xr.Dataset
        See `empirics.measurement.measure`; its ``ree_use`` are the direct costs.
    accounts : xr.Dataset
        The accounts that it was made from, for value added; see `empirics.measurement.read_accounts`.
    price_choices : tuple of str
        Named choices of prices. Their covariance in logs stands for the uncertainty of prices; it says how much the choice
        matters and is no sampling error.

    Returns
    -------
    xr.Dataset
        Parameter estimates of ``ree_share``; see `empirics.estimates`.

    Raises
    ------
    DataError
        A choice of prices is unknown, or fewer than two are named.
    """
    sector = sectors_of_naics(accounts["industry"].values)
    industries = list(sector.index)
    users = [METALS if u == MAGNETS else str(u) for u in measurement["user"].values]
    use = measurement["ree_use"].assign_coords(user=users).rename(user="industry")
    return estimate_ree_shares(
        use.reindex(industry=industries).fillna(0.0),  # the other industries use none directly
        accounts["value_added"].sum("component").sel(industry=industries),
        xr.DataArray(sector.to_numpy(object), {"industry": industries}),
        price_choice_covariance(measurement["unit_price"], price_choices),
        source="direct cost of rare earths over value added, BEA 2012 accounts extended by rare earths; standard errors from "
        f"the spread of prices ({', '.join(price_choices)})",
    )


def price_choice_covariance(prices: xr.DataArray, choices: tuple[str, ...]) -> xr.DataArray:
    """Covariance over choices of log prices, dims (element, element_other).

    Raises
    ------
    DataError
        A choice is unknown, or fewer than two are named.
    """
    known = [str(x) for x in prices["price_choice"].values]
    for choice in choices:
        if choice not in known:
            raise DataError(
                f"unknown choice of prices '{choice}'.{did_you_mean(choice, known)} Known: {', '.join(known)}."
            )
    if len(choices) < 2:
        raise DataError("a spread of prices needs two choices of them; name another one.")
    log = np.log(prices.sel(price_choice=list(choices)).transpose("element", "price_choice").values)
    elements = prices["element"].values
    return xr.DataArray(
        np.cov(log), {"element": elements, "element_other": elements}, ("element", "element_other")
    )
