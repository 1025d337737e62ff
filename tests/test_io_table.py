"""World input-output tables: identities, aggregation, inventories, and the messages about bad tables."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_tables import REGIONS, SECTORS, random_table

import calibration
from calibration.io_table import sales
from calibration.wiod import INVENTORIES
from framework.errors import DataError


@pytest.fixture
def table() -> xr.Dataset:
    return random_table(REGIONS, SECTORS)


def changed(table: xr.Dataset, name: str, value: float, **label: str) -> xr.Dataset:
    """Return a copy with one cell of one variable replaced."""
    out = table.copy(deep=True)
    out[name].loc[label] = value
    return out


def test_check_reports_a_balanced_table(table):
    report = calibration.check(table)
    assert report.passed
    text = str(report)
    assert "ok    row identity" in text
    assert "negative cells in 'final'" in text
    assert "deficits sum to" in text


def test_deficits_are_final_use_less_value_added_and_sum_to_zero(table):
    gap = calibration.deficits(table)
    imports = table.intermediate.sum(["input_sector", "sector"]) + table.final.sum(["sector", "category"])
    np.fill_diagonal(imports.transpose("exporter", "importer").values, 0)
    balance = imports.sum("exporter").values - imports.sum("importer").values
    np.testing.assert_allclose(gap.values, balance, rtol=1e-10)
    assert abs(float(gap.sum())) < 1e-10 * float(table.gross_output.sum())


def test_unbalanced_row_names_cell_size_and_fix(table):
    bad = changed(
        table, "gross_output", 2 * float(table.gross_output[1, 2]), region="JPN", sector="Agriculture"
    )
    with pytest.raises(DataError) as error:
        calibration.check(bad)
    assert str(error.value) == (
        "table 'World input-output table 2009': row identity, (gross output - sales) / output: 0.5 at region 'JPN', "
        "sector 'Agriculture'; take sales as output with calibration.redefine_output(table), or pass tolerance="
    )
    assert calibration.check(bad, tolerance=0.6).passed
    assert calibration.check(calibration.redefine_output(bad)).passed


@pytest.mark.parametrize("name", ["intermediate", "gross_output"])
def test_negative_cell_is_named(table, name):
    label = {"exporter": "JPN", "input_sector": "Machinery", "importer": "ROW", "sector": "Services"}
    label = label if name == "intermediate" else {"region": "JPN", "sector": "Services"}
    with pytest.raises(
        DataError, match=rf"'{name}' without negative values: 1 at .*sector 'Services' \(-3\)"
    ):
        calibration.check(changed(table, name, -3.0, **label))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_are_named(table, value):
    bad = changed(
        table, "final", value, exporter="JPN", sector="Machinery", importer="CHN", category=INVENTORIES
    )
    with pytest.raises(DataError) as error:
        calibration.check(bad)
    assert (
        "'final' without NaN or infinity: 1 at exporter 'JPN', sector 'Machinery', importer 'CHN', "
        "category 'Changes in inventories and valuables'; fill or drop these cells before use"
    ) in str(error.value)


def test_inputs_above_output_are_named(table):
    bad = table.copy(deep=True)
    column = {"importer": "JPN", "sector": "Services"}
    bad.intermediate.loc[column] = bad.intermediate.loc[column] * 20
    bad["gross_output"] = sales(bad)
    with pytest.raises(
        DataError, match=r"value added .* without negative values: 1 at region 'JPN', sector 'Services'"
    ):
        calibration.check(bad)


def test_column_identity_of_a_reported_value_added(table):
    table["value_added"] = calibration.value_added(table) - 1.0
    table["taxes_and_margins"] = xr.ones_like(table.gross_output)
    assert calibration.check(table).passed
    table.value_added.loc["JPN", "Services"] -= 2.0
    with pytest.raises(
        DataError, match=r"column identity.* at region 'JPN', sector 'Services'; correct value_added"
    ):
        calibration.check(table)


def test_misspelt_and_missing_variables_are_named(table):
    with pytest.raises(DataError) as error:
        calibration.check(table.rename(final="finall"))
    assert "the table lacks the variable 'final'" in str(error.value)
    assert "Did you mean 'finall'?" in str(error.value)
    with pytest.raises(
        DataError, match=r"variable 'gross_output' has dims \('sector',\); it needs \('region', 'sector'\)"
    ):
        calibration.check(table.assign(gross_output=table.gross_output.sum("region")))


def test_values_that_are_not_numbers_are_named(table):
    bad = table.assign(gross_output=table.gross_output.astype(str))
    with pytest.raises(
        DataError, match=r"variable 'gross_output' holds values of type .*, not numbers; .*astype\(float\)"
    ):
        calibration.check(bad)


def test_labels_that_differ_between_dimensions_are_named(table):
    with pytest.raises(DataError) as error:
        calibration.check(table.assign_coords(importer=["CHN", "JPM", "ROW"]))
    assert str(error.value) == (
        "dimension 'importer' has the label 'JPM', which dimension 'region' does not have. Did you mean 'JPN'?"
    )
    with pytest.raises(DataError, match="dimension 'importer' lacks the label 'ROW' of dimension 'region'"):
        calibration.check(table.isel(importer=[0, 1]))
    with pytest.raises(DataError, match="dimension 'exporter' holds the label 'JPN' more than once"):
        calibration.check(table.assign_coords(exporter=["CHN", "JPN", "JPN"]))
    with pytest.raises(DataError, match="dimension 'importer' has no labels"):
        calibration.check(table.drop_vars("importer"))


def test_reordered_labels_are_aligned_by_label(table):
    shuffled = table.isel(importer=[2, 0, 1], exporter=[1, 2, 0], input_sector=[3, 1, 0, 2])
    xr.testing.assert_identical(calibration.align(shuffled), table)
    assert calibration.check(shuffled).passed
    xr.testing.assert_allclose(sales(calibration.align(shuffled)), sales(table), rtol=1e-14)


def test_redefined_output_states_the_largest_change(table):
    bad = changed(
        table, "gross_output", float(table.gross_output[0, 0]) / 0.8, region="CHN", sector="Machinery"
    )
    out = calibration.redefine_output(bad)
    assert (
        "largest relative change -20.0000% at region 'CHN', sector 'Machinery'"
        in out.attrs["output_redefined"]
    )
    xr.testing.assert_allclose(out.gross_output, table.gross_output)
    xr.testing.assert_identical(out.gross_output_reported.rename("gross_output"), bad.gross_output)


REGION_GROUPS = {"CHN": "CHN", "ROW": "abroad", "JPN": "abroad"}
SECTOR_GROUPS = {
    "Services": "rest",
    "Machinery": "goods",
    "Transport equipment": "goods",
    "Agriculture": "rest",
}


def test_aggregation_sums_over_groups_in_the_order_of_the_concordance(table):
    small = calibration.aggregate(table, REGION_GROUPS, SECTOR_GROUPS)
    assert list(small.region) == list(small.importer) == ["CHN", "abroad"]
    assert list(small.sector) == list(small.input_sector) == ["rest", "goods"]
    cell = small.intermediate.sel(exporter="abroad", input_sector="goods", importer="CHN", sector="rest")
    members = table.intermediate.sel(
        exporter=["JPN", "ROW"],
        input_sector=["Machinery", "Transport equipment"],
        importer=["CHN"],
        sector=["Agriculture", "Services"],
    )
    assert float(cell) == pytest.approx(float(members.sum()), rel=1e-14)
    assert calibration.check(small).passed
    np.testing.assert_allclose(small.final.sum(), table.final.sum(), rtol=1e-14)


@pytest.mark.parametrize(
    ("regions", "message"),
    [
        ({"CHN": "CHN", "JPN": "abroad"}, "the region concordance lacks the label 'ROW' of the table"),
        (
            {"CHN": "CHN", "JPM": "abroad", "ROW": "abroad"},
            "the region concordance has the label 'JPM', which the table does not have. Did you mean 'JPN'?",
        ),
    ],
)
def test_concordance_with_missing_or_misspelt_labels(table, regions, message):
    with pytest.raises(DataError) as error:
        calibration.aggregate(table, regions, SECTOR_GROUPS)
    assert message in str(error.value)


def test_inventory_rules(table):
    kept = calibration.goods_accounts(table, "keep")
    xr.testing.assert_allclose(kept.final, table.final.sum("category"))
    moved = calibration.goods_accounts(table, "in-deficit")
    inventories = table.final.sel(category=INVENTORIES)
    xr.testing.assert_allclose(moved.final, table.final.sum("category") - inventories.drop_vars("category"))
    change = (moved.gross_output - kept.gross_output).sum()
    np.testing.assert_allclose(float(change), -float(inventories.sum()), rtol=1e-9)
    assert "inventory changes of" in moved.attrs["inventories"]
    for accounts in (kept, moved):
        np.testing.assert_allclose(accounts.gross_output, sales(accounts), rtol=1e-13)
        assert abs(float(calibration.deficits(accounts).sum())) < 1e-10 * float(accounts.gross_output.sum())


def test_clip_is_for_inventory_changes_only(table):
    bad, category = table.copy(deep=True), table.category.values[0]
    cell = {"exporter": "JPN", "sector": "Machinery", "importer": "CHN"}
    change = -1e6 - float(bad.final.sel({**cell, "category": category}))
    bad["final"].loc[{**cell, "category": category}] = -1e6
    bad["gross_output"].loc[{"region": "JPN", "sector": "Machinery"}] += change
    with pytest.raises(
        DataError, match=f"without inventory changes too, because of '{category}'; .*correct the cell"
    ):
        calibration.goods_accounts(bad, "clip")


def test_negative_use_needs_a_rule_and_clip_reports_it(table):
    cell = {"exporter": "JPN", "sector": "Machinery", "importer": "CHN", "category": INVENTORIES}
    others = float(table.final.sel(cell | {"category": table.category.values[:-1]}).sum())
    bad = calibration.redefine_output(changed(table, "final", -others - 40.0, **cell))
    with pytest.raises(DataError) as error:
        calibration.goods_accounts(bad)
    assert (
        "purchases of a good without negative values: 1 at exporter 'JPN', sector 'Machinery', importer 'CHN'"
        in str(error.value)
    )
    assert "inventories rule 'keep' leaves them; use inventories=\"clip\"" in str(error.value)
    clipped = calibration.goods_accounts(bad, "clip")
    assert float(clipped.final.min()) == 0.0
    assert "1 negative cells of final use, -40 in all" in clipped.attrs["inventories"]
    assert "exporter 'JPN', sector 'Machinery', importer 'CHN', set to zero" in clipped.attrs["inventories"]
    np.testing.assert_allclose(clipped.gross_output, sales(clipped), rtol=1e-13)


def test_unknown_rule_and_absent_category(table):
    with pytest.raises(DataError) as error:
        calibration.goods_accounts(table, "clipp")
    assert str(error.value) == (
        "unknown rule 'clipp' for inventories. Did you mean 'clip'? Known rules: keep, in-deficit, clip."
    )
    without = calibration.redefine_output(table.drop_sel(category=INVENTORIES))
    with pytest.raises(
        DataError, match="rule 'in-deficit' needs the final-use category 'Changes in inventories"
    ):
        calibration.goods_accounts(without, "in-deficit")
    assert calibration.goods_accounts(without).final.dims == ("exporter", "sector", "importer")


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_aggregation_is_consistent_in_any_two_steps(seed, data):
    table = random_table(REGIONS, SECTORS, seed)
    first = data.draw(st.lists(st.sampled_from("ab"), min_size=4, max_size=4))
    to_two = dict(zip(SECTORS, first, strict=True))
    same = {r: r for r in REGIONS}
    world = dict.fromkeys(REGIONS, "world")
    direct = calibration.aggregate(table, world, dict.fromkeys(SECTORS, "all"))
    stepwise = calibration.aggregate(
        calibration.aggregate(table, same, to_two), world, dict.fromkeys(dict.fromkeys(first), "all")
    )
    xr.testing.assert_allclose(direct.drop_attrs(), stepwise.drop_attrs(), rtol=1e-12)
