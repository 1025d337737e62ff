"""The pattern of a Jacobian holds every entry that moves, on random graphs evaluated by their definition."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from test_numpy_backend import SIZES, graphs, meaning

from framework.compile.ir import Graph, Time
from framework.compile.pattern import block, ties


@settings(max_examples=60)
@given(graphs())
def test_what_moves_is_in_the_pattern(drawn):
    nodes, inputs = drawn
    source = next(n for n in nodes if n.op == "input")
    found = ties(nodes, source)
    given_values = inputs[source.attr]
    for node in nodes[-3:]:
        before, pattern = meaning(node, inputs), block(node, source, SIZES, found)
        assert pattern.shape == (before.size, given_values.size)
        for k in range(given_values.size):
            moved = np.array(given_values)
            moved.reshape(-1)[k] *= 1.01
            change = meaning(node, {**inputs, source.attr: moved}) - before
            assert not (np.abs(change.ravel()) > 1e-9)[~pattern[:, k]].any()


def test_a_sum_fills_its_rows_and_a_product_keeps_the_diagonal():
    graph = Graph()
    x, y = graph.input("x", ["b"], Time.STATE), graph.input("y", ["b", "b"], Time.PRELUDE)
    scaled = graph.node("mul", [(y, (0, 1)), (x, (1,))], ["b", "b"])
    total = graph.node("mul", [(y, (0, 1)), (x, (1,))], ["b", "b"], 1)
    both = graph.node("add", [(total, (0,)), (x, (0,))], ["b"])
    squared = graph.node("mul", [(x, (0,)), (x, (0,))], ["b"])
    found, n = ties([scaled, both, squared], x), SIZES["b"]
    np.testing.assert_array_equal(block(squared, x, SIZES, found), np.eye(n, dtype=bool))
    np.testing.assert_array_equal(block(scaled, x, SIZES, found), np.tile(np.eye(n, dtype=bool), (n, 1)))
    assert block(both, x, SIZES, found).all()
