"""Newton, its ladder and the certificate: right answers or errors in words, never numbers that look like results."""

from __future__ import annotations

import json
import pickle
import shutil
import sys
from functools import cache

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from armington_economy import baseline as armington_baseline
from armington_economy import systems
from levels_of import ELEMENTS, TECHNOLOGIES, system
from oracles import hats as oracle
from oracles import levels
from oracles.economies import random_economy
from oracles.newton import OracleError

import calibration
from calibration.synthetic import synthetic_caliendo_parro
from framework import DataError, Model, SolveError, Status, compile_model, hat, register_solver, solve
from framework.solve import SOLVERS, Trace, krylov, newton
from framework.solve.certify import certify, replication_error
from framework.solve.conditioning import conditioning, undetermined
from framework.solve.newton import RESIDUAL_BOUND, STEP_BOUND, Options, full_step, iterate
from models import armington, caliendo_parro

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("gcc", "clang"))), reason="there is no C compiler"
)
QUOTA, PRICE = "ree_export_ratio", "ree_price_ratio"


@cache
def wiod() -> xr.Dataset:
    return calibration.rare_earths_baseline(calibration.load_table("wiod2009-5x14"))


def ree(shocks: dict, technology: str = "fixed-effort", data: xr.Dataset | None = None):
    """The rare-earths problem with a shock, under the closure that the shock needs."""
    fixed = next((k for k in (QUOTA, PRICE) if k in shocks), "")
    return system(technology, True, fixed).bind(wiod() if data is None else data, shocks)


def abroad(data: xr.Dataset, factor: float) -> xr.DataArray:
    """Trade costs between different regions times a factor."""
    cost = xr.ones_like(data.expenditure_share)
    return cost.where(cost.importer == cost.exporter, factor)


# ---- GMRES ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 150, 400])
def test_gmres_reaches_the_tolerance_that_it_reports(size):
    rng = np.random.default_rng(size)
    a, b = 3 * np.eye(size) + rng.normal(size=(size, size)) / np.sqrt(size), rng.normal(size=size)
    found = krylov.gmres(lambda v: a @ v, b, 1e-10)
    assert found.converged
    assert np.linalg.norm(a @ found.x - b) <= 1.1e-10 * np.linalg.norm(b)


def test_gmres_counts_its_products_and_restarts():
    rng = np.random.default_rng(0)
    a, count = np.diag(np.linspace(1, 500, 1000)), []
    found = krylov.gmres(lambda v: count.append(1) or a @ v, rng.normal(size=1000), 1e-9)
    assert found.products == len(count) > krylov.RESTART
    assert found.converged


def test_gmres_says_where_it_stagnates():
    shift = np.roll(np.eye(300), 1, 0)  # every Krylov step but the last is orthogonal to what is left
    found = krylov.gmres(lambda v: shift @ v, np.eye(300)[0], 1e-8)
    assert not found.converged
    assert found.residual == 1
    assert found.products == krylov.RESTART


@pytest.mark.parametrize(("b", "converged"), [([1, 1, 0], True), ([1, 1, 1], False), ([0, 0, 0], True)])
def test_gmres_on_a_singular_operator(b, converged):
    found = krylov.gmres(lambda v: np.array([2, 3, 0]) * v, np.array(b, dtype=float), 1e-12)
    assert found.converged is converged
    assert np.isfinite(found.x).all()


def test_gmres_meets_a_product_that_is_not_finite():
    with np.errstate(invalid="ignore"):
        assert not krylov.gmres(lambda v: v * np.inf, np.ones(3), 1e-6).converged


# ---- one Newton run ------------------------------------------------------------------------------


class Equations:
    """A problem of plain equations with one group of unknowns, for Newton's method alone."""

    core = None  # nothing is compiled

    def __init__(self, equations, unknowns, start):
        self.size, self.start = len(unknowns), np.array(start, dtype=float)
        self._f = sp.lambdify(unknowns, equations, "numpy")
        self._jacobian = sp.lambdify(unknowns, sp.Matrix(equations).jacobian(unknowns), "numpy")
        self.residuals = []

    def residual(self, u):
        self.u = u
        self.residuals.append(np.array(self._f(*u), dtype=float))
        return self.residuals[-1]

    def linearise(self):
        jacobian = np.array(self._jacobian(*self.u), dtype=float)
        return lambda v: jacobian @ v

    def slices(self):
        yield None, slice(0, self.size), (self.size,)


x, y = sp.symbols("x y")


def test_convergence_is_quadratic():
    problem = Equations([sp.exp(x) - 2 + y / 9, y + x**2 - 1], [x, y], [0, 0])
    trace = iterate(problem, problem.start, Options(forcing=1e-14))
    assert trace.status is Status.SOLVED
    errors = np.log([np.abs(f).max() for f in problem.residuals if 1e-14 < np.abs(f).max() < 0.5])
    assert len(errors) >= 3
    assert (errors[1:] / errors[:-1] > 1.7).all()


def test_no_linear_solve_is_tighter_than_what_certifies_a_point(monkeypatch):
    asked = []

    def counted(product, b, tolerance):
        asked.append((tolerance, np.abs(b).max()))
        return krylov.gmres(product, b, tolerance)

    monkeypatch.setattr(newton, "gmres", counted)
    data = synthetic_caliendo_parro(6, 5)
    tariff = (data.tariff + 0.1).where(data.importer != data.exporter, 0.0)
    problem = compile_model(hat(caliendo_parro())).bind(data, {"tariff": tariff}, backend="numpy")
    trace = iterate(problem, problem.start, Options())
    assert trace.status is Status.SOLVED
    assert asked[0][0] == Options().forcing
    certifying = [max(newton._ACCURATE, newton._LEFT / residual) for _, residual in asked]
    assert all(tolerance >= least for (tolerance, _), least in zip(asked, certifying, strict=True))
    assert asked[-1][0] == certifying[-1] < 1e-3
    assert full_step(problem, trace.point) < 1e-13


@pytest.mark.parametrize("backend", ["numpy", pytest.param("c", marks=needs_compiler)])
def test_a_small_step_of_a_loose_linear_solve_is_not_accepted(backend):
    """Two blocs that hardly trade, a tiny shock within one and a large one between them, which moves wages by 15%.

    The first linear system may be solved to its loosest tolerance without the equation of trade between the blocs.
    """
    regions, link = list("abcd"), np.zeros((4, 4))
    link[0, 2] = link[2, 0] = 1e-10
    share = np.array([[0.7, 0.3, 0, 0], [0.3, 0.7, 0, 0], [0, 0, 0.6, 0.4], [0, 0, 0.4, 0.6]]) + link
    share -= np.diag(link.sum(1))
    data = xr.Dataset(
        {
            "expenditure_share": (("importer", "exporter"), share),
            "expenditure": ("region", np.full(4, 100.0)),
            "deficit": ("region", np.zeros(4)),
            "trade_elasticity": 4.0,
        },
        dict.fromkeys(("region", "importer", "exporter"), regions),
    )
    cost = xr.ones_like(data.expenditure_share)
    cost.loc["a", "c"], cost.loc["a", "b"] = 2.0, 1 + 1e-9
    problem = compile_model(hat(armington())).bind(data, {"trade_cost": cost}, backend=backend)
    wage = solve(problem)["wage"]
    # Trade between the blocs balances where, for the ratio r of their wages, r (2/r)**-4 = r**-4.
    np.testing.assert_allclose(wage[:2] / wage[2:].values, 2 ** (4 / 9), rtol=1e-5)


def test_work_is_counted():
    problem = Equations([sp.exp(x) - 2 + y / 9, y + x**2 - 1], [x, y], [0, 0])
    trace = iterate(problem, problem.start, Options())
    assert trace.evaluations == len(problem.residuals) == trace.iterations + 1
    dense = iterate(problem, problem.start, Options(dense=True))
    assert dense.products == problem.size * dense.iterations + 1  # and one for the signs


def test_a_small_residual_alone_is_not_accepted():
    flat = Equations([1e-12 * (sp.exp(x) - 2)], [x], [0])
    trace = iterate(flat, flat.start, Options())
    assert np.abs(flat.residuals[0]).max() < RESIDUAL_BOUND
    assert trace.status is Status.SOLVED
    assert abs(trace.point[0] - np.log(2)) < 1e-12
    unfinished = iterate(flat, flat.start, Options(iterations=1))
    assert unfinished.status is Status.NO_CONVERGENCE
    assert unfinished.residual < RESIDUAL_BOUND < STEP_BOUND < unfinished.step


def test_a_step_of_a_linear_solve_that_failed_is_not_accepted():
    """On a singular Jacobian GMRES moves what it can: residual and step are small, and y is anything."""
    stuck = Equations([x - 3e-11, 0 * y + 1e-11], [x, y], [0, 0])
    trace = iterate(stuck, stuck.start, Options())
    assert trace.residual < RESIDUAL_BOUND
    assert trace.step < STEP_BOUND
    assert trace.status is not Status.SOLVED
    assert trace.unsolved > 0


def test_steps_are_shortened_only_where_there_is_no_value():
    problem = Equations([sp.log(x)], [x], [20.0])  # the first full step leads to a negative argument
    trace = iterate(problem, problem.start, Options())
    assert trace.status is Status.SOLVED
    assert trace.evaluations > trace.iterations + 1
    growing = Equations([sp.atan(x)], [x], [1.3])  # the residual may grow on the way
    assert iterate(growing, growing.start, Options()).status is Status.SOLVED


@pytest.mark.parametrize(
    ("equations", "start", "options", "status"),
    [
        ([x**2 + 1], [0.5], Options(), Status.NO_CONVERGENCE),
        ([sp.log(x)], [0.0], Options(), Status.BAD_START),
        ([x**2 + 1], [0.0], Options(dense=True), Status.SINGULAR),
        ([x**2 + 1], [1e-12], Options(dense=True, longest=1.0), Status.SINGULAR),
        ([x**2 + 1], [0.0], Options(), Status.STAGNATION),
    ],
)
def test_every_way_to_fail_has_its_status(equations, start, options, status):
    problem = Equations(equations, [x], start)
    with np.errstate(all="ignore"):
        trace = iterate(problem, problem.start, options)
    assert trace.status is status


def test_a_residual_without_a_value_however_short_the_step():
    class Island(Equations):
        def residual(self, u):
            return super().residual(u) if (u == self.start).all() else np.full(1, np.nan)

    trace = iterate(Island([x + 1], [x], [0.0]), np.zeros(1), Options())
    assert trace.status is Status.NON_FINITE
    assert trace.evaluations > 30
    np.testing.assert_array_equal(trace.point, [0.0])


def test_a_run_without_progress_stops_early():
    problem = Equations([x**2 + 1], [x], [0.5])
    assert iterate(problem, problem.start, Options(iterations=10_000)).iterations < 100


# ---- the ladder ----------------------------------------------------------------------------------


def test_the_first_rung_solves_the_default_scenarios():
    for shock in ({"export_tax": 0.25}, {QUOTA: 0.6}, {PRICE: 10.0}):
        for technology in TECHNOLOGIES.values():
            provenance = solve(ree(shock, technology)).provenance
            assert provenance["rung"] == "newton"
            assert provenance["iterations"] <= 10


def test_later_rungs_are_climbed_in_order_and_their_work_adds_up(monkeypatch):
    problem, spent = ree({"export_tax": 0.25}), []

    def failing(until: int):
        def run(problem, start, options):
            trace = iterate(problem, start, options)
            if len(spent) < until:
                trace.status, trace.unsolved = Status.NO_CONVERGENCE, 1
            spent.append(trace.products)
            return trace

        return run

    rungs = ["newton", "newton, tight GMRES", "newton, short steps", "newton, dense LU", "homotopy"]
    for k, rung in enumerate(rungs):
        spent.clear()
        monkeypatch.setattr(newton, "iterate", failing(k))
        trace = newton.newton(problem)
        assert (trace.rung, trace.status) == (rung, Status.SOLVED)
        assert len(spent) == (k + 1 if rung != "homotopy" else k + 4)
        assert trace.products == sum(spent)
    np.testing.assert_allclose(
        trace.point, newton.iterate(problem, problem.start, Options()).point, atol=1e-9
    )


def test_lu_is_left_out_where_gmres_gave_the_same_directions(monkeypatch):
    tried = []

    def failing(problem, start, options):
        tried.append(options)
        return Trace(start, Status.NO_CONVERGENCE)

    monkeypatch.setattr(newton, "iterate", failing)
    newton.newton(ree({"export_tax": 0.25}))
    assert not any(options.dense for options in tried)


def test_homotopy_is_reached_by_trade_costs_times_eleven():
    found = solve(ree({"trade_cost": abroad(wiod(), 11)}))
    assert found.provenance["rung"] == "homotopy"
    expected = oracle.solve(wiod(), "F", shocks=oracle.Shocks(trade_cost=abroad(wiod(), 11).values))
    np.testing.assert_allclose(found["wage"], expected.wage, rtol=1e-9)
    np.testing.assert_allclose(found["real_consumption"], expected.real_consumption, rtol=1e-9)


@pytest.mark.parametrize("technology", ["exo", "F", "L"])
def test_large_shocks_are_right_or_an_error(technology):
    solution = levels.solve(random_economy(1, 4, 3, ree_sectors=2), technology)
    data, right = levels.baseline_from_levels(solution.economy, solution), 0
    for factor in (10.0, 100.0, 1000.0):
        cost = abroad(data, factor)
        try:
            expected = oracle.solve(data, technology, shocks=oracle.Shocks(trade_cost=cost.values))
        except OracleError:
            continue
        problem = system(TECHNOLOGIES[technology], True).bind(data, {"trade_cost": cost}, ELEMENTS)
        try:
            found = solve(problem)
        except SolveError:
            continue
        np.testing.assert_allclose(found["wage"], expected.wage, rtol=1e-8)
        np.testing.assert_allclose(found["real_consumption"], expected.real_consumption, rtol=1e-8)
        right += 1
    assert right >= 1


def test_changes_compose():
    """Hats from A to C are the product of those from A to B and from B to C: an oracle for any size of shock."""
    data = armington_baseline(2)
    there = solve(systems()[1].bind(data, {"trade_cost": abroad(data, 10)}))
    between = data.assign({k: data[k] * there[k] for k in ("expenditure_share", "expenditure")})
    further = solve(systems()[1].bind(between, {"trade_cost": abroad(data, 10)}))
    direct = solve(systems()[1].bind(data, {"trade_cost": abroad(data, 100)}))
    for key in direct.variables:
        np.testing.assert_allclose(direct[key], there[key] * further[key], rtol=1e-9)


def test_a_quota_of_zero_solves():
    found = solve(ree({QUOTA: 0.0}))
    assert abs(float(found["ree_exports"])) < 1e-6
    assert float(found["export_tax"]) > 1
    assert found.certificate.passed


def test_a_fraction_of_the_shock_leads_from_the_baseline_to_it():
    problem = ree({QUOTA: 0.5, "labour": {"USA": 1.21}})
    half = problem.part(0.5).bound.values
    assert float(half["zX_new"]) == pytest.approx(np.sqrt(0.5))
    assert half["L_hat"][list(wiod().region.values).index("USA")] == pytest.approx(1.1)
    assert float(problem.part(0.0).bound.values["zX_new"]) == pytest.approx(1.0)
    assert float(ree({QUOTA: 0.0}).part(0.25).bound.values["zX_new"]) == pytest.approx(0.75)


def test_a_fraction_of_the_shock_of_a_level_is_taken_from_its_bound():
    solution = levels.solve(random_economy(1, 3, 3, ree_sectors=2), "exo")
    data = levels.baseline_from_levels(solution.economy, solution)
    problem = system("exogenous", True).bind(data, {"tariff": data.tariff * 2 + 0.1}, ELEMENTS)
    old, new = 1 + data.tariff.values, 1.1 + 2 * data.tariff.values
    np.testing.assert_allclose(1 + problem.part(0.25).bound.values["tau_new"], old**0.75 * new**0.25)


def test_a_problem_without_unknowns():
    m = Model("plain")
    region = m.set("region")
    (i,) = region.indices("i")
    m.define(m.variable("Y", [region], "output")[i], 2 * m.exogenous("L", [region], "labour")[i])
    grid = xr.Dataset({"x": ("region", [1.0, 1.0])}, {"region": ["A", "B"]})
    found = solve(compile_model(hat(m)).bind(grid, {"labour": {"B": 3.0}}))
    assert list(found["output"].values) == [1, 3]


# ---- shocks that no economy reaches --------------------------------------------------------------


def refused(problem, match: str, solver: str = "newton") -> str:
    with pytest.raises(SolveError, match=match) as caught:
        solve(problem, solver)
    return str(caught.value)


def test_a_quota_above_what_there_is_says_how_far_one_can_go():
    text = refused(ree({QUOTA: 3.0}), "'rare-earths' was not solved by 'newton': the path of equilibria")
    assert "asked: 'ree_export_ratio' from 1 to 3" in text
    reached = text.split("(ree_export_ratio = ")[1].split(" of 1 to 3), not further")[0]
    endowment = float(wiod().ree_endowment.sel(region="CHN"))
    exports = float(solve(ree({"export_tax": 0.0}))["ree_exports"])
    assert 1.15 < float(reached) < endowment / exports
    assert "FAILED  residual of" in text


def test_a_price_at_which_exports_would_be_negative_names_the_bound():
    text = refused(ree({PRICE: 100.0}), "a point was found that fails its certificate")
    assert "'ree_exports' would be -" in text
    assert (
        "it must not be below 0: no economy within its bounds can reach what was asked; ask for less" in text
    )
    assert "asked: 'ree_price_ratio' from 1 to 100" in text
    assert "ok      residual of 'REE market'" in text
    assert "FAILED  'ree_exports' at least its bound" in text


def test_the_error_carries_the_certificate():
    with pytest.raises(SolveError) as caught:
        solve(ree({PRICE: 100.0}))
    assert caught.value.certificate is not None
    failed = {c.name for c in caught.value.certificate.checks if not c.passed}
    assert "'ree_exports' at least its bound" in failed
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.certificate == caught.value.certificate
    assert str(again) == str(caught.value)


def test_a_shock_of_many_cells_names_the_largest():
    text = refused(ree({PRICE: 100.0, "labour": {"JPN": 0.5, "USA": 1.1}}), "fails its certificate")
    assert "'labour' from 1 to 0.5 (largest change, at region=JPN)" in text


# ---- systems that do not determine their unknowns ------------------------------------------------


def without_numeraire():
    model = armington()
    model.numeraire_rule = None
    return compile_model(hat(model))


def test_without_a_numeraire_even_a_consistent_solution_is_refused():
    data = armington_baseline(0)
    text = refused(without_numeraire().bind(data, {"labour": {"R1": 2.0}}), "fails its certificate")
    assert (
        "the Jacobian is singular at the solution: no equation holds 'wage' in place; one is missing or redundant, "
        "or the model needs model.numeraire(...)"
    ) in text
    assert "FAILED  conditioning, estimated" in text


def test_without_a_numeraire_the_baseline_is_singular_already():
    data = armington_baseline(0, deficits=False)
    text = refused(without_numeraire().bind(data, {"labour": {"R1": 2.0}}), "was not solved")
    assert "singular" in text
    assert "no equation holds 'wage' in place" in text


def test_conditioning_is_of_the_right_size():
    problem = ree({"export_tax": 0.25})
    point = newton.newton(problem).point
    exact = np.linalg.cond(problem.jacobian(point))
    assert 1 <= conditioning(problem, point) <= exact < 100
    assert undetermined(problem, point)  # the weakest direction, whatever its size


def test_products_are_the_jacobian():
    problem = ree({QUOTA: 0.6})
    rng = np.random.default_rng(0)
    u, v = problem.start + rng.normal(0, 0.01, problem.size), rng.normal(size=problem.size)
    h = 1e-5
    slope = (problem.residual(u + h * v) - problem.residual(u - h * v)) / (2 * h)
    problem.residual(u)
    np.testing.assert_allclose(problem.linearise()(v), slope, atol=1e-7)
    np.testing.assert_allclose(problem.jacobian(u) @ v, slope, atol=1e-7)


def saving():
    """Regions whose balance is an unknown level without a bound; the shock makes them change places."""
    m = Model("saving")
    region = m.set("region")
    (i,) = region.indices("i")
    w, L = (
        m.variable("w", [region], "wage", observed=True),
        m.exogenous("L", [region], "labour", observed=True),
    )
    B, T = (
        m.variable("B", [region], "balance", level=True),
        m.exogenous("T", [region], "transfer", level=True),
    )
    m.equate("income", w[i] * L[i], 3 + B[i])
    m.equate("balance", B[i] + B[i] ** 3, T[i] * w[i])
    data = xr.Dataset(
        {
            "wage": ("region", [2.0, 2.5]),
            "labour": ("region", [2.0, 2.0]),
            "transfer": ("region", [1.0, 4.0]),
        },
        {"region": ["A", "B"]},
    )
    return compile_model(hat(m)).bind(data, {"transfer": {"A": 4.0, "B": 1.0}})


def test_a_solver_may_reuse_its_buffer():
    problem, there = saving(), np.array([0.5, 0.25])
    want = problem.jacobian(there)
    u = there.copy()
    problem.residual(u)
    u[:] = 7.0
    np.testing.assert_array_equal(problem.linearise()(np.array([1.0, 0.0])), want[:, 0])


# ---- data ----------------------------------------------------------------------------------------


def test_a_baseline_that_is_no_equilibrium_is_refused_before_solving(monkeypatch):
    problem = ree({"export_tax": 0.25})
    values = dict(problem.bound.unshocked)
    values["omega"] = values["omega"] * 1.5
    monkeypatch.setattr(problem.unshocked.bound, "values", values)
    del problem.unshocked
    monkeypatch.setattr(problem.bound, "unshocked", values)
    with pytest.raises(
        DataError,
        match=r"the data are not an equilibrium of model 'rare-earths' without the shock: the largest residual is "
        r"0\.\d+ in equation '[\w ]+'( at region=\w+)?.* \(bound 1e-06\); balance the data, see calibration\.check_baseline",
    ):
        solve(problem)


def test_rounding_of_a_table_is_reported_and_forgiven():
    rounded = wiod().assign(deficit=wiod().deficit + np.array([1.0, -1.0, 0.5, 0.2, 0.0]))
    found = solve(ree({"export_tax": 0.25}, data=rounded))
    checks = {c.name: c for c in found.certificate.checks}
    assert 1e-9 < checks["baseline replication"].value < 1e-6
    assert checks["Walras: gap of the numeraire"].value > 1e-9
    assert checks["Walras: gap of the numeraire"].bound < 1e-5


def test_a_value_that_is_not_finite_at_the_baseline_is_traced_to_its_cause():
    tiny = wiod().trade_elasticity.where(wiod().sector != "Rubber and plastics", 1e-310)
    with pytest.raises(
        DataError,
        match=r"model 'rare-earths' has no value at the baseline: equation 'labour market' at region=\w+ has no value: "
        r".*from 'trade_elasticity' at sector=Rubber and plastics = 1e-310 .*; correct the data there",
    ):
        solve(ree({}, data=wiod().assign(trade_elasticity=tiny)))


def test_a_start_without_a_value_in_levels_names_the_cause():
    from levels_of import primitives

    problem = system("fixed-effort", False).bind(primitives(random_economy(0, 3, 3)), {}, ELEMENTS)
    text = refused(problem, "the residual is not finite at the start values")
    assert (
        "equation 'labour market' at region=CHN has no value: log 'ree_weight' at sector=S2 is -inf" in text
    )
    assert "outcomes without a value: " in text
    assert "FAILED  residual of 'labour market'" in text


def test_a_fixed_level_whose_baseline_only_the_data_know():
    m = Model("balances")
    region = m.set("region")
    (i,) = region.indices("i")
    transfer = m.exogenous("T", [region], "transfer", level=True)
    m.define(m.variable("w", [region], "income", level=True)[i], 2 * transfer[i])
    fixed = compile_model(hat(m).swap(transfer="income"))
    grid = xr.Dataset({"transfer": ("region", [1.0, 2.0])}, {"region": ["A", "B"]})
    shock = {"income": {"A": 2.5, "B": 3.0}}
    with pytest.raises(
        DataError, match=r"this closure fixes 'income', .* before the shock; add 'income' to the data"
    ):
        solve(fixed.bind(grid, shock))
    found = solve(fixed.bind(grid.assign(income=2 * grid.transfer), {"income": {"A": 2.5}}))
    assert list(found["transfer"].values) == [1.25, 2.0]
    assert list(found["income"].values) == [2.5, 4.0]


# ---- forgotten revenue ---------------------------------------------------------------------------


def test_a_forgotten_revenue_is_seen_by_walras():
    data = armington_baseline(3)
    off = data.deficit.copy(data=[0.1, 0, 0, 0])
    text = refused(systems()[1].bind(data, {"deficit": data.deficit + off}), "fails its certificate")
    assert "the budgets do not add up: an income or a tax revenue is forgotten or counted twice" in text
    assert "with 'deficit' as the only wedge they are off by" in text
    assert "its amounts sum to" in text
    assert "FAILED  Walras: gap of the numeraire" in text


# ---- solvers of users ----------------------------------------------------------------------------


@pytest.fixture
def solver():
    """Register a solver for one test."""
    names = []

    def add(run) -> str:
        names.append(f"mine {len(names)}")
        register_solver(names[-1], run)
        return names[-1]

    yield add
    for name in names:
        del SOLVERS[name]


def labour():
    return systems()[1].bind(armington_baseline(0), {"labour": {"R1": 2.0}})


@pytest.mark.parametrize(
    ("run", "match"),
    [
        (lambda p: 1 / 0, "'mine 0' on model 'armington': the solver raised an error: ZeroDivisionError: division by zero"),
        (lambda p: None, r"returned a NoneType; it must return a framework\.solve\.Trace"),
        (lambda p: p.start, r"returned a ndarray; it must return a framework\.solve\.Trace"),
        (lambda p: Trace(np.zeros(5), Status.SOLVED, 0, 0), r"a point of shape \(5,\); the problem has 4 unknowns"),
        (lambda p: Trace(np.zeros((4, 1)), Status.SOLVED, 0, 0), r"a point of shape \(4, 1\)"),
        (lambda p: Trace("abc", Status.SOLVED), "returned a point that is not an array of real numbers: 'abc'"),
        (lambda p: Trace(p.start, "fine", 0, 0), r"returned the status 'fine'; it must be a framework\.Status"),
        (lambda p: Trace(p.start, Status.SOLVED, 0, 0, 1.5), "counts of its work that are not whole numbers"),
        (lambda p: Trace(p.start * np.nan, Status.SOLVED, 0, 0), "called a point solved that is not finite"),
        (lambda p: Trace(p.start, Status.SOLVED, 0, 0), "a point was found that fails its certificate"),
        (lambda p: Trace(p.start + 900, Status.SOLVED, 0, 0), "a point was found that fails its certificate"),
        (lambda p: Trace(newton.newton(p).point + 1j, Status.SOLVED), "returned a point that is not an array of real numbers"),
        (lambda p: Trace(newton.newton(p).point[::-1], Status.SOLVED), "a point was found that fails its certificate"),
        (lambda p: Trace(newton.newton(p).point + 1e-6, Status.SOLVED, 0, 0), "a point was found that fails its certificate"),
        (lambda p: Trace(p.start, Status.SOLVED, iterations=-1), "counts of its work that are not whole numbers"),
        (lambda p: Trace(p.start, Status.SOLVED, note=3), "returned a note or a rung that is not text"),
        (lambda p: sys.exit("no licence"), "the solver raised an error: SystemExit: no licence"),
        (lambda p: p.bound.values["L_hat"].fill(1.0), "the solver raised an error: ValueError: .*read-only"),
        (lambda p: p.bound.values.update(L_hat=np.ones(4)) or newton.newton(p), "changed the data of the problem"),
        (lambda p: Trace(p.start, Status.NO_CONVERGENCE), "was not solved by 'mine 0': the iteration limit"),
    ],
)  # fmt: skip
def test_what_a_solver_returns_is_never_believed(solver, run, match):
    refused(labour(), match, solver(run))


def test_a_good_solver_is_certified_like_ours(solver):
    from scipy.optimize import root

    def hybr(problem):
        found = root(problem.residual, problem.start, tol=1e-13)
        return Trace(found.x, Status.SOLVED, evaluations=int(found.nfev))

    theirs, ours = solve(labour(), solver(hybr)), solve(labour())
    xr.testing.assert_allclose(theirs.outcomes, ours.outcomes, rtol=1e-9)
    step = next(c for c in theirs.certificate.checks if c.name.startswith("last full step"))
    assert 0 < step.value < 1e-12  # taken by us: scipy reports none
    assert theirs.provenance["solver"] == "mine 0"


def test_the_step_of_others_is_taken_by_us():
    problem = labour()
    point = newton.newton(problem).point
    assert full_step(problem, point) < 1e-12
    assert full_step(problem, point + 1e-3) == pytest.approx(1e-3, rel=0.1)
    certificate, _ = certify(problem, Trace(point + 1e-6, Status.SOLVED, 0.0, 0.0))
    assert not certificate.passed


def test_names_of_solvers():
    refused(labour(), r"no solver is named 'newtn'; there are newton.*Did you mean 'newton'\?", "newtn")
    with pytest.raises(SolveError, match="solver 'newton' is registered already; choose another name"):
        register_solver("newton", newton.newton)


def test_a_solver_must_be_a_function():
    with pytest.raises(
        SolveError, match=r"solver 'five' must be a function from a Problem to a .*Trace, not 5"
    ):
        register_solver("five", 5)


def test_an_interrupt_is_not_swallowed(solver):
    def interrupted(problem):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solve(labour(), solver(interrupted))


# ---- certificate and provenance ------------------------------------------------------------------


def test_the_certificate_lists_each_check_once():
    for shocks in ({"export_tax": 0.25}, {QUOTA: 0.6}, {PRICE: 10.0}):
        certificate = solve(ree(shocks)).certificate
        names = [c.name for c in certificate.checks]
        assert len(set(names)) == len(names)
        assert ("'export_tax' at least its bound" in names) == ("export_tax" not in shocks)
        assert [n for n in names if not n.startswith(("residual of", "theorem", "'"))] == [
            "last full step, in logs",
            "Walras: gap of the numeraire",
            "baseline replication",
            "conditioning, estimated",
            "outcomes that are not finite",
        ]
        assert all(np.isfinite([c.value, c.bound]).all() for c in certificate.checks)


def test_a_residual_without_a_value_does_not_pass():
    problem = labour()
    certificate, _ = certify(problem, Trace(np.full(4, np.nan), Status.NO_CONVERGENCE))
    failed = {c.name for c in certificate.checks if not c.passed}
    assert {
        "residual of 'labour market'",
        "last full step, in logs",
        "Walras: gap of the numeraire",
    } <= failed
    assert "outcomes that are not finite" in failed


def test_replication_of_a_level_unknown_whose_baseline_is_not_in_the_data():
    """The baseline is solved instead, and its ratios must be one."""
    problem = saving()
    assert not problem.has_known_start
    assert replication_error(problem) < 1e-9
    found = solve(problem)
    np.testing.assert_allclose(found["wage"], [1.25, 0.8], rtol=1e-9)
    np.testing.assert_allclose(found["balance"], [2.0, 1.0], rtol=1e-9)


def test_provenance_is_json_and_complete():
    solution = solve(ree({QUOTA: 0.6}))
    provenance = solution.provenance
    assert json.loads(json.dumps(provenance)) == provenance
    assert provenance["closure"] == {"export_tax": "ree_export_ratio"}
    assert provenance["variants"]["technology"] == "fixed-effort"
    assert provenance["elements"] == {"numeraire_region": "USA", "ree_exporter": "CHN"}
    assert {"python", "exacthat", "numpy", "scipy", "sympy", "casadi", "xarray"} == set(
        provenance["versions"]
    )
    assert provenance["unknowns"] == 147
    assert provenance["memory_bytes"] > 8 * 5 * 5 * 14
    assert 0 < provenance["bind_seconds"] < 5
    assert provenance["seconds"] > 0
    assert (
        provenance["build_seconds"] > solution.problem.system.seconds > 0
    )  # deriving the hats is part of it
    assert {"iterations", "evaluations", "products", "rung", "data_hash"} <= set(provenance)


def test_the_hash_tells_data_shocks_and_labels_apart():
    def digest(problem):
        return solve(problem).provenance["data_hash"]

    data = armington_baseline(0)
    turned = {d: [f"Q{k}" for k in range(4)] for d in ("region", "importer", "exporter")}
    problems = [
        systems()[1].bind(data, {"labour": {"R1": 2.0}}),
        systems()[1].bind(data, {"labour": {"R1": 2.1}}),
        systems()[1].bind(data.assign(trade_elasticity=3.0), {"labour": {"R1": 2.0}}),
        systems()[1].bind(data.assign_coords(turned), {"labour": {"Q1": 2.0}}),
    ]
    assert len({digest(p) for p in problems}) == 4
    assert digest(problems[0]) == digest(systems()[1].bind(data, {"labour": {"R1": 2.0}}))


def test_two_problems_of_one_system_do_not_disturb_each_other():
    first, second = ree({"export_tax": 0.25}), ree({"export_tax": 2.0})
    a = first.residual(first.start)
    second.residual(second.start)
    b = first.linearise()(np.ones(first.size))
    np.testing.assert_array_equal(first.residual(first.start), a)
    np.testing.assert_array_equal(first.linearise()(np.ones(first.size)), b)
