"""Bands of counterfactuals: derivatives and draws against independent solves, and what the command says of them."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from calibration import Parameters, load_table, rare_earths_baseline
from empirics.estimates import combine_estimates, parameter_estimates, write_estimates
from exacthat.bands import with_bands
from exacthat.cli import app, console
from exacthat.results import cushioning_index
from exacthat.run import Outcome, load_study, run_scenarios, solve_study
from exacthat.scenario import parse_study
from framework import compile_model, hat, solve
from framework.errors import DataError, ScenarioError
from models import rare_earths

CARS, METAL, CHEMICALS = (
    "Transport equipment",
    "Basic metals and fabricated metal",
    "Chemicals and chemical products",
)
FOOD = "Food, beverages and tobacco"
VALUE = {"ree_elasticity": {CARS: 0.75, METAL: 0.8, CHEMICALS: 0.94}, "ree_share": {CARS: 0.0071, FOOD: 0.0}}
COVARIANCE = {
    "ree_elasticity": np.array([[0.010, 0.004, 0.002], [0.004, 0.006, 0.001], [0.002, 0.001, 0.004]]),
    "ree_share": np.diag([5e-4**2, 0.0]),
}


def make_estimates(**scale: float) -> xr.Dataset:
    """Estimates around the slides' values; the covariance of a parameter may be scaled."""
    return combine_estimates(
        *(
            parameter_estimates(
                name,
                xr.DataArray(list(VALUE[name].values()), {"sector": list(VALUE[name])}),
                scale.get(name, 1.0) * COVARIANCE[name],
                source="made up", sample="", attrs={"data": "synthetic"},
            )
            for name in VALUE
        )
    )  # fmt: skip


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("estimates") / "estimates.nc"
    write_estimates(make_estimates(), path)
    return path


def study_of(path: Path, **settings: object):
    text = f'model = "rare-earths"\nestimates = {str(path)!r}\n'
    text += 'technology = ["exogenous", "elastic-effort"]\n'
    text += "".join(f"{k} = {v}\n" for k, v in settings.items())
    return parse_study(text + '[[scenario]]\nname = "tax"\nexport_tax = 0.25\n', "test")


@pytest.fixture(scope="module")
def outcome(file) -> Outcome:
    return solve_study(study_of(file))


@pytest.fixture(scope="module")
def banded(outcome) -> xr.Dataset:
    return with_bands(outcome, draws=100, seed=3).results


def solved_at(values: np.ndarray) -> xr.Dataset:
    """Outcomes of both technologies at coefficient values, from the public parts and nothing of the bands."""
    parameters = Parameters.from_estimates(make_estimates().assign(estimate=("coefficient", values)))
    data = rare_earths_baseline(load_table("wiod2009-5x14"), parameters)
    found = []
    for technology in ("exogenous", "elastic-effort"):
        system = compile_model(hat(rare_earths().choose(technology=technology)))
        found.append(solve(system.bind(data, {"export_tax": 0.25})).outcomes)
    both = xr.concat(found, xr.Variable("technology", ["exogenous", "elastic-effort"]), data_vars="all")
    both["cushioning_index"] = cushioning_index(both.real_consumption)
    return both


def test_standard_errors_are_those_of_derivatives_by_other_solves(banded):
    estimates = make_estimates()
    centre, step = estimates.estimate.values, 1e-3 * np.array([1.0, 1.0, 1.0, 0.1])
    names = ("real_consumption", "innovation_bias", "cushioning_index", "innovation_bias_abroad", "wage")
    slopes = []
    for k in range(4):  # the fifth has no variance
        sides = []
        for sign in (1, -1):
            moved = centre.copy()
            moved[k] += sign * step[k]
            sides.append(solved_at(moved))
        slopes.append((sides[0][list(names)] - sides[1][list(names)]) / (2 * step[k]))
    slope = xr.concat(slopes, "coefficient", data_vars="all")
    covariance = estimates.covariance.values[:4, :4]
    for name in names:
        own = slope[name].transpose("coefficient", *banded[name].isel(scenario=0).dims).values
        expected = np.sqrt(np.einsum("j...,jk,k...->...", own, covariance, own))
        found = banded[f"{name}_se"].sel(scenario="tax").values
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-11)


def test_bands_are_symmetric_around_the_results_under_the_delta_method(banded):
    se = banded.real_consumption_se
    assert float(se.sel(technology="elastic-effort", region="JPN").min()) > 0
    np.testing.assert_allclose(
        banded.real_consumption_upper - banded.real_consumption, 1.959964 * se, rtol=1e-6
    )
    np.testing.assert_allclose(
        banded.real_consumption - banded.real_consumption_lower, 1.959964 * se, rtol=1e-6
    )


def test_draws_agree_with_the_delta_method_where_it_is_nearly_linear(banded):
    for name in ("real_consumption", "cushioning_index"):
        own = {"technology": "elastic-effort", "scenario": "tax"}
        ratio = banded[f"{name}_simulated_se"].sel(own) / banded[f"{name}_se"].sel(own)
        assert (abs(ratio - 1) < 0.25).all()  # 100 draws know a standard deviation to 7%
        assert (banded[f"{name}_simulated_lower"].sel(own) < banded[name].sel(own)).all()
        assert (banded[name].sel(own) < banded[f"{name}_simulated_upper"].sel(own)).all()


def test_bands_say_what_they_are(banded, outcome):
    assert banded.attrs["band_coefficients"] == 4
    assert [banded.attrs[k] for k in ("draws", "draws_inadmissible", "draws_failed")] == [100, 0, 0]
    assert banded.attrs["data"] == "synthetic"
    assert "synthetic data" in banded.attrs["title"]
    assert banded.real_gdp_lower.attrs["band_of"] == "real_gdp"
    assert banded.real_gdp_lower.dims == banded.real_gdp.dims
    assert "expenditure_share_se" not in banded  # three dims of its own
    plain = outcome.results
    xr.testing.assert_identical(banded[list(plain.data_vars)].drop_attrs(), plain.drop_attrs())
    assert not [
        k for k in banded if banded[k].isnull().any() and k not in ("status",) and "cushioning" not in str(k)
    ]


def test_the_seed_decides_the_draws(outcome):
    few = [with_bands(outcome, draws=2, seed=s).results.wage_simulated_se for s in (1, 1, 2)]
    xr.testing.assert_identical(few[0], few[1])
    assert not few[0].equals(few[2])
    assert "wage_simulated_se" not in with_bands(outcome, draws=0).results


def test_inadmissible_draws_are_counted_and_left_out(tmp_path):
    # Standard error of the shares five times their value: nearly half of the draws are below zero.
    write_estimates(make_estimates(ree_share=(5 * 0.0071 / 5e-4) ** 2), tmp_path / "wide.nc")
    results = with_bands(solve_study(study_of(tmp_path / "wide.nc")), draws=40, seed=1).results
    assert 8 <= results.attrs["draws_inadmissible"] <= 30
    assert (results.ree_share_simulated_lower >= 0).all()


def test_at_the_end_of_its_range_a_derivative_is_one_sided(tmp_path):
    estimates = make_estimates()
    spread = estimates.covariance.copy()
    spread[4, 4] = 1e-4**2  # a share estimated as zero, with a standard error
    write_estimates(estimates.assign(covariance=spread), tmp_path / "zero.nc")
    results = with_bands(solve_study(study_of(tmp_path / "zero.nc")), draws=0).results
    assert results.attrs["band_coefficients"] == 5
    at = {"scenario": "tax", "technology": "exogenous", "region": "JPN", "sector": FOOD}
    assert float(results.ree_use_se.sel(at)) >= 0
    centre = estimates.estimate.values
    moved = centre + np.array([0, 0, 0, 0, 1e-6])
    slope = (solved_at(moved).unit_cost - solved_at(centre).unit_cost).sel(
        technology="exogenous", region="JPN", sector=FOOD
    ) / 1e-6
    alone = spread * 0
    alone[4, 4] = spread[4, 4]
    write_estimates(estimates.assign(covariance=alone), tmp_path / "alone.nc")
    only = with_bands(solve_study(study_of(tmp_path / "alone.nc")), draws=0).results
    assert float(only.unit_cost_se.sel(at)) == pytest.approx(abs(float(slope)) * 1e-4, rel=1e-3)


def test_faults_are_named(file, outcome, tmp_path):
    with pytest.raises(DataError, match="need estimated parameters"):
        with_bands(solve_study(load_study("rare-earths").only(["tax"])))
    with pytest.raises(DataError, match="draws is 1"):
        with_bands(outcome, draws=1)
    with pytest.raises(DataError, match="between 0 and 1"):
        with_bands(outcome, draws=0, level=95)
    write_estimates(make_estimates(ree_elasticity=0.0, ree_share=0.0), tmp_path / "certain.nc")
    with pytest.raises(DataError, match="nothing is uncertain"):
        with_bands(solve_study(study_of(tmp_path / "certain.nc")))
    write_estimates(make_estimates(ree_elasticity=1e4), tmp_path / "vague.nc")
    with pytest.raises(DataError, match="too imprecise for simulation"):
        with_bands(solve_study(study_of(tmp_path / "vague.nc")), draws=5)
    with pytest.raises(DataError, match=r"absent\.nc' do not exist"):
        solve_study(study_of(tmp_path / "absent.nc"))
    outcome.baseline.data.to_netcdf(tmp_path / "base.nc", engine="h5netcdf")
    with pytest.raises(ScenarioError, match="is a baseline already, which estimates cannot change"):
        solve_study(study_of(file), data=str(tmp_path / "base.nc"))


def test_a_scenario_file_may_name_estimates(file, tmp_path):
    text = f'model = "rare-earths"\nestimates = {file.name!r}\ntechnology = "exogenous"\n'
    (file.parent / "study.toml").write_text(text + '[[scenario]]\nname = "tax"\nexport_tax = 0.1\n')
    results = run_scenarios(file.parent / "study.toml", draws=2)
    assert results.attrs["draws"] == 2
    assert float(results.wage_se.max()) > 0


def test_the_command_writes_and_shows_bands(file, tmp_path, monkeypatch):
    monkeypatch.setattr(console.out, "width", 200)  # read once, when the command is first imported
    arguments = ["run", "rare-earths", "--scenario", "tax", "--estimates", str(file), "--draws", "3"]
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    results = xr.load_dataset(tmp_path / "out" / "results.nc", engine="h5netcdf")
    assert results.attrs["draws"] == 3
    value, low, high = (
        100 * (float(results[k].sel(scenario="tax", technology="elastic-effort", region="JPN")) - 1)
        for k in ("real_consumption", "real_consumption_lower", "real_consumption_upper")
    )
    assert low < value < high
    report = (tmp_path / "out" / "report.html").read_text("utf-8")
    shown = f"{value:.3g} [{low:.3g}, {high:.3g}]".replace("-", "\N{MINUS SIGN}")
    assert shown in report
    assert shown in result.stdout
    for text in (
        "95% bands by the delta method",
        "4 estimated coefficients",
        "Estimated parameters",
        "synthetic data",
    ):
        assert text in report
    captions = (tmp_path / "out" / "figures" / "captions.txt").read_text("utf-8")
    assert "estimated on synthetic data" in captions
    assert "Lines are 95% bands by the delta method" in captions
    assert "real_consumption_lower" not in report
