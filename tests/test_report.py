"""The report: one file, everything in it, and nothing that data could smuggle in."""

import re
from html.parser import HTMLParser

import pytest
import xarray as xr

from exacthat.display import number
from exacthat.figures import draw
from exacthat.report import SECTOR_OUTCOMES, assumptions, render, sentences
from exacthat.run import load_study, solve_study
from exacthat.scenario import shock_study


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    VOID = frozenset({"meta", "br", "img", "link", "input", "hr"})

    def __init__(self, html: str):
        super().__init__()
        self.tags, self.attributes, self.words, self.open = [], [], [], []
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, k, v) for k, v in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, k, v) for k, v in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"{tag} closes another tag"

    def handle_data(self, data):
        if not self.open or self.open[-1] not in {"style"}:
            self.words.append(data)


@pytest.fixture(scope="module")
def outcome():
    return solve_study(load_study("rare-earths").only(["quota"]))


@pytest.fixture(scope="module")
def html(outcome):
    return render(outcome, draw(outcome.results))


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_every_tag_is_closed(page):
    assert page.open == []


def test_the_report_asks_nothing_of_the_network(page, html):
    assert not {"script", "link", "iframe", "img"} & set(page.tags)
    references = [v for _, k, v in page.attributes if k in {"src", "href", "xlink:href"}]
    assert references
    assert [r for r in references if not r.startswith("#")] == []
    assert "default-src 'none'" in html
    assert not re.search(r"@import|url\((?!#)", html)


def test_links_inside_the_page_have_a_target(page):
    targets = {v for _, k, v in page.attributes if k == "id"}
    links = {v[1:] for tag, k, v in page.attributes if tag == "a" and k == "href"}
    assert links
    assert links <= targets


def test_figures_are_inline_and_named(page, outcome):
    labels = [v for tag, k, v in page.attributes if tag == "svg" and k == "aria-label"]
    assert labels == [plot.title for plot in draw(outcome.results)]
    assert len(labels) == 3
    for plot in draw(outcome.results):
        assert plot.note in page.text


def test_numbers_of_the_results_are_in_the_tables(page, outcome):
    for key in ("real_gdp", "real_consumption", "wage", "ree_price"):
        values = 100 * (outcome.results[key].sel(scenario="quota", region="JPN") - 1)
        for value in values.values:
            assert number(float(value)) in page.text, key


def test_every_caption_has_a_unit_and_no_raw_key(html, outcome):
    captions = re.findall(r"<caption>(.*?)</caption>", html)
    captions += re.findall(r"<summary>(.*?)</summary>", html)[: len(SECTOR_OUTCOMES)]
    assert {"real GDP, percent change", "deficit, million USD", "export tax, percent ad valorem"} <= set(
        captions
    )
    assert "REE export ratio, new over baseline" in captions
    assert "cushioning index, fraction of the change offset" in captions
    notes = re.findall(r"<figcaption>(.*?)</figcaption>", html)
    for text in [*captions, *notes]:
        assert not re.search(r"\b(?!A_)[a-z]+_[a-z_]+\b", text), text
    for caption in captions:
        assert "," in caption, caption
    assert "Ree market" not in html
    assert "REE market" in html


def test_the_report_says_what_the_results_rest_on(page, outcome):
    assert "imply a world market of 17.6 billion USD a year" in page.text
    assert "CHN sells 14.3 billion net" in page.text
    assert "With a variety elasticity of 4 rare earths earn 1.33 times their price" in page.text
    assert "real GDP without the markup on REE, percent change" in page.text
    assert outcome.results.cushioning_index.attrs["description"] in page.text


def test_assumptions_parameters_data_and_certificates_are_stated(page, outcome):
    for entry in assumptions("rare-earths"):
        assert entry["choice"] in page.text
        assert entry["alternative"] in page.text
    assert "Head and Mayer (2014)" in page.text
    assert outcome.baseline.data.attrs["terms"] in page.text
    assert "Timmer" in page.text
    for case in ("exogenous", "fixed-effort", "elastic-effort"):
        assert f"quota, {case}:" in page.text
    for check, *_ in next(iter(outcome.solutions.values())).certificate.rows():
        assert check in page.text


def test_assumptions_are_numbered_like_the_register():
    assert [entry["number"] for entry in assumptions("rare-earths")] == list(range(1, 16))
    assert assumptions("armington") == []


def test_the_summary_names_the_extremes(outcome):
    gdp, consumption, cushioning = sentences(outcome.results, "quota")
    change = 100 * (outcome.results.real_consumption.sel(scenario="quota") - 1)
    assert number(float(change.min())) in consumption
    assert number(float(change.max())) in consumption
    assert gdp.startswith("real GDP between")
    index = outcome.results.cushioning_index.sel(scenario="quota").drop_sel(technology="exogenous")
    assert number(float(index.min())) in cushioning


def test_a_model_without_figures_or_assumptions_has_a_report_too():
    outcome = solve_study(shock_study("armington", ["trade_cost=1.1"]))
    page = Page(render(outcome, draw(outcome.results)))
    assert "Assumptions" not in page.text
    assert "real consumption" in page.text


def test_data_of_ones_own_have_a_table_of_parameters_and_outcomes_over_two_dims(tmp_path):
    study, file = shock_study("armington", ["trade_cost=1.1"]), tmp_path / "mine.nc"
    solve_study(study).baseline.data.to_netcdf(file, engine="h5netcdf")
    html = render(solve_study(study, data=str(file)), [])
    value = float(xr.load_dataset(file)["trade_elasticity"])
    assert "expenditure share, percent change, by importer and exporter" in html
    row = (
        rf"<code>trade_elasticity</code></th><td>trade elasticity</td><td>{value:g}</td><td>the data set</td>"
    )
    assert re.search(row, html)


def test_text_of_data_is_escaped(outcome):
    attrs = outcome.results.attrs
    try:
        outcome.results.attrs = {**attrs, "data_source": "<script>alert(1)</script>"}
        assert "<script>" not in render(outcome, [])
    finally:
        outcome.results.attrs = attrs
