"""Figures of the measurement: requirements by sector and element, and ours against the slides."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from empirics.figure_style import (
    DARK,
    ELEMENT_COLOURS,
    GREY,
    PAGE_WIDTH,
    PLAIN,
    NamedFigure,
    drawn,
)
from empirics.measurement.tables import (
    SHOWN,
    TOTAL,
    agreement,
    per_mille,
    slides_frame,
    variant_requirements,
)
from empirics.measurement.variants import HEADLINE
from empirics.report_table import short_title

AXIS = r"$10^{-3}$ USD per USD of final demand"
TITLE_WIDTH = 38
SMALLEST = 1e-3

#: Variants that are shown beside the slides, with marker and colour.
MARKERS = {
    HEADLINE: ("o", "#0072b2", "calibrated, reconstructed magnet users"),
    "calibrated, magnets to machinery and equipment": (
        "s",
        "#e69f00",
        "magnets to all machinery and equipment",
    ),
    "calibrated, magnets to all buyers": ("v", "#cc79a7", "magnets to all buyers of fabricated metals"),
    "public": ("^", "#009e73", "public quantities and prices, reconstructed users"),
}


def figures(measurement: xr.Dataset) -> list[NamedFigure]:
    """Draw all figures of a measurement."""
    return [stacked_bars(measurement), heat_map(measurement), beside_slides(measurement)]


def _leading(measurement: xr.Dataset, count: int) -> tuple[pd.DataFrame, list[str]]:
    """Return the sectors with the highest totals, largest first, and their names."""
    table = per_mille(measurement["total_requirements"]).nlargest(count, TOTAL)
    titles = measurement["sector_title"].to_series()
    names = [f"{sic} {short_title(titles[sic], TITLE_WIDTH)}" for sic in table.index]
    return table, names


def stacked_bars(measurement: xr.Dataset, count: int = 20) -> NamedFigure:
    """Total requirements by element, sectors with the highest first; the second panel magnifies all but the first two."""
    table, names = _leading(measurement, count)

    def panel(axes: Axes, limit: float) -> None:
        left = np.zeros(len(table))
        for element in SHOWN:
            values = table[element].to_numpy()
            axes.barh(
                range(len(table)),
                values,
                left=left,
                height=0.72,
                color=ELEMENT_COLOURS[element],
                label=element,
                zorder=2,
            )
            left += values
        for y, total in enumerate(left):
            inside = total <= limit
            axes.annotate(
                f"{total:.2f}", (min(total, limit), y), xytext=(2 if inside else -2, 0), textcoords="offset points",
                ha="left" if inside else "right", va="center_baseline", fontsize=5.5, color=DARK if inside else "white",
            )  # fmt: skip
        axes.set(xlim=(0, limit), ylim=(len(table) - 0.4, -0.6))
        axes.grid(axis="x", zorder=0)
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], prune="upper"))
        axes.xaxis.set_major_formatter(PLAIN)
        axes.tick_params(axis="y", length=0)

    def draw(figure: Figure) -> None:
        whole, detail = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.4))
        panel(whole, 1.15 * float(table[TOTAL].max()))
        panel(detail, 1.25 * float(table[TOTAL].iloc[2]))
        whole.set_yticks(range(len(table)), names)
        whole.set_title("whole scale")
        detail.set_title("magnified (the first two bars are cut)")
        figure.supxlabel(AXIS, fontsize=7)
        figure.legend(
            *detail.get_legend_handles_labels(), loc="outside upper center", ncols=len(SHOWN), handlelength=1
        )

    note = f"{_source(measurement)} The {count} SIC 1987 manufacturing sectors with the highest totals."
    figure = drawn(PAGE_WIDTH, 0.9 + 0.165 * count, draw)
    return NamedFigure(
        "total-requirements", "Total requirements of rare earths by sector and element", note, figure
    )


def heat_map(measurement: xr.Dataset, count: int = 30) -> NamedFigure:
    """Total requirements by sector and element in colours on a logarithmic scale, with the values."""
    table, names = _leading(measurement, count)
    values = table[list(SHOWN)].to_numpy()

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        scale = LogNorm(SMALLEST, 10.0)
        image = axes.imshow(np.maximum(values, SMALLEST), cmap="Blues", norm=scale, aspect="auto")
        for (y, x), value in np.ndenumerate(values):
            axes.text(
                x, y, f"{value:.2f}" if value >= 0.005 else "·", ha="center", va="center_baseline", fontsize=5.5,
                color="white" if scale(max(value, SMALLEST)) > 0.6 else DARK,
            )  # fmt: skip
        axes.set_xticks(range(len(SHOWN)), list(SHOWN))
        axes.set_yticks(range(len(table)), names)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(image, location="bottom", aspect=40, pad=0.01, extend="min")
        bar.set_label(AXIS)
        bar.outline.set_visible(False)
        bar.ax.xaxis.set_major_formatter(PLAIN)

    note = (
        f"{_source(measurement)} The {count} sectors with the highest totals; a dot is a value below 0.005."
    )
    figure = drawn(4.6, 0.8 + 0.15 * count, draw)
    return NamedFigure(
        "requirements-heat-map", "Total requirements of rare earths, sector by element", note, figure
    )


def beside_slides(measurement: xr.Dataset) -> NamedFigure:
    """Left: totals of the slides' eight sectors in several variants; right: the forty cells against the slides'."""
    slides = slides_frame(measurement)

    def draw(figure: Figure) -> None:
        rows, cells = figure.subplots(1, 2, width_ratios=(1.25, 1))
        _rows(rows, measurement, slides)
        _cells(cells, measurement, slides)
        figure.legend(
            *rows.get_legend_handles_labels(),
            loc="outside lower left",
            ncols=2,
            handletextpad=0.3,
            columnspacing=1.2,
        )

    within = agreement(measurement)
    note = (
        f"{_source(measurement)} Left: sum over elements for the eight sectors of the slides' table. Right: each sector and element, "
        f"variant '{HEADLINE}'; filled marks agree by calibration (as do the first two rows on the left), values below {SMALLEST:g} are drawn at it. "
        f"{int(within.to_numpy().sum())} of {within.size} cells differ by at most 0.01 at two decimals."
    )
    figure = drawn(PAGE_WIDTH, 3.3, draw)
    return NamedFigure(
        "beside-the-slides", "Total requirements: the slides' table and this one", note, figure
    )


def _rows(axes: Axes, measurement: xr.Dataset, slides: pd.DataFrame) -> None:
    places = np.arange(len(slides))
    for variant, (marker, colour, label) in MARKERS.items():
        totals = variant_requirements(measurement, variant)[TOTAL][slides.index]
        axes.plot(totals, places, marker, color=colour, markersize=4, label=label, zorder=3, alpha=0.9)
    axes.plot(
        slides[TOTAL],
        places,
        "D",
        color="none",
        markeredgecolor=DARK,
        markersize=6.5,
        label="slides",
        zorder=4,
    )
    titles = measurement["slides_title"].values
    names = [f"{sic} {short_title(str(t), TITLE_WIDTH)}" for sic, t in zip(slides.index, titles, strict=True)]
    axes.set_yticks(places, names)
    axes.set(xscale="log", xlim=(0.015, 15), ylim=(len(slides) - 0.5, -0.5), xlabel=AXIS)
    axes.tick_params(axis="y", length=0)
    axes.grid(zorder=0)
    _plain_decades(axes.xaxis)


def _cells(axes: Axes, measurement: xr.Dataset, slides: pd.DataFrame) -> None:
    ours = variant_requirements(measurement, HEADLINE).loc[slides.index]
    calibrated = measurement["calibrated_cells"].to_pandas().loc[slides.index]
    low, high = 0.7 * SMALLEST, 15.0
    axes.plot([low, high], [low, high], color=GREY, linewidth=0.6, zorder=1)
    for element, colour in ELEMENT_COLOURS.items():
        for met in (False, True):
            chosen = calibrated[element].to_numpy() == met
            x, y = (t[element].to_numpy()[chosen].clip(min=SMALLEST) for t in (slides, ours))
            face = colour if met else "none"
            axes.scatter(
                x,
                y,
                20,
                facecolor=face,
                edgecolor=colour,
                linewidth=0.9,
                label=element if met else None,
                zorder=3,
            )
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), xlabel="slides", ylabel="here")
    axes.set_aspect("equal")
    axes.grid(zorder=0)
    axes.legend(loc="upper left", handletextpad=0.1, borderaxespad=0.2)
    for axis in (axes.xaxis, axes.yaxis):
        _plain_decades(axis)


def _plain_decades(axis) -> None:
    """Ticks at powers of ten, written as plain numbers."""
    axis.set_major_locator(LogLocator(10))
    axis.set_major_formatter(PLAIN)
    axis.set_minor_formatter(NullFormatter())


def _source(measurement: xr.Dataset) -> str:
    return f"Data: {measurement.attrs['data']}; {measurement.attrs['source']}, extended by rare earths."
