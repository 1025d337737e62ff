"""Differences of variants in text and LaTeX, nesting at a parameter point, and the commands that show them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from rare_earths_economy import baseline, elements
from typer.testing import CliRunner

from exacthat.cli import app, console
from framework import DataError, Model, diff, hat, nests
from models import armington, rare_earths

EXO, FIXED, ELASTIC = (
    rare_earths().choose(technology=t) for t in ("exogenous", "fixed-effort", "elastic-effort")
)


def test_a_difference_shows_both_sides_by_block():
    found = diff(EXO, FIXED)
    assert found
    text = found.to_text()
    assert text.startswith(
        "- rare-earths (technology: exogenous)\n+ rare-earths (technology: fixed-effort)\n\n[technology]"
    )
    assert "  changed: innovation bias\n    - a[i, s] := abar[i, s]\n    + a[i, s] := eta_R" in text
    assert "  + S: exogenous 'research_effort' over region x sector" in text
    assert list(found.equations) == ["technology"]
    latex = found.to_latex()
    assert latex.count(r"\begin{aligned}") == latex.count(r"\end{aligned}") == 2
    assert r"a_{is} &:= \bar a_{is}" in latex
    assert r"o_{is}^{\kappa}" in latex


def test_a_model_does_not_differ_from_itself():
    assert not diff(EXO, rare_earths())
    assert "have the same equations and symbols" in str(diff(hat(EXO), hat(EXO)))
    assert diff(EXO, EXO).to_latex() == ""


def test_added_removed_and_changed_kinds_are_told():
    a, b = armington(), armington()
    b.equations = b.equations[:-1]
    assert "  removed: real consumption\n    - C[n] := X[n]/P[n]" in str(diff(a, b))
    assert "  added: real consumption\n    + C[n] := X[n]/P[n]" in str(diff(b, a))
    closed = rare_earths().swap(export_tax="ree_price_ratio")
    text = str(diff(rare_earths(), closed))
    assert "- t: exogenous 'export_tax', a level\n  + t: variable 'export_tax', a level" in text
    assert "[" not in text.split("symbols")[0]  # a closure changes no equation


def test_names_of_indices_do_not_matter():
    def build(free: str, bound: str, exponent: int = 1) -> Model:
        from sympy import Sum

        m = Model("m")
        region = m.set("region")
        (n,), (j,) = region.indices(free), region.indices(bound)
        x, y = m.variable("x", [region]), m.exogenous("y", [region])
        m.define(x[n], y[n] * Sum(y[j] ** exponent, j))
        return m

    assert not diff(build("n", "j"), build("i", "k"))
    assert not diff(build("n", "j"), build("j", "n"))
    assert diff(build("n", "j"), build("i", "k", 2))


def test_nesting_at_a_parameter_point():
    data = baseline(3, "F", tax=0.1)
    shocks = {"export_tax": 1.0, "research_effort": 1.0}
    at = {"elements": elements(data)}
    found = nests(FIXED, EXO, data, shocks, at={"research_elasticity": 0.0}, **at)
    assert found
    assert found.worst < 1e-12
    assert "equals rare-earths (technology: exogenous) at research_elasticity = 0.0" in str(found)
    assert nests(ELASTIC, hat(EXO), data, {"export_tax": 1.0}, at={"ree_elasticity": 1.0}, **at)
    one = nests(ELASTIC, EXO, data, {"export_tax": 1.0}, **at)
    assert not one
    assert one.worst > 1e-3
    assert "differs from" in str(one)
    assert one.deviations["innovation_bias"] > 1e-3


def test_outcomes_of_one_model_only_are_named():
    smaller = armington()
    smaller.equations = [e for e in smaller.equations if e.name != "real consumption"]
    smaller.symbols = {s: d for s, d in smaller.symbols.items() if s != "C"}
    import armington_economy

    data = armington_economy.baseline(1)
    found = nests(armington(), smaller, data, {"trade_cost": 1.1})
    assert found
    assert found.only_a == ["real_consumption"]
    assert "only in armington, not compared: real_consumption" in str(found)
    for call, text in [
        (lambda: nests(smaller, smaller, data, {}), "needs a shock"),
        (
            lambda: nests(smaller, smaller, data, {"trade_costs": 1.1}),
            "neither model takes the shock 'trade_costs'. Did",
        ),
        (
            lambda: nests(smaller, smaller, data, {"trade_cost": 1.1}, at={"theta": 3}),
            "the data have no 'theta' to be set",
        ),
    ]:
        with pytest.raises(DataError, match=text):
            call()


# ---- commands ------------------------------------------------------------------------------------


def run(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


def test_the_command_diff():
    found = run("diff", "rare-earths", "technology=exogenous", "technology=fixed-effort")
    assert found.exit_code == 0
    assert found.stdout.strip() == diff(EXO, FIXED).to_text()
    assert run("diff", "rare-earths", "technology=exogenous", "technology=fixed-effort", "--latex").stdout == diff(EXO, FIXED).to_latex()  # fmt: skip
    assert (
        "a_hat[i, s]"
        in run("diff", "rare-earths", "technology=exogenous", "technology=fixed-effort", "--hat").stdout
    )
    wrong = run("diff", "rare-earths", "technology=exogenous", "technology=fixed")
    assert wrong.exit_code == 1
    assert "has no technology 'fixed'" in wrong.stderr


def test_the_command_elasticities(tmp_path, monkeypatch):
    monkeypatch.setattr(console.out, "width", 200)
    ask = ["elasticities", "rare-earths", "--outcome", "real_consumption", "--shock", "export_tax=0.25"]
    file = tmp_path / "found.nc"
    found = run(
        *ask, "--at", "region=JPN", "--of", "export_tax", "--of", "ree_elasticity", "--out", str(file)
    )
    assert found.exit_code == 0, found.output
    saved = xr.load_dataset(file, engine="h5netcdf")
    assert set(saved) == {"export_tax", "ree_elasticity"}
    assert f"{float(saved.export_tax):.4g}" in found.stdout
    assert np.isfinite(saved.ree_elasticity).all()
    assert "real_consumption (JPN): largest of 15 derivatives" in found.stdout
    again = run(*ask, "--at", "region=JPN", "--out", str(file))
    assert again.exit_code == 1
    assert "exists; name a new file" in again.stderr
    assert "an elasticity is that of one number" in run(*ask).stderr
    assert "is not of the form NAME=VALUE" in run(*ask, "--at", "region").stderr
