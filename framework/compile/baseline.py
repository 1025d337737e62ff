"""What the baseline data of a hat model must satisfy.

Its accounts balance, its shares sum to one, and an equation of which the data give both sides holds.

A cell without output or spending has a total of zero and shares of zero; data that put something into a cell
whose total is zero are caught here, because the ratio itself would hide it.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from framework.algebra import Term, multiply, rename, summed, terms
from framework.compile.ir import Ref, Time, is_const
from framework.compile.lower import Lowering
from framework.model import Equation, Model
from framework.symbols import Kind, ces, declared_atoms, subscripts, symbol_name, symbols_of


@dataclass(frozen=True)
class Condition:
    """One condition on baseline data.

    Attributes
    ----------
    equation : str
        Where it comes from.
    keys : tuple of str
        The data that it is about: a total, or shares; none where both sides are sums.
    dims : dict of str to str
        Dim of each index, where the equation says what it is an index of.
    gap, total : Ref
        Difference of the two sides, and the size with which it is compared.
    is_share : bool
        The condition says that shares sum to one; a sum of zero marks an empty cell.
    """

    equation: str
    keys: tuple[str, ...]
    dims: dict[str, str]
    gap: Ref
    total: Ref
    is_share: bool


def baseline_conditions(lowering: Lowering, model: Model) -> list[Condition]:
    """Conditions of every equation of a hat model."""
    if not model.is_hat:
        return []
    out = []
    for eq in model.equations:
        if isinstance(eq.total, (sp.Symbol, sp.Indexed)):  # other totals are the sum of their own terms
            out.append(_account(lowering, model, eq))
        for nest in sorted(eq.rhs.atoms(ces), key=str):
            out.append(_shares(lowering, model, eq, nest))
    accounts = {c.equation for c in out if not c.is_share}
    nodes = (n for n in lowering.graph.nodes if n.op == "input" and n.time is Time.PRELUDE)
    keys = {model.symbols[n.attr[1]].key for n in nodes}  # type: ignore[index]
    needed = {d.symbol for d in model.symbols.values() if d.key in keys and d.kind is Kind.PARAMETER}
    for eq in model.baseline:  # no condition asks for data that nothing else needs
        if eq.name not in accounts and symbols_of(eq.lhs, eq.rhs) <= needed:
            out.append(_both_sides(lowering, model, eq))
    return [c for c in {c.gap.node: c for c in out}.values() if not is_const(c.gap.node, 0.0)]


def _account(lowering: Lowering, model: Model, eq: Equation) -> Condition:
    """The terms of a total at the baseline add up to it; shares times the total cancel before they are evaluated."""
    assert eq.total is not None
    parts = [
        Term(t.coefficient, multiply(t.factors, {eq.total: sp.S.One}), t.bound)
        for t in terms(_at_baseline(eq.rhs, model))
    ]
    graph = lowering.graph
    minus = Ref(graph.const(-1.0), ())
    gap = graph.add([*(lowering.term(t) for t in parts), graph.mul([minus, lowering.value(eq.total)])])
    return Condition(
        eq.name, (_key(model, eq.total),), _dims(model, eq), gap, lowering.value(eq.total), False
    )


def _both_sides(lowering: Lowering, model: Model, eq: Equation) -> Condition:
    """The two sides of an equation in data; they are small or large beside the terms they are made of."""
    graph = lowering.graph
    left, right = ([lowering.term(t) for t in terms(side)] for side in (eq.lhs, eq.rhs))
    minus = Ref(graph.const(-1.0), ())
    gap = graph.add([*left, *(graph.mul([minus, term]) for term in right)])
    total = graph.add([graph.apply("abs", term) for term in (*left, *right)])
    keys = (_key(model, eq.lhs),) if eq.defines else ()
    return Condition(eq.name, keys, _dims(model, eq), gap, total, False)


def _shares(lowering: Lowering, model: Model, eq: Equation, nest: ces) -> Condition:
    weights = sp.Add(*(summed(p.args[0], p.args[2:]) for p in nest.args[1:]))
    keys = tuple(sorted({_key(model, a) for a in declared_atoms(weights)}))
    one = Ref(lowering.graph.const(1.0), ())
    return Condition(eq.name, keys, _dims(model, eq), lowering.value(weights - 1), one, True)


def _dims(model: Model, eq: Equation) -> dict[str, str]:
    """Dim of each index on the left side of a definition."""
    if not eq.defines:
        return {}
    names = model.symbols[symbol_name(eq.lhs)].dim_names
    return {str(i): name for i, name in zip(subscripts(eq.lhs), names, strict=True)}


def _key(model: Model, atom: sp.Expr) -> str:
    return model.symbols[symbol_name(atom)].key


def _at_baseline(expr: sp.Expr, model: Model) -> sp.Expr:
    """An expression where nothing changes: hats are one, new levels the old ones."""
    table = {}
    for atom in declared_atoms(expr):
        decl = model.symbols[symbol_name(atom)]
        if decl.role == "hat":
            table[atom] = sp.S.One
        elif decl.role == "new" and decl.kind is Kind.EXOGENOUS and isinstance(decl.default, str):
            old = model.symbols[decl.symbol.removesuffix("_new")].base
            table[atom] = old[subscripts(atom)] if subscripts(atom) else old
        elif decl.role == "new":
            table[atom] = _old_level(atom, model)
    return expr.xreplace(table)


def _old_level(atom: sp.Expr, model: Model) -> sp.Expr:
    """Baseline of a level variable: its definition where nothing changes, or the level that it starts from."""
    decl = model.symbols[symbol_name(atom)]
    if isinstance(decl.default, str):
        old = model.symbols[decl.symbol.removesuffix("_new")].base
        return old[subscripts(atom)] if subscripts(atom) else old
    eq = next(e for e in model.equations if symbol_name(e.lhs) == decl.symbol)
    binding = dict(zip(subscripts(eq.lhs), subscripts(atom), strict=True))
    return _at_baseline(rename(eq.rhs, binding), model)
