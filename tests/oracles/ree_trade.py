"""Trade in REE in levels: one market with a tax and tariffs, or Armington demand by origin. Region 0 levies the tax."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oracles.economies import Economy


@dataclass(frozen=True)
class Trade:
    """Markets for REE at one point."""

    demand: NDArray  # in each market: one, or one an origin
    supply: NDArray
    exports: NDArray  # of region 0
    tariff_revenue: NDArray  # (N)
    share: NDArray  # of an origin in spending (N, N); zeros where REE are homogeneous
    unit: NDArray  # million USD, at the world price, of a unit of supply (N)


def prices(economy: Economy) -> int:
    """Return the number of REE prices that markets determine."""
    return 1 if economy.ree_taste is None else economy.labour.size


def user_prices(e: Economy, mine: NDArray, t: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Return what users and owners of REE pay and get, and the world price."""
    china = np.arange(e.labour.size) == 0
    if e.ree_taste is None:
        q = mine[0] * (1 + e.ree_tariff * np.ones(china.size)) / np.where(china, 1 + t, 1)
        return q, q, mine[0]
    pull = e.ree_taste * (mine * e.ree_trade_cost * wedge(e, t)) ** -e.ree_trade_elasticity
    return pull.sum(1) ** (-1 / e.ree_trade_elasticity), mine, mine[0] * (1 + t)


def wedge(e: Economy, t: NDArray) -> NDArray:
    """Return what tariff and export tax make of a price, [importer, exporter]."""
    own, china = np.eye(e.labour.size, dtype=bool), np.arange(e.labour.size) == 0
    tariff = 1 + (e.ree_tariff * np.ones(china.size))[:, None]
    return np.where(own, 1, tariff * np.where(china, 1 + t, 1))


def trade(
    e: Economy, q: NDArray, p: NDArray, qW: NDArray, t: NDArray, use: NDArray, supply: NDArray
) -> Trade:
    """Return demand and supply in every market, exports and revenue; ``use`` in units of what users buy."""
    n = e.labour.size
    tariff = e.ree_tariff * np.ones(n)
    if e.ree_taste is None:
        revenue = tariff * qW * (use - supply)
        return Trade(use.sum(), supply.sum(), supply[0] - use[0], revenue, np.zeros((n, n)), qW * np.ones(n))
    share = e.ree_taste * (p * e.ree_trade_cost * wedge(e, t) / q[:, None]) ** -e.ree_trade_elasticity
    paid = share * (q * use)[:, None]
    received = paid / wedge(e, t)
    imports = np.where(np.eye(n, dtype=bool), 0, paid)
    revenue = tariff / (1 + tariff) * imports.sum(1)
    unit = p * np.where(np.arange(n) == 0, 1 + t, 1)
    return Trade(received.sum(0) / p, supply, received[1:, 0].sum() / p[0], revenue, share, unit)
