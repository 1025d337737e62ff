"""Export quotas and prohibitive taxes of the rare-earths model against the enumeration of their regimes."""

from functools import cache

import numpy as np
import pytest
from rare_earths_economy import baseline, elements

from exacthat.library import load_baseline
from exacthat.report import sentences
from exacthat.run import solve_study
from exacthat.scenario import Study, parse_study
from exacthat.summary import regimes
from framework import SolveError, compile_model, hat, solve
from models import rare_earths

KEYS = ("real_consumption", "wage", "ree_price", "export_tax", "ree_export_ratio")


@cache
def system(technology: str, policy: str, given: str = "export_tax"):
    model = hat(rare_earths().choose(technology=technology, policy=policy))
    return compile_model(model if given == "export_tax" else model.swap(export_tax=given))


def enumerate_regimes(data, technology: str, quota: float):
    """Solve without a tax, and with exports at the quota; the one that is feasible."""
    free = solve(system(technology, "tax").bind(data, {"export_tax": 0.0}, elements(data)))
    if float(free["ree_export_ratio"]) <= quota:
        return free, "at lower bound"
    at = system(technology, "tax", "ree_export_ratio")
    bound = solve(at.bind(data, {"ree_export_ratio": quota}, elements(data)))
    assert float(bound["export_tax"]) >= 0
    return bound, "binding"


@pytest.mark.parametrize(
    ("technology", "key", "tax"), [("exogenous", "exo", 0.0), ("fixed-effort", "F", 0.3)]
)
def test_a_quota_equals_the_regime_that_is_feasible(technology, key, tax):
    data, seen = baseline(3, key, tax), set()
    for quota in (0.3, 0.99, 1.01, 2.0):
        found = solve(system(technology, "quota").bind(data, {"export_quota": quota}, elements(data)))
        expected, regime = enumerate_regimes(data, technology, quota)
        for name in KEYS:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-8, atol=1e-9)
        assert found.regimes["export quota"].item() == regime
        seen.add(regime)
    assert len(seen) == 2


def test_without_a_shock_the_quota_is_what_is_exported():
    with_tax = solve(
        system("exogenous", "quota").bind(baseline(3, "exo", 0.3), {}, elements(baseline(3, "exo")))
    )
    assert float(with_tax["export_tax"]) == pytest.approx(0.3, abs=1e-9)
    assert with_tax.regimes["export quota"].item() == "binding"
    without = solve(system("exogenous", "quota").bind(baseline(3, "exo"), {}, elements(baseline(3, "exo"))))
    assert without.regimes["export quota"].item() == "degenerate"


def test_a_statutory_tax_stops_exports_and_no_more():
    data = baseline(3, "exo")
    no_exports = solve(
        system("exogenous", "tax", "ree_export_ratio").bind(data, {"ree_export_ratio": 0.0}, elements(data))
    )
    highest = float(no_exports["export_tax"])
    prohibitive = system("exogenous", "statutory-tax")
    for rate in (0.2 * highest, 0.95 * highest):
        found = solve(prohibitive.bind(data, {"statutory_export_tax": rate}, elements(data)))
        given = solve(system("exogenous", "tax").bind(data, {"export_tax": rate}, elements(data)))
        for name in KEYS:
            np.testing.assert_allclose(found[name], given[name], rtol=1e-8, atol=1e-9)
        assert found.regimes["net exports"].item() == "at upper bound"
    for rate in (1.05 * highest, 20 * highest):
        found = solve(prohibitive.bind(data, {"statutory_export_tax": rate}, elements(data)))
        for name in KEYS:
            np.testing.assert_allclose(found[name], no_exports[name], rtol=1e-7, atol=1e-9)
        assert found.regimes["net exports"].item() == "binding"
    with pytest.raises(SolveError, match="'ree_exports' would be -"):
        solve(system("exogenous", "tax").bind(data, {"export_tax": 1.05 * highest}, elements(data)))


def test_results_and_report_say_which_side_binds():
    outcome = solve_study(parse_study(STUDY, "study.toml"))
    assert regimes(outcome.results) == [
        ("tight, exogenous, quota", "'export quota': binding"),
        ("generous, exogenous, quota", "'export quota': not binding, 'export_tax' at lower bound"),
    ]
    assert "tight, exogenous, quota: 'export quota': binding" in sentences(outcome.results, "tight")
    assert float(outcome.results["export_tax"].sel(scenario="generous").item()) == 0.0


STUDY = """model = "rare-earths"
data = "wiod2009-5x14"
technology = "exogenous"
policy = "quota"
[parameters]
trade_elasticity = 5.0
variety_elasticity = 4.0
variety_productivity = 1.0
research_elasticity = 1.0
ree_endowment_share = { CHN = 0.97, ROW = 0.03 }
[[scenario]]
name = "tight"
export_quota = 0.6
[[scenario]]
name = "generous"
export_quota = 1.5
"""


@pytest.mark.parametrize(
    "others",
    [
        {"technology": "free-entry", "production": "ces", "rare_earth_supply": "elastic",
         "deficits": "proportional", "rare_earth_market": "armington"},
        {"technology": "mobile-effort", "production": "cobb-douglas", "rare_earth_supply": "elastic",
         "deficits": "fixed", "rare_earth_market": "homogeneous-tariffs"},
    ],
    ids=lambda others: others["technology"],
)  # fmt: skip
def test_a_quota_binds_or_not_beside_every_other_variant(others):
    data = load_baseline(rare_earths(), Study.of_model("rare-earths")).data.assign(variety_productivity=0.1)
    quota = compile_model(hat(rare_earths().choose(**others, policy="quota")))
    given = compile_model(hat(rare_earths().choose(**others)).swap(export_tax="ree_export_ratio"))
    binding, same = (
        solve(quota.bind(data, {"export_quota": 0.6})),
        solve(given.bind(data, {"ree_export_ratio": 0.6})),
    )
    for name in KEYS:
        np.testing.assert_allclose(binding[name], same[name], rtol=1e-9)
    assert float(binding["export_tax"]) > 1
    assert float(solve(quota.bind(data, {"export_quota": 1.5}))["export_tax"]) == 0
