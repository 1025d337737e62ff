"""Adjoints against differences of definitions, against tangents and against the dense Jacobian."""

import shutil
import time

import numpy as np
import pytest
from hypothesis import assume, given, settings
from levels_of import TECHNOLOGIES
from rare_earths_economy import KEYS, baseline, compiled, elements
from test_numpy_backend import POSITIONS, SIZES, evaluate, graphs, meaning

from calibration import load_table, rare_earths_baseline
from framework import compile_model, hat
from framework.compile.adjoint import Adjoint, cotangent
from framework.compile.ir import Graph, Node, Time, needed
from framework.compile.numpy_backend import Program
from framework.compile.tangent import Tangent, own_indices
from framework.solution import Status
from framework.solve.implicit import Linearised
from framework.solve.krylov import gmres
from framework.solve.newton import Trace, paired_signs
from models import rare_earths

SMOOTH = ["exp", "log", "expm1", "log1p", "inverse", "inverse0", "abs"]


def pulled(graph: Graph, value: Node, wanted: list[Node], inputs: dict, weight) -> list[np.ndarray]:
    """Derivatives of a weighted node to inputs, by the adjoint and the numpy back end."""
    adjoint = Adjoint(graph, [(value, cotangent(graph, "value", value))], wanted)
    found = [adjoint.of(node) for node in wanted]
    tape = Program([], [ref.node for ref in found if ref], SIZES, POSITIONS)
    evaluate(tape, {**inputs, ("cotangent", "value"): weight})
    out = []
    for node, ref in zip(wanted, found, strict=True):
        shape = [SIZES[r] for r in node.shape_axes]
        if ref is None:
            out.append(np.zeros(shape))
            continue
        order = [ref.indices.index(i) for i in own_indices(node) if i in ref.indices]
        value = np.transpose(tape[ref.node], order)
        place = tuple(slice(None) if i in ref.indices else None for i in own_indices(node))
        out.append(np.broadcast_to(value[place], shape))
    return out


def graph_of(nodes: list[Node]) -> Graph:
    """A graph that goes on from given nodes; their numbers are not used again."""
    graph = Graph()
    graph.nodes = [*nodes, *nodes[:1] * (max(n.id for n in nodes) + 1)]
    return graph


@settings(max_examples=150)
@given(graphs())
def test_adjoints_of_random_graphs_are_differences_of_their_definitions(drawn):
    nodes, inputs = drawn
    value, graph = nodes[-1], graph_of(nodes)
    wanted = [n for n in needed([value]) if n.op == "input"]
    assume(wanted)
    rng = np.random.default_rng(0)
    weight = rng.standard_normal([SIZES[r] for r in value.shape_axes])
    assume(np.abs(meaning(value, inputs)).max(initial=0) < 1e4)
    found = pulled(graph, value, wanted, inputs, weight)
    for node, gradient in zip(wanted, found, strict=True):
        direction, step = rng.standard_normal(gradient.shape), 1e-6
        sides = [
            (weight * meaning(value, {**inputs, node.attr: inputs[node.attr] + s * direction})).sum()
            for s in (step, -step)
        ]
        expected = (sides[0] - sides[1]) / (2 * step)
        size = max(1.0, abs(expected), abs(sides[0]))
        assert abs((gradient * direction).sum() - expected) < 2e-7 * size


@settings(max_examples=150)
@given(graphs())
def test_adjoints_are_transposed_tangents(drawn):
    nodes, inputs = drawn
    value, graph = nodes[-1], graph_of(nodes)
    wanted = [n for n in needed([value]) if n.op == "input"]
    rng = np.random.default_rng(1)
    weight = rng.standard_normal([SIZES[r] for r in value.shape_axes])
    moves = {n: graph.input(("direction", n.attr), n.axes, Time.TANGENT) for n in wanted}
    directions = {move.attr: rng.standard_normal([SIZES[r] for r in move.axes]) for move in moves.values()}
    tangent = Tangent(graph, moves).of(value)
    forward = 0.0
    if tangent is not None:
        tape = Program([], [tangent.node], SIZES, POSITIONS)
        evaluate(tape, {**inputs, **directions})
        order = [tangent.indices.index(i) for i in own_indices(value) if i in tangent.indices]
        place = tuple(slice(None) if i in tangent.indices else None for i in own_indices(value))
        forward = (weight * np.transpose(tape[tangent.node], order)[place]).sum()
    found = pulled(graph, value, wanted, inputs, weight)
    back = sum((g * directions["direction", n.attr]).sum() for n, g in zip(wanted, found, strict=True))
    assert back == pytest.approx(forward, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("op", SMOOTH)
def test_functions_of_one_argument(op):
    graph = Graph()
    x = graph.input(0, "ab", Time.PRELUDE)
    value = graph.node(op, [(x, (0, 1))], "ab")
    at = np.array([[0.5, 1.5, 2.5], [0.7, 1.1, 3.0]])
    (found,) = pulled(graph, value, [x], {0: at}, np.ones((2, 3)))
    step = 1e-6
    expected = (meaning(value, {0: at + step}) - meaning(value, {0: at - step})) / (2 * step)
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_an_empty_cell_of_the_data_has_no_derivative():
    graph = Graph()
    x = graph.input(0, "a", Time.PRELUDE)
    for op in ("log", "inverse0", "iszero"):
        (found,) = pulled(graph, graph.node(op, [(x, (0,))], "a"), [x], {0: np.array([0.0, 2.0])}, np.ones(2))
        assert found[0] == 0.0


def test_an_operation_without_a_rule_is_an_error():
    graph = Graph()
    x = graph.input(0, "a", Time.STATE)
    with pytest.raises(NotImplementedError, match="derivative of 'wavelet'"):
        pulled(graph, graph.node("wavelet", [(x, (0,))], "a"), [x], {0: np.ones(2)}, np.ones(2))


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_the_transposed_jacobian_of_the_rare_earths_model(technology, kind):
    data = baseline(3, technology, tax=0.1)
    problem = compiled(technology, kind).bind(data, {KEYS[kind]: 0.9}, elements(data))
    u = problem.start + 0.1 * np.random.default_rng(0).standard_normal(problem.size)
    here = Linearised(problem, u)
    columns = [here.transposed_product(e) for e in np.eye(problem.size)]
    jacobian = problem.jacobian(u)
    np.testing.assert_allclose(np.array(columns), jacobian, rtol=1e-12, atol=1e-13 * np.abs(jacobian).max())
    b = np.random.default_rng(1).standard_normal(problem.size)
    np.testing.assert_allclose(jacobian.T @ here.solve_transposed(b), b, atol=1e-9)
    np.testing.assert_allclose(jacobian @ here.solve(b), b, atol=1e-9)


def test_a_product_with_the_transpose_costs_about_an_evaluation():
    """Loosely, since other work shares the machine; benchmarks hold the figure."""
    problem = compile_model(hat(rare_earths())).bind(
        rare_earths_baseline(load_table("wiod2009-5x14")), {"export_tax": 0.25}, backend="numpy"
    )
    here = Linearised(problem, problem.start)
    ones = np.ones(problem.size)

    times = []
    for _ in range(300):  # in turn, so that what else the machine does falls on both
        begin = time.process_time()
        here.transposed_product(ones)
        middle = time.process_time()
        problem.residual(problem.start)
        times.append((middle - begin, time.process_time() - middle))
    adjoint, residual = np.min(times, axis=0)
    assert adjoint < 2 * residual


@pytest.mark.skipif(not any(map(shutil.which, ("gcc", "clang"))), reason="no C compiler")
def test_the_transpose_in_c_is_that_of_numpy():
    system, data = compile_model(hat(rare_earths())), rare_earths_baseline(load_table("wiod2009-5x14"))
    both = [system.bind(data, {"export_tax": 0.25}, backend=b) for b in ("c", "numpy")]
    u, v = np.random.default_rng(3).standard_normal((2, both[0].size)) * 0.1
    in_c, in_numpy = (Linearised(p, u).transposed_product(v) for p in both)
    np.testing.assert_allclose(in_c, in_numpy, rtol=1e-11, atol=1e-12 * np.abs(in_numpy).max())


def test_elasticities_at_another_point_and_of_another_outcome_are_those_of_a_fresh_problem():
    """The transposed program of a problem is kept; what it gave before is not changed by what it gives next."""
    system, data = compile_model(hat(rare_earths())), rare_earths_baseline(load_table("wiod2009-5x14"))
    for backend in ("numpy", "c"):
        if backend == "c" and not any(map(shutil.which, ("gcc", "clang"))):
            continue
        kept = system.bind(data, {"export_tax": 0.25}, backend=backend)
        points = [kept.start + 0.1 * np.random.default_rng(k).standard_normal(kept.size) for k in range(2)]
        asked = [("C_hat", points[0]), ("C_hat", points[1]), ("P_hat", points[0]), ("C_hat", points[0])]
        found = []
        for symbol, u in asked:
            weights = {symbol: np.ones([kept.sizes[r] for r in system.model.symbols[symbol].roots])}
            fresh = system.bind(data, {"export_tax": 0.25}, backend=backend)
            found.append((Linearised(kept, u).gradient(weights), Linearised(fresh, u).gradient(weights)))
        for ours, expected in found:
            for symbol, value in expected.items():
                np.testing.assert_array_equal(ours[symbol], value)


@pytest.mark.skipif(not any(map(shutil.which, ("gcc", "clang"))), reason="no C compiler")
def test_linear_solves_in_c_take_the_steps_of_their_twin():
    system, data = compile_model(hat(rare_earths())), rare_earths_baseline(load_table("wiod2009-5x14"))
    problem = system.bind(data, {"export_tax": 0.25}, backend="c")
    here = Linearised(problem, problem.start + 0.1 * np.random.default_rng(0).standard_normal(problem.size))
    b = np.random.default_rng(1).standard_normal(problem.size)
    for operator in (here._transposed, here._product):
        sign = paired_signs(problem, operator, Trace(here.point, Status.NOT_STARTED))
        twin = gmres(lambda v, f=operator, s=sign: s * f(v), sign * b, 1e-10)
        found = operator.solve(problem, b)
        assert found.converged == twin.converged
        assert found.products - twin.products == len(problem.offsets) - 1  # those that find the signs
        np.testing.assert_allclose(found.x, twin.x, rtol=1e-6, atol=1e-9 * np.abs(twin.x).max())
        assert np.linalg.norm(operator(found.x) - b) <= 1.01e-10 * np.linalg.norm(b)
