"""Let sums over large arrays of data read one array where those they ask for differ by a part that is read anyway.

Trade with oneself is part of sales and no part of exports, so a model sums one tensor of data with and without its
diagonal: the whole sum is the sum off the diagonal plus the diagonal's own term. A flow is valued with and without the
tariff that is levied on it: the sum of ``(1 + t) T`` is that of ``T`` plus the revenue, that of ``t T``. Nothing is
subtracted, and at large sizes an evaluation costs what it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from framework.compile.values import Builder, Loop, Place, Places, Stage, Value, composed, numbered

Args = tuple[tuple[Value, Places], ...]


def share(builder: Builder) -> None:
    """Rewrite, in place, the sums that can do with other arrays than they ask for."""
    known = _Known(builder.values)
    _rewrite(builder, known.net_and_wedge, _add_wedge)
    parts: dict[tuple, tuple[Value, Places]] = {}
    for v in builder.values:
        for k, (w, places) in enumerate(v.args):
            if v.op == "mul" and v.is_large and v.stage is Stage.PRELUDE and _is_off_diagonal(w):
                parts[_content("mul", v.loops, _without(v.args, k))] = v, places
    _rewrite(builder, lambda tensor: parts.get(_content("mul", tensor.loops, tensor.args)), _split)


def _rewrite(builder: Builder, find: Callable[[Value], tuple | None], replace: Callable[..., bool]) -> None:
    """Replace one factor of each sum for which something is found."""
    for v in list(builder.values):
        if v.op != "mul" or not v.is_sum or v.stage is Stage.PRELUDE:
            continue
        for k, (tensor, _) in enumerate(v.args):
            if tensor.op == "mul" and tensor.is_large and tensor.stage is Stage.PRELUDE:
                found = find(tensor)
                if found is not None and replace(builder, v, k, *found):
                    break


def _without(args: Args, k: int) -> Args:
    return args[:k] + args[k + 1 :]


def _content(op: str, loops: tuple[Loop, ...], args: Iterable[tuple[Value, Places]]) -> tuple:
    """What an elementwise value is made of, in whatever order."""
    return op, loops, tuple(sorted((w.id, str(places)) for w, places in args))


def _to_sum(v: Value, first: Value, second: Value) -> bool:
    v.op, v.args = "add", ((first, first.dims), (second, second.dims))
    v.loops = v.result = v.dims
    return True


# ---- wedges --------------------------------------------------------------------------------------


class _Known:
    """Elementwise values by what they are made of."""

    def __init__(self, values: Iterable[Value]) -> None:
        self._table = {_content(v.op, v.loops, v.args): v for v in values if v.args and not v.is_sum}
        self._minus = next((v for v in values if v.op == "const" and v.attr == -1.0), None)

    def _of(self, op: str, loops: tuple[Loop, ...], args: Args) -> Value | None:
        return self._table.get(_content(op, loops, args))

    def net_and_wedge(self, tensor: Value) -> tuple[Value, Value] | None:
        """``T`` and ``t T`` for a tensor that is ``(1 + t) T``: it has a power of ``1 + t`` that is larger by one."""
        for k, (power, at) in enumerate(tensor.args):
            if power.op == "exp" and power.args[0][0].op == "add":
                for less, rate, places in self._one_less(power):
                    net = (*_without(tensor.args, k), (less, at))
                    there = composed(places, power, at)
                    found = (
                        self._of("mul", tensor.loops, net),
                        self._of("mul", tensor.loops, (*net, (rate, there))),
                    )
                    if found[0] and found[1]:
                        return found  # type: ignore[return-value]
        return None

    def _one_less(self, power: Value) -> Iterator[tuple[Value, Value, Places]]:
        """The same product of powers with one factor ``1 + t`` fewer, and where ``t`` stands in it."""
        logs, at = power.args[0]
        for m, (term, where) in enumerate(logs.args):
            for k, (log, inside) in enumerate(term.args if term.op == "mul" and len(term.args) == 2 else ()):
                exponent, axes = term.args[1 - k]
                rate = _rate(log)
                lower = self._minus and self._of(
                    "add", exponent.dims, ((self._minus, ()), (exponent, exponent.dims))
                )
                smaller = lower and self._of("mul", term.loops, ((log, inside), (lower, axes)))
                fewer = smaller and self._of("add", logs.loops, (*_without(logs.args, m), (smaller, where)))
                less = fewer and self._of("exp", power.loops, ((fewer, at),))
                if rate and less:
                    places = composed(composed(rate[1], log, inside), term, where)
                    yield less, rate[0], composed(places, logs, at)


def _rate(log: Value) -> tuple[Value, Places] | None:
    """``t`` with its places, of ``log(1 + t)``."""
    if log.op != "log":
        return None
    gross, at = log.args[0]
    if gross.op != "add" or len(gross.args) != 2:
        return None
    (one, _), (rate, places) = sorted(gross.args, key=lambda a: a[0].op != "const")
    return (rate, composed(places, gross, at)) if one.op == "const" and one.attr == 1.0 else None


def _add_wedge(builder: Builder, v: Value, k: int, net: Value, wedge: Value) -> bool:
    """Make a sum of ``(1 + t) T`` that of ``T`` plus that of ``t T``."""
    others, (_, places) = _without(v.args, k), v.args[k]
    terms = (
        builder.value("mul", [*others, (tensor, places)], v.loops, v.result, v.attr, v.stage)
        for tensor in (net, wedge)
    )
    return _to_sum(v, *terms)


# ---- the diagonal --------------------------------------------------------------------------------


def _is_off_diagonal(v: Value) -> bool:
    """True for ``1 - eye``."""
    if v.op != "add" or sorted(w.op for w, _ in v.args) != ["const", "mul"]:
        return False
    (one, _), (minus, _) = sorted(v.args, key=lambda a: a[0].op)
    if one.attr != 1.0 or sorted(w.op for w, _ in minus.args) != ["const", "eye"]:
        return False
    return min(minus.args, key=lambda a: a[0].op)[0].attr == -1.0


def _split(builder: Builder, v: Value, k: int, part: Value, axes: Places) -> bool:
    """Make the k-th factor of a sum the part off its diagonal, and add what stands on the diagonal."""
    tensor, places = v.args[k]
    first, second = (places[tensor.dims.index(axis)] for axis in axes)
    if isinstance(first, str) or isinstance(second, str) or first == second:
        return False
    if first in v.result and second in v.result:
        return False
    others = _without(v.args, k)
    off = builder.value("mul", [*others, (part, places)], v.loops, v.result, v.attr, v.stage)
    own = _on_diagonal(tensor.args, tensor.loops, axes)
    diagonal = builder.value("mul", *own, own[1], None, Stage.PRELUDE)
    rest, loops = _on_diagonal([*others, (tensor, places)], v.loops, (first, second))
    kept = [p for axis, p in zip(tensor.dims, rest.pop()[1], strict=True) if axis != axes[1]]
    result = _joined(v.result, v.loops, (first, second))
    term = builder.value("mul", [*rest, (diagonal, tuple(kept))], loops, result, v.attr, v.stage)  # type: ignore[arg-type]
    return _to_sum(v, off, term)


def _on_diagonal(
    args: Iterable[tuple[Value, Places]], loops: tuple[Loop, ...], pair: Places
) -> tuple[list[tuple[Value, Places]], tuple[Loop, ...]]:
    """Operands and loops where two loops are one."""
    left = tuple(loop for loop in loops if loop != pair[1])
    return [(w, _joined(places, loops, pair)) for w, places in args], numbered([root for root, _ in left])


def _joined(places: Places, loops: tuple[Loop, ...], pair: Places) -> Places:
    """Places where the second loop of a pair is the first, loops numbered afresh."""
    left = [loop for loop in loops if loop != pair[1]]
    table: dict[Place, Place] = dict(zip(left, numbered([root for root, _ in left]), strict=True))
    table[pair[1]] = table[pair[0]]
    return tuple(table.get(p, p) for p in places)
