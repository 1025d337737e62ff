"""The hand-coded oracles agree among themselves: the table of docs/rare_earths_model.md section 11."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from oracles import caliendo_parro, closed_forms, hats, levels
from oracles.economies import Economy, Policy, Technology, random_economy, region_labels, sector_labels
from oracles.hats import Shocks
from oracles.newton import OracleError

TECHNOLOGIES: list[Technology] = ["exo", "F", "L"]
STABLE_MOBILE = [1, 2, 3, 9]  # economies whose mobile-effort allocation is stable at phi = .3
TARGETS = {"tax": 1.0, "quota": 0.7, "price": 1.2}


@cache
def solved(seed: int, technology: Technology, tax: float = 0.0, wedges: bool = True) -> levels.Equilibrium:
    phi = 0.3 if technology == "M" else 1.0
    economy = random_economy(
        seed, tariffs=wedges, deficits=wedges, export_tax=tax, variety_productivity=phi, ree_sectors=2
    )
    return levels.solve(economy, technology)


def baseline(solution: levels.Equilibrium) -> xr.Dataset:
    return levels.baseline_from_levels(solution.economy, solution)


def in_levels(policy: Policy, base: levels.Equilibrium) -> Policy:
    """Return the level policy that a ratio policy means at a baseline."""
    anchor = {"tax": 1.0, "quota": base.ree_exports, "price": base.qW / base.w[policy.reference]}
    return replace(policy, value=policy.target * float(anchor[policy.kind]))


EXTENSIONS = {"ree_endowment", "ree_tariff_revenue", "ree_producer_price", "value_added_share", "deficit"}
"""Outcomes of extensions (elastic supply, REE tariffs, a CES of inputs, deficits that move) that only the oracle in levels has."""


def assert_outcomes(found: xr.Dataset, expected: dict[str, np.ndarray], tolerance: float = 1e-11) -> None:
    for name, value in expected.items():
        if name in EXTENSIONS:
            continue
        assert_allclose(found[name], value, rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("technology", TECHNOLOGIES)
@pytest.mark.parametrize("kind", TARGETS)
def test_hats_equal_two_level_solutions(kind, technology, seed):
    base = solved(seed, technology)
    policy = Policy(kind, TARGETS[kind], reference=1)
    new = levels.solve(base.economy, technology, in_levels(policy, base), base)
    found = hats.solve(baseline(base), technology, policy)
    assert_outcomes(found, levels.outcomes(base, new))
    assert abs(new.walras) < 1e-12
    assert abs(float(found.walras)) < 1e-12


@pytest.mark.parametrize("seed", STABLE_MOBILE)
def test_hats_equal_two_level_solutions_with_mobile_effort(seed):
    base = solved(seed, "M")
    new = levels.solve(base.economy, "M", Policy("tax", 1.0), base)
    assert_outcomes(hats.solve(baseline(base), "M", Policy("tax", 1.0)), levels.outcomes(base, new))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_hats_equal_levels_when_every_primitive_moves(technology, seed):
    base = solved(seed, technology, tax=0.15)
    e, rng = base.economy, np.random.default_rng(seed)
    shape = e.trade_cost.shape
    home = np.eye(shape[0], dtype=bool)[:, :, None]
    shocks = Shocks(
        tariff=np.where(home, 0, rng.uniform(0, 0.4, shape)),
        trade_cost=np.where(home, 1, rng.uniform(0.9, 1.2, shape)),
        technology=rng.uniform(0.7, 1.4, e.technology.shape),
        ree_endowment=rng.uniform(0.8, 1.3, shape[0]),
    )
    moved = replace(
        e,
        tariff=shocks.tariff,
        trade_cost=e.trade_cost * shocks.trade_cost,
        technology=e.technology * shocks.technology,
        ree_endowment=e.ree_endowment * shocks.ree_endowment,
    )
    new = levels.solve(moved, technology, Policy("tax", 0.4), base)
    found = hats.solve(baseline(base), technology, Policy("tax", 0.4), shocks)
    assert_outcomes(found, levels.outcomes(base, new))


@pytest.mark.parametrize("technology", TECHNOLOGIES)
@pytest.mark.parametrize("kind", TARGETS)
def test_no_shock_changes_nothing(kind, technology):
    base = solved(0, technology, tax=0.15)
    found = hats.solve(baseline(base), technology, Policy(kind))
    still = levels.outcomes(base, base)
    assert_outcomes(found, still, 1e-13)
    ones = {
        "real_consumption",
        "real_gdp",
        "real_gdp_deflated",
        "real_gdp_factor",
        "wage",
        "ree_price",
        "revenue",
    }
    assert all(np.all(np.abs(still[name] - 1) < 1e-14) for name in ones)


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_regions_balance_their_trade(technology):
    base = solved(3, technology, tax=0.3)
    e = base.economy
    flows = base.pi * base.X[:, None, :] / (1 + e.tariff)
    imports, sales = flows.sum((1, 2)), flows.sum((0, 2))
    balance = imports + base.qW * (base.r.sum(1) - e.ree_endowment) - sales - e.deficit
    assert_allclose(balance, 0, atol=1e-13 * e.world_factor_income)


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_variety_accounts(technology):
    """Profits are 1/beta of bundle expenditure, and researchers earn the same in both directions under (4)."""
    base = solved(2, technology)
    e, on = base.economy, base.economy.ree_weight > 0
    assert_allclose(
        base.r * base.q[:, None] + base.l * base.w[:, None] + base.V / e.variety_elasticity, base.V
    )
    if technology != "exo":
        odds = (base.omega / (1 - base.omega))[:, on]
        ratio = (base.A_R / base.A_L * e.labour_research_productivity / e.ree_research_productivity)[:, on]
        assert_allclose(ratio, odds**e.research_elasticity, rtol=1e-13)
        rho = base.q / base.w  # the closed form (5)
        weight = (e.ree_weight / (1 - e.ree_weight))[on]
        eta = (e.ree_research_productivity / e.labour_research_productivity)[:, on]
        eps, phi, psi = e.ree_elasticity[on], e.variety_productivity, e.research_elasticity
        power = 1 / (1 + phi * psi * (1 - eps))
        share = 1 - closed_forms.long_run_elasticity(eps, phi * psi)
        assert_allclose(
            odds, (weight * eta ** (-phi * (1 - eps))) ** power * rho[:, None] ** share, rtol=1e-12
        )


@pytest.mark.parametrize("scale", [7.0, 1e-3])
def test_numeraire_is_immaterial(scale):
    base = solved(1, "F", tax=0.2)
    e = base.economy
    other = levels.solve(
        replace(e, world_factor_income=e.world_factor_income * scale, deficit=e.deficit * scale), "F"
    )
    for name in ("consumption", "r", "l", "omega", "pi", "A_R", "ree_exports"):
        assert_allclose(getattr(other, name), getattr(base, name), rtol=1e-12, err_msg=name)
    assert_allclose(other.w, base.w * scale, rtol=1e-12)


def with_elasticity(economy: Economy, eps: float) -> Economy:
    return replace(economy, ree_elasticity=np.where(economy.ree_weight > 0, eps, 1.0))


def bundle(data: xr.Dataset, **changes) -> xr.Dataset:
    return data.assign({k: xr.full_like(data[k], v) if np.isscalar(v) else v for k, v in changes.items()})


def test_unit_elasticity_makes_technology_irrelevant():
    base = levels.solve(with_elasticity(solved(4, "exo").economy, 1.0), "exo")
    data = baseline(base)
    exogenous, *endogenous = (hats.solve(data, t, Policy("tax", 1.0)) for t in TECHNOLOGIES)
    for found in endogenous:
        xr.testing.assert_allclose(found, exogenous, rtol=1e-13, atol=1e-13)
        assert_allclose(found.innovation_bias, 1, atol=1e-15)
    new = levels.solve(base.economy, "exo", Policy("tax", 1.0), base)
    assert_outcomes(exogenous, levels.outcomes(base, new))


def test_outcomes_pass_smoothly_and_bias_changes_sign_at_unit_elasticity():
    data = baseline(solved(4, "L"))
    active = data.ree_share.max("region") > 0

    def bias(eps: float) -> xr.DataArray:
        changed = bundle(data, ree_elasticity=xr.where(active, eps, 1.0))
        return hats.solve(changed, "L", Policy("tax", 1.0)).innovation_bias_abroad[active]

    below, at, above = bias(0.999), bias(1.0), bias(1.001)
    assert (below > 1e-3).all()
    assert (above < -1e-3).all()
    assert_allclose(at, 0, atol=1e-13)
    assert_allclose(below, -above, rtol=1e-2)
    assert_allclose(bias(1 - 1e-9) * 1e6, below, rtol=1e-2)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize(("phi", "kappa"), [(1.0, 1.0), (0.5, 0.8)])
def test_fixed_effort_is_exogenous_technology_at_the_long_run_elasticity(kind, phi, kappa):
    data = bundle(baseline(solved(5, "F")), variety_productivity=phi, research_elasticity=kappa)
    policy = Policy(kind, TARGETS[kind])
    envelope = bundle(data, ree_elasticity=closed_forms.long_run_elasticity(data.ree_elasticity, phi * kappa))
    found, expected = hats.solve(data, "F", policy), hats.solve(envelope, "exo", policy)
    differing = ["innovation_bias", "innovation_bias_abroad", "tfp"]
    xr.testing.assert_allclose(
        found.drop_vars(differing), expected.drop_vars(differing), rtol=1e-12, atol=1e-12
    )
    eps = data.ree_elasticity.to_numpy()
    sigma = closed_forms.long_run_elasticity(eps, phi * kappa)
    on = eps != 1
    q, w = (found[k].to_numpy()[:, None] for k in ("ree_price", "wage"))
    theorem = closed_forms.ces(data.ree_share.to_numpy()[:, on], q, w, sigma[on])
    assert_allclose(found.value_added_cost[:, on], theorem, rtol=1e-12)
    bias = (q / w) ** closed_forms.bias_exponent(eps, phi, kappa)
    assert_allclose(found.innovation_bias, bias, rtol=1e-12)


@pytest.mark.parametrize("technology", ["F", "L"])
def test_no_research_elasticity_is_exogenous_technology(technology):
    data = bundle(baseline(solved(6, "exo")), research_elasticity=0.0)
    found, expected = (hats.solve(data, t, Policy("tax", 1.0)) for t in (technology, "exo"))
    xr.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_without_ree_the_model_is_caliendo_and_parro(technology, seed):
    base = caliendo_parro.random_baseline(seed, 4, 5)
    war = np.where(np.eye(4, dtype=bool)[:, :, None], 0, 0.3)
    cost = np.random.default_rng(seed).uniform(0.9, 1.2, war.shape)
    expected = caliendo_parro.solve(base, war, cost)
    found = hats.solve(
        caliendo_parro.to_dataset(base), technology, shocks=Shocks(tariff=war, trade_cost=cost)
    )
    names = {"w": "wage", "c": "unit_cost", "P": "price_index", "pi": "expenditure_share"}
    names |= {"I": "final_expenditure", "welfare": "real_consumption"}
    assert_outcomes(found, {new: expected[old] for old, new in names.items()})


def test_caliendo_parro_keeps_a_baseline_without_shock():
    base = caliendo_parro.random_baseline(7, 3, 4)
    found = caliendo_parro.solve(base)
    for name in ("w", "c", "P", "I", "welfare"):
        assert_allclose(found[name], 1, rtol=1e-13, err_msg=name)
    assert_allclose(found["pi"], base.pi, rtol=1e-13)
    again = caliendo_parro.from_dataset(caliendo_parro.to_dataset(base))
    assert_allclose(again.value_added, base.value_added, rtol=1e-12)


def test_acr_formula():
    base = caliendo_parro.random_baseline(8, 4, 3)
    data = caliendo_parro.to_dataset(
        caliendo_parro.balanced(replace(base, tariff=np.zeros_like(base.tariff), deficit=np.zeros(4)))
    )
    cost = np.where(
        np.eye(4, dtype=bool)[:, :, None], 1, np.random.default_rng(8).uniform(0.8, 1.6, (4, 4, 3))
    )
    found = hats.solve(data, "exo", shocks=Shocks(trade_cost=cost))
    own = np.einsum("iis->is", found.expenditure_share.to_numpy()) / np.einsum("iis->is", base.pi)
    expected = closed_forms.acr_welfare_sectors(
        own, base.final_share, base.input_share, base.trade_elasticity
    )
    assert_allclose(found.real_consumption, expected, rtol=1e-12)


@pytest.mark.parametrize("value_added_share", [1.0, 0.5])
def test_acr_formula_with_one_sector(value_added_share):
    base = caliendo_parro.random_baseline(9, 3, 1)
    nu = np.full((3, 1), value_added_share)
    base = replace(base, value_added_share=nu, input_share=1 - nu[:, None, :], final_share=np.ones((3, 1)))
    base = caliendo_parro.balanced(replace(base, tariff=np.zeros_like(base.tariff), deficit=np.zeros(3)))
    cost = np.where(np.eye(3, dtype=bool)[:, :, None], 1, 1.4)
    found = hats.solve(caliendo_parro.to_dataset(base), "exo", shocks=Shocks(trade_cost=cost))
    own = np.einsum("iis->i", found.expenditure_share.to_numpy()) / np.einsum("iis->i", base.pi)
    expected = closed_forms.acr_welfare(own, base.trade_elasticity[0], value_added_share)
    assert_allclose(found.real_consumption, expected, rtol=1e-13)


def symmetric(omega: float, eps: float) -> xr.Dataset:
    """Return two equal regions with one sector made of labour and REE only, frictional trade, no wedges."""
    regions, sectors, beta = region_labels(2), sector_labels(1), 4.0
    cell, ree = ("region", "sector"), omega * (beta - 1) / beta
    return xr.Dataset(
        {
            "expenditure_share": (("importer", "exporter", "sector"), np.array([[[0.7], [0.3]], [[0.3], [0.7]]])),
            "expenditure": (cell, np.ones((2, 1))),
            "gross_output": (cell, np.ones((2, 1))),
            "value_added_share": (cell, np.ones((2, 1))),
            "input_share": (("region", "input_sector", "sector"), np.zeros((2, 1, 1))),
            "final_share": (cell, np.ones((2, 1))),
            "tariff": (("importer", "exporter", "sector"), np.zeros((2, 2, 1))),
            "final_expenditure": ("region", np.ones(2)),
            "deficit": ("region", np.zeros(2)),
            "ree_share": (cell, np.full((2, 1), omega)),
            "ree_endowment": ("region", np.full(2, ree)),
            "export_tax": ((), 0.0),
            "ree_elasticity": ("sector", [eps]),
            "trade_elasticity": ("sector", [5.0]),
            "variety_elasticity": ((), beta),
            "variety_productivity": ((), 1.0),
            "research_elasticity": ((), 1.0),
        },
        coords={"region": regions, "importer": regions, "exporter": regions, "sector": sectors, "input_sector": sectors},
    )  # fmt: skip


@pytest.mark.parametrize("technology", TECHNOLOGIES)
@pytest.mark.parametrize("eps", [0.4, 0.75, 1.28])
def test_symmetric_world_with_half_the_ree(eps, technology):
    omega, change = 0.2, 0.5
    if technology == "L":
        rho, welfare = closed_forms.symmetric_endowment_elastic_effort(omega, eps, change)
    else:
        elasticity = eps if technology == "exo" else float(closed_forms.long_run_elasticity(np.asarray(eps)))
        rho, welfare = closed_forms.symmetric_endowment(omega, elasticity, change)
    found = hats.solve(symmetric(omega, eps), technology, shocks=Shocks(ree_endowment=np.full(2, change)))
    assert_allclose(found.ree_price / found.wage, rho, rtol=1e-13)
    assert_allclose(found.real_consumption, welfare, rtol=1e-13)


def slope(technology: Technology, data: xr.Dataset, h: float = 1e-4) -> xr.Dataset:
    """Return derivatives of the outcomes with respect to the export tax at zero, by central differences."""
    up, down = (hats.solve(data, technology, Policy("tax", sign * h)) for sign in (1, -1))
    return (up - down) / (2 * h)


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_hulten_world_welfare_effect_of_the_tax(technology):
    data = baseline(solved(2, technology, wedges=False))

    def world(t: float) -> float:
        found = hats.solve(data, technology, Policy("tax", t))
        return float((data.final_expenditure * np.log(found.real_consumption)).sum()) / t

    large, middle, small = (world(t) for t in (1e-2, 1e-3, 1e-4))
    scale = float(data.final_expenditure.sum())
    if technology == "L":  # elastic research effort is not an envelope: the effect is of first order
        assert abs(small) > 1e-5 * scale
        assert abs(small / middle - 1) < 0.05
    else:
        assert large / middle == pytest.approx(10, rel=0.1)
        assert middle / small == pytest.approx(10, rel=0.1)
        assert abs(small) < 1e-4 * scale


@pytest.mark.parametrize("technology", ["exo", "F"])
def test_hulten_weight_of_the_endowment_is_the_ree_share_of_value_added(technology):
    data = baseline(solved(2, technology, wedges=False))
    h = 1e-4
    up, down = (
        hats.solve(data, technology, shocks=Shocks(ree_endowment=np.full(3, np.exp(sign * h))))
        for sign in (1, -1)
    )
    income = data.final_expenditure
    elasticity = float(
        (income * np.log(up.real_consumption / down.real_consumption)).sum() / income.sum()
    ) / (2 * h)
    weight = float((data.ree_share * data.value_added_share * data.gross_output).sum() / income.sum())
    assert elasticity == pytest.approx(weight, rel=1e-7)


@pytest.mark.parametrize("technology", ["exo", "F"])
@pytest.mark.parametrize("seed", [0, 3])
def test_first_order_welfare_of_each_region(technology, seed):
    """Equation (16): terms of trade in goods and in REE, and the markup on REE use."""
    base = solved(seed, technology, wedges=False)
    data, e = baseline(base), base.economy
    d = slope(technology, data)
    cost = d.unit_cost.to_numpy()
    flows = base.pi * base.X[:, None, :]
    goods = (flows.sum(0) * cost).sum(1) - (flows * cost).sum((1, 2))
    world_price, use = float(d.world_ree_price), base.r.sum(1)
    ree = base.qW * (e.ree_endowment - use) * world_price
    V = (data.value_added_share * data.gross_output).to_numpy()
    new_use = d.ree_share.to_numpy() * V + base.omega * V * d.revenue.to_numpy()
    change = new_use.sum(1) / e.markup - base.q * use * d.ree_price.to_numpy()  # q dr
    expected = goods + ree + (e.markup - 1) * change
    assert_allclose(base.I * d.real_consumption, expected, atol=1e-8 * e.world_factor_income)
    assert_allclose(d.real_gdp, (e.markup - 1) * change / (base.I - e.deficit), atol=1e-8)
    assert_allclose(d.real_gdp_deflated, d.real_consumption, atol=1e-10)


def test_bundled_economy_is_labelled():
    economy = random_economy(0, regions=4, sectors=3)
    data = economy.to_dataset()
    assert data.trade_cost.dims == ("importer", "exporter", "sector")
    assert list(data.region.values) == ["CHN", "R1", "R2", "R3"]
    assert_allclose(data.value_added_share + data.input_share.sum("input_sector"), 1)
    assert float(data.ree_weight[-1]) == 0


def test_stability_bound_is_an_error():
    data = bundle(baseline(solved(0, "exo")), ree_elasticity=2.0)
    with pytest.raises(ValueError, match="stability bound"):
        hats.solve(data, "F", Policy("tax", 0.1))
    with pytest.raises(ValueError, match="stability bound"):
        random_economy(0, elasticity=(2.1, 2.5))


def test_prices_that_need_chinese_ree_imports_are_an_error():
    with pytest.raises(OracleError, match="import REE"):
        hats.solve(baseline(solved(0, "exo")), "exo", Policy("price", 60.0))
