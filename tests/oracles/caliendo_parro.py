"""Caliendo and Parro (2015), Proposition 2 and section 3: the published hat system, hand-coded.

Their notation: country n, origin i, sector j, input k; pi[n, i, j]; gamma_n^j value-added share, gamma_n^{k,j} share of
input k in sector j; theta^j the exponent of the gravity equation; kappa = (1 + tau) d; deficits D_n add to income.
"""

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import root

from oracles.economies import Array, region_labels, sector_labels
from oracles.newton import OracleError


@dataclass(frozen=True)
class Baseline:
    """Baseline data of the hat system."""

    pi: Array  # expenditure share (N, N, J)
    tariff: Array  # tau (N, N, J)
    value_added_share: Array  # gamma_n^j (N, J)
    input_share: Array  # gamma_n^{k,j} (N, K, J)
    final_share: Array  # alpha_n^j (N, J)
    trade_elasticity: Array  # theta^j (J)
    value_added: Array  # w_n L_n (N)
    deficit: Array  # D_n (N)


@dataclass(frozen=True)
class Equations:
    """Right-hand sides of the hat system; new levels in units of the baseline data."""

    unit_cost: NDArray  # c-hat, their (10), (N, J)
    price_index: NDArray  # P-hat, (11), (N, J)
    expenditure_share: NDArray  # pi', (12), (N, N, J)
    expenditure: NDArray  # X', (13), (N, J)
    income: NDArray  # I', below (14), (N)
    trade_balance: NDArray  # imports - deficit - exports, (14), (N)


def from_dataset(data: xr.Dataset) -> Baseline:
    """Read the baseline dataset of the rare-earth model; value added becomes labour income."""
    cell, bilateral = ("region", "sector"), ("importer", "exporter", "sector")

    def get(name: str, *dims: str) -> Array:
        return data[name].transpose(*dims).to_numpy().astype(float)

    return Baseline(
        pi=get("expenditure_share", *bilateral),
        tariff=get("tariff", *bilateral),
        value_added_share=get("value_added_share", *cell),
        input_share=get("input_share", "region", "input_sector", "sector"),
        final_share=get("final_share", *cell),
        trade_elasticity=get("trade_elasticity", "sector"),
        value_added=(get("value_added_share", *cell) * get("gross_output", *cell)).sum(1),
        deficit=get("deficit", "region"),
    )


def to_dataset(b: Baseline) -> xr.Dataset:
    """Return the baseline as that of a rare-earth model in which no sector uses REE and nobody owns any."""
    n, j = b.final_share.shape
    regions, sectors = region_labels(n), sector_labels(j)
    cell, bilateral = ("region", "sector"), ("importer", "exporter", "sector")
    X = expenditure(b, np.ones(n), b.pi, b.tariff)
    return xr.Dataset(
        {
            "expenditure_share": (bilateral, b.pi),
            "expenditure": (cell, X),
            "gross_output": (cell, (b.pi / (1 + b.tariff) * X[:, None, :]).sum(0)),
            "value_added_share": (cell, b.value_added_share),
            "input_share": (("region", "input_sector", "sector"), b.input_share),
            "final_share": (cell, b.final_share),
            "tariff": (bilateral, b.tariff),
            "final_expenditure": ("region", b.value_added + b.deficit + _tariff_revenue(b)),
            "deficit": ("region", b.deficit),
            "ree_share": (cell, np.zeros((n, j))),
            "ree_endowment": ("region", np.zeros(n)),
            "export_tax": ((), 0.0),
            "ree_elasticity": ("sector", np.ones(j)),
            "trade_elasticity": ("sector", b.trade_elasticity),
            "variety_elasticity": ((), 4.0),
            "variety_productivity": ((), 1.0),
            "research_elasticity": ((), 1.0),
        },
        coords={
            "region": regions, "importer": regions, "exporter": regions, "sector": sectors, "input_sector": sectors,
        },
    )  # fmt: skip


def random_baseline(seed: int, countries: int, sectors: int) -> Baseline:
    """Draw shares, tariffs and deficits and solve the accounts, so that all identities hold."""
    rng = np.random.default_rng(seed)
    n, j = countries, sectors
    home = np.eye(n, dtype=bool)[:, :, None]
    share = rng.dirichlet(np.full(n, 1.0), (n, j)).transpose(0, 2, 1) * 0.5 + 0.5 * home
    nu = rng.uniform(0.3, 0.8, (n, j))
    inputs = ((1 - nu)[:, :, None] * rng.dirichlet(np.full(j, 1.0), (n, j))).transpose(0, 2, 1)
    gaps = rng.uniform(-1, 1, n)
    drawn = Baseline(
        pi=share,
        tariff=np.where(home, 0, rng.uniform(0, 0.3, (n, n, j))),
        value_added_share=nu,
        input_share=inputs,
        final_share=rng.dirichlet(np.full(j, 2.0), n),
        trade_elasticity=rng.uniform(2, 8, j),
        value_added=np.ones(n),
        deficit=(gaps - gaps.mean()) * 0.05,
    )
    return balanced(drawn)


def balanced(b: Baseline) -> Baseline:
    """Return the baseline with the value added, on average 1, at which every country's trade balances with its deficit.

    Linear: value added that output implies is affine in value added, given shares, tariffs and deficits.
    """
    n = b.deficit.size
    columns = [_implied_value_added(replace(b, value_added=e, deficit=np.zeros(n))) for e in np.eye(n)]
    constant = _implied_value_added(replace(b, value_added=np.zeros(n)))
    system = np.eye(n) - np.stack(columns, axis=1)
    system[0], constant[0] = 1.0, n  # the rows add up to zero: world value added is the numeraire
    return replace(b, value_added=np.linalg.solve(system, constant))


def _implied_value_added(b: Baseline) -> Array:
    X = expenditure(b, np.ones_like(b.value_added), b.pi, b.tariff)
    return (b.value_added_share * (b.pi / (1 + b.tariff) * X[:, None, :]).sum(0)).sum(1)


def cp_equations(
    b: Baseline,
    wage: NDArray,
    price_index: NDArray,
    unit_cost: NDArray,
    spending: NDArray,
    tariff: Array,
    trade_cost: Array | None = None,
) -> Equations:
    """Evaluate the published right-hand sides at arbitrary hats, which need not solve the system.

    Parameters
    ----------
    wage, price_index, unit_cost
        w-hat (N), P-hat (N, J), c-hat (N, J).
    spending
        New expenditure X' (N, J), a level.
    tariff
        New tariff tau' (N, N, J), a level.
    trade_cost
        d-hat (N, N, J), by default ones.
    """
    kappa = (1 + tariff) / (1 + b.tariff) * (1.0 if trade_cost is None else trade_cost)
    cost = wage[:, None] ** b.value_added_share * np.prod(price_index[:, :, None] ** b.input_share, axis=1)
    pull = (kappa * unit_cost) ** -b.trade_elasticity
    prices = (b.pi * pull).sum(1) ** (-1 / b.trade_elasticity)
    pi = b.pi * (unit_cost * kappa / price_index[:, None, :]) ** -b.trade_elasticity
    F = (pi / (1 + tariff)).sum(1)
    income = wage * b.value_added + ((1 - F) * spending).sum(1) + b.deficit
    sales = (pi / (1 + tariff) * spending[:, None, :]).sum(0)
    demand = np.einsum("nkj,nj->nk", b.input_share, sales) + b.final_share * income[:, None]
    balance = (F * spending).sum(1) - b.deficit - sales.sum(1)
    return Equations(cost, prices, pi, demand, income, balance)


def prices(
    b: Baseline, wage: NDArray, tariff: Array, trade_cost: Array | None = None
) -> tuple[NDArray, NDArray]:
    """Iterate unit costs and price indices at given wage hats to a fixed point; return (c-hat, P-hat)."""
    level = np.ones_like(b.value_added_share)
    blank = np.ones_like(level)
    for _ in range(2000):
        cost = cp_equations(b, wage, level, blank, blank, tariff, trade_cost).unit_cost
        new = cp_equations(b, wage, level, cost, blank, tariff, trade_cost).price_index
        gap, level = np.max(np.abs(new / level - 1)), new
        if gap < 5e-16:
            break
    if gap > 1e-14:
        raise OracleError(f"price indices did not settle: last relative change {gap:.1e}")
    return cp_equations(b, wage, level, blank, blank, tariff, trade_cost).unit_cost, level


def expenditure(b: Baseline, wage: NDArray, pi: NDArray, tariff: Array) -> NDArray:
    """Solve (13) for X' given wage hats and new shares, one linear system."""
    n, j = b.final_share.shape
    flow = pi / (1 + tariff)
    system = -np.einsum("nkj,mnj->nkmj", b.input_share, flow)
    region = np.arange(n)
    system[region, :, region, :] -= b.final_share[:, :, None] * (1 - flow.sum(1))[:, None, :]
    system = system.reshape(n * j, n * j) + np.eye(n * j)
    fixed = b.final_share * (wage * b.value_added + b.deficit)[:, None]
    return np.linalg.solve(system, fixed.ravel()).reshape(n, j)


def solve(b: Baseline, tariff: Array | None = None, trade_cost: Array | None = None) -> dict[str, Array]:
    """Solve for a change of tariffs and trade costs; world value added is the numeraire.

    Returns w, c, P and I as hats, pi and X as new levels, real wage and real income (welfare) as hats, and the largest
    relative residual of the trade balances.

    Raises
    ------
    OracleError
        The wage search did not reach 1e-11 of value added.
    """
    new = b.tariff if tariff is None else tariff

    def at(wage: NDArray) -> tuple[NDArray, NDArray, Equations]:
        cost, level = prices(b, wage, new, trade_cost)
        pi = cp_equations(b, wage, level, cost, np.ones_like(level), new, trade_cost).expenditure_share
        spending = expenditure(b, wage, pi, new)
        return level, spending, cp_equations(b, wage, level, cost, spending, new, trade_cost)

    def excess(log_wage: NDArray) -> NDArray:
        wage = np.exp(log_wage)
        balance = at(wage)[2].trade_balance / b.value_added
        # Walras' law drops the first balance; the numeraire takes its place.
        return np.append(balance[1:], (wage * b.value_added).sum() / b.value_added.sum() - 1)

    found = root(excess, np.zeros(b.value_added.size), method="hybr", options={"xtol": 1e-15})
    wage = np.exp(found.x)
    level, spending, e = at(wage)
    residual = float(np.max(np.abs(np.append(e.trade_balance / b.value_added, excess(found.x)))))
    if residual > 1e-11:
        raise OracleError(f"no convergence: {found.message}; residual {residual:.1e}")
    old = b.value_added + b.deficit + _tariff_revenue(b)
    cost_of_living = np.prod(level**b.final_share, axis=1)
    return {
        "w": wage, "c": e.unit_cost, "P": level, "pi": e.expenditure_share, "X": spending, "I": e.income / old,
        "real_wage": wage / cost_of_living, "welfare": e.income / old / cost_of_living,
        "residual": np.asarray(residual),
    }  # fmt: skip


def _tariff_revenue(b: Baseline) -> Array:
    X = expenditure(b, np.ones_like(b.value_added), b.pi, b.tariff)
    return (b.tariff / (1 + b.tariff) * b.pi * X[:, None, :]).sum((1, 2))
