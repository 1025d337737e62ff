"""How the figures of this package look: one column of a journal page or two, colours that are told apart by all readers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

COLUMN_WIDTH, PAGE_WIDTH = 3.5, 7.2

#: Okabe and Ito's colours, by element; in grey they differ in lightness.
ELEMENT_COLOURS = {"Ce": "#e69f00", "La": "#0072b2", "Nd": "#009e73", "Pr": "#56b4e9", "Dy": "#cc79a7"}
GREY, DARK = "#999999", "#333333"

#: Numbers on an axis as plain as they can be.
PLAIN = FuncFormatter(lambda x, _: f"{x:g}")

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 7,
    "axes.titlelocation": "left",
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.4,
    "lines.linewidth": 1.0,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "exacthat",
    "savefig.dpi": 300,
}


@dataclass(frozen=True)
class NamedFigure:
    """A figure with its file name, title and note.

    Attributes
    ----------
    name : str
        File name without suffix.
    title, note : str
        For captions; the note says what the data are.
    figure : Figure
    """

    name: str
    title: str
    note: str
    figure: Figure


def drawn(width: float, height: float, draw: Callable[[Figure], None]) -> Figure:
    """Return a figure of this size in inches, drawn in the house style and laid out once."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure)
        # Laying out again at every save would move everything by rounding, so that files would differ.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    return figure
