"""The two "first look" figures: sentences of earnings calls by topic, and patents by technology, year by year."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from empirics.figure_style import COLUMN_WIDTH, STYLE, drawn
from framework.errors import DataError

POLICY_YEAR = 2010
"""Year of the cut of China's export quota."""

# Okabe and Ito's colours with different dashes: told apart in grey and by readers with colour-vision deficiency.
_LINES = (
    ("#0072b2", "-"), ("#e69f00", "--"), ("#009e73", "-."), ("#cc79a7", ":"), ("#56b4e9", (0, (5, 1))), ("#000000", (0, (1, 1))),
)  # fmt: skip


def plot_patents(counts: xr.Dataset) -> Figure:
    """Draw the number of patents by technology and year, all regions together.

    Parameters
    ----------
    counts : xr.Dataset
        Result of `aggregate_patents`; technology ``other`` is not drawn, as in the slides.
    """
    values = counts["patents_by_technology"].sum("region")
    return _lines(values, "technology", "other", f"patents, by year of {counts.attrs['date']}", counts.attrs)


def plot_sentences(counts: xr.Dataset) -> Figure:
    """Draw the number of sentences by topic and year.

    Parameters
    ----------
    counts : xr.Dataset
        Result of `count_sentences`; topic ``none`` is not drawn.
    """
    return _lines(counts["sentences"], "topic", "none", "sentences in earnings calls", counts.attrs)


def save(figure: Figure, folder: Path, name: str) -> None:
    """Write a figure as PNG and SVG; the same figure gives the same files."""
    with mpl.rc_context(STYLE):
        figure.savefig(folder / f"{name}.png")
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


def _lines(values: xr.DataArray, dim: str, otherwise: str, label: str, attrs: dict[Any, Any]) -> Figure:
    """One line a label of `dim`; synthetic data say so in the figure."""
    labels = [str(name) for name in values[dim].values if name != otherwise]
    if len(labels) > len(_LINES):
        raise DataError(
            f"'{dim}' has {len(labels)} labels; a figure shows at most {len(_LINES)}: select some first."
        )
    years = values["year"].values

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for name, (colour, dashes) in zip(labels, _LINES, strict=False):
            axes.plot(
                years, values.sel({dim: name}), color=colour, linestyle=dashes, linewidth=1.2, label=name
            )
        if years[0] <= POLICY_YEAR <= years[-1]:
            axes.axvline(POLICY_YEAR, color="#777777", linewidth=0.6, zorder=0)
            axes.annotate("quota cut", (POLICY_YEAR, 1), (2, -2), xycoords=("data", "axes fraction"), textcoords="offset points",
                          va="top", fontsize=5.5, color="#555555")  # fmt: skip
        axes.margins(x=0.01, y=0.12)
        axes.set_ylim(bottom=0)
        axes.grid(axis="y", zorder=0)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=not np.any(values.values % 1)))
        axes.set_ylabel(label)
        if attrs.get("data") == "synthetic":
            axes.set_title("synthetic data", color="#b00000")
        figure.legend(
            loc="outside lower center",
            ncols=4 if len(labels) == 4 else 3,
            handlelength=2.6,
            columnspacing=1.2,
        )

    return drawn(COLUMN_WIDTH, 2.5, draw)
