"""Canonical values: the arrays that the nodes of the indexed graph are, in the layout that the loops run through.

Every array is laid out with its axes in one order of the sets, the set that tensors hold twice (region) last,
so that the inner loop of every nest runs through contiguous memory. Nodes that are equal up to the order of their
axes become one value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import permutations, product
from math import prod

from framework.compile.ir import Node, Time, needed

Loop = tuple[str, int]  # root set and its number among the loops over that set
Place = Loop | str  # a loop, or the name of the element at which an axis is fixed
Places = tuple[Place, ...]

LARGE = 3  # axes from which on an array that moves is computed again where it is needed, not stored
_LEAVES = ("const", "size", "eye", "unit")
_SHUFFLES = 200  # alignments of one node's axes that are tried


class Stage(IntEnum):
    """The functions that are generated."""

    PRELUDE = 0  # once a scenario
    STATE = 1  # residuals
    LINEAR = 2  # state values that only the derivatives need
    BEFORE = 3  # what a linear system with the products starts from, once
    TANGENT = 4  # Jacobian-vector products
    AFTER = 5  # what its solution gives, once

    @property
    def is_once(self) -> bool:
        """True for what is evaluated once at a point, so that nothing is prepared for it."""
        return self in (Stage.BEFORE, Stage.AFTER)


def stages(
    values: Sequence[Node], products: Sequence[Node], before: Sequence[Node] = (), after: Sequence[Node] = ()
) -> dict[Node, Stage]:
    """Stage of each node that some roots need, operands first; see `framework.compile.passes.plan`."""
    always, start = needed(values), needed(before)
    often = always | needed(products)

    def of(node: Node) -> Stage:
        if node not in often:
            return Stage.BEFORE if node in start else Stage.AFTER
        if node.time is Time.STATE:
            return Stage.STATE if node in always else Stage.LINEAR
        return Stage.PRELUDE if node.time is Time.PRELUDE else Stage.TANGENT

    return {node: of(node) for node in sorted(often | start | needed(after), key=lambda n: n.id)}


@dataclass(eq=False)
class Value:
    """An array, or the scalar at one point of the nest that computes it.

    Attributes
    ----------
    op : str
        As in `Node`; besides ``out``, which hands an array to the caller in the axis order of its node.
    args : tuple of (Value, places)
        Operands with the loop of each of their axes.
    loops : tuple of Loop
        Loops of the nest.
    result : tuple of Loop
        The loop of each axis of the result; other loops are summed over.
    external : tuple of int, optional
        Order of the axes in memory that the caller owns.
    """

    id: int
    op: str
    args: tuple[tuple[Value, Places], ...]
    loops: tuple[Loop, ...]
    result: tuple[Loop, ...]
    attr: object
    stage: Stage
    external: tuple[int, ...] | None = None
    mirror: tuple[int, int] | None = None  # two axes in which the array is symmetric
    phase: int = 0
    stored: bool = False

    @property
    def dims(self) -> tuple[Loop, ...]:
        """Axes of the result in memory order, numbered afresh."""
        return numbered([root for root, _ in self.result])

    @property
    def is_sum(self) -> bool:
        """True if some loops are summed over."""
        return len(self.result) < len(self.loops)

    @property
    def is_large(self) -> bool:
        """True for an array that is recomputed rather than stored, if it moves."""
        return len(self.result) >= LARGE and not self.is_sum

    @property
    def group(self) -> tuple[Stage, int, tuple[Loop, ...]]:
        """Key of the nest that computes it."""
        return self.stage, self.phase, self.loops


def memory_order(nodes: Iterable[Node]) -> list[str]:
    """Sets from the slowest to the fastest axis: last comes what most sums run over twice."""
    twice: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for node in nodes:
        counted = [str(node.attr)] if node.op == "size" else []  # though nothing runs over the set
        for root in dict.fromkeys([*node.axes, *counted]):
            seen[root] += 1
            if node.time > Time.PRELUDE and node.rank < len(node.axes) and node.axes.count(root) > 1:
                twice[root] += 1
    return sorted(seen, key=lambda root: (twice[root], seen[root], root))


def numbered(roots: Sequence[str]) -> tuple[Loop, ...]:
    """Loops over some sets, those over one set counted."""
    count: Counter[str] = Counter()
    out = []
    for root in roots:
        out.append((root, count[root]))
        count[root] += 1
    return tuple(out)


def is_leaf(value: Value) -> bool:
    """True for what is written down where it is used: a number, a size, an indicator."""
    return value.op in _LEAVES


def composed(inner: Places, value: Value, outer: Places) -> Places:
    """Places of an operand of a value that itself stands on other loops."""
    table = dict(zip(value.result, outer, strict=True))
    return tuple(table.get(p, p) if not isinstance(p, str) else p for p in inner)


class Builder:
    """Turn nodes into values, equal ones into one."""

    def __init__(self, order: Sequence[str]) -> None:
        self.rank = {root: k for k, root in enumerate(order)}
        self.values: list[Value] = []
        self.inputs: dict[object, Value] = {}
        self.elements: list[str] = []
        self._table: dict[tuple, Value] = {}
        # each node's value, and which axis of it each axis of the node is
        self._of: dict[Node, tuple[Value, tuple[int, ...]]] = {}

    def add(self, node: Node, stage: Stage) -> None:
        """Make the value of a node whose arguments have theirs."""
        match node.op:
            case "input":
                self._of[node] = self._input(node, stage)
            case "take":
                self._of[node] = self._take(node, stage)
            case "const" | "size":
                self._of[node] = self.value(node.op, (), (), (), node.attr, stage), ()
            case "unit":
                self.elements.append(node.attr)  # type: ignore[arg-type]
                self._of[node] = self._leaf(node, stage), (0,)
            case "eye":
                self._of[node] = self._leaf(node, stage), (0, 1)
            case _:
                self._of[node] = self._nest(node, stage)

    def output(self, node: Node, number: int, stage: Stage | None = None) -> Value:
        """The value that hands a node to the caller, by default as soon as it is known."""
        value, axes = self._of[node]
        args = [(value, value.dims)]
        return self.value(
            "out", args, value.dims, value.dims, number, value.stage if stage is None else stage, axes
        )

    def _leaf(self, node: Node, stage: Stage) -> Value:
        loops = numbered(node.axes)
        return self.value(node.op, (), loops, loops, node.attr, stage)

    def value(
        self,
        op: str,
        args: Iterable[tuple[Value, Places]],
        loops: tuple[Loop, ...],
        result: tuple[Loop, ...],
        attr: object,
        stage: Stage,
        external: tuple[int, ...] | None = None,
    ) -> Value:
        """The value with this content, made anew only if there is none."""
        args = tuple((v, _mirrored(v, places)) for v, places in args)
        if op in ("add", "mul"):
            args = tuple(sorted(args, key=lambda a: (a[0].id, str(a[1]))))
        key = _key(op, args, loops, result, attr)
        found = self._table.get(key)
        if found is None:
            found = Value(len(self.values), op, args, loops, result, attr, stage, external)
            found.mirror = _symmetry(found, key)
            self.values.append(found)
            self._table[key] = found
        _bring_forward(found, stage)
        return found

    def _input(self, node: Node, stage: Stage) -> tuple[Value, tuple[int, ...]]:
        """An input is read where the caller has it; a copy in memory order serves all stages after the prelude."""
        order = sorted(range(node.rank), key=lambda k: (self.rank[node.axes[k]], k))
        axes = tuple(order.index(k) for k in range(node.rank))
        dims = numbered([node.axes[k] for k in order])
        outside = self.value("input", (), dims, dims, node.attr, stage, axes)
        self.inputs[node.attr] = outside
        return outside, axes

    def _inside(self, value: Value) -> Value:
        """The copy of an input in memory order, if it lies otherwise."""
        if value.op != "input" or value.external == tuple(range(len(value.dims))):
            return value
        return self.value("mul", [(value, value.dims)], value.dims, value.dims, None, value.stage)

    def _operand(self, node: Node, stage: Stage) -> tuple[Value, tuple[int, ...]]:
        value, axes = self._of[node]
        return (value if stage is Stage.PRELUDE else self._inside(value)), axes

    def _take(self, node: Node, stage: Stage) -> tuple[Value, tuple[int, ...]]:
        axis, element = node.attr  # type: ignore[misc]
        self.elements.append(element)
        arg, axes = self._operand(node.args[0][0], stage)
        order = sorted(range(node.rank), key=lambda k: (self.rank[node.axes[k]], k))
        loops = numbered([node.axes[k] for k in order])
        places: list[Place] = [element] * len(axes)
        rest = [k for k in range(len(axes)) if k != axis]
        for k, before in enumerate(rest):
            places[axes[before]] = loops[order.index(k)]
        value = self.value("mul", [(arg, tuple(places))], loops, loops, None, stage)
        return value, tuple(order.index(k) for k in range(node.rank))

    def _nest(self, node: Node, stage: Stage) -> tuple[Value, tuple[int, ...]]:
        spread = node.op == "mul"  # ones in a product only repeat it
        args = [a for a in node.args if not (spread and a[0].op == "ones")]
        operands = [(*self._operand(arg, stage), subs) for arg, subs in args]
        best: tuple[int, list[Loop], list] | None = None
        for axes in _assignments(node.axes):
            placed = [(v, _places(at, subs, axes)) for v, at, subs in operands]
            score = sum(len(v.dims) ** 2 for v, places in placed if _mirrored(v, places) == v.dims)
            if best is None or score > best[0]:
                best = score, axes, placed
        assert best is not None
        _, axes, placed = best
        result = tuple(self._sorted(axes[: node.rank]))
        loops = tuple(self._sorted(axes))
        back = tuple(result.index(loop) for loop in axes[: node.rank])
        if node.op == "ones":
            return self.value("const", (), loops, result, 1.0, stage), back
        if node.op == "mul" and [places for _, places in placed] == [loops] == [result]:
            return placed[0][0], back  # only the order of the axes changes
        return self.value(node.op, placed, loops, result, node.attr, stage), back

    def _sorted(self, loops: Iterable[Loop]) -> list[Loop]:
        return sorted(loops, key=lambda loop: (self.rank[loop[0]], loop[1]))


def _assignments(roots: Sequence[str]) -> Iterable[list[Loop]]:
    """Every way to number the axes of each root, the plain one first."""
    distinct = list(dict.fromkeys(roots))
    counts = [roots.count(root) for root in distinct]
    choices = [list(permutations(range(n))) for n in counts]
    if prod(len(c) for c in choices) > _SHUFFLES:
        choices = [[tuple(range(n))] for n in counts]
    for choice in product(*choices):
        numbers = {root: iter(order) for root, order in zip(distinct, choice, strict=True)}
        yield [(root, next(numbers[root])) for root in roots]


def _places(at: tuple[int, ...], subs: tuple[int, ...], axes: Sequence[Loop]) -> Places:
    """Loops on the axes of a value, given its axis and the loop number of each node axis."""
    out: list[Place] = [""] * len(at)
    for axis, loop in zip(at, subs, strict=True):
        out[axis] = axes[loop]
    return tuple(out)


def _bring_forward(value: Value, stage: Stage) -> None:
    """Compute a value, and with it what it is made of, no later than in a stage."""
    if value.stage > stage:
        value.stage = stage
        for w, _ in value.args:
            _bring_forward(w, stage)


def _key(op: str, args, loops, result, attr) -> tuple:
    return op, tuple((v.id, places) for v, places in args), loops, result, attr


def _mirrored(value: Value, places: Places) -> Places:
    """Places of a symmetric array in one order of the two axes."""
    if value.mirror is None:
        return places
    a, b = value.mirror
    out = list(places)
    if str(out[a]) > str(out[b]):
        out[a], out[b] = out[b], out[a]
    return tuple(out)


def _symmetry(value: Value, key: tuple) -> tuple[int, int] | None:
    """The two axes over one root in which a value is symmetric, if it is an operation on symmetric arrays."""
    if value.is_sum or value.op in ("input", "out"):
        return None
    twice = [root for root, count in Counter(r for r, _ in value.loops).items() if count == 2]
    if len(twice) != 1:
        return None
    first, second = (twice[0], 0), (twice[0], 1)
    pair = value.loops.index(first), value.loops.index(second)
    if value.op == "eye":
        return pair
    swap: dict[Place, Place] = {first: second, second: first}
    args = tuple((v, _mirrored(v, tuple(swap.get(p, p) for p in places))) for v, places in value.args)
    return pair if _key(value.op, args, value.loops, value.result, value.attr) == key else None
