"""What evaluates a problem: generated C, numpy, or CasADi; all with the same two functions."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Protocol

import numpy as np

from framework.compile.c_backend import Compiled, CProgram, compile_roots
from framework.compile.ir import Node, Time
from framework.errors import CompilerError, DataError, did_you_mean

if TYPE_CHECKING:
    from framework.compile.numpy_backend import Program
    from framework.compile.system import System
    from framework.solve.problem import Problem

Array = np.ndarray

BACKENDS = ("auto", "c", "numpy", "casadi")
_LARGE = 20_000  # entries of the largest array from which on one solve pays for a compilation
_OFTEN = 25  # problems of one model from which on many small ones pay for it


class Core(Protocol):
    """Residual and directional derivatives of one problem."""

    name: str

    @property
    def seconds(self) -> float:
        """Time that generating and compiling code took."""
        ...

    def residual(self, u: Array) -> Array:
        """Residuals of all groups at `u`."""
        ...

    def linearise(self) -> Callable[[Array], Array]:
        """Return ``v -> J v`` at the last point of `residual`."""
        ...

    def walras(self, node: Node) -> float:
        """Gap of the numeraire at the last point of `residual`."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays that are held."""
        ...


def choose_core(problem: Problem, backend: str) -> Callable[[Problem], Core]:
    """What makes the core of a problem; C is compiled by then.

    Parameters
    ----------
    problem : Problem
    backend : str
        ``"c"``, ``"numpy"``, ``"casadi"``, or ``"auto"``: C where the model is compiled already, is large, or has
        been bound often, and a compiler works; numpy otherwise. ``EXACTHAT_BACKEND`` says what "auto" means.

    Raises
    ------
    CompilerError
        If C is asked for and there is no compiler or it fails.
    """
    if backend not in BACKENDS:
        raise DataError(
            f"no back end is named '{backend}'; there are {', '.join(BACKENDS)}.{did_you_mean(backend, BACKENDS)}"
        )
    chosen = os.environ.get("EXACTHAT_BACKEND", "auto") if backend == "auto" else backend
    if chosen not in BACKENDS:
        raise DataError(f"EXACTHAT_BACKEND is '{chosen}'; it must be one of {', '.join(BACKENDS)}")
    if chosen == "casadi":
        return CasadiCore
    if chosen == "c":
        return _in_c(compiled(problem.system))
    if chosen == "auto" and (made := _c_if_it_pays(problem)):
        return _in_c(made)
    return NumpyCore


def compiled(system: System) -> Compiled:
    """Generated C for residuals and products of a model, with Newton's method."""
    products = tuple(g.product for g in system.groups if g.product is not None)
    walras = () if system.walras is None else (system.walras,)
    return compile_roots((*(g.residual for g in system.groups), *walras), products, newton=True)


def tape_of(
    problem: Problem,
    values: Sequence[Node],
    products: Sequence[Node],
    before: Sequence[Node] = (),
    after: Sequence[Node] = (),
    *,
    compiled: bool = False,
    solver: bool = False,
) -> Program | CProgram:
    """Other nodes of a problem, with its data loaded and its prelude run, evaluated by what evaluates the problem.

    Parameters
    ----------
    compiled : bool
        Compile them where the problem is evaluated by C. By default they are if C was asked for, or is there already.
    solver : bool
        With linear solves with the products, if they are compiled.
    """
    roots = tuple(values), tuple(products), tuple(before), tuple(after)
    if problem.core.name != "c" or not any(roots):
        return problem.program_of(*roots)
    made = compile_roots(*roots, newton=solver)
    if not (compiled or problem.backend == "c" or made.is_built):
        return problem.program_of(*roots)
    tape = made.program(problem.sizes, problem.bound.positions)
    for name in tape.inputs:
        kind, symbol = name  # type: ignore[misc]
        if kind == "data":
            tape.set(name, problem.bound.values[symbol])
    tape.run(tape.steps[Time.PRELUDE])
    return tape


def _in_c(made: Compiled) -> Callable[[Problem], Core]:
    _ = made.built  # now: an error of the compiler is one of the choice
    return lambda problem: CCore(problem, made)


def _c_if_it_pays(problem: Problem) -> Compiled | None:
    system = problem.system
    entries = max((prod(problem.sizes[r] for r in d.roots) for d in system.inputs), default=0)
    pays = entries >= _LARGE or system.bound >= _OFTEN
    try:
        made = compiled(system)
        if pays or made.is_built:
            _ = made.built
            return made
    except CompilerError as error:
        if pays:
            _warn(str(error))
    return None


@cache
def _warn(message: str) -> None:
    """Say once in a process why C is not used."""
    warnings.warn(
        f"numpy is used instead of compiled C, at two to three times the time: {message}", stacklevel=2
    )


class NumpyCore:
    """A tape of numpy operations: reference and fallback."""

    name = "numpy"
    seconds = 0.0

    def __init__(self, problem: Problem) -> None:
        self._problem, groups = problem, problem.system.groups
        walras = [] if problem.system.walras is None else [problem.system.walras]
        products = [g.product for g in groups if g.product is not None]
        self.program = problem.program_of([*(g.residual for g in groups), *walras], products)

    def residual(self, u: Array) -> Array:
        """Residuals of all groups at `u`."""
        self._problem.set_unknowns(self.program, np.array(u, dtype=float))  # a caller may reuse its buffer
        self.program.run(self.program.steps[Time.STATE])
        return self._gather([group.residual for group in self._problem.system.groups])

    def linearise(self) -> Callable[[Array], Array]:
        """Return ``v -> J v`` at the last point of `residual`."""
        tape, problem = self.program, self._problem
        tape.run(tape.linear_steps)
        products = [group.product for group in problem.system.groups]
        used = [(g.direction.attr, w, s) for g, w, s in problem.slices() if g.direction.attr in tape.inputs]

        def product(v: Array) -> Array:
            for name, where, shape in used:
                tape.set(name, v[where].reshape(shape))
            tape.run(tape.steps[Time.TANGENT])
            return self._gather(products)

        return product

    def _gather(self, nodes: list[Node] | list[Node | None]) -> Array:
        out = np.zeros(self._problem.size)
        for (_, where, shape), node in zip(self._problem.slices(), nodes, strict=True):
            if node is not None:
                out[where].reshape(shape)[...] = self.program[node]
        return out

    def walras(self, node: Node) -> float:
        """Gap of the numeraire at the last point of `residual`."""
        return float(self.program[node])

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays that are held."""
        return self.program.nbytes


class CCore:
    """Generated C that reads the unknowns and writes the residuals in place."""

    name = "c"

    def __init__(self, problem: Problem, made: Compiled) -> None:
        self.compiled = made
        self.u, self.f, self.v, self.w = (np.zeros(problem.size) for _ in range(4))
        self.program = program = made.program(problem.sizes, problem.bound.positions)
        for kind, symbol in program.inputs:  # type: ignore[misc]
            if kind == "data":
                program.set((kind, symbol), problem.bound.values[symbol])
        products = [group.product for group in problem.system.groups]
        last = len(made.plan.outputs)
        for k, (group, where, _) in enumerate(problem.slices()):
            for node, vector in ((group.unknown, self.u), (group.direction, self.v)):
                if node.attr in program.inputs:
                    program.set(node.attr, vector[where])
            program.attach(k, self.f[where])
            if products[k] is not None:
                program.attach(last - sum(p is not None for p in products[k:]), self.w[where])
        program.prepare()

    @property
    def seconds(self) -> float:
        """Time that generating and compiling the code took in this process."""
        return self.compiled.seconds + self.compiled.built.seconds

    def residual(self, u: Array) -> Array:
        """Residuals of all groups at `u`."""
        self.u[:] = u
        self.program.run(self.program.steps[Time.STATE])
        return self.f.copy()

    def linearise(self) -> Callable[[Array], Array]:
        """Return ``v -> J v`` at the last point of `residual`."""
        run, steps = self.program.run, self.program.steps[Time.TANGENT]
        run(self.program.linear_steps)

        def product(v: Array) -> Array:
            self.v[:] = v
            run(steps)
            return self.w.copy()

        return product

    def walras(self, node: Node) -> float:
        """Gap of the numeraire at the last point of `residual`."""
        return float(self.program[node].item())

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays that are held."""
        return self.program.nbytes


class CasadiCore:
    """The residual as a `casadi.Function`, and CasADi's own forward derivative of it."""

    name = "casadi"

    def __init__(self, problem: Problem) -> None:
        begin = time.perf_counter()
        self._problem = problem
        self._residual = problem.casadi_function()
        self._product = self._residual.factory("product", ["u", "fwd:u"], ["fwd:residual"])
        self._u = np.zeros(problem.size)
        self.seconds = time.perf_counter() - begin

    def residual(self, u: Array) -> Array:
        """Residuals of all groups at `u`."""
        self._u = np.array(u, dtype=float)
        return np.asarray(self._residual(self._u)).ravel()

    def linearise(self) -> Callable[[Array], Array]:
        """Return ``v -> J v`` at the last point of `residual`."""
        u = self._u
        return lambda v: np.asarray(self._product(u, v)).ravel()

    def walras(self, node: Node) -> float:
        """Gap of the numeraire at the last point of `residual`."""
        tape = self._problem.tape_at(self._u, [node])
        return float(tape[node])

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays that are held, of the vectors that pass through: CasADi does not tell its own."""
        return 4 * 8 * self._problem.size
