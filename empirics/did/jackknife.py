"""What leaving out one cluster does to the coefficients, without running the regressions again.

With all regressors Z (the estimated ones and the dummies of the fixed effects), removing the rows of cluster g
changes the coefficients by ``-(Z'Z)^-1 Z_g' (I - H_g)^-1 u_g``, where ``H_g = Z_g (Z'Z)^-1 Z_g'`` and u are the
residuals: exact for least squares (MacKinnon, Nielsen and Webb 2023, Journal of Applied Econometrics 38,
equation 14), and the first Newton step for PPML, whose last weighted least squares takes the place of the
regression. By the Frisch-Waugh theorem the estimated regressors may stand in Z without the fixed effects.
Fixed effects within clusters leave each cluster on its own; those that clusters share, as region by year,
link the clusters, and are solved for component by component.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from empirics.did.regression import EstimationError, Fit

LARGEST_COMPONENT = 2500
"""Groups of shared fixed effects that may hang together: beyond, the dense solution takes minutes."""

SINGULAR = 1e-5
"""Eigenvalue of I - H_g below which a direction of the rows of g is explained by g alone. It is above the
accuracy with which pyfixest takes fixed effects out (1e-6)."""


def leave_one_out(fit: Fit, cluster: np.ndarray) -> np.ndarray:
    """Return the change of every coefficient when one cluster is left out.

    Parameters
    ----------
    fit : Fit
    cluster : np.ndarray
        Number of the cluster of every used row, 0 to G - 1.

    Returns
    -------
    np.ndarray
        Shape (G, k). NaN where a coefficient is not identified without that cluster.

    Raises
    ------
    EstimationError
        Too many groups of fixed effects hang together for this method.
    """
    x, u, root, bread = fit.regressors, fit.residual, np.sqrt(fit.weights), fit.bread
    change = np.empty((int(cluster.max()) + 1, x.shape[1]))
    for component in _components(fit.effects, cluster, root):
        inverse = np.linalg.pinv(component.gram(), rcond=1e-10, hermitian=True) if component.size else None
        for g, rows, columns, dummies in component.clusters:
            hat = x[rows] @ bread @ x[rows].T
            if inverse is not None:
                hat += dummies @ inverse[np.ix_(columns, columns)] @ dummies.T
            change[g] = _change(x[rows] @ bread, np.eye(len(rows)) - hat, u[rows])
    return change


def _change(influence: np.ndarray, remainder: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """Return ``-influence' remainder^-1 residual``, NaN for coefficients that hang on a singular direction."""
    values, vectors = np.linalg.eigh(remainder)
    fine = values > SINGULAR
    change = -(influence.T @ vectors[:, fine]) @ ((vectors[:, fine].T @ residual) / values[fine])
    alone = np.abs(influence.T @ vectors[:, ~fine]).max(axis=1, initial=0.0)
    return np.where(alone > SINGULAR * np.abs(influence).max(axis=0, initial=0.0), np.nan, change)


@dataclass(frozen=True)
class _Component:
    """Clusters that share fixed effects: number, rows, columns and dummies of each."""

    size: int
    clusters: list[tuple[int, np.ndarray, np.ndarray, np.ndarray]]

    def gram(self) -> np.ndarray:
        out = np.zeros((self.size, self.size))
        for _, _, columns, dummies in self.clusters:
            out[np.ix_(columns, columns)] += dummies.T @ dummies
        return out


def _components(effects: np.ndarray, cluster: np.ndarray, root: np.ndarray) -> Iterator[_Component]:
    """Split the clusters into sets that share no fixed effect."""
    levels = np.stack([np.unique(e, return_inverse=True)[1] for e in effects.T], axis=1)
    nested = np.array([_is_nested(e, cluster) for e in levels.T], dtype=bool)
    own, shared = levels[:, nested], levels[:, ~nested]
    shared = (
        shared
        + np.concatenate([[0], np.cumsum(shared.max(axis=0, initial=-1) + 1)[:-1]]).astype(int)[
            : shared.shape[1]
        ]
    )
    clusters, groups = int(cluster.max()) + 1, int(shared.max(initial=-1)) + 1
    links = coo_array(
        (np.ones(shared.size), (np.repeat(cluster, shared.shape[1]), clusters + shared.ravel())),
        shape=(clusters + groups, clusters + groups),
    )
    member = connected_components(links, directed=False)[1]
    order = np.argsort(cluster, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(cluster))[:-1])
    by_component = np.argsort(member[:clusters], kind="stable")
    for members in np.split(by_component, np.flatnonzero(np.diff(member[:clusters][by_component])) + 1):
        columns = np.unique(np.concatenate([shared[rows[g]].ravel() for g in members]))
        if len(columns) > LARGEST_COMPONENT:
            raise EstimationError(
                f"{len(columns):,} groups of fixed effects hang together across clusters, more than {LARGEST_COMPONENT:,}"
            )
        yield _Component(
            len(columns), [(int(g), rows[g], *_dummies(own, shared, columns, rows[g], root)) for g in members]
        )


def _dummies(
    own: np.ndarray, shared: np.ndarray, columns: np.ndarray, rows: np.ndarray, root: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns and the weighted dummies of the shared effects of one cluster, its own effects taken out."""
    here, place = np.unique(shared[rows], return_inverse=True)
    dummies = np.zeros((len(rows), len(here)))
    for one in place.reshape(shared[rows].shape).T:
        dummies[np.arange(len(rows)), one] = root[rows]
    for one in own[rows].T if len(here) else ():
        if np.ptp(one) == 0:
            r = root[rows]
            dummies = dummies - np.outer(r, r @ dummies) / (r @ r)
        else:
            dummies = _without(own[rows], root[rows], dummies)
            break
    return np.searchsorted(columns, here), dummies


def _without(own: np.ndarray, root: np.ndarray, dummies: np.ndarray) -> np.ndarray:
    """Take several groups of own effects out of the dummies."""
    basis = np.concatenate([(e[:, None] == np.unique(e)) * root[:, None] for e in own.T], axis=1)
    return dummies - basis @ np.linalg.lstsq(basis, dummies, rcond=None)[0]


def _is_nested(level: np.ndarray, cluster: np.ndarray) -> bool:
    """Return True if every group of a fixed effect is within one cluster."""
    first = np.zeros(int(level.max()) + 1, dtype=cluster.dtype)
    first[level] = cluster
    return bool((first[level] == cluster).all())
