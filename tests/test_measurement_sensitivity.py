"""Sensitivities: their formula, their scale, and what is refused."""

import numpy as np
import pytest
import xarray as xr

from empirics.sensitivity import (
    PPML_DIVISOR,
    complementarity,
    import_sensitivity,
    price_sensitivity,
    read_by_country,
    sensitivity,
)
from framework.errors import DataError

ELEMENTS = ["La", "Ce", "Nd", "Pr", "Dy"]


@pytest.fixture
def requirements() -> xr.DataArray:
    values = [[6.93e-3, 0, 0, 0, 0], [0, 0, 4.06e-3, 0.18e-3, 1.66e-3]]
    return xr.DataArray(values, {"sector": ["3691", "3499"], "element": ELEMENTS}, ("sector", "element"))


def by_element(values, **dims) -> xr.DataArray:
    return xr.DataArray(values, {"element": ELEMENTS, **dims}, ("element", *dims))


def test_sensitivity_weights_requirements_in_thousandths_by_the_index_from_zero_to_one(requirements):
    found = sensitivity(requirements, by_element([75.0, 60.0, 41.0, 41.0, 100.0]))
    np.testing.assert_allclose(found, [6.93 * 0.75, (4.06 + 0.18) * 0.41 + 1.66])
    assert "0.001 USD per USD times index of complementarity" in found.attrs["scale"]
    assert found.attrs["ppml_divisor"] == PPML_DIVISOR == 100.0


def test_shipped_index_is_flagged_and_is_the_default(requirements):
    index = complementarity()
    assert "not checked" in index.attrs["unverified_complementarity"]
    assert set(ELEMENTS) <= set(index["element"].values)
    found = sensitivity(requirements)
    xr.testing.assert_identical(found, sensitivity(requirements, index))
    assert "unverified_complementarity" in found.attrs


def test_variants_by_country(requirements):
    spike = by_element(np.outer([10.0, 20.0, 5.0, 5.0, 30.0], [1.0, 0.5]), country=["JPN", "USA"])
    found = price_sensitivity(requirements, spike)
    assert found.dims == ("sector", "country")
    assert float(found.sel(sector="3691", country="USA")) == pytest.approx(6.93 * 5.0)
    share = by_element([0.9, 0.8, 1.0, 1.0, 0.5])
    assert float(import_sensitivity(requirements, share).sel(sector="3499")) == pytest.approx(
        4.06 + 0.18 + 0.83
    )


def test_weights_outside_their_range_or_missing_are_named(requirements):
    with pytest.raises(
        DataError, match=r"index of complementarity, 0-1 of Ce is 1.2; it must be between 0 and 1"
    ):
        sensitivity(requirements, by_element([75.0, 120.0, 41.0, 41.0, 100.0]))
    with pytest.raises(DataError, match=r"share of imports from China, 0-1 of Dy is -0.1"):
        import_sensitivity(requirements, by_element([0.9, 0.8, 1.0, 1.0, -0.1]))
    with pytest.raises(DataError, match="price spike, new over old of Nd is nan"):
        price_sensitivity(requirements, by_element([1.0, 1.0, np.nan, 1.0, 1.0]))
    with pytest.raises(DataError, match="element 'Dy' is required but has no price spike"):
        price_sensitivity(requirements, by_element([1.0] * 5).drop_sel(element="Dy"))


def test_values_by_country_are_read_as_a_table(tmp_path):
    path = tmp_path / "spikes.csv"
    path.write_text("element,country,spike\nLa,USA,10\nCe,USA,12\nLa,JPN,9\nCe,JPN,11\n")
    found = read_by_country(path, "spike")
    assert float(found.sel(element="Ce", country="JPN")) == 11.0
    assert found.dims == ("element", "country")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("element,country,spikes\nLa,USA,1\n", "no column 'spike'. Did you mean 'spikes'"),
        ("element,country,spike\nLa,USA,1\nLa,USA,2\n", "'La', country 'USA' more than once"),
        ("element,country,spike\nLa,USA,high\n", "'spike' of element 'La', country 'USA' is 'high'"),
        ("element,country,spike\nLa,USA,\n", "country 'USA' is '', which is not a number"),
        ("element,country,spike\nLa,USA,1\nCe,JPN,2\n", "no row for element"),
    ],
)
def test_bad_tables_by_country_are_named(tmp_path, text, message):
    path = tmp_path / "spikes.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_by_country(path, "spike")
    with pytest.raises(DataError, match="cannot be read as CSV"):
        read_by_country(tmp_path / "none.csv", "spike")
