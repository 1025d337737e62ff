"""Where a Jacobian may differ from zero: the graph with each value replaced by the entries that it depends on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod

import numpy as np

from framework.compile.ir import Node, needed

Array = np.ndarray
Ties = frozenset[tuple[int, int]]


def ties(roots: Iterable[Node], source: Node) -> dict[Node, Ties]:
    """How each node depends on an input: pairs of axes (own, of the input) that must hold the same label.

    A node that does not depend on the input is left out; no pairs means that every entry may depend on every other.
    The pattern holds for any data: a zero of the data is not a zero of the pattern.
    """
    found: dict[Node, Ties] = {}
    for node in sorted(needed(roots), key=lambda n: n.id):
        if node is source:
            found[node] = frozenset((k, k) for k in range(node.rank))
        elif node.op in ("iszero", "sign"):
            continue  # their derivative is zero
        elif parts := [_through(node, subs, found[arg]) for arg, subs in node.args if arg in found]:
            found[node] = frozenset.intersection(*parts)
    return found


def _through(node: Node, subs: tuple[int, ...], below: Ties) -> Ties:
    """Pairs of an operand as pairs of the node that it is an operand of."""
    if node.op == "take":
        axis, _ = node.attr  # type: ignore[misc]
        return frozenset((own - (own > axis), other) for own, other in below if own != axis)
    placed = ((subs[own], other) for own, other in below)
    return frozenset((loop, other) for loop, other in placed if loop < node.rank)


def block(node: Node, source: Node, sizes: Mapping[str, int], found: Mapping[Node, Ties]) -> Array:
    """Pattern of the Jacobian of a node to an input as a matrix of truth values, both in C order."""
    rows, columns = ([sizes[r] for r in n.shape_axes] for n in (node, source))
    if node not in found:
        return np.zeros((prod(rows), prod(columns)), dtype=bool)
    out = np.ones([*rows, *columns], dtype=bool)
    for own, other in found[node]:
        same = np.eye(rows[own], dtype=bool)
        shape = [1] * out.ndim
        shape[own] = shape[len(rows) + other] = rows[own]
        out &= same.reshape(shape)
    return out.reshape(prod(rows), prod(columns))
