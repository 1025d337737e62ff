"""Checks of one equation at the moment it is declared; each error shows the equation and marks the place."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from framework.errors import ModelError, did_you_mean
from framework.sets import Element, free_indices, is_index, root_of
from framework.symbols import Declaration, declared_atoms, subscripts, symbol_name


def check_equation(
    lhs: sp.Expr, rhs: sp.Expr, sign: str, where: str, symbols: Mapping[str, Declaration]
) -> None:
    """Raise ModelError if an equation uses an unknown symbol, a wrong dim or a wrongly bound index."""

    def fail(message: str, part: object = None) -> None:
        raise ModelError(f"{where}: {message}\n{_marked(f'{lhs} {sign} {rhs}', part)}")

    for side in (lhs, rhs):
        for atom in sorted(declared_atoms(side), key=str):
            _check_atom(atom, symbols, fail)
        _check_bound(side, set(), fail)
    free, unbound = free_indices(lhs), free_indices(rhs) - free_indices(lhs)
    if unbound:
        index = min(unbound, key=str)
        fail(f"index '{index}' on the right is neither summed nor on the left", index)
    for index in _binders(sp.Tuple(lhs, rhs)):
        if index in free:
            fail(f"index '{index}' is free on the left and summed over inside; rename the summed one", index)


def _check_atom(atom: sp.Expr, symbols: Mapping[str, Declaration], fail) -> None:
    name = symbol_name(atom)
    if name not in symbols:
        fail(f"symbol '{name}' is not declared.{did_you_mean(name, symbols)}", atom)
    decl, subs = symbols[name], subscripts(atom)
    if len(subs) != len(decl.dims):
        dims = ", ".join(decl.dim_names) or "none: it is a scalar"
        fail(f"'{name}' has {len(decl.dims)} dims ({dims}) but is given {len(subs)}", atom)
    for sub, dim in zip(subs, decl.dims, strict=True):
        if is_index(sub):
            root = root_of(sub)
        elif isinstance(sub, Element):
            root = sub.root
        else:
            fail(f"subscript '{sub}' of '{name}' is neither an index nor an element of '{dim.name}'", atom)
            return
        if root != dim.root:
            fail(f"'{name}' runs over '{dim.name}' where it is given '{sub}', which runs over '{root}'", atom)


def _check_bound(expr: sp.Basic, bound: set[sp.Idx], fail) -> None:
    if isinstance(expr, (sp.Sum, sp.Product)):
        for index, *_ in expr.limits:
            if index in bound:
                fail(f"index '{index}' is bound twice; rename one of them", expr)
            bound = bound | {index}
        _check_bound(expr.function, bound, fail)
        return
    for arg in expr.args:
        _check_bound(arg, bound, fail)


def _binders(expr: sp.Basic) -> set[sp.Idx]:
    here = {limit[0] for limit in expr.limits} if isinstance(expr, (sp.Sum, sp.Product)) else set()
    return here.union(*(_binders(a) for a in expr.args)) if expr.args else here


def _marked(text: str, part: object) -> str:
    """Return the equation with a caret line under the offending part."""
    at = text.rfind(str(part)) if part is not None else -1
    if at < 0:
        return f"    {text}"
    return f"    {text}\n    {' ' * at}{'^' * len(str(part))}"
