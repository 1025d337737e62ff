"""Follow equilibria while the shock grows, around folds as well (pseudo-arclength continuation).

Where a path of equilibria turns back, two equilibria meet and vanish: a larger shock of this kind has no
equilibrium on the branch of the baseline, or has one that is reached only through the fold. Newton's method
cannot tell the two from a poor start; the path can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import xarray as xr

from framework.errors import SolveError
from framework.solution import Status
from framework.solve import outcomes
from framework.solve.krylov import gmres
from framework.solve.newton import DENSE, RESIDUAL_BOUND, STEP_BOUND, Options, Trace, iterate
from framework.solve.problem import Problem
from framework.symbols import Kind

Array = np.ndarray

_ACCURATE = Options(20, 1e-10, 1.0)
_LONGEST, _SHORTEST = 0.3, 1e-5  # steps along the path, in shares of the shock and mean log changes
_CORRECTIONS = 8
_TURN = 0.9  # cosine below which two tangents belong to different branches or to too long a step
_DIFFERENCE = 1e-6  # of the shock, in the derivative with respect to it
_FLAT = 1e-7  # slope of the shock along the path at which it is at its turning point


@dataclass(frozen=True)
class Fold:
    """A turning point: here two equilibria meet, and the path goes back to smaller shocks (or to larger ones)."""

    fraction: float
    point: Array


@dataclass
class EquilibriumPath:
    """Equilibria along a shock.

    Attributes
    ----------
    problem : Problem
        The whole shock.
    fractions : list of float
        Share of the (log) shock at each point; it need not increase.
    points : list of array
        Unknowns of Newton's method.
    folds : list of Fold
    solutions : list of array
        Every equilibrium of the whole shock that the path meets, in that order.
    end : str
        Why the path was left.
    """

    problem: Problem
    fractions: list[float] = field(default_factory=list)
    points: list[Array] = field(default_factory=list)
    folds: list[Fold] = field(default_factory=list)
    solutions: list[Array] = field(default_factory=list)
    end: str = ""
    work: Trace = field(default_factory=lambda: Trace(np.zeros(0), Status.NOT_STARTED))

    def outcomes(self, keys: Sequence[str] | None = None) -> xr.Dataset:
        """Outcomes along the path, with the share of the shock as the coordinate ``fraction``."""
        return self._labelled(
            [(f, self.problem.part(f), u) for f, u in zip(self.fractions, self.points, strict=True)], keys
        )

    def equilibria(self, keys: Sequence[str] | None = None) -> xr.Dataset:
        """Outcomes of every equilibrium of the whole shock that was met, along dim ``equilibrium``."""
        found = self._labelled([(1.0, self.problem, u) for u in self.solutions], keys)
        return found.drop_vars("fraction").rename(fraction="equilibrium")

    def _labelled(self, points: list, keys: Sequence[str] | None) -> xr.Dataset:
        if not points:
            raise SolveError(f"the path met no equilibrium: {self.end}")
        each = [problem.outcomes(u) for _, problem, u in points]
        chosen = [e if keys is None else e[list(keys)] for e in each]
        index = xr.DataArray([f for f, _, _ in points], dims="fraction", name="fraction")
        found: xr.Dataset = xr.concat(chosen, dim=index, combine_attrs="override")  # type: ignore[assignment]
        return found

    def to_text(self) -> str:
        """What was found, in words."""
        lines = [f"path of '{self.problem.system.model.name}': {len(self.points)} equilibria, {self.end}"]
        lines += [f"  fold at {asked_at(self.problem, fold.fraction)}" for fold in self.folds]
        count = len(self.solutions)
        lines.append(f"  the whole shock has {count} equilibri{'um' if count == 1 else 'a'} on this path")
        return "\n".join(lines)

    __str__ = __repr__ = to_text


def follow(problem: Problem, *, solutions: int | None = None, steps: int = 200) -> EquilibriumPath:
    """Follow the equilibria of a hat model from the baseline while the log shock grows.

    Parameters
    ----------
    problem : Problem
        With the whole shock.
    solutions : int, optional
        Stop when the path has met so many equilibria of the whole shock; by default it is followed between
        minus and twice the (log) shock, or until it ends.
    steps : int
        Most points.

    Returns
    -------
    EquilibriumPath

    References
    ----------
    Keller (1977), in Rabinowitz (ed.), Applications of Bifurcation Theory, 359-384; Judd (1998), Numerical
    Methods in Economics, ch. 5.
    """
    if not problem.system.model.is_hat or not problem.shocked():
        raise SolveError(
            f"model '{problem.system.model.name}': a path needs a model in hats and a shock; bind one: bind(data, {{...}})"
        )
    with np.errstate(all="ignore"):
        return _Walk(problem, steps).run(solutions)


class _Walk:
    """One walk along the path; a point is the unknowns with the share of the shock as the last entry."""

    def __init__(self, problem: Problem, steps: int) -> None:
        self.problem, self.steps = problem, steps
        self.path = EquilibriumPath(problem)
        self.weights = np.append(np.full(problem.size, 1 / max(problem.size, 1)), 1.0)

    def run(self, wanted: int | None) -> EquilibriumPath:
        path = self.path
        first = iterate(self.problem.part(0.0), self.problem.start, _ACCURATE)
        path.work.add_work(first)
        if first.status is not Status.SOLVED:
            path.end = f"which was left at the baseline: {first.status}"
            return path
        here = np.append(first.point, 0.0)
        direction = np.append(np.zeros(self.problem.size), 1.0)
        direction = self._tangent(here, direction)
        self._note(here)
        length = 0.1
        while direction is not None:
            if len(path.points) >= self.steps:
                path.end = f"left after {self.steps} steps at {here[-1]:.1%} of the shock"
                return path
            there, ahead, count = self._step(here, direction, length)
            if there is None or ahead is None:
                length /= 3
                if length < _SHORTEST:
                    path.end = f"ends at {here[-1]:.1%} of the shock"
                    return path
                continue
            self._between(here, direction, there, ahead, length)
            here, direction = there, ahead
            self._note(here)
            if wanted is not None and len(path.solutions) >= wanted:
                path.end = "followed to the whole shock"
                return path
            if not -1.0 < here[-1] < 2.0:
                path.end = f"followed to {'twice' if here[-1] > 0 else 'minus'} the shock"
                return path
            length = min(length * (1.6 if count <= 3 else 0.7 if count > 5 else 1.0), _LONGEST)
        path.end = f"ends at {here[-1]:.1%} of the shock: its direction is not determined"
        return path

    def _note(self, point: Array) -> None:
        self.path.fractions.append(float(point[-1]))
        self.path.points.append(point[:-1].copy())

    # ---- linear algebra --------------------------------------------------------------------------

    def _solve(self, point: Array, border: Array, right: Array) -> Array | None:
        """Solve ``[J F'; border] x = right`` at a point."""
        here = self.problem.part(point[-1])
        here.residual(point[:-1])
        product, slope = here.linearise(), self._slope(point)
        row = self.weights * border

        def whole(v: Array) -> Array:
            return np.append(product(v[:-1]) + slope * v[-1], row @ v)

        found = gmres(whole, right, 1e-10)
        self.path.work.products += found.products
        x, good = found.x, found.converged
        if not good and self.problem.size <= DENSE:
            matrix = np.column_stack([whole(e) for e in np.eye(len(right))])
            try:
                x, good = np.linalg.solve(matrix, right), True
            except np.linalg.LinAlgError:
                return None
        return x if good and np.isfinite(x).all() else None

    def _slope(self, point: Array) -> Array:
        """Derivative of the residual with respect to the share of the shock."""
        ahead, behind = (self.problem.part(point[-1] + d) for d in (_DIFFERENCE, -_DIFFERENCE))
        self.path.work.evaluations += 2
        return (ahead.residual(point[:-1]) - behind.residual(point[:-1])) / (2 * _DIFFERENCE)

    def _tangent(self, point: Array, before: Array) -> Array | None:
        """Unit tangent of the path, in the direction of an earlier one."""
        unit = np.append(np.zeros(self.problem.size), 1.0)
        x = self._solve(point, before, unit)
        return None if x is None else x / self._size(x)

    def _size(self, x: Array) -> float:
        return float(np.sqrt(self.weights @ x**2))

    # ---- steps -----------------------------------------------------------------------------------

    def _step(self, here: Array, direction: Array, length: float) -> tuple[Array | None, Array | None, int]:
        """The point of the path at a distance, its tangent, and the corrections that it took."""
        at = here + length * direction
        for count in range(1, _CORRECTIONS + 1):
            f = self.problem.part(at[-1]).residual(at[:-1])
            self.path.work.evaluations += 1
            if not np.isfinite(f).all() or np.abs(f).max(initial=0.0) > 1e3:
                return None, None, count
            away = self.weights @ (direction * (at - here)) - length
            move = self._solve(at, direction, -np.append(f, away))
            if move is None:
                return None, None, count
            at = at + move
            self.path.work.iterations += 1
            if np.abs(f).max(initial=0.0) < 1e-8 and self._size(move) < STEP_BOUND:
                ahead = self._tangent(at, direction)
                same = ahead is not None and self.weights @ (ahead * direction) > _TURN
                return (at, ahead, count) if same else (None, None, count)
        return None, None, _CORRECTIONS

    def _between(self, here: Array, direction: Array, there: Array, ahead: Array, length: float) -> None:
        """Note the fold and the equilibria of the whole shock that lie between two points."""
        stops = [here, there]
        if direction[-1] * ahead[-1] < 0 and (turn := self._turn(here, direction, length)) is not None:
            self.path.folds.append(Fold(float(turn[-1]), turn[:-1]))
            stops = [here, turn, there]
        for a, b in pairwise(stops):
            if (a[-1] - 1.0) * (b[-1] - 1.0) <= 0 and a[-1] != b[-1]:
                self._whole(a[:-1] + (1.0 - a[-1]) / (b[-1] - a[-1]) * (b[:-1] - a[:-1]))

    def _turn(self, here: Array, direction: Array, length: float) -> Array | None:
        """The point between two others at which the shock stops growing (or shrinking), by regula falsi."""
        low, high, at_low = 0.0, length, direction[-1]
        found, best = None, np.inf
        at_high = None
        for _ in range(40):
            middle = 0.5 * (low + high)
            if at_high is not None and at_high != at_low:
                secant = low - at_low * (high - low) / (at_high - at_low)
                middle = min(max(secant, low + 0.05 * (high - low)), high - 0.05 * (high - low))
            point, tangent, _ = self._step(here, direction, middle)
            if point is None or tangent is None:
                return found
            if abs(tangent[-1]) < best:
                found, best = point, abs(tangent[-1])
            if best < _FLAT:
                return found
            if tangent[-1] * at_low > 0:
                low, at_low = middle, tangent[-1]
            else:
                high, at_high = middle, tangent[-1]
        return found

    def _whole(self, guess: Array) -> None:
        trace = iterate(self.problem, guess, _ACCURATE)
        self.path.work.add_work(trace)
        new = all(np.abs(trace.point - u).max(initial=0.0) > 1e-6 for u in self.path.solutions)
        if trace.status is Status.SOLVED and trace.residual < RESIDUAL_BOUND and new:
            self.path.solutions.append(trace.point)
            self.path.work.residual, self.path.work.step = trace.residual, trace.step


def asked_at(problem: Problem, fraction: float) -> str:
    """A share of the shock in words, with the value of what is a single number."""
    symbols, values = problem.system.model.symbols, problem.part(fraction).bound.values
    scalars = [
        f"{symbols[s].key} = {float(values[s]):.6g} of {float(old):.6g} to {float(new):.6g}"
        for s, (old, new) in problem.shocked().items()
        if not np.ndim(new)
    ]
    where = f" ({', '.join(scalars)})" if scalars else ""
    return f"{fraction:.1%} of the shock{where}"


def around_folds(problem: Problem) -> Trace:
    """Rescue of Newton's method: follow the path to the whole shock, around folds; say where it turns back."""
    path = follow(problem, solutions=1, steps=60)
    out = path.work
    if path.solutions:
        out.point, out.status = path.solutions[0], Status.SOLVED
        if path.folds:
            turns = ", ".join(f"{fold.fraction:.1%}" for fold in path.folds)
            out.note = (
                f"this equilibrium lies behind a fold of the path (at {turns} of the shock): it is not the continuation "
                "of the baseline, and there may be others; see framework.follow"
            )
        return out
    out.point = path.points[-1] if path.points else problem.start
    out.status = Status.FOLD if path.folds else Status.PATH_END
    if path.folds:
        out.note = (
            f"the path of equilibria from the baseline turns back at {asked_at(problem, path.folds[0].fraction)}: "
            "there two equilibria meet, and a larger shock has none on this path"
        )
    elif path.fractions:
        reached = max(path.fractions)
        out.note = f"equilibria could be followed from the baseline through {asked_at(problem, reached)}, not further"
    return replace(out, note=out.note + _beyond_bounds(path))


def _beyond_bounds(path: EquilibriumPath) -> str:
    """Where on the path a declared bound is passed first: from there on no point of it is an economy."""
    bounded = [d for d in path.problem.system.model.of_kind(Kind.VARIABLE) if d.lower is not None]
    for fraction, point in zip(path.fractions, path.points, strict=True):
        values = outcomes.variables(path.problem.part(fraction), point, [d.symbol for d in bounded])
        for decl in bounded:
            least = float(np.min(values[decl.symbol], initial=np.inf))
            if decl.lower is not None and least < decl.lower - 1e-6:
                return (
                    f"\n  at {fraction:.1%} of the shock '{decl.key}' is {least:.6g} already, below its bound {decl.lower:g}: "
                    "no economy within its bounds reaches what was asked; ask for less"
                )
    return ""
