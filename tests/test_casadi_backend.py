"""The CasADi function equals the numpy back end, its derivatives are right, and users can build on it."""

import casadi as ca
import numpy as np
import pytest

from calibration import armington_baseline, load_table, rare_earths_baseline
from framework import DataError, Problem, compile_model, hat, solve
from framework.compile.casadi_backend import Tape
from framework.compile.ir import Graph, Time
from framework.compile.numpy_backend import Program
from framework.symbols import Kind
from models import armington, rare_earths

POLICIES = {
    "tax": ({"export_tax": "export_tax"}, 0.25),
    "quota": ({"export_tax": "ree_export_ratio"}, 0.6),
    "price": ({"export_tax": "ree_price_ratio"}, 10.0),
}


@pytest.fixture(scope="module")
def table():
    return load_table("wiod2009-5x14")


@pytest.fixture(scope="module")
def baseline(table):
    return rare_earths_baseline(table)


@pytest.fixture(scope="module")
def systems():
    """Compile each variant once."""
    known = {}

    def get(technology="fixed-effort", policy="tax"):
        if (technology, policy) not in known:
            model = hat(rare_earths().choose(technology=technology))
            known[technology, policy] = compile_model(
                model if policy == "tax" else model.swap(**POLICIES[policy][0])
            )
        return known[technology, policy]

    return get


@pytest.fixture(scope="module")
def taxed(systems, baseline) -> Problem:
    return systems().bind(baseline, {"export_tax": 0.25})


def point(problem: Problem, seed: int = 0) -> np.ndarray:
    return problem.start + 0.2 * np.random.default_rng(seed).standard_normal(problem.size)


def variables(problem: Problem) -> list[str]:
    return [problem.system.model.symbols[symbol].key for symbol in problem.system.outcomes]


def assert_equals_numpy(problem: Problem) -> None:
    """Residual and Jacobian at random points, against the numpy residual and its products."""
    f = problem.casadi_function()
    jacobian = f.factory("jacobian", ["u"], ["jac:residual:u"])
    for seed in range(3):
        u, directions = point(problem, seed), np.random.default_rng(seed).standard_normal((4, problem.size))
        np.testing.assert_allclose(f(u).full().ravel(), problem.residual(u), rtol=0, atol=1e-13)
        product, slopes = problem.linearise(), jacobian(u).full()
        for v in directions:
            np.testing.assert_allclose(slopes @ v, product(v), rtol=1e-12, atol=1e-12)


def test_armington(table):
    system = compile_model(hat(armington()))
    assert_equals_numpy(system.bind(armington_baseline(table), {"trade_cost": 1.1, "labour": {"CHN": 1.2}}))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("technology", ["exogenous", "fixed-effort", "elastic-effort"])
def test_rare_earths(systems, baseline, technology, policy):
    swap, value = POLICIES[policy]
    assert_equals_numpy(systems(technology, policy).bind(baseline, {swap["export_tax"]: value}))


def test_outcomes_equal_the_labelled_ones(taxed):
    u = point(taxed)
    labelled = taxed.outcomes(u)
    keys = variables(taxed)
    values = taxed.casadi_function(outcomes=keys)(u)[1:]
    for key, value in zip(keys, values, strict=True):
        np.testing.assert_allclose(value.full().ravel(), labelled[key].values.ravel(), rtol=1e-12)


def test_zeros_of_the_full_table(systems, official_data):
    table = load_table("wiod2009-41x35", data=official_data)
    problem = systems().bind(rare_earths_baseline(table, inventories="clip"), {"export_tax": 0.25})
    u, v = point(problem), np.random.default_rng(9).standard_normal(problem.size)
    f, at, along = problem.casadi_function(), ca.MX.sym("at", problem.size), ca.MX.sym("along", problem.size)
    product = ca.Function("product", [at, along], [ca.jtimes(f(at), at, along)])
    np.testing.assert_allclose(f(u).full().ravel(), problem.residual(u), rtol=0, atol=1e-13)
    np.testing.assert_allclose(product(u, v).full().ravel(), problem.linearise()(v), rtol=0, atol=1e-12)
    output = problem.bound.values["G"].ravel()
    assert (output == 0).any()
    symbolic = problem.casadi_function(["gross_output"])
    np.testing.assert_allclose(symbolic(u, output).full().ravel(), problem.residual(u), rtol=0, atol=1e-13)


# ---- symbolic parameters -------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["export_tax", "tariff", "trade_cost", "technology", "ree_endowment"])
def test_symbolic_shock_equals_a_bound_one(systems, baseline, key):
    system, value = systems(), 1.07 if key not in ("export_tax", "tariff") else 0.07
    everywhere = baseline.tariff * 0 + value if key in ("tariff", "trade_cost") else value
    bound = system.bind(baseline, {key: everywhere})
    symbolic = system.bind(baseline, {}).casadi_function([key])
    u = point(bound)
    given = np.full(symbolic.size_in(key), value)
    np.testing.assert_allclose(symbolic(u, given).full().ravel(), bound.residual(u), rtol=0, atol=1e-13)


@pytest.mark.parametrize("key", ["trade_elasticity", "ree_elasticity", "variety_productivity"])
def test_symbolic_datum_equals_a_bound_one(systems, baseline, key):
    system = systems()
    changed = baseline.assign({key: baseline[key] * 0.9})
    bound = system.bind(changed, {"export_tax": 0.25})
    symbolic = system.bind(baseline, {"export_tax": 0.25}).casadi_function([key])
    u, given = point(bound), changed[key].values.ravel()
    np.testing.assert_allclose(symbolic(u, given).full().ravel(), bound.residual(u), rtol=0, atol=1e-13)


def test_all_inputs_may_be_symbolic_at_once(taxed):
    declared = {d.key: d for d in taxed.system.inputs if d.kind is Kind.PARAMETER}
    declared |= {d.key: d for d in taxed.system.inputs if d.kind is Kind.EXOGENOUS}
    f, u = taxed.casadi_function(list(declared)), point(taxed)
    given = [taxed.bound.values[d.symbol].ravel() for d in declared.values()]
    np.testing.assert_allclose(f(u, *given).full().ravel(), taxed.residual(u), rtol=0, atol=1e-13)


def test_elasticity_of_one_stays_exact_when_symbolic(systems, baseline):
    assert (baseline["ree_elasticity"] == 1).any()
    problem = systems().bind(baseline, {"export_tax": 0.25})
    f, u = problem.casadi_function(["ree_elasticity"]), point(problem)
    value = f(u, baseline["ree_elasticity"].values).full().ravel()
    np.testing.assert_allclose(value, problem.residual(u), rtol=0, atol=1e-13)


def test_zero_of_a_symbolic_total():
    """The share of an empty total is zero, and so is its derivative: never 0/0."""
    graph, name = Graph(), ("data", "total")
    total = graph.input(name, ["region"], Time.PRELUDE)
    nodes = [graph.unary("inverse0", total), graph.unary("iszero", total)]
    program, given, symbol = (
        Program(nodes, [], {"region": 3}, {}),
        np.array([0.0, 2.0, -4.0]),
        ca.MX.sym("x", 3),
    )
    program.set(name, given)
    program.run(program.steps[Time.PRELUDE])
    tape = Tape(program, {name: symbol})
    values = [tape[node] for node in nodes]
    f = ca.Function("f", [symbol], [*values, *(ca.jacobian(v, symbol) for v in values)])
    inverse, empty, slope, jump = (x.full() for x in f(given))
    np.testing.assert_array_equal(inverse.ravel(), program[nodes[0]])
    np.testing.assert_array_equal(empty.ravel(), program[nodes[1]])
    np.testing.assert_array_equal(slope, np.diag([0.0, -1 / 4, -1 / 16]))
    np.testing.assert_array_equal(jump, np.zeros((3, 3)))


def test_slope_of_the_residual_in_the_tax(systems, baseline, taxed):
    f, u, h = taxed.casadi_function(["export_tax"]), point(taxed), 1e-5
    slope = f.factory("slope", ["u", "export_tax"], ["jac:residual:export_tax"])(u, 0.25).full().ravel()
    up, down = (systems().bind(baseline, {"export_tax": 0.25 + k}).residual(u) for k in (h, -h))
    np.testing.assert_allclose(slope, (up - down) / (2 * h), rtol=0, atol=1e-9)
    assert np.abs(slope).max() > 0.1


# ---- solving with CasADi -------------------------------------------------------------------------


def equilibrium(problem: Problem, parameters=(), outcomes=()) -> ca.Function:
    """CasADi's own Newton method with its own linear solver and derivatives."""
    f = problem.casadi_function(parameters, outcomes)
    return ca.rootfinder("equilibrium", "newton", f, {"abstol": 1e-13, "error_on_fail": True})


@pytest.mark.parametrize(("policy", "value"), [("tax", 0.25), ("quota", 0.6)])
def test_newton_of_casadi_finds_the_same_equilibrium(systems, baseline, policy, value):
    problem = systems("elastic-effort", policy).bind(baseline, {POLICIES[policy][0]["export_tax"]: value})
    ours = solve(problem)
    keys = variables(problem)
    values = equilibrium(problem, outcomes=keys)(problem.start)[1:]
    for key, theirs in zip(keys, values, strict=True):
        np.testing.assert_allclose(theirs.full().ravel(), ours[key].values.ravel(), rtol=1e-10, atol=1e-10)


def test_implicit_derivative_of_real_consumption(systems, baseline, taxed):
    find, t = equilibrium(taxed, ["export_tax"], ["real_consumption"]), ca.MX.sym("t")
    consumption = find(taxed.start, t)[1]
    slope = ca.Function("slope", [t], [ca.jacobian(consumption, t)])(0.25).full().ravel()
    usa, h = list(baseline["region"].values).index("USA"), 1e-3
    at = {
        k: solve(systems().bind(baseline, {"export_tax": 0.25 + k * h}))["real_consumption"].values[usa]
        for k in (-2, -1, 1, 2)
    }
    differences = (8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * h)
    assert slope[usa] == pytest.approx(differences, rel=1e-6)
    assert differences != 0


# ---- what is refused -----------------------------------------------------------------------------


def test_unknown_names(taxed):
    with pytest.raises(DataError, match=r"reads no input 'export_taxes'.* Did you mean 'export_tax'\?"):
        taxed.casadi_function(["export_taxes"])
    with pytest.raises(DataError, match=r"no variable 'real_consumtion'. Did you mean 'real_consumption'\?"):
        taxed.casadi_function(outcomes=["real_consumtion"])


def test_the_tax_is_no_parameter_under_a_quota(systems, baseline):
    problem = systems("fixed-effort", "quota").bind(baseline, {"ree_export_ratio": 0.6})
    with pytest.raises(DataError, match="'export_tax' is a variable in this closure"):
        problem.casadi_function(["export_tax"])
