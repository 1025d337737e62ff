"""Directed technical change: levels in closed form, hats against levels, the exponents and theorems of Acemoglu (2002)."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import acemoglu as closed
from typer.testing import CliRunner

from exacthat.cli import app
from framework import SolveError, compile_model, hat, solve
from framework.testing import assert_hat_equals_levels, assert_replicates
from models import acemoglu

TECHNOLOGIES = ["short-run", "lab-equipment", "knowledge"]
SEEDS = st.integers(0, 10_000)


@cache
def systems(technology: str):
    """The compiled model in levels and in hats."""
    model = acemoglu().choose(technology=technology)
    return compile_model(model), compile_model(hat(model))


def primitives(seed: int) -> xr.Dataset:
    """A random economy that grows and in which the direction of research is stable."""
    rng = np.random.default_rng(seed)
    keys = ["machine_cost", "labour", "skill", "labour_weight", "skill_weight", "labour_varieties_given"]
    keys += [
        "skill_varieties_given",
        "labour_research_productivity",
        "skill_research_productivity",
        "scientists",
    ]
    epsilon, beta = rng.uniform(0.3, 4.0), rng.uniform(0.3, 0.8)
    data = dict(zip(keys, rng.uniform(0.5, 2.0, len(keys)), strict=True))
    stable = rng.uniform(0, 0.9) * min(1.0, 1 / closed.sigma(epsilon, beta))
    return xr.Dataset(
        {**data, "substitution_elasticity": epsilon, "labour_exponent": beta, "state_dependence": stable,
         "discount_rate": 1e-3, "relative_risk_aversion": 2.0}
    )  # fmt: skip


def baseline(epsilon: float, beta: float, delta: float = 0.0, share: float = 0.4) -> xr.Dataset:
    """What the hats need: parameters, the share of Z in factor income, interest and growth."""
    growth = {
        "discount_rate": 0.02,
        "relative_risk_aversion": 2.0,
        "interest_rate": 0.06,
        "growth_rate": 0.02,
    }
    return xr.Dataset(
        {
            "substitution_elasticity": epsilon,
            "labour_exponent": beta,
            "state_dependence": delta,
            "skill_share": share,
        }
        | growth
    )


@pytest.mark.parametrize("technology", TECHNOLOGIES)
@settings(max_examples=10)
@given(SEEDS)
def test_levels_are_the_closed_form(technology, seed):
    data = primitives(seed)
    want = closed.economy(data, technology)
    if want.get("growth_rate", 1.0) < 1e-3:
        return
    found = solve(systems(technology)[0].bind(data)).outcomes
    for key, value in want.items():
        assert float(found[key]) == pytest.approx(value, rel=1e-9), key


@pytest.mark.parametrize("technology", TECHNOLOGIES)
@settings(max_examples=6)
@given(SEEDS)
def test_hats_are_ratios_of_levels(technology, seed):
    data = primitives(seed)
    shocks = {"skill": 1.3, "labour": 0.9, "machine_cost": 0.9, "labour_varieties_given": 1.1}
    research = {"skill_research_productivity": 1.2, "labour_research_productivity": 1.1}
    shocks |= {"skill_varieties_given": 1.2} if technology == "short-run" else research
    shocks |= {"scientists": 1.2} if technology == "knowledge" else {}
    if closed.economy(data, technology).get("growth_rate", 1.0) < 1e-2:
        return
    assert_hat_equals_levels(systems(technology), data, shocks, tolerance=1e-9)


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_no_shock_changes_nothing(technology):
    assert_replicates(systems(technology)[1], baseline(2.5, 0.6, 0.3), tolerance=1e-13)


@settings(max_examples=25)
@given(st.floats(0.2, 5), st.floats(0.2, 0.9), st.floats(0, 0.95), st.floats(0.5, 2), st.floats(0.05, 0.95))
def test_exponents_of_relative_supply(epsilon, beta, stable, supply, share):
    """Short run -1/sigma; long run sigma - 2 without, and (sigma - 2 + delta)/(1 - delta sigma) with state dependence."""
    s = closed.sigma(epsilon, beta)
    delta = stable * min(1.0, 1 / s)
    exponents = {
        "short-run": -1 / s,
        "lab-equipment": s - 2,
        "knowledge": closed.long_run_exponent(s, delta),
    }
    if abs(exponents["knowledge"]) > 30:  # the response explodes as delta sigma goes to 1
        return
    found = {}
    for technology, exponent in exponents.items():
        data = baseline(epsilon, beta, delta, share).assign(interest_rate=9.0, growth_rate=4.49)
        solution = solve(systems(technology)[1].bind(data, {"skill": supply}))
        found[technology] = float(solution["relative_factor_price"])
        assert found[technology] == pytest.approx(supply**exponent, rel=1e-8)
        if technology != "short-run":
            used = delta if technology == "knowledge" else 0.0
            bias = float(solution["skill_varieties"])
            assert bias == pytest.approx(supply ** ((s - 1) / (1 - used * s)), rel=1e-8)
    through_technology = np.log(found["knowledge"] / found["short-run"])
    assert through_technology == pytest.approx(closed.bias(s, delta) * np.log(supply), rel=1e-6, abs=1e-9)
    assert through_technology * np.log(supply) >= -1e-9  # weak bias, always


@pytest.mark.parametrize("delta", [0.0, 0.2, 0.4])
@pytest.mark.parametrize("gap", [-0.1, 0.1])
def test_strong_bias_if_and_only_if_sigma_is_above_2_less_delta(delta, gap):
    """Then more of a factor raises its relative price."""
    s = 2 - delta + gap
    beta = 0.5
    epsilon = (s - 1 + beta) / beta
    assert closed.sigma(epsilon, beta) == pytest.approx(s)
    found = solve(systems("knowledge")[1].bind(baseline(epsilon, beta, delta), {"skill": 1.1}))
    assert (float(found["relative_factor_price"]) > 1) == (gap > 0)


def test_knowledge_without_state_dependence_has_the_technology_of_lab_equipment():
    data, shocks = baseline(3.0, 0.5), {"skill": 1.4, "labour_research_productivity": 0.8}
    one, other = (solve(systems(t)[1].bind(data, shocks)) for t in ("lab-equipment", "knowledge"))
    for key in ("skill_varieties", "relative_factor_price", "labour_wage", "output"):
        assert float(one[key]) == pytest.approx(float(other[key]), rel=1e-10)


def test_the_direction_is_unstable_where_delta_sigma_exceeds_one():
    """The certificate has the derivative of the best response of N_Z, 1 + delta - 1/sigma, and refuses one above 1."""
    stable = solve(systems("knowledge")[1].bind(baseline(3.0, 0.5, 0.3), {"skill": 1.1}))  # sigma is 2
    (check,) = (c for c in stable.certificate.checks if c.name.startswith("direction of technical change"))
    assert check.value == pytest.approx(1 + 0.3 - 1 / 2, rel=1e-9)
    with pytest.raises(
        SolveError,
        match=r"(?s)direction of technical change is unstable.*it is stable where delta\*sigma < 1",
    ):
        solve(systems("knowledge")[1].bind(baseline(3.0, 0.5, 0.6), {"skill": 1.1}))


def test_an_economy_that_would_shrink_is_refused():
    with pytest.raises(SolveError, match=r"'growth_rate' would be .*must not be below 0"):
        solve(systems("lab-equipment")[1].bind(baseline(3.0, 0.5), {"labour": 0.2, "skill": 0.2}))


def test_variants_can_be_chosen_one_after_the_other():
    """What a variant states of its own symbols goes with it."""
    model = acemoglu().choose(technology="knowledge")
    again = model.choose(technology="short-run")
    assert len(again.identities) == len(acemoglu().identities) == len(model.identities) - 1
    assert len(model.choose(technology="knowledge").identities) == len(model.identities)
    assert compile_model(hat(again)).inputs


def test_a_run_shows_an_economy_of_scalars(tmp_path):
    baseline(3.4, 0.5, 0.2).to_netcdf(tmp_path / "mine.nc", engine="h5netcdf")
    arguments = ["run", "acemoglu", "--shock", "skill=1.1", "--data", str(tmp_path / "mine.nc")]
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    said = {
        line.split(",")[0].strip(): line.split()[-3:] for line in result.stdout.splitlines() if "," in line
    }
    assert said["relative factor price"] == [
        "\N{MINUS SIGN}4.24",
        "1.92",
        "7.04",
    ]  # exponents -1/2.2, 0.2, 0.4/0.56
    bias = 1.1 ** (1.2 / 0.56)  # of N_Z/N_L; each field needs scientists in proportion to N**(-+0.4)
    growth = 2 / (0.6 * bias**-0.4 + 0.4 * bias**0.4)
    assert said["growth rate"] == ["\N{EN DASH}", "2.12", f"{growth:.3g}"]


@pytest.mark.parametrize("technology", ["lab-equipment", "knowledge"])
def test_growth_above_the_interest_rate_is_refused(technology):
    """Where growth is no slower than interest, utility is infinite and there is no balanced growth path."""
    theta, rho, growth = 0.4, 0.01, 0.016
    data = baseline(2.0, 0.5).assign(
        relative_risk_aversion=theta,
        discount_rate=rho,
        growth_rate=growth,
        interest_rate=rho + theta * growth,
    )
    hats = systems(technology)[1]
    solution = solve(hats.bind(data))
    assert float(solution["interest_less_growth"]) == pytest.approx(rho + (theta - 1) * growth, rel=1e-12)
    shock = {"skill": 2.0} if technology == "lab-equipment" else {"scientists": 2.0}
    with pytest.raises(
        SolveError, match=r"'interest_less_growth' would be -0\.\d+, .* reach what was asked; ask for less"
    ):
        solve(hats.bind(data, shock))
    faster = data.assign(discount_rate=0.001, interest_rate=0.001 + theta * growth)
    with pytest.raises(
        SolveError, match=r"'interest_less_growth' would be -0\.\d+, .* with these data and parameters"
    ):
        solve(hats.bind(faster))


def test_stability_is_not_claimed_for_what_its_shifter_does_not_move():
    """Scientists move growth, and not its direction, so that they tell nothing about best responses."""
    model = acemoglu().choose(technology="knowledge")
    model.adjust("direction by scientists", {"N_Z": "S"})
    with pytest.raises(
        SolveError, match=r"direction by scientists cannot be shown to be stable: .* nothing that shifts it"
    ):
        solve(compile_model(hat(model)).bind(baseline(2.0, 0.5, delta=0.2)))
