"""Synthetic economies: consistent, labelled as such, the same for the same seed, and of any size."""

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from calibration.synthetic import SYNTHETIC
from framework import DataError, compile_model, hat
from framework.testing import assert_replicates, assert_walras
from models import MODELS


@pytest.mark.parametrize("model", SYNTHETIC)
@pytest.mark.parametrize(("regions", "sectors"), [(2, 1), (5, 14), (31, 7)])
def test_accounts_balance_to_rounding(model, regions, sectors):
    data = SYNTHETIC[model](regions, sectors, seed=3)
    sold = (data.expenditure_share / (1 + data.tariff) * data.expenditure.rename(region="importer")).sum(
        "importer"
    )
    made = data.gross_output.rename(region="exporter")
    assert_allclose(sold.transpose(*made.dims), made, rtol=1e-12)
    assert_allclose(data.expenditure_share.sum("exporter"), 1, rtol=1e-13)
    assert abs(data.deficit.sum()) < 1e-10 * data.final_expenditure.sum()
    assert_replicates(compile_model(hat(MODELS[model]())), data, tolerance=1e-11)


@pytest.mark.parametrize("model", SYNTHETIC)
def test_all_wedges_are_on_and_budgets_add_up(model):
    data = SYNTHETIC[model](6, 5)
    assert (data.deficit != 0).all()
    assert (data.tariff > 0).any()
    assert (data.tariff.where(data.importer == data.exporter, 0) == 0).all()
    assert data.trade_elasticity.std() > 0.5
    shocks = {"tariff": data.tariff * 1.5, **({"export_tax": 0.1} if "export_tax" in data else {})}
    assert_walras(compile_model(hat(MODELS[model]())).bind(data, shocks), tolerance=1e-12)


def test_trade_looks_like_trade():
    data = SYNTHETIC["caliendo-parro"](40, 20)
    own = xr.where(data.importer == data.exporter, data.expenditure_share, 0).sum("exporter")
    assert 0.4 < float(own.median()) < 0.9  # home bias
    foreign = data.expenditure_share.where(data.importer != data.exporter).mean("sector")
    size = data.gross_output.sum("sector").rename(region="exporter")
    bought = np.log(foreign).mean("importer")
    assert np.corrcoef(bought.values, np.log(size.values))[0, 1] > 0.7  # large exporters sell more
    assert np.log(size).std() > 0.8


def test_the_seed_decides_and_the_data_say_that_they_are_synthetic():
    one, again, other = (SYNTHETIC["caliendo-parro"](3, 2, seed=s) for s in (1, 1, 2))
    xr.testing.assert_identical(one, again)
    assert not np.allclose(one.expenditure, other.expenditure)
    assert one.attrs["synthetic"] == "yes"
    assert one.attrs["title"] == "Synthetic caliendo-parro economy, 3 x 2, seed 1"


@pytest.mark.parametrize(("regions", "sectors"), [(1, 5), (3, 0), (-2, 4)])
def test_sizes_that_are_too_small_are_refused(regions, sectors):
    with pytest.raises(
        DataError, match=f"of {regions} regions and {sectors} sectors is too small; take 2 regions and 1"
    ):
        SYNTHETIC["rare-earths"](regions, sectors)
