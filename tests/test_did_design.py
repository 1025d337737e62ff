"""Designs: what a file may say, and how a wrong one is answered."""

from pathlib import Path

import pytest
from did_panels import content, design

from empirics.did import DesignError, make_design, read_design, shipped_design

DESIGNS = Path(__file__).resolve().parents[1] / "empirics" / "did" / "designs"


@pytest.mark.parametrize("path", sorted(DESIGNS.glob("*.toml")), ids=lambda p: p.stem)
def test_shipped_designs_are_designs(path):
    assert read_design(path).columns


@pytest.mark.parametrize(
    ("name", "columns"),
    [("patents", 6), ("tfp", 6), ("exports", 6), ("exports-difference", 5)],
)
def test_the_slides_tables_have_all_their_columns(name, columns):
    found = read_design(DESIGNS / f"{name}.toml")
    wanted = ["NONCHN", "ALL", "USA", "EUR", "JPN", "CHN"][:columns]
    assert [c.name for c in found.columns] == wanted
    assert found.event_study is not None
    assert found.event_study.reference == 2009
    assert found.treatment.post == 2010


def test_a_plain_name_is_a_control():
    found = design(controls=["capital", {"build": "log", "of": "patents"}, {"of": "demand", "as": "d"}])
    assert [c.name for c in found.controls] == ["capital", "log_patents", "d"]


def test_one_text_stands_for_a_list():
    found = design(fixed_effects="year", cluster="region", column=[{"name": "A", "keep": {"region": "R1"}}])
    assert (found.fixed_effects, found.cluster) == (("year",), ("region",))
    assert found.columns[0].keep == {"region": ("R1",)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"estimatr": "OLS"}, r"unknown key 'estimatr'. Did you mean 'estimator'"),
        ({"treatment": {"sensitivity": "s", "post": 2010, "scal": 2}}, r"unknown key 'treatment.scal'. Did you mean 'scale'"),
        ({"column": [{"name": "A", "kep": {}}]}, r"unknown key 'column.0.kep'. Did you mean 'keep'"),
        ({"controls": [{"build": "lag", "of": "x", "period": 2}]}, r"unknown key 'controls.0.lag.period'. Did you mean 'periods'"),
        ({"event_study": {"referense": 2009, "reference": 2009}}, r"Did you mean 'reference'"),
        ({"robustness": [{"name": "a", "sensitivty": "x"}]}, r"Did you mean 'sensitivity'"),
        ({"controls": [{"build": "lgo", "of": "x"}]}, r"controls.0: .*'lgo'.*'log'"),
        ({"estimator": "probit"}, r"estimator: .*'OLS' or 'PPML'"),
        ({"column": []}, "column: .*at least 1"),
        ({"fixed_effects": []}, "fixed_effects: .*at least 1"),
        ({"column": [{"name": "A"}, {"name": "A"}]}, "the column 'A' is there more than once"),
        ({"controls": ["capital", "capital"]}, "the control 'capital' is there more than once"),
        ({"controls": ["treatment"]}, "name of the treatment"),
        ({"treatment": {"sensitivity": "s"}}, "'post' is missing"),
        ({"treatment": {"post": 2010}}, "give the treatment a 'sensitivity' and 'post', or else a 'variable'"),
        ({"treatment": {"variable": "x"}}, "an event study needs"),
        ({"treatment": {"sensitivity": "s", "post": 2010, "assigned_to": "industy"}}, "Did you mean 'industry'"),
        ({"difference": {"country": "CHN"}}, "'difference' names 'country'.*unit of the panel"),
        ({"event_study": {"reference": 2010}}, "2010 of the event study is not before post = 2010"),
        ({"event_study": {"reference": 2009, "columns": ["AL"]}}, "Did you mean 'ALL'"),
        ({"name": "a/b"}, "name: "),
        ({"treatment": {"sensitivity": "s", "post": 2010, "scale": 0}}, "treatment.scale: .*greater than 0"),
    ],
)  # fmt: skip
def test_wrong_designs_are_answered_in_place(change, message):
    with pytest.raises(DesignError, match=message):
        make_design(content(**change), "mine.toml")


def test_every_fault_is_told_at_once():
    with pytest.raises(DesignError) as caught:
        make_design(content(estimatr="x", estimator="probit"), "mine.toml")
    assert str(caught.value).count("mine.toml: ") == 2


def test_missing_keys_are_named():
    without = {k: v for k, v in content().items() if k != "outcome"}
    with pytest.raises(DesignError, match="the key 'outcome' is missing"):
        make_design(without)


def test_unreadable_files_are_refused(tmp_path):
    with pytest.raises(DesignError, match="cannot be read"):
        read_design(tmp_path / "none.toml")
    (tmp_path / "a.toml").write_text("name = ")
    with pytest.raises(DesignError, match="not valid TOML"):
        read_design(tmp_path / "a.toml")
    (tmp_path / "b.toml").write_bytes("title = 'é'".encode("latin-1"))
    with pytest.raises(DesignError, match="UTF-8"):
        read_design(tmp_path / "b.toml")


def test_robustness_changes_only_what_it_says():
    main = design(
        slides="exports",
        robustness=[
            {"name": "spikes", "sensitivity": "spike"},
            {"name": "counts", "outcome": "patents", "estimator": "PPML", "controls": []},
        ],
    )
    (first, spikes), (second, counts) = main.specifications()
    assert (first, second) == ("spikes", "counts")
    assert (spikes.treatment.sensitivity, spikes.treatment.post, spikes.outcome) == ("spike", 2010, "growth")
    assert (counts.estimator, counts.outcome, counts.controls) == ("PPML", "patents", ())
    assert counts.treatment == main.treatment
    assert spikes.columns == main.columns
    assert {main.name, spikes.name, counts.name} == {"test", "test-spikes", "test-counts"}
    # The slides' values belong to the main table only.
    assert spikes.slides is None


def test_files_of_controls_are_sought_beside_the_design(tmp_path):
    text = """
name = "a"
title = "A"
estimator = "OLS"
outcome = "y"
fixed_effects = ["region^industry"]
cluster = "region"
controls = [{ build = "importer_demand", exports = "x.csv", gdp = "g.csv", base = [2002, 2009] }]
panel = { unit = ["region", "industry"] }
treatment = { sensitivity = "s", post = 2010 }
column = [{ name = "ALL" }]
"""
    (tmp_path / "a.toml").write_text(text)
    control = read_design(tmp_path / "a.toml").controls[0]
    assert control.exports == tmp_path / "x.csv"


def test_labels_of_effects():
    found = design(labels={"industry": "Ind."})
    assert found.label_of("region^industry") == "Region × Ind."
    assert found.label_of("year") == "Year"


def test_a_design_that_is_not_shipped_is_answered_by_the_near_name():
    assert shipped_design("exports").slides == "exports"
    with pytest.raises(
        DesignError, match=r"no design 'export' is shipped\. Did you mean 'exports'\? There are"
    ):
        shipped_design("export")
