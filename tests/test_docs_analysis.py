"""The page on analysis runs as printed, and what it says of the results holds."""

from __future__ import annotations

import re

from pages import ROOT, run_page

PAGE = ROOT / "docs" / "analysis.md"


def test_the_page_runs_and_is_right():
    names = run_page(PAGE)
    effect, gain = names["effect"], names["gain"]
    assert float(abs(effect["fixed-effort"].sel(channel="technology")).max()) < 1e-10
    japan = gain.sel(region="JPN")
    assert float(japan.sel(channel="technology")) > 0
    assert float(japan.sel(channel="factor cost")) > 0
    assert float(japan.sum()) > 0
    rows = re.findall(r"^\| ([a-z ]+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert rows[1:] == ["technology", "factor cost", "ree income", "terms of trade", "tax revenue", "direct"]
    assert set(names["CHANNELS"]) | {"direct"} == set(rows[1:])
