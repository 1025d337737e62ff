"""Monopolistic competition firm by firm: Melitz (2003) with Pareto draws, and Krugman (1980), in levels.

Nothing is integrated in closed form: what an entrant expects to sell is a quadrature over productivity, and entry, cutoffs,
goods and labour markets are separate conditions. The measure of firms, wages, prices and expenditure solve them.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import root

from oracles.newton import OracleError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Economy:
    """Primitives; bilateral arrays [importer, exporter, sector], inputs [region, input, sector]."""

    sigma: Array  # elasticity of demand (S)
    theta: Array | None  # Pareto shape (S); None where all firms have productivity `lowest`
    value_added_share: Array  # (N, S)
    input_share: Array  # (N, K, S)
    final_share: Array  # (N, S)
    lowest: Array  # lowest productivity (N, S)
    entry: Array  # bundles of the own region and sector to enter (N, S)
    access: Array  # bundles of the destination's sector to sell there (N, N, S)
    trade_cost: Array  # (N, N, S)
    labour: Array  # (N)
    deficit: Array  # (N)


@dataclass(frozen=True)
class Equilibrium:
    """Levels: wage (N); price index, firms, expenditure, output (N, S); share (N, N, S); real consumption (N)."""

    wage: Array
    price: Array
    firms: Array
    expenditure: Array
    output: Array
    share: Array
    consumption: Array


@dataclass(frozen=True)
class Market:
    """What an entrant of an exporter expects in every market (N, N, S)."""

    sales: Array
    selling: Array  # probability to sell there


def expected(e: Economy, cost: Array, price: Array, spending: Array) -> Market:
    """Expected sales and probability of selling, by quadrature over productivity.

    Raises
    ------
    OracleError
        A cutoff is below the lowest productivity: the formula of the model does not apply.
    """
    markup = e.sigma / (e.sigma - 1)

    def revenue(at: tuple[int, int, int], productivity: float) -> float:
        n, i, s = at
        charged = markup[s] * cost[i, s] * e.trade_cost[at] / productivity
        return spending[n, s] * (charged / price[n, s]) ** (1 - e.sigma[s])

    sales, selling = np.empty(e.access.shape), np.ones(e.access.shape)
    for n, i, s in np.ndindex(*sales.shape):
        at, low = (n, i, s), e.lowest[i, s]
        if e.theta is None:
            sales[at] = revenue(at, low)
            continue
        theta = e.theta[s]
        needed = e.sigma[s] * e.access[at] * cost[n, s]  # revenue at which profit pays for access
        cutoff = (needed / revenue(at, 1.0)) ** (1 / (e.sigma[s] - 1))
        if cutoff < low:
            raise OracleError(f"every firm sells at {at}: the cutoff {cutoff:.3g} is below {low:.3g}")
        start, far = np.log(cutoff), 40 / (theta - e.sigma[s] + 1)  # what is left beyond is below rounding
        found, _ = quad(
            lambda log, at=at, theta=theta, low=low: (
                revenue(at, np.exp(log)) * theta * (low / np.exp(log)) ** theta
            ),
            start,
            start + far,
            epsabs=0,
            epsrel=1e-12,
        )
        sales[at], selling[at] = found, (low / cutoff) ** theta
    return Market(sales, selling)


def conditions(e: Economy, flat: Array, income: float) -> tuple[Array, Equilibrium]:
    """Relative residuals of all conditions at logs of (wage, price, firms, expenditure)."""
    n, s = e.final_share.shape
    wage, rest = np.exp(flat[:n]), np.exp(flat[n:]).reshape(3, n, s)
    price, firms, spending = rest
    cost = wage[:, None] ** e.value_added_share * np.prod(price[:, :, None] ** e.input_share, axis=1)
    market = expected(e, cost, price, spending)
    flow = firms * market.sales  # (importer, exporter, sector)
    output = flow.sum(0)
    access = np.zeros_like(market.sales)
    if e.theta is not None:
        access = e.access * cost[:, None, :] * market.selling
    spent_on_bundle = output * (e.sigma - 1) / e.sigma + firms * e.entry * cost + (firms * access).sum(1)
    earned = wage * e.labour
    demand = e.final_share * (earned + e.deficit)[:, None] + np.einsum(
        "nks,ns->nk", e.input_share, spent_on_bundle
    )
    profit = (market.sales / e.sigma - access).sum(0)
    labour = (e.value_added_share * spent_on_bundle).sum(1) / earned - 1
    labour[0] = earned.sum() / income - 1  # Walras' law; the numeraire is world labour income
    residual = [labour, flow.sum(1) / spending - 1, profit / (e.entry * cost) - 1, demand / spending - 1]
    consumption = (earned + e.deficit) / np.prod(price**e.final_share, axis=1)
    share = flow / spending[:, None, :]
    return (
        np.concatenate([r.ravel() for r in residual]),
        Equilibrium(wage, price, firms, spending, output, share, consumption),
    )


def calibrated(
    e: Economy, share: Array, spending: Array, bundle_spending: Array
) -> tuple[Economy, Array, float]:
    """The economy whose equilibrium has these shares and this spending, with wages, prices and firms of one.

    Trade costs, entry costs and labour follow; returns the economy, its logs and world labour income.
    """
    ones = np.ones_like(spending)
    plain = replace(e, trade_cost=np.ones_like(e.access))
    sold = expected(plain, ones, ones, spending).sales
    power = e.sigma - 1 if e.theta is None else e.theta
    e = replace(e, trade_cost=(sold / (share * spending[:, None, :])) ** (1 / power))
    market = expected(e, ones, ones, spending)
    paid = 0.0 if e.theta is None else e.access * market.selling
    e = replace(e, entry=(market.sales / e.sigma - paid).sum(0))
    labour = (e.value_added_share * bundle_spending).sum(1)
    n = spending.shape[0]
    flat = np.concatenate([np.zeros(n + 2 * spending.size), np.log(spending).ravel()])
    return replace(e, labour=labour), flat, float(labour.sum())


def solve(e: Economy, start: Array, income: float) -> Equilibrium:
    """Find the equilibrium near `start`."""
    found = root(lambda z: conditions(e, z, income)[0], start, method="hybr", options={"xtol": 1e-13})
    residual, at = conditions(e, found.x, income)
    if np.abs(residual).max() > 1e-10:
        raise OracleError(f"no equilibrium: {found.message}; residual {np.abs(residual).max():.1e}")
    return at
