"""Check baseline data against the conditions of a hat model, and stated theorems at a solution."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import numpy as np

from framework.compile.ir import Ref, needed
from framework.errors import DataError
from framework.usual import warned

if TYPE_CHECKING:
    from framework.compile.baseline import Condition
    from framework.solve.problem import Problem

TOLERANCE = 1e-6  # relative to the cell: tables are published to about so many digits
_FLOOR = 1e-10  # of the largest cell: what rounding leaves in a cell that is almost empty


def check_baseline_conditions(problem: Problem) -> None:
    """Raise DataError at the cell where the baseline data are furthest from a condition."""
    conditions = problem.system.conditions
    if not conditions:
        return
    program = problem.tape_at(None, [r.node for c in conditions for r in (c.gap, c.total)])
    excess = []
    for c in conditions:
        gap, total = np.atleast_1d(program[c.gap.node]), np.abs(np.atleast_1d(program[c.total.node]))
        total = _aligned(c.gap, c.total, total)
        over = np.abs(gap) / np.maximum(total, _FLOOR * max(total.max(initial=0.0), 1e-300)) - TOLERANCE
        if c.is_share:
            over = np.where(np.abs(gap + 1) < TOLERANCE, -1.0, over)  # an empty cell: no share at all
        excess.append(over)
    if failed := [k for k, over in enumerate(excess) if not (over <= 0).all()]:
        first = conditions[failed[0]]
        gap = np.atleast_1d(program[first.gap.node])
        _refuse(problem, first, gap, excess[failed[0]], _suspects(problem, failed))


def _suspects(problem: Problem, failed: list[int]) -> list[str]:
    """Data that are in every condition that fails and in none that holds."""
    conditions = problem.system.conditions
    wrong = set.intersection(*(_data(problem, conditions[k]) for k in failed))
    right = (_data(problem, c) for k, c in enumerate(conditions) if k not in failed)
    return sorted(wrong.difference(*right))


def _data(problem: Problem, c: Condition) -> set[str]:
    """Keys of the data that a condition reads."""
    read = {n.attr[1] for n in needed([c.gap.node]) if n.op == "input"}  # type: ignore[index]
    return {d.key for d in problem.system.inputs if d.symbol in read}


def identity_gaps(problem: Problem, u: np.ndarray) -> dict[str, float]:
    """Largest gap between the two sides of each stated theorem at `u`, relative to the largest value."""
    sides = problem.system.identities
    tape = problem.tape_at(u, [node for _, *both in sides for node in both])
    out = {}
    for name, left, right in sides:
        a, b = tape[left], tape[right]
        out[name] = float(np.abs(a - b).max(initial=0.0) / max(np.abs(a).max(initial=0.0), 1e-300))
    return out


def _aligned(to: Ref, ref: Ref, value: np.ndarray) -> np.ndarray:
    """A value with its axes in the order of another's, where both have the same indices."""
    if set(to.indices) != set(ref.indices) or value.ndim < 2:
        return value
    return value.transpose([ref.indices.index(i) for i in to.indices])


def _refuse(
    problem: Problem, c: Condition, gap: np.ndarray, excess: np.ndarray, suspects: list[str]
) -> NoReturn:
    bad = ~(excess <= 0)
    worst = np.unravel_index(np.argmax(np.where(np.isnan(excess), np.inf, excess)), excess.shape)
    axes = c.gap.node.shape_axes
    at = ", ".join(f"{root}={problem.bound.labels[root][k]}" for root, k in zip(axes, worst, strict=False))
    more = f" (and at {int(bad.sum()) - 1} other places)" if bad.sum() > 1 else ""
    where = f"{f' at {at}' if at else ''}{more}"
    data = _data(problem, c)
    likely = ""
    if len(data) > 1 and 0 < len(suspects) < len(data):
        likely = f"look first at {', '.join(suspects)}, which every condition that fails reads and none that holds; "
    begin = f"baseline of model '{problem.system.model.name}': "
    if c.is_share:
        raise DataError(
            f"{begin}'{' + '.join(c.keys)}' sums to {1 + gap[worst]:.6g}, not 1,{where}; "
            f"{likely}rescale the shares or complete the data{warned(problem)}"
        )
    made = ", ".join(dict.fromkeys(d.key for d in problem.system.inputs if d.key in data.difference(c.keys)))
    if c.keys:
        what = f"the terms of '{c.equation}' differ from '{c.keys[0]}' by {gap[worst]:.6g}{where}; the terms"
    else:
        what = f"the two sides of '{c.equation}' differ by {gap[worst]:.6g}{where}; they"
    raise DataError(
        f"{begin}{what} are made of {made}; {likely}balance the table before it is used, or correct the equation if "
        f"the table is right{warned(problem)}"
    )
