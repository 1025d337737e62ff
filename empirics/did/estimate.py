"""Estimate every column of a design, and return the table as a labelled dataset."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from empirics.did.design import TREATMENT, Design
from empirics.did.panel import Panel
from empirics.did.regression import EstimationError, Fit, fit
from empirics.did.sample import Rows, Variables, frame_of, regression_of, rows_of, variables


@dataclass(frozen=True)
class ColumnFit:
    """One column of the table: its rows of the panel and its regression."""

    values: Variables
    rows: Rows
    fit: Fit

    @property
    def name(self) -> str:
        """Name of the column."""
        return self.rows.column.name

    @property
    def used(self) -> np.ndarray:
        """Positions in the panel of the rows that the regression uses."""
        return self.rows.usable[self.fit.kept]

    @property
    def excluded(self) -> dict[str, np.ndarray]:
        """Positions in the panel of the rows of the sample that it does not use, by reason."""
        late = {"singleton": self.fit.singletons, "separated": self.fit.separated}
        return {**self.rows.excluded, **{k: self.rows.usable[v] for k, v in late.items() if len(v)}}

    def assignments(self) -> tuple[np.ndarray, np.ndarray]:
        """Return for every used row the number of its unit of assignment, and one used row of each."""
        panel, design = self.values.panel, self.values.design
        code = np.zeros(len(self.used), dtype=np.int64)
        for key in design.assigned_to:
            codes = panel.frame[key].cat.codes.to_numpy()[self.used].astype(np.int64)
            code = np.unique(code * (codes.max() + 1) + codes, return_inverse=True)[1]
        return code, np.unique(code, return_index=True)[1]

    def sensitivity_deviation(self) -> float:
        """Standard deviation of the scaled sensitivity over the units of assignment, each counted once.

        Where the sensitivity differs within a unit of assignment, over the panel's units.
        """
        panel = self.values.panel
        sensitivity = self.values.sensitivity[self.used]
        code, first = self.assignments()
        if not np.array_equal(sensitivity[first][code], sensitivity):
            first = np.unique(panel.units[self.used], return_index=True)[1]
        return float(np.std(sensitivity[first], ddof=1)) if len(first) > 1 else 0.0


def fit_columns(design: Design, panel: Panel) -> list[ColumnFit]:
    """Run the regression of every column.

    Raises
    ------
    DataError
        The panel lacks what the design names, or a column has no estimate; the message says which and why.
    """
    values = variables(design, panel)
    return [fit_column(values, rows_of(column, values)) for column in design.columns]


def fit_column(values: Variables, rows: Rows) -> ColumnFit:
    """Run the regression of one column on these rows."""
    design = values.design
    place = f"{design.name}, column '{rows.column.name}'"
    regression = regression_of(design, (TREATMENT, *values.controls))
    treatment = values.sensitivity[rows.usable] * values.post[rows.usable]
    result = fit(regression, frame_of(regression, values, rows.usable, {TREATMENT: treatment}), place)
    if TREATMENT in result.collinear:
        raise EstimationError(
            f"{place}: the treatment is collinear with the fixed effects and controls, so it has no estimate; "
            f"does '{design.treatment.sensitivity}' differ between units within the groups of the fixed effects?"
        )
    return ColumnFit(values, rows, result)


def estimate(design: Design, panel: Panel) -> xr.Dataset:
    """Estimate every column of a design.

    Returns
    -------
    xr.Dataset
        See `dataset`.

    Raises
    ------
    DataError
        See `fit_columns`.
    """
    return dataset(fit_columns(design, panel))


def dataset(fits: Sequence[ColumnFit]) -> xr.Dataset:
    """Return the estimates of all columns as one dataset.

    Returns
    -------
    xr.Dataset
        Dims `column`, `term` and `other_term` (the same labels), `bound` (lower, upper). By column and term:
        ``coefficient``, ``standard_error``, ``t_statistic``, ``p_value``, ``interval`` (95%), ``covariance``;
        NaN exactly where ``collinear`` is true, that is where a regressor was dropped. By column:
        ``observations``, ``clusters``, ``sample_rows``, ``excluded_rows``, ``singletons``, ``separated``,
        ``sensitivity_deviation`` and ``effect_of_one_deviation`` (in units of the outcome under OLS, percent
        under PPML). Every excluded row is listed along dim `excluded`: ``excluded_column``,
        ``excluded_reason`` and its key. Attributes say what was estimated and on what data.
    """
    design = fits[0].values.design
    return (
        estimates([(f.name, f.fit) for f in fits])
        .merge(_magnitudes(fits, design))
        .merge(exclusions(fits))
        .assign_attrs(about(design, fits[0].values.panel))
    )


def estimates(fits: Sequence[tuple[str, Fit]]) -> xr.Dataset:
    """Return coefficients, covariances and counts of regressions with the same regressors."""
    terms = list(fits[0][1].regression.terms)
    n, k = len(fits), len(terms)
    vectors = {
        name: np.full((n, k), np.nan) for name in ("coefficient", "standard_error", "t_statistic", "p_value")
    }
    covariance, interval = np.full((n, k, k), np.nan), np.full((n, k, 2), np.nan)
    for i, (_, result) in enumerate(fits):
        at = [terms.index(t) for t in result.terms]
        for name, array in vectors.items():
            array[i, at] = getattr(result, name)
        covariance[i][np.ix_(at, at)] = result.covariance
        interval[i, at] = result.interval
    return xr.Dataset(
        {
            **{name: (("column", "term"), array) for name, array in vectors.items()},
            "interval": (("column", "term", "bound"), interval),
            "covariance": (("column", "term", "other_term"), covariance),
            "collinear": (("column", "term"), [[t in f.collinear for t in terms] for _, f in fits]),
            "observations": ("column", [f.observations for _, f in fits]),
            "clusters": ("column", [f.clusters for _, f in fits]),
            "singletons": ("column", [len(f.singletons) for _, f in fits]),
            "separated": ("column", [len(f.separated) for _, f in fits]),
        },
        coords={
            "column": [name for name, _ in fits], "term": terms, "other_term": terms, "bound": ["lower", "upper"],
        },
    )  # fmt: skip


def exclusions(fits: Iterable[ColumnFit]) -> xr.Dataset:
    """List every row of a column's sample that its regression does not use, with the reason and the key."""
    fits = list(fits)
    cases = [(f.name, reason, rows) for f in fits for reason, rows in f.excluded.items()]
    sizes = [len(rows) for *_, rows in cases]
    positions = np.concatenate([rows for *_, rows in cases]) if cases else np.zeros(0, dtype=np.int64)
    panel = fits[0].values.panel
    keys = {}
    for key in panel.keys:
        values = panel.frame[key].iloc[positions]
        keys[f"excluded_{key}"] = (
            "excluded",
            values.to_numpy() if key == panel.time else values.to_numpy(dtype=object),
        )
    return xr.Dataset(
        {
            "excluded_column": ("excluded", np.repeat(np.array([c for c, *_ in cases], dtype=object), sizes)),
            "excluded_reason": (
                "excluded",
                np.repeat(np.array([r for _, r, _ in cases], dtype=object), sizes),
            ),
            **keys,
            "sample_rows": ("column", [f.rows.in_sample for f in fits]),
            "excluded_rows": ("column", [sum(map(len, f.excluded.values())) for f in fits]),
        },
        coords={"column": [f.name for f in fits]},
    )


def about(design: Design, panel: Panel) -> dict[str, str | float]:
    """Return the attributes that every result carries."""
    data = design.data or panel.data
    if "synthetic" in panel.data.lower() and "synthetic" not in data.lower():
        data = f"{panel.data}; {data}" if data else panel.data
    return {
        "title": design.title,
        "design": design.name,
        "estimator": design.estimator,
        "outcome": design.outcome,
        "outcome_label": design.outcome_label or design.outcome,
        "outcome_unit": design.outcome_unit,
        "sensitivity": design.treatment.sensitivity,
        "sensitivity_scale": design.treatment.scale,
        "treatment_label": design.treatment.label,
        "post": design.treatment.post,
        "fixed_effects": ", ".join(design.fixed_effects),
        "fixed_effects_label": ", ".join(map(design.label_of, design.fixed_effects)),
        "cluster": ", ".join(design.cluster),
        "cluster_label": ", ".join(map(design.label_of, design.cluster)),
        "controls": ", ".join(c.label or c.name for c in design.controls),
        "panel": panel.source,
        "missing_years": ", ".join(map(str, panel.missing_years)),
        "units_with_gaps": panel.units_with_gaps,
        "data": data,
    }


def _magnitudes(fits: Sequence[ColumnFit], design: Design) -> xr.Dataset:
    """Effect of one standard deviation of the sensitivity."""
    deviation = np.array([f.sensitivity_deviation() for f in fits])
    slope = np.array([f.fit.coefficient[f.fit.at(TREATMENT)] for f in fits])
    poisson = design.estimator == "PPML"
    effect = 100 * np.expm1(slope * deviation) if poisson else slope * deviation
    unit = "percent" if poisson else design.outcome_unit
    return xr.Dataset(
        {
            "sensitivity_deviation": ("column", deviation),
            "effect_of_one_deviation": ("column", effect, {"units": unit}),
        },
        coords={"column": [f.name for f in fits]},
    )
