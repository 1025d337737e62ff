"""Ricardian trade with one sector or many, declared in levels.

Eaton and Kortum (2002), "Technology, Geography, and Trade", Econometrica 70, 1741-1779. Goods of a sector are a
continuum; efficiency is Frechet with level ``lam`` (their T_i) and shape ``theta``. Costs are those of their section 3:
labour with share ``nu`` (their beta, which may differ by region and sector here) and the same composite of goods that
households consume. One sector is the case of one label. The constant Gamma of their price index is left out: it
cancels in every change, and in levels it is a unit of goods.
"""

from __future__ import annotations

from sympy import Sum

from framework import Model
from models import blocks


def eaton_kortum() -> Model:
    """Declare the model; deficits are fixed in units of world labour income, the numeraire."""
    m = Model("eaton-kortum", "Ricardian trade in one sector or many (Eaton and Kortum 2002)")
    blocks.declare_economy(m, linkages=False)
    (i,), (s, k) = m.sets["region"].indices("i"), m.sets["sector"].indices("s k")
    x, G, nu = m["x"], m["G"], m["nu"]
    with m.block("trade"):
        m.define(x[i, s], m["Upsilon"][i, s] * m["w"][i] ** nu[i, s] * m["P_C"][i] ** (1 - nu[i, s]))
        blocks.ces_trade(m, lambda n, j: m["lam"][j, s], lambda n, j: x[j, s] * m["d"][n, j, s], (s,))
    with m.block("accounts"):
        blocks.goods_accounts(m, lambda n, s: m["alpha"][n, s] * Sum((1 - nu[n, k]) * G[n, k], k))
        blocks.labour_market(m, lambda n, s: G[n, s])
    with m.block("outcomes"):
        blocks.welfare(m)
    return m
