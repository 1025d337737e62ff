"""The page on directed technical change runs, and its numbers are those of its formulas."""

from __future__ import annotations

import pytest
from pages import ROOT, run_page

PAGE = ROOT / "docs" / "models" / "acemoglu.md"


def test_the_page_runs_and_is_right(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = run_page(PAGE)
    for technology, premium in names["premium"].items():
        assert premium == pytest.approx(1.1 ** names["exponents"][technology], rel=1e-9)
    assert names["premium"]["lab-equipment"] > 1
    assert names["premium"]["knowledge"] > names["premium"]["lab-equipment"]
    assert "direction of technical change is unstable" in capsys.readouterr().out
