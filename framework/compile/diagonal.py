"""Sums over a large array, and sums over the same array without its diagonal, read one array.

Trade with oneself is part of sales and no part of exports, so a model sums one tensor of data with and without its
diagonal. The whole sum is the sum off the diagonal plus the diagonal's own term: both are positive, nothing cancels,
and one tensor fewer is stored and read at every evaluation.
"""

from __future__ import annotations

from collections.abc import Iterable

from framework.compile.values import Builder, Loop, Place, Places, Stage, Value, numbered


def split_diagonals(builder: Builder) -> None:
    """Rewrite, in place, sums over an array of which another value is the part off the diagonal."""
    parts: dict[tuple, tuple[Value, tuple[Loop, Loop]]] = {}
    for v in builder.values:
        for k, (w, places) in enumerate(v.args):
            if v.op == "mul" and v.is_large and v.stage is Stage.PRELUDE and _is_off_diagonal(w):
                parts[_content(v.loops, v.args[:k] + v.args[k + 1 :])] = v, places  # type: ignore[assignment]
    for v in list(builder.values) if parts else ():
        if v.op == "mul" and v.is_sum and v.stage > Stage.PRELUDE:
            for k, (tensor, _) in enumerate(v.args):
                found = parts.get(_content(tensor.loops, tensor.args)) if tensor.op == "mul" else None
                if found is not None and not tensor.is_sum and _split(builder, v, k, *found):
                    break


def _is_off_diagonal(v: Value) -> bool:
    """True for ``1 - eye``."""
    if v.op != "add" or sorted(w.op for w, _ in v.args) != ["const", "mul"]:
        return False
    (one, _), (minus, _) = sorted(v.args, key=lambda a: a[0].op)
    if one.attr != 1.0 or sorted(w.op for w, _ in minus.args) != ["const", "eye"]:
        return False
    return min(minus.args, key=lambda a: a[0].op)[0].attr == -1.0


def _content(loops: tuple[Loop, ...], args: Iterable[tuple[Value, Places]]) -> tuple:
    """What an elementwise product is made of, in whatever order."""
    return loops, tuple(sorted((w.id, str(places)) for w, places in args))


def _split(builder: Builder, v: Value, k: int, part: Value, axes: tuple[Loop, Loop]) -> bool:
    """Make the k-th factor of a sum the part off its diagonal, and add what stands on the diagonal."""
    tensor, places = v.args[k]
    first, second = (places[tensor.dims.index(axis)] for axis in axes)
    if isinstance(first, str) or isinstance(second, str) or first == second:
        return False
    if first in v.result and second in v.result:
        return False
    others = v.args[:k] + v.args[k + 1 :]
    off = builder.value("mul", [*others, (part, places)], v.loops, v.result, v.attr, v.stage)
    own = _on_diagonal(tensor.args, tensor.loops, axes)
    diagonal = builder.value("mul", *own, own[1], None, Stage.PRELUDE)
    rest, loops = _on_diagonal([*others, (tensor, places)], v.loops, (first, second))
    kept = [p for axis, p in zip(tensor.dims, rest.pop()[1], strict=True) if axis != axes[1]]
    result = _joined(v.result, v.loops, (first, second))
    term = builder.value("mul", [*rest, (diagonal, tuple(kept))], loops, result, v.attr, v.stage)  # type: ignore[arg-type]
    v.op, v.args = "add", ((off, off.dims), (term, term.dims))
    v.loops = v.result = v.dims
    return True


def _on_diagonal(
    args: Iterable[tuple[Value, Places]], loops: tuple[Loop, ...], pair: tuple[Loop, Loop]
) -> tuple[list[tuple[Value, Places]], tuple[Loop, ...]]:
    """Operands and loops where two loops are one."""
    left = tuple(loop for loop in loops if loop != pair[1])
    return [(w, _joined(places, loops, pair)) for w, places in args], numbered([root for root, _ in left])


def _joined(places: Places, loops: tuple[Loop, ...], pair: tuple[Loop, Loop]) -> Places:
    """Places where the second loop of a pair is the first, loops numbered afresh."""
    left = [loop for loop in loops if loop != pair[1]]
    table: dict[Place, Place] = dict(zip(left, numbered([root for root, _ in left]), strict=True))
    table[pair[1]] = table[pair[0]]
    return tuple(table.get(p, p) for p in places)
