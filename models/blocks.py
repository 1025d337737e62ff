"""Blocks that trade models share, each written once: what is declared, costs, trade, accounts, welfare.

Every function adds to a model whose sets are ``region`` and, but for `ces_trade`, ``sector``. Indices: n importer, i and j
exporter, s sector, k input or using sector.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import Add, Expr, Product, Sum

from framework import Model

TRADE_ELASTICITIES = (0.3, 60.0)
"""Usual values; those of Caliendo and Parro (2015), table 1, go from 0.37 (other transport) to 51.08 (petroleum)."""

Pair = Callable[[Any, Any], Expr]
Triple = Callable[[Any, Any, Any], Expr]


def declare_economy(m: Model, *, linkages: bool = True, tariffs: bool = False) -> None:
    """Declare data, fundamentals and variables of a multi-sector economy with labour as the only factor.

    Parameters
    ----------
    m : Model
        Gets the sets ``region`` and ``sector``.
    linkages : bool
        Declare input shares by input and using sector.
    tariffs : bool
        Declare tariffs, whose revenue goes to households.
    """
    region, sector = m.set("region"), m.set("sector")
    importer, exporter = region.alias("importer"), region.alias("exporter")
    inputs, cell, pair = sector.alias("input_sector"), [region, sector], [importer, exporter, sector]
    money = {"observed": True, "unit": "million USD"}
    m.parameter("theta", [sector], "trade elasticity", positive=True, usual=TRADE_ELASTICITIES)
    m.parameter("nu", cell, "value added share", lower=0.0)
    if linkages:
        m.parameter("nu_k", [region, inputs, sector], "input share", latex=r"\nu", lower=0.0)
    m.parameter("alpha", cell, "final share")
    m.fundamental("Upsilon", cell, "cost shifter")
    m.fundamental("Ybar", [], "world labour income", latex=r"\bar Y")
    m.exogenous("lam", cell, "technology")
    m.exogenous("d", pair, "trade cost")
    if tariffs:
        m.exogenous("tau", pair, "tariff", level=True, lower=-1.0, unit="rate")
    m.exogenous("L", [region], "labour")
    m.exogenous("D", [region], "deficit", level=True, unit="million USD")
    m.variable("w", [region], "wage")
    m.variable("x", cell, "unit cost")
    m.variable("P", cell, "price index")
    m.variable("pi", pair, "expenditure share", observed=True)
    m.variable("X", cell, "expenditure", **money)
    m.variable("G", cell, "gross output", **money)
    m.variable("I", [region], "final expenditure", **money)
    m.variable("P_C", [region], "consumption price", latex="P^C")
    m.variable("W", [region], "real wage")
    m.variable("C", [region], "real consumption", description="welfare: final expenditure at constant prices")


def unit_cost(m: Model, value_added: Pair | None = None) -> None:
    """Cobb-Douglas cost of the input bundle: value added and the composite goods of all sectors.

    Parameters
    ----------
    m : Model
    value_added : callable, optional
        Price of value added of region i in sector s, an expression of (i, s); the wage by default.
    """
    (i,), (s, k) = m.sets["region"].indices("i"), m.sets["sector"].indices("s k")
    price = value_added(i, s) if value_added else m["w"][i]
    inputs = Product(m["P"][i, k] ** m["nu_k"][i, k, s], k)
    m.define(m["x"][i, s], m["Upsilon"][i, s] * price ** m["nu"][i, s] * inputs)


def ces_price(elasticity: Expr, *inputs: tuple[Any, ...]) -> Expr:
    """Price of a CES nest.

    Parameters
    ----------
    elasticity : Expr
        Elasticity of substitution.
    *inputs : tuple
        Weight and price of each input, and the index to sum over, if it stands for many.
    """
    power = 1 - elasticity
    parts = ((weight * price**power, over) for weight, price, *over in inputs)
    return Add(*(Sum(part, *over) if over else part for part, over in parts)) ** (1 / power)


def ces_trade(m: Model, attraction: Pair, delivered: Pair, s: tuple[Any, ...] = ()) -> None:
    """Price index and expenditure shares where buyers choose among exporters with a constant trade elasticity.

    Parameters
    ----------
    m : Model
    attraction, delivered : callable
        What multiplies the price of exporter i for importer n, and the price itself, as expressions of (n, i).
    s : tuple of Idx
        Index of the sector; empty where there is one good a region.
    """
    n, i, j = m.sets["region"].indices("n i j")
    P, theta = m["P"][(n, *s)], m["theta"][s] if s else m["theta"]
    m.define(P, Sum(attraction(n, j) * delivered(n, j) ** (-theta), j) ** (-1 / theta))
    m.define(m["pi"][(n, i, *s)], attraction(n, i) * (delivered(n, i) / P) ** (-theta))


def goods_accounts(m: Model, intermediate: Pair, *, tariff: Triple | None = None) -> None:
    """Expenditure and sales as in `goods_market`, and final expenditure out of income."""
    (n,) = m.sets["region"].indices("n")
    revenue = tariff_revenue(m, n, tariff) if tariff else 0
    goods_market(m, intermediate, tariff=tariff)
    m.define(m["I"][n], m["w"][n] * m["L"][n] + revenue + m["D"][n])


def goods_market(m: Model, intermediate: Pair, *, tariff: Triple | None = None) -> None:
    """Expenditure on final and intermediate use, and sales net of tariffs.

    Parameters
    ----------
    m : Model
    intermediate : callable
        Spending of region n on inputs from sector s, an expression of (n, s).
    tariff : callable, optional
        Rate on imports of n from i in sector s, an expression of (n, i, s).
    """
    (n, i), (s,) = m.sets["region"].indices("n i"), m.sets["sector"].indices("s")
    X, G = m["X"], m["G"]
    gross = 1 + tariff(n, i, s) if tariff else 1
    m.define(X[n, s], m["alpha"][n, s] * m["I"][n] + intermediate(n, s))
    m.define(G[i, s], Sum(m["pi"][n, i, s] * X[n, s] / gross, n))


def tariff_revenue(m: Model, n: Any, tariff: Triple) -> Expr:
    """What region n takes at its border."""
    (i,), (s,) = m.sets["region"].indices("i"), m.sets["sector"].indices("s")
    rate = tariff(n, i, s)
    return Sum(rate / (1 + rate) * m["pi"][n, i, s] * m["X"][n, s], i, s)


def inputs_of(m: Model, cost: Pair) -> Pair:
    """Spending on inputs where sector k spends `cost` in all, of which ``nu_k`` goes to each input."""
    (k,) = m.sets["sector"].indices("k")
    return lambda n, s: Sum(m["nu_k"][n, s, k] * cost(n, k), k)


def labour_market(m: Model, cost: Pair) -> None:
    """Labour earns its share of what every sector spends on its bundle; world labour income is the numeraire."""
    (n,), (s,) = m.sets["region"].indices("n"), m.sets["sector"].indices("s")
    income = m["w"][n] * m["L"][n]
    m.equate("labour market", income, Sum(m["nu"][n, s] * cost(n, s), s))
    m.numeraire(Sum(income, n), m["Ybar"], redundant="labour market")


def welfare(m: Model) -> None:
    """Cobb-Douglas consumption price, real wage and real consumption."""
    (n,), (s,) = m.sets["region"].indices("n"), m.sets["sector"].indices("s")
    m.define(m["P_C"][n], Product(m["P"][n, s] ** m["alpha"][n, s], s))
    m.define(m["W"][n], m["w"][n] / m["P_C"][n])
    m.define(m["C"][n], m["I"][n] / m["P_C"][n])
