"""A model: blocks of equations over declared symbols, with closures and variants as objects."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp

from framework.errors import ModelError, did_you_mean
from framework.sets import Element, Set, free_indices, is_index
from framework.symbols import Declaration, Kind, subscripts, symbol_name
from framework.validate import check_equation

Builder = Callable[["Model"], None]


@dataclass(frozen=True)
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

    def __str__(self) -> str:
        return f"{self.lhs} {':=' if self.defines else '='} {self.rhs}"


@dataclass(frozen=True)
class Numeraire:
    """The expression held fixed, its value, and the block of which one equation is redundant by Walras."""

    expr: sp.Expr
    value: sp.Expr
    redundant: str


@dataclass
class Model:
    """A structural model declared symbolically.

    Parameters
    ----------
    name : str
        Short name, for instance ``"caliendo-parro"``.
    title : str
        What it is and where it comes from (paper).

    Examples
    --------
    >>> m = Model("endowment", "One good per region")
    >>> region = m.set("region")
    >>> i, = region.indices("i")
    >>> w, L = m.variable("w", [region], "wage"), m.exogenous("L", [region], "labour", positive=True)
    """

    name: str
    title: str = ""
    sets: dict[str, Set] = field(default_factory=dict)
    symbols: dict[str, Declaration] = field(default_factory=dict)
    equations: list[Equation] = field(default_factory=list)
    identities: list[tuple[sp.Expr, sp.Expr]] = field(default_factory=list)
    normalisations: list[tuple[sp.Expr, sp.Expr]] = field(default_factory=list)
    closures: dict[str, str] = field(default_factory=dict)
    variant_builders: dict[str, dict[str, Builder]] = field(default_factory=dict)
    chosen: dict[str, str] = field(default_factory=dict)
    swaps: dict[str, str] = field(default_factory=dict)
    numeraire_rule: Numeraire | None = None
    is_hat: bool = False
    _block: str = "model"
    _declared_in: dict[str, str] = field(default_factory=dict)

    # ---- declaring -------------------------------------------------------------------------------

    def set(self, name: str) -> Set:
        """Declare a set; its size stays symbolic until data are bound."""
        if name in self.sets:
            raise ModelError(f"model '{self.name}': set '{name}' is declared twice")
        self.sets[name] = Set(name, name)
        return self.sets[name]

    def variable(self, symbol: str, dims: Sequence[Set] = (), name: str = "", **about: Any) -> Any:
        """Declare an endogenous variable; strictly positive unless it is a `level`. See `Declaration`."""
        about.setdefault("positive", not about.get("level", False))
        return self._declare(symbol, dims, name, Kind.VARIABLE, about)

    def exogenous(self, symbol: str, dims: Sequence[Set] = (), name: str = "", **about: Any) -> Any:
        """Declare a given quantity that may be shocked; strictly positive unless it is a `level`."""
        about.setdefault("positive", not about.get("level", False))
        if about.get("level"):
            about.setdefault("observed", True)
        return self._declare(symbol, dims, name, Kind.EXOGENOUS, about)

    def parameter(self, symbol: str, dims: Sequence[Set] = (), name: str = "", **about: Any) -> Any:
        """Declare a known constant (an elasticity, a share)."""
        return self._declare(symbol, dims, name, Kind.PARAMETER, {"observed": True, **about})

    def fundamental(self, symbol: str, dims: Sequence[Set] = (), name: str = "", **about: Any) -> Any:
        """Declare a constant that is never observed; the exact-hat form must not contain it."""
        return self._declare(symbol, dims, name, Kind.FUNDAMENTAL, {"positive": True, **about})

    def _declare(self, symbol: str, dims: Sequence[Set], name: str, kind: Kind, about: dict[str, Any]) -> Any:
        decl = Declaration(symbol=symbol, dims=tuple(dims), name=name or symbol, kind=kind, **about)
        clash = next((d for d in self.symbols.values() if d.key == decl.key), None)
        if symbol in self.symbols or clash is not None:
            taken = f"symbol '{symbol}'" if symbol in self.symbols else f"name '{decl.name}'"
            raise ModelError(f"model '{self.name}': {taken} is declared twice; choose another")
        if len(set(decl.dim_names)) < len(dims):
            raise ModelError(
                f"model '{self.name}': '{symbol}' has the dim '{decl.dim_names[0]}' twice; use an alias: "
                f"{decl.dim_names[0]}.alias('importer')"
            )
        for dim in dims:
            if dim.root not in self.sets:
                raise ModelError(
                    f"'{symbol}': set '{dim.root}' is not declared.{did_you_mean(dim.root, self.sets)}"
                )
        self.symbols[symbol] = decl
        self._declared_in[symbol] = self._block
        return decl.base

    def __getitem__(self, symbol: str) -> Any:
        """The sympy object of a declared symbol, by symbol or by name."""
        return self.declaration(symbol).base

    def declaration(self, name: str) -> Declaration:
        """The declaration of a symbol, found by symbol, name or key."""
        if name in self.symbols:
            return self.symbols[name]
        for decl in self.symbols.values():
            if name in (decl.key, decl.name):
                return decl
        known = [*self.symbols, *(d.key for d in self.symbols.values())]
        raise ModelError(f"model '{self.name}' has no symbol '{name}'.{did_you_mean(name, known)}")

    # ---- equations -------------------------------------------------------------------------------

    @contextmanager
    def block(self, name: str) -> Iterator[None]:
        """Equations and symbols declared inside belong to this block."""
        outer, self._block = self._block, name
        try:
            yield
        finally:
            self._block = outer

    def define(self, lhs: sp.Expr, rhs: sp.Expr, name: str = "") -> None:
        """Add the explicit definition ``lhs := rhs`` of one variable."""
        lhs, rhs = sp.sympify(lhs), sp.sympify(rhs)
        where = f"definition of '{symbol_name(lhs)}' in block '{self._block}'"
        subs = subscripts(lhs)
        if (
            not isinstance(lhs, (sp.Indexed, sp.Symbol))
            or len({*subs}) < len(subs)
            or not all(map(is_index, subs))
        ):
            raise ModelError(
                f"{where}: the left side must be one variable with distinct indices\n    {lhs} := {rhs}"
            )
        check_equation(lhs, rhs, ":=", where, self.symbols)
        decl = self.symbols[symbol_name(lhs)]
        if decl.kind is not Kind.VARIABLE:
            raise ModelError(
                f"{where}: '{decl.symbol}' is declared {decl.kind.value}, not a variable\n    {lhs} := {rhs}"
            )
        if any(e.defines and symbol_name(e.lhs) == decl.symbol for e in self.equations):
            raise ModelError(
                f"{where}: it is defined already; replace the block or use equate\n    {lhs} := {rhs}"
            )
        self.equations.append(Equation(name or decl.name, self._block, lhs, rhs, True))

    def equate(self, name: str, lhs: sp.Expr, rhs: sp.Expr) -> None:
        """Add the implicit condition ``lhs = rhs``; it holds for every index free on the left."""
        lhs, rhs = sp.sympify(lhs), sp.sympify(rhs)
        check_equation(lhs, rhs, "=", f"equation '{name}' in block '{self._block}'", self.symbols)
        if any(e.name == name for e in self.equations):
            raise ModelError(f"model '{self.name}': equation '{name}' is declared twice; choose another name")
        self.equations.append(Equation(name, self._block, lhs, rhs, False))

    def identity(self, lhs: sp.Expr, rhs: sp.Expr) -> None:
        """State a theorem of the model, used only to recognise baseline shares and checked numerically."""
        lhs, rhs = sp.sympify(lhs), sp.sympify(rhs)
        check_equation(lhs, rhs, "==", "identity", self.symbols)
        self.identities.append((lhs, rhs))

    def normalise(self, expr: sp.Expr, value: sp.Expr | float = 1) -> None:
        """Fix a unit: the expression has this value at the baseline."""
        check_equation(sp.sympify(expr), sp.sympify(value), "==", "normalisation", self.symbols)
        self.normalisations.append((sp.sympify(expr), sp.sympify(value)))

    def numeraire(self, expr: sp.Expr, value: sp.Expr | float = 1, *, redundant: str) -> None:
        """Hold `expr` at `value`, and name the equation of which one element is redundant by Walras' law."""
        check_equation(sp.sympify(expr), sp.sympify(value), "=", "numeraire", self.symbols)
        self.numeraire_rule = Numeraire(sp.sympify(expr), sp.sympify(value), redundant)

    # ---- closures and variants -------------------------------------------------------------------

    def closure(self, **frees: str) -> None:
        """Declare admissible swaps ``endogenous="exogenous"``: fixing the first frees the second."""
        for fixed, freed in frees.items():
            self.closures[self.declaration(fixed).key] = self.declaration(freed).key

    def swap(self, **fixes: str) -> Model:
        """Return a copy in which each named exogenous symbol is free and the variable given for it is fixed."""
        out = self.copy()
        for freed, fixed in fixes.items():
            free, fix = out.declaration(freed), out.declaration(fixed)
            if free.kind is not Kind.EXOGENOUS:
                raise ModelError(
                    f"swap: '{freed}' is {free.kind.value}; only an exogenous symbol can be freed"
                )
            if fix.kind is not Kind.VARIABLE:
                raise ModelError(f"swap: '{fixed}' is {fix.kind.value}; only a variable can be fixed")
            if sorted(free.roots) != sorted(fix.roots):
                raise ModelError(
                    f"swap: '{freed}' runs over ({', '.join(free.dim_names)}) and '{fixed}' over "
                    f"({', '.join(fix.dim_names)}); a closure must leave as many unknowns as equations"
                )
            out.symbols[free.symbol] = free.as_kind(Kind.VARIABLE)
            out.swaps[free.symbol] = fix.symbol
            default = None if fix.role == "plain" else 1.0 if fix.role == "hat" else fix.default
            out.symbols[fix.symbol] = replace(fix.as_kind(Kind.EXOGENOUS), default=default)
        return out

    def variant(self, group: str, default: str, **builders: Builder) -> None:
        """Declare interchangeable blocks: each builder declares the equations of block `group`.

        Underscores in the names given here are shown as hyphens.
        """
        self.variant_builders[group] = {k.replace("_", "-"): b for k, b in builders.items()}
        self._build(group, default)

    @property
    def variants(self) -> dict[str, list[str]]:
        """Names of the interchangeable blocks by group."""
        return {group: list(builders) for group, builders in self.variant_builders.items()}

    def choose(self, **choice: str) -> Model:
        """Return a copy with the named variant of each given group."""
        out = self.copy()
        for group, name in choice.items():
            if group not in out.variant_builders:
                raise ModelError(
                    f"model '{self.name}' has no variant group '{group}'.{did_you_mean(group, self.variants)}"
                )
            out._drop_block(group)
            out._build(group, name)
        return out

    def _build(self, group: str, name: str) -> None:
        builders = self.variant_builders[group]
        if name not in builders:
            raise ModelError(
                f"model '{self.name}' has no {group} '{name}'; it has {', '.join(builders)}.{did_you_mean(name, builders)}"
            )
        with self.block(group):
            builders[name](self)
        self.chosen[group] = name

    def replace(self, block: str, builder: Builder) -> Model:
        """Return a copy in which the equations of `block` are those that `builder` declares."""
        if block not in self.blocks:
            raise ModelError(f"model '{self.name}' has no block '{block}'.{did_you_mean(block, self.blocks)}")
        out = self.copy()
        out._drop_block(block)
        with out.block(block):
            builder(out)
        return out

    def _drop_block(self, block: str) -> None:
        self.equations = [e for e in self.equations if e.block != block]
        for symbol in [s for s, b in self._declared_in.items() if b == block]:
            del self.symbols[symbol], self._declared_in[symbol]

    def copy(self) -> Model:
        """Return an independent copy; expressions are shared, since they never change."""
        out = copy.copy(self)
        for attr in ("sets", "symbols", "closures", "swaps", "variant_builders", "chosen", "_declared_in"):
            setattr(out, attr, dict(getattr(self, attr)))
        for attr in ("equations", "identities", "normalisations"):
            setattr(out, attr, list(getattr(self, attr)))
        return out

    # ---- looking ---------------------------------------------------------------------------------

    @property
    def blocks(self) -> dict[str, list[Equation]]:
        """Equations by block, in order of declaration."""
        out: dict[str, list[Equation]] = {}
        for eq in self.equations:
            out.setdefault(eq.block, []).append(eq)
        return out

    @property
    def elements(self) -> dict[str, str]:
        """Named elements used in the equations, with their labels."""
        exprs = [e for eq in self.equations for e in (eq.lhs, eq.rhs)]
        found = set().union(*(expr.atoms(Element) for expr in exprs)) if exprs else set()
        return {e.name: e.label for e in sorted(found, key=str)}

    def of_kind(self, *kinds: Kind) -> list[Declaration]:
        """Declarations of the given kinds, in order of declaration."""
        return [d for d in self.symbols.values() if d.kind in kinds]

    def to_latex(self) -> str:
        """The system in the field's notation, one aligned environment a block."""
        from framework.latex import model_to_latex

        return model_to_latex(self)

    def __repr__(self) -> str:
        from framework.tables import model_table

        return model_table(self)
