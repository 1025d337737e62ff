"""Inference beside the clustered standard errors, for treatments whose variance rests on few units.

A few industries carry almost all of the variance of the sensitivity, so that conventional clustered errors
mislead however many clusters there are. For every column of a table this module reports

- the cluster-jackknife standard error (CRV3), and the range of the estimate when one cluster is left out;
- permutation p-values: the sensitivity is exchanged at random between the units of assignment;
- the share of the treatment's variance that the largest units of assignment have, and the estimates without
  each of them;
- the effective number of clusters and of units of assignment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.stats
import xarray as xr
from scipy.sparse import coo_array

from empirics.did.design import TREATMENT
from empirics.did.estimate import ColumnFit, about, fit_column
from empirics.did.jackknife import leave_one_out
from empirics.did.regression import EstimationError, fit
from empirics.did.sample import Rows, frame_of

BATCH = 1 << 24
"""Numbers held at once while permutations are worked through (128 MB)."""

TIE = 1e-6
"""Relative difference below which two statistics are a tie: pyfixest's accuracy."""


def robust_inference(
    fits: Sequence[ColumnFit], track: Callable[[str], None] = lambda what: None
) -> xr.Dataset:
    """Return the inference described in the module's head, for every column.

    Parameters
    ----------
    fits : sequence of ColumnFit
        From `estimate.fit_columns`.
    track : callable
        Is told in words what comes next.

    Returns
    -------
    xr.Dataset
        By `column`: ``crv3_standard_error``, ``crv3_p_value``; ``leave_out_lowest`` and ``leave_out_highest``
        with the cluster left out in ``..._cluster``; ``permutation_p_value`` (t statistics),
        ``permutation_p_value_coefficient``; ``largest_share``, ``effective_units``, ``effective_clusters``;
        ``note`` says why a number is withheld (then it is NaN). By `column` and `rank`: ``largest_unit``,
        ``largest_unit_share``, ``estimate_without``.
    """
    design = fits[0].values.design
    asked = design.inference
    parts = []
    for column in fits:
        notes: list[str] = []
        found: dict[str, Any] = {"effective_clusters": effective_clusters(column, [TREATMENT])[0]}
        if asked.crv3:
            track(f"{column.name}: leaving out clusters")
            found |= _jackknife(column, notes)
        if asked.permutations:
            track(f"{column.name}: {asked.permutations} permutations")
            found |= _permutations(column, asked.permutations, asked.seed, notes)
        track(f"{column.name}: leaving out the largest units")
        found |= _largest(column, asked.largest, notes)
        parts.append(xr.Dataset({**found, "note": "; ".join(notes)}))
    out = xr.concat(parts, dim="column").assign_coords(column=[f.name for f in fits])
    return out.assign_attrs(
        {**about(design, fits[0].values.panel), "permutations": asked.permutations, "seed": asked.seed}
    )


def cluster_numbers(column: ColumnFit, cluster: str) -> np.ndarray:
    """Return the number of the cluster of every used row, for one way of clustering."""
    return column.values.panel.groups(cluster.split("^"), column.used)


def effective_clusters(column: ColumnFit, terms: Sequence[str]) -> np.ndarray:
    """Effective number of clusters of coefficients.

    ``G* = (sum_g v_g)^2 / sum_g v_g^2``, where v_g is the part of cluster g in the variance of the term given
    all others (Carter, Schnepel and Steigerwald 2017, Review of Economics and Statistics 99, with independent
    and equal errors). It equals the number of clusters if all parts are equal. For multi-way clusters, the
    smallest. Shape (terms,).
    """
    part = (column.fit.regressors @ column.fit.bread[:, [column.fit.at(t) for t in terms]]) ** 2
    numbers = [column.values.panel.groups(c.split("^"))[column.used] for c in column.values.design.cluster]
    return np.array([min(_effective(np.bincount(n, p)) for n in numbers) for p in part.T])


def _variance(column: ColumnFit, term: str) -> np.ndarray:
    """Return each row's squared value of a regressor given all others."""
    return (column.fit.regressors @ column.fit.bread[:, column.fit.at(term)]) ** 2


def _effective(part: np.ndarray) -> float:
    return float(part.sum() ** 2 / (part @ part))


def _jackknife(column: ColumnFit, notes: list[str]) -> dict[str, Any]:
    """CRV3 and the leave-one-cluster-out range of the treatment's coefficient."""
    nothing = {"crv3_standard_error": np.nan, "crv3_p_value": np.nan, "leave_out_lowest": np.nan,
               "leave_out_highest": np.nan, "leave_out_lowest_cluster": "", "leave_out_highest_cluster": ""}  # fmt: skip
    cluster, *others = column.values.design.cluster
    if others:
        notes.append("CRV3 is withheld: clusters are multi-way")
        return nothing
    number = cluster_numbers(column, cluster)
    at, fitted = column.fit.at(TREATMENT), column.fit
    try:
        change = leave_one_out(fitted, number)[:, at]
    except EstimationError as error:
        notes.append(f"CRV3 is withheld: {error}")
        return nothing
    first = column.values.panel.first_rows(number)
    if (lost := np.isnan(change)).any():
        notes.append(
            f"CRV3 is withheld: without {_named(column, int(first[lost][0]), cluster)} the treatment has no estimate"
        )
        return nothing
    deviation = float(np.sqrt(fitted.small_sample_factor * (change**2).sum()))
    slope = fitted.coefficient[at]
    found: dict[str, Any] = {
        "crv3_standard_error": deviation,
        "crv3_p_value": float(2 * scipy.stats.t.sf(abs(slope) / deviation, fitted.clusters - 1)),
    }
    for side, g in (("lowest", int(change.argmin())), ("highest", int(change.argmax()))):
        # One step of Newton's method is no estimate: under PPML the two extremes are estimated again.
        exact = fitted.regression.estimator == "OLS"
        found[f"leave_out_{side}"] = slope + change[g] if exact else estimate_without(column, number == g)
        found[f"leave_out_{side}_cluster"] = _named(column, int(first[g]), cluster)
    return found


def _named(column: ColumnFit, row: int, cluster: str) -> str:
    panel = column.values.panel
    return ", ".join(panel.label_at(part, column.used[row]) for part in cluster.split("^"))


def estimate_without(column: ColumnFit, left_out: np.ndarray) -> float:
    """Estimate the treatment's coefficient again without some of the used rows; NaN if there is none."""
    rows = Rows(column.rows.column, column.used[~left_out], {}, int((~left_out).sum()))
    try:
        result = fit_column(column.values, rows).fit
    except EstimationError:
        return float("nan")
    return float(result.coefficient[result.at(TREATMENT)])


def _largest(column: ColumnFit, most: int, notes: list[str]) -> dict[str, Any]:
    """Share of the largest units of assignment in the treatment's variance, and estimates without each."""
    unit, first = column.assignments()
    part = np.bincount(unit, _variance(column, TREATMENT))
    order = np.argsort(-part, kind="stable")[: min(most, len(part))]
    names, without = np.full(most, "", dtype=object), np.full(most, np.nan)
    share = np.zeros(most)
    for rank, u in enumerate(order):
        names[rank] = _named(column, int(first[u]), "^".join(column.values.design.assigned_to))
        share[rank] = part[u] / part.sum()
        without[rank] = estimate_without(column, unit == u)
        if np.isnan(without[rank]):
            notes.append(f"without {names[rank]} the treatment has no estimate")
    return {
        "effective_units": _effective(part),
        "largest_share": float(share.sum()),
        "largest_unit": ("rank", names),
        "largest_unit_share": ("rank", share),
        "estimate_without": ("rank", without),
    }


def _permutations(column: ColumnFit, draws: int, seed: int, notes: list[str]) -> dict[str, Any]:
    """Permutation p-values of the treatment, by the cluster-robust score t statistic and by the coefficient.

    The regression without the treatment is estimated once. For an assignment x, with fixed effects and controls
    taken out in that regression's weights, the coefficient is ``x'e / x'x`` and the t statistic is
    ``x'e / sqrt(sum_g (x_g'e_g)^2)``, e being its residuals: exact for OLS, the score test for PPML. The
    p-value is the share of assignments, the true one included, with a statistic at least as large.
    """
    withheld = {"permutation_p_value": np.nan, "permutation_p_value_coefficient": np.nan}
    if not column.values.design.treatment.sensitivity:
        notes.append("permutations are withheld: the treatment has no sensitivity that could be exchanged")
        return withheld
    table, row, unit = _assignment_table(column)
    if np.isnan(table).any():
        notes.append(
            "permutations are withheld: the sensitivity differs within "
            f"{', '.join(column.values.design.assigned_to)}, and the panel lacks some of the combinations"
        )
        return withheld
    regression = column.fit.regression.without(TREATMENT)
    place = f"{column.name} without treatment"
    null = fit(regression, frame_of(regression, column.values, column.used, {}, place), place)
    number = cluster_numbers(column, next(iter(column.values.design.cluster)))[null.kept]
    row, unit, post = row[null.kept], unit[null.kept], column.values.active[column.used][null.kept]
    sums = coo_array((np.ones(len(number)), (number, np.arange(len(number))))).tocsr()
    root, residual, controls = np.sqrt(null.weights)[:, None], null.residual[:, None], null.regressors
    random = np.random.default_rng(seed)
    orders = [np.arange(table.shape[1]), *(random.permutation(table.shape[1]) for _ in range(draws))]
    size = max(1, BATCH // len(number))
    t, slope = [], []
    for start in range(0, len(orders), size):
        x = np.stack([table[row, order[unit]] * post for order in orders[start : start + size]], axis=1)
        x = null.without_effects(x) * root
        if controls.shape[1]:
            x -= controls @ np.linalg.lstsq(controls, x, rcond=None)[0]
        scores = sums @ (x * residual)
        total, spread = scores.sum(axis=0), np.sqrt((scores**2).sum(axis=0))
        t.append(np.divide(total, spread, out=np.zeros_like(total), where=spread > 0))
        size_x = (x**2).sum(axis=0)
        slope.append(np.divide(total, size_x, out=np.zeros_like(total), where=size_x > 0))
    return {
        "permutation_p_value": _share_as_large(np.concatenate(t)),
        "permutation_p_value_coefficient": _share_as_large(np.concatenate(slope)),
    }


def _share_as_large(statistic: np.ndarray) -> float:
    """Share of the statistics that are at least as large as the first, which is the true one."""
    size = np.abs(statistic)
    return float((size >= size[0] * (1 - TIE)).mean())


def _assignment_table(column: ColumnFit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the sensitivity by rest of the unit and unit of assignment, and both numbers for every used row.

    If the sensitivity is the same throughout a unit of assignment there is one row only.
    """
    panel, design = column.values.panel, column.values.design
    unit, first = column.assignments()
    sensitivity = column.values.intensity[column.used]
    if np.array_equal(sensitivity[first][unit], sensitivity):
        return sensitivity[first][None, :], np.zeros(len(unit), dtype=np.int64), unit
    row = panel.groups([k for k in panel.unit if k not in design.assigned_to], column.used)
    table = np.full((row.max() + 1, unit.max() + 1), np.nan)
    table[row, unit] = sensitivity
    return table, row, unit
