"""Solve a problem and certify the result; a result that fails its certificate is an error, never numbers."""

from __future__ import annotations

import hashlib
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import xarray as xr

from framework.errors import SolveError
from framework.solution import Certificate, Check, Solution, Status
from framework.solve import outcomes
from framework.solve.conditioning import CONDITION_BOUND, conditioning, undetermined
from framework.solve.diagnose import not_finite
from framework.solve.newton import RESIDUAL_BOUND, STEP_BOUND, Trace, full_step, newton
from framework.solve.problem import Problem
from framework.solve.registry import find_solver
from framework.symbols import Kind

WALRAS_BOUND = 1e-9
REPLICATION_BOUND = 1e-6  # a table balanced to its printed digits is good enough; it is reported
_BOUND_SLACK = 1e-9  # relative to the baseline
_AT_LEAST = " at least its bound"
_PACKAGES = ("numpy", "scipy", "sympy", "casadi", "xarray")


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

    Raises
    ------
    SolveError
        If the data are not an equilibrium before the shock, if no equilibrium was found, or if a check fails;
        the message holds the certificate.
    """
    run = find_solver(solver)
    _check_replication(problem)
    begin = time.perf_counter()
    trace = _run(problem, run, solver)
    seconds = time.perf_counter() - begin
    certificate, found = certify(problem, trace, step_is_newton=run is newton)
    status = trace.status
    if status is Status.SOLVED and not certificate.passed:
        status = Status.FAILED_CHECK
    if status is not Status.SOLVED:
        raise SolveError(_why(problem, trace, status, certificate, solver))
    return Solution(found, status, certificate, _provenance(problem, trace, solver, seconds))


def _run(problem: Problem, run, solver: str) -> Trace:
    """Run a solver that may be anybody's: what it returns must be a trace with a finite point of the right shape."""
    who = f"solver '{solver}' on model '{problem.system.model.name}'"
    try:
        trace = run(problem)
    except Exception as error:
        raise SolveError(f"{who}: {Status.FAILED}: {type(error).__name__}: {error}") from error
    if not isinstance(trace, Trace):
        raise SolveError(f"{who} returned a {type(trace).__name__}; it must return a framework.solve.Trace")
    try:
        trace.point = np.array(trace.point, dtype=float)
    except (TypeError, ValueError):
        raise SolveError(f"{who} returned a point that is not an array of numbers: {trace.point!r}") from None
    if trace.point.shape != (problem.size,):
        raise SolveError(
            f"{who} returned a point of shape {trace.point.shape}; the problem has {problem.size} unknowns, "
            "laid out as problem.start"
        )
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
        if problem.system.walras is not None:
            certificate.add("Walras: gap of the numeraire", abs(_finite(problem.walras())), WALRAS_BOUND)
        if model.is_hat:
            certificate.add("baseline replication", _finite(replication_error(problem)), REPLICATION_BOUND)
        certificate.add("conditioning, estimated", conditioning(problem, trace.point), CONDITION_BOUND)
        values = outcomes.variables(problem, trace.point)
        _check_bounds(problem, values, certificate)
    found = outcomes.label(problem, {**values, **outcomes.given(problem)})
    broken = [str(k) for k, v in found.items() if not np.isfinite(v.values).all()]
    names = f": {', '.join(broken[:5])}{', ...' if len(broken) > 5 else ''}" if broken else ""
    certificate.add(f"outcomes that are not finite{names}", len(broken), 0)
    return certificate, found


def _check_bounds(problem: Problem, values: dict[str, np.ndarray], certificate: Certificate) -> None:
    """Compare every variable that has a bound with it; rounding is forgiven in proportion to the baseline."""
    model = problem.system.model
    bounded = [d for d in model.of_kind(Kind.VARIABLE) if d.lower is not None and values[d.symbol].size]
    start = problem.unshocked
    before = outcomes.variables(start, start.start, [d.symbol for d in bounded]) if model.is_hat else {}
    for decl in bounded:
        assert decl.lower is not None
        least = float(np.min(values[decl.symbol]))
        scale = max(1.0, float(np.abs(before.get(decl.symbol, np.zeros(1))).max()))
        passed = bool(least >= decl.lower - _BOUND_SLACK * scale)
        certificate.add(f"'{decl.key}'{_AT_LEAST}", _finite(least), decl.lower, passed)


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
        return float(np.abs(before.residual(before.start)).max(initial=0.0))
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
    with np.errstate(all="ignore"):
        residual = before.residual(before.start)
    if lost := not_finite(before, before.start):
        raise SolveError(f"model '{name}' has no value at the baseline: {lost}; correct the data there")
    if before.has_known_start and not np.abs(residual).max(initial=0.0) <= REPLICATION_BOUND:
        raise SolveError(
            f"the data are not an equilibrium of model '{name}' without the shock: the largest residual is "
            f"{np.abs(residual).max():.3g} in {before.largest(residual)} (bound {REPLICATION_BOUND:g}); "
            "balance the data, see calibration.check_baseline"
        )


# ---- messages ------------------------------------------------------------------------------------


def _why(problem: Problem, trace: Trace, status: Status, certificate: Certificate, solver: str) -> str:
    """The message of a failed solve: what happened, what was asked, how far it got, the certificate."""
    lines = [f"model '{problem.system.model.name}' was not solved by '{solver}': {status}"]
    if status is Status.BAD_START and (lost := not_finite(problem, trace.point)):
        lines.append(f"  {lost}")
    for check in certificate.checks:
        if status is Status.FAILED_CHECK and not check.passed:
            lines += _in_words(problem, trace, check)
    if asked := _asked(problem):
        lines.append(f"  asked: {asked}")
    lines += [f"  {trace.note}"] if trace.note else []
    return "\n".join([*lines, certificate.to_text()])


def _in_words(problem: Problem, trace: Trace, check: Check) -> list[str]:
    """What a failed check means and what to do, where that can be said."""
    if check.name.endswith(_AT_LEAST):
        key = check.name.removesuffix(_AT_LEAST)
        return [
            f"  {key} would be {check.value:.6g}, but it must not be below {check.bound:g}: "
            "no economy within its bounds can reach what was asked; ask for less"
        ]
    if check.name.startswith("conditioning"):
        free = undetermined(problem, trace.point)
        return [
            f"  the Jacobian is singular at the solution{f': {free} may move' if free else ''}; an equation is missing "
            "or redundant, or the model needs model.numeraire(...)"
        ]
    if check.name.startswith("Walras"):
        return ["  the budgets do not add up: an income or a tax revenue is forgotten or counted twice"]
    return []


def _asked(problem: Problem) -> str:
    """The shocks in words."""
    symbols = problem.system.model.symbols
    words = []
    for symbol, (old, new) in problem.shocked().items():
        change = np.abs(new - old)
        at = problem.bound.at(
            symbols[symbol], [int(k) for k in np.unravel_index(change.argmax(), change.shape)]
        )
        most = " at most" if change.size > 1 else ""
        cell = np.unravel_index(change.argmax(), change.shape)
        words.append(f"'{symbols[symbol].key}' from {old[cell]:.6g} to {new[cell]:.6g}{at}{most}")
    return "; ".join(words[:4]) + ("; ..." if len(words) > 4 else "")


# ---- provenance ----------------------------------------------------------------------------------


def _provenance(problem: Problem, trace: Trace, solver: str, seconds: float) -> dict[str, Any]:
    model = problem.system.model
    return {
        "model": model.name,
        "variants": dict(model.chosen),
        "closure": {
            model.symbols[freed].key: model.symbols[fixed].key
            for freed, fixed in model.swaps.items()
            if freed in model.symbols and fixed in model.symbols
        },
        "elements": dict(problem.bound.elements),
        "solver": solver,
        "rung": trace.rung,
        "unknowns": problem.size,
        "iterations": int(trace.iterations),
        "evaluations": int(trace.evaluations),
        "products": int(trace.products),
        "seconds": float(seconds),
        "bind_seconds": float(problem.seconds),
        "build_seconds": getattr(problem.system, "seconds", None),
        "memory_bytes": int(problem.program.nbytes),
        "data_hash": data_hash(problem),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Versions of Python, of exacthat and of the libraries that a result depends on."""
    out = {"python": platform.python_version()}
    for name in ("exacthat", *_PACKAGES):
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            out[name] = "not installed"
    return out


def data_hash(problem: Problem) -> str:
    """Short hash of every input value and label."""
    digest = hashlib.sha256()
    for symbol in sorted(problem.bound.values):
        digest.update(symbol.encode())
        digest.update(np.ascontiguousarray(problem.bound.values[symbol]).tobytes())
    labels = {root: [str(n) for n in names] for root, names in problem.bound.labels.items()}
    digest.update(repr(sorted(labels.items())).encode())
    return digest.hexdigest()[:16]
