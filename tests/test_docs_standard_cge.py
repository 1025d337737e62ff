"""The page on the standard CGE model: its equations are the model's, its code runs, and what it says of the results holds."""

from __future__ import annotations

import pytest
from pages import ROOT, run_page

from framework.latex import markdown
from models import standard_cge

PAGE = ROOT / "docs" / "models" / "standard_cge.md"


def test_the_equations_on_the_page_are_those_of_the_model():
    shown = PAGE.read_text("utf-8").split("<!-- equations -->\n")[1].split("<!-- end of equations -->")[0]
    assert shown == markdown(standard_cge().to_latex())


def test_the_page_runs_and_is_right(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = run_page(PAGE)
    hats, base = names["hats"], names["base"]
    assert float(hats["equivalent_variation"]) > 0
    assert (hats["government_consumption"] < 1).all()
    spending = float(base.household_consumption.sum())
    assert float(hats["equivalent_variation"]) == pytest.approx(spending * (float(hats["utility"]) - 1))
