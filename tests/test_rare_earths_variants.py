"""What is off by default in the rare-earths model: docs/rare_earths_model.md section 12. Levels, limits and accounts."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import xarray as xr
from levels_of import ELEMENTS, TECHNOLOGIES
from numpy.testing import assert_allclose
from oracles import levels
from oracles.economies import Economy, Policy, random_economy
from rare_earths_economy import baseline, counterfactual
from test_rare_earths import assert_agrees

from framework import DataError, Solution, SolveError, compile_model, hat, solve
from framework.solve.accounting import missing_income, wedges
from framework.testing import assert_replicates, assert_walras
from models import rare_earths

NAMES = TECHNOLOGIES | {"M": "mobile-effort", "E": "free-entry"}
RATES = np.array([0.01, -0.02, 0.015])


def drawn(technology: str, **changes: object) -> Economy:
    phi = {"variety_productivity": 0.3} if technology in "ME" else {}
    return replace(random_economy(7, export_tax=0.1, ree_sectors=2, **phi), **changes)


def taste(size: int = 3) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.5, 1.5, (size, size)) + np.eye(size)


CASES = {
    "ces": ("exo", {"production": "ces"}, {"input_elasticity": 0.4}),
    "elastic supply": ("F", {"rare_earth_supply": "elastic"}, {"supply_elasticity": 0.7}),
    "proportional deficits": ("exo", {"deficits": "proportional"}, {}),
    "tariffs": ("L", {"rare_earth_market": "homogeneous-tariffs"}, {}),
    "armington": (
        "M",
        {"rare_earth_market": "armington", "production": "ces"},
        {"ree_taste": taste(), "input_elasticity": 1.4},
    ),
    "all": (
        "E",
        {
            "production": "ces",
            "rare_earth_supply": "elastic",
            "deficits": "proportional",
            "rare_earth_market": "homogeneous-tariffs",
        },
        {"input_elasticity": 1.4, "supply_elasticity": 0.7},
    ),
    "all by origin": (
        "L",
        {
            "production": "ces",
            "rare_earth_supply": "elastic",
            "deficits": "proportional",
            "rare_earth_market": "armington",
        },
        {"ree_taste": taste(), "input_elasticity": 0.6, "supply_elasticity": 1.5},
    ),
}
"""Technology, variants, and what the oracle's economy has."""


SHOWN = {
    "ces": ["value_added_share"],
    "elastic supply": ["ree_endowment"],
    "proportional deficits": ["deficit"],
    "tariffs": ["ree_tariff_revenue"],
    "armington": ["ree_tariff_revenue", "ree_producer_price", "value_added_share"],
    "all": ["value_added_share", "ree_endowment", "deficit", "ree_tariff_revenue"],
    "all by origin": [
        "value_added_share",
        "ree_endowment",
        "deficit",
        "ree_tariff_revenue",
        "ree_producer_price",
    ],
}
"""What only the variants of a case have, and the oracle too."""


@cache
def system(technology: str, variants: tuple = ()):
    model = rare_earths().choose(technology=NAMES[technology], **dict(variants))
    return compile_model(hat(model))


@cache
def solved(case: str) -> tuple[levels.Equilibrium, xr.Dataset]:
    technology, variants, changes = CASES[case]
    economy = drawn(technology, **changes)
    if "rare_earth_market" in variants:
        economy = replace(economy, ree_tariff=np.array([0.0, 0.1, 0.0]))
    base = levels.solve(economy, technology)
    assert abs(base.walras) < 1e-12
    return base, levels.baseline_from_levels(economy, base)


def shocked(case: str) -> tuple[dict, Economy]:
    """A larger tax, and whatever the variants of a case let change, for the hats and for the oracle."""
    _, variants, _ = CASES[case]
    base, data = solved(case)
    shocks: dict = {"export_tax": 0.6, "tariff": data.tariff * 1.5}
    economy = replace(base.economy, export_tax=0.6, tariff=base.economy.tariff * 1.5)
    if "rare_earth_market" in variants:
        shocks["ree_tariff"] = {"R1": 0.3}
        economy = replace(economy, ree_tariff=np.array([0.0, 0.3, 0.0]))
    if variants.get("rare_earth_market") == "armington":
        cost = np.ones((3, 3))
        cost[2, 0] = 1.5
        shocks["ree_trade_cost"] = xr.ones_like(data.ree_trade_share).copy(data=cost)
        economy = replace(economy, ree_trade_cost=cost)
    if "deficits" in variants:
        shares = base.factor_income / base.factor_income.sum()
        economy = replace(economy, deficit_rate=data.deficit_rate.values, income_share=shares)
    return shocks, economy


@pytest.mark.parametrize("case", CASES)
def test_counterfactuals_are_ratios_of_the_oracles_levels(case):
    technology, variants, _ = CASES[case]
    base, data = solved(case)
    shocks, economy = shocked(case)
    expected = levels.outcomes(base, levels.solve(economy, technology, Policy("tax", 0.6), base))
    found = solve(system(technology, tuple(variants.items())).bind(data, shocks, ELEMENTS))
    assert_agrees(found, data, expected)
    assert set(SHOWN[case]) <= set(map(str, found.outcomes))


@pytest.mark.parametrize("case", CASES)
def test_no_shock_changes_nothing_and_budgets_add_up_with_every_wedge_on(case):
    technology, variants, _ = CASES[case]
    made, (_, data) = system(technology, tuple(variants.items())), solved(case)
    assert_replicates(made, data, {}, elements=ELEMENTS, tolerance=1e-12)
    problem = made.bind(data, shocked(case)[0], ELEMENTS)
    assert_walras(problem, tolerance=1e-12)
    on = {d.key for d in wedges(problem) if np.any(problem.bound.values[d.symbol])}
    assert {"tariff", "export_tax"} <= on
    assert ("ree_tariff" in on) == ("rare_earth_market" in variants)


def test_a_forgotten_tariff_revenue_on_ree_is_named():
    """The accounting test sees the new wedges."""

    def forgetful(m) -> None:
        for eq in income:
            m.define(eq.lhs, eq.rhs - m["T_Q"][eq.lhs.indices[0]])

    model = rare_earths().choose(rare_earth_market="homogeneous-tariffs")
    income = model.blocks["income"]
    made = compile_model(hat(model.replace("income", forgetful)))
    data = baseline(0, "exo", 0.15)
    verdict = missing_income(made.bind(data, {"ree_tariff": {"R1": 0.3}}, ELEMENTS))
    assert "'ree_tariff'" in verdict
    assert "income" in verdict


# ---- neutral values and limits -------------------------------------------------------------------


def same(found: Solution, expected: Solution, tolerance: float, skip: tuple = ()) -> None:
    keys = (set(map(str, found.outcomes)) & set(map(str, expected.outcomes))) - set(skip)
    assert len(keys) > 20
    for key in keys:
        assert_allclose(found[key], expected[key], rtol=tolerance, atol=tolerance, err_msg=key)


@pytest.mark.parametrize(
    "variants",
    [
        {"production": "ces"},
        {"rare_earth_supply": "elastic"},
        {"rare_earth_market": "homogeneous-tariffs"},
        {"production": "ces", "rare_earth_supply": "elastic", "rare_earth_market": "homogeneous-tariffs"},
    ],
)
def test_at_neutral_values_nothing_changes(variants):
    """Chi = 1, zeta = 0, no tariffs on REE."""
    data = baseline(0, "F", 0.15)
    expected = counterfactual(data, "F", value=1.0)
    found = solve(system("F", tuple(variants.items())).bind(data, {"export_tax": 1.0}, ELEMENTS))
    same(found, expected, 1e-12, skip=("value_added_share", "input_share"))


def test_close_substitutes_by_origin_are_homogeneous():
    """Where importers buy from every origin in proportion to supply and there is no tax at the baseline."""
    data = baseline(0, "F", 0.0)
    origin = (data.ree_endowment / data.ree_endowment.sum()).rename(region="exporter")
    share = xr.ones_like(data.ree_endowment.rename(region="importer")) * origin
    expected = counterfactual(data, "F", value=0.3)
    gaps = []
    for theta in (20, 40, 80):
        own = data.assign(ree_trade_share=share, ree_trade_elasticity=float(theta))
        found = solve(
            system("F", (("rare_earth_market", "armington"),)).bind(own, {"export_tax": 0.3}, ELEMENTS)
        )
        gaps.append(float(np.abs(found["ree_price"] / expected["ree_price"] - 1).max()))
    assert gaps[1] < 0.6 * gaps[0]
    assert gaps[2] < 0.6 * gaps[1] < 0.01


@pytest.mark.parametrize("zeta", [0.0, 0.5, 3.0])
def test_pass_through_of_a_small_tax_by_the_elasticity_of_supply(zeta):
    """Equation (15) to first order in the size of the REE market, where regions share one technology."""
    data = baseline(3, "exo", wedges=False)
    data = data.assign(ree_share=data.ree_share * 1e-3, ree_supply_elasticity=zeta)
    markup = 0.75
    use = (data.ree_share * data.value_added_share * data.gross_output).sum("sector") * markup
    eps = 0.5
    active = data.ree_share.max("region") > 0
    data = data.assign(ree_elasticity=xr.where(active, eps, 1.0))
    owned = xr.zeros_like(use)
    owned[0] = float(use.sum())
    rest = (
        data.final_expenditure
        - ((1 - data.ree_share) * data.value_added_share * data.gross_output).sum("sector") * markup
    )
    rest = rest - owned - (data.value_added_share * data.gross_output).sum("sector") / 4
    data = data.assign(ree_endowment=owned, deficit=rest)
    h = 1e-4
    made = system("exo", (("rare_earth_supply", "elastic"),))
    up, down = (solve(made.bind(data, {"export_tax": x}, ELEMENTS)) for x in (h, -h))
    slope = float(np.log(up["world_ree_price"] / down["world_ree_price"])) / (2 * h)
    own = float(use[0] / use.sum())
    assert slope == pytest.approx((own * eps + zeta) / (eps + zeta), rel=5e-3)


def test_mining_costs_labour():
    """Hulten: a small tax costs the world nothing, since the labour that mines REE is worth what they are."""
    data = baseline(2, "exo", wedges=False).assign(ree_supply_elasticity=1.0)
    made = system("exo", (("rare_earth_supply", "elastic"),))

    def world(t: float) -> float:
        found = solve(made.bind(data, {"export_tax": t}, ELEMENTS))
        return float((data.final_expenditure * np.log(found["real_consumption"])).sum()) / t

    large, middle, small = (world(t) for t in (1e-2, 1e-3, 1e-4))
    assert large / middle == pytest.approx(10, rel=0.1)
    assert middle / small == pytest.approx(10, rel=0.1)
    mined = solve(made.bind(data, {"export_tax": 1e-2}, ELEMENTS))["ree_endowment"]
    free = float((data.ree_endowment * (mined - 1)).sum()) / 1e-2  # what the change of output alone is worth
    assert abs(free) > 50 * abs(large)


def test_deficits_that_follow_income_sum_to_zero():
    _, data = solved("proportional deficits")
    found = solve(system("exo", (("deficits", "proportional"),)).bind(data, {"export_tax": 0.6}, ELEMENTS))
    assert float(np.abs(found["deficit"].sum())) < 1e-12
    assert float(np.abs(found["deficit"] - data.deficit).max()) > 1e-5
    balanced = solve(
        system("exo", (("deficits", "proportional"),)).bind(data, {"deficit_rate": 0.0}, ELEMENTS)
    )
    expected = solve(system("exo").bind(data, {"deficit": 0.0}, ELEMENTS))
    same(balanced, expected, 1e-11)


def test_a_net_exporter_cannot_levy_a_tariff_on_ree():
    _, data = solved("tariffs")
    made = system("L", (("rare_earth_market", "homogeneous-tariffs"),))
    with pytest.raises(SolveError, match=r"'ree_tariff_revenue' would be -.* must not be below 0"):
        solve(made.bind(data, {"ree_tariff": {"CHN": 0.2}}, ELEMENTS))
    with pytest.raises(DataError, match=r"'ree_tariff' is -0\.1 at region=R1"):
        made.bind(data, {"ree_tariff": {"R1": -0.1}}, ELEMENTS)
