"""The pages on models run as printed, and what they say of the results holds."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from numpy.testing import assert_allclose
from typer.testing import CliRunner

from exacthat.cli import app

FOLDER = Path(__file__).parents[1] / "docs" / "models"


def run(page: Path) -> dict:
    """Names that the blocks of a page define, run in order in the working folder."""
    names: dict = {}
    text = page.read_text("utf-8")
    for kind, block in re.findall(r"^```(python|sh)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        if kind == "python":
            exec(block, names)
            continue
        for line in block.replace("\\\n", "").splitlines():
            command, *arguments = shlex.split(line)
            assert command == "exacthat"
            result = CliRunner().invoke(app, arguments)
            assert result.exit_code == 0, f"{line}\n{result.output}"
    return names


def test_caliendo_parro(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = run(FOLDER / "caliendo_parro.md")
    data, economy = names["data"], names["economy"]
    for key in ("expenditure_share", "expenditure", "gross_output", "final_share", "final_expenditure"):
        # the arrays in the other layout are those of the economy they were made from
        assert_allclose(data[key].transpose(*economy[key].dims).values, economy[key].values, rtol=1e-9)
    assert_allclose(names["again"].expenditure, data.expenditure, rtol=1e-9)
    parts, trade = names["parts"], names["trade"]
    assert float(abs(parts.remainder).max()) < float(abs(parts.real_consumption).max())
    assert float(trade.intra_bloc_trade) > 1
    assert (tmp_path / "results" / "results.nc").is_file()
    assert "results.nc" in (FOLDER / "caliendo_parro.md").read_text("utf-8")


def test_index(tmp_path, monkeypatch):
    """One economy in all trade models: gains everywhere, none the same."""
    monkeypatch.chdir(tmp_path)
    names = run(FOLDER / "index.md")
    gains = {name: array - 1 for name, array in names["welfare"].items()}
    assert set(gains) == {"eaton-kortum", "caliendo-parro", "krugman", "melitz-pareto"}
    assert all((array > 0).all() for array in gains.values())
    assert (gains["melitz-pareto"] > gains["krugman"]).all()
    assert (gains["krugman"] > gains["caliendo-parro"]).all()
    text = (FOLDER / "index.md").read_text("utf-8")
    for region in gains["krugman"].region.values:
        row = " | ".join(f"{100 * float(array.sel(region=region)):.2f}" for array in gains.values())
        assert f"| {region} | {row} |" in text
