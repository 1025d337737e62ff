"""Newton's method in logs with matrix-free GMRES, and the ladder of rescues when it fails.

Safeguards that were measured to matter: log unknowns; relative residuals; steps are shortened only where the
residual becomes non-finite or grows a thousandfold (a strictly monotone search fails on flat forms); a point
is accepted only if the residual *and* the last full step are small, because near autarky a small residual
alone allows wages that are wrong by 5-20%.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lu_factor, lu_solve
from scipy.sparse.linalg import LinearOperator, gmres

from framework.solution import Status
from framework.solve.problem import Problem

Array = np.ndarray

RESIDUAL_BOUND = 1e-10
STEP_BOUND = 1e-7
_GROWTH = 1e3
_DENSE = 600  # unknowns up to which a dense Jacobian is a sensible rescue


@dataclass
class Trace:
    """What a solver did.

    Attributes
    ----------
    point : array
        Last unknowns.
    status : Status
    residual, step : float
        Largest scaled residual and the largest entry of the last full Newton step.
    iterations, evaluations, products : int
    rung : str
        The rung of the ladder that reached the point.
    """

    point: Array
    status: Status
    residual: float = np.inf
    step: float = np.inf
    iterations: int = 0
    evaluations: int = 0
    products: int = 0
    rung: str = "newton"

    def add_work(self, other: Trace) -> None:
        """Count the work of an earlier attempt as well."""
        self.iterations += other.iterations
        self.evaluations += other.evaluations
        self.products += other.products


@dataclass(frozen=True)
class Options:
    """How one Newton attempt goes about it."""

    iterations: int = 50
    forcing: float = 1e-2  # loosest relative tolerance of a linear solve
    longest: float = np.inf  # longest step, in logs
    dense: bool = False


def newton(problem: Problem) -> Trace:
    """Solve from the start values; on failure climb the ladder: tight, short steps, dense, homotopy."""
    spent = Trace(problem.start, Status.NOT_STARTED)
    for rung, attempt in _ladder(problem):
        trace = attempt()
        trace.add_work(spent)
        trace.rung = rung
        if trace.status is Status.SOLVED:
            return trace
        spent = trace
    return spent


def _ladder(problem: Problem) -> Iterator[tuple]:
    start = problem.start
    yield "newton", lambda: iterate(problem, start, Options())
    yield "newton, tight GMRES", lambda: iterate(problem, start, Options(forcing=1e-10))
    yield "newton, short steps", lambda: iterate(problem, start, Options(150, 1e-10, 0.3))
    if problem.size <= _DENSE:
        yield "newton, dense LU", lambda: iterate(problem, start, Options(150, longest=1.0, dense=True))
    for parts in (4, 16):
        yield f"homotopy in {parts} steps", lambda parts=parts: _homotopy(problem, parts)


def _homotopy(problem: Problem, parts: int) -> Trace:
    """Follow the solution while the log shock grows from nothing."""
    point, spent = problem.start, Trace(problem.start, Status.NOT_STARTED)
    for k in range(1, parts + 1):
        here = problem if k == parts else problem.part(k / parts)
        dense = problem.size <= _DENSE
        trace = iterate(here, point, Options(80, 1e-10, 2.0, dense))
        trace.add_work(spent)
        if trace.status is not Status.SOLVED:
            return trace
        point, spent = trace.point, trace
    return spent


def iterate(problem: Problem, start: Array, options: Options) -> Trace:
    """One Newton run from a point."""
    trace = Trace(start, Status.NO_CONVERGENCE)
    with np.errstate(all="ignore"):  # a non-finite residual is met by a shorter step
        u, f = start, problem.residual(start)
        trace.evaluations += 1
        if not np.isfinite(f).all():
            trace.status = Status.BAD_START
            return trace
        size, forcing = _norm(f), options.forcing
        if not problem.size:
            return Trace(u, Status.SOLVED, 0.0, 0.0)
        signs = None
        for _ in range(options.iterations):
            product = problem.linearise()
            signs = _signs(problem, product, trace) if signs is None else signs
            step = _direction(problem, product, f, signs, forcing, options, trace)
            if not np.isfinite(step).all():
                trace.status = Status.SINGULAR
                return trace
            u, f, taken = _advance(problem, u, f, step, options, trace)
            trace.iterations += 1
            new = _norm(f)
            trace.point, trace.residual, trace.step = u, new, _norm(step)
            if taken == 0.0:
                trace.status = Status.NON_FINITE
                return trace
            if new < RESIDUAL_BOUND and taken == 1.0 and trace.step < STEP_BOUND:
                trace.status = Status.SOLVED
                return trace
            forcing = min(options.forcing, max(1e-12, 0.9 * (new / size) ** 2)) if size > 0 else 1e-12
            # the step that certifies a point must be accurate itself
            forcing = min(forcing, 1e-6) if new < 1e-6 else forcing
            size = new
    return trace


def _advance(problem: Problem, u: Array, f: Array, step: Array, options: Options, trace: Trace):
    """Take the step, shortened only where the residual is non-finite or grows a thousandfold."""
    length = min(1.0, options.longest / max(_norm(step), 1e-300))
    limit = _GROWTH * max(_norm(f), RESIDUAL_BOUND)
    for _ in range(40):
        point = u + length * step
        value = problem.residual(point)
        trace.evaluations += 1
        if np.isfinite(value).all() and _norm(value) <= limit:
            return point, value, length
        length /= 2
    problem.residual(u)
    return u, f, 0.0


def _direction(
    problem: Problem, product, f: Array, signs: Array, forcing: float, options: Options, trace: Trace
):
    """Solve ``J step = -f``."""
    n = problem.size
    if options.dense:
        jacobian = np.column_stack([product(e) for e in np.eye(n)])
        trace.products += n
        try:
            return lu_solve(lu_factor(jacobian, check_finite=True), -f)
        except (ValueError, np.linalg.LinAlgError):
            return np.full(n, np.nan)

    def signed(v: Array) -> Array:
        trace.products += 1
        return signs * product(np.ravel(v))

    operator = LinearOperator((n, n), matvec=signed, dtype=float)
    step, _ = gmres(operator, -signs * f, rtol=forcing, atol=0.0, restart=min(n, 120), maxiter=4)
    return step


def _signs(problem: Problem, product, trace: Trace) -> Array:
    """Sign of each paired diagonal block: with a positive diagonal GMRES does not stagnate."""
    signs = np.ones(problem.size)
    for a, b in zip(problem.offsets[:-1], problem.offsets[1:], strict=True):
        direction = np.zeros(problem.size)
        direction[a:b] = 1.0
        trace.products += 1
        if product(direction)[a:b].sum() < 0:
            signs[a:b] = -1.0
    return signs


def _norm(v: Array) -> float:
    return float(np.abs(v).max(initial=0.0))
