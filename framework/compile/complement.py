"""Residuals of complementarity conditions: the function of Fischer (1992), nested where there are two bounds.

``phi(a, b) = a + b - sqrt(a**2 + b**2)`` is zero exactly where ``a >= 0``, ``b >= 0`` and ``a b = 0``. It is smooth
but where both are zero; there the derivatives of this code are an element of its generalised Jacobian, so that
Newton's method on it is a semismooth one.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from framework.compile.ir import Node, Ref
from framework.compile.lower import Lowering
from framework.compile.relative import gross_terms
from framework.complementarity import perp
from framework.model import Equation, Model
from framework.structure import Structure
from framework.symbols import Declaration, Kind, declared_atoms, subscripts, symbol_name


@dataclass(frozen=True)
class Complement:
    """One condition with both sides on the dims of its variable.

    Attributes
    ----------
    equation : Equation
    declaration : Declaration
        Of the variable.
    function : Node
        The function, scaled: positive where the inequality holds strictly.
    above, below : Node or None
        Distance of the variable from its lower and to its upper bound.
    """

    equation: Equation
    declaration: Declaration
    function: Node
    above: Node | None
    below: Node | None


def complements(lowering: Lowering, model: Model, structure: Structure) -> list[Complement]:
    """Both sides of every complementarity condition."""
    out = []
    for symbol, eq in structure.core:
        if (parts := eq.complement) is None:
            continue
        indices = list(subscripts(parts.variable))
        function, *distances = (
            None if side is None else lowering.ordered(side, indices) for side in _sides(lowering, parts)
        )
        assert function is not None
        out.append(Complement(eq, model.symbols[symbol], function, *distances))
    return out


def complement_residual(lowering: Lowering, parts: perp) -> Node:
    """Residual on the dims of the variable: zero iff the condition holds."""
    graph = lowering.graph
    minus = Ref(graph.const(-1.0), ())
    function, above, below = _sides(lowering, parts)
    ref = function
    if below is not None:  # x <= upper goes with F <= 0
        ref = graph.mul([minus, _fischer(lowering, below, graph.mul([minus, function]))])
    if above is not None:
        ref = _fischer(lowering, above, ref)
    return lowering.ordered(ref, list(subscripts(parts.variable)))


def _sides(lowering: Lowering, parts: perp) -> tuple[Ref, Ref | None, Ref | None]:
    """The function, scaled, and the distances from the bounds."""
    above = None if parts.lower is None else lowering.value(parts.variable - parts.lower)
    below = None if parts.upper is None else lowering.value(parts.upper - parts.variable)
    function = lowering.graph.mul([lowering.value(parts.function), _inverse_scale(lowering, parts.function)])
    return function, above, below


def _inverse_scale(lowering: Lowering, function: sp.Expr) -> Ref:
    """One over the size of a function, from data only: the scaled function has a slope wherever the function has one.

    In hats that is the size of its terms at the baseline, differences opened into what they subtract; in levels one
    and the size of the terms that are given.
    """
    graph, model = lowering.graph, lowering.model
    sizes = []
    for term in gross_terms(lowering, function):
        atoms = declared_atoms(term.expr())
        hats = {a: sp.S.One for a in atoms if model.symbols[symbol_name(a)].role == "hat"}
        if all(model.symbols[symbol_name(a)].kind is not Kind.VARIABLE for a in atoms - set(hats)):
            sizes.append(graph.apply("abs", lowering.value(term.expr().xreplace(hats))))
    size = graph.add(sizes)
    one = graph.apply("iszero", size) if model.is_hat else Ref(graph.const(1.0), ())
    return graph.apply("inverse", graph.add([size, one]))


def _fischer(lowering: Lowering, a: Ref, b: Ref) -> Ref:
    graph = lowering.graph
    length = graph.apply("sqrt", graph.add([graph.mul([a, a]), graph.mul([b, b])]))
    return graph.add([a, b, graph.mul([Ref(graph.const(-1.0), ()), length])])
