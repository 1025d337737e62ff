"""A problem inside a user's own CasADi problem, evaluated by our back end: its residual, and its equilibrium.

Three functions do it, all with inputs and outputs named by key:

- `Problem.casadi_function` is an expression: second derivatives, so IPOPT may use the exact Hessian. Best for hundreds of
  unknowns.
- `Problem.casadi_callback` is the same function evaluated by generated C (or numpy), with first derivatives from our own
  products and adjoints: many times faster where there are thousands.
- `Problem.casadi_equilibrium` has solved the system: outcomes as a function of parameters, with derivatives by the
  implicit function theorem. An optimisation over a few policies then has these policies as its only variables and no
  constraints, at any size of the model. It is our solver with its certificate and not a CasADi rootfinder, whose dense
  Jacobian costs more than the whole solve and which certifies nothing.

The functions keep what they need alive. They are not thread-safe: no two threads may evaluate functions of one problem
at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import casadi as ca
import numpy as np
import xarray as xr

from framework.binding import Reader
from framework.compile.c_backend import CProgram
from framework.compile.casadi_callback import Arrays, as_casadi
from framework.compile.derivatives import OUTCOME, RESIDUAL, Kept
from framework.compile.ir import Node, Time
from framework.compile.pattern import block, ties
from framework.errors import DataError
from framework.selection import Picked, Selection, pick
from framework.solve.cores import tape_of
from framework.solve.implicit import Linearised, whole
from framework.symbols import Kind

if TYPE_CHECKING:
    from framework.solve.problem import Problem

Array = np.ndarray


def casadi_callback(problem: Problem, parameters: Picked = (), outcomes: Picked = ()) -> ca.Function:
    """Return the residual, and outcomes, of a problem as a function that our own back end evaluates.

    Parameters
    ----------
    problem : Problem
        Bind it with ``backend="c"`` for generated C.
    parameters, outcomes : sequence of str, or mapping of str to mapping
        As for `Problem.casadi_function`.

    Returns
    -------
    casadi.Function
        ``(u, *parameters) -> (residual, *outcomes)``: inputs, outputs and values are those of
        ``problem.casadi_function(parameters, outcomes)``. It has first derivatives only: the Jacobian with its sparsity
        pattern, products with it and with its transpose.

    Raises
    ------
    DataError
        If the model reads no input, or has no variable, of a given key, the data have no such label, or two have one name.
    CompilerError
        If the problem was bound with ``backend="c"`` and the compiler fails.

    Notes
    -----
    Use ``f.jacobian()`` or ``f.factory(...)``, which ask for the whole Jacobian, and not
    ``casadi.jacobian(f(u), u)``, which builds it from products with coloured directions.
    Values given to a parameter are not checked: neither their domain nor the stability of loops.
    """
    smooth = _Core(problem, *pick(problem, parameters, outcomes, ("u", "residual")))
    return as_casadi(ca.Function.fix_name(problem.system.model.name), smooth)


def casadi_equilibrium(problem: Problem, parameters: Picked, outcomes: Picked) -> ca.Function:
    """Return outcomes at the equilibrium as a function of parameters.

    Parameters
    ----------
    problem : Problem
    parameters, outcomes : sequence of str, or mapping of str to mapping
        As for `Problem.casadi_function`; at least one of each.

    Returns
    -------
    casadi.Function
        ``(*parameters) -> (*outcomes)``. Every evaluation is a certified `solve` from the baseline, so that the value
        does not depend on what was evaluated before; the last solution is kept for its derivatives. First derivatives
        are exact, by one linear solve for each entry of the parameters or of the outcomes, whichever are fewer.

    Raises
    ------
    DataError
        If the model reads no input, or has no variable, of a given key, the data have no such label, or two have one name.

    Notes
    -----
    A value out of its domain, or at which no equilibrium is certified, fails the evaluation with the message of
    `bind` or `solve`. IPOPT then prints it and tries a shorter step.

    Examples
    --------
    >>> welfare = problem.casadi_equilibrium(  # doctest: +SKIP
    ...     {"tariff": {"importer": "USA"}}, {"real_consumption": {"region": "USA"}})
    """
    held, shown = pick(problem, parameters, outcomes)
    if not held or not shown:
        raise DataError("an equilibrium as a function needs at least one parameter and one outcome")
    return as_casadi(
        ca.Function.fix_name(f"{problem.system.model.name}_equilibrium"), _Equilibrium(problem, held, shown)
    )


# ---- the core ------------------------------------------------------------------------------------


class _Core:
    """Residuals and outcomes as a map of unknowns and parameters."""

    def __init__(
        self, problem: Problem, parameters: Mapping[str, Selection], outcomes: Mapping[str, Selection]
    ) -> None:
        self.problem = problem
        self._parameters, self._outcomes = list(parameters.values()), list(outcomes.values())
        self.inputs = {"u": problem.size} | {k: s.cells.size for k, s in parameters.items()}
        self.outputs = {"residual": problem.size} | {k: s.cells.size for k, s in outcomes.items()}
        self._symbols = [s.symbol for s in self._outcomes]
        system = problem.system
        self._tangents: dict[tuple[str, ...], _Tape] = {}
        self._blocks = [(where, shape, group.residual) for group, where, shape in problem.slices()]
        self._places = {group.declaration.symbol: where for group, where, _ in problem.slices()}
        self._reported = [(s, system.outcomes[s.symbol]) for s in self._outcomes]

    def value(self, at: Arrays) -> Arrays:
        """Residuals and outcomes."""
        tape = self._value
        tape.move(at)
        residual, values = np.empty(self.problem.size), tape.program
        for where, shape, node in self._blocks:
            residual[where].reshape(shape)[...] = values[node]
        return [residual, *(s.of(values[node]) for s, node in self._reported)]

    def forward(self, at: Arrays, directions: Arrays) -> Arrays:
        """Products of the Jacobian with k directions."""
        # While parameters stand still there is less to compute.
        moving = self._parameters if any(d.any() for d in directions[1:]) else []
        tape = self._forward(tuple(s.symbol for s in moving))
        tape.move(at)
        blocks = {(RESIDUAL, s): where for s, where in self._places.items()}
        chosen = [((OUTCOME, s.symbol), s) for s in self._outcomes]
        return tape.products(directions[: 1 + len(moving)], blocks, chosen)

    def reverse(self, at: Arrays, weights: Arrays) -> Arrays:
        """Products of the transposed Jacobian with k weights."""
        self._reverse.move(at)
        chosen = [(s.symbol, s) for s in self._parameters]
        return self._reverse.products(weights, self._places, chosen)

    def pattern(self, output: int, input: int) -> Array:
        """Entries that may differ from zero whatever the data, shape (outputs, inputs)."""
        derivatives, sizes = self.problem.system.derivatives, self.problem.sizes
        results, given = list(derivatives.residuals.values()), list(derivatives.unknowns.values())
        rows = columns = slice(None)
        if output:
            chosen, node = self._reported[output - 1]
            results, rows = [node], chosen.cells
        if input:
            chosen = self._parameters[input - 1]
            given, columns = [derivatives.data[chosen.symbol]], chosen.cells
        found = {source: ties(results, source) for source in given}
        blocks = [[block(r, source, sizes, found[source]) for source in given] for r in results]
        return np.block(blocks)[rows][:, columns]

    @cached_property
    def _value(self) -> _Tape:
        nodes = self.problem.system.derivatives.named(self._symbols)
        return _Tape(self.problem, self._parameters, list(nodes.values()), ())

    def _forward(self, moving: tuple[str, ...]) -> _Tape:
        if moving not in self._tangents:
            kept = self.problem.system.derivatives.tangents(self._symbols, moving)
            tape = self._tangents[moving] = _Tape(self.problem, self._parameters, [], kept)
            seeded = [s for s in self._parameters if s.symbol in moving]
            tape.seed(lambda s: ("direction", s), [(("direction", s.symbol), s) for s in seeded])
        return self._tangents[moving]

    @cached_property
    def _reverse(self) -> _Tape:
        moving = [s.symbol for s in self._parameters]
        kept = self.problem.system.derivatives.adjoints(self._symbols, moving)
        tape = _Tape(self.problem, self._parameters, [], kept)
        seeded = [(("cotangent", (OUTCOME, s.symbol)), s) for s in self._outcomes]
        tape.seed(lambda s: ("cotangent", (RESIDUAL, s)), seeded)
        return tape


class _Tape:
    """A program of the problem's back end, with its own unknowns and parameters."""

    def __init__(
        self, problem: Problem, parameters: Sequence[Selection], values: Sequence[Node], products: Kept
    ) -> None:
        self._problem, self._parameters, self._products = problem, parameters, dict(products)
        self._seeds: list[
            tuple[Array, Array | slice]
        ] = []  # of each vector of seeds: where its entries stand
        self.program = program = tape_of(problem, values, [node for _, node in products], compiled=True)
        self._u = np.zeros(problem.size)
        problem.set_unknowns(program, self._u)  # read in place whenever the program runs
        self._last = [s.of(problem.bound.values[s.symbol]).tobytes() for s in parameters]
        self._steps = [*program.steps[Time.STATE], *(program.linear_steps if products else [])]
        # A trial point may leave the domain: CasADi looks at the values. Generated C does not warn.
        self._quiet = nullcontext if isinstance(program, CProgram) else partial(np.errstate, all="ignore")

    def move(self, at: Arrays) -> None:
        """Go to a point: everything that does not depend on a direction is evaluated there."""
        self._u[:] = at[0]
        program, parameters = self.program, [a.tobytes() for a in at[1:]]
        with self._quiet():
            if parameters != self._last:
                for chosen, value in zip(self._parameters, at[1:], strict=True):
                    if (name := ("data", chosen.symbol)) in program.inputs:
                        program.set(name, chosen.into(self._problem.bound.values[chosen.symbol], value))
                program.run(program.steps[Time.PRELUDE])
                self._last = parameters
            program.run(self._steps)

    def seed(self, name: Callable[[str], object], chosen: Sequence[tuple[object, Selection]]) -> None:
        """Name the inputs of a vector of the size of the unknowns, by symbol, and of chosen cells; they are read in place."""
        flat = np.zeros(self._problem.size)
        given = {
            name(g.declaration.symbol): flat[where].reshape(shape)
            for g, where, shape in self._problem.slices()
        }
        self._seeds = [(flat, slice(None))]
        for key, selection in chosen:
            given[key] = np.zeros(selection.shape)
            self._seeds.append((given[key].reshape(-1), selection.cells))
        for key, array in given.items():
            if key in self.program.inputs:
                self.program.set(key, array)

    def products(
        self, seeds: Arrays, blocks: Mapping[Any, slice], chosen: Sequence[tuple[Any, Selection]]
    ) -> list[Array]:
        """Products with k seeds: blocks of a vector of the size of the unknowns, and chosen cells; zero where there is none."""
        program, kept, count = self.program, self._products, seeds[0].shape[1]
        steps, rows = program.steps[Time.TANGENT], [np.ascontiguousarray(s.T) for s in seeds]
        out = [np.zeros((count, n)) for n in (self._problem.size, *(s.cells.size for _, s in chosen))]
        parts = [(out[0][:, where], kept[name]) for name, where in blocks.items() if name in kept]
        cells = [(v, s, kept[name]) for v, (name, s) in zip(out[1:], chosen, strict=True) if name in kept]
        with self._quiet():
            for k in range(count):
                for (array, where), row in zip(self._seeds, rows, strict=True):
                    array[where] = row[k]
                program.run(steps)
                for part, node in parts:
                    part[k] = whole(program, node).reshape(-1)
                for part, selection, node in cells:
                    part[k] = selection.of(whole(program, node))
        return [v.T for v in out]


# ---- the equilibrium -----------------------------------------------------------------------------


class _Equilibrium:
    """Outcomes at certified solutions as a map of parameters."""

    def __init__(
        self, problem: Problem, parameters: Mapping[str, Selection], outcomes: Mapping[str, Selection]
    ) -> None:
        self.problem, self._parameters, self._outcomes = problem, parameters, outcomes
        self.inputs = {k: s.cells.size for k, s in parameters.items()}
        self.outputs = {k: s.cells.size for k, s in outcomes.items()}
        self._last: tuple[list[Array], Linearised, list[Array]] | None = None

    def value(self, at: Arrays) -> Arrays:
        """Outcomes."""
        return self._solved(at)[1]

    def forward(self, at: Arrays, directions: Arrays) -> Arrays:
        """Derivatives of outcomes in k directions, by one linear solve each."""
        linearised, symbols = self._solved(at)[0], [s.symbol for s in self._outcomes.values()]
        out = []
        for k in range(directions[0].shape[1]):
            pairs = zip(self._parameters.values(), directions, strict=True)
            found = linearised.move({s.symbol: s.into(np.zeros(s.shape), d[:, k]) for s, d in pairs}, symbols)
            out.append([s.of(found[s.symbol]) for s in self._outcomes.values()])
        return [np.column_stack(columns) for columns in zip(*out, strict=True)]

    def reverse(self, at: Arrays, weights: Arrays) -> Arrays:
        """Derivatives of k weighted sums of outcomes, by one transposed linear solve each."""
        linearised, out = self._solved(at)[0], []
        for k in range(weights[0].shape[1]):
            pairs = zip(self._outcomes.values(), weights, strict=True)
            found = linearised.gradient({s.symbol: s.into(np.zeros(s.shape), w[:, k]) for s, w in pairs})
            out.append([s.of(found[s.symbol]) for s in self._parameters.values()])
        return [np.column_stack(columns) for columns in zip(*out, strict=True)]

    def pattern(self, output: int, input: int) -> Array:
        """In general equilibrium everything depends on everything."""
        lengths = list(self.outputs.values())[output], list(self.inputs.values())[input]
        return np.ones(lengths, dtype=bool)

    def _solved(self, at: Arrays) -> tuple[Linearised, list[Array]]:
        """Solve at a point, unless it is the last one."""
        last = self._last
        if last is None or any(not np.array_equal(a, b) for a, b in zip(at, last[0], strict=True)):
            from framework.solve.certify import solve

            solution = solve(self._problem(at))
            assert solution.problem is not None
            assert solution.point is not None
            values = [
                s.of(solution[key].transpose(*s.declaration.dim_names).values)
                for key, s in self._outcomes.items()
            ]
            last = [np.array(a) for a in at], Linearised(solution.problem, solution.point), values
            self._last = last
        return last[1], last[2]

    def _problem(self, at: Arrays) -> Problem:
        """The problem with other values of the parameters, checked as those of `bind` are."""
        from framework.solve.problem import Problem

        bound = self.problem.bound
        reader = Reader(bound, xr.Dataset(), self.problem.system.model)
        after, before = dict(bound.values), dict(bound.unshocked)
        for chosen, value in zip(self._parameters.values(), at, strict=True):
            decl, symbol = chosen.declaration, chosen.symbol
            after[symbol] = reader.in_domain(decl, chosen.into(bound.values[symbol], value))
            if decl.kind is not Kind.EXOGENOUS:
                before[symbol] = after[symbol]
        moved = replace(bound, values=after, unshocked=before)
        return Problem(self.problem.system, moved, backend=self.problem.backend)
