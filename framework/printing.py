"""Equations as plain text in the form in which they are typed, with carets under one part of them."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

import sympy as sp
from sympy.printing.str import StrPrinter

_OPEN, _CLOSE = "\x02", "\x03"  # control characters cannot occur in a symbol
_WIDTH = 96


class Place(NamedTuple):
    """One occurrence of a part of an equation.

    Attributes
    ----------
    part : sympy.Basic
    use : str
        Of an index, which use of it: ``"free"`` where no sum binds it, ``"binder"`` where a sum names it,
        ``"value"`` where it is no subscript; ``"any"`` otherwise.
    subscript : int or None
        Only this subscript of the part, counted from 0.
    """

    part: sp.Basic
    use: Literal["any", "free", "binder", "value"] = "any"
    subscript: int | None = None


class _Typed(StrPrinter):
    """Prints a sum as ``Sum(x[i], i)`` and encloses the first occurrence of a place."""

    printmethod = ""  # sympy's own text of an Indexed would pass this printer by

    def __init__(self, place: Place | None = None) -> None:
        super().__init__()
        self.place = place
        self.bound: list[sp.Basic] = []

    def _print(self, expr, **kwargs) -> str:
        return self._marked(expr, super()._print(expr, **kwargs), "value")

    def _marked(self, expr: sp.Basic, text: str, use: str) -> str:
        """The text of a part in a certain use, enclosed if that is the place."""
        place = self.place
        if place is None or place.subscript is not None or expr != place.part:
            return text
        if place.use == "free" and (use == "binder" or expr in self.bound):
            return text
        return self._enclose(text) if place.use in ("any", "free", use) else text

    def _enclose(self, text: str) -> str:
        self.place = None
        return f"{_OPEN}{text}{_CLOSE}"

    def _print_Indexed(self, expr: sp.Indexed) -> str:
        place = self.place
        subs = [self._marked(i, super(_Typed, self)._print(i), "subscript") for i in expr.indices]
        if place is not None and place.part == expr and place.subscript is not None:
            subs[place.subscript] = self._enclose(subs[place.subscript])
        return f"{expr.base.label}[{', '.join(subs)}]"

    def _print_IndexedBase(self, expr: sp.IndexedBase) -> str:
        return str(expr.label)

    def _print_Idx(self, expr: sp.Idx) -> str:
        return str(expr.label)

    def _print_Sum(self, expr: sp.Sum | sp.Product) -> str:
        indices = [limit[0] for limit in expr.limits]
        self.bound += indices
        body = self._print(expr.function)
        del self.bound[-len(indices) :]
        limits = [
            self._marked(i, str(i), "binder") if len(limit) < 2 or _whole(limit) else self._print(limit)
            for i, limit in zip(indices, expr.limits, strict=True)
        ]
        return f"{type(expr).__name__}({', '.join([body, *limits])})"

    _print_Product = _print_Sum

    def _print_perp(self, expr: sp.Expr) -> str:
        function, x, lower, upper = (self._print(a) for a in expr.args)
        if expr.args[2] == -sp.oo:
            return f"{function} <= 0 ⟂ {x} <= {upper}"
        if expr.args[3] == sp.oo:
            return f"{function} >= 0 ⟂ {x} >= {lower}"
        return f"{function} ⟂ {lower} <= {x} <= {upper}"


def _whole(limit: sp.Tuple) -> bool:
    """True if a sum runs over the whole set of its index."""
    index = limit[0]
    return isinstance(index, sp.Idx) and tuple(limit[1:]) == (index.lower, index.upper)


def typed(expr: sp.Basic) -> str:
    """An expression as it is typed: sums and products name their indices only."""
    return _Typed().doprint(expr)


def show(lhs: sp.Basic, sign: str, rhs: sp.Basic, place: Place | None = None) -> str:
    """An equation on one line; under it, if a place is given, carets that mark the place.

    A long equation is cut around the marks, since carets under a wrapped line point nowhere.
    """
    printer = _Typed(place)
    text = f"{printer.doprint(lhs)} {sign} {printer.doprint(rhs)}"
    found = re.search(f"{_OPEN}(.*){_CLOSE}", text)
    if found is None:
        return f"    {text}"
    start, length = found.start(), len(found[1])
    text = text.replace(_OPEN, "").replace(_CLOSE, "")
    if len(text) > _WIDTH:
        text, start = _cut(text, start, start + length)
    length = min(length, len(text) - start)
    return f"    {text}\n    {' ' * start}{'^' * length}"


def _cut(text: str, start: int, stop: int) -> tuple[str, int]:
    """The part of a long text around ``text[start:stop]``, and where that begins in it."""
    room = max(_WIDTH - (stop - start), 0)
    first = max(0, min(start - room // 2, len(text) - _WIDTH))
    last = min(len(text), max(first + _WIDTH, stop))
    if first:
        first = text.rfind(" ", 0, first) + 1
    if last < len(text):
        last = max(text.find(" ", last), stop) if text.find(" ", last) > 0 else len(text)
    head, tail = "... " if first else "", " ..." if last < len(text) else ""
    return f"{head}{text[first:last]}{tail}", start - first + len(head)
