"""Symbols of the standard CGE model, under the names of the textbook."""

from __future__ import annotations

from framework import Model

MONEY = "SAM unit"
QUANTITY = "SAM unit at baseline prices"

SHARES = {
    "alpha": ("consumption share", r"\alpha"),
    "mu": ("government consumption share", r"\mu"),
    "lam": ("investment share", r"\lambda"),
    "ay": ("composite factor coefficient", ""),
}
ELASTICITIES = {
    "sigma": ("armington elasticity", r"\sigma"),
    "psi": ("transformation elasticity", r"\psi"),
}
FUNDAMENTALS = {
    "gamma": ("armington scale", r"\gamma"),
    "deltam": ("import weight", r"\delta^m"),
    "deltad": ("domestic weight", r"\delta^d"),
    "theta": ("transformation scale", r"\theta"),
    "xie": ("export weight", r"\xi^e"),
    "xid": ("home weight", r"\xi^d"),
}
QUANTITIES = {
    "Y": "composite factor",
    "Z": "gross output",
    "Xp": "household consumption",
    "Xg": "government consumption",
    "Xv": "investment demand",
    "E": "exports",
    "M": "imports",
    "Q": "armington composite",
    "D": "domestic good",
}
PRICES = {
    "py": "composite factor price",
    "pz": "output price",
    "pq": "armington composite price",
    "pe": "export price",
    "pm": "import price",
    "pd": "domestic good price",
}
REVENUES = {
    "Td": "direct tax revenue",
    "Sp": "private saving",
    "Sg": "government saving",
}


def declare(m: Model) -> None:
    """Declare every symbol; quantities are in units of which one cost 1 at the baseline, so prices are 1 there."""
    good, factor = m.set("good"), m.set("factor")
    using = good.alias("using_good")
    seen = {"observed": True}
    for symbol, (name, latex) in ELASTICITIES.items():
        m.parameter(symbol, [good], name, latex=latex, positive=True)
    share = {"positive": True, "lower": 0.0}
    for symbol, (name, latex) in SHARES.items():
        m.parameter(symbol, [good], name, latex=latex, **share)
    m.parameter("beta", [factor, good], "factor share", latex=r"\beta", **share)
    m.parameter("ax", [good, using], "intermediate coefficient", **share)
    for symbol, (name, latex) in FUNDAMENTALS.items():
        m.fundamental(symbol, [good], name, latex=latex)
    m.exogenous("b", [good], "productivity", description="scale of the composite factor")
    m.exogenous("FF", [factor], "factor endowment", unit=QUANTITY, **seen)
    m.exogenous("pWe", [good], "world export price", unit="foreign currency", latex="p^{We}", **seen)
    m.exogenous("pWm", [good], "world import price", unit="foreign currency", latex="p^{Wm}", **seen)
    rate = {"level": True, "unit": "rate"}
    m.exogenous("taum", [good], "tariff rate", latex=r"\tau^m", lower=-1.0, **rate)
    m.exogenous("tauz", [good], "production tax rate", latex=r"\tau^z", lower=-1.0, **rate)
    m.exogenous("taud", [], "direct tax rate", latex=r"\tau^d", **rate)
    m.exogenous("ssp", [], "private saving rate", latex="ss^p", **rate)
    m.exogenous("ssg", [], "government saving rate", latex="ss^g", **rate)
    m.exogenous("Sf", [], "foreign saving", level=True, unit="foreign currency")
    m.variable("F", [factor, good], "factor input", unit=QUANTITY, **seen)
    m.variable("X", [good, using], "intermediate input", unit=QUANTITY, **seen)
    for symbol, name in QUANTITIES.items():
        latex = f"X^{symbol[1]}" if symbol.startswith("X") else ""
        m.variable(symbol, [good], name, unit=QUANTITY, latex=latex, **seen)
    m.variable("pf", [factor], "factor price", unit="price", latex="p^f", **seen)
    for symbol, name in PRICES.items():
        m.variable(symbol, [good], name, unit="price", latex=f"p^{symbol[1]}", **seen)
    m.variable("epsilon", [], "exchange rate", unit="price of foreign currency", latex=r"\varepsilon", **seen)
    money = {"level": True, "unit": MONEY, **seen}
    for symbol, name in REVENUES.items():
        m.variable(symbol, [], name, latex=f"{symbol[0]}^{symbol[1]}", **money)
    m.variable("Tz", [good], "production tax revenue", latex="T^z", **money)
    m.variable("Tm", [good], "tariff revenue", latex="T^m", **money)
    m.variable("UU", [], "utility", unit="utility index", **seen)
    m.variable(
        "EV",
        [],
        "equivalent variation",
        description="what the change in utility is worth at baseline prices",
        **money,
    )
