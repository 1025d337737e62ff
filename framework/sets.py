"""Sets, their aliases, indices and named elements.

A set keeps its size symbolic (``N_region``) until data are bound, so a model is declared, transformed and
analysed without data. An alias is a second name for the same set; it names a second axis of an array in
which the set occurs twice (importer and exporter are aliases of region).
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from framework.errors import ModelError, did_you_mean

SIZE_PREFIX = "N_"


class Element(sp.Symbol):
    """A distinguished member of a set, usable as an index: ``q[C]``, ``KroneckerDelta(i, C)``.

    Its label may be bound anew when data are bound; it is neither a parameter nor data.
    """

    root: str
    label: str

    def __new__(cls, name: str, root: str, label: str) -> Element:
        """Make the member of set `root` with this label."""
        self = sp.Symbol.__xnew__(cls, name, integer=True, nonnegative=True)
        self.root = root
        self.label = label
        return self

    def _hashable_content(self) -> tuple:
        return (*super()._hashable_content(), self.root, self.label)

    def __getnewargs_ex__(self) -> tuple:
        return ((self.name, self.root, self.label), {})


@dataclass(frozen=True)
class Set:
    """A named set of labels, or an alias of one.

    Attributes
    ----------
    name : str
        Name of the set; it is the dim name of arrays over it.
    root : str
        Name of the set of which this one is an alias (its own name if it is none).
    """

    name: str
    root: str

    @property
    def size(self) -> sp.Symbol:
        """Symbolic number of elements of the root set."""
        return sp.Symbol(SIZE_PREFIX + self.root, integer=True, positive=True)

    def indices(self, names: str) -> tuple[sp.Idx, ...]:
        """Return one index for each whitespace-separated name, running over this set."""
        return tuple(sp.Idx(name, self.size) for name in names.split())

    def alias(self, name: str) -> Set:
        """Return another name for this set, for the second axis of an array over it."""
        return Set(name, self.root)

    def element(self, label: str, name: str | None = None) -> Element:
        """Return the member with this label; `name` is the role under which it can be bound anew."""
        return Element(name or label, self.root, label)


class Sets(dict[str, Set]):
    """Sets of a model by name."""

    def __missing__(self, name: str) -> Set:
        """Raise ModelError: a second axis over a set is an alias of it, not a set."""
        root = next(iter(self), "region")
        raise ModelError(
            f"there is no set '{name}', only {', '.join(self) or 'none yet'}; a second axis over a set is an alias of it: "
            f"m.sets['{root}'].alias('{name}').{did_you_mean(name, self)}"
        )


def root_of(index: sp.Idx) -> str:
    """Name of the root set over which an index runs."""
    (size,) = index.upper.free_symbols
    return size.name.removeprefix(SIZE_PREFIX)


def is_index(expr: sp.Basic) -> bool:
    """True for an index with a range (not for a named element)."""
    return isinstance(expr, sp.Idx)


class Part(sp.Tuple):
    """One part of a nest, ``(weight, value, *indices)``; it is summed over its indices."""


def _scope(expr: sp.Basic) -> tuple[tuple[sp.Idx, ...], tuple[sp.Basic, ...]]:
    """Indices that an expression binds, and the expressions inside which they are bound."""
    if isinstance(expr, (sp.Sum, sp.Product)):
        return tuple(limit[0] for limit in expr.limits), (expr.function,)
    if isinstance(expr, Part):
        return tuple(expr.args[2:]), expr.args[:2]
    return (), expr.args


def free_indices(expr: sp.Basic) -> set[sp.Idx]:
    """Indices of an expression that no sum or product binds."""
    if isinstance(expr, sp.Idx):
        return {expr}
    bound, inner = _scope(expr)
    return set().union(*(free_indices(a) for a in inner)) - set(bound) if inner else set()


def bound_indices(expr: sp.Basic) -> list[sp.Idx]:
    """Every index that a sum or product inside the expression binds, with repetitions."""
    bound, inner = _scope(expr)
    return [*bound, *(i for a in inner for i in bound_indices(a))]
