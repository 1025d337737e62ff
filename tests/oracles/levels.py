"""The levels model of docs/rare_earths_model.md sections 2-3, equations (1)-(14) as they stand: no hats, no closed forms.

Unknowns are the logs of w_i, q^W, P_ns, X_ns, A_Lis, A_Ris (sectors with gamma > 0) and, unless the export tax is given,
1 + t. The labour market of region 0 is dropped for the numeraire; its residual is reported as ``walras``.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from oracles import ree_trade
from oracles.economies import Array, Economy, Policy, Technology, region_labels, sector_labels
from oracles.newton import OracleError, Residual, Vector, follow, newton


@dataclass(frozen=True)
class Equilibrium:
    """Every variable of the levels model at one point; [region, sector] unless stated."""

    economy: Economy
    technology: Technology
    unknowns: NDArray
    w: NDArray  # wage (N)
    q: NDArray  # user price of REE (N)
    qW: NDArray  # world REE price, scalar
    P: NDArray  # sector price index
    A_R: NDArray  # REE varieties; 1 where gamma = 0 and no REE bundle exists
    A_L: NDArray  # labour varieties
    P_R: NDArray  # REE bundle price, likewise only meaningful where gamma > 0
    P_L: NDArray  # labour bundle price
    c: NDArray  # value-added unit cost
    omega: NDArray  # REE share of value added
    x: NDArray  # gross-output unit cost
    pi: NDArray  # trade share (N, N, S)
    X: NDArray  # expenditure
    G: NDArray  # gross output
    V: NDArray  # value added
    r: NDArray  # REE use
    l: NDArray  # labour use  # noqa: E741
    I: NDArray  # final expenditure (N)  # noqa: E741
    t: NDArray  # export tax, scalar
    tariff_revenue: NDArray  # (N)
    export_tax_revenue: NDArray  # scalar, China's
    ree_exports: NDArray  # China's REE exports, net if homogeneous, physical units, scalar
    nu: NDArray  # value-added share of cost
    inputs: NDArray  # input shares of cost (N, K, S)
    p: NDArray  # producer price of REE (N)
    supply: NDArray  # of REE (N)
    D: NDArray  # deficit (N)
    ree: ree_trade.Trade  # who buys REE where

    @property
    def consumption_price(self) -> NDArray:
        """Return P^C_n = prod_s P_ns^alpha_ns."""
        return np.prod(self.P**self.economy.final_share, axis=1)

    @property
    def consumption(self) -> NDArray:
        """Return C_n = I_n / P^C_n."""
        return self.I / self.consumption_price

    @property
    def factor_income(self) -> NDArray:
        """Return w L + p R + V / beta by region, without tax revenue; L is labour in production."""
        e = self.economy
        employed = e.labour - self.research_labour - self.mining_labour
        return self.w * employed + self.p * self.supply + self.V.sum(1) / e.variety_elasticity

    @property
    def research_labour(self) -> NDArray:
        """Return labour hired for research by region: none, or under E what research income pays."""
        paid = self.V.sum(1) / (self.economy.variety_elasticity * self.w)
        return paid if self.technology == "E" else 0 * paid

    @property
    def mining_labour(self) -> NDArray:
        """Return labour that mines REE by region: its share in mining is zeta / (1 + zeta)."""
        zeta = self.economy.supply_elasticity
        return zeta / (1 + zeta) * self.p * self.supply / self.w

    @property
    def used_labour(self) -> NDArray:
        """Return labour in production, research and mining by region."""
        return self.l.sum(1) + self.research_labour + self.mining_labour

    @property
    def exports(self) -> NDArray:
        """Return exports by origin and sector at basic prices."""
        flows = self.pi * self.X[:, None, :] / (1 + self.economy.tariff)
        return flows.sum(0) - np.einsum("iis->is", flows)

    @property
    def walras(self) -> NDArray:
        """Return the relative residual of the dropped equation, the labour market of region 0."""
        return self.used_labour[0] / self.economy.labour[0] - 1


def _evaluate(economy: Economy, technology: Technology, policy: Policy, unknowns: NDArray) -> Equilibrium:
    """Return all variables that follow explicitly from the unknowns, by (1)-(3), (8)-(13)."""
    e, n, s = economy, economy.labour.size, economy.ree_weight.size
    active = e.ree_weight > 0
    split = np.cumsum([n, ree_trade.prices(e), n * s, n * s, n * s, n * int(active.sum())])
    w, mine, price, spending, patents_l, patents_r, tax = np.split(np.exp(unknowns), split)
    P, X, A_L = price.reshape(n, s), spending.reshape(n, s), patents_l.reshape(n, s)
    A_R = np.ones((n, s), dtype=unknowns.dtype)
    A_R[:, active] = patents_r.reshape(n, -1)
    t = np.asarray(policy.target) if policy.kind == "tax" else tax[0] - 1
    china = np.arange(n) == 0
    q, p, qW = ree_trade.user_prices(e, mine, t)
    P_R = e.markup * q[:, None] * A_R**-e.variety_productivity
    P_L = e.markup * w[:, None] * A_L**-e.variety_productivity
    c, omega = _value_added_cost(e, P_R, P_L)
    x, nu, inputs = _unit_cost(e, c, P)
    pull = e.technology * (x * e.trade_cost * (1 + e.tariff)) ** -e.trade_elasticity
    pi = pull / pull.sum(1, keepdims=True)
    G = (pi * X[:, None, :] / (1 + e.tariff)).sum(0)
    V = nu * G
    r = omega * V / (e.markup * q[:, None])
    l = (1 - omega) * V / (e.markup * w[:, None])  # noqa: E741
    supply = e.ree_endowment * (p / w) ** e.supply_elasticity
    ree = ree_trade.trade(e, q, p, qW, t, r.sum(1), supply)
    tariff_revenue = (e.tariff / (1 + e.tariff) * pi * X[:, None, :]).sum((1, 2))
    export_tax_revenue = t * p[0] * ree.exports
    # Under E research income is the wage of researchers, and mining pays wages too: both are part of w N.
    rent = (0 if technology == "E" else 1) * V.sum(1) / e.variety_elasticity
    owners = p * supply / (1 + e.supply_elasticity)
    D = e.deficit
    if e.deficit_rate is not None:
        follows = w * e.labour + owners + rent
        D = e.deficit_rate * follows - e.income_share * (e.deficit_rate * follows).sum()
    income = w * e.labour + owners + rent + tariff_revenue + ree.tariff_revenue + D
    return Equilibrium(
        economy, technology, unknowns, w, q, qW, P, A_R, A_L, P_R, P_L, c, omega, x, pi, X, G, V, r, l,
        income + np.where(china, export_tax_revenue, 0), t, tariff_revenue, export_tax_revenue, ree.exports,
        nu, inputs, p, supply, D, ree,
    )  # fmt: skip


def _unit_cost(economy: Economy, c: NDArray, P: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Return x and the shares of value added and inputs in it: (8), or its CES form with the elasticity chi."""
    e, chi = economy, economy.input_elasticity
    if chi == 1:
        x = e.cost_shifter * c**e.value_added_share * np.prod(P[:, :, None] ** e.input_share, axis=1)
        return x, e.value_added_share, e.input_share
    added = e.value_added_share * c ** (1 - chi)
    inputs = e.input_share * P[:, :, None] ** (1 - chi)
    total = added + inputs.sum(1)
    return e.cost_shifter * total ** (1 / (1 - chi)), added / total, inputs / total[:, None, :]


def _value_added_cost(economy: Economy, P_R: NDArray, P_L: NDArray) -> tuple[NDArray, NDArray]:
    """Return c by (1), the Cobb-Douglas limit where eps is exactly 1, and omega by (2)."""
    gamma, eps = economy.ree_weight, economy.ree_elasticity
    unit = eps == 1
    e = np.where(unit, 0.5, 1 - eps)
    ces = (gamma * P_R**e + (1 - gamma) * P_L**e) ** (1 / e)
    c = np.where(unit, P_R**gamma * P_L ** (1 - gamma), ces)
    return c, gamma * (P_R / c) ** (1 - eps)


def _innovation(eq: Equilibrium) -> tuple[NDArray, NDArray]:
    """Return the right-hand sides of the closure for (A_R, A_L), section 4; A_R only where gamma > 0."""
    e, on = eq.economy, eq.economy.ree_weight > 0
    if eq.technology == "exo":
        return e.ree_patents[:, on], e.labour_patents
    if eq.technology == "L":
        odds = eq.omega / (1 - eq.omega)
        ratio = e.ree_research_productivity / e.labour_research_productivity
        return (eq.A_L * ratio)[:, on] * odds[:, on] ** e.research_elasticity, e.labour_patents
    effort = e.research_effort
    if eq.technology == "M":
        effort = effort.sum(1, keepdims=True) * eq.V / eq.V.sum(1, keepdims=True)
    if eq.technology == "E":
        effort = eq.V / (e.variety_elasticity * eq.w[:, None])
    ree = e.ree_research_productivity[:, on] * (eq.omega * effort)[:, on] ** e.research_elasticity
    return ree, e.labour_research_productivity * ((1 - eq.omega) * effort) ** e.research_elasticity


def _residual(eq: Equilibrium, policy: Policy) -> NDArray:
    """Return the scaled residuals of the closure, (9), (10), (12), (14), the numeraire and the policy target."""
    e, on = eq.economy, eq.economy.ree_weight > 0
    pull = (e.technology * (eq.x * e.trade_cost * (1 + e.tariff)) ** -e.trade_elasticity).sum(1)
    ree, labour = _innovation(eq)
    spending = e.final_share * eq.I[:, None] + np.einsum("nsk,nk->ns", eq.inputs, eq.G)
    blocks = [
        np.log(eq.used_labour / e.labour)[1:],
        np.log(eq.factor_income.sum() / e.world_factor_income),
        np.log(eq.ree.demand / eq.ree.supply),
        np.log(eq.P / (e.price_shifter * pull ** (-1 / e.trade_elasticity))),
        np.log(eq.X / spending),
        np.log(eq.A_L / labour),
        np.log(eq.A_R[:, on] / ree),
    ]
    if policy.kind == "quota":
        blocks.append((eq.ree_exports - policy.target) / e.ree_endowment[0])
    if policy.kind == "price":
        blocks.append(np.log(eq.qW / (eq.w[policy.reference] * policy.target)))
    return np.concatenate([np.ravel(b) for b in blocks])


def _cold_start(economy: Economy, technology: Technology) -> Vector:
    """Return a rough point: equal wages, omega = gamma, prices and expenditure after sixty sweeps."""
    e, n, s = economy, economy.labour.size, economy.ree_weight.size
    on = e.ree_weight > 0
    wage = np.full(n, 0.7 * e.world_factor_income / e.labour.sum())
    qW = np.full(ree_trade.prices(e), 0.15 * e.world_factor_income / e.ree_endowment.sum())
    effort = e.research_effort if technology in ("F", "M") else np.ones((n, s))
    A_L = (
        e.labour_patents
        if technology in ("exo", "L")
        else e.labour_research_productivity * effort**e.research_elasticity
    )
    A_R = (
        e.ree_patents
        if technology == "exo"
        else e.ree_research_productivity * (effort * 0.2) ** e.research_elasticity
    )
    fixed = np.log([*wage, *qW]), np.log(A_L).ravel(), np.log(A_R[:, on]).ravel()
    P, X = np.ones((n, s)), np.full((n, s), 2 * e.world_factor_income / (n * s))
    tax = Policy("tax", e.export_tax)
    for _ in range(60):
        u = np.concatenate([fixed[0], np.log(P).ravel(), np.log(X).ravel(), *fixed[1:]])
        eq = _evaluate(e, technology, tax, u)
        pull = (e.technology * (eq.x * e.trade_cost * (1 + e.tariff)) ** -e.trade_elasticity).sum(1)
        P = e.price_shifter * pull ** (-1 / e.trade_elasticity)
        X = e.final_share * eq.I[:, None] + np.einsum("nsk,nk->ns", eq.inputs, eq.G)
        X *= e.world_factor_income / eq.V.sum()
    return np.concatenate([fixed[0], np.log(P).ravel(), np.log(X).ravel(), *fixed[1:]])


def solve(
    economy: Economy, technology: Technology, policy: Policy | None = None, start: Equilibrium | None = None
) -> Equilibrium:
    """Solve the levels model.

    Parameters
    ----------
    policy
        By default the tax ``economy.export_tax``. Quota and price values are levels: physical net REE exports, q^W / w.
    start
        Equilibrium to start from. If Newton fails from there, the policy moves from its value there to the target.

    Raises
    ------
    OracleError
        No convergence, or China imports REE, where the wedge (12) does not apply.
    """
    policy = policy or Policy()
    size = _size(economy)
    if start is None:
        tax = Policy("tax", economy.export_tax)
        point = newton(_problem(economy, technology, tax), _cold_start(economy, technology))
        start = _evaluate(economy, technology, tax, point)
    here = float(
        {"tax": start.t, "quota": start.ree_exports, "price": start.qW / start.w[policy.reference]}[
            policy.kind
        ]
    )
    target = economy.export_tax if policy.value is None else policy.value
    point = start.unknowns[:size]
    if policy.kind != "tax":
        point = np.append(point, np.log1p(float(start.t)))

    def at(fraction: float) -> Residual:
        return _problem(economy, technology, policy.between(here, target, fraction))

    solution = _evaluate(economy, technology, policy.between(here, target, 1.0), follow(at, point))
    if solution.ree_exports < -1e-9 * economy.ree_endowment[0]:
        raise OracleError(f"China would import REE ({solution.ree_exports:.2e}): outside the domain of (12)")
    return solution


def _size(economy: Economy) -> int:
    """Return the number of unknowns with a given tax."""
    n, s = economy.labour.size, economy.ree_weight.size
    return n + ree_trade.prices(economy) + n * (3 * s + int((economy.ree_weight > 0).sum()))


def _problem(economy: Economy, technology: Technology, policy: Policy) -> Residual:
    return lambda u: _residual(_evaluate(economy, technology, policy, u), policy)


def outcomes(base: Equilibrium, new: Equilibrium) -> dict[str, Array]:
    """Return the outcomes of docs/rare_earths_model.md section 9, new over base except ``export_tax``; quantities at base prices.

    ``innovation_bias`` is 1 where gamma = 0; ``innovation_bias_abroad`` is in percent; ``tfp`` is section 9's dlnTFP
    with base weights. Real GDP (a) is the ratio of its own expression, so it is 1 without a shock whatever the taxes.
    """
    e = base.economy
    gdp = base.I - base.D
    abroad = gdp[1:] / gdp[1:].sum()
    bias = new.A_R / new.A_L / (base.A_R / base.A_L)
    bias[:, e.ree_weight == 0] = 1

    def real_gdp(at: Equilibrium) -> Array:
        quantity = at.G / at.x
        inputs = at.inputs * at.G[:, None, :] / at.P[:, :, None]
        value = (base.x * quantity).sum(1) - (base.P[:, :, None] * inputs).sum((1, 2))
        return value - base.q * at.r.sum(1) + base.p * at.supply

    cost = new.consumption_price / base.consumption_price
    patents = base.omega * np.log(new.A_R / base.A_R) + (1 - base.omega) * np.log(new.A_L / base.A_L)
    return {
        "real_consumption": new.consumption / base.consumption,
        "real_gdp": real_gdp(new) / real_gdp(base),
        "real_gdp_deflated": (new.I - new.D) / gdp / cost,
        "real_gdp_factor": new.factor_income / base.factor_income / cost,
        "wage": new.w / base.w,
        "ree_price": new.q / base.q,
        "world_ree_price": np.asarray(new.qW / base.qW),
        "innovation_bias": bias,
        "innovation_bias_abroad": 100 * abroad @ (bias[1:] - 1),
        "export_tax": np.asarray(new.t),
        "ree_export_ratio": np.asarray(new.ree_exports / base.ree_exports),
        "tfp": e.variety_productivity * patents,
        "ree_share": new.omega,
        "value_added_cost": new.c / base.c,
        "unit_cost": new.x / base.x,
        "price_index": new.P / base.P,
        "revenue": new.G / base.G,
        "exports": new.exports / base.exports,
        "expenditure_share": new.pi,
        "expenditure": new.X / base.X,
        "final_expenditure": new.I / base.I,
        "ree_endowment": new.supply / base.supply,
        "ree_tariff_revenue": new.ree.tariff_revenue,
        "ree_producer_price": new.p / base.p,
        "value_added_share": new.nu / base.nu,
        "deficit": new.D,
    }


def baseline_from_levels(economy: Economy, solution: Equilibrium) -> xr.Dataset:
    """Return the equilibrium as the baseline dataset of the rare-earth model, REE in units of q^W = 1."""
    e, n, s = economy, economy.labour.size, economy.ree_weight.size
    regions, sectors = region_labels(n), sector_labels(s)
    cell, bilateral = ("region", "sector"), ("importer", "exporter", "sector")
    return xr.Dataset(
        {
            "expenditure_share": (bilateral, solution.pi),
            "expenditure": (cell, solution.X),
            "gross_output": (cell, solution.G),
            "value_added_share": (cell, solution.nu),
            "input_share": (("region", "input_sector", "sector"), solution.inputs),
            "final_share": (cell, e.final_share),
            "tariff": (bilateral, e.tariff),
            "final_expenditure": ("region", solution.I),
            "deficit": ("region", solution.D),
            "ree_share": (cell, solution.omega),
            "ree_endowment": ("region", solution.supply * solution.ree.unit),
            "export_tax": ((), float(solution.t)),
            "ree_elasticity": ("sector", e.ree_elasticity),
            "trade_elasticity": ("sector", e.trade_elasticity),
            "variety_elasticity": ((), e.variety_elasticity),
            "variety_productivity": ((), e.variety_productivity),
            "research_elasticity": ((), e.research_elasticity),
            "input_elasticity": ((), e.input_elasticity),
            "ree_supply_elasticity": ((), e.supply_elasticity),
            "ree_trade_elasticity": ((), e.ree_trade_elasticity),
            "ree_trade_share": (("importer", "exporter"), solution.ree.share),
            "ree_tariff": ("region", np.zeros(n) + e.ree_tariff),
            "deficit_rate": ("region", solution.D / solution.factor_income),
            "income_share": ("region", solution.factor_income / solution.factor_income.sum()),
        },
        coords={
            "region": regions, "importer": regions, "exporter": regions, "sector": sectors, "input_sector": sectors,
        },
    )  # fmt: skip
