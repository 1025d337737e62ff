"""How well determined an equilibrium is: the condition number of the Jacobian at the solution, estimated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse.linalg import LinearOperator, tfqmr

from framework.solve.krylov import gmres
from framework.solve.newton import DENSE

if TYPE_CHECKING:
    from framework.solve.problem import Problem

CONDITION_BOUND = 1e12  # beyond it a residual of 1e-10 says nothing about the unknowns
_TOLERANCE = 1e-6
_PRODUCTS = 100  # of TFQMR before GMRES is tried


def conditioning(problem: Problem, u: np.ndarray) -> float:
    """Estimate the condition number at a point from below, at the cost of one accurate linear solve.

    The right side is random: a singular Jacobian cannot reach most of them, however consistent the model's own
    residual is (a missing numeraire). TFQMR (Freund 1993) takes as many products as GMRES here and keeps no basis; what
    it cannot solve is left to GMRES. Where that does not succeed, small cores get the exact number in the 2-norm, and
    large ones infinity.
    """
    if not problem.size:
        return 1.0
    problem.residual(u)
    product = problem.linearise()
    b = np.random.default_rng(0).standard_normal(problem.size)
    size = np.linalg.norm
    operator = LinearOperator((problem.size, problem.size), matvec=product, dtype=float)
    x, _ = tfqmr(operator, b, rtol=_TOLERANCE, maxiter=_PRODUCTS)
    if not size(product(x) - b) <= _TOLERANCE * size(b):
        found = gmres(product, b, _TOLERANCE)
        x = found.x if found.converged else None
    if x is not None:
        stretch = max(size(product(b)) / size(b), size(b) / size(x))
        return float(stretch * size(x) / size(b))
    if problem.size > DENSE or not np.isfinite(jacobian := problem.jacobian(u)).all():
        return float("inf")
    return float(np.linalg.cond(jacobian))


def undetermined(problem: Problem, u: np.ndarray) -> str:
    """The unknowns that can move together without violating any equation, by key; empty for large cores."""
    if not 0 < problem.size <= DENSE or not np.isfinite(jacobian := problem.jacobian(u)).all():
        return ""
    _, _, right = np.linalg.svd(jacobian)
    free = np.abs(right[-1])
    keys = [g.declaration.key for g, where, _ in problem.slices() if free[where].max() > 0.1 * free.max()]
    return ", ".join(f"'{key}'" for key in keys)
