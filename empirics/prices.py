"""Prices of rare earths, Chinese policy episodes and export quotas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from empirics.shipped import shipped_table
from framework.errors import DataError, did_you_mean

COLUMNS = ("element", "first_day", "last_day", "usd_per_kg")

#: Series of list prices in the United States, which stayed high and flat before 2011 and say nothing of the spike: no index
#: takes them.
LIST_PRICES = "usgs-list"

#: The year before the first episode, and the window in which a spike is looked for.
BASE = ("2009-01-01", "2009-12-31")
SPIKE_WINDOW = ("2010-07-01", "2012-12-31")


def read_prices(path: str | Path | None = None) -> pd.DataFrame:
    """Read prices of elements, each for a day or a period.

    Parameters
    ----------
    path : str or Path, optional
        CSV file with the columns ``element``, ``first_day``, ``last_day`` (ISO dates; one column ``date`` stands for both)
        and ``usd_per_kg``, and if wanted ``series`` and ``source``. By default the shipped public prices.

    Returns
    -------
    pd.DataFrame
        These columns in order of element and day, dates as timestamps, and ``day``, the middle of the period.

    Raises
    ------
    DataError
        If a column is missing, a date or price cannot be read, a price is not positive, or a row is repeated.
    """
    if path is None:
        table = shipped_table("ree_prices.csv")
    else:
        try:
            table = pd.read_csv(path, comment="#")
        except (OSError, ValueError) as error:
            raise DataError(f"'{path}' cannot be read as CSV ({error}).") from error
    place = "the shipped prices" if path is None else f"'{path}'"
    if "date" in table:
        table = table.assign(first_day=table["date"], last_day=table["date"]).drop(columns="date")
    table = table.assign(**{c: table.get(c, "given") for c in ("series", "source")})
    for column in COLUMNS:
        if column not in table:
            known = map(str, table.columns)
            raise DataError(f"{place} has no column '{column}'.{did_you_mean(column, known, COLUMNS)}")
    for column in ("first_day", "last_day"):
        days = pd.to_datetime(table[column], errors="coerce", format="ISO8601")
        _refuse(days.isna(), table, column, place, "is not an ISO date such as 2010-07-26")
        table[column] = days
    _refuse(table.last_day < table.first_day, table, "last_day", place, "is before first_day")
    price = pd.to_numeric(table.usd_per_kg, errors="coerce")
    _refuse(~(np.isfinite(price) & (price > 0)), table, "usd_per_kg", place, "is not a positive price")
    table["usd_per_kg"] = price.astype(float)
    repeated = table.duplicated(["element", "series", "first_day", "last_day"])
    _refuse(repeated, table, "first_day", place, "is there twice for the same element, series and last day")
    table["day"] = table.first_day + (table.last_day - table.first_day) / 2
    return table.sort_values(["element", "day"], ignore_index=True)


def _refuse(wrong: pd.Series, table: pd.DataFrame, column: str, place: str, fault: str) -> None:
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise DataError(
            f"{place}, row {row + 1} (element '{table.element[row]}'): {column} '{table[column][row]}' {fault}; correct it."
        )


def episodes() -> pd.DataFrame:
    """Policy episodes A to D and the end of quotas: columns ``code``, ``date`` (timestamp) and ``title``."""
    return shipped_table("ree_episodes.csv").assign(date=lambda t: pd.to_datetime(t["date"]))


def export_quotas() -> pd.DataFrame:
    """Chinese export quotas by half-year, tonnes: columns year, first_half, second_half, total, source."""
    return shipped_table("ree_export_quotas.csv")


def spot_prices(prices: pd.DataFrame) -> pd.DataFrame:
    """Return the prices without list prices."""
    return prices[prices.series != LIST_PRICES]


def base_price(prices: pd.DataFrame, base: tuple[str, str] = BASE) -> pd.Series:
    """Mean price by element over a base period, USD per kg.

    A price that is for exactly the base period is taken; else the mean of the prices that are for days within it.

    Raises
    ------
    DataError
        If an element has no price in the base period.
    """
    first, last = pd.Timestamp(base[0]), pd.Timestamp(base[1])
    spot = spot_prices(prices)
    exact = spot[(spot.first_day == first) & (spot.last_day == last)]
    within = spot[(spot.first_day >= first) & (spot.last_day <= last)]
    mean = exact.groupby("element").usd_per_kg.mean()
    mean = mean.combine_first(within.groupby("element").usd_per_kg.mean())
    lacking = sorted(set(prices.element) - set(mean.index))
    if lacking:
        raise DataError(
            f"element '{lacking[0]}' has no price between {base[0]} and {base[1]}; choose another base period."
        )
    return mean


def price_index(prices: pd.DataFrame, base: tuple[str, str] = BASE) -> pd.DataFrame:
    """Prices over their mean in a base period.

    Parameters
    ----------
    prices : pd.DataFrame
        See `read_prices`; list prices are left out.
    base : tuple of str
        First and last day.

    Returns
    -------
    pd.DataFrame
        The rows of `prices` that are spot prices, with the column ``index`` (1 in the base period).
    """
    spot = spot_prices(prices)
    return spot.assign(index=spot.usd_per_kg / spot.element.map(base_price(prices, base)))


def spike_factors(
    prices: pd.DataFrame, base: tuple[str, str] = BASE, window: tuple[str, str] = SPIKE_WINDOW
) -> pd.DataFrame:
    """Highest price in a window over the mean of a base period, by element.

    Returns
    -------
    pd.DataFrame
        Index ``element``, columns ``factor``, ``day`` and ``series`` of the highest price. A series that has no price near the
        peak understates the factor.

    Raises
    ------
    DataError
        If an element has no price in the window.
    """
    index = price_index(prices, base)
    chosen = index[(index.day >= pd.Timestamp(window[0])) & (index.day <= pd.Timestamp(window[1]))]
    lacking = sorted(set(prices.element) - set(chosen.element))
    if lacking:
        raise DataError(f"element '{lacking[0]}' has no price between {window[0]} and {window[1]}.")
    peak = chosen.loc[chosen.groupby("element")["index"].idxmax()].set_index("element")
    return peak.rename(columns={"index": "factor"})[["factor", "day", "series"]]


def annual_index(prices: pd.DataFrame, base_year: int = 2009) -> pd.DataFrame:
    """Annual mean prices over those of a base year: index year, one column an element.

    Only prices that are for a whole calendar year count, spot prices only; a year without one stays empty.
    """
    spot = spot_prices(prices)
    whole = spot[
        spot.first_day.dt.is_year_start
        & spot.last_day.dt.is_year_end
        & (spot.first_day.dt.year == spot.last_day.dt.year)
    ]
    table = whole.assign(year=whole.first_day.dt.year).pivot_table(
        index="year", columns="element", values="usd_per_kg"
    )
    if base_year not in table.index or table.loc[base_year].isna().any():
        raise DataError(f"the base year {base_year} has no annual price of every element; choose another.")
    return table / table.loc[base_year]


def sector_index(annual: pd.DataFrame, requirements: xr.DataArray, price_year: int = 2012) -> pd.DataFrame:
    """Price of each sector's basket of elements, with fixed quantities (Laspeyres).

    Parameters
    ----------
    annual : pd.DataFrame
        See `annual_index`.
    requirements : xr.DataArray
        $ per $ at the prices of `price_year`, dims (sector, element); quantities are these over the price of that year.
    price_year : int
        A year with a price of every element.

    Returns
    -------
    pd.DataFrame
        Index year, one column a sector, 1 in the base year of `annual`; empty where an element that the sector requires has no
        price.

    Raises
    ------
    DataError
        If an element has no price in `price_year`, or a sector requires no element.
    """
    elements = [str(x) for x in requirements["element"].values]
    for element in elements:
        if (
            element not in annual
            or price_year not in annual.index
            or np.isnan(annual.at[price_year, element])
        ):
            raise DataError(
                f"element '{element}' has no annual price in {price_year}; choose another price_year."
            )
    quantity = requirements.transpose("sector", "element").to_pandas() / annual.loc[price_year, elements]
    basket = quantity.sum(axis=1)
    if (basket <= 0).any():
        raise DataError(f"sector '{basket.index[(basket <= 0).argmax()]}' requires no element; leave it out.")
    shares = quantity.div(basket, axis=0)
    # An element that a sector does not require may lack a price; any other gap leaves the year empty.
    gap = annual[elements].isna().astype(float) @ (shares > 0).astype(float).T > 0
    return (annual[elements].fillna(0.0) @ shares.T).mask(gap)
