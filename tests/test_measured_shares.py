"""Rare-earth shares of value added from the extended table of 2012."""

import numpy as np
import pytest
import xarray as xr

from calibration import Parameters, sector_concordance
from empirics.measured_shares import measured_ree_shares, price_choice_covariance
from empirics.measurement import load_measurement, read_accounts
from empirics.sectors import sectors_of_naics
from framework.errors import DataError


def test_shares_are_direct_costs_over_value_added(official_data):
    measurement, accounts = load_measurement(), read_accounts(official_data)
    found = measured_ree_shares(measurement, accounts).set_index(coefficient="sector")
    added = accounts["value_added"].sum("component").to_series()
    cost = measurement.ree_use.sum("element").to_series()

    def share(user: str, industries: list[str]) -> float:
        return cost[user] / added[industries].sum()

    def starting(*digits: str) -> list[str]:
        return [i for i in added.index if i.startswith(digits)]

    metals = [i for i in starting("331", "332") if i != "33299A"]
    cars = [i for i in starting("336") if i != "336992"]
    assert float(found.estimate.sel(coefficient="Basic metals and fabricated metal")) == pytest.approx(
        share("332999-magnets", metals)
    )
    assert float(found.estimate.sel(coefficient="Transport equipment")) == pytest.approx(
        share("336390", cars)
    )
    petroleum = share("324110", starting("21", "324"))
    assert float(found.estimate.sel(coefficient="Mining, petroleum and coal products")) == pytest.approx(
        petroleum
    )
    assert float(found.estimate.sel(coefficient="Textiles and textile products")) == 0.0
    Parameters.from_estimates(measured_ree_shares(measurement, accounts))


def test_elements_make_sectors_err_together(official_data):
    found = measured_ree_shares(load_measurement(), read_accounts(official_data))
    order = list(found["sector"].values)
    cars, oil = order.index("Transport equipment"), order.index("Mining, petroleum and coal products")
    covariance = found.covariance.values
    assert covariance[cars, oil] > 0  # both use cerium
    assert np.linalg.eigvalsh(covariance)[0] > -1e-12 * covariance.max()


def test_spread_of_price_choices():
    prices = xr.DataArray(
        [[1.0, 2.0], [2.0, 2.0], [4.0, 8.0]],
        {"price_choice": ["a", "b", "c"], "element": ["La", "Nd"]},
        ("price_choice", "element"),
    )
    found = price_choice_covariance(prices, ("a", "b"))
    np.testing.assert_allclose(found, [[np.log(2) ** 2 / 2, 0], [0, 0]])
    with pytest.raises(DataError, match="unknown choice of prices 'd'"):
        price_choice_covariance(prices, ("a", "d"))
    with pytest.raises(DataError, match="needs two choices"):
        price_choice_covariance(prices, ("a",))


def test_sectors_of_naics_have_the_names_of_the_model():
    codes = ["211000", "333314", "333611", "336992", "511110", "511200", "1111A0", "33299A"]
    assert sectors_of_naics(codes).to_dict() == {
        "211000": "Mining, petroleum and coal products",
        "333314": "Computer and electronic products",
        "333611": "Machinery",
        "336992": "Machinery",
        "511110": "Wood and paper products",
        "33299A": "Machinery",
    }
    assert set(sectors_of_naics(load_measurement()["bea"].values)) <= set(sector_concordance().values())
