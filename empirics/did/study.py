"""A design from beginning to end: estimates, inference, event study and robustness, as tables, figures and data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd
import xarray as xr

from empirics.did.design import Design, DesignError
from empirics.did.estimate import dataset, fit_columns
from empirics.did.event_study import estimate_event_study
from empirics.did.figures import event_study_figure
from empirics.did.inference import robust_inference
from empirics.did.layout import Table
from empirics.did.panel import Panel
from empirics.did.tables import event_study_table, regression_table, slides_table
from empirics.figure_style import NamedFigure


def _silent(what: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Study:
    """All results of a design on a panel.

    Attributes
    ----------
    design : Design
    results : xr.DataTree
        Groups ``estimates``, ``inference``, ``event_study``, and the first two again below
        ``robustness/<name>``.
    tables : list of Table
    figures : list of NamedFigure
    """

    design: Design
    results: xr.DataTree
    tables: list[Table]
    figures: list[NamedFigure] = field(default_factory=list)


def run_study(
    design: Design,
    panel: Panel,
    slides: bool = False,
    controls: bool = False,
    track: Callable[[str], None] = _silent,
) -> Study:
    """Run everything that a design declares.

    Parameters
    ----------
    design, panel
    slides : bool
        Show the slides' values beside ours, if the design names their table.
    controls : bool
        Show the coefficients of controls in the tables.
    track : callable
        Is told in words what comes next.

    Raises
    ------
    DataError
        See `estimate.fit_columns` and `event_study.estimate_event_study`.
    """
    if slides:
        if design.slides is None:
            raise DesignError(
                f"the design '{design.name}' names no table of the slides; add slides = \"exports\" or another."
            )
        slides_table(design.slides)
    groups: dict[str, xr.Dataset] = {}
    tables, figures = [], []
    for place, one in [("", design), *((f"robustness/{n}/", d) for n, d in design.specifications())]:
        track(f"{one.title}: regressions")
        fits = fit_columns(one, panel)
        found = groups[f"{place}estimates"] = dataset(fits)
        wanted = one.inference.crv3 or one.inference.permutations or one.inference.largest
        robust = groups[f"{place}inference"] = robust_inference(fits, track) if wanted else xr.Dataset()
        table = regression_table(found, robust if wanted else None, one.slides if slides else None, controls)
        tables.append(table)
    if design.event_study:
        track(f"{design.title}: event study")
        study = groups["event_study"] = estimate_event_study(design, panel)
        tables.append(event_study_table(study))
        figures.append(event_study_figure(study))
    return Study(design, xr.DataTree.from_dict(groups), tables, figures)


def excluded_rows(results: xr.DataTree) -> pd.DataFrame:
    """Return the rows that any regression of a study leaves out: specification, column, reason and key."""
    parts = []
    for group in results.subtree:
        if "excluded" not in group.dims:
            continue
        data = group.to_dataset(inherit=False)
        listed = data[[v for v in data.data_vars if data[v].dims == ("excluded",)]].to_dataframe()
        listed.columns = [str(c).removeprefix("excluded_") for c in listed.columns]
        parts.append(listed.assign(specification=group.path.strip("/")))
    frame = pd.concat(parts, ignore_index=True)
    return frame[["specification", *(c for c in frame.columns if c != "specification")]]


def without_lists(results: xr.DataTree) -> xr.DataTree:
    """Return the results without the lists of rows left out, which as text take most of the room of a file."""

    def shorter(data: xr.Dataset) -> xr.Dataset:
        return data.drop_dims("excluded", errors="ignore")

    return results.map_over_datasets(shorter)
