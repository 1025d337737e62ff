"""The bars as one Markdown table, and growth in the size of the economy as one figure."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.bars import Bar, Growth
from framework.errors import CompilerError
from framework.solve.provenance import versions

_UNITS = {"x": "×", "s": " s", "µs": " µs", "": ""}
_COLOURS, _MARKERS = ("#0072b2", "#e69f00"), ("o", "s")


def markdown(groups: Mapping[str, Sequence[Bar]]) -> str:
    """Return one table, a section for each group of bars.

    Parameters
    ----------
    groups : mapping of str to sequence of Bar
        Title of a section -> its rows.
    """
    lines = ["| what | measured | bar | verdict | how |", "|---|--:|--:|---|---|"]
    for title, rows in groups.items():
        lines.append(f"| **{title}** | | | | |")
        for row in rows:
            cells = (row.what, measured(row), bar(row), _emphasis(row.verdict), row.note)
            lines.append("| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in cells) + " |")
    return "\n".join(lines) + "\n"


def measured(row: Bar) -> str:
    """What was measured, with its unit."""
    return "–" if row.measured is None else _number(row.measured, row.unit)


def bar(row: Bar) -> str:
    """The bar, as a user would say it."""
    if row.bound is None:
        return ""
    return "all" if row.answer else f"{'≥' if row.at_least else '≤'} {_number(row.bound, row.unit)}"


def summary(groups: Mapping[str, Sequence[Bar]]) -> str:
    """Count the verdicts in one sentence."""
    verdicts = [r.verdict for rows in groups.values() for r in rows if r.verdict]
    count = {v: verdicts.count(v) for v in ("pass", "missed", "WRONG", "not measured")}
    said = [f"{n} {v.lower()}" for v, n in count.items() if n]
    return f"{len(verdicts)} bars: {', '.join(said)}."


def machine() -> str:
    """What the figures were measured on, and how busy it was."""
    from framework.compile.toolchain import find_compiler

    try:
        compiler = find_compiler().version
    except CompilerError:
        compiler = "no C compiler"
    known = versions()
    parts = [
        f"{datetime.now(UTC):%Y-%m-%d}",
        f"{platform.system()} {platform.machine()}",
        f"{os.cpu_count()} processors",
        compiler,
        ", ".join(f"{name} {known[name]}" for name in ("exacthat", "python", "numpy", "scipy", "casadi")),
    ]
    if hasattr(os, "getloadavg"):
        parts.insert(3, f"load {os.getloadavg()[1]:.1f}")
    return "; ".join(parts)


def write(
    groups: Mapping[str, Sequence[Bar]], points: Sequence[Growth], fitted: Sequence[str], folder: Path
) -> tuple[Path, Path]:
    """Write ``bars.md`` and ``bars.svg`` into a folder, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    table, figure = folder / "bars.md", folder / "bars.svg"
    head = f"{summary(groups)} Measured on {machine()}; processor time of one thread.\n\n"
    table.write_text(head + markdown(groups), encoding="utf-8")
    plot(points, fitted, figure)
    return table, figure


def plot(points: Sequence[Growth], fitted: Sequence[str], path: Path) -> None:
    """Draw time and peak memory against N²S+NS² on log axes, with lines fitted to the sizes named in `fitted`.

    The format is that of the suffix.
    """
    figure = Figure(figsize=(8.4, 3.9), layout="constrained")
    time_axis, memory_axis = figure.subplots(1, 2)
    _panel(time_axis, points, fitted, [p.seconds for p in points], "processor time of a solve, seconds")
    _panel(
        memory_axis, points, fitted, [p.memory / 2**20 for p in points], "peak memory beyond the data, MiB"
    )
    with mpl.rc_context({"svg.hashsalt": "exacthat"}):  # the same numbers give the same file
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)


def _panel(
    axis: Axes, points: Sequence[Growth], fitted: Sequence[str], values: Sequence[float], what: str
) -> None:
    for model, colour, marker in zip(
        dict.fromkeys(p.model for p in points), _COLOURS, _MARKERS, strict=False
    ):
        own = [(p, v) for p, v in zip(points, values, strict=True) if p.model == model]
        size, value = np.array([p.size for p, _ in own], dtype=float), np.array([v for _, v in own])
        used = np.array([p.label in fitted for p, _ in own])
        slope, level = np.polyfit(np.log(size[used]), np.log(value[used]), 1)
        line = np.array([size[used].min(), size[used].max()])
        axis.plot(line, np.exp(level) * line**slope, color=colour, linewidth=1)
        axis.plot(size, value, marker, color=colour, markersize=5, label=f"{model}, slope {slope:.2f}")
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_ylim(min(values) / 8, 3 * max(values))
    axis.set_xlabel("N²S + NS²")
    axis.set_title(what, fontsize=10, loc="left")
    for size, label in {p.size: p.label for p in points}.items():
        axis.axvline(size, color="0.92", linewidth=0.6, zorder=0)
        at = axis.get_xaxis_transform()
        axis.text(
            size, 0.02, label, transform=at, rotation=90, ha="right", va="bottom", fontsize=8, color="0.4"
        )
    axis.grid(axis="y", color="0.92", linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=9, loc="upper left")


def _number(value: float, unit: str) -> str:
    if unit.startswith("of "):
        return f"{value:.0f} {unit}"
    return f"{value:,.0f}{_UNITS[unit]}" if abs(value) >= 100 else f"{value:.3g}{_UNITS[unit]}"


def _emphasis(verdict: str) -> str:
    return f"**{verdict}**" if verdict in ("missed", "WRONG") else verdict
