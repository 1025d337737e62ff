"""A compiled model: residuals of the core, their tangents, and every outcome, as one graph."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import sympy as sp
import xarray as xr

from framework.algebra import Term, terms
from framework.binding import bind_inputs
from framework.compile.baseline import Condition, baseline_conditions
from framework.compile.complement import Complement, complement_residual, complements
from framework.compile.derivatives import Derivatives
from framework.compile.ir import Node, Ref, Time
from framework.compile.lower import Lowering
from framework.compile.relative import relative
from framework.compile.tangent import Tangent, axis_index
from framework.errors import ModelError
from framework.model import Equation, Model
from framework.printing import typed
from framework.sets import is_index, root_of
from framework.structure import Structure, analyse
from framework.symbols import Declaration, Kind, base, declared_atoms, subscripts, symbol_name

if TYPE_CHECKING:
    from framework.solve.problem import Problem


@dataclass(frozen=True)
class Group:
    """One group of unknowns with its residual."""

    declaration: Declaration
    equation: Equation
    unknown: Node
    residual: Node
    direction: Node
    product: Node | None  # Jacobian-vector product of this residual; None if it is constant


@dataclass
class System:
    """Everything that is known about a model before data: it serves every data set and scenario.

    Attributes
    ----------
    model : Model
    structure : Structure
    groups : list of Group
        Unknowns of Newton's method with residuals and tangents, paired.
    outcomes : dict of str to Node
        Node of every variable, by symbol, with axes as declared.
    inputs : list of Declaration
        Data and shocks that are read.
    stability : list
        ``1 - p`` of every loop that was closed in closed form; it must be positive.
    walras : Node or None
        Deviation of the numeraire from its value: zero at a solution iff the budgets add up.
    conditions : list of Condition
        What the baseline data must satisfy.
    complements : list of Complement
        Both sides of every complementarity condition, to be checked and reported at a solution.
    identities : list of (str, Node, Node)
        Theorems that were stated, with their two sides, to be checked at a solution.
    seconds : float
        Time that analysis and lowering took.
    bound : int
        How many problems were made of it.
    """

    model: Model
    structure: Structure
    groups: list[Group]
    outcomes: dict[str, Node]
    inputs: list[Declaration]
    stability: list[tuple[str, Ref]]
    walras: Node | None
    conditions: list[Condition]
    complements: list[Complement]
    identities: list[tuple[str, Node, Node]]
    lowering: Lowering
    seconds: float
    bound: int = 0

    @cached_property
    def derivatives(self) -> Derivatives:
        """Derivatives of residuals and outcomes to unknowns and to what is given."""
        return Derivatives(self)

    @cached_property
    def created(self) -> list[tuple[Equation, Node, Node]]:
        """Equations in hats with their baseline total, and what they give where that is zero."""
        out = []
        for eq in self.model.equations:
            if eq.total is not None:
                refs = self.lowering.value(eq.total), self.lowering.created(eq)
                out.append((eq, *(self.lowering.ordered(ref, list(eq.indices)) for ref in refs)))
        return out

    def bind(
        self,
        data: xr.Dataset,
        shocks: Mapping[str, object] | None = None,
        elements: Mapping[str, str] | None = None,
        backend: str = "auto",
    ) -> Problem:
        """Bind data and shocks.

        Parameters
        ----------
        data : xarray.Dataset
            Every parameter and baseline quantity, by key, on the declared dims with labels.
        shocks : mapping, optional
            New values of exogenous quantities by key: ratio new over base, or the new level of a level
            quantity; a number, a table ``{label: value}`` of a one-dim quantity, or a DataArray. For what runs over
            importer and exporter, a number, or an array that does not name pairs of them, leaves own trade as it is.
        elements : mapping, optional
            Labels for named elements, for instance ``{"numeraire_region": "USA"}``.
        backend : {"auto", "c", "numpy", "casadi"}
            What evaluates the model. "auto" is generated C where the model is compiled already, is large or has
            been bound often, and a C compiler works; numpy otherwise. All agree to rounding.

        Raises
        ------
        DataError
            If something is missing, mislabelled, not a number, out of its domain or unstable.
        CompilerError
            If C is asked for and there is no compiler or it fails.
        """
        from framework.solve.balance import check_levels_not_read
        from framework.solve.problem import Problem

        self.bound += 1
        problem = Problem(self, bind_inputs(self, data, shocks or {}, elements or {}), backend=backend)
        check_levels_not_read(problem, data)
        return problem


def compile_model(model: Model, *, conditions: bool = True) -> System:
    """Analyse a model and lower its residuals, tangents and outcomes to one graph.

    Parameters
    ----------
    model : Model
        In levels or in hats.
    conditions : bool
        Derive what the baseline data of a hat model must satisfy; not for a part of a model, on data of the whole.
    """
    begin = time.perf_counter()
    model = _without_baseline(model)
    structure = analyse(model)
    definitions = {symbol_name(e.lhs): e for e in [*structure.explicit, *structure.after]}
    lowering = Lowering(model, definitions, [v for v, _ in structure.core])
    residuals = [_residual(lowering, model, v, eq) for v, eq in structure.core]
    outcomes = {d.symbol: _declared_order(lowering, d) for d in model.of_kind(Kind.VARIABLE)}
    stability = [(loop.symbol, lowering.value(1 - loop.exponent)) for loop in structure.loops]
    groups = _with_tangents(lowering, model, structure, residuals)
    required = baseline_conditions(lowering, model) if conditions else []
    identities = [(typed(lhs), *_sides(lowering, lhs, rhs)) for lhs, rhs in model.identities]
    read = {n.attr[1] for n in lowering.graph.nodes if n.op == "input" and n.time is Time.PRELUDE}  # type: ignore[index]
    inputs = [d for d in model.symbols.values() if d.symbol in read]
    rule = model.numeraire_rule
    walras = lowering.value(rule.expr / rule.value - 1).node if rule else None
    return System(
        model,
        structure,
        groups,
        outcomes,
        inputs,
        stability,
        walras,
        required,
        complements(lowering, model, structure),
        identities,
        lowering,
        time.perf_counter() - begin,
    )


def _without_baseline(model: Model) -> Model:
    """Leave out outcomes that compare with a baseline, which a model in levels does not know."""
    dropped: set[str] = set()
    if model.is_hat:
        left = [e.name for e in model.equations if e.rhs.has(base)]
        assert not left, f"base() survived the exact-hat transform in {left}"
        return model
    out = model.copy()
    while True:
        gone = [
            e
            for e in out.equations
            if e.defines and (e.rhs.has(base) or {symbol_name(a) for a in declared_atoms(e.rhs)} & dropped)
        ]
        if not gone:
            break
        dropped |= {symbol_name(e.lhs) for e in gone}
        out.equations = [e for e in out.equations if e not in gone]
    conditions = [
        e
        for e in out.equations
        if {symbol_name(a) for x in (e.lhs, e.rhs) for a in declared_atoms(x)} & dropped
    ]
    if conditions:
        raise ModelError(
            f"equation '{conditions[0].name}' compares with the baseline; solve hat(model) instead"
        )
    out.symbols = {s: d for s, d in out.symbols.items() if s not in dropped}
    return out


def _declared_order(lowering: Lowering, decl: Declaration) -> Node:
    """Node of a variable with its axes in the declared order."""
    indices = [axis_index(root, k) for k, root in enumerate(decl.roots)]
    atom = decl.base[tuple(indices)] if indices else decl.base
    return lowering.ordered(lowering.value(atom), indices)


def _sides(lowering: Lowering, lhs: sp.Expr, rhs: sp.Expr) -> tuple[Node, Node]:
    """Both sides of an identity over the same indices."""
    left, right = lowering.value(lhs), lowering.value(rhs)
    indices = list(dict.fromkeys([*left.indices, *right.indices]))
    return lowering.ordered(left, indices), lowering.ordered(right, indices)


# ---- residuals -----------------------------------------------------------------------------------


def _residual(lowering: Lowering, model: Model, variable: str, eq: Equation) -> Node:
    """Residual of the equation paired with a group, on the dims of the group.

    Positive sides give ``log(lhs) - log(rhs)``; a condition that may be zero or negative is taken relative
    to its gross terms.
    """
    graph = lowering.graph
    if eq.complement is not None:
        return complement_residual(lowering, eq.complement)
    if in_logs(model, eq):
        right = lowering.log(eq.rhs) if eq.total is None else lowering.with_total(eq, log=True)
        minus = graph.mul([Ref(graph.const(-1.0), ()), right])
        ref = graph.add([lowering.log(eq.lhs), minus])
    else:
        ref = relative(lowering, eq.lhs, eq.rhs)
    rule = model.numeraire_rule
    if rule and rule.redundant == eq.name:
        gap = lowering.value(rule.expr / rule.value)
        ref = graph.add([ref, gap, Ref(graph.const(-1.0), ())])
    subs = list(subscripts(eq.lhs)) if eq.defines else _condition_indices(model, variable, eq)
    return lowering.ordered(ref, [s for s in subs if is_index(s)])


def in_logs(model: Model, eq: Equation) -> bool:
    """True if the residual of an equation is the log ratio of its sides, else it is relative to its gross terms."""
    return _is_positive(model, eq.lhs) and _is_positive(model, eq.rhs)


def _condition_indices(model: Model, variable: str, eq: Equation) -> list[sp.Idx]:
    """Indices of a condition in the order of the dims of the group that it determines.

    Where two dims are aliases of one set, the subscripts that the group has in the condition tell which is which.
    """
    atoms = [a for side in (eq.lhs, eq.rhs) for a in sorted(declared_atoms(side), key=str)]
    for subs in (subscripts(a) for a in atoms if symbol_name(a) == variable):
        if len(set(subs)) == len(subs) and set(subs) == set(eq.indices):
            return list(subs)  # type: ignore[arg-type]
    left = list(eq.indices)
    out = []
    for root in model.symbols[variable].roots:
        index = next(i for i in left if root_of(i) == root)
        left.remove(index)
        out.append(index)
    return out


def _is_positive(model: Model, expr: sp.Expr) -> bool:
    """True for a sum of positive terms in quantities that are never zero or negative."""
    found = terms(expr)
    return bool(found) and all(t.coefficient.is_positive and _positive_factors(model, t) for t in found)


def _positive_factors(model: Model, term: Term) -> bool:
    for factor in term.factors:
        if isinstance(factor, (sp.Symbol, sp.Indexed)):
            if model.symbols[symbol_name(factor)].level:
                return False
        elif isinstance(factor, sp.Add) and not factor.is_positive and not _is_wedge(model, factor):
            return False
    return True


def _is_wedge(model: Model, expr: sp.Expr) -> bool:
    """``1 + tau``, ``1 - omega`` and ``beta - 1`` are positive wherever a model makes sense."""
    constant = all(model.symbols[symbol_name(a)].is_constant for a in declared_atoms(expr))
    return constant or any(a.is_positive for a in expr.args if a.is_number)


def _with_tangents(
    lowering: Lowering, model: Model, structure: Structure, residuals: list[Node]
) -> list[Group]:
    graph = lowering.graph
    unknowns, directions = [], []
    for v, _ in structure.core:
        roots = model.symbols[v].roots
        unknowns.append(graph.input(("unknown", v), roots, Time.STATE))
        directions.append(graph.input(("direction", v), roots, Time.TANGENT))
    tangent = Tangent(graph, dict(zip(unknowns, directions, strict=True)))
    groups = []
    for (v, eq), residual, u, du in zip(structure.core, residuals, unknowns, directions, strict=True):
        found = tangent.of(residual)
        indices = [axis_index(root, k) for k, root in enumerate(residual.shape_axes)]
        product = None if found is None else lowering.ordered(found, indices)
        groups.append(Group(model.symbols[v], eq, u, residual, du, product))
    return groups
