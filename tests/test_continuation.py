"""Paths of equilibria around folds, against the roots of polynomials."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from armington_economy import baseline, systems

from calibration import load_table, rare_earths_baseline
from framework import Model, Problem, SolveError, Status, compile_model, follow, hat, solve
from framework.solve.continuation import around_folds
from models import rare_earths


def s_curve() -> Model:
    """``x**3 - 6 x**2 + 9 x + 1 = a``: folds at x = 1 (a = 5) and x = 3 (a = 1), three roots between."""
    m = Model("s-curve")
    a = m.exogenous("a", [], "a", observed=True)
    x = m.variable("x", [], "x", observed=True, positive=True)
    m.equate("curve", x**3 + 9 * x + 1, a + 6 * x**2)
    return m


def roots(a: float) -> np.ndarray:
    found = np.roots([1, -6, 9, 1 - a])
    return np.sort(found[np.abs(found.imag) < 1e-9].real)


def problem(a: float) -> Problem:
    data = xr.Dataset({"a": 2.0, "x": roots(2.0)[0]})
    return compile_model(hat(s_curve())).bind(data, {"a": a / 2.0})


def test_a_path_meets_every_equilibrium_and_both_folds() -> None:
    path = follow(problem(4.5))
    np.testing.assert_allclose(path.equilibria()["x"].values * roots(2.0)[0], roots(4.5), rtol=1e-12)
    old = path.problem.unshocked.bound.values
    at = [2.0 * 2.25**fold.fraction for fold in path.folds]
    np.testing.assert_allclose(at, [5.0, 1.0], rtol=1e-9)
    np.testing.assert_allclose(
        [np.exp(fold.point[0]) * old["x"] for fold in path.folds], [1.0, 3.0], rtol=1e-5
    )
    along = path.outcomes(["x"])
    for fraction, x in zip(along["fraction"].values, along["x"].values, strict=True):
        assert np.abs(roots(2.0 * 2.25**fraction) / (x * roots(2.0)[0]) - 1).min() < 1e-6
    assert "fold at 113.0% of the shock (a = 2.5 of 1 to 2.25)" in str(path)
    assert "the whole shock has 3 equilibria on this path" in str(path)


def test_what_lies_behind_a_fold_says_so() -> None:
    trace = around_folds(problem(5.5))
    assert trace.status is Status.SOLVED
    np.testing.assert_allclose(np.exp(trace.point) * roots(2.0)[0], roots(5.5), rtol=1e-12)
    assert "lies behind a fold of the path" in trace.note
    assert "not the continuation of the baseline" in trace.note


def test_no_equilibrium_beyond_a_fold_is_an_error_that_says_where_it_is() -> None:
    m = Model("parabola")
    a = m.exogenous("a", [], "a", observed=True)
    x = m.variable("x", [], "x", observed=True, positive=True)
    m.equate("curve", x, a + x**2)
    data = xr.Dataset({"a": 0.1, "x": (1 - np.sqrt(0.6)) / 2})
    with pytest.raises(SolveError, match="turns back") as stop:
        solve(compile_model(hat(m)).bind(data, {"a": 3.0}))
    assert "turns back at 83.4% of the shock (a = 2.5 of 1 to 3)" in str(stop.value)  # 4 a x 2.5 = 1


def test_a_path_without_folds_ends_at_the_solution() -> None:
    shocked = systems()[1].bind(baseline(0), {"labour": {"R1": 2.0}})
    path = follow(shocked, solutions=1)
    assert not path.folds
    found = path.equilibria(["wage"]).isel(equilibrium=0)["wage"]
    np.testing.assert_allclose(found, solve(shocked)["wage"], rtol=1e-10)


def test_a_path_needs_a_shock() -> None:
    with pytest.raises(SolveError, match="a path needs a model in hats and a shock"):
        follow(systems()[1].bind(baseline(0)))


def test_a_price_beyond_the_bound_of_exports_says_where_the_bound_is_passed() -> None:
    """With labour's wage as the yardstick, REE exports reach zero before the price does (docs/rare_earths.md)."""
    data = rare_earths_baseline(load_table("wiod2009-5x14"))
    model = hat(rare_earths().choose(technology="exogenous")).swap(export_tax="ree_price_ratio")
    with pytest.raises(SolveError) as stop:
        solve(compile_model(model).bind(data, {"ree_price_ratio": 1e9}))
    assert "of the shock 'ree_exports' is -" in str(stop.value)
    assert "already, below its bound 0: no economy within its bounds reaches what was asked" in str(
        stop.value
    )
