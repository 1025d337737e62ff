"""Check baseline data against the conditions of a hat model, and stated theorems at a solution."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from framework.binding import Reader
from framework.compile.ir import Node, Ref, needed
from framework.errors import DataError
from framework.symbols import symbol_name, symbols_of
from framework.usual import warned

if TYPE_CHECKING:
    import xarray as xr

    from framework.compile.baseline import Condition
    from framework.solve.problem import Problem

TOLERANCE = 1e-6  # relative to the cell: tables are published to about so many digits
_PUBLISHED = 1e-3  # of what is only shown
_FLOOR = 1e-10  # of the largest cell: what rounding leaves in a cell that is almost empty
_ROUNDING = (
    1e-7  # of the largest datum: below it a cell is no more than what rounding leaves of sums that cancel
)


def check_baseline_conditions(problem: Problem) -> None:
    """Raise DataError at the cell where the baseline data are furthest from a condition."""
    conditions = problem.system.conditions
    if not conditions:
        return
    program = problem.tape_at(None, [r.node for c in conditions for r in (c.gap, c.total)])
    excess, empty = [], set()
    for k, c in enumerate(conditions):
        gap, total = np.atleast_1d(program[c.gap.node]), np.abs(np.atleast_1d(program[c.total.node]))
        total = _aligned(c.gap, c.total, total)
        least = max(_FLOOR * total.max(initial=0.0), _ROUNDING * _largest(problem, c.gap.node), 1e-300)
        over = np.abs(gap) / np.maximum(total, least) - TOLERANCE
        if c.is_share and (none := np.abs(gap + 1) < TOLERANCE).any():  # an empty cell: no share at all
            over = np.where(none, -1.0, over)
            empty.add(k)
        excess.append(over)
    if failed := [k for k, over in enumerate(excess) if not (over <= 0).all()]:
        # The one that fails in the smallest part of its cells tells best where the fault is.
        told = min(failed, key=lambda k: float((~(excess[k] <= 0)).mean()))
        gap = np.atleast_1d(program[conditions[told].gap.node])
        _refuse(problem, conditions[told], gap, excess[told], _suspects(problem, failed, empty))


def _suspects(problem: Problem, failed: list[int], empty: set[int]) -> list[str]:
    """Data that are in every condition that fails and in none that holds, those with an empty cell aside."""
    conditions = problem.system.conditions
    wrong = set.intersection(*(_data(problem, conditions[k]) for k in failed))
    right = (_data(problem, c) for k, c in enumerate(conditions) if k not in failed and k not in empty)
    return sorted(wrong.difference(*right))


def _largest(problem: Problem, node: Node) -> float:
    """The largest number among the data that a node is made of."""
    values = problem.bound.values
    return max((float(np.abs(values[s]).max(initial=0.0)) for s in _symbols_read(node)), default=0.0)


def _data(problem: Problem, c: Condition) -> set[str]:
    """Keys of the data that a condition reads."""
    read = _symbols_read(c.gap.node)
    return {d.key for d in problem.system.inputs if d.symbol in read}


def _symbols_read(node: Node) -> set[str]:
    return {n.attr[1] for n in needed([node]) if n.op == "input"}  # type: ignore[index,misc]


def check_levels_not_read(problem: Problem, data: xr.Dataset) -> None:
    """Raise DataError where data on an observed variable that no equation reads contradict its definition by other data."""
    system, reader = problem.system, Reader(problem.bound, data, problem.system.model)
    read, declared = {d.symbol for d in system.inputs}, system.model.symbols
    for eq in system.model.baseline:
        symbol = symbol_name(eq.lhs)
        if not eq.defines or symbol in read or not symbols_of(eq.rhs) <= read:
            continue
        decl = next(declared[s] for s in (f"{symbol}_hat", f"{symbol}_new") if s in declared)
        if decl.key not in data:
            continue
        unread = "; no equation reads it: leave it out if it is something else"
        try:
            given = reader.read(replace(decl, role="baseline", default=None, positive=False, lower=None))
        except DataError as error:
            raise DataError(f"{error}{unread}") from error
        node = system.lowering.ordered(system.lowering.value(eq.rhs), list(eq.indices))
        made = np.broadcast_to(problem.tape_at(None, [node])[node], given.shape)
        has = np.isfinite(made)  # where nothing is used, a power of zero has no log
        least = max(_ROUNDING * _largest(problem, node), 1e-300)
        bad = has & ~(np.abs(given - made) <= _PUBLISHED * np.maximum(np.abs(made), least))
        if bad.any():
            cell = tuple(int(k) for k in np.argwhere(bad)[0])
            raise DataError(
                f"'{decl.key}' is {given[cell]:.6g}{problem.bound.at(decl, cell)}; by its definition from other data it is "
                f"{made[cell]:.6g}; correct it{unread}"
            )


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
    axes = zip(c.gap.node.shape_axes, map(str, c.gap.indices), worst, strict=False)
    at = ", ".join(f"{c.dims.get(i, root)}={problem.bound.labels[root][k]}" for root, i, k in axes)
    more = f" (and at {int(bad.sum()) - 1} other places)" if bad.sum() > 1 else ""
    where = f"{f' at {at}' if at else ''}{more}"
    data = _data(problem, c)
    likely = _forgotten(problem, c)
    if not likely and len(data) > 1 and 0 < len(suspects) < len(data):
        likely = f"look first at {', '.join(suspects)}, which every condition that fails reads and none that holds; "
    begin = f"baseline of model '{problem.system.model.name}': "
    if c.is_share:
        one = len(c.keys) == 1
        what = f"'{c.keys[0]}' sums" if one else f"the shares in '{c.equation}' ({', '.join(c.keys)}) sum"
        raise DataError(
            f"{begin}{what} to {1 + gap[worst]:.6g}, not 1,{where}; "
            f"{likely}rescale the shares or complete the data{warned(problem)}"
        )
    made = ", ".join(dict.fromkeys(d.key for d in problem.system.inputs if d.key in data.difference(c.keys)))
    sides = (
        f"terms of '{c.equation}' differ from '{c.keys[0]}'" if c.keys else f"sides of '{c.equation}' differ"
    )
    of = f"they are made of {made}; " if made else ""
    raise DataError(
        f"{begin}the {sides} by {gap[worst]:.6g}{where}; {of}{likely}balance the table before it is used, or correct the equation if "
        f"the table is right{warned(problem)}"
    )


def _forgotten(problem: Problem, c: Condition) -> str:
    """Ask after a tax, a tariff or a deficit of the data that does not enter the budget which fails."""
    from framework.solve.accounting import not_in_budget  # it imports this module

    if not (keys := not_in_budget(problem, c.equation)):
        return ""
    names = ", ".join(f"'{key}'" for key in keys)
    return f"{names}, not zero in the data, does not enter it, so that what it yields or costs may be forgotten; "
