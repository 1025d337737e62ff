"""The Armington model: hats against levels, and the formula of Arkolakis, Costinot and Rodriguez-Clare (2012)."""

import numpy as np
import pytest
import xarray as xr
from armington_economy import baseline, primitives, systems
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from oracles import closed_forms

import calibration
from framework import compile_model, hat, solve
from framework.testing import (
    assert_hat_equals_levels,
    assert_homogeneous,
    assert_permutation_invariant,
    assert_replicates,
    assert_walras,
)
from models import MODELS, armington

SEEDS = st.integers(0, 10_000)


def costs(data: xr.Dataset, factor: float) -> xr.DataArray:
    """Trade costs between different regions times a factor."""
    ones = xr.ones_like(data.expenditure_share)
    return ones.where(ones.importer == ones.exporter, factor)


@settings(max_examples=8)
@given(SEEDS, st.integers(2, 6))
def test_hats_are_ratios_of_levels(seed, regions):
    data, rng = primitives(seed, regions), np.random.default_rng(seed)
    shocks = {
        "trade_cost": data.trade_cost.copy(data=np.where(data.trade_cost == 1, 1, rng.uniform(0.9, 1.3))),
        "technology": {"R0": 1.4},
        "labour": data.labour.copy(data=rng.uniform(0.8, 1.2, regions)),
        "deficit": data.deficit * -0.5,
    }
    gaps = assert_hat_equals_levels(systems(), data, shocks)
    assert set(gaps) == {"wage", "price_index", "expenditure_share", "expenditure", "real_consumption"}


@settings(max_examples=6)
@given(SEEDS, st.integers(1, 7), st.booleans())
def test_no_shock_changes_nothing(seed, regions, deficits):
    assert_replicates(systems()[1], baseline(seed, regions, deficits), tolerance=1e-13)


@settings(max_examples=6)
@given(SEEDS, st.floats(0.8, 3.0))
def test_welfare_is_the_formula_of_arkolakis_costinot_and_rodriguez_clare(seed, factor):
    data = baseline(seed, deficits=False)
    found = solve(systems()[1].bind(data, {"trade_cost": costs(data, factor)}))
    own = np.diag(found["expenditure_share"])
    expected = closed_forms.acr_welfare(own, float(data.trade_elasticity))
    assert_allclose(found["real_consumption"], expected, rtol=1e-12)


def test_gains_from_trade_follow_from_own_shares():
    data = baseline(0, deficits=False)
    found = solve(systems()[1].bind(data, {"trade_cost": costs(data, 1e4)}))
    autarky = closed_forms.acr_welfare(1 / np.diag(data.expenditure_share), float(data.trade_elasticity))
    assert_allclose(found["real_consumption"], autarky, rtol=1e-9)


@settings(max_examples=6)
@given(SEEDS, st.floats(1e-3, 1e6))
def test_unit_of_account_and_order_of_labels_are_immaterial(seed, factor):
    data = baseline(seed, 5)
    shocks = {"trade_cost": costs(data, 1.5), "deficit": data.deficit * 0.3}
    assert_homogeneous(
        systems()[1], data, shocks, factor=factor, nominal=["expenditure", "deficit"], tolerance=1e-9
    )
    assert_permutation_invariant(systems()[1], data, shocks, seed=seed)


@pytest.mark.parametrize("seed", range(5))
def test_budgets_add_up(seed):
    data = baseline(seed)
    problem = systems()[1].bind(data, {"trade_cost": costs(data, 1.5)})
    assert_walras(problem, tolerance=1e-13)
    found = solve(problem)
    assert_allclose((found["expenditure_share"] * data.expenditure_share).sum("exporter"), 1, rtol=1e-13)


def test_calibrated_baseline_is_an_equilibrium():
    data = calibration.armington_baseline(calibration.load_table("wiod2009-5x14"))
    assert_replicates(systems()[1], data, tolerance=1e-12)


def test_every_model_of_the_library_is_declared_under_its_name():
    for name, declare in MODELS.items():
        assert declare().name == name
    assert compile_model(hat(armington())).inputs  # a fresh declaration compiles by itself
