"""What is used where no derivative is at hand: tâtonnement and the sweep over log ratios of both sides.

Both work on any compiled model. A core group whose equation is a condition (`equate`) is the price of a market; the
others have a defining equation, whose log residual is ``u - log(rhs)``, so that ``u -= residual`` evaluates it once
more. Baselines to compare with, and a way out where a Jacobian is singular; neither certifies anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from framework.compile.ir import Time
from framework.compile.system import in_logs
from framework.errors import SolveError
from framework.solution import Status
from framework.solve.newton import RESIDUAL_BOUND, Trace, paired_signs
from framework.symbols import declared_atoms, symbol_name

if TYPE_CHECKING:
    from framework.compile.ir import Node
    from framework.compile.system import Group
    from framework.solve.problem import Problem

Array = np.ndarray

ROUNDS = 5000
_INNER = 2000
_INNER_BOUND = 1e-12
_SHORTEST = 1e-4  # damping that is given up


@dataclass
class _Part:
    """One group with a program of its own, which evaluates nothing that the group does not need."""

    group: Group
    where: slice
    sign: float
    evaluate: Callable[[Array], tuple[Array, ...]]
    excess: Callable[..., Array]  # relative excess supply, from what `evaluate` returns


def tatonnement(problem: Problem) -> Trace:
    """Walrasian tâtonnement on the prices of all markets, everything else solved in between.

    The map is ``w' = w (1 + nu Z(w)/L)`` of Alvarez and Lucas (2007, Journal of Monetary Economics 54, 1726-1768):
    relative excess demand in value-added form, ``Z/L = (value added - w L)/(w L)``, where the model states that
    theorem (`Model.identity`) or clears its market in that form. Prices and expenditure are iterated to their
    fixed points in each round, as in the algorithm of Caliendo and Parro (2015, section 3). `nu` starts at one and is
    halved whenever excess demand grows.
    """
    trace, markets, rest = _start(problem, value_added=True)
    u, damping, before, lowest = problem.start.copy(), 1.0, np.inf, np.inf
    with np.errstate(all="ignore"):
        for _ in range(ROUNDS):
            if not _settle(problem, u, rest, trace):
                return _end(problem, trace, u, False, "the quantities at given prices have no fixed point")
            excess = [p.sign * p.excess(*_evaluate(problem, u, p, trace)) for p in markets]
            size = _largest(excess)
            trace.iterations += 1
            if size < RESIDUAL_BOUND:
                return _end(problem, trace, u, True)
            if not np.isfinite(size) or damping < _SHORTEST:
                break
            damping = damping / 2 if size > before else damping
            before, lowest = size, min(size, lowest)
            for p, z in zip(markets, excess, strict=True):
                # In logs; a price never falls to less than a tenth in one round.
                u[p.where] += np.log(np.maximum(1 + damping * np.expm1(-z.ravel()), 0.1))
    return _end(problem, trace, u, not markets, f"smallest excess demand {lowest:.2g}")


def log_ratio_sweep(problem: Problem) -> Trace:
    """Gauss-Seidel over the groups, each moved by the log ratio of the sides of its own equation.

    With trade balance as the market this is what careful hand-written code does: ``log w += damping log(exports and
    deficit / imports)``, own trade cancelled, and one pass through costs and expenditure between two rounds. The
    damping grows by a tenth while the largest ratio falls and is halved when it grows.
    """
    trace, markets, rest = _start(problem, value_added=False)
    u, damping, before, lowest = problem.start.copy(), 0.1, np.inf, np.inf
    with np.errstate(all="ignore"):
        for _ in range(ROUNDS):
            gaps = []
            for p in rest:
                gaps.append(p.sign * p.excess(*_evaluate(problem, u, p, trace)))
                u[p.where] -= gaps[-1].ravel()
            ratios = [p.sign * p.excess(*_evaluate(problem, u, p, trace)) for p in markets]
            trace.iterations += 1
            size = _largest([*gaps, *ratios])
            lowest = min(size, lowest)
            if size < RESIDUAL_BOUND:
                return _end(problem, trace, u, True)
            if not np.isfinite(size) or damping < _SHORTEST:
                break
            worst = _largest(ratios)
            damping = damping / 2 if worst > before else min(1.0, 1.1 * damping)
            before = worst
            for p, ratio in zip(markets, ratios, strict=True):
                u[p.where] -= np.clip(damping * ratio.ravel(), -1.0, 1.0)
    return _end(problem, trace, u, False, f"it no longer gains: largest log ratio of two sides {lowest:.2g}")


def _settle(problem: Problem, u: Array, rest: list[_Part], trace: Trace) -> bool:
    """Iterate groups with a defining equation to their fixed points, one after the other, until all hold."""
    for _ in range(_INNER):
        done = True
        for p in rest:
            for k in range(_INNER):
                gap = p.sign * p.excess(*_evaluate(problem, u, p, trace))
                u[p.where] -= gap.ravel()
                size = _largest([gap])
                if not np.isfinite(size):
                    return False
                if size < _INNER_BOUND:
                    done = done and k == 0
                    break
        if done or len(rest) < 2:
            return True
    return False


def _start(problem: Problem, *, value_added: bool) -> tuple[Trace, list[_Part], list[_Part]]:
    if found := problem.system.complements:
        raise SolveError(
            f"'{found[0].equation.name}' is a complementarity condition, which this method does not know; use 'newton'"
        )
    trace = Trace(problem.start.copy(), Status.NO_CONVERGENCE)
    with np.errstate(all="ignore"):
        problem.residual(problem.start)
        signs = paired_signs(problem, problem.linearise(), trace)
    parts = []
    for group, where, _ in problem.slices():
        sign = float(signs[where][0]) if where.stop > where.start else 1.0
        parts.append(_part(problem, group, where, sign, value_added))
    return (
        trace,
        [p for p in parts if not p.group.equation.defines],
        [p for p in parts if p.group.equation.defines],
    )


def _part(problem: Problem, group: Group, where: slice, sign: float, value_added: bool) -> _Part:
    system = problem.system
    if group.equation.defines:
        return _Part(group, where, sign, _evaluator(problem, [group.residual]), lambda r: r)
    gap = [system.walras] if _redundant(problem, group) and system.walras is not None else []
    theorem = _factor_market(problem, group) if value_added else None
    if theorem is not None:
        evaluate = _evaluator(problem, [*theorem, *gap])
        return _Part(group, where, 1.0, evaluate, lambda supply, demand, *g: np.log(supply / demand) + sum(g))
    evaluate = _evaluator(problem, [group.residual, *gap])
    if in_logs(system.model, group.equation):
        return _Part(group, where, sign, evaluate, lambda r, *g: r)
    # (a - b)/(a + b) is the hyperbolic tangent of half the log ratio of a and b.
    return _Part(group, where, sign, evaluate, lambda r, *g: 2 * np.arctanh(r - sum(g)) + sum(g))


def _factor_market(problem: Problem, group: Group) -> tuple[Node, Node] | None:
    """Both sides of the theorem ``price x endowment = value added`` of a market, if the model states it."""
    model = problem.system.model
    for (lhs, _), (_, left, right) in zip(model.identities, problem.system.identities, strict=True):
        named = {symbol_name(a) for a in declared_atoms(lhs)}
        if group.declaration.symbol in named and left.shape_axes == group.unknown.shape_axes:
            return left, right
    return None


def _redundant(problem: Problem, group: Group) -> bool:
    rule = problem.system.model.numeraire_rule
    return rule is not None and rule.redundant == group.equation.name


def _evaluator(problem: Problem, nodes: list[Node]) -> Callable[[Array], tuple[Array, ...]]:
    tape = problem.program_of(nodes)

    def evaluate(u: Array) -> tuple[Array, ...]:
        problem.set_unknowns(tape, u.copy())
        tape.run(tape.steps[Time.STATE])
        return tuple(np.asarray(tape[node]) for node in nodes)

    return evaluate


def _evaluate(problem: Problem, u: Array, part: _Part, trace: Trace) -> tuple[Array, ...]:
    """Evaluate one group, and count its share of a whole residual."""
    trace.evaluations += 1
    return part.evaluate(u)


def _largest(values: list[Array]) -> float:
    return max((float(np.abs(v).max(initial=0.0)) for v in values), default=0.0)


def _end(problem: Problem, trace: Trace, u: Array, converged: bool, note: str = "") -> Trace:
    trace.point, trace.note = u, note
    trace.status = Status.SOLVED if converged else Status.NO_CONVERGENCE
    trace.residual = _largest([problem.residual(u)])
    return trace
