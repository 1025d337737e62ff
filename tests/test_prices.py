"""Prices of rare earths: reading, indices, spikes, baskets, episodes and quotas."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from empirics.figures_prices import BASKETS, basket_figure, price_figure
from empirics.measurement import load_measurement
from empirics.prices import (
    LIST_PRICES,
    annual_index,
    base_price,
    episodes,
    export_quotas,
    price_index,
    read_prices,
    sector_index,
    spike_factors,
)
from empirics.tables_prices import basket_table, spike_table
from framework.errors import DataError

HEADER = "element,first_day,last_day,usd_per_kg\n"


def own(tmp_path, rows: str, header: str = HEADER) -> pd.DataFrame:
    path = tmp_path / "prices.csv"
    path.write_text(header + rows)
    return read_prices(path)


def test_shipped_prices_have_every_element_before_and_in_the_spike():
    prices = read_prices()
    assert set(prices.element) == {"La", "Ce", "Nd", "Pr", "Dy"}
    assert prices.usd_per_kg.between(1.0, 3000.0).all()
    assert prices.source.str.len().gt(0).all()


def test_spikes_are_of_the_order_that_the_slides_report():
    spikes = spike_factors(read_prices())
    assert spikes.factor.between(10, 45).all()
    assert spikes.day.between("2011-01-01", "2011-12-31").all()
    assert spikes.factor["Ce"] == pytest.approx(138.0 / 3.88)
    assert spikes.factor["Dy"] == pytest.approx(2300.0 / 115.67)


def test_list_prices_enter_no_index():
    prices = read_prices()
    assert (prices.series == LIST_PRICES).any()
    assert not (price_index(prices).series == LIST_PRICES).any()
    without = prices[prices.series != LIST_PRICES]
    pd.testing.assert_frame_equal(annual_index(prices), annual_index(without))


def test_index_is_one_in_the_base_period(tmp_path):
    prices = own(
        tmp_path, "La,2009-01-01,2009-12-31,5\nLa,2011-05-01,2011-05-01,100\nLa,2009-03-01,2009-03-31,9\n"
    )
    index = price_index(prices)
    assert list(index["index"]) == [1.8, 1.0, 20.0]
    assert base_price(prices, ("2009-03-01", "2009-04-30"))["La"] == 9.0


def test_one_column_of_dates_will_do(tmp_path):
    prices = own(tmp_path, "La,2011-05-01,100\n", "element,date,usd_per_kg\n")
    assert prices.first_day[0] == prices.last_day[0] == pd.Timestamp("2011-05-01")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("La,2009-01-01,2009-12-31,-5\n", r"row 1 \(element 'La'\): usd_per_kg '-5' is not a positive price"),
        ("La,2009-01-01,2009-12-31,high\n", "usd_per_kg 'high' is not a positive price"),
        ("La,2009-13-01,2009-12-31,5\n", "first_day '2009-13-01' is not an ISO date"),
        ("La,2009-12-01,2009-01-01,5\n", "is before first_day"),
        ("La,2009-01-01,2009-12-31,5\nLa,2009-01-01,2009-12-31,6\n", r"row 2 .* is there twice"),
    ],
)
def test_bad_prices_name_the_row(tmp_path, rows, message):
    with pytest.raises(DataError, match=message):
        own(tmp_path, rows)


def test_files_that_lack_a_column_or_cannot_be_read_are_named(tmp_path):
    with pytest.raises(DataError, match=r"no column 'usd_per_kg'. Did you mean 'usd_kg'"):
        own(tmp_path, "La,2009-01-01,2009-12-31,5\n", "element,first_day,last_day,usd_kg\n")
    with pytest.raises(DataError, match="cannot be read as CSV"):
        read_prices(tmp_path / "none.csv")


def test_an_element_without_a_price_in_a_period_is_named(tmp_path):
    prices = own(tmp_path, "La,2009-01-01,2009-12-31,5\nNd,2011-01-01,2011-12-31,270\n")
    with pytest.raises(DataError, match="'Nd' has no price between 2009-01-01 and 2009-12-31"):
        base_price(prices)
    with pytest.raises(DataError, match="'La' has no price between 2010-07-01"):
        spike_factors(prices[prices.element == "La"])
    with pytest.raises(DataError, match="base year 2009 has no annual price of every element"):
        annual_index(prices)


@pytest.fixture
def annual() -> pd.DataFrame:
    return pd.DataFrame(
        {"La": [1.0, 20.0, 5.0, 2.0], "Nd": [1.0, 10.0, 4.0, np.nan]},
        index=pd.Index([2009, 2011, 2012, 2016], name="year"),
    )


def requirements(*rows: list[float]) -> xr.DataArray:
    return xr.DataArray(
        list(rows),
        {"sector": [f"s{k}" for k in range(len(rows))], "element": ["La", "Nd"]},
        ("sector", "element"),
    )


def test_baskets_hold_quantities_fixed(annual):
    found = sector_index(annual, requirements([5e-3, 4e-3], [1e-3, 0.0]))
    # Spending of 5 on La and 4 on Nd at 2012 prices is one unit of each at the prices of 2009.
    np.testing.assert_allclose(found["s0"][:3], [1.0, 15.0, 4.5])
    np.testing.assert_allclose(found["s1"], annual["La"])
    assert np.isnan(found.at[2016, "s0"])


def test_a_basket_does_not_depend_on_its_size(annual):
    small, large = (sector_index(annual, requirements([x * 5e-3, x * 4e-3])) for x in (1.0, 7.0))
    pd.testing.assert_frame_equal(small, large)


def test_baskets_without_prices_or_elements_are_refused(annual):
    with pytest.raises(DataError, match="sector 's1' requires no element"):
        sector_index(annual, requirements([5e-3, 4e-3], [0.0, 0.0]))
    with pytest.raises(DataError, match="element 'Nd' has no annual price in 2016"):
        sector_index(annual, requirements([5e-3, 4e-3]), price_year=2016)


def test_episodes_are_those_of_the_slides_in_order():
    table = episodes()
    assert list(table.code) == ["A", "B", "C", "D", "E"]
    assert [f"{d:%Y-%m}" for d in table.date] == ["2010-07", "2010-09", "2011-01", "2011-05", "2015-01"]
    assert table.date.is_monotonic_increasing


def test_quota_of_the_second_half_of_2010_was_cut_by_72_percent():
    quotas = export_quotas().set_index("year")
    assert 1 - quotas.second_half[2010] / quotas.second_half[2009] == pytest.approx(0.72, abs=0.005)
    assert (quotas.total == quotas.first_half + quotas.second_half).all()
    assert quotas.total[[2009, 2010]].tolist() == [50145, 30258]
    assert quotas.total[2015] == 0


def test_tables_and_figures_are_made_of_the_shipped_results():
    prices, measurement = read_prices(), load_measurement()
    spikes = spike_table(prices)
    assert "10 to 45" in " ".join(spikes.text().split())
    baskets = basket_table(prices, measurement["total_requirements"]).frame
    assert baskets.shape[0] == measurement.sizes["sector"]
    np.testing.assert_allclose(baskets["2009"], 1.0)
    axes = price_figure(prices).figure.axes
    assert {text.get_text() for text in axes[0].texts} == {"A", "B", "C", "D", "E"}
    lines = basket_figure(prices, measurement).figure.axes[0].get_lines()
    assert [line.get_label()[:4] for line in lines][: len(BASKETS)] == list(BASKETS)
