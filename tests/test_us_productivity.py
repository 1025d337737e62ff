"""The panel of the United States: from the official tables, and as shipped."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyfixest
import pytest
import xarray as xr

from empirics.did.design import read_design
from empirics.did.estimate import dataset, fit_columns
from empirics.did.panel import read_panel
from empirics.measurement import load_measurement, read_accounts
from empirics.productivity import load_us_panel, read_nber_ces, us_cost_shares, us_panel, us_productivity
from empirics.productivity.united_states import CAPITAL_FLOOR, write_us_panel
from framework.errors import DataError

EXTRACT = "nber_ces/dsfa_manuf_naics2012_2000_2016.parquet"


@pytest.fixture(scope="module")
def ces(official_data):
    return read_nber_ces(official_data / EXTRACT)


@pytest.fixture(scope="module")
def accounts(official_data):
    return read_accounts(official_data)


def test_the_shipped_panel_is_whole_and_says_what_it_is():
    panel = load_us_panel()
    assert panel.groupby("industry").size().eq(14).all()
    assert panel["industry"].nunique() == 364
    assert (panel["year"].min(), panel["year"].max()) == (2003, 2016)
    assert not panel.isna().any(axis=None)
    assert panel.attrs["data"] == "derived"
    assert "NBER-CES" in panel.attrs["source"]


def test_the_shipped_panel_has_the_sensitivity_of_the_shipped_measurement():
    panel = load_us_panel().drop_duplicates("industry").set_index("industry")["sensitivity"]
    measured = load_measurement()["sensitivity_naics"].to_series()
    np.testing.assert_allclose(panel, measured[panel.index], rtol=1e-12)


def test_the_shipped_panel_is_what_the_official_tables_give(official_data):
    pd.testing.assert_frame_equal(us_panel(official_data), load_us_panel(), rtol=1e-9)


def test_shares_sum_to_one_and_the_floor_is_reported(ces, accounts):
    shares = us_cost_shares(ces, accounts)
    np.testing.assert_allclose(shares[["labour_share", "materials_share", "capital_share"]].sum(axis=1), 1)
    assert shares["capital_share"].min() == CAPITAL_FLOOR
    assert shares["floored"].sum() == (shares["unfloored"] < CAPITAL_FLOOR).sum() == 10
    assert (shares["unfloored"] < 0).sum() == 5
    # Secondary aluminium is an industry of its own in the accounts, though no commodity.
    assert shares.loc["331314", "bea"] == "331314"


def test_a_year_of_one_industry_by_hand(official_data):
    raw = pd.read_parquet(official_data / EXTRACT).set_index(["naics", "year"]).loc[335911]
    with np.load(official_data / "bea2012" / "bea2012_detail.npz") as file:
        j = list(file["industries"]).index("335911")
        labour = file["va_AfterRedef"][0, j] / file["make_AfterRedef"][j].sum()
    materials = raw.loc[2012, "M"] / raw.loc[2012, "Y"]
    ratio = raw.loc[2011] / raw.loc[2010]
    inputs = ratio["L"] ** labour * ratio["M"] ** materials * ratio["K"] ** (1 - labour - materials)
    level = ratio["Y"] / inputs
    row = load_us_panel().query("industry == '335911' and year == 2011").iloc[0]
    assert row["tfp_growth"] == pytest.approx(100 * (level - 1) / (0.5 * (level + 1)), rel=1e-9)
    per_hour = ratio["Y"] / ratio["L"]
    assert row["labour_productivity_growth"] == pytest.approx(100 * (per_hour - 1) / (0.5 * (per_hour + 1)))
    assert row["capital_intensity"] == pytest.approx(np.log(raw.loc[2011, "K"] / raw.loc[2011, "L"]))


def test_the_panel_survives_a_file(tmp_path):
    panel = load_us_panel()
    write_us_panel(panel, tmp_path / "p.parquet")
    again = load_us_panel(tmp_path / "p.parquet")
    pd.testing.assert_frame_equal(again, panel)
    assert again.attrs == panel.attrs
    panel.drop(columns="sensitivity").to_parquet(tmp_path / "q.parquet")
    with pytest.raises(DataError, match="no column 'sensitivity'"):
        load_us_panel(tmp_path / "q.parquet")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        load_us_panel(tmp_path / "nowhere.parquet")


def test_missing_tables_and_unknown_industries_are_refused_by_name(ces, accounts, tmp_path, monkeypatch):
    monkeypatch.delenv("EXACTHAT_DATA", raising=False)
    with pytest.raises(DataError, match=r"the NBER-CES database is not shipped\. Needed: .*dsfa_manuf"):
        us_panel()
    with pytest.raises(DataError, match="does not hold the NBER-CES database"):
        us_panel(tmp_path)
    with pytest.raises(
        DataError,
        match=r"'311112' is not a manufacturing industry of NAICS 2012\. Take the NAICS 2012 version",
    ):
        us_cost_shares(ces.replace({"industry": {"311111": "311112"}}), accounts)
    with pytest.raises(DataError, match="the database has no year 2012"):
        us_cost_shares(ces[ces["year"] != 2012], accounts)
    kept = [x for x in accounts["industry"].values if x != "335911"]
    with pytest.raises(DataError, match="the accounts have no industry '335911'"):
        us_cost_shares(ces, accounts.sel(industry=kept))
    shares = us_cost_shares(ces, accounts)
    with pytest.raises(DataError, match=r"industry '311111' has no cost shares\.$"):
        us_productivity(ces, shares.drop(index="311111"))


def test_an_industry_without_sensitivity_is_refused_by_name(official_data):
    measured = xr.Dataset({"sensitivity_naics": ("naics", [1.0])}, coords={"naics": ["311111"]})
    with pytest.raises(DataError, match=r"industry '311119' has no REE sensitivity\.$"):
        us_panel(official_data, measured)
    with pytest.raises(DataError, match="has no 'sensitivity_naics'"):
        us_panel(official_data, xr.Dataset())


# pyfixest 0.60 calls pandas in a way that pandas 3.1 deprecates.
@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_the_example_design_gives_what_a_direct_regression_gives():
    root = Path(__file__).resolve().parents[1]
    design = read_design(root / "empirics" / "did" / "designs" / "us-tfp.toml")
    file = root / "empirics" / "data" / "us_tfp_panel.parquet"
    ours = dataset(fit_columns(design, read_panel(file, design.panel.unit, design.panel.time)))

    panel = load_us_panel()
    panel["post"] = (panel["year"] >= 2010).astype(float)
    before = panel[panel["year"].between(2003, 2009)].groupby("industry")
    for name in ("capital_intensity", "labour_intensity"):
        panel[name] = panel["industry"].map(before[name].mean()) * panel["post"]
    panel["treatment"] = panel["sensitivity"] * panel["post"]
    formula = "tfp_growth ~ treatment + capital_intensity + labour_intensity | industry + year"
    direct = pyfixest.feols(formula, panel, vcov={"CRV1": "industry"})
    assert float(ours["coefficient"].sel(term="treatment").item()) == pytest.approx(
        direct.coef()["treatment"], abs=1e-10
    )
    assert float(ours["standard_error"].sel(term="treatment").item()) == pytest.approx(
        direct.se()["treatment"], abs=1e-10
    )
    assert int(ours["observations"].item()) == 364 * 14
