"""One regression by pyfixest, with what it left out: the only place that touches pyfixest's model objects."""

from __future__ import annotations

import keyword
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyfixest as pf
from pyfixest.core.demean import demean as pyfixest_demean
from pyfixest.core.detect_singletons import detect_singletons

from empirics.did.design import DesignError
from framework.errors import DataError

#: Of pyfixest's warnings, those that a `Fit` reports as counts and lists.
REPORTED = re.compile(
    r"singleton fixed effect|removed because of separation|dropped due to multicollinearity"
)


class EstimationError(DataError):
    """A regression has no result: nothing to estimate from, collinearity, or no convergence."""


@dataclass(frozen=True)
class ByYear:
    """An intensity with an effect in every year but one, as pyfixest's ``i(year, intensity, ref=reference)``.

    Attributes
    ----------
    year, intensity : str
        Columns: a whole number, and a number.
    effects : dict of int to str
        Name of the effect among the terms, by year.
    reference : int
    """

    year: str
    intensity: str
    effects: Mapping[int, str]
    reference: int


@dataclass(frozen=True)
class Regression:
    """A regression equation: the outcome, the regressors, the fixed effects, the clusters, the estimator.

    Attributes
    ----------
    outcome : str
    terms : tuple of str
        Regressors.
    fixed_effects, cluster : tuple of str
        Columns, or columns joined by ``^``.
    estimator : {"OLS", "PPML"}
    separation : tuple of str
        Checks of pyfixest's `fepois`.
    offset : str, optional
        Column that enters the index of PPML with the coefficient one, for instance the log of an exposure.
    by_year : ByYear, optional
        Where the terms that are effects by year come from.
    """

    outcome: str
    terms: tuple[str, ...]
    fixed_effects: tuple[str, ...]
    cluster: tuple[str, ...]
    estimator: str
    separation: tuple[str, ...] = ("fe",)
    offset: str | None = None
    by_year: ByYear | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns with numbers: the outcome, the regressors that are columns, the offset, the intensity."""
        effects = set(self.by_year.effects.values()) if self.by_year else set()
        return (
            self.outcome,
            *(t for t in self.terms if t not in effects),
            *([self.offset] if self.offset else []),
            *([self.by_year.intensity] if self.by_year else []),
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Columns with labels: the parts of fixed effects and clusters."""
        parts = [c for e in (*self.fixed_effects, *self.cluster) for c in e.split("^")]
        return tuple(dict.fromkeys(parts))

    def without(self, *terms: str) -> Regression:
        """Return the same equation without some regressors."""
        return replace(self, terms=tuple(t for t in self.terms if t not in terms))


@dataclass(frozen=True)
class Fit:
    """Result of a regression.

    Attributes
    ----------
    model
        pyfixest's model, for anything that is not here.
    terms : tuple of str
        Estimated regressors (k of them).
    collinear : tuple of str
        Regressors that were dropped because they are collinear with others or with the fixed effects.
    coefficient, standard_error, t_statistic, p_value : np.ndarray
        Shape (k,).
    covariance : np.ndarray
        Shape (k, k).
    interval : np.ndarray
        95% confidence bounds, shape (k, 2).
    observations : int
    clusters : int
        Of multi-way clusters, the smallest number.
    kept, singletons, separated : np.ndarray
        Positions of rows in the frame: used, and left out for either reason.
    """

    regression: Regression
    model: Any
    terms: tuple[str, ...]
    collinear: tuple[str, ...]
    coefficient: np.ndarray
    standard_error: np.ndarray
    t_statistic: np.ndarray
    p_value: np.ndarray
    covariance: np.ndarray
    interval: np.ndarray
    observations: int
    clusters: int
    kept: np.ndarray
    singletons: np.ndarray
    separated: np.ndarray

    def at(self, term: str) -> int:
        """Return the position of a term among the estimated ones."""
        return self.terms.index(term)

    @property
    def regressors(self) -> np.ndarray:
        """Regressors without fixed effects, times the root of the weight, shape (observations, k)."""
        return self.model._X

    @property
    def bread(self) -> np.ndarray:
        """Inverse of the cross products of `regressors`, shape (k, k)."""
        return np.linalg.inv(self.model._hessian)

    @property
    def residual(self) -> np.ndarray:
        """Residual, times the root of the weight; under PPML that of the last weighted least squares."""
        return np.asarray(self.model._u_hat, dtype=float).ravel()

    @property
    def weights(self) -> np.ndarray:
        """Weights of the last weighted least squares, the fitted means under PPML; one under OLS."""
        return np.asarray(self.model._weights, dtype=float).ravel()

    @property
    def effects(self) -> np.ndarray:
        """Number of the group of every fixed effect, shape (observations, number of fixed effects)."""
        return np.asarray(self.model._fe, dtype=np.int64).reshape(self.observations, -1)

    @property
    def small_sample_factor(self) -> float:
        """Factor G/(G-1) (N-1)/(N-k) of pyfixest on the clustered covariance."""
        return float(np.ravel(self.model._ssc)[0])

    def without_effects(self, columns: np.ndarray) -> np.ndarray:
        """Return columns over the used rows with the fixed effects taken out, weighted by `weights`."""
        effects = self.effects.astype(np.uint64)
        out, converged = pyfixest_demean(np.asfortranarray(columns, dtype=float), effects, self.weights)
        if not converged:
            raise EstimationError(
                "the fixed effects could not be taken out of a column; the panel is nearly disconnected."
            )
        return out


def fit(regression: Regression, frame: pd.DataFrame, place: str) -> Fit:
    """Estimate a regression on a frame that has all its columns, without missing values.

    Parameters
    ----------
    regression : Regression
    frame : pd.DataFrame
        Numbers as floats, labels as text.
    place : str
        What is estimated, for messages.

    Raises
    ------
    EstimationError
        All rows are left out, fewer than two clusters remain, every regressor is collinear, or PPML does not
        converge.
    """
    names = _aliases(regression)
    # A copy on write: pyfixest adds columns of its own.
    frame = frame.rename(columns=names).reset_index(drop=True)
    _require_two_clusters(regression, frame, names, place)
    cluster = _add_clusters(regression, frame, names)
    rows = len(frame)
    originals = {v: k for k, v in names.items()}
    right = " + ".join(_right_side(regression, names, originals)) or "1"
    effects = " + ".join("^".join(names[c] for c in e.split("^")) for e in regression.fixed_effects)
    options: dict[str, Any] = {"copy_data": False, "vcov": {"CRV1": cluster}}
    estimate: Any = pf.feols
    if regression.estimator == "PPML":
        estimate, options["separation_check"] = pf.fepois, [*regression.separation]
        options["offset"] = names[regression.offset] if regression.offset else None
    with _reported_warnings():
        try:
            model: Any = estimate(f"{names[regression.outcome]} ~ {right} | {effects}", frame, **options)
        except (ValueError, TypeError, ZeroDivisionError, IndexError, np.linalg.LinAlgError) as error:
            raise EstimationError(f"{place}: {_explained(error, regression)}") from error
    return _result(regression, model, originals, rows, place)


def require_company(regression: Regression, groups: np.ndarray, usable: np.ndarray, place: str) -> None:
    """Raise if pyfixest would leave out every row as a singleton, or under PPML as separated: it aborts then.

    Parameters
    ----------
    groups : np.ndarray
        Number of the group of every row in every fixed effect, shape (rows, fixed effects).
    usable : np.ndarray of bool
        Rows that can be estimated from: all under OLS, those with a positive outcome under PPML.

    Raises
    ------
    EstimationError
    """
    if (usable & ~detect_singletons(groups)).any():
        return
    if not usable.any():
        raise EstimationError(
            f"{place}: nothing is left to estimate from: the outcome '{regression.outcome}' is positive in none of the "
            f"{len(usable):,} rows, and PPML leaves out groups that are zero throughout; widen the sample or correct the outcome."
        )
    positive = " with a positive outcome" if regression.estimator == "PPML" else ""
    raise EstimationError(
        f"{place}: nothing is left to estimate from: every row{positive} is the only one of its group in "
        f"{' or '.join(regression.fixed_effects)}; widen the sample."
    )


def _right_side(regression: Regression, names: Mapping[str, str], originals: dict[str, str]) -> list[str]:
    """Return the regressors of pyfixest's formula; add its names of effects by year to `originals`."""
    by_year = regression.by_year
    plain = [names[t] for t in regression.terms if t in names]
    if by_year is None:
        return plain
    year, intensity = names[by_year.year], names[by_year.intensity]
    originals |= {f"{year}::{y}:{intensity}": effect for y, effect in by_year.effects.items()}
    return [f"i({year}, {intensity}, ref={by_year.reference})", *plain]


def _result(regression: Regression, model: Any, originals: Mapping[str, str], rows: int, place: str) -> Fit:
    """Read pyfixest's model."""
    if regression.estimator == "PPML" and not model.convergence:
        raise EstimationError(
            f"{place}: PPML did not converge in {model.maxiter} steps; look for separated observations "
            "(separation = ['fe', 'ir']) or regressors of very different size."
        )
    clusters = int(np.min(model._G)) if len(model._G) else 0
    if regression.terms and clusters < 2:
        raise EstimationError(_one_cluster(place, " + ".join(regression.cluster)))
    kept = model._data.index.to_numpy()
    out = np.ones(rows, dtype=bool)
    out[kept] = False
    is_separated = np.zeros(rows, dtype=bool)
    is_separated[np.asarray(model.na_index, dtype=np.int64)] = True
    k = len(model._coefnames)
    return Fit(
        regression=regression,
        model=model,
        terms=tuple(originals[str(c)] for c in model._coefnames),
        collinear=tuple(originals[str(c)] for c in getattr(model, "_collin_vars", ())),
        coefficient=np.asarray(model._beta_hat, dtype=float),
        standard_error=np.asarray(model._se, dtype=float),
        t_statistic=np.asarray(model._tstat, dtype=float),
        p_value=np.asarray(model._pvalue, dtype=float),
        covariance=np.asarray(model._vcov, dtype=float),
        interval=np.asarray(model._conf_int, dtype=float).T.reshape(k, 2),
        observations=int(model._N),
        clusters=clusters,
        kept=kept,
        singletons=np.flatnonzero(out & ~is_separated),
        separated=np.flatnonzero(is_separated),
    )


def _aliases(regression: Regression) -> dict[str, str]:
    """Return a name for every column that pyfixest's formulas can hold: its own wherever possible."""
    taken: set[str] = {e.replace("^", "_") for e in (*regression.fixed_effects, *regression.cluster)}
    names: dict[str, str] = {}
    for label in regression.labels:
        names[label] = _alias(label, set() if label in taken else taken | set(names.values()))
    for column in (*regression.columns, *([regression.by_year.year] if regression.by_year else [])):
        if column in names:
            raise DesignError(
                f"'{column}' is a number and a label at once: an outcome or control, and part of a fixed "
                "effect or cluster; leave one out."
            )
        names[column] = _alias(column, taken | set(names.values()))
    return names


def _alias(name: str, taken: set[str]) -> str:
    fine = re.sub(r"\W", "_", name, flags=re.ASCII)
    fine = fine if re.match(r"[A-Za-z]", fine) and not keyword.iskeyword(fine) else f"c_{fine}"
    while fine in taken:
        fine += "_"
    return fine


def _add_clusters(regression: Regression, frame: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Add the columns of joined clusters that are not fixed effects too; return pyfixest's name of the cluster."""
    made = {"_".join(names[c] for c in e.split("^")) for e in regression.fixed_effects if "^" in e}
    found = []
    for cluster in regression.cluster:
        parts = [names[c] for c in cluster.split("^")]
        joined = "_".join(parts)
        if len(parts) > 1 and joined not in made:
            frame[joined] = frame.groupby(parts, sort=False).ngroup()
        found.append(joined)
    return "+".join(found)


def _require_two_clusters(
    regression: Regression, frame: pd.DataFrame, names: Mapping[str, str], place: str
) -> None:
    for cluster in regression.cluster:
        columns = [frame[names[c]].array for c in cluster.split("^")]
        # The ends of a panel in order differ, so that it is seldom compared as a whole.
        if all(c[0] == c[-1] and (c == c[0]).all() for c in columns):
            raise EstimationError(_one_cluster(place, cluster))


def _one_cluster(place: str, cluster: str) -> str:
    return (
        f"{place}: the sample has 1 cluster of '{cluster}', and a clustered standard error needs two; widen the "
        "sample or cluster by something finer."
    )


@contextmanager
def _reported_warnings() -> Iterator[None]:
    """Keep back the warnings whose content a `Fit` reports, and those about pandas' next version."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for w in caught:
        about_versions = issubclass(
            w.category, DeprecationWarning | FutureWarning | PendingDeprecationWarning
        )
        if not (about_versions or REPORTED.search(str(w.message))):
            warnings.warn_explicit(w.message, w.category, w.filename, w.lineno)


def _explained(error: Exception, regression: Regression) -> str:
    """Say what an error of pyfixest means for the design."""
    text = " ".join(str(error).split())
    if "collinear" in text:
        return (
            f"every regressor ({', '.join(_short(regression.terms))}) is collinear with the fixed effects "
            f"{' and '.join(regression.fixed_effects)}, so nothing can be estimated: does the sample have years "
            "on both sides of the shock, and units of different sensitivity?"
        )
    if "SVD did not converge" in text or isinstance(error, ZeroDivisionError):
        return (
            "no result, because after leaving out singletons and separated rows there is only one cluster of "
            f"'{' + '.join(regression.cluster)}'; widen the sample or cluster by something finer."
        )
    if "weakly positive" in text:
        return (
            f"the outcome '{regression.outcome}' is negative somewhere, and PPML needs zero or more; use OLS."
        )
    return (
        "no result, because after leaving out singletons and separated rows too little is left to estimate from "
        f"({text})."
    )


def _short(names: Sequence[str], most: int = 4) -> list[str]:
    return [*names[:most], *(["..."] if len(names) > most else [])]
