"""Print-quality figures of results: horizontal bars by region or by sector, one series for each variant.

Every figure fits one column of a journal page. Figures are made with matplotlib's object interface, so no
global state is touched; colours are told apart by readers with colour-vision deficiency and in grey.
"""

from __future__ import annotations

import functools
import io
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

from exacthat.display import RESOLUTION, by_variant, long_name, number, percent

COLUMN_WIDTH = 3.5
BAR_HEIGHT = 0.145
NAME_WIDTH = 24
MOST_BARS = 16
"""Rows up to which bars with their values fit on a page; more rows are drawn as marks."""

COLOURS = ("#c9c9c9", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9")

SCALES = ((1.0, "percent", 1e-3), (1e4, "parts per million", 1e-7), (1e7, "parts per billion", 0.0))
"""Units of changes: factor from percent, name, and the least largest change for which it is taken."""

HARDLY_ANY = 5e-5
MARK = "\N{DAGGER}"

HALO = withStroke(linewidth=1.5, foreground="white")
"""Keeps the lines of a grid off written values."""
MARKERS: dict[str, str] = dict(zip(COLOURS, "osD^vP", strict=True))

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "xtick.major.width": 0.5,
    "ytick.major.size": 0,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.4,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "exacthat",
    "savefig.dpi": 300,
}


@dataclass(frozen=True)
class Plot:
    """A figure with its file name, title and note."""

    name: str
    title: str
    note: str
    scenario: str
    figure: Figure

    @functools.cached_property
    def svg(self) -> str:
        """The figure as SVG source; the same figure gives the same text."""
        text = io.StringIO()
        with mpl.rc_context(STYLE):
            about = {"Title": self.title, "Description": self.note, "Date": None}
            self.figure.savefig(text, format="svg", metadata=about)
        return text.getvalue()

    def _repr_svg_(self) -> str:
        """Notebooks show the figure."""
        return self.svg

    def save(self, folder: Path) -> None:
        """Write the figure as SVG and PNG."""
        (folder / f"{self.name}.svg").write_text(self.svg, encoding="utf-8")
        with mpl.rc_context(STYLE):
            about = {"Title": self.title, "Description": self.note}
            self.figure.savefig(folder / f"{self.name}.png", metadata=about)


def draw(results: xr.Dataset) -> list[Plot]:
    """Draw the figures that the results allow, for every scenario.

    Parameters
    ----------
    results : xr.Dataset
        Outcome of `exacthat.run`; the rare-earth model gives three figures a scenario: innovation bias
        abroad by sector, real GDP and real consumption by region.
    """
    plots, needed = [], {"innovation_bias_abroad", "ree_exporter", "baseline_ree_share"}
    for scenario in results["scenario"].values:
        if needed <= set(results.variables) and _moves(
            results["innovation_bias_abroad"].sel(scenario=scenario)
        ):
            plots.append(_bias_plot(results, str(scenario)))
        for key in ("real_gdp", "real_consumption"):
            if key in results:
                plots.append(_regional_plot(results, key, str(scenario)))
    if results.attrs.get("data") != "synthetic":
        return plots
    made_up = results.attrs.get("data_synthetic") == "yes"
    what = "The data are synthetic." if made_up else "The parameters are estimated on synthetic data."
    return [_marked_synthetic(p, what) for p in plots]


def _marked_synthetic(plot: Plot, what: str) -> Plot:
    """Say on a figure that its data, or the estimates of its parameters, are synthetic."""
    plot.figure.text(0.99, 0.99, "synthetic data", ha="right", va="top", fontsize=5, color="#333333")
    return replace(plot, note=f"{plot.note} {what}")


def _colours(values: xr.DataArray) -> dict[str, str]:
    """Return the colour of each variant; a model without variants has the strongest one."""
    variants = [str(v) for v in values["variant"].values]
    return {v: COLOURS[(i if len(variants) > 1 else 1) % len(COLOURS)] for i, v in enumerate(variants)}


def _setting(results: xr.Dataset, scenario: str) -> str:
    return str(results["setting_in_words"].sel(scenario=scenario).item())


def _exporter(results: xr.Dataset, scenario: str) -> str:
    """Name of the region whose exports of rare earths the policy is about."""
    label = str(results["ree_exporter"].sel(scenario=scenario).item())
    return "China" if label == "CHN" else label


def _hardly_any(results: xr.Dataset, sectors: list[str]) -> list[str]:
    """Sectors of those given whose rare-earth share is zero to the digits in which shares are published."""
    share = results["baseline_ree_share"].max("region").sel(sector=sectors)
    return [str(s) for s in share["sector"].values[(share < HARDLY_ANY).values]]


def file_name(*parts: str) -> str:
    """Join words to a file name without blanks."""
    return "-".join(re.sub(r"[^\w.+]+", "-", part.replace("_", "-")).strip("-") for part in parts)


def _moves(change: xr.DataArray) -> bool:
    """Return True unless every change in percent is below what a solution can resolve."""
    return bool((abs(change) > RESOLUTION).any())


def _bias_plot(results: xr.Dataset, scenario: str) -> Plot:
    """Change in the innovation bias outside the policy region, by sector, largest first."""
    values = by_variant(percent(results["innovation_bias_abroad"].sel(scenario=scenario)), results)
    moving = abs(values) > RESOLUTION
    fixed = [str(v) for v in values["variant"].values[~moving.any("sector").values]]
    idle = [str(s) for s in values["sector"].values[~moving.any("variant").values]]
    shown = values.isel(variant=moving.any("sector").values, sector=moving.any("variant").values)
    shown = shown.isel(sector=np.argsort(-shown.max("variant").values, kind="stable"))
    marked = _hardly_any(results, [str(x) for x in shown["sector"].values])
    exporter = _exporter(results, scenario)
    note = (
        f"Relative change in A_R/A_L, rare-earth over labour technology, outside {exporter}, in percent of the baseline "
        f"economy. Response to: {_setting(results, scenario)}. Regions are weighted by nominal GDP in the baseline "
        "economy."
    )
    note += _about_band(results)
    if fixed:
        note += f" Not shown because nothing changes: {', '.join(fixed)} technology."
    if idle:
        note += f" Sectors without a change are not shown: {', '.join(idle)}."
    if marked:
        note += (
            f" {MARK} and hollow bars: the sector's rare-earth share is zero to four digits, so that its bias has no "
            "effect on anything else."
        )
    band = _band(results, "innovation_bias_abroad", scenario, shown)
    figure = _chart(shown, "$A_R/A_L$", "sector", _colours(values), band, marked)
    title = f"Change in the innovation bias outside {exporter}: {scenario}"
    return Plot(file_name("innovation-bias", scenario), title, note, scenario, figure)


def _regional_plot(results: xr.Dataset, key: str, scenario: str) -> Plot:
    """Change in one outcome by region."""
    array = results[key]
    values = by_variant(percent(array.sel(scenario=scenario)), results)
    name = long_name(array)
    note = f"Relative change in {name}, in percent of the baseline economy. Response to: {_setting(results, scenario)}."
    note += _about_band(results)
    colours = _colours(values)
    title = f"Effect on {name}: {scenario}"
    figure = _chart(values, name, "region", colours, _band(results, key, scenario, values))
    return Plot(file_name(key, scenario), title, note, scenario, figure)


def _band(results: xr.Dataset, key: str, scenario: str, drawn: xr.DataArray) -> list[np.ndarray] | None:
    """Return the ends of the band of what is drawn, in percent, each over (variant, its dim); None without bands."""
    ends = [results.get(f"{key}_{end}") for end in ("lower", "upper")]
    if ends[0] is None or ends[1] is None:
        return None
    shown = [by_variant(percent(end.sel(scenario=scenario)), results) for end in ends if end is not None]
    return [end.sel({d: drawn[d] for d in drawn.dims}).transpose("variant", ...).values for end in shown]


def _about_band(results: xr.Dataset) -> str:
    """Sentence on the lines of bands, if there are any."""
    level = results.attrs.get("band_level")
    return (
        ""
        if level is None
        else f" Lines are {level:.0%} bands by the delta method, from the estimated parameters."
    )


def scale_of(largest: float) -> tuple[float, str]:
    """Factor and name of the unit in which changes up to `largest` percent read well."""
    return next(((f, name) for f, name, least in SCALES if largest >= least or largest == 0), SCALES[-1][:2])


def _chart(
    values: xr.DataArray,
    name: str,
    dim: str,
    colours: dict[str, str],
    band: list[np.ndarray] | None = None,
    marked: Sequence[str] = (),
) -> Figure:
    """Draw changes: a row for each label of `dim`, a bar or a mark for each variant, a line for its band."""
    variants, labels = [str(v) for v in values["variant"].values], [str(x) for x in values[dim].values]
    data = np.where(abs(values) > RESOLUTION, values.transpose("variant", dim).values, 0.0)
    factor, unit = scale_of(float(abs(data).max(initial=0.0)))
    data = data * factor
    ends = [data, data] if band is None else [end * factor for end in band]
    wide = len(labels) <= MOST_BARS
    row = len(variants) + 0.9 if wide else 1.0
    centre = np.arange(len(labels)) * row
    with mpl.rc_context(STYLE):
        figure = Figure(
            figsize=(COLUMN_WIDTH, 0.75 + BAR_HEIGHT * row * max(1, len(labels))), layout="constrained"
        )
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        for k, variant in enumerate(variants):
            place = centre + (k - (len(variants) - 1) / 2 if wide else 0)
            if not wide:
                _marks(axes, place, data[k], colours[variant], variant)
            else:
                _bars(axes, place, data[k], colours[variant], variant, [x in marked for x in labels])
                _write_values(axes, place, data[k], ends[0][k], ends[1][k])
            if band is not None:
                axes.hlines(place, ends[0][k], ends[1][k], color="#333333", linewidth=0.6, zorder=5)
        written = [f"{label} {MARK}" if label in marked else label for label in labels]
        axes.set_yticks(centre, [textwrap.fill(words, NAME_WIDTH) for words in written])
        axes.set_ylim(row * (len(labels) - 0.4), -0.6 * row)
        axes.axvline(0, color="#333333", linewidth=0.6, zorder=3)
        axes.grid(axis="x" if wide else "both", zorder=0)
        axes.set_xlim(*_limits(np.concatenate([data, *ends])))
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}".replace("-", "\N{MINUS SIGN}")))
        axes.set_xlabel(f"change of {name} from the baseline, {unit}", wrap=True)
        if len(variants) > 1:
            _legend(figure, len(variants))
        # Laying out again at every save would move everything by rounding, so that files would differ.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    return figure


def _legend(figure: Figure, entries: int) -> None:
    """Name the variants above the axes, in as many columns as the figure is wide enough for."""
    for columns in range(entries, 0, -1):
        legend = figure.legend(loc="outside upper center", ncols=columns, handlelength=1, columnspacing=1.2)
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def _bars(
    axes: Axes, place: np.ndarray, data: np.ndarray, colour: str, variant: str, hollow: Sequence[bool]
) -> None:
    """Draw the bars of one variant."""
    bars = axes.barh(place, data, height=0.92, color=colour, label=variant, zorder=2)
    for bar, empty in zip(bars, hollow, strict=True):
        if empty:
            bar.set(facecolor="white", edgecolor=colour, linewidth=0.6, height=0.8)


def _write_values(axes: Axes, place: np.ndarray, data: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    """Write each value beyond its bar and its band."""
    for y, x, left, right in zip(place, data, low, high, strict=True):
        end = max(x, right) if x >= 0 else min(x, left)
        axes.annotate(
            number(float(x)), (end, y), xytext=(2.5 if x >= 0 else -2.5, 0), textcoords="offset points",
            ha="left" if x >= 0 else "right", va="center_baseline", fontsize=5.5, color="#333333", path_effects=[HALO],
        )  # fmt: skip


def _marks(axes: Axes, place: np.ndarray, data: np.ndarray, colour: str, variant: str) -> None:
    """Draw one mark for each label, where bars would not fit on a page."""
    marker = MARKERS[colour]
    axes.plot(data, place, marker, color=colour, markeredgecolor="#333333", markeredgewidth=0.3,
              markersize=4, label=variant, zorder=4)  # fmt: skip


def _limits(data: np.ndarray) -> tuple[float, float]:
    """Return the ends of the axis: zero and every bar, with room for the value beside a bar."""
    low, high = min(0.0, float(data.min(initial=0.0))), max(0.0, float(data.max(initial=0.0)))
    span = (high - low) or 1.0
    return low - span * (0.28 if low < 0 else 0.02), high + span * (0.28 if high > 0 else 0.02)
