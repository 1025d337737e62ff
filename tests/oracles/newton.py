"""Damped Newton iteration with a complex-step Jacobian, exact to rounding for analytic numpy residuals."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Residual = Callable[[NDArray], NDArray]


class OracleError(RuntimeError):
    """An oracle did not reach its tolerance, or its input lies outside the model's domain."""


def jacobian(residual: Residual, point: Vector) -> Vector:
    """Return the (equations, unknowns) Jacobian of ``residual`` at ``point`` by the complex step."""
    step = 1e-30
    columns = []
    for k in range(point.size):
        shifted = point.astype(complex)
        shifted[k] += 1j * step
        columns.append(np.imag(residual(shifted)) / step)
    return np.stack(columns, axis=1)


def _norm(values: NDArray) -> float:
    return float(np.max(np.abs(values))) if np.all(np.isfinite(values)) else np.inf


def newton(residual: Residual, start: Vector, *, tolerance: float = 1e-12, iterations: int = 80) -> Vector:
    """Solve ``residual(u) = 0`` in log unknowns and polish until the Newton step stops shrinking.

    Parameters
    ----------
    residual
        Analytic map of n unknowns into n scaled residuals; called with real and with complex vectors.
    start
        Finite starting point, shape (n,).
    tolerance
        Largest scaled residual and largest last Newton step that count as solved.

    Raises
    ------
    OracleError
        No convergence; the message holds the residual and the last step.
    """
    point, value = start.copy(), residual(start)
    last = np.inf
    with np.errstate(all="ignore"):
        for _ in range(iterations):
            try:
                full = np.linalg.solve(jacobian(residual, point), -value)
            except np.linalg.LinAlgError as error:
                raise OracleError(f"singular Jacobian at residual {_norm(value):.1e}") from error
            size = _norm(full)
            if not np.isfinite(size):
                break
            if size < tolerance and (size >= 0.5 * last or size < 1e-15):
                if _norm(value) < tolerance:
                    return point
                break
            last = size
            length = min(1.0, 1.0 / size)
            while _norm(trial := residual(point + length * full)) > 10 * max(_norm(value), 1e-3):
                length /= 2
                if length < 1e-6:
                    raise OracleError(f"no acceptable step at residual {_norm(value):.1e}")
            point, value = point + length * full, trial
    raise OracleError(f"no convergence: residual {_norm(value):.1e}, last Newton step {last:.1e}")


def follow(residual_at: Callable[[float], Residual], start: Vector) -> Vector:
    """Solve ``residual_at(1.0)``, moving there from the solution of ``residual_at(0.0)`` in 1, 4, 16 or 64 steps."""
    failure: OracleError | None = None
    for steps in (1, 4, 16, 64):
        point = start
        try:
            for k in range(1, steps + 1):
                point = newton(residual_at(k / steps), point)
            return point
        except OracleError as error:
            failure = error
    raise OracleError(f"homotopy with 64 steps failed: {failure}")
