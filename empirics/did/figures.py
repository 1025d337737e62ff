"""Event-study figures: effects by year with pointwise intervals and a simultaneous band, and the pre-trend test."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from empirics.figure_style import COLUMN_WIDTH, DARK, GREY, PAGE_WIDTH, NamedFigure, drawn

COLOUR = "#0072b2"
PANEL_HEIGHT = 1.75
MOST_ACROSS = 3


def event_study_figure(study: xr.Dataset) -> NamedFigure:
    """Draw an event study: one panel for each column of the table.

    Parameters
    ----------
    study : xr.Dataset
        From `event_study.estimate_event_study`.
    """
    about = study.attrs
    columns = [str(c) for c in study["column"].values]
    across = min(len(columns), MOST_ACROSS)
    down = math.ceil(len(columns) / across)
    synthetic = "synthetic" in str(about["data"]).lower()
    width = COLUMN_WIDTH if across == 1 else PAGE_WIDTH

    def draw(figure: Figure) -> None:
        grid = figure.subplots(down, across, sharex=True, squeeze=False)
        for k, axes in enumerate(grid.ravel()):
            if k >= len(columns):
                axes.set_axis_off()
                continue
            _panel(axes, study.isel(column=k), columns[k] if len(columns) > 1 else "")
            if k + across >= len(columns):
                axes.tick_params(labelbottom=True)
        if synthetic:
            figure.supxlabel("synthetic data", fontsize=6, color=GREY, x=0.99, ha="right")
        figure.supylabel(f"effect relative to {about['reference']}", fontsize=7)

    title = f"{about['title']}: event study" + (" (synthetic data)" if synthetic else "")
    note = (
        f"{about['outcome_label']}: effect of the sensitivity in each year relative to {about['reference']}, "
        f"{about['estimator']}. Treatment: {about['treatment']}. Bars: pointwise 95% intervals, clustered by {about['cluster_label'].rstrip('.')}; "
        "shaded: simultaneous 95% band over all years. p: joint test of the years before the shock; withheld where "
        "fewer than 10 clusters are effective."
    )
    if about["data"]:
        note += f" Data: {about['data']}."
    figure = drawn(width, 0.35 + PANEL_HEIGHT * down, draw)
    return NamedFigure(f"{about['design']}-event-study", title, note, figure)


def _panel(axes: Axes, one: xr.Dataset, title: str) -> None:
    """Draw one column."""
    one = one.isel(year=one["estimated"].values)
    year, effect = one["year"].values, one["effect"].values
    axes.axhline(0, color=DARK, linewidth=0.6, zorder=1)
    axes.axvline(one.attrs["post"] - 0.5, color=GREY, linewidth=0.7, linestyle=(0, (4, 2)), zorder=1)
    band = one["band"].values
    axes.fill_between(year, band[:, 0], band[:, 1], color=COLOUR, alpha=0.15, linewidth=0, zorder=2)
    bounds = one["interval"].values
    axes.vlines(year, bounds[:, 0], bounds[:, 1], color=COLOUR, linewidth=0.8, zorder=3)
    axes.plot(year, effect, color=COLOUR, linewidth=0.6, zorder=3)
    reference = year == one.attrs["reference"]
    axes.plot(year[~reference], effect[~reference], "o", color=COLOUR, markersize=2.6, zorder=4)
    axes.plot(
        year[reference],
        effect[reference],
        "o",
        color=COLOUR,
        markerfacecolor="white",
        markersize=3.4,
        zorder=5,
    )
    axes.grid(axis="y", zorder=0)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    p = float(one["pretrend_p_value"])
    test = f"pre-trend p = {p:.2f}" if not np.isnan(p) else f"pre-trend: {one['pretrend_verdict'].item()}"
    axes.set_title(f"{title}, {test}" if title else test)
