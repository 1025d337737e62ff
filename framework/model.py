"""A model: blocks of equations over declared symbols, with closures and variants as objects."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import sympy as sp

from framework.complementarity import Bound, condition
from framework.equation import Adjustment, Equation, Numeraire
from framework.errors import ModelError, did_you_mean
from framework.printing import Place, show, typed
from framework.sets import Element, Set, Sets, is_index
from framework.symbols import Declaration, Kind, subscripts, symbol_name, symbols_of
from framework.validate import (
    a_kind,
    check_about,
    check_declaration,
    check_equation,
    check_numeraire,
    check_redundant,
    swappable,
)

Builder = Callable[["Model"], None]


@dataclass(repr=False)
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
    sets: dict[str, Set] = field(default_factory=Sets)
    symbols: dict[str, Declaration] = field(default_factory=dict)
    equations: list[Equation] = field(default_factory=list)
    identities: list[tuple[sp.Expr, sp.Expr]] = field(default_factory=list)
    normalisations: list[tuple[sp.Expr, sp.Expr]] = field(default_factory=list)
    closures: dict[str, str] = field(default_factory=dict)
    variant_builders: dict[str, dict[str, Builder]] = field(default_factory=dict)
    dependents: dict[str, Builder] = field(default_factory=dict)
    compared: dict[str, list[str]] = field(default_factory=dict)
    adjustments: dict[str, Adjustment] = field(default_factory=dict)
    chosen: dict[str, str] = field(default_factory=dict)
    swaps: dict[str, str] = field(default_factory=dict)
    numeraire_rule: Numeraire | None = None
    is_hat: bool = False
    baseline: list[Equation] = field(
        default_factory=list
    )  # of hats: equations in levels that the data must fit
    hat_seconds: float = 0.0  # that the derivation of the hats took
    _block: str = "model"
    _declared_in: dict[str, str] = field(default_factory=dict)
    _freed_in: dict[str, str] = field(default_factory=dict)
    _stated_in: dict[tuple[sp.Expr, sp.Expr], str] = field(default_factory=dict)

    # ---- declaring -------------------------------------------------------------------------------

    def set(self, name: str) -> Set:
        """Declare a set; its size stays symbolic until data are bound."""
        if name in self.sets:
            why = f"set '{name}' is declared twice; a second axis over it is an alias: {name}.alias(...)"
            raise ModelError(f"model '{self.name}': {why}")
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
        check_about(self.name, symbol, about)
        decl = Declaration(symbol=symbol, dims=tuple(dims), name=name or symbol, kind=kind, **about)
        check_declaration(self, decl)
        self.symbols[symbol] = decl
        self._declared_in[symbol] = self._block
        return decl.base

    def __getitem__(self, symbol: str) -> Any:
        """The sympy object of a declared symbol, by symbol or by name."""
        return self.declaration(symbol).base

    def declaration(self, name: str) -> Declaration:
        """The declaration of a symbol, found by symbol, name or key."""
        changes = [d for d in self.symbols.values() if d.role in ("hat", "new")]  # before their baselines
        for decl in changes:
            if name in (decl.symbol, decl.key, decl.name):
                return decl
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
        where = f"definition of '{typed(lhs)}' in block '{self._block}'"

        def fail(message: str) -> NoReturn:
            raise ModelError(f"{where}: {message}\n{show(lhs, ':=', rhs, Place(lhs))}")

        check_equation(lhs, rhs, ":=", where, self.symbols)
        subs, one = subscripts(lhs), isinstance(lhs, (sp.Indexed, sp.Symbol))
        if not one or len({*subs}) < len(subs) or not all(map(is_index, subs)):
            fail("the left side must be one variable with distinct indices; use equate for a condition")
        decl = self.symbols[symbol_name(lhs)]
        if decl.kind is not Kind.VARIABLE:
            fail(f"'{decl.symbol}' is {a_kind(decl.kind)}; only a variable can be defined")
        for before in self.equations:
            if before.complement is not None and symbol_name(before.complement.variable) == decl.symbol:
                fail(f"'{decl.symbol}' is determined by the complementarity '{before.name}' already")
            if before.defines and symbol_name(before.lhs) == decl.symbol:
                fail(f"'{decl.symbol}' is defined already in block '{before.block}'; replace that block")
        self._add(Equation(name or decl.name, self._block, lhs, rhs, True))

    def equate(self, name: str, lhs: sp.Expr, rhs: sp.Expr) -> None:
        """Add the implicit condition ``lhs = rhs``; it holds for every index free on the left."""
        lhs, rhs = sp.sympify(lhs), sp.sympify(rhs)
        check_equation(lhs, rhs, "=", f"equation '{name}' in block '{self._block}'", self.symbols)
        self._add(Equation(name, self._block, lhs, rhs, False))

    def complements(
        self,
        name: str,
        function: sp.Basic,
        variable: sp.Basic,
        *,
        lower: Bound = None,
        upper: Bound = None,
    ) -> None:
        """Add the complementarity condition ``function ⟂ variable``, which determines the variable.

        Parameters
        ----------
        name : str
        function : sympy.Expr or inequality
            What is zero wherever the variable lies strictly between its bounds, not negative where it is at the
            lower and not positive where it is at the upper one: the slack ``quota - exports``, or, with a lower
            bound only, the inequality ``exports <= quota``.
        variable : sympy inequality or Expr
            A variable declared with ``level=True``, with one bound, such as ``tax >= 0``; or alone, with bounds
            by keyword.
        lower, upper : number or sympy.Expr, optional
            Bounds, made of numbers and of what is given.

        Examples
        --------
        >>> m.complements("export quota", exports <= quota, tax >= 0)  # doctest: +SKIP
        >>> m.complements("zero profit", c[i] - p[i], y[i], lower=0, upper=capacity[i])  # doctest: +SKIP
        """
        lhs = condition(name, self._block, function, variable, lower, upper, self.symbols, self.equations)
        self._add(Equation(name, self._block, lhs, sp.S.Zero, False))

    def free(self, exogenous: str) -> None:
        """Let something given be a variable, for instance the tax of which a quota is the condition.

        It is given again in a copy in which the current block is replaced.
        """
        decl = self.declaration(exogenous)
        if decl.kind is not Kind.EXOGENOUS:
            raise ModelError(
                f"free: '{exogenous}' is {a_kind(decl.kind)}; only an exogenous symbol can be freed"
            )
        self.symbols[decl.symbol] = decl.as_kind(Kind.VARIABLE)
        self._freed_in[decl.symbol] = self._block

    def _add(self, equation: Equation) -> None:
        for before in self.equations:
            if before.name == equation.name:
                raise ModelError(
                    f"model '{self.name}': equation '{equation.name}' is declared twice, in block "
                    f"'{before.block}' and in block '{equation.block}'; choose another name"
                )
        self.equations.append(equation)

    def identity(self, lhs: sp.Expr, rhs: sp.Expr) -> None:
        """State a theorem, used to recognise baseline shares and checked numerically; it goes with its block."""
        lhs, rhs = sp.sympify(lhs), sp.sympify(rhs)
        check_equation(lhs, rhs, "==", "identity", self.symbols)
        self.identities.append((lhs, rhs))
        self._stated_in[lhs, rhs] = self._block

    def normalise(self, expr: sp.Expr, value: sp.Expr | float = 1) -> None:
        """Fix a unit: the expression has this value at the baseline."""
        check_equation(sp.sympify(expr), sp.sympify(value), "==", "normalisation", self.symbols)
        self.normalisations.append((sp.sympify(expr), sp.sympify(value)))
        self._stated_in[self.normalisations[-1]] = self._block

    def numeraire(self, expr: sp.Expr, value: sp.Expr | float = 1, *, redundant: str = "") -> None:
        """Hold `expr` at `value`, and name the equation of which one element is redundant by Walras' law."""
        expr, value = sp.sympify(expr), sp.sympify(value)
        check_numeraire(expr, value, self.symbols)
        check_redundant(redundant, self.equations)
        self.numeraire_rule = Numeraire(expr, value, redundant)
        self._stated_in[expr, value] = self._block

    def adjust(self, what: str, shifters: dict[str, str], fix: str = "") -> None:
        """Declare, in the current block, variables by whose adjustment an equilibrium must be stable. See `Adjustment`.

        A solution in hats is certified only if the largest real part of an eigenvalue of the best responses is below one.
        """
        for variable, shifter in shifters.items():
            if self.declaration(variable).kind is not Kind.VARIABLE:
                raise ModelError(f"adjust: '{variable}' is not a variable; only a variable can adjust")
            if self.declaration(shifter).kind is not Kind.EXOGENOUS:
                raise ModelError(
                    f"adjust: '{shifter}' is not exogenous; '{variable}' needs a shifter that is"
                )
        self.adjustments[self._block] = Adjustment(what, dict(shifters), fix)

    # ---- closures and variants -------------------------------------------------------------------

    def closure(self, **frees: str) -> None:
        """Declare admissible swaps ``endogenous="exogenous"``: fixing the first frees the second."""
        for fixed, freed in frees.items():
            free, fix = swappable(self, freed, fixed, "closure")
            self.closures[fix.key] = free.key

    def swap(self, **fixes: str) -> Model:
        """Return a copy in which each named exogenous symbol is free and the variable given for it is fixed."""
        out = self.copy()
        for freed, fixed in fixes.items():
            free, fix = swappable(out, freed, fixed, "swap")
            out.symbols[free.symbol] = free.as_kind(Kind.VARIABLE)
            default = None if fix.role == "plain" else 1.0 if fix.role == "hat" else fix.default
            out.symbols[fix.symbol] = replace(fix.as_kind(Kind.EXOGENOUS), default=default)
            if out.swaps.get(fix.symbol) == free.symbol:  # a swap taken back
                del out.swaps[fix.symbol]
            else:
                out.swaps[free.symbol] = fix.symbol
        return out

    def variant(self, group: str, default: str, **builders: Builder) -> None:
        """Declare interchangeable blocks: each builder declares the equations of block `group`.

        Underscores in the names given here are shown as hyphens. A group that the model has already gets further
        variants, which are compared with the others; `default` is then the chosen one.
        """
        given = {k.replace("_", "-"): b for k, b in builders.items()}
        earlier = self.variant_builders.get(group)
        self.variant_builders[group] = {**(earlier or {}), **given}
        if group in self.compared:
            self.compared[group] = list(dict.fromkeys([*self.compared[group], *given]))
        with self._rebuilding(group) if earlier else nullcontext():
            self._build(group, default)
        self._declare_dependents()

    def dependent(self, block: str, builder: Builder) -> None:
        """Declare a block anew after every choice of variants: its builder finds in `symbols` what is declared."""
        self.dependents[block] = builder
        with self.block(block):
            builder(self)

    def compare(self, **names: Sequence[str]) -> None:
        """Name the variants of each given group that a study sets side by side unless it says otherwise."""
        for group, chosen in names.items():
            self.compared[group] = list(chosen)

    @property
    def variants(self) -> dict[str, list[str]]:
        """Names of the interchangeable blocks by group."""
        return {group: list(builders) for group, builders in self.variant_builders.items()}

    def choose(self, **choice: str) -> Model:
        """Return a copy with the named variant of each given group."""
        out = self.copy()
        for group, name in choice.items():
            if self.is_hat:
                raise ModelError(
                    f"model '{self.name}' is in exact hats; choose the {group} in levels, then take the hats: "
                    f"hat(model.choose({group}='{name}'))"
                )
            if group not in out.variant_builders:
                raise ModelError(
                    f"model '{self.name}' has no variant group '{group}'.{did_you_mean(group, self.variants)}"
                )
            with out._rebuilding(group):
                out._build(group, name)
        if choice:
            out._declare_dependents()
        return out

    def _declare_dependents(self) -> None:
        """Declare anew what depends on the chosen variants."""
        for block, builder in self.dependents.items():
            with self._rebuilding(block), self.block(block):
                builder(self)

    def _build(self, group: str, name: str) -> None:
        builders = self.variant_builders[group]
        if name not in builders:
            raise ModelError(
                f"model '{self.name}' has no {group} '{name}'; it has {', '.join(builders)}."
                + did_you_mean(name, builders)
            )
        with self.block(group):
            builders[name](self)
        self.chosen[group] = name

    def replace(self, block: str, builder: Builder) -> Model:
        """Return a copy in which the equations of `block` are those that `builder` declares.

        The block of a variant group then has this one form; `variant` adds a form to choose from instead.
        """
        if block not in self.blocks:
            raise ModelError(f"model '{self.name}' has no block '{block}'.{did_you_mean(block, self.blocks)}")
        out = self.copy()
        out.chosen.pop(block, None)
        for kept in (out.variant_builders, out.compared, out.dependents):
            kept.pop(block, None)
        with out._rebuilding(block), out.block(block):
            builder(out)
        out._declare_dependents()
        return out

    @contextmanager
    def _rebuilding(self, block: str) -> Iterator[None]:
        """Drop a block's equations and the symbols declared in it; what is declared inside takes its place."""
        order = list(self.blocks)
        if block not in order:  # a variant that declares symbols only
            order.append(block)
        self.equations = [e for e in self.equations if e.block != block]
        self.adjustments.pop(block, None)
        for symbol in [d.symbol for d in self.declared_in(block)]:
            del self.symbols[symbol], self._declared_in[symbol]
        # Theorems and units that the block states, and those of symbols that are gone.
        for relations in (self.identities, self.normalisations):
            own = self.stated_in(block, *relations)
            relations[:] = [p for p in relations if p not in own and symbols_of(*p) <= self.symbols.keys()]
        yield
        self.equations.sort(key=lambda e: order.index(e.block))

    def stated_in(self, block: str, *relations: tuple[sp.Expr, sp.Expr]) -> list[tuple[sp.Expr, sp.Expr]]:
        """Those of some theorems, units or numeraires that a block states."""
        return [p for p in relations if self._stated_in.get(p) == block]

    def copy(self) -> Model:
        """Return an independent copy; expressions are shared, since they never change."""
        out = copy.copy(self)
        mappings = (
            "sets", "symbols", "closures", "swaps", "variant_builders", "dependents", "compared",
            "adjustments", "chosen", "_declared_in", "_freed_in", "_stated_in",
        )  # fmt: skip
        for attr in mappings:
            setattr(out, attr, copy.copy(getattr(self, attr)))
        for attr in ("equations", "identities", "normalisations", "baseline"):
            setattr(out, attr, list(getattr(self, attr)))
        return out

    # ---- looking ---------------------------------------------------------------------------------

    def declared_in(self, block: str) -> list[Declaration]:
        """Declarations made inside a block."""
        return [self.symbols[s] for s, b in self._declared_in.items() if b == block]

    @property
    def blocks(self) -> dict[str, list[Equation]]:
        """Equations by block, in order of declaration."""
        out: dict[str, list[Equation]] = {}
        for eq in self.equations:
            out.setdefault(eq.block, []).append(eq)
        return out

    @property
    def elements(self) -> dict[str, str]:
        """Named elements used in the equations and in the numeraire, with their labels."""
        exprs = [e for eq in self.equations for e in (eq.lhs, eq.rhs)]
        exprs += [self.numeraire_rule.expr] if self.numeraire_rule else []
        found = set().union(*(expr.atoms(Element) for expr in exprs)) if exprs else set()
        return {e.name: e.label for e in sorted(found, key=str)}

    def of_kind(self, *kinds: Kind) -> list[Declaration]:
        """Declarations of the given kinds, in order of declaration."""
        return [d for d in self.symbols.values() if d.kind in kinds]

    def to_latex(self) -> str:
        """The system in the field's notation, one aligned environment a block."""
        from framework.latex import model_to_latex

        return model_to_latex(self)

    def _repr_markdown_(self) -> str:
        """Notebooks show a model as its equations."""
        from framework.latex import markdown

        return markdown(self.to_latex())

    def __repr__(self) -> str:
        from framework.tables import model_table

        return model_table(self)
