"""Outcomes of a problem at a point: variables and shocks as labelled arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from framework.errors import DataError
from framework.sets import root_of
from framework.symbols import Declaration, Kind, declared_atoms, subscripts, symbol_name

if TYPE_CHECKING:
    from framework.compile.ir import Node
    from framework.model import Equation
    from framework.solve.problem import Problem

Array = np.ndarray
_ROUNDING = 1e-9  # of the largest baseline cell: what it leaves


def variables(problem: Problem, u: Array, symbols: Iterable[str] | None = None) -> dict[str, Array]:
    """Values of the given variables (all by default) at `u`, by symbol, with axes as declared."""
    nodes = problem.system.outcomes
    nodes = nodes if symbols is None else {s: nodes[s] for s in symbols}
    tape = problem.tape_at(u, list(nodes.values()))
    out: dict[str, Array] = {}
    given: set[Node] = set()
    for s, node in nodes.items():
        shape = _shape(problem, problem.system.model.symbols[s])
        mine = tape.owns(node) and node not in given and tape[node].shape == shape
        out[s] = tape[node] if mine else np.array(np.broadcast_to(tape[node], shape))
        given.add(node)
    return out


def baseline_of_fixed(problem: Problem, symbol: str) -> Array:
    """Baseline value of a level that a closure fixes: its definition, at the start values without shocks."""
    eq = _definition(problem, symbol)
    ref = problem.system.lowering.value(eq.rhs)
    tape = problem.tape_at(problem.start, [ref.node])
    wanted = subscripts(eq.lhs)
    have = [i for i in wanted if i in ref.indices]
    value = np.transpose(tape[ref.node], [ref.indices.index(i) for i in have])
    value = value[tuple(slice(None) if i in have else None for i in wanted)]
    return np.array(np.broadcast_to(value, _shape(problem, problem.system.model.symbols[symbol])))


def _definition(problem: Problem, symbol: str) -> Equation:
    """The equation that defines a symbol where it is not fixed, unless this closure inverts it."""
    system = problem.system
    found = [e for e in system.model.equations if e.defines and symbol_name(e.lhs) == symbol]
    seen: set[str] = set()
    todo = [found[0].rhs] if found else []
    while todo:
        for name in {symbol_name(a) for a in declared_atoms(todo.pop())} - seen:
            seen.add(name)
            if name in system.lowering.definitions:
                todo.append(system.lowering.definitions[name].rhs)
    if not found or symbol in seen:
        key = system.model.symbols[symbol].key
        raise DataError(
            f"this closure fixes '{key}', and the model does not tell its level before the shock; "
            f"add '{key}' to the data"
        )
    return found[0]


def rounding(baseline: Array) -> Array:
    """What rounding may leave of a quantity where its baseline is zero, given its largest baseline cell."""
    return _ROUNDING * np.maximum(baseline, 1.0)


def created(problem: Problem, u: Array) -> list[tuple[str, float]]:
    """What is zero at the baseline and not at `u`, so that it has no ratio new over base, in words; and how much it is."""
    found = problem.system.created
    totals = problem.tape_at(None, [total for _, total, _ in found])
    sizes = [np.abs(totals[total]) for _, total, _ in found]
    found = [
        (eq, node, size.max()) for (eq, _, node), size in zip(found, sizes, strict=True) if (size == 0).any()
    ]
    tape = problem.tape_at(u, [node for _, node, _ in found])
    out = []
    for eq, node, largest in found:
        value = np.broadcast_to(tape[node], [problem.sizes[root_of(i)] for i in eq.indices])
        cell = np.unravel_index(int(np.argmax(np.abs(value))), value.shape)
        if not abs(value[cell]) <= rounding(largest):
            labels = [str(problem.bound.labels[root_of(i)][k]) for i, k in zip(eq.indices, cell, strict=True)]
            what = problem.system.model.symbols[symbol_name(eq.lhs)].key if eq.defines else eq.name
            out.append((f"'{what}'{' at ' if labels else ''}{', '.join(labels)}", float(value[cell])))
    return out


def given(problem: Problem) -> dict[str, Array]:
    """New values of the exogenous quantities that are levels, scalars or shocked, by symbol."""
    values, shocked = problem.bound.values, problem.shocked()
    return {
        d.symbol: values[d.symbol].copy()
        for d in problem.system.model.of_kind(Kind.EXOGENOUS)
        if d.symbol in values and (d.level or not d.dims or d.symbol in shocked)
    }


def label(problem: Problem, values: Mapping[str, Array]) -> xr.Dataset:
    """Values by symbol as labelled arrays by key."""
    declared = {s: problem.system.model.symbols[s] for s in values}
    coords = {d.name: problem.bound.labels[d.root] for decl in declared.values() for d in decl.dims}
    arrays = {declared[s].key: (declared[s].dim_names, v, _about(declared[s])) for s, v in values.items()}
    return xr.Dataset(arrays, coords)


def _about(decl: Declaration) -> dict[str, str]:
    return {
        "long_name": decl.name,
        "units": decl.unit,
        "description": decl.description,
        "role": decl.role,
        "kind": decl.kind.value,
    }


def _shape(problem: Problem, decl: Declaration) -> tuple[int, ...]:
    return tuple(problem.sizes[r] for r in decl.roots)
