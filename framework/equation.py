"""What a model states: an equation, the numeraire, and what must be stable."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from framework.complementarity import perp
from framework.printing import typed
from framework.sets import free_indices, is_index
from framework.symbols import subscripts


@dataclass(frozen=True, repr=False)
class Equation:
    """One indexed equation.

    Attributes
    ----------
    name, block : str
    lhs, rhs : sympy.Expr
        Both sides; for a definition `lhs` is the variable defined.
    defines : bool
        True for an explicit definition ``lhs := rhs``.
    total : sympy.Expr or None
        In a hat model: the baseline value of both sides. Where it is zero the cell is empty and its hat is 1.
    """

    name: str
    block: str
    lhs: sp.Expr
    rhs: sp.Expr
    defines: bool
    total: sp.Expr | None = None

    @property
    def indices(self) -> tuple[sp.Idx, ...]:
        """Indices over which the equation holds, in the order of the left side."""
        if self.defines:
            return tuple(s for s in subscripts(self.lhs) if is_index(s))
        return tuple(sorted(free_indices(self.lhs), key=str))

    @property
    def complement(self) -> perp | None:
        """The parts of a complementarity condition; None for an equation."""
        return self.lhs if isinstance(self.lhs, perp) else None

    def __str__(self) -> str:
        if self.complement is not None:
            return typed(self.complement)
        return f"{typed(self.lhs)} {':=' if self.defines else '='} {typed(self.rhs)}"

    def __repr__(self) -> str:
        return f"<Equation '{self.name}' in block '{self.block}': {self}>"


@dataclass(frozen=True)
class Numeraire:
    """The expression held fixed, its value, and the block of which one equation is redundant by Walras."""

    expr: sp.Expr
    value: sp.Expr
    redundant: str


@dataclass(frozen=True)
class Adjustment:
    """Variables that move towards what their equations call for, and why an equilibrium may not be stable.

    Attributes
    ----------
    what : str
        What adjusts, in words.
    shifters : dict of str to str
        For each variable that adjusts the exogenous symbol to which it is proportional, others given.
    fix : str
        What a user may change where the equilibrium is unstable.
    """

    what: str
    shifters: dict[str, str]
    fix: str = ""
