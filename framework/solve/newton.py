"""Newton's method in logs with matrix-free GMRES, and the ladder of rescues when it fails.

Safeguards that were measured to matter: log unknowns; relative residuals; steps are shortened only where the
residual becomes non-finite or grows a thousandfold (a strictly monotone search fails on flat forms); a point
is accepted only if the residual *and* the last full step are small, because near autarky a small residual
alone allows wages that are wrong by 5-20%. That step must solve its linear system, and accurately: where GMRES
stagnates, or stops early, it returns a short vector that is not a Newton step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from framework.solution import Status
from framework.solve import krylov
from framework.solve.compiled import newton_in_c
from framework.solve.cores import CCore
from framework.solve.krylov import Linear, gmres
from framework.solve.problem import Problem

Array = np.ndarray

RESIDUAL_BOUND = 1e-10
STEP_BOUND = 1e-7
DENSE = 600  # unknowns up to which a dense Jacobian is a sensible rescue
_GROWTH = 1e3
_ACCURATE = 1e-6  # relative tolerance of the linear solve whose step certifies a point,
_LEFT = 1e-14  # unless it leaves less of the residual than this
_HALVINGS = 40
_TIGHTLY, _SHORTLY, _LU = "newton, tight GMRES", "newton, short steps", "newton, dense LU"
_FROM_START = (_TIGHTLY, _SHORTLY, _LU)
_TIGHT = 1e-10
_SHORTEST = 1 / 256  # of the shock, in a homotopy
_PATIENCE = 20  # iterations in which the smallest residual so far must fall by a tenth
_ENDLESS = 1e10  # a step in logs that only a Jacobian that is singular to rounding can give


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
        Newton steps, residuals and Jacobian-vector products, those of failed attempts included.
    unsolved : int
        Linear solves that missed their tolerance.
    rung : str
        The rung of the ladder that reached the point.
    note : str
        How far a failed solve got, or what is to be known of the point, in words.
    """

    point: Array
    status: Status
    residual: float = np.inf
    step: float = np.inf
    iterations: int = 0
    evaluations: int = 0
    products: int = 0
    unsolved: int = 0
    rung: str = ""
    note: str = ""

    def add_work(self, other: Trace) -> None:
        """Count the work of an earlier attempt as well."""
        self.iterations += other.iterations
        self.evaluations += other.evaluations
        self.products += other.products
        self.unsolved += other.unsolved


@dataclass(frozen=True)
class Options:
    """How one Newton attempt goes about it."""

    iterations: int = 50
    forcing: float = 0.1  # loosest relative tolerance of a linear solve
    longest: float = np.inf  # longest step, in logs
    dense: bool = False


def newton(problem: Problem) -> Trace:
    """Solve from the start values; on failure climb the ladder: tight, short steps, dense, homotopy, arclength."""
    spent = Trace(problem.start, Status.NOT_STARTED)
    for rung, attempt in _ladder(problem):
        if rung == _LU and not spent.unsolved:
            continue  # GMRES gave the directions that LU would give
        if rung in _FROM_START and spent.status is Status.BAD_START:
            continue  # the shock is too large for a step from the baseline
        trace = attempt()
        trace.add_work(spent)
        trace.rung = rung
        if trace.status is Status.SOLVED:
            return trace
        spent = trace
    return spent


def _ladder(problem: Problem) -> Iterator[tuple[str, Callable[[], Trace]]]:
    start = problem.start
    yield "newton", lambda: iterate(problem, start, Options())
    yield _TIGHTLY, lambda: iterate(problem, start, Options(forcing=_TIGHT))
    yield _SHORTLY, lambda: iterate(problem, start, Options(150, _TIGHT, 0.3))
    if problem.size <= DENSE:
        yield _LU, lambda: iterate(problem, start, Options(150, longest=1.0, dense=True))
    if problem.system.model.is_hat and problem.shocked():
        from framework.solve.continuation import around_folds  # it iterates with this module

        yield "homotopy", lambda: homotopy(problem)
        yield "pseudo-arclength continuation", lambda: around_folds(problem)


def homotopy(problem: Problem) -> Trace:
    """Follow the solution while the log shock grows from nothing, in 4 steps, or 16, 64, ... where it must be."""
    options = Options(12, _TIGHT, 1.0)
    spent, at, stride = Trace(problem.start, Status.NOT_STARTED), 0.0, 0.25
    point = problem.start
    while True:
        here = problem if at + stride >= 1 else problem.part(at + stride)
        trace = iterate(here, point, options)
        if trace.status is Status.STAGNATION and problem.size <= DENSE:
            trace = _after(trace, iterate(here, point, replace(options, dense=True)))
        spent = _after(spent, trace)
        if trace.status is not Status.SOLVED:
            stride /= 4
            if stride < _SHORTEST:
                return replace(spent, status=Status.PATH_END)
        elif here is problem:
            return spent
        else:
            point, at, stride = trace.point, at + stride, min(2 * stride, 0.25)


def _after(first: Trace, second: Trace) -> Trace:
    second.add_work(first)
    return second


def iterate(problem: Problem, start: Array, options: Options) -> Trace:
    """One Newton run from a point."""
    if isinstance(problem.core, CCore) and not options.dense:
        return _iterate_in_c(problem, problem.core, start, options)
    trace = Trace(start, Status.NO_CONVERGENCE)
    with np.errstate(all="ignore"):  # a non-finite residual is met by a shorter step
        u, f = start, _evaluate(problem, start, trace)
        trace.residual = _norm(f)
        if not np.isfinite(f).all():
            trace.status = Status.BAD_START
            return trace
        if not problem.size:
            trace.status, trace.step = Status.SOLVED, 0.0
            return trace
        forcing, signs, best = options.forcing, np.ones(0), [np.inf]
        for _ in range(options.iterations):
            best.append(min(best[-1], trace.residual))
            if len(best) > _PATIENCE and best[-1] > 0.9 * best[-_PATIENCE]:
                return trace
            size = trace.residual
            product = problem.linearise()
            signs = signs if signs.size else paired_signs(problem, product, trace)
            direction = _direction(problem, product, f, signs, forcing, options, trace)
            trace.step = _norm(direction.x)
            if not trace.step < _ENDLESS:
                trace.status = Status.SINGULAR
                return trace
            if direction.residual > 0.99:
                trace.status = Status.STAGNATION
                return trace
            u, f, taken = _advance(problem, u, f, direction.x, options, trace)
            trace.iterations += 1
            trace.point, trace.residual = u, _norm(f)
            if taken == 0.0:
                trace.status = Status.NON_FINITE
                return trace
            small = trace.residual < RESIDUAL_BOUND and trace.step < STEP_BOUND
            if small and taken == 1.0 and direction.converged and forcing <= _certifying(size):
                trace.status = Status.SOLVED
                return trace
            forcing = _next_forcing(options.forcing, trace.residual, size)
    return trace


def _iterate_in_c(problem: Problem, core: CCore, start: Array, options: Options) -> Trace:
    """The same in C, step by step; see `gmres_newton.c`."""
    done = newton_in_c(
        core, problem.offsets, start, restart=min(krylov.RESTART, problem.size), cycles=krylov.CYCLES,
        iterations=options.iterations, halvings=_HALVINGS, patience=_PATIENCE, tiny=krylov.TINY,
        progress=krylov.PROGRESS, cancelled=krylov.CANCELLED, forcing=options.forcing, longest=options.longest, growth=_GROWTH,
        accurate=_ACCURATE, left=_LEFT, endless=_ENDLESS, residual_bound=RESIDUAL_BOUND, step_bound=STEP_BOUND,
    )  # fmt: skip
    return Trace(
        done.point, Status[done.status], done.residual, done.step, done.taken, done.evaluations, done.products,
        done.unsolved,
    )  # fmt: skip


def _certifying(residual: float) -> float:
    """Relative tolerance of a linear solve whose step certifies a point, given the residual before that step."""
    return max(_ACCURATE, _LEFT / max(residual, 1e-300))


def _next_forcing(loosest: float, new: float, old: float) -> float:
    """Relative tolerance of the next linear solve (Eisenstat and Walker 1996, choice 2).

    It is never tighter than the step that certifies a point needs, nor than brings the residual below the bound
    of that step, which has to follow and goes as far again (Kelley 1995, section 6.3).
    """
    forcing = _certifying(new)
    if new >= _ACCURATE and old > 0:
        forcing = max(forcing, 0.9 * (new / old) ** 2, 0.1 * STEP_BOUND / new)
    return min(loosest, forcing)


def _evaluate(problem: Problem, u: Array, trace: Trace) -> Array:
    trace.evaluations += 1
    return problem.residual(u)


def _advance(problem: Problem, u: Array, f: Array, step: Array, options: Options, trace: Trace):
    """Take the step, shortened only where the residual is non-finite or grows a thousandfold."""
    length = min(1.0, options.longest / max(_norm(step), 1e-300))
    limit = _GROWTH * max(_norm(f), RESIDUAL_BOUND)
    for _ in range(_HALVINGS):
        point = u + length * step
        value = _evaluate(problem, point, trace)
        if np.isfinite(value).all() and _norm(value) <= limit:
            return point, value, length
        length /= 2
    return u, f, 0.0


def _direction(
    problem: Problem, product, f: Array, signs: Array, forcing: float, options: Options, trace: Trace
) -> Linear:
    """Solve ``J step = -f``."""
    if options.dense:
        trace.products += problem.size
        return _dense(problem, product, f)
    found = gmres(lambda v: signs * product(v), -signs * f, forcing)
    trace.products += found.products
    trace.unsolved += not found.converged
    return found


def _dense(problem: Problem, product, f: Array) -> Linear:
    jacobian = np.column_stack([product(e) for e in np.eye(problem.size)])
    try:
        return Linear(np.linalg.solve(jacobian, -f), 0.0, problem.size, True)
    except np.linalg.LinAlgError:
        return Linear(np.full(problem.size, np.nan), np.inf, problem.size, False)


def paired_signs(problem: Problem, product, trace: Trace) -> Array:
    """Sign of each paired diagonal block: with a positive diagonal GMRES does not stagnate."""
    signs = np.ones(problem.size)
    for _, where, _ in problem.slices():
        direction = np.zeros(problem.size)
        direction[where] = 1.0
        trace.products += 1
        if product(direction)[where].sum() < 0:
            signs[where] = -1.0
    return signs


def full_step(problem: Problem, u: Array) -> float:
    """Largest entry of the Newton step at a point: what a further iteration would change, in logs."""
    if not problem.size:
        return 0.0
    trace = Trace(u, Status.NOT_STARTED)
    with np.errstate(all="ignore"):
        f = problem.residual(u)
        product = problem.linearise()
        found = _direction(
            problem, product, f, paired_signs(problem, product, trace), _ACCURATE, Options(), trace
        )
        if not found.converged and problem.size <= DENSE:
            found = _dense(problem, product, f)
    return _norm(found.x) if found.converged and np.isfinite(found.x).all() else np.inf


def _norm(v: Array) -> float:
    return float(np.abs(v).max(initial=0.0))
