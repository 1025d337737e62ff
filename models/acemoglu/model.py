"""Directed technical change in a closed economy, short run and balanced growth.

Acemoglu (2002), "Directed Technical Change", Review of Economic Studies 69, 781-809, sections 3 and 4: two factors L and
Z, each with an intermediate good made with the machines that complement it; a monopolist for every variety of machine;
the measures of varieties N_L and N_Z are given in the short run and chosen by profit-seeking research in the long run.
The elasticity of substitution between the factors is ``sigma = epsilon - (epsilon - 1)*(1 - beta)``.
"""

from __future__ import annotations

from framework import Model
from models.acemoglu.technology import FACTORS, knowledge, lab_equipment, short_run


def acemoglu() -> Model:
    """Declare the model; the final good is the unit of account, and balanced growth is described relative to N_L."""
    m = Model("acemoglu", "Directed technical change (Acemoglu 2002)")
    m.parameter("epsilon", [], "substitution elasticity", positive=True, latex=r"\varepsilon")
    beta = m.parameter(
        "beta", [], "labour exponent", positive=True, latex=r"\beta", description="of intermediates"
    )
    psi = m.exogenous("psi", [], "machine cost", latex=r"\psi")
    chi = m.variable("chi", [], "machine price", latex=r"\chi")
    Y = m.variable("Y", [], "output")
    with m.block("machines"):
        m.define(chi, psi / (1 - beta))
    for f, name in FACTORS.items():
        _sector(m, f, name)
    exponent = 1 - 1 / m["epsilon"]
    with m.block("final good"):
        m.define(Y, sum(m[f"gamma_{f}"] * m[f"Y_{f}"] ** exponent for f in FACTORS) ** (1 / exponent))
    with m.block("factor prices"):
        omega = m.variable("omega", [], "relative factor price", latex=r"\omega", description="w_Z/w_L")
        share = m.variable("s_Z", [], "skill share", observed=True, unit="share of factor income")
        income = {f: m[f"w_{f}"] * m[f] for f in FACTORS}
        m.define(omega, m["w_Z"] / m["w_L"])
        m.define(share, income["Z"] / (income["L"] + income["Z"]))
    m.identity(m["p_Z"] * m["Y_Z"], share * Y)
    m.variant(
        "technology", "short-run", short_run=short_run, lab_equipment=lab_equipment, knowledge=knowledge
    )
    return m


def _sector(m: Model, f: str, name: str) -> None:
    """The intermediate good of one factor: machines, output, profit of a variety, factor price, price."""
    beta, chi, N = m["beta"], m["chi"], m.variable(f"N_{f}", [], f"{name} varieties")
    H, gamma = (
        m.exogenous(f, [], name),
        m.fundamental(f"gamma_{f}", [], f"{name} weight", latex=rf"\gamma_{f}"),
    )
    names = {"p": "goods price", "x": "machines", "Y": "goods", "pi": "profit", "w": "wage"}
    latex = {"pi": r"\pi"}
    p, x, Y, pi, w = (
        m.variable(f"{s}_{f}", [], f"{name} {n}", latex=f"{latex.get(s, s)}_{f}") for s, n in names.items()
    )
    with m.block(f"{name} goods"):
        m.define(x, (p / chi) ** (1 / beta) * H)
        m.define(Y, N * x ** (1 - beta) * H**beta / (1 - beta))
        m.define(pi, beta * chi * x)  # price less cost, chi - psi, is beta*chi
        m.define(w, beta / (1 - beta) * p * N * (x / H) ** (1 - beta))
        m.define(p, gamma * (Y / m["Y"]) ** (-1 / m["epsilon"]))
