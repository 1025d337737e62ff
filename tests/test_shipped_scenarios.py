"""Scenarios that are shipped for models with free entry and for directed technical change: from the command to closed forms."""

from __future__ import annotations

import json
import tomllib

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from oracles import acemoglu as closed
from oracles import closed_forms
from typer.testing import CliRunner

from calibration import (
    acemoglu_illustration,
    caliendo_parro_baseline,
    default_parameters,
    krugman_baseline,
    load_table,
    melitz_pareto_baseline,
)
from exacthat.cli import app
from framework.errors import DataError, ScenarioError

FIRMS = {"krugman": krugman_baseline, "melitz-pareto": melitz_pareto_baseline}


def run(name: str, folder, *options: str) -> tuple[str, xr.Dataset]:
    """What `exacthat run` prints, and its results."""
    result = CliRunner().invoke(app, ["run", name, "--out", str(folder / "out"), *options])
    assert result.exit_code == 0, result.output
    return result.stdout, xr.load_dataset(folder / "out" / "results.nc", engine="h5netcdf")


@pytest.mark.parametrize("name", FIRMS)
def test_gains_from_trade_are_those_of_own_shares_and_scale(name, tmp_path):
    _, found = run(name, tmp_path)
    assert found.scenario.values.tolist() == ["lower-trade-costs", "balanced-trade", "autarky"]
    data = FIRMS[name](load_table("wiod2009-5x2"))
    for scenario in found.scenario.values:
        new = found.sel(scenario=scenario)
        share = new["expenditure_share"].transpose("importer", "exporter", "sector")
        wage = new["wage"]
        real_wage = closed_forms.gravity_welfare(
            np.einsum("nns->ns", share.values),
            (new["gross_output"] / wage).transpose("region", "sector").values,
            (new["expenditure"] / wage).transpose("region", "sector").values,
            data.final_share.values,
            data.input_share.values,
            data.trade_elasticity.values,
            data.scale_effect.values,
            data.get("selection_effect", xr.zeros_like(data.scale_effect)).values,
        )
        assert_allclose(new["real_wage"], real_wage, rtol=1e-9)
    assert (found.real_consumption.sel(scenario="lower-trade-costs") > 1).all()
    gains = found.real_consumption.sel(scenario="balanced-trade") / found.real_consumption.sel(
        scenario="autarky"
    )
    assert ((gains > 1.02) & (gains < 1.15)).all()
    sources = {p["name"]: p["source"] for p in json.loads(found.attrs["parameters"])}
    assert sources["scale_effect"] == "assumption"
    assert ("Axtell (2001)" in sources.get("selection_effect", "")) == (name == "melitz-pareto")


def test_the_table_of_goods_and_services_is_the_benchmark_added_up():
    small, large = load_table("wiod2009-5x2"), load_table("wiod2009-5x14")
    assert small.sector.values.tolist() == ["Goods", "Services"]
    goods = large.drop_sel(sector="Services")
    assert_allclose(
        small.gross_output.sel(sector="Goods"), goods.gross_output.sum("sector"), rtol=1e-14, atol=0
    )
    assert_allclose(small.intermediate.sum(), large.intermediate.sum(), rtol=1e-14)
    assert small.title == "World input-output table 2009, 5 regions x 2 sectors"
    assert small.changes.endswith("Then to goods and services.")
    assert "5x14" not in small.attrs["aggregation"]
    with pytest.raises(DataError, match="table 'wiod2008-5x14' is made from wiod2008_full"):
        load_table("wiod2008-5x2", "nowhere")


def test_access_to_markets_leaves_inputs_and_the_world_budget_as_they_are():
    """Firms pay for access in bundles of the destination; what goes to inputs is that of the table, the rest to labour."""
    table = load_table("wiod2009-5x2")
    parameters = default_parameters().override({"selection_effect": 0.8, "scale_effect": {"Services": 0.0}}, sectors=["Goods", "Services"])  # fmt: skip
    data, plain = melitz_pareto_baseline(table, parameters), caliendo_parro_baseline(table)
    assert data.scale_effect.values.tolist() == [1.0, 0.0]
    kappa = xr.DataArray([0.8 / 6.8, 0.0], {"sector": data.sector})  # eta/(1 + eta + theta)
    bundles = (1 - kappa) * plain.gross_output + kappa * plain.expenditure
    assert_allclose(
        (data.input_share * bundles).transpose(*plain.input_share.dims),
        plain.input_share * plain.gross_output,
        rtol=1e-12,
    )
    assert_allclose(data.value_added_share + data.input_share.sum("input_sector"), 1.0, rtol=1e-14)
    assert abs(float(data.deficit.sum())) < 1e-9 * float(data.final_expenditure.sum())
    assert_allclose(data.deficit - plain.deficit, (kappa * (plain.gross_output - plain.expenditure)).sum("sector"), rtol=1e-8)  # fmt: skip
    assert "tariff" not in data
    none = melitz_pareto_baseline(table, default_parameters().override({"selection_effect": 0.0}))
    assert none.drop_vars("selection_effect").equals(krugman_baseline(table))


def test_access_to_markets_that_leaves_nothing_to_labour_is_refused():
    parameters = default_parameters().override({"selection_effect": 100.0})
    match = "inputs cost more than bundles at region 'CHN', sector 'Furniture and miscellaneous manufacturing': .* lower 'selection_effect'"
    with pytest.raises(DataError, match=match):
        melitz_pareto_baseline(load_table("wiod2009-5x14"), parameters)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("scale_effect = 1.2", r"parameter 'scale_effect' is 1.2; it must lie in \[0, 1\]"),
        ("selection_effect = -0.1", "parameter 'selection_effect' is -0.1; it must not be negative"),
    ],
)
def test_parameters_of_firms_have_ranges(setting, said):
    with pytest.raises(ScenarioError, match=said):
        default_parameters().override(tomllib.loads(setting))


def test_free_entry_in_fourteen_sectors_is_said_to_be_unstable():
    result = CliRunner().invoke(app, ["check", "krugman", "wiod2009-5x14"])
    assert result.exit_code == 1
    assert "entry of firms is unstable" in result.stderr


def test_more_skill_in_the_illustrative_economy(tmp_path):
    """The premium moves with the exponents of Acemoglu (2002), and all that is written says that the numbers are made up."""
    said, found = run("acemoglu", tmp_path)
    data = acemoglu_illustration()
    sigma = closed.sigma(float(data.substitution_elasticity), float(data.labour_exponent))
    assert sigma == pytest.approx(1.4)
    assert float(data.interest_rate) == data.discount_rate + data.relative_risk_aversion * data.growth_rate
    premium = found.relative_factor_price.sel(scenario="skill-supply")
    exponents = {
        "short-run": -1 / sigma,
        "lab-equipment": sigma - 2,
        "knowledge": closed.long_run_exponent(sigma, float(data.state_dependence)),
    }
    for technology, exponent in exponents.items():
        assert float(premium.sel(technology=technology)) == pytest.approx(1.1**exponent, rel=1e-9)
    neutral = found.sel(scenario="cheaper-machines")
    assert_allclose(neutral.relative_factor_price, 1.0, rtol=1e-9)
    profit = 0.9 ** (1 - 1 / float(data.labour_exponent))  # and r with it; g is r less rho, as theta is 1
    assert float(neutral.growth_rate.sel(technology="lab-equipment")) == pytest.approx(
        0.04 * profit - 0.02, rel=1e-9
    )
    made_up = "Counterfactuals of acemoglu, illustrative numbers that are no economy's data"
    assert found.attrs["title"] == made_up
    assert said.startswith(made_up)
    assert found.attrs["data_synthetic"] == "yes"
    report = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert f"<h1>{made_up.replace(chr(39), '&#39;')}</h1>" in report
    assert "Katz and Murphy (1992)" in report
    assert "growth rate, percent per year" in said


def test_numbers_of_the_illustration_can_be_set_and_say_so(tmp_path):
    _, found = run("acemoglu", tmp_path, "--scenario", "skill-supply", "--parameter", "state_dependence=0.7")
    premium = float(found.relative_factor_price.sel(scenario="skill-supply", technology="knowledge"))
    assert premium == pytest.approx(1.1 ** closed.long_run_exponent(1.4, 0.7), rel=1e-9)
    assert premium > 1  # strong bias, as sigma + delta > 2
    sources = {p["name"]: p["source"] for p in json.loads(found.attrs["parameters"])}
    assert sources["state_dependence"] == "scenario"
    assert sources["skill_share"] == "illustrative round number"


def test_the_illustration_takes_no_table(tmp_path):
    for options, said in (
        (["--data", "wiod2009-5x14"], "model 'acemoglu' needs a data set with its baseline"),
        (["--inventories", "clip"], "the illustrative numbers of 'acemoglu' take no inventories"),
    ):
        result = CliRunner().invoke(app, ["run", "acemoglu", "--out", str(tmp_path / "x"), *options])
        assert result.exit_code == 1
        assert said in " ".join(result.stderr.split())
