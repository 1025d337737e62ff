"""Baselines from trade flows or from shares that a user brings."""

from functools import cache

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from calibration import baseline_from_flows, baseline_from_shares
from calibration.synthetic import synthetic_caliendo_parro
from framework import DataError, compile_model, hat
from framework.testing import assert_replicates
from models import caliendo_parro

VALUES = ("expenditure", "gross_output", "final_expenditure", "deficit", "final_share", "expenditure_share")


@cache
def economy() -> xr.Dataset:
    return synthetic_caliendo_parro(4, 5, seed=3)


def flows(data: xr.Dataset) -> xr.DataArray:
    return data.expenditure_share * data.expenditure.rename(region="importer") / (1 + data.tariff)


def raw(data: xr.Dataset) -> xr.Dataset:
    return data[["tariff", "value_added_share", "input_share", "trade_elasticity"]]


def test_flows_give_back_the_economy_they_come_from():
    data = economy()
    shuffled = (
        flows(data)
        .isel(importer=[2, 0, 3, 1], sector=[4, 1, 0, 3, 2])
        .transpose("sector", "exporter", "importer")
    )
    found = baseline_from_flows(shuffled, raw(data))
    for key in VALUES:
        scale = float(abs(data[key]).max())
        assert_allclose(
            found[key].sel(data[key].coords).transpose(*data[key].dims) / scale,
            data[key] / scale,
            atol=1e-12,
            err_msg=key,
        )


def test_shares_give_back_the_economy_they_come_from():
    data = economy()
    kept = ["expenditure_share", "value_added_share", "input_share", "final_share", "deficit", "tariff"]
    world = float((data.value_added_share * data.gross_output).sum())
    found = baseline_from_shares(data[kept], world)
    for key in ("expenditure", "gross_output", "final_expenditure"):
        assert_allclose(found[key], data[key], rtol=1e-9, err_msg=key)


def test_without_tariffs_they_are_zero():
    found = baseline_from_flows(flows(economy()), raw(economy()).drop_vars("tariff"))
    assert (found.tariff == 0).all()
    assert set(found.tariff.dims) == {"importer", "exporter", "sector"}


def overused() -> tuple[xr.DataArray, xr.Dataset]:
    """Sector S002 of CHN is used by producers more than it is bought."""
    data = economy()
    sold = flows(data).copy(deep=True)
    sold.loc[{"importer": "CHN", "sector": "S002"}] *= 0.2
    return sold, raw(data)


def test_negative_final_use_is_refused_by_name_unless_clipping_is_asked_for():
    sold, rest = overused()
    with pytest.raises(
        DataError, match=r"final use is negative in \d+ cells, -.* at region 'CHN', sector 'S002': .*\"clip\""
    ):
        baseline_from_flows(sold, rest)
    found = baseline_from_flows(sold, rest, negative_final="clip")
    assert "CHN/S002" in found.attrs["clipped"].split(", ")
    assert 0 < found.attrs["largest_change"] < 0.5
    assert float(found.final_share.sel(region="CHN", sector="S002")) == 0
    spent = sold * (1 + rest.tariff)
    assert_allclose(
        found.expenditure_share, (spent / spent.sum("exporter")).transpose(*found.expenditure_share.dims)
    )
    assert_replicates(compile_model(hat(caliendo_parro())), found, tolerance=1e-9)


def test_industries_without_output_have_no_cost_shares():
    sold = flows(economy()).copy(deep=True)
    sold.loc[{"exporter": "USA", "sector": "S001"}] = 0
    found = baseline_from_flows(sold, raw(economy()), negative_final="clip")
    assert float(found.value_added_share.sel(region="USA", sector="S001")) == 0
    assert_replicates(compile_model(hat(caliendo_parro())), found, tolerance=1e-9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f, d: (f, d.drop_vars("input_share")), "have no 'input_share' with dims .region, input_sector, sector."),
        (lambda f, d: (f.rename(exporter="origin"), d), r"'flows' has dims .*; it needs \(importer, exporter, sector\)"),
        (lambda f, d: (f, d.assign(tariff=d.tariff + 0.05)), "'tariff' is not zero within a region, at importer 'CHN', exporter 'CHN'"),
        (lambda f, d: (f.assign_coords(exporter=["X", *f.exporter.values[1:]]), d), "dimension 'exporter' of 'flows' has the label 'X', which the data does not have"),
        (lambda f, d: (-f, d), "'flows' is negative at importer 'CHN', exporter 'CHN', sector 'S001'"),
        (lambda f, d: (f.where(f.importer != f.exporter, 0.0), d), "'flows' has no sales of a region to itself; add them"),
        (lambda f, d: (f, d.assign(tariff=d.tariff * np.nan)), "'tariff' is not a finite number at importer 'CHN'"),
        (lambda f, d: (f, d.assign(value_added_share=1.1 * d.value_added_share)), "'value_added_share' \\+ 'input_share' sums to one"),
    ],
)  # fmt: skip
def test_faults_are_named(change, words):
    with pytest.raises(DataError, match=words):
        baseline_from_flows(*change(flows(economy()), raw(economy())))


def test_arrays_without_labels_are_refused_with_the_way_to_label_them():
    bare = flows(economy()).values
    with pytest.raises(
        DataError,
        match=r"'flows' is a numpy.ndarray of shape \(4, 4, 5\), without labels; it must be an xarray.DataArray "
        r"over \(importer, exporter, sector\): xarray.DataArray\(values, coords=\{'importer': regions",
    ):
        baseline_from_flows(bare, raw(economy()))  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"'data' is a dict, without labels; it must be an xarray.Dataset"):
        baseline_from_flows(flows(economy()), {})  # type: ignore[arg-type]
    with pytest.raises(
        DataError, match=r"'shares' is a numpy.ndarray .* xarray.Dataset with expenditure_share, "
    ):
        baseline_from_shares(bare, 1.0)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="'world_value_added' is 0; it must be a positive number"):
        baseline_from_shares(economy(), 0.0)


def test_shares_without_unique_accounts_are_refused():
    """Two pairs of regions that trade only among themselves have no common scale."""
    data = economy()[
        ["expenditure_share", "value_added_share", "input_share", "final_share", "deficit"]
    ].copy(deep=True)
    apart = np.kron(np.eye(2), np.ones((2, 2)))[:, :, None]
    share = data.expenditure_share * apart
    data["expenditure_share"] = share / share.sum("exporter")
    with pytest.raises(DataError, match="no group of regions trades only among itself"):
        baseline_from_shares(data, 1e6)
