"""A model with data and a shock: the residual, its directional derivatives, and the outcomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from framework.binding import Bound
from framework.compile.ir import Time
from framework.compile.numpy_backend import Program
from framework.errors import DataError

if TYPE_CHECKING:
    import casadi

    from framework.compile.ir import Node
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
    """

    def __init__(self, system: System, bound: Bound) -> None:
        self.system, self.bound = system, bound
        self.sizes = {root: len(names) for root, names in bound.labels.items()}
        self.shapes = [tuple(self.sizes[r] for r in g.declaration.roots) for g in system.groups]
        counts = [int(np.prod(s, dtype=int)) for s in self.shapes]
        self.offsets = np.cumsum([0, *counts])
        self.size = int(self.offsets[-1])
        self.program = self._program()
        self._check_stability()
        self.start = np.concatenate(
            [np.full(c, self._start(g)) for c, g in zip(counts, system.groups, strict=True)] or [np.zeros(0)]
        )

    def _program(self) -> Program:
        groups = self.system.groups
        residuals = [g.residual for g in groups] + [ref.node for _, ref in self.system.stability]
        residuals += [self.system.walras] if self.system.walras is not None else []
        products = [g.product for g in groups if g.product is not None]
        return self.program_of(residuals, products)

    def program_of(self, values: list[Node], products: list[Node] | None = None) -> Program:
        """Numpy program of some nodes, with the data loaded and all that depends on nothing else evaluated."""
        program = Program(values, products or [], self.sizes, self.bound.positions)
        _load(program, self.bound.values)
        return program

    def casadi_function(
        self, parameters: Sequence[str] = (), outcomes: Sequence[str] = ()
    ) -> casadi.Function:
        """Return ``(u, *parameters) -> (residual, *outcomes)``; see `framework.compile.casadi_backend`."""
        from framework.compile.casadi_backend import casadi_function  # casadi is slow to import

        return casadi_function(self, parameters, outcomes)

    def _start(self, group: Group) -> float:
        decl = group.declaration
        if decl.positive:
            return 0.0
        value = float(self.bound.data[decl.default]) if isinstance(decl.default, str) else 0.0
        return float(np.log(value - decl.lower)) if decl.lower is not None and decl.lower < 0 else value

    def _check_stability(self) -> None:
        for symbol, ref in self.system.stability:
            value = np.asarray(self.program[ref.node])
            if not (value > 0).all():
                bad = tuple(np.argwhere(~(value > 0))[0])
                names = [self.bound.labels[r][k] for r, k in zip(ref.node.shape_axes, bad, strict=True)]
                decl = self.system.model.symbols[symbol]
                at = f" at {', '.join(map(str, names))}" if names else ""
                loop = next(x for x in self.system.structure.loops if x.symbol == symbol)
                raise DataError(
                    f"the loop of '{decl.name}' is unstable{at}: 1 - ({loop.exponent}) = {value[bad]:.6g} must be "
                    "positive; lower the elasticities of the loop there"
                )

    # ---- evaluation ------------------------------------------------------------------------------

    def residual(self, u: Array) -> Array:
        """Residuals of all groups at `u`; shape (size,)."""
        program = self.program
        for k, group in enumerate(self.system.groups):
            program.set(group.unknown.attr, u[self.offsets[k] : self.offsets[k + 1]].reshape(self.shapes[k]))
        program.run(program.steps[Time.STATE])
        return self._gather([group.residual for group in self.system.groups])

    def linearise(self) -> Callable[[Array], Array]:
        """Return ``v -> J v`` at the point of the last call of `residual`."""
        program, groups = self.program, self.system.groups
        program.run(program.linear_steps)

        def product(v: Array) -> Array:
            for k, group in enumerate(groups):
                if group.direction.attr in program.inputs:
                    program.set(
                        group.direction.attr, v[self.offsets[k] : self.offsets[k + 1]].reshape(self.shapes[k])
                    )
            program.run(program.steps[Time.TANGENT])
            return self._gather([group.product for group in groups])

        return product

    def _gather(self, nodes: list) -> Array:
        out = np.zeros(self.size)
        for k, node in enumerate(nodes):
            if node is not None:
                out[self.offsets[k] : self.offsets[k + 1]] = np.ravel(self.program[node])
        return out

    def jacobian(self, u: Array) -> Array:
        """Dense Jacobian at `u`, column by column; for small cores and for checks."""
        self.residual(u)
        product = self.linearise()
        return np.column_stack([product(e) for e in np.eye(self.size)]) if self.size else np.zeros((0, 0))

    def walras(self) -> float:
        """Deviation of the numeraire at the last point evaluated: zero iff the budgets add up."""
        return 0.0 if self.system.walras is None else float(self.program[self.system.walras])

    def by_block(self, residual: Array) -> dict[str, float]:
        """Largest absolute residual of each equation of the core, by name."""
        return {
            g.equation.name: float(np.abs(residual[self.offsets[k] : self.offsets[k + 1]]).max(initial=0.0))
            for k, g in enumerate(self.system.groups)
        }

    # ---- shocks ----------------------------------------------------------------------------------

    def part(self, fraction: float) -> Problem:
        """The same problem with a fraction of the (log) shock: 0 is the baseline, 1 this problem."""
        values = dict(self.bound.values)
        for decl in self.system.inputs:
            old, new = self.bound.unshocked[decl.symbol], self.bound.values[decl.symbol]
            if old is new or np.array_equal(old, new):
                continue
            lower = 0.0 if decl.positive else decl.lower
            if lower is not None and (old > lower).all() and (new > lower).all():
                values[decl.symbol] = lower + (old - lower) ** (1 - fraction) * (new - lower) ** fraction
            else:
                values[decl.symbol] = old + fraction * (new - old)
        return Problem(self.system, replace(self.bound, values=values))

    def replication_error(self) -> float:
        """Largest residual of the baseline itself, without a shock; conditions on fixed variables apart."""
        before = Problem(self.system, replace(self.bound, values=self.bound.unshocked))
        fixed = set(self.system.model.swaps.values())
        residual = before.by_block(before.residual(before.start))
        names = {g.equation.name for g in self.system.groups if _left_symbol(g) in fixed}
        return max((r for name, r in residual.items() if name not in names), default=0.0)

    # ---- outcomes --------------------------------------------------------------------------------

    def outcomes(self, u: Array) -> xr.Dataset:
        """Every variable at `u`, labelled."""
        nodes = self.system.outcomes
        program = self.program_of(list(nodes.values()))
        for k, group in enumerate(self.system.groups):
            if group.unknown.attr in program.inputs:
                program.set(
                    group.unknown.attr, u[self.offsets[k] : self.offsets[k + 1]].reshape(self.shapes[k])
                )
        program.run(program.steps[Time.STATE])
        out = xr.Dataset()
        for symbol, node in nodes.items():
            decl = self.system.model.symbols[symbol]
            coords = {d.name: self.bound.labels[d.root] for d in decl.dims}
            shape = tuple(self.sizes[r] for r in decl.roots)
            values = np.broadcast_to(program[node], shape).copy()
            attrs = {
                "long_name": decl.name,
                "units": decl.unit,
                "description": decl.description,
                "role": decl.role,
            }
            out[decl.key] = xr.DataArray(values, coords, decl.dim_names, attrs=attrs)
        return out


def _left_symbol(group: Group) -> str:
    from framework.symbols import declared_atoms, symbol_name

    return next(iter(sorted(symbol_name(a) for a in declared_atoms(group.equation.lhs))), "")


def _load(program: Program, values: dict[str, Array]) -> None:
    """Give a program its data and run what depends on nothing else."""
    for name in program.inputs:
        kind, symbol = name  # type: ignore[misc]
        if kind == "data":
            program.set(name, values[symbol])
    with np.errstate(divide="ignore"):  # log(0) of an empty cell, whose weight is zero
        program.run(program.steps[Time.PRELUDE])
