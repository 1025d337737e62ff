"""The rare-earths model derived by the framework: identities and limits of docs/rare_earths_model.md section 11."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import xarray as xr
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from levels_of import ELEMENTS, TECHNOLOGIES
from numpy.testing import assert_allclose
from oracles import caliendo_parro, closed_forms, hats, levels
from oracles.economies import Policy, region_labels, sector_labels
from rare_earths_economy import KEYS, STILL, TARGETS, baseline, compiled, counterfactual, equilibrium

import calibration
from framework import Solution, solve
from framework.testing import (
    assert_homogeneous,
    assert_permutation_invariant,
    assert_replicates,
    assert_walras,
)

ENDOGENOUS = ["F", "L"]
NO_SHRINKING = [Phase.explicit, Phase.generate]  # each step of it would solve anew
technologies = pytest.mark.parametrize("technology", TECHNOLOGIES)
kinds = pytest.mark.parametrize("kind", KEYS)


def in_oracle_units(found: Solution, data: xr.Dataset) -> dict[str, xr.DataArray]:
    """Outcomes under the names and units of the oracles."""
    out = {str(k): v for k, v in found.outcomes.items()}
    out["revenue"] = out["gross_output"]
    out["ree_share"] = out["ree_share"] * data.ree_share
    out["expenditure_share"] = out["expenditure_share"] * data.expenditure_share
    ree, labour = np.log(out["ree_varieties"]), np.log(out["labour_varieties"])
    out["tfp"] = data.variety_productivity * (data.ree_share * ree + (1 - data.ree_share) * labour)
    return out


COMMON = {
    *("real_consumption", "real_gdp", "real_gdp_deflated", "real_gdp_factor", "wage", "ree_price"),
    *("world_ree_price", "innovation_bias_abroad", "ree_share", "value_added_cost", "unit_cost"),
    *("price_index", "revenue", "exports", "expenditure_share", "expenditure", "final_expenditure", "tfp"),
}


def assert_agrees(found: Solution, data: xr.Dataset, expected, tolerance: float = 1e-11) -> None:
    """Compare every outcome that the oracle knows; the bias only where there is an REE bundle."""
    ours = in_oracle_units(found, data)
    active = data.ree_share.max("region").values > 0
    shared = {str(k) for k in expected} & set(ours)
    assert shared >= COMMON
    for name in shared:
        a, b = ours[name].values, np.asarray(expected[name])
        if name in ("innovation_bias", "innovation_bias_abroad"):
            a, b = a[..., active], b[..., active]
        assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=name)


# ---- against the oracles -------------------------------------------------------------------------


@technologies
@kinds
def test_policies_are_those_of_the_oracles_in_levels_and_in_hats(kind, technology):
    base, data = equilibrium(0, technology, 0.15), baseline(0, technology, 0.15)
    found = counterfactual(data, technology, kind, TARGETS[kind])
    assert_agrees(found, data, hats.solve(data, technology, Policy(kind, TARGETS[kind], reference=1)))
    anchor = {"tax": 1.0, "quota": base.ree_exports, "price": base.qW / base.w[1]}
    policy = Policy(kind, TARGETS[kind] * float(anchor[kind]), reference=1)
    assert_agrees(found, data, levels.outcomes(base, levels.solve(base.economy, technology, policy, base)))


@cache
def wiod() -> xr.Dataset:
    return calibration.rare_earths_baseline(calibration.load_table("wiod2009-5x14"))


@technologies
@pytest.mark.parametrize(("kind", "value"), [("tax", 0.25), ("quota", 0.6), ("price", 10.0)])
def test_default_cases_on_wiod_are_those_of_the_oracle(kind, value, technology):
    data = wiod()
    found = counterfactual(data, technology, kind, value)
    usa = list(data.region.values).index("USA")
    expected = hats.solve(data, technology, Policy(kind, value, reference=usa))
    assert_agrees(found, data, expected, 1e-10)
    if kind != "tax":
        assert_allclose(found["export_tax"], expected["export_tax"], rtol=1e-10)


@technologies
@kinds
def test_no_shock_changes_nothing(kind, technology):
    assert_replicates(
        compiled(technology, kind),
        baseline(0, technology, 0.15),
        STILL[kind],
        elements=ELEMENTS,
        tolerance=1e-13,
    )


def assert_same(
    found: Solution, expected: Solution, tolerance: float, but: frozenset | set = frozenset()
) -> None:
    """Compare all variables that two variants share."""
    keys = set(map(str, found.outcomes)) & set(map(str, expected.outcomes)) - but
    assert len(keys) > 20
    for key in keys:
        assert_allclose(found[key], expected[key], rtol=tolerance, atol=tolerance, err_msg=key)


# ---- limits --------------------------------------------------------------------------------------


def with_elasticity(data: xr.Dataset, value: float) -> xr.Dataset:
    """Give every sector that uses REE the same elasticity."""
    active = data.ree_share.max("region") > 0
    return data.assign(ree_elasticity=xr.where(active, value, 1.0))


def test_technology_is_irrelevant_at_unit_elasticity():
    data = with_elasticity(baseline(4, "exo"), 1.0)
    exogenous = counterfactual(data, "exo", value=1.0)
    for technology in ENDOGENOUS:
        found = counterfactual(data, technology, value=1.0)
        assert_allclose(found["innovation_bias"], 1, atol=1e-15)
        assert_same(found, exogenous, 1e-13)
    assert_agrees(exogenous, data, hats.solve(data, "exo", Policy("tax", 1.0)))


@pytest.mark.parametrize("technology", ENDOGENOUS)
def test_bias_passes_linearly_through_zero_at_unit_elasticity(technology):
    data = baseline(4, technology)
    active = data.ree_share.max("region").values > 0

    def bias(eps: float) -> np.ndarray:
        found = counterfactual(with_elasticity(data, eps), technology, value=1.0)
        return found["innovation_bias_abroad"].values[active]

    below, near, above = bias(1 - 1e-3), bias(1 - 1e-4), bias(1 + 1e-3)
    assert (below > 0).all()
    assert (above < 0).all()
    assert_allclose(below / near, 10, rtol=2e-3)
    assert_allclose(below, -above, rtol=3e-3)
    assert_allclose(bias(1 - 1e-9) * 1e6, below, rtol=1e-2)


@kinds
@pytest.mark.parametrize(("phi", "kappa"), [(1.0, 1.0), (0.5, 0.8)])
def test_fixed_effort_is_exogenous_technology_at_the_long_run_elasticity(kind, phi, kappa):
    """Theorem 1, and the closed forms (5) and (7)."""
    data = baseline(5, "F").assign(variety_productivity=phi, research_elasticity=kappa)
    sigma = closed_forms.long_run_elasticity(data.ree_elasticity, phi * kappa)
    found = counterfactual(data, "F", kind, TARGETS[kind])
    expected = counterfactual(data.assign(ree_elasticity=sigma), "exo", kind, TARGETS[kind])
    technological = {"innovation_bias", "innovation_bias_abroad", "total_factor_productivity"}
    technological |= {k for k in map(str, found.outcomes) if "bundle_price" in k or "varieties" in k}
    assert_same(found, expected, 1e-12, technological)
    on = data.ree_elasticity.values != 1
    q, w = (found[k].values[:, None] for k in ("ree_price", "wage"))
    cost = closed_forms.ces(data.ree_share.values[:, on], q, w, sigma.values[on])
    assert_allclose(found["value_added_cost"][:, on], cost, rtol=1e-12)
    exponent = closed_forms.bias_exponent(data.ree_elasticity.values, phi, kappa)
    assert_allclose(found["innovation_bias"], (q / w) ** exponent, rtol=1e-12)


@pytest.mark.parametrize("technology", ENDOGENOUS)
def test_technology_is_exogenous_without_research_elasticity(technology):
    data = baseline(6, "exo").assign(research_elasticity=0.0)
    found, expected = (counterfactual(data, t, value=1.0) for t in (technology, "exo"))
    assert_same(found, expected, 1e-13)


def without_ree(base: caliendo_parro.Baseline, share: float = 1e-15) -> xr.Dataset:
    """The economy with a vanishing use of REE in its first sector; their market must have something to clear."""
    data = caliendo_parro.to_dataset(base)
    omega = xr.zeros_like(data.ree_share)
    omega[:, 0] = share
    use = (omega * data.value_added_share * data.gross_output).sum() * 3 / 4
    owned = xr.zeros_like(data.ree_endowment)
    owned[0] = use
    return data.assign(ree_share=omega, ree_endowment=owned)


@technologies
@pytest.mark.parametrize("seed", range(2))
def test_without_ree_the_model_is_caliendo_and_parro(technology, seed):
    base = caliendo_parro.random_baseline(seed, 4, 5)
    data = without_ree(base)
    abroad = ~np.eye(4, dtype=bool)[:, :, None]
    war = np.where(abroad, 0.3, 0.0) * np.ones(5)
    cost = np.where(abroad, np.random.default_rng(seed).uniform(0.9, 1.2, war.shape), 1.0)
    expected = caliendo_parro.solve(base, war, cost)
    shocks = {"tariff": data.tariff.copy(data=war), "trade_cost": data.tariff.copy(data=cost)}
    found = counterfactual(data, technology, **shocks)
    names = {"w": "wage", "c": "unit_cost", "P": "price_index"}
    names |= {"I": "final_expenditure", "welfare": "real_consumption"}
    for theirs, ours in names.items():
        assert_allclose(found[ours], expected[theirs], rtol=1e-12, err_msg=ours)
    assert_allclose(found["expenditure_share"] * data.expenditure_share, expected["pi"], rtol=1e-12)


@technologies
@pytest.mark.parametrize("nu", [1.0, 0.5])
def test_welfare_is_the_formula_of_arkolakis_costinot_and_rodriguez_clare(nu, technology):
    base = caliendo_parro.random_baseline(9, 3, 1)
    share = np.full((3, 1), nu)
    base = replace(
        base, value_added_share=share, input_share=1 - share[:, None, :], final_share=np.ones((3, 1))
    )
    base = replace(base, tariff=np.zeros_like(base.tariff), deficit=np.zeros(3))
    data = without_ree(caliendo_parro.balanced(base))
    cost = xr.where(data.tariff.importer == data.tariff.exporter, 1.0, 1.4)
    found = counterfactual(data, technology, trade_cost=cost)
    own = np.einsum("iis->i", found["expenditure_share"].values)
    expected = closed_forms.acr_welfare(own, float(base.trade_elasticity[0]), nu)
    assert_allclose(found["real_consumption"], expected, rtol=1e-13)


SURPLUS = 0.05  # REE endowment of the first region beyond its use


def symmetric(omega: float, eps: float) -> xr.Dataset:
    """Two regions with one sector made of labour and REE, equal but for the ownership of REE.

    Deficits offset the surplus of the first, so that both spend the same; without exports of REE their ratio to
    the baseline would have no value.
    """
    regions, sectors, beta, surplus = region_labels(2), sector_labels(1), 4.0, SURPLUS
    cell, use = ("region", "sector"), omega * (beta - 1) / beta
    return xr.Dataset(
        {
            "expenditure_share": (("importer", "exporter", "sector"), [[[0.7], [0.3]], [[0.3], [0.7]]]),
            "expenditure": (cell, np.ones((2, 1))),
            "gross_output": (cell, np.ones((2, 1))),
            "value_added_share": (cell, np.ones((2, 1))),
            "input_share": (("region", "input_sector", "sector"), np.zeros((2, 1, 1))),
            "final_share": (cell, np.ones((2, 1))),
            "tariff": (("importer", "exporter", "sector"), np.zeros((2, 2, 1))),
            "final_expenditure": ("region", np.ones(2)),
            "deficit": ("region", [-surplus, surplus]),
            "ree_share": (cell, np.full((2, 1), omega)),
            "ree_endowment": ("region", [use + surplus, use - surplus]),
            "export_tax": ((), 0.0),
            "ree_elasticity": ("sector", [eps]),
            "trade_elasticity": ("sector", [5.0]),
            "variety_elasticity": ((), beta),
            "variety_productivity": ((), 1.0),
            "research_elasticity": ((), 1.0),
        },
        {
            "region": regions,
            "importer": regions,
            "exporter": regions,
            "sector": sectors,
            "input_sector": sectors,
        },
    )


@technologies
@pytest.mark.parametrize("eps", [0.4, 0.75, 1.28])
def test_symmetric_world_with_half_the_ree(eps, technology):
    omega, change = 0.2, 0.5
    if technology == "L":
        rho, welfare = closed_forms.symmetric_endowment_elastic_effort(omega, eps, change)
    else:
        elasticity = eps if technology == "exo" else float(closed_forms.long_run_elasticity(np.asarray(eps)))
        rho, welfare = closed_forms.symmetric_endowment(omega, elasticity, change)
    data = symmetric(omega, eps)
    odds = omega / (1 - omega) * rho * change
    price = odds / (1 + odds) / omega / change  # of REE, in world factor income
    offset = data.deficit.copy(data=SURPLUS * change * price * np.array([-1, 1]))
    found = counterfactual(data, technology, ree_endowment=change, deficit=offset)
    assert_allclose(found["ree_price"] / found["wage"], rho, rtol=1e-13)
    assert_allclose(found["real_consumption"], welfare, rtol=1e-13)


# ---- first order ---------------------------------------------------------------------------------


def slope(data: xr.Dataset, technology: str, h: float = 1e-4) -> xr.Dataset:
    """Derivatives of the outcomes with respect to the export tax at zero, by central differences."""
    up, down = (counterfactual(data, technology, value=sign * h).outcomes for sign in (1, -1))
    return (up - down) / (2 * h)


@technologies
def test_world_welfare_effect_of_the_tax_is_of_second_order_unless_effort_is_elastic(technology):
    """Hulten: at an efficient allocation of REE a small tax costs the world nothing."""
    data = baseline(2, technology, wedges=False)

    def world(t: float) -> float:
        found = counterfactual(data, technology, value=t)
        return float((data.final_expenditure * np.log(found["real_consumption"])).sum()) / t

    large, middle, small = (world(t) for t in (1e-2, 1e-3, 1e-4))
    scale = float(data.final_expenditure.sum())
    if technology == "L":
        assert abs(small) > 1e-5 * scale
        assert abs(small / middle - 1) < 0.05
    else:
        assert large / middle == pytest.approx(10, rel=0.1)
        assert middle / small == pytest.approx(10, rel=0.1)
        assert abs(small) < 1e-4 * scale


@pytest.mark.parametrize("technology", ["exo", "F"])
def test_weight_of_the_endowment_is_the_ree_share_of_value_added(technology):
    data, h = baseline(2, technology, wedges=False), 1e-4
    up, down = (counterfactual(data, technology, ree_endowment=float(np.exp(sign * h))) for sign in (1, -1))
    income = data.final_expenditure
    growth = np.log(up["real_consumption"] / down["real_consumption"]) / (2 * h)
    weight = (data.ree_share * data.value_added_share * data.gross_output).sum() / income.sum()
    assert float((income * growth).sum() / income.sum()) == pytest.approx(float(weight), rel=1e-7)


@pytest.mark.parametrize("technology", ["exo", "F"])
def test_first_order_welfare_of_each_region(technology):
    """Equation (16): terms of trade in goods and in REE, and the markup on REE use."""
    base, data = equilibrium(3, technology, wedges=False), baseline(3, technology, wedges=False)
    d, e = slope(data, technology), base.economy
    cost = d["unit_cost"].values
    flows = base.pi * base.X[:, None, :]
    goods = (flows.sum(0) * cost).sum(1) - (flows * cost).sum((1, 2))
    ree = base.qW * (e.ree_endowment - base.r.sum(1)) * float(d["world_ree_price"])
    use = (base.q[:, None] * base.r * d["ree_use"].values).sum(1)  # q dr
    expected = goods + ree + (e.markup - 1) * use
    assert_allclose(base.I * d["real_consumption"], expected, atol=1e-8 * e.world_factor_income)
    assert_allclose(d["real_gdp"], (e.markup - 1) * use / (base.I - e.deficit), atol=1e-8)
    assert_allclose(d["real_gdp_deflated"], d["real_consumption"], atol=1e-10)


# ---- invariants ----------------------------------------------------------------------------------


@technologies
@kinds
def test_markets_clear_and_budgets_add_up(kind, technology):
    data = baseline(1, technology, 0.15)
    policy = {KEYS[kind]: TARGETS[kind]}
    problem = compiled(technology, kind).bind(data, {"tariff": data.tariff * 1.5, **policy}, ELEMENTS)
    assert_walras(problem, tolerance=1e-13)
    found = solve(problem)
    share = data.ree_share * found["ree_share"]
    assert ((share >= 0) & (share < 1)).all()
    assert_allclose((data.expenditure_share * found["expenditure_share"]).sum("exporter"), 1, rtol=1e-13)
    added = data.value_added_share * data.gross_output
    price = xr.where(data.region == "CHN", 1 / 1.15, 1.0)  # of REE at the baseline
    old = data.ree_share * added * 0.75 / price
    assert_allclose((old * found["ree_use"]).sum(), data.ree_endowment.sum(), rtol=1e-13)
    exports = float((data.ree_endowment - (old * found["ree_use"]).sum("sector")).sel(region="CHN"))
    assert_allclose(found["ree_exports"], exports, rtol=1e-12)
    payroll = ((1 - share) * added * found["value_added"]).sum("sector")
    assert_allclose(payroll, found["wage"] * ((1 - data.ree_share) * added).sum("sector"), rtol=1e-12)


@settings(max_examples=3, phases=NO_SHRINKING)
@given(st.integers(0, 3), st.sampled_from(list(TECHNOLOGIES)), st.floats(1e-3, 1e6))
def test_unit_of_account_and_order_of_labels_are_immaterial(seed, technology, factor):
    data = baseline(seed, technology)
    shocks = {"export_tax": 0.5, "tariff": data.tariff * 0.5, "deficit": data.deficit * -1}
    about = {"elements": ELEMENTS}
    assert_homogeneous(compiled(technology), data, shocks, factor=factor, nominal=["ree_exports"], **about)
    assert_permutation_invariant(compiled(technology), data, shocks, seed=seed, **about)


@settings(max_examples=5, phases=NO_SHRINKING)
@given(st.integers(0, 3), st.sampled_from(ENDOGENOUS), st.floats(0.05, 0.3), st.floats(0.3, 1.7))
def test_signs_of_the_comparative_statics(seed, technology, tax, eps):
    """docs/rare_earths_model.md 5.1-5.3: where REE get dearer r/l falls, and E_R/E_L and A_R/A_L rise if and only if eps < 1."""
    data = with_elasticity(baseline(seed, technology), eps)
    active = data.ree_share.max("region") > 0
    found = counterfactual(data, technology, value=tax).outcomes.sel(region=["R1", "R2"], sector=active)
    dearer = np.log(found["ree_price"] / found["wage"])
    spending = np.log(found["relative_bundle_expenditure"])
    assert (dearer > 0).all()
    assert (spending - dearer < 0).all()
    assert (spending * (1 - eps) >= 0).all()
    assert_allclose(np.log(found["innovation_bias"]), spending, atol=1e-12)
