"""Say in the model's own words what is wrong: an unstable loop, a value that is not finite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from framework.compile.ir import Node, Ref, needed
from framework.sets import Element
from framework.symbols import declared_atoms, subscripts, symbol_name

if TYPE_CHECKING:
    from framework.solve.problem import Problem

Array = np.ndarray
_MOST = 4  # operands that are named


# ---- loops ---------------------------------------------------------------------------------------


def unstable_loop(problem: Problem, symbol: str, ref: Ref, position: Sequence[int], value: float) -> str:
    """Why a pointwise loop has no stable solution at one cell, with the elasticities found there."""
    model = problem.system.model
    loop = next(x for x in problem.system.structure.loops if x.symbol == symbol)
    at = dict(zip(ref.indices, position, strict=True))
    roots = dict(zip(ref.indices, ref.node.shape_axes, strict=True))
    found = []
    for atom in sorted(declared_atoms(loop.exponent), key=lambda a: (-len(subscripts(a)), str(a))):
        cell = tuple(
            problem.bound.positions[i.name] if isinstance(i, Element) else at[i] for i in subscripts(atom)
        )
        found.append(
            (atom, model.symbols[symbol_name(atom)].key, problem.bound.values[symbol_name(atom)][cell])
        )
    where = ", ".join(f"{roots[i]}={problem.bound.labels[roots[i]][k]}" for i, k in at.items())
    held = ", ".join(f"{key} = {v:g}" for _, key, v in found)
    condition = _in_keys(1 - loop.exponent, {atom: key for atom, key, _ in found})
    return (
        f"the loop of '{model.symbols[symbol].key}' is unstable{f' at {where}' if where else ''}: {held}; "
        f"{condition} is {value:.4g} and must be positive{_advice(loop.exponent, found)}"
    )


def _in_keys(expr: sp.Expr, keys: dict) -> str:
    return str(expr.xreplace({atom: sp.Symbol(key) for atom, key in keys.items()}))


def _advice(exponent: sp.Expr, found: list) -> str:
    """The bound that the first elasticity must keep, the others given."""
    atom, key, here = found[0]
    x = sp.Dummy("x", real=True)
    condition = (1 - exponent).xreplace({a: v for a, _, v in found[1:]}).xreplace({atom: x})
    roots = sp.solve(condition, x)
    if len(roots) != 1:
        return f"; change '{key}' there"
    bound = float(roots[0])
    return (
        f"; {'lower' if here >= bound else 'raise'} '{key}' {'below' if here >= bound else 'above'} {bound:g}"
    )


# ---- values that are not finite ------------------------------------------------------------------


def not_finite(problem: Problem, u: Array) -> str:
    """Where a residual that is not finite comes from: the equation, and the first quantity without a value."""
    with np.errstate(all="ignore"):
        residual = problem.residual(u)
    if np.isfinite(residual).all():
        return ""
    k = int(np.argmin(np.isfinite(residual)))
    group = next(g for g, where, _ in problem.slices() if k < where.stop)
    return f"{problem.largest(residual)} has no value: {_Search(problem, u, group.residual).cause(group.residual)}"


class _Search:
    """Walk from a node without a value to the operation that lost it."""

    def __init__(self, problem: Problem, u: Array, node: Node) -> None:
        self.problem, self.tape = problem, problem.tape_at(u, list(needed([node])))
        model, lowering = problem.system.model, problem.system.lowering
        self.names: dict[Node, tuple[str, tuple[int, ...], bool]] = {
            node: (model.symbols[name].symbol, order, log)
            for (name, log), (node, order) in lowering._nodes.items()
        }

    def cause(self, node: Node) -> str:
        """Name the first quantity without a value on the way down, and what it is made of."""
        words = ""
        while True:
            if node in self.names:
                words = self._named(node)
            bad = [a for a, _ in node.args if not np.isfinite(self._value(a)).all()]
            if not bad:
                break
            node = next((a for a in bad if np.isnan(self._value(a)).any()), bad[0])
        if node in self.names and node.op == "input":
            return words
        position = tuple(np.argwhere(~np.isfinite(self._value(node)))[0])
        parts = list(dict.fromkeys(self._operands(node, position)))[:_MOST]
        made = f", from {', '.join(parts)}" if parts else ""
        return f"{words or 'a term'}{made} (operation: {node.op})"

    def _value(self, node: Node) -> Array:
        return np.asarray(self.tape[node])

    def _named(self, node: Node) -> str:
        value = self._value(node)
        position = tuple(np.argwhere(~np.isfinite(value))[0])
        symbol, order, log = self.names[node]
        return f"{'log ' if log else ''}{self._cell(symbol, order, position)} is {value[position]:g}"

    def _cell(self, symbol: str, order: tuple[int, ...], position: tuple) -> str:
        decl = self.problem.system.model.symbols[symbol]
        declared = [0] * len(decl.dims)
        for axis, k in zip(order, position, strict=True):
            declared[axis] = int(k)
        free = len(order) < len(decl.dims)  # constant over some dims: any label shows it
        return f"'{decl.key}'{'' if free else self.problem.bound.at(decl, declared)}"

    def _operands(self, node: Node, position: tuple) -> list[str]:
        """Nearest declared quantities below a node, with their values at the same cell."""
        out: list[str] = []
        for arg, subs in node.args:
            if any(s >= node.rank for s in subs):
                continue
            cell = tuple(int(position[s]) for s in subs)
            if arg in self.names:
                symbol, order, log = self.names[arg]
                out.append(
                    f"{'log ' if log else ''}{self._cell(symbol, order, cell)} = {self._value(arg)[cell]:g}"
                )
            else:
                out += self._operands(arg, cell)
        return out
