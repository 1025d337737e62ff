"""Scenarios that are asked for by name, variants that a scenario chooses, and baselines off their defaults."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import calibration
from exacthat.display import number
from exacthat.run import load_study, solve_study
from exacthat.scenario import parse_study, plan
from framework.errors import DataError, ScenarioError
from models import rare_earths

ROOT = Path(__file__).parents[1]
TABLE = "wiod2009-5x14"


def solved(name: str, *choices: str, parameters: tuple = ()) -> xr.Dataset:
    study = (
        load_study("rare-earths").only([name]).with_choices([f"technology={c}" for c in choices], parameters)
    )
    return solve_study(study).results.sel(scenario=name)


@cache
def solved_by_default(name: str) -> xr.Dataset:
    return solved(name, *rare_earths().compared["technology"])


def test_scenarios_by_name_only_are_not_among_the_default():
    study = load_study("rare-earths")
    assert [s.name for s in study.scenario if s.by_name_only] == ["import-tariff", "export-sanction"]
    assert [s.name for s in study.by_default().scenario] == ["tax", "quota", "price"]
    assert [s.name for s in study.only(["import-tariff"]).by_default().scenario] == ["import-tariff"]


def rows_of(name: str) -> list[list[str]]:
    """Rows of the table of docs/rare_earths_variants.md on a scenario, without its head."""
    text = (ROOT / "docs" / "rare_earths_variants.md").read_text(encoding="utf-8")
    part = text[text.index(f"**`{name}`**") :]
    lines = [line for line in part[part.index("| technology") :].split("\n\n")[0].splitlines() if "`" in line]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("name", ["import-tariff", "export-sanction"])
def test_the_numbers_in_the_docs(name):
    rows = rows_of(name)
    assert [r[0] for r in rows] == rare_earths().variants["technology"]
    stable = [rows[k][0] for k in (3, 4)]
    small = solved(name, *stable, parameters=("variety_productivity=0.3",))
    for row in rows:
        technology = row[0]
        results = small if technology in stable else solved_by_default(name)
        at = results.sel(technology=technology, region="USA")
        sector = at.sel(sector="Transport equipment")
        keys = ("innovation_bias", "unit_cost", "gross_output", "exports")
        values = [at["real_consumption"], *(sector[k] for k in keys)]
        assert row[1:] == [number(100 * (float(v) - 1)) for v in values]


def test_a_tariff_on_imported_ree():
    """docs/rare_earths.md: the terms of trade gain is smaller than the loss unless research is elastic."""
    found = solved_by_default("import-tariff")
    welfare = 100 * (found["real_consumption"].sel(region="USA") - 1)
    assert (found["certificate_passed"] == 1).all()
    assert float(found["world_ree_price"].max()) < 1
    assert (found["ree_price"].sel(region="USA") > 1).all()
    bias = found["innovation_bias"].sel(region="USA", sector="Transport equipment")
    assert float(bias.sel(technology="exogenous")) == 1
    assert (bias.sel(technology=["fixed-effort", "elastic-effort"]) > 1).all()
    assert float(welfare.sel(technology="exogenous")) < 0 < float(welfare.sel(technology="elastic-effort"))


def test_a_sanction_on_one_destination():
    found = solved_by_default("export-sanction")
    price = found["ree_price"]
    assert (price.sel(region="USA") > 1.5).all()
    assert (price.drop_sel(region="USA") < 1.05).all()
    assert (found["real_consumption"].sel(region="USA") < 1).all()


STUDY = 'model = "rare-earths"\ntechnology = "exogenous"\n[[scenario]]\nname = "a"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (STUDY + 'technology = "exogenous"\n', "the study compares technology already"),
        (
            STUDY + 'rare_earth_market = "armingtn"\n',
            "has no rare_earth_market 'armingtn'. Did you mean 'armington'?",
        ),
        (STUDY + "ree_tariff = { USA = 0.1 }\n", "unknown key 'ree_tariff'"),
        (STUDY + "rare_earth_market = 1\n", "has no rare_earth_market '1'."),
    ],
)
def test_variants_of_a_scenario_that_cannot_be(text, message):
    with pytest.raises(ScenarioError) as error:
        plan(parse_study(text, "study.toml"), rare_earths())
    assert message in str(error.value)


def test_a_scenario_chooses_a_variant_for_itself():
    text = STUDY + 'rare_earth_market = "homogeneous-tariffs"\nree_tariff = { USA = 0.1 }\n'
    (case,) = plan(parse_study(text, "study.toml"), rare_earths())
    assert case.variant == {"technology": "exogenous"}
    assert case.choice == {"technology": "exogenous", "rare_earth_market": "homogeneous-tariffs"}


def test_choices_of_the_command_line():
    study = parse_study(STUDY + "export_tax = 0.1\n", "study.toml")
    chosen = study.with_choices(
        ["technology=free-entry", "technology=mobile-effort"], ["research_elasticity=0.5"]
    )
    assert chosen.variants == {"technology": ["free-entry", "mobile-effort"]}
    assert chosen.parameters == {"research_elasticity": 0.5}
    with pytest.raises(ScenarioError, match="--variant 'technology' is not of the form key=value"):
        study.with_choices(["technology"], [])
    with pytest.raises(ScenarioError, match="--parameter is not valid TOML"):
        study.with_choices([], ["research_elasticity=high"])


# ---- calibration ---------------------------------------------------------------------------------


def baseline(**settings: object) -> xr.Dataset:
    parameters = calibration.default_parameters().override(settings)
    return calibration.rare_earths_baseline(calibration.load_table(TABLE), parameters)


def own_use(data: xr.Dataset) -> xr.DataArray:
    beta = data.variety_elasticity
    price = xr.where(data.region == "CHN", 1 / (1 + data.export_tax), 1.0)
    use = (
        (data.ree_share * data.value_added_share * data.gross_output).sum("sector")
        * (beta - 1)
        / beta
        / price
    )
    return use / use.sum()


def run(parameters: str, scenario: str) -> xr.Dataset:
    text = f'model = "rare-earths"\ntechnology = "exogenous"\n[parameters]\n{parameters}\n{scenario}'
    return solve_study(parse_study(text, "study.toml")).results.isel(scenario=0, technology=0)


def test_use_is_scaled_to_a_given_share_and_so_is_the_pass_through_of_a_tax():
    assert float(own_use(baseline()).sel(region="CHN")) == pytest.approx(0.156, abs=5e-4)
    scaled = baseline(ree_use_share={"CHN": 0.6})
    assert float(own_use(scaled).sel(region="CHN")) == pytest.approx(0.6, rel=1e-12)
    ratio = (scaled.ree_share / baseline().ree_share).where(baseline().ree_share > 0)
    assert float(ratio.sel(region="CHN").max() - ratio.sel(region="CHN").min()) < 1e-12
    assert_unchanged = ratio.drop_sel(region="CHN")
    np.testing.assert_allclose(assert_unchanged.where(assert_unchanged.notnull(), 1.0), 1.0)
    tax = '[[scenario]]\nname = "a"\nexport_tax = 0.01\n'
    found = run("ree_use_share = { CHN = 0.6 }", tax)
    slope = float(np.log(found["world_ree_price"]) / np.log(1.01))
    assert slope == pytest.approx(0.6, abs=0.06)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ree_use_share": {"CHN": 0.6, "ROW": 0.5}}, "sums to 1.1; leave a part of world use"),
        ({"ree_use_share": {"CHN": 0.9999}}, "makes a cost share of"),
        ({"baseline_export_tax": {"CHN": 0.1, "USA": 0.1}}, "names 2 regions (CHN, USA); one region taxes"),
    ],
)
def test_baselines_that_cannot_be(settings, message):
    with pytest.raises(DataError) as error:
        baseline(**settings)
    assert message in str(error.value)


def test_baseline_tax_and_tariffs():
    """Flows of the table are at basic prices; accounts hold, and the wedges may be taken away."""
    data = baseline(baseline_export_tax={"CHN": 0.15}, baseline_tariff=0.05)
    assert float(data.export_tax) == 0.15
    assert float(data.tariff.sel(importer="USA", exporter="CHN").max()) == 0.05
    assert float(data.tariff.sel(importer="USA", exporter="USA").max()) == 0.0
    np.testing.assert_allclose(data.gross_output, baseline().gross_output)
    assert abs(float(data.deficit.sum())) < 1e-6 * float(data.final_expenditure.sum())
    parameters = "baseline_export_tax = { CHN = 0.15 }\nbaseline_tariff = 0.05"
    still = run(parameters, '[[scenario]]\nname = "a"\nexport_tax = 0.15\n')
    np.testing.assert_allclose(still["real_consumption"], 1, atol=1e-12)
    freed = run(parameters, '[[scenario]]\nname = "a"\nexport_tax = 0.0\ntariff = 0.0\n')
    assert float(freed["real_consumption"].min()) > 1
    assert float(freed["world_ree_price"]) < 1


def test_tariffs_by_sector():
    data = baseline(baseline_tariff={"Machinery": 0.1})
    abroad = data.tariff.sel(importer="JPN", exporter="CHN")
    assert float(abroad.sel(sector="Machinery")) == 0.1
    assert float(abroad.drop_sel(sector="Machinery").max()) == 0.0


def test_variants_replicate_the_wiod_baseline():
    choice = 'production = "ces"\ndeficits = "proportional"\nrare_earth_market = "armington"\n'
    found = run("input_elasticity = 0.5", f'[[scenario]]\nname = "a"\n{choice}export_tax = 0.0\n')
    np.testing.assert_allclose(found["real_consumption"], 1, atol=1e-12)
    np.testing.assert_allclose(found["ree_price"], 1, atol=1e-12)
