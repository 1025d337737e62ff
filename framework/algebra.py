"""Multiplicative normal form: an expression as a sum of terms, a term as {factor: exponent}.

Structural equality of sympy trees is too brittle to recognise a share, so everything is compared in this
form, up to renaming of indices. Symbols are positive where declared, so a power of a product is the product
of the powers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import sympy as sp

from framework.sets import Element, bound_indices, free_indices, is_index, root_of

Factors = dict[sp.Expr, sp.Expr]

_counter = itertools.count()


@dataclass(frozen=True)
class Term:
    """``coefficient * prod(factor**exponent)``, summed over the `bound` indices."""

    coefficient: sp.Expr
    factors: Factors
    bound: tuple[sp.Idx, ...] = ()

    def expr(self) -> sp.Expr:
        """The term as a sympy expression."""
        return summed(self.coefficient * product(self.factors), self.bound)


def product(factors: Factors) -> sp.Expr:
    """The product of a factor table as a sympy expression."""
    return sp.Mul(*(base**exponent for base, exponent in factors.items()))


def summed(expr: sp.Expr, bound: Iterable[sp.Idx]) -> sp.Expr:
    """Sum an expression over indices."""
    bound = tuple(bound)
    return sp.Sum(expr, *bound) if bound else expr


def multiply(*tables: Factors) -> Factors:
    """Product of factor tables; factors whose exponents cancel are dropped."""
    out: Factors = {}
    for table in tables:
        for base, exponent in table.items():
            out[base] = out.get(base, sp.S.Zero) + exponent
    return {b: e for b, e in out.items() if not _vanishes(e)}


def power(table: Factors, exponent: sp.Expr) -> Factors:
    """A factor table raised to a power."""
    if exponent == 1:
        return table
    if exponent == -1:
        return {b: -e for b, e in table.items()}
    return {b: tidy(e * exponent) for b, e in table.items()}


def tidy(expr: sp.Expr) -> sp.Expr:
    """Cancel common factors of a small exponent expression."""
    quotient = any(p.base.is_Add and p.exp.could_extract_minus_sign() for p in expr.atoms(sp.Pow))
    return sp.cancel(expr) if quotient else expr


def _vanishes(expr: sp.Expr) -> bool:
    return expr == 0 or (not expr.is_number and sp.expand(expr) == 0)


def fresh(index: sp.Idx, stem: str | None = None) -> sp.Idx:
    """An index over the same set with a name that occurs nowhere else."""
    stem = (stem or str(index.label)).split("__")[0]
    return sp.Idx(f"{stem}__{next(_counter)}", index.upper + 1)


def has_constant(expr: sp.Expr) -> bool:
    """True for a sum with a numeric constant, such as ``1 + tau``: one factor, never distributed."""
    return isinstance(expr, sp.Add) and any(a.is_number for a in expr.args)


@lru_cache(maxsize=8192)
def terms(expr: sp.Expr) -> tuple[Term, ...]:
    """Expand an expression into its terms, distributing every additive total that has no constant.

    Bound indices get names of their own; the tables of the terms are shared and must not be changed.
    """
    if isinstance(expr, sp.Add):
        return tuple(t for a in expr.args for t in terms(a))
    if expr.is_number:
        return (Term(expr, {}),) if expr != 0 else ()
    if isinstance(expr, sp.Mul):
        out: tuple[Term, ...] = (Term(sp.S.One, {}),)
        for arg in expr.args:
            parts = (Term(sp.S.One, {arg: sp.S.One}),) if has_constant(arg) else terms(arg)
            out = tuple(_times(a, b) for a in out for b in parts)
        return out
    if isinstance(expr, sp.Sum):
        renaming = {limit[0]: fresh(limit[0]) for limit in expr.limits}
        inner = terms(rename(expr.function, renaming))
        return tuple(Term(t.coefficient, t.factors, (*renaming.values(), *t.bound)) for t in inner)
    if isinstance(expr, sp.Pow):
        return (_power_term(expr.base, expr.exp),)
    if isinstance(expr, sp.Product):
        return (_product_term(expr),)
    return (Term(sp.S.One, {expr: sp.S.One}),)


def renewed(term: Term) -> Term:
    """The same term with new names for its bound indices."""
    return rename_term(term, {i: fresh(i) for i in term.bound})


def _times(a: Term, b: Term) -> Term:
    if set(a.bound) & set(b.bound):
        b = renewed(b)
    return Term(a.coefficient * b.coefficient, multiply(a.factors, b.factors), a.bound + b.bound)


def _power_term(base: sp.Expr, exponent: sp.Expr) -> Term:
    inner = () if has_constant(base) else terms(base)
    if len(inner) == 1 and not inner[0].bound:
        (t,) = inner
        own = {} if t.coefficient == 1 else {t.coefficient: exponent}
        value = t.coefficient**exponent if exponent.is_number else sp.S.One
        return Term(
            value,
            power(t.factors, exponent) if exponent.is_number else multiply(power(t.factors, exponent), own),
        )
    return Term(sp.S.One, {base: exponent})


def _product_term(expr: sp.Product) -> Term:
    renaming = {limit[0]: fresh(limit[0]) for limit in expr.limits}
    inner = terms(rename(expr.function, renaming))
    if len(inner) != 1 or inner[0].bound or inner[0].coefficient != 1:
        return Term(sp.S.One, {expr: sp.S.One})
    bound = tuple(renaming.values())
    return Term(sp.S.One, {sp.Product(b**e, *bound): sp.S.One for b, e in inner[0].factors.items()})


def rename(expr: sp.Expr, renaming: Mapping[sp.Idx, sp.Expr]) -> sp.Expr:
    """Replace free indices; a bound index that would capture a new one gets another name first."""
    if not renaming:
        return expr
    if not isinstance(expr, (sp.Indexed, sp.Symbol)):
        captured = {i for i in bound_indices(expr) if i in renaming or i in renaming.values()}
        expr = expr.xreplace({i: fresh(i) for i in captured})
    return expr.xreplace(dict(renaming))


def rename_factors(table: Factors, renaming: Mapping[sp.Idx, sp.Expr]) -> Factors:
    """Replace indices in a factor table; factors that become equal are multiplied."""
    return multiply(*({rename(b, renaming): rename(e, renaming)} for b, e in table.items()))


def rename_term(term: Term, renaming: Mapping[sp.Idx, sp.Expr]) -> Term:
    """Replace indices in every factor and exponent of a term, its bound indices included."""
    bound = tuple(renaming.get(i, i) for i in term.bound)
    return Term(term.coefficient, rename_factors(term.factors, renaming), bound)  # type: ignore[arg-type]


def match(pattern: sp.Basic, target: sp.Basic, binding: dict, variables: set) -> Iterator[dict]:
    """Yield every extension of `binding` of the pattern's index `variables` that turns it into `target`."""
    if isinstance(pattern, sp.Idx) and pattern in variables:
        if pattern in binding:
            if binding[pattern] == target:
                yield binding
        elif _same_set(pattern, target):
            yield {**binding, pattern: target}
        return
    if pattern == target and not (free_indices(pattern) & variables):
        yield binding
        return
    if type(pattern) is not type(target) or len(pattern.args) != len(target.args) or not pattern.args:
        return
    if isinstance(pattern, (sp.Sum, sp.Product)):
        ours = {limit[0] for limit in pattern.limits}
        theirs = {limit[0] for limit in target.limits}  # type: ignore[attr-defined]
        for found in match(pattern.function, target.function, binding, variables | ours):  # type: ignore[attr-defined]
            outer = {k: v for k, v in found.items() if k in variables}
            # a free index of the pattern must not take the place of one that the target sums over
            if {found.get(i) for i in ours} == theirs and not theirs & set(outer.values()):
                yield outer
        return
    any_order = isinstance(pattern, (sp.Add, sp.Mul))
    yield from _match_all(pattern.args, target.args, binding, variables, any_order)


def _match_all(
    patterns: tuple, targets: tuple, binding: dict, variables: set, any_order: bool
) -> Iterator[dict]:
    if not patterns:
        yield binding
        return
    for k in range(len(targets) if any_order else 1):
        for found in match(patterns[0], targets[k], binding, variables):
            rest = targets[:k] + targets[k + 1 :]
            yield from _match_all(patterns[1:], rest, found, variables, any_order)


def _same_set(pattern: sp.Idx, target: sp.Basic) -> bool:
    if isinstance(target, Element):
        return target.root == root_of(pattern)
    return is_index(target) and root_of(target) == root_of(pattern)  # type: ignore[arg-type]


def tidy_indices(expr: sp.Expr) -> sp.Expr:
    """Give bound indices short names again (``k__17`` becomes ``k``), avoiding clashes."""
    taken = {str(i.label) for i in free_indices(expr)}
    renaming: dict[sp.Idx, sp.Idx] = {}
    for index in dict.fromkeys(bound_indices(expr)):
        stem = str(index.label).split("__")[0]
        name = next(
            n for n in itertools.chain([stem], (f"{stem}{k}" for k in itertools.count(1))) if n not in taken
        )
        taken.add(name)
        renaming[index] = sp.Idx(name, index.upper + 1)
    return expr.xreplace(renaming)
