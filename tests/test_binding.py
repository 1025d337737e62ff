"""Data and shocks of a careless economist: the right ones are aligned by label, all others are named with their fix."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from armington_economy import baseline as armington_baseline
from armington_economy import primitives, systems
from levels_of import system
from sympy import Sum

import calibration
from calibration.synthetic import SYNTHETIC
from framework import DataError, Model, System, compile_model, hat, solve
from models import blocks, caliendo_parro

ARMINGTON = systems()[1]
SHOCK = {"labour": {"R1": 1.3}}


@pytest.fixture
def data() -> xr.Dataset:
    return armington_baseline(0)


@cache
def _ree() -> xr.Dataset:
    return calibration.rare_earths_baseline(calibration.load_table("wiod2009-5x14"))


@pytest.fixture
def ree() -> xr.Dataset:
    return _ree().copy(deep=True)


def hats(technology: str = "fixed-effort", fixed: str = ""):
    return system(technology, True, fixed)


def refused(match: str, data=None, shocks=None, elements=None, model=ARMINGTON) -> None:
    with pytest.raises(DataError, match=match):
        model.bind(armington_baseline(0) if data is None else data, shocks, elements)


# ---- what is right in any layout -----------------------------------------------------------------


def test_order_of_labels_and_of_dims_does_not_matter(data):
    shuffled = data.isel(region=[2, 0, 3, 1], importer=[3, 1, 0, 2], exporter=[1, 0, 2, 3])
    turned = shuffled.assign(expenditure_share=shuffled.expenditure_share.transpose("exporter", "importer"))
    cost = xr.ones_like(data.expenditure_share) * 1.2
    cost = cost.where(cost.importer != cost.exporter, 1.0)
    want = solve(ARMINGTON.bind(data, {**SHOCK, "trade_cost": cost})).outcomes
    found = solve(ARMINGTON.bind(turned, {**SHOCK, "trade_cost": cost.transpose()[::-1]})).outcomes
    assert list(found.region.values) == ["R2", "R0", "R3", "R1"]
    for key in want:
        xr.testing.assert_allclose(found[key].reindex_like(want[key]), want[key], rtol=1e-12, atol=1e-12)


def test_a_set_may_take_its_labels_from_an_alias(data):
    by_alias = data.drop_vars(["expenditure", "deficit", "region"])
    problem = ARMINGTON.bind(by_alias.assign(expenditure=data.expenditure, deficit=data.deficit), SHOCK)
    assert problem.bound.labels == {"region": ["R0", "R1", "R2", "R3"]}


def test_integers_and_numpy_scalars_are_numbers(data):
    whole = data.assign(deficit=data.deficit.astype(object) * 1.0)
    for value in (2, np.float32(2), np.int64(2), xr.DataArray(2.0)):
        assert (ARMINGTON.bind(whole, {"labour": value}).bound.values["L_hat"] == 2).all()


def test_a_shock_without_a_dim_holds_for_all_its_labels(data):
    by_importer = xr.DataArray([1, 1.5, 1, 1], {"importer": data.importer}, ["importer"])
    value = ARMINGTON.bind(data, {"trade_cost": by_importer}).bound.values["d_hat"]
    assert (value == np.where(np.eye(4), 1, np.array([1, 1.5, 1, 1])[:, None])).all()


def test_a_number_leaves_the_trade_of_a_region_with_itself(data):
    bound = ARMINGTON.bind(data, {"trade_cost": 1.5}).bound
    assert (bound.values["d_hat"] == np.where(np.eye(4), 1, 1.5)).all()
    everywhere = xr.full_like(data.expenditure_share, 1.5)
    assert (ARMINGTON.bind(data, {"trade_cost": everywhere}).bound.values["d_hat"] == 1.5).all()


def test_binding_leaves_the_data_alone(data):
    before = data.copy(deep=True)
    solve(ARMINGTON.bind(data, {**SHOCK, "deficit": {"R0": 0.01, "R1": -0.01, "R2": 0, "R3": 0}}))
    xr.testing.assert_identical(data, before)


def test_later_changes_of_the_data_do_not_reach_a_bound_problem(data):
    labour = xr.ones_like(data.expenditure) * 1.1
    problem = ARMINGTON.bind(data, {"labour": labour})
    want = solve(problem)["wage"]
    data["expenditure"][:] = 1.0
    labour[:] = 3.0
    xr.testing.assert_identical(solve(problem)["wage"], want)


# ---- data ----------------------------------------------------------------------------------------


def test_a_missing_variable_is_named_with_its_meaning_and_dims(data):
    refused(
        r"needs 'expenditure_share' \(expenditure share\) with dims \(importer, exporter\); it is not in the data",
        data.drop_vars("expenditure_share"),
    )


def test_a_misspelt_variable_is_recognised(data):
    refused(
        r"not in the data\. Did you mean 'expenditure_shares'\?",
        data.rename(expenditure_share="expenditure_shares"),
    )


@pytest.mark.parametrize("thing", [{"expenditure": 1}, pd.DataFrame({"a": [1]}), "my.nc"])
def test_data_are_a_dataset(thing):
    refused(rf"data must be an xarray\.Dataset with labelled dims, not a {type(thing).__name__}", thing)


def test_shocks_and_elements_are_tables(data):
    refused(r"shocks must be a dict \{name: value\}, not \['labour'\]", data, ["labour"])
    refused(r"elements must be a dict \{name: value\}, not 'USA'", data, None, "USA")


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (["R0", "R1", "R2", "R33"], r"'expenditure_share' along 'importer': unknown label 'R33'; missing 'R3'\. Did you mean 'R3'\?"),
        (["R0", "R1", "R2", "R3 "], r"unknown label 'R3 '; missing 'R3'\. Did you mean 'R3'\?"),
        (["R0", "R1", "R2", "R2"], r"label 'R2' occurs twice in 'expenditure_share' along 'importer'; labels must be unique"),
        ([0, 1, 2, 3], r"unknown label '0', '1', '2', '3'; missing 'R0', 'R1', 'R2', 'R3'"),
    ],
)  # fmt: skip
def test_wrong_labels_of_one_dim(data, labels, match):
    refused(match, data.assign_coords(importer=labels))


def test_a_missing_label(data):
    refused(r"'expenditure_share' along 'exporter': missing 'R1'\.", data.sel(exporter=["R0", "R2", "R3"]))


def test_labels_of_a_set_are_unique_and_present(data):
    refused(r"label 'R0' occurs twice in set 'region'", data.assign_coords(region=["R0", "R0", "R1", "R2"]))
    blank = data.assign_coords(region=np.array(["R0", "R1", "R2", np.nan], dtype=object))
    refused(r"set 'region' has a label that is missing \(nan\)", blank)
    bare = data.drop_vars(["region", "importer", "exporter"])
    refused(r"no data give the labels of set 'region'; .*assign_coords\(region=\[\.\.\.\]\)", bare)


def test_an_array_without_labels_cannot_be_matched(data):
    refused(
        r"'expenditure_share' has no labels along 'exporter', so its entries cannot be matched; give it the "
        r"coordinate exporter=\['R0', 'R1', 'R2', 'R3'\]",
        data.drop_vars("exporter"),
    )
    refused(
        r"'labour' has no labels along 'region'", data, {"labour": xr.DataArray(np.ones(4), dims="region")}
    )


def test_many_labels_are_not_all_listed(data):
    wide = armington_baseline(0, 9).drop_vars("exporter")
    refused(r"exporter=\['R0', 'R1', 'R2', 'R3', 'R4', 'R5', \.\.\. \(9 in all\)\]", wide)


def test_wrong_dims(data):
    refused(
        r"'expenditure' has dims \(importer\); it needs \(region\)",
        data.assign(expenditure=data.expenditure.rename(region="importer")),
    )
    refused(
        r"'deficit' has dims \(\); it needs \(region\)",
        data.assign(deficit=0.0),
    )


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (np.nan, r"'expenditure' is nan at region=R2; every value must be a finite number"),
        (np.inf, r"'expenditure' is inf at region=R2; every value must be a finite number"),
        (-1.0, r"'expenditure' is -1 at region=R2; it must not be negative$"),
    ],
)
def test_wrong_numbers_in_data(data, value, match):
    data["expenditure"].loc[{"region": "R2"}] = value
    refused(match, data)


def test_a_negative_deficit_that_was_not_declared_a_level_is_told_how():
    m = Model("observed-deficit")
    region = m.set("region")
    (n,) = region.indices("n")
    X = m.variable("X", [region], "expenditure")
    D = m.exogenous("D", [region], "deficit", observed=True)
    Y = m.fundamental("Y", [region], "income")
    m.define(X[n], D[n] * Y[n])
    m.define(m.variable("T", [], "total"), Sum(D[n], n))
    own = xr.Dataset({"deficit": ("region", [-10.0, 10.0])}, {"region": ["a", "b"]})
    with pytest.raises(DataError) as error:
        compile_model(hat(m)).bind(own, {})
    assert str(error.value) == (
        "'deficit' is -10 at region=a; it must not be negative; if it may be, like a tariff or a deficit, declare it "
        "with level=True"
    )


def test_further_wrong_cells_are_counted(data):
    data["expenditure_share"][:] = np.nan
    refused(r"'expenditure_share' is nan at importer=R0, exporter=R0 \(and 15 more\)", data)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (["1", "2", "3", "4"], r"'expenditure' holds <U1, not numbers \('1' at region=R0\); convert it"),
        ([True, True, False, True], r"'expenditure' holds bool, not numbers"),
        ([1 + 2j, 1, 1, 1], r"'expenditure' holds complex128, not numbers"),
        (np.array(["2009-01-01"] * 4, dtype="M8[ns]"), r"'expenditure' holds datetime64\[ns\], not numbers"),
        (np.array([1.0, "n/a", 2.0, 3.0], dtype=object), r"'expenditure' is 'n/a' at region=R1; every value must be a number"),
        (np.array([1.0, None, 2.0, 3.0], dtype=object), r"'expenditure' is None at region=R1"),
    ],
)  # fmt: skip
def test_what_is_not_a_number_is_never_converted(data, values, match):
    refused(match, data.assign(expenditure=("region", values)))


def test_a_parameter_that_must_be_positive(data):
    refused(r"'trade_elasticity' is 0; it must be positive", data.assign(trade_elasticity=0.0))
    refused(r"'trade_elasticity' is -4; it must be positive", data.assign(trade_elasticity=-4.0))


def test_shares_that_do_not_sum_to_one(data):
    data["expenditure_share"].loc[{"importer": "R3"}] *= 0.97
    refused(
        r"'expenditure_share' sums to 0\.97, not 1, at .*R3; rescale the shares or complete the data", data
    )


def test_a_table_that_does_not_balance(ree):
    ree["gross_output"].loc[{"region": "JPN"}] *= 1.01
    refused(r"the terms of '.*' differ from '.*' by .* at region=\w+.*balance the table", ree, model=hats())


def with_budget(budget) -> System:
    """Caliendo and Parro's model with final expenditure as a function of the model and region."""

    def accounts(m):
        def tariff(n, i, s):
            return m["tau"][n, i, s]

        n, i = m.sets["region"].indices("n i")
        (s,) = m.sets["sector"].indices("s")
        blocks.goods_market(m, blocks.inputs_of(m, lambda n, k: m["G"][n, k]), tariff=tariff)
        m.define(m["I"][n], m["w"][n] * m["L"][n] + budget(m, n, tariff) + m["D"][n])
        m.equate("labour market", m["w"][i] * m["L"][i], Sum(m["nu"][i, s] * m["G"][i, s], s))
        m.numeraire(Sum(m["w"][i] * m["L"][i], i), m["Ybar"], redundant="labour market")

    return compile_model(hat(caliendo_parro().replace("accounts", accounts)))


def test_a_budget_without_a_revenue_that_the_data_have():
    refused(
        r"the terms of 'final expenditure' differ from 'final_expenditure' by -.* at region=\w+ .*; they are made of "
        r"deficit, value_added_share, gross_output; 'tariff', not zero in the data, does not enter it, so that what it",
        SYNTHETIC["caliendo-parro"](3, 3),
        model=with_budget(lambda m, n, tariff: 0),
    )


def test_a_revenue_that_enters_a_budget_under_a_name_of_its_own_is_not_missed():
    def revenue(m, n, tariff):
        T = m.variable("T", [m.sets["region"]], "revenue", level=True, observed=True, unit="million USD")
        m.define(T[n], blocks.tariff_revenue(m, n, tariff))
        return T[n]

    economy, model = SYNTHETIC["caliendo-parro"](3, 3), with_budget(revenue)
    paid = economy.tariff / (1 + economy.tariff) * economy.expenditure_share
    spent = economy.expenditure.rename(region="importer")
    economy = economy.assign(revenue=(paid * spent).sum(["exporter", "sector"]).rename(importer="region"))
    model.bind(economy)
    economy["deficit"].loc[{"region": "CHN"}] += 1e4
    with pytest.raises(DataError, match=r"'final expenditure' differ .*look first at .*deficit") as caught:
        model.bind(economy)
    assert "forgotten" not in str(caught.value)


# ---- shocks --------------------------------------------------------------------------------------


def test_an_unknown_shock(data):
    refused(
        r"shock 'labor' is unknown; model 'armington' takes deficit, labour, technology, trade_cost\. "
        r"Did you mean 'labour'\?",
        data,
        {"labor": 1.1},
    )


def test_a_shock_of_what_is_not_exogenous(data):
    refused(r"shock 'wage' is a variable here, not exogenous; .* takes deficit", data, {"wage": 2})
    refused(r"shock 'trade_elasticity' is a parameter here, not exogenous", data, {"trade_elasticity": 2})
    refused(r"shock 'd' is a symbol; its key is 'trade_cost'", data, {"d": 2})


def test_a_shock_that_no_equation_contains():
    m = Model("plain")
    region = m.set("region")
    (i,) = region.indices("i")
    L, _ = m.exogenous("L", [region], "labour"), m.exogenous("K", [region], "capital")
    m.define(m.variable("Y", [region], "output")[i], 2 * L[i])
    grid = xr.Dataset({"labour": ("region", [1.0])}, {"region": ["A"]})
    refused(
        "shock 'capital' has no effect here, since no equation contains it; model 'plain' takes labour",
        grid,
        {"capital": 2.0},
        model=compile_model(m),
    )


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ({"R11": 1.1}, r"'labour': 'R11' is not a region \('R0', 'R1', 'R2', 'R3'\)\. Did you mean"),
        (True, r"'labour' must be a number, a table \{label: value\} or a DataArray over \(region\), not True"),
        ("1.1", r"'labour' must be a number, .*, not '1\.1'"),
        (None, r"'labour' must be a number, .*, not None"),
        ([1, 1, 1, 1.1], r"'labour' must be a number, .*, not \[1, 1, 1, 1\.1\]"),
        (np.ones((30, 30)), r"'labour' must be a number, .*, not a ndarray"),
        ({"R1": "big"}, r"'labour' must be a number, .*, not 'big'"),
        ({"R1": True}, r"'labour' must be a number, .*, not True"),
        (np.nan, r"'labour' is nan at region=R0 \(and 3 more\); every value must be a finite number"),
        ({"R2": np.inf}, r"'labour' is inf at region=R2; every value must be a finite number"),
        (0, r"'labour' is 0 at region=R0 \(and 3 more\); it must be positive \(a ratio new over base; 1 is no change\)"),
        ({"R1": -0.5}, r"'labour' is -0\.5 at region=R1; it must be positive"),
    ],
)  # fmt: skip
def test_wrong_values_of_a_shock(data, value, match):
    refused(match, data, {"labour": value})


def test_wrong_arrays_as_shocks(data):
    over_importer = xr.DataArray(np.ones(4), {"importer": data.importer.values}, ["importer"])
    refused(r"'labour' has dims \(importer\); it needs \(region\)", data, {"labour": over_importer})
    refused(r"'labour' along 'region': missing 'R3'\.", data, {"labour": xr.ones_like(data.expenditure[:3])})
    refused(r"'labour' holds bool, not numbers", data, {"labour": data.expenditure > 0})
    refused(
        r"'trade_cost' takes a number, not a table \{label: value\}; a DataArray over \(importer, exporter\)",
        data,
        {"trade_cost": {"R1": 1.1}},
    )


def test_a_tax_below_minus_one_gives_the_good_away(ree):
    refused(r"'export_tax' is -1\.5; it must be above -1", ree, {"export_tax": -1.5}, model=hats())
    refused(r"'export_tax' is -1; it must be above -1", ree, {"export_tax": -1}, model=hats())
    refused(r"'export_tax' must be a number, not 'high'", ree, {"export_tax": "high"}, model=hats())
    refused(
        r"'export_tax' takes a number, not a table \{label: value\}; it has no dims",
        ree,
        {"export_tax": {"CHN": 0.2}},
        model=hats(),
    )


# ---- closures and elements -----------------------------------------------------------------------


def test_a_closure_needs_the_value_of_what_it_fixes(ree):
    refused(
        r"'ree_export_ratio' \(net REE exports, new over baseline\) is fixed in this closure; give its new value: "
        r"bind\(data, \{'ree_export_ratio': \.\.\.\}\)",
        ree,
        model=hats(fixed="ree_export_ratio"),
    )


def test_a_closure_does_not_take_what_it_determines(ree):
    refused(
        r"shock 'export_tax' is determined by the model in this closure, where 'ree_export_ratio' is given",
        ree,
        {"ree_export_ratio": 0.6, "export_tax": 0.25},
        model=hats(fixed="ree_export_ratio"),
    )


def test_a_closure_starts_from_the_baseline_level_in_the_data(ree):
    quota = hats(fixed="ree_export_ratio")
    assert np.isclose(quota.bind(ree, {"ree_export_ratio": 1}).start, 0).all()
    refused(
        "needs 'export_tax' .* it is not in the data", ree.drop_vars("export_tax"), {"ree_export_ratio": 0.6}, model=quota
    )  # fmt: skip


def test_a_negative_quota_is_refused_before_anything_is_solved(ree):
    quota = hats(fixed="ree_export_ratio")
    refused(
        r"'ree_export_ratio' is -0\.1; it must not be below 0", ree, {"ree_export_ratio": -0.1}, model=quota
    )


def test_what_a_closure_fixes_needs_every_label():
    m = Model("balances")
    region = m.set("region")
    (i,) = region.indices("i")
    T = m.exogenous("T", [region], "transfer", level=True)
    w = m.variable("w", [region], "income", level=True)
    m.define(w[i], 1 + T[i])
    fixed = compile_model(hat(m).swap(transfer="income"))
    grid = xr.Dataset({"transfer": ("region", [1.0, 2.0])}, {"region": ["A", "B"]})
    refused(
        "'income' is fixed in this closure and has no value for region 'B'",
        grid,
        {"income": {"A": 2}},
        model=fixed,
    )
    assert (fixed.bind(grid, {"income": {"A": 2, "B": 3}}).bound.values["w_new"] == [2, 3]).all()


def test_elements_are_known_and_present(ree):
    refused(
        r"model 'rare-earths' has no element 'numeraire'; it has numeraire_region, ree_exporter\. "
        r"Did you mean 'numeraire_region'\?",
        ree,
        None,
        {"numeraire": "USA"},
        model=hats(),
    )
    refused(
        r"element 'numeraire_region' is 'US', which is not a region of the data \('CHN', 'EU27', 'JPN', 'USA', 'ROW'\); "
        r"give elements=\{'numeraire_region': one of them\}\. Did you mean 'USA'\?",
        ree,
        None,
        {"numeraire_region": "US"},
        model=hats(),
    )
    without = ree.sel(region=["EU27", "JPN"], importer=["EU27", "JPN"], exporter=["EU27", "JPN"])
    refused("element 'numeraire_region' is 'USA', which is not a region of the data", without, model=hats())


# ---- stability -----------------------------------------------------------------------------------

MINING = "Mining, petroleum and coal products"


@pytest.mark.parametrize("elasticity", [2.0, 2.5])
def test_an_unstable_loop_names_the_sector_the_elasticity_and_its_bound(ree, elasticity):
    ree["ree_elasticity"].loc[{"sector": MINING}] = elasticity
    refused(
        rf"the loop of 'relative_bundle_price' is unstable at sector={MINING}: ree_elasticity = {elasticity:g}, "
        r"research_elasticity = 1, variety_productivity = 1; .* is .* and must be positive; "
        r"lower 'ree_elasticity' below 2",
        ree,
        model=hats(),
    )


def test_the_bound_depends_on_the_other_elasticities(ree):
    ree["ree_elasticity"].loc[{"sector": MINING}] = 1.6
    refused("lower 'ree_elasticity' below 1.5", ree.assign(research_elasticity=2.0), model=hats())


def test_unit_elasticity_is_exact(ree):
    ones = ree.assign(ree_elasticity=xr.ones_like(ree.ree_elasticity))
    found = solve(hats().bind(ones, {"export_tax": 0.25}))
    same = solve(hats("exogenous").bind(ones, {"export_tax": 0.25}))
    assert (found["innovation_bias"] == 1).all()
    xr.testing.assert_allclose(found["real_consumption"], same["real_consumption"], rtol=1e-13)


def test_an_elasticity_is_no_matter_of_stability_without_research(ree):
    ree["ree_elasticity"].loc[{"sector": MINING}] = 2.5
    assert hats("exogenous").bind(ree).size == 146


# ---- levels --------------------------------------------------------------------------------------


def test_a_model_in_levels_reads_what_is_not_shocked():
    data = primitives(0)
    refused(r"needs 'technology' .* not in the data", data.drop_vars("technology"), model=systems()[0])
    problem = systems()[0].bind(data.drop_vars("technology"), {"technology": 1.0})
    assert (problem.bound.values["lam"] == 1).all()
    refused(r"'labour' is 0 at region=R2; it must be positive", data.assign(labour=data.labour * [1, 1, 0, 1]), model=systems()[0])  # fmt: skip


def test_the_coordinate_that_differs_from_the_others_is_blamed(data):
    wrong = data.assign_coords(region=["R0", "R1", "R2", "R33"])
    refused(r"along 'region': unknown label 'R33'; missing 'R3'\. Did you mean 'R3'\?", wrong)


def test_a_parameter_may_be_zero_only_where_its_declaration_says_so(ree):
    elasticity = {"sector": MINING}
    for wrong in (0.0, -0.5):
        data = ree.copy(deep=True)
        data["trade_elasticity"].loc[elasticity] = wrong
        refused(
            rf"'trade_elasticity' is {wrong:g} at sector={MINING}; it must be positive$", data, model=hats()
        )
    ree["ree_elasticity"].loc[elasticity] = -0.5
    refused(rf"'ree_elasticity' is -0\.5 at sector={MINING}; it must not be below 0$", ree, model=hats())
    ree["ree_elasticity"].loc[elasticity] = 0.0  # fixed proportions
    fixed = solve(hats("exogenous").bind(ree, {"export_tax": 0.25}))
    dearer, share = fixed["ree_price"] / fixed["wage"], ree.ree_share.sel(sector=MINING)
    np.testing.assert_allclose(
        fixed["ree_share"].sel(sector=MINING), dearer / (share * dearer + 1 - share), rtol=1e-10
    )
