"""Forward derivatives as a source transformation on the indexed expression graph."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import sympy as sp

from framework.compile.ir import Graph, Node, Ref, Time
from framework.sets import Set


@cache
def axis_index(root: str, position: int) -> sp.Idx:
    """A standard index for an axis position."""
    return Set(root, root).indices(f"a{position}")[0]


def own_indices(node: Node) -> tuple[sp.Idx, ...]:
    """Standard indices on the axes of a node."""
    return tuple(axis_index(root, k) for k, root in enumerate(node.shape_axes))


class Tangent:
    """Derivative of nodes in a direction given by one tangent input for each input that moves."""

    def __init__(self, graph: Graph, directions: Mapping[Node, Node]) -> None:
        self.graph = graph
        self._earliest = min((node.time for node in directions), default=Time.TANGENT)
        self._done: dict[Node, Ref | None] = {
            unknown: Ref(direction, own_indices(direction)) for unknown, direction in directions.items()
        }

    def of(self, node: Node) -> Ref | None:
        """Tangent of a node over (some of) its standard indices; None where it is zero."""
        if node.time < self._earliest:
            return None
        if node not in self._done:
            self._done[node] = self._rule(node)
        return self._done[node]

    def _rule(self, node: Node) -> Ref | None:
        if not node.args:
            return None
        if node.op == "mul":
            return self._product(node)
        if node.op == "add":
            parts = [t for k in range(len(node.args)) if (t := self._placed(node, k)) is not None]
            return self.graph.add(parts) if parts else None
        inner = self.of(node.args[0][0])
        if inner is None:
            return None
        if node.op == "take":
            return self._taken(node, inner)
        factors = slope(self.graph, node)
        return None if factors is None else self.graph.mul([inner, *factors])

    def _placed(self, node: Node, k: int) -> Ref | None:
        """Tangent of the k-th operand on the loop axes of the node."""
        arg, subs = node.args[k]
        inner = self.of(arg)
        if inner is None:
            return None
        place = {
            index: axis_index(node.axes[loop], loop)
            for index, loop in zip(own_indices(arg), subs, strict=True)
        }
        return Ref(inner.node, tuple(place[i] for i in inner.indices))

    def _product(self, node: Node) -> Ref | None:
        loops = [axis_index(root, k) for k, root in enumerate(node.axes)]
        summed = loops[node.rank :]
        others = [Ref(arg, tuple(loops[s] for s in subs)) for arg, subs in node.args]
        parts = []
        for k in range(len(node.args)):
            tangent = self._placed(node, k)
            if tangent is None:
                continue
            factors = [*others[:k], *others[k + 1 :], tangent]
            seen = {i for f in factors for i in f.indices}
            factors += [Ref(self.graph.size(node.axes[loops.index(i)]), ()) for i in summed if i not in seen]
            parts.append(self.graph.mul(factors, [i for i in summed if i in seen]))
        return self.graph.add(parts) if parts else None

    def _taken(self, node: Node, inner: Ref) -> Ref:
        arg = node.args[0][0]
        axis, element = node.attr  # type: ignore[misc]
        before = own_indices(arg)
        after = {b: axis_index(arg.axes[k], k - (k > axis)) for k, b in enumerate(before) if k != axis}
        taken, rest = inner.node, list(inner.indices)
        if before[axis] in rest:
            position = rest.index(before[axis])
            taken = self.graph.take(taken, position, sp.Symbol(element))
            rest.pop(position)
        return Ref(taken, tuple(after[i] for i in rest))


def slope(graph: Graph, node: Node) -> list[Ref] | None:
    """Derivative of a function of one argument, as factors; None where it is zero."""
    here = Ref(node, own_indices(node))
    arg = Ref(node.args[0][0], own_indices(node.args[0][0]))
    one, minus = Ref(graph.const(1.0), ()), Ref(graph.const(-1.0), ())
    match node.op:
        case "exp":
            return [here]
        case "log":
            # Data may have empty cells, with log 0 and weight 0; they stay empty.
            return [graph.apply("inverse0" if node.time is Time.PRELUDE else "inverse", arg)]
        case "expm1":
            return [graph.add([here, one])]
        case "log1p":
            return [graph.apply("inverse", graph.add([arg, one]))]
        case "inverse" | "inverse0":
            return [minus, here, here]
        case "sqrt":
            # The root of two squares has a kink where both are zero; zero is an element of its derivative there.
            return [Ref(graph.const(0.5), ()), graph.apply("inverse0", here)]
        case "abs":
            return [graph.apply("sign", arg)]
        case "iszero" | "sign":
            return None
    raise NotImplementedError(f"derivative of '{node.op}'")
