"""The hat system (H1)-(H8) of docs/rare_earths_model.md section 6, hand-coded, on the baseline dataset of the rare-earth model.

Unknowns are the logs of w-hat (N), q^W-hat, P-hat (N, S), with technology M V-hat (N, S), and 1 + t1 unless the tax is
given. The accounts (H6)-(H7) are linear given prices. The labour market of the first region is dropped for the numeraire,
world factor income.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from oracles.economies import Array, Policy, Technology
from oracles.newton import OracleError, Residual, follow


@dataclass(frozen=True)
class Shocks:
    """Changes besides the REE policy; ``None`` is no change. Region order is the baseline's."""

    tariff: Array | None = None  # new level, (importer, exporter, sector)
    trade_cost: Array | None = None  # ratio, (importer, exporter, sector)
    technology: Array | None = None  # ratio of lambda, (region, sector)
    ree_endowment: Array | None = None  # ratio, (region)


@dataclass(frozen=True)
class Baseline:
    """The baseline dataset as arrays, with the quantities (H7)-(H8) derive from it."""

    pi: Array
    X: Array
    G: Array
    nu: Array
    inputs: Array
    alpha: Array
    tariff: Array
    I: Array  # noqa: E741
    D: Array
    omega: Array
    R: Array
    t: float
    eps: Array
    theta: Array
    beta: float
    phi: float
    kappa: float
    china: NDArray[np.bool_]

    @property
    def markup(self) -> float:
        """Return mu."""
        return self.beta / (self.beta - 1)

    @property
    def V(self) -> Array:
        """Return value added."""
        return self.nu * self.G

    @property
    def q(self) -> Array:
        """Return user prices of REE at q^W = 1."""
        return np.where(self.china, 1 / (1 + self.t), 1.0)

    @property
    def labour_income(self) -> Array:
        """Return w_i L_i."""
        return ((1 - self.omega) * self.V).sum(1) / self.markup

    @property
    def ree_use(self) -> Array:
        """Return r_is in physical units."""
        return self.omega * self.V / (self.markup * self.q[:, None])

    @property
    def factor_income(self) -> Array:
        """Return w L + q R + V / beta by region."""
        return self.labour_income + self.q * self.R + self.V.sum(1) / self.beta

    @property
    def substitution(self) -> Array:
        """Return 1 - sigma-bar_s of (5)."""
        return (1 - self.eps) / (1 + self.phi * self.kappa * (1 - self.eps))


def read(data: xr.Dataset, china: str = "CHN") -> Baseline:
    """Read the baseline dataset; dims in any order, labels aligned to ``region`` and ``sector``."""
    regions, sectors = data.region.values, data.sector.values
    order = {
        "region": regions,
        "importer": regions,
        "exporter": regions,
        "sector": sectors,
        "input_sector": sectors,
    }
    data = data.sel({k: v for k, v in order.items() if k in data.dims})

    def get(name: str, *dims: str) -> Array:
        return data[name].transpose(*dims).to_numpy().astype(float)

    bilateral, cell = ("importer", "exporter", "sector"), ("region", "sector")
    if china not in regions:
        raise ValueError(f"region {china!r} is not among {list(regions)}")
    return Baseline(
        pi=get("expenditure_share", *bilateral),
        X=get("expenditure", *cell),
        G=get("gross_output", *cell),
        nu=get("value_added_share", *cell),
        inputs=get("input_share", "region", "input_sector", "sector"),
        alpha=get("final_share", *cell),
        tariff=get("tariff", *bilateral),
        I=get("final_expenditure", "region"),
        D=get("deficit", "region"),
        omega=get("ree_share", *cell),
        R=get("ree_endowment", "region"),
        t=float(data["export_tax"]),
        eps=get("ree_elasticity", "sector"),
        theta=get("trade_elasticity", "sector"),
        beta=float(data["variety_elasticity"]),
        phi=float(data["variety_productivity"]),
        kappa=float(data["research_elasticity"]),
        china=regions == china,
    )


@dataclass(frozen=True)
class Counterfactual:
    """New levels and hats at one point of the unknowns; [region, sector] unless stated."""

    w: NDArray
    qW: NDArray
    P: NDArray
    t: NDArray
    q: NDArray
    odds: NDArray  # o-hat
    omega: NDArray  # new share
    A_R: NDArray
    A_L: NDArray
    c: NDArray
    x: NDArray
    P_rhs: NDArray  # right-hand side of the price index in (H5)
    pi: NDArray  # new share
    X: NDArray  # new level
    G: NDArray  # new level
    I: NDArray  # new level  # noqa: E741
    value: NDArray  # V-hat of M's unknowns, ones otherwise


def _ces(weight: NDArray, first: NDArray, second: NDArray, e: Array) -> NDArray:
    """Return log[weight exp(e first) + (1 - weight) exp(e second)] / e, exact at e = 0."""
    mean = weight * first + (1 - weight) * second
    safe = np.where(e == 0, 1.0, e)
    gap = weight * np.expm1(e * (first - mean)) + (1 - weight) * np.expm1(e * (second - mean))
    return mean + np.where(e == 0, 0.0, np.log1p(gap) / safe)


def _technology(
    b: Baseline, technology: Technology, odds: NDArray, value: NDArray
) -> tuple[NDArray, NDArray]:
    """Return (A_R-hat, A_L-hat) by (H3)."""
    if technology == "exo":
        return np.ones_like(odds), np.ones_like(odds)
    if technology == "L":
        return odds**b.kappa, np.ones_like(odds)
    rest = 1 / (1 - b.omega + b.omega * odds)  # hat of 1 - omega
    effort = np.ones_like(odds)
    if technology == "M":
        weight = b.V / b.V.sum(1, keepdims=True)
        effort = value / (weight * value).sum(1, keepdims=True)
    return (odds * rest * effort) ** b.kappa, (rest * effort) ** b.kappa


def _evaluate(
    b: Baseline, technology: Technology, policy: Policy, shocks: Shocks, u: NDArray
) -> Counterfactual:
    """Return (H1)-(H7) at the unknowns ``u``."""
    n, s = b.G.shape
    w, world, P, rest = np.split(np.exp(u), [n, n + 1, n + 1 + n * s])
    qW, P = world[0], P.reshape(n, s)
    value = rest[: n * s].reshape(n, s) if technology == "M" else np.ones_like(P)
    t = np.asarray(policy.target) if policy.kind == "tax" else rest[-1] - 1
    q = qW * np.where(b.china, (1 + b.t) / (1 + t), 1)
    exponent = 1 - b.eps if technology == "exo" else b.substitution
    odds = (q / w)[:, None] ** exponent
    omega = b.omega * odds / (1 - b.omega + b.omega * odds)
    A_R, A_L = _technology(b, technology, odds, value)
    P_R, P_L = q[:, None] * A_R**-b.phi, w[:, None] * A_L**-b.phi
    c = np.exp(_ces(b.omega, np.log(P_R), np.log(P_L), 1 - b.eps))
    x = c**b.nu * np.exp(np.einsum("nks,nk->ns", b.inputs, np.log(P)))
    tariff = b.tariff if shocks.tariff is None else shocks.tariff
    wedge = (1 + tariff) / (1 + b.tariff) * (1 if shocks.trade_cost is None else shocks.trade_cost)
    lam = np.ones((n, s)) if shocks.technology is None else shocks.technology
    pull = b.pi * lam * (x * wedge) ** -b.theta
    bought = b.pi.sum(1) > 0
    total = np.where(bought, pull.sum(1), 1)
    X, G, income = _accounts(b, w, q, t, omega, pull / total[:, None, :], tariff, shocks)
    return Counterfactual(
        w, qW, P, t, q, odds, omega, A_R, A_L, c, x,
        total ** (-1 / b.theta), pull / total[:, None, :], X, G, income, value,
    )  # fmt: skip


def _accounts(
    b: Baseline,
    w: NDArray,
    q: NDArray,
    t: NDArray,
    omega: NDArray,
    pi: NDArray,
    tariff: Array,
    shocks: Shocks,
) -> tuple[NDArray, NDArray, NDArray]:
    """Solve (H6)-(H7) for X', G', I' by one linear system in X'."""
    n, s = b.G.shape
    endowment = b.R if shocks.ree_endowment is None else b.R * shocks.ree_endowment
    flow = pi / (1 + tariff)
    per_output = b.nu / b.beta - np.where(b.china, t, 0)[:, None] * omega * b.nu / b.markup
    per_spending = (tariff * flow).sum(1)
    fixed = w * b.labour_income + q * b.q * endowment * (1 + np.where(b.china, t, 0)) + b.D
    recipe = b.inputs + b.alpha[:, :, None] * per_output[:, None, :]  # spending on s per unit of output of k
    system = -np.einsum("nsk,mnk->nsmk", recipe, flow)
    region = np.arange(n)
    system[region, :, region, :] -= b.alpha[:, :, None] * per_spending[:, None, :]
    system = system.reshape(n * s, n * s) + np.eye(n * s)
    X = np.linalg.solve(system, (b.alpha * fixed[:, None]).ravel()).reshape(n, s)
    G = (flow * X[:, None, :]).sum(0)
    return X, G, fixed + (per_output * G).sum(1) + (per_spending * X).sum(1)


def _ree(b: Baseline, s: Counterfactual, shocks: Shocks) -> tuple[NDArray, NDArray, NDArray]:
    """Return new REE use by region, endowments and China's net exports, in physical units."""
    use = (s.omega * b.nu * s.G).sum(1) / (b.markup * s.q * b.q)
    endowment = b.R if shocks.ree_endowment is None else b.R * shocks.ree_endowment
    return use, endowment, ((endowment - use) * b.china).sum()


def _residual(
    b: Baseline, technology: Technology, policy: Policy, shocks: Shocks, s: Counterfactual
) -> NDArray:
    """Return (H8), the price equations and the closure's targets, scaled."""
    V = b.nu * s.G
    use, endowment, exports = _ree(b, s, shocks)
    income = s.w * b.labour_income + s.q * b.q * endowment + V.sum(1) / b.beta
    labour = ((1 - s.omega) * V).sum(1) / (b.markup * s.w * b.labour_income)
    # Without any REE in the world its price is nobody's: pin it so that the system stays square.
    market = use.sum() / endowment.sum() if b.R.sum() > 0 else s.qW
    blocks = [
        np.log(labour)[1:],
        np.log(income.sum() / b.factor_income.sum()),
        np.log(market),
        np.log(s.P / s.P_rhs),
    ]
    if technology == "M":
        blocks.append(
            np.where(b.V > 0, np.log(s.value) - np.log(np.where(b.V > 0, V / b.V, 1)), np.log(s.value))
        )
    if policy.kind == "quota":
        base = ((b.R - b.ree_use.sum(1)) * b.china).sum()
        blocks.append((exports - policy.target * base) / (b.R * b.china).sum())
    if policy.kind == "price":
        blocks.append(np.log(s.qW / (s.w[policy.reference] * policy.target)))
    return np.concatenate([np.ravel(block) for block in blocks])


def evaluate(
    data: xr.Dataset, technology: Technology, policy: Policy, shocks: Shocks, unknowns: NDArray
) -> tuple[Counterfactual, NDArray]:
    """Return the hat system and its residual at arbitrary unknowns, for comparison with derived equations."""
    b = read(data)
    if policy.value is None:
        policy = policy.between(0.0, {"tax": b.t}.get(policy.kind, 1.0), 1.0)
    state = _evaluate(b, technology, policy, shocks, unknowns)
    return state, _residual(b, technology, policy, shocks, state)


def solve(
    data: xr.Dataset, technology: Technology, policy: Policy | None = None, shocks: Shocks | None = None
) -> xr.Dataset:
    """Solve the counterfactual and return its outcomes, labelled; names as in ``levels.outcomes`` and results.nc.

    Parameters
    ----------
    data
        Baseline dataset. Its budget must close: I = wL + qR + V/beta + tariff and export-tax revenue + D.
    technology
        "exo", "F" (fixed effort), "L" (elastic effort) or "M" (mobile effort).
    policy
        Default: the baseline tax. Quota and price values are ratios new over baseline; the price's is of q^W / w_ref.

    Raises
    ------
    OracleError
        No convergence, or China would import REE, where the wedge of (12) does not apply.
    """
    b, policy, shocks = read(data), policy or Policy(), shocks or Shocks()
    if np.any(1 + b.phi * b.kappa * (1 - b.eps) <= 0) and technology != "exo":
        raise ValueError(f"ree_elasticity {b.eps} violates the stability bound (6)")
    n, s = b.G.shape
    size = n + 1 + n * s + (n * s if technology == "M" else 0)
    start = np.zeros(size + (policy.kind != "tax"))
    if policy.kind != "tax":
        start[-1] = np.log1p(b.t)

    here = {"tax": b.t, "quota": 1.0, "price": 1.0}[policy.kind]
    target = here if policy.value is None else policy.value

    def at(fraction: float) -> Residual:
        p = policy.between(here, target, fraction)
        return lambda u: _residual(b, technology, p, shocks, _evaluate(b, technology, p, shocks, u))

    state = _evaluate(b, technology, policy.between(here, target, 1.0), shocks, follow(at, start))
    _, endowment, exports = _ree(b, state, shocks)
    if exports < -1e-9 * (endowment * b.china).sum():
        raise OracleError(f"China would import REE ({exports:.2e}): outside the domain of (12)")
    return _label(data, _outcomes(b, technology, shocks, state))


def _outcomes(b: Baseline, technology: Technology, shocks: Shocks, s: Counterfactual) -> dict[str, NDArray]:
    """Return the outcomes of section 9; see ``levels.outcomes`` for the conventions."""
    use, endowment, exports = _ree(b, s, shocks)
    tariff = b.tariff if shocks.tariff is None else shocks.tariff
    gdp = b.I - b.D
    bias = np.ones_like(s.odds) if technology == "exo" else s.odds**b.kappa
    abroad = np.where(b.china, 0, gdp) / gdp[~b.china].sum()
    cost = np.exp((b.alpha * np.log(s.P)).sum(1))
    inputs = (b.inputs * s.G[:, None, :] / s.P[:, :, None]).sum((1, 2))
    constant_prices = (s.G / s.x).sum(1) - inputs - b.q * use + b.q * endowment
    income = s.w * b.labour_income + s.q * b.q * endowment + (b.nu * s.G).sum(1) / b.beta

    def abroad_sales(pi: NDArray, X: NDArray, tau: Array) -> NDArray:
        flows = pi * X[:, None, :] / (1 + tau)
        return flows.sum(0) - np.einsum("iis->is", flows)

    labour = ((1 - s.omega) * b.nu * s.G).sum(1) / (b.markup * s.w * b.labour_income)
    old_exports, base_ree = abroad_sales(b.pi, b.X, b.tariff), ((b.R - b.ree_use.sum(1)) * b.china).sum()
    return {
        "real_consumption": s.I / b.I / cost,
        "real_gdp": constant_prices / (b.V.sum(1) - b.q * b.ree_use.sum(1) + b.q * b.R),
        "real_gdp_deflated": (s.I - b.D) / gdp / cost,
        "real_gdp_factor": income / b.factor_income / cost,
        "wage": s.w,
        "ree_price": s.q,
        "world_ree_price": s.qW,
        "innovation_bias": bias,
        "innovation_bias_abroad": 100 * abroad @ (bias - 1),
        "export_tax": s.t,
        "ree_export_ratio": exports / base_ree if base_ree else np.asarray(1.0),
        "tfp": b.phi * (b.omega * np.log(s.A_R) + (1 - b.omega) * np.log(s.A_L)),
        "ree_share": s.omega,
        "value_added_cost": s.c,
        "unit_cost": s.x,
        "price_index": s.P,
        "revenue": np.where(b.G > 0, s.G, 1) / np.where(b.G > 0, b.G, 1),
        "exports": np.where(old_exports > 0, abroad_sales(s.pi, s.X, tariff), 1)
        / np.where(old_exports > 0, old_exports, 1),
        "expenditure_share": s.pi,
        "expenditure": np.where(b.X > 0, s.X, 1) / np.where(b.X > 0, b.X, 1),
        "final_expenditure": s.I / b.I,
        "walras": labour[0] - 1,
    }


def _label(data: xr.Dataset, values: dict[str, NDArray]) -> xr.Dataset:
    n, s = data.sizes["region"], data.sizes["sector"]
    dims = {(): (), (n,): ("region",), (s,): ("sector",), (n, s): ("region", "sector")}
    dims[(n, n, s)] = ("importer", "exporter", "sector")
    if n == s:  # a vector's shape does not tell its dims apart
        dims[(n,)] = ("region",)
    labelled = {
        k: (("sector",) if k == "innovation_bias_abroad" else dims[np.shape(v)], v) for k, v in values.items()
    }
    coords = {"region": data.region.values, "importer": data.region.values, "exporter": data.region.values}
    return xr.Dataset(labelled, coords | {"sector": data.sector.values})
