"""The standard CGE model in levels, equation by equation.

Hosoe, Gasawa and Hashimoto (2010), "Textbook of Computable General Equilibrium Modelling", chapter 6; it is also
``stdcge`` of the GAMS model library. A small open economy with two or more goods and factors, one household, a
government that taxes income, production and imports, investment driven by saving, imports that are imperfect
substitutes for domestic goods (CES) and exports that are imperfectly transformed (CET).
"""

from __future__ import annotations

from types import SimpleNamespace

from sympy import Product, Sum

from framework import Model, base
from models.standard_cge.symbols import declare


def standard_cge() -> Model:
    """Declare the model; the numeraire is the price of the factor ``numeraire_factor``, labour (LAB) by default."""
    m = Model("standard-cge", "Standard CGE of a small open economy (Hosoe, Gasawa and Hashimoto 2010)")
    v = declare(m)
    (i, j), (h,) = m.sets["good"].indices("i j"), m.sets["factor"].indices("h")
    income = Sum(v.pf[h] * v.FF[h], h)
    revenue = v.Td + Sum(v.Tz[j] + v.Tm[j], j)
    with m.block("production"):
        m.equate("value added", v.Y[j], v.b[j] * Product(v.F[h, j] ** v.beta[h, j], h))
        m.define(v.F[h, j], v.beta[h, j] * v.py[j] * v.Y[j] / v.pf[h])
        m.define(v.X[i, j], v.ax[i, j] * v.Z[j])
        m.define(v.Y[j], v.ay[j] * v.Z[j])
        m.define(v.pz[j], v.ay[j] * v.py[j] + Sum(v.ax[i, j] * v.pq[i], i))
    with m.block("government"):
        m.define(v.Td, v.taud * income)
        m.define(v.Tz[j], v.tauz[j] * v.pz[j] * v.Z[j])
        m.define(v.Tm[i], v.taum[i] * v.pm[i] * v.M[i])
        m.define(v.Xg[i], v.mu[i] * (revenue - v.Sg) / v.pq[i])
    with m.block("saving and investment"):
        m.define(v.Sp, v.ssp * income)
        m.define(v.Sg, v.ssg * revenue)
        m.define(v.Xv[i], v.lam[i] * (v.Sp + v.Sg + v.epsilon * v.Sf) / v.pq[i])
    with m.block("household"):
        m.define(v.Xp[i], v.alpha[i] * (income - v.Sp - v.Td) / v.pq[i])
        m.define(v.UU, Product(v.Xp[i] ** v.alpha[i], i))
        spent = base(Sum(v.pq[i] * v.Xp[i], i))
        m.define(v.EV, spent * v.UU / base(v.UU) - spent)
    _trade(m, v)
    with m.block("markets"):
        m.define(v.Q[i], v.Xp[i] + v.Xg[i] + v.Xv[i] + Sum(v.X[i, j], j))
        m.equate("factor market", Sum(v.F[h, j], j), v.FF[h])
        exports, imports = Sum(v.pWe[i] * v.E[i], i), Sum(v.pWm[i] * v.M[i], i)
        m.equate("balance of payments", exports + v.Sf, imports)
    numeraire = m.sets["factor"].element("LAB", "numeraire_factor")
    m.numeraire(v.pf[numeraire], redundant="balance of payments")
    m.closure(government_saving="government_saving_rate", exchange_rate="foreign_saving")
    return m


def _trade(m: Model, v: SimpleNamespace) -> None:
    """Imports are substitutes for the domestic good (Armington), and output is transformed into exports (CET)."""
    (i,) = m.sets["good"].indices("i")
    sigma, psi = v.sigma[i], v.psi[i]
    eta, phi = 1 - 1 / sigma, 1 + 1 / psi
    bought = v.gamma[i] ** eta * v.pq[i]
    sold = v.theta[i] ** phi * (1 + v.tauz[i]) * v.pz[i]
    composite = v.deltam[i] * v.M[i] ** eta + v.deltad[i] * v.D[i] ** eta
    output = v.xie[i] * v.E[i] ** phi + v.xid[i] * v.D[i] ** phi
    with m.block("trade"):
        m.define(v.pe[i], v.epsilon * v.pWe[i])
        m.define(v.pm[i], v.epsilon * v.pWm[i])
        m.equate("armington", v.Q[i], v.gamma[i] * composite ** (1 / eta))
        m.define(v.M[i], (bought * v.deltam[i] / ((1 + v.taum[i]) * v.pm[i])) ** sigma * v.Q[i])
        m.equate("domestic demand", v.D[i], (bought * v.deltad[i] / v.pd[i]) ** sigma * v.Q[i])
        m.equate("transformation", v.Z[i], v.theta[i] * output ** (1 / phi))
        m.define(v.E[i], (sold * v.xie[i] / v.pe[i]) ** (-psi) * v.Z[i])
        m.define(v.D[i], (sold * v.xid[i] / v.pd[i]) ** (-psi) * v.Z[i])
