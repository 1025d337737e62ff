"""Reverse derivatives as a source transformation on the indexed expression graph.

Sums over an axis become broadcasts and broadcasts sums; the transpose of a diagonal is a product with the
identity, that of an element taken from an axis a product with its unit vector. So no operation is needed that
values do not have, and every back end that can evaluate a model can evaluate its adjoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from framework.compile.ir import Graph, Node, Ref, Time, needed
from framework.compile.tangent import axis_index, own_indices, slope


class Adjoint:
    """Vector-Jacobian products: the derivatives of ``sum(cotangent * value)`` over given values.

    Parameters
    ----------
    graph : Graph
    seeds : sequence of (Node, Node)
        Values, each with its cotangent over the same axes.
    wanted : iterable of Node
        Inputs to which derivatives are taken; what depends on none of them is not visited.
    """

    def __init__(self, graph: Graph, seeds: Sequence[tuple[Node, Node]], wanted: Iterable[Node]) -> None:
        self.graph, self._wanted = graph, set(wanted)
        self._parts: dict[Node, list[Ref]] = {}
        nodes = sorted(needed(value for value, _ in seeds), key=lambda n: n.id)
        self._active: set[Node] = set()
        for node in nodes:
            if node in self._wanted or any(arg in self._active for arg, _ in node.args):
                self._active.add(node)
        for value, cotangent in seeds:
            self._give(value, Ref(cotangent, own_indices(value)))
        for node in reversed(nodes):  # operands precede what is made of them
            if node in self._active and node not in self._wanted and node in self._parts:
                self._transpose(node, graph.add(self._parts.pop(node)))

    def of(self, node: Node) -> Ref | None:
        """Derivative to an input, over (some of) its standard indices; None where it is zero."""
        parts = self._parts.get(node)
        return self.graph.add(parts) if parts else None

    def _give(self, node: Node, part: Ref) -> None:
        if node in self._active:
            self._parts.setdefault(node, []).append(part)

    def _transpose(self, node: Node, bar: Ref) -> None:
        """Hand the derivative of a node on to its operands."""
        if node.op in ("add", "mul"):
            for k, (arg, _) in enumerate(node.args):
                if arg in self._active:
                    self._give(arg, self._to_operand(node, k, bar))
            return
        arg = node.args[0][0]
        if node.op == "take":
            self._give(arg, self._untaken(node, bar))
        elif (factors := slope(self.graph, node)) is not None:
            self._give(arg, self.graph.mul([bar, self.graph.mul(factors)]))

    def _to_operand(self, node: Node, k: int, bar: Ref) -> Ref:
        """Derivative to the k-th operand of a product or sum, on the axes of the operand."""
        loops = [axis_index(root, j) for j, root in enumerate(node.axes)]
        arg, subs = node.args[k]
        others: list[Ref] = []
        if node.op == "mul":
            placed = [Ref(a, tuple(loops[s] for s in where)) for a, where in node.args]
            others = self._merged([*placed[:k], *placed[k + 1 :]])
        kept = {loops[s] for s in subs}
        seen = {i for r in (bar, *others) for i in r.indices}
        # A loop on which nothing here depends was summed over, or repeated, as often as its set has elements.
        sizes = [Ref(self.graph.size(node.axes[j]), ()) for j, i in enumerate(loops) if i not in kept | seen]
        out = self.graph.mul([bar, *others, *sizes], [i for i in loops if i in seen - kept])
        return self._on_axes(out, arg, [loops[s] for s in subs])

    def _merged(self, factors: list[Ref]) -> list[Ref]:
        """Multiply what is known before the cotangent, where the product is no larger than its factors."""
        out: list[Ref] = []
        for r in sorted(factors, key=lambda r: -len(set(r.indices))):
            home = next((k for k, s in enumerate(out) if set(r.indices) <= set(s.indices)), None)
            if home is None:
                out.append(r)
            else:
                out[home] = self.graph.mul([out[home], r])
        return out

    def _on_axes(self, ref: Ref, arg: Node, places: list) -> Ref:
        """Rename from loops to the axes of an operand; on a diagonal, times the identity."""
        own, first, identities = own_indices(arg), {}, []
        for place, index in zip(places, own, strict=True):
            if place in first:
                roots = [arg.axes[own.index(first[place])], arg.axes[own.index(index)]]
                identities.append(Ref(self.graph.node("eye", axes=roots), (first[place], index)))
            else:
                first[place] = index
        out = Ref(ref.node, tuple(first[i] for i in ref.indices))
        return self.graph.mul([out, *identities]) if identities else out

    def _untaken(self, node: Node, bar: Ref) -> Ref:
        arg = node.args[0][0]
        axis, element = node.attr  # type: ignore[misc]
        own = own_indices(arg)
        before = {i: own[k + (k >= axis)] for k, i in enumerate(own_indices(node))}
        unit = self.graph.node("unit", axes=[arg.axes[axis]], attr=element)
        moved = Ref(bar.node, tuple(before[i] for i in bar.indices))
        return self.graph.mul([moved, Ref(unit, (own[axis],))])


def cotangent(graph: Graph, name: object, value: Node) -> Node:
    """The input that holds the weights on a value."""
    return graph.input(("cotangent", name), value.shape_axes, Time.TANGENT)
