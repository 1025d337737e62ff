"""Recognise baseline quantities: express a product of baseline levels in observed data.

Every equation of the levels model holds at the baseline, so an equation with one term on each side is a
relation ``prod(factor**exponent) = 1`` among baseline levels, and one with a single term on the left is a
relation ``prod(...) = total``. A share such as ``lam*(x*d)**(-theta) / P**(-theta)`` is recognised by
multiplying it with powers of such relations until only observed factors remain.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import sympy as sp

from framework.algebra import (
    Factors,
    Term,
    fresh,
    match,
    multiply,
    power,
    product,
    rename,
    rename_factors,
    rename_term,
    renewed,
    summed,
    terms,
    tidy,
)
from framework.model import Model
from framework.sets import free_indices, root_of
from framework.symbols import Kind, base, declared_atoms, symbol_name

SHALLOW, DEEP = 12, 120  # nodes a search may open; every share of the models here needs fewer than 12
_SLACK = 1  # unknown factors that a rewriting may add before it must remove some


@dataclass(eq=False)
class Relation:
    """``coefficient * prod(factors) = sum(total)`` at the baseline; an empty `total` stands for 1."""

    factors: Factors
    total: tuple[Term, ...] = ()
    coefficient: sp.Expr = sp.S.One
    variables: dict[sp.Idx, sp.Idx] = field(init=False)

    def __post_init__(self) -> None:
        """Rename the indices to ones that occur nowhere else: they are the variables of the pattern."""
        indices = free_indices(sp.Tuple(*self.factors, *self.factors.values()))
        self.variables = {i: fresh(i) for i in sorted(indices, key=str)}
        self.factors = {rename(b, self.variables): rename(e, self.variables) for b, e in self.factors.items()}
        self.total = tuple(rename_term(renewed(t), self.variables) for t in self.total)


class Baseline:
    """What is known of the baseline of a levels model."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.context: set[sp.Idx] = set()  # free indices of the equation at hand
        self._totals: list[tuple[sp.Expr, Factors, set[sp.Idx]]] = []
        self.relations: list[Relation] = []
        self._pending: list[object] = []  # totals and relations whose value is being sought: no circles
        # What a product is, or the efforts that failed, by the totals that were being sought.
        self._memo: dict[tuple, tuple[sp.Expr | None, dict[frozenset, int]]] = {}
        self._known: dict[sp.Basic, bool] = {}
        sides = [(e.lhs, e.rhs) for e in model.equations]
        for lhs, rhs in sides:
            self._note_total(lhs, rhs)
        for lhs, rhs in [*sides, *model.identities, *model.normalisations]:
            self._note_relation(lhs, rhs)
        self._by_head: dict[object, list[tuple[Relation, sp.Expr]]] = {}
        for relation in self.relations:
            for pattern in relation.factors:
                self._by_head.setdefault(_head(pattern), []).append((relation, pattern))

    # ---- collecting ------------------------------------------------------------------------------

    def _note_total(self, lhs: sp.Expr, rhs: sp.Expr) -> None:
        """Remember ``lhs = known * T**p`` so that T stands for ``(lhs/known)**(1/p)`` elsewhere."""
        left, right = terms(lhs), terms(rhs)
        if len(left) != 1 or left[0].bound:
            return
        total, rest, exponent, coefficient = None, {}, sp.S.One, sp.S.One
        if len(right) > 1 or (right and right[0].bound):
            total = rhs
        elif right:
            opaque = {b: e for b, e in right[0].factors.items() if _is_total(b)}
            if len(opaque) == 1:
                ((total, exponent),) = opaque.items()
                coefficient = right[0].coefficient
                rest = {b: e for b, e in right[0].factors.items() if b is not total}
        # An entry made of parameters and fundamentals only, or one that is known already, would
        # replace a plain factor such as 1 - omega by everything its definition contains.
        if total is None or self.is_known(total):
            return
        scale = left[0].coefficient / coefficient
        value = multiply(
            left[0].factors, power(rest, sp.S.NegativeOne), {} if scale == 1 else {scale: sp.S.One}
        )
        self._totals.append((total, power(value, 1 / exponent), free_indices(lhs)))

    def _note_relation(self, lhs: sp.Expr, rhs: sp.Expr) -> None:
        left, right = terms(lhs), terms(rhs)
        for one, many in ((left, right), (right, left)):
            if len(one) != 1 or one[0].bound:
                continue
            (t,) = one
            if any(f.has(sp.KroneckerDelta) for f in t.factors):
                continue  # zero for most indices: nothing follows for the other factors
            if len(many) == 1 and not many[0].bound:
                if any(isinstance(f, sp.KroneckerDelta) for f in many[0].factors):
                    return
                factors = multiply(t.factors, power(many[0].factors, sp.S.NegativeOne))
                coefficient = t.coefficient / many[0].coefficient
                self.relations.append(Relation(self.canonical(factors), (), coefficient))
                return
            if many:
                self.relations.append(Relation(self.canonical(t.factors), tuple(many), t.coefficient))

    # ---- questions -------------------------------------------------------------------------------

    def is_known(self, expr: sp.Basic) -> bool:
        """True if every symbol of an expression is a parameter or is observed at the baseline."""
        if expr not in self._known:
            self._known[expr] = all(self._is_known_symbol(symbol_name(a)) for a in declared_atoms(expr))
        return self._known[expr]

    def _is_known_symbol(self, name: str) -> bool:
        decl = self.model.symbols[name]
        return decl.kind is Kind.PARAMETER or decl.observed

    def canonical(self, factors: Factors) -> Factors:
        """Replace totals that an equation names (price indices) by what they are equal to."""
        out: Factors = {}
        for factor, exponent in factors.items():
            if isinstance(factor, (sp.Add, sp.Sum, sp.Product)) and factor.has(base):
                factor = factor.replace(base, lambda e: e)  # everything here is at the baseline
            if isinstance(factor, base):
                (inner,) = _single(factor.args[0])
                scale = {} if inner.coefficient == 1 else {inner.coefficient: exponent}
                out = multiply(out, power(self.canonical(inner.factors), exponent), scale)
                continue
            value = self._total_value(factor) if _is_total(factor) and not self.is_known(factor) else None
            out = multiply(out, power(value, exponent) if value is not None else {factor: exponent})
        return out

    def _total_value(self, total: sp.Expr) -> Factors | None:
        for pattern, value, indices in self._totals:
            for binding in match(pattern, total, {}, indices):
                if len(binding) == len(indices):
                    return rename_factors(value, binding)
        return None

    def _filled(self, binding: dict, variables: set[sp.Idx]) -> dict | None:
        """Bind what is left to indices of the equation at hand; None if it has none over that set."""
        out = dict(binding)
        for v in sorted(variables - set(binding), key=str):
            same = [i for i in sorted(self.context, key=str) if root_of(i) == root_of(v)]
            if not same:
                return None
            out[v] = same[0]
        return out

    def value(self, factors: Factors, coefficient: sp.Expr = sp.S.One, effort: int = DEEP) -> sp.Expr | None:
        """Express a product of baseline levels in observed data; None if it is not recognised."""
        start = self.canonical(factors)
        key = (frozenset(start.items()), frozenset(self.context))
        found, failures = self._memo.setdefault(key, (None, {}))
        sought = frozenset(self._pending)
        # What fails while some totals are sought fails while more are: there is less to rewrite it with.
        if found is None and not any(
            pending <= sought and tried >= effort for pending, tried in failures.items()
        ):
            found = self._search(start, effort)
            if found is not None:
                self._memo[key] = found, {}
            else:
                failures[sought] = effort
        return None if found is None else coefficient * found

    def _search(self, start: Factors, effort: int) -> sp.Expr | None:
        tick = itertools.count()
        most = self._unknowns(start) + _SLACK
        queue = [(most - _SLACK, next(tick), start, sp.S.One)]
        seen = {frozenset(start.items())}
        for _ in range(effort):
            if not queue:
                return None
            unknowns, _, factors, coefficient = heapq.heappop(queue)
            if not unknowns:
                return coefficient * product(factors)
            for new, scale in self._rewrites(factors, effort):
                key, count = frozenset(new.items()), self._unknowns(new)
                if key not in seen and count <= most:
                    seen.add(key)
                    heapq.heappush(queue, (count, next(tick), new, coefficient * scale))
        return None

    def _unknowns(self, factors: Factors) -> int:
        return sum(not self.is_known(f) for f in factors)

    def _rewrites(self, factors: Factors, effort: int) -> Iterator[tuple[Factors, sp.Expr]]:
        """Yield the product times a power of each relation that removes one of its unknown factors."""
        for factor in [f for f in factors if not self.is_known(f)]:
            if _is_total(factor) and (total := self._known_total(factor, terms(factor), effort)) is not None:
                yield (
                    multiply({k: e for k, e in factors.items() if k != factor}, {total: factors[factor]}),
                    sp.S.One,
                )
            for relation, pattern in self._by_head.get(_head(factor), []):
                for found in _bindings(relation, pattern, factor, factors):
                    # a relation holds for every index, so one that nothing fixes may be any
                    binding = (
                        self._filled(found, set(relation.variables.values())) if effort > SHALLOW else found
                    )
                    if binding is None or len(binding) < len(relation.variables):
                        continue
                    k = tidy(-factors[factor] / rename(relation.factors[pattern], binding))
                    applied = rename_factors(relation.factors, binding)
                    new, scale = multiply(factors, power(applied, k)), relation.coefficient**k
                    if not relation.total:
                        yield self.canonical(new), scale
                        continue
                    parts = [rename_term(term, binding) for term in relation.total]
                    if (total := self._known_total(relation, parts, effort)) is not None:
                        yield self.canonical(multiply(new, {total: -k})), scale

    def _known_total(self, owner: object, parts: Sequence[Term], effort: int) -> sp.Expr | None:
        """Value of the terms of a total or of a relation, unless it is being sought already."""
        if any(p is owner or p == owner for p in self._pending):
            return None
        self._pending.append(owner)
        try:
            return self._known_sum(parts, effort)
        finally:
            self._pending.pop()

    def _known_sum(self, parts: Sequence[Term], effort: int) -> sp.Expr | None:
        """Value of a sum of terms, if each is recognised by itself."""
        out = sp.S.Zero
        for t in parts:
            value = self.value(t.factors, t.coefficient, effort)
            if value is None:
                return None
            out += summed(value, t.bound)
        return out


def _bindings(relation: Relation, pattern: sp.Expr, factor: sp.Expr, factors: Factors) -> Iterator[dict]:
    """Yield the ways to place `pattern` of the relation on `factor`, with as many indices bound as can be."""
    variables = set(relation.variables.values())
    others = [p for p in relation.factors if p is not pattern]
    for binding in match(pattern, factor, {}, variables):
        yield max(_complete(binding, others, factors, variables), key=len)


def _head(factor: sp.Expr) -> object:
    """What two factors must share to match: the symbol, or the kind of expression."""
    return symbol_name(factor) if isinstance(factor, (sp.Indexed, sp.Symbol)) else type(factor)


def _complete(binding: dict, patterns: list, factors: Factors, variables: set) -> Iterator[dict]:
    """Bind the remaining indices by placing further factors of the relation on those of the product."""
    if len(binding) == len(variables) or not patterns:
        yield binding
        return
    head, *tail = patterns
    for factor in factors:
        for found in match(head, factor, binding, variables):
            yield from _complete(found, tail, factors, variables)
    yield from _complete(binding, tail, factors, variables)


def _single(expr: sp.Expr) -> tuple[Term, ...]:
    found = terms(expr)
    return found if len(found) == 1 and not found[0].bound else (Term(sp.S.One, {expr: sp.S.One}),)


def _is_total(factor: sp.Expr) -> bool:
    return isinstance(factor, (sp.Add, sp.Sum)) or (isinstance(factor, sp.Mul) and bool(factor.atoms(sp.Sum)))
