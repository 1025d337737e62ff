"""The block graph of a model as a picture: what is unknown, what follows from it, what is an outcome."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import networkx as nx
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch

from exacthat.figures import STYLE
from framework import ScenarioError, Structure
from framework.notation import notation
from framework.symbols import Kind, declared_atoms, symbol_name

_COLUMN, _ROW = 1.25, 0.42  # inches
_SWEEPS = 6
FORMATS = (".svg", ".png", ".pdf")
_CORE, _CORE_TEXT = "#1a1a1a", "#ffffff"
_BACK, _DASHES = "#a0a0a0", (0, (4, 3))
_BLOCKS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#0072b2", "#d55e00", "#bbbbbb")


def structure_figure(structure: Structure) -> Figure:
    """Draw the groups of variables with an arrow from each to those that are computed from it.

    The unknowns of Newton's method stand on the left in black, each with the equation that determines it; then
    what is explicit, in the order of evaluation, coloured by block; on the right the outcomes that nothing uses.
    """
    graph = block_graph(structure)
    columns = _columns(structure, graph)
    _uncross(columns, graph)
    tallest = max(map(len, columns))
    at = {
        v: (x * _COLUMN, -(k - (len(column) - 1) / 2) * _ROW)
        for x, column in enumerate(columns)
        for k, v in enumerate(column)
    }
    with mpl.rc_context(STYLE):
        width, height = (len(columns) + 0.4) * _COLUMN, (tallest + 2.4) * _ROW
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(-0.75 * _COLUMN, (len(columns) - 0.35) * _COLUMN)
        axes.set_ylim(-(tallest / 2 + 1.4) * _ROW, (tallest / 2 + 0.8) * _ROW)
        axes.set_axis_off()
        blocks = list(dict.fromkeys(graph.nodes[v]["block"] for v in graph if not graph.nodes[v]["core"]))
        colour = {b: _BLOCKS[k % len(_BLOCKS)] for k, b in enumerate(blocks)}
        for u, v in graph.edges:
            _arrow(axes, at[u], at[v])
        for v, (x, y) in at.items():
            _node(axes, x, y, graph.nodes[v], colour)
        marks: list[Any] = [Patch(color=_CORE, label="unknown of Newton's method, with its equation")]
        marks += [Patch(facecolor=to_rgba(c, 0.45), edgecolor=c, label=b) for b, c in colour.items()]
        marks.append(
            Line2D([], [], color=_BACK, linestyle=_DASHES, linewidth=0.8, label="enters that equation")
        )
        figure.legend(handles=marks, loc="lower left", ncols=min(len(marks), max(2, len(columns) - 1)))
    return figure


def save_structure(structure: Structure, path: Path) -> None:
    """Write the picture; the ending of the name says in which format.

    Raises
    ------
    ScenarioError
        If the ending is none of `FORMATS`.
    """
    if path.suffix.lower() not in FORMATS:
        raise ScenarioError(
            f"a picture cannot be written as '{path.name}'; end its name in {', '.join(FORMATS)}"
        )
    with mpl.rc_context(STYLE):
        structure_figure(structure).savefig(path)


def block_graph(structure: Structure) -> nx.DiGraph:
    """Groups of variables, with an edge from each to those whose definition or residual uses it."""
    model, graph = structure.model, nx.DiGraph()
    paired = dict(structure.core)
    for eq in [*structure.explicit, *structure.after]:
        graph.add_node(symbol_name(eq.lhs), core=False, block=eq.block, label="")
    for v, eq in structure.core:
        graph.add_node(v, core=True, block=eq.block, label=eq.name)
    equations = {symbol_name(e.lhs): e for e in [*structure.explicit, *structure.after]} | paired
    for v, eq in equations.items():
        graph.nodes[v]["latex"] = notation(model.symbols[v]).with_subscripts()
        used = {symbol_name(a) for side in (eq.lhs, eq.rhs) for a in declared_atoms(side)} - {v}
        graph.add_edges_from((u, v) for u in used if model.symbols[u].kind is Kind.VARIABLE)
    return graph


def _columns(structure: Structure, graph: nx.DiGraph) -> list[list[str]]:
    """The core, then each variable one step after the last that it needs."""
    core = [v for v, _ in structure.core]
    depth = dict.fromkeys(core, 0)
    for eq in [*structure.explicit, *structure.after]:
        v = symbol_name(eq.lhs)
        depth[v] = 1 + max((depth[u] for u in graph.predecessors(v) if u in depth), default=0)
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for v, k in depth.items():
        columns[k].append(v)
    return [c for c in columns if c]


def _uncross(columns: list[list[str]], graph: nx.DiGraph) -> None:
    """Order each column by the mean place of the neighbours, to and fro, so that fewer arrows cross."""
    place = {v: k - len(c) / 2 for c in columns for k, v in enumerate(c)}
    for _ in range(_SWEEPS):
        for column in [*columns[1:], *reversed(columns[:-1])]:
            mean = {}
            for v in column:
                near = [place[u] for u in nx.all_neighbors(graph, v) if u in place and u not in column]
                mean[v] = sum(near) / len(near) if near else place[v]
            column.sort(key=lambda v, mean=mean: mean[v])
            place.update({v: k - len(column) / 2 for k, v in enumerate(column)})


def _node(axes, x: float, y: float, node: dict, colour: dict[str, str]) -> None:
    core = node["core"]
    face = _CORE if core else colour[node["block"]]
    axes.text(
        x,
        y,
        f"${node['latex']}$",
        ha="center",
        va="center",
        fontsize=8,
        color=_CORE_TEXT if core else "black",
        zorder=3,
        bbox={
            "boxstyle": "round,pad=0.3",
            "facecolor": face if core else to_rgba(face, 0.45),
            "edgecolor": face,
        },
    )
    if core:
        axes.text(x - 0.22 * _COLUMN, y, node["label"], ha="right", va="center", fontsize=6, zorder=3)


def _arrow(axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    back = end[0] <= start[0]
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=5,
            shrinkA=9,
            shrinkB=9,
            linewidth=0.4,
            linestyle=_DASHES if back else "-",
            color=_BACK if back else "#707070",
            connectionstyle=f"arc3,rad={0.22 if back else 0.06}",
            zorder=1,
        )
    )
