"""The income that is forgotten: find the wedge whose revenue leaves the budgets open, and the budget it misses from.

The matching of equations with variables cannot see a forgotten revenue, and neither can a baseline without
taxes. Where every wedge (tax, tariff, deficit) is on, the numeraire that stands in for the redundant equation is
missed by just what is forgotten; with the guilty wedge off it is met. Where trade balance clears the markets, trade
balances whoever gets the revenue: then it is the stated theorem that factor income equals sales that fails.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import sympy as sp
import xarray as xr

from framework.algebra import Term, terms
from framework.model import Equation, Model
from framework.solution import Status
from framework.solve.balance import identity_gaps
from framework.solve.newton import newton
from framework.solve.problem import Problem
from framework.symbols import RATE, Declaration, Kind, declared_atoms, subscripts, symbol_name

TOLERANCE = 1e-9
SMALL = 0.03
"""What a small wedge adds to a rate, or to an amount in proportion."""


def wedges(problem: Problem) -> list[Declaration]:
    """Given levels that may be zero: taxes, tariffs, deficits."""
    return [d for d in problem.system.inputs if d.kind is Kind.EXOGENOUS and d.level]


def small_wedges(problem: Problem) -> dict[str, xr.DataArray]:
    """New levels, by key, that switch every wedge on, a few percent above what it is.

    Rates rise on whatever crosses a border, or everywhere if they are not bilateral. Amounts rise in proportion; to those that
    are about zero come transfers that sum to zero, small beside what else is observed in the same unit over the same sets. What
    has no such scale is left out.
    """
    out = {}
    for decl in wedges(problem):
        now = problem.bound.values[decl.symbol]
        if not _in_budgets_as_amount(problem, decl):
            new = now + SMALL * _between_different(decl, now.shape)
        elif np.abs(now).max(initial=0.0) > SMALL * (scale := _scale(problem, decl)):
            new = (1 + SMALL) * now
        elif scale and now.ndim and now.shape[0] > 1:
            signs = np.zeros(now.shape[0])
            signs[:2] = 1.0, -1.0
            new = now + SMALL * scale * signs.reshape(-1, *[1] * (now.ndim - 1))
        else:
            continue
        labels = {d.name: problem.bound.labels[d.root] for d in decl.dims}
        out[decl.key] = xr.DataArray(new, labels, decl.dim_names)
    return out


def _in_budgets_as_amount(problem: Problem, wedge: Declaration) -> bool:
    """True for a wedge that is an amount: by its unit, or because it stands in a budget by itself."""
    if wedge.unit:
        return wedge.unit != RATE
    sides = [side for b in _budgets(problem) for side in (b.lhs, b.rhs)]
    return any(_is_amount(problem.system.model, wedge, t) for side in sides for t in terms(side))


def _between_different(decl: Declaration, shape: tuple[int, ...]) -> np.ndarray:
    """One where no set of a quantity meets itself at the same label, as importer and exporter do in own trade."""
    out = np.ones(shape)
    places = np.indices(shape)
    for a, b in itertools.combinations(range(len(shape)), 2):
        if decl.roots[a] == decl.roots[b]:
            out[places[a] == places[b]] = 0.0
    return out


def _scale(problem: Problem, decl: Declaration) -> float:
    """The smallest positive value of what is observed over the same sets, in the same unit or without one; else zero."""
    observed = [
        d for d in problem.system.inputs if d.positive and d.role == "baseline" and d.roots == decl.roots
    ]
    for unit in (decl.unit, ""):
        found = [problem.bound.values[d.symbol] for d in observed if d.unit == unit]
        if any((v > 0).any() for v in found):
            return min(float(v[v > 0].min()) for v in found if (v > 0).any())
    return 0.0


def about_budgets(problem: Problem | None, check: str) -> bool:
    """True for a check that fails where an income is forgotten: of the numeraire, or of a theorem on factor income."""
    if check.startswith("Walras"):
        return True
    if problem is None:  # a solution that was read from a file
        return False
    model = problem.system.model
    return any(
        check == f"theorem '{name}'"
        and any(_is_factor_income(model, t) for side in sides for t in terms(side))
        for (name, *_), sides in zip(problem.system.identities, model.identities, strict=True)
    )


def missing_income(problem: Problem) -> str:
    """Say which income is missing from (or counted twice in) which budget; solves once for each wedge."""
    on = [d for d in wedges(problem) if np.any(problem.bound.values[d.symbol])]
    alone = {d.symbol: _gap(problem, [o for o in on if o is not d]) for d in on}
    without = _gap(problem, on)
    budgets = _budgets(problem)
    if not without <= TOLERANCE:
        return f"they do not even where every wedge is zero: the income of a factor, or a profit, is forgotten{_where('from', budgets)}"
    guilty = [d for d in on if not alone[d.symbol] <= TOLERANCE]
    if not guilty:
        return "no wedge alone shows it: look at the terms in which two of them meet"
    return "; ".join(_verdict(problem, d, budgets, alone[d.symbol]) for d in guilty)


def not_in_budget(problem: Problem, equation: str) -> list[str]:
    """Wedges, by key, that are not zero at the baseline and do not enter a budget of this name, nor what defines its terms."""
    found = [b for b in _budgets(problem) if b.name == equation]
    if not found:
        return []
    definitions = problem.system.lowering.definitions
    enters, todo = set[str](), _symbols(found[0]) - {symbol_name(found[0].lhs)}
    while todo:
        enters |= todo
        todo = set().union(*(_symbols(definitions[s]) for s in todo if s in definitions)) - enters
    levels = problem.bound.unshocked
    return [d.key for d in wedges(problem) if d.symbol not in enters and np.any(levels.get(d.symbol, 0.0))]


def _verdict(problem: Problem, wedge: Declaration, budgets: list[Equation], gap: float) -> str:
    lacking = [b for b in budgets if wedge.symbol not in _symbols(b)]
    size = f"with '{wedge.key}' as the only wedge they are off by {gap:.3g}"
    if lacking:
        return f"{size}: what it yields or costs is missing{_where('from', lacking)}"
    amounts = problem.bound.values[wedge.symbol]
    is_amount = any(
        _is_amount(problem.system.model, wedge, t)
        for b in budgets
        for side in (b.lhs, b.rhs)
        for t in terms(side)
    )
    if is_amount and abs(amounts.sum()) > TOLERANCE * np.abs(amounts).max():
        return f"{size}: its amounts sum to {amounts.sum():.6g}, not to zero"
    return f"{size}: it is counted wrongly{_where('in', budgets)}; compare with where it is paid"


def _where(preposition: str, budgets: list[Equation]) -> str:
    lines = [f"'{b.name}' in block '{b.block}'" for b in budgets]
    return f" {preposition} {' or '.join(lines)}" if lines else ""


def _gap(problem: Problem, off: list[Declaration]) -> float:
    """How far the numeraire, or a stated theorem, is missed where some wedges are zero."""
    zeros = {d.symbol: np.zeros_like(problem.bound.values[d.symbol]) for d in off}
    here = Problem(
        problem.system, replace(problem.bound, values={**problem.bound.values, **zeros}), checked=True
    )
    trace = newton(here)
    if trace.status is not Status.SOLVED:
        return np.inf
    here.residual(trace.point)
    theorems = identity_gaps(here, trace.point)
    gaps = [gap for name, gap in theorems.items() if about_budgets(here, f"theorem '{name}'")]
    return float(np.max([abs(here.walras()), *gaps]))  # unlike max, it keeps NaN


def _budgets(problem: Problem) -> list[Equation]:
    """Equations that add up the incomes of somebody: one term is a price times what is given of a factor."""
    model, structure = problem.system.model, problem.system.structure
    outcomes = {eq.name for eq in structure.after}
    out = []
    for eq in model.equations:
        for side, other in ((eq.lhs, eq.rhs), (eq.rhs, eq.lhs)):
            single = len(found := terms(other)) == 1 and not found[0].bound and len(found[0].factors) == 1
            if single and any(_is_factor_income(model, t) for t in terms(side)) and eq.name not in outcomes:
                out.append(eq)
                break
    return out


def _is_factor_income(model: Model, term: Term) -> bool:
    """A price times an amount that is given, over the indices of the budget."""
    plain = [
        f
        for f, e in term.factors.items()
        if e == 1 and isinstance(f, (sp.Indexed, sp.Symbol)) and not set(subscripts(f)) & set(term.bound)
    ]
    declared = [model.symbols[symbol_name(f)] for f in plain]
    moving = [d for d in declared if d.kind is Kind.VARIABLE]
    given = [d for d in declared if d.kind in (Kind.EXOGENOUS, Kind.FUNDAMENTAL) and not d.level]
    return len(moving) == 1 and bool(given)


def _is_amount(model: Model, wedge: Declaration, term: Term) -> bool:
    """True for a wedge that stands in a budget by itself, as an amount of money."""
    names = {symbol_name(a) for f in term.factors for a in declared_atoms(f)}
    return wedge.symbol in names and all(model.symbols[n].kind is not Kind.VARIABLE for n in names)


def _symbols(eq: Equation) -> set[str]:
    return {symbol_name(a) for side in (eq.lhs, eq.rhs) for a in declared_atoms(side)}
