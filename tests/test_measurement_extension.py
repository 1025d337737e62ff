"""Splitting and carving: totals hold, cells are respected, errors name the cell."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from small_accounts import CODES, IMPORTED, small_accounts, small_sales, small_use

from empirics.measurement.accounts import (
    IMPORTS,
    SURPLUS,
    commodity_output,
    industry_output,
    relative_gaps,
    show_rounding,
)
from empirics.measurement.extension import (
    ELEMENT_CODES,
    ELEMENTS,
    MAGNETS,
    OTHER_CHEMICALS,
    OTHER_METALS,
    element_code,
    extend,
    merge,
)
from framework.errors import DataError


@pytest.fixture
def accounts() -> xr.Dataset:
    return small_accounts()


def extended(accounts: xr.Dataset, excess: str = "error", **changes: float) -> xr.Dataset:
    return extend(accounts, small_use(**changes), small_sales(accounts), excess)


@settings(max_examples=10)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.0, 1.5))
def test_rows_and_columns_balance_for_any_accounts_and_uses(seed, scale):
    accounts = small_accounts(seed)
    table = extend(accounts, scale * small_use(), small_sales(accounts))
    assert max(relative_gaps(table)) < 1e-12


def test_parts_add_up_to_the_table_read_but_for_the_booked_imports(accounts):
    booked = 2.5
    whole, before = merge(extended(accounts)), show_rounding(accounts)
    xr.testing.assert_allclose(whole["make"], before["make"], rtol=1e-12)
    added = (whole["value_added"] - before["value_added"]).sel(industry="332999")
    assert float(added.sel(component=SURPLUS)) == pytest.approx(-booked)
    final = (whole["final_demand"] - before["final_demand"]).sel(commodity="325180")
    assert float(final.sel(category=IMPORTS)) == pytest.approx(-booked)
    use = (whole["use"] - before["use"]).sel(commodity="325180", industry="332999")
    assert float(use) == pytest.approx(booked)
    for name in ("use", "final_demand", "value_added"):
        change = abs(whole[name] - before[name])
        assert int((change > 1e-9).sum()) == 1


def test_elements_are_used_as_asked(accounts):
    table, use = extended(accounts), small_use()
    for industry in use["industry"].values:
        for element in ELEMENTS:
            found = table["use"].sel(commodity=element_code(element), industry=industry)
            assert float(found) == pytest.approx(float(use.sel(industry=industry, element=element)))
    carved = accounts["use"].sel(commodity="325180", industry="335911") - 0.5
    assert float(table["use"].sel(commodity=OTHER_CHEMICALS, industry="335911")) == pytest.approx(
        float(carved)
    )


def test_carved_elements_are_supplied_as_chemicals_are_and_booked_ones_imported(accounts):
    table = extended(accounts)
    output = commodity_output(table)
    imports = -table["final_demand"].sel(category=IMPORTS)
    whole_imports = -float(accounts["final_demand"].sel(commodity="325180", category=IMPORTS))
    share = whole_imports / (whole_imports + float(commodity_output(accounts).sel(commodity="325180")))
    lanthanum = element_code("La")
    assert float(imports.sel(commodity=lanthanum)) == pytest.approx(share * 0.8)
    assert float(output.sel(commodity=lanthanum)) == pytest.approx((1 - share) * 0.8)
    assert float(output.sel(commodity=element_code("Nd"))) == 0.0
    assert float(imports.sel(commodity=element_code("Nd"))) == pytest.approx(1.5)


def test_magnets_are_made_by_their_industry_only_and_bought_by_no_maker_of_metals(accounts):
    table, sales = extended(accounts), small_sales(accounts)
    made = table["make"].sel(commodity=MAGNETS)
    assert float(made.sel(industry=MAGNETS)) == pytest.approx(sales.sum())
    assert float(made.drop_sel(industry=MAGNETS).sum()) == 0.0
    assert float(table["use"].sel(commodity=MAGNETS, industry=[MAGNETS, OTHER_METALS]).sum()) == 0.0
    for buyer, value in sales.items():
        assert float(table["use"].sel(commodity=MAGNETS, industry=buyer)) == pytest.approx(value)
    assert float(industry_output(table).sel(industry=MAGNETS)) == pytest.approx(sales.sum())


def test_order_of_industries_and_commodities_does_not_matter(accounts):
    rng = np.random.default_rng(1)
    order = {dim: rng.permutation(accounts[dim].values) for dim in ("commodity", "industry")}
    shuffled, table = extended(accounts.sel(order)), extended(accounts)
    xr.testing.assert_allclose(
        shuffled.sel(commodity=table["commodity"], industry=table["industry"]), table, rtol=1e-12
    )


def test_a_use_beyond_its_cell_names_the_cell(accounts):
    cell = float(accounts["use"].sel(commodity="325180", industry="336390"))
    changes = {"336390_Ce": cell + 1.0}
    with pytest.raises(DataError, match=r"cell \('325180', '336390'\), which holds .*excess='balance'"):
        extended(accounts, **changes)


def test_a_use_beyond_its_cell_is_booked_as_imports_when_asked(accounts):
    cell = float(accounts["use"].sel(commodity="325180", industry="336390"))
    table = extended(accounts, "balance", **{"336390_Ce": cell + 2.0})
    assert max(relative_gaps(table)) < 1e-12
    assert float(table["use"].sel(commodity=OTHER_CHEMICALS, industry="336390")) == pytest.approx(
        0.0, abs=1e-9
    )
    assert float(table["use"].sel(commodity=element_code("Ce"), industry="336390")) == pytest.approx(
        cell + 2.0
    )
    before = accounts["value_added"].sel(component=SURPLUS, industry="336390")
    assert float(table["value_added"].sel(component=SURPLUS, industry="336390")) == pytest.approx(
        float(before) - 2.0
    )


def test_magnets_worth_less_than_their_elements_are_refused(accounts):
    with pytest.raises(DataError, match=rf"used by '{MAGNETS}', more than the other inputs of"):
        extended(accounts, magnets_Nd=1e4)


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_a_use_that_is_no_amount_names_its_cell(accounts, value):
    with pytest.raises(DataError, match=r"industry '335911', element 'La' is negative or not finite"):
        extended(accounts, **{"335911_La": value})


def test_unknown_labels_are_named_with_the_nearest_known(accounts):
    use = small_use().assign_coords(industry=["335912", MAGNETS, "336390", "324110"])
    with pytest.raises(DataError, match=r"no industry '335912'. Did you mean '335911'\?"):
        extend(accounts, use, small_sales(accounts))
    use = small_use().assign_coords(element=["La", "Ce", "Nd", "Pr", "Tb"])
    with pytest.raises(DataError, match="need exactly the elements La, Ce, Nd, Pr, Dy; check 'Dy'"):
        extend(accounts, use, small_sales(accounts))
    with pytest.raises(DataError, match=r"excess='balanced' is not known. Did you mean 'balance'"):
        extended(accounts, "balanced")
    use = small_use().assign_coords(industry=["335911", "332999", "336390", "324110"])
    with pytest.raises(DataError, match=f"name the industry '{MAGNETS}'"):
        extend(accounts, use, small_sales(accounts))


@pytest.mark.parametrize("code", ["325180", "332999"])
def test_accounts_without_a_code_that_is_split_are_refused(accounts, code):
    lacking = accounts.drop_sel(commodity=code)
    with pytest.raises(DataError, match=f"no commodity '{code}'"):
        extend(lacking, small_use(), small_sales(accounts))


def test_sales_of_magnets_are_bounded_by_purchases_of_metals(accounts):
    sales = small_sales(accounts)
    sales["336111"] = float(accounts["use"].sel(commodity="332999", industry="336111")) + 1.0
    with pytest.raises(DataError, match="to '336111' exceed its purchases of '332999'"):
        extend(accounts, small_use(), sales)
    sales = small_sales(accounts)
    sales["336111"] = -1.0
    with pytest.raises(DataError, match="'336111' exceed"):
        extend(accounts, small_use(), sales)
    sales = small_sales(accounts)
    sales["332999"] = 1.0
    with pytest.raises(DataError, match="the magnet industry uses no magnets"):
        extend(accounts, small_use(), sales)
    with pytest.raises(DataError, match=r"sold to '33611', which the accounts lack. Did you mean '336111'"):
        extend(accounts, small_use(), small_sales(accounts).rename({"336111": "33611"}))
    with pytest.raises(DataError, match="magnet sales sum to 0"):
        extend(accounts, small_use(), 0 * small_sales(accounts))


def test_labels_of_the_parts_follow_their_origin(accounts):
    labels = list(extended(accounts)["commodity"].values)
    place = labels.index(OTHER_CHEMICALS)
    assert tuple(labels[place + 1 : place + 6]) == ELEMENT_CODES
    assert labels[labels.index(OTHER_METALS) + 1] == MAGNETS
    assert set(labels) - {OTHER_CHEMICALS, OTHER_METALS, MAGNETS, *ELEMENT_CODES} == {*CODES, IMPORTED} - {
        "325180",
        "332999",
    }
