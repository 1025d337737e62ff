"""Research that is mobile over sectors (M) or enters freely (E): docs/rare_earths_model.md sections 2.3 and 5.4."""

from functools import cache

import numpy as np
import pytest
import xarray as xr
from levels_of import ELEMENTS, SCALE, levels, ratio_error
from levels_of import baseline as baseline_of
from numpy.testing import assert_allclose
from oracles import hats
from oracles import levels as oracle
from oracles.closed_forms import long_run_elasticity
from oracles.economies import Policy, random_economy
from rare_earths_economy import KEYS, STILL, TARGETS, baseline, compiled, counterfactual, equilibrium
from test_rare_earths import SURPLUS, assert_agrees, symmetric

from framework import SolveError, solve
from framework.solve import stability
from framework.solve.implicit import Linearised
from framework.solve.stability import CHECK, best_responses
from framework.testing import assert_homogeneous, assert_replicates, assert_walras

scale = pytest.mark.parametrize("technology", SCALE)
kinds = pytest.mark.parametrize("kind", KEYS)


@scale
@kinds
def test_policies_are_those_of_the_oracle(kind, technology):
    base, data = equilibrium(0, technology, 0.15), baseline(0, technology, 0.15)
    assert abs(base.walras) < 1e-13
    found = counterfactual(data, technology, kind, TARGETS[kind])
    anchor = {"tax": 1.0, "quota": base.ree_exports, "price": base.qW / base.w[1]}
    policy = Policy(kind, TARGETS[kind] * float(anchor[kind]), reference=1)
    assert_agrees(found, data, oracle.outcomes(base, oracle.solve(base.economy, technology, policy, base)))
    if technology == "M":
        assert_agrees(found, data, hats.solve(data, "M", Policy(kind, TARGETS[kind], reference=1)))


@scale
def test_hats_are_ratios_of_the_declared_levels(technology):
    economy = random_economy(
        3, export_tax=0.15, ree_sectors=3, variety_productivity=0.3, research_elasticity=0.8
    )
    old, new = (levels(economy, SCALE[technology], **shock) for shock in ({}, {"export_tax": 0.6}))
    hatted = solve(compiled(technology).bind(baseline_of(economy, old), {"export_tax": 0.6}, ELEMENTS))
    assert max(ratio_error(hatted, old, new).values()) < 1e-11


@scale
@kinds
def test_no_shock_changes_nothing_and_budgets_add_up(kind, technology):
    data = baseline(1, technology, 0.15)
    assert_replicates(compiled(technology, kind), data, STILL[kind], elements=ELEMENTS, tolerance=1e-13)
    shocks = {"tariff": data.tariff * 1.5, KEYS[kind]: TARGETS[kind]}
    assert_walras(compiled(technology, kind).bind(data, shocks, ELEMENTS), tolerance=1e-13)


@scale
def test_unit_of_account_is_immaterial(technology):
    data = baseline(2, technology)
    shocks = {"export_tax": 0.5, "tariff": data.tariff * 0.5}
    about = {"factor": 1e3, "nominal": ["ree_exports"], "elements": ELEMENTS}
    assert_homogeneous(compiled(technology), data, shocks, **about)


# ---- closed forms --------------------------------------------------------------------------------


def in_two_sectors(omega: float, eps: float, surplus: float) -> xr.Dataset:
    """The symmetric economy twice: a sector that uses REE, and one of the same size that does not."""
    one = symmetric(omega, eps)
    halves = {k: one[k] / 2 for k in ("expenditure", "gross_output", "final_share")}
    both = xr.concat([one.assign(halves).drop_vars("input_share")] * 2, "sector", data_vars="minimal")
    both = both.assign_coords(sector=["S0", "S1"])
    both["ree_share"] = both.ree_share * xr.DataArray([1.0, 0.0], {"sector": both.sector})
    both = both.drop_vars("input_sector").assign_coords(input_sector=["S0", "S1"])
    both["input_share"] = (("region", "input_sector", "sector"), np.zeros((2, 2, 2)))
    sale = surplus * both.deficit.copy(data=[1, -1])
    return both.assign(deficit=-sale, ree_endowment=omega / 2 * 3 / 4 + sale)


def offset(data: xr.Dataset, price: float, change: float) -> xr.DataArray:
    """Deficits that leave both regions with the same income while the first sells its surplus of REE."""
    return data.deficit.copy(data=SURPLUS * change * price * np.array([-1, 1]))


@pytest.mark.parametrize("eps", [0.4, 1.28])
def test_mobile_effort_is_fixed_effort_where_sectors_keep_their_shares_of_value_added(eps):
    """Cobb-Douglas demand in a symmetric world; REE exports are as good as zero, so that it stays symmetric."""
    data = in_two_sectors(0.2, eps, surplus=1e-8)
    problem = [
        compiled(t).bind(data.assign(variety_productivity=0.2), {"ree_endowment": 0.5}, ELEMENTS)
        for t in "MF"
    ]
    found, expected = map(solve, problem)
    assert_allclose(found["value_added"], 1.0, atol=1e-7)
    for key in ("innovation_bias", "labour_varieties", "ree_price", "real_consumption"):
        assert_allclose(found[key], expected[key], atol=1e-7, err_msg=key)
    assert float(np.abs(np.log(expected["innovation_bias"].isel(sector=0))).min()) > 0.1


@pytest.mark.parametrize("kappa", [1.0, 0.6])
@pytest.mark.parametrize("eps", [0.4, 1.28])
def test_free_entry_in_a_symmetric_world(eps, kappa):
    """One sector: researchers leave or join production, so that the supply of labour is a formula of the REE price."""
    omega, beta, rho = 0.2, 4.0, 2.0
    mu = beta / (beta - 1)
    sigma = float(long_run_elasticity(np.asarray(eps), kappa))
    odds = rho ** (1 - sigma)
    share = omega * odds / (1 - omega + omega * odds)
    volume = ((1 - omega) / mu + 1 / beta) / ((1 - share) / mu + 1 / beta)  # V over wage
    labour = volume * (1 - share) / (1 - omega)  # in production
    change = rho**-sigma * labour  # of REE
    data = symmetric(omega, eps).assign(research_elasticity=kappa)
    numeraire = (1 - share) / mu + share / mu + 1 / beta  # factor income in units of V: no change
    price = share / mu * volume / change / (omega / mu) / volume  # of REE in units of factor income
    found = counterfactual(data, "E", ree_endowment=change, deficit=offset(data, price / numeraire, change))
    assert_allclose(found["ree_price"] / found["wage"], rho, rtol=1e-12)
    assert_allclose(found["production_labour"], labour, rtol=1e-12)
    assert_allclose(found["research_labour"], volume, rtol=1e-12)
    patents = {"ree_varieties": share / omega, "labour_varieties": (1 - share) / (1 - omega)}
    for key, change_of_share in patents.items():
        assert_allclose(found[key], (change_of_share * volume) ** kappa, rtol=1e-12)
    P_R = rho * (share / omega * volume) ** -kappa
    P_L = ((1 - share) / (1 - omega) * volume) ** -kappa
    cost = (omega * P_R ** (1 - eps) + (1 - omega) * P_L ** (1 - eps)) ** (1 / (1 - eps))
    assert_allclose(found["real_consumption"], volume / cost, rtol=1e-12)


def test_free_entry_leaves_no_rent():
    """Researchers earn the wage: labour in both uses is the labour force."""
    base = equilibrium(2, "E", 0.15)
    found = counterfactual(baseline(2, "E", 0.15), "E", value=1.0)
    used = base.l.sum(1) * found["production_labour"] + base.research_labour * found["research_labour"]
    assert_allclose(used, base.economy.labour, rtol=1e-12)


# ---- stability -----------------------------------------------------------------------------------


@cache
def economy_with(phi: float, technology: str = "M", seed: int = 1) -> xr.Dataset:
    return baseline(seed, technology, 0.0, wedges=False).assign(variety_productivity=phi)


def at_baseline(data: xr.Dataset, technology: str = "M") -> float:
    problem = compiled(technology).bind(data, {}, ELEMENTS)
    (adjustment,) = problem.system.model.adjustments.values()
    return best_responses(problem, problem.start, adjustment).eigenvalue


def test_eigenvalue_is_that_of_best_responses_computed_one_equilibrium_at_a_time():
    """Exogenous varieties, each moved alone; the rule of M applied to the equilibria that result."""
    economy = random_economy(1, 2, 2, tariffs=False, deficits=False, variety_productivity=0.5)
    data = oracle.baseline_from_levels(economy, oracle.solve(economy, "F"))
    kappa = float(data.research_elasticity)
    cells = data.ree_share.dims
    shape, h = data.ree_share.shape, 1e-5

    def best_response(log_ree: np.ndarray, log_labour: np.ndarray) -> np.ndarray:
        def on_cells(x):
            return data.ree_share.copy(data=np.exp(x))

        found = counterfactual(
            data,
            "exo",
            technology_bias=on_cells(log_ree - log_labour),
            labour_varieties_given=on_cells(log_labour),
        )
        share = found["ree_share"].where(data.ree_share > 0, 1.0)
        rest = (1 - data.ree_share * found["ree_share"]) / (1 - data.ree_share)
        added = data.value_added_share * data.gross_output
        value = found["value_added"] / ((added * found["value_added"]).sum("sector") / added.sum("sector"))
        effort = [(part * value).transpose(*cells) for part in (share, rest)]
        return kappa * np.concatenate([np.log(e.values).ravel() for e in effort])

    columns = []
    for k in range(2 * int(np.prod(shape))):
        unit = np.zeros(2 * int(np.prod(shape)))
        unit[k] = h
        up, down = (best_response(*(sign * unit).reshape(2, *shape)) for sign in (1, -1))
        columns.append((up - down) / (2 * h))
    largest = np.linalg.eigvals(np.column_stack(columns)).real.max()
    assert at_baseline(data) == pytest.approx(largest, rel=1e-7)


@scale
@pytest.mark.parametrize("phi", [0.25, 1.0])
def test_without_the_matrix_the_verdict_is_the_same(technology, phi, monkeypatch):
    """At phi = 1 several eigenvalues are above one, and any of them is reported."""
    exact = at_baseline(economy_with(phi, technology), technology)
    monkeypatch.setattr(stability, "_DENSE", 0)
    found = at_baseline(economy_with(phi, technology), technology)
    assert (found < 1) == (exact < 1) == (phi < 1)
    assert found == pytest.approx(exact, rel=1e-3) if exact < 1 else 1 < found <= 1.001 * exact


@pytest.mark.parametrize("rank", [397, 399, 400])
def test_what_does_not_respond_is_found_without_the_matrix(rank):
    """Responses of 400 cells, in a random basis or cell by cell, some to nothing at all."""
    rng = np.random.default_rng(rank)
    values = np.where(np.arange(400) < rank, rng.uniform(1.0, 1.3, 400), 0.0)
    basis = np.linalg.qr(rng.standard_normal((400, 400)))[0]
    for matrix in (np.diag(values), basis @ np.diag(values) @ basis.T):
        root, _ = stability._without_matrix(lambda v, m=matrix: m @ v, 400)
        assert root == (np.inf if rank < 400 else pytest.approx(1 - 1 / values.max(), rel=1e-3))


def test_responses_that_cannot_be_found_are_no_stability(monkeypatch):
    def stagnates(*_):
        raise SolveError("a linear solve at the solution reached a relative residual of 0.1 only")

    monkeypatch.setattr(stability, "_without_matrix", stagnates)
    monkeypatch.setattr(stability, "_DENSE", 0)
    with pytest.raises(
        SolveError, match="allocation of research cannot be shown to be stable: at the solution it is all but"
    ):
        counterfactual(economy_with(0.25), "M", value=0.05)


@scale
def test_eigenvalue_is_proportional_to_the_productivity_of_varieties(technology):
    """Varieties matter through A^phi only."""
    one = at_baseline(economy_with(1.0, technology), technology)
    assert at_baseline(economy_with(0.25, technology), technology) == pytest.approx(one / 4, rel=1e-9)


def test_the_relative_cost_of_the_ree_intensive_sector_turns_where_research_turns_unstable():
    """Proposition 2: technology dominates factor costs only where the allocation of research is unstable."""
    critical = 1 / at_baseline(economy_with(1.0, seed=9))
    assert 0.5 < critical < 0.8
    share = economy_with(1.0, seed=9).ree_share.mean("region")

    def relative_cost(phi: float) -> np.ndarray:
        problem = compiled("M").bind(economy_with(phi, seed=9), {"export_tax": 0.0}, ELEMENTS)
        moved = Linearised(problem, problem.start).move({"t_new": np.asarray(1.0)}, ["c_hat"])["c_hat"]
        return moved[1:, int(share.values.argmax())] - moved[1:, int(share.values.argmin())]

    assert (relative_cost(0.3) > 0).all()
    assert (relative_cost(0.99 * critical) > 0).all()
    assert (relative_cost(1.01 * critical) < 0).all()


def test_where_research_is_unstable_the_solution_is_refused_and_the_sector_is_named():
    with pytest.raises(SolveError) as error:
        counterfactual(economy_with(1.0), "M", value=0.05)
    message = str(error.value)
    assert "allocation of research is unstable: a small deviation, largest in '" in message
    assert "varieties' at region=" in message
    assert "sector=S" in message
    assert "lower variety_productivity (phi), research_elasticity (kappa)" in message
    assert f"FAILED  allocation of research: {CHECK}" in message


@scale
@pytest.mark.parametrize("seed", [0, 2])
def test_where_research_is_stable_technology_does_not_reverse_factor_costs(seed, technology):
    """Proposition 2: abroad, the sector that uses most REE becomes dearer relative to the one that uses none."""
    data = baseline(seed, technology, 0.0, wedges=False)
    found = counterfactual(data, technology, value=0.05)
    names = [row[0] for row in found.certificate.rows()]
    assert f"allocation of research: {CHECK}" in names
    share = data.ree_share.mean("region")
    cost = np.log(found["value_added_cost"]).sel(region=["R1", "R2"])
    most, least = (cost.isel(sector=int(k)) for k in (share.values.argmax(), share.values.argmin()))
    assert (most > least).all()
