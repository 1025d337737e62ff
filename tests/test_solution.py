"""What a solution holds: outcomes with their meaning, status, certificate, provenance."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import xarray as xr
from armington_economy import baseline, systems
from levels_of import TECHNOLOGIES, system

import calibration
from framework import Certificate, Solution, Status, solve

POLICIES = {"": {"export_tax": 0.25}, "ree_export_ratio": {"ree_export_ratio": 0.6}, "ree_price_ratio": {"ree_price_ratio": 10.0}}  # fmt: skip


@cache
def wiod() -> xr.Dataset:
    return calibration.rare_earths_baseline(calibration.load_table("wiod2009-5x14"))


@cache
def solved() -> Solution:
    return solve(systems()[1].bind(baseline(0), {"labour": {"R1": 2.0}}))


# ---- status and certificate ----------------------------------------------------------------------


def test_every_status_is_its_message():
    texts = [str(s) for s in Status]
    assert len(set(texts)) == len(texts)
    assert all(" " in text for text in texts)
    assert str(Status.SOLVED) == "an equilibrium was found"


def test_a_certificate_passes_only_if_every_check_does():
    certificate = Certificate()
    certificate.add("residual of 'trade balance'", 2e-13, 1e-10)
    certificate.add("'exports' at least its bound", 5.0, 0.0, True)
    assert certificate.passed
    certificate.add("last full step, in logs", 3e-5, 1e-7)
    certificate.add("a number that is none", np.nan, 1.0)
    assert not certificate.passed
    assert [passed for *_, passed in certificate.rows()] == [True, True, False, False]


def test_a_certificate_is_a_table():
    certificate = Certificate()
    certificate.add("residual of 'trade balance'", 2e-13, 1e-10)
    certificate.add("last full step, in logs", 3e-5, 1e-7)
    assert str(certificate) == (
        "  ok      residual of 'trade balance'       2e-13  (bound 1e-10)\n"
        "  FAILED  last full step, in logs           3e-05  (bound 1e-07)"
    )


def test_a_check_cannot_be_changed():
    certificate = Certificate()
    certificate.add("last full step, in logs", 3e-5, 1e-7)
    with pytest.raises(AttributeError):
        certificate.checks[0].passed = True


# ---- outcomes ------------------------------------------------------------------------------------


def test_a_solution_shows_what_it_is():
    text = repr(solved())
    head, work, *rest = text.splitlines()
    assert head == "Solution of 'armington': an equilibrium was found"
    assert work.startswith("  newton, ")
    assert any(line.startswith("  ok      residual of 'labour market'") for line in rest)
    assert rest[-1].startswith(
        "  outcomes: wage, price_index, expenditure_share, expenditure, real_consumption"
    )


def test_outcomes_are_labelled_and_say_what_they_are():
    wage = solved()["wage"]
    assert wage.dims == ("region",)
    assert list(wage.region.values) == ["R0", "R1", "R2", "R3"]
    assert {k: wage.attrs[k] for k in ("long_name", "units", "role", "kind")} == {
        "long_name": "wage",
        "units": "new/base",
        "role": "hat",
        "kind": "variable",
    }
    exports = solve(system("exogenous", True).bind(wiod(), {"export_tax": 0.25}))["ree_exports"]
    assert exports.attrs["role"] == "new"
    assert exports.attrs["units"]
    ratio = solve(system("exogenous", True).bind(wiod(), {"export_tax": 0.25}))["ree_export_ratio"]
    assert ratio.attrs["description"] == "net REE exports, new over baseline"


@pytest.mark.parametrize("fixed", POLICIES)
@pytest.mark.parametrize("technology", TECHNOLOGIES.values())
def test_the_export_tax_is_an_outcome_of_every_closure(technology, fixed):
    found = solve(system(technology, True, fixed).bind(wiod(), POLICIES[fixed]))
    assert {"export_tax", "ree_export_ratio", "ree_price_ratio", "tariff", "deficit"} <= set(found.outcomes)
    for key, value in POLICIES[fixed].items():
        assert float(found[key]) == pytest.approx(value, rel=1e-12)
        assert found[key].attrs["kind"] == "exogenous"
        assert key not in found.variables
    assert ("export_tax" in found.variables) == bool(fixed)


def test_what_was_shocked_is_among_the_outcomes_and_what_was_not_is_left_out():
    found = solved()
    assert list(found["labour"].values) == [1, 2, 1, 1]
    assert "trade_cost" not in found.outcomes
    xr.testing.assert_allclose(found["deficit"], baseline(0).deficit)
    assert set(found.outcomes) - set(found.variables) == {"labour", "deficit"}


def test_outcomes_of_two_solutions_are_independent():
    problem = systems()[1].bind(baseline(0), {"labour": {"R1": 2.0}})
    first, second = solve(problem), solve(problem)
    first["wage"].values[:] = np.nan
    first["labour"].values[:] = np.nan
    assert np.isfinite(second["wage"]).all()
    assert solve(problem).certificate.passed
