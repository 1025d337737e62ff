"""Collect, in every total, the sums that read the same array of data: ``sum T x + sum T y = sum T (x + y)``.

An adjoint gives a value one term for each of its uses, and those of the uses with one tensor differ by a small factor
only. Factors are added first, and the transposed product reads a tensor as often as the product does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from framework.compile.values import LARGE, Builder, Loop, Place, Places, Stage, Value, composed, numbered

Term = tuple[Value, Places]


def collect(builder: Builder, used: Sequence[Value]) -> None:
    """Rewrite totals in place.

    Parameters
    ----------
    builder : Builder
    used : sequence of Value
        What the program needs, operands first.
    """
    readers = Counter(w for v in used for w, _ in v.args)
    inside: set[Value] = set()  # totals that are terms of another one
    for v in reversed(used):
        if v.op != "add" or len(v.result) >= LARGE or v in inside:
            continue
        terms = _terms(v, v.dims, readers, inside)
        groups: dict[object, list[Term]] = {}
        for number, (w, places) in enumerate(terms):
            shared = _tensor(w) if readers[w] == 1 and w.stage is v.stage else None
            key = number if shared is None else (w.args[shared], w.loops, w.result, places)
            groups.setdefault(key, []).append((w, places))
        if len(groups) == len(terms):
            continue
        v.args = tuple(_collected(builder, group) for group in groups.values())
        v.op = "add" if len(v.args) > 1 else "mul"


def _terms(v: Value, outer: Places, readers: Counter[Value], inside: set[Value]) -> list[Term]:
    """Operands of a total, those of totals that only it reads in their stead."""
    out: list[Term] = []
    for w, inner in v.args:
        places = composed(inner, v, outer)
        if w.op == "add" and readers[w] == 1 and w.stage is v.stage and len(w.result) < LARGE:
            inside.add(w)
            out += _terms(w, places, readers, inside)
        else:
            out.append((w, places))
    return out


def _tensor(v: Value) -> int | None:
    """Which operand of a sum of products is a large array of data, the other factors being small."""
    if v.op != "mul" or not v.is_sum:
        return None
    large = [k for k, (w, _) in enumerate(v.args) if w.is_large]
    if len(large) != 1 or v.args[large[0]][0].stage is not Stage.PRELUDE or v.stage is Stage.PRELUDE:
        return None
    return large[0] if len(_loops_of(v, large[0])) < LARGE else None


def _loops_of(v: Value, k: int) -> tuple[Loop, ...]:
    """Loops on which the other factors of a sum depend."""
    seen = {p for j, (_, places) in enumerate(v.args) if j != k for p in places}
    return tuple(loop for loop in v.loops if loop in seen)


def _collected(builder: Builder, group: Sequence[Term]) -> Term:
    """One sum in place of several over the same array."""
    first, places = group[0]
    if len(group) == 1:
        return first, places
    k = _tensor(first)
    assert k is not None
    factors = [_factor(builder, w) for w, _ in group]
    loops = tuple(loop for loop in first.loops if any(loop in at for _, at in factors))
    total = _elementwise(builder, "add", factors, loops, first.stage)
    args = [first.args[k], (total, loops)]
    return builder.value("mul", args, first.loops, first.result, first.attr, first.stage), places


def _factor(builder: Builder, v: Value) -> Term:
    """What a sum multiplies its array by, on the loops of the sum."""
    k = _tensor(v)
    assert k is not None
    others = [*v.args[:k], *v.args[k + 1 :]]
    if len(others) == 1 and len(set(others[0][1])) == len(others[0][1]):
        return others[0]
    loops = _loops_of(v, k)
    return _elementwise(builder, "mul", others, loops, v.stage), loops


def _elementwise(
    builder: Builder, op: str, args: Sequence[Term], loops: tuple[Loop, ...], stage: Stage
) -> Value:
    """A product or total over some loops of another nest, which are numbered afresh."""
    own = numbered([root for root, _ in loops])
    table: dict[Place, Place] = dict(zip(loops, own, strict=True))
    placed = [(w, tuple(table.get(p, p) for p in places)) for w, places in args]
    return builder.value(op, placed, own, own, None, stage)
