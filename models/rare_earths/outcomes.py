"""Outcomes of the slides and of docs/rare_earths.md, as ordinary named expressions of the model."""

from __future__ import annotations

from sympy import KroneckerDelta, Product, Sum

from framework import Model, base
from models.blocks import ces_price
from models.rare_earths.income import factor_income
from models.rare_earths.ree_market import producer_price


def income_outcomes(m: Model) -> None:
    """Consumption, GDP in three definitions, and factor income, by region."""
    region, money = [m.sets["region"]], "million USD"
    (n, i), (s, k) = m.sets["region"].indices("n i"), m.sets["sector"].indices("s k")
    I, P, G, x, q, r, R = (m[v] for v in ("I", "P", "G", "x", "q", "r", "R"))
    p = producer_price(m)
    P_C = m.variable("P_C", region, "consumption price", latex="P^C")
    C = m.variable("C", region, "real consumption")
    Y = m.variable("Y", region, "gdp", unit=money)
    F = m.variable("F", region, "factor income", unit=money)
    Y_a = m.variable("Y_a", region, "real gdp", latex="Y^{a}", description="double-deflated volume of GDP")
    Y_b = m.variable("Y_b", region, "real gdp deflated", latex="Y^{b}", description="GDP over P^C")
    Y_c = m.variable("Y_c", region, "real gdp factor", latex="Y^{c}", description="factor income over P^C")
    m.define(P_C[n], Product(P[n, s] ** m["alpha"][n, s], s))
    m.define(C[n], I[n] / P_C[n])
    m.define(Y[n], I[n] - m["D"][n])
    m.define(F[n], factor_income(m, n))
    output = Sum(base(x[i, s]) * G[i, s] / x[i, s], s)
    inputs = Sum(m["nu_k"][i, k, s] * G[i, s] * base(P[i, k]) / P[i, k], k, s)
    m.define(Y_a[i], output - inputs + base(p[i]) * R[i] - Sum(base(q[i]) * r[i, s], s))
    m.define(Y_b[n], Y[n] / P_C[n])
    m.define(Y_c[n], F[n] / P_C[n])


def sector_outcomes(m: Model) -> None:
    """Innovation bias abroad, exports and total factor productivity."""
    region, sector = m.sets["region"], m.sets["sector"]
    (n, i, j), (s,) = region.indices("n i j"), sector.indices("s")
    exporter = region.element("CHN", "ree_exporter")
    with m.block("outcomes"):
        about = "change of A_R/A_L outside the REE exporter, weighted with baseline GDP"
        B = m.variable("B", [sector], "innovation bias abroad", level=True, unit="percent", description=about)
        E = m.variable("E", [region, sector], "exports", unit="million USD")
        about = "value added a unit of cost, at baseline factor prices"
        T = m.variable("T", [region, sector], "total factor productivity", description=about)
        Y, a = m["Y"], m["a"]
        weight = Sum((1 - KroneckerDelta(j, exporter)) * base(Y[j]), j)
        abroad = (1 - KroneckerDelta(i, exporter)) * base(Y[i])
        m.define(B[s], 100 * Sum(abroad * a[i, s] / base(a[i, s]), i) / weight - 100)
        sales = m["pi"][n, i, s] * m["X"][n, s] / (1 + m["tau"][n, i, s])
        m.define(E[i, s], Sum((1 - KroneckerDelta(n, i)) * sales, n))
        gamma = m["gamma"][s]
        ree_price = m["P_R"][i, s] * base(m["q"][i]) / m["q"][i]
        labour_price = m["P_L"][i, s] * base(m["w"][i]) / m["w"][i]
        cost = ces_price(m["epsilon"][s], (gamma, ree_price), (1 - gamma, labour_price))
        m.define(T[i, s], base(m["c"][i, s]) / cost)
