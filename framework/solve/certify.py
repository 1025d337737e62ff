"""Solve a problem and certify the result; a result that fails its certificate is an error, never numbers."""

from __future__ import annotations

import time
import warnings

import numpy as np
import xarray as xr

from framework.errors import DataError, SolveError
from framework.solution import Certificate, Solution, Status
from framework.solve import outcomes
from framework.solve.balance import identity_gaps
from framework.solve.conditioning import CONDITION_BOUND, conditioning
from framework.solve.diagnose import not_finite
from framework.solve.failure import AT_LEAST, CREATED, why_not_solved
from framework.solve.newton import RESIDUAL_BOUND, STEP_BOUND, Trace, full_step, newton
from framework.solve.problem import Problem
from framework.solve.provenance import provenance
from framework.solve.regimes import by_label, check_baseline, check_sides, regimes, sides
from framework.solve.registry import Solver, find_solver
from framework.solve.stability import CHECK, STABLE, best_responses
from framework.symbols import Kind
from framework.usual import UnusualValue, warned

IDENTITY_BOUND = 1e-8
WALRAS_BOUND = 1e-9
REPLICATION_BOUND = 1e-6  # a table balanced to its printed digits is good enough; it is reported
_ROUNDING = 10.0  # the gap of the budgets that a replication error of one explains
BOUND_SLACK = 1e-9  # relative to the baseline


def solve(problem: Problem, solver: str = "newton") -> Solution:
    """Solve and certify.

    Parameters
    ----------
    problem : Problem
        From ``compile_model(model).bind(data, shocks)``.
    solver : str
        Name of a registered solver.

    Returns
    -------
    Solution

    Warns
    -----
    UnusualValue
        Data or shocks are likely in another unit, such as a tariff in percent.

    Raises
    ------
    DataError
        If the data are not an equilibrium before the shock.
    SolveError
        If no equilibrium was found, or if a check fails; the message holds the certificate.
    """
    run = find_solver(solver)
    _check_replication(problem)
    problem.core  # noqa: B018 - made now: its time is no time of the solver
    begin = time.perf_counter()
    trace = run_solver(problem, run, solver)
    about = provenance(problem, trace, solver, time.perf_counter() - begin)
    for sentence in about["warnings"]:
        warnings.warn(sentence, UnusualValue, stacklevel=2)
    certificate, found = certify(problem, trace, step_is_newton=run is newton)
    status = trace.status
    if status is Status.SOLVED and not certificate.passed:
        status = Status.FAILED_CHECK
    if status is not Status.SOLVED:
        lost = _without_value(found)
        raise SolveError(why_not_solved(problem, trace, status, certificate, solver, lost), certificate)
    binding = regimes(problem, sides(problem, trace.point))
    if binding:
        about["complementarity"] = by_label(binding)
    return Solution(found, status, certificate, about, problem, trace.point, binding)


def run_solver(problem: Problem, run: Solver, solver: str) -> Trace:
    """Run a solver that may be anybody's: what it returns must be a trace with a finite point of the right shape.

    Raises
    ------
    SolveError
        If it raises, or returns anything else, or gives the problem other data.
    """
    given = dict(problem.bound.values)
    who = f"solver '{solver}' on model '{problem.system.model.name}'"
    try:
        trace = run(problem)
    except (Exception, SystemExit) as error:
        raise SolveError(f"{who}: {Status.FAILED}: {type(error).__name__}: {error}") from error
    if not isinstance(trace, Trace):
        raise SolveError(f"{who} returned a {type(trace).__name__}; it must return a framework.solve.Trace")
    if problem.bound.values.keys() != given.keys() or any(
        problem.bound.values[s] is not given[s] for s in given
    ):
        raise SolveError(f"{who} changed the data of the problem; they are not a solver's to change")
    try:
        point = np.asarray(trace.point)
        if np.iscomplexobj(point):
            raise TypeError
        trace.point = point.astype(float)
    except (TypeError, ValueError):
        raise SolveError(
            f"{who} returned a point that is not an array of real numbers: {trace.point!r}"
        ) from None
    if trace.point.shape != (problem.size,):
        raise SolveError(
            f"{who} returned a point of shape {trace.point.shape}; the problem has {problem.size} unknowns, "
            "laid out as problem.start"
        )
    if not all(
        isinstance(k, (int, np.integer)) and k >= 0
        for k in (trace.iterations, trace.evaluations, trace.products)
    ):
        raise SolveError(f"{who} returned counts of its work that are not whole numbers")
    if not isinstance(trace.note, str) or not isinstance(trace.rung, str):
        raise SolveError(f"{who} returned a note or a rung that is not text")
    if not isinstance(trace.status, Status):
        raise SolveError(f"{who} returned the status {trace.status!r}; it must be a framework.Status")
    if trace.status is Status.SOLVED and not np.isfinite(trace.point).all():
        raise SolveError(f"{who} called a point solved that is not finite")
    return trace


def certify(
    problem: Problem, trace: Trace, *, step_is_newton: bool = False
) -> tuple[Certificate, xr.Dataset]:
    """Check a point: residual by block, Newton step, Walras, replication, declared bounds; return its outcomes.

    The step of a solver that is not known to be Newton's method says nothing, so one is taken here.
    """
    certificate, model = Certificate(), problem.system.model
    with np.errstate(all="ignore"):
        step = trace.step if step_is_newton else full_step(problem, trace.point)
        residual = problem.residual(trace.point)
        for name, value in problem.by_block(residual).items():
            certificate.add(f"residual of '{name}'", _finite(value), RESIDUAL_BOUND)
        certificate.add("last full step, in logs", _finite(step), STEP_BOUND)
        gap = abs(_finite(problem.walras()))
        replication = _finite(replication_error(problem)) if model.is_hat else 0.0
        if problem.system.walras is not None:
            # Budgets that are off by the rounding of the table before the shock are so after it.
            certificate.add("Walras: gap of the numeraire", gap, max(WALRAS_BOUND, _ROUNDING * replication))
        if model.is_hat:
            certificate.add("baseline replication", replication, REPLICATION_BOUND)
        if trace.status is Status.SOLVED:
            certificate.add("conditioning, estimated", conditioning(problem, trace.point), CONDITION_BOUND)
            for about in model.adjustments.values() if model.is_hat else ():
                found_at = best_responses(problem, trace.point, about)
                stable = found_at.eigenvalue < STABLE
                certificate.add(f"{about.what}: {CHECK}", _finite(found_at.eigenvalue), STABLE, stable)
        problem.release()  # what follows is evaluated by numpy, once
        for name, gap in identity_gaps(problem, trace.point).items():
            certificate.add(f"theorem '{name}'", _finite(gap), IDENTITY_BOUND)
        check_sides(problem, sides(problem, trace.point), certificate)
        for what, size in outcomes.created(problem, trace.point) if model.is_hat else ():
            certificate.add(f"{what}{CREATED}", _finite(size), 0.0, False)
        values = outcomes.variables(problem, trace.point)
        _check_bounds(problem, values, certificate)
    found = outcomes.label(problem, {**values, **outcomes.given(problem)})
    certificate.add("outcomes that are not finite", len(_without_value(found)), 0)
    return certificate, found


def _without_value(found: xr.Dataset) -> list[str]:
    return [str(k) for k, v in found.items() if not np.isfinite(v.values).all()]


def _check_bounds(problem: Problem, values: dict[str, np.ndarray], certificate: Certificate) -> None:
    """Compare every variable with its bound; rounding is forgiven in proportion to the baseline.

    That what is positive stays so is listed where it does not.
    """
    model = problem.system.model
    bounded = [d for d in model.of_kind(Kind.VARIABLE) if d.least is not None and values[d.symbol].size]
    levels = [d.symbol for d in bounded if d.role == "new"]
    start = problem.unshocked
    before = outcomes.variables(start, start.start, levels) if levels else {}
    by_unit: dict[str, float] = {}  # in levels, which know no baseline: the largest in each unit
    known = {**problem.bound.values, **values} if not model.is_hat else {}
    for decl in (model.symbols[s] for s in known):
        most = float(np.abs(known[decl.symbol]).max(initial=0.0))
        by_unit[decl.unit] = max(most, by_unit.get(decl.unit, 0.0))
    for decl in bounded:
        assert decl.least is not None
        least = float(np.min(values[decl.symbol]))
        scale = max(
            1.0, by_unit.get(decl.unit, 0.0), float(np.abs(before.get(decl.symbol, np.zeros(1))).max())
        )
        passed = bool(least >= decl.least - BOUND_SLACK * scale)
        if decl.lower is not None or least < 0:
            certificate.add(f"'{decl.key}'{AT_LEAST}", _finite(least), decl.least, passed)


def _finite(value: float) -> float:
    return float(value) if np.isfinite(value) else np.inf


# ---- baseline ------------------------------------------------------------------------------------


def replication_error(problem: Problem) -> float:
    """Largest residual of the baseline itself, where nothing is shocked.

    A level quantity that is unknown may have no baseline value in the data; then the baseline is solved, and
    the error is how far its ratios are from one.
    """
    before = problem.unshocked
    if before.has_known_start:
        return before.start_gap
    trace = newton(before)
    if trace.status is not Status.SOLVED:
        return np.inf
    ratios = [trace.point[where] for group, where, _ in before.slices() if group.declaration.positive]
    return float(np.abs(np.concatenate(ratios or [np.zeros(1)])).max())


def _check_replication(problem: Problem) -> None:
    """Refuse data that are not an equilibrium without the shock, before anything is solved."""
    if not problem.system.model.is_hat:
        return
    before, name = problem.unshocked, problem.system.model.name
    if not np.isfinite(before.start_gap):
        lost = not_finite(before, before.start)
        raise DataError(f"model '{name}' has no value at the baseline: {lost}; correct the data there")
    if before.has_known_start:
        check_baseline(before)
    if before.has_known_start and not before.start_gap <= REPLICATION_BOUND:
        raise DataError(
            f"the data are not an equilibrium of model '{name}' without the shock: the largest residual is "
            f"{before.start_gap:.3g} in {before.largest(before.start_residual)} (bound {REPLICATION_BOUND:g}); "
            f"balance the data, see calibration.check_baseline{warned(problem)}"
        )
