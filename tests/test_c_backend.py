"""Generated C equals the definition of every operation, the numpy back end and CasADi's derivatives."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
from dataclasses import replace
from functools import cache
from pathlib import Path

import casadi as ca
import numpy as np
import pytest
from hypothesis import given, settings
from levels_of import ELEMENTS, TECHNOLOGIES, primitives, system
from oracles import caliendo_parro as oracle
from oracles import levels
from oracles.economies import random_economy
from test_numpy_backend import POSITIONS, SIZES, UNARY, assert_means, evaluate, graphs

from calibration import armington_baseline, load_table, rare_earths_baseline
from framework import CompilerError, DataError, compile_model, hat, solve
from framework.compile import toolchain
from framework.compile.c_backend import compile_roots
from framework.compile.c_source import source
from framework.compile.ir import Graph, Time
from framework.compile.numpy_backend import program
from framework.compile.passes import plan
from framework.compile.values import LARGE, Stage
from framework.solve.cores import compiled
from framework.solve.newton import Options, full_step, iterate, newton
from models import armington, caliendo_parro, rare_earths

pytestmark = pytest.mark.skipif(
    not any(map(toolchain.shutil.which, ("gcc", "clang"))), reason="no C compiler"
)


def pair(system_, data, shocks, elements=None):
    """The same problem on two back ends."""
    return [system_.bind(data, shocks, elements, backend=b) for b in ("numpy", "c")]


def assert_same(reference, problem, seed: int = 0, scale: float = 0.2) -> None:
    """Residual, products and the numeraire's gap at a random point, to 1e-12 of the largest entry."""
    assert (reference.core.name, problem.core.name) == ("numpy", "c")
    rng = np.random.default_rng(seed)
    for _ in range(2):
        u = problem.start + scale * rng.standard_normal(problem.size)
        want, have = reference.residual(u), problem.residual(u)
        assert np.abs(want).max() > 1e-3
        np.testing.assert_allclose(have, want, rtol=1e-12, atol=1e-12 * np.abs(want).max())
        assert problem.walras() == pytest.approx(reference.walras(), rel=1e-11, abs=1e-12)
        product, mine = reference.linearise(), problem.linearise()
        for _ in range(2):
            v = rng.standard_normal(problem.size)
            want = product(v)
            np.testing.assert_allclose(mine(v), want, rtol=1e-12, atol=1e-12 * np.abs(want).max())


# ---- the same values as numpy --------------------------------------------------------------------


@settings(max_examples=12)
@given(graphs())
def test_random_graphs_have_their_meaning(drawn):
    nodes, inputs = drawn
    state = tuple(n for n in nodes if n.time < Time.TANGENT)
    made = compile_roots(state, tuple(n for n in nodes if n.time is Time.TANGENT))
    tape = made.program(SIZES, POSITIONS)
    evaluate(tape, inputs)
    assert_means(tape, nodes, inputs)


def test_functions_of_one_argument_at_special_values():
    graph = Graph()
    x = graph.input(0, "a", Time.STATE)
    values = np.array([-0.5, 0.0, 2.0, 1e-300, -1e-12, 30.0, 800.0, -800.0, np.inf, np.nan, 1e-12, 0.7, 1.0])
    nodes = {op: graph.node(op, [(x, (0,))], "a") for op in UNARY}
    tape = compile_roots(tuple(nodes.values())).program({"a": values.size}, {})
    with np.errstate(all="ignore"):
        evaluate(tape, {0: values})
        for op, node in nodes.items():
            np.testing.assert_allclose(tape[node], UNARY[op](values), rtol=1e-15 * 4, err_msg=op)


@pytest.mark.parametrize("fixed", ["", "ree_export_ratio", "ree_price_ratio"])
@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_rare_earths(technology, fixed):
    shocks = {fixed: 0.8} if fixed else {"export_tax": 0.5}
    shocks["tariff"] = economy(technology).tariff * 1.5
    made = system(TECHNOLOGIES[technology], True, fixed)
    assert_same(*pair(made, economy(technology), shocks, ELEMENTS))


@cache
def economy(technology: str):
    solution = levels.solve(random_economy(4, 3, 3, export_tax=0.2, ree_sectors=2), technology)
    return levels.baseline_from_levels(solution.economy, solution)


def test_rare_earths_in_levels():
    assert_same(
        *pair(system("exogenous", False), primitives(random_economy(5, 3, 4, export_tax=0.2)), {}, ELEMENTS)
    )


@pytest.mark.parametrize(("countries", "sectors"), [(2, 3), (5, 4), (7, 9), (9, 1)])
def test_one_object_serves_all_sizes_of_caliendo_parro(countries, sectors):
    data = oracle.to_dataset(oracle.random_baseline(1, countries, sectors))
    made = caliendo_parro_system()
    assert_same(*pair(made, data, {"tariff": data.tariff + 0.1, "technology": 1.1, "trade_cost": 1.05}))
    assert compiled(made) is compiled(made)


@cache
def caliendo_parro_system():
    return compile_model(hat(caliendo_parro()))


@cache
def table():
    return load_table("wiod2009-5x14")


def test_armington_in_hats_and_levels():
    data = armington_baseline(table())
    shocks = {"trade_cost": 1.1, "labour": {"CHN": 1.2}}
    assert_same(*pair(compile_model(hat(armington())), data, shocks))


@pytest.mark.parametrize("technology", ["exogenous", "fixed-effort", "elastic-effort"])
def test_zeros_in_the_data_are_those_of_numpy(technology):
    """Zero trade shares, a sector that nobody sells, a sector without REE."""
    data = rare_earths_baseline(table())
    assert (data["ree_share"] == 0).any()
    made = compile_model(hat(rare_earths().choose(technology=technology)))
    assert_same(*pair(made, data, {"export_tax": 0.25}))
    base = oracle.random_baseline(2, 4, 3)
    pi = base.pi.copy()
    pi[0, 1:, 0], pi[0, 0, 0] = 0.0, 1.0
    pi[1, 2, 1], pi[1, 1, 1] = 0.0, pi[1, 1, 1] + pi[1, 2, 1]
    empty = oracle.to_dataset(oracle.balanced(replace(base, pi=pi)))
    assert_same(*pair(caliendo_parro_system(), empty, {"trade_cost": 1.1}))


def test_products_are_casadis_derivatives():
    reference, problem = pair(
        caliendo_parro_system(), oracle.to_dataset(oracle.random_baseline(3, 3, 2)), {"trade_cost": 1.1}
    )
    f = reference.casadi_function()
    u = 0.2 * np.random.default_rng(0).standard_normal(problem.size)
    slopes = f.factory("jacobian", ["u"], ["jac:residual:u"])(u).full()
    np.testing.assert_allclose(problem.jacobian(u), slopes, rtol=1e-12, atol=1e-12)
    assert isinstance(f, ca.Function)


def test_casadi_as_a_back_end():
    data = oracle.to_dataset(oracle.random_baseline(3, 3, 2))
    made, shocks = caliendo_parro_system(), {"trade_cost": 1.1}
    ours = solve(made.bind(data, shocks, backend="numpy"))
    theirs = solve(made.bind(data, shocks, backend="casadi"))
    assert theirs.provenance["backend"] == "casadi"
    np.testing.assert_allclose(theirs["wage"], ours["wage"], rtol=1e-12)


# ---- the same steps as the Python solver ---------------------------------------------------------


@pytest.mark.parametrize(
    "options", [Options(), Options(forcing=1e-10), Options(150, 1e-10, 0.05), Options(1)]
)
def test_newton_in_c_is_its_twin(options, monkeypatch):
    monkeypatch.setattr(
        sys.modules["framework.solve.compiled"], "_ROOM", 2
    )  # so that the basis is moved to wider memory several times
    reference, problem = pair(
        caliendo_parro_system(), oracle.to_dataset(oracle.random_baseline(4, 6, 5)), {"trade_cost": 1.5}
    )
    want, have = (iterate(p, p.start, options) for p in (reference, problem))
    assert have.status is want.status
    counts = ("iterations", "evaluations", "products", "unsolved")
    assert [getattr(have, k) for k in counts] == [getattr(want, k) for k in counts]
    np.testing.assert_allclose(have.point, want.point, rtol=0, atol=1e-12)


def test_no_memory_for_a_wider_basis_is_a_memory_error(monkeypatch):
    compiled = sys.modules["framework.solve.compiled"]
    widen = compiled._widen

    def none(basis, columns, rows):
        if rows > 2:
            raise MemoryError(f"no room for {rows} vectors")
        widen(basis, columns, rows)

    monkeypatch.setattr(compiled, "_ROOM", 2)
    monkeypatch.setattr(compiled, "_widen", none)
    problem = compile_model(hat(armington())).bind(
        armington_baseline(table()), {"trade_cost": 1.5}, backend="c"
    )
    with pytest.raises(MemoryError, match="no room for 4 vectors"):
        iterate(problem, problem.start, Options())


def test_the_core_is_made_when_it_is_used_and_gone_after_its_release():
    problem = caliendo_parro_system().bind(
        oracle.to_dataset(oracle.random_baseline(4, 3, 2)), {"trade_cost": 1.5}, backend="c"
    )
    assert "core" not in vars(problem)
    gc.disable()  # no reference cycle keeps what a solve needed
    try:
        found = solve(problem)
        assert "core" not in vars(problem)
        before, core = problem.residual(found.point), weakref.ref(problem.core)
        newton(problem)
        problem.release()
        assert core() is None
    finally:
        gc.enable()
    np.testing.assert_array_equal(problem.residual(found.point), before)


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_solutions_and_their_ladder_are_those_of_numpy(technology):
    made = system(TECHNOLOGIES[technology], True, "ree_export_ratio")
    want, have = (newton(p) for p in pair(made, economy(technology), {"ree_export_ratio": 0.3}, ELEMENTS))
    assert (have.status, have.rung) == (want.status, want.rung)
    np.testing.assert_allclose(have.point, want.point, rtol=0, atol=1e-11)


def iterate_both(u, shocks):
    made = compile_model(hat(armington()))
    both = pair(made, armington_baseline(table()), shocks)
    return [iterate(p, np.full(p.size, u), Options()) for p in both]


@pytest.mark.parametrize("u", [np.nan, 1e3, -1e3, 60.0])
def test_failures_have_the_same_status(u):
    want, have = iterate_both(u, {"trade_cost": 1.1})
    assert have.status is want.status
    assert have.iterations == want.iterations


def test_newton_step_at_a_point():
    reference, problem = pair(
        caliendo_parro_system(), oracle.to_dataset(oracle.random_baseline(4, 4, 3)), {"trade_cost": 1.2}
    )
    assert full_step(problem, problem.start) == pytest.approx(full_step(reference, problem.start), rel=1e-5)


# ---- what is stored ------------------------------------------------------------------------------


def test_no_large_array_that_moves_is_stored():
    for made in (caliendo_parro_system(), system("fixed-effort", True)):
        arena = compiled(made).plan.stored
        large = [v for v in arena if len(v.result) >= LARGE]
        assert large
        assert all(v.stage is Stage.PRELUDE for v in large)


def test_a_large_array_that_moves_is_computed_where_it_is_needed():
    graph = Graph()
    x, t = graph.input("x", "ab", Time.STATE), graph.input("t", "abc", Time.PRELUDE)
    moving = graph.node("mul", [(x, (0, 1)), (t, (0, 1, 2))], "abc")
    node = graph.node("mul", [(graph.unary("exp", moving), (0, 1, 2))], "abc", 1)
    made = compile_roots((node,))
    assert [v for v in made.plan.stored if len(v.result) == 3 and v.stage > Stage.PRELUDE] == []
    rng = np.random.default_rng(0)
    inputs = {"x": rng.normal(size=(2, 3)), "t": rng.normal(size=(2, 3, 4))}
    tape = made.program(SIZES, {})
    evaluate(tape, inputs)
    want = np.exp(inputs["x"][:, :, None] * inputs["t"]).sum((1, 2))
    np.testing.assert_allclose(tape[node], want, rtol=1e-14)


def test_arrays_equal_up_to_their_axes_are_one():
    """Trade flows seen from either end, with and without own trade, before and after the tariff, are one tensor.

    The others are tariff revenue, and the input shares.
    """
    made = plan(
        [g.residual for g in caliendo_parro_system().groups],
        [g.product for g in caliendo_parro_system().groups],
    )
    large = [v for v in made.stored if len(v.result) == 3]
    assert sorted([root for root, _ in v.result].count("region") for v in large) == [1, 2, 2]


@pytest.mark.parametrize("regions", [1, 2, 4, 5, 9])
@pytest.mark.parametrize("kept", [(0, 2), (1, 2), (2,), ()])
def test_sums_with_and_without_the_diagonal_read_one_array(regions, kept):
    """Two axes over regions and one over goods, of which some are kept and the others summed over."""
    graph, roots = Graph(), ["region", "region", "good"]
    share, cost = (graph.input(name, roots, Time.PRELUDE) for name in ("share", "cost"))
    x = graph.input("x", ["region", "good"], Time.STATE)
    minus = graph.node(
        "mul", [(graph.const(-1.0), ()), (graph.node("eye", axes=roots[:2]), (0, 1))], roots[:2]
    )
    abroad = graph.node("add", [(graph.const(1.0), ()), (minus, (0, 1))], roots[:2])
    data = [(share, (0, 1, 2)), (graph.unary("exp", cost), (0, 1, 2))]
    tensors = [graph.node("mul", data, roots), graph.node("mul", [*data, (abroad, (0, 1))], roots)]
    order = [*kept, *(axis for axis in range(3) if axis not in kept)]
    places = {"tensor": tuple(order.index(k) for k in range(3)), "x": (order.index(1), order.index(2))}
    sums = [
        graph.node("mul", [(t, places["tensor"]), (x, places["x"])], [roots[k] for k in order], len(kept))
        for t in tensors
    ]
    made = compile_roots(tuple(sums))
    assert len([v for v in made.plan.stored if len(v.result) == 3]) == 1
    rng = np.random.default_rng(0)
    inputs = {"x": rng.random((regions, 3)), "cost": rng.normal(size=(regions, regions, 3))}
    inputs["share"] = rng.random((regions, regions, 3))
    tape = made.program({"region": regions, "good": 3}, {})
    evaluate(tape, inputs)
    terms = inputs["share"] * np.exp(inputs["cost"]) * inputs["x"]
    summed = tuple(axis for axis in range(3) if axis not in kept)
    np.testing.assert_allclose(tape[sums[0]], terms.sum(summed), rtol=1e-14)
    off = terms * (1 - np.eye(regions))[:, :, None]
    np.testing.assert_allclose(tape[sums[1]], off.sum(summed), rtol=1e-14)


def test_sums_before_and_after_a_tariff_read_two_arrays_for_three():
    """The tensors ``T = b (1 + t)**(a - 1)``, ``t T`` and ``b (1 + t)**a`` for tariffs, subsidies and free trade."""
    graph, roots = Graph(), ["good", "region", "region"]
    flow, cost, rate = (graph.input(name, roots, Time.PRELUDE) for name in ("flow", "cost", "rate"))
    power, x = graph.input("power", ["good"], Time.PRELUDE), graph.input("x", ["good", "region"], Time.STATE)
    gross = graph.node("add", [(graph.const(1.0), ()), (rate, (0, 1, 2))], roots)
    less = graph.node("add", [(graph.const(-1.0), ()), (power, (0,))], ["good"])

    def tensor(exponent, *more):
        log = graph.node("mul", [(exponent, (0,)), (graph.unary("log", gross), (0, 1, 2))], roots)
        logs = graph.node("add", [(log, (0, 1, 2)), (cost, (0, 1, 2))], roots)
        factors = [(flow, (0, 1, 2)), (graph.unary("exp", logs), (0, 1, 2)), *((m, (0, 1, 2)) for m in more)]
        return graph.node("mul", factors, roots)

    tensors = tensor(power), tensor(less), tensor(less, rate)
    sums = tuple(graph.node("mul", [(t, (0, 1, 2)), (x, (0, 2))], roots, 2) for t in tensors)
    made = compile_roots(sums)
    assert len([v for v in made.plan.stored if len(v.result) == 3]) == 2
    rng = np.random.default_rng(0)
    inputs = {"flow": rng.random((2, 5, 5)), "cost": rng.normal(size=(2, 5, 5)), "x": rng.random((2, 5))}
    inputs |= {
        "rate": rng.uniform(-0.9, 3.0, (2, 5, 5)) * (rng.random((2, 5, 5)) < 0.7),
        "power": rng.normal(size=2),
    }
    tape = made.program({"good": 2, "region": 5}, {})
    evaluate(tape, inputs)
    net = (
        inputs["flow"] * np.exp(inputs["cost"]) * (1 + inputs["rate"]) ** (inputs["power"][:, None, None] - 1)
    )
    for node, factor in zip(sums, (1 + inputs["rate"], 1.0, inputs["rate"]), strict=True):
        np.testing.assert_allclose(tape[node], np.einsum("ani,ai->an", factor * net, inputs["x"]), rtol=1e-13)


def test_a_sum_that_only_products_need_is_early_where_another_is_made_of_it():
    """Flows before two wedges, one and both, raised to ``1 - sigma``; the residual has both, the products the others."""
    graph, roots, axes = Graph(), ["good", "region", "region"], (0, 1, 2)
    names = "flow", "tariff", "tax", "cost", "freight"
    flow, tariff, tax, cost, freight = (graph.input(name, roots, Time.PRELUDE) for name in names)
    sigma, pair = graph.input("sigma", ["good"], Time.PRELUDE), ["good", "region"]
    x, direction = graph.input("x", pair, Time.STATE), graph.input("direction", pair, Time.TANGENT)
    minus = graph.node("mul", [(graph.const(-1.0), ()), (sigma, (0,))], ["good"])
    power = graph.node("add", [(graph.const(1.0), ()), (minus, (0,))], ["good"])
    less = graph.node("add", [(graph.const(-1.0), ()), (power, (0,))], ["good"])

    def levied(rate, exponent, other):
        gross = graph.node("add", [(graph.const(1.0), ()), (rate, axes)], roots)
        log = graph.node("mul", [(exponent, (0,)), (graph.unary("log", gross), axes)], roots)
        return graph.unary("exp", graph.node("add", [(log, axes), (other, axes)], roots))

    def summed(*factors):
        tensor = graph.node("mul", [(f, axes) for f in (flow, *factors)], roots)
        return graph.node("mul", [(tensor, axes), (x, (0, 2))], roots, 2)

    once, twice = levied(tax, less, freight), levied(tax, power, freight)
    before, after = levied(tariff, less, cost), levied(tariff, power, cost)
    parts = summed(before, once), summed(before, once, tariff), summed(after, once), summed(after, once, tax)
    products = [graph.node("mul", [(p, (0, 1)), (direction, (0, 1))], pair, 2) for p in parts]
    nodes = summed(after, twice), *products
    rng = np.random.default_rng(0)
    inputs = {name: rng.uniform(0.2, 1.2, (2, 5, 5)) for name in names} | {"sigma": np.array([4.0, 6.0])}
    inputs |= {"x": rng.random((2, 5)), "direction": rng.random((2, 5))}
    tape = compile_roots(nodes[:1], nodes[1:]).program({"good": 2, "region": 5}, {})
    evaluate(tape, inputs)
    reference = program(nodes[:1], nodes[1:], {"good": 2, "region": 5}, {})
    evaluate(reference, inputs)
    for node in nodes:
        np.testing.assert_allclose(tape[node], reference[node], rtol=1e-12)


def test_a_transposed_product_reads_a_tensor_once_for_all_uses():
    """``T' (w y) + T' z``, one of them inside another total, is ``T' (w y + z)``; what is read elsewhere too stays."""
    graph, roots = Graph(), ["a", "c", "c"]
    data, weight = graph.input("data", roots, Time.PRELUDE), graph.input("weight", ["c"], Time.PRELUDE)
    y, z = (graph.input(name, ["a", "c"], Time.TANGENT) for name in "yz")
    tensor = (graph.unary("exp", data), (0, 2, 1))
    first = graph.node("mul", [tensor, (weight, (2,)), (y, (0, 2))], roots, 2)
    second = graph.node("mul", [tensor, (z, (0, 2))], roots, 2)
    inner = graph.node("add", [(second, (0, 1)), (y, (0, 1))], roots[:2])
    total = graph.node("add", [(first, (0, 1)), (inner, (0, 1))], roots[:2])
    rng = np.random.default_rng(0)
    inputs = {"data": rng.normal(size=(2, 4, 4)), "weight": rng.random(4)}
    inputs |= {name: rng.normal(size=(2, 4)) for name in "yz"}
    for wanted, sums in (((total,), 1), ((total, first), 2), ((total, inner, second), 2)):
        made = compile_roots((), wanted)
        assert sum(v.is_sum and v.stage is Stage.TANGENT for v in made.plan.stored) == sums
        tape = made.program(SIZES, {})
        evaluate(tape, inputs)
        assert_means(tape, wanted, inputs)
    pulled = np.einsum("ani,an->ai", np.exp(inputs["data"]), inputs["weight"] * inputs["y"] + inputs["z"])
    np.testing.assert_allclose(tape[total], pulled + inputs["y"], rtol=1e-13)


@pytest.mark.parametrize("size", range(1, 10))
def test_what_is_not_finite_leaves_nothing_behind_its_rows(size):
    """Rows end in zeros up to a whole vector; an evaluation that fails must not spoil the next."""
    graph = Graph()
    t, x = graph.input("t", "abb", Time.PRELUDE), graph.input("x", "ab", Time.STATE)
    tensor = graph.unary("exp", t)
    bar = graph.node("mul", [(tensor, (0, 2, 1)), (x, (0, 2))], "abb", 2)
    back = graph.node("mul", [(tensor, (0, 1, 2)), (bar, (0, 2))], "abb", 2)
    whole = graph.node("mul", [(back, (0, 1)), (bar, (0, 1))], "ab", 0)
    tape = compile_roots((whole,)).program({"a": 2, "b": size}, {})
    rng = np.random.default_rng(size)
    given, point = rng.normal(size=(2, size, size)), rng.normal(size=(2, size))
    evaluate(tape, {"t": given, "x": np.full((2, size), np.inf)})
    assert not np.isfinite(tape[whole])
    tape.set("x", point)
    tape.run(tape.steps[Time.STATE])
    first = np.einsum("anm,an->am", np.exp(given), point)
    want = (np.einsum("anm,am->an", np.exp(given), first) * first).sum()
    assert float(tape[whole]) == pytest.approx(float(want), rel=1e-12)


def test_an_array_of_another_size_is_refused():
    graph = Graph()
    tape = compile_roots((graph.unary("exp", graph.input(0, "a", Time.STATE)),)).program({"a": 4}, {})
    for give in (lambda a: tape.set(0, a), lambda a: tape.attach(0, a)):
        with pytest.raises(ValueError, match="an array of 3 numbers stands where 4 are read or written"):
            give(np.zeros(3))


def test_the_same_node_may_be_wanted_twice():
    graph = Graph()
    node = graph.unary("exp", graph.input(0, "a", Time.STATE))
    tape = compile_roots((node, node)).program({"a": 2}, {})
    arrays = [np.zeros(2), np.zeros(2)]
    for k, array in enumerate(arrays):
        tape.attach(k, array)
    evaluate(tape, {0: np.array([0.0, 1.0])})
    np.testing.assert_array_equal(arrays[0], arrays[1])
    np.testing.assert_allclose(arrays[0], [1, np.e], rtol=1e-15)


# ---- source, cache and compiler ------------------------------------------------------------------

PRINT_KEY = """
from framework import compile_model, hat
from framework.solve.cores import compiled
from models import caliendo_parro, rare_earths
import hashlib
for model in (caliendo_parro(), rare_earths().choose(technology="fixed-effort")):
    print(hashlib.sha256(compiled(compile_model(hat(model))).source.encode()).hexdigest())
"""


def run(code: str, **env: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", code],
        env={**os.environ, **env}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_source_does_not_depend_on_the_hash_seed():
    printed = {run(PRINT_KEY, PYTHONHASHSEED=seed).stdout for seed in ("1", "22", "333")}
    assert len(printed) == 1
    assert len(printed.pop().split()) == 2


SMALL = "double twice(double x) { return 2 * x; }\n"


def twice(built) -> float:
    import ctypes

    function = built.library.twice
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double]
    return function(21.0)


@pytest.fixture
def cache_folder(tmp_path, monkeypatch):
    """An empty cache that this process has not seen."""
    monkeypatch.setenv("EXACTHAT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(toolchain, "_loaded", {})
    return tmp_path / "cache"


def test_an_object_is_compiled_once(cache_folder, monkeypatch):
    first = toolchain.build(SMALL)
    assert not first.cached
    assert twice(first) == 42
    assert toolchain.build(SMALL) is first
    monkeypatch.setattr(toolchain, "_loaded", {})
    again = toolchain.build(SMALL)
    assert again.cached
    assert again.seconds < 0.1
    assert twice(again) == 42
    assert len(list(cache_folder.iterdir())) == 1


def test_the_key_has_source_compiler_version_and_flags():
    compiler = toolchain.find_compiler()
    other = toolchain.Compiler(compiler.command, "another version", compiler.march)
    plain = toolchain.Compiler(compiler.command, compiler.version, "-march=other")
    keys = [compiler.key(SMALL), compiler.key(SMALL + " "), other.key(SMALL), plain.key(SMALL)]
    assert len(set(keys)) == 4


@pytest.mark.parametrize("poison", [b"", b"\x7fELF not an object", None])
def test_a_poisoned_cache_file_is_made_anew(cache_folder, monkeypatch, poison):
    toolchain.build(SMALL)
    (path,) = cache_folder.iterdir()
    content = path.read_bytes()
    path.unlink()  # it is mapped by this process
    path.write_bytes(content[: len(content) // 2] if poison is None else poison)
    monkeypatch.setattr(toolchain, "_loaded", {})
    again = toolchain.build(SMALL)
    assert not again.cached
    assert twice(again) == 42
    assert path.read_bytes() == content


def test_an_object_that_does_not_load_is_made_anew(cache_folder, monkeypatch):
    key, junk = toolchain.find_compiler().key(SMALL), b"whole, but no object"
    cache_folder.mkdir()
    (cache_folder / f"{key}-{toolchain._digest(junk)}.so").write_bytes(junk)
    again = toolchain.build(SMALL)
    assert not again.cached
    assert twice(again) == 42


def test_an_unwritable_cache_is_said_and_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("EXACTHAT_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(toolchain, "_loaded", {})
    with pytest.warns(RuntimeWarning, match="cache of compiled models cannot be written.*set EXACTHAT_CACHE"):
        built = toolchain.build(SMALL)
    assert twice(built) == 42


def test_a_poisoned_file_that_cannot_be_removed_is_passed_over(cache_folder, monkeypatch):
    cache_folder.mkdir()
    (cache_folder / f"{toolchain.find_compiler().key(SMALL)}-0.so").write_bytes(b"poison")

    def refused(path, **_):
        raise PermissionError(f"{path} is not yours")

    monkeypatch.setattr(Path, "unlink", refused)
    assert twice(toolchain.build(SMALL)) == 42


def test_a_user_without_a_home_has_a_cache_for_the_process(monkeypatch):
    for name in ("EXACTHAT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setattr(toolchain, "_loaded", {})
    folder = toolchain.cache_folder()
    assert folder.is_dir()
    assert twice(toolchain.build(SMALL + "/* homeless */")) == 42
    assert any(folder.iterdir())


def test_a_full_disk_is_an_error_in_words(cache_folder, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(toolchain.tempfile, "TemporaryDirectory", full)
    with pytest.raises(CompilerError, match=r"folder for temporary files cannot be used.*No space left"):
        toolchain.build(SMALL + "/* full */")


def test_the_first_error_of_the_compiler_is_shown():
    with pytest.raises(CompilerError, match=r"failed with status 1: .*error: .*nothing"):
        toolchain.find_compiler().compile("int f(void) { return nothing; }\n")


SOLVE = """
from calibration import armington_baseline, load_table
from framework import compile_model, hat, solve
from models import armington
problem = compile_model(hat(armington())).bind(armington_baseline(load_table("wiod2009-5x14")), {"trade_cost": 1.1}, backend=BACKEND)
found = solve(problem)
print(found.provenance["backend"], *map(repr, found["wage"].values.tolist()))
"""


def test_two_processes_may_compile_at_once(tmp_path):
    code = SOLVE.replace("BACKEND", "'c'")
    env = {**os.environ, "EXACTHAT_CACHE": str(tmp_path)}
    both = [
        subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [p.communicate()[0] for p in both]
    assert said[0] == said[1]
    assert said[0].startswith("c ")
    assert [p.suffix for p in tmp_path.iterdir()] == [".so"]


@pytest.mark.parametrize("broken", ["/bin/false", "/bin/true", "/no/such/compiler"])
def test_without_a_working_compiler_numpy_serves(tmp_path, broken):
    env = {"CC": broken, "EXACTHAT_CACHE": str(tmp_path)}
    code = "from framework.solve import cores\ncores._LARGE = 0\n" + SOLVE.replace("BACKEND", "'auto'")
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **env}, capture_output=True, text=True, check=True
    )
    name, *wages = done.stdout.split()
    assert name == "numpy"
    assert done.stderr.count("numpy is used instead of compiled C") == 1
    assert broken in done.stderr
    with_c = run(SOLVE.replace("BACKEND", "'c'")).stdout.split()
    assert with_c[0] == "c"
    np.testing.assert_allclose(np.array(wages, float), np.array(with_c[1:], float), rtol=1e-12)


def test_c_that_was_asked_for_and_cannot_be_had_is_an_error(monkeypatch):
    monkeypatch.setenv("CC", "/bin/false")
    made = compile_model(hat(armington()))
    monkeypatch.setattr(toolchain, "_loaded", {})
    with pytest.raises(CompilerError, match="C compiler '/bin/false' failed with status 1"):
        made.bind(armington_baseline(table()), {}, backend="c")


def test_no_compiler_at_all_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(toolchain, "find_spec", lambda name: None)
    toolchain._find.cache_clear()
    with pytest.raises(
        CompilerError, match=r"install gcc or clang, or run: pip install 'exacthat\[compiler\]'"
    ):
        toolchain.find_compiler()
    toolchain._find.cache_clear()


# ---- the choice ----------------------------------------------------------------------------------


def test_unknown_back_end():
    made = compile_model(hat(armington()))
    with pytest.raises(DataError, match=r"no back end is named 'nunpy'.* Did you mean 'numpy'\?"):
        made.bind(armington_baseline(table()), {}, backend="nunpy")


def test_the_environment_says_what_auto_means(monkeypatch):
    made = compile_model(hat(armington()))
    for name in ("c", "numpy"):
        monkeypatch.setenv("EXACTHAT_BACKEND", name)
        assert made.bind(armington_baseline(table()), {}).core.name == name
    monkeypatch.setenv("EXACTHAT_BACKEND", "fortran")
    with pytest.raises(DataError, match="EXACTHAT_BACKEND is 'fortran'; it must be one of auto, c, numpy"):
        made.bind(armington_baseline(table()), {})


def test_c_is_chosen_once_it_pays(cache_folder):
    made = compile_model(hat(armington()))
    data = armington_baseline(table())
    chosen = [made.bind(data, {}).core.name for _ in range(26)]
    assert chosen[0] == "numpy"
    assert chosen[-1] == "c"


def test_provenance_names_the_back_end():
    data = oracle.to_dataset(oracle.random_baseline(3, 3, 2))
    found = solve(caliendo_parro_system().bind(data, {"trade_cost": 1.1}, backend="c")).provenance
    assert found["backend"] == "c"
    assert found["compile_seconds"] > 0
    assert found["memory_bytes"] > 8 * 4 * 9 * 2


def test_source_is_valid_without_the_solver():
    graph = Graph()
    node = graph.unary("exp", graph.input(0, "a", Time.STATE))
    made = plan([node])
    text = source(made, {v: k for k, v in enumerate([*made.inputs.values(), made.outputs[0][1]])})
    assert "exp(" in text
    assert "newton" not in text
