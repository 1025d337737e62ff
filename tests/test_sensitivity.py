"""Elasticities and responses against complete solves, CasADi and closed forms."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace

import armington_economy
import casadi as ca
import numpy as np
import pytest
import xarray as xr
from levels_of import TECHNOLOGIES
from rare_earths_economy import KEYS, TARGETS, baseline, compiled, elements

from framework import DataError, Problem, SolveError, elasticities, response, solve
from framework.sensitivity import given_keys
from framework.solution import Status
from framework.solve import implicit
from framework.solve.krylov import Linear
from framework.solve.newton import newton

STEP = 2e-5


def problem_of(technology: str, kind: str = "tax", seed: int = 3) -> Problem:
    data = baseline(seed, technology, tax=0.1)
    return compiled(technology, kind).bind(data, {KEYS[kind]: TARGETS[kind]}, elements(data))


def moved(problem: Problem, symbol: str, change: np.ndarray) -> np.ndarray:
    """The unknowns of a complete solve with other data, which need not add up: nothing is checked."""
    values = {**problem.bound.values, symbol: problem.bound.values[symbol] + change}
    other = Problem(problem.system, replace(problem.bound, values=values), checked=True)
    trace = newton(other)
    assert trace.status is Status.SOLVED
    return np.log(other.outcomes(trace.point)["real_consumption"].values)


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_elasticities_are_differences_of_complete_solves(technology, kind):
    problem = problem_of(technology, kind)
    solution = solve(problem)
    region = solution["real_consumption"].region.values
    found = {str(n): elasticities(solution, "real_consumption", where={"region": n}) for n in region}
    rng = np.random.default_rng(0)
    for key, decl in given_keys(problem).items():
        value = problem.bound.values[decl.symbol]
        direction = rng.uniform(0.5, 1.5, value.shape) * rng.choice([-1, 1], value.shape)
        change = direction * (value if decl.positive else 1.0)
        sides = [moved(problem, decl.symbol, s * STEP * change) for s in (1, -1)]
        expected = (sides[0] - sides[1]) / (2 * STEP)
        total = [float((found[str(n)][key].values * direction).sum()) for n in region]
        np.testing.assert_allclose(total, expected, rtol=1e-5, atol=2e-8, err_msg=key)


def test_responses_are_the_transpose_of_elasticities():
    solution = solve(problem_of("L"))
    at = {"region": "R2"}
    for outcome in ("real_consumption", "gdp"):
        found = elasticities(solution, outcome, where=at)
        for key in ("export_tax", "ree_elasticity", "tariff", "tariff_baseline", "expenditure_share"):
            direction = xr.DataArray(
                np.random.default_rng(1).standard_normal(found[key].shape), found[key].coords
            )
            moved = response(solution, {key: direction if found[key].dims else float(direction)}, [outcome])
            assert float(moved[outcome].sel(at)) == pytest.approx(
                float((found[key] * direction).sum()), rel=1e-8, abs=1e-12
            )


@pytest.mark.parametrize("unit_elasticity", [False, True])
@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_elasticities_are_those_of_casadi(technology, unit_elasticity):
    data = baseline(3, technology, tax=0.1)
    if unit_elasticity:
        data = data.assign(ree_elasticity=xr.ones_like(data.ree_elasticity))  # others use these data too
    problem = compiled(technology).bind(data, {"export_tax": 1.0}, elements(data))
    keys = ["export_tax", "trade_elasticity", "ree_elasticity", "ree_share"]
    u, f = solve(problem).point, problem.casadi_function(keys, ["real_consumption"])
    given = [np.ravel(problem.bound.values[given_keys(problem)[k].symbol]) for k in keys]
    x = ca.MX.sym("x", problem.size)
    whole = ca.MX.sym("p", sum(v.size for v in given))
    residual, consumption = f(x, *ca.vertsplit(whole, np.cumsum([0, *(v.size for v in given)]).tolist()))
    slopes = ca.Function(
        "slopes",
        [x, whole],
        [ca.jacobian(a, b) for a in (residual, consumption) for b in (x, whole)],
    )
    f_u, f_p, y_u, y_p = (np.array(m) for m in slopes(u, np.concatenate(given)))
    expected = y_p - y_u @ np.linalg.solve(f_u, f_p)
    level = np.array(f(u, *given)[1]).ravel()
    for k, region in enumerate(["CHN", "R1", "R2"]):
        found = elasticities(problem, "real_consumption", keys, where={"region": region})
        logs = np.concatenate([np.ravel(found[key].values) for key in keys])
        scale = np.concatenate(
            [
                v if given_keys(problem)[key].positive else np.ones_like(v)
                for key, v in zip(keys, given, strict=True)
            ]
        )
        np.testing.assert_allclose(logs, expected[k] * scale / level[k], rtol=1e-7, atol=1e-12)


# ---- closed forms --------------------------------------------------------------------------------


def armington(seed: int, deficits: bool = False, **shocks: object):
    data = armington_economy.baseline(seed, deficits=deficits)
    return solve(armington_economy.systems()[1].bind(data, shocks)), data


@pytest.mark.parametrize("seed", range(3))
def test_welfare_moves_with_the_own_share_as_in_acr(seed):
    """Arkolakis, Costinot and Rodriguez-Clare (2012): d ln W_n = -d ln lambda_nn / theta for foreign shocks."""
    solution, data = armington(seed, trade_cost=1.1)
    theta = float(data.trade_elasticity)
    welfare = elasticities(solution, "real_consumption", where={"region": "R1"})
    share = elasticities(solution, "expenditure_share", where={"importer": "R1", "exporter": "R1"})
    foreign = {"exporter": ["R0", "R2", "R3"]}
    for key in ("trade_cost", "technology", "labour"):
        a, b = welfare[key], share[key]
        if key == "trade_cost":
            a, b = a.sel(foreign), b.sel(foreign)  # its own cost at home counts as technology
        else:
            a, b = a.drop_sel(region="R1"), b.drop_sel(region="R1")
        np.testing.assert_allclose(a, -b / theta, rtol=1e-8, atol=1e-12)
        assert float(abs(a).max()) > 1e-3


def test_at_the_baseline_a_small_cost_is_paid_on_what_is_imported():
    """Without a shock and with wages held by symmetry, d ln P_n / d ln d_ni is the expenditure share."""
    labels = ["A", "B"]
    share = np.array([[0.7, 0.3], [0.3, 0.7]])
    data = xr.Dataset(
        {
            "expenditure_share": (("importer", "exporter"), share),
            "expenditure": ("region", [1.0, 1.0]),
            "deficit": ("region", [0.0, 0.0]),
            "trade_elasticity": 4.0,
        },
        {"region": labels, "importer": labels, "exporter": labels},
    )
    solution = solve(armington_economy.systems()[1].bind(data))
    both = xr.DataArray(1 - np.eye(2), {"importer": labels, "exporter": labels})
    found = response(solution, {"trade_cost": both}, ["real_consumption", "price_index", "wage"])
    np.testing.assert_allclose(found["price_index"], 0.3, rtol=1e-9)
    np.testing.assert_allclose(found["real_consumption"], -0.3, rtol=1e-9)
    np.testing.assert_allclose(found["wage"], 0.0, atol=1e-12)


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_money_is_neutral(technology):
    """Elasticities with respect to all nominal data sum to zero for ratios and to one for what is in money."""
    solution = solve(problem_of(technology))
    money = ("expenditure", "gross_output", "final_expenditure", "ree_endowment_baseline")
    deficit = solution.problem.bound.values["D"]
    deficits = xr.DataArray(deficit, {"region": solution["gdp"].region.values})
    direction = dict.fromkeys(money, 1.0) | {"deficit": deficits, "deficit_baseline": deficits}
    found = response(solution, direction)
    assert found.attrs["accounts_gap"] < 1e-12
    for key, change in found.items():
        if change.attrs["role"] == "hat":
            np.testing.assert_allclose(change, 0.0, atol=1e-9, err_msg=str(key))
    np.testing.assert_allclose(found["ree_exports"], solution["ree_exports"], rtol=1e-8)
    one_alone = response(solution, {"expenditure": 1.0}, ["real_consumption"])
    assert one_alone.attrs["accounts_gap"] > 0.1


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_without_a_shock_no_elasticity_matters(technology):
    data = baseline(3, technology, tax=0.1)
    solution = solve(compiled(technology).bind(data, {}, elements(data)))
    found = elasticities(solution, "real_consumption", where={"region": "R2"})
    for key in ("ree_elasticity", "trade_elasticity", "variety_productivity"):
        np.testing.assert_allclose(found[key], 0.0, atol=1e-9, err_msg=key)
    assert abs(float(found["export_tax"])) > 1e-4


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_at_an_elasticity_of_one_the_curvature_counts(technology):
    """``(sum w z^e)^(1/e)`` has the derivative ``sum w (ln z - m)^2 / 2`` in e at 0, not nothing."""
    data = baseline(3, technology, tax=0.1)
    one = data.assign(ree_elasticity=xr.ones_like(data.ree_elasticity))
    problem = compiled(technology).bind(one, {"export_tax": 1.0}, elements(data))
    solution = solve(problem)
    w = data.ree_share.isel(region=1, sector=0)
    found = elasticities(
        solution, "value_added_cost", ["ree_elasticity"], where={"region": "R2", "sector": "S1"}
    )
    sides = [
        np.log(
            solve(
                compiled(technology).bind(
                    one.assign(ree_elasticity=one.ree_elasticity + h), {"export_tax": 1.0}, elements(data)
                )
            )["value_added_cost"].sel(region="R2", sector="S1")
        )
        for h in (1e-4, -1e-4)
    ]
    total = float(found["ree_elasticity"].sum())
    assert total == pytest.approx(float(sides[0] - sides[1]) / 2e-4, rel=1e-6, abs=1e-10)
    if technology == "exo":
        # At given factor prices alone: -w (1 - w) (ln q/w)^2 / 2 in the elasticity itself.
        prices = np.log(solution["ree_bundle_price"] / solution["labour_bundle_price"]).sel(
            region="R2", sector="S1"
        )
        assert abs(float(w * (1 - w) * prices**2 / 2)) > 1e-6


# ---- weights, units, messages --------------------------------------------------------------------


def test_a_weighted_outcome_is_the_weighted_sum():
    solution = solve(problem_of("F"))
    weights = xr.DataArray([0.2, 0.3, 0.5], {"region": ["CHN", "R1", "R2"]})
    found = elasticities(solution, "real_consumption", ["tariff"], weights=weights)
    value = solution["real_consumption"]
    parts = [
        float(weights.sel(region=n) * value.sel(region=n))
        * elasticities(solution, "real_consumption", ["tariff"], where={"region": n})["tariff"]
        for n in ("CHN", "R1", "R2")
    ]
    np.testing.assert_allclose(
        found["tariff"], sum(parts) / float((weights * value).sum()), rtol=1e-6, atol=1e-10
    )
    assert found.attrs["outcome_value"] == pytest.approx(float((weights * value).sum()))


def test_each_array_says_what_it_measures():
    problem = problem_of("F")
    found = elasticities(problem, "ree_exports")
    assert found.attrs["outcome_in_logs"] == 0
    assert found["trade_elasticity"].attrs["measure"] == "derivative to the log"
    assert found["export_tax"].attrs["measure"] == "derivative"
    found = elasticities(problem, "wage", where={"region": "R2"})
    assert found["trade_elasticity"].attrs["measure"] == "elasticity"
    assert found["trade_elasticity"].attrs["long_name"] == "d ln wage / d ln trade_elasticity"
    assert found["deficit"].attrs["measure"] == "semi-elasticity"
    assert found["deficit"].attrs["units"] == "1 / (million USD)"
    assert found["expenditure_share"].dims == ("importer", "exporter", "sector")
    assert set(found) == set(given_keys(problem))


def test_faults_are_named():
    solution = solve(problem_of("F"))
    at = {"region": "R1"}
    for call, text in [
        (
            lambda: elasticities(solution, "real_consumtion", where=at),
            "no variable 'real_consumtion'. Did you mean",
        ),
        (
            lambda: elasticities(solution, "real_consumption"),
            "an elasticity is that of one number: give where=",
        ),
        (lambda: elasticities(solution, "real_consumption", where={"regoin": "R1"}), "has no dim 'regoin'"),
        (
            lambda: elasticities(solution, "real_consumption", where={"region": "R9"}),
            "'R9' is not a region of the data",
        ),
        (lambda: elasticities(solution, "wage", ["tarif"], where=at), "is not given 'tarif'; it is given"),
        (
            lambda: elasticities(solution, "wage", "tariff", where=at),
            r"of must be a list of keys: of=\['tariff'\]",
        ),
        (lambda: elasticities(3, "wage"), "this needs a Solution or a Problem, not a int"),
        (lambda: elasticities(solution, "wage", weights=xr.DataArray([1.0])), "must be a DataArray over"),
        (
            lambda: elasticities(solution, "wage", weights=xr.DataArray([1.0], {"region": ["R1"]})),
            "labels along 'region' must be CHN, R1, R2",
        ),
        (
            lambda: elasticities(solution, "wage", where=at, weights=xr.DataArray(1.0)),
            "give the weights or the place",
        ),
        (lambda: response(solution, {"tariff": "high"}), "must be a number or a DataArray over"),
        (lambda: response(solution, {"deficit": {"R9": 1.0}}), "'R9' is not a region of the data"),
        (lambda: response(solution, {"tariff": float("nan")}), "must be a number or a DataArray over"),
        (
            lambda: elasticities(pickle.loads(pickle.dumps(solution)), "wage", where=at),
            "has no compiled problem; give the problem, or solve again",
        ),
    ]:
        with pytest.raises(DataError, match=text):
            call()


def test_a_stalled_linear_solve_falls_back_to_a_dense_one_or_is_an_error(monkeypatch):
    solution = solve(problem_of("L"))
    at = {"region": "R2"}
    expected = elasticities(solution, "wage", where=at)
    forward = response(solution, {"export_tax": 1.0})
    monkeypatch.setattr(implicit._Operator, "solve", lambda self, problem, b: Linear(b, 0.5, 1, False))
    xr.testing.assert_allclose(elasticities(solution, "wage", where=at), expected, rtol=1e-6, atol=1e-9)
    xr.testing.assert_allclose(response(solution, {"export_tax": 1.0}), forward, rtol=1e-6, atol=1e-9)
    monkeypatch.setattr(implicit, "DENSE", 3)
    with pytest.raises(
        SolveError, match=r"reached a relative residual of 0\.5 only; its derivatives are not reported"
    ):
        elasticities(solution, "wage", where=at)


@pytest.mark.skipif(shutil.which("gcc") is None and shutil.which("clang") is None, reason="no C compiler")
@pytest.mark.parametrize("technology", ["F"])  # a compilation of several seconds each
def test_generated_c_gives_the_same_derivatives(technology):
    data = baseline(3, technology, tax=0.1)
    found = []
    for backend in ("numpy", "c"):
        problem = compiled(technology).bind(data, {"export_tax": 1.0}, elements(data), backend=backend)
        assert problem.core.name == backend
        solution = solve(problem)
        found.append(
            (elasticities(solution, "wage", where={"region": "R2"}), response(solution, {"export_tax": 1.0}))
        )
    for ours, theirs in zip(*found, strict=True):
        xr.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)
