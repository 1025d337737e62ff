"""The implicit function theorem at a solution: how it moves when parameters, data and shocks do.

With ``F(u, p) = 0`` and an outcome ``y(u, p)``, one solve with the transposed Jacobian gives the derivatives of one
outcome to everything that is given, ``dy/dp = y_p - F_p^T J^{-T} y_u``; one solve with the Jacobian gives those of
every outcome in one direction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from framework.compile.c_backend import CProgram
from framework.compile.derivatives import OUTCOME, RESIDUAL, Kept
from framework.compile.ir import Time
from framework.errors import SolveError
from framework.solution import Status
from framework.solve.cores import tape_of
from framework.solve.krylov import gmres
from framework.solve.newton import DENSE, Trace, paired_signs

if TYPE_CHECKING:
    from framework.compile.numpy_backend import Program
    from framework.solve.problem import Problem

Array = np.ndarray
Arrays = Mapping[str, Array]
TOLERANCE = 1e-10  # asked of a linear solve, relative
ACCEPTED = 1e-9  # where rounding allows no more


class Linearised:
    """A problem linearised at one of its solutions.

    Parameters
    ----------
    problem : Problem
    point : array, shape (problem.size,)
        A solution, laid out as in ``problem.residual``.

    Attributes
    ----------
    products : int
        Products with the Jacobian or its transpose so far.
    """

    def __init__(self, problem: Problem, point: Array) -> None:
        self.problem, self.point, self.products = problem, point, 0

    # ---- reverse ---------------------------------------------------------------------------------

    def gradient(self, weights: Arrays) -> dict[str, Array]:
        """Derivatives of a weighted sum of outcomes to every parameter, datum and shock, by symbol.

        Parameters
        ----------
        weights : mapping of str to array
            Weight on each entry of each outcome, by symbol, with axes as declared.
        """
        derivatives, names = self.problem.system.derivatives, tuple(weights)
        seeds: dict = {("cotangent", (OUTCOME, s)): np.asarray(w, dtype=float) for s, w in weights.items()}
        to_unknowns = self._pull(derivatives.to_unknowns(names), seeds)
        moved = self.solve_transposed(-self._flat(to_unknowns))
        for group, where, shape in self.problem.slices():
            seeds["cotangent", (RESIDUAL, group.declaration.symbol)] = moved[where].reshape(shape)
        found = self._pull(derivatives.to_data(names), seeds)
        values = self.problem.bound.values
        return {
            s: found[s] if s in found else np.zeros_like(values[s]) for s in (d.symbol for d in self._inputs)
        }

    def solve_transposed(self, b: Array) -> Array:
        """Solve ``J^T x = b``."""
        # A diagonal block and its transpose have the same sum of entries, hence the same sign.
        sign = self._signs(self.transposed_product)

        def product(v: Array) -> Array:
            self.products += 1
            return self.transposed_product(sign * v)

        return sign * self._solve(product, b, lambda factors: sign * linalg.lu_solve(factors, b, trans=1))

    def transposed_product(self, v: Array) -> Array:
        """``J^T v``."""
        return self._transposed(v)

    @cached_property
    def _transposed(self) -> Callable[[Array], Array]:
        nodes = self.problem.system.derivatives.transposed()
        return self._operator(nodes, lambda symbol: ("cotangent", (RESIDUAL, symbol)))

    # ---- forward ---------------------------------------------------------------------------------

    def move(self, direction: Arrays, outcomes: Sequence[str] | None = None) -> dict[str, Array]:
        """Derivatives of outcomes (all by default), by symbol, while data move in a direction given by symbol."""
        names = tuple(self.problem.system.outcomes) if outcomes is None else tuple(outcomes)
        return self._response(tuple(direction), names, self.solve)(direction)

    def responses(
        self, given: Sequence[str], outcomes: Sequence[str]
    ) -> Callable[[Arrays], dict[str, Array]]:
        """`move` for many directions of the same data: what does not depend on the direction is evaluated once."""
        return self._response(given, outcomes, self._at_once)

    def _response(
        self, given: Sequence[str], outcomes: Sequence[str], solve: Callable[[Array], Array]
    ) -> Callable[[Arrays], dict[str, Array]]:
        derivatives = self.problem.system.derivatives
        residual, outcome = (
            derivatives.residual_tangents(given),
            derivatives.outcome_tangents(outcomes, given),
        )
        at_rest, with_unknowns = self._tape(residual), self._tape(outcome)

        def respond(direction: Arrays) -> dict[str, Array]:
            seeds: dict = {("direction", s): np.asarray(v, dtype=float) for s, v in direction.items()}
            moved = solve(-self._flat(self._values(at_rest, residual, seeds)))
            for group, where, shape in self.problem.slices():
                seeds["direction", group.declaration.symbol] = moved[where].reshape(shape)
            found = self._values(with_unknowns, outcome, seeds)
            return {s: found[s] if s in found else np.zeros(self._shape(s)) for s in outcomes}

        return respond

    def _at_once(self, b: Array) -> Array:
        """Solve ``J x = b`` as one of many: with one dense factorisation where the core is small."""
        return linalg.lu_solve(self._factors, b) if 0 < self.problem.size <= DENSE else self.solve(b)

    def solve(self, b: Array) -> Array:
        """Solve ``J x = b``."""
        jacobian = self._product
        sign = self._signs(jacobian)

        def product(v: Array) -> Array:
            self.products += 1
            return sign * jacobian(v)

        return self._solve(product, sign * b, lambda factors: linalg.lu_solve(factors, b))

    # ---- common ----------------------------------------------------------------------------------

    @property
    def _inputs(self):
        return self.problem.system.inputs

    def _shape(self, symbol: str) -> tuple[int, ...]:
        return tuple(self.problem.sizes[r] for r in self.problem.system.model.symbols[symbol].roots)

    @cached_property
    def _product(self) -> Callable[[Array], Array]:
        """``v -> J v`` at the point."""
        groups = self.problem.system.groups
        nodes = tuple((g.declaration.symbol, g.product) for g in groups if g.product is not None)
        return self._operator(nodes, lambda symbol: ("direction", symbol))

    def _operator(self, nodes: Kept, name: Callable[[str], object]) -> Callable[[Array], Array]:
        """A product of a vector of the size of the unknowns, on a tape of its own: others may evaluate the problem elsewhere.

        Generated C reads and writes the vectors in place.
        """
        tape, given, out = self._tape(nodes), np.zeros(self.problem.size), np.zeros(self.problem.size)
        slices = {g.declaration.symbol: (where, shape) for g, where, shape in self.problem.slices()}
        for symbol, (where, shape) in slices.items():
            if name(symbol) in tape.inputs:
                tape.set(name(symbol), given[where].reshape(shape))
        places = [(node, *slices[symbol]) for symbol, node in nodes]
        if isinstance(tape, CProgram):
            for k, (_, where, _) in enumerate(places):
                tape.attach(k, out[where])
            places = []

        def product(v: Array) -> Array:
            given[:] = v
            with np.errstate(all="ignore"):
                tape.run(tape.steps[Time.TANGENT])
            for node, where, shape in places:
                out[where].reshape(shape)[...] = tape[node]
            return out.copy()

        return product

    def _signs(self, product: Callable[[Array], Array]) -> Array:
        return paired_signs(self.problem, product, Trace(self.point, Status.NOT_STARTED))

    def _solve(self, product: Callable[[Array], Array], b: Array, dense: Callable) -> Array:
        """GMRES on the paired and signed operator; a dense factorisation where it stagnates on a small core."""
        if not b.size:
            return b
        found = gmres(product, b, TOLERANCE)
        if found.converged or found.residual <= ACCEPTED:
            return found.x
        if self.problem.size > DENSE:
            raise SolveError(
                f"model '{self.problem.system.model.name}': a linear solve at the solution reached a relative "
                f"residual of {found.residual:.3g} only; its derivatives are not reported"
            )
        return dense(self._factors)

    @cached_property
    def _factors(self):
        return linalg.lu_factor(np.column_stack([self._product(e) for e in np.eye(self.problem.size)]))

    def _tape(self, nodes: Kept) -> Program | CProgram:
        """The nodes as products, at the point."""
        tape = tape_of(self.problem, [], [node for _, node in nodes])
        self.problem.set_unknowns(tape, self.point)
        with np.errstate(all="ignore"):
            tape.run(tape.steps[Time.STATE])
            tape.run(tape.linear_steps)
        return tape

    def _pull(self, nodes: Kept, seeds: Mapping) -> dict[str, Array]:
        return self._values(self._tape(nodes), nodes, seeds)

    def _values(self, tape: Program | CProgram, nodes: Kept, seeds: Mapping) -> dict[str, Array]:
        for name, value in seeds.items():
            if name in tape.inputs:
                tape.set(name, value)
        with np.errstate(all="ignore"):
            tape.run(tape.steps[Time.TANGENT])
        sizes, out = tape.sizes, {}
        for symbol, node in nodes:
            value, shape = tape[node], tuple([sizes[r] for r in node.shape_axes])
            out[symbol] = value if value.shape == shape else np.broadcast_to(value, shape)
        return out

    def _flat(self, parts: Arrays) -> Array:
        out = np.zeros(self.problem.size)
        for group, where, _ in self.problem.slices():
            if group.declaration.symbol in parts:
                out[where] = parts[group.declaration.symbol].ravel()
        return out
