"""The rows of a benchmark as a table and as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from exacthat.bench.run import OURS, Row

STYLE = {"right": "green", "wrong": "bold red", "failed": "yellow"}
_COLOUR = {"right": "#1b7837", "wrong": "#b2182b", "failed": "#bdbdbd"}


def ratios(rows: Sequence[Row]) -> dict[Row, float | None]:
    """Time of each row over that of newton under the same shock; None where either is not known."""
    ours = {r.shock: r.seconds for r in rows if r.solver == OURS and r.verdict == "right"}
    out: dict[Row, float | None] = {}
    for row in rows:
        base = ours.get(row.shock)
        out[row] = row.seconds / base if row.seconds is not None and base else None
    return out


def table(rows: Sequence[Row], title: str) -> Table:
    """Return one table, with a section for each shock."""
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("shock", "solver"):
        shown.add_column(name, no_wrap=True)
    for name in ("time", "steps", "residual", "error"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("verdict", no_wrap=True)
    relative = ratios(rows)
    for shock in dict.fromkeys(r.shock for r in rows):
        group = [r for r in rows if r.shock == shock]
        for row in group:
            shown.add_row(
                shock if row is group[0] else "",
                row.solver,
                _number(relative[row], ".3g"),
                "" if row.iterations is None else str(row.iterations),
                _number(row.residual, ".0e"),
                _number(row.error, ".0e"),
                Text(row.verdict, style=STYLE[row.verdict]),
                end_section=row is group[-1],
            )
    return shown


def remarks(rows: Sequence[Row]) -> list[str]:
    """Return why solvers failed or are wrong, one line for each solver and reason."""
    said: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        if row.remark:
            said.setdefault((row.solver, row.verdict, " ".join(row.remark.split())), []).append(row.shock)
    return [f"{solver}, {', '.join(at)}: {verdict}: {why}" for (solver, verdict, why), at in said.items()]


def plot(rows: Sequence[Row], path: Path, title: str) -> None:
    """Draw times relative to newton, a panel for each shock, and write the figure in the format of its suffix."""
    from matplotlib.figure import Figure

    shocks, relative = list(dict.fromkeys(r.shock for r in rows)), ratios(rows)
    solvers = list(dict.fromkeys(r.solver for r in rows))
    known = [v for v in relative.values() if v]
    left = min([0.5, *known]) / 1.5
    figure = Figure(figsize=(2.3 + 2.1 * len(shocks), 1.6 + 0.27 * len(solvers)), layout="constrained")
    axes = figure.subplots(1, len(shocks), sharex=True, sharey=True, squeeze=False)[0]
    for axis, shock in zip(axes, shocks, strict=True):
        axis.set_xscale("log")
        axis.axvline(1, color="0.7", linewidth=0.8, zorder=0)
        for row in (r for r in rows if r.shock == shock):
            at = solvers.index(row.solver)
            ratio = relative[row]
            if ratio is None:
                axis.text(left, at, f" {row.verdict}", va="center", fontsize=8, color="0.45")
            else:
                axis.plot(ratio, at, "o", color=_COLOUR[row.verdict], markersize=6)
        axis.set_title(shock, fontsize=10)
        axis.set_xlabel("time / newton", fontsize=9)
        axis.set_xlim(left, 1.8 * max([1.0, *known]))
        axis.grid(axis="x", color="0.92", linewidth=0.6)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(range(len(solvers)), solvers)
    axes[0].set_ylim(len(solvers) - 0.5, -0.5)
    figure.suptitle(title, fontsize=11)
    for verdict, colour in _COLOUR.items():
        axes[-1].plot([], [], "o", color=colour, label=verdict)
    figure.legend(
        *axes[-1].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=9
    )
    figure.savefig(path, dpi=150)


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
