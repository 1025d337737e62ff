"""GMRES without a matrix: the linear solver inside Newton's method.

Own code because the caller must know what scipy's does not tell: whether the tolerance was reached, and where
progress stopped, so that a direction that is not a Newton direction is never taken for one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

Array = np.ndarray

RESTART = 120
CYCLES = 4
TINY = 1e-14
CANCELLED = 0.1  # a vector that keeps less than this share of its length is made orthogonal once more
PROGRESS = 0.1  # a whole cycle that does not reduce the residual to this share has stagnated


@dataclass(frozen=True)
class Linear:
    """Result of a linear solve.

    Attributes
    ----------
    x : array
    residual : float
        Relative residual that was reached, in the 2-norm; infinite if a product was not finite.
    products : int
    converged : bool
    """

    x: Array
    residual: float
    products: int
    converged: bool


def gmres(product: Callable[[Array], Array], b: Array, tolerance: float) -> Linear:
    """Solve ``A x = b`` to a relative residual (Saad and Schultz 1986), restarted, from zero.

    Parameters
    ----------
    product : callable
        ``v -> A v``.
    b : array, shape (n,)
    tolerance : float
    """
    scale = float(np.linalg.norm(b))
    if scale == 0.0:
        return Linear(np.zeros_like(b), 0.0, 0, True)
    x, rest, size, count = np.zeros_like(b), b, scale, 0
    for _ in range(CYCLES):
        step, reached, used = _cycle(product, rest, size, tolerance * scale)
        x, count, before = x + step, count + used, size
        size = reached
        if not np.isfinite(size) or size <= tolerance * scale or size > PROGRESS * before:
            break
        rest = b - product(x)
        count, size = count + 1, float(np.linalg.norm(rest))
    return Linear(x, size / scale, count, size <= tolerance * scale)


def _cycle(
    product: Callable[[Array], Array], b: Array, size: float, target: float
) -> tuple[Array, float, int]:
    """One Arnoldi cycle from zero: the step, the norm of the residual that it leaves, the products it took."""
    most = min(len(b), RESTART)
    basis, triangle = np.empty((most + 1, len(b))), np.zeros((most, most))
    basis[0] = b / size
    rotations: list[tuple[float, float]] = []
    right = [size]
    for k in range(most):
        w = product(basis[k])
        column = basis[: k + 1] @ w
        w = w - column @ basis[: k + 1]
        length = float(np.linalg.norm(w))
        whole = float(np.hypot(np.linalg.norm(column), length))
        if length < CANCELLED * whole:  # twice is enough for orthogonality to rounding
            part = basis[: k + 1] @ w
            column, w = column + part, w - part @ basis[: k + 1]
            length = float(np.linalg.norm(w))
        if not np.isfinite(length):
            return np.zeros_like(b), np.inf, k + 1
        entries = column.tolist()
        for j, (c, s) in enumerate(rotations):
            entries[j], entries[j + 1] = (
                c * entries[j] + s * entries[j + 1],
                c * entries[j + 1] - s * entries[j],
            )
        radius = float(np.hypot(entries[k], length))
        if radius <= TINY * whole:  # the product adds nothing: the operator is singular here
            return _combine(triangle, right, basis, k), abs(right[k]), k + 1
        c, s = entries[k] / radius, length / radius
        entries[k] = radius
        triangle[: k + 1, k] = entries
        rotations.append((c, s))
        right[k:] = [c * right[k], -s * right[k]]
        if abs(right[k + 1]) <= target or length <= TINY * whole:
            return _combine(triangle, right, basis, k + 1), abs(right[k + 1]), k + 1
        basis[k + 1] = w / length
    return _combine(triangle, right, basis, most), abs(right[most]), most


def _combine(triangle: Array, right: list[float], basis: Array, k: int) -> Array:
    """The combination of the first k basis vectors that leaves the smallest residual."""
    if not k:
        return np.zeros(basis.shape[1])
    return solve_triangular(triangle[:k, :k], np.array(right[:k])) @ basis[:k]
