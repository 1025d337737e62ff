"""From canonical values to loop nests: what is stored, and which nest computes it.

There is one nest for each stage, phase and set of loops; a value that only its own nest needs is a scalar there, and
an array with three or more axes that depends on an unknown is never stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from framework.compile.collecting import collect
from framework.compile.ir import Node
from framework.compile.sharing import share
from framework.compile.values import (
    Builder,
    Loop,
    Places,
    Stage,
    Value,
    composed,
    is_leaf,
    memory_order,
    stages,
)


@dataclass
class Nest:
    """Values that are computed in the same loops."""

    loops: tuple[Loop, ...]
    targets: list[Value] = field(default_factory=list)


@dataclass
class Plan:
    """All that is needed to write the program down.

    Attributes
    ----------
    roots : tuple of str
        Sets in memory order.
    elements : tuple of str
        Named elements.
    nests : dict of Stage to list of Nest
    stored : list of Value
        Arrays of the arena.
    life : dict of Value to (Stage, int, int)
        For each stored value that one stage alone reads and writes, that stage and the first and the last of its nests
        that do.
    inputs : dict
        Value of each input, by name.
    outputs : list of (Node, Value)
        The roots in the order in which they were asked for, with their `out` values.
    """

    roots: tuple[str, ...]
    elements: tuple[str, ...]
    nests: dict[Stage, list[Nest]]
    stored: list[Value]
    life: dict[Value, tuple[Stage, int, int]]
    inputs: dict[object, Value]
    outputs: list[tuple[Node, Value]]


def plan(
    values: Sequence[Node],
    products: Sequence[Node] = (),
    before: Sequence[Node] = (),
    after: Sequence[Node] = (),
) -> Plan:
    """Schedule the nodes that some roots need.

    Parameters
    ----------
    values : sequence of Node
        Wanted whenever the unknowns change.
    products : sequence of Node
        Wanted for each direction; state values that only they need are evaluated when asked for.
    before, after : sequence of Node
        Wanted once, before and after a linear system with the products is solved. What only they need is evaluated
        with them, large arrays in place. The former must not depend on a direction; the latter see the last one.
    """
    when = stages(values, products, before, after)
    builder = Builder(memory_order(when))
    for node, stage in when.items():
        builder.add(node, stage)
    roots = [(node, None) for node in (*values, *products)]
    roots += [(node, Stage.BEFORE) for node in before] + [(node, Stage.AFTER) for node in after]
    outputs = [(node, builder.output(node, k, stage)) for k, (node, stage) in enumerate(roots)]
    wanted = [v for _, v in outputs]
    share(builder)
    collect(builder, _used(wanted))
    made = _used(wanted)
    _schedule(made)
    nests = _nests(made)
    elements = tuple(dict.fromkeys(builder.elements))
    arena = [v for v in made if v.stored and v.external is None]
    return Plan(tuple(builder.rank), elements, nests, arena, _lives(nests), builder.inputs, outputs)


def _used(wanted: Sequence[Value]) -> list[Value]:
    """Every value that some are made of, operands first."""
    out: dict[Value, None] = {}
    todo = [(v, False) for v in reversed(wanted)]
    while todo:
        v, ready = todo.pop()
        if ready:
            out[v] = None
        elif v not in out:
            todo.append((v, True))
            todo.extend((w, False) for w, _ in reversed(v.args))
    return list(out)


def _schedule(values: Sequence[Value]) -> None:
    """Give every value its phase, and find out which are stored."""
    for v in values:
        v.stored = v.op in ("input", "out") or v.is_sum
    _store_large(values)
    for v in values:
        v.phase = max((_ready(w, places, v) for w, places in _reads(v)), default=0)
    for v in values:
        for w, places in _reads(v):
            if w.group != v.group or places != w.dims:
                w.stored = True


def _store_large(values: Sequence[Value]) -> None:
    """A large array of data that a later stage needs is stored, as the product of all data that go together."""
    for v in values:
        if (v.stage > Stage.PRELUDE or v.op == "out") and not v.stage.is_once:
            for w, _ in v.args:
                if w.is_large and not is_leaf(w) and w.stage is Stage.PRELUDE and w.stage < v.stage:
                    w.stored = True


def _reads(value: Value) -> list[tuple[Value, Places]]:
    """Values that the nest of a value reads, through the large ones that are computed in place."""
    out: list[tuple[Value, Places]] = []
    for w, places in value.args:
        if is_leaf(w):
            continue
        if w.is_large and not w.stored:
            out += [(x, composed(inner, w, places)) for x, inner in _reads(w)]
        else:
            out.append((w, places))
    return out


def _ready(w: Value, places: Places, reader: Value) -> int:
    """First phase of the reader's stage in which a value can be read at the given places."""
    if w.stage < reader.stage or w.op == "input":
        return 0
    if w.is_sum:
        return w.phase + 1
    aligned = w.loops == reader.loops and places == w.dims
    return w.phase if aligned or len(w.loops) < len(reader.loops) else w.phase + 1


def _nests(values: Sequence[Value]) -> dict[Stage, list[Nest]]:
    """One nest for each stage, phase and loops, in an order in which all can be computed."""
    groups: dict[tuple, Nest] = {}
    for v in values:
        if v.stored and v.op != "input":
            groups.setdefault(v.group, Nest(v.loops)).targets.append(v)
    out: dict[Stage, list[Nest]] = {stage: [] for stage in Stage}
    for (stage, _, _), nest in sorted(groups.items(), key=lambda g: (g[0][0], g[0][1], len(g[0][2]))):
        nest.loops = _loop_order(nest)
        out[stage].append(nest)
    return out


def _lives(nests: dict[Stage, list[Nest]]) -> dict[Value, tuple[Stage, int, int]]:
    """See `Plan.life`."""
    at: dict[Value, list[tuple[Stage, int]]] = {}
    for stage, some in nests.items():
        for k, nest in enumerate(some):
            for v in dict.fromkeys(v for target in nest.targets for v in _touched(target)):
                at.setdefault(v, []).append((stage, k))
    return {v: (*seen[0], seen[-1][1]) for v, seen in at.items() if seen[0][0] == seen[-1][0]}


def _touched(target: Value) -> list[Value]:
    """Stored values that the code of a target reads, itself included."""
    out, todo, seen = [target], [target], set()
    while todo:
        for w, _ in todo.pop().args:
            if w.stored:
                out.append(w)
            elif w not in seen and not is_leaf(w):
                seen.add(w)
                todo.append(w)
    return out


def _loop_order(nest: Nest) -> tuple[Loop, ...]:
    """Memory order; where a large array of the caller's is read, its first axis comes first: one slab stays near."""
    todo, seen = list(nest.targets), set()
    while todo:
        v = todo.pop(0)
        for w, places in v.args:
            if (
                w.op == "input"
                and len(places) == len(nest.loops) > 2
                and w.external != tuple(range(len(places)))
            ):
                first = places[w.external[0]]  # type: ignore[index]
                return first, *(x for x in nest.loops if x != first)  # type: ignore[return-value]
            if not w.stored and w not in seen:
                seen.add(w)
                todo.append(w)
    return nest.loops
