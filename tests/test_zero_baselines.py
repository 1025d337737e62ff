"""A quantity that is zero at the baseline has no ratio new over base: where a shock creates it, that is said."""

import re
from functools import cache

import numpy as np
import pytest
import xarray as xr
from scipy.linalg import null_space
from sympy import Sum

from exacthat.budgets import check_budgets
from framework import Model, SolveError, compile_model, hat, solve, solve_many


@cache
def system(level: bool, spent: bool = False):
    """Armington trade with tariffs, their revenue an outcome of its own, or one that the budget reads."""
    m = Model("revenue", "Armington trade with tariff revenue")
    region = m.set("region")
    importer, exporter = region.alias("importer"), region.alias("exporter")
    n, i, j = region.indices("n i j")
    theta = m.parameter("theta", [], "trade elasticity", positive=True)
    w, P = (m.variable(s, [region], k, positive=True) for s, k in (("w", "wage"), ("P", "price index")))
    pi = m.variable("pi", [importer, exporter], "expenditure share", observed=True)
    X, Y = (m.variable(s, [region], k, observed=True) for s, k in (("X", "expenditure"), ("Y", "output")))
    T = m.variable("T", [region], "tariff revenue", level=level)
    L, t = m.exogenous("L", [region], "labour"), m.exogenous("t", [importer, exporter], "tariff", level=True)
    with m.block("trade"):
        m.define(P[n], Sum((w[j] * (1 + t[n, j])) ** (-theta), j) ** (-1 / theta))
        m.define(pi[n, i], (w[i] * (1 + t[n, i]) / P[n]) ** (-theta))
        m.define(Y[i], Sum(pi[n, i] * X[n] / (1 + t[n, i]), n))
    with m.block("income"):
        m.define(T[n], Sum(t[n, i] / (1 + t[n, i]) * pi[n, i] * X[n], i))
        revenue = T[n] if spent else Sum(t[n, i] / (1 + t[n, i]) * pi[n, i] * X[n], i)
        m.define(X[n], w[n] * L[n] + revenue)
        m.equate("labour", w[i] * L[i], Y[i])
    m.numeraire(Sum(w[i] * L[i], i), redundant="labour")
    return compile_model(hat(m))


def data() -> xr.Dataset:
    """Two symmetric regions without tariffs."""
    names, share = ["A", "B"], np.array([[0.8, 0.2], [0.2, 0.8]])
    pair = ("importer", "exporter")
    size = ("region", [100.0, 100.0])
    return xr.Dataset(
        {
            "trade_elasticity": 4.0,
            "expenditure_share": (pair, share),
            "expenditure": size,
            "output": size,
            "tariff": (pair, np.zeros((2, 2))),
        },
        {k: names for k in ("region", *pair)},
    )


def tariff(rate: float) -> xr.DataArray:
    """That of A on B."""
    found = data().tariff.copy()
    found.loc["A", "B"] = rate
    return found


def test_what_a_shock_creates_is_refused_by_name_and_label():
    with pytest.raises(
        SolveError, match=r"'tariff_revenue' at A is zero at the baseline and \d.* level=True"
    ):
        solve(system(False).bind(data(), {"tariff": tariff(0.1)}))


def test_its_level_is_that_of_the_flows():
    found = solve(system(True).bind(data(), {"tariff": tariff(0.1)}))
    spent = found["expenditure"].sel(region="A") * 100
    share = found["expenditure_share"].sel(importer="A", exporter="B") * 0.2
    assert float(found["tariff_revenue"].sel(region="A")) == pytest.approx(
        float(0.1 / 1.1 * share * spent), rel=1e-12
    )


def test_budgets_are_not_blamed_for_a_revenue_that_has_no_ratio():
    said = r"not tested: 'tariff_revenue' at [AB] is zero at the baseline and has no ratio new over base; declare it with level=True"
    assert re.fullmatch(said, check_budgets(system(False, spent=True), data()))
    assert check_budgets(system(True, spent=True), data()) == "add up with 'tariff' raised by a few percent"


def test_what_is_empty_and_stays_so_is_no_fault():
    found = solve(system(False).bind(data(), {"labour": {"A": 1.1}}))
    assert (found["tariff_revenue"] == 1.0).all()


def test_a_draw_that_creates_is_refused_too():
    problem = system(False).bind(data())
    draws = xr.concat([tariff(0.0), tariff(0.1)], "draw")
    found = solve_many(problem, xr.Dataset({"tariff": draws}))
    assert list(found.status.values == "an equilibrium was found") == [True, False]


def test_a_draw_whose_own_baseline_is_zero_is_refused_too():
    """The draws differ in their data: only in the second one does A have no tariff before the shock."""

    def drawn(before: float):
        """Tariffs of both regions, with the output and the spending that belong to them."""
        base, share = data(), data().expenditure_share.values
        rate = np.array([[0.0, before], [0.05, 0.0]])
        revenue = (rate * share / (1 + rate)).sum(axis=1)  # of spending
        output = null_space((share / (1 + rate)).T / (1 - revenue) - np.eye(2))[:, 0]
        output *= 200.0 / output.sum()
        spending = output / (1 - revenue)
        base["tariff"] = base.tariff.copy(data=rate)
        base["output"], base["expenditure"] = ("region", output), ("region", spending)
        return system(False).bind(base, {"tariff": base.tariff.copy(data=[[0.0, 0.1], [0.05, 0.0]])})

    draws = [drawn(0.05), drawn(0.0)]
    found = solve_many(draws[0], draws)
    assert list(found.status.values == "an equilibrium was found") == [True, False]
    assert np.isnan(found.tariff_revenue[1]).all()
