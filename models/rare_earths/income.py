"""Final expenditure: incomes of factors, research rents, and the revenue of whatever taxes the chosen variants have."""

from __future__ import annotations

from sympy import Sum

from framework import Model
from models.rare_earths.ree_market import producer_price

REVENUES = ("T_M", "T_R", "T_Q")
"""Tariffs on goods, the export tax, and tariffs on rare earths."""


def income(m: Model) -> None:
    """Define final expenditure, and hold world factor income fixed."""
    n, i = m.sets["region"].indices("n i")
    revenue = sum(m[t][n] for t in REVENUES if t in m.symbols)
    m.define(m["I"][n], factor_income(m, n) + revenue + m["D"][n])
    m.numeraire(Sum(factor_income(m, i), i), m["Ybar"], redundant="labour market")


def factor_income(m: Model, n):
    """Wages, the value of rare earths, and the rents of research in region n."""
    (s,) = m.sets["sector"].indices("s")
    w, L, R, V = m["w"], m["L"], m["R"], m["V"]
    return w[n] * L[n] + producer_price(m)[n] * R[n] + Sum(V[n, s], s) / m["beta"]
