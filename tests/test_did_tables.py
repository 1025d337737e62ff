"""Tables and figures: the slides' form in text, LaTeX and HTML."""

import html.parser
import math
import re

import numpy as np
import pytest
from did_panels import POST, design, synthetic_panel

from empirics.did import (
    estimate_event_study,
    estimate_table,
    event_study_figure,
    event_study_table,
    fit_columns,
    make_panel,
    regression_table,
    robust_inference,
    slides_table,
)
from empirics.did.layout import latex, number, p_value, page
from empirics.did.tables import stars
from framework.errors import DataError

COLUMNS = [
    {"name": "NONCHN", "drop": {"region": "R0"}},
    {"name": "ALL"},
    {"name": "R_1 & more", "keep": {"region": "R1"}},
]


@pytest.fixture(scope="module")
def declared():
    return design(
        column=COLUMNS,
        outcome_label="Annualized growth",
        outcome_unit="percentage points",
        inference={"permutations": 19},
        labels={"industry": "Ind."},
    )


@pytest.fixture(scope="module")
def fits(declared):
    return fit_columns(declared, make_panel(synthetic_panel(), ("region", "industry")))


@pytest.fixture(scope="module")
def table(declared, fits):
    estimates = estimate_table(declared, fits[0].values.panel)
    return regression_table(estimates, robust_inference(fits), "exports")


@pytest.fixture(scope="module")
def study(declared, fits):
    return estimate_event_study(declared, fits[0].values.panel)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (15.4612, "15.46"), (4.9431, "4.943"), (0.498, "0.498"), (-2.142, "−2.142"), (11.052, "11.05"),
        (0.02713, "0.0271"), (0.000123, "0.000123"), (1234.5, "1234"), (0.0, "0.000"), (float("nan"), ""),
    ],
)  # fmt: skip
def test_numbers_are_written_as_in_the_slides(value, text):
    assert number(value) == text


def test_p_values_and_stars():
    assert [p_value(p) for p in (0.0001, 0.0123, 1.0, float("nan"))] == ["<0.001", "0.012", "1.000", ""]
    assert [stars(p) for p in (0.001, 0.02, 0.07, 0.2)] == ["***", "**", "*", ""]


def test_the_slides_tables_are_complete():
    assert {n: len(slides_table(n)) for n in ("patents", "tfp", "exports", "exports_difference")} == {
        "patents": 6, "tfp": 6, "exports": 6, "exports_difference": 5,
    }  # fmt: skip
    with pytest.raises(DataError, match="Did you mean 'patents'"):
        slides_table("patent")


@pytest.mark.parametrize("name", ["patents", "tfp", "exports", "exports_difference"])
def test_the_slides_stars_fit_their_standard_errors(name):
    for row in slides_table(name).itertuples():
        t = abs(row.coefficient / row.standard_error)
        printed = stars(math.erfc(t / math.sqrt(2)))
        assert len(printed) == row.stars, row


def test_text_has_every_row_of_the_slides(table):
    text = table.to_text()
    lines = text.splitlines()
    for label in ("Sensitivity × Post", "Observations", "Clusters", "Controls", "Region × Ind. F.E.", "Region × Year F.E.",
                  "Slides: coefficient", "Jackknife s.e. (CRV3)", "Permutation p-value", "Effective clusters",
                  "Variance share of largest 2", "Without the largest", "Effect of one s.d., percentage points"):  # fmt: skip
        assert any(line.startswith(label) for line in lines), label
    assert "(synthetic data)" in lines[0]
    assert re.search(r"\(1\)\s+\(2\)\s+\(3\)", text)
    rule = next(line for line in lines if line.startswith("─"))
    assert max(len(line) for line in lines) == len(rule)


def test_cells_are_the_estimates(table, fits):
    cells = dict(table.blocks[0])
    assert cells["Sensitivity × Post"] == [
        number(f.fit.coefficient[0]) + stars(f.fit.p_value[0]) for f in fits
    ]
    counts = {label: cells for block in table.blocks for label, cells in block}
    assert counts["Observations"] == [f"{f.fit.observations:,}" for f in fits]
    # The slides have no column of this name.
    assert counts["Slides: coefficient"] == ["0.880***", "0.812***", ""]


def test_latex_is_balanced_and_escaped(table):
    source = table.to_latex()
    assert source.count("{") == source.count("}")
    begun, ended = re.findall(r"\\begin\{(\w+)\}", source), re.findall(r"\\end\{(\w+)\}", source)
    assert sorted(begun) == sorted(ended) == ["table", "tabular"]
    assert r"R\_1 \& more" in source
    assert r"$\times$" in source
    rows = [line for line in source.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {3}
    assert all(ord(c) < 128 for c in source)
    assert latex("50% of a_b −1 × 2 ≥ {x}") == r"50\% of a\_b $-$1 $\times$ 2 $\geq$ \{x\}"


class Tags(html.parser.HTMLParser):
    """Follow opened and closed tags."""

    def __init__(self):
        super().__init__()
        self.open, self.cells = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ("br", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.cells.append(data)


def test_html_is_well_formed_and_escaped(table):
    parser = Tags()
    parser.feed(page(table.title, [table.to_html()]))
    assert parser.open == []
    assert "R_1 & more" in parser.cells
    assert "R_1 &amp; more" in table.to_html()


def test_controls_may_be_shown(declared, fits):
    estimates = estimate_table(declared, fits[0].values.panel)
    labels = [label for label, _ in regression_table(estimates, controls=True).blocks[0]]
    assert labels == ["Sensitivity × Post", "", "capital", "", "demand", ""]


def test_withheld_numbers_are_called_withheld():
    frame = synthetic_panel(regions=1, industries=8)
    frame["sensitivity"] = (frame["industry"] == "3402").astype(float)
    fits = fit_columns(design(column=[{"name": "ALL"}]), make_panel(frame, ("region", "industry")))
    found = regression_table(
        estimate_table(fits[0].values.design, fits[0].values.panel), robust_inference(fits)
    )
    rows = {label: cells for block in found.blocks for label, cells in block}
    assert rows["Jackknife s.e. (CRV3)"] == ["withheld"]
    assert any("CRV3 is withheld" in note for note in found.notes)


def test_permutations_that_none_has_are_not_described():
    frame = synthetic_panel()
    frame["x"] = frame["sensitivity"] * (frame["year"] >= POST)
    fits = fit_columns(
        design(treatment={"variable": "x"}, event_study=None), make_panel(frame, ("region", "industry"))
    )
    found = regression_table(
        estimate_table(fits[0].values.design, fits[0].values.panel), robust_inference(fits)
    )
    assert not any("exchanges of the sensitivity" in note for note in found.notes)
    assert any("permutations are withheld" in note for note in found.notes)


def test_the_event_study_table_has_a_row_for_every_year(study):
    found = event_study_table(study)
    labels = [label for label, _ in found.blocks[0] if label]
    assert labels == [f"{y} (reference)" if y == 2009 else str(y) for y in range(2004, 2016)]
    rows = {label: cells for block in found.blocks for label, cells in block}
    assert rows["2009 (reference)"] == ["0", "0", "0"]
    assert set(rows["Pre-trend, verdict"]) <= {"withheld", "rejected at 5%", "not rejected at 5%"}
    assert "synthetic" in found.title


def test_the_simultaneous_band_is_wider_and_holds_the_intervals(study):
    width, band = np.diff(study["interval"]), np.diff(study["band"])
    other = study["year"].values != 2009
    assert (band[:, other] > width[:, other]).all()
    assert (band[:, ~other] == 0).all()


def test_the_figure_has_a_panel_for_every_column(study):
    figure = event_study_figure(study)
    shown = [axes for axes in figure.figure.axes if axes.axison]
    assert [axes.get_title(loc="left").split(",")[0] for axes in shown] == ["NONCHN", "ALL", "R_1 & more"]
    for axes, column in zip(shown, study["column"].values, strict=True):
        drawn = np.sort(np.concatenate([line.get_ydata() for line in axes.lines if line.get_marker() == "o"]))
        np.testing.assert_allclose(drawn, np.sort(study["effect"].sel(column=column)), atol=1e-12)
    assert "synthetic" in figure.title
    assert "synthetic data" in [t.get_text() for t in figure.figure.texts]
