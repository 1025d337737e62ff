"""Midpoint growth and differences to a reference region, on panels made up here."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from empirics.growth import difference_to, midpoint_growth, midpoint_of_log_change
from empirics.observations import observations
from framework.errors import DataError

POSITIVE = st.floats(1e-6, 1e9)


def panel(values, years=None, **labels):
    years = range(2000, 2000 + len(values)) if years is None else years
    return pd.DataFrame({"sector": "a", **labels, "year": list(years), "x": values})


def test_rates_are_changes_over_means():
    rates = midpoint_growth(panel([1.0, 3.0, 2.0]), "x", ["sector"]).table
    assert rates["growth"].tolist() == [1.0, -0.4]
    assert rates["previous_year"].tolist() == [2000, 2001]


@settings(max_examples=30)
@given(POSITIVE, POSITIVE)
def test_rates_are_antisymmetric_free_of_units_and_twice_tanh_of_half_the_log_change(x, y):
    forth, back, scaled = (
        midpoint_growth(panel(v), "x", ["sector"]).table["growth"][0]
        for v in ([x, y], [y, x], [x * 1e3, y * 1e3])
    )
    assert forth == pytest.approx(-back, abs=1e-14)
    assert forth == pytest.approx(scaled, abs=1e-12)
    assert forth == pytest.approx(midpoint_of_log_change(np.log(y) - np.log(x)), abs=1e-9)
    assert -2 <= forth <= 2


def test_entry_and_exit_are_two_and_nothing_to_nothing_is_listed():
    result = midpoint_growth(panel([0.0, 0.0, 5.0, 0.0]), "x", ["sector"])
    assert result.table["growth"].tolist() == [2.0, -2.0]
    assert result.excluded.to_dict("records") == [
        {"sector": "a", "year": 2001, "reason": "zero now and before"}
    ]


def test_the_mean_of_huge_values_does_not_overflow():
    assert midpoint_growth(panel([1.5e308, 1.5e308]), "x", ["sector"]).table["growth"].tolist() == [0.0]


def test_gaps_follow_the_declared_rule():
    gappy = panel([1.0, 3.0, 3.0], years=[2000, 2004, 2005])
    assert midpoint_growth(gappy, "x", ["sector"]).table["growth"].tolist() == [0.25, 0.0]
    left_out = midpoint_growth(gappy, "x", ["sector"], gap="exclude")
    assert left_out.table["year"].tolist() == [2005]
    assert left_out.excluded["reason"].tolist() == ["previous observation is of 2000"]
    with pytest.raises(
        DataError, match=r"sector 'a' has no observation between 2000 and 2004; .*gap='annualise'"
    ):
        midpoint_growth(gappy, "x", ["sector"], gap="error")
    with pytest.raises(DataError, match=r"gap='annualize' is not known\. Did you mean 'annualise'"):
        midpoint_growth(gappy, "x", ["sector"], gap="annualize")  # pyright: ignore[reportArgumentType]


def test_rates_do_not_reach_across_units_and_a_single_observation_is_listed():
    two = pd.concat([panel([1.0, 2.0]), panel([7.0, 7.0], sector="b"), panel([9.0], sector="c")])
    result = midpoint_growth(two.sample(frac=1, random_state=1), "x", ["sector"])
    assert result.table[["sector", "growth"]].values.tolist() == [["a", 2 / 3], ["b", 0.0]]
    assert result.excluded["sector"].tolist() == ["c"]
    assert result.excluded["reason"].tolist() == ["only observation of its unit"]


def test_missing_values_are_an_error_or_listed_and_leave_a_gap():
    holes = panel([1.0, np.nan, 3.0])
    with pytest.raises(DataError, match=r"'x' is missing for sector 'a', year '2001' \(1 such"):
        midpoint_growth(holes, "x", ["sector"])
    result = midpoint_growth(holes, "x", ["sector"], missing="exclude")
    assert result.table["growth"].tolist() == [0.5]
    assert result.excluded["reason"].tolist() == ["x missing"]


def test_datasets_give_what_tables_give():
    cube = xr.Dataset(
        {"x": (("sector", "year"), [[1.0, 3.0, 2.0], [np.nan, 4.0, 4.0]])},
        coords={"sector": ["a", "b"], "year": [2000, 2001, 2002]},
    )
    rates = midpoint_growth(cube, "x", ["sector"]).table
    assert rates[["sector", "year", "growth"]].values.tolist() == [
        ["a", 2001, 1.0],
        ["a", 2002, -0.4],
        ["b", 2002, 0.0],
    ]
    with pytest.raises(DataError, match="dims sector, year, but unit= and year= name region, year"):
        midpoint_growth(cube, "x", ["region"])
    with pytest.raises(DataError, match="the dataset has no column 'y'"):
        midpoint_growth(cube, "y", ["sector"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.assign(x=[1.0, -2.0, 1.0]), r"'x' of sector 'a', year '2001' is -2"),
        (
            lambda p: p.assign(x=["1", "2", "n.a."]),
            r"'x' of sector 'a', year '2002' is 'n.a.', which is not a number",
        ),
        (lambda p: p.assign(x=[1.0, np.inf, 1.0]), r"year '2001' is 'inf', which is not finite"),
        (lambda p: p.assign(year=[2000, 2001, 2001]), r"sector 'a', year '2001' more than once"),
        (
            lambda p: p.assign(year=[2000, 2001.5, 2002]),
            r"'year' is '2001.5' in row 2, which is no calendar year",
        ),
        (lambda p: p.assign(year=["2000", "soon", "2002"]), r"'year' is 'soon' in row 2"),
        (lambda p: p.assign(sector=["a", None, "a"]), r"row 2 of the panel has no 'sector'"),
        (lambda p: p.rename(columns={"x": "xx"}), r"the panel has no column 'x'"),
        (lambda p: p.rename(columns={"sector": "sectors"}), r"no column 'sector'. Did you mean 'sectors'"),
        (lambda p: p.iloc[:0], r"the panel has no observation with a value of x"),
    ],
)
def test_bad_panels_are_refused_by_name(change, message):
    with pytest.raises(DataError, match=message):
        midpoint_growth(change(panel([1.0, 2.0, 3.0])), "x", ["sector"])


def test_the_given_panel_is_left_as_it_was():
    given_panel = panel(["1", "2", "3"], years=[2002, 2001, 2000])
    before = given_panel.copy()
    assert observations(given_panel, ["x"], ["sector"]).table["x"].tolist() == [3.0, 2.0, 1.0]
    pd.testing.assert_frame_equal(given_panel, before)


def rates():
    return pd.DataFrame(
        {
            "region": ["CHN", "CHN", "USA", "USA", "JPN"],
            "sector": ["a", "b", "a", "c", "b"],
            "year": 2010,
            "growth": [0.1, 0.3, 0.4, 0.5, 0.1],
        }
    )


def test_differences_are_to_the_same_sector_and_year_in_china():
    result = difference_to(rates(), "growth")
    assert result.table[["region", "sector"]].values.tolist() == [["USA", "a"], ["JPN", "b"]]
    assert result.table["difference"].tolist() == pytest.approx([0.3, -0.2])
    assert result.excluded.to_dict("records") == [
        {"region": "USA", "sector": "c", "year": 2010, "reason": "not observed in region CHN"}
    ]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda t: t, {"reference": "CHI"}, "no row has region 'CHI'. Did you mean 'CHN'"),
        (lambda t: t, {"dim": "regions"}, "no column 'regions'. Did you mean 'region'"),
        (lambda t: pd.concat([t, t.iloc[:1]]), {}, "region 'CHN' has sector 'a', year '2010' more than once"),
        (
            lambda t: t.assign(growth=[0.1, np.nan, 0, 0, 0]),
            {},
            "'growth' is missing for region 'CHN', sector 'b'",
        ),
    ],
)
def test_bad_references_are_refused_by_name(change, options, message):
    with pytest.raises(DataError, match=message):
        difference_to(change(rates()), "growth", **options)
