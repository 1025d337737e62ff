"""Writing a replication: the report, and everything in it as files that machines read."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from empirics.did.layout import Table as RegressionTable
from empirics.did.study import without_lists
from empirics.figure_style import NamedFigure
from empirics.report_table import Table
from exacthat.figures import Plot
from exacthat.replicate.chain import Replication
from exacthat.replicate.exhibits import Comparison, Data, Exhibit, Kind, Missing, Section
from exacthat.report import inline_svg
from exacthat.results import commit

ENGINE = "h5netcdf"


def write(replication: Replication, folder: Path) -> None:
    """Write everything into an empty folder.

    ``report.html``; ``comparison.csv``, every number of the slides beside ours; ``tables`` (CSV, text, LaTeX), ``figures`` (SVG, PNG)
    with captions; and the data sets ``results.nc``, ``estimates.nc``, ``measurement.nc``, ``did-*.nc`` and others.
    """
    tables, figures = folder / "tables", folder / "figures"
    tables.mkdir()
    figures.mkdir()
    captions, plots = [], {}
    for exhibit in replication.exhibits:
        body = exhibit.body
        if isinstance(body, NamedFigure):
            plot = plots[body.name] = Plot(body.name, body.title, body.note, "", body.figure)
            plot.save(figures)
            captions.append(f"{body.name}\n{body.title}. {body.note} [{exhibit.kind}; {exhibit.source}]")
        else:
            _save(body, tables)
    (figures / "captions.txt").write_text("\n\n".join(captions) + "\n", encoding="utf-8")
    for _, section in replication.parts:
        for name, data in section.data.items():
            _netcdf(data, folder / f"{name}.nc")
    comparison_table(replication.comparisons).to_csv(
        folder / "comparison.csv", index=False, lineterminator="\n"
    )
    (folder / "report.html").write_text(render(replication, plots), encoding="utf-8")


def comparison_table(comparisons: list[Comparison]) -> pd.DataFrame:
    """Numbers of the slides beside ours: slide, quantity, slides, here, data, remark."""
    rows = [(c.slide, c.quantity, c.slides, c.here, str(c.kind), c.remark) for c in comparisons]
    return pd.DataFrame(rows, columns=["slide", "quantity", "slides", "here", "data", "remark"])


def _save(body: Table | RegressionTable, folder: Path) -> None:
    """Write a table as CSV, text and LaTeX."""
    if isinstance(body, Table):
        body.frame.to_csv(folder / f"{body.name}.csv", lineterminator="\n")
        text, latex = body.text(), body.latex()
    else:
        rows = [[label, *cells] for block in body.blocks for label, cells in block]
        frame = pd.DataFrame(rows, columns=["", *body.columns])
        frame.to_csv(folder / f"{body.name}.csv", index=False, lineterminator="\n")
        text, latex = body.to_text(), body.to_latex()
    (folder / f"{body.name}.txt").write_text(text, encoding="utf-8")
    (folder / f"{body.name}.tex").write_text(latex, encoding="utf-8")


def _netcdf(data: Data, path: Path) -> None:
    """Write a data set; composed in memory, because HDF5 crashes the process when a disk is full."""
    if isinstance(data, xr.DataTree):
        without_lists(data).to_netcdf(path, engine=ENGINE)
    else:
        path.write_bytes(data.to_netcdf(engine=ENGINE))


# ---- report --------------------------------------------------------------------------------------------


def render(replication: Replication, plots: dict[str, Plot]) -> str:
    """Return the report as HTML; `plots` are its figures by name."""
    environment = Environment(
        loader=PackageLoader("exacthat"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip
    counts = {kind: sum(e.kind is kind for e in replication.exhibits) for kind in Kind}
    return environment.get_template("replication.html").render(
        slides=replication.slides,
        name=replication.name,
        created=datetime.now(UTC).date().isoformat(),
        version=metadata.version("exacthat"),
        commit=commit(),
        seed=replication.seed,
        official=replication.official,
        counts=counts,
        meaning=MEANING,
        glance=sorted(
            (c for c in replication.comparisons if c.kind is not Kind.SYNTHETIC and not c.in_exhibit),
            key=lambda c: c.slide,
        ),
        parts=[(about, _blocks(section, plots), _own(section)) for about, section in replication.parts],
        missing=[
            (about, item) for about, s in replication.parts for item in s.items if isinstance(item, Missing)
        ],
        badge=BADGES,
    )


MEANING = {
    Kind.REAL: "published facts, as they are",
    Kind.DERIVED: "computed here from published tables; with the slides' own ε and γ where it says so",
    Kind.SYNTHETIC: "shows that the chain runs and finds what was put into simulated data; it says nothing of the world",
}
BADGES = {Kind.REAL: "real", Kind.DERIVED: "derived", Kind.SYNTHETIC: "synthetic"}


def _own(section: Section) -> list[Comparison]:
    """Comparisons that no exhibit of the section shows."""
    return [c for c in section.comparisons if not c.in_exhibit]


def _blocks(section: Section, plots: dict[str, Plot]) -> list[dict[str, Any]]:
    """Items of a section in their order; narrow figures that follow each other stand side by side."""
    blocks: list[dict[str, Any]] = []
    for item in section.items:
        if isinstance(item, Missing):
            blocks.append({"form": "missing", "item": item})
            continue
        block = {"form": "table", "item": item, "id": _id(item)}
        if isinstance(item.body, NamedFigure):
            plot = plots[item.body.name]
            width = item.body.figure.get_figwidth()
            block |= {"form": "narrow" if width < NARROW else "wide", "width": round(REM * width, 1)}
            block["svg"] = Markup(inline_svg(plot.svg, plot.title))
        else:
            block["html"] = Markup(item.body.html() if isinstance(item.body, Table) else item.body.to_html())
        blocks.append(block)
    out: list[dict[str, Any]] = []
    for before, block in pairwise([None, *blocks]):
        assert block is not None
        if block["form"] == "narrow" and before is not None and _side_by_side(before, block):
            out[-1]["figures"].append(block)
        elif block["form"] == "narrow":
            out.append({"form": "figures", "figures": [block]})
        else:
            out.append(block)
    for block in out:
        if block["form"] == "figures":
            items = [f["item"] for f in block["figures"]]
            block["source"] = items[0] if len({i.source for i in items}) == 1 else None
    return out


def _side_by_side(before: dict[str, Any], block: dict[str, Any]) -> bool:
    return before["form"] == "narrow" and before["item"].kind is block["item"].kind


NARROW = 4.0
"""Inches up to which figures stand side by side."""

REM = 9.3
"""Width in the report, in rem, of an inch of a figure."""


def _id(exhibit: Exhibit) -> str:
    return f"{'figure' if exhibit.is_figure else 'table'}-{exhibit.body.name}"
