"""The exact-hat transform: from a model in levels to the same model in changes.

For every variable ``x' = x * x_hat``. The derived model needs only the baseline values that are observed
(shares, flows), the parameters, and the shocks; no fundamental (technology, trade cost, endowment) survives.
The algebra is that of Dekle, Eaton and Kortum (2008), applied to whatever equations the user declared.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

import sympy as sp

from framework.algebra import (
    Factors,
    Term,
    multiply,
    power,
    product,
    summed,
    terms,
    tidy,
    tidy_indices,
)
from framework.complementarity import perp
from framework.errors import ModelError
from framework.known import equations_of_data
from framework.model import Equation, Model, Numeraire
from framework.printing import typed
from framework.recognise import DEEP, SHALLOW, Baseline
from framework.sets import Part, free_indices
from framework.symbols import Declaration, Kind, base, ces, declared_atoms, symbol_name
from framework.validate import check_declared


class _Unhattable(Exception):
    """The term contains a function whose change is not a function of changes alone."""


def hat(model: Model) -> Model:
    """Derive the exact-hat form of a model.

    Parameters
    ----------
    model : Model
        A model in levels.

    Returns
    -------
    Model
        Variables are ratios new over base (``w_hat``) or, for `level` quantities, new levels
        (``tau_new``); parameters and baseline data keep their names; exogenous quantities are the shocks.

    Raises
    ------
    ModelError
        If the share of a term in its total cannot be expressed in observed data; the message names the
        equation, the term and the quantity that is never observed.

    References
    ----------
    Dekle, Eaton and Kortum (2008), IMF Staff Papers 55, 511-540.
    """
    if model.is_hat:
        raise ModelError(f"model '{model.name}' is in hats already")
    begin = time.perf_counter()
    check_declared(model)
    out = _Transform(model).run()
    out.hat_seconds = time.perf_counter() - begin
    return out


class _Transform:
    def __init__(self, model: Model) -> None:
        self.model = model
        self.baseline = Baseline(model)
        self.where = ""

    def run(self) -> Model:
        out = self.model.copy()
        out.equations = [self.equation(eq) for eq in self.model.equations]
        if rule := self.model.numeraire_rule:
            out.numeraire_rule = self.numeraire(rule)
        out.identities = [self.identity(lhs, rhs) for lhs, rhs in self.model.identities]
        out.normalisations, out.variant_builders = [], {}
        changes = {d.symbol: _change(d).symbol for d in self.model.symbols.values()}
        out.swaps = {changes[freed]: changes[fixed] for freed, fixed in self.model.swaps.items()}
        out.adjustments = {
            block: replace(a, shifters={changes[v]: changes[s] for v, s in a.shifters.items()})
            for block, a in self.model.adjustments.items()
        }
        out.is_hat = True
        out.symbols = self.symbols(out)
        data = {d.symbol for d in out.symbols.values() if d.kind is Kind.PARAMETER}
        out.baseline = [
            replace(eq, lhs=tidy_indices(_at_baseline(eq.lhs)), rhs=tidy_indices(_at_baseline(eq.rhs)))
            for eq in equations_of_data(self.model, data)
        ]
        return out

    # ---- symbols ---------------------------------------------------------------------------------

    def symbols(self, out: Model) -> dict[str, Declaration]:
        """Declarations of the hat model: every change, and the baseline data that the equations use."""
        changes, data = {}, {}
        exprs = [e for eq in out.equations for e in (eq.lhs, eq.rhs, eq.total) if e is not None]
        if out.numeraire_rule:
            exprs += [out.numeraire_rule.expr, out.numeraire_rule.value]
        used = {symbol_name(a) for e in exprs for a in declared_atoms(e)}
        for decl in self.model.symbols.values():
            if decl.kind in (Kind.VARIABLE, Kind.EXOGENOUS):
                new = _change(decl)
                changes[new.symbol] = new
            start = decl.level and decl.observed  # where a new level that is not given comes from
            if decl.symbol in used or start:
                data[decl.symbol] = _baseline(decl)
        return {**changes, **data}

    def new_value(self, expr: sp.Expr) -> sp.Expr:
        """A known expression at the new equilibrium: ``x0 * x_hat`` for each symbol, new levels for levels."""
        before = {b: sp.Dummy(positive=b.args[0].is_positive) for b in expr.atoms(base)}
        expr = expr.xreplace(before)
        table = {}
        for atom in declared_atoms(expr) - set(before.values()):
            change = self.change_of(atom)
            table[atom] = change if self.decl(atom).level else atom * change
        return expr.xreplace(table).xreplace({dummy: b.args[0] for b, dummy in before.items()})

    def decl(self, atom: sp.Expr) -> Declaration:
        return self.model.symbols[symbol_name(atom)]

    def change_of(self, atom: sp.Expr) -> sp.Expr:
        """The hat of a symbol, its new level if it is a level, 1 if it never changes."""
        decl = self.decl(atom)
        if decl.kind in (Kind.PARAMETER, Kind.FUNDAMENTAL):
            return atom if decl.level else sp.S.One
        head = _change(decl).base
        return head[atom.indices] if isinstance(atom, sp.Indexed) else head

    # ---- equations -------------------------------------------------------------------------------

    def equation(self, eq: Equation) -> Equation:
        self.where = f"equation '{eq.name}' in block '{eq.block}'"
        self.baseline.context = free_indices(eq.lhs)
        if eq.complement is not None:
            return self.complementarity(eq, eq.complement)
        try:
            lhs, rhs, total = self._sides(eq)
        except _Unhattable as stop:
            if not self.baseline.is_known(eq.lhs) or not self.baseline.is_known(eq.rhs):
                raise ModelError(
                    f"{self.where}: '{stop}' has no exact-hat form and its variables are not all observed; "
                    f"declare them observed so that the equation can stay in levels\n    {eq}"
                ) from None
            lhs, rhs, total = self.new_value(eq.lhs), self.new_value(eq.rhs), None
        return replace(
            eq,
            lhs=tidy_indices(lhs),
            rhs=tidy_indices(rhs),
            total=None if total is None else tidy_indices(total),
            defines=eq.defines and lhs.func in (sp.Indexed, sp.Symbol),
        )

    def complementarity(self, eq: Equation, parts: perp) -> Equation:
        """A complementarity condition at the new equilibrium: its function in data units, variable and bounds in levels."""
        self.where = f"complementarity '{eq.name}' in block '{eq.block}'"
        try:
            function, _, _ = self._balance(terms(parts.function), ())
        except _Unhattable as stop:
            if not self.baseline.is_known(parts.function):
                raise ModelError(
                    f"{self.where}: '{stop}' has no exact-hat form and its variables are not all observed; declare them "
                    f"observed, or define a level variable that holds it\n    {eq}"
                ) from None
            function = self.new_value(parts.function)
        bounds = []
        for bound in (parts.lower, parts.upper):
            if bound is not None and (unknown := self._unknown_in(bound)):
                raise ModelError(
                    f"{self.where}: the bound '{typed(bound)}' contains {_list(unknown)} never observed; declare what it "
                    "is made of with level=True, or observed=True"
                )
            bounds.append(None if bound is None else tidy_indices(self.new_value(bound)))
        variable = self.change_of(parts.variable)
        return replace(eq, lhs=parts.with_parts(tidy_indices(function), variable, *bounds))

    def _unknown_in(self, expr: sp.Expr) -> list[str]:
        """Symbols whose new value the data and the shocks do not give."""
        decls = {symbol_name(a): self.decl(a) for a in declared_atoms(expr)}
        return sorted(s for s, d in decls.items() if not (d.level or d.observed or d.kind is Kind.PARAMETER))

    def identity(self, lhs: sp.Expr, rhs: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        """A theorem in changes, to be checked at the solution."""
        self.where, self.baseline.context = f"identity '{typed(lhs)} = {typed(rhs)}'", free_indices(lhs)
        left, right, _ = self._sides(Equation(self.where, "identity", lhs, rhs, False))
        return tidy_indices(left), tidy_indices(right)

    def _sides(self, eq: Equation) -> tuple[sp.Expr, sp.Expr, sp.Expr | None]:
        left, right = terms(eq.lhs), terms(eq.rhs)
        single = len(left) == 1 and not left[0].bound
        if eq.defines and self.decl(eq.lhs).level:
            values = self.absolute(right)
            return self.change_of(eq.lhs), sp.Add(*(v * h for v, h in values)), None
        if not single or not right or self.split(left[0])[2]:
            return self._balance(left, right)
        reference, change, _ = self.split(left[0])
        inverse = power(reference, sp.S.NegativeOne)
        scale = 1 / left[0].coefficient
        plain = len(right) == 1 and not right[0].bound
        if plain and not self.split(right[0])[2]:
            return product(change), product(self.split(right[0])[1]), None
        pairs = self.shares(right, inverse, scale)
        total = None if plain else self.baseline.value(reference, left[0].coefficient)
        return product(change), sp.Add(*(summed(s * product(h), b) for s, h, b in pairs)), total

    def _balance(
        self, left: Sequence[Term], right: Sequence[Term]
    ) -> tuple[sp.Expr, sp.Expr, sp.Expr | None]:
        """Both sides are sums: each term at its new value, in data units."""
        sides = [
            sp.Add(*(v * h if not b else summed(v * h, b) for v, h, b in self._values(s)))
            for s in (left, right)
        ]
        return sides[0], sides[1], None

    def numeraire(self, rule: Numeraire) -> Numeraire:
        self.where = "numeraire"
        parts = terms(rule.expr)
        if len(parts) == 1 and not parts[0].bound and not self.split(parts[0])[2]:
            return Numeraire(product(self.split(parts[0])[1]), sp.S.One, rule.redundant)
        values = self._values(parts)
        new = sp.Add(*(summed(v * h, b) for v, h, b in values))
        old = sp.Add(*(summed(v, b) for v, h, b in values))
        return Numeraire(tidy_indices(new), tidy_indices(old), rule.redundant)

    # ---- terms -----------------------------------------------------------------------------------

    def split(self, term: Term) -> tuple[Factors, Factors, bool]:
        """Baseline factors, factors of the change, and whether a level stands among the latter."""
        old: Factors = {}
        new: Factors = {}
        has_level = False
        for factor, exponent in term.factors.items():
            self._check_exponent(exponent)
            if isinstance(factor, (sp.Indexed, sp.Symbol)):
                change, level = self.change_of(factor), self.decl(factor).level
                has_level |= level
                old = old if level else multiply(old, {factor: exponent})
            elif isinstance(factor, (base, sp.KroneckerDelta)) or factor.is_number:
                old, change = multiply(old, {factor: exponent}), sp.S.One
            elif isinstance(factor, sp.Product):
                before, change, level = self._product(factor)
                old = old if before == 1 else multiply(old, {before: exponent})
                has_level |= level
            elif isinstance(factor, (sp.Add, sp.Sum, sp.Mul)):
                old = multiply(old, {factor: exponent})
                if not self._varies(factor):
                    continue
                new = multiply(new, self._total_change(factor, exponent))
                continue
            else:
                raise _Unhattable(factor)
            if change != 1:
                new = multiply(new, {change: exponent})
        return old, new, has_level

    def _varies(self, expr: sp.Basic) -> bool:
        """False for an expression of constants and baseline values only."""
        outside = expr.replace(base, lambda e: sp.S.One)
        return any(self.decl(a).kind in (Kind.VARIABLE, Kind.EXOGENOUS) for a in declared_atoms(outside))

    def _check_exponent(self, exponent: sp.Expr) -> None:
        for atom in declared_atoms(exponent):
            if self.decl(atom).kind is not Kind.PARAMETER:
                raise _Unhattable(exponent)

    def _product(self, factor: sp.Product) -> tuple[sp.Expr, sp.Expr, bool]:
        """Baseline and change of a product over an index, and whether a level stands in the change."""
        indices = [limit[0] for limit in factor.limits]
        parts = terms(factor.function)
        if len(parts) != 1 or parts[0].bound:
            change = self._total_change(factor.function, sp.S.One)
            return _at_baseline(factor), sp.Product(product(change), *indices), False
        (inner,) = parts
        before, change, level = self.split(inner)
        old = (
            sp.Product(inner.coefficient * product(before), *indices)
            if before or inner.coefficient != 1
            else sp.S.One
        )
        return old, sp.Product(product(change), *indices) if change else sp.S.One, level

    def _total_change(self, total: sp.Expr, exponent: sp.Expr) -> Factors:
        """Change of ``total**exponent``."""
        if self.baseline.is_known(total):
            new, old = self.new_value(total), _at_baseline(total)
            if old == 0:
                self._refuse_zero(total)
            return {} if new == old else {new: exponent, old: -exponent}
        pairs = self.shares(terms(total), {total: sp.S.NegativeOne}, sp.S.One)
        if any(share.has(sp.nan, sp.zoo) for share, *_ in pairs):
            self._refuse_zero(total)
        if exponent.is_number:
            return {sp.Add(*(summed(s * product(h), b) for s, h, b in pairs)): exponent}
        nested = [Part(s, product(power(h, exponent)), *b) for s, h, b in pairs]
        return {ces(tidy(1 / exponent), *nested): sp.S.One}

    def _refuse_zero(self, total: sp.Expr) -> NoReturn:
        """Raise the error of a factor such as ``U/base(U) - 1``, of which nothing is a share."""
        raise ModelError(
            f"{self.where}: the factor\n    {typed(total)}\nis zero at the baseline, so that it has no ratio new over "
            "base. Write the product out: base(I)*U/base(U) - base(I), not base(I)*(U/base(U) - 1)."
        )

    def shares(self, parts: Sequence[Term], inverse: Factors, scale: sp.Expr) -> list[tuple]:
        """Return (share, change factors, bound indices) for each term of a total."""
        split = [(t, *self.split(t)) for t in parts]
        for effort in (SHALLOW, DEEP):
            found = [
                self.baseline.value(multiply(old, inverse), t.coefficient * scale, effort)
                for t, old, _, _ in split
            ]
            missing = [k for k, share in enumerate(found) if share is None]
            if not missing:
                break
            last = split[missing[0]][0]
            if len(missing) == 1 < len(found) and not last.bound and not any(level for *_, level in split):
                rest = [summed(found[k], split[k][0].bound) for k in range(len(found)) if k != missing[0]]
                found[missing[0]] = 1 - sp.Add(*rest)  # shares of a total sum to one
                break
        else:
            self._refuse(split[missing[0]][0], multiply(split[missing[0]][1], inverse), parts)
        return [(share, new, t.bound) for share, (t, _, new, _) in zip(found, split, strict=True)]

    def _values(self, parts: Sequence[Term]) -> list[tuple]:
        """Return (baseline value, change, bound indices) for each term."""
        out = []
        for t in parts:
            old, new, _ = self.split(t)
            value = self.baseline.value(old, t.coefficient)
            if value is None:
                self._refuse(t, old)
            out.append((value, product(new), t.bound))
        return out

    def absolute(self, parts: Sequence[Term]) -> list[tuple[sp.Expr, sp.Expr]]:
        """As `_values`, with sums written out."""
        return [(summed(v * h, b), sp.S.One) for v, h, b in self._values(parts)]

    def _refuse(self, term: Term, factors: Factors, parts: Sequence[Term] = ()) -> None:
        """Raise the error of a term, or of its share in the total of `parts`, that the data do not give."""
        unknown = {symbol_name(a) for f in factors for a in declared_atoms(f)} - self._observed()
        shown = f"the baseline value of the term\n    {typed(tidy_indices(term.expr()))}\n"
        if len(parts) > 1:
            total = re.sub(r"__\d+\b", "", " + ".join(typed(tidy_indices(t.expr())) for t in parts))
            shown = f"the baseline share of `{typed(tidy_indices(term.expr()))}` in the sum\n    {total}\n"
        nearby = (
            unknown | {symbol_name(a) for t in parts for a in declared_atoms(t.expr())} - self._observed()
        )
        wedges = sorted(s for s in nearby if self.model.symbols[s].kind is Kind.EXOGENOUS)
        hint = ""
        if wedges:
            hint = f" If {_names(wedges)} may be zero or negative, like a tariff or a deficit, declare level=True."
        raise ModelError(
            f"{self.where}: {shown}cannot be expressed in observed data, because {_list(sorted(unknown))} never "
            "observed. Declare what is data with observed=True, or state the theorem that gives it with "
            f"model.identity(...).{hint}"
        )

    def _observed(self) -> set[str]:
        return {d.symbol for d in self.model.symbols.values() if d.kind is Kind.PARAMETER or d.observed}


def _at_baseline(expr: sp.Expr) -> sp.Expr:
    """An expression whose symbols all stand for baseline values, without the marks that say so."""
    return expr.xreplace({b: b.args[0] for b in expr.atoms(base)})


def _names(names: list[str]) -> str:
    quoted = [f"'{n}'" for n in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _list(names: list[str]) -> str:
    return f"{_names(names)} {'is' if len(names) == 1 else 'are'}"


def _baseline(decl: Declaration) -> Declaration:
    """Declaration of the baseline value of a symbol: data, which are zero in a cell that is not in use."""
    unused = decl.positive and decl.dims and decl.kind is not Kind.PARAMETER and decl.lower is None
    lower = 0.0 if unused else decl.lower
    return replace(decl, kind=Kind.PARAMETER, role="baseline", observed=True, lower=lower)


def _change(decl: Declaration) -> Declaration:
    """Declaration of the change of a symbol."""
    if decl.level:
        default = decl.key if decl.observed and decl.default is None else decl.default
        return replace(decl, symbol=decl.symbol + "_new", role="new", default=default, observed=False)
    default = 1.0 if decl.kind is Kind.EXOGENOUS else None
    return replace(
        decl,
        symbol=decl.symbol + "_hat",
        role="hat",
        default=default,
        positive=True,
        observed=False,
        unit="new/base",
    )
