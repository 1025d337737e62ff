"""Solve one problem at many parameter values or data sets: all draws at once, with a frozen factorisation.

Near a solved case Newton's method with the Jacobian of that case (a chord method; Kelley 1995, ch. 5) takes a few
evaluations, and all draws are evaluated together, as arrays with one more axis. What it does not solve, or what fails a
check, is solved alone by the solver for one problem, with its whole certificate; so is every draw of a model whose
certificate needs more than its equations: which side of a complementarity condition binds, or stability.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import xarray as xr
from scipy import linalg

from framework.binding import Reader
from framework.compile.batch import DRAW
from framework.compile.ir import Node, Time
from framework.compile.numpy_backend import program
from framework.errors import DataError, SolveError
from framework.sensitivity import given_keys, require_key, variable, variables_of
from framework.sets import Set
from framework.solution import Status
from framework.solve import outcomes
from framework.solve.certify import BOUND_SLACK, IDENTITY_BOUND, REPLICATION_BOUND, WALRAS_BOUND, solve
from framework.solve.newton import DENSE, RESIDUAL_BOUND, STEP_BOUND
from framework.solve.problem import Problem
from framework.solve.regimes import in_words
from framework.symbols import Declaration, Kind

Array = np.ndarray
_STEPS = 30
_LEAST, _MOST_SHRINK = (
    0.1,
    0.7,
)  # factors by which steps shrink; beyond the second a draw is left to Newton's method
_TAIL = 1e-9  # what the steps not taken would still change, in logs
_CELLS = 1_000_000  # entries of the largest array of a batch, about
_MOST = 128


def solve_many(
    problem: Problem, draws: xr.Dataset | Sequence[Problem], keys: Sequence[str] | None = None
) -> xr.Dataset:
    """Solve a problem at many draws of its parameters, data or shocks.

    Parameters
    ----------
    problem : Problem
        The central case; it is solved and certified first, and every draw starts from its solution.
    draws : Dataset or sequence of Problem
        A Dataset has the values of what differs, by key as in `elasticities`, each with a dim ``draw`` and the labelled
        dims of its declaration. Problems must be those of the same compiled model and of the same labels.
    keys : sequence of str, optional
        Outcomes; all by default.

    Returns
    -------
    xarray.Dataset
        Outcomes over (``draw``, own dims), and ``status`` by draw; with complementarity conditions, ``regimes`` says in words
        which side of each binds. Where the status is not that of a solution, there is
        no equilibrium that passes its certificate: all outcomes are missing there. ``attrs["alone"]`` is the number of
        draws that were solved one by one.

    Raises
    ------
    DataError
        A draw is not in the domain of what it is drawn for, makes a loop unstable, or is not an equilibrium before the
        shock; the message names the draw.
    SolveError
        The central case has no solution.

    Notes
    -----
    A draw is accepted if it passes the checks of one solve: scaled residual, last step, Walras' law, replication of its
    baseline, declared bounds, finite outcomes. The step of a chord method is not Newton's; it is divided by one less
    the factor by which the steps shrink, which bounds what all further steps would change together.
    """
    centre = solve(problem)
    assert centre.point is not None
    given = _of_dataset(problem, draws) if isinstance(draws, xr.Dataset) else _of_problems(problem, draws)
    shown = [variable(problem, k) for k in keys] if keys is not None else variables_of(problem)
    together = 0 < problem.size <= DENSE and not (
        problem.system.complements or problem.system.model.adjustments
    )
    factors = linalg.lu_factor(_jacobian(problem, centre.point)) if together else None
    found = {d.symbol: np.full((len(given.names), *_shape(problem, d)), np.nan) for d in shown}
    statuses: list[str] = []
    regimes: list[str] = []
    alone = 0
    for chunk in _chunks(problem, len(given.names)):
        batch = _Batch(problem, given.part(chunk))
        batch.check_data()
        good = batch.solve(centre.point, factors, shown, {s: v[chunk] for s, v in found.items()})
        for k in range(chunk.start, chunk.stop):
            done = str(Status.SOLVED), ""
            status, words = done if good[k - chunk.start] else _alone(given, k, centre.point, found, shown)
            statuses.append(status)
            regimes.append(words)
        alone += int((~good).sum())
    about = outcomes.label(problem, {d.symbol: np.zeros(_shape(problem, d)) for d in shown})
    arrays = {d.key: ((DRAW, *d.dim_names), found[d.symbol], about[d.key].attrs) for d in shown}
    words = {"status": (DRAW, np.array(statuses, dtype=object))}
    if problem.system.complements:
        words["regimes"] = DRAW, np.array(regimes, dtype=object)
    return xr.Dataset({**arrays, **words}, {DRAW: given.names, **about.coords}, {"alone": alone})


def _jacobian(problem: Problem, point: Array) -> Array:
    """Dense Jacobian: the products with all unit vectors are one batch."""
    groups = [g for g in problem.system.groups if g.product is not None]
    nodes = problem.system.derivatives.batched(
        [g.product for g in groups if g.product], [g.direction for g in groups]
    )
    sizes = {**problem.sizes, DRAW: problem.size}
    tape = program([], nodes, sizes, problem.bound.positions)
    for kind, what in list(tape.inputs):  # type: ignore[misc]
        if kind == "data":
            tape.set((kind, what), problem.bound.values[what])
    problem.set_unknowns(tape, point)
    unit, out = np.eye(problem.size), np.zeros((problem.size, problem.size))
    places = {group.declaration.symbol: (where, shape) for group, where, shape in problem.slices()}
    for symbol, (where, shape) in places.items():
        if (name := ("draws", ("direction", symbol))) in tape.inputs:
            tape.set(name, unit[where].reshape(*shape, problem.size))
    with np.errstate(all="ignore"):
        for steps in (
            tape.steps[Time.PRELUDE],
            tape.steps[Time.STATE],
            tape.linear_steps,
            tape.steps[Time.TANGENT],
        ):
            tape.run(steps)
    for group, node in zip(groups, nodes, strict=True):
        value = np.broadcast_to(tape[node], [sizes[r] for r in node.shape_axes])
        out[places[group.declaration.symbol][0]] = value.reshape(-1, problem.size)
    return out


def _alone(
    given: _Draws, k: int, start: Array, found: dict[str, Array], shown: list[Declaration]
) -> tuple[str, str]:
    """Solve one draw by itself, with its whole certificate; its outcomes stay missing where that fails.

    Returns its status, and which sides bind.
    """
    problem = given.problem(k)
    problem.start = start
    try:
        solution = solve(problem)
    except SolveError as error:
        return str(error).splitlines()[0], ""
    except DataError as error:
        raise DataError(f"draw {given.names[k]}: {error}") from error
    for decl in shown:
        found[decl.symbol][k] = solution[decl.key].transpose(*decl.dim_names).values
    return str(Status.SOLVED), "; ".join(in_words(solution.regimes))


def _shape(problem: Problem, decl: Declaration) -> tuple[int, ...]:
    return tuple(problem.sizes[r] for r in decl.roots)


# ---- draws ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Draws:
    """What differs between draws, by symbol with the draw first: after the shock, and before it."""

    centre: Problem
    names: list
    after: dict[str, Array]
    before: dict[str, Array]
    problems: Sequence[Problem] = ()

    def part(self, chunk: slice) -> _Draws:
        after, before = ({s: v[chunk] for s, v in values.items()} for values in (self.after, self.before))
        return _Draws(self.centre, self.names[chunk], after, before, self.problems[chunk])

    def problem(self, k: int) -> Problem:
        if self.problems:
            own = self.problems[k]
            return Problem(own.system, own.bound, checked=True)
        bound = self.centre.bound
        values = {**bound.values, **{s: v[k] for s, v in self.after.items()}}
        unshocked = {**bound.unshocked, **{s: v[k] for s, v in self.before.items()}}
        return Problem(self.centre.system, replace(bound, values=values, unshocked=unshocked), checked=True)


def _of_problems(problem: Problem, draws: Sequence[Problem]) -> _Draws:
    if not draws:
        raise DataError("there are no draws")
    for k, other in enumerate(draws):
        same = isinstance(other, Problem) and other.system is problem.system
        if not same or other.bound.labels != problem.bound.labels:
            raise DataError(f"draw {k} is not a problem of the same compiled model with the same labels")

    def differing(values: list[dict[str, Array]]) -> dict[str, Array]:
        stacked = {s: np.stack([v[s] for v in values]) for s in values[0]}
        return {s: v for s, v in stacked.items() if not (v == values[0][s]).all() or (v[0] != own[s]).any()}

    own = problem.bound.values
    after = differing([p.bound.values for p in draws])
    own = problem.unshocked.bound.values
    before = differing([p.bound.unshocked for p in draws])
    return _Draws(problem, list(range(len(draws))), after, before, draws)


def _of_dataset(problem: Problem, draws: xr.Dataset) -> _Draws:
    if DRAW not in draws.dims or not draws.data_vars:
        raise DataError("draws must be a Dataset whose variables have a dim 'draw'")
    named = given_keys(problem)
    if DRAW not in draws.coords:
        draws = draws.assign_coords({DRAW: np.arange(draws.sizes[DRAW])})
    names = list(draws[DRAW].values)
    labels = {**problem.bound.labels, DRAW: names}
    reader = Reader(replace(problem.bound, labels=labels), draws, problem.system.model)
    after, before = {}, {}
    for key, array in draws.items():
        require_key(problem, str(key), named)
        decl = replace(named[str(key)], dims=(Set(DRAW, DRAW), *named[str(key)].dims))
        after[decl.symbol] = reader.in_domain(decl, reader.aligned(decl, array))
        if decl.kind is not Kind.EXOGENOUS:  # a draw of an exogenous quantity is one of the shock
            before[decl.symbol] = after[decl.symbol]
    return _Draws(problem, names, after, before)


def _chunks(problem: Problem, count: int) -> list[slice]:
    cells = max(int(np.prod([problem.sizes[r] for r in d.roots], dtype=int)) for d in problem.system.inputs)
    size = max(1, min(_MOST, _CELLS // max(cells, 1)))
    return [slice(k, min(k + size, count)) for k in range(0, count, size)]


# ---- a batch -------------------------------------------------------------------------------------


class _Evaluated:
    """Some nodes at all draws of a batch on one tape; `later` are those wanted at the end only."""

    def __init__(
        self,
        problem: Problem,
        roots: Sequence[Node],
        values: Mapping[str, Array],
        count: int,
        later: Sequence[Node] = (),
    ) -> None:
        self.problem, self.count = problem, count
        derivatives = problem.system.derivatives
        moving = [*(derivatives.data[s] for s in values), *derivatives.unknowns.values()]
        nodes = derivatives.batched([*roots, *later], moving)
        self.nodes, self.later = nodes[: len(roots)], nodes[len(roots) :]
        self.sizes = {**problem.sizes, DRAW: count}
        self.tape = program(self.nodes, self.later, self.sizes, problem.bound.positions)
        for name in self.tape.inputs:
            kind, what = name  # type: ignore[misc]
            if kind == "data":
                self.tape.set(name, problem.bound.values[what])
            elif what[0] == "data":
                self.tape.set(name, np.ascontiguousarray(np.moveaxis(values[what[1]], 0, -1)))
        self.tape.run(self.tape.steps[Time.PRELUDE])

    def at(self, points: Array) -> Array:
        """Values at points of shape (unknowns, draws), one column a draw."""
        for group, where, shape in self.problem.slices():
            name = ("draws", group.unknown.attr)
            if name in self.tape.inputs:
                self.tape.set(name, points[where].reshape(*shape, self.count))
        self.tape.run(self.tape.steps[Time.STATE])
        return np.concatenate([self._full(node).reshape(-1, self.count) for node in self.nodes])

    def rest(self) -> list[Array]:
        """Values of the later nodes at the last points, with the draw first."""
        self.tape.run(self.tape.linear_steps)
        return [np.moveaxis(self._full(node), -1, 0) for node in self.later]

    def _full(self, node: Node) -> Array:
        has_draws = node.shape_axes[-1:] == (DRAW,)
        value, shape = self.tape[node], [self.sizes[r] for r in node.shape_axes]
        return np.broadcast_to(
            value if has_draws else value[..., None], shape if has_draws else [*shape, self.count]
        )


@dataclass
class _Batch:
    """Some draws, solved together."""

    problem: Problem
    draws: _Draws

    def solve(self, start: Array, factors, shown: list[Declaration], found: dict[str, Array]) -> Array:
        """Write the outcomes of the draws that pass; return which do."""
        count, system = len(self.draws.names), self.problem.system
        if factors is None:
            return np.zeros(count, dtype=bool)
        residuals = [g.residual for g in system.groups]
        _, lefts, rights = zip(*system.identities, strict=True) if system.identities else ((), (), ())
        zero = system.created if system.model.is_hat else []
        totals, created = [total for _, total, _ in zero], [node for *_, node in zero]
        walras = [] if system.walras is None else [system.walras]
        later = [*system.outcomes.values(), *lefts, *rights, *totals, *created, *walras]
        with np.errstate(all="ignore"):
            evaluated = _Evaluated(self.problem, residuals, self.draws.after, count, later)
            good = self._chord(evaluated, start, factors)
            values = iter(evaluated.rest())

            def of(nodes: Sequence[Node]) -> list[Array]:
                return list(islice(values, len(nodes)))

            variables = dict(zip(system.outcomes, of([*system.outcomes.values()]), strict=True))
            for symbol, value in variables.items():
                good &= _within(system.model.symbols[symbol], value)
            for left, right in zip(of(lefts), of(rights), strict=True):
                good &= _largest(left - right) <= IDENTITY_BOUND * _largest(left)
            for total, value in zip(of(totals), of(created), strict=True):
                good &= _largest(value) <= outcomes.rounding(_largest(total))
            for gap in of(walras):
                good &= _largest(gap) <= WALRAS_BOUND
        for decl in shown:
            found[decl.symbol][good] = variables[decl.symbol][good]
        return good

    def _chord(self, evaluated: _Evaluated, start: Array, factors) -> Array:
        """Move each draw to its solution; return which met the bounds on residual and step."""
        points = np.repeat(start[:, None], evaluated.count, axis=1)
        shrink = np.full(evaluated.count, np.nan)
        good = np.zeros(evaluated.count, dtype=bool)
        last = last_move = np.zeros_like(points)
        for k in range(_STEPS):
            residual = evaluated.at(points)
            step = linalg.lu_solve(factors, -residual, check_finite=False)
            size, length = np.abs(residual).max(axis=0), np.abs(step).max(axis=0)
            if k == 1:  # after one plain step: by how much the frozen Jacobian misses
                shrink = length / np.maximum(np.abs(last).max(axis=0), 1e-300)
            newton_step = length / (1 - np.clip(shrink, _LEAST, _MOST_SHRINK))
            done = (size < RESIDUAL_BOUND) & (newton_step < STEP_BOUND) & (newton_step * shrink < _TAIL)
            moving = ~good & np.isfinite(length) & ~(shrink > _MOST_SHRINK)
            move = step if k == 0 else _secant(step, last, last_move)
            points = np.where(moving, points + move, points)
            good |= done & moving
            if not (moving & ~done).any():
                break
            last, last_move = step, move
        return good & (np.abs(evaluated.at(points)).max(axis=0, initial=0.0) < RESIDUAL_BOUND)

    def check_data(self) -> None:
        """Refuse a draw that is unstable, or that is no equilibrium before the shock."""
        problem, draws = self.problem, self.draws
        count, system = len(draws.names), problem.system
        start = np.repeat(problem.unshocked.start[:, None], count, axis=1)
        if system.stability:
            nodes = [ref.node for _, ref in system.stability]
            with np.errstate(all="ignore"):
                stable = (_Evaluated(problem, nodes, draws.after, count).at(start) > 0).all(axis=0)
            for k in np.flatnonzero(~stable)[:1]:
                try:
                    Problem(system, draws.problem(int(k)).bound)
                except DataError as error:
                    raise DataError(f"draw {draws.names[k]}: {error}") from error
        if not draws.before or not system.model.is_hat or not problem.unshocked.has_known_start:
            return
        with np.errstate(all="ignore"):
            residual = _Evaluated(
                problem.unshocked, [g.residual for g in system.groups], draws.before, count
            ).at(start)
        worst = np.abs(residual).max(axis=0, initial=0.0)
        for k in np.flatnonzero(~(worst <= REPLICATION_BOUND))[:1]:
            raise DataError(
                f"draw {draws.names[k]}: the data are not an equilibrium of model '{system.model.name}' without the shock: "
                f"the largest residual is {worst[k]:.3g} (bound {REPLICATION_BOUND:g}); draw what leaves the accounts "
                "balanced, or calibrate each draw"
            )


def _secant(step: Array, last: Array, last_move: Array) -> Array:
    """Each draw's step, with the change of the last one taken into account (Anderson acceleration of depth one)."""
    change = step - last
    weight = np.einsum("nk,nk->k", change, step) / np.maximum(np.einsum("nk,nk->k", change, change), 1e-300)
    return step - weight * (last_move + change)


def _rows(value: Array) -> Array:
    return value.reshape(len(value), -1)


def _largest(value: Array) -> Array:
    """The largest absolute value of each draw."""
    return _rows(np.abs(value)).max(axis=1, initial=0.0)


def _within(decl: Declaration, value: Array) -> Array:
    """Whether each draw of a variable is finite and within its declared bound."""
    flat = _rows(value)
    good = np.asarray(np.isfinite(flat).all(axis=1))
    if decl.least is not None and flat.shape[1]:
        scale = np.maximum(1.0, np.abs(flat).max(axis=1))
        good = good & (flat.min(axis=1) >= decl.least - BOUND_SLACK * scale)
    return np.asarray(good)
