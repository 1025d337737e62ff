"""The implicit function theorem at a solution: how it moves when parameters, data and shocks do.

With ``F(u, p) = 0`` and an outcome ``y(u, p)``, one solve with the transposed Jacobian gives the derivatives of one
outcome to everything that is given, ``dy/dp = y_p - F_p^T J^{-T} y_u``; one solve with the Jacobian gives those of
every outcome in one direction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from scipy import linalg

from framework.compile.c_backend import CProgram
from framework.compile.derivatives import OUTCOME, RESIDUAL, Kept
from framework.compile.ir import Node, Time
from framework.errors import SolveError
from framework.solution import Status
from framework.solve.compiled import LinearInC
from framework.solve.cores import tape_of
from framework.solve.krylov import Linear, gmres
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

        Returns
        -------
        dict of str to array
            The arrays are the caller's own.
        """
        operator = self._adjoint(tuple(weights))
        operator.move(self.problem, self.point)
        operator.give({("cotangent", (OUTCOME, s)): np.asarray(w, dtype=float) for s, w in weights.items()})
        to_unknowns = -self._flat(operator.before())
        operator(self._solve_transposed(operator, to_unknowns))
        found, values = operator.after(), self.problem.bound.values
        return {
            s: found[s] if s in found else np.zeros_like(values[s])
            for s in (d.symbol for d in self.problem.system.inputs)
        }

    def solve_transposed(self, b: Array) -> Array:
        """Solve ``J^T x = b``."""
        return self._solve_transposed(self._transposed, b)

    def transposed_product(self, v: Array) -> Array:
        """``J^T v``."""
        return self._transposed(v)

    @cached_property
    def _transposed(self) -> _Operator:
        return self._operator(self.problem.system.derivatives.transposed(), _cotangent)

    def _solve_transposed(self, transposed: _Operator, b: Array) -> Array:
        return self._solve(transposed, b, lambda factors: linalg.lu_solve(factors, b, trans=1))

    def _adjoint(self, outcomes: tuple[str, ...]) -> _Operator:
        """The transposed Jacobian, what outcomes ask of it and what they get from it; at no point yet."""
        known, operator = _LAST.get(self.problem, ((), None))
        if operator is None or known != outcomes:
            derivatives = self.problem.system.derivatives
            ends = derivatives.to_unknowns(outcomes), derivatives.to_data(outcomes)
            operator = _Operator(self.problem, derivatives.transposed(), _cotangent, *ends)
            _LAST[self.problem] = outcomes, operator
        return operator

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
        return self._solve(self._product, b, lambda factors: linalg.lu_solve(factors, b))

    # ---- common ----------------------------------------------------------------------------------

    def _shape(self, symbol: str) -> tuple[int, ...]:
        return tuple(self.problem.sizes[r] for r in self.problem.system.model.symbols[symbol].roots)

    @cached_property
    def _product(self) -> _Operator:
        """``v -> J v`` at the point."""
        groups = self.problem.system.groups
        nodes = tuple((g.declaration.symbol, g.product) for g in groups if g.product is not None)
        return self._operator(nodes, _direction)

    def _operator(self, nodes: Kept, name: Callable[[str], object]) -> _Operator:
        out = _Operator(self.problem, nodes, name)
        out.move(self.problem, self.point)
        return out

    def _solve(self, product: _Operator, b: Array, dense: Callable) -> Array:
        """GMRES on the paired and signed operator; a dense factorisation where it stagnates on a small core."""
        if not b.size:
            return b
        found = product.solve(self.problem, b)
        self.products += found.products
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
        _move(tape, self.problem, self.point)
        return tape

    def _values(self, tape: Program | CProgram, nodes: Kept, seeds: Mapping) -> dict[str, Array]:
        for name, value in seeds.items():
            if name in tape.inputs:
                tape.set(name, value)
        with np.errstate(all="ignore"):
            tape.run(tape.steps[Time.TANGENT])
        return {s: whole(tape, node) for s, node in nodes}

    def _flat(self, parts: Arrays) -> Array:
        out = np.zeros(self.problem.size)
        for group, where, _ in self.problem.slices():
            if group.declaration.symbol in parts:
                out[where] = parts[group.declaration.symbol].ravel()
        return out


class _Operator:
    """A product of a vector of the size of the unknowns, on a tape of its own: others may evaluate the problem elsewhere.

    Generated C reads and writes the vectors in place.

    Parameters
    ----------
    problem : Problem
    nodes : sequence of (str, Node)
        The product, by symbol of the unknown.
    name : callable
        Name of the input for the part of the vector that belongs to an unknown.
    before, after : sequence of (str, Node), optional
        What is wanted before and after a linear system is solved, by symbol.
    """

    def __init__(
        self,
        problem: Problem,
        nodes: Kept,
        name: Callable[[str], object],
        before: Kept = (),
        after: Kept = (),
    ) -> None:
        self._nodes, self._before, self._after = nodes, before, after
        roots = ([node for _, node in kept] for kept in (nodes, before, after))
        self._tape = tape = tape_of(problem, [], *roots, solver=True)
        self._given, self._out = np.zeros(problem.size), np.zeros(problem.size)
        slices = {g.declaration.symbol: (where, shape) for g, where, shape in problem.slices()}
        self.give(
            {name(symbol): self._given[where].reshape(shape) for symbol, (where, shape) in slices.items()}
        )
        self._places = [(node, *slices[symbol]) for symbol, node in nodes]
        if isinstance(tape, CProgram):
            for k, (_, where, _) in enumerate(self._places):
                tape.attach(k, self._out[where])
            self._places = []
            self._in_c = LinearInC(tape, self._given, self._out, problem.offsets)

    def solve(self, problem: Problem, b: Array) -> Linear:
        """Solve a system by GMRES on the paired and signed operator."""
        if isinstance(self._tape, CProgram):
            return self._in_c(b, TOLERANCE)
        sign = paired_signs(problem, self, Trace(self._given, Status.NOT_STARTED))
        return gmres(lambda v: sign * self(v), sign * b, TOLERANCE)

    def move(self, problem: Problem, point: Array) -> None:
        """Go to a point of the problem that it was made for, which it does not keep alive."""
        _move(self._tape, problem, point)

    def give(self, seeds: Mapping) -> None:
        """Set inputs, where the tape has them."""
        for name, value in seeds.items():
            if name in self._tape.inputs:
                self._tape.set(name, value)

    def __call__(self, v: Array) -> Array:
        """The product."""
        tape = self._tape
        self._given[:] = v
        with np.errstate(all="ignore"):
            tape.run(tape.steps[Time.TANGENT])
        for node, where, shape in self._places:
            self._out[where].reshape(shape)[...] = tape[node]
        return self._out.copy()

    def before(self) -> dict[str, Array]:
        """What is wanted before, by symbol."""
        with np.errstate(all="ignore"):
            self._tape.run(self._tape.before_steps)
        return {s: whole(self._tape, node) for s, node in self._before}

    def after(self) -> dict[str, Array]:
        """What is wanted after the last product, by symbol, in arrays of the caller's own."""
        tape, first = self._tape, len(self._nodes) + len(self._before)
        if not isinstance(tape, CProgram):
            with np.errstate(all="ignore"):
                tape.run(tape.after_steps)
            return {s: np.array(whole(tape, node)) for s, node in self._after}
        found = {s: np.empty([tape.sizes[r] for r in node.shape_axes]) for s, node in self._after}
        for k, array in enumerate(found.values(), start=first):
            tape.attach(k, array)
        tape.run(tape.after_steps)
        for k in range(first, first + len(found)):
            tape.detach(k)
        return found


# For the next outcome, or the next point, of a problem.
_LAST: WeakKeyDictionary[Problem, tuple[tuple[str, ...], _Operator]] = WeakKeyDictionary()


def _move(tape: Program | CProgram, problem: Problem, point: Array) -> None:
    problem.set_unknowns(tape, point)
    with np.errstate(all="ignore"):
        tape.run(tape.steps[Time.STATE])
        tape.run(tape.linear_steps)


def _cotangent(symbol: str) -> object:
    return "cotangent", (RESIDUAL, symbol)


def _direction(symbol: str) -> object:
    return "direction", symbol


def whole(tape: Program | CProgram, node: Node) -> Array:
    """Value of a node on all its axes."""
    value, shape = tape[node], tuple([tape.sizes[r] for r in node.shape_axes])
    return value if value.shape == shape else np.broadcast_to(value, shape)
