"""Subtotals and channels add up, and are what derivatives of complete solves and closed forms say."""

from __future__ import annotations

import armington_economy
import numpy as np
import pytest
import xarray as xr
from levels_of import TECHNOLOGIES
from rare_earths_economy import KEYS, TARGETS, baseline, compiled, elements

from framework import DataError, ModelError, Problem, SolveError, channels, solve, subtotals
from framework.solve.newton import newton
from models.rare_earths import CHANNELS, welfare_channels

STEP = 1e-5


def shocked(technology: str, kind: str = "tax", **shocks: object) -> Problem:
    data = baseline(3, technology, tax=0.1)
    return compiled(technology, kind).bind(data, {KEYS[kind]: TARGETS[kind], **shocks}, elements(data))


def armington(**shocks: object) -> Problem:
    return armington_economy.systems()[1].bind(armington_economy.baseline(1), shocks)


# ---- subtotals -----------------------------------------------------------------------------------


def test_subtotals_are_integrals_of_derivatives_by_complete_solves():
    """Gauss-Legendre by hand, each derivative a difference of two solves along one shock alone."""
    data = baseline(3, "L", tax=0.1)
    labour = {"CHN": 1.3, "R1": 0.8, "R2": 1.0}
    system, start = compiled("L"), float(data.export_tax)

    def consumption(tax: float, share: float) -> np.ndarray:
        """At a point off the straight path as well: the tax and the share of the labour shock move alone."""
        shocks = {"export_tax": tax, "labour": {k: v**share for k, v in labour.items()}}
        return np.log(solve(system.bind(data, shocks, elements(data)))["real_consumption"].values)

    expected = np.zeros((2, 3))
    places, weights = np.polynomial.legendre.leggauss(8)
    for x, w in zip((places + 1) / 2, weights / 2, strict=True):
        tax = (1 + start) ** (1 - x) * 2.0**x - 1
        speed = (1 + tax) * np.log(2.0 / (1 + start))
        expected[0] += w * (consumption(tax + STEP, x) - consumption(tax - STEP, x)) / (2 * STEP) * speed
        expected[1] += w * (consumption(tax, x + STEP) - consumption(tax, x - STEP)) / (2 * STEP)
    problem = system.bind(data, {"export_tax": 1.0, "labour": labour}, elements(data))
    found = subtotals(problem, keys=["real_consumption"])["real_consumption"]
    np.testing.assert_allclose(found.sel(shock=["export_tax", "labour"]), expected, atol=2e-7)
    assert (abs(found.sel(shock=["export_tax", "labour"])).max("region") > 1e-3).all()


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_subtotals_add_up_to_the_change(technology, kind):
    solution = solve(shocked(technology, kind, labour={"R1": 1.1}, deficit=0.0))
    found = subtotals(solution)
    assert found.attrs["quadrature_error"] <= found.attrs["tolerance"] == 1e-8
    before = newton(solution.problem.part(0.0)).point
    start = solution.problem.part(0.0).outcomes(before)
    for key, parts in found.items():
        new, old = solution[str(key)], start[key]
        total = np.log(new / old) if parts.attrs["units"] == "log" else new - old
        np.testing.assert_allclose(parts.sum("shock"), total, rtol=1e-12, atol=1e-13, err_msg=str(key))
        assert float(abs(parts.sel(shock="remainder")).max()) <= 1e-8


def test_uniform_technology_is_worth_its_own_amount_whatever_else_happens():
    """Arkolakis, Costinot and Rodriguez-Clare (2012): ln W = ln(lam) / theta, on top of any trade cost."""
    data = armington_economy.baseline(1, deficits=False)
    problem = armington_economy.systems()[1].bind(data, {"technology": 1.5, "trade_cost": 1.2})
    found = subtotals(problem, keys=["real_consumption", "wage"])
    gain = np.log(1.5) / float(data.trade_elasticity)
    np.testing.assert_allclose(found["real_consumption"].sel(shock="technology"), gain, rtol=1e-9)
    np.testing.assert_allclose(found["wage"].sel(shock="technology"), 0.0, atol=1e-10)


def test_a_shock_is_split_by_region():
    problem = armington(trade_cost=1.2)
    cost = problem.bound.labels["region"]
    ones = xr.DataArray(np.ones((4, 4)), {"importer": cost, "exporter": cost})
    mine = ones.where(ones.importer == "R0", 0.0)
    found = subtotals(problem, {"mine": {"trade_cost": mine}, "half of R1": {"trade_cost": 0.5 * ones.where(ones.importer == "R1", 0.0)}})  # fmt: skip
    assert list(found.shock.values) == ["mine", "half of R1", "other", "remainder"]
    whole = subtotals(problem, {"all": ["trade_cost"]})
    both = found["real_consumption"].sel(shock=["mine", "half of R1", "other"]).sum("shock")
    np.testing.assert_allclose(both, whole["real_consumption"].sel(shock="all"), atol=1e-8)
    own = found["real_consumption"].sel(shock="mine")
    assert float(own.sel(region="R0")) < -0.01 < float(own.sel(region="R2"))


# ---- channels ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_channels_add_up_to_the_change_of_consumption(technology, kind):
    solution = solve(shocked(technology, kind))
    found = welfare_channels(solution)
    np.testing.assert_allclose(
        found.sum("channel"), np.log(solution["real_consumption"]), rtol=1e-10, atol=1e-12
    )
    assert list(found.channel.values) == [*CHANNELS, "direct", "remainder"]
    assert float(abs(found.sel(channel="remainder")).max()) < 1e-8
    # The tax works through prices and its revenue, never on consumption itself.
    np.testing.assert_allclose(found.sel(channel="direct"), 0.0, atol=1e-12)
    effect = abs(found.sel(channel="technology"))
    if technology == "L":
        assert (effect > 1e-4).all()
    else:  # exogenous, and the envelope theorem: a fixed effort is allocated optimally at every point
        assert float(effect.max()) < 1e-10


def test_the_technology_channel_is_the_cost_saved_along_the_supply_chain():
    """By hand: variety-cost savings through the Leontief inverse of expenditure and input shares, 60 midpoints."""
    problem = shocked("L", "quota")
    data = baseline(3, "L", tax=0.1)
    phi = float(data.variety_productivity)
    nu, alpha = data.value_added_share.values, data.final_share.values
    nu_k = data.input_share.transpose("region", "input_sector", "sector").values
    steps, expected = 60, np.zeros(3)
    keys = ("ree_varieties", "labour_varieties", "ree_share", "expenditure_share")

    def at(fraction: float) -> xr.Dataset:
        here = problem.part(fraction)
        return here.outcomes(newton(here).point)[list(keys)]

    for k in range(steps):
        low, mid, high = (at((k + d) / steps) for d in (0.0, 0.5, 1.0))
        d_ree, d_labour = (np.log(high[v] / low[v]).transpose("region", "sector").values for v in keys[:2])
        omega = (data.ree_share * mid.ree_share).transpose("region", "sector").values
        pi = (
            (data.expenditure_share * mid.expenditure_share)
            .transpose("importer", "exporter", "sector")
            .values
        )
        saving = -phi * (omega * d_ree + (1 - omega) * d_labour) * nu
        regions, sectors = saving.shape
        chain = np.zeros((saving.size, saving.size))  # d ln x of (i, s) from d ln x of (j, k)
        for i in range(regions):
            for s in range(sectors):
                block = nu_k[i, :, s][None, :] * pi[i]  # exporter j, sector k
                chain[i * sectors + s] = block.ravel()
        unit = np.linalg.solve(np.eye(saving.size) - chain, saving.ravel()).reshape(saving.shape)
        price = np.einsum("njs,js->ns", pi, unit)
        expected -= (alpha * price).sum(axis=1)
    found = welfare_channels(problem).sel(channel="technology")
    np.testing.assert_allclose(found, expected, rtol=2e-4)


def test_the_difference_of_two_technologies_is_split_without_rest():
    exo, endo = (welfare_channels(shocked(t, "quota")) for t in ("exo", "L"))
    gap = endo - exo
    both = [np.log(solve(shocked(t, "quota"))["real_consumption"]) for t in ("exo", "L")]
    np.testing.assert_allclose(gap.sum("channel"), both[1] - both[0], atol=1e-12)
    abroad = gap.sel(channel="technology").drop_sel(region="CHN")
    assert (abroad > 0).all()  # cushioned: epsilon is below one in this economy


def test_in_armington_a_tariff_free_cost_works_directly_and_through_wages():
    problem = armington(trade_cost=1.2)
    found = channels(problem, {"wages": ["wage"]}, ["real_consumption", "expenditure"])
    total = np.log(solve(problem)["real_consumption"])
    np.testing.assert_allclose(found["real_consumption"].sum("channel"), total, atol=1e-12)
    np.testing.assert_allclose(found["expenditure"].sel(channel="direct"), 0.0, atol=1e-14)


# ---- messages ------------------------------------------------------------------------------------


def test_faults_are_named():
    problem = armington(trade_cost=1.2)
    still = armington()
    names = problem.bound.labels["region"]
    ones = xr.DataArray(np.ones((4, 4)), {"importer": names, "exporter": names})
    for error, call, text in [
        (DataError, lambda: subtotals(still), "nothing is shocked in this problem"),
        (DataError, lambda: subtotals(problem, {"a": ["labour"]}), "'labour' is not shocked; trade_cost is"),
        (DataError, lambda: subtotals(problem, {"a": ["trade_costs"]}), "is not given 'trade_costs'"),
        (
            DataError,
            lambda: subtotals(problem, {"a": "trade_cost"}),
            r"must be a list of keys: \['trade_cost'\]",
        ),
        (DataError, lambda: subtotals(problem, {"other": ["trade_cost"]}), "cannot be named 'other'"),
        (
            DataError,
            lambda: subtotals(problem, {"a": ["trade_cost"], "b": {"trade_cost": 0.1 * ones}}),
            "sum to more than one",
        ),
        (DataError, lambda: subtotals(problem, tolerance=0.0), "it must be positive"),
        (
            SolveError,
            lambda: subtotals(problem, tolerance=1e-17),
            "with 48 nodes the contributions still change by",
        ),
        (
            ModelError,
            lambda: channels(problem, {"a": ["wages"]}, ["wage"]),
            "no variable 'wages'. Did you mean 'wage'",
        ),
        (
            ModelError,
            lambda: channels(problem, {"a": [("wage", "pric index")]}, ["price_index"]),
            "no equation 'pric index'. Did you mean 'price index'",
        ),
        (
            ModelError,
            lambda: channels(problem, {"a": [("wage", "real consumption")]}, ["real_consumption"]),
            "'wage' is not in the right side of equation 'real consumption'",
        ),
        (
            ModelError,
            lambda: channels(problem, {"a": ["price_index"]}, ["real_consumption"]),
            "'wage' is neither given nor defined, but the outcome depends on it; add it to a channel",
        ),
        (
            ModelError,
            lambda: channels(problem, {"a": ["wage"], "b": ["wage"]}, ["wage"]),
            "'wage' is in two channels",
        ),
        (
            DataError,
            lambda: channels(problem, {"direct": ["wage"]}, ["real_consumption"]),
            "cannot be named 'direct'",
        ),
    ]:
        with pytest.raises(error, match=text):
            call()
