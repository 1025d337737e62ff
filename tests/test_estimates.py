"""Estimates as a data set: written by empirics, read by calibration, in the place of default parameters."""

import json

import numpy as np
import pytest
import xarray as xr

from calibration import Parameters, default_parameters, load_table, rare_earths_baseline, recalibrate
from calibration.estimates import read_estimates
from empirics.estimates import combine_estimates, parameter_estimates, write_estimates
from framework.errors import DataError, ScenarioError

CARS, METAL = "Transport equipment", "Basic metals and fabricated metal"


def by_sector(parameter: str, covariance: np.ndarray, **attrs: object) -> xr.Dataset:
    value = {"ree_elasticity": [0.6, 0.9], "ree_share": [0.006, 0.004]}[parameter]
    estimate = xr.DataArray(value, {"sector": [CARS, METAL]})
    return parameter_estimates(
        parameter, estimate, covariance, source=f"source of {parameter}", sample="50 firms", attrs=attrs
    )


@pytest.fixture
def elasticities() -> xr.Dataset:
    return by_sector(
        "ree_elasticity", np.array([[0.04, 0.01], [0.01, 0.09]]), data="synthetic", observations=50
    )


@pytest.fixture
def estimates(elasticities) -> xr.Dataset:
    return combine_estimates(elasticities, by_sector("ree_share", np.diag([1e-6, 0.0])))


def test_independent_estimates_have_no_covariance_between_them(estimates):
    assert estimates["coefficient"].values.tolist() == [
        f"ree_elasticity[{CARS}]", f"ree_elasticity[{METAL}]", f"ree_share[{CARS}]", f"ree_share[{METAL}]",
    ]  # fmt: skip
    np.testing.assert_array_equal(estimates.covariance[:2, 2:], 0.0)
    np.testing.assert_allclose(estimates.standard_error, [0.2, 0.3, 1e-3, 0.0])
    assert estimates.attrs["data"] == "synthetic"
    assert estimates.attrs["ree_elasticity_observations"] == 50
    with pytest.raises(DataError, match=r"'ree_share\[Transport equipment\]' is in two sets"):
        combine_estimates(
            estimates.isel(coefficient=[2], coefficient_other=[2]), by_sector("ree_share", np.eye(2))
        )


def test_a_file_comes_back_as_parameters(estimates, tmp_path):
    write_estimates(estimates, tmp_path / "estimates.nc")
    assert [p.name for p in tmp_path.iterdir()] == ["estimates.nc"]
    parameters = Parameters.from_estimates(tmp_path / "estimates.nc")
    default = default_parameters()
    elasticity = parameters["ree_elasticity"]
    assert elasticity.table == {**default["ree_elasticity"].table, CARS: 0.6, METAL: 0.9}
    assert elasticity.standard_error == pytest.approx({CARS: 0.2, METAL: 0.3})
    assert elasticity.source.startswith("source of ree_elasticity (50 firms); Mining")
    assert "NBER 33877" in elasticity.source  # the other sectors keep the slides' values
    assert parameters["ree_share"].table[METAL] == 0.004
    assert parameters["trade_elasticity"] == default["trade_elasticity"]
    assert parameters.estimates is not None
    xr.testing.assert_allclose(parameters.estimates.covariance, read_estimates(estimates).covariance)


def test_a_file_that_cannot_be_written_leaves_nothing(estimates, tmp_path):
    with pytest.raises(DataError, match="cannot be written"):
        write_estimates(estimates, tmp_path / "no folder" / "estimates.nc")
    assert list(tmp_path.iterdir()) == []


def test_the_order_of_labels_does_not_matter(estimates):
    turned = estimates.isel(coefficient_other=[3, 1, 0, 2]).transpose("coefficient_other", "coefficient")
    xr.testing.assert_allclose(read_estimates(turned).covariance, read_estimates(estimates).covariance)


def test_what_a_scenario_sets_is_no_longer_uncertain(estimates):
    parameters = Parameters.from_estimates(estimates)

    def left(**settings: object) -> list[str]:
        kept = parameters.override(settings).estimates
        assert kept is not None
        return [str(c) for c in kept["coefficient"].values]

    assert left(trade_elasticity=4.0) == [str(c) for c in estimates["coefficient"].values]
    assert left(ree_elasticity={CARS: 0.7}) == [str(c) for c in estimates["coefficient"].values[1:]]
    assert left(ree_elasticity=0.7) == [str(c) for c in estimates["coefficient"].values[2:]]
    set_ = parameters.override({"ree_elasticity": {CARS: 0.7}})
    assert set_["ree_elasticity"].table[CARS] == 0.7
    assert set_.at([0.8, 0.006, 0.004])["ree_elasticity"].table[METAL] == 0.8
    assert set_.at([0.8, 0.006, 0.004])["ree_elasticity"].table[CARS] == 0.7


def test_parameters_at_other_values(estimates):
    parameters = Parameters.from_estimates(estimates)
    moved = parameters.at([0.7, 0.9, 0.006, 0.005])
    assert moved["ree_elasticity"].table[CARS] == 0.7
    assert moved["ree_share"].table[METAL] == 0.005
    assert moved["ree_elasticity"].source == parameters["ree_elasticity"].source
    with pytest.raises(
        DataError, match=r"'ree_elasticity' of sector 'Transport equipment' is 2\.5.*stability bound"
    ):
        parameters.at([2.5, 0.9, 0.006, 0.005])
    with pytest.raises(DataError, match="hold no estimates"):
        default_parameters().at([1.0])


def test_recalibrating_equals_the_baseline_of_the_table(estimates):
    table = load_table("wiod2009-5x14")
    parameters = Parameters.from_estimates(estimates)
    anew, again = (
        rare_earths_baseline(table, parameters),
        recalibrate(rare_earths_baseline(table), parameters),
    )
    xr.testing.assert_identical(anew, again)


def test_scalars_can_be_estimated():
    one = by_sector("ree_elasticity", np.eye(2)).isel(coefficient=[0], coefficient_other=[0])
    scalar = one.assign_coords(
        parameter=("coefficient", ["variety_elasticity"]), sector=("coefficient", [""])
    ).assign(estimate=("coefficient", [5.0]))
    parameters = Parameters.from_estimates(scalar)
    assert parameters.scalar("variety_elasticity") == 5.0
    assert parameters["variety_elasticity"].standard_error == 1.0


def test_estimates_rest_on_what_they_assume(elasticities):
    assuming = elasticities.assign_attrs(assumes=json.dumps({"variety_productivity": 1.0}))
    parameters = Parameters.from_estimates(assuming)
    with pytest.raises(ScenarioError, match=r"assume variety_productivity = 1, which is 0\.5 here"):
        parameters.override({"variety_productivity": 0.5})
    # With all estimates replaced nothing rests on the assumption.
    parameters.override({"ree_elasticity": 0.9, "variety_productivity": 0.5})


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda e: e.rename(covariance="covariances"), r"no 'covariance'.*Did you mean 'covariances'"),
        (lambda e: e.drop_vars("sector"), "do not say which sector"),
        (lambda e: e.assign(estimate=e.estimate * np.nan), r"'ree_elasticity\[Transport equipment\]' is not a finite"),
        (lambda e: e.assign(covariance=e.covariance.isel(coefficient=0, drop=True)), r"it needs \(coefficient, coeff"),
        (lambda e: e.assign(covariance=e.covariance * np.nan), "not finite at"),
        (lambda e: e.assign(covariance=-e.covariance), "smallest eigenvalue"),
        (
            lambda e: e.assign(covariance=e.covariance + np.triu(np.ones((4, 4)), 1)),
            r"not symmetric at 'ree_elasticity\[Transport equipment\]' and 'ree_elasticity\[Basic",
        ),
        (lambda e: e.assign_coords(coefficient_other=["a", "b", "c", "d"]), "on one side only"),
        (
            lambda e: e.assign_coords(sector=("coefficient", [CARS] * 4)),
            r"hold 'ree_elasticity\[Transport equipment\]' twice",
        ),
        (
            lambda e: e.assign_coords(parameter=("coefficient", ["ree_elasticities"] * 2 + ["ree_share"] * 2)),
            r"unknown parameter 'ree_elasticities'\. Did you mean 'ree_elasticity'",
        ),
        (
            lambda e: e.assign_coords(parameter=("coefficient", ["research_elasticity"] * 2 + ["ree_share"] * 2)),
            "one value, with an empty sector",
        ),
        (
            lambda e: e.assign_coords(parameter=("coefficient", ["ree_endowment_share"] * 2 + ["ree_share"] * 2)),
            "varies by region",
        ),
        (lambda e: e.assign(estimate=e.estimate + np.array([2, 0, 0, 0])), "stability bound"),
    ],
)  # fmt: skip
def test_faults_of_estimates_are_named(estimates, spoil, text):
    with pytest.raises(DataError, match=text):
        Parameters.from_estimates(spoil(estimates))


def test_faults_of_files_are_named(tmp_path):
    with pytest.raises(DataError, match="do not exist"):
        Parameters.from_estimates(tmp_path / "absent.nc")
    (tmp_path / "broken.nc").write_text("no data set")
    with pytest.raises(DataError, match="cannot be read"):
        Parameters.from_estimates(tmp_path / "broken.nc")


def test_a_sector_that_the_data_do_not_have_is_named(elasticities):
    sector = ("coefficient", ["Transport equipment", "Basic metals"])
    parameters = Parameters.from_estimates(elasticities.assign_coords(sector=sector))
    with pytest.raises(DataError, match=r"sector 'Basic metals', which the data do not have"):
        rare_earths_baseline(load_table("wiod2009-5x14"), parameters)
