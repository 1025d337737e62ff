"""Mixed complementarity conditions: an inequality, and a variable that leaves its bound only where it binds.

A condition ``F ⟂ lower <= x <= upper`` says, at every label: ``F = 0``, or ``x = lower`` and ``F >= 0``, or
``x = upper`` and ``F <= 0``. It is what GAMS writes as ``F.x`` and MPSGE as ``$constraint:x``.

References
----------
Fischer (1992), Optimization 24, 269-284; Billups (1995), Algorithms for Complementarity Problems, ch. 3 (the
function of a variable between two bounds); Ferris and Pang (1997), SIAM Review 39, 669-713 (economic uses).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NoReturn, TypeAlias

import sympy as sp
from sympy.core.relational import GreaterThan, LessThan, Relational

from framework.errors import ModelError
from framework.printing import Place, show, typed
from framework.sets import free_indices, is_index
from framework.symbols import Declaration, Kind, declared_atoms, subscripts, symbol_name
from framework.validate import check_equation

if TYPE_CHECKING:
    from framework.equation import Equation

Bound: TypeAlias = sp.Expr | float | None


class perp(sp.Function):
    """``perp(F, x, lower, upper)``: the two sides of a complementarity condition; an absent bound is infinite."""

    nargs = 4

    @property
    def function(self) -> sp.Expr:
        """`F`: zero wherever the variable lies strictly between its bounds."""
        return self.args[0]

    @property
    def variable(self) -> sp.Expr:
        """The variable `x`."""
        return self.args[1]

    @property
    def lower(self) -> sp.Expr | None:
        """Lower bound of the variable."""
        return None if self.args[2] == -sp.oo else self.args[2]

    @property
    def upper(self) -> sp.Expr | None:
        """Upper bound of the variable."""
        return None if self.args[3] == sp.oo else self.args[3]

    def with_parts(self, function: sp.Expr, variable: sp.Expr, lower, upper) -> perp:
        """The same condition with other parts; None for a bound that is absent."""
        return perp(function, variable, -sp.oo if lower is None else lower, sp.oo if upper is None else upper)


def condition(
    name: str,
    block: str,
    function: sp.Basic,
    variable: sp.Basic,
    lower: Bound,
    upper: Bound,
    symbols: Mapping[str, Declaration],
    equations: Iterable[Equation],
) -> perp:
    """Check the parts of a condition as a user writes them, and put them together; see `Model.complements`."""
    where = f"complementarity '{name}' in block '{block}'"

    def fail(message: str) -> NoReturn:
        raise ModelError(f"{where}: {message}")

    for part in (function, variable):
        if isinstance(part, (bool, sp.logic.boolalg.BooleanAtom)):
            fail(
                "one side is always true or false, because a strictly positive variable is compared with a number; "
                "declare it with level=True, so that it may reach its bound"
            )
    x, lower, upper = _bounded(sp.sympify(variable), lower, upper, fail)
    f = _function(sp.sympify(function), upper, fail)
    check_equation(f, sp.S.Zero, "=", where, symbols)
    check_equation(x, sp.S.Zero, ">=", where, symbols)
    _check_variable(x, symbols, fail)
    _check_dims(f, x, fail)
    found = perp(f, x, -sp.oo if lower is None else lower, sp.oo if upper is None else upper)
    for bound in (lower, upper):
        if bound is not None:
            check_equation(x, bound, ">=" if bound is lower else "<=", where, symbols)
            _check_bound(x, bound, symbols, fail)
    if lower is not None and upper is not None and (lower - upper).is_nonnegative:
        fail(f"its lower bound {lower} is not below its upper bound {upper}; write lower < upper")
    _check_declared_lower(x, lower, symbols, fail)
    _check_once(symbol_name(x), equations, fail)
    return found


def _bounded(x: sp.Basic, lower, upper, fail) -> tuple[sp.Expr, sp.Expr | None, sp.Expr | None]:
    """The variable and its bounds, given as ``x >= 0``, or as a variable and keywords."""
    if isinstance(x, Relational):
        if lower is not None or upper is not None:
            fail(f"the bound is given twice, in '{x}' and by keyword; for two bounds give the variable alone")
        if not isinstance(x, (GreaterThan, LessThan)):
            fail(f"'{x}' is not a bound; write >= or <=")
        big, small = x.gts, x.lts
        is_lower = isinstance(big, (sp.Symbol, sp.Indexed)) and not (
            isinstance(small, (sp.Symbol, sp.Indexed)) and isinstance(x, LessThan)
        )
        x, lower, upper = (big, small, None) if is_lower else (small, None, big)
    lower = None if lower is None else sp.sympify(lower)
    upper = None if upper is None else sp.sympify(upper)
    if lower == -sp.oo:
        lower = None
    if upper == sp.oo:
        upper = None
    if lower is None and upper is None:
        fail(
            f"'{typed(x)}' has no bound, so that there is nothing to complement; write '{typed(x)} >= 0', or "
            "lower=... and upper=... for a variable between two bounds; use equate where it has none"
        )
    return x, lower, upper  # type: ignore[return-value]


def _function(f: sp.Basic, upper, fail) -> sp.Expr:
    """An inequality as what must not be negative."""
    if not isinstance(f, Relational):
        return f  # type: ignore[return-value]
    if not isinstance(f, (GreaterThan, LessThan)):
        fail(f"'{f}' is not an inequality that may bind; write >= or <=")
    if upper is not None:
        fail(
            f"'{f}' is one inequality, but with an upper bound the function may have either sign; give the function "
            f"itself: {typed(f.gts - f.lts)}"
        )
    return f.gts - f.lts


def _check_variable(x: sp.Expr, symbols: Mapping[str, Declaration], fail) -> None:
    subs = subscripts(x)
    if not isinstance(x, (sp.Symbol, sp.Indexed)) or len({*subs}) < len(subs) or not all(map(is_index, subs)):
        fail(f"'{typed(x)}' is not one variable with distinct indices; a condition is paired with a variable")
    decl = symbols[symbol_name(x)]
    if decl.kind is not Kind.VARIABLE:
        fail(
            f"'{decl.symbol}' is {'' if decl.kind is Kind.EXOGENOUS else 'a '}{decl.kind.value}; only a variable can "
            "leave its bound: declare it with model.variable(...), or free it with model.free(...)"
        )
    if not decl.level:
        fail(
            f"'{decl.symbol}' is strictly positive and solved in logs, so that it never reaches a bound; declare it "
            "with level=True"
        )


def _check_dims(f: sp.Expr, x: sp.Expr, fail) -> None:
    """Every label of the variable has one condition."""
    over, have = free_indices(x), free_indices(f)
    for index in sorted(have - over, key=str):
        fail(
            f"index '{index}' of the condition is not an index of '{typed(x)}', with which it is paired; sum over it, "
            f"or pair it with a variable over the same dims\n{show(f, '>=', sp.S.Zero, Place(index, 'free'))}"
        )
    for index in sorted(over - have, key=str):
        fail(
            f"'{typed(x)}' runs over '{index}', but the condition does not: it would be paired with many variables; "
            f"pair it with a variable without '{index}'\n{show(f, '>=', sp.S.Zero)}"
        )


def _check_bound(x: sp.Expr, bound: sp.Expr, symbols: Mapping[str, Declaration], fail) -> None:
    for atom in sorted(declared_atoms(bound), key=str):
        if symbols[symbol_name(atom)].kind is Kind.VARIABLE:
            fail(
                f"the bound '{typed(bound)}' of '{typed(x)}' contains the variable '{typed(atom)}'; put the "
                "difference into a variable of its own, with a bound of zero"
            )
    if bound.has(sp.oo, sp.nan, sp.zoo):
        fail(f"the bound '{bound}' of '{typed(x)}' is not a number; leave out a bound that is infinite")


def _check_once(symbol: str, equations: Iterable[Equation], fail) -> None:
    for before in equations:
        other = before.complement
        paired = other is not None and symbol_name(other.variable) == symbol
        if paired or (before.defines and symbol_name(before.lhs) == symbol):
            fail(
                f"'{symbol}' is determined by '{before.name}' in block '{before.block}' already; a variable has one "
                "condition"
            )


def _check_declared_lower(x: sp.Expr, lower, symbols: Mapping[str, Declaration], fail) -> None:
    """A declared bound is never passed, and one below zero is never reached, since the unknown is a log."""
    decl = symbols[symbol_name(x)]
    if decl.lower is None or lower is None or not lower.is_number:
        return
    if float(lower) < decl.lower or (float(lower) == decl.lower < 0):
        fail(
            f"'{decl.symbol}' must stay above {decl.lower:g} by its declaration, so that it cannot reach its bound "
            f"{lower} here; declare it without that lower bound, or raise this one"
        )
