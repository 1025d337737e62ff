"""The indexed expression graph: every node is an array over named sets, hash-consed.

A node has loop axes (names of root sets); the first `rank` are its own axes, the rest are summed over.
Operands are placed on loop axes by position, so terms that are equal up to renaming of indices are one node.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import sympy as sp

from framework.sets import root_of


class Time(IntEnum):
    """When a node can be evaluated."""

    PRELUDE = 0  # from parameters and data: once a scenario
    STATE = 1  # from the unknowns: once an iteration
    TANGENT = 2  # from a direction: once a Jacobian-vector product


@dataclass(frozen=True, eq=False, repr=False)
class Node:
    """One array operation.

    Attributes
    ----------
    op : str
        ``input``, ``const``, ``size``, ``take``, a unary function, ``add`` or ``mul``.
    args : tuple of (Node, tuple of int)
        Operands with the loop axis of each of their axes.
    axes : tuple of str
        Root set of each loop axis.
    rank : int
        Number of axes of the result; further loop axes are summed over (``mul`` only).
    attr : object
        Name of an input, value of a constant, (axis, element) of a take.
    """

    id: int
    op: str
    args: tuple[tuple[Node, tuple[int, ...]], ...]
    axes: tuple[str, ...]
    rank: int
    attr: object
    time: Time

    def __repr__(self) -> str:
        args = ", ".join(f"%{a.id}{list(s) if s else ''}" for a, s in self.args)
        about = "" if self.attr is None else f" {self.attr}"
        return f"%{self.id} = {self.op}{about}({args}) over ({', '.join(self.axes)}) -> rank {self.rank}, {self.time.name}"

    @property
    def shape_axes(self) -> tuple[str, ...]:
        """Root sets of the axes of the result."""
        return self.axes[: self.rank]


@dataclass(frozen=True)
class Ref:
    """A node with the index that stands on each of its axes."""

    node: Node
    indices: tuple[sp.Idx, ...]

    @property
    def time(self) -> Time:
        """When the value is available."""
        return self.node.time


class Graph:
    """Builder of hash-consed nodes, with the simplifications that need no search."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._table: dict[tuple, Node] = {}

    def node(
        self,
        op: str,
        args: Sequence = (),
        axes: Sequence[str] = (),
        rank: int | None = None,
        attr: object = None,
        time: Time | None = None,
    ) -> Node:
        """Return the node with this content, made anew only if there is none."""
        rank = len(axes) if rank is None else rank
        key = (op, tuple((a.id, s) for a, s in args), tuple(axes), rank, attr)
        found = self._table.get(key)
        if found is None:
            when = time if time is not None else max((a.time for a, _ in args), default=Time.PRELUDE)
            found = Node(len(self.nodes), op, tuple(args), tuple(axes), rank, attr, Time(when))
            self.nodes.append(found)
            self._table[key] = found
        return found

    # ---- leaves ----------------------------------------------------------------------------------

    def const(self, value: float) -> Node:
        """A number."""
        return self.node("const", attr=float(value))

    def input(self, name: object, axes: Sequence[str], time: Time) -> Node:
        """An array given from outside."""
        return self.node("input", axes=axes, attr=name, time=time)

    def size(self, root: str) -> Node:
        """Number of elements of a set."""
        return self.node("size", attr=root)

    # ---- operations on nodes ---------------------------------------------------------------------

    def unary(self, op: str, arg: Node) -> Node:
        """Apply a function element by element."""
        if (op, arg.op) in (("log", "exp"), ("exp", "log")):
            return arg.args[0][0]
        if op == "exp" and is_const(arg, 0.0):
            return self.const(1.0)
        if op == "log" and is_const(arg, 1.0):
            return self.const(0.0)
        return self.node(op, [(arg, tuple(range(arg.rank)))], arg.shape_axes)

    def take(self, arg: Node, axis: int, element: sp.Symbol) -> Node:
        """Fix one axis at a named element."""
        rest = [a for k, a in enumerate(arg.shape_axes) if k != axis]
        return self.node("take", [(arg, tuple(range(arg.rank)))], rest, attr=(axis, element.name))

    # ---- operations on references ----------------------------------------------------------------

    def apply(self, op: str, ref: Ref) -> Ref:
        """Apply a function element by element."""
        node = self.unary(op, ref.node)
        return Ref(node, ref.indices if node.rank == ref.node.rank else ())

    def add(self, refs: Sequence[Ref]) -> Ref:
        """Sum of arrays, broadcast over the union of their indices."""
        refs = [r if _distinct(r) else self._nest("mul", [r], ()) for r in refs if not is_const(r.node, 0.0)]
        if not refs:
            return Ref(self.const(0.0), ())
        return refs[0] if len(refs) == 1 else self._nest("add", refs, ())

    def mul(self, refs: Sequence[Ref], summed: Sequence[sp.Idx] = ()) -> Ref:
        """Product of arrays, summed over the given indices."""
        if any(is_const(r.node, 0.0) for r in refs):
            return Ref(self.const(0.0), ())
        refs = [r for r in refs if not is_const(r.node, 1.0)]
        if not refs:
            return Ref(self.const(1.0), ())
        return (
            refs[0]
            if len(refs) == 1 and not summed and _distinct(refs[0])
            else self._nest("mul", refs, summed)
        )

    def _nest(self, op: str, refs: Sequence[Ref], summed: Sequence[sp.Idx]) -> Ref:
        refs = sorted(refs, key=lambda r: r.node.id)
        seen = list(dict.fromkeys(i for r in refs for i in r.indices))
        outer = [i for i in seen if i not in summed]
        loops = outer + [i for i in seen if i in summed]
        args = [(r.node, tuple(loops.index(i) for i in r.indices)) for r in refs]
        node = self.node(op, args, [root_of(i) for i in loops], len(outer))
        return Ref(node, tuple(outer))


def _distinct(ref: Ref) -> bool:
    """False for a diagonal, on which one index stands twice."""
    return len(set(ref.indices)) == len(ref.indices)


def needed(roots: Iterable[Node]) -> set[Node]:
    """Every node that some roots are made of, themselves included."""
    seen: set[Node] = set()
    todo = list(roots)
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo.extend(a for a, _ in node.args)
    return seen


def is_const(node: Node, value: float) -> bool:
    """True for the constant with this value."""
    return node.op == "const" and node.attr == value
