"""Runs of a model calibrated to a SAM: levels before and after in every file, and what the command refuses."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sams import random_sam, textbook
from typer.testing import CliRunner

from exacthat import levels
from exacthat.cli import app
from exacthat.run import solve_study
from exacthat.scenario import parse_study, shock_study

MY_SCENARIOS = """
model = "standard-cge"
data = "my_sam.csv"
[parameters]
armington_elasticity = { G0 = 1.0, G1 = 3.0 }
[[scenario]]
name = "no tariff on G0"
tariff_rate = { G0 = 0.0 }
[[scenario]]
name = "fixed exchange rate"
tariff_rate = 0.0
exchange_rate = 1.0
"""


def invoke(*arguments: object):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def refused(*arguments: object) -> str:
    result = invoke(*arguments)
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.stderr
    return " ".join(result.stderr.split())


@pytest.fixture(scope="module")
def abolition(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "out"
    result = invoke("run", "standard-cge", "--scenario", "tariff-abolition", "--out", out)
    assert result.exit_code == 0, result.output
    return out, result.stdout


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """Results of a SAM of three goods and factors without LAB."""
    folder = tmp_path_factory.mktemp("mine")
    sam, _, _ = random_sam(5)
    names = {"LAB": "Work"}
    sam.rename(index=names, columns=names).to_csv(folder / "my_sam.csv")
    (folder / "my.toml").write_text(MY_SCENARIOS)
    result = invoke("run", folder / "my.toml", "--out", folder / "out")
    assert result.exit_code == 0, result.output
    return folder / "out"


def test_the_table_has_levels_before_and_after_by_variable_and_label(abolition):
    table = pd.read_csv(abolition[0] / "levels.csv")
    columns = ["scenario", "symbol", "variable", "factor", "good", "using_good", "unit"]
    assert list(table.columns) == [*columns, "before", "after", "percent_change"]
    row = table.query("symbol == 'Xp' and good == 'MLK'").iloc[0]
    assert (row.variable, row.before, row.unit) == (
        "household_consumption",
        30.0,
        "SAM unit at baseline prices",
    )
    assert row.after == pytest.approx(30 * (1 + row.percent_change / 100), rel=1e-14)
    tariffs = table.query("symbol == 'Tm'")
    assert tariffs[["before", "after", "percent_change"]].to_numpy().tolist() == [[1, 0, -100], [2, 0, -100]]
    variation = table.query("symbol == 'EV'").iloc[0]
    assert variation.before == 0
    assert np.isnan(variation.percent_change)
    sam = textbook()
    for k, (payer, receiver) in enumerate([(p, r) for r in ("BRD", "MLK") for p in ("BRD", "MLK")]):
        row = table.query("symbol == 'X'").iloc[k]
        assert (row.good, row.using_good, row.before) == (receiver, payer, sam.loc[receiver, payer])


def test_results_hold_the_same_levels(abolition):
    results = xr.load_dataset(abolition[0] / "results.nc", engine="h5netcdf")
    assert levels.has_levels(results)
    assert results.gross_output.attrs["units"] == "new/base"
    xr.testing.assert_allclose(results.gross_output_after, results.gross_output * results.gross_output_before)
    assert results.gross_output_after.attrs["level_of"] == "gross_output"
    table = pd.read_csv(
        abolition[0] / "levels.csv", keep_default_na=False, na_values={"percent_change": [""]}
    )
    pd.testing.assert_frame_equal(
        levels.levels_frame(results).fillna({"good": "", "factor": "", "using_good": ""}), table
    )


def test_command_and_report_show_the_levels(abolition):
    out, said = abolition
    assert "levels, tariff-abolition" in said
    assert re.search(r"Xp\[MLK\]  household consumption +30\.000 +30\.753 +2\.510", said)
    html = (out / "report.html").read_text()
    assert "Z[BRD]  gross output</th>" in html
    assert "tariff rate of 0 percent" in html
    summary = "household consumption between 1.96 (BRD) and 2.51 (MLK) percent; exports between 12.5 (MLK) and 17.9 (BRD)"
    assert summary in html
    assert "utility 2.29 (percent change); equivalent variation 1.14 (SAM unit)." in html
    assert "Armington composite" in said
    assert "Hosoe, Gasawa and Hashimoto (2010), chapter 6" in html


def test_a_shock_of_the_command_line_is_the_scenario(abolition, tmp_path):
    assert invoke("run", "standard-cge", "--shock", "tariff_rate=0", "--out", tmp_path / "out").exit_code == 0
    one, other = (pd.read_csv(p / "levels.csv") for p in (abolition[0], tmp_path / "out"))
    pd.testing.assert_frame_equal(one.drop(columns="scenario"), other.drop(columns="scenario"))


def test_a_sam_of_ones_own_runs_with_scenarios_and_parameters(mine):
    results = xr.load_dataset(mine / "results.nc", engine="h5netcdf")
    assert results.good.values.tolist() == ["G0", "G1", "G2"]
    assert results["numeraire_factor"].values.tolist() == ["Work", "Work"]
    assert results.attrs["data_source"] == "my_sam.csv"
    table = pd.read_csv(mine / "levels.csv").set_index(["scenario", "symbol", "good"]).sort_index()
    rates = table.loc[("no tariff on G0", "taum")]
    assert rates.after["G0"] == 0
    assert (rates.after[1:] == rates.before[1:]).all()
    kept = table.xs("epsilon", level="symbol").loc["fixed exchange rate"]
    assert kept.after.item() == pytest.approx(1, abs=1e-12)
    capital = table.xs("Sf", level="symbol")
    assert capital.loc["no tariff on G0"].percent_change.item() == 0
    assert capital.loc["fixed exchange rate"].percent_change.item() != 0
    html = (mine / "report.html").read_text()
    assert "G0 1, G1 3, G2 2" in html


def test_check_replicates_the_sam():
    result = invoke("check", "standard-cge")
    assert result.exit_code == 0, result.output
    assert "baseline replicated without a shock" in result.stdout


def test_other_models_have_no_levels_beside():
    outcome = solve_study(shock_study("armington", ["labour={CHN=1.1}"]))
    assert not levels.has_levels(outcome.results)


def test_the_order_of_variants_and_scenarios_is_that_of_the_study():
    study = parse_study(
        'model = "standard-cge"\n[[scenario]]\nname = "b"\ntariff_rate = 0.1\n[[scenario]]\nname = "a"\ntariff_rate = 0',
        "test",
    )
    results = solve_study(study).results
    assert levels.levels_frame(results).scenario.drop_duplicates().tolist() == ["b", "a"]
    assert [t.title for name in ("b", "a") for t in levels.levels_tables(results, name)] == ["b", "a"]


def test_a_scenario_may_name_the_numeraire():
    text = 'model = "standard-cge"\n[[scenario]]\nname = "x"\ntariff_rate = 0\nnumeraire_factor = "CAP"'
    results = solve_study(parse_study(text, "test")).results
    assert float(results.factor_price.sel(factor="CAP").item()) == pytest.approx(1, abs=1e-14)
    assert results["numeraire_factor"].values.tolist() == ["CAP"]


def test_a_table_to_read_does_not_list_the_inputs_of_many_goods(tmp_path):
    random_sam(0, goods=11)[0].to_csv(tmp_path / "sam.csv")
    study = shock_study("standard-cge", ["tariff_rate=0"])
    results = solve_study(study, data=str(tmp_path / "sam.csv")).results
    (table,) = levels.levels_tables(results, "shock")
    assert ("X  intermediate input, 121 values", ["", "in levels.csv", ""]) in table.rows
    assert len([label for label, _ in table.rows if label.startswith("F[")]) == 33
    assert (levels.levels_frame(results).symbol == "X").sum() == 121


def test_what_does_not_belong_to_a_sam_is_refused(tmp_path):
    out = ("--out", tmp_path / "out")
    assert (
        "'wiod2009-5x14' is no social accounting matrix, from which 'standard-cge' is calibrated; give a .csv"
        in refused("run", "standard-cge", "--data", "wiod2009-5x14", *out)
    )
    assert "a social accounting matrix takes no inventories; leave the key out." in refused(
        "run", "standard-cge", "--inventories", "clip", *out
    )
    study = 'model = "standard-cge"\n[parameters]\n{} = 3\n[[scenario]]\nname = "x"\ntariff_rate = 0'
    for key, said in {
        "armington_elastisity": "is unknown. Did you mean 'armington_elasticity'?",
        "consumption_share": "follows from the social accounting matrix",
    }.items():
        (tmp_path / "s.toml").write_text(study.format(key))
        assert said in refused("run", tmp_path / "s.toml", *out)
    (tmp_path / "s.toml").write_text(study.format("armington_elasticity").replace("3", "-3"))
    assert "'armington_elasticity' is -3 at good=BRD" in refused("run", tmp_path / "s.toml", *out)
    assert "unknown key 'taum'. The key of taum is 'tariff_rate'." in refused(
        "run", "standard-cge", "--shock", "taum=0", *out
    )
    assert "tariff_rate is -1.5, below its lower bound -1" in refused(
        "run", "standard-cge", "--shock", "tariff_rate=-1.5", *out
    )
    textbook().drop(columns="HOH").to_csv(tmp_path / "bad.csv")
    assert "has no column 'HOH'; every account" in refused(
        "run", "standard-cge", "--data", tmp_path / "bad.csv", *out
    )
    assert not (tmp_path / "out").exists()
