"""The slides' four tables run as they are shipped, on a small synthetic panel with the columns they name."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from empirics.did import make_panel, read_design, run_study

DESIGNS = Path(__file__).resolve().parents[1] / "empirics" / "did" / "designs"
COUNTRIES = {
    "USA": "USA", "JPN": "JPN", "CHN": "CHN", "DEU": "EUR", "FRA": "EUR", "ITA": "EUR", "KOR": "KOR", "BRA": "ROW",
}  # fmt: skip


def slides_panel(unit: str) -> pd.DataFrame:
    """Return a synthetic panel of countries, or of the regions they belong to, over 12 industries and 2002-2018."""
    random = np.random.default_rng(5)
    places = list(COUNTRIES) if unit == "country" else sorted(set(COUNTRIES.values()))
    industries = [str(3500 + k) for k in range(12)]
    keys = pd.MultiIndex.from_product([places, industries, range(2002, 2019)], names=[unit, "sic", "year"])
    frame = keys.to_frame(index=False)
    by_industry = pd.DataFrame(
        random.lognormal(size=(12, 3)),
        index=industries,
        columns=["sensitivity", "capital_intensity", "labour_intensity"],
    )
    frame = frame.join(by_industry, on="sic")
    if unit == "country":
        frame["region"] = frame["country"].map(COUNTRIES)
    place = pd.Series(random.lognormal(size=len(places)), index=places)
    n, scale = len(frame), frame[unit].map(place)
    frame["subsidy_share"] = pd.Series(random.beta(1, 9, (len(places) * 12))).repeat(17).to_numpy()
    frame["sensitivity_price_spikes"] = frame["sensitivity"] * scale
    frame["sensitivity_import_shares"] = frame["sensitivity"] * scale / (1 + scale)
    for name in ("demand_growth", "tfp_growth", "labour_productivity_growth", "export_growth"):
        frame[name] = random.normal(size=n)
    frame["other_patents"] = random.poisson(50.0, n) + 1.0
    frame["ree_patent_stock"] = random.poisson(5.0, n).astype(float)
    frame.attrs["data"] = "synthetic"
    return frame


@pytest.mark.parametrize(
    ("name", "unit", "robustness"),
    [
        ("patents", "region", 0),
        ("tfp", "country", 3),
        ("exports", "country", 0),
        ("exports-difference", "country", 2),
    ],
)
def test_the_slides_tables_run(name, unit, robustness):
    declared = read_design(DESIGNS / f"{name}.toml")
    quick = declared.inference.model_copy(update={"permutations": 9})
    declared = declared.model_copy(update={"inference": quick})
    panel = make_panel(slides_panel(unit), declared.panel.unit)
    study = run_study(declared, panel, slides=True)
    assert len(study.tables) == 2 + robustness
    table = study.tables[0]
    rows = {label: cells for block in table.blocks for label, cells in block}
    assert table.columns == [c.name for c in declared.columns]
    assert all(rows["Slides: coefficient"])
    assert list(rows).count(f"{unit.capitalize()} × Ind. F.E.") == 1
    estimates = study.results["estimates"]
    # The first year has no lagged growth of demand.
    expected = {"ALL": len(panel) * 16 // 17}
    assert int(estimates["observations"].sel(column="ALL")) == expected["ALL"]
    assert np.isfinite(estimates["standard_error"]).all() or bool(estimates["collinear"].any())
    assert np.isfinite(estimates["coefficient"].sel(term="treatment")).all()
    assert "(synthetic data)" in table.title
    assert all("synthetic" in f.title for f in study.figures)


def test_china_less_china_is_zero_and_stays_in():
    declared = read_design(DESIGNS / "exports-difference.toml")
    panel = make_panel(slides_panel("country"), declared.panel.unit)
    quick = declared.inference.model_copy(update={"permutations": 0, "crv3": False, "largest": 0})
    study = run_study(declared.model_copy(update={"inference": quick, "robustness": ()}), panel)
    counts = study.results["estimates"]["observations"]
    assert int(counts.sel(column="ALL") - counts.sel(column="NONCHN")) == 12 * 16
