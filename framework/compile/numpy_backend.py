"""Evaluate an indexed expression graph with numpy: a static tape of array operations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import lru_cache
from itertools import pairwise
from math import prod

import numpy as np

from framework.compile.ir import Node, Time, needed
from framework.compile.values import Stage, stages

Array = np.ndarray
Step = tuple[Callable[..., Array | None], int, tuple[int, ...]]
View = Callable[[Array], Array]
Placed = tuple[int, View | None]


def _inverse0(x: Array) -> Array:
    """``1/x``, and 0 where x is 0: the share of an empty total is 0."""
    zero = x == 0
    return np.where(zero, 0.0, 1.0 / np.where(zero, 1.0, x))


def _nothing() -> None:
    """What stands in place of an array that is needed no more."""


_UNARY: dict[str, Callable[[Array], Array]] = {
    "exp": np.exp,
    "log": np.log,
    "expm1": np.expm1,
    "log1p": np.log1p,
    "inverse": np.reciprocal,
    "inverse0": _inverse0,
    "iszero": lambda x: np.asarray(x == 0, dtype=float),
    "sqrt": np.sqrt,
    "abs": np.abs,
    "sign": np.sign,
}


def program(
    residuals: Sequence[Node],
    products: Sequence[Node],
    sizes: Mapping[str, int],
    positions: Mapping[str, int],
    before: Sequence[Node] = (),
    after: Sequence[Node] = (),
    *,
    once: bool = False,
) -> Program:
    """A `Program` without values; the tape is made once for all data of these sizes."""
    roots = tuple(residuals), tuple(products), tuple(before), tuple(after)
    return _tape(*roots, tuple(sizes.items()), tuple(positions.items()), once).empty()


@lru_cache(maxsize=64)
def _tape(
    residuals: tuple, products: tuple, before: tuple, after: tuple, sizes: tuple, positions: tuple, once: bool
) -> Program:
    return Program(residuals, products, dict(sizes), dict(positions), before, after, once=once)


class Program:
    """The nodes that some roots need, as closures in order of evaluation, one list for each binding time.

    Only roots, and what other lists of steps need, can be read back.

    Parameters
    ----------
    residuals, products : sequence of Node
        Values wanted in each iteration, and their directional derivatives.
    sizes : mapping
        Number of elements of each root set.
    positions : mapping
        Position of each named element in its set.
    before, after : sequence of Node
        Values wanted once, before and after a linear system with the products is solved; see `framework.compile.passes.plan`.
    once : bool
        Evaluate everything in the steps of time ``STATE``, in an order in which few large arrays live at the same time.
    """

    def __init__(
        self,
        residuals: Sequence[Node],
        products: Sequence[Node],
        sizes: Mapping[str, int],
        positions: Mapping[str, int],
        before: Sequence[Node] = (),
        after: Sequence[Node] = (),
        *,
        once: bool = False,
    ) -> None:
        self.sizes, self.positions, self._once = sizes, positions, once
        roots = [*residuals, *products, *before, *after]
        if once:
            self._stages = dict.fromkeys(frugal(roots, sizes), Stage.STATE)
        else:
            self._stages = stages(residuals, products, before, after)
        self.nodes = list(self._stages)
        self.slot = {node: k for k, node in enumerate(self.nodes)}
        self.values: list[Array | None] = [None] * len(self.nodes)
        self._lists: dict[Stage, list[Step]] = {stage: [] for stage in Stage}
        self.steps = {time: self._lists[Stage[time.name]] for time in Time}
        self.linear_steps = self._lists[Stage.LINEAR]  # state values that only the derivatives need
        self.before_steps, self.after_steps = self._lists[Stage.BEFORE], self._lists[Stage.AFTER]
        self.inputs = {node.attr: self.slot[node] for node in self.nodes if node.op == "input"}
        self._views: dict[tuple, int] = {}
        uses = Counter(arg for node in self.nodes for arg, _ in node.args)
        self._spent = {n for n in self.nodes if uses[n] == 1 and n.rank and _is_fresh(n)}.difference(roots)
        for node in self.nodes:
            if node.op != "input":
                self._emit(node)
        self._free({self.slot[root] for root in roots})

    def empty(self) -> Program:
        """The same tape without values."""
        out = copy(self)
        out.values = [None] * len(self.values)
        return out

    @property
    def nbytes(self) -> int:
        """Bytes of the distinct arrays that are held now; views count once."""
        owners = {id(o): o for v in self.values if v is not None for o in [_owner(v)]}
        return sum(o.nbytes for o in owners.values())

    def run(self, steps: list[Step]) -> None:
        """Evaluate one list of steps."""
        values = self.values
        for function, out, args in steps:
            values[out] = function(*[values[k] for k in args])

    def __getitem__(self, node: Node) -> Array:
        """Value of a node after its binding time has run."""
        return self.values[self.slot[node]]  # type: ignore[return-value]

    def owns(self, node: Node) -> bool:
        """True if the array of a node is nobody else's: no view, constant or input."""
        return _is_fresh(node) and isinstance(self[node], np.ndarray)

    def set(self, name: object, value: Array) -> None:
        """Give an input its value."""
        self.values[self.inputs[name]] = value

    # ---- emission --------------------------------------------------------------------------------

    def _free(self, roots: set[int]) -> None:
        """Drop each array that one list of steps alone makes and uses, after the step that uses it last."""
        lists = list(self._lists.values())
        users: dict[int, set[int]] = {}
        for k, steps in enumerate(lists):
            for _, out, args in steps:
                for slot in (out, *args):
                    users.setdefault(slot, set()).add(k)
        for k, steps in enumerate(lists):
            kept = roots.union(self.inputs.values(), (s for s, where in users.items() if where != {k}))
            backwards: list[Step] = []
            for step in reversed(steps):
                last = set(step[2]) - kept
                backwards += [(_nothing, slot, ()) for slot in last]
                kept |= last
                backwards.append(step)
            steps[:] = reversed(backwards)

    def _spends(self, arg: Node, node: Node) -> bool:
        """True if the array of an operand is needed no more after a node, which may write into it."""
        return arg in self._spent and self._stages[arg] is self._stages[node]

    def _emit(self, node: Node) -> None:
        args = tuple(self.slot[a] for a, _ in node.args)
        shape = tuple(self.sizes[a] for a in node.shape_axes)
        if node.op in _UNARY:
            function: Callable[..., Array] = _UNARY[node.op]
            if isinstance(function, np.ufunc) and self._spends(node.args[0][0], node):
                function = _in_place(function)
        elif node.op == "take":
            axis, name = node.attr  # type: ignore[misc]
            function = _taker(axis, self.positions[name])
        elif node.op in ("add", "mul"):
            function, args = self._nest(node)
        else:
            constant = self._leaf(node, shape)
            function = lambda c=constant: c  # noqa: E731
        self._lists[self._stages[node]].append((function, self.slot[node], args))

    def _leaf(self, node: Node, shape: tuple[int, ...]) -> Array:
        match node.op:
            case "const":
                return np.float64(node.attr)  # type: ignore[arg-type]
            case "size":
                return np.float64(self.sizes[node.attr])  # type: ignore[index]
            case "ones":
                return np.ones(shape)
            case "eye":
                return np.eye(shape[0])
            case "unit":
                return np.eye(shape[0])[self.positions[node.attr]]  # type: ignore[index]
        raise NotImplementedError(node.op)

    def _nest(self, node: Node) -> tuple[Callable[..., Array], tuple[int, ...]]:
        slots = tuple(self.slot[a] for a, _ in node.args)
        subs = [s for _, s in node.args]
        reduced = range(node.rank, len(node.axes))
        if not reduced:
            return self._elementwise(node)
        if len(subs) == 2 and all(len(set(s)) == len(s) for s in subs):
            return self._matmul(node)
        spec = ",".join("".join(_letter(k) for k in s) for s in subs)
        spec += "->" + "".join(_letter(k) for k in range(node.rank))
        return (lambda *a: np.einsum(spec, *a)), slots

    def _elementwise(self, node: Node) -> tuple[Callable[..., Array], tuple[int, ...]]:
        """Sum or product of arrays, written into an operand that is needed no more if it has all axes."""
        placed = [self._place(arg, node) for arg in node.args]
        slots, views = tuple(slot for slot, _ in placed), [view for _, view in placed]
        if len(views) == 1:
            return views[0] or (lambda a: a), slots
        subs = [set(s) for _, s in node.args]
        both = subs[0] | subs[1]
        whole = [k for k in (0, 1) if subs[k] == both and len(node.args[k][1]) == len(both)]
        into = next((k for k in whole if self._spends(node.args[k][0], node)), None)
        grows = [not s <= set().union(*subs[:k]) for k, s in enumerate(subs)][2:]
        return _broadcast(np.add if node.op == "add" else np.multiply, views, into, grows), slots

    def _matmul(self, node: Node) -> tuple[Callable[..., Array], tuple[int, ...]]:
        """Sum of a product of two arrays as one (batched) matrix product."""
        (_, sa), (_, sb) = node.args
        out = range(node.rank)
        batch = [k for k in out if k in sa and k in sb]
        rows = [k for k in out if k in sa and k not in sb]
        columns = [k for k in out if k in sb and k not in sa]
        inner = [k for k in range(node.rank, len(node.axes)) if k in sa and k in sb]
        size = [self.sizes[a] for a in node.axes]
        extent = lambda axes: tuple(size[k] for k in axes)  # noqa: E731
        count = lambda axes: int(np.prod(extent(axes), dtype=int))  # noqa: E731
        left = self._pack(node, 0, [*batch, *rows, *inner], (*extent(batch), count(rows), count(inner)))
        right = self._pack(
            node, 1, [*batch, *inner, *columns], (*extent(batch), count(inner), count(columns))
        )
        order = [*batch, *rows, *columns]
        shape, back = extent(order), tuple(order.index(k) for k in out)
        straight = all(a < b for a, b in pairwise(back))

        def product(a: Array, b: Array) -> Array:
            a = a if left[1] is None else left[1](a)
            b = b if right[1] is None else right[1](b)
            c = np.matmul(a, b).reshape(shape)
            return c if straight else c.transpose(back)

        return product, (left[0], right[0])

    def _pack(self, node: Node, which: int, order: list[int], shape: tuple[int, ...]) -> Placed:
        """An operand laid out for a matrix product."""
        arg, subs = node.args[which]
        alone = tuple(k for k, s in enumerate(subs) if s not in order)  # summed in this operand only
        kept = [s for s in subs if s in order]
        perm = tuple(kept.index(k) for k in order)

        def view(a: Array) -> Array:
            a = a.sum(axis=alone) if alone else a
            return a.transpose(perm).reshape(shape)

        return self._early(arg, node, view, ("pack", alone, perm, shape), np.ascontiguousarray)

    def _place(self, operand: tuple[Node, tuple[int, ...]], node: Node) -> Placed:
        """An operand with its axes on the loop axes."""
        arg, subs = operand
        view = _placer(subs, node.rank)
        return (self.slot[arg], None) if view is None else self._early(arg, node, view, (subs, node.rank))

    def _early(self, arg: Node, node: Node, view: View, key: tuple, keep: View = np.asarray) -> Placed:
        """Slot of an operand, and the view that remains to be taken; none if it can be taken once, before."""
        if self._once or arg.time >= node.time or self._stages[node].is_once:
            return self.slot[arg], view
        if (arg, key) not in self._views:
            self._views[arg, key] = len(self.values)
            self.values.append(None)
            steps = self.steps[Time.PRELUDE] if arg.time is Time.PRELUDE else self.linear_steps
            steps.append((lambda a: keep(view(a)), self._views[arg, key], (self.slot[arg],)))
        return self._views[arg, key], None


def _owner(array: Array) -> Array:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _letter(k: int) -> str:
    return "abcdefghijklmnopqrstuvwxyz"[k]


def _taker(axis: int, position: int) -> Callable[[Array], Array]:
    index = (*(slice(None),) * axis, position)
    return lambda a: a[index]


def _placer(subs: tuple[int, ...], rank: int) -> Callable[[Array], Array] | None:
    """Function that puts the axes of an operand on the loop axes; None if they are there already."""
    if not subs or subs == tuple(range(rank)) or subs == tuple(range(rank - len(subs), rank)):
        return None
    if len(set(subs)) < len(subs):
        kept = tuple(dict.fromkeys(subs))
        spec = "".join(map(_letter, subs)) + "->" + "".join(map(_letter, kept))
        place = _placer(kept, rank) or (lambda a: a)
        return lambda a: place(np.einsum(spec, a))
    perm = tuple(np.argsort(subs))
    index = tuple(slice(None) if k in subs else None for k in range(rank))
    straight = perm == tuple(range(len(subs)))
    return (lambda a: a[index]) if straight else (lambda a: a.transpose(perm)[index])


def _broadcast(
    ufunc: np.ufunc, views: list[View | None], into: int | None, grows: Sequence[bool]
) -> Callable[..., Array]:
    """Chain of one operation; operand `into` may be written to, and so may a result that the next operand does not grow."""
    if len(views) == 2 and views == [None, None] and into is None:
        return ufunc

    def nest(*args: Array) -> Array:
        placed = [a if view is None else view(a) for a, view in zip(args, views, strict=True)]
        out = ufunc(placed[0], placed[1], out=None if into is None else placed[into])
        for extra, larger in zip(placed[2:], grows, strict=True):
            out = ufunc(out, extra, out=None if larger or not out.ndim else out)
        return out

    return nest


def _in_place(ufunc: np.ufunc) -> Callable[[Array], Array]:
    return lambda a: ufunc(a, out=a)


def _is_fresh(node: Node) -> bool:
    """True if a node has an array of its own, in which it may be changed: no view, constant or input."""
    return node.op in _UNARY or (
        node.op in ("add", "mul") and len(node.args) > 1 and node.rank == len(node.axes)
    )


# ---- order ---------------------------------------------------------------------------------------


def frugal(roots: Sequence[Node], sizes: Mapping[str, int]) -> list[Node]:
    """Nodes that some roots need, operands first, in an order in which few large arrays live at the same time.

    Of the operands of a node that comes first which needs most memory beyond its result (Sethi and Ullman 1970, for trees).
    """
    size, peak, order = {}, {}, {}
    for node in sorted(needed(roots), key=lambda n: n.id):
        size[node] = 0 if node.op == "input" else prod(sizes[a] for a in node.shape_axes)
        order[node] = sorted(dict.fromkeys(a for a, _ in node.args), key=lambda a: size[a] - peak[a])
        held = peak[node] = 0
        for arg in order[node]:
            peak[node] = max(peak[node], held + peak[arg])
            held += size[arg]
        peak[node] = max(peak[node], held + size[node])
    out: dict[Node, None] = {}
    todo = [(node, False) for node in sorted(roots, key=lambda n: peak[n] - size[n])]
    while todo:
        node, ready = todo.pop()
        if ready:
            out[node] = None
        elif node not in out:
            todo.append((node, True))
            todo.extend((arg, False) for arg in reversed(order[node]))
    return list(out)
