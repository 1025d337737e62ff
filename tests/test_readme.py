"""The code in README.md runs as printed: the Python gives the closed form, the commands do what they say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from exacthat.cli import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]


@pytest.fixture(scope="module")
def names() -> dict:
    found: dict = {}
    for block in PYTHON:
        exec(block, found)
    return found


def test_the_model_of_the_readme_runs_and_meets_acr(names) -> None:
    solution, own = names["solution"], names["solution"]["expenditure_share"].values.diagonal()
    np.testing.assert_allclose(solution["real_consumption"], own ** (-1 / 5.0), rtol=1e-12)


def test_the_commands_of_the_readme_run_on_the_model_of_the_readme(names, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my_model.py").write_text(PYTHON[0], encoding="utf-8")
    names["data"].to_netcdf("my.nc", engine="h5netcdf")
    commands = [c for c in COMMANDS if c.startswith("exacthat ")]
    assert {c.split()[1] for c in commands} == {"check", "equations", "run"}
    for command in commands:
        result = CliRunner().invoke(app, shlex.split(command, comments=True)[1:])
        assert result.exit_code == 0, (command, result.output)
    with xr.open_dataset("results/mine/results.nc", engine="h5netcdf") as found:
        own = found["expenditure_share"].isel(scenario=0).values.diagonal()
        np.testing.assert_allclose(found["real_consumption"].isel(scenario=0), own ** (-1 / 5.0), rtol=1e-9)


def test_the_targets_of_the_readme_are_in_the_makefile() -> None:
    targets = set(re.findall(r"`make (\w+)`", README)) | {
        c.split()[1] for c in COMMANDS if c.startswith("make ")
    }
    assert {"run", "test", "lint", "docs"} <= targets
    known = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert targets <= known


def test_every_other_command_is_one_of_those_checked() -> None:
    assert all(c.startswith(("make ", "exacthat ")) for c in COMMANDS)
