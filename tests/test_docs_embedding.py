"""The page on embedding runs as printed, and the example finds the optimal tariff of the textbook."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from framework import compile_model, hat
from models import caliendo_parro

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "embedding.md"


@pytest.fixture(scope="module")
def example():
    return runpy.run_path(str(ROOT / "examples" / "optimal_tariff.py"))


@pytest.fixture(scope="module")
def system():
    return compile_model(hat(caliendo_parro()))


def test_the_page_runs_and_says_what_comes_out(capsys):
    text, names = PAGE.read_text("utf-8"), {}
    for block in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        exec(block, names)
    printed = capsys.readouterr().out.splitlines()
    claimed = re.findall(r"^print\(.*\)  # (.*)$", text, re.MULTILINE)
    assert len(claimed) == len(printed) == 2
    assert all(
        claim.replace(" ", "") in line.replace(" ", "") for claim, line in zip(claimed, printed, strict=True)
    )


@pytest.mark.parametrize("size", [0.5, 1e-4])
def test_optimal_tariff_is_that_of_the_textbook(example, system, size):
    data = example["two_regions"](size)
    problem = system.bind(data, {})
    best = example["mpec"](problem, "home")
    assert best == pytest.approx(example["textbook"](system, data, best), abs=1e-7)
    assert example["reduced"](problem, "home") == pytest.approx(best, abs=1e-6)
    assert example["search"](system, data, "home") == pytest.approx(best, abs=1e-6)
    if size < 0.01:
        assert best == pytest.approx(1 / 4, rel=1e-3)
    row = f"| {size:g} | {best:.7f} |".replace("1e-04", "0.0001")
    assert row in PAGE.read_text("utf-8")


def test_optimum_with_many_sectors_is_that_of_a_search_without_derivatives(example, system):
    data = example["synthetic_caliendo_parro"](5, 4, seed=1)
    best = example["mpec"](system.bind(data, {}), "USA")
    assert example["search"](system, data, "USA") == pytest.approx(best, abs=1e-6)
    rates = np.linspace(best - 0.1, best + 0.1, 5)
    gains = [example["consumption_at"](system, data, "USA", rate) for rate in rates]
    assert int(np.argmax(gains)) == 2
    figure = example["draw"](system, data, "USA", best)
    assert "IPOPT: 18.5%, gain 1.52%" in figure.axes[0].get_legend_handles_labels()[1]
