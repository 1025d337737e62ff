"""A replication from end to end, with small sizes: order, badges, synthetic marks, what is missing, and the files."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner

from calibration.estimates import read_estimates
from empirics.did import slides_table
from empirics.report_table import Table
from empirics.world_settings import WorldSettings
from exacthat import run_scenarios
from exacthat.cli import app
from exacthat.output import OutputError
from exacthat.replicate import Exhibit, Kind, Missing, Settings, replicate
from exacthat.replicate.slides import read_slides
from exacthat.replicate.structure import estimates
from exacthat.replicate.work import Work
from framework.errors import ScenarioError

SMALL = Settings(
    patents=300,
    sentences=200,
    permutations=0,
    jackknife=False,
    draws=4,
    world=WorldSettings(regions=("USA", "EUR", "JPN", "CHN"), active_pairs=400),
    scenarios=("quota",),
)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A replication without official tables, and its folder."""
    folder = tmp_path_factory.mktemp("replication") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("EXACTHAT_DATA", raising=False)
        return replicate("rare-earths", folder, seed=1, settings=SMALL), folder


@pytest.fixture(scope="module")
def page(done) -> str:
    return (done[1] / "report.html").read_text(encoding="utf-8")


def test_sections_are_in_the_order_of_the_slides(page):
    sections = read_slides().sections
    assert [min(s.slides) for s in sections] == sorted(min(s.slides) for s in sections)
    assert re.findall(r'<h2 id="([^"]+)"', page) == ["glance", *(s.key for s in sections), "missing"]


def test_every_exhibit_is_in_the_page_with_its_badge_and_source(done, page):
    replication, _ = done
    assert len(replication.exhibits) > 40
    for exhibit in replication.exhibits:
        place = f"{'figure' if exhibit.is_figure else 'table'}-{exhibit.body.name}"
        block = page[page.index(f'id="{place}"') :]
        badge = re.search(r'<p class="about"><span class="badge [a-z]+">([^<]+)</span>\s*(.)', block)
        assert badge is not None
        assert badge[1] == exhibit.kind
        assert exhibit.source
        assert exhibit.shows.endswith(".")
    names = [(e.is_figure, e.body.name) for e in replication.exhibits]
    assert len(set(names)) == len(names)


def test_synthetic_exhibits_say_so_in_the_title_and_on_the_figure(done):
    replication, folder = done
    figures = {e.body.name: e for e in replication.exhibits if e.is_figure}
    assert {e.kind for e in figures.values()} == set(Kind)
    for name, exhibit in figures.items():
        # Text is drawn as paths; matplotlib writes each one beside it as a comment.
        drawn = re.findall("<!--(.*?)-->", (folder / "figures" / f"{name}.svg").read_text(encoding="utf-8"))
        marked = any("synthetic data" in text for text in drawn)
        assert marked == (exhibit.kind is Kind.SYNTHETIC), name
    for exhibit in replication.exhibits:
        assert ("synthetic" in exhibit.body.title) == (exhibit.kind is Kind.SYNTHETIC)


def test_a_synthetic_exhibit_without_the_word_is_refused():
    body = Table("t", "Elasticities", "", pd.DataFrame({"a": [1.0]}))
    with pytest.raises(ValueError, match="'t' does not say synthetic"):
        Exhibit(body, Kind.SYNTHETIC, "source", "A number.")


def test_every_number_that_the_slides_print_is_compared(done):
    printed = pd.read_csv(done[1] / "comparison.csv")
    for section in read_slides().sections:
        for number in section.numbers.values():
            if number.text.startswith("effect of one s.d."):  # beside the deviation that it implies
                continue
            rows = printed[(printed.quantity == number.text) & (printed.slide == number.slide)]
            assert list(rows.slides) == [str(number)], number.text
    tables = [slides_table(name) for name in ("patents", "tfp", "exports", "exports_difference")]
    did = printed[printed.quantity.str.contains("NONCHN|ALL|USA|EUR|JPN|CHN") & printed.slide.between(14, 17)]
    assert len(did) == sum(map(len, tables)) + 1


def test_us_productivity_stands_beside_the_slides(done):
    printed = pd.read_csv(done[1] / "comparison.csv").set_index("quantity")
    row = printed.loc["TFP growth, USA: coefficient (standard error)"]
    assert row.slides == "0.479* (0.281)"
    assert row.here == "−0.00989 (0.373)"
    assert row.data == "derived from real data"
    assert "1.0 standard errors" in row.remark


def test_the_page_needs_nothing_else(page):
    assert "default-src 'none'" in page
    assert not re.search(r'(src|href)="(?!#|data:)', page.replace('xlink:href="#', ""))


def test_what_is_missing_is_said_in_its_place_with_how_to_get_it(done, page):
    replication, _ = done
    by_key = {about.key: section for about, section in replication.parts}
    for key, words in (
        ("requirements", "IOUse_After_Redefinitions"), ("tfp", "EXACTHAT_DATA"), ("estimates", "United States in 2012"),
        ("text", "Google Patents"), ("exports", "Comtrade"), ("prices", "Asian Metal"),
    ):  # fmt: skip
        said = [f"{m.what} {m.obtain}" for m in by_key[key].items if isinstance(m, Missing)]
        assert any(words in text for text in said), key
    own = page[page.index('<h2 id="estimates"') : page.index('<h2 id="bias"')]
    assert "Not here:" in own
    assert "without official tables" in page


def test_numbers_are_there_for_machines(done):
    replication, folder = done
    results = xr.load_dataset(folder / "results.nc", engine="h5netcdf")
    whole = run_scenarios("rare-earths").sel(scenario=["quota"])
    np.testing.assert_allclose(
        results["real_consumption"].values, whole["real_consumption"].values, rtol=1e-9
    )
    assert read_estimates(folder / "estimates.nc").attrs["data"] == "synthetic"
    assert xr.load_dataset(folder / "results-synthetic-estimates.nc", engine="h5netcdf").attrs["data"] == "synthetic"  # fmt: skip
    assert "total_requirements" in xr.load_dataset(folder / "measurement.nc", engine="h5netcdf")
    assert xr.open_datatree(folder / "did-us-tfp.nc", engine="h5netcdf")["estimates"]["observations"].item() == 5096  # fmt: skip
    for exhibit in replication.exhibits:
        kinds = ("svg", "png") if exhibit.is_figure else ("csv", "txt", "tex")
        place = folder / ("figures" if exhibit.is_figure else "tables")
        assert all((place / f"{exhibit.body.name}.{kind}").stat().st_size for kind in kinds)


def test_statements_of_theory_hold_where_they_are_theorems(done):
    replication, _ = done
    (section,) = [s for about, s in replication.parts if about.key == "mechanism"]
    frame = section.exhibits[0].body.frame
    everywhere = [
        "REE become dearer relative to labour outside the exporter",
        "Relative use of REE falls outside the exporter",
    ]
    for statement in [*everywhere, "Factor prices raise costs more in sectors that use REE"]:
        assert (frame.loc[statement, "verdict"] == "holds").all()
        assert (frame.loc[statement, "holds"] == frame.loc[statement, "cells"]).all()
    for statement in (
        "Relative expenditure on the REE bundle rises",
        "Technology shifts towards REE: A_R/A_L rises",
    ):
        assert (frame.loc[statement, "verdict"] == "holds when ε < 1").all()
    assert (frame["cells"] > 0).all()


def test_shares_measured_from_accounts_stand_beside_the_slides(official_data):
    section = estimates(Work("rare-earths", SMALL, 0, official_data))
    frame = next(e.body.frame for e in section.exhibits if e.body.name == "shares-measured")
    assert frame.loc["Transport equipment", "slides"] == pytest.approx(0.71)
    assert frame.loc["Transport equipment", "estimate"] < 0.1
    assert "times in the median sector" in next(
        e.shows for e in section.exhibits if e.body.name == "shares-measured"
    )


def test_without_shocks_the_panel_holds_what_the_model_implies():
    work = Work("rare-earths", SMALL, 3, None)
    world, panel = work.world, work.panel_without_shocks
    keys = ["region", "sic", "year"]
    growth = panel.set_index(keys)["export_growth"].to_xarray().sel(region=world.region, sic=world.sic)
    cost = world["true_log_cost"].diff("year")
    # Exports fall with costs relative to other exporters; what is common to a region or an industry drops out.
    lhs, rhs = (
        x - x.mean("sic") - x.mean("region") + x.mean(["region", "sic"]) for x in (growth.isel(year=slice(1, None)), cost)
    )  # fmt: skip
    expected = -100 * SMALL.world.trade_elasticity * SMALL.world.value_added_share
    slope = float((lhs * rhs).sum() / (rhs**2).sum())
    assert slope == pytest.approx(expected, rel=0.02)


def test_an_unknown_study_is_answered_with_the_list(tmp_path):
    with pytest.raises(ScenarioError, match=r"no study 'rare-earth' to replicate\. Did you mean 'rare-earths'\? There are: rare-earths"):  # fmt: skip
        replicate("rare-earth", tmp_path / "out")
    result = CliRunner().invoke(app, ["replicate", "steel", "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "there is no study 'steel' to replicate" in " ".join(result.stderr.split())


def test_an_existing_folder_is_kept(tmp_path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="exists and is kept"):
        replicate("rare-earths", tmp_path)
    result = CliRunner().invoke(app, ["replicate", "rare-earths", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_an_interrupt_leaves_nothing_behind(tmp_path):
    def interrupted(stages):
        yield stages[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replicate("rare-earths", tmp_path / "out", settings=SMALL, track=interrupted)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_while_writing_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupted(replication, folder: Path):
        (folder / "report.html").write_text("half", encoding="utf-8")
        raise KeyboardInterrupt

    monkeypatch.setattr("exacthat.replicate.chain._stages", lambda work: [])
    monkeypatch.setattr("exacthat.replicate.work.Work.slides", property(lambda self: read_slides().__class__("", "", ())))  # fmt: skip
    monkeypatch.setattr("exacthat.replicate.write.write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replicate("rare-earths", tmp_path / "out", settings=SMALL)
    assert list(tmp_path.iterdir()) == []
