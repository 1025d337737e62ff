"""Evaluate an indexed expression graph with generated C: one shared object serves all data of a model."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod
from pathlib import Path

import numpy as np

from framework.compile.c_source import LANES, STAGES, source
from framework.compile.ir import Node, Time
from framework.compile.passes import Plan, plan
from framework.compile.toolchain import Built, build, is_built
from framework.compile.values import Stage, Value

Array = np.ndarray
_ALIGN = 8  # doubles: arrays begin on a cache line
_SOLVERS = [Path(__file__).parents[1] / "solve" / name for name in ("gmres_newton.c", "gmres_linear.c")]


@lru_cache(maxsize=64)
def compile_roots(
    values: tuple[Node, ...],
    products: tuple[Node, ...] = (),
    before: tuple[Node, ...] = (),
    after: tuple[Node, ...] = (),
    *,
    newton: bool = False,
) -> Compiled:
    """Generate C for some nodes, whatever their inputs: residuals, tangents, adjoints, outcomes.

    Parameters
    ----------
    values : tuple of Node
        Wanted whenever the unknowns change.
    products : tuple of Node
        Wanted for each direction (or seed of an adjoint), an input of time ``TANGENT``.
    before, after : tuple of Node
        Wanted once, before and after a linear system with the products is solved; see `plan`.
    newton : bool
        Add Newton's method and linear solves on these functions, see ``framework/solve/gmres_newton.c``.
    """
    begin = time.perf_counter()
    made = plan(values, products, before, after)
    slots = {v: k for k, v in enumerate([*made.inputs.values(), *(v for _, v in made.outputs), *made.stored])}
    text = source(made, slots) + ("".join(p.read_text() for p in _SOLVERS) if newton else "")
    return Compiled(made, slots, text, time.perf_counter() - begin)


@dataclass
class Compiled:
    """Generated C for some nodes; it is compiled when it is first used.

    Attributes
    ----------
    plan : Plan
    slots : dict of Value to int
        Position of the pointer to each array.
    source : str
    seconds : float
        Time that the generation took.
    """

    plan: Plan
    slots: dict[Value, int]
    source: str
    seconds: float

    @cached_property
    def built(self) -> Built:
        """The loaded object."""
        return build(self.source)

    @property
    def is_built(self) -> bool:
        """True if nothing need be compiled."""
        return "built" in self.__dict__ or is_built(self.source)

    def program(self, sizes: Mapping[str, int], positions: Mapping[str, int]) -> CProgram:
        """A program for arrays of these sizes, without data."""
        return CProgram(self, sizes, positions)


class CProgram:
    """Generated C with memory for one set of data; it is used like `numpy_backend.Program`.

    Only root nodes can be read back.
    """

    def __init__(self, compiled: Compiled, sizes: Mapping[str, int], positions: Mapping[str, int]) -> None:
        self.compiled, self.sizes, self.positions = compiled, sizes, positions
        made, slots = compiled.plan, compiled.slots
        lengths = [*(sizes[r] for r in made.roots), *(positions[e] for e in made.elements)]
        self.lengths = np.array(lengths, dtype=np.int64)
        self.pointers = np.zeros(len(slots), dtype=np.uintp)
        self.inputs = {name: slots[v] for name, v in made.inputs.items()}
        self._held: dict[int, Array] = {}  # arrays whose memory the program uses
        self._copies: set[object] = set()  # inputs that it holds for itself
        self.arena = self._arena(made)
        for node, v in made.outputs:
            self._hold(slots[v], np.empty([sizes[r] for r in node.shape_axes]))
        self._slot = {node: slots[v] for node, v in reversed(made.outputs)}
        library = compiled.built.library
        functions = {stage: getattr(library, name) for stage, name in STAGES.items()}
        self._given = ctypes.c_void_p(self.lengths.ctypes.data), ctypes.c_void_p(self.pointers.ctypes.data)
        self.steps = {
            Time.PRELUDE: [functions[Stage.PRELUDE]],
            Time.STATE: [functions[Stage.STATE]],
            Time.TANGENT: [functions[Stage.TANGENT]],
        }
        self.linear_steps = [functions[Stage.LINEAR]]
        self.before_steps, self.after_steps = [functions[Stage.BEFORE]], [functions[Stage.AFTER]]

    def _arena(self, made: Plan) -> Array:
        """One block of memory for all arrays that are kept between the stages, and for what a stage alone uses."""
        starts: dict[tuple, int] = {}
        rooms, at = _rooms(made), 0
        for v, room in rooms.items():
            if room not in starts:
                lengths = [self.sizes[root] for root, _ in v.result]
                if lengths:
                    lengths[-1] = _rounded(lengths[-1], LANES)
                starts[room] = at
                at += _rounded(max(1, prod(lengths)), _ALIGN)
        arena = np.zeros(at + _ALIGN)  # rows end in zeros, which are never written to
        first = _rounded(arena.ctypes.data, 8 * _ALIGN)
        for v, room in rooms.items():
            self.pointers[self.compiled.slots[v]] = first + 8 * starts[room]
        return arena

    def _hold(self, slot: int, array: Array) -> None:
        self._held[slot] = array
        self.pointers[slot] = array.ctypes.data

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays that are held, those of the caller included once."""
        owners = {a.ctypes.data: a.nbytes for a in self._held.values()}
        return self.arena.nbytes + sum(owners.values())

    def run(self, steps: list) -> None:
        """Evaluate one list of steps."""
        for function in steps:
            function(*self._given)

    def set(self, name: object, value: Array) -> None:
        """Give an input its value; a contiguous array is read in place whenever the program runs."""
        array = np.ascontiguousarray(value, dtype=float)
        self._check(self.compiled.plan.inputs[name], array)
        self._hold(self.inputs[name], array)
        if array is not value:
            self._copies.add(name)

    def prepare(self) -> None:
        """Evaluate, once, what depends on data only, and let go of copies of data that nothing else reads."""
        self.run(self.steps.pop(Time.PRELUDE))
        made = self.compiled.plan
        for name in self._copies:
            if made.life.get(made.inputs[name], (None,))[0] is Stage.PRELUDE:
                self.pointers[self.inputs[name]] = 0
                del self._held[self.inputs[name]]

    def attach(self, number: int, array: Array) -> None:
        """Write a root, by its number among values and products, into the caller's contiguous array."""
        assert array.flags.c_contiguous
        assert array.dtype == np.float64
        value = self.compiled.plan.outputs[number][1]
        self._check(value, array)
        self._hold(self.compiled.slots[value], array)

    def detach(self, number: int) -> None:
        """Let go of the array into which a root is written; another one must be attached before that is done again."""
        slot = self.compiled.slots[self.compiled.plan.outputs[number][1]]
        self._held.pop(slot, None)
        self.pointers[slot] = 0

    def _check(self, value: Value, array: Array) -> None:
        """Refuse an array of another size: C would read or write beyond its end."""
        expected = prod(self.sizes[root] for root, _ in value.result)
        if array.size != expected:
            raise ValueError(f"an array of {array.size} numbers stands where {expected} are read or written")

    def __getitem__(self, node: Node) -> Array:
        """Value of a root node after its binding time has run."""
        return self._held[self._slot[node]]


def _rooms(made: Plan) -> dict[Value, tuple]:
    """Room of each array of the arena: one over the same sets is used anew, in each stage and after its last use there."""
    rooms: dict[Value, tuple] = {v: (v, 0) for v in made.stored if v not in made.life}
    busy: dict[tuple, list[int]] = {}  # the last nest that uses each room, by stage and sets
    for v in sorted((v for v in made.stored if v in made.life), key=lambda v: (made.life[v][1], v.id)):
        sets, (stage, first, last) = tuple(root for root, _ in v.result), made.life[v]
        ends = busy.setdefault((stage, sets), [])
        free = next((k for k, end in enumerate(ends) if end < first), len(ends))
        ends[free : free + 1] = [last]
        rooms[v] = sets, free
    return rooms


def _rounded(size: int, unit: int) -> int:
    """The next multiple of a unit."""
    return -(-size // unit) * unit
