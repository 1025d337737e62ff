"""Who uses rare earths and how much: applications, quantities, prices, and the buyers of magnets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from empirics.measurement.accounts import commodity_output
from empirics.measurement.extension import ELEMENTS, MAGNETS, METALS, purchases_of
from empirics.shipped import shipped_table
from framework.errors import DataError, did_you_mean

#: Application of rare earths -> (industry that uses them, elements that are counted). Alloys of primary metals are left
#: out: steel and nonferrous metals would spread Ce and La over every sector.
APPLICATIONS = {
    "battery": ("335911", ("La",)),
    "magnet": (MAGNETS, ("Nd", "Pr", "Dy")),
    "automobile catalyst": ("336390", ("Ce",)),
    "cracking catalyst": ("324110", ("La", "Ce")),
}

#: Year of the table, of the consumption in tonnes and, by default, of the prices.
YEAR = 2012

#: Named choices of prices: the days that a price must be for, as (series, first day of the price).
PRICES = {
    "year-end-2012": ("usgs-year-end", "2012-12-31"),
    "mean-2012": ("usgs-average", "2012-01-01"),
    "year-end-2011": ("usgs-year-end", "2011-12-31"),
    "mean-2011": ("usgs-average", "2011-01-01"),
}

#: Named choices of the buyers of magnets; the first was chosen in sight of the slides' table.
MAGNET_USERS = ("reconstruction", "machinery-and-equipment", "all-buyers")


def us_quantities() -> xr.DataArray:
    """Tonnes of oxide used in the United States by application and element, dims (application, element).

    Consumption of 2012 (USGS, estimated) times the end-use shares of 2009 (USGS) times the composition of each application
    (unverified, world 2008). Batteries are not an end use of their own at USGS: they are the part of metallurgical
    applications that they have in the world's use.
    """
    consumption = shipped_table("ree_us_consumption.csv").set_index("year").us_consumption[YEAR]
    share = shipped_table("ree_us_end_use_2009.csv").set_index("use").share_pct / 100
    table = shipped_table("ree_by_application_2008.csv")
    world = table.drop_duplicates("application").set_index("application").world_2008_t_reo
    composition = table.set_index(["application", "element"]).share_pct / 100
    batteries = world["Battery alloys"] / (world["Battery alloys"] + world["Metallurgy ex battery"])
    metallurgy = share["metallurgical applications and alloys"]
    uses = {
        "battery": ("Battery alloys", metallurgy * batteries),
        "magnet": ("NdFeB magnets", share["permanent magnets"]),
        "automobile catalyst": ("Auto catalysts", share["automotive catalytic converters"]),
        "cracking catalyst": ("FCC catalysts", share["petroleum refining catalysts"]),
    }
    out = application_table()
    for application, (listed, part) in uses.items():
        for element in APPLICATIONS[application][1]:
            tonnes = consumption * part * composition[listed, element]
            out.loc[{"application": application, "element": element}] = tonnes
    return out.assign_attrs(units="t", long_name="use of rare-earth oxides in the United States")


def application_table() -> xr.DataArray:
    """Zeros by application and element, dims (application, element)."""
    coords = {"application": list(APPLICATIONS), "element": list(ELEMENTS)}
    return xr.DataArray(0.0, coords, ("application", "element"))


def unit_prices(choice: str = "year-end-2012") -> xr.DataArray:
    """Price of each element's oxide, USD per kg, dims (element).

    Parameters
    ----------
    choice : str
        One of `PRICES`. Praseodymium has no year-end quotation: its annual mean is moved as neodymium's.

    Raises
    ------
    DataError
        If the choice is not known.
    """
    if choice not in PRICES:
        raise DataError(
            f"unknown prices '{choice}'.{did_you_mean(choice, PRICES)} Known: {', '.join(PRICES)}."
        )
    table = (
        shipped_table("ree_prices.csv").set_index(["series", "first_day", "element"]).usd_per_kg.sort_index()
    )
    series, day = PRICES[choice]
    price = table.loc[series, day]
    if "Pr" not in price:
        mean = table.loc["usgs-average", f"{day[:4]}-01-01"]
        price["Pr"] = mean["Pr"] * price["Nd"] / mean["Nd"]
    values = price.reindex(list(ELEMENTS)).to_numpy(float)
    return xr.DataArray(values, {"element": list(ELEMENTS)}, "element", attrs={"units": "USD/kg"})


def value_of(tonnes: xr.DataArray, prices: xr.DataArray) -> xr.DataArray:
    """Return quantities in tonnes times prices in USD per kg, in million USD.

    Raises
    ------
    DataError
        A price that is not a positive number, or an element without a price.
    """
    for element in map(str, tonnes["element"].values):
        if element not in prices["element"].values:
            raise DataError(f"element '{element}' is used but has no price; add its USD per kg.")
        price = float(prices.sel(element=element))
        if not (np.isfinite(price) and price > 0):
            raise DataError(f"the price of '{element}' is {price:g} USD per kg; prices are positive numbers.")
    return (tonnes * prices / 1000.0).sel(element=tonnes["element"]).assign_attrs(units="million USD")


def use_by_industry(value: xr.DataArray) -> xr.DataArray:
    """Return values by application as values by the industry that uses them, dims (industry, element)."""
    industries = [APPLICATIONS[str(x)][0] for x in value["application"].values]
    return value.assign_coords(application=industries).rename(application="industry")


def magnet_buyers(industries: pd.Index) -> list[str]:
    """Industries of the reconstruction: turbines, relays, motor vehicles and aircraft with all their parts but seats."""
    groups = ("335314", "333611", "3361", "3363", "3364")
    return [x for x in industries if x.startswith(groups) and x != "336360"]


def magnet_sales(accounts: xr.Dataset, users: str = "reconstruction") -> pd.Series:
    """Million USD of magnets by buyer, an industry or a category of final demand.

    Parameters
    ----------
    accounts : xr.Dataset
        See `empirics.measurement.accounts`.
    users : str
        One of `MAGNET_USERS`. ``reconstruction``: every purchase of other fabricated metals by `magnet_buyers` is magnets.
        The two others sell the same output of magnets pro rata, to the purchases of NAICS 333 to 336, or to every use but the
        metals industry's own, final demand and imports included.

    Raises
    ------
    DataError
        If the choice is not known, or no such industry buys other fabricated metals.
    """
    if users not in MAGNET_USERS:
        raise DataError(
            f"unknown magnet users '{users}'.{did_you_mean(users, MAGNET_USERS)} Known: {', '.join(MAGNET_USERS)}."
        )
    purchases = purchases_of(accounts, METALS)
    industries = accounts.indexes["industry"]
    reconstruction = purchases[magnet_buyers(industries)]
    output = float(reconstruction.sum())
    if output <= 0:
        raise DataError(
            f"no industry of the reconstruction buys '{METALS}', so that there are no magnets to split off."
        )
    if users == "reconstruction":
        return reconstruction
    if users == "machinery-and-equipment":
        chosen = purchases[[x for x in industries if x[:3] in ("333", "334", "335", "336")]]
    else:
        chosen = purchases.drop(METALS)
    return chosen * (output / chosen.sum())


def magnet_share(accounts: xr.Dataset) -> float:
    """Output of magnets over domestic output of other fabricated metals."""
    return float(magnet_sales(accounts).sum() / commodity_output(accounts).sel(commodity=METALS))
