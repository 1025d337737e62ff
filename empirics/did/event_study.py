"""Event studies: the effect of the sensitivity year by year, and the joint test of the years before the shock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.stats
import xarray as xr

from empirics.did.design import Design, DesignError
from empirics.did.estimate import ColumnFit, about, counts, exclusions
from empirics.did.inference import effective_clusters
from empirics.did.panel import Panel
from empirics.did.regression import ByYear, EstimationError, fit
from empirics.did.sample import Rows, Variables, frame_of, regression_of, rows_of, variables

YEAR, INTENSITY = "treatment_year", "treatment_intensity"
"""Columns of the regression's frame."""

DRAWS, SEED = 10_000, 2009
"""Simulation of the simultaneous band; the seed is fixed, so that a band is the same every time."""

FEWEST_CLUSTERS = 10
"""Effective clusters below which no verdict on the pre-trend is given."""


def term_of(year: int) -> str:
    """Name of a year's effect among the terms."""
    return f"treatment_{year}"


def estimate_event_study(design: Design, panel: Panel) -> xr.Dataset:
    """Estimate the effect of the sensitivity in every year, relative to the reference year.

    ``y_ut = sum_k beta_k * sensitivity_u * 1{t = k} + gamma' controls_ut + fixed effects + error_ut`` over all
    years k but the reference.

    Returns
    -------
    xr.Dataset
        Dims `column`, `year` and `other_year`, `bound`. ``effect``, ``standard_error``, ``p_value``,
        ``interval`` (95%, pointwise), ``band`` (95%, over all years at once) and ``covariance``: zero in the reference year by construction, NaN exactly where the column has no
        estimate of a year, ``estimated`` false. The joint test of the years before `post`:
        ``pretrend_statistic`` (Wald over the number of years, F with clusters minus one), ``pretrend_years``,
        ``pretrend_p_value``, ``effective_clusters`` and ``pretrend_verdict``, which is ``withheld`` when
        fewer than 10 clusters are effective. Counts and excluded rows as in `estimate.dataset`.

    Raises
    ------
    DataError
        The design has no event study, the reference year is absent, or a column has no estimate.
    """
    study, post = design.event_study, design.treatment.post
    if study is None or post is None:
        raise DesignError(
            f"the design '{design.name}' has no event study; add [event_study] with a reference year."
        )
    values = variables(design, panel)
    panel.require_years([study.reference], "reference year of the event study")
    columns = [c for c in design.columns if not study.columns or c.name in study.columns]
    fits = [_fit(values, rows_of(c, values, study.years), study.reference) for c in columns]
    years = sorted({y for f in fits for y in f.years})
    parts = [_one(f, years, study.reference, post) for f in fits]
    labels = {
        "column": [f.column.name for f in fits],
        "year": years,
        "other_year": years,
        "bound": ["lower", "upper"],
    }
    regressions = [f.column for f in fits]
    return (
        xr.concat(parts, dim="column")
        .assign_coords(labels)
        .assign({**counts(regressions), **exclusions(regressions)})
        .assign_attrs({**about(design, panel), "reference": study.reference, "post": post})
    )


@dataclass(frozen=True)
class _YearFit:
    column: ColumnFit
    years: list[int]


def _fit(values: Variables, rows: Rows, reference: int) -> _YearFit:
    """Run the event-study regression of one column."""
    design = values.design
    place = f"{design.name}, event study of column '{rows.column.name}'"
    years = values.panel.years_of(rows.usable)
    if reference not in years:
        raise EstimationError(
            f"{place}: no usable row is of the reference year {reference}; take one of {years}."
        )
    effects = {y: term_of(y) for y in years if y != reference}
    taken = {*effects.values(), YEAR, INTENSITY}
    if clash := [c for c in values.controls if c in taken]:
        raise DesignError(
            f"{place}: the control '{clash[0]}' has a name of the event study's own; give it another with 'as'."
        )
    by_year = ByYear(YEAR, INTENSITY, effects, reference)
    regression = regression_of(design, (*effects.values(), *values.controls), by_year)
    frame = frame_of(regression, values, rows.usable, {INTENSITY: values.intensity[rows.usable]}, place)
    result = fit(regression, frame, place)
    return _YearFit(ColumnFit(values, rows, result), years)


def _one(fitted: _YearFit, years: list[int], reference: int, post: int) -> xr.Dataset:
    """Return one column of the event study over these years."""
    result = fitted.column.fit
    effect, covariance = np.full(len(years), np.nan), np.full((len(years), len(years)), np.nan)
    interval, band, p = (
        np.full((len(years), 2), np.nan),
        np.full((len(years), 2), np.nan),
        np.full(len(years), np.nan),
    )
    known = [y for y in years if term_of(y) in result.terms]
    at, place = [result.at(term_of(y)) for y in known], [years.index(y) for y in known]
    effect[place], interval[place] = result.coefficient[at], result.interval[at]
    covariance[np.ix_(place, place)] = own = result.covariance[np.ix_(at, at)]
    reach = simultaneous_factor(own) * result.standard_error[at]
    band[place], p[place] = (
        np.stack([effect[place] - reach, effect[place] + reach], axis=1),
        result.p_value[at],
    )
    zero = years.index(reference)
    effect[zero], interval[zero], band[zero], p[zero] = 0.0, 0.0, 0.0, 1.0
    covariance[zero, [*place, zero]] = covariance[[*place, zero], zero] = 0.0
    return xr.Dataset(
        {
            "effect": ("year", effect),
            "standard_error": ("year", np.sqrt(np.diag(covariance))),
            "p_value": ("year", p),
            "interval": (("year", "bound"), interval),
            "band": (("year", "bound"), band),
            "covariance": (("year", "other_year"), covariance),
            "estimated": ("year", [y in known or y == reference for y in years]),
            **_pretrend(fitted, post),
        }
    )


def simultaneous_factor(covariance: np.ndarray) -> float:
    """Return the factor on standard errors with which a 95% band holds for all coefficients at once.

    The quantile of the largest absolute t statistic of a normal vector with this covariance (sup-t band; Montiel
    Olea and Plagborg-Moller 2019, Journal of Applied Econometrics 34), by simulation.
    """
    deviation = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(deviation, deviation))
    draws = np.random.default_rng(SEED).standard_normal((DRAWS, len(values)))
    t = np.abs(draws @ (vectors * np.sqrt(np.clip(values, 0, None))).T)
    return float(np.quantile(t.max(axis=1), 0.95))


def _pretrend(fitted: _YearFit, post: int) -> dict[str, float | int | str]:
    """Test that all effects before `post` are zero.

    The number of effective clusters is the smallest over the tested years.
    """
    result = fitted.column.fit
    at = [result.at(term_of(y)) for y in fitted.years if y < post and term_of(y) in result.terms]
    if not at:
        return {
            "pretrend_statistic": np.nan, "pretrend_years": 0, "pretrend_p_value": np.nan,
            "effective_clusters": np.nan, "pretrend_verdict": "no year before the reference",
        }  # fmt: skip
    effect, covariance = result.coefficient[at], result.covariance[np.ix_(at, at)]
    effective = float(effective_clusters(fitted.column, [result.terms[i] for i in at]).min())
    enough = effective >= FEWEST_CLUSTERS and np.linalg.matrix_rank(covariance) == len(at)
    statistic = float(effect @ np.linalg.pinv(covariance) @ effect) / len(at)
    p = float(scipy.stats.f.sf(statistic, len(at), result.clusters - 1))
    verdict = "rejected at 5%" if p < 0.05 else "not rejected at 5%"
    return {
        "pretrend_statistic": statistic,
        "pretrend_years": len(at),
        "pretrend_p_value": p if enough else np.nan,
        "effective_clusters": effective,
        "pretrend_verdict": verdict if enough else "withheld",
    }
