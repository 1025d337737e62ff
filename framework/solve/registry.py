"""Named solvers: a problem in, a trace of unknowns out; users register their own."""

from __future__ import annotations

from collections.abc import Callable

from framework.errors import SolveError, did_you_mean
from framework.solve.newton import Trace, newton
from framework.solve.problem import Problem

Solver = Callable[[Problem], Trace]

SOLVERS: dict[str, Solver] = {"newton": newton}


def register_solver(name: str, solver: Solver) -> None:
    """Add a solver: a function from a `Problem` to a `Trace`; its result is certified like any other."""
    if name in SOLVERS:
        raise SolveError(f"solver '{name}' is registered already; choose another name")
    SOLVERS[name] = solver


def find_solver(name: str) -> Solver:
    """The solver of this name."""
    if name not in SOLVERS:
        raise SolveError(
            f"no solver is named '{name}'; there are {', '.join(SOLVERS)}.{did_you_mean(name, SOLVERS)}"
        )
    return SOLVERS[name]
