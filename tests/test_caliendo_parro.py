"""Caliendo and Parro (2015): the derived hats are their published system, and their solution is ours."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import xarray as xr
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from oracles import caliendo_parro as oracle
from oracles import closed_forms
from oracles.economies import random_economy

import calibration
from framework import compile_model, hat, solve
from framework.testing import (
    assert_hat_equals_levels,
    assert_homogeneous,
    assert_permutation_invariant,
    assert_replicates,
    assert_walras,
)
from models import caliendo_parro

COUNTRIES, SECTORS = 4, 5
SEEDS = st.integers(0, 10_000)
OUTCOMES = {
    "w": "wage",
    "c": "unit_cost",
    "P": "price_index",
    "real_wage": "real_wage",
    "welfare": "real_consumption",
}


@cache
def systems():
    return compile_model(caliendo_parro()), compile_model(hat(caliendo_parro()))


@cache
def economy(seed: int) -> tuple[oracle.Baseline, xr.Dataset]:
    base = oracle.random_baseline(seed, COUNTRIES, SECTORS)
    return base, oracle.to_dataset(base)


def war(data: xr.Dataset, seed: int = 0) -> dict[str, xr.DataArray]:
    """A tariff war of 30% and uneven changes of trade costs."""
    abroad = data.tariff.importer != data.tariff.exporter
    change = np.random.default_rng(seed).uniform(0.9, 1.2, data.tariff.shape)
    return {
        "tariff": xr.where(abroad, 0.3, 0.0).expand_dims(sector=data.sector.values),
        "trade_cost": data.tariff.copy(data=change).where(abroad, 1.0),
    }


@pytest.mark.parametrize("seed", range(10))
def test_hats_are_ratios_of_levels(seed):
    e = random_economy(seed)
    data = e.to_dataset().assign(world_labour_income=e.world_factor_income)
    rng = np.random.default_rng(seed)
    shocks = {
        "tariff": data.tariff.copy(data=rng.uniform(0, 0.4, e.tariff.shape)),
        "trade_cost": data.trade_cost.copy(data=rng.uniform(0.9, 1.2, e.tariff.shape)),
        "technology": data.technology.copy(data=rng.uniform(0.7, 1.4, e.technology.shape)),
        "labour": {"R1": 1.2},
        "deficit": data.deficit * -0.5,
    }
    gaps = assert_hat_equals_levels(systems(), data, shocks)
    assert len(gaps) == 10


@pytest.mark.parametrize("seed", range(3))
def test_tariff_war_is_that_of_an_independent_solver(seed):
    base, data = economy(seed)
    shocks = war(data, seed)
    tariff, cost = (shocks[k].transpose(*data.tariff.dims).values for k in ("tariff", "trade_cost"))
    expected = oracle.solve(base, tariff, cost)
    found = solve(systems()[1].bind(data, shocks))
    for theirs, ours in OUTCOMES.items():
        assert_allclose(found[ours], expected[theirs], rtol=1e-12, err_msg=ours)
    assert_allclose(found["expenditure_share"] * data.expenditure_share, expected["pi"], rtol=1e-12)
    assert_allclose(found["expenditure"] * data.expenditure, expected["X"], rtol=1e-12)
    assert_allclose(found["final_expenditure"], expected["I"], rtol=1e-12)


@settings(max_examples=10)
@given(st.integers(0, 4), SEEDS)
def test_derived_equations_are_the_published_hat_system_at_any_point(seed, draw):
    """Equations (10)-(14) of the paper, evaluated at hats that solve nothing."""
    base, data = economy(seed)
    rng = np.random.default_rng(draw)
    shocks = war(data, draw)
    tariff, cost = (shocks[k].transpose(*data.tariff.dims).values for k in ("tariff", "trade_cost"))
    problem = systems()[1].bind(data, shocks)
    assert [g.declaration.key for g in problem.system.groups] == ["wage", "unit_cost", "expenditure"]
    u = rng.normal(0, 0.3, problem.size)
    residual, at = problem.residual(u), problem.outcomes(u)
    gap = problem.walras()  # the numeraire is added to every trade balance
    of_balance, of_cost, of_spending = np.split(residual, problem.offsets[1:-1])
    wage, price, unit_cost = (at[k].values for k in ("wage", "price_index", "unit_cost"))
    spending = at["expenditure"].values * data.expenditure.values

    e = oracle.cp_equations(base, wage, price, unit_cost, spending, tariff, cost)
    cell = price.shape
    assert_allclose(unit_cost / np.exp(of_cost.reshape(cell)), e.unit_cost, rtol=1e-12)  # (10)
    assert_allclose(price, e.price_index, rtol=1e-12)  # (11)
    share = at["expenditure_share"] * data.expenditure_share
    assert_allclose(share, e.expenditure_share, rtol=1e-12)  # (12)
    assert_allclose(spending / np.exp(of_spending.reshape(cell)), e.expenditure, rtol=1e-12)  # (13)
    assert_allclose(at["final_expenditure"] * data.final_expenditure, e.income, rtol=1e-12)
    flows = e.expenditure_share / (1 + tariff) * spending[:, None, :]
    abroad = flows * (1 - np.eye(COUNTRIES))[:, :, None]
    gross = abroad.sum((1, 2)) + abroad.sum((0, 2)) + np.abs(base.deficit)
    assert_allclose((of_balance - gap) * gross, e.trade_balance, atol=1e-12 * spending.sum())  # (14)


@pytest.mark.parametrize("seed", range(3))
def test_no_shock_changes_nothing(seed):
    assert_replicates(systems()[1], economy(seed)[1], tolerance=1e-13)


def test_calibrated_baseline_is_an_equilibrium():
    data = calibration.caliendo_parro_baseline(calibration.load_table("wiod2009-5x14"))
    assert_replicates(systems()[1], data, tolerance=1e-10)


@settings(max_examples=3, phases=[Phase.explicit, Phase.generate])
@given(st.integers(0, 4), st.floats(1e-3, 1e6))
def test_unit_of_account_and_order_of_labels_are_immaterial(seed, factor):
    data = economy(seed)[1]
    shocks = {**war(data), "deficit": data.deficit * 0.5}
    assert_homogeneous(systems()[1], data, shocks, factor=factor)
    assert_permutation_invariant(systems()[1], data, shocks, seed=seed)


@pytest.mark.parametrize("seed", range(3))
def test_markets_clear(seed):
    data = economy(seed)[1]
    problem = systems()[1].bind(data, war(data))
    assert_walras(problem, tolerance=1e-13)
    found = solve(problem)
    assert_allclose((found["expenditure_share"] * data.expenditure_share).sum("exporter"), 1, rtol=1e-13)
    old = data.value_added_share * data.gross_output
    payroll = (old * found["gross_output"]).sum("sector")
    assert_allclose(payroll, found["wage"] * old.sum("sector"), rtol=1e-12)


def balanced(base: oracle.Baseline) -> oracle.Baseline:
    """The economy without tariffs and deficits."""
    return oracle.balanced(
        replace(base, tariff=np.zeros_like(base.tariff), deficit=np.zeros_like(base.deficit))
    )


@pytest.mark.parametrize("seed", range(3))
def test_welfare_is_the_formula_with_many_sectors(seed):
    base = balanced(oracle.random_baseline(seed, COUNTRIES, 3))
    data = oracle.to_dataset(base)
    found = solve(systems()[1].bind(data, {"trade_cost": war(data, seed)["trade_cost"]}))
    own = np.einsum("iis->is", found["expenditure_share"].values)
    expected = closed_forms.acr_welfare_sectors(
        own, base.final_share, base.input_share, base.trade_elasticity
    )
    assert_allclose(found["real_consumption"], expected, rtol=1e-12)


@pytest.mark.parametrize("value_added_share", [1.0, 0.5])
def test_welfare_is_the_formula_with_one_sector(value_added_share):
    base = oracle.random_baseline(9, COUNTRIES, 1)
    nu = np.full((COUNTRIES, 1), value_added_share)
    base = balanced(
        replace(base, value_added_share=nu, input_share=1 - nu[:, None, :], final_share=np.ones_like(nu))
    )
    data = oracle.to_dataset(base)
    found = solve(systems()[1].bind(data, {"trade_cost": war(data)["trade_cost"]}))
    own = np.einsum("iis->i", found["expenditure_share"].values)
    expected = closed_forms.acr_welfare(own, float(base.trade_elasticity[0]), value_added_share)
    assert_allclose(found["real_consumption"], expected, rtol=1e-13)


@pytest.mark.parametrize("factor", [2.0, 100.0])
def test_trade_vanishes_at_prohibitive_costs(factor):
    """Near autarky a trade balance with own trade in it would accept wrong wages."""
    base = balanced(oracle.random_baseline(2, COUNTRIES, SECTORS))
    data = oracle.to_dataset(base)
    abroad = data.tariff.importer != data.tariff.exporter
    found = solve(systems()[1].bind(data, {"trade_cost": xr.where(abroad, factor, 1.0)}))
    if factor == 2.0:
        cost = np.where(np.eye(COUNTRIES, dtype=bool)[:, :, None], 1.0, factor) * np.ones(SECTORS)
        assert_allclose(found["wage"], oracle.solve(base, trade_cost=cost)["w"], rtol=1e-11)
    own = np.einsum("iis->is", found["expenditure_share"].values)
    expected = closed_forms.acr_welfare_sectors(
        own, base.final_share, base.input_share, base.trade_elasticity
    )
    assert_allclose(found["real_consumption"], expected, rtol=1e-11)


# ---- empty cells ---------------------------------------------------------------------------------


def with_empty_cells() -> tuple[oracle.Baseline, xr.Dataset]:
    """An economy in which country 0 makes nothing of sector 1 and country 1 buys nothing of sector 2."""
    base = oracle.random_baseline(5, COUNTRIES, SECTORS)
    pi, alpha, inputs = base.pi.copy(), base.final_share.copy(), base.input_share.copy()
    pi[:, 0, 1] = 0
    pi /= pi.sum(1, keepdims=True)
    alpha[1, 2], inputs[1, 2, :] = 0, 0
    alpha /= alpha.sum(1, keepdims=True)
    inputs *= ((1 - base.value_added_share) / inputs.sum(1))[:, None, :]
    base = oracle.balanced(replace(base, pi=pi, final_share=alpha, input_share=inputs))
    data = oracle.to_dataset(base).copy(deep=True)
    data["expenditure_share"][1, :, 2] = 0  # as measured: without purchases there are no shares
    return base, data


def test_empty_industries_and_destinations_disturb_nothing():
    base, data = with_empty_cells()
    assert float(data.gross_output[0, 1]) == float(data.expenditure[1, 2]) == 0
    assert_replicates(systems()[1], data, tolerance=1e-13)
    shocks = war(data)
    tariff, cost = (shocks[k].transpose(*data.tariff.dims).values for k in ("tariff", "trade_cost"))
    expected = oracle.solve(base, tariff, cost)
    found = solve(systems()[1].bind(data, shocks))
    for theirs, ours in {"w": "wage", "real_wage": "real_wage", "welfare": "real_consumption"}.items():
        assert_allclose(found[ours], expected[theirs], rtol=1e-12, err_msg=ours)
    assert_allclose(found["expenditure"] * data.expenditure, expected["X"], rtol=1e-12)
    assert float(found["gross_output"][0, 1]) == float(found["expenditure"][1, 2]) == 1


def test_the_full_table_with_its_empty_industries_is_an_equilibrium(official_data):
    table = calibration.load_table("wiod2009-41x35", official_data)
    data = calibration.caliendo_parro_baseline(table, inventories="clip")
    empty = data.gross_output == 0
    assert empty.sum() > 10
    assert_replicates(systems()[1], data, tolerance=1e-9)
    tariff = xr.where(data.tariff.importer == data.tariff.exporter, 0.0, 0.1)
    problem = systems()[1].bind(data, {"tariff": tariff})
    assert_walras(problem, tolerance=1e-10)
    found = solve(problem)
    assert (found["gross_output"].where(empty, 1.0) == 1).all()
    payroll = data.value_added_share * data.gross_output
    expected = (payroll * found["gross_output"]).sum("sector") / payroll.sum("sector")
    assert_allclose(found["wage"], expected, rtol=1e-9)
