"""The audit of the slides' statements agrees with what is derived in docs/rare_earths_model.md sections 5 and 12."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from rich.console import Console
from typer.testing import CliRunner

from exacthat.audit import (
    Economy,
    as_frame,
    as_json,
    audit,
    cushion_figure,
    economies_of,
    judge,
    remarks,
    tables,
    tenfold,
)
from exacthat.audit import cases as cases_module
from exacthat.audit.cases import INSTRUMENTS, Unsolved, solved, technologies
from exacthat.audit.claims import (
    DAMPED,
    LARGE,
    LIKE_RIVALS,
    NIL,
    REVENUE_RISES,
    UNMOVED,
    _cushioned,
    _factor_cost,
    _technology_effect,
)
from exacthat.audit.run import FAILS, HOLDS, HOLDS_WHEN, Count, Split, _verdict
from exacthat.cli import app
from framework import ScenarioError, solve

LESS = (HOLDS_WHEN, "epsilon < 1")
RELATIVE = ["fixed-effort", "elastic-effort"]


@pytest.fixture(scope="module")
def all_cases():
    """WIOD 2009 and two pairs of synthetic economies, solved once."""
    return list(solved(economies_of("rare-earths", None, 2, seed=0), iter))


@pytest.fixture(scope="module")
def cases(all_cases):
    """WIOD 2009 under every instrument with every technology."""
    return [c for c in all_cases if c.economy.origin == "WIOD 2009"]


@pytest.fixture(scope="module")
def findings(all_cases):
    return judge(all_cases)


@pytest.fixture(scope="module")
def verdicts(findings):
    return {(f.claim.name, f.technology, f.instrument): (f.verdict, f.condition) for f in findings}


@pytest.mark.parametrize("instrument", INSTRUMENTS)
@pytest.mark.parametrize("technology", technologies())
def test_what_holds_in_every_technology(verdicts, technology, instrument):
    for claim in ("relative-price-rises", "relative-use-falls", "factor-cost-effect"):
        assert verdicts[claim, technology, instrument] == (HOLDS, None)
    assert verdicts["relative-expenditure-rises", technology, instrument] == LESS
    if technology != "exogenous":
        assert verdicts["technology-shifts-towards-ree", technology, instrument] == LESS
        given = "technology-effect-at-given-labour-varieties"
        assert verdicts[given, technology, instrument] == (HOLDS, None)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_no_reversal_where_research_stays_in_its_sector(findings, verdicts, instrument):
    """Proposition 2."""
    for technology in RELATIVE:
        assert verdicts["technology-effect", technology, instrument] == (HOLDS, None)
        assert verdicts["technology-dominates", technology, instrument] == (FAILS, None)
    never = [f for f in findings if f.claim.name == "technology-dominates" and f.technology in RELATIVE]
    assert all(f.holds == 0 and f.lowest > 0 for f in never)


def test_where_technology_cushions(verdicts):
    """Section 12: elastic effort does iff epsilon < 1; fixed effort under a quota or at a matched price, not under a tax."""
    for instrument in INSTRUMENTS:
        assert verdicts["cushioned", "elastic-effort", instrument] == LESS
    for instrument in ("quota", "price"):
        assert verdicts["cushioned", "fixed-effort", instrument] == (HOLDS, None)
    assert verdicts["cushioned", "fixed-effort", "tax"] == (FAILS, None)


def test_a_tax_does_not_make_the_price_of_2011(findings):
    (spike,) = (f for f in findings if f.claim.name == "tenfold-price" and f.technology == "exogenous")
    assert (spike.verdict, spike.instrument) == (FAILS, "tax")
    assert 1 < spike.lowest < spike.highest < 2  # the price rises by about the own-use share of the tax


def test_a_false_statement_is_counted_as_such(cases):
    """Where spending rises threefold and the price does not, use rises; and technology turns the wrong way."""
    case = next(c for c in cases if c.technology == "fixed-effort")
    spending = case.changes["relative_bundle_expenditure"]
    turned = xr.where(case.data["ree_elasticity"] < 1, 0.9, 1.1).broadcast_like(spending)
    wrong = case.changes.assign(relative_bundle_expenditure=0 * spending + 3.0, innovation_bias=turned)
    found = {f.claim.name: f for f in judge([replace(case, changes=wrong)])}
    assert (found["relative-use-falls"].verdict, found["relative-use-falls"].holds) == (FAILS, 0)
    assert found["relative-expenditure-rises"].verdict == HOLDS
    shifts = found["technology-shifts-towards-ree"]
    assert (shifts.verdict, shifts.condition) == (HOLDS_WHEN, "epsilon > 1")


@pytest.mark.parametrize(
    ("holds", "epsilon", "verdict"),
    [
        ([True, True], [0.5, 1.5], (HOLDS, None)),
        ([True, False], [0.5, 1.5], (HOLDS_WHEN, "epsilon < 1")),
        ([False, True], [0.5, 1.5], (HOLDS_WHEN, "epsilon > 1")),
        ([True, False, False], [0.5, 0.6, 1.5], (FAILS, None)),
        ([False, False], [0.5, 1.5], (FAILS, None)),
    ],
)
def test_a_condition_must_tell_all_cells_apart(holds, epsilon, verdict):
    found = np.array(holds)
    splits = {
        words: Split(
            Count(int(found[met].sum()), int(met.sum())), Count(int(found[~met].sum()), int((~met).sum()))
        )
        for words, met in {
            "epsilon < 1": np.array(epsilon) < 1,
            "epsilon > 1": np.array(epsilon) > 1,
        }.items()
    }
    assert _verdict(found, splits) == verdict


def test_the_tax_of_a_tenfold_price_gives_that_price_back(cases, findings):
    """As a tax it makes the price tenfold; the less the exporter uses itself, the higher it is."""
    case = next(c for c in cases if (c.technology, c.instrument) == ("exogenous", "tax"))
    (spike,) = (f for f in findings if f.claim.name == "tenfold-price" and f.technology == "exogenous")
    needed = {d["economy"]: d for d in spike.details}
    tax = needed["WIOD 2009"]["export_tax_needed_percent"] / 100
    system = cases_module._system("exogenous", "tax")
    again = solve(system.bind(case.data, {"export_tax": tax})).outcomes
    assert float(again["ree_price_ratio"]) == pytest.approx(10, rel=1e-6)
    assert 0 < case.use_share < 1
    assert any(
        f"WIOD 2009: tenfold takes an export tax of {100 * tax:,.0f} percent" in s for s in tenfold(findings)
    )


def test_cells_with_a_factor_cost_effect_about_nil_are_left_out_and_counted(findings):
    every = {(f.technology, f.instrument): f for f in findings if f.claim.name == "factor-cost-effect"}
    for f in (f for f in findings if f.claim.name == "technology-dominates"):
        nil = int((every[f.technology, f.instrument].figures <= 100 * np.expm1(NIL)).sum())
        assert f.left_out == nil
        assert f.left_out + f.cells + f.undecided == every[f.technology, f.instrument].cells
    assert any(line.startswith("factor-cost effect about nil, cells left out:") for line in remarks(findings))


def test_every_condition_tried_is_counted(findings):
    """Whether or not it tells the cells apart."""
    tried = {
        "cushioned": DAMPED, "technology-effect": REVENUE_RISES,
        "technology-dominates": LARGE, "revenue-follows-dominance": LIKE_RIVALS,
    }  # fmt: skip
    for f in (f for f in findings if f.instrument == "tax"):
        assert {"epsilon < 1", "epsilon > 1"} <= f.splits.keys()
        assert tried.get(f.claim.name, "epsilon < 1") in f.splits
        for split in f.splits.values():
            assert split.met.cells + split.unmet.cells == f.cells
            assert split.met.holds + split.unmet.holds == f.holds


def test_tables_say_extent_and_variety_productivity(findings):
    written = io.StringIO()
    console = Console(width=100, file=written)
    for shown in tables(findings).values():
        console.print(shown)
    text = written.getvalue()
    assert "mobile-effort, φ=0.1" in text
    assert "fixed-effort, φ=1" in text
    (never,) = (
        f for f in findings
        if (f.claim.name, f.technology, f.instrument) == ("technology-dominates", "fixed-effort", "quota")
    )  # fmt: skip
    assert never.extent == f"none of {never.cells}"
    assert never.extent in text


def test_an_economy_without_a_solution_is_counted_and_said(cases):
    data = cases[0].economy.data
    steep = data.assign(trade_elasticity=8 * data.trade_elasticity)
    found = judge([*cases, *solved([Economy("steep", "steep", steep)], iter)])
    said = remarks(found)
    assert (
        "mobile-effort: research is unstable in 1 under the tax, 1 under the quota, 1 under the price" in said
    )
    mobile = next(f for f in found if f.technology == "mobile-effort")
    assert mobile.unsolved == {"research is unstable": 1}
    assert list(mobile.by_origin) == ["WIOD 2009"]


def test_the_command_writes_what_it_found(tmp_path):
    file, folder = tmp_path / "audit.json", tmp_path / "out"
    result = CliRunner().invoke(
        app, ["audit", "rare-earths", "--economies", "0", "--json", str(file), "--out", str(folder)]
    )
    assert result.exit_code == 0, result.output
    assert "Endogenous technology cushions the loss of the other regions" in result.stdout
    claims = json.loads(file.read_text())["claims"]
    assert {tuple(c) for c in claims} == {("name", "verdict", "technology", "instrument", "evidence")}
    assert {c["verdict"] for c in claims} <= {HOLDS, HOLDS_WHEN, FAILS}
    assert {c["technology"] for c in claims} == set(technologies())
    assert sorted(p.name for p in folder.iterdir() if not p.name.startswith(".")) == [
        "audit.csv", "cushioning.pdf", "cushioning.png", "cushioning.svg", "cushioning.txt",
    ]  # fmt: skip
    again = CliRunner().invoke(app, ["audit", "rare-earths", "--economies", "0", "--out", str(folder)])
    assert again.exit_code == 1
    assert "exists and is kept" in again.stderr


def test_table_figure_and_json_say_the_same(findings):
    whole = as_json(findings, economies_of("rare-earths", None, 1, seed=3))
    frame, written = as_frame(findings), whole["claims"]
    assert [e["origin"] for e in whole["economies"]] == ["WIOD 2009", "complements", "substitutes"]
    assert "seed 3" in whole["economies"][1]["title"]
    assert whole["instruments"]["quota"] == {"ree_export_ratio": 0.6}
    assert list(frame["verdict"]) == [c["verdict"] for c in written]
    assert list(frame["holds"]) == [
        sum(o["holds"] for o in c["evidence"]["by_origin"].values()) for c in written
    ]
    assert "synthetic" in cushion_figure(findings).title


def test_bad_input():
    with pytest.raises(
        ScenarioError, match="statements to audit for 'rare-earths' only, not for 'armington'"
    ):
        economies_of("armington", None, 1, 0)
    with pytest.raises(ScenarioError, match="an audit needs an economy"):
        audit([])
    result = CliRunner().invoke(app, ["audit", "rare-earths", "--economies", "0", "--data", "nowhere.nc"])
    assert result.exit_code == 1
    assert "nowhere.nc" in result.stderr


def test_losses_closer_than_solutions_are_certified_to_are_no_sign(cases):
    case = cases[0]
    nearly = case.changes.assign(real_consumption=case.exogenous["real_consumption"] + 1e-10)
    found = _cushioned(replace(case, technology="any", changes=nearly))
    assert found is not None
    assert 0 < found.margin[0] < UNMOVED
    assert found.figure[0] < 1 - 1e-6


def test_costs_split_into_factor_prices_and_technology(cases):
    for case in cases:
        whole = np.log(case.changes["value_added_cost"])
        parts = _factor_cost(case) + _technology_effect(case, labour_varieties=True)
        np.testing.assert_allclose(parts.transpose(*whole.dims), whole, atol=1e-12)


def test_the_exporter_is_the_one_of_the_data(cases):
    data = cases[0].data.assign_attrs(ree_exporter="USA")
    abroad = replace(cases[0], data=data).abroad
    assert "CHN" in abroad
    assert "USA" not in abroad


def test_without_exogenous_technology_there_is_no_comparison_and_it_is_said(monkeypatch):
    tried = economies_of("rare-earths", None, 0, seed=0)
    whole = cases_module._solve

    def fails(economy, technology, instrument, *rest):
        lost = technology == "exogenous" and instrument == "quota"
        return (
            Unsolved(economy, technology, instrument, "x")
            if lost
            else whole(economy, technology, instrument, *rest)
        )

    monkeypatch.setattr(cases_module, "_solve", fails)
    found = list(solved(tried, iter))
    assert {c.instrument for c in found if not isinstance(c, Unsolved)} == {"tax", "price"}
    reasons = {c.technology: c.why for c in found if isinstance(c, Unsolved)}
    rest = dict.fromkeys(technologies()[1:], "exogenous technology has no solution")
    assert reasons == {"exogenous": "x"} | rest
