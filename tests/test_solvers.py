"""Registered solvers other than ours: each reaches the certified solution on its own, or says that it did not."""

import numpy as np
import pytest
import xarray as xr
from armington_economy import baseline as armington_baseline

from calibration.synthetic import synthetic_caliendo_parro, synthetic_rare_earths
from exacthat.bench import shocks
from framework import SolveError, Status, compile_model, hat, register_solver, solve
from framework.solve import SOLVERS, iteration
from framework.solve.iteration import log_ratio_sweep, tatonnement
from framework.solve.newton import newton
from models import armington, caliendo_parro, rare_earths

GOOD = ["newton", "tatonnement", "trade-balance-sweep", "scipy-hybr", "scipy-krylov", "scipy-anderson",
        "casadi-kinsol", "casadi-newton", "ipopt"]  # fmt: skip


@pytest.fixture(scope="module")
def trade():
    system, data = compile_model(hat(caliendo_parro())), synthetic_caliendo_parro(4, 3, seed=1)
    return lambda name: system.bind(data, shocks.build(system, data, name))


@pytest.mark.parametrize("solver", GOOD)
def test_each_solver_reaches_the_certified_solution(trade, solver):
    problem = trade("tariff+10%")
    ours, theirs = solve(problem), solve(problem, solver)
    xr.testing.assert_allclose(theirs.outcomes, ours.outcomes, rtol=1e-8, atol=1e-8)
    assert theirs.provenance["solver"] == solver
    assert theirs.provenance["iterations"] > 0


@pytest.mark.parametrize("solver", GOOD)
def test_they_know_nothing_of_trade(solver):
    """A model of another structure, in which the market clears in value-added form."""
    problem = compile_model(hat(rare_earths())).bind(synthetic_rare_earths(3, 3), {"export_tax": 0.2})
    if solver == "tatonnement":
        pytest.skip("the world REE price and wages are updated together: it need not settle")
    xr.testing.assert_allclose(solve(problem, solver).outcomes, solve(problem).outcomes, rtol=1e-7, atol=1e-7)


def test_all_built_in_solvers_are_known_and_tried():
    assert {*GOOD, "scipy-df-sane"} == {n for n in SOLVERS if not n.startswith("mine")}


@pytest.mark.parametrize("solver", SOLVERS)
def test_no_solver_claims_an_answer_that_is_wrong_and_gets_away_with_it(trade, solver):
    problem = trade("all-x100")
    right = newton(problem).point
    trace = SOLVERS[solver](problem) if solver not in ("tatonnement", "scipy-df-sane") else None
    if trace is not None and trace.status is Status.SOLVED:
        assert np.abs(trace.point - right).max() < 1e-6


def test_tatonnement_in_value_added_form_is_blind_near_autarky(trade, monkeypatch):
    """Excess demand is small whatever wages are, because hardly anything is traded: why a certificate is needed."""
    problem = trade("all-x10")
    monkeypatch.setattr(iteration, "ROUNDS", 300)
    found, right = tatonnement(problem), newton(problem)
    assert np.abs(found.point - right.point).max() > 1e3 * 1e-10
    near = np.abs(log_ratio_sweep(problem).point - right.point).max()
    assert near < 1e-8


def test_tatonnement_is_that_of_alvarez_and_lucas():
    """One good, labour only: the wage moves by relative excess demand for labour, and nothing else happens."""
    data = armington_baseline(2)
    problem = compile_model(hat(armington())).bind(data, {"labour": {"R1": 1.3}})
    found = tatonnement(problem)
    assert found.status is Status.SOLVED
    np.testing.assert_allclose(found.point, newton(problem).point, atol=1e-9)


def test_a_solver_may_be_registered_again_but_not_replaced():
    def mine(problem):
        return newton(problem)

    try:
        register_solver("mine again", mine)
        register_solver("mine again", mine)
        with pytest.raises(
            SolveError, match="solver 'mine again' is registered already; choose another name"
        ):
            register_solver("mine again", lambda problem: newton(problem))
    finally:
        del SOLVERS["mine again"]
