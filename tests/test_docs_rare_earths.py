"""The numbers in docs/rare_earths.md are those of the files in examples/ that it names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from exacthat.display import number
from exacthat.ree import baseline_use
from exacthat.run import Outcome, load_study, solve_study

ROOT = Path(__file__).parents[1]
DOCS = (ROOT / "docs" / "rare_earths.md").read_text(encoding="utf-8")
EXAMPLES = ROOT / "examples"


def solved(reference: str) -> Outcome:
    return solve_study(load_study(reference))


@pytest.fixture(scope="module")
def default() -> Outcome:
    return solved("rare-earths")


@pytest.fixture(scope="module")
def competitive() -> xr.Dataset:
    return solved(str(EXAMPLES / "competitive_limit.toml")).results.sel(technology="exogenous")


def percent(values: xr.DataArray) -> list[str]:
    return [number(float(v)) for v in np.atleast_1d(100 * (values - 1))]


def row(label: str) -> list[str]:
    """Cells of the row of a table in the docs that begins with a label."""
    (line,) = [line for line in DOCS.splitlines() if line.startswith(f"| {label} |")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_the_sign_of_chinas_real_gdp_rests_on_the_markup(default, competitive):
    with_markup = default.results.sel(technology="exogenous", scenario="tax")
    without = competitive.sel(scenario="tax")
    assert with_markup.real_gdp.sel(region="CHN") > 1 > without.real_gdp.sel(region="CHN")
    assert row(r"$\beta=4$ (default)") == percent(with_markup.real_gdp)
    assert row(r"$\beta=10^6$") == percent(without.real_gdp)
    assert row(r"$\beta=4$, `real_gdp_without_markup`") == percent(with_markup.real_gdp_without_markup)
    for results in (with_markup, without):
        assert f"{percent(results.real_consumption.sel(region='CHN'))[0]} percent" in DOCS


def test_the_part_of_the_markup_is_what_the_competitive_limit_leaves_out(default, competitive):
    """Two ways to the same number: accounts at beta = 4, and the model solved at beta = 1e6."""
    accounts = default.results.real_gdp_without_markup.sel(technology="exogenous", scenario="tax") - 1
    limit = competitive.real_gdp.sel(scenario="tax") - 1
    np.testing.assert_allclose(accounts, limit, rtol=2e-3)
    np.testing.assert_allclose(competitive.real_gdp_without_markup.sel(scenario="tax") - 1, limit, rtol=1e-4)


def test_the_size_of_the_market_and_what_another_size_does(default):
    smaller = solved(str(EXAMPLES / "smaller_market.toml"))
    world = float(baseline_use(default.baseline.data).sum()) / 1000
    data = default.baseline.data
    sold = float((data.ree_endowment - baseline_use(data).sum("sector")).sel(region="CHN")) / 1000
    assert f"{number(world)} billion USD" in DOCS
    assert f"sells {number(sold)} billion" in DOCS
    assert float(baseline_use(smaller.baseline.data).sum()) / 1000 == pytest.approx(world / 10, rel=1e-9)
    both = [o.results.sel(technology="exogenous") for o in (default, smaller)]
    for label, scenario, key, region in (
        ("tax, real consumption of China, percent", "tax", "real_consumption", "CHN"),
        ("quota, real consumption of China, percent", "quota", "real_consumption", "CHN"),
        ("quota, real consumption of Japan, percent", "quota", "real_consumption", "JPN"),
        ("price, real GDP of Japan, percent", "price", "real_gdp", "JPN"),
    ):
        found = [percent(r[key].sel(scenario=scenario, region=region))[0] for r in both]
        assert row(label) == found, label
    prices = [percent(r.world_ree_price.sel(scenario="quota"))[0] for r in both]
    assert row("quota, REE price abroad, percent") == prices
    taxes = [number(100 * float(r.export_tax.sel(scenario="quota"))) for r in both]
    assert row("quota, equivalent tax, percent") == taxes
