"""Caliendo and Parro's hat system solved as an economist would by hand, in plain numpy: what exacthat is timed against.

Caliendo and Parro (2015, Review of Economic Studies 82, 1-44), equations (10) to (14), with ``n`` the importer, ``i`` the
exporter, ``s`` the sector. The code shares nothing with the framework, so that it is also an independent check of answers.

All powers of bilateral data are taken once, so that a round costs a few matrix-vector products a sector and powers of
(region, sector) arrays only; layouts put the sector first, so that each product is one BLAS call on contiguous memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import xarray as xr
from scipy.optimize import root

Array = np.ndarray
INNER = 1e-10  # change of log prices and log expenditure at which an inner fixed point stops
_ROUNDS = 2000


@dataclass
class Economy:
    """Baseline and shock, with everything that does not depend on the unknowns computed once.

    N regions, S sectors. Unknowns of the peers are wage hats ``w`` (N), price hats ``P`` (N, S) and new expenditure ``X``
    (N, S). World labour income is the numeraire; deficits are fixed in its units.
    """

    reach: Array  # pi kappa^-theta (S, N, N)
    landed: Array  # the same net of the new tariff, without own trade (S, N, N)
    own: Array  # own trade (N, S)
    theta: Array  # trade elasticity (S)
    value_added_share: Array  # nu (N, S)
    input_share: Array  # nu_k (N, K, S)
    final_share: Array  # alpha (N, S)
    labour_income: Array  # w L (N)
    deficit: Array  # D (N)
    expenditure: Array  # X at the baseline (N, S)
    empty: Array  # destinations where nothing is bought (N, S)

    @classmethod
    def of(cls, data: xr.Dataset, shocks: dict[str, xr.DataArray]) -> Economy:
        """Read a baseline of `models.caliendo_parro` and new values of ``tariff``, ``trade_cost`` and ``deficit``."""
        pair, cell = ("importer", "exporter", "sector"), ("region", "sector")

        def read(name: str, *dims: str) -> Array:
            array = shocks.get(name, data.get(name))
            assert array is not None
            return array.transpose(*dims).to_numpy().astype(float)

        tariff, old = read("tariff", *pair), data["tariff"].transpose(*pair).to_numpy()
        cost = read("trade_cost", *pair) if "trade_cost" in shocks else 1.0
        theta = read("trade_elasticity", "sector")
        share = read("expenditure_share", *pair) * ((1 + tariff) / (1 + old) * cost) ** -theta
        net = share / (1 + tariff)
        regions = np.arange(share.shape[0])
        own = net[regions, regions].copy()
        net[regions, regions] = 0.0
        nu = read("value_added_share", *cell)
        return cls(
            reach=np.ascontiguousarray(share.transpose(2, 0, 1)),
            landed=np.ascontiguousarray(net.transpose(2, 0, 1)),
            own=own,
            theta=theta,
            value_added_share=nu,
            input_share=read("input_share", "region", "input_sector", "sector"),
            final_share=read("final_share", *cell),
            labour_income=(nu * read("gross_output", *cell)).sum(1),
            deficit=read("deficit", "region"),
            expenditure=read("expenditure", *cell),
            empty=share.sum(1) == 0,
        )

    @property
    def size(self) -> int:
        """Number of regions."""
        return self.labour_income.size

    def prices(self, log_wage: Array, log_price: Array) -> tuple[Array, Array]:
        """(10) and (11) once: ``c^-theta`` and new log price indices at given wages and price indices."""
        inputs = np.matmul(log_price[:, None, :], self.input_share)[:, 0, :]
        pull = np.exp(-self.theta * (self.value_added_share * log_wage[:, None] + inputs))
        reached = np.matmul(self.reach, pull.T[:, :, None])[:, :, 0].T
        return pull, np.log(np.where(self.empty, 1.0, reached)) / -self.theta

    def flows(self, pull: Array, log_price: Array, spent: Array) -> tuple[Array, Array, Array]:
        """(12) summed: imports and exports net of tariffs and of own trade, and own sales; each (N, S)."""
        weight = spent * np.exp(self.theta * log_price)
        imports = np.matmul(self.landed, pull.T[:, :, None])[:, :, 0].T * weight
        exports = np.matmul(weight.T[:, None, :], self.landed)[:, 0, :].T * pull
        return imports, exports, self.own * pull * weight

    def spending(self, wage: Array, spent: Array, imports: Array, exports: Array, own: Array) -> Array:
        """(13) once: new expenditure, given what expenditure now buys."""
        revenue = (spent - imports - own).sum(1)
        income = wage * self.labour_income + revenue + self.deficit
        made = exports + own
        return self.final_share * income[:, None] + np.matmul(self.input_share, made[:, :, None])[:, :, 0]

    def normalised(self, log_wage: Array) -> Array:
        """Wages in units of world labour income."""
        share = self.labour_income / self.labour_income.sum()
        return log_wage - np.log(share @ np.exp(log_wage))

    def balance(self, imports: Array, exports: Array) -> Array:
        """Log of what a region earns abroad, transfers included, over what it pays (14): both sides are positive."""
        earned = exports.sum(1) + np.maximum(self.deficit, 0)
        return np.log(earned / (imports.sum(1) + np.maximum(-self.deficit, 0)))


@dataclass
class State:
    """Where a peer is: log wages, log prices, expenditure, and the largest gap of any equation in its last round."""

    log_wage: Array
    log_price: Array
    spent: Array
    gap: float = np.inf


def _start(e: Economy) -> State:
    return State(np.zeros(e.size), np.zeros_like(e.expenditure), e.expenditure.copy())


def _gap(new: Array, old: Array) -> float:
    return float(np.abs(new - old).max())


def _relative(new: Array, old: Array) -> float:
    return float(np.abs(new - old).max() / np.abs(new).max())


# ---- (c) the expert's sweep ----------------------------------------------------------------------


def sweep(e: Economy, damping: float) -> Iterator[State]:
    """Log-trade-balance sweep: one pass through prices, expenditure and wages a round; yields after each.

    Wages move by `damping` times the log ratio of what a region earns abroad to what it pays, own trade left out, so that the
    signal does not vanish near autarky. Nothing is iterated to a fixed point in between. The caller stops.
    """
    at = _start(e)
    while True:
        pull, price = e.prices(at.log_wage, at.log_price)
        flows = e.flows(pull, price, at.spent)
        spent = e.spending(np.exp(at.log_wage), at.spent, *flows)
        ratio = e.balance(flows[0], flows[1])
        gap = max(_gap(price, at.log_price), _relative(spent, at.spent), _gap(ratio, np.zeros(e.size)))
        at = State(e.normalised(at.log_wage + damping * ratio), price, spent, gap)
        yield at


# ---- (a) the textbook's tâtonnement --------------------------------------------------------------


def _settled(
    e: Economy, log_wage: Array, at: State, inner: float
) -> tuple[State, tuple[Array, Array, Array]]:
    """Prices, then expenditure, at their fixed points for given wages, from where they were."""
    price, spent = at.log_price, at.spent
    for _ in range(_ROUNDS):
        pull, new = e.prices(log_wage, price)
        done, price = _gap(new, price) < inner, new
        if done:
            break
    flows = e.flows(pull, price, spent)
    for _ in range(_ROUNDS):
        new = e.spending(np.exp(log_wage), spent, *flows)
        done, spent = _relative(new, spent) < inner, new
        flows = e.flows(pull, price, spent)
        if done:
            break
    return State(log_wage, price, spent, at.gap), flows


def tatonnement(e: Economy, damping: float, inner: float = INNER) -> Iterator[State]:
    """Value-added tâtonnement of Alvarez and Lucas (2007, Journal of Monetary Economics 54); yields after each round.

    ``w' = w (1 + damping Z/(w L))`` with ``Z`` the excess demand for labour, value added less ``w L``. As in section 3 of
    Caliendo and Parro, prices and then expenditure are brought to their fixed points in each round (to `inner` in logs); here
    they start from those of the round before, and expenditure is iterated, which costs less than their linear system of N x S
    unknowns. The caller stops.
    """
    at = _start(e)
    while True:
        at, (_, exports, own) = _settled(e, at.log_wage, at, inner)
        paid = np.exp(at.log_wage) * e.labour_income
        excess = (e.value_added_share * (exports + own)).sum(1) / paid - 1
        wage = e.normalised(at.log_wage + np.log1p(np.maximum(damping * excess, -0.9)))
        at = State(wage, at.log_price, at.spent, _gap(excess, np.zeros(e.size)))
        yield at


# ---- (b) scipy's hybr on wages -------------------------------------------------------------------


def hybr(e: Economy, tolerance: float, inner: float = 1e-12) -> State:
    """Powell's hybrid method (MINPACK `hybr`) on log wages, prices and expenditure at their fixed points in between.

    The residual is the log trade balance, which is the best scaled form, with the numeraire in place of the first region's. The
    Jacobian is by finite differences with a step of 1e-6, which suits inner fixed points to 1e-12; they start from the last.
    """
    at = _start(e)

    def excess(log_wage: Array) -> Array:
        nonlocal at
        at, (imports, exports, _) = _settled(e, log_wage, at, inner)
        value = e.balance(imports, exports)
        value[0] = np.log((np.exp(log_wage) * e.labour_income).sum() / e.labour_income.sum())
        return value

    found = root(excess, np.zeros(e.size), method="hybr", options={"xtol": tolerance, "eps": 1e-12})
    return State(found.x, at.log_price, at.spent, float(np.abs(found.fun).max()))


# ---- an answer that owes nothing to the framework ------------------------------------------------


def independent(e: Economy, bound: float = 1e-12, rounds: int = 20_000) -> State:
    """The sweep until prices, expenditure and log balances all move by less than `bound`; its `gap` tells whether they did.

    Damping starts at a tenth and is halved, from the baseline again, where the gap grows a hundredfold.
    """
    damping, at, best = 0.1, _start(e), np.inf
    while damping > 1e-3:
        best = np.inf
        for at in islice(sweep(e, damping), rounds):
            best = min(best, at.gap)
            if at.gap < bound or not at.gap < 100 * best:
                break
        if at.gap < bound:
            break
        damping /= 2
    return at
