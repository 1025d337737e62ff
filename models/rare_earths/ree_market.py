"""Trade in rare earths: homogeneous, with import tariffs, or different by origin."""

from __future__ import annotations

from sympy import KroneckerDelta, Sum

from framework import Model, base

REE_UNIT = "million USD at the baseline world price"


def producer_price(m: Model):
    """Price that owners of rare earths get: the users' price at home, unless rare earths differ by origin."""
    return m["p"] if "p" in m.symbols else m["q"]


def homogeneous(m: Model) -> None:
    """Rare earths are homogeneous: one world price, at which the exporter's tax is included."""
    (i,), C = m.sets["region"].indices("i"), _exporter(m)
    m.define(m["q"][i], m["qW"] * (1 + m["t"]) ** (-KroneckerDelta(i, C)))
    _one_market(m)


def homogeneous_tariffs(m: Model) -> None:
    """Rare earths are homogeneous, and regions that import them may levy tariffs on them."""
    (n, i), (s,) = _indices(m)
    C, qW, tariff = _exporter(m), m["qW"], _tariff(m)
    about = "tariff revenue on REE; a region that exports them on balance cannot levy it"
    T_Q = _tariff_revenue(m, lower=0.0, description=about)
    m.define(m["q"][i], qW * (1 + m["t"]) ** (-KroneckerDelta(i, C)) * (1 + tariff[i]))
    m.define(T_Q[n], tariff[n] * qW * (Sum(m["r"][n, s], s) - m["R"][n]))
    _one_market(m)


def armington(m: Model) -> None:
    """Rare earths of different origin are imperfect substitutes; tariffs and trade costs may differ by partner."""
    region, (n, i), (s,) = m.sets["region"], *_indices(m)
    importer, exporter = region.alias("importer"), region.alias("exporter")
    C, q, qW, t, R, XR = _exporter(m), m["q"], m["qW"], m["t"], m["R"], m["XR"]
    about = "trade elasticity of REE: elasticity between origins less one"
    theta = m.parameter(
        "theta_R", [], "ree trade elasticity", latex=r"\theta^R", positive=True, description=about
    )
    taste = m.fundamental("lam_R", [importer, exporter], "ree taste", latex=r"\lambda^R")
    d = m.exogenous("d_R", [importer, exporter], "ree trade cost", latex="d^R")
    tariff, T_Q = _tariff(m), _tariff_revenue(m)
    p = m.variable("p", [region], "ree producer price")
    about = "share of an origin in spending on REE"
    share = m.variable(
        "pi_R", [importer, exporter], "ree trade share", observed=True, latex=r"\pi^R", description=about
    )
    Q = m.variable("Q", [region], "ree spending", unit="million USD")
    abroad = 1 - KroneckerDelta(n, i)
    taxes = (1 + tariff[n]) ** abroad * (1 + t) ** (KroneckerDelta(i, C) * (1 - KroneckerDelta(n, C)))
    delivered = p[i] * d[n, i] * taxes
    m.define(q[n], Sum(taste[n, i] * delivered ** (-theta), i) ** (-1 / theta))
    m.define(share[n, i], taste[n, i] * (delivered / q[n]) ** (-theta))
    _use(m)
    m.define(Q[n], (m["beta"] - 1) / m["beta"] * Sum(m["omega"][n, s] * m["V"][n, s], s))
    m.equate("REE market", p[i] * R[i], Sum(share[n, i] * Q[n] / taxes, n))
    m.define(qW, p[C] * (1 + t))
    sold = Sum((1 - KroneckerDelta(n, C)) * share[n, C] * Q[n] / (1 + tariff[n]), n)
    m.define(XR, sold / (p[C] * (1 + t)))
    m.define(T_Q[n], Sum(abroad * tariff[n] / (1 + tariff[n]) * share[n, i] * Q[n], i))
    _policy(m)
    m.normalise(q[n], 1)
    m.normalise(p[i], (1 + t) ** (-KroneckerDelta(i, C)))


def _one_market(m: Model) -> None:
    """One market clears; the exporter sells what it does not use."""
    (_, i), (s,) = _indices(m)
    C, r, R = _exporter(m), m["r"], m["R"]
    _use(m)
    m.define(m["XR"], R[C] - Sum(r[C, s], s))
    m.equate("REE market", Sum(R[i], i), Sum(r[i, s], i, s))
    _policy(m)
    m.normalise(m["qW"], 1)


def _use(m: Model) -> None:
    (_, i), (s,) = _indices(m)
    spending = (m["beta"] - 1) / m["beta"] * m["omega"][i, s] * m["V"][i, s]
    m.define(m["r"][i, s], spending / m["q"][i])


def _policy(m: Model) -> None:
    """What the exporter's policy is about: revenue, exports and the price abroad."""
    (n, _), _s = _indices(m)
    C, p = _exporter(m), producer_price(m)
    U = m.sets["region"].element("USA", "numeraire_region")
    m.define(m["T_R"][n], KroneckerDelta(n, C) * m["t"] * p[C] * m["XR"])
    m.define(m["zX"], m["XR"] / base(m["XR"]))
    m.define(m["zq"], m["qW"] / m["w"][U])


def _tariff(m: Model):
    about = "ad-valorem tariff on REE imports"
    region = [m.sets["region"]]
    return m.exogenous(
        "tau_R", region, "ree tariff", level=True, lower=0.0, unit="rate", latex=r"\tau^R", description=about
    )


def _tariff_revenue(m: Model, **about):
    unit = {"level": True, "unit": "million USD", "latex": "T^Q"}
    return m.variable("T_Q", [m.sets["region"]], "ree tariff revenue", **unit, **about)


def _exporter(m: Model):
    return m.sets["region"].element("CHN", "ree_exporter")


def _indices(m: Model):
    return m.sets["region"].indices("n i"), m.sets["sector"].indices("s")
