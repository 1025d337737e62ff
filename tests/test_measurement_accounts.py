"""Reading BEA's accounts: both layouts give the same table, and what is wrong is named."""

from pathlib import Path

import numpy as np
import openpyxl
import pytest
import xarray as xr
from small_accounts import small_accounts

from empirics.measurement.accounts import (
    COMPACT,
    ROUNDING,
    WORKBOOKS,
    accounts_dataset,
    read_accounts,
    read_compact,
    read_workbooks,
    relative_gaps,
    row_gap,
    show_rounding,
)
from framework.errors import DataError


@pytest.fixture
def accounts() -> xr.Dataset:
    return small_accounts()


def write_compact(accounts: xr.Dataset, path: Path, **changes: np.ndarray) -> None:
    arrays = {
        "commodities": accounts["commodity"].values.astype(str),
        "industries": accounts["industry"].values.astype(str),
        "fd_codes": accounts["category"].values.astype(str),
        "va_codes": accounts["component"].values.astype(str),
        "use_AfterRedef": accounts["use"].values,
        "fd_AfterRedef": accounts["final_demand"].values,
        "make_AfterRedef": accounts["make"].values,
        "va_AfterRedef": accounts["value_added"].values,
        **changes,
    }
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})


def detail_sheet(path: Path, rows, columns, values, sheet: str = "2012", edit=None) -> None:
    """Write codes and values in the layout of BEA's detail workbooks; a zero is an empty cell."""
    book = openpyxl.Workbook()
    page = book.active
    page.title = sheet
    page["A1"] = "Table"
    page["A5"] = "(Millions of dollars)"
    for k, text in enumerate(["Code", "Description", *columns], start=1):
        page.cell(6, k, text)
    for i, code in enumerate(rows):
        page.cell(7 + i, 1, code)
        page.cell(7 + i, 2, f"name of {code}")
        for j, value in enumerate(values[i]):
            if value:
                page.cell(7 + i, 3 + j, float(value))
    page.cell(8 + len(rows), 1, "A note below the table")
    if edit is not None:
        edit(page)
    book.save(path)


def write_workbooks(accounts: xr.Dataset, folder: Path, edit=None) -> tuple[Path, Path]:
    use, final, make, added = (accounts[k].values for k in ("use", "final_demand", "make", "value_added"))
    commodities, industries, categories, components = (
        [str(x) for x in accounts[d].values] for d in ("commodity", "industry", "category", "component")
    )
    n, m = use.shape
    block = np.zeros((n + 1 + len(components), m + 1 + len(categories) + 1))
    block[:n, :m], block[:n, m + 1 : -1], block[n + 1 :, :m] = use, final, added
    block[:n, m], block[n, :m] = use.sum(1), use.sum(0)
    paths = folder / WORKBOOKS[0], folder / WORKBOOKS[1]
    rows, columns = [*commodities, "T005", *components], [*industries, "T001", *categories, "T007"]
    detail_sheet(paths[0], rows, columns, block, edit=edit)
    totals = np.zeros((m + 1, n + 1))
    totals[:m, :n] = make
    detail_sheet(paths[1], [*industries, "T007"], [*commodities, "T008"], totals)
    return paths


def test_compact_file_and_workbooks_give_the_same_accounts(accounts, tmp_path):
    (tmp_path / "bea2012").mkdir()
    write_compact(accounts, tmp_path / "bea2012" / COMPACT)
    compact = read_accounts(tmp_path)
    write_workbooks(accounts, tmp_path)
    workbooks = read_accounts(tmp_path)
    xr.testing.assert_identical(compact.drop_attrs(), accounts.drop_attrs())
    # A workbook holds numbers to fifteen digits.
    xr.testing.assert_allclose(workbooks.drop_attrs(), accounts.drop_attrs(), rtol=1e-13)
    assert WORKBOOKS[0] in workbooks.attrs["source"]


def test_missing_tables_are_named_with_the_place(tmp_path, monkeypatch):
    monkeypatch.delenv("EXACTHAT_DATA", raising=False)
    with pytest.raises(DataError, match=r"are not shipped.*IOUse_After.*EXACTHAT_DATA"):
        read_accounts()
    with pytest.raises(DataError, match=r"does not hold the input-output accounts.*bea2012_detail\.npz"):
        read_accounts(tmp_path)
    with pytest.raises(DataError, match=r"nowhere' does not exist; correct --data"):
        read_accounts(tmp_path / "nowhere")


def test_environment_names_the_folder(accounts, tmp_path, monkeypatch):
    write_compact(accounts, tmp_path / COMPACT)
    monkeypatch.setenv("EXACTHAT_DATA", str(tmp_path))
    xr.testing.assert_identical(read_accounts(), read_compact(tmp_path / COMPACT))


def test_a_file_that_is_no_compact_file_is_refused(accounts, tmp_path):
    path = tmp_path / COMPACT
    path.write_text("not an archive")
    with pytest.raises(DataError, match="cannot be read as a compact file"):
        read_compact(path)
    write_compact(accounts, path, make_AfterRedef=None)
    with pytest.raises(DataError, match=r"not a compact file of accounts.*make_AfterRedef"):
        read_compact(path)


def test_workbooks_with_another_layout_name_what_is_missing(accounts, tmp_path):
    use, make = write_workbooks(accounts, tmp_path)
    with pytest.raises(DataError, match="no sheet '2007'; it has: 2012"):
        read_workbooks(use, make, sheet="2007")
    write_workbooks(accounts, tmp_path, edit=lambda page: page.__setitem__("A6", "Commodity"))
    with pytest.raises(DataError, match="no row has 'Code' in column A"):
        read_workbooks(use, make)
    write_workbooks(accounts, tmp_path, edit=lambda page: page.__setitem__("C7", "n.a."))
    with pytest.raises(DataError, match=r"row '311111', column '311111' holds 'n\.a\.'"):
        read_workbooks(use, make)
    write_workbooks(accounts, tmp_path, edit=lambda page: page.__setitem__("D6", "324111"))
    with pytest.raises(DataError, match=r"differ in industry '32411.'"):
        read_workbooks(use, make)
    use.write_text("not a workbook")
    with pytest.raises(DataError, match="cannot be read as a workbook"):
        read_workbooks(use, make)


def rebuilt(accounts: xr.Dataset, **changes) -> xr.Dataset:
    labels = {
        d: [str(x) for x in accounts[d].values] for d in ("commodity", "industry", "category", "component")
    }
    arrays = [accounts[k].values.copy() for k in ("use", "final_demand", "make", "value_added")]
    for (array, i, j), value in changes.get("cells", {}).items():
        arrays[array][i, j] = value
    return accounts_dataset(*arrays, labels={**labels, **changes.get("labels", {})}, source="synthetic")


def test_bad_cells_and_labels_are_named(accounts):
    with pytest.raises(DataError, match="'use' has no finite value at commodity '324110', industry '325180'"):
        rebuilt(accounts, cells={(0, 1, 2): np.nan})
    with pytest.raises(DataError, match="'make' is negative at industry '324110', commodity '325180'"):
        rebuilt(accounts, cells={(2, 1, 2): -1.0})
    industries = ["311111", *map(str, accounts["industry"].values[1:-1]), "311111"]
    with pytest.raises(DataError, match="'industry' holds the label '311111' more than once"):
        rebuilt(accounts, labels={"industry": industries})
    with pytest.raises(DataError, match="no category 'F05000'"):
        rebuilt(accounts, labels={"category": ["F01000", "F04000", "F05100"]})
    with pytest.raises(DataError, match="no component 'V00300'"):
        rebuilt(accounts, labels={"component": ["V001", "V002", "V003"]})


def test_rounding_becomes_an_entry_and_nothing_else_changes(accounts):
    whole = accounts.map(np.round, keep_attrs=True)
    shown = show_rounding(whole)
    assert max(relative_gaps(whole)) > 1e-6
    assert max(relative_gaps(shown)) < 1e-12
    np.testing.assert_allclose(shown["final_demand"].sel(category=ROUNDING), row_gap(whole))
    for name, dim in (("final_demand", "category"), ("value_added", "component")):
        xr.testing.assert_equal(shown[name].drop_sel({dim: ROUNDING}), whole[name])


def test_a_gap_that_is_no_rounding_names_the_row(accounts):
    off = accounts.copy(deep=True)
    off["final_demand"].loc["336111", "F01000"] += 100.0
    with pytest.raises(DataError, match=r"commodity '336111' does not balance: .* is -100\.0 million USD"):
        show_rounding(off)
    off = accounts.copy(deep=True)
    off["value_added"].loc["V00300", "336111"] -= 100.0
    with pytest.raises(DataError, match="industry '336111' does not balance"):
        show_rounding(off)
