"""Final expenditure: incomes of factors, research rents, and the revenue of whatever taxes the chosen variants have."""

from __future__ import annotations

from sympy import Sum

from framework import Model
from models.rare_earths.ree_market import producer_price

REVENUES = ("T_M", "T_R", "T_Q")
"""Tariffs on goods, the export tax, and tariffs on rare earths."""


def income(m: Model) -> None:
    """Define final expenditure, and hold world factor income fixed."""
    (n, i), (s,) = m.sets["region"].indices("n i"), m.sets["sector"].indices("s")
    w, L, R, V, beta, p = m["w"], m["L"], m["R"], m["V"], m["beta"], producer_price(m)
    revenue = sum(m[t][n] for t in REVENUES if t in m.symbols)
    m.define(m["I"][n], w[n] * L[n] + p[n] * R[n] + Sum(V[n, s], s) / beta + revenue + m["D"][n])
    world = Sum(w[i] * L[i] + p[i] * R[i] + Sum(V[i, s], s) / beta, i)
    m.numeraire(world, m["Ybar"], redundant="labour market")
