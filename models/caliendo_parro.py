"""Trade with many sectors, input-output linkages and tariffs, declared in levels.

Caliendo and Parro (2015), "Estimates of the Trade and Welfare Effects of NAFTA", Review of Economic Studies 82,
1-44; numbers in parentheses are theirs, and ``hat`` derives their Proposition 2. Preferences, costs and trade
are as in Eaton and Kortum (2002); labour is the only factor, and tariff revenue goes to households.
"""

from __future__ import annotations

from sympy import KroneckerDelta, Product, Sum

from framework import Model


def caliendo_parro() -> Model:
    """Declare the model; deficits are fixed in units of world labour income, the numeraire."""
    m = Model("caliendo-parro", "Trade, input-output linkages and tariffs (Caliendo and Parro 2015)")
    m.set("region")
    m.set("sector")
    _declare(m)
    _trade(m)
    _accounts(m)
    return m


def _declare(m: Model) -> None:
    region, sector = m.sets["region"], m.sets["sector"]
    importer, exporter = region.alias("importer"), region.alias("exporter")
    inputs, cell, pair = sector.alias("input_sector"), [region, sector], [importer, exporter, sector]
    money = {"observed": True, "unit": "million USD"}
    m.parameter("theta", [sector], "trade elasticity", latex=r"\theta", positive=True)
    m.parameter("nu", cell, "value added share", latex=r"\nu")
    m.parameter("nu_k", [region, inputs, sector], "input share", latex=r"\nu")
    m.parameter("alpha", cell, "final share", latex=r"\alpha")
    m.fundamental("Upsilon", cell, "cost shifter", latex=r"\Upsilon")
    m.fundamental("Ybar", [], "world labour income", latex=r"\bar Y")
    m.exogenous("lam", cell, "technology", latex=r"\lambda")
    m.exogenous("d", pair, "trade cost")
    m.exogenous("tau", pair, "tariff", level=True, lower=-1.0, unit="rate", latex=r"\tau")
    m.exogenous("L", [region], "labour")
    m.exogenous("D", [region], "deficit", level=True, unit="million USD")
    m.variable("w", [region], "wage")
    m.variable("x", cell, "unit cost")
    m.variable("P", cell, "price index")
    m.variable("pi", pair, "expenditure share", observed=True, latex=r"\pi")
    m.variable("X", cell, "expenditure", **money)
    m.variable("G", cell, "gross output", **money)
    m.variable("I", [region], "final expenditure", **money)
    m.variable("P_C", [region], "consumption price", latex="P^C")
    m.variable("W", [region], "real wage")
    m.variable("C", [region], "real consumption", description="welfare: final expenditure at constant prices")


def _trade(m: Model) -> None:
    """Unit costs (2), price indices (4) and expenditure shares (6)."""
    (n, i, j), (s, k) = m.sets["region"].indices("n i j"), m.sets["sector"].indices("s k")
    w, x, P, lam, d, tau, theta = (m[v] for v in ("w", "x", "P", "lam", "d", "tau", "theta"))
    with m.block("trade"):
        inputs = Product(P[i, k] ** m["nu_k"][i, k, s], k)
        m.define(x[i, s], m["Upsilon"][i, s] * w[i] ** m["nu"][i, s] * inputs)
        delivered = x[j, s] * d[n, j, s] * (1 + tau[n, j, s])
        m.define(P[n, s], Sum(lam[j, s] * delivered ** (-theta[s]), j) ** (-1 / theta[s]))
        share = lam[i, s] * (x[i, s] * d[n, i, s] * (1 + tau[n, i, s]) / P[n, s]) ** (-theta[s])
        m.define(m["pi"][n, i, s], share)


def _accounts(m: Model) -> None:
    """Expenditure (7), income, and trade balance (9), by which labour markets clear."""
    (n, i), (s, k) = m.sets["region"].indices("n i"), m.sets["sector"].indices("s k")
    w, L, P, pi, X, G, I, tau = (m[v] for v in ("w", "L", "P", "pi", "X", "G", "I", "tau"))
    abroad = 1 - KroneckerDelta(n, i)  # own trade would only cancel
    with m.block("accounts"):
        m.define(X[n, s], m["alpha"][n, s] * I[n] + Sum(m["nu_k"][n, s, k] * G[n, k], k))
        m.define(G[i, s], Sum(pi[n, i, s] * X[n, s] / (1 + tau[n, i, s]), n))
        revenue = Sum(tau[n, i, s] / (1 + tau[n, i, s]) * pi[n, i, s] * X[n, s], i, s)
        m.define(I[n], w[n] * L[n] + revenue + m["D"][n])
        imports = Sum(abroad * pi[n, i, s] * X[n, s] / (1 + tau[n, i, s]), i, s)
        exports = Sum(abroad * pi[i, n, s] * X[i, s] / (1 + tau[i, n, s]), i, s)
        m.equate("trade balance", imports, exports + m["D"][n])
    m.identity(w[n] * L[n], Sum(m["nu"][n, s] * G[n, s], s))
    m.numeraire(Sum(w[n] * L[n], n), m["Ybar"], redundant="trade balance")
    with m.block("outcomes"):
        m.define(m["P_C"][n], Product(P[n, s] ** m["alpha"][n, s], s))
        m.define(m["W"][n], w[n] / m["P_C"][n])
        m.define(m["C"][n], I[n] / m["P_C"][n])
