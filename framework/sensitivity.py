"""How a solution depends on parameters, data and shocks: elasticities and responses, labelled.

A hat model reads a quantity twice where it is both observed and shocked, such as a tariff. Its key then means the new
value, and ``KEY_baseline`` the datum; where the shock follows the datum, the two derivatives are added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np
import xarray as xr

from framework.compile.ir import Time
from framework.errors import DataError, SolveError, did_you_mean
from framework.selection import position, variable
from framework.solution import Solution
from framework.solve import Problem, outcomes, solve
from framework.solve.implicit import Linearised
from framework.solve.regimes import BOTH
from framework.symbols import Declaration, Kind

Array = np.ndarray
Where = Mapping[str, object]


def elasticities(
    at: Solution | Problem,
    outcome: str,
    of: Sequence[str] | None = None,
    *,
    where: Where | None = None,
    weights: xr.DataArray | None = None,
) -> xr.Dataset:
    """Return the elasticities of one outcome with respect to every parameter, datum and shock.

    One solve with the transposed Jacobian gives all of them at once, however many there are. What it needs of the data
    is kept with the problem, for other labels of the same outcome and for other solutions.

    Parameters
    ----------
    at : Solution or Problem
        A solution; a problem is solved, and certified, first.
    outcome : str
        Key of a variable, for instance ``"real_consumption"``.
    of : sequence of str, optional
        Keys of what it is differentiated with respect to; everything by default.
    where : mapping, optional
        Label on each dim of the outcome, for instance ``{"region": "CHN"}``; not needed for a scalar.
    weights : DataArray, optional
        Weights on the entries of the outcome, instead of `where`: the elasticity is that of the weighted sum.

    Returns
    -------
    xarray.Dataset
        By key, on the dims of each parameter, datum or shock. For one that is declared positive the derivative is
        with respect to its log, else to its value; an outcome that is declared positive is taken in logs, another
        one in its own unit. ``attrs["measure"]`` of each array says which: ``"elasticity"`` (log to log),
        ``"semi-elasticity"`` (log to value), ``"derivative"`` (value to value) or ``"derivative to the log"``.

    Raises
    ------
    DataError
        Unknown key or label, an outcome that is not one number, weights without labels.
    SolveError
        No solution, or a linear system that cannot be solved to 1e-9.

    Notes
    -----
    These are partial derivatives in the data as they are given, one entry at a time, everything else held. Baseline
    shares add up and accounts balance, so one entry alone cannot change: only combinations along which they still do
    have an economic meaning. `response` gives those, and says by how much a direction violates the accounts.

    Examples
    --------
    >>> elasticities(solution, "real_consumption", where={"region": "CHN"})["trade_elasticity"]  # doctest: +SKIP
    """
    solution = _solved(at)
    problem = problem_of(solution)
    decl = variable(problem, outcome)
    weight = _weights(problem, decl, where, weights)
    level = float((weight * _value(solution, decl)).sum())
    in_logs = decl.positive and level > 0
    scale = 1.0 / level if in_logs else 1.0
    gradient = Linearised(problem, _point(solution)).gradient({decl.symbol: weight * scale})
    named = given_keys(problem)
    keys = _chosen(named, of, problem)
    labels = {d.name: problem.bound.labels[d.root] for k in keys for d in named[k].dims}
    out = {k: _described(problem, named[k], gradient[named[k].symbol], decl, in_logs) for k in keys}
    for key, array in out.items():
        _require_finite(array, labels, f"the derivative of '{outcome}' with respect to '{key}'")
    about = {"outcome": outcome, "outcome_value": level, "outcome_in_logs": int(in_logs)}
    about |= {f"outcome_{dim}": str(label) for dim, label in (where or {}).items()}
    return xr.Dataset(out, _coordinates(tuple((dim, tuple(names)) for dim, names in labels.items())), about)


def response(
    at: Solution | Problem, direction: Mapping[str, object], keys: Sequence[str] | None = None
) -> xr.Dataset:
    """Return how every outcome responds while parameters, data or shocks move in one direction.

    Parameters
    ----------
    at : Solution or Problem
    direction : mapping of str to number, table ``{label: value}`` or DataArray
        Change by key: of the log of what is declared positive, of the value of anything else.
    keys : sequence of str, optional
        Outcomes; all by default.

    Returns
    -------
    xarray.Dataset
        By key, the change of the log of an outcome that is declared positive, of the value of another one, per unit of
        the direction. ``attrs["accounts_gap"]`` is the largest violation of the conditions on the baseline data (shares
        that sum to one, accounts that balance), relative to each cell, per unit: zero for an admissible direction.
    """
    solution = _solved(at)
    problem = problem_of(solution)
    named = given_keys(problem)
    moved = {named[k].symbol: _direction(problem, k, named, v) for k, v in direction.items()}
    shown = [variable(problem, k) for k in keys] if keys is not None else variables_of(problem)
    symbols = [d.symbol for d in shown]
    change = Linearised(problem, _point(solution)).move(moved, symbols)
    found = {d.symbol: in_logs(d, change[d.symbol], _value(solution, d)) for d in shown}
    out = outcomes.label(problem, found)
    for decl in shown:
        out[decl.key].attrs["units"] = "log" if decl.positive else decl.unit
        labels = {d.name: problem.bound.labels[d.root] for d in decl.dims}
        _require_finite(out[decl.key].variable, labels, f"the response of '{decl.key}'")
    return out.assign_attrs(accounts_gap=_accounts_gap(problem, moved))


def in_logs(decl: Declaration, change: Array, value: Array) -> Array:
    """Derivative of the log of a variable that is declared positive, of the value of another one."""
    if not decl.positive:
        return change
    # The price of an empty destination is not a number that moves.
    return np.divide(change, value, out=np.zeros_like(value), where=value > 0)


# ---- names ---------------------------------------------------------------------------------------


def given_keys(problem: Problem) -> dict[str, Declaration]:
    """Everything that a compiled model is given, by the key under which derivatives are reported."""
    inputs = problem.system.inputs
    shocked = {d.key for d in inputs if d.kind is Kind.EXOGENOUS}
    return {
        d.key if d.kind is Kind.EXOGENOUS or d.key not in shocked else f"{d.key}_baseline": d for d in inputs
    }


def variables_of(problem: Problem) -> list[Declaration]:
    """Every variable that has a value, in order of declaration."""
    return [d for d in problem.system.model.of_kind(Kind.VARIABLE) if d.symbol in problem.system.outcomes]


def _chosen(named: Mapping[str, Declaration], of: Sequence[str] | None, problem: Problem) -> list[str]:
    if isinstance(of, str):
        raise DataError(f"of must be a list of keys: of=['{of}']")
    for key in of or []:
        require_key(problem, key, named)
    return list(named) if of is None else list(of)


def require_key(problem: Problem, key: str, named: Iterable[str]) -> None:
    """Refuse a key of nothing that the model is given."""
    if key not in (known := list(named)):
        raise DataError(
            f"model '{problem.system.model.name}' is not given '{key}'; it is given {', '.join(sorted(known))}."
            + did_you_mean(key, known)
        )


@lru_cache(maxsize=16)
def _coordinates(labels: tuple[tuple[str, tuple[str, ...]], ...]) -> xr.Coordinates:
    """Labels with their index, which is not built again for the next outcome."""
    return xr.Dataset(coords={dim: list(names) for dim, names in labels}).coords


# ---- arrays --------------------------------------------------------------------------------------


def _described(
    problem: Problem, decl: Declaration, gradient: Array, outcome: Declaration, logs: bool
) -> xr.Variable:
    """A derivative as it is reported; it takes the memory of the gradient."""
    value = problem.bound.values[decl.symbol]
    change = np.multiply(gradient, value, out=gradient) if decl.positive else gradient
    measure = {
        (True, True): "elasticity",
        (True, False): "semi-elasticity",
        (False, False): "derivative",
        (False, True): "derivative to the log",
    }[logs, decl.positive]
    above = f"d ln {outcome.key}" if logs else f"d {outcome.key}"
    below = f"d ln {decl.key}" if decl.positive else f"d {decl.key}"
    unit = "1" if logs else outcome.unit or "1"
    unit = unit if decl.positive or not decl.unit else f"{unit} / ({decl.unit})"
    return xr.Variable(
        decl.dim_names,
        change,
        {
            "long_name": f"{above} / {below}",
            "measure": measure,
            "units": unit,
            "description": decl.description or decl.name,
            "kind": decl.kind.value,
        },
    )


def _weights(problem: Problem, decl: Declaration, where: Where | None, weights: xr.DataArray | None) -> Array:
    """Weight on each entry of an outcome: one for one entry, or those that are given."""
    labels = {d.name: problem.bound.labels[d.root] for d in decl.dims}
    if weights is not None:
        if where:
            raise DataError("give the weights or the place (where) of an outcome, not both")
        return aligned(problem, decl, weights, f"weights of '{decl.key}'")
    where = where or {}
    for dim in where:
        if dim not in labels:
            raise DataError(
                f"'{decl.key}' has no dim '{dim}'; it is over ({', '.join(labels)}).{did_you_mean(dim, labels, where)}"
            )
    if missing := [dim for dim in labels if dim not in where]:
        raise DataError(
            f"'{decl.key}' is over ({', '.join(labels)}); an elasticity is that of one number: give where={{"
            + ", ".join(f"'{dim}': ..." for dim in missing)
            + "}, or weights"
        )
    out = np.zeros([len(names) for names in labels.values()])
    out[tuple(position(decl.key, dim, labels[dim], where[dim]) for dim in labels)] = 1.0
    return out


def aligned(problem: Problem, decl: Declaration, array: xr.DataArray, what: str) -> Array:
    """Values of a labelled array on the dims of a declaration."""
    want = {d.name: problem.bound.labels[d.root] for d in decl.dims}
    if not isinstance(array, xr.DataArray) or set(map(str, array.dims)) != set(want):
        raise DataError(f"{what} must be a DataArray over ({', '.join(want)}), with labels")
    for dim, names in want.items():
        if dim not in array.coords or sorted(map(str, array.coords[dim].values)) != sorted(map(str, names)):
            raise DataError(f"{what}: the labels along '{dim}' must be {', '.join(map(str, names))}")
    array = array.sel(want).transpose(*want)
    if not np.isfinite(values := np.asarray(array.values, dtype=float)).all():
        raise DataError(f"{what} must be finite numbers")
    return values


def _direction(problem: Problem, key: str, named: Mapping[str, Declaration], given: object) -> Array:
    """Change of the value of what moves."""
    require_key(problem, key, named)
    decl = named[key]
    value, what = problem.bound.values[decl.symbol], f"the direction of '{key}'"
    if isinstance(given, xr.DataArray):
        change = aligned(problem, decl, given, what)
    elif isinstance(given, Mapping) and len(decl.dims) == 1:
        names, change = problem.bound.labels[decl.roots[0]], np.zeros(value.shape)
        for label, number in given.items():
            change[position(key, decl.dim_names[0], names, label)] = number
    elif isinstance(given, (int, float)) and np.isfinite(given):
        change = np.full(value.shape, float(given))
    else:
        raise DataError(
            f"{what} must be a number or a DataArray over ({', '.join(decl.dim_names)}), not {given!r}"
        )
    return change * value if decl.positive else change


def _accounts_gap(problem: Problem, moved: Mapping[str, Array]) -> float:
    """Largest violation of a condition on the baseline data, relative to its cell, per unit of a direction."""
    nodes = problem.system.derivatives.condition_tangents(moved)
    conditions = problem.system.conditions
    tape = problem.program_of([c.total.node for c in conditions], [node for _, node in nodes])
    for symbol, change in moved.items():
        if ("direction", symbol) in tape.inputs:
            tape.set(("direction", symbol), change)
    tape.run(tape.steps[Time.TANGENT])
    worst = 0.0
    for k, node in nodes:
        total = np.abs(tape[conditions[int(k)].total.node]).max(initial=0.0)
        worst = max(worst, float(np.abs(tape[node]).max(initial=0.0) / max(total, 1e-300)))
    return worst


def _require_finite(array: xr.Variable, labels: Mapping, what: str) -> None:
    if not (finite := np.isfinite(array.values)).all():
        cell = np.argwhere(~finite)[0]
        at = ", ".join(f"{d}={labels[d][k]}" for d, k in zip(array.dims, cell, strict=True))
        raise DataError(
            f"{what} is not finite{f' at {at}' if at else ''}: the model has a kink or an end there"
        )


# ---- solutions -----------------------------------------------------------------------------------


def _solved(at: Solution | Problem) -> Solution:
    """A solution at which outcomes have derivatives: no complementarity condition changes sides just there."""
    problem_of(at)  # refuses what is neither
    solution = solve(at) if isinstance(at, Problem) else at
    for name, words in solution.regimes.items():
        if (words == BOTH).any():
            raise SolveError(
                f"'{name}' is degenerate here: it binds after a change in one direction and not in the other, so that outcomes "
                "have no derivative; ask a little to either side"
            )
    return solution


def problem_of(at: Solution | Problem) -> Problem:
    """What was, or is to be, solved."""
    if isinstance(at, Problem):
        return at
    if not isinstance(at, Solution):
        raise DataError(f"this needs a Solution or a Problem, not a {type(at).__name__}")
    if at.problem is None:
        raise DataError(
            "this solution was loaded and has no compiled problem; give the problem, or solve again"
        )
    return at.problem


def _point(solution: Solution) -> Array:
    assert solution.point is not None  # it comes with the problem
    return solution.point


def _value(solution: Solution, decl: Declaration) -> Array:
    """Values of a variable at a solution, with axes as declared."""
    return solution[decl.key].transpose(*decl.dim_names).values
