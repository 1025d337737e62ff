"""Solve a problem and certify the result; a result that fails its certificate is an error, never numbers."""

from __future__ import annotations

import hashlib
import time
from importlib.metadata import version
from typing import Any

import numpy as np

from framework.errors import SolveError
from framework.solution import Certificate, Solution, Status
from framework.solve.newton import RESIDUAL_BOUND, STEP_BOUND, Trace
from framework.solve.problem import Problem
from framework.solve.registry import find_solver

WALRAS_BOUND = 1e-9
REPLICATION_BOUND = 1e-6  # a table balanced to its printed digits is good enough; it is reported
_BOUND_SLACK = 1e-9
_CONDITION_SIZE = 200  # unknowns up to which the conditioning is estimated from a dense Jacobian


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
        If no equilibrium was found or a check fails; the message holds the certificate.
    """
    run = find_solver(solver)
    begin = time.perf_counter()
    trace = run(problem)
    seconds = time.perf_counter() - begin
    certificate, outcomes = certify(problem, trace)
    status = trace.status
    if status is Status.SOLVED and not certificate.passed:
        status = Status.FAILED_CHECK
    if status is not Status.SOLVED:
        name = problem.system.model.name
        raise SolveError(f"model '{name}' was not solved by '{solver}': {status}\n{certificate.to_text()}")
    return Solution(outcomes, status, certificate, _provenance(problem, trace, solver, seconds))


def certify(problem: Problem, trace: Trace):
    """Check a point: residual by block, last step, Walras, replication, declared bounds."""
    certificate = Certificate()
    with np.errstate(all="ignore"):
        residual = problem.residual(trace.point)
        for name, value in problem.by_block(residual).items():
            certificate.add(f"residual of '{name}'", _finite(value), RESIDUAL_BOUND)
        certificate.add("last full step, in logs", _finite(trace.step), STEP_BOUND)
        if problem.system.walras is not None:
            certificate.add("Walras: gap of the numeraire", abs(_finite(problem.walras())), WALRAS_BOUND)
        if problem.system.model.is_hat:
            certificate.add("baseline replication", _finite(problem.replication_error()), REPLICATION_BOUND)
        outcomes = problem.outcomes(trace.point)
    for decl in problem.system.model.symbols.values():
        if decl.lower is not None and decl.key in outcomes:
            least = _finite(-float(outcomes[decl.key].min()))
            certificate.add(f"'{decl.key}' at least {decl.lower:g}", least, -decl.lower + _BOUND_SLACK)
    broken = [str(k) for k, v in outcomes.items() if not np.isfinite(v.values).all()]
    names = f": {', '.join(broken[:5])}{', ...' if len(broken) > 5 else ''}" if broken else ""
    certificate.add(f"outcomes that are not finite{names}", len(broken), 0)
    return certificate, outcomes


def _finite(value: float) -> float:
    return float(value) if np.isfinite(value) else np.inf


def conditioning(problem: Problem, solution_point: np.ndarray) -> float:
    """Condition number of the Jacobian at a point, in the infinity norm; for cores of a few hundred unknowns."""
    return float(np.linalg.cond(problem.jacobian(solution_point), np.inf))


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
        "iterations": trace.iterations,
        "evaluations": trace.evaluations,
        "products": trace.products,
        "seconds": seconds,
        "data_hash": data_hash(problem),
        "versions": {name: version(name) for name in ("numpy", "scipy", "sympy", "casadi", "xarray")},
    }


def data_hash(problem: Problem) -> str:
    """Short hash of every input value and label."""
    digest = hashlib.sha256()
    for symbol in sorted(problem.bound.values):
        digest.update(symbol.encode())
        digest.update(np.ascontiguousarray(problem.bound.values[symbol]).tobytes())
    digest.update(repr(sorted(problem.bound.labels.items())).encode())
    return digest.hexdigest()[:16]
