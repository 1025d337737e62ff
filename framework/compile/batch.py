"""Many data sets at once: the expression graph with one more axis, as a source transformation.

What depends on nothing that differs between the data sets stays as it is, without the axis.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from framework.compile.ir import Graph, Node, needed

DRAW = "draw"  # the root set of the axis


def batched(graph: Graph, roots: Sequence[Node], moving: Iterable[Node]) -> list[Node]:
    """Return the roots with a last axis over draws, where they depend on one of the moving inputs.

    The moving inputs are then named ``("draws", name)``. The axis is the last one, so that inner loops are long.
    """
    moving = set(moving)
    done: dict[Node, Node] = {}
    for node in sorted(needed(roots), key=lambda n: n.id):
        axes = (*node.axes[: node.rank], DRAW, *node.axes[node.rank :])
        if node in moving:
            done[node] = graph.input(("draws", node.attr), axes, node.time)
        elif any(arg in done for arg, _ in node.args):
            args = [(done.get(arg, arg), _placed(node, subs, arg in done)) for arg, subs in node.args]
            if node.op == "take":  # its operand has one axis more than the result
                args = [(arg, tuple(range(arg.rank))) for arg, _ in args]
            done[node] = graph.node(node.op, args, axes, node.rank + 1, node.attr)
    return [done.get(node, node) for node in roots]


def _placed(node: Node, subs: tuple[int, ...], has_draws: bool) -> tuple[int, ...]:
    """Loops of an operand's axes where the loop over draws comes after the node's own axes."""
    moved = tuple(s + (s >= node.rank) for s in subs)
    return (*moved, node.rank) if has_draws else moved
