"""The certified solution that solvers are compared with, found in two ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from framework import Problem, Status
from framework.solve import outcomes
from framework.solve.certify import certify
from framework.solve.newton import Options, Trace, iterate, newton

AGREE = 1e-8  # in logs: two ways to the same equilibrium
_TIGHT = Options(15, 1e-12, 1.0)
_SHORTEST = 1 / 64  # of the shock


@dataclass(frozen=True)
class Reference:
    """The unknowns of a certified solution, with all outcomes, and a remark where it is not beyond doubt."""

    point: np.ndarray
    outcomes: dict[str, np.ndarray]
    remark: str = ""


def reference(part: Callable[[float], Problem]) -> Reference | str:
    """Return the certified solution of a shock, or why there is none.

    It is found from the cold start and, independently, along the path of equilibria that leads from the baseline to the
    shock with tight linear solves. Each must pass the certificate, and they must agree.

    Parameters
    ----------
    part : callable
        The problem with a part of the shock, 0 to 1.
    """
    problem = part(1.0)
    cold, path = _certified(problem, newton(problem)), _certified(problem, _follow(part))
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


def _follow(part: Callable[[float], Problem]) -> Trace:
    """Follow the equilibrium while the shock grows, in quarters or finer."""
    trace = iterate(part(0.0), part(0.0).start, _TIGHT)
    at, stride = 0.0, 0.25
    while trace.status is Status.SOLVED and at < 1.0:
        following = iterate(part(min(1.0, at + stride)), trace.point, _TIGHT)
        if following.status is Status.SOLVED:
            trace, at = following, min(1.0, at + stride)
        elif stride > _SHORTEST:
            stride /= 2
        else:
            trace = following
    return trace


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
        with np.errstate(all="ignore"):
            if problem.system.model.symbols[symbol].positive:
                gap = np.abs(np.log(value) - np.log(right))
                gap[(value == right)] = 0.0  # a share that trade costs have brought to zero
            else:
                gap = np.abs(value - right) / max(float(np.abs(right).max(initial=0.0)), 1e-300)
                gap[(value == right)] = 0.0
        if gap.size:
            worst = float(np.maximum(worst, gap.max()))
    return worst
