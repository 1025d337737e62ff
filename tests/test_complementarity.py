"""Complementarity conditions against closed forms, enumeration of regimes, and problems of the literature."""

import itertools

import casadi as ca
import numpy as np
import pytest
import xarray as xr
from sympy import Sum

from framework import (
    DataError,
    Model,
    ModelError,
    SolveError,
    Status,
    compile_model,
    diff,
    elasticities,
    follow,
    hat,
    solve,
)
from framework.solve import register_solver
from framework.solve.newton import Trace
from framework.solve.registry import SOLVERS

BACKENDS = ("numpy", "c", "casadi")

# ---- problems of the literature ------------------------------------------------------------------


def kojima_shindo() -> tuple[Model, list]:
    """Kojima and Shindo (1986): two solutions, one of them degenerate."""
    m = Model("kojima-shindo", "Kojima and Shindo (1986), JORSJ 29, 352-374")
    x = [m.variable(f"x{k}", [], level=True) for k in range(1, 5)]
    a, b, c, d = x
    functions = [
        3 * a**2 + 2 * a * b + 2 * b**2 + c + 3 * d - 6,
        2 * a**2 + b**2 + a + 10 * c + 2 * d - 2,
        3 * a**2 + a * b + 2 * b**2 + 2 * c + 9 * d - 9,
        a**2 + 3 * b**2 + 2 * c + 3 * d - 3,
    ]
    for k, f in enumerate(functions):
        m.complements(f"F{k + 1}", f, x[k] >= 0)
    return m, functions


@pytest.fixture(scope="module")
def kojima():
    """The compiled problem."""
    return compile_model(kojima_shindo()[0])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("start", "solution", "degenerate"),
    [((0, 0, 3, 0), (1, 0, 3, 0), False), ((1, 0, 0, 0), (np.sqrt(1.5), 0, 0, 0.5), True)],
)
def test_both_solutions_of_kojima_and_shindo(kojima, backend, start, solution, degenerate):
    data = xr.Dataset({f"x{k + 1}": float(v) for k, v in enumerate(start)})
    found = solve(kojima.bind(data, backend=backend))
    np.testing.assert_allclose([found[f"x{k}"] for k in range(1, 5)], solution, atol=1e-9)
    words = {str(k): v.item() for k, v in found.regimes.items()}
    assert (words["F3"] == "degenerate") is degenerate
    assert words["F1"] == "binding"
    assert words["F2"] == "at lower bound"
    assert found.provenance["complementarity"] == words


def linear(lower: float | None, upper: float | None) -> Model:
    """A linear problem with one number of unknowns: ``M x + q`` against a box."""
    m = Model("linear")
    item = m.set("item")
    row, column = item.alias("row"), item.alias("column")
    (i,), (j,) = item.indices("i"), item.indices("j")
    matrix = m.parameter("M", [row, column], "matrix")
    q = m.parameter("q", [item], "constant")
    x = m.variable("x", [item], "x", level=True)
    m.complements("rows", Sum(matrix[i, j] * x[j], j) + q[i], x[i], lower=lower, upper=upper)
    return m


def enumerate_box(matrix, q, lower, upper):
    """Every solution of a linear problem in a box, by trying each side of each row."""
    n, found = len(q), []
    for side in itertools.product((-1, 0, 1), repeat=n):
        bound = np.select([np.array(side) < 0, np.array(side) > 0], [lower, upper], 0.0)
        if not np.isfinite(bound).all():
            continue
        inside = np.array(side) == 0
        x = bound.copy()
        x[inside] = np.linalg.solve(
            matrix[np.ix_(inside, inside)], -(q + matrix[:, ~inside] @ bound[~inside])[inside]
        )
        f = matrix @ x + q
        ok = (x >= lower - 1e-9) & (x <= upper + 1e-9)
        ok &= np.select([np.array(side) < 0, np.array(side) > 0], [f >= -1e-9, f <= 1e-9], True)
        if ok.all():
            found.append(x)
    return found


@pytest.mark.parametrize(("lower", "upper"), [(0.0, None), (None, 0.5), (-0.2, 0.4)])
def test_linear_problems_equal_the_enumeration_of_their_sides(lower, upper):
    system, seen = compile_model(linear(lower, upper)), set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        root = rng.normal(size=(4, 4))
        matrix, q = root @ root.T + 0.5 * np.eye(4), rng.normal(size=4)  # a P-matrix: one solution
        names = [f"k{k}" for k in range(4)]
        data = xr.Dataset(
            {"matrix": (("row", "column"), matrix), "constant": ("item", q)},
            {"item": names, "row": names, "column": names},
        )
        found = solve(system.bind(data))
        expected = enumerate_box(
            matrix, q, -np.inf if lower is None else lower, np.inf if upper is None else upper
        )
        assert len(expected) == 1
        np.testing.assert_allclose(found["x"], expected[0], atol=1e-9)
        seen |= set(found.regimes["rows"].values.ravel())
    assert "binding" in seen
    assert ("at lower bound" in seen) is (lower is not None)
    assert ("at upper bound" in seen) is (upper is not None)


@pytest.mark.parametrize("model", [kojima_shindo()[0], linear(-0.2, 0.4)], ids=["kojima", "box"])
def test_derivatives_are_those_of_casadi_also_at_the_kink(model):
    names = list("ab")
    data = xr.Dataset(
        {"matrix": (("row", "column"), [[2.0, 1.0], [0.0, 1.0]]), "constant": ("item", [0.0, 0.2])},
        {"item": names, "row": names, "column": names},
    )
    problem = compile_model(model).bind(data)
    f = problem.casadi_function()
    u = ca.MX.sym("u", problem.size)
    jacobian = ca.Function("J", [u], [ca.jacobian(f(u), u)])
    kink = np.array([1.0, 0.0, 3.0, 0.0]) if problem.size == 4 else np.array([-0.2, 0.4])
    for point in (np.full(problem.size, 0.3), kink):
        residual = problem.residual(point)
        product = problem.linearise()
        ours = np.column_stack([product(e) for e in np.eye(problem.size)])
        np.testing.assert_allclose(residual, np.asarray(f(point)).ravel(), atol=1e-14)
        np.testing.assert_allclose(ours, np.asarray(jacobian(point)), atol=1e-12)
        assert np.isfinite(ours).all()


# ---- a quota in a closed form --------------------------------------------------------------------


def two_regions() -> Model:
    """Two regions with one good each, Cobb-Douglas: home spends half of its income on either, abroad a share.

    Home's exports are limited; the tax, on the price abroad, goes to home. With the foreign price as numeraire,
    income abroad 1, share ``a`` of it spent on home's good and home's endowment 1: exports are
    ``a / ((1 + t) p)`` and home spends half of ``p + t p e`` on its own good.
    """
    m = Model("two-regions", "Armington with two regions and an export quota; synthetic")
    a = m.parameter("a", [], "foreign share", positive=True)
    quota = m.exogenous("Q", [], "quota", level=True, lower=0.0)
    p = m.variable("p", [], "price")
    e = m.variable("e", [], "exports", level=True, lower=0.0)
    t = m.variable("t", [], "tax", level=True, lower=-1.0, observed=True)
    with m.block("home"):
        m.define(e, a / ((1 + t) * p))
        m.equate("home market", p, (p + t * p * e) / 2 + p * e)
    with m.block("policy"):
        m.complements("export quota", e <= quota, t >= 0)
    return m


def closed_form(a: float, quota: float) -> tuple[float, float, float]:
    """Price, tax and exports: without the quota half of the endowment is exported; with it ``t = 1/Q - 2``."""
    e = min(quota, 0.5)
    t = max(1 / quota - 2, 0.0)
    return a / ((1 + t) * e), t, e


@pytest.fixture(scope="module")
def quota_system():
    """The compiled model of two regions."""
    return compile_model(two_regions())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("quota", [0.05, 0.2, 0.49, 0.4999, 0.5001, 0.51, 0.8, 4.0])
def test_quota_in_two_regions_is_the_closed_form(quota, backend, quota_system):
    data = xr.Dataset({"foreign_share": 0.3, "quota": quota, "tax": 0.0, "price": 1.0})
    found = solve(quota_system.bind(data, backend=backend))
    np.testing.assert_allclose(
        [found["price"], found["tax"], found["exports"]], closed_form(0.3, quota), rtol=1e-8, atol=1e-9
    )
    assert found.regimes["export quota"].item() == ("binding" if quota < 0.5 else "at lower bound")


def test_the_solution_says_which_side_binds(quota_system):
    system = quota_system
    data = xr.Dataset({"foreign_share": 0.3, "quota": 0.2, "tax": 0.0, "price": 1.0})
    assert "'export quota': binding\n" in repr(solve(system.bind(data)))
    assert "'export quota': not binding, 'tax' at lower bound\n" in repr(
        solve(system.bind(data, {"quota": 0.7}))
    )
    assert "'export quota': degenerate" in repr(solve(system.bind(data, {"quota": 0.5})))
    checks = {c.name: c.value for c in solve(system.bind(data)).certificate.checks}
    for name in (
        "complementarity of 'export quota': smaller side",
        "'export quota': violation",
        "'tax': distance outside its bounds",
    ):
        assert checks[name] < 1e-12


def test_a_point_that_violates_a_side_is_refused_at_its_label():
    names = ["bolt", "nut"]
    data = xr.Dataset(
        {"matrix": (("row", "column"), np.eye(2)), "constant": ("item", [-0.3, -0.3])},
        {"item": names, "row": names, "column": names},
    )
    register_solver("asserts", lambda p: Trace(np.array([0.3, -0.7]), Status.SOLVED))
    try:
        with pytest.raises(SolveError) as error:
            solve(compile_model(linear(0.0, None)).bind(data), "asserts")
    finally:
        SOLVERS.pop("asserts")
    assert "FAILED  complementarity of 'rows': smaller side at item=nut" in str(error.value)
    assert "FAILED  'x' at item=nut: distance outside its bounds" in str(error.value)
    assert "FAILED  'rows' at item=nut: violation" in str(error.value)


# ---- an activity that shuts down -----------------------------------------------------------------


def technologies() -> Model:
    """One good made with labour by technologies of given productivity and capacity; demand ``b / p``."""
    m = Model("technologies", "Activity analysis with capacities; synthetic")
    tech = m.set("technology")
    (k,) = tech.indices("k")
    a = m.parameter("a", [tech], "labour requirement", positive=True)
    b = m.parameter("b", [], "spending", positive=True)
    p = m.variable("p", [], "price")
    y = m.variable("y", [tech], "activity", level=True, lower=0.0)
    rent = m.variable("mu", [tech], "rent", level=True, lower=0.0)
    capacity = m.exogenous("K", [tech], "capacity", level=True, lower=0.0)
    with m.block("production"):
        m.complements("zero profit", a[k] + rent[k] - p, y[k] >= 0)
        m.complements("capacity limit", y[k] <= capacity[k], rent[k] >= 0)
        m.equate("market", p * Sum(y[k], k), b)
    return m


def merit_order(cost, capacity, spending):
    """Price and output: cheapest technologies first, until demand ``spending / p`` is met."""
    order, used, y = np.argsort(cost), 0.0, np.zeros_like(cost)
    for k in order:
        if used and spending / used <= cost[k]:
            break
        y[k] = min(capacity[k], max(spending / cost[k] - used, 0.0))
        used += y[k]
    return spending / used, y


def test_technologies_shut_down_in_the_order_of_their_costs():
    system, seen = compile_model(technologies()), set()
    for seed in range(10):
        rng = np.random.default_rng(seed)
        cost, capacity = rng.uniform(0.5, 2, 4), rng.uniform(0.2, 1, 4)
        spending = rng.uniform(0.2, 3)
        data = xr.Dataset(
            {
                "labour_requirement": ("technology", cost),
                "capacity": ("technology", capacity),
                "spending": spending,
                "price": 1.0,
                "activity": ("technology", np.full(4, 0.1)),
            },
            {"technology": list("abcd")},
        )
        found = solve(system.bind(data))
        price, output = merit_order(cost, capacity, spending)
        np.testing.assert_allclose(found["price"], price, rtol=1e-8)
        np.testing.assert_allclose(found["activity"], output, atol=1e-8)
        np.testing.assert_allclose(
            found["rent"], np.where(output > 0, np.maximum(price - cost, 0), 0), atol=1e-8
        )
        seen |= set(found.regimes["zero profit"].values)
    assert {"binding", "at lower bound"} <= seen


# ---- exact hats ----------------------------------------------------------------------------------


def exporters() -> Model:
    """Regions that export a good, of which some are under a quota, in a form that has exact hats; synthetic."""
    m = Model("exporters", "Export quotas of several regions; synthetic")
    region = m.set("region")
    (i,) = region.indices("i")
    m.parameter("eta", [], "demand elasticity", positive=True)
    m.fundamental("B", [region], "demand shifter")
    e = m.variable("e", [region], "exports", observed=True)
    x = m.variable("x", [region], "export level", level=True)
    t = m.variable("t", [region], "tax", level=True, lower=-1.0, observed=True)
    c = m.exogenous("c", [region], "cost")
    quota = m.exogenous("Q", [region], "quota", level=True, lower=0.0)
    cap = m.exogenous("cap", [], "largest tax", level=True)
    with m.block("exports"):
        m.define(e[i], m["B"][i] * (c[i] * (1 + t[i])) ** (-m["eta"]))
        m.define(x[i], e[i])
        m.complements("export quota", quota[i] - x[i], t[i], lower=0, upper=cap)
    return m


@pytest.fixture(scope="module")
def exporters_system():
    """Compiled in hats."""
    return compile_model(hat(exporters()))


EXPORTERS = xr.Dataset(
    {
        "exports": ("region", [2.0, 3.0, 5.0, 1.0]),
        "tax": ("region", [0.0, 0.0, 0.1, 0.0]),
        "quota": ("region", [2.5, 4.0, 5.0, 1.0]),
        "largest_tax": 0.5,
        "demand_elasticity": 2.0,
    },
    {"region": ["A", "B", "C", "D"]},
)


def taxes(quota, cost_hat, cap=0.5):
    """In the closed form the tax brings exports to the quota, but is neither negative nor above the cap."""
    before = EXPORTERS["exports"].values * (1 + EXPORTERS["tax"].values) ** 2 * np.asarray(cost_hat) ** -2.0
    return np.clip(np.sqrt(before / np.asarray(quota)) - 1, 0.0, cap)


@pytest.mark.parametrize("backend", BACKENDS)
def test_quotas_in_hats_are_the_closed_form_by_region(exporters_system, backend):
    quota = np.array([1.5, 4.0, 2.0, 1.2])
    shocks = {"quota": dict(zip("ABCD", quota, strict=True)), "cost": {"D": 0.8}}
    found = solve(exporters_system.bind(EXPORTERS, shocks, backend=backend))
    np.testing.assert_allclose(found["tax"], taxes(quota, [1, 1, 1, 0.8]), atol=1e-9)
    assert list(found.regimes["export quota"].values) == [
        "binding",
        "at lower bound",
        "at upper bound",
        "binding",
    ]
    assert found.provenance["complementarity"]["export quota"]["C"] == "at upper bound"
    assert "'tax' at upper bound (C)" in repr(found)


def test_the_hat_of_a_condition_holds_its_levels():
    (eq,) = (e for e in hat(exporters()).equations if e.complement is not None)
    assert str(eq) == "Q_new[i] - x_new[i] ⟂ 0 <= t_new[i] <= cap_new"
    assert r"Q'_{i} - x'_{i} &\perp 0 \le t'_{i} \le \mathit{cap}'" in hat(exporters()).to_latex()
    assert "'export quota'  Q_new[i] - x_new[i] ⟂ 0 <= t_new[i] <= cap_new" in str(
        compile_model(hat(exporters())).structure
    )


def test_a_path_crosses_from_one_side_to_the_other(exporters_system):
    quota = np.array([1.0, 1.5, 7.0, 0.5])
    problem = exporters_system.bind(EXPORTERS, {"quota": dict(zip("ABCD", quota, strict=True))})
    start = EXPORTERS["quota"].values
    for share in np.linspace(0, 1, 9):
        part = problem.part(share)
        level = start ** (1 - share) * quota**share
        np.testing.assert_allclose(solve(part)["tax"], taxes(level, 1.0), atol=1e-8)
    path = follow(problem, solutions=1)
    assert "followed to the whole shock" in str(path)
    np.testing.assert_allclose(problem.outcomes(path.solutions[0])["tax"], taxes(quota, 1.0), atol=1e-8)


def test_derivatives_follow_the_side_that_binds(exporters_system):
    quota = dict(zip("ABCD", [1.5, 4.0, 2.0, 1.2], strict=True))
    solution = solve(exporters_system.bind(EXPORTERS, {"quota": quota}))
    found = elasticities(solution, "tax", where={"region": "A"}, of=["quota"])["quota"]
    step = 1e-6
    up = solve(exporters_system.bind(EXPORTERS, {"quota": quota | {"A": 1.5 + step}}))
    slope = float((up["tax"] - solution["tax"]).sel(region="A")) / step
    assert slope < -0.1
    np.testing.assert_allclose(found.sel(region="A"), slope, rtol=1e-4)
    with pytest.raises(SolveError, match="'export quota' is degenerate here: it binds after a change in one"):
        elasticities(solve(exporters_system.bind(EXPORTERS)), "tax", where={"region": "A"})


def test_a_baseline_that_violates_a_condition_is_named_at_its_label(exporters_system):
    with pytest.raises(DataError, match="before any shock 'export quota' at region=B does not hold"):
        solve(exporters_system.bind(EXPORTERS.assign(quota=("region", [2.5, 2.0, 5.0, 1.0]))))
    with pytest.raises(
        DataError, match=r"'export quota' at region=A does not hold: 'tax' is 0\.2 outside its bo"
    ):
        solve(exporters_system.bind(EXPORTERS.assign(tax=("region", [-0.2, 0.0, 0.1, 0.0]))))


def test_bounds_that_cross_and_quotas_below_zero_are_refused(exporters_system):
    with pytest.raises(DataError, match="'quota' is -1 at region=B; it must not be below 0"):
        exporters_system.bind(EXPORTERS, {"quota": {"B": -1.0}})
    with pytest.raises(
        DataError,
        match=r"'export quota' at region=A: the upper bound of 'tax' is 0\.1 below its lower bound; raise it, or",
    ):
        exporters_system.bind(EXPORTERS, {"largest_tax": -0.1})


# ---- declarations --------------------------------------------------------------------------------


def draft() -> tuple[Model, dict]:
    """A model in which conditions can be declared wrongly."""
    m = Model("draft")
    region, good = m.set("region"), m.set("good")
    (i,), (g,) = region.indices("i"), good.indices("g")
    names = {
        "i": i,
        "g": g,
        "t": m.variable("t", [region], "tax", level=True, lower=-1.0),
        "s": m.variable("s", [], "scalar tax", level=True),
        "p": m.variable("p", [region], "price"),
        "e": m.variable("e", [region], "exports", level=True),
        "x": m.variable("x", [region, good], "exports by good", level=True),
        "Q": m.exogenous("Q", [region], "quota", level=True, lower=0.0),
    }
    return m, names


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda m, i, Q, e, t, **_: m.complements("c", Q[i] - e[i], t[i]), r"'t\[i\]' has no bound, .* write 't\[i\] >= 0'"),
        (lambda m, i, Q, e, p, **_: m.complements("c", Q[i] - e[i], p[i], lower=0), "'p' is strictly positive and solved in"),
        (lambda m, i, Q, e, p, **_: m.complements("c", Q[i] - e[i], p[i] >= 0), "one side is always true or false"),
        (lambda m, i, Q, e, **_: m.complements("c", Q[i] - e[i], Q[i] >= 0), "'Q' is exogenous; only a variable can leave"),
        (lambda m, i, Q, e, s, **_: m.complements("c", Q[i] - e[i], s >= 0), "index 'i' of the condition is not an index of 's'"),
        (lambda m, i, g, Q, e, x, **_: m.complements("c", Q[i] - e[i], x[i, g] >= 0), r"'x\[i, g\]' runs over 'g', but the condition"),
        (lambda m, i, Q, e, t, **_: m.complements("c", Q[i] - e[i], t[i] >= -1), "'t' must stay above -1 by its declaration"),
        (lambda m, i, Q, e, t, **_: m.complements("c", Q[i] - e[i], t[i], lower=1, upper=1), "lower bound 1 is not below its upper"),
        (lambda m, i, Q, e, t, **_: m.complements("c", Q[i] - e[i], t[i] >= 0, upper=1), "the bound is given twice"),
        (lambda m, i, Q, e, t, **_: m.complements("c", e[i] <= Q[i], t[i], lower=0, upper=1), "give the function itself"),
        (lambda m, i, Q, e, t, **_: m.complements("c", e[i] < Q[i], t[i] >= 0), "is not an inequality that may bind"),
        (lambda m, i, Q, e, t, **_: m.complements("c", Q[i], t[i] >= e[i]), r"bound 'e\[i\]' of 't\[i\]' contains the variable"),
        (lambda m, i, Q, e, t, **_: m.complements("c", Q[i] - e[i], t[i] + 1 >= 0), "is not one variable with distinct indices"),
        (lambda m, i, Q, e, t, **_: (m.complements("c", Q[i] - e[i], t[i] >= 0), m.complements("d", Q[i], t[i] >= 0)), "'t' is determined by 'c' in block 'model' already; a variable has one condition"),
        (lambda m, i, Q, e, t, **_: (m.complements("c", Q[i] - e[i], t[i] >= 0), m.define(t[i], Q[i])), "'t' is determined by the complementarity 'c' already"),
        (lambda m, i, Q, e, t, **_: m.complements("c", Q[i] - e[i] + m["nix"], t[i] >= 0), "model 'draft' has no symbol 'nix'"),
    ],
)  # fmt: skip
def test_wrong_declarations_are_refused_with_the_fix(declare, message):
    m, names = draft()
    with pytest.raises(ModelError, match=message):
        declare(m, **names)


def test_a_condition_is_paired_with_its_variable_and_no_other():
    m = two_regions()
    assert dict(compile_model(m).structure.core)["t"].name == "export quota"
    with m.block("home"):
        m.equate("second", m["p"], 1)
    with pytest.raises(
        ModelError, match=r"not square .*\n  one equation \(scalar\) too many among 'home market'"
    ):
        compile_model(m)
    fixed = two_regions().swap(quota="tax")
    with pytest.raises(
        ModelError, match="'t' is given in this closure and cannot leave its bound; free it, or"
    ):
        compile_model(fixed)


def test_diff_shows_what_a_condition_replaces():
    m = two_regions()
    other = m.replace("policy", lambda out: out.equate("export tax", out["t"], out["Q"]))
    assert "+ t = Q" in str(diff(m, other))
    assert "- Q - e >= 0 ⟂ t >= 0" in str(diff(m, other))
    assert str(diff(m, two_regions())).count("⟂") == 0
