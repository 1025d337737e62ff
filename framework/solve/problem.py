"""A model with data and a shock: the residual, its directional derivatives, and the outcomes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from framework.binding import Bound
from framework.compile.ir import Node, Time
from framework.compile.numpy_backend import Program, program
from framework.errors import DataError
from framework.selection import Picked
from framework.solve import outcomes
from framework.solve.balance import check_baseline_conditions
from framework.solve.cores import Core, choose_core
from framework.solve.diagnose import unstable_loop
from framework.solve.regimes import check_bounds

if TYPE_CHECKING:
    import casadi

    from framework.compile.c_backend import CProgram
    from framework.compile.system import Group, System

Array = np.ndarray


class Problem:
    """Residual ``F(u) = 0`` in the unknowns of the core.

    Unknowns are logs of positive quantities (0 is the baseline of a hat), ``log(x - lower)`` of a level with a
    negative lower bound, and plain values of other levels. Row blocks are paired with column blocks.

    Attributes
    ----------
    size : int
        Number of unknowns.
    start : array
        Start values: no change.
    backend : str
        What was asked for; ``core.name`` is what evaluates the problem.
    seconds : float
        Time that reading the data, and evaluating what depends on nothing else, took.
    """

    def __init__(self, system: System, bound: Bound, *, checked: bool = False, backend: str = "auto") -> None:
        begin = time.perf_counter()
        self.system, self.bound, self.backend = system, bound, backend
        for value in bound.values.values():
            np.asarray(value).flags.writeable = False  # a solution is that of the data it was bound to
        self.sizes = {root: len(names) for root, names in bound.labels.items()}
        self.shapes = [tuple(self.sizes[r] for r in g.declaration.roots) for g in system.groups]
        counts = [int(np.prod(s, dtype=int)) for s in self.shapes]
        self.offsets = np.cumsum([0, *counts])
        self.size = int(self.offsets[-1])
        if not checked:
            check_baseline_conditions(self)
            self._check_stability()
            self._make_core = choose_core(self, backend)  # now: an error of the compiler is one of binding
        parts = [np.ravel(self._start(g, s)) for g, s in zip(system.groups, self.shapes, strict=True)]
        self.start = np.concatenate(parts or [np.zeros(0)])
        if not checked:
            check_bounds(self)
        self.seconds = bound.seconds + time.perf_counter() - begin

    @cached_property
    def _make_core(self) -> Callable[[Problem], Core]:
        return choose_core(self, self.backend)

    @cached_property
    def core(self) -> Core:
        """Residual and products of generated C, numpy or CasADi; it is made when it is first used."""
        begin = time.perf_counter()
        core = self._make_core(self)
        self.seconds += time.perf_counter() - begin
        return core

    def release(self) -> None:
        """Give back the memory of `core`; it is made again if it is used again."""
        self.__dict__.pop("core", None)

    def program_of(
        self,
        values: Sequence[Node],
        products: Sequence[Node] = (),
        before: Sequence[Node] = (),
        after: Sequence[Node] = (),
    ) -> Program:
        """Numpy program of some nodes, with the data loaded and all that depends on nothing else evaluated."""
        out = self._with_data(program(values, products, self.sizes, self.bound.positions, before, after))
        # An empty cell has log 0 and weight 0; whatever else is not finite shows in the residual.
        with np.errstate(all="ignore"):
            out.run(out.steps[Time.PRELUDE])
        return out

    def tape_at(self, u: Array | None, values: Sequence[Node]) -> Program:
        """Numpy program of some nodes, evaluated once, at `u`; None will do where they depend on data only."""
        out = self._with_data(program(values, (), self.sizes, self.bound.positions, once=True))
        if u is not None:
            self.set_unknowns(out, u)
        with np.errstate(all="ignore"):
            out.run(out.steps[Time.STATE])
        return out

    def _with_data(self, tape: Program) -> Program:
        for name in tape.inputs:
            kind, symbol = name  # type: ignore[misc]
            if kind == "data":
                tape.set(name, self.bound.values[symbol])
        return tape

    def casadi_function(self, parameters: Picked = (), outcomes: Picked = ()) -> casadi.Function:
        """Return ``(u, *parameters) -> (residual, *outcomes)`` as expressions; see `framework.compile.casadi_backend`."""
        from framework.compile.casadi_backend import casadi_function  # casadi is slow to import

        return casadi_function(self, parameters, outcomes)

    def casadi_callback(self, parameters: Picked = (), outcomes: Picked = ()) -> casadi.Function:
        """Return the same function, evaluated by the back end of the problem; see `framework.solve.embedding`."""
        from framework.solve.embedding import casadi_callback

        return casadi_callback(self, parameters, outcomes)

    def casadi_equilibrium(self, parameters: Picked, outcomes: Picked) -> casadi.Function:
        """Return ``(*parameters) -> (*outcomes)`` at certified solutions; see `framework.solve.embedding`."""
        from framework.solve.embedding import casadi_equilibrium

        return casadi_equilibrium(self, parameters, outcomes)

    def _start(self, group: Group, shape: tuple[int, ...]) -> Array:
        start = self.bound.starts.get(group.declaration.symbol)
        if start is None:
            start = np.ones(shape) if group.declaration.positive else np.zeros(shape)
        return self._unknown(group, start)

    def _unknown(self, group: Group, value: Array) -> Array:
        """What Newton's method solves for: the log, a plain level, or ``log(x - lower)`` with a bound below zero."""
        decl = group.declaration
        if decl.positive:
            return np.log(value)
        return np.log(value - decl.lower) if (decl.lower or 0) < 0 else value

    @property
    def has_known_start(self) -> bool:
        """True if the start of a hat model is its baseline equilibrium: no level unknown lacks its level."""
        core = [g.declaration for g in self.system.groups]
        return all(d.positive or d.symbol in self.bound.starts for d in core)

    def _check_stability(self) -> None:
        tape = self.tape_at(None, [ref.node for _, ref in self.system.stability])
        for symbol, ref in self.system.stability:
            value = np.asarray(tape[ref.node])
            if not (value > 0).all():
                worst = tuple(np.argwhere(~(value > 0))[0])
                raise DataError(unstable_loop(self, symbol, ref, worst, float(value[worst])))

    # ---- evaluation ------------------------------------------------------------------------------

    def slices(self) -> Iterator[tuple[Group, slice, tuple[int, ...]]]:
        """Each group of unknowns with its place in a flat vector and its shape."""
        for k, (group, shape) in enumerate(zip(self.system.groups, self.shapes, strict=True)):
            yield group, slice(self.offsets[k], self.offsets[k + 1]), shape

    def residual(self, u: Array) -> Array:
        """Residuals of all groups at `u`; shape (size,)."""
        return self.core.residual(u)

    @cached_property
    def start_gap(self) -> float:
        """The largest residual at the start values; not finite if one is not."""
        return float(np.abs(self.start_residual).max(initial=0.0))

    @property
    def start_residual(self) -> Array:
        """Residuals at the start values; the memory in which they are evaluated is not kept."""
        with np.errstate(all="ignore"):
            return self._make_core(self).residual(self.start)

    def set_unknowns(self, target: Program | CProgram, u: Array) -> None:
        """Give a program its unknowns."""
        for group, where, shape in self.slices():
            if group.unknown.attr in target.inputs:
                target.set(group.unknown.attr, u[where].reshape(shape))

    def linearise(self) -> Callable[[Array], Array]:
        """Return ``v -> J v`` at the point of the last call of `residual`."""
        return self.core.linearise()

    def jacobian(self, u: Array) -> Array:
        """Dense Jacobian at `u`, column by column; for small cores and for checks."""
        self.residual(u)
        product = self.linearise()
        return np.column_stack([product(e) for e in np.eye(self.size)]) if self.size else np.zeros((0, 0))

    def walras(self) -> float:
        """Deviation of the numeraire at the last point evaluated: zero iff the budgets add up."""
        return 0.0 if self.system.walras is None else self.core.walras(self.system.walras)

    def by_block(self, residual: Array) -> dict[str, float]:
        """Largest absolute residual of each equation of the core, by name."""
        out: dict[str, float] = {}
        for group, where, _ in self.slices():
            name, worst = group.equation.name, float(np.abs(residual[where]).max(initial=0.0))
            out[name] = float(np.maximum(out.get(name, 0.0), worst))  # unlike max, it keeps NaN
        return out

    def largest(self, residual: Array) -> str:
        """The equation and the label of the largest residual, in words."""
        k = int(np.argmax(np.where(np.isfinite(residual), np.abs(residual), np.inf)))
        group, where, shape = next(s for s in self.slices() if k < s[1].stop)
        cell = np.unravel_index(k - where.start, shape)
        return f"equation '{group.equation.name}'{self.bound.at(group.declaration, [int(c) for c in cell])}"

    # ---- shocks ----------------------------------------------------------------------------------

    @cached_property
    def unshocked(self) -> Problem:
        """The same problem where nothing is shocked: in a hat model, the baseline."""
        values = {**self.bound.values, **self.bound.unshocked}
        before = Problem(self.system, replace(self.bound, values=values), checked=True, backend=self.backend)
        unknown = values.keys() - self.bound.unshocked.keys()
        if np.array_equal(before.start, self.start):
            before.start = self.start  # one array
        if not unknown or not self.system.model.is_hat:
            return before
        # A level that a closure fixes has the baseline value that its definition gives.
        fixed = {s: outcomes.baseline_of_fixed(before, s) for s in unknown}
        return Problem(
            self.system, replace(self.bound, values={**values, **fixed}), checked=True, backend=self.backend
        )

    def shocked(self) -> dict[str, tuple[Array, Array]]:
        """Inputs that differ from the baseline, by symbol: (old, new)."""
        old, new = self.unshocked.bound.values, self.bound.values
        return {s: (old[s], new[s]) for s in new if not np.array_equal(old[s], new[s])}

    def part(self, fraction: float) -> Problem:
        """The same problem with a fraction of the (log) shock: 0 is the baseline, 1 this problem."""
        values = {**self.bound.values, **{s: value for s, (value, _) in self.along(fraction).items()}}
        return Problem(self.system, replace(self.bound, values=values), checked=True, backend=self.backend)

    def along(self, fraction: float) -> dict[str, tuple[Array, Array]]:
        """Shocked inputs at a fraction of the shock, and their derivatives with respect to it, by symbol.

        The path is straight in logs, of the distance from a lower bound where there is one; a quantity that may be
        zero goes straight in its value.
        """
        out = {}
        for symbol, (old, new) in self.shocked().items():
            decl = self.system.model.symbols[symbol]
            lower = 0.0 if decl.positive else decl.lower
            if lower is not None and (old > lower).all() and (new > lower).all():
                distance = (old - lower) ** (1 - fraction) * (new - lower) ** fraction
                out[symbol] = lower + distance, distance * np.log((new - lower) / (old - lower))
            else:
                out[symbol] = old + fraction * (new - old), new - old
        return out

    def point_of(self, values: Mapping[str, Array]) -> Array:
        """Unknowns at given values of the variables of the core, by symbol."""
        point = np.zeros(self.size)
        for group, where, _ in self.slices():
            decl = group.declaration
            point[where] = np.ravel(self._unknown(group, np.asarray(values[decl.symbol], dtype=float)))
        return point

    # ---- outcomes --------------------------------------------------------------------------------

    def outcomes(self, u: Array) -> xr.Dataset:
        """Every variable at `u`, labelled."""
        return outcomes.label(self, outcomes.variables(self, u))
