"""From a design and a panel to the rows and variables of each column's regression."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from empirics.did.design import TREATMENT, Column, Design, DesignError, Sample
from empirics.did.panel import Panel
from empirics.did.regression import ByYear, EstimationError, Regression, require_company


@dataclass(frozen=True)
class Variables:
    """The design's variables for every row of the panel.

    Attributes
    ----------
    outcome : np.ndarray
        Shape (rows,).
    intensity : np.ndarray
        The scaled sensitivity, the same in all years of a unit; or the scaled treatment variable.
    active : np.ndarray
        One in the years from `Treatment.post` on, zero before; one throughout for a treatment variable.
    controls : dict of str to np.ndarray
    """

    design: Design
    panel: Panel
    outcome: np.ndarray
    intensity: np.ndarray
    active: np.ndarray
    controls: dict[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        if name in self.controls:
            return self.controls[name]
        return self.outcome if name == self.design.outcome else self.intensity


@dataclass(frozen=True)
class Rows:
    """Rows of the panel that one column may use, and those that it cannot.

    Attributes
    ----------
    usable : np.ndarray
        Positions in the panel: in the sample, and every variable a finite number.
    excluded : dict of str to np.ndarray
        Positions by reason, as ``"export_growth missing"``; a row is under its first reason only.
    in_sample : int
        Rows of the sample, usable or not.
    """

    column: Column
    usable: np.ndarray
    excluded: dict[str, np.ndarray]
    in_sample: int


def variables(design: Design, panel: Panel) -> Variables:
    """Compute the outcome, the sensitivity and the controls of a design.

    Raises
    ------
    DataError
        A column is absent or holds text, the sensitivity changes over the years, or a label of `difference` is
        nowhere in the panel.
    """
    treatment = design.treatment
    intensity = panel.numbers(treatment.column, "treatment") * treatment.scale
    active = np.ones(len(panel))
    if treatment.post is not None and treatment.sensitivity is not None:
        active = (panel.years >= treatment.post).astype(float)
        if (changing := panel.changing(intensity)).any():
            raise EstimationError(
                f"{panel.source}: the sensitivity '{treatment.sensitivity}' changes over the years, for instance for "
                f"{panel.rows_shown(changing)}; a treatment intensity is fixed before the shock. If it is the "
                "treatment itself, name it as 'variable'."
            )
    outcome = panel.numbers(design.outcome, "outcome")
    for key, label in design.difference.items():
        outcome = outcome - _reference(panel, outcome, key, label)
    controls = {c.name: c.values(panel, treatment.post) for c in design.controls}
    if design.outcome in controls:
        raise DesignError(f"the outcome '{design.outcome}' is among the controls; leave it out there.")
    return Variables(design, panel, outcome, intensity, active, controls)


def rows_of(column: Column, values: Variables, years: tuple[int, int] | None = None) -> Rows:
    """Return the rows of one column of the table.

    Raises
    ------
    EstimationError
        No row is left, or all are before or all after the shock.
    """
    design, panel = values.design, values.panel
    place = f"{design.name}, column '{column.name}'"
    mask = np.ones(len(panel), dtype=bool)
    for sample, where in ((design.sample, "sample"), (column, f"column '{column.name}'")):
        mask &= _selected(sample, panel, where)
    if years:
        mask &= (panel.years >= years[0]) & (panel.years <= years[1])
    in_sample = int(mask.sum())
    excluded = {}
    for name in (design.outcome, TREATMENT, *values.controls):
        shown = design.treatment.column if name == TREATMENT else name
        column_values = values[name]
        for reason, wrong in (
            (_empty(shown, panel), np.isnan(column_values)),
            ("infinite", np.isinf(column_values)),
        ):
            if len(rows := np.flatnonzero(mask & wrong)):
                excluded[f"{shown} {reason}"] = rows
                mask[rows] = False
    usable = np.flatnonzero(mask)
    if not len(usable):
        why = ", ".join(f"{len(r):,} rows with {k}" for k, r in excluded.items())
        raise EstimationError(
            f"{place}: no row is left" + (f" ({why})." if why else "; its filters exclude each other.")
        )
    after = values.active[usable] > 0
    if design.treatment.sensitivity and (after.all() or not after.any()):
        side = "from" if after.all() else "before"
        raise EstimationError(
            f"{place}: all usable years are {side} {design.treatment.post}, so there is nothing to compare; "
            "widen the sample or correct 'post'."
        )
    return Rows(column, usable, excluded, in_sample)


def regression_of(design: Design, terms: Sequence[str], by_year: ByYear | None = None) -> Regression:
    """Return the regression equation of a design with these regressors."""
    return Regression(
        outcome=design.outcome,
        terms=tuple(terms),
        fixed_effects=design.fixed_effects,
        cluster=design.cluster,
        estimator=design.estimator,
        separation=design.separation,
        by_year=by_year,
    )


def frame_of(
    regression: Regression, values: Variables, rows: np.ndarray, own: dict[str, np.ndarray], place: str
) -> pd.DataFrame:
    """Return the columns of a regression for these rows.

    Parameters
    ----------
    own : dict of str to np.ndarray
        Columns over `rows` that are not among the variables.
    place : str
        What is estimated, for messages.

    Raises
    ------
    EstimationError
        A label of a fixed effect or cluster is empty, or no row could be used.
    """
    panel = values.panel
    names = regression.columns
    numbers = np.empty((len(names), len(rows)))
    for k, name in enumerate(names):
        numbers[k] = own[name] if name in own else values[name][rows]
    labels = {}
    for name in regression.labels:
        empty = panel.labels(name, "fixed effect or cluster")[0] < 0
        if empty.any():
            raise EstimationError(
                f"{panel.source}: '{name}' is a fixed effect or cluster and empty in {panel.rows_shown(empty)}; fill it."
            )
        text = panel.text(name)
        labels[name] = text if len(rows) == len(panel) else text.take(rows)
    _require_company(regression, panel, rows, numbers[0], place)
    by_year = {regression.by_year.year: panel.years[rows]} if regression.by_year else {}
    return pd.DataFrame(numbers.T, columns=[*names], copy=False).assign(**labels, **by_year)


def _require_company(
    regression: Regression, panel: Panel, rows: np.ndarray, outcome: np.ndarray, place: str
) -> None:
    """See `require_company`; every singleton empties a group, so that there are no more of them than groups."""
    usable = outcome > 0 if regression.estimator == "PPML" else np.ones(len(rows), dtype=bool)
    parts = [e.split("^") for e in regression.fixed_effects]
    most = sum(math.prod(len(panel.labels(c)[1]) for c in p) for p in parts)
    if usable.sum() > most:
        return
    require_company(regression, np.stack([panel.groups(p, rows) for p in parts], axis=1), usable, place)


def _empty(name: str, panel: Panel) -> str:
    """A column of the panel is missing where it is empty, a built control undefined."""
    return "missing" if name in panel.frame.columns else "undefined"


def _selected(sample: Sample, panel: Panel, where: str) -> np.ndarray:
    """Return True for the rows that a sample keeps."""
    mask = np.ones(len(panel), dtype=bool)
    if sample.years:
        mask &= (panel.years >= sample.years[0]) & (panel.years <= sample.years[1])
    for column, labels in sample.keep.items():
        mask &= panel.having(column, labels, f"'keep' of the {where}")
    for column, labels in sample.drop.items():
        mask &= ~panel.having(column, labels, f"'drop' of the {where}")
    return mask


def _reference(panel: Panel, outcome: np.ndarray, key: str, label: object) -> np.ndarray:
    """Return, for every row, the outcome of one label in the same year and the same rest of the unit."""
    here = panel.having(key, [label], "'difference'")
    rest = [c for c in panel.keys if c != key]
    reference = panel.frame.loc[here, rest].assign(reference=outcome[here])
    merged = panel.frame[rest].merge(reference, on=rest, how="left", validate="many_to_one")
    return merged["reference"].to_numpy(float)
