"""Who lends to whom: what happens to trade deficits in the counterfactual."""

from __future__ import annotations

from sympy import Sum

from framework import Model
from models.rare_earths.income import factor_income


def fixed(m: Model) -> None:
    """Deficits are fixed in units of world factor income."""
    m.exogenous("D", [m.sets["region"]], "deficit", level=True, unit="million USD")


def proportional(m: Model) -> None:
    """Deficits are proportional to own factor income; the sum is shared in proportion to baseline incomes."""
    region, money = [m.sets["region"]], {"level": True, "unit": "million USD"}
    about = "deficit over factor income"
    m.exogenous("delta", region, "deficit rate", level=True, unit="rate", description=about)
    m.parameter(
        "share", region, "income share", latex="s", description="share of world factor income, baseline"
    )
    m.variable("D", region, "deficit", observed=True, **money)
    m.variable("F_D", region, "income in deficits", latex="F", description="factor income", **money)
    m.variable("gap", [], "unfinanced deficits", latex=r"\bar D", description="sum at given rates", **money)


def balance(m: Model) -> None:
    """Define deficits where they follow income; they sum to zero."""
    if "delta" not in m.symbols:
        return
    (n,) = m.sets["region"].indices("n")
    F, rate, gap = m["F_D"], m["delta"], m["gap"]
    m.define(F[n], factor_income(m, n))
    m.define(gap, Sum(rate[n] * F[n], n))
    m.define(m["D"][n], rate[n] * F[n] - m["share"][n] * gap)
