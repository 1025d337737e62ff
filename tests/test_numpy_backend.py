"""The numpy back end against the definition of every operation, and products against differences of residuals."""

from __future__ import annotations

import tracemalloc
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from levels_of import ELEMENTS, TECHNOLOGIES, system
from oracles import levels
from oracles.economies import random_economy

from framework.compile.ir import Graph, Node, Time
from framework.compile.numpy_backend import Program, program
from framework.compile.tangent import Tangent
from framework.sets import Element

SIZES = {"a": 2, "b": 3, "c": 4}
POSITIONS = {"A": 1, "B": 2, "C": 0}
ELEMENT = {root: Element(name, root, name) for root, name in zip("abc", "ABC", strict=True)}
UNARY = {
    "exp": np.exp,
    "log": np.log,
    "expm1": np.expm1,
    "log1p": np.log1p,
    "inverse": lambda v: 1 / v,
    "inverse0": lambda v: np.array([0.0 if e == 0 else 1 / e for e in v.ravel()]).reshape(v.shape),
    "iszero": lambda v: (v == 0) * 1.0,
    "abs": np.abs,
    "sign": np.sign,
}


def meaning(node: Node, inputs: dict) -> np.ndarray:
    """Value of a node by its definition: every entry of the loop axes is visited."""
    args = [meaning(a, inputs) for a, _ in node.args]
    shape = tuple(SIZES[a] for a in node.axes)
    match node.op:
        case "input":
            return inputs[node.attr]
        case "const":
            return np.asarray(node.attr)
        case "size":
            return np.asarray(float(SIZES[node.attr]))
        case "ones":
            return np.ones(shape)
        case "eye":
            return np.array([[float(i == j) for j in range(shape[1])] for i in range(shape[0])])
        case "unit":
            return np.array([float(i == POSITIONS[node.attr]) for i in range(shape[0])])
        case "take":
            axis, name = node.attr
            return np.moveaxis(args[0], axis, 0)[POSITIONS[name]]
        case "add" | "mul":
            loop = np.indices(shape)
            cells = (v[tuple(loop[s] for s in subs)] for v, (_, subs) in zip(args, node.args, strict=True))
            parts = [np.broadcast_to(cell, shape) for cell in cells]
            whole = np.sum(parts, axis=0) if node.op == "add" else np.prod(parts, axis=0)
            return whole.sum(axis=tuple(range(node.rank, len(shape))))
    return UNARY[node.op](args[0])


@st.composite
def graphs(draw) -> tuple[list[Node], dict]:
    """A random graph of nests, with inputs of every binding time."""
    graph, rng = Graph(), np.random.default_rng(draw(st.integers(0, 10**6)))
    nodes = [
        graph.const(1.5),
        graph.size("b"),
        graph.node("ones", axes=["c"]),
        graph.node("eye", axes=["b", "b"]),
    ]
    nodes += [graph.node("unit", axes=[r], attr=str(ELEMENT[r])) for r in "abc"]
    inputs = {}
    for k in range(draw(st.integers(2, 4))):
        axes = draw(st.lists(st.sampled_from("abc"), max_size=3))
        inputs[k] = rng.uniform(0.5, 1.5, [SIZES[a] for a in axes])
        nodes.append(graph.input(k, axes, draw(st.sampled_from(Time))))
    for _ in range(draw(st.integers(1, 6))):
        nodes.append(draw(nests(graph, nodes)))
        if nodes[-1].rank and draw(st.booleans()):
            axis = draw(st.integers(0, nodes[-1].rank - 1))
            nodes.append(graph.take(nodes[-1], axis, ELEMENT[nodes[-1].shape_axes[axis]]))
        nodes.append(graph.unary(draw(st.sampled_from(["abs", "sign", "iszero", "inverse0"])), nodes[-1]))
    return nodes, inputs


@st.composite
def nests(draw, graph: Graph, nodes: list[Node]) -> Node:
    """A sum or a product of one to three nodes, their axes placed anyhow, diagonals included."""
    op = draw(st.sampled_from(["add", "mul"]))
    parts = draw(st.lists(st.sampled_from(nodes), min_size=1, max_size=3))
    axes: list[str] = []
    placed = []
    for part in parts:
        subs = []
        for root in part.shape_axes:
            known = [k for k, a in enumerate(axes) if a == root]
            if known and draw(st.booleans()):
                subs.append(draw(st.sampled_from(known)))
            else:
                axes.append(root)
                subs.append(len(axes) - 1)
        placed.append(subs)
    order = draw(st.permutations(range(len(axes))))  # the loop axes in any order
    args = [(p, tuple(order.index(s) for s in subs)) for p, subs in zip(parts, placed, strict=True)]
    rank = draw(st.integers(0, len(axes))) if op == "mul" else len(axes)
    return graph.node(op, args, [axes[k] for k in order], rank)


def evaluate(tape: Program, inputs: dict, times=tuple(Time)) -> None:
    for name, value in inputs.items():
        if name in tape.inputs:
            tape.set(name, value)
    for time in times:
        tape.run(tape.steps[time])
        if time is Time.STATE:
            tape.run(tape.linear_steps)


def assert_means(tape: Program, nodes: list[Node], inputs: dict) -> None:
    for node in nodes:
        want = meaning(node, inputs)
        np.testing.assert_allclose(np.broadcast_to(tape[node], want.shape), want, rtol=1e-11, atol=1e-11)


@settings(max_examples=250)
@given(graphs())
def test_random_graphs_have_their_meaning(drawn):
    nodes, inputs = drawn
    state = [n for n in nodes if n.time < Time.TANGENT]
    tape = Program(state, [n for n in nodes if n.time is Time.TANGENT], SIZES, POSITIONS)
    evaluate(tape, inputs)
    assert_means(tape, nodes, inputs)


@settings(max_examples=150)
@given(graphs(), st.booleans())
def test_what_is_needed_no_more_may_be_written_into_but_never_what_is(drawn, once):
    nodes, inputs = drawn
    roots, before = [nodes[-1], nodes[len(nodes) // 2]], {k: v.copy() for k, v in inputs.items()}
    tape = Program(roots, [], SIZES, POSITIONS, once=once)
    for _ in range(1 if once else 2):
        evaluate(tape, inputs, (Time.PRELUDE, Time.STATE, Time.TANGENT))
        assert_means(tape, roots, inputs)
    assert all(np.array_equal(inputs[k], before[k]) for k in inputs)
    assert all(tape[r] is not v for r in roots if tape.owns(r) for v in inputs.values())


def test_few_large_arrays_live_when_all_is_evaluated_once():
    graph, size = Graph(), 10**5
    x = graph.input(0, "z", Time.STATE)
    refs = [
        graph.unary("exp", graph.node("mul", [(graph.const(k), ()), (x, (0,))], "z")) for k in range(1, 6)
    ]
    total = graph.node("add", [(r, (0,)) for r in refs[:2]], "z")
    for r in refs[2:]:
        total = graph.node("add", [(total, (0,)), (r, (0,))], "z")
    values = np.linspace(0, 1, size)
    tape = Program([total], [], {"z": size}, {}, once=True)
    tape.set(0, values)
    tracemalloc.start()
    tape.run(tape.steps[Time.STATE])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.1 * values.nbytes  # the total, and the term that is added to it
    np.testing.assert_allclose(tape[total], sum(np.exp(k * values) for k in range(1, 6)), rtol=1e-14)


@settings(max_examples=100)
@given(graphs())
def test_later_times_follow_their_inputs(drawn):
    nodes, inputs = drawn
    products = [n for n in nodes if n.time is Time.TANGENT]
    tape = Program(nodes[:1], [*products, *nodes], SIZES, POSITIONS)
    evaluate(tape, inputs)
    early = {n.attr for n in nodes if n.op == "input" and n.time is Time.PRELUDE}
    moved = {k: v if k in early else v * 1.25 + 0.1 for k, v in inputs.items()}
    evaluate(tape, moved, (Time.STATE, Time.TANGENT))
    assert_means(tape, nodes, moved)


@pytest.mark.parametrize("op", UNARY)
def test_functions_of_one_argument(op):
    graph = Graph()
    values = np.array([[-0.5, 0.0, 2.0], [1e-300, -1e-12, 30.0]])
    if op == "log":
        values = np.abs(values) + 1e-30
    node = graph.node(op, [(graph.input(0, "ab", Time.STATE), (0, 1))], "ab")
    tape = Program([node], [], SIZES, POSITIONS)
    with np.errstate(divide="ignore", over="ignore"):
        evaluate(tape, {0: values})
        np.testing.assert_array_equal(tape[node], UNARY[op](values))


@pytest.mark.parametrize(
    ("operands", "axes", "rank", "spec"),
    [
        ([("abc", (2, 0, 1))], "bca", 3, "xyz->yzx"),  # transposed
        ([("abc", (0, 2, 1))], "acb", 1, "xyz->x"),  # one operand, two axes summed
        ([("bb", (0, 0))], "b", 1, "xx->x"),  # diagonal
        ([("bb", (0, 0))], "b", 0, "xx->"),  # trace
        ([("ab", (1, 0)), ("ba", (0, 1))], "ba", 1, "xy,yx->y"),  # two operands, one crossed
        ([("ab", (0, 2)), ("bc", (2, 1))], "acb", 2, "xy,yz->xz"),  # matrix product
        ([("abc", (0, 1, 2)), ("ac", (0, 2))], "abc", 2, "xyz,xz->xy"),  # batch
        ([("cab", (1, 0, 2)), ("ab", (0, 2))], "acb", 2, "zxy,xy->xz"),  # batch, transposed
        ([("abc", (0, 2, 1)), ("a", (0,))], "acb", 2, "xyz,x->xz"),  # axes summed in one operand only
        ([("ab", (0, 1)), ("bb", (1, 1))], "ab", 1, "xy,yy->x"),  # diagonal in a sum
        ([("ab", (0, 2)), ("bc", (2, 1)), ("ac", (0, 1))], "acb", 2, "xy,yz,xz->xz"),  # three operands
        ([("a", (0,)), ("b", (1,)), ("c", (2,))], "abc", 0, "x,y,z->"),  # three operands to a scalar
        ([("", ()), ("abc", (0, 1, 2)), ("c", (2,))], "abc", 3, ",xyz,z->xyz"),  # scalar times tensor
    ],
)
def test_products_are_einsum(operands, axes, rank, spec):
    rng = np.random.default_rng(1)
    arrays = {k: rng.normal(size=[SIZES[r] for r in roots]) for k, (roots, _) in enumerate(operands)}
    for times in (
        [Time.STATE] * 3,
        [Time.PRELUDE, Time.STATE, Time.STATE],
        [Time.STATE, Time.TANGENT, Time.PRELUDE],
    ):
        graph = Graph()
        args = [(graph.input(k, roots, times[k]), subs) for k, (roots, subs) in enumerate(operands)]
        node = graph.node("mul", args, list(axes), rank)
        tape = Program([], [node], SIZES, POSITIONS)
        evaluate(tape, arrays)
        np.testing.assert_allclose(tape[node], np.einsum(spec, *arrays.values()), rtol=1e-13, atol=1e-13)


def test_an_unknown_operation_is_an_error():
    with pytest.raises(NotImplementedError, match="wavelet"):
        Program([Graph().node("wavelet")], [], SIZES, POSITIONS)


def test_one_tape_serves_many_data_without_mixing_them():
    graph = Graph()
    node = graph.unary("exp", graph.input(0, "ab", Time.PRELUDE))
    first, second = (program([node], [], SIZES, POSITIONS) for _ in range(2))
    assert first.steps is second.steps
    evaluate(first, {0: np.zeros((2, 3))})
    evaluate(second, {0: np.ones((2, 3))})
    assert (first[node] == 1).all()
    assert (second[node] == np.e).all()
    other = program([node], [], {**SIZES, "a": 5}, POSITIONS)
    assert other.steps is not first.steps


def test_bytes_count_an_array_and_its_views_once():
    graph = Graph()
    x = graph.input(0, "abc", Time.STATE)
    turned = graph.node("mul", [(x, (2, 1, 0))], "cba")
    tape = program([turned], [], SIZES, POSITIONS)
    assert tape.nbytes == 0
    evaluate(tape, {0: np.ones((2, 3, 4))})
    assert tape.nbytes == 8 * 24


# ---- Jacobian-vector products --------------------------------------------------------------------


@pytest.mark.parametrize("op", ["exp", "log", "expm1", "log1p", "inverse", "abs"])
def test_derivatives_of_functions_of_one_argument(op):
    graph = Graph()
    x, dx = graph.input("x", "ab", Time.STATE), graph.input("dx", "ab", Time.TANGENT)
    node = graph.unary(op, x)
    found = Tangent(graph, {x: dx}).of(node)
    tape = Program([node], [found.node], SIZES, POSITIONS)
    rng, h = np.random.default_rng(0), 1e-5
    at, direction = rng.uniform(0.3, 2.0, (2, 3)), rng.normal(size=(2, 3))
    evaluate(tape, {"x": at, "dx": direction})
    slope = (UNARY[op](at + h * direction) - UNARY[op](at - h * direction)) / (2 * h)
    np.testing.assert_allclose(tape[found.node], slope, rtol=1e-7, atol=1e-8)


@cache
def data(technology: str):
    solution = levels.solve(random_economy(4, 3, 3, export_tax=0.2, ree_sectors=2), technology)
    return levels.baseline_from_levels(solution.economy, solution)


@pytest.mark.parametrize("fixed", ["", "ree_export_ratio", "ree_price_ratio"])
@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_products_are_derivatives_of_the_residual(technology, fixed):
    shocks = {fixed: 0.8} if fixed else {"export_tax": 0.5}
    shocks["tariff"] = data(technology).tariff * 1.5
    problem = system(TECHNOLOGIES[technology], True, fixed).bind(data(technology), shocks, ELEMENTS)
    rng, h = np.random.default_rng(0), 1e-3
    for _ in range(3):
        u, v = problem.start + rng.normal(0, 0.1, problem.size), rng.normal(size=problem.size)
        v /= np.abs(v).max()
        ahead = {k: problem.residual(u + k * h * v) for k in (-3, -2, -1, 1, 2, 3)}
        slope = sum(
            w * (ahead[k] - ahead[-k]) for k, w in ((1, 45), (2, -9), (3, 1))
        ) / (60 * h)  # fmt: skip
        problem.residual(u)
        np.testing.assert_allclose(problem.linearise()(v), slope, rtol=1e-9, atol=1e-9)


def test_products_in_levels_are_derivatives_too():
    from levels_of import primitives

    economy = random_economy(5, 3, 3, export_tax=0.2)
    problem = system("exogenous", False).bind(primitives(economy), {}, ELEMENTS)
    rng, h = np.random.default_rng(0), 1e-4
    u, v = rng.normal(0, 0.1, problem.size), rng.normal(size=problem.size)
    slope = (8 * (problem.residual(u + h * v) - problem.residual(u - h * v))
             - (problem.residual(u + 2 * h * v) - problem.residual(u - 2 * h * v))) / (12 * h)  # fmt: skip
    problem.residual(u)
    np.testing.assert_allclose(problem.linearise()(v), slope, rtol=1e-7, atol=1e-8)
