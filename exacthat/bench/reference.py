"""The certified solution that solvers are compared with, found in two ways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from framework import Problem, Status
from framework.solve import outcomes
from framework.solve.certify import certify
from framework.solve.newton import Options, Trace, homotopy, iterate, newton

AGREE = 1e-8  # in logs: two ways to the same equilibrium
_TIGHT = Options(15, 1e-12, 1.0)


@dataclass(frozen=True)
class Reference:
    """The unknowns of a certified solution, with all outcomes, and a remark where it is not beyond doubt."""

    point: np.ndarray
    outcomes: dict[str, np.ndarray]
    remark: str = ""


def reference(problem: Problem) -> Reference | str:
    """Return the certified solution of a shock, or why there is none.

    It is found from the cold start and, independently, along the path of equilibria that leads from the baseline to the
    shock with tight linear solves. Each must pass the certificate, and they must agree.
    """
    cold, path = _certified(problem, newton(problem)), _certified(problem, homotopy(problem))
    if cold is None and path is None:
        return "newton finds no equilibrium, neither from the cold start nor along a path from the baseline"
    point = cold if path is None else path
    assert point is not None
    remark = ""
    if path is None:
        remark = (
            "the path from the baseline ends before the shock; the cold start passes the certificate alone"
        )
    elif cold is None:
        remark = "newton fails from the cold start; the solution is that along the path from the baseline"
    elif (gap := float(np.abs(cold - path).max(initial=0.0))) > AGREE:
        remark = (
            f"newton from the cold start is {gap:.1e} from the equilibrium along the path from the baseline"
        )
    return Reference(point, outcomes.variables(problem, point), remark)


def _certified(problem: Problem, trace: Trace) -> np.ndarray | None:
    if trace.status is not Status.SOLVED:
        return None
    trace = iterate(problem, trace.point, _TIGHT)
    certificate, _ = certify(problem, trace)
    return trace.point if trace.status is Status.SOLVED and certificate.passed else None


def distance(problem: Problem, found: Reference, point: np.ndarray) -> float:
    """Largest difference of any outcome from the certified solution.

    Logs of positive quantities; levels that may be zero relative to their largest absolute value.
    """
    worst = 0.0
    with np.errstate(all="ignore"):
        there = outcomes.variables(problem, point)
        for symbol, right in found.outcomes.items():
            value = there[symbol]
            if problem.system.model.symbols[symbol].positive:
                gap = np.abs(np.log(value) - np.log(right))
            else:
                gap = np.abs(value - right) / max(float(np.abs(right).max(initial=0.0)), 1e-300)
            gap = np.where(
                value == right, 0.0, gap
            )  # a share that trade costs have brought to zero has no log
            worst = float(np.maximum(worst, gap.max(initial=0.0)))  # unlike max, it keeps NaN
    return worst
