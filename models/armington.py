"""Armington trade with one good a region: the smallest complete example.

Anderson (1979); exact hats as in Arkolakis, Costinot and Rodriguez-Clare (2012): welfare is
``own_share_hat**(-1/theta)``.
"""

from __future__ import annotations

from sympy import Sum

from framework import Model
from models.blocks import TRADE_ELASTICITIES, ces_trade


def armington() -> Model:
    """Declare the Armington model with trade imbalances."""
    m = Model("armington", "Armington trade (Anderson 1979; Arkolakis, Costinot and Rodriguez-Clare 2012)")
    region = m.set("region")
    n, i = region.indices("n i")
    importer, exporter = region.alias("importer"), region.alias("exporter")

    m.parameter("theta", [], "trade elasticity", positive=True, usual=TRADE_ELASTICITIES)
    w = m.variable("w", [region], "wage")
    P = m.variable("P", [region], "price index")
    pi = m.variable("pi", [importer, exporter], "expenditure share", observed=True)
    X = m.variable("X", [region], "expenditure", observed=True, unit="million USD")
    C = m.variable("C", [region], "real consumption")
    L = m.exogenous("L", [region], "labour")
    lam = m.exogenous("lam", [region], "technology")
    d = m.exogenous("d", [importer, exporter], "trade cost")
    D = m.exogenous("D", [region], "deficit", level=True, unit="million USD")

    with m.block("trade"):
        ces_trade(m, lambda n, j: lam[j], lambda n, j: w[j] * d[n, j])
        m.define(X[n], w[n] * L[n] + D[n])
        m.equate("labour market", w[i] * L[i], Sum(pi[n, i] * X[n], n))
    with m.block("outcomes"):
        m.define(C[n], X[n] / P[n])
    m.numeraire(Sum(w[i] * L[i], i), redundant="labour market")
    return m
