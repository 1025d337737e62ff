"""Checks of a symbol or an equation when it is declared; an error of an equation shows it and marks the place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, NoReturn

import sympy as sp
from sympy.core.function import AppliedUndef

from framework.errors import ModelError, did_you_mean
from framework.printing import Place, show
from framework.sets import SIZE_PREFIX, Element, Part, bound_indices, free_indices, is_index, root_of
from framework.symbols import Declaration, Kind, declared_atoms, subscripts, symbol_name

if TYPE_CHECKING:
    from framework.equation import Equation
    from framework.model import Model

Fail = Callable[[str, Place], NoReturn]


def check_about(model: str, symbol: str, about: Mapping[str, object]) -> None:
    """Raise ModelError if a declaration says something that declarations do not have."""
    known = [f.name for f in fields(Declaration) if f.name not in ("symbol", "dims", "name", "kind", "role")]
    for word in about:
        if word not in known:
            raise ModelError(
                f"model '{model}': '{symbol}' is declared with '{word}'; a declaration may have {', '.join(known)}."
                + did_you_mean(word, known)
            )


def check_declaration(model: Model, decl: Declaration) -> None:
    """Raise ModelError if a symbol or its name is taken, or a dim is of no set of the model or stands twice."""
    symbol, name = decl.symbol, model.name
    clash = next((d for d in model.symbols.values() if d.key == decl.key), None)
    if symbol in model.symbols:
        raise ModelError(f"model '{name}': symbol '{symbol}' is declared twice; choose another")
    if clash is not None:
        raise ModelError(
            f"model '{name}': '{symbol}' and '{clash.symbol}' have the name '{decl.key}'; choose another"
        )
    for position, dim in enumerate(decl.dims):
        if dim.root not in model.sets:
            raise ModelError(
                f"model '{name}': '{symbol}' runs over the set '{dim.root}', which is not declared."
                + did_you_mean(dim.root, model.sets)
            )
        if dim.name in decl.dim_names[:position]:
            raise ModelError(
                f"model '{name}': '{symbol}' has the dim '{dim.name}' twice; give one of them "
                f"another name with {dim.name}.alias(...), for instance importer = region.alias('importer')"
            )


def check_equation(
    lhs: sp.Expr, rhs: sp.Expr, sign: str, where: str, symbols: Mapping[str, Declaration]
) -> None:
    """Raise ModelError if an equation uses an unknown symbol, a wrong dim or a wrongly bound index."""

    def fail(message: str, place: Place) -> NoReturn:
        raise ModelError(f"{where}: {message}\n{show(lhs, sign, rhs, place)}")

    for side in (lhs, rhs):
        for atom in sorted(declared_atoms(side), key=str):
            _check_atom(atom, symbols, fail)
        _check_use(side, symbols, fail)
        _check_bound(side, frozenset(), fail)
    free, bound = free_indices(lhs), [*bound_indices(lhs), *bound_indices(rhs)]
    for index in sorted(free & set(bound), key=str):
        fail(
            f"index '{index}' is free on the left and summed over inside; rename the summed one",
            Place(index, "binder"),
        )
    for index in sorted(free_indices(rhs) - free, key=str):
        fail(
            f"index '{index}' on the right is neither summed nor on the left; sum over it or add it to the left",
            Place(index, "free"),
        )


def check_declared(model: Model) -> None:
    """Raise ModelError if equations use undeclared symbols or two elements of one name, or the redundant one is not there."""
    _check_elements(model)
    _check_numeraire(model)
    for eq in model.equations:
        used = {symbol_name(a): a for side in (eq.lhs, eq.rhs) for a in declared_atoms(side)}
        for name in sorted(set(used) - set(model.symbols)):
            sign, lhs = ":=" if eq.defines else "=", eq.lhs
            if eq.complement is not None:
                lhs = (
                    eq.complement.function
                    if used[name] in declared_atoms(eq.complement.function)
                    else used[name]
                )
                sign = ">="
            raise ModelError(
                f"equation '{eq.name}' in block '{eq.block}': symbol '{name}' is not declared any more; "
                f"replace this block too\n{show(lhs, sign, eq.rhs, Place(used[name]))}"
            )


def _check_numeraire(model: Model) -> None:
    rule, names = model.numeraire_rule, [e.name for e in model.equations]
    if rule and rule.redundant not in names:
        conditions = ", ".join(f"'{e.name}'" for e in model.equations if not e.defines)
        raise ModelError(
            f"numeraire of model '{model.name}': no equation is named '{rule.redundant}'."
            + (
                did_you_mean(rule.redundant, names)
                or (conditions and f" The conditions are {conditions}.")
                or " State it: no market clears without a condition."
            )
        )


def _check_elements(model: Model) -> None:
    """An element is bound by its name, so one name must not stand for two members."""
    found: dict[str, Element] = {}
    for eq in model.equations:
        for element in sorted(
            eq.lhs.atoms(Element) | eq.rhs.atoms(Element), key=lambda e: (e.name, e.root, e.label)
        ):
            other = found.setdefault(element.name, element)
            if (other.root, other.label) != (element.root, element.label):
                raise ModelError(
                    f"model '{model.name}': the element '{element.name}' is {other.root} '{other.label}' and "
                    f"{element.root} '{element.label}'; give one of them another name: "
                    f".element('{element.label}', name='...')"
                )


def _check_atom(atom: sp.Expr, symbols: Mapping[str, Declaration], fail: Fail) -> None:
    name = symbol_name(atom)
    if name not in symbols:
        fail(f"symbol '{name}' is not declared.{did_you_mean(name, symbols)}", Place(atom))
    decl, subs = symbols[name], subscripts(atom)
    if len(subs) != len(decl.dims):
        given = f"{len(subs)} subscript{'s' if len(subs) > 1 else ''}" if subs else "none"
        fail(f"'{name}' {_needs(decl)}, but is given {given}", Place(atom))
    for position, (sub, dim) in enumerate(zip(subs, decl.dims, strict=True)):
        place = Place(atom, subscript=position)
        root = _root(sub)
        if root is None:
            fail(f"subscript '{sub}' of '{name}' is neither an index nor an element of '{dim.name}'", place)
        if root != dim.root:
            over = f"'{dim.name}'" if dim.name == dim.root else f"'{dim.name}' (alias of '{dim.root}')"
            belongs = "runs over" if is_index(sub) else "is an element of"
            fail(f"'{name}' runs over {over} where it is given '{sub}', which {belongs} '{root}'", place)


def _needs(decl: Declaration) -> str:
    if not decl.dims:
        return "is a scalar"
    many = f"{len(decl.dims)} subscripts" if len(decl.dims) > 1 else "1 subscript"
    return f"needs {many} ({', '.join(decl.dim_names)})"


def _root(sub: sp.Basic) -> str | None:
    """Root set of an index or element; None for anything else."""
    if isinstance(sub, sp.Idx):
        return root_of(sub)
    return sub.root if isinstance(sub, Element) else None


def _check_use(expr: sp.Basic, symbols: Mapping[str, Declaration], fail: Fail) -> None:
    """Indices and elements may only be subscripts, be compared, or be summed over."""
    if isinstance(expr, sp.Indexed):
        return
    if isinstance(expr, sp.IndexedBase):
        name = str(expr.label)
        if name not in symbols:
            fail(f"symbol '{name}' is not declared.{did_you_mean(name, symbols)}", Place(expr))
        fail(f"'{name}' {_needs(symbols[name])}, but is given none", Place(expr))
    if isinstance(expr, sp.Symbol) and expr.is_integer and expr.name.startswith(SIZE_PREFIX):
        fail("the size of a set has no place in an equation; count its elements with Sum(1, i)", Place(expr))
    if isinstance(expr, AppliedUndef):
        fail(f"function '{expr.func}' has no meaning; use the functions of sympy", Place(expr))
    if isinstance(expr, sp.KroneckerDelta):
        _check_comparison(expr, fail)
        return
    if isinstance(expr, sp.Pow) and isinstance(expr.base, sp.KroneckerDelta):
        fail(f"division by '{expr.base}', which is zero for all indices but one", Place(expr))
    if _root(expr) is not None:
        what = "index" if is_index(expr) else "element"
        fail(
            f"{what} '{expr}' stands where a value is needed; it can only be a subscript",
            Place(expr, "value"),
        )
    if isinstance(expr, (sp.Sum, sp.Product)):
        _check_limits(expr, fail)
    for arg in _values(expr):
        _check_use(arg, symbols, fail)


def _values(expr: sp.Basic) -> tuple[sp.Basic, ...]:
    """Arguments of an expression that are values, not indices that it binds."""
    if isinstance(expr, (sp.Sum, sp.Product)):
        return (expr.function,)
    return expr.args[:2] if isinstance(expr, Part) else expr.args


def _check_limits(expr: sp.Sum | sp.Product, fail: Fail) -> None:
    for index, *range_ in expr.limits:
        if not isinstance(index, sp.Idx):
            fail(f"'{index}' is summed over but is no index; take one from a set", Place(expr))
        if range_ and tuple(range_) != (index.lower, index.upper):
            fail(f"a sum runs over the whole set of '{index}'; leave out the range", Place(expr))


def _check_comparison(expr: sp.KroneckerDelta, fail: Fail) -> None:
    roots = [_root(a) for a in expr.args[:2]]
    if None in roots:
        stranger = expr.args[roots.index(None)]
        fail(f"KroneckerDelta compares indices and elements; '{stranger}' is neither", Place(expr))
    if roots[0] != roots[1]:
        a, b = expr.args[:2]
        fail(
            f"'{a}' of '{roots[0]}' is compared with '{b}' of '{roots[1]}'; they are never equal", Place(expr)
        )
    if not any(map(is_index, expr.args[:2])):
        fail(f"'{expr}' compares two elements; compare an index with an element", Place(expr))


def _check_bound(expr: sp.Basic, bound: frozenset[sp.Basic], fail: Fail) -> None:
    here: tuple[sp.Basic, ...] = ()
    if isinstance(expr, (sp.Sum, sp.Product)):
        here = tuple(limit[0] for limit in expr.limits)
    elif isinstance(expr, Part):
        here = tuple(expr.args[2:])
    for index in here:
        if index in bound:
            fail(f"index '{index}' is bound twice; rename one of them", Place(index, "binder"))
        bound |= {index}
    for arg in _values(expr):
        _check_bound(arg, bound, fail)


# ---- numeraire and swaps -------------------------------------------------------------------------


def check_numeraire(expr: sp.Expr, value: sp.Expr, symbols: Mapping[str, Declaration]) -> None:
    """Raise ModelError unless an expression is one number that is never zero, held at one that does not change."""
    check_equation(expr, value, "=", "numeraire", symbols)
    for index in sorted(free_indices(expr), key=str):
        raise ModelError(
            f"numeraire: one number is held fixed, but index '{index}' is free; sum over it or take an "
            f"element\n{show(expr, '=', value, Place(index, 'free'))}"
        )
    for atom in sorted(declared_atoms(value), key=str):
        if symbols[symbol_name(atom)].kind not in (Kind.FUNDAMENTAL, Kind.PARAMETER):
            raise ModelError(
                f"numeraire: its value '{value}' contains '{atom}', which may change; hold it at a number, a "
                "parameter or a fundamental"
            )
    for atom in sorted(declared_atoms(expr), key=str):
        if symbols[symbol_name(atom)].level:
            raise ModelError(
                f"numeraire: '{symbol_name(atom)}' is a level and may be zero; leave it out of it"
            )


def check_redundant(name: str, equations: Sequence[Equation]) -> None:
    """Raise ModelError if nothing is named that a numeraire makes redundant."""
    if not name:
        conditions = ", ".join(f"'{e.name}'" for e in equations if not e.defines) or "none is declared yet"
        raise ModelError(
            "numeraire: say which condition is redundant by Walras' law, redundant='labour market' for instance; "
            f"conditions: {conditions}"
        )


def swappable(model: Model, freed: str, fixed: str, where: str) -> tuple[Declaration, Declaration]:
    """Declarations of an exogenous symbol to free and of the variable to fix in its place."""
    free, fix = model.declaration(freed), model.declaration(fixed)
    if free.kind is not Kind.EXOGENOUS:
        raise ModelError(
            f"{where}: '{freed}' is {a_kind(free.kind)}; only an exogenous symbol can be freed"
            + _listed(d.key for d in model.of_kind(Kind.EXOGENOUS))
        )
    if fix.kind is not Kind.VARIABLE:
        raise ModelError(f"{where}: '{fixed}' is {a_kind(fix.kind)}; only a variable can be fixed")
    if sorted(free.roots) != sorted(fix.roots):
        raise ModelError(
            f"{where}: '{freed}' ({_over(free)}) is to be freed and '{fixed}' ({_over(fix)}) fixed; "
            "a closure must leave as many unknowns as equations, so both need the same dims"
        )
    return free, fix


def a_kind(kind: Kind) -> str:
    """The kind in words, with its article."""
    return kind.value if kind is Kind.EXOGENOUS else f"a {kind.value}"


def _over(decl: Declaration) -> str:
    return f"over {' x '.join(decl.dim_names)}" if decl.dims else "a scalar"


def _listed(names: Iterator[str]) -> str:
    found = ", ".join(names)
    return f": {found}" if found else ""
