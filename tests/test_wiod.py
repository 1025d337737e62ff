"""Readers of WIOD release 2013: the official workbook layout, the compact files, and tables by name."""

import numpy as np
import openpyxl
import pytest
import xarray as xr
from synthetic_tables import random_table

import calibration
from calibration import build_benchmark
from calibration.tables import make_table, write_table
from calibration.workbook import FINAL
from framework.errors import DataError

COUNTRIES = ["AUS", "CHN", "RoW"]
CODES, NAMES, NUMBERS = ["AtB", "15t16"], ["Agriculture", "Food, beverages and tobacco"], ["c1", "c3"]
BELOW = [
    ("r60", "Total intermediate consumption"),
    ("r99", "taxes less subsidies on products"),
    ("r61", "Cif/ fob adjustments on exports"),
    ("r62", "Direct purchases abroad by residents"),
    ("r63", "Purchases on the domestic territory by non-residents"),
    ("r64", "Value added at basic prices"),
    ("r65", "International Transport Margins"),
    ("r69", "Output at basic prices"),
]


def synthetic_workbook(table: xr.Dataset) -> openpyxl.Workbook:
    """Write a table into a sheet of the layout of `calibration.workbook`. The numbers are synthetic, not WIOD's."""
    n, s = len(COUNTRIES), len(CODES)
    z = table.intermediate.values.reshape(n * s, n * s)
    f = table.final.values.reshape(n * s, n * len(FINAL))
    output = table.gross_output.values.reshape(n * s)
    industries = [
        (c, name, r, k) for r in COUNTRIES for c, name, k in zip(CODES, NAMES, NUMBERS, strict=True)
    ]
    uses = [("", "final use", r, k) for r in COUNTRIES for k in FINAL]
    columns = [*industries, *uses, ("", "Total output", "TOT", "")]
    taxes, margins = 0.02 * output, 0.01 * output
    added = output - z.sum(0) - taxes - margins
    below = [z.sum(0), taxes, 0 * taxes, 0 * taxes, 0 * taxes, added, margins, output]
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "WIOT_2009"
    sheet["A1"], sheet["A2"] = "Synthetic table in the layout of a WIOT, 2009", "in current prices"
    sheet["A3"], sheet["A4"] = "(industry-by-industry)", "(millions of US$)"
    for part in range(4):
        for j, column in enumerate(columns):
            sheet.cell(3 + part, 5 + j, column[part])
    for i, row in enumerate(industries):
        for j, value in enumerate([*row, *z[i], *f[i], output[i]]):
            sheet.cell(7 + i, 1 + j, value)
    for k, ((number, name), values) in enumerate(zip(BELOW, below, strict=True)):
        for j, value in enumerate(["", name, "TOT", number, *values]):
            sheet.cell(7 + n * s + k, 1 + j, value)
    return book


@pytest.fixture
def table() -> xr.Dataset:
    return random_table(COUNTRIES, CODES)


@pytest.fixture
def book(table) -> openpyxl.Workbook:
    return synthetic_workbook(table)


def test_official_layout_is_read(book, table, tmp_path):
    book.save(tmp_path / "wiot09_row_sep12.xlsx")
    read = calibration.read_wiod(tmp_path / "wiot09_row_sep12.xlsx")
    xr.testing.assert_allclose(read.drop_vars(["sector_name", "value_added", "taxes_and_margins"]), table)
    assert read.attrs["year"] == 2009
    assert read.sector_name.values.tolist() == NAMES
    np.testing.assert_allclose(read.taxes_and_margins, 0.03 * table.gross_output)
    np.testing.assert_allclose(read.value_added + read.taxes_and_margins, calibration.value_added(table))
    assert calibration.check(read).passed


@pytest.mark.parametrize(
    ("cell", "value", "message"),
    [
        ("A1", "WIOT", "cell A1: holds 'WIOT'; expected a title that ends in the year"),
        ("A4", "EUR", "cell A4: holds 'EUR'; expected the unit '(millions of US$)'"),
        ("D7", "x1", "cell D7: holds 'x1'; expected the row number 'c1'"),
        ("F3", "AtB", "cell F3: holds 'AtB'; expected the code '15t16' of row 8"),
        ("G5", "AUS", "cell G5: holds 'AUS'; expected the country 'CHN' of row 9"),
        ("K6", "c38", "cell K6: column is AUS c38; expected final use AUS c37"),
        ("P5", "RoW", "cell P6: column is RoW c37; expected final use CHN c37"),
        ("H9", "n.a.", "cell H9: holds 'n.a.', which is not a number; correct the cell"),
        ("H9", None, "cell H9: is empty; pass blank=0.0 if an empty cell means zero"),
        (
            "D13",
            "r61",
            "cell D13: holds 'r61'; expected 'r60', total intermediate consumption, below the industries",
        ),
        ("D20", "r70", "cell D20: no row 'r69' (output at basic prices) below the industries"),
        ("B18", "VA", "cell B14: no row 'Value added at basic prices' between r60 and r69"),
        ("Z8", 0.0, "cell Z8: total of the row differs from the industry's output in row r69; correct one"),
    ],
)
def test_a_sheet_that_differs_from_the_layout_names_the_cell(book, tmp_path, cell, value, message):
    book.active[cell] = value
    book.save(tmp_path / "wiot09.xlsx")
    with pytest.raises(DataError) as error:
        calibration.read_wiod(tmp_path / "wiot09.xlsx")
    assert str(error.value) == f"'wiot09.xlsx', sheet 'WIOT_2009', {message}"


def test_countries_must_list_the_same_industries(book, tmp_path):
    sheet = book.active
    for cell in ("A9", "G3"):
        sheet[cell] = "19"
    book.save(tmp_path / "wiot09.xlsx")
    with pytest.raises(DataError, match=r"cell C9: row is CHN 19 \(c1\); expected CHN AtB \(c1\)"):
        calibration.read_wiod(tmp_path / "wiot09.xlsx")


def test_empty_cells_can_be_declared_zero(book, tmp_path):
    book.active["H9"] = None
    book.save(tmp_path / "wiot09.xlsx")
    read = calibration.read_workbook(tmp_path / "wiot09.xlsx", blank=0.0)
    assert (
        float(read.intermediate.sel(exporter="CHN", input_sector="AtB", importer="CHN", sector="15t16"))
        == 0.0
    )


def test_files_that_are_no_tables(tmp_path):
    (tmp_path / "a.xlsx").write_text("no workbook")
    with pytest.raises(DataError, match=r"a\.xlsx' cannot be read as a workbook"):
        calibration.read_wiod(tmp_path / "a.xlsx")
    openpyxl.Workbook().save(tmp_path / "b.xlsx")
    with pytest.raises(DataError, match=r"'b\.xlsx', sheet 'Sheet': .* are too few for a WIOD table"):
        calibration.read_wiod(tmp_path / "b.xlsx")
    (tmp_path / "c.npz").write_text("no archive")
    with pytest.raises(DataError, match=r"c\.npz' cannot be read as an npz file"):
        calibration.read_wiod(tmp_path / "c.npz")
    (tmp_path / "c2.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(DataError, match=r"c2\.npz' cannot be read as an npz file"):
        calibration.read_wiod(tmp_path / "c2.npz")
    with (tmp_path / "c3.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match=r"c3\.npz' cannot be read as an npz file"):
        calibration.read_wiod(tmp_path / "c3.npz")
    labels = {"regions": np.array(["CHN"]), "sectors": np.array(["A"]), "year": 2009}
    np.savez(tmp_path / "d.npz", Z=np.zeros(1), GO=np.zeros(1), **labels)
    with pytest.raises(
        DataError, match=r"d\.npz' lacks the array 'F_cat'; a compact WIOD file holds Z, F_cat, GO"
    ):
        calibration.read_wiod(tmp_path / "d.npz")
    np.savez(tmp_path / "d.npz", Z=np.zeros(1), GO=np.zeros(2), F_cat=np.zeros(5), **labels)
    with pytest.raises(DataError, match=r"array 'GO' holds 2 numbers; 1 regions and 1 sectors need 1"):
        calibration.read_wiod(tmp_path / "d.npz")
    with pytest.raises(DataError, match=r"'wiot\.csv' is neither a workbook"):
        calibration.read_wiod("wiot.csv")
    for absent in ("e.npz", "e.xlsx"):
        with pytest.raises(DataError, match="is not a file; give the path of"):
            calibration.read_wiod(tmp_path / absent)


def test_the_shipped_benchmark_states_source_terms_and_changes():
    table = calibration.load_table("wiod2009-5x14")
    assert dict(table.sizes) == {
        "exporter": 5, "input_sector": 14, "importer": 5, "sector": 14, "category": 5, "region": 5,
    }  # fmt: skip
    assert calibration.check(table, tolerance=0).passed
    assert "Timmer" in table.attrs["citation"]
    assert "CC BY 4.0" in table.attrs["terms"]
    assert table.attrs["changes"].startswith("Changes made: aggregated from 41 x 35")
    assert "truncated" in table.attrs["caveats"]


def test_the_shipped_benchmark_is_what_the_aggregator_makes(official_data, tmp_path, capsys):
    shipped = calibration.load_table("wiod2009-5x14")
    xr.testing.assert_identical(make_table("wiod2009-5x14", official_data), shipped)
    assert build_benchmark.main(["--data", str(official_data), "--out", str(tmp_path / "again.nc")]) == 0
    assert "ok    row identity" in capsys.readouterr().out
    xr.testing.assert_identical(calibration.load_table(tmp_path / "again.nc"), shipped)


def test_the_shipped_benchmark_equals_the_independent_aggregate(official_data):
    shipped = calibration.load_table("wiod2009-5x14")
    compact = calibration.read_compact(official_data / "wiod" / "wiod2009_5x14.npz")
    xr.testing.assert_equal(shipped[["intermediate", "final", "gross_output"]], compact)
    with np.load(official_data / "wiod" / "wiod2009_5x14.npz") as arrays:
        np.testing.assert_array_equal(calibration.value_added(shipped), arrays["VA"])
        np.testing.assert_array_equal(shipped.gross_output_reported, arrays["GO_reported"])


def test_concordances_equal_those_of_the_data(official_data):
    with np.load(official_data / "wiod" / "wiod2009_5x14.npz") as arrays:
        regions = dict(str(x).split(":") for x in arrays["country_to_region"])
        sectors = dict(str(x).split(":") for x in arrays["wiod_to_sector"])
    assert calibration.region_concordance() == regions
    assert calibration.sector_concordance() == sectors


def test_other_years_come_from_the_folder_of_data(official_data, monkeypatch):
    monkeypatch.setenv("EXACTHAT_DATA", str(official_data / "wiod"))
    table = calibration.load_table("wiod2011-5x14")
    assert table.attrs["year"] == 2011
    assert calibration.check(table).passed


def test_full_table_fails_the_row_identity_as_documented(official_data):
    table = calibration.read_compact(official_data / "wiod" / "wiod2009_full.npz")
    report = calibration.check(table, strict=False)
    assert [f.check for f in report.failures()] == ["row identity, (gross output - sales) / output"]
    assert "824 negative cells in 'final'" in str(report)
    assert "-0.0544% in all" in calibration.redefine_output(table).attrs["output_redefined"]


def test_unknown_names_and_absent_data(tmp_path, monkeypatch):
    monkeypatch.delenv("EXACTHAT_DATA", raising=False)
    with pytest.raises(
        DataError, match=r"unknown table 'wiod2009-5x15'\. Did you mean 'wiod2009-5x14'\? Known tables: "
    ):
        calibration.load_table("wiod2009-5x15")
    with pytest.raises(DataError, match=r"wiod2009_full\.npz, which is not shipped; set EXACTHAT_DATA"):
        calibration.load_table("wiod2009-41x35")
    with pytest.raises(DataError, match=r"which is neither in '.*' nor in its subfolder 'wiod'"):
        calibration.load_table("wiod2009-41x35", tmp_path)
    with pytest.raises(
        DataError,
        match=r"there is no file 'mine\.nc'; give the path of a table, or its name\. Known tables: wiod2009-5x14",
    ):
        calibration.load_table("mine.nc")
    (tmp_path / "broken.nc").write_text("no netCDF")
    with pytest.raises(DataError, match=r"broken\.nc' cannot be read as netCDF"):
        calibration.load_table(tmp_path / "broken.nc")


def test_own_tables_round_trip(table, tmp_path):
    write_table(table, tmp_path / "own.nc")
    xr.testing.assert_identical(calibration.load_table(str(tmp_path / "own.nc")), table)


def test_build_reports_absent_data(tmp_path, capsys):
    assert build_benchmark.main(["--data", str(tmp_path), "--out", str(tmp_path / "x.nc")]) == 1
    assert "wiod2009_full.npz" in capsys.readouterr().err
    assert not (tmp_path / "x.nc").exists()
