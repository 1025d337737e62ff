"""Symbols of the standard CGE model, under the names of the textbook."""

from __future__ import annotations

import re
from types import SimpleNamespace

from framework import Model

SHARES = "alpha consumption share, mu government consumption share, lam investment share, ay composite factor coefficient"
ELASTICITIES = "sigma armington elasticity, psi transformation elasticity"
FUNDAMENTALS = (
    "gamma armington scale, deltam import weight, deltad domestic weight, "
    "theta transformation scale, xie export weight, xid home weight"
)
QUANTITIES = (
    "Y composite factor, Z gross output, Xp household consumption, Xg government consumption, Xv investment demand, "
    "E exports, M imports, Q armington composite, D domestic good"
)
PRICES = (
    "py composite factor price, pz output price, pq armington composite price, pe export price, pm import price, "
    "pd domestic good price"
)
WORTH = "what the change in utility is worth at baseline prices"


def declare(m: Model) -> SimpleNamespace:
    """Declare every symbol; quantities are in units of which one cost 1 at the baseline, so prices are 1 there."""
    good, factor = m.set("good"), m.set("factor")
    using = good.alias("using_good")
    share, seen = {"positive": True, "lower": 0.0}, {"observed": True}
    quantity, price = seen | {"unit": "SAM unit at baseline prices"}, seen | {"unit": "price"}
    foreign, money = {"unit": "foreign currency"}, seen | {"level": True, "unit": "SAM unit"}
    rate = {"level": True, "unit": "rate"}
    for kind, dims, about, names in (
        (m.parameter, [good], {"positive": True}, ELASTICITIES),
        (m.parameter, [good], share, SHARES),
        (m.parameter, [factor, good], share, "beta factor share"),
        (m.parameter, [good, using], share, "ax intermediate coefficient"),
        (m.fundamental, [good], {}, FUNDAMENTALS),
        (m.exogenous, [good], {"description": "scale of the composite factor"}, "b productivity"),
        (m.exogenous, [factor], quantity, "FF factor endowment"),
        (m.exogenous, [good], seen | foreign, "pWe world export price, pWm world import price"),
        (m.exogenous, [good], rate | {"lower": -1.0}, "taum tariff rate, tauz production tax rate"),
        (m.exogenous, [], rate, "taud direct tax rate, ssp private saving rate, ssg government saving rate"),
        (m.exogenous, [], foreign | {"level": True}, "Sf foreign saving"),
        (m.variable, [factor, good], quantity, "F factor input"),
        (m.variable, [good, using], quantity, "X intermediate input"),
        (m.variable, [good], quantity, QUANTITIES),
        (m.variable, [factor], price, "pf factor price"),
        (m.variable, [good], price, PRICES),
        (m.variable, [], seen | {"unit": "price of foreign currency"}, "epsilon exchange rate"),
        (m.variable, [], money, "Td direct tax revenue, Sp private saving, Sg government saving"),
        (m.variable, [good], money, "Tz production tax revenue, Tm tariff revenue"),
        (m.variable, [], seen | {"unit": "utility index"}, "UU utility"),
        (m.variable, [], money | {"description": WORTH}, "EV equivalent variation"),
    ):
        for entry in names.split(", "):
            symbol, name = entry.split(" ", 1)
            kind(symbol, dims, name, latex=_latex(symbol), **about)
    return SimpleNamespace(**{symbol: m[symbol] for symbol in m.symbols})


def _latex(symbol: str) -> str:
    """As the textbook prints it, with what tells alike symbols apart as a superscript: ``pWe`` is p^{We}."""
    found = re.fullmatch(r"(?:([XpTS]|ss)|(tau|delta|xi))(W?[a-z])", symbol)
    return f"{found[1] or chr(92) + found[2]}^{{{found[3]}}}" if found else ""
