"""Differences that may be zero or negative, relative to the terms they are made of."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from framework.algebra import Term, rename, terms
from framework.compile.ir import Ref
from framework.compile.lower import Lowering
from framework.symbols import declared_atoms, subscripts, symbol_name


def relative(lowering: Lowering, lhs: sp.Expr, rhs: sp.Expr) -> Ref:
    """``(lhs - rhs) / sum(abs(terms))``, between minus one and one."""
    graph = lowering.graph
    minus = Ref(graph.const(-1.0), ())
    left, right = ([lowering.term(t) for t in gross_terms(lowering, side)] for side in (lhs, rhs))
    gap = graph.add(left + [graph.mul([minus, r]) for r in right])
    gross = graph.add([graph.apply("abs", r) for r in left + right])
    return graph.mul([gap, graph.apply("inverse", gross)])


def gross_terms(lowering: Lowering, expr: sp.Expr) -> Sequence[Term]:
    """Terms of an expression, with differences (net exports) opened into what they subtract."""
    table = {}
    for atom in declared_atoms(expr):
        eq = lowering.definitions.get(symbol_name(atom))
        if eq is not None and lowering.model.symbols[symbol_name(atom)].level:
            table[atom] = rename(eq.rhs, dict(zip(subscripts(eq.lhs), subscripts(atom), strict=True)))
    return terms(expr) if not table else gross_terms(lowering, expr.xreplace(table))
