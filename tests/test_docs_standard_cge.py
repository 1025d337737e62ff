"""The page on the standard CGE model: its equations are the model's, its code runs, and what it says of the results holds."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from exacthat.cli import app
from models import standard_cge

PAGE = Path(__file__).parents[1] / "docs" / "models" / "standard_cge.md"
TEXT = PAGE.read_text("utf-8")
FENCES = re.compile(r"^```(\{code-cell\} ipython3|sh|toml)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def test_the_equations_on_the_page_are_those_of_the_model():
    shown = TEXT.split("<!-- equations -->\n")[1].split("<!-- end of equations -->")[0]
    assert shown == re.sub(r"^\\\[|\\\]$", "$$", standard_cge().to_latex(), flags=re.MULTILINE)


def test_the_page_runs_and_is_right(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for kind, text in FENCES.findall(TEXT):
        if kind == "toml":
            Path(text.split()[1]).write_text(text)
        elif kind == "sh":
            result = CliRunner().invoke(app, shlex.split(text)[1:])
            assert result.exit_code == 0, result.output
        else:
            exec(compile(text, PAGE.name, "exec"), names)
    hats, base = names["hats"], names["base"]
    assert float(hats["equivalent_variation"]) > 0
    assert (hats["government_consumption"] < 1).all()
    spending = float(base.household_consumption.sum())
    assert float(hats["equivalent_variation"]) == pytest.approx(spending * (float(hats["utility"]) - 1))
