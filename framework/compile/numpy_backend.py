"""Evaluate an indexed expression graph with numpy: a static tape of array operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import lru_cache
from itertools import pairwise

import numpy as np

from framework.compile.ir import Node, Time
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
) -> Program:
    """A `Program` without values; the tape is made once for all data of these sizes."""
    roots = tuple(residuals), tuple(products), tuple(before), tuple(after)
    return _tape(*roots, tuple(sizes.items()), tuple(positions.items())).empty()


@lru_cache(maxsize=64)
def _tape(
    residuals: tuple, products: tuple, before: tuple, after: tuple, sizes: tuple, positions: tuple
) -> Program:
    return Program(residuals, products, dict(sizes), dict(positions), before, after)


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
    """

    def __init__(
        self,
        residuals: Sequence[Node],
        products: Sequence[Node],
        sizes: Mapping[str, int],
        positions: Mapping[str, int],
        before: Sequence[Node] = (),
        after: Sequence[Node] = (),
    ) -> None:
        self.sizes, self.positions = sizes, positions
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
        for node in self.nodes:
            if node.op != "input":
                self._emit(node, self._lists[self._stages[node]])
        self._free({self.slot[root] for root in [*residuals, *products, *before, *after]})

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

    def _emit(self, node: Node, steps: list[Step]) -> None:
        args = tuple(self.slot[a] for a, _ in node.args)
        shape = tuple(self.sizes[a] for a in node.shape_axes)
        if node.op in _UNARY:
            function: Callable[..., Array] = _UNARY[node.op]
        elif node.op == "take":
            axis, name = node.attr  # type: ignore[misc]
            function = _taker(axis, self.positions[name])
        elif node.op in ("add", "mul"):
            function, args = self._nest(node)
        else:
            constant = self._leaf(node, shape)
            function = lambda c=constant: c  # noqa: E731
        steps.append((function, self.slot[node], args))

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
            placed = [self._place(arg, node) for arg in node.args]
            ufunc = np.add if node.op == "add" else np.multiply
            return _broadcast(ufunc, [view for _, view in placed]), tuple(slot for slot, _ in placed)
        if len(subs) == 2 and all(len(set(s)) == len(s) for s in subs):
            return self._matmul(node)
        spec = ",".join("".join(_letter(k) for k in s) for s in subs)
        spec += "->" + "".join(_letter(k) for k in range(node.rank))
        return (lambda *a: np.einsum(spec, *a)), slots

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
        if arg.time >= node.time or self._stages[node].is_once:
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


def _broadcast(ufunc: np.ufunc, views: list[View | None]) -> Callable[..., Array]:
    if len(views) == 1:
        return views[0] or (lambda a: a)
    if len(views) == 2 and views == [None, None]:
        return ufunc

    def nest(*args: Array) -> Array:
        placed = [a if view is None else view(a) for a, view in zip(args, views, strict=True)]
        out = ufunc(placed[0], placed[1])
        for extra in placed[2:]:
            out = ufunc(out, extra)
        return out

    return nest
