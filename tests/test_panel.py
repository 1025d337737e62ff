"""Panels: what is read, what is understood, what is refused."""

import numpy as np
import pandas as pd
import pytest

from empirics.did import make_panel, read_panel
from framework.errors import DataError

UNIT = ("region", "industry")


def small() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "region": ["NA", "NA", "NA", "USA", "USA"],
            "industry": ["0111", "0111", "0111", "3691", "3691"],
            "year": [2008, 2009, 2011, 2009, 2010],
            "value": [1.0, 2.0, 4.0, 8.0, np.nan],
        }
    )


@pytest.mark.parametrize("name", ["p.parquet", "p.pq", "p.csv", "p.tsv", "p.csv.gz", "p.dta", "P.CSV"])
def test_every_format_gives_the_same_panel(tmp_path, name):
    path, frame = tmp_path / name, small()
    if name.endswith(("parquet", "pq")):
        frame.to_parquet(path)
    elif name.endswith("dta"):
        frame.to_stata(path, write_index=False, version=118)
    else:
        frame.to_csv(path, index=False, sep="\t" if ".tsv" in name else ",")
    panel = read_panel(path, UNIT)
    assert panel.frame["region"].tolist() == ["NA", "NA", "NA", "USA", "USA"]
    assert panel.frame["industry"].tolist() == ["0111", "0111", "0111", "3691", "3691"]
    assert panel.years.tolist() == [2008, 2009, 2011, 2009, 2010]
    np.testing.assert_array_equal(panel.numbers("value"), small()["value"])


def test_codes_that_are_numbers_become_text_without_a_point(tmp_path):
    frame = small().assign(industry=[111.0, 111.0, 111.0, 3691.0, 3691.0])
    assert make_panel(frame, UNIT).frame["industry"].tolist() == ["111", "111", "111", "3691", "3691"]


def test_labelled_values_of_stata_are_labels(tmp_path):
    frame = small().assign(region=pd.Categorical(small()["region"]))
    frame.to_stata(tmp_path / "p.dta", write_index=False)
    assert read_panel(tmp_path / "p.dta", UNIT).frame["region"].tolist() == ["NA", "NA", "NA", "USA", "USA"]


def test_years_may_be_text_floats_or_dates():
    for years in (
        small()["year"].astype(str),
        small()["year"].astype(float),
        pd.to_datetime(small()["year"].astype(str)),
    ):
        assert make_panel(small().assign(year=years), UNIT).years.tolist() == small()["year"].tolist()


def test_numbers_written_as_text_are_numbers():
    panel = make_panel(small().assign(value=["1", "2.5", None, "1e3", "-4"]), UNIT)
    np.testing.assert_array_equal(panel.numbers("value"), [1, 2.5, np.nan, 1000, -4])


def test_the_data_label_of_a_parquet_file_is_kept(tmp_path):
    frame = small()
    frame.attrs["data"] = "synthetic"
    frame.to_parquet(tmp_path / "p.parquet")
    assert read_panel(tmp_path / "p.parquet", UNIT).data == "synthetic"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"year": [2008, 2009, 2009, 2009, 2010]},
            r"not unique: 2 rows share 1 keys.*\(NA, 0111, 2009\).*aggregate",
        ),
        ({"region": ["NA", None, "NA", "USA", "USA"]}, r"'region' is empty in 1 rows \(row 2\)"),
        ({"year": [2008, None, 2011, 2009, 2010]}, r"'year' is empty in 1 rows"),
        ({"year": [2008, 2009.5, 2011, 2009, 2010]}, r"'year' holds 2009.5 in row 2, which is no year"),
        ({"year": ["2008", "two", "2011", "2009", "2010"]}, r"'year' holds text where numbers belong.*'two'"),
    ],
)
def test_wrong_keys_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        make_panel(small().assign(**change), UNIT)


def test_text_in_a_number_column_is_shown_with_its_key():
    panel = make_panel(small().assign(value=["1", "n.a.", "3", "n.a.", "5"]), UNIT)
    with pytest.raises(
        DataError, match=r"'value' holds text.*2 cells, the first 'n.a.' in \(NA, 0111, 2009\)"
    ):
        panel.numbers("value")


def test_an_unknown_column_is_answered_with_the_nearest():
    panel = make_panel(small(), UNIT)
    with pytest.raises(DataError, match=r"no column 'valeu' \(outcome\). Did you mean 'value'"):
        panel.numbers("valeu", "outcome")
    with pytest.raises(DataError, match=r"no column 'regoin'.*Did you mean 'region'"):
        make_panel(small(), ("regoin", "industry"))


def test_empty_and_doubled_tables_are_refused():
    with pytest.raises(DataError, match="no rows"):
        make_panel(small().iloc[:0], UNIT)
    doubled = pd.concat([small(), small()[["value"]]], axis=1)
    with pytest.raises(DataError, match="'value' is there more than once"):
        make_panel(doubled, UNIT)


def test_unreadable_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_panel(tmp_path / "none.csv", UNIT)
    with pytest.raises(DataError, match="no panel that can be read"):
        read_panel(tmp_path / "p.xlsx", UNIT)
    for name in ("p.parquet", "p.dta", "p.csv.gz"):
        (tmp_path / name).write_bytes(b"this is nothing of the kind")
        with pytest.raises(DataError, match="cannot be read as"):
            read_panel(tmp_path / name, UNIT)
    (tmp_path / "p.csv").write_bytes("region,industry,year\nCôte,0111,2009\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"is not UTF-8 \(byte 0xf4 at 22\); convert it.*iconv -f latin1"):
        read_panel(tmp_path / "p.csv", UNIT)
    (tmp_path / "semicolons.csv").write_text("region;industry;year\nUSA;0111;2009\n")
    with pytest.raises(DataError, match=r"one column, 'region;industry;year': .* separated by ';'"):
        read_panel(tmp_path / "semicolons.csv", UNIT)
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DataError, match="cannot be read as CSV"):
        read_panel(tmp_path / "empty.csv", UNIT)


def test_labels_of_a_filter_must_exist():
    panel = make_panel(small(), UNIT)
    assert panel.having("region", ["USA"], "a filter").tolist() == [False, False, False, True, True]
    with pytest.raises(
        DataError, match=r"a filter names 'USS', which is nowhere in 'region'. Did you mean 'USA'"
    ):
        panel.having("region", ["USS"], "a filter")


def test_a_filter_may_name_numbers():
    panel = make_panel(small().assign(oecd=[0, 0, 0, 1, np.nan]), UNIT)
    assert panel.having("oecd", [1], "a filter").tolist() == [False, False, False, True, False]


def test_lags_go_by_the_calendar():
    panel = make_panel(small(), UNIT)
    np.testing.assert_array_equal(panel.lagged(panel.numbers("value"), 1), [np.nan, 1, np.nan, np.nan, 8])
    np.testing.assert_array_equal(
        panel.lagged(panel.numbers("value"), 2), [np.nan, np.nan, 2, np.nan, np.nan]
    )
    shuffled = make_panel(small().iloc[[4, 2, 0, 3, 1]], UNIT)
    np.testing.assert_array_equal(
        shuffled.lagged(shuffled.numbers("value"), 1), [8, np.nan, np.nan, np.nan, 1]
    )


def test_missing_years_and_gaps_are_counted():
    panel = make_panel(small(), UNIT)
    assert panel.missing_years == []
    assert panel.units_with_gaps == 1
    without = make_panel(small()[small()["year"] != 2010], UNIT)
    assert without.missing_years == [2010]
    # A year that no unit has is the panel's gap and not the unit's.
    assert without.units_with_gaps == 0


def test_required_years_are_named():
    panel = make_panel(small()[small()["year"] != 2010], UNIT)
    with pytest.raises(DataError, match=r"no row of 2010 \(reference year\); it has 2008-2011 without 2010"):
        panel.require_years([2010], "reference year")


def test_values_that_change_within_a_unit_are_found():
    panel = make_panel(small(), UNIT)
    assert panel.changing(np.array([1.0, 1, 1, 2, 2])).tolist() == [False] * 5
    assert panel.changing(np.array([1.0, 1, 3, 2, 2])).tolist() == [True, True, True, False, False]
    assert panel.changing(np.array([np.nan, np.nan, np.nan, 2, 2])).tolist() == [False] * 5
