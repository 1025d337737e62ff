"""Check baseline data against the conditions of a hat model, and stated theorems at a solution."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    for c in conditions:
        gap, total = np.atleast_1d(program[c.gap.node]), np.abs(np.atleast_1d(program[c.total.node]))
        total = _aligned(c.gap, c.total, total)
        excess = np.abs(gap) / np.maximum(total, _FLOOR * max(total.max(initial=0.0), 1e-300)) - TOLERANCE
        if c.is_share:
            excess = np.where(np.abs(gap + 1) < TOLERANCE, -1.0, excess)  # an empty cell: no share at all
        if (bad := ~(excess <= 0)).any():
            _refuse(problem, c, gap, bad, excess)


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


def _refuse(problem: Problem, c: Condition, gap: np.ndarray, bad: np.ndarray, excess: np.ndarray) -> None:
    worst = np.unravel_index(np.argmax(np.where(np.isnan(excess), np.inf, excess)), excess.shape)
    axes = c.gap.node.shape_axes
    at = ", ".join(f"{root}={problem.bound.labels[root][k]}" for root, k in zip(axes, worst, strict=False))
    more = f" (and at {int(bad.sum()) - 1} other places)" if bad.sum() > 1 else ""
    where = f"{f' at {at}' if at else ''}{more}"
    model = problem.system.model.name
    if c.is_share:
        raise DataError(
            f"baseline of model '{model}': '{c.keys}' sums to {1 + gap[worst]:.6g}, not 1,{where}; "
            f"rescale the shares or complete the data{warned(problem)}"
        )
    read = {n.attr[1] for n in needed([c.gap.node]) if n.op == "input"}  # type: ignore[index]
    keys = [d.key for d in problem.system.inputs if d.symbol in read and d.key not in c.keys]
    raise DataError(
        f"baseline of model '{model}': the terms of '{c.equation}' differ from '{c.keys}' by {gap[worst]:.6g}{where}; "
        f"the terms are made of {', '.join(keys)}: balance the table before it is used, or correct the equation if the "
        "table is right"
        f"{warned(problem)}"
    )
