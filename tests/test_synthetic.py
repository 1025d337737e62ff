"""The synthetic world: its truth is the model's, its shape the slides', and everything says that it is synthetic."""

import json

import numpy as np
import pytest
import xarray as xr
from synthetic_truth import slides_truth

from empirics.growth import midpoint_growth
from empirics.sectors import sectors_of_sic
from empirics.shipped import shipped_table
from empirics.synthetic import BY_SECTOR, ELEMENTS, panel_of, simulate_world
from empirics.world_settings import WorldSettings
from framework.errors import DataError

SMALL = WorldSettings(regions=("USA", "CHN", "JPN"), active_pairs=300, ree_patents=6000)


@pytest.fixture(scope="module")
def truth() -> xr.Dataset:
    return slides_truth()


@pytest.fixture(scope="module")
def world(truth) -> xr.Dataset:
    return simulate_world(truth, seed=1, settings=SMALL)


def at_industries(world: xr.Dataset, name: str) -> xr.DataArray:
    return world[name].sel(sector=world.sector_of_sic).drop_vars("sector")


def test_sizes_are_those_of_the_slides(truth):
    world = simulate_world(truth, seed=3)
    assert {k: world.sizes[k] for k in ("region", "sic", "year", "sector")} == {
        "region": 8, "sic": 459, "year": 17, "sector": 12,
    }  # fmt: skip
    assert world["year"].values[[0, -1]].tolist() == [2002, 2018]
    active = (world.ree_patents.sum("year") > 0).values
    sector = np.broadcast_to(world.sector_of_sic.values, active.shape)[active]
    counts = [int((sector == s).sum()) for s in world["sector"].values]
    assert max(counts) == round(531 / 12)  # stratified; a pair that drew only zeros is missing
    assert min(counts) >= 35
    # Poisson counts around their expected sum, times cluster shocks of mean one.
    assert float(world.ree_patents.sum()) == pytest.approx(18_000, rel=0.05)


def test_without_strata_small_sectors_have_few_pairs(truth):
    world = simulate_world(truth, seed=3, settings=WorldSettings(stratified=False))
    active = (world.ree_patents.sum("year") > 0).values
    petroleum = world.sector_of_sic.values == "Mining, petroleum and coal products"
    assert 450 < active.sum() <= 531
    assert active[:, petroleum].sum() < 20


def test_the_seed_decides_everything(truth, world):
    again, other = (simulate_world(truth, seed=s, settings=SMALL) for s in (1, 2))
    xr.testing.assert_identical(world, again)
    assert not world.ree_patents.equals(other.ree_patents)


def test_everything_says_that_it_is_synthetic(world, tmp_path):
    assert world.attrs["data"] == "synthetic"
    assert world.attrs["seed"] == 1
    assert json.loads(world.attrs["truth"])["ree_elasticity"]["Transport equipment"] == 0.75
    assert json.loads(world.attrs["settings"])["ree_patents"] == 6000
    assert all(v.attrs["data"] == "synthetic" for v in world.data_vars.values())
    assert all("(synthetic)" in v.attrs["long_name"] for v in world.data_vars.values())
    panel = panel_of(world)
    assert panel.attrs["data"] == "synthetic"
    assert len(panel) == 3 * 459 * 17
    assert not panel.isna().any(axis=None)
    assert not [c for c in panel.columns if c.startswith("true_")]
    world.to_netcdf(tmp_path / "world.nc", engine="h5netcdf")
    assert xr.load_dataset(tmp_path / "world.nc", engine="h5netcdf").attrs["seed"] == 1


def test_prices_have_the_spike_of_the_shipped_series(world):
    price = world.element_price
    assert (price.sel(year=2009) == 1).all()
    assert (price.sel(year=2011) > 10).all()
    assert (price.sel(year=2011) > price.sel(year=2013)).all()
    assert (price.sel(year=2002) == price.sel(year=2007)).all()
    assert "ree_prices.csv" in world.attrs["ree_price_source"]
    # The wedge of the export tax lowers the price inside in the years that have it, and only then.
    gap = np.log(world.ree_price.sel(region="USA") / world.ree_price.sel(region="CHN")).mean("sic")
    taxed = gap["year"].isin(range(2011, 2015))
    np.testing.assert_allclose(gap.where(taxed, drop=True), np.log(1.25), rtol=1e-12)
    np.testing.assert_allclose(gap.where(~taxed, drop=True), 0.0, atol=1e-12)


@pytest.mark.parametrize("technology", ["elastic-effort", "fixed-effort"])
@pytest.mark.parametrize(("phi", "psi"), [(1.0, 1.0), (0.6, 0.8)])
def test_technology_solves_the_equations_of_the_model(truth, technology, phi, psi):
    settings = WorldSettings(regions=("USA", "CHN"), active_pairs=100, technology=technology)
    given = truth.assign(variety_productivity=phi, research_elasticity=psi)
    world = simulate_world(given, seed=4, settings=settings)
    eps, omega = at_industries(world, "true_ree_elasticity"), world.ree_share_of_industry
    log_rho, log_a = world.log_relative_price, world.true_log_bias
    # Relative demand (docs/rare_earths_model.md eq. 2) and arbitrage (eq. 4), before they are solved for each other.
    log_o = (1 - eps) * (log_rho - phi * log_a)
    np.testing.assert_allclose(log_a.transpose(*log_o.dims), psi * log_o, atol=1e-12)
    log_labour = world.true_log_labour_varieties
    if technology == "elastic-effort":
        assert (log_labour == 0).all()
    else:
        left = 1 - omega * np.exp(log_o) / (1 - omega + omega * np.exp(log_o))
        np.testing.assert_allclose(
            log_labour, (psi * np.log(left / (1 - omega))).transpose(*log_labour.dims), atol=1e-12
        )
    # Cost and productivity (H4), in levels; no industry has an elasticity of exactly one here.
    log_ree, power = log_a + log_labour, 1 - eps
    first = np.exp(power * (np.log(world.ree_price) - phi * log_ree))
    second = np.exp(power * (np.log(world.wage) - phi * log_labour))
    cost = np.log(omega * first + (1 - omega) * second) / power
    np.testing.assert_allclose(world.true_log_cost, cost.transpose(*world.true_log_cost.dims), atol=1e-11)
    gain = omega * np.exp(-phi * power * log_ree) + (1 - omega) * np.exp(-phi * power * log_labour)
    tfp = -np.log(gain) / power
    np.testing.assert_allclose(
        world.true_log_productivity, tfp.transpose(*world.true_log_productivity.dims), atol=1e-11
    )


def test_elasticity_one_is_exact(truth):
    one = truth.assign(ree_elasticity=xr.ones_like(truth.ree_elasticity))
    world = simulate_world(one, seed=1, settings=SMALL)
    assert (world.true_log_bias == 0).all()
    share = world.ree_share_of_industry
    cobb_douglas = share * np.log(world.ree_price) + (1 - share) * np.log(world.wage)
    np.testing.assert_allclose(
        world.true_log_cost, cobb_douglas.transpose(*world.true_log_cost.dims), atol=1e-14
    )


def test_exports_fall_with_own_costs_relative_to_competitors(truth):
    quiet = WorldSettings(regions=("USA", "CHN"), active_pairs=100, export_shock=0.0, persistence=0.0)
    worlds = [
        simulate_world(truth, seed=8, settings=WorldSettings(**{**quiet.__dict__, "trade_elasticity": theta}))
        for theta in (0.0, 5.0)
    ]
    effect = np.log(worlds[1].exports / worlds[0].exports)
    cost = 0.35 * worlds[0].true_log_cost
    difference = effect.sel(region="USA") - effect.sel(region="CHN")
    expected = -5.0 * (cost.sel(region="USA") - cost.sel(region="CHN"))
    np.testing.assert_allclose(difference, expected.transpose(*difference.dims), atol=1e-10)


def test_shares_of_industries_average_to_the_truth(world):
    cost = world.ree_share_of_industry * world.value_added
    mean = cost.groupby("sector_of_sic").sum() / world.value_added.groupby("sector_of_sic").sum()
    np.testing.assert_allclose(
        mean.sel(sector_of_sic=world["sector"].values), world.true_ree_share, rtol=1e-12
    )
    np.testing.assert_allclose(world.basket.sum("element"), 1.0)


def test_stocks_are_perpetual_inventories(world):
    stock, flow = world.ree_patent_stock, world.ree_patents
    np.testing.assert_allclose(
        stock.isel(year=slice(1, None)).values,
        0.85 * stock.isel(year=slice(None, -1)).values + flow.isel(year=slice(1, None)).values,
    )
    steady = flow.sel(year=slice(2002, 2009)).mean("year") / 0.15
    np.testing.assert_allclose(stock.sel(year=2002), 0.85 * steady + flow.sel(year=2002))


def test_growth_is_that_of_the_levels(world):
    panel = panel_of(world)
    for level, growth in (("tfp", "tfp_growth"), ("exports", "export_growth")):
        rates = midpoint_growth(panel, level, ["region", "sic"]).table
        joined = rates.merge(panel, on=["region", "sic", "year"])
        np.testing.assert_allclose(joined[growth], 100 * joined["growth"], rtol=1e-9, atol=1e-9)


def test_requirements_set_baskets_and_spread_the_shares(truth):
    sic = shipped_table("sic1987.csv").sic.tolist()
    values = np.outer(np.linspace(1, 3, len(sic)), [1, 2, 3, 4, 10]) * 1e-4
    requirements = xr.DataArray(values, {"sic": sic, "element": list(ELEMENTS)}, ("sic", "element"))
    world = simulate_world(truth, seed=1, settings=SMALL, requirements=requirements)
    np.testing.assert_allclose(world.basket.sel(element="Dy"), 0.5)
    expected = 1000 * values @ np.array([0.75, 0.60, 0.41, 0.41, 1.0])  # index of complementarity
    np.testing.assert_allclose(world.sensitivity, expected, rtol=1e-12)
    own = world.sector_of_sic == "Transport equipment"
    ratio = (world.ree_share_of_industry / requirements.sum("element"))[own]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-12)
    with pytest.raises(DataError, match="no industry '2011'"):
        simulate_world(truth, seed=1, requirements=requirements.isel(sic=slice(1, None)))
    with pytest.raises(DataError, match="positive in sum"):
        simulate_world(truth, seed=1, requirements=0 * requirements)


def test_sectors_of_industries():
    sector = sectors_of_sic(shipped_table("sic1987.csv").sic)
    assert set(sector) == set(slides_truth()["sector"].values) - {"Agriculture", "Services"}
    assert sector["3571"] == sector["3691"] == "Computer and electronic products"
    assert sector["3511"] == sector["3632"] == sector["3483"] == "Machinery"
    assert sector["3714"] == "Transport equipment"
    assert sector["3021"] == "Textiles and textile products"
    with pytest.raises(DataError, match="'0111' is not in manufacturing"):
        sectors_of_sic(["0111"])
    with pytest.raises(DataError, match="3714 is not a SIC code of four digits"):
        sectors_of_sic([3714])  # type: ignore[list-item]


def test_faults_of_the_truth_are_named(truth):
    with pytest.raises(DataError, match="no 'ree_share' by sector"):
        simulate_world(truth.drop_vars("ree_share"), seed=1)
    with pytest.raises(DataError, match=r"it needs \(sector\)"):
        simulate_world(truth.assign(ree_share=truth.ree_share.expand_dims(region=2)), seed=1)
    renamed = truth.assign_coords(sector=[s.replace("Machinery", "Machines") for s in truth["sector"].values])
    with pytest.raises(DataError, match=r"no sector 'Machinery'\. Did you mean 'Machines'"):
        simulate_world(renamed, seed=1)
    for name, value in (("ree_elasticity", 2.0), ("ree_elasticity", -0.1), ("ree_share", 1.0)):
        wrong = truth.copy(deep=True)
        wrong[name].loc[{"sector": "Machinery"}] = value
        with pytest.raises(DataError, match=r"'Machinery' .* outside the model's range"):
            simulate_world(wrong, seed=1)
    assert set(BY_SECTOR) == {"ree_elasticity", "ree_share"}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"technology": "elastic_effort"}, "Did you mean 'elastic-effort'"),
        ({"exporter": "PRC"}, "'PRC' is not a region"),
        ({"first_year": 2010}, "do not span the base year 2009"),
        ({"persistence": 1.0}, r"need one in \[0, 1\)"),
    ],
)
def test_faults_of_the_settings_are_named(settings, text):
    with pytest.raises(DataError, match=text):
        WorldSettings(**settings)
