"""Trade with many sectors, input-output linkages and tariffs, declared in levels.

Caliendo and Parro (2015), "Estimates of the Trade and Welfare Effects of NAFTA", Review of Economic Studies 82,
1-44; numbers in parentheses are theirs, and ``hat`` derives their Proposition 2. Preferences, costs and trade
are as in Eaton and Kortum (2002); labour is the only factor, and tariff revenue goes to households.
"""

from __future__ import annotations

from sympy import KroneckerDelta, Sum

from framework import Model
from models import blocks


def caliendo_parro() -> Model:
    """Declare the model; deficits are fixed in units of world labour income, the numeraire."""
    m = Model("caliendo-parro", "Trade, input-output linkages and tariffs (Caliendo and Parro 2015)")
    blocks.declare_economy(m, tariffs=True)
    (s,) = m.sets["sector"].indices("s")
    x, lam, d, tau, G = (m[v] for v in ("x", "lam", "d", "tau", "G"))
    with m.block("trade"):  # unit costs (2), price indices (4) and expenditure shares (6)
        blocks.unit_cost(m)
        blocks.ces_trade(
            m, lambda n, j: lam[j, s], lambda n, j: x[j, s] * d[n, j, s] * (1 + tau[n, j, s]), (s,)
        )
    with m.block("accounts"):  # expenditure (7) and income
        blocks.goods_accounts(
            m, blocks.inputs_of(m, lambda n, k: G[n, k]), tariff=lambda n, i, s: tau[n, i, s]
        )
        _trade_balance(m)
    with m.block("outcomes"):
        blocks.welfare(m)
    return m


def _trade_balance(m: Model) -> None:
    """Trade balance (9), by which labour markets clear; world labour income is the numeraire."""
    (n, i), (s,) = m.sets["region"].indices("n i"), m.sets["sector"].indices("s")
    pi, X, D, tau, income = m["pi"], m["X"], m["D"], m["tau"], m["w"][n] * m["L"][n]
    abroad = 1 - KroneckerDelta(n, i)  # own trade would only cancel
    imports = Sum(abroad * pi[n, i, s] * X[n, s] / (1 + tau[n, i, s]), i, s)
    exports = Sum(abroad * pi[i, n, s] * X[i, s] / (1 + tau[i, n, s]), i, s)
    m.equate("trade balance", imports, exports + D[n])
    m.identity(income, Sum(m["nu"][n, s] * m["G"][n, s], s))
    m.numeraire(Sum(income, n), m["Ybar"], redundant="trade balance")
