"""Figures of prices: elements with the policy episodes, sectors' baskets, and export quotas."""

from __future__ import annotations

import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, YearLocator
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from empirics.figure_style import (
    COLUMN_WIDTH,
    DARK,
    ELEMENT_COLOURS,
    GREY,
    PAGE_WIDTH,
    PLAIN,
    NamedFigure,
    drawn,
)
from empirics.prices import (
    annual_index,
    episodes,
    export_quotas,
    price_index,
    sector_index,
    spike_factors,
)
from empirics.report_table import short_title

#: Sectors whose baskets are drawn: batteries, magnets, vehicle parts, petroleum refining.
BASKETS = ("3691", "3499", "3714", "2911")
BASKET_COLOURS = ("#0072b2", "#009e73", "#d55e00", "#999999")


def price_figure(prices: pd.DataFrame) -> NamedFigure:
    """Price index of each element on a logarithmic scale, with the policy episodes; quotas below."""
    index, factors = price_index(prices), spike_factors(prices)

    def draw(figure: Figure) -> None:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        for element, colour in ELEMENT_COLOURS.items():
            rows = index[index.element == element].sort_values("day")
            top.plot(
                rows.day, rows["index"], "-o", color=colour, markersize=2.2, zorder=3,
                label=f"{element} (×{factors.factor[element]:.0f})",
            )  # fmt: skip
        top.set(yscale="log", ylabel="price, mean of 2009 = 1")
        _one_two_five(top)
        top.axhline(1, color=GREY, linewidth=0.5)
        top.grid(axis="y", zorder=0)
        top.legend(ncols=1, loc="upper right", title="highest price over mean of 2009", title_fontsize=6.5)
        _mark_episodes(top)
        _quotas(bottom)
        for row in episodes().itertuples():
            bottom.axvline(row.date, color=DARK, linewidth=0.5, linestyle=(0, (3, 2)), zorder=1)

    events = "; ".join(f"{row.code} {row.title}, {row.date:%B %Y}" for row in episodes().itertuples())
    note = (
        "Above: prices of oxides over their mean in 2009, each at the middle of the period that it is for (FOB China as published "
        "by Lynas, annual means and year-end prices of USGS); list prices are left out. Below: Chinese export quotas by half-year. "
        f"{events}."
    )
    figure = drawn(PAGE_WIDTH, 3.9, draw)
    return NamedFigure("prices", "Prices of rare earths and Chinese policy", note, figure)


def _one_two_five(axes: Axes) -> None:
    """Ticks of a logarithmic axis at 1, 2 and 5 times powers of ten."""
    axes.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(PLAIN)
    axes.yaxis.set_minor_formatter(NullFormatter())


def _mark_episodes(axes: Axes) -> None:
    for row in episodes().itertuples():
        axes.axvline(row.date, color=DARK, linewidth=0.5, linestyle=(0, (3, 2)), zorder=1)
        axes.annotate(
            row.code, (row.date, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 2), textcoords="offset points",
            ha="center", fontsize=6.5, color=DARK,
        )  # fmt: skip


def _quotas(axes: Axes) -> None:
    quotas = export_quotas()
    for column, month in (("first_half", 4), ("second_half", 10)):
        middle = pd.to_datetime(dict(year=quotas.year, month=month, day=1))
        axes.bar(middle, quotas[column] / 1000, width=160, color=GREY, zorder=2)
    axes.set_ylabel("export quota,\n1000 t a half-year")
    axes.xaxis.set_major_locator(YearLocator(2))
    axes.xaxis.set_major_formatter(DateFormatter("%Y"))
    axes.grid(axis="y", zorder=0)


def basket_figure(prices: pd.DataFrame, measurement: xr.Dataset) -> NamedFigure:
    """Annual price of the basket of elements that each of some sectors requires."""
    requirements = measurement["total_requirements"].sel(sector=list(BASKETS))
    baskets = sector_index(annual_index(prices), requirements).dropna()
    titles = measurement["sector_title"].to_series()

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for sector, colour in zip(BASKETS, BASKET_COLOURS, strict=True):
            axes.plot(
                baskets.index,
                baskets[sector],
                "-o",
                color=colour,
                markersize=2.5,
                label=f"{sector} {short_title(titles[sector])}",
            )
        axes.set(yscale="log", ylabel="price of the basket, 2009 = 1", ylim=(0.4, 40))
        _one_two_five(axes)
        axes.axhline(1, color=GREY, linewidth=0.5)
        axes.grid(axis="y")
        figure.legend(loc="outside upper left", ncols=1)

    note = (
        "Quantities are fixed: total requirements at annual mean prices of 2012. Years without an annual mean of every element (2010) are "
        f"joined by a line. {measurement.attrs['source']}; prices as in the figure of elements."
    )
    return NamedFigure(
        "price-baskets", "Prices of sectors' baskets of rare earths", note, drawn(COLUMN_WIDTH, 3.0, draw)
    )
