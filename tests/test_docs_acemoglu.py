"""The page on directed technical change runs, and its numbers are those of its formulas."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "models" / "acemoglu.md"


def test_the_page_runs_and_is_right(capsys):
    names: dict = {}
    for text in re.findall(
        r"^```\{code-cell\} ipython3\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    ):
        exec(compile(text, PAGE.name, "exec"), names)
    for technology, premium in names["premium"].items():
        assert premium == pytest.approx(1.1 ** names["exponents"][technology], rel=1e-9)
    assert names["premium"]["lab-equipment"] > 1
    assert names["premium"]["knowledge"] > names["premium"]["lab-equipment"]
    assert "direction of technical change is unstable" in capsys.readouterr().out
