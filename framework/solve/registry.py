"""Named solvers: a problem in, a trace of unknowns out; users register their own."""

from __future__ import annotations

from collections.abc import Callable

from framework.errors import SolveError, did_you_mean
from framework.solve.external import EXTERNAL
from framework.solve.iteration import log_ratio_sweep, tatonnement
from framework.solve.newton import Trace, newton
from framework.solve.problem import Problem

Solver = Callable[[Problem], Trace]

_BUILT_IN: dict[str, Solver] = {
    "newton": newton,
    "tatonnement": tatonnement,
    "trade-balance-sweep": log_ratio_sweep,
    **EXTERNAL,
}
SOLVERS: dict[str, Solver] = dict(_BUILT_IN)


def register_solver(name: str, solver: Solver) -> None:
    """Add a solver: a function from a `Problem` to a `Trace`; its result is certified like any other.

    The same function may be registered again, as when a notebook cell or a model file runs twice.

    Raises
    ------
    SolveError
        If another solver has this name, or it cannot be called.
    """
    if not callable(solver):
        raise SolveError(
            f"solver '{name}' must be a function from a Problem to a framework.solve.Trace, not {solver!r}"
        )
    if name in _BUILT_IN or (name in SOLVERS and _origin(SOLVERS[name]) != _origin(solver)):
        raise SolveError(f"solver '{name}' is registered already; choose another name")
    SOLVERS[name] = solver


def _origin(solver: Solver) -> tuple[str, str]:
    """Where a function is written: its file, or module, and its name there."""
    code = getattr(solver, "__code__", None)
    home = code.co_filename if code else getattr(solver, "__module__", "")
    return home, getattr(solver, "__qualname__", repr(solver))


def find_solver(name: str) -> Solver:
    """The solver of this name."""
    if name not in SOLVERS:
        raise SolveError(
            f"no solver is named '{name}'; there are {', '.join(SOLVERS)}.{did_you_mean(name, SOLVERS)}"
        )
    return SOLVERS[name]
