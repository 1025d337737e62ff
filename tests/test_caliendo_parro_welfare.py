"""Welfare accounting and bloc trade of the Caliendo-Parro model."""

import pickle
from functools import cache

import armington_economy
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from calibration.synthetic import synthetic_caliendo_parro
from framework import DataError, Solution, compile_model, hat, solve
from models import caliendo_parro
from models.caliendo_parro import bloc_trade, welfare_decomposition


@cache
def system():
    return compile_model(hat(caliendo_parro()))


@cache
def economy() -> xr.Dataset:
    return synthetic_caliendo_parro(4, 3, seed=1)


def shocks(size: float, names: tuple[str, ...]) -> dict[str, xr.DataArray]:
    """Uneven shocks of a size; tariffs rise and fall."""
    data, rng = economy(), np.random.default_rng(0)
    abroad = data.tariff.importer != data.tariff.exporter
    pair = data.tariff.copy(data=rng.uniform(-0.1, 1, data.tariff.shape)).where(abroad, 0.0)
    cell = data.gross_output.copy(data=rng.uniform(-1, 1, data.gross_output.shape))
    made = {
        "tariff": data.tariff + size * pair,
        "trade_cost": 1 + size * pair,
        "technology": 1 + size * cell,
        "labour": 1 + size * cell.isel(sector=0, drop=True),
        "deficit": data.deficit * (1 - 5 * size),
    }
    return {name: made[name] for name in names}


def solved(size: float, *names: str) -> Solution:
    return solve(system().bind(economy(), shocks(size, names)))


ALL = ("tariff", "trade_cost", "technology", "labour", "deficit")


@pytest.mark.parametrize(
    "names", [("tariff",), ("trade_cost",), ("technology",), ("labour",), ("deficit",), ALL]
)
def test_terms_add_up_to_first_order(names):
    gaps, changes = [], []
    for size in (0.02, 0.002):
        found = welfare_decomposition(solved(size, *names))
        gaps.append(float(abs(found.remainder).max()))
        changes.append(float(abs(found.real_consumption).max()))
    assert gaps[0] < 0.1 * changes[0]
    assert 70 < gaps[0] / gaps[1] < 140  # quadratic: a tenth of the shock leaves a hundredth


def test_tariffs_alone_work_through_terms_and_volume_of_trade():
    found = welfare_decomposition(solved(0.02, "tariff"))
    for key in ("trade_cost", "technology", "labour", "deficit"):
        assert (found[key] == 0).all(), key
    assert_allclose(np.exp(found.real_consumption), solved(0.02, "tariff")["real_consumption"], rtol=1e-14)
    trade = found.terms_of_trade + found.volume_of_trade
    assert_allclose(trade.sum(["partner", "sector"]) + found.remainder, found.real_consumption, atol=1e-15)


def test_what_one_side_gains_in_its_terms_of_trade_the_other_loses():
    found = welfare_decomposition(solved(0.02, "tariff"))
    value = found.terms_of_trade * economy().final_expenditure
    assert_allclose(
        value, -value.rename(region="partner", partner="region").transpose(*value.dims), atol=1e-6
    )
    assert abs(value).max() > 100


def test_terms_of_trade_are_those_of_flows_and_unit_costs():
    """One cell by hand, from the data and the outcomes."""
    data, at = economy(), solved(0.02, "tariff")
    flow = data.expenditure_share * data.expenditure.rename(region="importer") / (1 + data.tariff)
    sold = flow.sel(importer="USA", exporter="CHN", sector="S001")
    bought = flow.sel(importer="CHN", exporter="USA", sector="S001")
    cost = np.log(at["unit_cost"].sel(sector="S001"))
    expected = (sold * cost.sel(region="CHN") - bought * cost.sel(region="USA")) / data.final_expenditure.sel(
        region="CHN"
    )
    found = welfare_decomposition(at).terms_of_trade.sel(region="CHN", partner="USA", sector="S001")
    assert float(found) == pytest.approx(float(expected), rel=1e-12)
    rate = data.tariff.sel(importer="CHN", exporter="USA", sector="S001")
    after = 1 + shocks(0.02, ("tariff",))["tariff"].sel(importer="CHN", exporter="USA", sector="S001")
    change = (
        at["expenditure_share"].sel(importer="CHN", exporter="USA", sector="S001")
        * at["expenditure"].sel(region="CHN", sector="S001")
        * (1 + rate) / after
    )  # fmt: skip
    volume = (
        rate * bought * (np.log(change) - cost.sel(region="USA")) / data.final_expenditure.sel(region="CHN")
    )
    found = welfare_decomposition(at).volume_of_trade.sel(region="CHN", partner="USA", sector="S001")
    assert float(found) == pytest.approx(float(volume), rel=1e-12)


def test_bloc_trade_is_that_of_its_flows():
    data, at = economy(), solved(0.02, "tariff")
    bloc = ["USA", "R003"]
    found = bloc_trade(at, bloc)
    flow = data.expenditure_share * data.expenditure.rename(region="importer") / (1 + data.tariff)
    spent = (
        at["expenditure_share"]
        * data.expenditure_share
        * (at["expenditure"] * data.expenditure).rename(region="importer")
    )
    new = spent / (1 + shocks(0.02, ("tariff",))["tariff"])
    pairs = [("USA", "R003"), ("R003", "USA")]
    before, after = (sum(float(f.sel(importer=a, exporter=b).sum()) for a, b in pairs) for f in (flow, new))
    assert float(found.intra_bloc_trade) == pytest.approx(after / before, rel=1e-12)
    rest = [r for r in data.region.values if r not in bloc]
    outside = new.sel(importer="USA", exporter=rest).sum("exporter") / flow.sel(
        importer="USA", exporter=rest
    ).sum("exporter")
    assert_allclose(found.change.sel(region="USA", origin="rest"), outside, rtol=1e-12)
    assert_allclose(found.imports.sum() / found.imports_baseline.sum(), sum(
        float(new.sel(importer=r).sum() - new.sel(importer=r, exporter=r).sum()) for r in bloc) / sum(
        float(flow.sel(importer=r).sum() - flow.sel(importer=r, exporter=r).sum()) for r in bloc), rtol=1e-12)  # fmt: skip


def test_a_sector_without_trade_has_no_change():
    data = economy().copy(deep=True)
    share = data.expenditure_share.copy(deep=True)
    share.loc[{"sector": "S003"}] = np.eye(4)
    from calibration import baseline_from_shares

    world = float((data.value_added_share * data.gross_output).sum())
    data = baseline_from_shares(data.assign(expenditure_share=share), world)
    found = bloc_trade(solve(system().bind(data, {"tariff": 0.5 * data.tariff})), ["CHN", "USA"])
    assert (found.change.sel(sector="S003") == 1).all()
    assert (found.imports.sel(sector="S003") == 0).all()


def test_faults_are_named():
    at = solved(0.02, "tariff")
    with pytest.raises(
        DataError, match=r"bloc is 'USA'; give a list of two regions or more, for instance \['CHN', 'USA'\]"
    ):
        bloc_trade(at, "USA")
    with pytest.raises(DataError, match=r"bloc: 'US' is not a region. Did you mean 'USA'\?"):
        bloc_trade(at, ["CHN", "US"])
    with pytest.raises(DataError, match="a region is given twice"):
        bloc_trade(at, ["CHN", "CHN"])
    with pytest.raises(DataError, match="has no compiled problem"):
        welfare_decomposition(pickle.loads(pickle.dumps(at)))
    other = solve(armington_economy.systems()[1].bind(armington_economy.baseline(0)))
    with pytest.raises(DataError, match="of model 'armington'; give one of 'caliendo-parro' in hats"):
        welfare_decomposition(other)
