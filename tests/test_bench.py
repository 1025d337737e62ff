"""``exacthat bench``: verdicts on solvers that raise, hang, lie or return garbage; bad arguments; the JSON file."""

import json

import pytest
from typer.testing import CliRunner

from calibration.synthetic import synthetic_caliendo_parro
from exacthat.cli import app
from framework.solve import SOLVERS

HOSTILE = """
import time
import numpy as np
from framework import Status, register_solver
from framework.solve import Trace
from models import caliendo_parro

def raises(problem):
    raise RuntimeError("no")

def hangs(problem):
    time.sleep(3600)

def garbage(problem):
    return "an equilibrium"

def lies(problem):
    return Trace(problem.start + 0.1, Status.SOLVED)

for name, solver in (("raises", raises), ("hangs", hangs), ("garbage", garbage), ("lies", lies)):
    register_solver(name, solver)
model = caliendo_parro()
"""


def bench(*arguments: object):
    return CliRunner().invoke(app, ["bench", *map(str, arguments)])


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Rows of a run of four hostile solvers beside ours, on a model file of a user."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "mine.py").write_text(HOSTILE)
    synthetic_caliendo_parro(3, 2, seed=1).to_netcdf(folder / "mine.nc", engine="h5netcdf")
    before = dict(SOLVERS)
    done = bench(
        folder / "mine.py", "--data", folder / "mine.nc", "--solvers", "raises,hangs,garbage,lies",
        "--shocks", "tariff+10%", "--time-limit", 3, "--json", folder / "rows.json", "--plot", folder / "times.svg",
    )  # fmt: skip
    for name in SOLVERS.keys() - before.keys():  # what the model file registered
        del SOLVERS[name]
    assert done.exit_code == 0, done.output
    assert (folder / "times.svg").read_text().startswith("<?xml")
    return json.loads((folder / "rows.json").read_text()), done.output


def test_the_file_has_the_documented_form(hostile):
    found, _ = hostile
    assert list(found) == ["rows"]
    keys = {"solver", "shock", "seconds", "iterations", "residual", "error", "verdict"}
    assert all(set(row) == keys for row in found["rows"])
    assert {row["shock"] for row in found["rows"]} == {"tariff+10%"}


def test_hostile_solvers_fail_or_are_wrong_and_the_run_goes_on(hostile):
    found, said = hostile
    verdicts = {row["solver"]: row["verdict"] for row in found["rows"]}
    assert verdicts == {
        "newton": "right",
        "raises": "failed",
        "hangs": "failed",
        "garbage": "failed",
        "lies": "wrong",
    }
    said = " ".join(said.split())
    assert "RuntimeError: no" in said
    assert "hangs, tariff+10%: failed: was ended after 3 s" in said
    assert "returned a str; it must return a framework.solve.Trace" in said
    assert "lies, tariff+10%: wrong: it says that it converged" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["caliendo-parro", "--solvers", "newten"], "no solver is named 'newten'"),
        (["caliendo-parro", "--size", "3x2", "--shocks", "tarif"], "no shock is named 'tarif'"),
        (["caliendo-parro", "--size", "3by2"], "is not of the form REGIONSxSECTORS"),
        (["caliendo-parro", "--size", "3x2", "--time-limit", 0], "the time limit is 0 seconds; it must be positive"),
        (["caliendo-parro", "--size", "3x2", "--plot", "times.doc"], "must end in .svg, .png, .pdf"),
        (["caliendo-parro", "--size", "3x2", "--json", "/no/such/folder/rows.json"], "cannot be written"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(arguments, message):
    done = bench(*arguments)
    assert done.exit_code != 0
    assert message in " ".join(done.output.split()).replace("│ ", "")
