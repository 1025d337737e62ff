"""Structural analysis before any data: who determines what, which system remains, and messages in names.

Everything works on the graph of indexed variable groups and equation blocks, so it does not depend on the
sizes of the sets. The smallest core is found by best-first search: a set of groups whose removal leaves
every other variable explicit.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field, replace

import networkx as nx
import numpy as np
import sympy as sp
from scipy.optimize import linear_sum_assignment

from framework.algebra import Term, multiply, power, product, rename, terms, tidy
from framework.errors import ModelError
from framework.model import Equation, Model
from framework.sets import is_index, root_of
from framework.symbols import Declaration, Kind, declared_atoms, subscripts, symbol_name
from framework.validate import check_declared

_NOMINAL = 20  # elements a set is taken to have where the sizes of cores are compared


@dataclass(frozen=True)
class Loop:
    """A pointwise monomial loop that was closed in closed form; it is stable iff ``1 - exponent > 0``."""

    symbol: str
    exponent: sp.Expr


@dataclass(repr=False)
class Structure:
    """The plan for solving a model.

    Attributes
    ----------
    core : list of (str, Equation)
        Unknown groups of Newton's method, each with the equation that it is paired with.
    explicit : list of Equation
        Definitions needed by the core's residuals, in the order of evaluation.
    after : list of Equation
        Definitions evaluated once at the solution.
    loops : list of Loop
    """

    model: Model
    core: list[tuple[str, Equation]]
    explicit: list[Equation]
    after: list[Equation]
    loops: list[Loop] = field(default_factory=list)

    def to_text(self) -> str:
        """The plan as a report in names."""
        from framework.tables import structure_text

        return structure_text(self)

    __str__ = __repr__ = to_text


def analyse(model: Model) -> Structure:
    """Match equations with variables, choose the core and order the rest.

    Raises
    ------
    ModelError
        If there are too many or too few equations: the message names them, with what could be dropped,
        freed or fixed.
    """
    check_declared(model)
    return _Analysis(model).run()


def check_square(model: Model) -> None:
    """Raise ModelError, as `analyse` does, if the equations cannot be matched with the variables."""
    _Analysis(model).match()


class _Analysis:
    def __init__(self, model: Model) -> None:
        self.model = model
        self.variables = [d.symbol for d in model.of_kind(Kind.VARIABLE)]
        is_variable = set(self.variables)
        self.definitions: dict[str, Equation] = {}
        self.conditions: list[Equation] = []
        for eq in model.equations:
            if eq.defines and symbol_name(eq.lhs) in is_variable:
                self.definitions[symbol_name(eq.lhs)] = eq
            else:
                self.conditions.append(replace(eq, defines=False))
        self._check_complements()
        self._factors_of: dict[sp.Expr, list[str]] = {}
        self.implicit = [v for v in self.variables if v not in self.definitions]
        self.uses = {v: self._used(eq.rhs) for v, eq in self.definitions.items()}

    def run(self) -> Structure:
        pairs = self.match()
        forced: dict[str, Equation] = {}
        # The residual of the redundant equation carries the numeraire, so it must be one of the core.
        redundant = self.model.numeraire_rule.redundant if self.model.numeraire_rule else None
        for variable in [v for v, eq in self.definitions.items() if eq.name == redundant]:
            forced[variable] = self.definitions.pop(variable)
        for variable, condition in pairs.items():
            explicit = None if condition.name == redundant else _solve_for(condition, variable)
            if explicit is None:
                forced[variable] = condition
            else:
                self.definitions[variable] = explicit
                self.uses[variable] = self._used(explicit.rhs)
        loops = self._close_loops()
        chosen = self._feedback(set(forced))
        core = [
            (v, forced.get(v) or pairs.get(v) or self.definitions[v])
            for v in self.variables
            if v in chosen or v in forced
        ]
        order = self._order({v for v, _ in core})
        needed = self._needed(core)
        return Structure(
            self.model,
            core,
            [self.definitions[v] for v in order if v in needed],
            [self.definitions[v] for v in order if v not in needed],
            loops,
        )

    def _used(self, expr: sp.Expr) -> set[str]:
        return {symbol_name(a) for a in declared_atoms(expr)} & set(self.variables)

    def _check_complements(self) -> None:
        """The variable of a complementarity condition is free to leave its bound, and nothing else defines it."""
        rule = self.model.numeraire_rule
        for eq in self.conditions:
            if eq.complement is None:
                continue
            decl = self.model.symbols[symbol_name(eq.complement.variable)]
            where = f"complementarity '{eq.name}' in block '{eq.block}': "
            if decl.kind is not Kind.VARIABLE:
                raise ModelError(
                    f"{where}'{decl.symbol}' is given in this closure and cannot leave its bound; free it, or choose the "
                    f"model without '{eq.name}'"
                )
            if decl.symbol in self.definitions:
                raise ModelError(
                    f"{where}'{decl.symbol}' is defined in block '{self.definitions[decl.symbol].block}' too; a variable "
                    "has one condition: leave out one of them"
                )
            if rule and rule.redundant == eq.name:
                raise ModelError(
                    f"numeraire of model '{self.model.name}': '{eq.name}' is a complementarity condition, and no "
                    "inequality is redundant by Walras' law; name a market that clears"
                )

    # ---- matching --------------------------------------------------------------------------------

    def _reach(self, start: set[str]) -> set[str]:
        """Variables on which the given ones depend through definitions, themselves included."""
        seen, todo = set(start), list(start)
        while todo:
            for u in self.uses.get(todo.pop(), ()):
                if u not in seen:
                    seen.add(u)
                    todo.append(u)
        return seen

    def match(self) -> dict[str, Equation]:
        """Pair every condition with the undefined variable that it determines."""
        n, k = len(self.conditions), len(self.implicit)
        cost = np.full((n, k), 1e6)
        complementary = {symbol_name(e.complement.variable) for e in self.conditions if e.complement}
        for a, eq in enumerate(self.conditions):
            if eq.complement is not None:  # paired by declaration
                cost[a, self.implicit.index(symbol_name(eq.complement.variable))] = 0
                continue
            direct = {symbol_name(f) for f in declared_atoms(eq.lhs)}, self._used(eq.rhs)
            reached = self._reach((direct[0] & set(self.variables)) | direct[1])
            for b, v in enumerate(self.implicit):
                if (
                    v in reached
                    and v not in complementary
                    and self._count(eq) == self._size(self.model.symbols[v])
                ):
                    swapped = self.model.swaps.get(v) in direct[0]
                    cost[a, b] = 0 if v in direct[0] else 1 if v in direct[1] or swapped else 2
        rows, columns = linear_sum_assignment(cost) if n and k else ([], [])
        pairs = {a: b for a, b in zip(rows, columns, strict=True) if cost[a, b] < 1e6}
        if len(pairs) < n or len(pairs) < k:
            self._report_unmatched(cost < 1e6, pairs)
        return {self.implicit[b]: self.conditions[a] for a, b in pairs.items()}

    def _size(self, decl: Declaration) -> tuple[str, ...]:
        return tuple(sorted(decl.roots))

    def _count(self, eq: Equation) -> tuple[str, ...]:
        return tuple(sorted(root_of(i) for i in eq.indices))

    def _report_unmatched(self, edges: np.ndarray, pairs: dict[int, int]) -> None:
        """Dulmage-Mendelsohn: the over- and the underdetermined part, in names."""
        graph = nx.DiGraph()
        graph.add_nodes_from([("eq", a) for a in range(edges.shape[0])])
        graph.add_nodes_from([("var", b) for b in range(edges.shape[1])])
        graph.add_edges_from((("eq", a), ("var", b)) for a, b in zip(*np.nonzero(edges), strict=True))
        graph.add_edges_from((("var", b), ("eq", a)) for a, b in pairs.items())
        lines = []
        for a in (a for a in range(edges.shape[0]) if a not in pairs):
            part = {a, *(k for kind, k in nx.descendants(graph, ("eq", a)) if kind == "eq")}
            lines.append(self._too_many([self.conditions[k] for k in sorted(part)]))
        for b in (b for b in range(edges.shape[1]) if b not in pairs.values()):
            part = {b, *(k for kind, k in nx.ancestors(graph, ("var", b)) if kind == "var")}
            lines.append(self._too_few([self.model.symbols[self.implicit[k]] for k in sorted(part)]))
        counts = f"{len(self.model.equations)} equations for {len(self.variables)} variables"
        raise ModelError(f"model '{self.model.name}' is not square ({counts}):\n" + "\n".join(lines))

    def _too_many(self, part: list[Equation]) -> str:
        names = ", ".join(f"'{e.name}' in block '{e.block}'" for e in part)
        drop = f" among {names}: drop one of them" if len(part) > 1 else f": drop {names}"
        free = [f"'{d.symbol}' ({d.name})" for d in self._freeable(part)]
        hint = f"; or free one of {', '.join(free)}" if free else ""
        shape = " x ".join(self._count(part[0])) or "scalar"
        if shape == "scalar" and self.model.numeraire_rule is None:
            hint += "; or, if it fixes the unit of account, declare it with model.numeraire(...)"
        return f"  one equation ({shape}) too many{drop}{hint}"

    def _freeable(self, part: list[Equation]) -> list[Declaration]:
        """Exogenous quantities on which some of the equations depend and that have as many elements."""
        reached = set().union(*(self._reach(self._used(e.lhs) | self._used(e.rhs)) for e in part))
        exprs = [x for e in part for x in (e.lhs, e.rhs)]
        exprs += [self.definitions[v].rhs for v in reached if v in self.definitions]
        inside = {symbol_name(a) for x in exprs for a in declared_atoms(x)}
        counts = {self._count(e) for e in part}
        exogenous = self.model.of_kind(Kind.EXOGENOUS)
        return [d for d in exogenous if d.symbol in inside and self._size(d) in counts]

    def _too_few(self, part: list[Declaration]) -> str:
        names = ", ".join(f"'{d.symbol}' ({d.name})" for d in part)
        shape = " x ".join(self._size(part[0])) or "scalar"
        if len(part) == 1:
            return f"  one equation ({shape}) too few: nothing determines {names}; add one, or declare it exogenous"
        return f"  one equation ({shape}) too few for {names}: add one, or declare one of them exogenous"

    # ---- core ------------------------------------------------------------------------------------

    def _feedback(self, forced: set[str]) -> set[str]:
        """Smallest set of defined groups that cuts every cycle among definitions."""
        graph = nx.DiGraph()
        graph.add_nodes_from(v for v in self.definitions if v not in forced)
        graph.add_edges_from(
            (u, v) for v in graph.nodes for u in self.uses[v] if u in self.definitions and u not in forced
        )
        loops = [
            c for c in nx.strongly_connected_components(graph) if len(c) > 1 or graph.has_edge(*(min(c),) * 2)
        ]
        return set().union(*(self._cut(graph.subgraph(c)) for c in loops)) if loops else set()

    def _cut(self, graph: nx.DiGraph) -> set[str]:
        tick = itertools.count()
        queue: list[tuple] = [((0, 0), next(tick), frozenset())]
        seen = set()
        while True:
            cost, _, chosen = heapq.heappop(queue)
            cycle = _shortest_cycle(graph, chosen)
            if not cycle:
                return set(chosen)
            for v in cycle:
                more = chosen | {v}
                if more not in seen:
                    seen.add(more)
                    weight = _NOMINAL ** len(self.model.symbols[v].dims)
                    rank = self.variables.index(v)  # ties: the group declared first
                    heapq.heappush(queue, ((cost[0] + weight, cost[1] + rank), next(tick), more))

    def _order(self, core: set[str]) -> list[str]:
        graph = nx.DiGraph()
        defined = [v for v in self.definitions if v not in core]
        graph.add_nodes_from(defined)
        graph.add_edges_from(
            (u, v) for v in defined for u in self.uses[v] if u in self.definitions and u not in core
        )
        return list(nx.lexicographical_topological_sort(graph, key=self.variables.index))

    def _needed(self, core: list[tuple[str, Equation]]) -> set[str]:
        exprs = [x for _, e in core for x in (e.lhs, e.rhs)]
        if core and self.model.numeraire_rule:
            exprs.append(self.model.numeraire_rule.expr)
        return self._reach(set().union(*(self._used(x) for x in exprs))) if exprs else set()

    # ---- pointwise monomial loops ----------------------------------------------------------------

    def _close_loops(self) -> list[Loop]:
        """Solve ``v = rest * v**p`` for v on every loop of monomial definitions; the definition is replaced."""
        loops: list[Loop] = []
        tried: set[str] = set()
        while cycle := _shortest_cycle(self._monomials(), frozenset(tried)):
            variable = min(cycle, key=self.variables.index)
            tried.add(variable)
            loops += self._close(variable, set(cycle))
        return loops

    def _monomials(self) -> nx.DiGraph:
        graph = nx.DiGraph()
        for v, eq in self.definitions.items():
            graph.add_edges_from((u, v) for u in self._plain_factors(eq) if u in self.definitions)
        return graph

    def _plain_factors(self, eq: Equation) -> list[str]:
        """Symbols that are factors of a monomial right side; none if it is not one."""
        if eq.rhs not in self._factors_of:
            found = terms(eq.rhs)
            monomial = len(found) == 1 and not found[0].bound
            factors = found[0].factors if monomial else {}
            self._factors_of[eq.rhs] = [
                symbol_name(f) for f in factors if isinstance(f, (sp.Indexed, sp.Symbol))
            ]
        return self._factors_of[eq.rhs]

    def _close(self, variable: str, cycle: set[str]) -> list[Loop]:
        """Close one loop; one that is not pointwise, or is not monomial as a whole, is left to the core."""
        eq = self.definitions[variable]
        (term,) = terms(eq.rhs)
        while inner := [f for f in term.factors if f != eq.lhs and symbol_name(f) in cycle - {variable}]:
            definition = self.definitions[symbol_name(inner[0])]
            binding = dict(zip(subscripts(definition.lhs), subscripts(inner[0]), strict=True))
            outer = {f: e for f, e in term.factors.items() if f != inner[0]}
            (nested,) = terms(rename(definition.rhs, binding))
            exponent = term.factors[inner[0]]
            coefficient = term.coefficient * nested.coefficient**exponent
            term = Term(coefficient, multiply(outer, power(nested.factors, exponent)))
        own = term.factors.get(eq.lhs, sp.S.Zero)
        rest = {f: e for f, e in term.factors.items() if f != eq.lhs}
        if own == 1 or variable in self._used(product(rest)):
            return []
        root = tidy(1 / (1 - own))
        rhs = term.coefficient**root * product(power(rest, root))
        self.definitions[variable] = replace(eq, rhs=rhs)
        self.uses[variable] = self._used(rhs)
        return [Loop(variable, own)]


def _shortest_cycle(graph: nx.DiGraph, without: frozenset) -> list[str]:
    """A shortest cycle that avoids the given nodes; empty if there is none."""
    rest = graph.subgraph([v for v in graph if v not in without])
    best: list[str] = []
    for v in rest:
        if rest.has_edge(v, v):
            return [v]
        for u in rest.successors(v):
            if nx.has_path(rest, u, v):
                path = nx.shortest_path(rest, u, v)
                if not best or len(path) < len(best):
                    best = path
    return best


def _solve_for(eq: Equation, variable: str) -> Equation | None:
    """Write a condition as a definition of `variable`, where it occurs once, to a power that is never zero."""
    for side, other in ((eq.lhs, eq.rhs), (eq.rhs, eq.lhs)):
        found = terms(side)
        if len(found) != 1 or found[0].bound or variable in {symbol_name(a) for a in declared_atoms(other)}:
            continue
        (term,) = found
        hits = [f for f in term.factors if variable in {symbol_name(a) for a in declared_atoms(f)}]
        if len(hits) != 1 or not isinstance(hits[0], (sp.Indexed, sp.Symbol)):
            continue
        subs, exponent = subscripts(hits[0]), term.factors[hits[0]]
        invertible = exponent in (1, -1) or (hits[0].is_positive and exponent.is_nonzero)
        if not invertible or not all(map(is_index, subs)) or set(subs) != set(eq.indices):
            continue
        rest = term.coefficient * product({f: e for f, e in term.factors.items() if f != hits[0]})
        rhs = rest / other if exponent == -1 else (other / rest) ** (1 / exponent)
        return Equation(eq.name, eq.block, hits[0], rhs, True, eq.total)
    return None
