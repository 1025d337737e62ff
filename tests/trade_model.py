"""A small trade model for tests of declaration: symbols over regions and sectors, equations as a test needs."""

from types import SimpleNamespace

from sympy import Sum

from framework import Model


def symbols_only() -> SimpleNamespace:
    """A model with symbols and no equations, with its sets, indices and symbols as attributes."""
    m = Model("trade", "Symbols of a trade model")
    region, sector = m.set("region"), m.set("sector")
    importer, exporter = region.alias("importer"), region.alias("exporter")
    n, i, j = region.indices("n i j")
    s, k = sector.indices("s k")
    return SimpleNamespace(
        m=m,
        region=region,
        sector=sector,
        n=n,
        i=i,
        j=j,
        s=s,
        k=k,
        china=region.element("CHN", "ree_exporter"),
        metals=sector.element("metals"),
        w=m.variable("w", [region], "wage"),
        qw=m.variable("qw", [region], "ree price"),
        pi=m.variable("pi", [importer, exporter, sector], "expenditure share", observed=True),
        X=m.variable("X", [region, sector], "expenditure", observed=True),
        Y=m.variable("Y", [], "world income"),
        L=m.exogenous("L", [region], "labour"),
        t=m.exogenous("t", [], "export tax", level=True),
        theta=m.parameter("theta", [sector], "trade elasticity", positive=True),
    )


def armington_by_conditions(names: str = "w P pi X") -> Model:
    """The Armington model with every equation an implicit condition, variables declared in the given order."""
    m = Model("conditions", "Armington trade, every equation a condition")
    region = m.set("region")
    n, i, j = region.indices("n i j")
    importer, exporter = region.alias("importer"), region.alias("exporter")
    theta = m.parameter("theta", [], "trade elasticity", positive=True)
    variables = {
        "w": ("wage", [region], False),
        "P": ("price index", [region], False),
        "pi": ("expenditure share", [importer, exporter], True),
        "X": ("expenditure", [region], True),
    }
    for symbol in names.split():
        name, dims, observed = variables[symbol]
        m.variable(symbol, dims, name, observed=observed)
    L = m.exogenous("L", [region], "labour")
    lam = m.exogenous("lam", [region], "technology")
    d = m.exogenous("d", [importer, exporter], "trade cost")
    D = m.exogenous("D", [region], "deficit", level=True)
    w, P, pi, X = (m[v] for v in ("w", "P", "pi", "X"))
    with m.block("trade"):
        m.equate("prices", P[n] ** (-theta), Sum(lam[j] * (w[j] * d[n, j]) ** (-theta), j))
        m.equate("shares", pi[n, i] * P[n] ** (-theta), lam[i] * (w[i] * d[n, i]) ** (-theta))
    with m.block("accounts"):
        m.equate("budget", X[n], w[n] * L[n] + D[n])
        m.equate("labour market", w[i] * L[i], Sum(pi[n, i] * X[n], n))
    m.numeraire(Sum(w[i] * L[i], i), redundant="labour market")
    return m
