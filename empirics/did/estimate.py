"""Estimate every column of a design, and return the table as a labelled dataset."""

from __future__ import annotations

from collections.abc import Sequence
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
        unit = self.values.panel.groups(self.values.design.assigned_to, self.used)
        return unit, self.values.panel.first_rows(unit)

    def deviation(self) -> float:
        """Standard deviation of the scaled sensitivity over the units of assignment, each counted once.

        Where the sensitivity differs within a unit of assignment, over the panel's units; of a treatment
        variable, over the used rows.
        """
        intensity = self.values.intensity[self.used]
        if self.values.design.treatment.sensitivity:
            unit, first = self.assignments()
            if not np.array_equal(intensity[first][unit], intensity):
                first = self.values.panel.first_rows(
                    self.values.panel.groups(self.values.panel.unit, self.used)
                )
            intensity = intensity[first]
        return float(np.std(intensity, ddof=1)) if len(intensity) > 1 else 0.0


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
    treatment = values.intensity[rows.usable] * values.active[rows.usable]
    result = fit(regression, frame_of(regression, values, rows.usable, {TREATMENT: treatment}, place), place)
    if TREATMENT in result.collinear:
        raise EstimationError(
            f"{place}: the treatment is collinear with the fixed effects and controls, so it has no estimate; "
            f"does '{design.treatment.column}' differ between units within the groups of the fixed effects?"
        )
    return ColumnFit(values, rows, result)


def estimate_table(design: Design, panel: Panel) -> xr.Dataset:
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
        ``treatment_deviation`` and ``effect_of_one_deviation`` (in units of the outcome under OLS, percent
        under PPML). Every excluded row is listed along dim `excluded`: ``excluded_column``,
        ``excluded_reason`` and its key. Attributes say what was estimated and on what data.
    """
    terms = list(fits[0].fit.regression.terms)
    return xr.Dataset(
        {**_coefficients(fits, terms), **counts(fits), **_magnitudes(fits), **exclusions(fits)},
        coords={
            "column": [f.name for f in fits],
            "term": terms,
            "other_term": terms,
            "bound": ["lower", "upper"],
        },
        attrs=about(fits[0].values.design, fits[0].values.panel),
    )


def counts(fits: Sequence[ColumnFit]) -> dict[str, tuple[str, list[int]]]:
    """Return the numbers of rows and clusters of every column, as variables of a dataset."""
    return {
        "observations": ("column", [f.fit.observations for f in fits]),
        "clusters": ("column", [f.fit.clusters for f in fits]),
        "singletons": ("column", [len(f.fit.singletons) for f in fits]),
        "separated": ("column", [len(f.fit.separated) for f in fits]),
        "sample_rows": ("column", [f.rows.in_sample for f in fits]),
        "excluded_rows": ("column", [sum(map(len, f.excluded.values())) for f in fits]),
    }


def exclusions(fits: Sequence[ColumnFit]) -> dict[str, tuple[str, np.ndarray]]:
    """List the rows of each column's sample that its regression does not use: column, reason and key."""
    cases = [(f.name, reason, rows) for f in fits for reason, rows in f.excluded.items()]
    sizes = [len(rows) for *_, rows in cases]
    rows = np.concatenate([np.zeros(0, dtype=np.int64), *(rows for *_, rows in cases)])
    panel = fits[0].values.panel
    listed = {
        "column": np.repeat(np.array([c for c, *_ in cases], dtype=object), sizes),
        "reason": np.repeat(np.array([r for _, r, _ in cases], dtype=object), sizes),
    }
    for key in panel.unit:
        codes, labels = panel.labels(key)
        listed[key] = labels[codes[rows]]
    listed[panel.time] = panel.years[rows]
    return {f"excluded_{name}": ("excluded", values) for name, values in listed.items()}


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
        "treatment": treatment_in_words(design),
        "treatment_label": design.treatment.name,
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


def treatment_in_words(design: Design) -> str:
    """Say what the treatment is: ``sensitivity times 0.01, from 2010 on``."""
    treatment = design.treatment
    scaled = treatment.column + (f" times {treatment.scale:g}" if treatment.scale != 1 else "")
    return f"{scaled}, from {treatment.post} on" if treatment.sensitivity else scaled


def _coefficients(
    fits: Sequence[ColumnFit], terms: list[str]
) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Coefficients and covariances over all terms; NaN where a term was dropped."""
    n, k = len(fits), len(terms)
    vectors = {
        name: np.full((n, k), np.nan) for name in ("coefficient", "standard_error", "t_statistic", "p_value")
    }
    covariance, interval = np.full((n, k, k), np.nan), np.full((n, k, 2), np.nan)
    collinear = np.zeros((n, k), dtype=bool)
    for i, result in enumerate(f.fit for f in fits):
        at = [terms.index(t) for t in result.terms]
        for name, array in vectors.items():
            array[i, at] = getattr(result, name)
        covariance[i][np.ix_(at, at)] = result.covariance
        interval[i, at] = result.interval
        collinear[i] = [t in result.collinear for t in terms]
    return {
        **{name: (("column", "term"), array) for name, array in vectors.items()},
        "interval": (("column", "term", "bound"), interval),
        "covariance": (("column", "term", "other_term"), covariance),
        "collinear": (("column", "term"), collinear),
    }


def _magnitudes(
    fits: Sequence[ColumnFit],
) -> dict[str, tuple[str, np.ndarray] | tuple[str, np.ndarray, dict]]:
    """Effect of one standard deviation of the sensitivity."""
    design = fits[0].values.design
    deviation = np.array([f.deviation() for f in fits])
    slope = np.array([f.fit.coefficient[f.fit.at(TREATMENT)] for f in fits])
    poisson = design.estimator == "PPML"
    effect = 100 * np.expm1(slope * deviation) if poisson else slope * deviation
    unit = "percent" if poisson else design.outcome_unit
    return {
        "treatment_deviation": ("column", deviation),
        "effect_of_one_deviation": ("column", effect, {"units": unit}),
    }
