"""From sympy equations to the indexed expression graph.

Rules: powers are exponentials of logs; factors are pulled out of sums and indices eliminated one at a time;
what depends on data only is multiplied together first, so that a sum over partners is one matrix-vector
product with a tensor computed once a scenario; monomial definitions with three or more axes are inlined.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from framework.algebra import Factors, Term, multiply, power, rename_factors, summed, terms
from framework.compile.ir import Graph, Node, Ref, Time
from framework.errors import ModelError
from framework.model import Equation, Model
from framework.sets import Element, is_index, root_of
from framework.symbols import Kind, ces, subscripts, symbol_name

# What a division of data by zero means: the share of an empty total, which is zero; one; or infinity.
SHARE, UNIT, NEVER = "share", "unit", "never"
_INLINE_RANK = 3  # definitions with so many axes are never stored in the iteration


class Lowering:
    """Lower expressions of one model, given which variables are unknown and which are defined."""

    def __init__(self, model: Model, definitions: Mapping[str, Equation], unknowns: list[str]) -> None:
        self.model = model
        self.definitions = definitions
        self.unknowns = set(unknowns)
        self.graph = Graph()
        self._values: dict[tuple[sp.Expr, str], Ref] = {}
        self._by_zero = SHARE
        self._logs: dict[tuple[sp.Expr, str], Ref] = {}
        self._nodes: dict[tuple[str, bool], tuple[Node, tuple[int, ...]]] = {}

    # ---- values ----------------------------------------------------------------------------------

    def value(self, expr: sp.Expr) -> Ref:
        """The value of an expression."""
        key = (expr, self._by_zero)
        if key not in self._values:
            self._values[key] = self._value(expr)
        return self._values[key]

    def exact(self, expr: sp.Expr) -> Ref:
        """The value of an expression in which a division by zero is never the share of an empty total."""
        return self._read(expr, NEVER)

    def created(self, eq: Equation) -> Ref:
        """What an equation gives in cells whose baseline total is zero, in units of that total; zero in all others."""
        return self.graph.mul([self.empty(eq.total), self._read(eq.rhs, UNIT)])

    def _read(self, expr: sp.Expr, by_zero: str) -> Ref:
        before, self._by_zero = self._by_zero, by_zero
        try:
            return self.value(expr)
        finally:
            self._by_zero = before

    def _value(self, expr: sp.Expr) -> Ref:
        if expr.is_number:
            return self._const(expr)
        if isinstance(expr, sp.KroneckerDelta):
            return self._delta(*expr.args)
        if isinstance(expr, (sp.Symbol, sp.Indexed)):
            return self._atom(expr, log=False)
        if isinstance(expr, (sp.Product, ces)):
            return self.graph.apply("exp", self.log(expr))
        if isinstance(expr, (sp.log, sp.exp, sp.Abs)):
            op = expr.func.__name__.lower()
            return self.graph.apply(op, self.value(expr.args[0]))
        if isinstance(expr, (sp.Add, sp.Mul, sp.Sum, sp.Pow)):
            return self.graph.add([self.term(t) for t in terms(expr)])
        raise ModelError(f"'{expr.func.__name__}' in '{expr}' is not a function that can be compiled")

    def _const(self, number: sp.Expr) -> Ref:
        return Ref(self.graph.const(float(number)), ())

    def term(self, term: Term) -> Ref:
        """The value of one term, summed over its bound indices."""
        term = self._inline(term)
        refs = [] if term.coefficient == 1 else [self._const(term.coefficient)]
        return self._contract(refs + self._factors(term.factors), list(term.bound))

    def _inline(self, term: Term) -> Term:
        """Replace large monomial definitions by their right sides."""
        for factor, exponent in term.factors.items():
            if not isinstance(factor, sp.Indexed) or len(factor.indices) < _INLINE_RANK:
                continue
            eq = self.definitions.get(symbol_name(factor))
            parts = terms(eq.rhs) if eq is not None else ()
            if eq is not None and len(parts) == 1 and not parts[0].bound and parts[0].coefficient == 1:
                binding = dict(zip(subscripts(eq.lhs), factor.indices, strict=True))
                inner = rename_factors(parts[0].factors, binding)
                rest = {f: e for f, e in term.factors.items() if f != factor}
                return self._inline(
                    Term(term.coefficient, multiply(rest, power(inner, exponent)), term.bound)
                )
        return term

    def _factors(self, factors: Factors) -> list[Ref]:
        """Values of the factors; powers of like indices and time are gathered under one exponential."""
        refs: list[Ref] = []
        gathered: dict[tuple, list[Ref]] = {}
        for base, exponent in factors.items():
            if exponent == 1:
                refs.append(self.value(base))
            elif exponent == -1:
                refs.append(self._reciprocal(base))
            elif isinstance(base, sp.KroneckerDelta):
                raise ModelError(f"a power of '{base}' other than 1 has no meaning here")
            elif exponent.is_Integer and not base.is_positive:
                refs.extend(
                    [self.value(base) if exponent > 0 else self._reciprocal(base)] * abs(int(exponent))
                )
            else:
                log = self.graph.mul([self.exact(exponent), self.log(base)])
                gathered.setdefault((log.time, frozenset(log.indices)), []).append(log)
        return refs + [self.graph.apply("exp", self.graph.add(logs)) for logs in gathered.values()]

    def _reciprocal(self, base: sp.Expr) -> Ref:
        if isinstance(base, sp.KroneckerDelta):
            raise ModelError(f"division by '{base}', which is zero for all indices but one")
        ref = self.value(base)
        # Baseline totals of cells that nobody uses are zero; their shares are zero as well.
        if not self.model.is_hat or ref.time is not Time.PRELUDE or self._by_zero == NEVER:
            return self.graph.apply("inverse", ref)
        share = self.graph.apply("inverse0", ref)
        return share if self._by_zero == SHARE else self.graph.add([share, self.graph.apply("iszero", ref)])

    # ---- logs ------------------------------------------------------------------------------------

    def log(self, expr: sp.Expr) -> Ref:
        """The log of a positive expression."""
        key = (expr, self._by_zero)
        if key not in self._logs:
            self._logs[key] = self._log(expr)
        return self._logs[key]

    def _log(self, expr: sp.Expr) -> Ref:
        if isinstance(expr, (sp.Symbol, sp.Indexed)):
            return self._atom(expr, log=True)
        if isinstance(expr, sp.Product):
            bound = [limit[0] for limit in expr.limits]
            found = terms(expr.function)
            if len(found) != 1 or found[0].bound or found[0].coefficient != 1:
                return self._contract([self.log(expr.function)], bound)
            return self.graph.add(
                [self._contract([self.exact(e), self.log(b)], bound) for b, e in found[0].factors.items()]
            )
        if isinstance(expr, ces):
            return self._ces(expr)
        found = terms(expr)
        if len(found) == 1 and not found[0].bound and found[0].coefficient.is_positive:
            (t,) = found
            if expr in t.factors:
                return self.graph.apply("log", self.value(expr))
            logs = [self.graph.mul([self.exact(e), self.log(b)]) for b, e in t.factors.items()]
            return self.graph.add([self._const(sp.log(t.coefficient)), *logs])
        return self.graph.apply("log", self.value(expr))

    def _ces(self, expr: ces) -> Ref:
        exponent, *parts = expr.args
        if exponent.is_nonzero:
            total = sp.Add(*(summed(p.args[0] * p.args[1] ** exponent, p.args[2:]) for p in parts))
            weights = sp.Add(*(summed(p.args[0], p.args[2:]) for p in parts))
            inner = self.graph.add([self.value(total), self.empty(weights)])
            return self.graph.mul([self.exact(1 / exponent), self.graph.apply("log", inner)])
        # ln = m + log1p(sum w expm1(e (ln z - m)))/e with m = sum w ln z: exact and smooth through e = 0.
        graph, e = self.graph, self.value(exponent)
        weights, logs = [self.value(p.args[0]) for p in parts], [self.log(p.args[1]) for p in parts]
        bound = [list(p.args[2:]) for p in parts]
        mean = graph.add([self._contract([w, z], b) for w, z, b in zip(weights, logs, bound, strict=True)])
        minus = graph.mul([self._const(sp.S.NegativeOne), mean])
        centred = [graph.add([z, minus]) for z in logs]
        deviations = [graph.apply("expm1", graph.mul([e, d])) for d in centred]
        spread = graph.add(
            [self._contract([w, d], b) for w, d, b in zip(weights, deviations, bound, strict=True)]
        )
        inverse = self.graph.apply("inverse0", e)
        # e -> 0 leaves e sum w (ln z - m)^2 / 2: no value at e = 0, but a derivative, which `inverse0` drops.
        squares = [[w, d, d] for w, d in zip(weights, centred, strict=True)]
        variance = graph.add([self._contract(s, b) for s, b in zip(squares, bound, strict=True)])
        curvature = graph.mul([self._const(sp.Rational(1, 2)), e, graph.apply("iszero", e), variance])
        return graph.add([mean, graph.mul([inverse, graph.apply("log1p", spread)]), curvature])

    def empty(self, total: sp.Expr) -> Ref:
        """One where a baseline total is zero: the cell is empty and its hat is one."""
        return self.graph.apply("iszero", self.value(total))

    # ---- atoms -----------------------------------------------------------------------------------

    def _atom(self, atom: sp.Expr, log: bool) -> Ref:
        node, order = self._declared(symbol_name(atom), log)
        subs = [subscripts(atom)[k] for k in order]
        for axis in reversed(range(len(subs))):
            if isinstance(subs[axis], Element):
                node = self.graph.take(node, axis, subs.pop(axis))
        return self._diagonal(node, subs)

    def _diagonal(self, node: Node, subs: list[sp.Idx]) -> Ref:
        if len(set(subs)) == len(subs):
            return Ref(node, tuple(subs))
        indices = tuple(dict.fromkeys(subs))
        args = [(node, tuple(indices.index(i) for i in subs))]
        return Ref(self.graph.node("mul", args, [root_of(i) for i in indices]), indices)

    def _declared(self, name: str, log: bool) -> tuple[Node, tuple[int, ...]]:
        """The node of a declared symbol, with the declared position of each of its axes."""
        if (name, log) not in self._nodes:
            self._nodes[name, log] = self._declare(name, log)
        return self._nodes[name, log]

    def _declare(self, name: str, log: bool) -> tuple[Node, tuple[int, ...]]:
        decl = self.model.symbols[name]
        plain = tuple(range(len(decl.dims)))
        if name in self.unknowns:
            raw = self.graph.input(("unknown", name), decl.roots, Time.STATE)
            if decl.positive:
                return (raw if log else self.graph.unary("exp", raw)), plain
            lower = self._bounded(decl, raw)
            return (self.graph.unary("log", lower) if log else lower), plain
        if decl.kind is Kind.VARIABLE:
            eq = self.definitions[name]
            plain_value = self.exact if decl.level else self.value  # levels are no shares
            ref = (self.log if log else plain_value)(eq.rhs) if eq.total is None else self.with_total(eq, log)
            ref = self.spread(ref, [s for s in subscripts(eq.lhs) if is_index(s)])
            order = tuple(subscripts(eq.lhs).index(i) for i in ref.indices)
            return ref.node, order
        node = self.graph.input(("data", name), decl.roots, Time.PRELUDE)
        return (self.graph.unary("log", node) if log else node), plain

    def _bounded(self, decl, raw: Node) -> Node:
        """Unknown of a level quantity: itself, or ``lower + exp(u)`` where it has a bound below zero."""
        if decl.lower is None or decl.lower >= 0:
            return raw
        indices = [sp.Idx(f"a{k}", d.size) for k, d in enumerate(decl.dims)]
        shifted = [Ref(self.graph.const(decl.lower), ()), Ref(self.graph.unary("exp", raw), tuple(indices))]
        return self.graph.add(shifted).node

    def with_total(self, eq: Equation, log: bool) -> Ref:
        """Value (or log) of a right side that is 1 in cells whose baseline total is zero."""
        ref = self.graph.add([self.value(eq.rhs), self.empty(eq.total)])
        return self.graph.apply("log", ref) if log else ref

    def spread(self, ref: Ref, indices: list[sp.Idx]) -> Ref:
        """Repeat a value over indices on which it does not depend."""
        missing = [i for i in indices if i not in ref.indices]
        if not missing:
            return ref
        ones = [Ref(self.graph.node("ones", axes=[root_of(i)]), (i,)) for i in missing]
        return self.graph.mul([ref, *ones])

    def ordered(self, ref: Ref, indices: list[sp.Idx]) -> Node:
        """Transpose and spread a value onto the given indices."""
        ref = self.spread(ref, indices)
        if list(ref.indices) == indices:
            return ref.node
        args = [(ref.node, tuple(indices.index(i) for i in ref.indices))]
        return self.graph.node("mul", args, [root_of(i) for i in indices])

    def _delta(self, a: sp.Expr, b: sp.Expr) -> Ref:
        if is_index(a) and is_index(b):
            return Ref(self.graph.node("eye", axes=[root_of(a), root_of(b)]), (a, b))
        index, element = (a, b) if is_index(a) else (b, a)
        return Ref(self.graph.node("unit", axes=[root_of(index)], attr=element.name), (index,))

    # ---- sums ------------------------------------------------------------------------------------

    def _contract(self, refs: list[Ref], bound: list[sp.Idx]) -> Ref:
        """Product summed over `bound`: data first, one index at a time, the rest pulled out."""
        free = [r for r in refs if not set(r.indices) & set(bound)]
        refs = self._gather([r for r in refs if r not in free])
        bound = list(bound)
        while bound:
            index = min(bound, key=lambda b: len({i for r in refs if b in r.indices for i in r.indices}))
            inside = [r for r in refs if index in r.indices]
            outside = [r for r in refs if index not in r.indices]
            if not inside:
                outside.append(Ref(self.graph.size(root_of(index)), ()))
                refs = outside
            else:
                # indices whose factors are all inside go in the same pass
                others = [
                    b
                    for b in bound
                    if b != index
                    and not any(b in r.indices for r in outside)
                    and len(inside) == 1
                    and b in inside[0].indices
                ]
                refs = [*outside, self.graph.mul(self._pair(inside, index), [index, *others])]
                bound = [b for b in bound if b not in others]
            bound.remove(index)
        return self.graph.mul([*self._gather(free), *refs])

    def _gather(self, refs: list[Ref]) -> list[Ref]:
        """Multiply data factors into one tensor each, and state factors of equal indices into one.

        Data with fewer axes than the tensor go to a state factor that has their indices, if there is one: then sums
        that weight one tensor differently read the same one.
        """
        data = sorted((r for r in refs if r.time is Time.PRELUDE), key=lambda r: -len(r.indices))
        moving = sorted((r for r in refs if r.time is not Time.PRELUDE), key=lambda r: len(r.indices))
        homes: dict[frozenset, list[Ref]] = {frozenset(r.indices): [] for r in moving}
        for r in [r for r in data if len(r.indices) < len(data[0].indices)]:
            home = next((indices for indices in homes if set(r.indices) <= indices), None)
            if home is not None and r.indices:
                homes[home].append(r)
                data.remove(r)
        merged: list[list[Ref]] = []
        for r in data:
            home = next((g for g in merged if set(r.indices) <= set(g[0].indices)), None)
            if home is None:
                merged.append([r])
            else:
                home.append(r)
        out = [self.graph.mul(g) for g in merged]
        for r in moving:
            homes[frozenset(r.indices)].append(r)
        return out + [self.graph.mul(g) for g in homes.values()]

    def _pair(self, inside: list[Ref], index: sp.Idx) -> list[Ref]:
        """Fold small factors into larger ones that hold their indices, so that at most two remain."""
        while len(inside) > 2:
            state = sorted((r for r in inside if r.time is not Time.PRELUDE), key=lambda r: len(r.indices))
            if len(state) < 2:
                break
            folded = self.graph.mul(state[:2])
            inside = [r for r in inside if r not in state[:2]] + [folded]
        return inside
