"""Social accounting matrices: read in any layout, and every fault named with its account and its fix."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sams import labelled, random_sam, textbook

import calibration
from framework import DataError


def refused(match: str, sam: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=match):
        calibration.check_sam(labelled(sam))


def changed(**cells: float) -> pd.DataFrame:
    """The textbook's SAM with cells changed, named receiver_payer."""
    sam = textbook()
    for name, value in cells.items():
        receiver, payer = name.split("_")
        sam.loc[receiver, payer] = value
    return sam


def test_rows_and_columns_are_the_same_accounts():
    sam = labelled(textbook())
    with pytest.raises(
        DataError, match="dim 'payer' of the SAM lacks the label 'BRD' of dim 'receiver'; add it"
    ):
        calibration.check_sam(sam.isel(payer=slice(1, None)))


def test_goods_and_factors_are_taken_from_the_labels():
    sam, goods, factors = random_sam(0, goods=4, factors=2)
    assert calibration.check_sam(labelled(sam)) == (goods, factors)
    turned = labelled(sam).isel(receiver=slice(None, None, -1), payer=slice(None, None, -1))
    assert calibration.check_sam(turned) == (goods[::-1], factors[::-1])
    mixed = labelled(sam).isel(payer=slice(None, None, -1)).transpose("payer", "receiver")
    assert calibration.check_sam(mixed) == (goods, factors), "payers in another order than receivers"
    base = calibration.standard_cge_baseline(turned)
    xr.testing.assert_allclose(
        base.reindex(good=goods, factor=factors, using_good=goods),
        calibration.standard_cge_baseline(labelled(sam)),
    )


def test_the_numeraire_is_labour_or_the_last_factor():
    names = {"LAB": "Skilled", "CAP": "Land"}
    assert calibration.standard_cge_baseline(labelled(textbook())).attrs["numeraire_factor"] == "LAB"
    renamed = textbook().rename(index=names, columns=names)
    assert calibration.standard_cge_baseline(labelled(renamed)).attrs["numeraire_factor"] == "Skilled"


def test_a_file_in_another_order_with_spaces_comments_and_empty_cells_is_the_same_sam(tmp_path):
    sam = textbook().iloc[::-1]
    file = tmp_path / "my.csv"
    text = sam.replace(0.0, np.nan).to_csv().replace(",", " , ")
    file.write_text(f"# my own table\n{text}", encoding="utf-8-sig")
    found = calibration.read_sam(file)
    assert found.attrs["source"] == "my.csv"
    want = labelled(textbook()).sel(receiver=found.receiver, payer=found.payer)
    xr.testing.assert_equal(found.drop_attrs().rename(None), want)


# ---- faults of the file --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("21.0", "21k", r"row 'BRD', column 'BRD': '21k' is not a number; write it with a point"),
        ("21.0", "inf", r"row 'BRD', column 'BRD': 'inf' is not a number"),
        ("\nHOH,", "\nHHO,", r"has no row 'HOH'; every account has a row and a column. Did you mean 'HHO'"),
        ("\nHOH,", "\nBRD,", r"has the row 'BRD' twice; an account has one"),
        (",HOH,", ",HOH2,", r"has no row 'HOH2'; every account has a row and a column. Did you mean 'HOH'"),
        (",", ";", r"has one column; separate the cells by commas"),
        ("\nHOH,", "\nHOH,1,1,1,", r"cannot be read as CSV: .*Expected 11 fields"),
    ],
)
def test_faults_of_a_file_are_named(tmp_path, old, new, match):
    file = tmp_path / "my.csv"
    file.write_text(textbook().to_csv().replace(old, new))
    with pytest.raises(DataError, match=f"(?s){match}"):
        calibration.read_sam(file)


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv' cannot be read as CSV: .*No such file"):
        calibration.read_sam(tmp_path / "none.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DataError, match=r"empty\.csv' cannot be read as CSV: No columns"):
        calibration.read_sam(tmp_path / "empty.csv")
    (tmp_path / "latin.csv").write_bytes(textbook().to_csv().replace("BRD", "Möbel").encode("latin-1"))
    with pytest.raises(DataError, match=r"latin\.csv' cannot be read as CSV: .*utf-8"):
        calibration.read_sam(tmp_path / "latin.csv")


def with_totals(row: str | None, column: str | None) -> pd.DataFrame:
    sam = textbook()
    if column is not None:
        sam[column] = sam.sum(axis=1)
    if row is not None:
        sam.loc[row] = sam.sum()
    return sam


@pytest.mark.parametrize(
    ("row", "column", "match"),
    [
        (
            "Total",
            "Total",
            r"my\.csv': the row 'Total' and the column 'Total' hold totals, not an account; drop them\.",
        ),
        (
            "Sum of payments",
            None,
            r"my\.csv': the row 'Sum of payments' holds totals, not an account; drop it\.",
        ),
        (
            None,
            "TOTAL RECEIPTS",
            r"my\.csv': the column 'TOTAL RECEIPTS' holds totals, not an account; drop it\.",
        ),
    ],
)
def test_totals_in_a_file_are_recognised_by_name(tmp_path, row, column, match):
    with_totals(row, column).to_csv(tmp_path / "my.csv")
    with pytest.raises(DataError, match=match):
        calibration.read_sam(tmp_path / "my.csv")


def test_totals_of_any_name_are_recognised_by_their_values():
    sam = with_totals("ALL", "ALL")
    refused(r"SAM: the row 'ALL' and the column 'ALL' hold totals, not an account; drop them\.", sam)
    sam.loc["ALL", "ALL"] = 0.0
    refused(r"SAM: the row 'ALL' and the column 'ALL' hold totals", sam)


# ---- faults of the accounts ----------------------------------------------------------------------


def test_a_missing_account_is_named():
    sam = textbook().rename(index={"HOH": "HHO"}, columns={"HOH": "HHO"})
    refused(
        r"the SAM has no account 'HOH' \(household\); it has BRD, .*\. Name it so\. Did you mean 'HHO'", sam
    )


def test_accounts_must_balance():
    refused(
        r"account 'EXT' receives 24 \(row\) but pays 50 \(column\) \(nor does '\w+' balance\); balance the table",
        changed(BRD_EXT=34),
    )


def test_a_closed_economy_is_refused():
    sam = textbook() * 0
    sam.loc["BRD", ["BRD", "MLK", "HOH", "GOV", "INV"]] = [20, 10, 30, 10, 10]
    sam.loc["MLK", ["BRD", "MLK", "HOH", "GOV", "INV"]] = [10, 20, 30, 5, 5]
    sam.loc[["CAP", "LAB", "IDT"], ["BRD", "MLK"]] = [[25, 20], [20, 15], [5, 5]]
    sam.loc["HOH", ["CAP", "LAB"]] = [45, 35]
    sam.loc["GOV", ["IDT", "HOH"]] = [10, 10]
    sam.loc["INV", ["HOH", "GOV"]] = [10, 5]
    refused(r"SAM: there are no imports \(row 'EXT'\) or no exports \(column 'EXT'\) of goods", sam)


def test_a_table_needs_factors_and_goods():
    none = textbook().drop(index=["CAP", "LAB"], columns=["CAP", "LAB"])
    refused(r"no factor: no account of your own pays the household \(row 'HOH'\)", none)
    refused(r"no good: every account of your own pays the household", changed(HOH_BRD=1, HOH_MLK=1))


@pytest.mark.parametrize(
    ("cells", "match"),
    [
        (
            {"HOH_GOV": 5},
            r"'HOH' receives 5 from 'GOV', a flow that the standard model does not have; move or net",
        ),
        (
            {"CAP_LAB": 1},
            r"'CAP' receives 1 from 'LAB'.*\('CAP' is one of the factors and 'LAB' is one of the factors\)",
        ),
        (
            {"HOH_BRD": 5},
            r"'BRD' receives 21 from 'BRD'.*'BRD' is one of the factors and 'BRD' is one of the f",
        ),
        (
            {"BRD_INV": -1},
            r"'BRD' receives -1 from 'INV'; this flow must not be negative: move it to the opposite",
        ),
        ({"CAP_MLK": -1}, r"'CAP' receives -1 from 'MLK'; this flow must not be negative"),
    ],
)
def test_a_flow_without_a_place_or_with_the_wrong_sign_is_named(cells, match):
    refused(match, changed(**cells))


@pytest.mark.parametrize(
    ("cells", "match"),
    [
        (
            {"CAP_BRD": 0, "LAB_BRD": 0, "MLK_BRD": 52, "HOH_CAP": 30, "HOH_LAB": 25, "MLK_HOH": 0, "MLK_INV": 10,
             "INV_HOH": 12, "BRD_INV": 16},
            r"'BRD' pays factors \(value added\) 0; it must be positive",
        ),
        ({"EXT_BRD": 0, "BRD_EXT": 0, "BRD_INV": 11, "INV_EXT": 7}, r"'BRD' pays tariffs \(row 'TRF'\) of 1 on imports \(row 'EXT'\) of 0"),
        ({"MLK_EXT": 76, "MLK_BRD": 0, "BRD_BRD": 38, "BRD_HOH": 3, "MLK_HOH": 2, "MLK_GOV": 1, "MLK_INV": 1, "INV_GOV": 15,
          "INV_HOH": 62, "INV_EXT": -60}, r"'MLK' sells at home \(output less exports\) 0; it must be positive"),
        ({"TRF_BRD": -13, "BRD_HOH": 6, "GOV_TRF": -11, "GOV_HOH": 37},
         r"'BRD' pays tariffs \(row 'TRF'\) of -13 on imports \(row 'EXT'\) of 13; the rate must be above -1"),
        ({"BRD_GOV": 0, "MLK_GOV": 0, "INV_GOV": 35, "BRD_INV": 35, "MLK_INV": 29}, r"'GOV' \(government\) buys goods of 0; it must be positive"),
        ({"BRD_INV": 0, "MLK_INV": 0, "INV_HOH": 0, "INV_GOV": 2, "INV_EXT": -2, "BRD_HOH": 37,
          "BRD_EXT": 7, "MLK_EXT": 19}, r"'INV' \(saving and investment\) buys goods of 0; it must be positive"),
    ],
    ids=["no value added", "tariff without imports", "all exported", "imports given away", "no government", "no investment"],
)  # fmt: skip
def test_totals_by_which_the_model_divides_are_positive(cells, match):
    refused(match, changed(**cells))
