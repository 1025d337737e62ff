"""Builders of controls against numbers worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from empirics.did import make_panel
from empirics.did.controls import Control, importer_demand
from framework.errors import DataError

READ = TypeAdapter(Control)


def panel(**columns):
    frame = pd.DataFrame(
        {"region": ["A"] * 3 + ["B"] * 3, "industry": ["1"] * 6, "year": [2008, 2009, 2010] * 2, **columns}
    )
    return make_panel(frame, ("region", "industry"))


def built(content, on, post=2010):
    return READ.validate_python(content).values(on, post)


def test_a_column_as_it_is():
    np.testing.assert_array_equal(built("x", panel(x=range(6))), range(6))


def test_log_is_undefined_at_zero_and_refused_below():
    on = panel(x=[1, np.e, 0, 1, 1, np.nan])
    np.testing.assert_allclose(built({"build": "log", "of": "x"}, on), [0, 1, np.nan, 0, 0, np.nan])
    np.testing.assert_allclose(built({"build": "log", "of": "x", "plus_one": True}, on)[2], 0)
    with pytest.raises(DataError, match=r"'x' is negative in \(A, 1, 2010\)"):
        built({"build": "log", "of": "x"}, panel(x=[1, 1, -1, 1, 1, 1]))


def test_characteristic_times_post():
    on = panel(x=[2, 2, 2, 5, 5, 5])
    np.testing.assert_array_equal(built({"build": "times_post", "of": "x"}, on), [0, 0, 2, 0, 0, 5])


def test_a_characteristic_is_fixed_in_base_years():
    on = panel(x=[2.0, 4, 9, 5, np.nan, 7])
    np.testing.assert_array_equal(
        built({"build": "times_post", "of": "x", "base": [2008, 2009]}, on), [0, 0, 3, 0, 0, 5]
    )
    at_2009 = built({"build": "times_post", "of": "x", "base": 2009}, on)
    np.testing.assert_array_equal(at_2009, [0, 0, 4, np.nan, np.nan, np.nan])
    with pytest.raises(DataError, match=r"'x' changes over the years.*\(A, 1, 2008\).*'base'"):
        built({"build": "times_post", "of": "x"}, on)
    with pytest.raises(DataError, match=r"no row of 2001 \(base of the control 'x_post'\)"):
        built({"build": "times_post", "of": "x", "base": 2001}, on)
    with pytest.raises(DataError, match="needs 'post'"):
        built({"build": "times_post", "of": "x"}, on, post=None)


def test_lags_and_growth():
    on = panel(x=[1.0, 2, 6, 4, 4, 0])
    np.testing.assert_array_equal(built({"build": "lag", "of": "x"}, on), [np.nan, 1, 2, np.nan, 4, 4])
    log = built({"build": "growth", "of": "x"}, on)
    np.testing.assert_allclose(log, [np.nan, np.log(2), np.log(3), np.nan, 0, np.nan])
    midpoint = built({"build": "growth", "of": "x", "kind": "midpoint"}, on)
    np.testing.assert_allclose(midpoint, [np.nan, 1 / 1.5, 4 / 4, np.nan, 0, -4 / 2])
    late = built({"build": "growth", "of": "x", "lag": 1}, on)
    np.testing.assert_allclose(late, [np.nan, np.nan, np.log(2), np.nan, np.nan, 0])


def test_importer_demand_by_hand(tmp_path):
    years = [2005, 2006, 2007, 2008, 2009, 2010]
    gdp = pd.DataFrame(
        [(j, y, g0 * (1 + r) ** (y - 2005)) for j, g0, r in (("U", 9.0, 0.1), ("V", 4.0, 0.3), ("W", 1.0, 0.9)) for y in years],
        columns=["importer", "year", "real_gdp"],
    )  # fmt: skip
    # W is the third importer of A's exports and drops out of the top two; trade of 2009 is after the base.
    exports = pd.DataFrame(
        [("A", "1", "U", 2005, 1.0), ("A", "1", "U", 2006, 2.0), ("A", "1", "V", 2005, 1.0), ("A", "1", "W", 2005, 0.5),
         ("A", "1", "W", 2009, 99.0), ("B", "1", "W", 2006, 5.0)],
        columns=["region", "industry", "importer", "year", "exports"],
    )  # fmt: skip
    gdp.to_csv(tmp_path / "gdp.csv", index=False)
    exports.to_parquet(tmp_path / "exports.parquet")
    content = {
        "build": "importer_demand", "exports": tmp_path / "exports.parquet", "gdp": tmp_path / "gdp.csv",
        "top": 2, "base": [2005, 2006],
    }  # fmt: skip
    growth = 0.75 * np.log(1.1) + 0.25 * np.log(1.3)
    np.testing.assert_allclose(built(content, panel()), [growth] * 3 + [np.log(1.9)] * 3, rtol=1e-12)
    late = built({**content, "lag": 4}, panel())
    np.testing.assert_allclose(late, [np.nan, np.nan, growth, np.nan, np.nan, np.log(1.9)], rtol=1e-12)


def test_a_unit_without_the_gdp_of_a_top_importer_is_undefined():
    flows = pd.DataFrame({"region": ["A", "A", "B"], "importer": ["U", "V", "U"], "value": [1.0, 1.0, 1.0]})
    gdp = pd.DataFrame({"importer": ["U", "U"], "year": [2008, 2010], "gdp": [1.0, np.e]})
    found = importer_demand(flows, gdp, ("region",), "importer", "year", 10)
    assert found.columns.tolist() == [2008, 2009, 2010]
    assert found.loc["A"].isna().all()
    np.testing.assert_allclose(found.loc["B"], [0, np.nan, 1])
    with pytest.raises(DataError, match="zero or negative"):
        importer_demand(flows, gdp.assign(gdp=[0.0, 1.0]), ("region",), "importer", "year", 10)
