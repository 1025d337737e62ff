"""Tables of prices: spike factors, and the price of each sector's basket of elements."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from empirics.prices import BASE, SPIKE_WINDOW, annual_index, base_price, sector_index, spike_factors
from empirics.report_table import Table


def spike_table(prices: pd.DataFrame) -> Table:
    """Highest price of each element over its mean before the first episode."""
    spikes = spike_factors(prices).rename(columns={"day": "highest_on"})
    frame = spikes.assign(mean_2009=base_price(prices), highest_on=spikes.highest_on.dt.strftime("%Y-%m-%d"))
    frame["highest"] = frame.mean_2009 * frame.factor
    note = (
        f"USD per kg of oxide: mean from {BASE[0]} to {BASE[1]}, and highest price from {SPIKE_WINDOW[0]} to {SPIKE_WINDOW[1]}, with the "
        "series and the middle of the period that it is for; a series without a quotation near the peak understates the factor. "
        "The slides report factors of 10 to 45."
    )
    columns = ["mean_2009", "highest", "factor", "highest_on", "series"]
    return Table(
        "price-spikes", "Price spikes of rare earths, 2010 to 2012", note, frame[columns], decimals=1
    )


def basket_table(prices: pd.DataFrame, requirements: xr.DataArray) -> Table:
    """Annual price of every sector's basket, 1 in 2009.

    Parameters
    ----------
    prices : pd.DataFrame
        See `empirics.prices.read_prices`.
    requirements : xr.DataArray
        $ per $, dims (sector, element).
    """
    index = sector_index(annual_index(prices), requirements).dropna(how="all")
    frame = index.T.rename_axis(index="SIC", columns=None)
    frame.columns = [str(year) for year in frame.columns]
    note = (
        "Quantities are fixed: total requirements at annual mean prices of 2012. An empty year lacks the price of an element of the "
        "basket."
    )
    return Table(
        "price-baskets", "Price of each sector's basket of rare earths, mean of 2009 = 1", note, frame
    )
