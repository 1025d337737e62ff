"""Exact decompositions: what each shock, or each channel, contributes to a change.

Both are path integrals. The shock grows from nothing to the whole along a straight line in logs, the equilibrium moves
with it, and each contribution is the integral of its own partial derivative: of the shocks for subtotals (Harrison,
Horridge and Pearson 2000), of the variables through which they work for channels (a Divisia index).
Contributions add up to the change because the partial derivatives add up to the total one at every point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr

from framework.compile import System, compile_model
from framework.conditional import Given, conditional
from framework.errors import DataError, SolveError
from framework.sensitivity import (
    aligned,
    given_keys,
    in_logs,
    problem_of,
    require_key,
    variable,
    variables_of,
)
from framework.solution import Solution, Status
from framework.solve import Problem, outcomes
from framework.solve.implicit import Linearised
from framework.solve.newton import Options, iterate, newton
from framework.symbols import Declaration

Array = np.ndarray
Group = Sequence[str] | Mapping[str, xr.DataArray | None]

TOLERANCE = 1e-8
REMAINDER = "remainder"
OTHER = "other"
DIRECT = "direct"
_NODES = (3, 6, 12, 24, 48)
_TIGHT = Options(20, 1e-10, 1.0)
_CONSISTENT = 1e-8  # residual of the conditional model at the equilibrium of the whole one


def subtotals(
    at: Solution | Problem,
    groups: Mapping[str, Group] | None = None,
    keys: Sequence[str] | None = None,
    *,
    tolerance: float = TOLERANCE,
) -> xr.Dataset:
    """Split the effect of several shocks on every outcome into what each shock contributes.

    Parameters
    ----------
    at : Solution or Problem
        With the whole shock.
    groups : mapping, optional
        Name of each group, with the keys of its shocks, or with the share of each shock that belongs to it: a
        DataArray on the dims of the shock, for instance 1 for the importers of one group and 0 for others. What belongs
        to no group is ``"other"``. By default every shocked quantity is a group of its own.
    keys : sequence of str, optional
        Outcomes; all by default.
    tolerance : float
        Largest error of a contribution, in logs (in its own unit for a level).

    Returns
    -------
    xarray.Dataset
        By key of the outcome, over (``shock``, dims of the outcome): the part of its log change (change, for a level)
        that is due to each group. ``remainder`` is what they leave of the total, so that the sum over ``shock`` is the
        total exactly. Attributes: ``quadrature_error`` (largest difference between the last two rules), ``nodes``.

    Raises
    ------
    DataError
        Unknown key, or shares of a shock that sum to more than one.
    SolveError
        No equilibrium somewhere on the path, or the tolerance is not reached.

    References
    ----------
    Harrison, Horridge and Pearson (2000), Decomposing simulation results with respect to exogenous shocks,
    Computational Economics 15(3), 227-249.
    """
    problem = _shocked(problem_of(at))
    shown = _shown(problem, keys)
    shares = _shares(problem, groups)

    def slopes(here: Problem, point: Array, fraction: float) -> Array:
        linear, speed = Linearised(here, point), problem.along(fraction)
        parts = []
        for share in shares.values():
            direction = {s: part * speed[s][1] for s, part in share.items()}
            parts.append(
                _flat(shown, _log_change(here, point, shown, linear.move(direction, _symbols(shown))))
            )
        return np.array(parts)

    return _Integral(problem, point_at(at), shown, list(shares), "shock", tolerance).evaluate(slopes)


def channels(
    at: Solution | Problem,
    through: Mapping[str, Sequence[Given]],
    keys: Sequence[str],
    *,
    tolerance: float = TOLERANCE,
) -> xr.Dataset:
    """Split the change of outcomes into the channels through which the shocks work.

    Parameters
    ----------
    at : Solution or Problem
        A model in hats with the whole shock.
    through : mapping of str to sequence
        Name of each channel, with the variables that make it up. A variable is a key, ``"wage"``, or a key in one
        equation, ``("wage", "final expenditure")``: what it does there is then separate from what it does elsewhere.
    keys : sequence of str
        Outcomes, for instance ``["real_consumption"]``.
    tolerance : float
        As for `subtotals`.

    Returns
    -------
    xarray.Dataset
        By key of the outcome, over (``channel``, dims of the outcome). ``direct`` is what the shocks do to the outcome
        while every channel stands still; ``remainder`` as for `subtotals`.

    Raises
    ------
    ModelError
        An outcome depends on a variable that no channel holds and no equation defines.

    Notes
    -----
    With the variables of all channels held, the equations that remain give the outcome as a function
    ``y(z_1, ..., z_m, p)`` of the channels and the shocks. Along the path of equilibria
    ``d y = sum_c y_c dz_c + y_p dp``; each term is integrated.
    """
    problem = _shocked(problem_of(at))
    shown = _shown(problem, keys)
    held = _Conditional.of(problem, through, shown)
    names = [*through, DIRECT]

    def slopes(here: Problem, point: Array, fraction: float) -> Array:
        speed = {s: change for s, (_, change) in problem.along(fraction).items()}
        moving = Linearised(here, point).move(speed, list(dict.fromkeys(held.copies.values())))
        return np.array([_flat(shown, part) for part in held.slopes(here, point, moving, speed, shown)])

    return _Integral(problem, point_at(at), shown, names, "channel", tolerance).evaluate(slopes)


# ---- the integral --------------------------------------------------------------------------------


@dataclass
class _Integral:
    """Gauss-Legendre along the path; the number of nodes doubles until nothing changes."""

    problem: Problem
    end: Array | None
    shown: list[Declaration]
    names: list[str]
    dim: str
    tolerance: float
    _known: dict[float, Array] = field(default_factory=dict)

    def evaluate(self, slopes: Callable[[Problem, Array, float], Array]) -> xr.Dataset:
        if not self.tolerance > 0:
            raise DataError(f"tolerance is {self.tolerance}; it must be positive")
        total = self._total()
        before, error, rest = None, np.inf, np.inf
        for nodes in _NODES:
            places, weights = np.polynomial.legendre.leggauss(nodes)
            parts = sum(
                w / 2 * slopes(*self._equilibrium((x + 1) / 2), (x + 1) / 2)
                for x, w in zip(places, weights, strict=True)
            )
            assert isinstance(parts, np.ndarray)
            rest = float(np.abs(total - parts.sum(axis=0)).max(initial=0.0))
            error = np.inf if before is None else float(np.abs(parts - before).max(initial=0.0))
            if max(error, rest) <= self.tolerance:
                return self._labelled(parts, total, error, nodes)
            before = parts
        raise SolveError(
            f"model '{self.problem.system.model.name}': with {_NODES[-1]} nodes the contributions still change by "
            f"{error:.3g} and leave {rest:.3g} of the total (tolerance {self.tolerance:g}); ask for a larger tolerance, "
            "or look for a kink on the path"
        )

    def _total(self) -> Array:
        """Change of each outcome from the baseline to the whole shock."""
        ends = []
        for fraction in (0.0, 1.0):
            here, point = self._equilibrium(fraction)
            values = outcomes.variables(here, point, _symbols(self.shown))
            logs = {d.symbol: _log(values[d.symbol]) if d.positive else values[d.symbol] for d in self.shown}
            ends.append(_flat(self.shown, logs))
        return ends[1] - ends[0]

    def _equilibrium(self, fraction: float) -> tuple[Problem, Array]:
        """The problem with a fraction of the shock, and its solution, from the nearest one that is known."""
        here = self.problem if fraction == 1.0 else self.problem.part(fraction)
        if fraction not in self._known:
            nearest = min(self._known, key=lambda f: abs(f - fraction), default=None)
            start = here.start if nearest is None else self._known[nearest]
            if fraction == 1.0 and self.end is not None:
                start = self.end
            with np.errstate(all="ignore"):
                trace = iterate(here, start, _TIGHT)
                trace = trace if trace.status is Status.SOLVED else newton(here)
            if trace.status is not Status.SOLVED:
                raise SolveError(
                    f"model '{here.system.model.name}' has no equilibrium at {fraction:.1%} of the shock: {trace.status}"
                )
            self._known[fraction] = trace.point
        return here, self._known[fraction]

    def _labelled(self, parts: Array, total: Array, error: float, nodes: int) -> xr.Dataset:
        whole = np.vstack([parts, total - parts.sum(axis=0)])
        labels = self.problem.bound.labels
        names = xr.Variable(self.dim, [*self.names, REMAINDER])
        out, offset = xr.Dataset(coords={self.dim: names}), 0
        for decl in self.shown:
            shape = tuple(len(labels[r]) for r in decl.roots)
            size = int(np.prod(shape, dtype=int))
            value = whole[:, offset : offset + size].reshape(len(whole), *shape)
            offset += size
            coords = {d.name: labels[d.root] for d in decl.dims}
            about = {
                "long_name": f"{decl.name}: {'log change' if decl.positive else 'change'} by {self.dim}",
                "units": "log" if decl.positive else decl.unit,
            }
            array = xr.DataArray(value, {self.dim: names, **coords}, (self.dim, *decl.dim_names), attrs=about)
            out[decl.key] = array
        return out.assign_attrs(quadrature_error=error, tolerance=self.tolerance, nodes=nodes)


# ---- channels ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Conditional:
    """The model in which the variables of all channels are given."""

    system: System
    copies: dict[str, str]  # symbol in the conditional model: symbol in the whole one
    channels: dict[str, list[str]]  # symbols in the conditional model by channel

    @classmethod
    def of(
        cls, problem: Problem, through: Mapping[str, Sequence[Given]], shown: list[Declaration]
    ) -> _Conditional:
        for name in through:
            if name in (DIRECT, REMAINDER):
                raise DataError(f"a channel cannot be named '{name}'; it is added")
        model, names = conditional(problem.system.model, [d.symbol for d in shown], through)
        used = {s: whole for s, whole in names.items() if s in model.symbols}
        channels, symbols = {}, iter(names)
        for name, members in through.items():
            channels[name] = [s for s in (next(symbols) for _ in members) if s in used]
        return cls(compile_model(model, conditions=False), used, channels)

    def slopes(
        self, here: Problem, point: Array, moving: Mapping, speed: Mapping, shown: list[Declaration]
    ) -> list[dict[str, Array]]:
        """Slope of the outcomes by channel, and what the shocks do alone."""
        values = outcomes.variables(here, point)
        given = {s: values[whole] for s, whole in self.copies.items()}
        inputs = {d.symbol for d in self.system.inputs}
        kept = {s: v for s, v in here.bound.values.items() if s in inputs}
        bound = replace(here.bound, values={**kept, **given}, unshocked={})
        part = Problem(self.system, bound, checked=True)
        at = part.point_of(values)
        if (gap := np.abs(part.residual(at)).max(initial=0.0)) > _CONSISTENT:
            raise SolveError(
                f"model '{here.system.model.name}': with the channels given, the remaining equations do not hold at the "
                f"equilibrium (residual {gap:.3g})"
            )
        linear = Linearised(part, at)
        directions = [
            {s: moving[self.copies[s]] for s in members if s in inputs} for members in self.channels.values()
        ]
        directions.append({s: change for s, change in speed.items() if s in kept and s not in given})
        changes = [linear.move(d, _symbols(shown)) for d in directions]
        return [_log_change(part, at, shown, change) for change in changes]


# ---- arrays --------------------------------------------------------------------------------------


def _shocked(problem: Problem) -> Problem:
    if not problem.shocked():
        raise DataError(f"nothing is shocked in this problem of model '{problem.system.model.name}'")
    return problem


def point_at(at: Solution | Problem) -> Array | None:
    """Unknowns of a solution."""
    return at.point if isinstance(at, Solution) else None


def _shown(problem: Problem, keys: Sequence[str] | None) -> list[Declaration]:
    return variables_of(problem) if keys is None else [variable(problem, k) for k in keys]


def _symbols(shown: list[Declaration]) -> list[str]:
    return [d.symbol for d in shown]


def _flat(shown: list[Declaration], values: Mapping[str, Array]) -> Array:
    return np.concatenate([np.ravel(values[d.symbol]) for d in shown])


def _log(value: Array) -> Array:
    return np.log(value, out=np.zeros_like(value), where=value > 0)


def _log_change(
    problem: Problem, point: Array, shown: list[Declaration], change: Mapping[str, Array]
) -> dict[str, Array]:
    values = outcomes.variables(problem, point, _symbols(shown))
    return {d.symbol: in_logs(d, change[d.symbol], values[d.symbol]) for d in shown}


def _shares(problem: Problem, groups: Mapping[str, Group] | None) -> dict[str, dict[str, Array]]:
    """Share of each shocked input, by symbol, that belongs to each group; the last is what belongs to none."""
    named = {k: d for k, d in given_keys(problem).items() if d.symbol in problem.shocked()}
    if groups is None:
        groups = {k: [k] for k in named}
    left = {d.symbol: np.ones_like(problem.bound.values[d.symbol]) for d in named.values()}
    out: dict[str, dict[str, Array]] = {}
    for name, members in groups.items():
        if name in (OTHER, REMAINDER):
            raise DataError(
                f"a group of shocks cannot be named '{name}'; it is added where something is left"
            )
        if isinstance(members, str):
            raise DataError(f"group '{name}' must be a list of keys: ['{members}']")
        out[name] = {}
        for key in members:
            require_key(problem, key, given_keys(problem))
            if key not in named:
                raise DataError(
                    f"group '{name}': '{key}' is not shocked; {', '.join(sorted(named))} {'is' if len(named) == 1 else 'are'}"
                )
            symbol = named[key].symbol
            given = members[key] if isinstance(members, Mapping) else None
            share = (
                left[symbol]
                if given is None
                else aligned(problem, named[key], given, f"the share of '{key}'")
            )
            out[name][symbol] = np.array(share)
            left[symbol] = left[symbol] - share
            if (left[symbol] < -1e-12).any():
                raise DataError(f"group '{name}': the shares of '{key}' sum to more than one over the groups")
    if any((share > 1e-12).any() for share in left.values()):
        out[OTHER] = left
    return out
