"""Eaton-Kortum, Krugman and Melitz-Pareto: hats against levels, formulas of the literature, and each other."""

from dataclasses import replace

import armington_economy
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from oracles import closed_forms, firms
from trade_economy import baseline, costs, primitives, symmetric, systems
from typer.testing import CliRunner

from calibration import baseline_from_flows, eaton_kortum_baseline, load_table
from calibration.synthetic import synthetic_caliendo_parro
from exacthat.cli import app
from framework import DataError, Problem, Solution, SolveError, solve
from framework.testing import (
    assert_hat_equals_levels,
    assert_homogeneous,
    assert_permutation_invariant,
    assert_replicates,
    assert_walras,
)

MODELS = ["eaton-kortum", "krugman", "melitz-pareto"]
SEEDS = range(3)
"""Draws with every industry open: with scale effects an industry may close, and the models have no value there."""

COMMON = [
    "wage",
    "unit_cost",
    "price_index",
    "expenditure_share",
    "expenditure",
    "gross_output",
    "real_consumption",
]


def bind(name: str, data: xr.Dataset, **shocks: object) -> Problem:
    return systems(name)[1].bind(data, shocks)


def everything(name: str, data: xr.Dataset, seed: int) -> dict[str, object]:
    """A shock to every exogenous quantity."""
    rng = np.random.default_rng(seed)
    shocks = {
        "trade_cost": costs(data, seed),
        "technology": data.technology.copy(data=rng.uniform(0.9, 1.1, data.technology.shape)),
        "labour": {"R1": 1.2},
        "deficit": data.deficit * -0.5,
    }
    if name != "eaton-kortum":
        founded = rng.uniform(0.9, 1.1, data.entry_efficiency.shape)
        shocks["entry_efficiency"] = data.entry_efficiency.copy(data=founded)
    if name == "melitz-pareto":
        access = rng.uniform(0.8, 1.2, data.market_access_cost.shape)
        shocks["market_access_cost"] = data.market_access_cost.copy(data=access)
    return shocks


def assert_same(
    found: Solution, expected: Solution, keys: list[str] = COMMON, tolerance: float = 1e-11
) -> None:
    for key in keys:
        assert_allclose(found[key], expected[key], rtol=tolerance, err_msg=key)


# ---- every model ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", MODELS)
def test_hats_are_ratios_of_levels(name, seed):
    data = primitives(seed)
    shocks = everything(name, baseline(name, seed), seed)
    gaps = assert_hat_equals_levels(systems(name), data, shocks, tolerance=1e-11)
    assert len(gaps) == {"eaton-kortum": 10, "krugman": 11, "melitz-pareto": 12}[name]


@pytest.mark.parametrize("name", MODELS)
def test_no_shock_changes_nothing_and_units_are_immaterial(name):
    data = baseline(name, 1)
    assert_replicates(systems(name)[1], data, tolerance=1e-12)
    shocks = everything(name, data, 1)
    assert_homogeneous(systems(name)[1], data, shocks, factor=1e4)
    assert_permutation_invariant(systems(name)[1], data, shocks)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", MODELS)
def test_budgets_add_up(name, seed):
    data = baseline(name, seed)
    assert_walras(bind(name, data, trade_cost=costs(data, seed)), tolerance=1e-12)


# ---- welfare formulas ----------------------------------------------------------------------------


def own(found: Solution) -> np.ndarray:
    """Hat of the own share by region and sector."""
    return np.einsum("nns->ns", found["expenditure_share"].transpose("importer", "exporter", "sector").values)


@pytest.mark.parametrize("seed", SEEDS)
def test_welfare_in_eaton_kortum_is_that_of_own_shares_with_leontief_weights(seed):
    data = baseline("eaton-kortum", seed, deficits=False)
    found = solve(bind("eaton-kortum", data, trade_cost=costs(data, seed)))
    inputs = data.final_share.values[:, :, None] * (1 - data.value_added_share.values)[:, None, :]
    expected = closed_forms.acr_welfare_sectors(
        own(found), data.final_share.values, inputs, data.trade_elasticity.values
    )
    assert_allclose(found["real_consumption"], expected, rtol=1e-12)


def test_welfare_in_one_sector_with_inputs_is_the_own_share_over_beta_theta():
    beta, one = 0.21, one_sector(3, deficits=False)[1]  # their labour share
    data = one.assign(
        value_added_share=beta * one.value_added_share, final_expenditure=beta * one.final_expenditure
    )
    found = solve(bind("eaton-kortum", data, trade_cost=costs(data)))
    expected = closed_forms.acr_welfare(own(found)[:, 0], float(data.trade_elasticity[0]), beta)
    assert_allclose(found["real_consumption"], expected, rtol=1e-12)


@pytest.mark.parametrize("inputs", [True, False])
@pytest.mark.parametrize("name", ["krugman", "melitz-pareto"])
@pytest.mark.parametrize("seed", range(3))
def test_welfare_under_monopolistic_competition_is_that_of_shares_and_scale(seed, name, inputs):
    data = baseline(name, seed, deficits=False, inputs=inputs)
    found = solve(bind(name, data, trade_cost=costs(data, seed)))
    wage = found["wage"].values[:, None]
    expected = closed_forms.gravity_welfare(
        own(found),
        found["gross_output"].values / wage,
        found["expenditure"].values / wage,
        data.final_share.values,
        data.input_share.values,
        data.trade_elasticity.values,
        data.scale_effect.values,
        data.selection_effect.values * (name == "melitz-pareto"),
    )
    assert_allclose(found["real_consumption"], expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["krugman", "melitz-pareto"])
def test_two_equal_regions_have_a_closed_form(name):
    home, final = np.array([0.7, 0.9]), np.array([0.4, 0.6])
    inputs = np.array([[0.2, 0.1], [0.15, 0.25]])
    theta, delta, eta = np.array([4.0, 6.0]), np.array([1.0, 1.0]), np.array([0.5, 0.3])
    data = symmetric(home, final, inputs, trade_elasticity=theta, scale_effect=delta, selection_effect=eta)
    abroad = xr.ones_like(data.expenditure_share)
    away = abroad.importer != abroad.exporter
    shocks = {"trade_cost": abroad.where(~away, 1.3)}
    if name == "melitz-pareto":
        shocks["market_access_cost"] = abroad.where(~away, 1.8)
    found = solve(bind(name, data, **shocks))
    share, welfare = closed_forms.symmetric_trade_cost(
        home, final, inputs, theta, delta, eta * (name == "melitz-pareto"), 1.3, 1.8
    )
    assert_allclose(own(found) * home, np.tile(share, (2, 1)), rtol=1e-13)
    assert_allclose(found["real_consumption"], welfare, rtol=1e-13)
    assert welfare < 1


# ---- firm by firm --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["krugman", "melitz-pareto"])
def test_the_hats_are_ratios_of_equilibria_found_firm_by_firm(name):
    """Entry, cutoffs and expected sales by quadrature: nothing of the model's own algebra."""
    data = baseline(name, 1, 2, 2)
    theta, selects = data.trade_elasticity.values, name == "melitz-pareto"
    eta = data.selection_effect.values * selects
    access_share = eta / (1 + eta + theta)
    output, spending = data.gross_output.values, data.expenditure.values
    drawn = firms.Economy(
        sigma=1 + theta / (1 + eta),
        theta=theta if selects else None,
        value_added_share=data.value_added_share.values,
        input_share=data.input_share.values,
        final_share=data.final_share.values,
        lowest=np.full(output.shape, 0.1),
        entry=np.ones(output.shape),
        access=np.full(data.expenditure_share.shape, 0.1),
        trade_cost=np.ones(data.expenditure_share.shape),
        labour=np.ones(2),
        deficit=data.deficit.values,
    )
    paid = output + access_share * (spending - output)
    economy, start, income = firms.calibrated(drawn, data.expenditure_share.values, spending, paid)
    residual, old = firms.conditions(economy, start, income)
    assert np.abs(residual).max() < 1e-13  # the accounts of the model are those of its firms
    assert_allclose(old.output, output, rtol=1e-13)

    cost, technology = costs(data), np.array([[1.1, 0.95], [1.0, 1.2]])
    moved = replace(
        economy,
        trade_cost=economy.trade_cost * cost.values,
        entry=economy.entry / 1.1,
        access=economy.access * 1.3,
        lowest=economy.lowest * technology ** (1 / theta),
        labour=economy.labour * [1.1, 1.0],
        deficit=economy.deficit * 0.5,
    )
    new = firms.solve(moved, start, income)
    shocks = {
        "trade_cost": cost,
        "technology": data.technology.copy(data=technology),
        "labour": {"R0": 1.1},
        "deficit": data.deficit * 0.5,
        "entry_efficiency": 1.1,
    }
    found = solve(bind(name, data, **shocks, **({"market_access_cost": cost * 0 + 1.3} if selects else {})))
    pairs = {
        "wage": "wage",
        "price_index": "price",
        "varieties": "firms",
        "expenditure": "expenditure",
        "gross_output": "output",
        "expenditure_share": "share",
        "real_consumption": "consumption",
    }
    for ours, theirs in pairs.items():
        assert_allclose(found[ours], getattr(new, theirs) / getattr(old, theirs), rtol=1e-11, err_msg=ours)


# ---- equivalences --------------------------------------------------------------------------------


def one_sector(seed: int, deficits: bool = True) -> tuple[xr.Dataset, xr.Dataset]:
    """A baseline of Armington, and the same economy as one of the models with a sector."""
    plain = armington_economy.baseline(seed, deficits=deficits)
    sector = {"sector": ["goods"], "input_sector": ["goods"]}
    cell = xr.DataArray(
        np.ones((4, 1)), {"region": plain.region.values, "sector": ["goods"]}, ["region", "sector"]
    )
    output = (plain.expenditure_share * plain.expenditure.rename(region="importer")).sum("importer")
    data = xr.Dataset(
        {
            "expenditure_share": plain.expenditure_share.expand_dims(sector=["goods"]),
            "expenditure": cell * plain.expenditure,
            "gross_output": cell * output.rename(exporter="region"),
            "final_expenditure": plain.expenditure,
            "deficit": plain.deficit,
            "value_added_share": cell,
            "final_share": cell,
            "input_share": 0.0 * cell.expand_dims(input_sector=["goods"]),
            "tariff": 0.0 * plain.expenditure_share.expand_dims(sector=["goods"]),
            "trade_elasticity": ("sector", [float(plain.trade_elasticity)]),
            "scale_effect": ("sector", [1.0]),
            "selection_effect": ("sector", [0.6]),
        },
        coords={**plain.coords, **sector},
    )
    return plain, data


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", ["eaton-kortum", "krugman", "melitz-pareto", "caliendo-parro"])
def test_one_sector_without_inputs_is_armington(name, seed):
    """Costinot and Rodriguez-Clare: new models, the same counterfactuals; Melitz-Pareto only if trade balances."""
    plain, data = one_sector(seed, deficits=name != "melitz-pareto")
    cost = costs(plain, seed)
    if name == "eaton-kortum":
        more = {"technology": {"R0": 1.3}, "labour": {"R1": 1.2}, "deficit": plain.deficit * 0.4}
    else:
        more = {}
    expected = solve(armington_economy.systems()[1].bind(plain, {"trade_cost": cost, **_on(plain, more)}))
    found = solve(bind(name, data, trade_cost=cost.expand_dims(sector=["goods"]), **_on(data, more)))
    for key in ("wage", "price_index", "expenditure_share", "expenditure", "real_consumption"):
        array = found[key].squeeze("sector") if "sector" in found[key].dims else found[key]
        assert_allclose(array, expected[key], rtol=1e-11, err_msg=key)
    if name == "melitz-pareto":
        expected = closed_forms.acr_welfare(own(found)[:, 0], float(plain.trade_elasticity))
        assert_allclose(found["real_consumption"], expected, rtol=1e-11)


def _on(data: xr.Dataset, shocks: dict) -> dict:
    """Tables {region: value} as arrays, which models with and without sectors read alike."""
    ones = xr.ones_like(data.deficit)
    out = dict(shocks)
    for key in ("technology", "labour"):
        if key in shocks:
            out[key] = ones.copy(data=[shocks[key].get(r, 1.0) for r in data.region.values])
    return out


def without_tariffs(data: xr.Dataset) -> xr.Dataset:
    return data.assign(tariff=0.0 * data.expenditure_share)


@pytest.mark.parametrize("inputs", [True, False])
@pytest.mark.parametrize("seed", range(2))
def test_eaton_kortum_is_caliendo_and_parro_without_tariffs_where_inputs_are_what_households_buy(
    seed, inputs
):
    data = baseline("eaton-kortum", seed, inputs=inputs)
    shocks = everything("eaton-kortum", data, seed)
    shares = data.final_share.rename(sector="input_sector") * (1 - data.value_added_share)
    as_theirs = without_tariffs(data).assign(input_share=shares)
    assert_same(
        solve(bind("eaton-kortum", data, **shocks)), solve(bind("caliendo-parro", as_theirs, **shocks))
    )


@pytest.mark.parametrize("name", ["krugman", "melitz-pareto"])
def test_without_scale_effects_monopolistic_competition_is_caliendo_and_parro_without_tariffs(name):
    data = baseline("krugman", 2)
    shocks = everything("eaton-kortum", data, 2)
    found = solve(bind(name, data.assign(scale_effect=0.0 * data.scale_effect), **shocks))
    assert_same(found, solve(bind("caliendo-parro", without_tariffs(data), **shocks)))


@pytest.mark.parametrize("seed", SEEDS)
def test_without_selection_melitz_pareto_is_krugman(seed):
    data = baseline("krugman", seed)
    shocks = everything("krugman", data, seed)
    found = solve(bind("melitz-pareto", data.assign(selection_effect=0.0 * data.selection_effect), **shocks))
    assert_same(found, solve(bind("krugman", data, **shocks)), [*COMMON, "varieties"])


def test_scale_effects_matter_with_many_sectors():
    data = baseline("krugman", 1)
    cost = costs(data, 1)
    with_scale = solve(bind("krugman", data, trade_cost=cost))["real_consumption"]
    without = solve(bind("caliendo-parro", without_tariffs(data), trade_cost=cost))["real_consumption"]
    assert np.abs(with_scale - without).max() > 1e-3


def test_the_calibrated_baseline_of_eaton_kortum_is_one_of_caliendo_and_parro():
    data = eaton_kortum_baseline(load_table("wiod2009-5x14"))
    assert_replicates(systems("eaton-kortum")[1], data, tolerance=1e-10)
    cost = costs(data)
    assert_same(
        solve(bind("eaton-kortum", data, trade_cost=cost)),
        solve(bind("caliendo-parro", data, trade_cost=cost)),
    )


# ---- the command -------------------------------------------------------------------------------


def test_models_are_checked_by_name_alone_or_with_a_data_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    free_entry(1).to_netcdf("baseline.nc", engine="h5netcdf")
    for arguments, words in (
        (["check", "eaton-kortum"], "baseline replicated without a shock"),  # on the shipped table
        (["check", "krugman", "baseline.nc"], "entry of firms: largest eigenvalue of best responses"),
        (["check", "melitz-pareto"], "selection_effect"),
    ):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        assert words in done.output


# ---- stability -----------------------------------------------------------------------------------


def free_entry(sectors: int) -> xr.Dataset:
    """A synthetic economy with free entry in its first sectors."""
    economy = synthetic_caliendo_parro(5, 4, seed=4)
    flows = economy.expenditure_share * economy.expenditure.rename(region="importer")
    data = baseline_from_flows(flows, economy[["value_added_share", "input_share", "trade_elasticity"]])
    return data.assign(scale_effect=("sector", np.where(np.arange(4) < sectors, 1.0, 0.0)))


def eigenvalue(found: Solution) -> float:
    (value,) = (c.value for c in found.certificate.checks if "eigenvalue" in c.name)
    return value


def test_an_equilibrium_in_which_firms_attract_firms_is_refused():
    assert 0.5 < eigenvalue(solve(bind("krugman", free_entry(1)))) < 1
    words = r"entry of firms is unstable: .* 'varieties' at region=.*, sector=S00[12].*\(framework.follow\)"
    with pytest.raises(SolveError, match=words):
        solve(bind("krugman", free_entry(2)))


def test_without_scale_effects_entry_is_neutral_and_in_one_sector_it_is_stable():
    data = baseline("krugman", 0)
    assert eigenvalue(solve(bind("krugman", data.assign(scale_effect=0 * data.scale_effect)))) < 1e-6
    assert eigenvalue(solve(bind("krugman", one_sector(0)[1]))) < 1e-6  # labour fixes the measure of firms


# ---- messages ------------------------------------------------------------------------------------


def broken(key: str, factor: float, **at: object) -> xr.Dataset:
    data = baseline("krugman", 1).copy(deep=True)
    data[key].loc[at] *= factor
    return data


@pytest.mark.parametrize("name", MODELS)
def test_what_is_missing_or_has_other_dims_is_named(name):
    data = baseline(name, 1)
    with pytest.raises(DataError, match=rf"'{name}' needs 'final_share' .* with dims \(region, sector\)"):
        bind(name, data.drop_vars("final_share"))
    other = data.assign(trade_elasticity=data.trade_elasticity.rename(sector="industry"))
    with pytest.raises(DataError, match=r"'trade_elasticity' has dims \(industry\); it needs \(sector\)"):
        bind(name, other)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (lambda: broken("expenditure_share", 0.5, importer="R0", exporter="R0", sector="S0"),
         r"'expenditure_share' sums to 0\.\d+, not 1, at region=R0, sector=S0"),
        (lambda: broken("deficit", 3, region="R2"), r"'final_expenditure' by .* at region=R2"),
        (lambda: broken("final_share", 1.2, region="R1", sector="S2"), r"'expenditure' by .* at region=R1, sector=S2"),
        (lambda: broken("value_added_share", 1.2, region="R1", sector="S2"), r"'final_expenditure' by .* at region=R1"),
        (lambda: broken("trade_elasticity", 0, sector="S1"), r"'trade_elasticity' is 0 at sector=S1; it must be positive$"),
        (lambda: broken("scale_effect", -1, sector="S1"), r"'scale_effect' is -1 at sector=S1; it must not be below 0"),
    ],
)  # fmt: skip
def test_faults_of_the_data_are_named_with_their_place(data, words):
    with pytest.raises(DataError, match=words):
        solve(bind("krugman", data()))


def test_a_demand_elasticity_above_one_plus_theta_is_refused():
    data = baseline("melitz-pareto", 1)
    sigma = 2 + data.trade_elasticity
    data = data.assign(selection_effect=data.trade_elasticity / (sigma - 1) - 1)
    with pytest.raises(DataError, match=r"'selection_effect' is -.* at sector=S0 .*; it must not be below 0"):
        bind("melitz-pareto", data)
