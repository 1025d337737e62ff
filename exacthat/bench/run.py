"""Run solvers on shocks to one model and judge each answer by the certified solution."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from exacthat.bench import shocks as shock
from exacthat.bench.process import Outcome, SolverProcess, Task
from exacthat.bench.reference import Reference, distance, reference
from exacthat.library import load_model
from framework import Problem, ScenarioError, Status, System, compile_model, hat
from framework.errors import did_you_mean
from framework.solve import SOLVERS
from framework.solve.certify import certify
from framework.solve.registry import find_solver

OURS = "newton"
RIGHT = 1e-6  # largest difference from the certified solution, in logs
DEFAULT_LIMIT = 60.0  # seconds


@dataclass(frozen=True)
class Row:
    """One solver under one shock.

    Attributes
    ----------
    solver, shock : str
    seconds : float or None
        Median wall time of a solve; None where it did not end.
    iterations : int or None
        By the solver's own count; its evaluations of the residual where it does not tell.
    residual : float or None
        Largest scaled residual at the point that it returned, evaluated by us.
    error : float or None
        Largest difference of any outcome from the certified solution, in logs.
    verdict : str
        ``"right"``; ``"wrong"``: the solver says that it converged, and the answer is not the certified one;
        ``"failed"``: it raised, hung, or says itself that it did not converge.
    remark : str
        Why, where that is not plain.
    """

    solver: str
    shock: str
    seconds: float | None
    iterations: int | None
    residual: float | None
    error: float | None
    verdict: str
    remark: str = ""


def bench(
    model: str,
    data: xr.Dataset,
    *,
    solvers: Sequence[str] | None = None,
    shocks: Sequence[str] | None = None,
    variants: Mapping[str, str] | None = None,
    limit: float = DEFAULT_LIMIT,
    track: Callable[[Sequence[str]], Iterable[str]] = iter,
    remark: Callable[[str], object] = lambda text: None,
) -> list[Row]:
    """Run solvers on shocks, each solver in a process of its own.

    Parameters
    ----------
    model : str
        Name of a built-in model, or a ``.py`` file; its own solvers are those that it registers when it is loaded.
    data : xarray.Dataset
        Baseline data of the model.
    solvers : sequence of str, optional
        Names of registered solvers; by default all. ``newton`` always runs, because times are relative to its time.
    shocks : sequence of str, optional
        Names in `SHOCKS`; by default all that the model has the quantities for.
    limit : float
        Seconds after which one solve is ended.
    track : callable
        Goes through the names of the cells, for instance with a progress bar.
    remark : callable
        Told what is worth knowing besides the rows.

    Raises
    ------
    SolveError, ScenarioError
        An unknown solver or shock, or a shock that the model has no quantity for.
    DataError
        The data do not fit the model.
    """
    declared = load_model(model).choose(**(variants or {}))
    names = _solvers(solvers)
    if not limit > 0:
        raise ScenarioError(f"the time limit is {limit:g} seconds; it must be positive")
    system = compile_model(hat(declared))
    wanted = _shocks(system, shocks, remark)
    problems = {name: system.bind(data, shock.build(system, data, name)) for name in wanted}
    known = {name: _reference(problem, name, remark) for name, problem in problems.items()}
    layout = [(g.declaration.key, shape) for g, _, shape in next(iter(problems.values())).slices()]
    cells = iter(track([f"{s}, {k}" for s in names for k in wanted]))
    rows = []
    for solver in names:
        process = SolverProcess(Task(model, variants or {}, data, solver), layout)
        try:
            for name in wanted:
                next(cells)
                outcome = process.run(shock.build(system, data, name), limit)
                rows.append(judge(solver, name, problems[name], known[name], outcome))
        finally:
            process.close()
    _exhaust(cells)
    return rows


def judge(solver: str, name: str, problem: Problem, known: Reference | None, outcome: Outcome) -> Row:
    """Compare what a solver returned with the certified solution; without one, the certificate decides."""
    trace = outcome.trace
    if trace is None:
        return Row(solver, name, outcome.seconds, None, None, None, "failed", outcome.why)
    with np.errstate(all="ignore"):
        residual = float(np.abs(problem.residual(trace.point)).max(initial=0.0))
    error = distance(problem, known, trace.point) if known else math.inf
    if trace.status is not Status.SOLVED:
        verdict, why = "failed", trace.note or str(trace.status)
    elif known:
        verdict, why = ("right", "") if error <= RIGHT else ("wrong", "it says that it converged")
    else:
        passed = certify(problem, trace)[0].passed
        verdict = "right" if passed else "wrong"
        why = "by the certificate; there is no certified solution to compare with"
    return Row(
        solver, name, outcome.seconds, int(trace.iterations), _number(residual), _number(error), verdict, why
    )


def as_json(rows: Sequence[Row]) -> dict[str, list[dict[str, str | float | int | None]]]:
    """Return the rows in the form of the file: what is not known is null."""
    keys = ("solver", "shock", "seconds", "iterations", "residual", "error", "verdict")
    return {"rows": [{k: getattr(r, k) for k in keys} for r in rows]}


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _solvers(wanted: Sequence[str] | None) -> list[str]:
    names = list(SOLVERS) if wanted is None else list(dict.fromkeys(wanted))
    for name in names:
        find_solver(name)
    return [OURS, *(n for n in names if n != OURS)]


def _shocks(system: System, wanted: Sequence[str] | None, remark: Callable[[str], object]) -> list[str]:
    possible, why = shock.available(system)
    for name in wanted or ():
        if name not in shock.SHOCKS:
            raise ScenarioError(
                f"no shock is named '{name}'; there are {', '.join(shock.SHOCKS)}.{did_you_mean(name, shock.SHOCKS)}"
            )
        if name not in possible:
            raise ScenarioError(f"shock '{name}': {why}")
    if not possible:
        raise ScenarioError(f"there is no shock to try: {why}")
    if wanted is None and why:
        remark(f"left out {', '.join(n for n in shock.SHOCKS if n not in possible)}: {why}")
    return list(dict.fromkeys(wanted)) if wanted else possible


def _reference(problem: Problem, name: str, remark: Callable[[str], object]) -> Reference | None:
    found = reference(problem)
    text = found if isinstance(found, str) else found.remark
    if text:
        remark(f"{name}: {text}")
    return None if isinstance(found, str) else found


def _exhaust(cells: Iterator[str]) -> None:
    """Let a progress bar end."""
    for _ in cells:
        pass
