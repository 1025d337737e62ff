"""Equations in levels that baseline data state in full, so that the data can be held against them."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from framework.algebra import rename
from framework.equation import Equation
from framework.model import Model
from framework.symbols import declared_atoms, subscripts, symbol_name, symbols_of


def equations_of_data(model: Model, data: set[str]) -> list[Equation]:
    """Equations of a levels model in data alone, and definitions by data of what is observed.

    A variable that is not among the data is replaced by its definition where that is made of data, such as the
    composite factor by its coefficient times output.

    Parameters
    ----------
    model : Model
        In levels.
    data : set of str
        Symbols whose baseline value is given.
    """
    made = {
        symbol_name(eq.lhs): eq
        for eq in model.equations
        if eq.defines and symbol_name(eq.lhs) not in data and symbols_of(eq.rhs) <= data
    }
    definitions = [eq for symbol, eq in made.items() if model.symbols[symbol].observed]
    return definitions + [
        replace(eq, lhs=_in_data(eq.lhs, made), rhs=_in_data(eq.rhs, made))
        for eq in model.equations
        if eq.complement is None
        and eq not in made.values()
        and symbols_of(eq.lhs, eq.rhs) <= data | made.keys()
    ]


def _in_data(expr: sp.Expr, made: dict[str, Equation]) -> sp.Expr:
    """An expression with every variable that is made of data replaced by its definition."""
    table = {}
    for atom in declared_atoms(expr):
        if eq := made.get(symbol_name(atom)):
            binding = dict(zip(subscripts(eq.lhs), subscripts(atom), strict=True))
            table[atom] = rename(eq.rhs, binding)
    return expr.xreplace(table)
