"""Baselines: every identity, labels, and the messages about data that break one."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_tables import REGIONS, SECTORS, random_table

import calibration
from calibration import default_parameters
from framework.errors import DataError

CONTRACT = {
    "expenditure_share": ("importer", "exporter", "sector"),
    "expenditure": ("region", "sector"),
    "gross_output": ("region", "sector"),
    "value_added_share": ("region", "sector"),
    "input_share": ("region", "input_sector", "sector"),
    "final_share": ("region", "sector"),
    "tariff": ("importer", "exporter", "sector"),
    "final_expenditure": ("region",),
    "deficit": ("region",),
    "ree_share": ("region", "sector"),
    "ree_endowment": ("region",),
    "export_tax": (),
    "ree_elasticity": ("sector",),
    "trade_elasticity": ("sector",),
    "variety_elasticity": (),
    "variety_productivity": (),
    "research_elasticity": (),
    "input_elasticity": (),
    "ree_supply_elasticity": (),
    "ree_trade_elasticity": (),
    "ree_trade_share": ("importer", "exporter"),
    "ree_tariff": ("region",),
    "deficit_rate": ("region",),
    "income_share": ("region",),
}


@pytest.fixture(scope="module")
def benchmark() -> xr.Dataset:
    return calibration.load_table("wiod2009-5x14")


@pytest.fixture(scope="module")
def baseline(benchmark) -> xr.Dataset:
    return calibration.rare_earths_baseline(benchmark)


def test_the_variables_and_dims_are_those_of_the_contract(baseline):
    assert {name: array.dims for name, array in baseline.data_vars.items()} == CONTRACT
    assert list(baseline.region.values) == ["CHN", "EU27", "JPN", "USA", "ROW"]
    for dims in (("importer", "exporter"), ("region", "importer"), ("sector", "input_sector")):
        assert list(baseline[dims[0]].values) == list(baseline[dims[1]].values)
    assert all(array.attrs["long_name"] and array.attrs["units"] for array in baseline.data_vars.values())


def test_shares_sum_to_one_to_rounding(baseline):
    ones = [
        baseline.expenditure_share.sum("exporter"),
        baseline.final_share.sum("sector"),
        baseline.value_added_share + baseline.input_share.sum("input_sector"),
    ]
    for total in ones:
        np.testing.assert_allclose(total, 1.0, rtol=0, atol=4e-15)


def test_shares_reproduce_the_table(benchmark, baseline):
    bought = (benchmark.intermediate.sum("sector").values + benchmark.final.sum("category").values).transpose(
        2, 0, 1
    )
    np.testing.assert_allclose(
        baseline.expenditure_share.values * baseline.expenditure.values[:, None, :],
        bought,
        rtol=1e-13,
        atol=1e-9,
    )
    inputs = benchmark.intermediate.sum("exporter").transpose("importer", "input_sector", "sector").values
    np.testing.assert_allclose(
        baseline.input_share.values * baseline.gross_output.values[:, None, :], inputs, rtol=1e-13
    )
    final = benchmark.final.sum(["exporter", "category"]).transpose("importer", "sector").values
    np.testing.assert_allclose(baseline.final_share * baseline.final_expenditure, final, rtol=1e-13)


def test_rare_earths_are_carved_out_of_value_added(benchmark, baseline):
    added = calibration.value_added(benchmark).values
    gamma = default_parameters().by_sector("ree_share", benchmark.sector.values).values
    use = (gamma * added / (4 / 3)).sum(1)
    np.testing.assert_allclose(
        baseline.ree_endowment, np.array([0.97, 0, 0, 0, 0.03]) * use.sum(), rtol=1e-12
    )
    closing = baseline.final_expenditure - (added.sum(1) - use + baseline.ree_endowment)
    np.testing.assert_allclose(baseline.deficit, closing, rtol=1e-9)
    assert abs(float(baseline.deficit.sum())) < 1e-12 * float(baseline.final_expenditure.sum())


def test_the_figures_of_the_2009_benchmark(benchmark, baseline):
    billion = {"CHN": -284.5, "EU27": -321.6, "JPN": -70.9, "USA": 377.6, "ROW": 299.4}
    without_ree = calibration.caliendo_parro_baseline(benchmark).deficit / 1e3
    np.testing.assert_allclose(without_ree, list(billion.values()), atol=0.06)
    # Trillion dollars, from output as published rather than as the sum of truncated sales.
    published = {"CHN": 5.035, "EU27": 15.707, "JPN": 4.936, "USA": 14.168}
    reported = benchmark.assign(gross_output=benchmark.gross_output_reported)
    added = calibration.value_added(reported).sum("sector").sel(region=list(published)) / 1e6
    np.testing.assert_allclose(added, list(published.values()), atol=6e-4)
    # The slides' shares carve out 18 billion dollars, an upper figure beside actual trade of about one billion.
    assert float(baseline.ree_endowment.sum()) == pytest.approx(17_601, abs=1)


def test_checks_pass_and_can_be_shown(baseline):
    report = calibration.check_baseline(baseline)
    assert report.passed
    assert "ok    budget, (I - income - D) / I" in str(report)


def test_baseline_of_a_truncated_full_table(official_data):
    table = calibration.load_table("wiod2009-41x35", official_data)
    with pytest.raises(
        DataError, match=r'purchases of a good without negative values: 30 .* use inventories="clip"'
    ):
        calibration.rare_earths_baseline(table)
    parameters = default_parameters()
    for rule in ("clip", "in-deficit"):
        base = calibration.rare_earths_baseline(table, parameters, inventories=rule)
        assert calibration.check_baseline(base).passed
        assert base.sizes["region"] == 41
        assert base.attrs["industries_without_output"].startswith("22: AUS P, ")
        assert base.attrs["destinations_without_purchases"].startswith("13: ")
        assert float(base.expenditure_share.sel(importer="CYP", sector="61").sum()) == 0.0
        gamma = base.ree_share.sel(region="DEU")
        assert float(gamma.sel(sector="23")) == float(gamma.sel(sector="C")) == 0.0021
        assert float(base.ree_elasticity.sel(sector="51")) == 1.0
        share = base.ree_endowment / base.ree_endowment.sum()
        np.testing.assert_allclose(share.sel(region=["CHN", "DEU", "USA"]), [0.97, 0, 0], atol=1e-12)
        np.testing.assert_allclose(share.sel(region=["IND", "RUS", "BRA", "RoW"]).sum(), 0.03, rtol=1e-9)


def test_caliendo_parro_baseline(benchmark, baseline):
    base = calibration.caliendo_parro_baseline(benchmark)
    shared = [
        "expenditure_share",
        "expenditure",
        "gross_output",
        "value_added_share",
        "input_share",
        "final_share",
        "tariff",
    ]
    xr.testing.assert_identical(base[shared].drop_attrs(), baseline[shared].drop_attrs())
    assert "ree_share" not in base
    income = (base.value_added_share * base.gross_output).sum("sector")
    np.testing.assert_allclose(base.deficit, base.final_expenditure - income, rtol=1e-9)


def test_armington_baseline(benchmark):
    base = calibration.armington_baseline(benchmark)
    assert base.expenditure_share.dims == ("importer", "exporter")
    np.testing.assert_allclose(base.expenditure_share.sum("exporter"), 1.0, rtol=1e-14)
    np.testing.assert_allclose(base.income, benchmark.gross_output.sum("sector"), rtol=1e-13)
    np.testing.assert_allclose(base.deficit.sum() / base.income.sum(), 0, atol=1e-15)
    assert float(base.trade_elasticity) == 5.0


def test_sectors_unknown_to_the_parameters_ask_for_a_value():
    table = random_table(REGIONS, ["Transport equipmnt", "Services"])
    with pytest.raises(DataError) as error:
        calibration.rare_earths_baseline(table)
    assert "parameter 'ree_elasticity' has no value for sector 'Transport equipmnt'" in str(error.value)
    assert "Did you mean 'Transport equipment'?" in str(error.value)


def test_regions_unknown_to_the_endowment_are_named():
    with pytest.raises(DataError) as error:
        calibration.rare_earths_baseline(random_table(["CHNA", "ROW"], SECTORS))
    assert "'ree_endowment_share' has a value for region 'CHN', which the data do not have" in str(
        error.value
    )
    assert "Did you mean 'CHNA'?" in str(error.value)


def test_unbalanced_table_is_refused(benchmark):
    bad = benchmark.copy(deep=True)
    bad.gross_output.loc["JPN", "Machinery"] *= 2
    with pytest.raises(
        DataError, match=r"row identity.*0\.5 at region 'JPN', sector 'Machinery'; .*redefine_output"
    ):
        calibration.rare_earths_baseline(bad)


def broken(base: xr.Dataset, name: str, change: float, **label: str) -> xr.Dataset:
    """Return a copy with a number added to one cell."""
    out = base.copy(deep=True)
    out[name].loc[label] = out[name].loc[label] + change
    return out


@pytest.mark.parametrize(
    ("name", "change", "label", "message"),
    [
        (
            "expenditure_share", 0.5, {"importer": "JPN", "exporter": "JPN", "sector": "Machinery"},
            "'expenditure_share' sums to one over 'exporter': 0.5 at importer 'JPN', sector 'Machinery'; "
            "rescale it: share / share.sum('exporter')",
        ),
        (
            "final_share", -0.03, {"region": "JPN", "sector": "Services"},
            "'final_share' sums to one over 'sector': -0.03 at region 'JPN'; rescale it: share / share.sum('sector')",
        ),
        (
            "input_share", 0.25, {"region": "USA", "input_sector": "Services", "sector": "Machinery"},
            "'value_added_share' + 'input_share' sums to one over inputs: 0.25 at region 'USA', sector 'Machinery'; "
            "set value_added_share = 1 - input_share.sum('input_sector')",
        ),
        (
            "ree_share", 1.0, {"region": "JPN", "sector": "Services"},
            "'ree_share' in [0, 1): 1 at region 'JPN', sector 'Services' (1); it is the cost share",
        ),
        (
            "ree_share", -0.5, {"region": "JPN", "sector": "Services"},
            "'ree_share' without negative values: 1 at region 'JPN', sector 'Services' (-0.5); correct the cells",
        ),
        (
            "ree_elasticity", 1.25, {"sector": "Transport equipment"},
            "'ree_elasticity' below the stability bound 1 + 1/(phi kappa) = 2: 1 at sector 'Transport equipment' (2); "
            "the direction of research is unstable there",
        ),
        ("trade_elasticity", -5.0, {"sector": "Services"}, "'trade_elasticity' positive: 1 at sector 'Services' (0)"),
        (
            "gross_output", 1e6, {"region": "USA", "sector": "Machinery"},
            "goods market, (G - sum pi X / (1 + tau)) / G: ",
        ),
        (
            "expenditure", 1e6, {"region": "USA", "sector": "Machinery"},
            "uses of goods, (X - alpha I - inputs) / X: ",
        ),
        ("deficit", 1e6, {"region": "USA"}, "at region 'USA'; set deficit = final_expenditure less income"),
        ("deficit", 1e6, {"region": "USA"}, "'deficit' sums to zero over 'region', relative to world spending: 0.0175"),
        ("tariff", -1.0, {"importer": "JPN", "exporter": "USA", "sector": "Services"}, "'tariff' above -1: 1 at importer"),
        (
            "input_share", np.nan, {"region": "USA", "input_sector": "Services", "sector": "Machinery"},
            "'input_share' without NaN or infinity: 1 at region 'USA', input_sector 'Services', sector 'Machinery'; "
            "fill these cells before use",
        ),
    ],
)  # fmt: skip
def test_what_breaks_an_identity_is_named(baseline, name, change, label, message):
    with pytest.raises(DataError) as error:
        calibration.check_baseline(broken(baseline, name, change, **label))
    assert message in str(error.value)
    assert str(error.value).startswith("baseline 'Baseline of the rare-earth model, 2009': ")


def test_beta_at_one_is_refused(baseline):
    with pytest.raises(DataError, match="'variety_elasticity' above 1: 1"):
        calibration.check_baseline(baseline.assign(variety_elasticity=1.0))


def test_values_that_are_not_numbers_are_refused(baseline):
    with pytest.raises(DataError, match=r"variable 'final_share' holds values of type .*, not numbers"):
        calibration.check_baseline(baseline.assign(final_share=baseline.final_share.astype(str)))


def test_labels_in_another_order_are_refused_and_align_repairs_them(baseline):
    shuffled = baseline.isel(importer=[3, 1, 0, 2, 4])
    with pytest.raises(DataError) as error:
        calibration.check_baseline(shuffled)
    assert str(error.value) == (
        "dimension 'importer' has the labels of 'region' in another order (USA, EU27, CHN, ...); "
        "order them with calibration.align(baseline)."
    )
    xr.testing.assert_identical(calibration.align(shuffled), baseline)


def test_misspelt_label_is_named(baseline):
    sectors = ["Machnery" if s == "Machinery" else s for s in baseline.sector.values]
    with pytest.raises(DataError) as error:
        calibration.check_baseline(baseline.assign_coords(input_sector=sectors))
    assert "dimension 'input_sector' has the label 'Machnery', which dimension 'sector' does not have" in str(
        error.value
    )
    assert "Did you mean 'Machinery'?" in str(error.value)


def test_eps_of_one_is_no_error(baseline):
    ones = baseline.assign(ree_elasticity=xr.ones_like(baseline.ree_elasticity))
    assert calibration.check_baseline(ones).passed


def test_budget_with_tariffs_and_a_base_export_tax(baseline):
    """The budget counts tariff and export-tax revenue as docs/rare_earths_model.md (13) does, coded here in numpy."""
    base = baseline.copy(deep=True)
    base["tariff"] = base.tariff + 0.1
    base["export_tax"] = 0.25
    pi, spent = base.expenditure_share.values, base.expenditure.values
    base["gross_output"] = ("region", "sector"), np.einsum("nis,ns->is", pi, spent) / 1.1
    added = base.value_added_share.values * base.gross_output.values
    omega, mu = base.ree_share.values, 4 / 3
    used = (omega * added / mu).sum(1)
    world_price_use = used * np.where(base.region.values == "CHN", 1.25, 1.0)
    base["ree_endowment"] = "region", np.array([0.97, 0, 0, 0, 0.03]) * world_price_use.sum()
    price = np.where(base.region.values == "CHN", 1 / 1.25, 1.0)
    rents = price * base.ree_endowment.values
    revenue = np.where(base.region.values == "CHN", 0.25 * (rents - used), 0.0)
    tariffs = 0.1 / 1.1 * spent.sum(1)
    income = ((1 - omega) * added / mu).sum(1) + rents + added.sum(1) / 4 + tariffs + revenue
    base["deficit"] = base.final_expenditure - income
    report = calibration.check_baseline(base, strict=False)
    budget = next(f for f in report.findings if f.check.startswith("budget"))
    assert budget.passed
    assert abs(budget.size) < 1e-14


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_permuted_labels_give_the_same_baseline(seed, data):
    table = random_table(REGIONS, SECTORS, seed)
    order = {d: data.draw(st.permutations(range(table.sizes[d])), label=d) for d in table.dims}
    base = calibration.rare_earths_baseline(table)
    permuted = calibration.rare_earths_baseline(table.isel(order))
    again = permuted.sel({d: base[d].values for d in base.dims})
    xr.testing.assert_allclose(again.drop_attrs(), base.drop_attrs(), rtol=1e-11, atol=1e-9)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(1e-6, 1e6))
def test_the_unit_of_account_changes_no_share(seed, scale):
    table = random_table(REGIONS, SECTORS, seed)
    base, scaled = calibration.rare_earths_baseline(table), calibration.rare_earths_baseline(table * scale)
    for name in ("expenditure_share", "input_share", "value_added_share", "final_share", "ree_share"):
        xr.testing.assert_allclose(scaled[name], base[name], rtol=1e-11)
    for name in ("expenditure", "ree_endowment", "deficit"):
        xr.testing.assert_allclose(scaled[name], base[name] * scale, rtol=1e-8, atol=1e-9 * scale)
