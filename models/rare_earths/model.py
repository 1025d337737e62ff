"""The rare-earths model in levels, declared once.

Alfaro, Fadinger, Schymik and Virananda, "Trade and Industrial Policy in Supply Chains: Directed
Technological Change in Rare Earths" (NBER 33877), as derived in docs/rare_earths.md: value added is a CES
nest of an REE bundle and a labour bundle, each made of an endogenous measure of varieties; goods are traded
as in Caliendo and Parro (2015); REE are homogeneous, and one region taxes their export.
"""

from __future__ import annotations

from sympy import Sum

from framework import Model
from models import blocks
from models.rare_earths import deficits, factors, nests, ree_market, technology
from models.rare_earths.income import income
from models.rare_earths.outcomes import income_outcomes, sector_outcomes
from models.rare_earths.quota import export_policy
from models.rare_earths.ree_market import REE_UNIT


def rare_earths() -> Model:
    """Declare the model; choose a technology with ``.choose(technology=...)``, a policy by closure swap."""
    m = Model("rare-earths", "Directed technological change in rare earths (Alfaro et al., NBER 33877)")
    region, sector = m.set("region"), m.set("sector")
    _declare_data(m, region, sector)
    _declare_variables(m, region, sector)
    _value_added(m)
    m.variant(
        "technology",
        "exogenous",
        exogenous=technology.exogenous,
        fixed_effort=technology.fixed_effort,
        elastic_effort=technology.elastic_effort,
        mobile_effort=technology.mobile_effort,
        free_entry=technology.free_entry,
    )
    m.dependent("mining", factors.mining)
    m.dependent("labour", factors.production_labour)
    m.variant("production", "cobb-douglas", cobb_douglas=nests.cobb_douglas, ces=nests.ces)
    m.variant("rare_earth_supply", "inelastic", inelastic=factors.inelastic, elastic=factors.elastic)
    m.variant("deficits", "fixed", fixed=deficits.fixed, proportional=deficits.proportional)
    _trade(m)
    _accounts(m)
    m.variant(
        "rare_earth_market",
        "homogeneous",
        homogeneous=ree_market.homogeneous,
        homogeneous_tariffs=ree_market.homogeneous_tariffs,
        armington=ree_market.armington,
    )
    m.compare(
        technology=["exogenous", "fixed-effort", "elastic-effort"],
        production=["cobb-douglas"],
        rare_earth_supply=["inelastic"],
        deficits=["fixed"],
        rare_earth_market=["homogeneous"],
    )
    m.dependent("balance", deficits.balance)
    m.dependent("income", income)
    m.dependent("income outcomes", income_outcomes)
    sector_outcomes(m)
    export_policy(m)
    m.closure(ree_export_ratio="export_tax", ree_price_ratio="export_tax")
    return m


def _declare_data(m: Model, region, sector) -> None:
    pair = [region.alias("importer"), region.alias("exporter"), sector]
    rate = {"level": True, "lower": -1.0, "unit": "rate"}
    about = "elasticity of substitution between the REE and the labour bundle"
    m.parameter("epsilon", [sector], "ree elasticity", latex=r"\varepsilon", lower=0.0, description=about)
    m.parameter("theta", [sector], "trade elasticity", positive=True, usual=blocks.TRADE_ELASTICITIES)
    about = "elasticity of substitution between varieties; markup beta/(beta-1)"
    m.parameter("beta", [], "variety elasticity", positive=True, description=about)
    about = "elasticity of bundle productivity to the measure of varieties"
    m.parameter("phi", [], "variety productivity", description=about)
    about = "elasticity of the measure of varieties to research effort"
    m.parameter("kappa", [], "research elasticity", description=about)
    m.parameter("alpha", [region, sector], "final share")
    m.fundamental("gamma", [sector], "ree weight", lower=0.0)
    m.fundamental("Ybar", [], "world factor income", latex=r"\bar Y")
    m.exogenous("lam", [region, sector], "technology")
    m.exogenous("d", pair, "trade cost")
    m.exogenous("tau", pair, "tariff", **rate)
    m.exogenous("t", [], "export tax", description="ad-valorem tax on REE exports", **rate)


def _declare_variables(m: Model, region, sector) -> None:
    rs = [region, sector]
    importer, exporter = region.alias("importer"), region.alias("exporter")
    m.variable("w", [region], "wage")
    m.variable("q", [region], "ree price", description="price paid by users of REE")
    m.variable("qW", [], "world ree price", latex="q^W")
    m.variable("pr", rs, "relative bundle price", latex=r"\rho", description="P_R/P_L")
    m.variable("o", rs, "relative bundle expenditure", description="E_R/E_L")
    m.variable("omega", rs, "ree share", observed=True)
    m.variable("a", rs, "innovation bias", description="A_R/A_L")
    m.variable("A_R", rs, "ree varieties", latex="A^R")
    m.variable("A_L", rs, "labour varieties", latex="A^L")
    m.variable("P_R", rs, "ree bundle price", latex="P^R")
    m.variable("P_L", rs, "labour bundle price", latex="P^L")
    m.variable("c", rs, "value added cost")
    m.variable("x", rs, "unit cost")
    m.variable("P", rs, "price index")
    m.variable("pi", [importer, exporter, sector], "expenditure share", observed=True)
    m.variable("X", rs, "expenditure", observed=True, unit="million USD")
    m.variable("G", rs, "gross output", observed=True, unit="million USD")
    m.variable("V", rs, "value added", unit="million USD")
    m.variable("r", rs, "ree use")
    m.variable("I", [region], "final expenditure", observed=True, unit="million USD")
    m.variable("T_M", [region], "tariff revenue", level=True, latex="T^M", unit="million USD")
    m.variable("T_R", [region], "export tax revenue", level=True, latex="T^R", unit="million USD")
    m.variable("XR", [], "ree exports", level=True, lower=0.0, latex="X^R", unit=REE_UNIT)
    about = {"unit": "new over baseline", "description": "net REE exports, new over baseline"}
    m.variable("zX", [], "ree export ratio", level=True, lower=0.0, latex="z^X", **about)
    about = "world REE price relative to the wage of the numeraire region"
    m.variable("zq", [], "ree price ratio", latex="z^q", description=about)


def _value_added(m: Model) -> None:
    """Nest of the REE and the labour bundle; relative demand in odds form, so that its loop is monomial."""
    (i,), (s,) = m.sets["region"].indices("i"), m.sets["sector"].indices("s")
    q, w, a, A_L, pr, o, omega = (m[k] for k in ("q", "w", "a", "A_L", "pr", "o", "omega"))
    P_R, P_L, A_R, c, gamma, eps = (m[k] for k in ("P_R", "P_L", "A_R", "c", "gamma", "epsilon"))
    phi, markup = m["phi"], m["beta"] / (m["beta"] - 1)
    with m.block("value added"):
        m.define(pr[i, s], q[i] / w[i] * a[i, s] ** (-phi))
        m.define(o[i, s], gamma[s] / (1 - gamma[s]) * pr[i, s] ** (1 - eps[s]))
        m.define(omega[i, s], o[i, s] / (1 + o[i, s]))
        m.define(A_R[i, s], a[i, s] * A_L[i, s])
        m.define(P_R[i, s], markup * q[i] * A_R[i, s] ** (-phi))
        m.define(P_L[i, s], markup * w[i] * A_L[i, s] ** (-phi))
        m.define(c[i, s], blocks.ces_price(eps[s], (gamma[s], P_R[i, s]), (1 - gamma[s], P_L[i, s])))
    m.identity(omega[i, s], gamma[s] * (P_R[i, s] / c[i, s]) ** (1 - eps[s]))


def _trade(m: Model) -> None:
    (s,) = m.sets["sector"].indices("s")
    x, lam, d, tau = (m[v] for v in ("x", "lam", "d", "tau"))
    with m.block("trade"):
        blocks.ces_trade(
            m, lambda n, j: lam[j, s], lambda n, j: x[j, s] * d[n, j, s] * (1 + tau[n, j, s]), (s,)
        )


def _accounts(m: Model) -> None:
    (n, i), (s,) = m.sets["region"].indices("n i"), m.sets["sector"].indices("s")
    G, V, w, L, beta = (m[v] for v in ("G", "V", "w", "L", "beta"))

    def tariff(n, i, s):
        return m["tau"][n, i, s]

    with m.block("accounts"):
        blocks.goods_market(m, blocks.inputs_of(m, lambda n, k: G[n, k]), tariff=tariff)
        m.define(V[i, s], m["nu"][i, s] * G[i, s])
        m.define(m["T_M"][n], blocks.tariff_revenue(m, n, tariff))
        m.equate("labour market", w[i] * L[i], (beta - 1) / beta * Sum((1 - m["omega"][i, s]) * V[i, s], s))
