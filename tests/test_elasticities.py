"""Elasticities and rare-earth shares: exact on noise-free data, equal to pyfixest, honest about what they cannot do."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from synthetic_truth import slides_truth

from benchmarks.coverage import joint_bias_test, replicate, summarise
from empirics.directed_response import bias_exponent, elasticity_slope, ree_elasticity
from empirics.elasticities import (
    elasticities_from_exponents,
    estimate_elasticities,
    estimate_ree_shares,
)
from empirics.innovation_regression import InnovationDesign, estimate_bias_exponents
from empirics.synthetic import panel_of, simulate_world
from empirics.world_settings import WorldSettings
from framework.errors import DataError

SMALL = WorldSettings(regions=("USA", "CHN", "JPN"), active_pairs=300, ree_patents=12_000)
SLOPES = {"Machinery": -0.3, "Transport equipment": 0.2}


@pytest.fixture(scope="module")
def exact() -> pd.DataFrame:
    """A panel whose patents are their expectation, so that every estimator must find the slopes exactly."""
    rng = np.random.default_rng(7)
    index = pd.MultiIndex.from_product(
        [["USA", "JPN", "KOR"], ["3511", "3523", "3711", "3714"], range(2005, 2015)],
        names=["region", "sic", "year"],
    )
    panel = pd.DataFrame(index=index).reset_index()
    panel["log_relative_price"] = rng.normal(size=len(panel))
    panel["other_patents"] = rng.uniform(50, 500, len(panel))
    panel["demand"] = rng.normal(size=len(panel))
    slope = panel["sic"].map({"3511": -0.3, "3523": -0.3, "3711": 0.2, "3714": 0.2})
    pair = panel.groupby(["region", "sic"]).ngroup().map(dict(enumerate(rng.normal(-2, 1, 12))))
    year = panel["year"].map(dict(zip(range(2005, 2015), rng.normal(size=10), strict=True)))
    log_ratio = pair + year + slope * panel["log_relative_price"] + 0.7 * panel["demand"]
    panel["ree_patents"] = panel["other_patents"] * np.exp(log_ratio)
    return panel


@pytest.mark.parametrize("method", ["ppml", "ols"])
@pytest.mark.parametrize("exposure", ["fixed", "estimated"])
@pytest.mark.parametrize("effects", [("region^sic", "year"), ("region^sic", "sector^year")])
def test_noise_free_panels_give_the_slopes_exactly(exact, method, exposure, effects):
    design = InnovationDesign(method=method, exposure=exposure, fixed_effects=effects, controls=("demand",))
    found = estimate_bias_exponents(exact, design)
    for sector, slope in SLOPES.items():
        assert float(found.bias_exponent.sel(sector=sector)) == pytest.approx(slope, abs=1e-6)
    assert float(found.control.sel(regressor="demand")) == pytest.approx(0.7, abs=1e-6)
    if exposure == "estimated":
        assert float(found.control.sel(regressor="ln other_patents")) == pytest.approx(1.0, abs=1e-6)
    assert (found.attrs["observations"], found.attrs["clusters"]) == (120, 12)


def test_estimates_equal_pyfixest_called_directly(exact):
    import pyfixest as pf

    rng = np.random.default_rng(1)
    panel = exact.assign(ree_patents=rng.poisson(exact.ree_patents))
    found = estimate_bias_exponents(panel, InnovationDesign(controls=("demand",)))
    direct = panel.assign(
        machines=panel.log_relative_price * panel.sic.isin(["3511", "3523"]),
        cars=panel.log_relative_price * panel.sic.isin(["3711", "3714"]),
        pair=panel.region + panel.sic,
        exposure=np.log(panel.other_patents),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyfixest on the next version of pandas
        fit = pf.fepois(
            "ree_patents ~ machines + cars + demand | region^sic + year",
            direct, vcov={"CRV1": "pair"}, offset="exposure",
        )  # fmt: skip
    slopes = found.bias_exponent.sel(sector=list(SLOPES)).values
    np.testing.assert_allclose(slopes, fit.coef()[["machines", "cars"]], rtol=1e-10)
    covariance = found.covariance.sel(sector=list(SLOPES), sector_other=list(SLOPES))
    np.testing.assert_allclose(covariance, fit._vcov[:2, :2], rtol=1e-10)
    assert abs(float(covariance[0, 1])) > 1e-3 * float(
        covariance[0, 0]
    )  # year effects tie the sectors together
    assert found.attrs["observations"] == fit._N


@given(
    eps=st.floats(0, 1.9),
    phi=st.floats(0.2, 1.0),
    psi=st.floats(0.2, 1.0),
)
def test_elasticity_inverts_the_exponent_and_its_slope_is_the_derivative(eps, phi, psi):
    b = bias_exponent(eps, phi, psi)
    assert b < 1 / phi
    assert ree_elasticity(b, phi, psi) == pytest.approx(eps, abs=1e-9)
    h = 1e-6
    numerical = (ree_elasticity(b + h, phi, psi) - ree_elasticity(b - h, phi, psi)) / (2 * h)
    assert elasticity_slope(b, phi, psi) == pytest.approx(numerical, rel=1e-5)


def test_exponents_of_the_slides():
    # docs/rare_earths_model.md section 2.4
    for eps, b in ((0.75, 0.200), (0.80, 0.167), (0.94, 0.057), (1.28, -0.389)):
        assert bias_exponent(eps) == pytest.approx(b, abs=5e-4)


def exponents(**b: float) -> xr.Dataset:
    covariance = 0.01 * (np.eye(len(b)) + 0.5)
    return xr.Dataset(
        {
            "bias_exponent": ("sector", list(b.values())),
            "covariance": (("sector", "sector_other"), covariance),
        },
        {"sector": list(b), "sector_other": list(b)},
        {"source": "test", "sample": "made up", "degrees_of_freedom": 9},
    )


def test_covariance_by_the_delta_method():
    found = elasticities_from_exponents(
        exponents(a=0.2, b=-0.5), variety_productivity=0.8, research_elasticity=0.5
    )
    assert found["coefficient"].values.tolist() == ["ree_elasticity[a]", "ree_elasticity[b]"]
    np.testing.assert_allclose(found.estimate, [1 - 0.2 / (0.5 * 0.84), 1 + 0.5 / (0.5 * 1.4)])
    slope = np.array([1 / (0.5 * 0.84**2), 1 / (0.5 * 1.4**2)])
    expected = 0.01 * np.array([[1.5, 0.5], [0.5, 1.5]]) * np.outer(slope, slope)
    np.testing.assert_allclose(found.covariance, expected)
    np.testing.assert_allclose(found.standard_error, np.sqrt(np.diag(expected)))
    assert json.loads(found.attrs["assumes"]) == {"variety_productivity": 0.8, "research_elasticity": 0.5}
    assert found["units"].values.tolist() == ["1", "1"]


def test_inadmissible_exponents_are_all_named_and_never_clipped():
    given_ = exponents(fine=0.2, explosive=1.0, negative=0.6)
    with pytest.raises(DataError) as caught:
        elasticities_from_exponents(given_)
    text = str(caught.value)
    assert "explosive b = 1 (standard error 0.12), not below 1/phi = 1" in text
    assert "negative b = 0.6 (standard error 0.12), above 0.5: the elasticity would be negative" in text
    assert "fine" not in text
    found = elasticities_from_exponents(given_, inadmissible="list")
    assert found["sector"].values.tolist() == ["fine"]
    assert "explosive" in found.attrs["inadmissible"]
    assert "negative" in found.attrs["inadmissible"]
    with pytest.raises(DataError, match="no sector has an admissible"):
        elasticities_from_exponents(exponents(explosive=1.0), inadmissible="list")
    with pytest.raises(DataError, match="both are positive"):
        elasticities_from_exponents(given_, variety_productivity=0.0)


# ---- bad panels ----------------------------------------------------------------------------------------


def test_faults_of_the_panel_are_named(exact):
    def fails(panel: pd.DataFrame, text: str, **design) -> None:
        with pytest.raises(DataError, match=text):
            estimate_bias_exponents(panel, InnovationDesign(**design))

    fails(
        exact.rename(columns={"ree_patents": "ree_patent"}),
        r"no column 'ree_patents'\. Did you mean 'ree_patent'",
    )
    fails(pd.concat([exact, exact.iloc[[3]]]), "more than once")
    fails(exact.assign(demand="much"), "demand", controls=("demand",))
    fails(exact.assign(ree_patents=-exact.ree_patents), "'ree_patents' of region 'JPN'.*negative")
    fails(exact.assign(sic=exact.sic.replace("3511", "0111")), "not in manufacturing")
    fails(exact.assign(cluster="one"), "2 clusters|needs two", cluster="cluster")
    fails(exact.assign(flat=1.0), "control 'flat' is collinear", controls=("flat",))
    common = exact.assign(log_relative_price=exact["year"] - 2009.0)
    fails(common, "slope of sector '.*' is not identified.*region, year|fewer effects")
    fails(exact.assign(ree_patents=0.0), "no row is left to estimate from")
    fails(exact.assign(other_patents=0.0), "exposure is zero")
    fails(exact, "no column 'country'", fixed_effects=("country^sic",))
    alone = "^direction of innovation: nothing is left .* only one of its group in region\\^sic or year"
    fails(exact.groupby(["region", "sic"]).head(1), alone)
    fails(exact.groupby(["region", "sic"]).head(1), alone, method="ols")


def test_faults_of_the_design_are_named():
    with pytest.raises(DataError, match=r"method is 'pmml'.*Did you mean 'ppml'"):
        InnovationDesign(method="pmml")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="needs fixed effects"):
        InnovationDesign(fixed_effects=())


def test_what_is_left_out_is_counted(exact):
    panel = exact.copy()
    pair = (panel.region == "USA") & (panel.sic == "3511")
    panel.loc[pair, "ree_patents"] = 0.0
    panel.loc[(panel.region == "JPN") & (panel.sic == "3714") & (panel.year == 2010), "other_patents"] = 0.0
    panel.loc[(panel.region == "KOR") & (panel.year == 2006), "demand"] = np.nan
    found = estimate_bias_exponents(panel, InnovationDesign(controls=("demand",)))
    excluded = json.loads(found.attrs["excluded"])
    assert excluded == {
        "demand missing": 4,
        "no other patents, so that the exposure is zero": 1,
        "no rare-earth patents in the whole group of region^sic": 10,
    }
    assert found.attrs["observations"] == 120 - sum(excluded.values())
    assert float(found.bias_exponent.sel(sector="Machinery")) == pytest.approx(-0.3, abs=1e-6)


def test_sectors_without_patents_are_listed(exact):
    panel = exact.assign(ree_patents=exact.ree_patents.where(exact.sic.isin(["3711", "3714"]), 0.0))
    found = estimate_bias_exponents(panel, InnovationDesign(controls=("demand",)))
    assert found["sector"].values.tolist() == ["Transport equipment"]
    assert json.loads(found.attrs["sectors_without_estimate"]) == ["Machinery"]
    assert found.sector_clusters.values.tolist() == [6]
    assert "Transport equipment has fewest (6)" in found.attrs["sample"]


def test_a_panel_may_bring_its_own_sectors(exact):
    panel = exact.assign(sector=np.where(exact.sic == "3711", "cars", "rest"))
    found = estimate_bias_exponents(
        panel[panel.sic.isin(["3711", "3714"])], InnovationDesign(controls=("demand",))
    )
    np.testing.assert_allclose(found.bias_exponent, 0.2, atol=1e-6)
    assert set(found["sector"].values) == {"cars", "rest"}


# ---- rare-earth shares ---------------------------------------------------------------------------------


@pytest.fixture
def accounts() -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    industry = {"sic": ["a", "b", "c"]}
    cost = xr.DataArray([[1.0, 0.0], [2.0, 1.0], [0.0, 3.0]], {**industry, "element": ["La", "Nd"]})
    return cost, xr.DataArray([100.0, 300.0, 50.0], industry), xr.DataArray(["x", "x", "y"], industry)


def test_shares_are_sums_over_sums_and_prices_make_them_err_together(accounts):
    cost, added, sector = accounts
    spread = xr.DataArray(
        [[0.04, 0.01], [0.01, 0.09]], {"element": ["La", "Nd"]}, ("element", "element_other")
    )
    found = estimate_ree_shares(cost, added, sector, spread)
    np.testing.assert_allclose(found.estimate, [4 / 400, 3 / 50])
    by_element = np.array([[3 / 400, 1 / 400], [0, 3 / 50]])
    np.testing.assert_allclose(found.covariance, by_element @ spread.values @ by_element.T)
    # The order of labels does not matter, and the other order of the covariance's elements neither.
    turned = estimate_ree_shares(
        cost.isel(sic=[2, 0, 1], element=[1, 0]), added, sector[::-1], spread[::-1, ::-1], sectors=["x", "y"]
    )
    np.testing.assert_allclose(turned.covariance, found.covariance)
    np.testing.assert_allclose(turned.estimate, found.estimate)
    np.testing.assert_allclose(
        estimate_ree_shares(cost, added, sector, markup=4 / 3).estimate, found.estimate * 4 / 3
    )


def test_an_industry_may_belong_to_several_sectors(accounts):
    cost, added, _ = accounts
    weight = xr.DataArray(
        [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]], {"sic": ["a", "b", "c"], "sector": ["x", "y"]}
    )
    found = estimate_ree_shares(cost, added, weight)
    np.testing.assert_allclose(found.estimate, [(1 + 1.5) / (100 + 150), (1.5 + 3) / (150 + 50)])
    assert (found.standard_error == 0).all()


def test_faults_of_costs_are_named(accounts):
    cost, added, sector = accounts
    with pytest.raises(DataError, match="ree_cost has a value that is negative"):
        estimate_ree_shares(-cost, added, sector)
    with pytest.raises(DataError, match=r"do not have the same sic, for instance 'c'"):
        estimate_ree_shares(cost[:2], added, sector)
    with pytest.raises(DataError, match="sector 'y' has no value added"):
        estimate_ree_shares(cost, added * xr.DataArray([1, 1, 0], {"sic": ["a", "b", "c"]}), sector)
    with pytest.raises(DataError, match="'y' has a rare-earth share of 1 or more"):
        estimate_ree_shares(20 * cost, added, sector)
    with pytest.raises(DataError, match="no industry belongs to sector 'z'"):
        estimate_ree_shares(cost, added, sector, sectors=["z"])


# ---- the synthetic world -------------------------------------------------------------------------------


def test_elasticities_of_a_synthetic_world_are_near_the_truth():
    world = simulate_world(slides_truth(), seed=11, settings=SMALL)
    found = estimate_elasticities(panel_of(world), InnovationDesign(controls=("demand_growth",)))
    error = found.estimate.values - world.true_ree_elasticity.sel(sector=found["sector"].values).values
    wald = error @ np.linalg.solve(found.covariance.values, error)
    assert wald < 32.9  # 0.999 quantile of chi-square with 12 degrees of freedom
    assert found.standard_error.max() < 0.25
    assert found.attrs["data"] == "synthetic"
    assert "synthetic" in str(found["sample"].values[0])


def test_bias_and_coverage_in_small():
    """The study of benchmarks/coverage.py in small; simulation error decides what can be asked here."""
    truth, seeds = slides_truth(), range(24)
    parts = [replicate(seed, truth, SMALL) for seed in seeds]
    found = xr.concat(parts, xr.Variable("replication", list(seeds)), data_vars="all")
    for name in ("ree_elasticity", "ree_share"):
        assert joint_bias_test(found, name)[2] > 1e-3
    summary = summarise(found)
    assert (abs(summary.bias) < 4 * summary.simulation_error).all()
    ratio = summary.standard_error / summary.spread
    assert 0.85 < float(ratio.mean()) < 1.2
    elasticities = [str(c).startswith("ree_elasticity") for c in found["coefficient"].values]
    covered = found.covers[:, elasticities].mean("coefficient")
    # Sectors share shocks, so that replications, not intervals, are independent; 25 clusters a sector cost two points.
    error = float(covered.std(ddof=1)) / len(seeds) ** 0.5
    assert abs(float(covered.mean()) - 0.95) < 4 * error + 0.02
    assert error < 0.06  # or the line above could not fail
