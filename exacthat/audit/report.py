"""The findings of an audit as a table on the terminal, a data frame, JSON and a figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich import box
from rich.table import Table
from rich.text import Text

from empirics.figure_style import DARK, GREY, PAGE_WIDTH, NamedFigure, drawn
from exacthat.audit.cases import (
    COMPLEMENTS,
    EXOGENOUS,
    INSTRUMENTS,
    PHI_OF_MOBILE_RESEARCH,
    SUBSTITUTES,
    Economy,
    research_moves,
)
from exacthat.audit.run import FAILS, HOLDS, HOLDS_WHEN, Count, Finding

_STYLE = {HOLDS: "green", HOLDS_WHEN: "yellow", FAILS: "red"}
_COLOURS = {"complements": "#0072b2", "substitutes": "#e69f00"}
_ABOUT = {
    "complements": f"synthetic, ε in [{COMPLEMENTS[0]:g}, {COMPLEMENTS[1]:g}]",
    "substitutes": f"synthetic, ε in [{SUBSTITUTES[0]:g}, {SUBSTITUTES[1]:g}]",
}


def verdict(finding: Finding) -> str:
    """The verdict with its condition."""
    condition = (finding.condition or "").replace("epsilon", "ε")
    return f"{finding.verdict} {condition}".strip()


def tables(findings: Sequence[Finding]) -> dict[str, Table]:
    """For each statement a table, technologies by instruments: the verdict, and in how many cells it holds."""
    out = {}
    for claim in dict.fromkeys(f.claim for f in findings):
        own = [f for f in findings if f.claim == claim]
        instruments = [i for i in INSTRUMENTS if any(f.instrument == i for f in own)]
        shown = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        shown.add_column("technology", no_wrap=True)
        for instrument in instruments:
            shown.add_column(instrument)
        for technology in dict.fromkeys(f.technology for f in own):
            row = {f.instrument: f for f in own if f.technology == technology}
            shown.add_row(_label(next(iter(row.values()))), *(_cell(row.get(i)) for i in instruments))
        out[claim.statement] = shown
    return out


def _label(finding: Finding) -> str:
    """The technology, with the productivity of variety that it is solved at."""
    if finding.technology == EXOGENOUS:
        return finding.technology
    return f"{finding.technology}, φ={_phi(finding)}"


def _phi(finding: Finding) -> str:
    low, high = min(finding.variety_productivity), max(finding.variety_productivity)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _cell(finding: Finding | None) -> str | Text:
    if finding is None:
        return "–"
    return Text.assemble((verdict(finding), _STYLE[finding.verdict]), f"\n{finding.extent}")


def as_frame(findings: Sequence[Finding]) -> pd.DataFrame:
    """One row a finding, with everything it rests on."""
    rows = []
    for f in findings:
        row = {"claim": f.claim.name, "technology": f.technology, "instrument": f.instrument}
        row |= {"verdict": f.verdict, "condition": f.condition or "", "holds": f.holds, "cells": f.cells}
        for origin, count in f.by_origin.items():
            row |= {f"holds ({origin})": count.holds, f"cells ({origin})": count.cells}
        row |= {"figure": f.claim.figure, "lowest": f.lowest, "median": f.median, "highest": f.highest}
        row |= {"extent": f.extent, "left out": f.left_out, "phi": _phi(f)}
        row |= {"undecided": f.undecided, "economies without solution": sum(f.unsolved.values())}
        rows.append(row)
    return pd.DataFrame(rows)


def as_json(findings: Sequence[Finding], economies: Sequence[Economy]) -> dict[str, Any]:
    """The findings, and what they rest on, in the form of the file that ``exacthat audit --json`` writes."""
    return {
        "economies": [
            {"name": e.name, "origin": e.origin, "title": str(e.data.attrs.get("title", ""))}
            for e in economies
        ],
        "instruments": INSTRUMENTS,
        "parameters": {
            t: {"variety_productivity": PHI_OF_MOBILE_RESEARCH} for t in with_stable_research(findings)
        },
        "claims": [
            {
                "name": f.claim.name,
                "verdict": f.verdict,
                "technology": f.technology,
                "instrument": f.instrument,
                "evidence": {
                    "statement": f.claim.statement,
                    "condition": f.condition,
                    "extent": f.extent,
                    "holds": f.holds,
                    "cells": f.cells,
                    "left_out": f.left_out,
                    "by_origin": {where: _written(count) for where, count in f.by_origin.items()},
                    "conditions_tried": {
                        words: {"where_met": _written(s.met), "elsewhere": _written(s.unmet)}
                        for words, s in f.splits.items()
                    },
                    "variety_productivity": list(f.variety_productivity),
                    "figure": f.claim.figure,
                    "lowest": f.lowest,
                    "median": f.median,
                    "highest": f.highest,
                    "undecided": f.undecided,
                    "economies_without_solution": f.unsolved,
                    "by_economy": f.details,
                },
            }
            for f in findings
        ],
    }


def _written(count: Count) -> dict[str, int]:
    return {"holds": count.holds, "cells": count.cells}


def tenfold(findings: Sequence[Finding]) -> list[str]:
    """Sentences on the export tax that a tenfold price takes with exogenous technology, and on the exporter's own use."""
    chosen = (f for f in findings if f.claim.name == "tenfold-price" and f.technology == EXOGENOUS)
    records = [record for f in chosen for record in f.details]
    if not records:
        return []
    solved = sorted(
        (r for r in records if r["export_tax_needed_percent"] is not None),
        key=lambda r: r["exporter_use_share"],
    )
    # The data asked about, then the ends of the range of use shares.
    shown = [r for r in (records[0], *solved[:1], *solved[-1:]) if r["export_tax_needed_percent"] is not None]
    said = [
        f"{r['economy']}: tenfold takes an export tax of {r['export_tax_needed_percent']:,.0f} percent; the exporter uses "
        f"{100 * r['exporter_use_share']:.1f} percent of rare earths"
        for r in {r["economy"]: r for r in shown}.values()
    ]
    if len(solved) > 2:
        rank = (
            pd.DataFrame(solved)[["exporter_use_share", "export_tax_needed_percent"]].rank().corr().iloc[0, 1]
        )
        said.append(
            f"rank correlation of that tax with the exporter's use share: {rank:.2f}, {len(solved)} economies"
        )
    lost = Counter(r["why"] for r in records if r["why"])
    return said + [
        f"{count} econom{'y' if count == 1 else 'ies'}: no tax does, {why}" for why, count in lost.items()
    ]


def remarks(findings: Sequence[Finding]) -> list[str]:
    """Sentences on cells left out, on cases without a solution, and on parameters that were changed."""
    lost: dict[tuple[str, str], list[str]] = {}
    for f in {(f.technology, f.instrument): f for f in findings}.values():
        for why, count in f.unsolved.items():
            lost.setdefault((f.technology, why), []).append(f"{count} under the {f.instrument}")
    left: dict[str, set[int]] = {}
    for f in findings:
        if f.claim.name == "technology-dominates":
            left.setdefault(f.instrument, set()).add(f.left_out)
    nil = [f"{_span(counts)} under the {i}" for i, counts in left.items() if any(counts)]
    said = [f"factor-cost effect about nil, cells left out: {', '.join(nil)}"] if nil else []
    said += [f"{technology}: {why} in {', '.join(c)}" for (technology, why), c in lost.items()]
    if changed := with_stable_research(findings):
        why = "at that of the data the allocation of research may be unstable"
        said.append(
            f"{', '.join(changed)}: with a variety productivity φ of {PHI_OF_MOBILE_RESEARCH:g}; {why}"
        )
    return said


def with_stable_research(findings: Sequence[Finding]) -> list[str]:
    """Technologies with another variety productivity than the data have."""
    return [t for t in dict.fromkeys(f.technology for f in findings) if research_moves(t)]


def _span(counts: set[int]) -> str:
    return str(min(counts)) if len(counts) == 1 else f"{min(counts)} to {max(counts)}"


def cushion_figure(findings: Sequence[Finding]) -> NamedFigure:
    """Loss of the other regions relative to exogenous technology: every economy, by technology and instrument."""
    chosen = [f for f in findings if f.claim.name == "cushioned"]
    technologies = list(dict.fromkeys(f.technology for f in chosen))
    labels = list({f.technology: _label(f) for f in chosen}.values())

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(INSTRUMENTS), sharex=True, sharey=True, squeeze=False)[0]
        for axis, instrument in zip(panels, INSTRUMENTS, strict=True):
            axis.axvline(1, color=DARK, linewidth=0.6, zorder=1)
            for f in (f for f in chosen if f.instrument == instrument):
                _draw_economies(axis, technologies.index(f.technology), f)
            axis.set_title(instrument)
            axis.grid(axis="x", zorder=0)
            axis.tick_params(axis="y", length=0)
        panels[0].set_yticks(range(len(technologies)), labels)
        panels[0].set_ylim(len(technologies) - 0.5, -0.5)
        figure.supxlabel("loss of the other regions, relative to exogenous technology", fontsize=7)
        handles = {label: h for h, label in zip(*panels[0].get_legend_handles_labels(), strict=True)}
        figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=3)

    note = (
        "Left of the line endogenous technology cushions. Each dot is an economy. Tax: 100 percent; quota: 60 percent of baseline net "
        "exports; price: twice the baseline price. Synthetic economies are draws, measured nowhere."
    )
    return NamedFigure("cushioning", "Where technology cushions (synthetic economies, and WIOD 2009)", note,
                       drawn(PAGE_WIDTH, 1.1 + 0.34 * len(technologies), draw))  # fmt: skip


def _draw_economies(axis, place: int, finding: Finding) -> None:
    origins = list(dict.fromkeys(finding.origins))
    for k, origin in enumerate(origins):
        at = np.array(finding.origins) == origin
        height = place + 0.22 * (k - (len(origins) - 1) / 2)
        colour, marker = _COLOURS.get(origin, DARK), "o" if origin in _COLOURS else "D"
        size = 2.5 if origin in _COLOURS else 4
        axis.plot(
            np.array(finding.figures)[at],
            np.full(at.sum(), height),
            marker,
            color=colour,
            markersize=size,
            alpha=0.8,
            markeredgecolor="none",
            label=_ABOUT.get(origin, origin),
            zorder=3 if origin in _COLOURS else 4,
        )
    axis.axhline(place + 0.5, color=GREY, linewidth=0.2, zorder=0)
