"""The standard CGE model in levels, equation by equation.

Hosoe, Gasawa and Hashimoto (2010), "Textbook of Computable General Equilibrium Modelling", chapter 6; it is also
``stdcge`` of the GAMS model library. A small open economy with two or more goods and factors, one household, a
government that taxes income, production and imports, investment driven by saving, imports that are imperfect
substitutes for domestic goods (CES) and exports that are imperfectly transformed (CET).
"""

from __future__ import annotations

from sympy import Product, Sum

from framework import Model, base
from models.standard_cge.symbols import declare


def standard_cge() -> Model:
    """Declare the model; the numeraire is the price of the factor ``numeraire_factor``, labour (LAB) by default."""
    m = Model("standard-cge", "Standard CGE of a small open economy (Hosoe, Gasawa and Hashimoto 2010)")
    declare(m)
    _production(m)
    _spending(m)
    _trade(m)
    _markets(m)
    return m


def _production(m: Model) -> None:
    """Composite factor (Cobb-Douglas) and intermediates in fixed proportions."""
    (i, j), (h,) = m.sets["good"].indices("i j"), m.sets["factor"].indices("h")
    Y, Z, F, py, pq, ax, ay = (m[s] for s in ("Y", "Z", "F", "py", "pq", "ax", "ay"))
    with m.block("production"):
        m.equate("value added", Y[j], m["b"][j] * Product(F[h, j] ** m["beta"][h, j], h))
        m.define(F[h, j], m["beta"][h, j] * py[j] * Y[j] / m["pf"][h])
        m.define(m["X"][i, j], ax[i, j] * Z[j])
        m.define(Y[j], ay[j] * Z[j])
        m.define(m["pz"][j], ay[j] * py[j] + Sum(ax[i, j] * pq[i], i))


def _spending(m: Model) -> None:
    """Government, saving and investment, household, and its welfare."""
    (i, j), (h,) = m.sets["good"].indices("i j"), m.sets["factor"].indices("h")
    pq, Td, Tz, Tm, Sp, Sg, Xp, UU = (m[s] for s in ("pq", "Td", "Tz", "Tm", "Sp", "Sg", "Xp", "UU"))
    income, revenue = Sum(m["pf"][h] * m["FF"][h], h), Td + Sum(Tz[j] + Tm[j], j)
    with m.block("government"):
        m.define(Td, m["taud"] * income)
        m.define(Tz[j], m["tauz"][j] * m["pz"][j] * m["Z"][j])
        m.define(Tm[i], m["taum"][i] * m["pm"][i] * m["M"][i])
        m.define(m["Xg"][i], m["mu"][i] * (revenue - Sg) / pq[i])
    with m.block("saving and investment"):
        m.define(Sp, m["ssp"] * income)
        m.define(Sg, m["ssg"] * revenue)
        m.define(m["Xv"][i], m["lam"][i] * (Sp + Sg + m["epsilon"] * m["Sf"]) / pq[i])
    with m.block("household"):
        m.define(Xp[i], m["alpha"][i] * (income - Sp - Td) / pq[i])
        m.define(UU, Product(Xp[i] ** m["alpha"][i], i))
        spent = base(Sum(pq[i] * Xp[i], i))
        m.define(m["EV"], spent * UU / base(UU) - spent)


def _trade(m: Model) -> None:
    """Import of what is a substitute for the domestic good (Armington), and transformation into exports."""
    (i,) = m.sets["good"].indices("i")
    E, M, Q, D, Z, pq, pz, pd = (m[s] for s in ("E", "M", "Q", "D", "Z", "pq", "pz", "pd"))
    gamma, theta, sigma, psi = (m[s][i] for s in ("gamma", "theta", "sigma", "psi"))
    deltam, deltad, xie, xid = (m[s][i] for s in ("deltam", "deltad", "xie", "xid"))
    eta, phi = 1 - 1 / sigma, 1 + 1 / psi
    bought, sold = gamma**eta * pq[i], theta**phi * (1 + m["tauz"][i]) * pz[i]
    with m.block("trade"):
        m.define(m["pe"][i], m["epsilon"] * m["pWe"][i])
        m.define(m["pm"][i], m["epsilon"] * m["pWm"][i])
        m.equate("armington", Q[i], gamma * (deltam * M[i] ** eta + deltad * D[i] ** eta) ** (1 / eta))
        m.define(M[i], (bought * deltam / ((1 + m["taum"][i]) * m["pm"][i])) ** sigma * Q[i])
        m.equate("domestic demand", D[i], (bought * deltad / pd[i]) ** sigma * Q[i])
        m.equate("transformation", Z[i], theta * (xie * E[i] ** phi + xid * D[i] ** phi) ** (1 / phi))
        m.define(E[i], (sold * xie / m["pe"][i]) ** (-psi) * Z[i])
        m.define(D[i], (sold * xid / pd[i]) ** (-psi) * Z[i])


def _markets(m: Model) -> None:
    """Goods and factors clear; so does the balance of payments, which Walras' law makes redundant."""
    (i, j), (h,) = m.sets["good"].indices("i j"), m.sets["factor"].indices("h")
    with m.block("markets"):
        m.define(m["Q"][i], m["Xp"][i] + m["Xg"][i] + m["Xv"][i] + Sum(m["X"][i, j], j))
        m.equate("factor market", Sum(m["F"][h, j], j), m["FF"][h])
        exports, imports = Sum(m["pWe"][i] * m["E"][i], i), Sum(m["pWm"][i] * m["M"][i], i)
        m.equate("balance of payments", exports + m["Sf"], imports)
    numeraire = m.sets["factor"].element("LAB", "numeraire_factor")
    m.numeraire(m["pf"][numeraire], redundant="balance of payments")
    m.closure(government_saving="government_saving_rate", exchange_rate="foreign_saving")
