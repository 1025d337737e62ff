"""Declarations: what a symbol is, over which dims, in which unit, and what is known about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import sympy as sp

from framework.sets import SIZE_PREFIX, Element, Set


class Kind(Enum):
    """The economic role of a symbol."""

    VARIABLE = "variable"  # endogenous: an equation determines it
    EXOGENOUS = "exogenous"  # given, and may be shocked
    PARAMETER = "parameter"  # known constant: elasticity, share; never shocked
    FUNDAMENTAL = "fundamental"  # constant that is never observed; must drop out of the hats


RATE = "rate"
"""Unit of ad-valorem taxes and tariffs: a fraction of the price."""

PER_YEAR = "per year"
"""Unit of rates of growth and interest: a fraction."""

USUAL_RATES = (-0.5, 2.0)
"""Rates that are usual unless a declaration says otherwise."""


@dataclass(frozen=True)
class Declaration:
    """One declared symbol.

    Attributes
    ----------
    symbol : str
        Name in equations, for instance ``"pi"``.
    dims : tuple of Set
        Sets or aliases over which it runs; empty for a scalar.
    name : str
        The field's term, for instance ``"expenditure share"``.
    key : str
        Name in data sets and results: `name` with underscores.
    kind : Kind
    unit, description, latex : str
    positive : bool
        Strictly positive, and solved in logs. With ``lower=0.0`` what is given may be zero in cells that are not in use,
        as baseline data in hats always may.
    observed : bool
        Its baseline value is data.
    level : bool
        May be zero or negative at the baseline (a tax, a deficit): never hatted.
    lower : float or None
        Bound that an equilibrium must respect; part of the certificate.
    usual : (float, float) or None
        Range of what is given in which values usually lie; outside of it a warning asks whether the unit is right. A
        rate has one by default.
    role : str
        ``"plain"`` in a levels model; in a hat model ``"baseline"`` (data), ``"hat"`` (ratio new over
        base) or ``"new"`` (new level).
    default : float or str or None
        Value of an exogenous symbol that is not given: a number, or the key of baseline data.
    """

    symbol: str
    dims: tuple[Set, ...]
    name: str
    kind: Kind
    unit: str = ""
    description: str = ""
    latex: str = ""
    positive: bool = False
    observed: bool = False
    level: bool = False
    lower: float | None = None
    usual: tuple[float, float] | None = None
    role: str = "plain"
    default: float | str | None = None

    @property
    def key(self) -> str:
        """Name in data sets and results."""
        return self.name.replace(" ", "_").replace("-", "_")

    @property
    def dim_names(self) -> tuple[str, ...]:
        """Names of the dims, as in an xarray object."""
        return tuple(d.name for d in self.dims)

    @property
    def roots(self) -> tuple[str, ...]:
        """Names of the root sets of the dims."""
        return tuple(d.root for d in self.dims)

    @property
    def usual_range(self) -> tuple[float, float] | None:
        """The `usual` values, which a ratio new over base does not have."""
        if self.role == "hat":
            return None
        return self.usual or (USUAL_RATES if self.unit in (RATE, PER_YEAR) else None)

    @property
    def least(self) -> float | None:
        """The value that it must not fall below: `lower`, or zero where it is positive."""
        return 0.0 if self.lower is None and self.positive else self.lower

    @property
    def base(self) -> sp.Expr:
        """The sympy object a user indexes (or uses directly, for a scalar)."""
        assumptions = {"positive": True} if self.positive else {"real": True}
        return (
            sp.IndexedBase(self.symbol, **assumptions) if self.dims else sp.Symbol(self.symbol, **assumptions)
        )

    @property
    def is_constant(self) -> bool:
        """True if no equation determines it."""
        return self.kind is not Kind.VARIABLE

    def as_kind(self, kind: Kind) -> Declaration:
        """The same symbol in another role (a closure swap)."""
        return replace(self, kind=kind)


def symbol_name(atom: sp.Expr) -> str:
    """Name under which an atom of an equation is declared."""
    if isinstance(atom, sp.Indexed):
        return str(atom.base.label)
    return str(atom)


def subscripts(atom: sp.Expr) -> tuple[sp.Expr, ...]:
    """Subscripts of an atom: empty for a scalar."""
    return tuple(atom.indices) if isinstance(atom, sp.Indexed) else ()


def declared_atoms(expr: sp.Basic) -> set[sp.Expr]:
    """Indexed objects and scalar symbols of an expression (no indices, sizes, or elements)."""
    if isinstance(expr, sp.Indexed):
        return {expr}
    if isinstance(expr, sp.Symbol):
        is_size = expr.is_integer and expr.name.startswith(SIZE_PREFIX)
        return set() if is_size or isinstance(expr, Element) else {expr}
    if isinstance(expr, (sp.Idx, sp.IndexedBase)):
        return set()
    if isinstance(expr, (sp.Sum, sp.Product)):
        return declared_atoms(expr.function)
    return set().union(*(declared_atoms(a) for a in expr.args)) if expr.args else set()


def symbols_of(*exprs: sp.Expr) -> set[str]:
    """Names of the declared symbols of some expressions."""
    return {symbol_name(a) for expr in exprs for a in declared_atoms(expr)}


class base(sp.Function):
    """``base(e)``: the expression `e` at the baseline equilibrium."""

    nargs = 1

    def _eval_is_positive(self) -> bool | None:
        return self.args[0].is_positive


class ces(sp.Function):
    """``ces(e, (w1, z1), ...) = (sum w z**e)**(1/e)``, a share-weighted power mean; exact at ``e = 0``.

    Each pair may carry indices after its two entries, over which it is summed.
    """

    def _eval_is_positive(self) -> bool:
        return True
