"""Counts, stocks, regions, the scaled sample and the figures."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from empirics.patents import (
    REGIONS,
    aggregate_patents,
    count_sentences,
    perpetual_inventory,
    read_totals,
    region_of_country,
    scale_sample,
)
from empirics.patents.figures import plot_patents, plot_sentences, save
from framework.errors import DataError

ROW = {"country": "JP", "family": "", "filing_date": 20080101, "grant_date": 20110630, "status": "classified", "sic": "3691",
       "direction": "enhancing", "technology": "battery;motor", "data": ""}  # fmt: skip


def classified(*changes):
    rows = [{"id": f"p{i}", **ROW, **change} for i, change in enumerate(changes)]
    return pd.DataFrame(rows).astype({"filing_date": "Int64", "grant_date": "Int64"})


def test_regions():
    known = region_of_country()
    assert set(known.values()) == set(REGIONS)
    expected = {"JP": "JPN", "US": "USA", "CN": "CHN", "HK": "CHN", "RU": "RUS", "SU": "RUS", "KR": "KOR", "AU": "AUS",
                "DE": "EUR", "DD": "EUR", "GB": "EUR", "CH": "EUR", "NO": "EUR", "TW": "ROW", "CA": "ROW", "NA": "ROW", "UA": "ROW"}  # fmt: skip
    assert {code: known[code] for code in expected} == expected


def test_counts_by_grant_and_by_filing():
    table = classified({}, {"country": "DE"}, {"grant_date": 20131231})
    granted = aggregate_patents(table).counts
    assert granted["patents"].sel(region="JPN", sic="3691", direction="enhancing").values.tolist() == [
        1,
        0,
        1,
    ]
    assert granted["year"].values.tolist() == [2011, 2012, 2013]
    assert granted["patents"].sum().item() == 3
    filed = aggregate_patents(table, date="filing").counts
    assert filed["patents"].sel(region="JPN", sic="3691", year=2008).sum().item() == 2
    assert granted["patents_by_technology"].sel(technology="motor").sum().item() == 3
    assert granted["patents_by_technology"].sum().item() == 6
    assert dict(granted.sizes) == {"region": 8, "sic": 459, "year": 3, "direction": 3, "technology": 7}


def test_assignees():
    table = classified({"country": "JP;DE;DE;XX"}, {"country": ";US"})
    first = aggregate_patents(table).counts["patents"].sum(["sic", "year", "direction"]).to_series()
    assert first[first > 0].to_dict() == {"JPN": 1, "USA": 1}
    parts = (
        aggregate_patents(table, assignees="fractional")
        .counts["patents"]
        .sum(["sic", "year", "direction"])
        .to_series()
    )
    assert parts[parts > 0].to_dict() == pytest.approx({"EUR": 2 / 3, "JPN": 1 / 3, "USA": 1})


def test_families_count_once_at_their_earliest_grant():
    table = classified(
        {"family": "7"}, {"family": "7", "grant_date": 20100101}, {"family": ""}, {"family": ""}
    )
    result = aggregate_patents(table, unit="family")
    assert result.counts["patents"].sum().item() == 3
    assert result.counts["patents"].sel(year=2010).sum().item() == 1
    assert result.exclusions.to_numpy().tolist() == [["p0", "later member of a family"]]


def test_every_patent_is_counted_or_listed_once():
    table = classified(
        {}, {"status": "unclassified", "sic": "", "direction": "", "technology": ""}, {"sic": "none"}, {"grant_date": None},
        {"country": ""}, {"country": ";"}, {"country": "ZZ"}, {"grant_date": 19990101}, {"country": "", "grant_date": None},
    )  # fmt: skip
    result = aggregate_patents(table, years=(2002, 2018))
    assert result.counts["patents"].sum().item() == 1
    assert dict(result.exclusions.to_numpy()) == {
        "p1": "unclassified", "p2": "no manufacturing industry", "p3": "no grant date", "p4": "no assignee country",
        "p5": "no assignee country", "p6": "unknown country code of the assignee", "p7": "grant date outside 2002 to 2018",
        "p8": "no grant date",
    }  # fmt: skip
    assert result.counts["year"].values.tolist() == list(range(2002, 2019))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=15), st.sampled_from([0.0, 0.15, 0.5]))
def test_stock_is_the_discounted_sum_of_flows(flows, rate):
    flow = xr.DataArray(
        np.array(flows, float), coords={"year": np.arange(2000, 2000 + len(flows))}, dims="year"
    )
    stock = perpetual_inventory(flow, rate)
    for t in range(len(flows)):
        assert stock.values[t] == pytest.approx(sum((1 - rate) ** (t - s) * flows[s] for s in range(t + 1)))


def test_stock_is_in_the_result():
    counts = aggregate_patents(classified({}, {"grant_date": 20120101}), depreciation=0.1).counts
    assert counts["stock"].sel(region="JPN", sic="3691", direction="enhancing").values == pytest.approx(
        [1, 1.9]
    )
    with pytest.raises(DataError, match="not consecutive"):
        perpetual_inventory(counts["patents"].isel(year=[0]).reindex(year=[2011, 2013], fill_value=0), 0.1)


def test_scaled_sample_adds_up_to_the_totals():
    sample = xr.DataArray(
        np.array([[[1.0, 2.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]]),
        coords={"region": ["JPN", "AUS"], "sic": ["3691", "3621"], "year": [2010, 2011]}, dims=["region", "sic", "year"],
    )  # fmt: skip
    totals = xr.DataArray([400.0, 0.0, 7.0], coords={"region": ["JPN", "AUS", "USA"]}, dims="region")
    scaled = scale_sample(sample, totals)
    assert scaled.sum(["sic", "year"]).values.tolist() == [400.0, 0.0]
    assert scaled.sel(region="JPN").values.tolist() == [[100, 200], [0, 100]]
    with pytest.raises(DataError, match=r"AUS.*draw a larger sample"):
        scale_sample(sample, totals + 1)
    with pytest.raises(DataError, match="no total for region 'AUS'"):
        scale_sample(sample, totals.sel(region=["JPN", "USA"]))
    with pytest.raises(DataError, match="need region"):
        scale_sample(sample, totals.rename(region="country"))
    by_year = xr.DataArray(
        [[10.0, 30.0], [0, 0]],
        coords={"region": ["JPN", "AUS"], "year": [2010, 2011]},
        dims=["region", "year"],
    )
    assert scale_sample(sample, by_year).sum("sic").values.tolist() == [[10, 30], [0, 0]]


def test_totals_of_ncses(official_data):
    file = official_data / "ncses_patents" / "ncses_patents_country_field_year_1998_2018.parquet"
    totals = read_totals(file)
    assert totals["region"].values.tolist() == list(REGIONS)
    assert totals.sel(region="JPN", year=2009).item() == 139_279
    table = pd.read_parquet(file)
    world = table[
        (table["field"] == "ALL FIELDS") & table["region_path"].isin(["World", "World -> Unclassified"])
    ]
    expected = world.pivot(index="year", columns="region_path", values="patent_families")
    assert totals.sum("region").values == pytest.approx(
        (expected["World"] - expected["World -> Unclassified"]).to_numpy(float)
    )
    assert (totals > 0).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("region,patent\nJPN,1\n", "no column 'patents'.*Did you mean 'patent'"),
        ("region,patents\nJAP,1\n", "'JAP' is not a region"),
        ("region,patents\nJPN,1\nJPN,2\n", "twice for the same region"),
        ("region,patents\nJPN,many\n", "'patents' holds text"),
    ],
)
def test_totals_that_are_wrong(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_totals(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (classified({}).drop(columns="grant_date"), {}, "no column 'grant_date'"),
        (classified({}), {"depreciation": 1.0}, "depreciation is 1.0"),
        (classified({"sic": "3690"}), {}, r"'3690' in column 'sic' is not on.*Did you mean"),
        (classified({"country": ""}, {"sic": "none"}), {}, "no patent can be counted: .*no assignee country"),
    ],
)
def test_errors(table, options, message):
    with pytest.raises(DataError, match=message):
        aggregate_patents(table, **options)


def spoken(status="classified"):
    rows = [{"id": "a", "date": 20110331, "topic": "expand"}, {"id": "b", "date": 20130331, "topic": "none"},
            {"id": "c", "date": None, "topic": "produce"}]  # fmt: skip
    return pd.DataFrame(rows).assign(status=status, data="synthetic").astype({"date": "Int64"})


def test_sentences_by_topic_and_year():
    result = count_sentences(spoken())
    assert result.counts["sentences"].sel(topic="expand").values.tolist() == [1, 0, 0]
    assert result.counts["year"].values.tolist() == [2011, 2012, 2013]
    assert result.counts.attrs == {"data": "synthetic"}
    assert result.exclusions.to_numpy().tolist() == [["c", "no date"]]
    with pytest.raises(DataError, match=r"no sentence can be counted: unclassified \(3\)"):
        count_sentences(spoken(status="unclassified"))


def test_figures_show_the_series_and_say_synthetic(tmp_path):
    real = plot_patents(
        aggregate_patents(classified({}, {"grant_date": 20080101}, {"technology": "other"})).counts
    )
    synthetic = plot_patents(aggregate_patents(classified({"data": "synthetic"})).counts)
    (axes,) = real.axes
    lines = {
        line.get_label(): line.get_ydata() for line in axes.lines if not str(line.get_label()).startswith("_")
    }
    assert list(lines) == ["battery", "catalyst", "lamp", "magnet", "motor", "turbine"]
    assert lines["battery"].tolist() == [1, 0, 0, 1]
    assert axes.get_title(loc="left") == ""
    assert synthetic.axes[0].get_title(loc="left") == "synthetic data"
    figure = plot_sentences(count_sentences(spoken()).counts)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "expand",
        "innovate",
        "produce",
        "substitute",
    ]
    for name in ("a", "b"):
        save(figure, tmp_path, name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").stat().st_size > 5_000
