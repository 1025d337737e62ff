"""The standard CGE model: its SAM replicated, hats against levels, and both against the textbook's equations by hand."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from oracles.standard_cge import StandardCGE
from sams import closed, flows, labelled, random_sam, textbook

import calibration
from framework import DataError, SolveError, compile_model, hat, solve, solve_many
from framework.solution import Status
from framework.solve import certify
from framework.symbols import Kind
from framework.testing import (
    assert_hat_equals_levels,
    assert_homogeneous,
    assert_permutation_invariant,
    assert_replicates,
    assert_walras,
)
from models import standard_cge

GOODS, FACTORS = ["BRD", "MLK"], ["CAP", "LAB"]
ABOLITION = {"tariff_rate": 0.0}
SEEDS = st.integers(0, 10_000)


@cache
def systems():
    """The compiled model in levels and in hats."""
    return compile_model(standard_cge()), compile_model(hat(standard_cge()))


def baseline(sam: pd.DataFrame) -> xr.Dataset:
    return calibration.standard_cge_baseline(labelled(sam))


def draw(seed: int) -> xr.Dataset:
    """A random economy of 3 goods and 3 factors with elasticities of its own."""
    rng = np.random.default_rng(seed)
    base = baseline(random_sam(seed)[0])
    for key in calibration.SAM_ELASTICITIES:
        base[key] = base[key] * 0 + rng.uniform(0.6, 4.0, 3).round(3)
    return base


def shocks(base: xr.Dataset, seed: int) -> dict[str, object]:
    """Every kind of shock at once."""
    rng = np.random.default_rng(seed)
    ratio = lambda key: base[key].copy(data=rng.uniform(0.9, 1.1, base[key].shape))  # noqa: E731
    return {
        "tariff_rate": base.tariff_rate * 0.5 + 0.05,
        "production_tax_rate": base.production_tax_rate + 0.02,
        "direct_tax_rate": float(base.direct_tax_rate) + 0.01,
        "private_saving_rate": float(base.private_saving_rate) + 0.01,
        "government_saving_rate": float(base.government_saving_rate) + 0.01,
        "foreign_saving": float(base.foreign_saving) - 0.5,
        "productivity": ratio("gross_output"),
        "factor_endowment": ratio("factor_endowment"),
        "world_export_price": ratio("world_export_price"),
        "world_import_price": ratio("world_import_price"),
    }


# ---- the textbook's economy ----------------------------------------------------------------------


def test_the_shipped_table_is_the_textbooks():
    sam = calibration.read_sam()
    want = labelled(textbook())
    xr.testing.assert_equal(sam.drop_attrs().rename(None), want.sel(receiver=sam.receiver, payer=sam.payer))


@pytest.mark.parametrize("form", ["levels", "hats"])
def test_the_base_run_reproduces_every_cell_of_the_sam(form):
    base = baseline(textbook())
    full = calibration.standard_cge_primitives(base)
    given_only = full[[d.key for d in systems()[0].inputs]]  # no start values
    if form == "levels":
        assert_replicates(systems()[0], full, tolerance=1e-12)
        found = solve(systems()[0].bind(given_only.assign_attrs(base.attrs))).outcomes
    else:
        assert_replicates(systems()[1], base, tolerance=1e-12)
        hats = solve(systems()[1].bind(base)).outcomes
        found = xr.Dataset(
            {k: v * base[k] if v.attrs.get("role") == "hat" else v for k, v in hats.items() if k in base}
        )
    sam = textbook()
    assert_allclose(flows(found, base, GOODS, FACTORS).loc[sam.index, sam.columns], sam, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("form", ["levels", "hats"])
@pytest.mark.parametrize(
    "change",
    [
        {"taum": np.zeros(2)},
        {"taum": np.array([0.3, 0.0]), "tauz": np.array([0.0, 0.1]), "pWe": np.array([1.2, 0.9]), "Sf": 9.0},
        {"FF": np.array([60.0, 38.0]), "pWm": np.array([1.0, 0.8])},
    ],
    ids=["tariff abolition", "taxes, prices, capital inflow", "endowments"],
)
def test_counterfactuals_are_those_of_the_equations_by_hand(form, change):
    oracle = StandardCGE(textbook(), GOODS, FACTORS)
    want = oracle.solve(**change)
    base = baseline(textbook())
    found = after(base, change, form)
    for key, value in want.items():
        assert_allclose(found[key], value, rtol=1e-9, atol=1e-9, err_msg=key)
    if form == "hats":
        assert_allclose(found["equivalent_variation"], oracle.equivalent_variation(want), rtol=1e-9)


def after(base: xr.Dataset, change: dict[str, np.ndarray], form: str) -> dict[str, xr.DataArray]:
    """Levels after a change that is named as in the oracle."""
    declared = standard_cge()
    shock = {}
    for symbol, value in change.items():
        decl = declared.declaration(symbol)
        new = xr.DataArray(value, {d: base[d] for d in decl.dim_names}, decl.dim_names)
        shock[decl.key] = new if decl.level or form == "levels" else new / base[decl.key]
    if form == "levels":
        return solve(systems()[0].bind(calibration.standard_cge_primitives(base), shock)).outcomes
    hats = solve(systems()[1].bind(base, shock)).outcomes
    return {k: v * base[k] if v.attrs["role"] == "hat" else v for k, v in hats.items()}


def test_what_the_closure_holds_fixed_stays():
    """The numeraire, given rates, and the closure: foreign saving in foreign currency."""
    found = after(baseline(textbook()), {"taum": np.zeros(2)}, "hats")
    assert float(found["factor_price"].sel(factor="LAB")) == pytest.approx(1.0, abs=1e-14)
    trade = found["imports"].sum() - found["exports"].sum()
    assert float(trade) == pytest.approx(12.0, rel=1e-12)


# ---- any economy ---------------------------------------------------------------------------------


@settings(max_examples=5)
@given(SEEDS)
def test_random_sams_replicate_in_levels_and_in_hats(seed):
    base = draw(seed)
    assert_replicates(systems()[1], base, tolerance=1e-11)
    assert_replicates(systems()[0], calibration.standard_cge_primitives(base), tolerance=1e-9)


@settings(max_examples=5)
@given(SEEDS)
def test_hats_are_ratios_of_levels(seed):
    base = draw(seed)
    gaps = assert_hat_equals_levels(
        systems(), calibration.standard_cge_primitives(base), shocks(base, seed), tolerance=1e-8
    )
    assert {d.key for d in standard_cge().of_kind(Kind.VARIABLE)} - set(gaps) == {"equivalent_variation"}


@pytest.mark.parametrize("seed", range(3))
def test_budgets_add_up(seed):
    base = draw(seed)
    assert_walras(systems()[1].bind(base, shocks(base, seed)), tolerance=1e-11)


def test_unit_of_account_and_order_of_labels_are_immaterial():
    base = draw(0)
    money = {d.key for d in standard_cge().symbols.values() if d.unit.startswith("SAM unit")}
    nominal = {*money, "foreign_saving", "utility"}
    assert_homogeneous(systems()[1], base, shocks(base, 0), nominal=nominal, tolerance=1e-9)
    assert_permutation_invariant(systems()[1], base, shocks(base, 0), tolerance=1e-9)


def test_the_numeraire_moves_prices_only():
    base = draw(1)
    one, other = (
        solve(systems()[1].bind(base.assign_attrs(numeraire_factor=f), ABOLITION)).outcomes
        for f in ("LAB", "H0")
    )
    factor = float(one.factor_price.sel(factor="H0"))
    for key in (
        "gross_output",
        "household_consumption",
        "exports",
        "imports",
        "utility",
        "equivalent_variation",
    ):
        xr.testing.assert_allclose(one[key], other[key], rtol=1e-9)
    for key in ("armington_composite_price", "exchange_rate", "government_saving", "direct_tax_revenue"):
        xr.testing.assert_allclose(one[key], other[key] * factor, rtol=1e-9)


def test_without_tariffs_their_abolition_changes_nothing():
    sam, goods, factors = random_sam(2)
    sam.loc["TRF"] = 0.0
    sam = closed(sam, goods, factors, np.full((3, 3), 1 / 3))
    base = baseline(sam)
    found = solve(systems()[1].bind(base, ABOLITION)).outcomes
    for key, array in found.items():
        want = 1.0 if array.attrs["role"] == "hat" else base[key]
        assert_allclose(array, want, atol=1e-12, err_msg=str(key))
    assert_allclose(base.armington_composite, base.domestic_good + base.imports, rtol=1e-12)
    assert_allclose(base.tariff_revenue, 0)


def test_cells_that_are_empty_stay_so():
    """A good that is not traded, one that a sector does not use, a factor that it does not use, an unwanted good."""
    sam, goods, factors = random_sam(3)
    b, c = goods[1:]
    sam.loc[b, [c, "EXT"]] = 0.0
    sam.loc[["EXT", "TRF", factors[0]], b] = 0.0
    sam = closed(sam, goods, factors, np.array([[0.5, 0.2, 0.3], [1.0, 0.0, 0.0], [0.0, 0.4, 0.6]]))
    base = baseline(sam)
    assert_replicates(systems()[1], base, tolerance=1e-11)
    found = after(base, {"taum": np.zeros(3)}, "hats")
    assert found["utility"] > base.utility
    assert float(found["exports"].sel(good=b)) == float(found["imports"].sel(good=b)) == 0
    with pytest.raises(
        DataError, match=rf"'imports' of '{b}' are 0, which has no weight in levels; solve hat"
    ):
        calibration.standard_cge_primitives(base)


def test_an_armington_elasticity_of_one_is_the_limit():
    base = baseline(textbook())

    def utility(sigma: float) -> float:
        changed = base.assign(armington_elasticity=base.armington_elasticity * 0 + sigma)
        return float(solve(systems()[1].bind(changed, ABOLITION))["utility"])

    assert utility(1.0) == pytest.approx((utility(1 - 1e-5) + utility(1 + 1e-5)) / 2, rel=1e-10)
    with pytest.raises(DataError, match="'armington_elasticity' of 'BRD' is 1, at which the CES function"):
        calibration.standard_cge_primitives(base.assign(armington_elasticity=base.armington_elasticity / 2))


@pytest.mark.parametrize(
    ("fixed", "freed", "value"),
    [("government_saving", "government_saving_rate", 2.0), ("exchange_rate", "foreign_saving", 1.0)],
)
def test_closures(fixed, freed, value):
    """Abolition with a public balance, or an exchange rate, that is kept."""
    model = compile_model(hat(standard_cge()).swap(**{freed: fixed}))
    base = baseline(textbook())
    found = solve(model.bind(base, {**ABOLITION, fixed: value}))
    again = solve(systems()[1].bind(base, {**ABOLITION, freed: float(found[freed])}))
    assert float(again[fixed]) == pytest.approx(value, rel=1e-9)
    assert float(found["utility"]) == pytest.approx(float(again["utility"]), rel=1e-9)


def test_a_household_that_pays_more_than_it_has_is_refused():
    problem = systems()[1].bind(baseline(textbook()), {"direct_tax_rate": 0.9})
    with pytest.raises(
        SolveError,
        match=r"'household_consumption' would be -0\.1599\d* of its baseline at good=\w+, but it must not be below 0: .* ask for less",
    ):
        solve(problem)


def test_a_draw_of_such_a_tax_has_no_solution():
    base = baseline(textbook())
    draws = xr.Dataset({"direct_tax_rate": ("draw", [0.3, 0.9])})
    found = solve_many(systems()[1].bind(base, {"direct_tax_rate": 0.3}), draws, ["gross_output"])
    assert found.status[0] == str(Status.SOLVED)
    assert "fails its certificate" in str(found.status[1].values)
    assert np.isnan(found.gross_output[1]).all()


def test_what_rounding_leaves_of_an_enormous_tariff_is_not_called_a_forgotten_revenue(monkeypatch):
    problem = systems()[1].bind(baseline(textbook()), {"tariff_rate": 1e5})
    (gap,) = (c.value for c in solve(problem).certificate.checks if c.name.startswith("Walras"))
    monkeypatch.setattr(certify, "WALRAS_BOUND", gap / 10)
    with pytest.raises(
        SolveError, match=r"the budgets are off by [\d.e-]+, no more than rounding may leave"
    ) as caught:
        solve(problem)
    assert "forgotten" not in str(caught.value)


# ---- data that do not fit ------------------------------------------------------------------------


def faults() -> list[tuple[str, float]]:
    """Everything that the model reads but its elasticities, with what is done to its first cell; all but 0 for 0."""
    base = baseline(textbook())
    keys = [d.key for d in systems()[1].inputs if d.key in base and d.key not in calibration.SAM_ELASTICITIES]
    changes = [(key, float(base[key].values.flat[0])) for key in keys]
    return [(key, wrong) for key, value in changes for wrong in (0.0, 1.5 * value + 0.1) if wrong != value]


@pytest.mark.parametrize(("key", "wrong"), faults())
def test_one_wrong_datum_is_refused_by_name(key, wrong):
    base = baseline(textbook())
    values = base[key].copy(deep=True)
    values.values.flat[0] = wrong
    with pytest.raises(DataError, match=rf"\b{key}\b"):
        systems()[1].bind(base.assign({key: values}))


def test_a_fault_is_told_where_it_is():
    base = baseline(textbook())
    base["armington_composite_price"].loc[{"good": "MLK"}] = 1.5
    with pytest.raises(DataError, match=r"at good=MLK; .* look first at armington_composite_price, which"):
        systems()[1].bind(base)
    base = baseline(textbook())
    base["intermediate_input"].loc[{"good": "BRD", "using_good": "MLK"}] = 9.0
    with pytest.raises(
        DataError, match=r"by .* at good=BRD, using_good=MLK; .* look first at intermediate_input"
    ):
        systems()[1].bind(base)


def test_the_datum_that_is_in_no_condition_that_holds_is_looked_at_first():
    base = baseline(textbook())
    base["factor_share"].loc[{"factor": "CAP", "good": "BRD"}] = 0.1
    with pytest.raises(
        DataError,
        match=r"'factor input' differ from 'factor_input' by .* at factor=CAP, good=BRD; .* "
        r"look first at factor_share, which every condition that fails reads and none that holds",
    ):
        systems()[1].bind(base)


@pytest.mark.parametrize("key", ["composite_factor", "utility"])
def test_levels_that_no_equation_reads_must_be_those_of_their_definition(key):
    base = baseline(textbook())
    systems()[1].bind(base.drop_vars([key, "equivalent_variation"]))  # nothing needs them
    with pytest.raises(
        DataError,
        match=rf"'{key}' is [\d.]+.*; by its definition from other data it is [\d.]+; correct it; no equation reads it",
    ):
        systems()[1].bind(base.assign({key: base[key] * 1.5}))
    with pytest.raises(DataError, match=f"'{key}' is nan"):
        systems()[1].bind(base.assign({key: base[key] * np.nan}))
