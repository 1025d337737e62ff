"""The measurement as a whole: the slides' table beside ours, variants, the shipped results and the command."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from empirics.figures_measurement import figures
from empirics.measurement import (
    VARIANTS,
    build,
    load_measurement,
    measure,
    read_accounts,
    results,
    write_measurement,
)
from empirics.measurement.accounts import SURPLUS, relative_gaps
from empirics.measurement.applications import (
    MAGNET_USERS,
    magnet_buyers,
    magnet_sales,
    magnet_share,
    unit_prices,
    us_quantities,
    value_of,
)
from empirics.measurement.extension import MAGNETS, OTHER_METALS
from empirics.measurement.tables import (
    TOTAL,
    agreement,
    beside_slides,
    same_leaders,
    slides_frame,
    tables,
    variant_requirements,
)
from empirics.measurement.variants import HEADLINE
from exacthat.cli import app
from framework.errors import DataError


@pytest.fixture(scope="module")
def accounts(official_data) -> xr.Dataset:
    return read_accounts(official_data)


@pytest.fixture(scope="module")
def shipped() -> xr.Dataset:
    return load_measurement()


@pytest.fixture(scope="module")
def table(accounts):
    return build(accounts, VARIANTS[HEADLINE])


def test_the_extended_table_balances_and_has_a_certificate(table):
    certificate = table.certificate
    assert max(relative_gaps(table.accounts)) < 1e-9
    assert certificate.row_gap_before < 1e-3 < certificate.column_gap_before < 2e-3
    assert certificate.spectral_radius == pytest.approx(0.5197, abs=1e-4)
    assert certificate.smallest_ree >= 0.0
    assert certificate.smallest_inverse == pytest.approx(-0.0038, abs=1e-4)
    assert certificate.negative_uses == 14


def test_magnets_of_the_reconstruction(accounts, table):
    assert magnet_share(accounts) == pytest.approx(0.0351, abs=1e-4)
    assert not {"336360", "335312"} & set(magnet_buyers(accounts.indexes["industry"]))
    lost = accounts["value_added"].sel(component=SURPLUS, industry="332999")
    kept = table.accounts["value_added"].sel(component=SURPLUS, industry=[MAGNETS, OTHER_METALS]).sum()
    assert float(lost - kept) == pytest.approx(float(table.value.sel(application="magnet").sum()))
    for users in MAGNET_USERS:
        assert magnet_sales(accounts, users).sum() == pytest.approx(508.0)


def test_shipped_results_are_what_the_official_tables_give(accounts, table, shipped):
    np.testing.assert_allclose(shipped["total_requirements"], table.by_sector(), rtol=1e-9, atol=1e-15)
    assert shipped.attrs["computed"] == "shipped with the project"


def test_interface_of_the_measurement(shipped):
    total = shipped["total_requirements"]
    assert total.dims == ("sector", "element")
    assert list(total["element"].values) == ["La", "Ce", "Nd", "Pr", "Dy"]
    assert total.sizes["sector"] == 459
    assert all(isinstance(x, str) and len(x) == 4 for x in total["sector"].values)
    assert shipped["sensitivity"].dims == ("sector",)
    assert bool((total >= 0).all())
    assert bool((shipped["direct_requirements"] <= total + 1e-15).all())
    for flag in ("reconstructed_magnet_users", "unverified_complementarity"):
        assert flag in shipped.attrs["flags"]
        assert shipped.attrs[flag]
    assert list(shipped["sector"].values[shipped["concordance_artefact"] == 1]) == ["3292"]
    assert set(shipped["sector"].values[shipped["calibrated_rows"] == 1]) == {"3499", "3691", "3714"}
    assert shipped.attrs["data"] == "derived"
    assert "public domain" in shipped.attrs["terms"]


def test_rows_one_and_two_of_the_slides_are_met_and_the_leaders_are_theirs(shipped):
    slides, ours = slides_frame(shipped), variant_requirements(shipped, HEADLINE)
    for sic in ("3691", "3499"):
        assert ours.at[sic, TOTAL] == pytest.approx(slides.at[sic, TOTAL], rel=0.02)
    assert same_leaders(shipped) == 8
    assert agreement(shipped).to_numpy().sum() == 35
    off = {(s, e) for (s, e), same in agreement(shipped).stack().items() if not same}
    assert off == {("3625", "Nd"), ("3625", "Dy"), ("3511", "Nd"), ("3511", "Dy"), ("3519", "Ce")}


def test_who_buys_magnets_decides_the_other_rows(shipped):
    row = {name: float(variant_requirements(shipped, name).at["3625", "Nd"]) for name in VARIANTS}
    reconstructed = row[HEADLINE]
    assert 2.5 < reconstructed / row["calibrated, magnets to machinery and equipment"] < 3.5
    assert reconstructed / row["calibrated, magnets to all buyers"] > 10
    assert agreement(shipped, "calibrated, per dollar of industry output").to_numpy().sum() == 37
    assert same_leaders(shipped, "public") == 8


def test_sensitivity_is_weighted_in_thousandths(shipped):
    requirements = 1000 * shipped["total_requirements"].sel(sector="3499")
    expected = float((requirements * shipped["complementarity"] / 100).sum())
    assert float(shipped["sensitivity"].sel(sector="3499")) == pytest.approx(expected)
    spiked = 6.93 * 135.0 / 4.88
    assert float(shipped["sensitivity_price_spike"].sel(sector="3691")) == pytest.approx(spiked, rel=1e-3)
    # The slides say that one standard deviation times 0.880 is about 0.3 percentage points.
    assert 0.88 * float(shipped["sensitivity"].std(ddof=1)) == pytest.approx(0.3, abs=0.06)


def test_catalysts_at_mean_prices_do_not_fit_their_cell(accounts):
    with pytest.raises(
        DataError, match=r"worth 40\.37 million USD .* \('325180', '336390'\), which holds 22"
    ):
        build(accounts, replace(VARIANTS["public, mean prices of 2012"], excess="error"))


def test_magnets_at_the_peak_prices_of_2011_cannot_be_made(accounts):
    with pytest.raises(DataError, match="are used by '332999-magnets', more than the other inputs"):
        build(accounts, replace(VARIANTS["public, mean prices of 2012"], prices="mean-2011"))


def test_unknown_choices_name_the_nearest(accounts):
    with pytest.raises(DataError, match="Did you mean 'mean-2012'"):
        unit_prices("mean-2013x")
    with pytest.raises(DataError, match="Did you mean 'all-buyers'"):
        magnet_sales(accounts, "all-buyer")


def test_quantities_times_prices_are_million_dollars():
    value = value_of(us_quantities(), unit_prices())
    dysprosium = 15000 * 0.07 * 0.05 * 615 / 1000
    assert float(value.sel(application="magnet", element="Dy")) == pytest.approx(dysprosium)
    prices = unit_prices()
    with pytest.raises(DataError, match="price of 'Nd' is -1 USD per kg"):
        value_of(us_quantities(), prices.where(prices["element"] != "Nd", -1.0))
    with pytest.raises(DataError, match="'Dy' is used but has no price"):
        value_of(us_quantities(), prices.drop_sel(element="Dy"))


def test_tables_show_the_slides_beside_ours_in_every_format(shipped, tmp_path):
    table = beside_slides(shipped)
    text = table.text()
    words = " ".join(text.split())
    assert "35 of 40 cells" in words
    assert "the others are 3625 Nd, Dy; 3511 Nd, Dy; 3519 Ce." in words
    assert "37 do; the others are 3625 Nd; 3511 Nd; 3292 Nd." in words
    assert "6.93" in text
    assert "brake linings" in text
    assert "10^{-3}" in table.latex()
    assert "\\toprule" in table.latex()
    assert "<caption>" in table.html()
    for each in tables(shipped, 5):
        each.save(tmp_path)
    assert {p.suffix for p in tmp_path.iterdir()} == {".csv", ".txt", ".tex", ".html"}
    lines = (tmp_path / "total-requirements.csv").read_text().splitlines()
    assert len(lines) == 460
    assert lines[1].startswith("3691,Storage Batteries,6.93")


def test_figures_show_what_the_tables_say(shipped):
    bars, heat, slides = figures(shipped)
    labels = [tick.get_text() for tick in bars.figure.axes[0].get_yticklabels()]
    assert labels[0] == "3691 Storage Batteries"
    assert len(labels) == 20
    widths = sum(patch.get_width() for patch in bars.figure.axes[0].patches if patch.get_y() < 0.5)
    assert widths == pytest.approx(variant_requirements(shipped, HEADLINE).at["3691", TOTAL])
    assert heat.figure.axes[0].images[0].get_array().shape == (30, 5)
    assert "35 of 40" in slides.note


def test_a_measurement_survives_a_file_and_others_are_refused(shipped, tmp_path):
    write_measurement(shipped, tmp_path / "again.nc")
    xr.testing.assert_identical(load_measurement(tmp_path / "again.nc"), shipped)
    xr.Dataset({"x": 1}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(DataError, match="no variable 'total_requirements'"):
        load_measurement(tmp_path / "other.nc")
    with pytest.raises(DataError, match="cannot be read as netCDF"):
        load_measurement(tmp_path / "none.nc")


def invoke(*arguments):
    return CliRunner().invoke(app, ["measure", *map(str, arguments)])


def test_command_without_tables_writes_the_shipped_results_and_says_so(tmp_path, monkeypatch, shipped):
    monkeypatch.delenv("EXACTHAT_DATA", raising=False)
    out = tmp_path / "out"
    result = invoke("--out", out)
    assert result.exit_code == 0, result.output
    assert "35 of 40 cells" in result.stdout
    said = " ".join(result.stderr.split())
    assert "results that the project ships" in said
    assert "EXACTHAT_DATA" in said
    assert "IOUse_After" in said
    assert "IOUse_After" in (out / "note.txt").read_text()
    xr.testing.assert_identical(load_measurement(out / "measurement.nc"), shipped)
    for name in (
        "total-requirements",
        "requirements-heat-map",
        "beside-the-slides",
        "prices",
        "price-baskets",
    ):
        for kind in ("svg", "png"):
            assert (out / "figures" / f"{name}.{kind}").stat().st_size > 5000
    assert (out / "figures" / "captions.txt").read_text().startswith("total-requirements\n")
    again = invoke("--out", out)
    assert again.exit_code == 1
    assert "exists and is kept" in again.stderr


def test_command_refuses_a_folder_without_tables(tmp_path):
    result = invoke("--out", tmp_path / "out", "--data", tmp_path)
    assert result.exit_code == 1
    assert "does not hold the input-output accounts" in " ".join(result.stderr.split())
    assert not (tmp_path / "out").exists()


def test_measuring_the_official_tables_gives_the_shipped_results(official_data, shipped, monkeypatch):
    chosen = {name: VARIANTS[name] for name in (HEADLINE, "public", "calibrated, equal weights of BEA codes")}
    monkeypatch.setattr(results, "VARIANTS", chosen)
    expected = shipped.sel(variant=list(chosen)).drop_attrs()
    xr.testing.assert_allclose(measure(official_data).drop_attrs(), expected, rtol=1e-7, atol=1e-12)
