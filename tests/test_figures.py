import re

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread
from synthetic_results import REGIONS, TECHNOLOGIES, synthetic_results

from exacthat.display import number, percent
from exacthat.figures import COLUMN_WIDTH, draw, scale_of


@pytest.fixture(scope="module")
def plots():
    return {plot.name: plot for plot in draw(synthetic_results())}


def bars(plot) -> np.ndarray:
    """Widths of the bars, one row for each series."""
    (axes,) = plot.figure.axes
    return np.array([[bar.get_width() for bar in series] for series in axes.containers])


def test_there_are_three_figures_a_scenario(plots):
    names = ["innovation-bias", "real-consumption", "real-gdp"]
    assert sorted(plots) == sorted(f"{name}-{scenario}" for name in names for scenario in ("tax", "price"))


def test_a_notebook_shows_a_figure(plots):
    assert plots["real-gdp-tax"]._repr_svg_() == plots["real-gdp-tax"].svg


def test_bars_show_the_results_in_the_unit_of_the_axis(plots):
    results = synthetic_results()
    expected = 100 * (results.real_gdp - 1)
    assert np.allclose(bars(plots["real-gdp-price"]), expected.sel(scenario="price"))
    assert np.allclose(bars(plots["real-gdp-tax"]), expected.sel(scenario="tax"))
    (axes,) = plots["real-gdp-tax"].figure.axes
    assert axes.get_xlabel() == "change of real GDP from the baseline, percent"
    tiny = next(p for p in draw(synthetic_results((("tiny", 1e-6),))) if p.name == "real-gdp-tiny")
    assert tiny.figure.axes[0].get_xlabel() == "change of real GDP from the baseline, parts per million"
    assert np.abs(bars(tiny)).max() == pytest.approx(1e6 * expected.sel(scenario="tax").pipe(abs).max() / 1e3)
    assert [t.get_text() for t in axes.get_yticklabels()] == REGIONS


def test_sectors_are_sorted_and_those_without_a_change_are_named_in_the_note(plots):
    plot = plots["innovation-bias-price"]
    assert np.all(np.diff(bars(plot).max(axis=0)) <= 0)
    assert bars(plot).shape == (2, 3)
    assert "Not shown because nothing changes: exogenous technology." in plot.note
    assert "Sectors without a change are not shown: Services." in plot.note
    assert "weighted by nominal GDP in the baseline economy" in plot.note
    assert "Response to: size of 0.01." in plot.note


def test_a_scenario_without_effect_is_drawn_as_zeros():
    results = synthetic_results((("nothing", 0.0),))
    results["innovation_bias_abroad"] = 0 * results["innovation_bias_abroad"]
    results["innovation_bias_abroad"].attrs["units"] = "percent"
    plots = draw(results)
    assert [plot.name for plot in plots] == ["real-gdp-nothing", "real-consumption-nothing"]
    assert np.all(bars(plots[0]) == 0)
    assert "<svg" in plots[0].svg


def test_many_rows_are_marks_that_fit_on_a_page():
    results = synthetic_results()
    many = results.isel(region=np.arange(40) % 5).assign_coords(region=[f"R{k}" for k in range(40)])
    plot = next(p for p in draw(many) if p.name == "real-gdp-price")
    assert plot.figure.get_size_inches()[1] < 9
    (axes,) = plot.figure.axes
    marks = np.array([line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 40])
    assert np.allclose(marks, 100 * (many.real_gdp.sel(scenario="price") - 1))
    assert len({line.get_marker() for line in axes.lines[:3]}) == 3


def test_files_are_print_quality_and_the_same_every_time(plots, tmp_path):
    before = dict(mpl.rcParams)
    plot = plots["real-gdp-tax"]
    plot.save(tmp_path)
    assert (tmp_path / "real-gdp-tax.svg").read_text() == plot.svg
    width = imread(tmp_path / "real-gdp-tax.png").shape[1]
    assert width == round(300 * COLUMN_WIDTH)
    assert not re.search(r"(href|src)=.(?!#)", plot.svg)
    assert dict(mpl.rcParams) == before


def test_every_text_is_inside_the_figure(plots):
    for plot in plots.values():
        plot.figure.draw_without_rendering()
        (axes,) = plot.figure.axes
        low, high = axes.get_xlim()
        ticks = [t.label1 for t in axes.xaxis.get_major_ticks() if low <= t.get_loc() <= high]
        for text in [*axes.texts, *axes.get_yticklabels(), *ticks, axes.xaxis.label]:
            box = text.get_window_extent()
            assert box.x0 >= -0.5, (plot.name, text)
            assert box.x1 <= plot.figure.bbox.x1 + 0.5, (plot.name, text)


def test_colours_differ_in_grey(plots):
    (axes,) = plots["real-gdp-tax"].figure.axes
    colours = np.array([series[0].get_facecolor()[:3] for series in axes.containers])
    grey = np.sort(colours @ [0.299, 0.587, 0.114])
    assert len(grey) == len(TECHNOLOGIES)
    assert np.all(np.diff(grey) > 0.1)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1.0, "1.00"), (-0.001234, "−0.00123"), (12.34, "12.3"), (1234.5, "1234"), (9.999, "10.0")],
)
def test_numbers_have_three_significant_digits(value, text):
    assert number(value) == text


@given(st.floats(1e-8, 1e6))
def test_the_unit_has_a_name_and_leaves_numbers_that_read_well(largest):
    factor, name = scale_of(largest)
    assert factor == {"percent": 1, "parts per million": 1e4, "parts per billion": 1e7}[name]
    assert largest * factor >= (1e-3 if name != "parts per billion" else 0.1) * (1 - 1e-9)
    assert name == "percent" or largest * factor < 10 * (1 + 1e-9)


def test_sectors_without_rare_earths_are_hollow_and_marked(plots):
    plot = plots["innovation-bias-price"]
    (axes,) = plot.figure.axes
    labels = [t.get_text().replace("\n", " ") for t in axes.get_yticklabels()]
    empty = [label.endswith("\N{DAGGER}") for label in labels]
    assert [x for x, e in zip(labels, empty, strict=True) if e] == [
        "Textiles and textile products \N{DAGGER}"
    ]
    for series in axes.containers:
        assert [bar.get_facecolor()[:3] == (1, 1, 1) for bar in series] == empty
    assert "hollow bars: the sector's rare-earth share is zero to four digits" in plot.note


def test_percent_leaves_percent_alone():
    assert float(percent(xr.DataArray(1.25, attrs={"units": "new/base"}))) == 25
    assert float(percent(xr.DataArray(1.25, attrs={"units": "percent"}))) == 1.25


def test_a_legend_of_long_names_is_inside_the_figure():
    names = {t: f"{t} with a name that says more" for t in TECHNOLOGIES}
    results = synthetic_results()
    results = results.assign_coords(technology=[names.get(str(t), str(t)) for t in results.technology.values])
    for plot in draw(results):
        (legend,) = plot.figure.legends
        extent = legend.get_window_extent()
        assert 0 <= extent.x0 < extent.x1 <= plot.figure.bbox.width
