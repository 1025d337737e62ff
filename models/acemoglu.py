"""Directed technical change in a closed economy, short run and balanced growth.

Acemoglu (2002), "Directed Technical Change", Review of Economic Studies 69, 781-809, sections 3 and 4: two factors L and
Z, each with an intermediate good made with the machines that complement it; a monopolist for every variety of machine;
the measures of varieties N_L and N_Z are given in the short run. On a balanced growth path they are chosen by research
that uses the final good ("lab equipment") or scientists, who build on knowledge of both fields.
The elasticity of substitution between the factors is ``sigma = epsilon - (epsilon - 1)*(1 - beta)``.
"""

from __future__ import annotations

from framework import Model

FACTORS = {"L": "labour", "Z": "skill"}


def acemoglu() -> Model:
    """Declare the model; the final good is the unit of account, and balanced growth is described relative to N_L."""
    m = Model("acemoglu", "Directed technical change (Acemoglu 2002)")
    epsilon = m.parameter("epsilon", [], "substitution elasticity", positive=True, latex=r"\varepsilon")
    beta = m.parameter("beta", [], "labour exponent", positive=True, description="of intermediates")
    psi, chi = m.exogenous("psi", [], "machine cost"), m.variable("chi", [], "machine price")
    Y = m.variable("Y", [], "output")
    with m.block("machines"):
        m.define(chi, psi / (1 - beta))
    for f, name in FACTORS.items():
        _sector(m, f, name)
    with m.block("final good"):
        total = sum(m[f"gamma_{f}"] * m[f"Y_{f}"] ** (1 - 1 / epsilon) for f in FACTORS)
        m.define(Y, total ** (1 / (1 - 1 / epsilon)))
    with m.block("factor prices"):
        omega = m.variable("omega", [], "relative factor price", description="w_Z/w_L")
        share = m.variable("s_Z", [], "skill share", observed=True, unit="share of factor income")
        m.define(omega, m["w_Z"] / m["w_L"])
        m.define(share, m["w_Z"] * m["Z"] / (m["w_L"] * m["L"] + m["w_Z"] * m["Z"]))
    m.identity(m["p_Z"] * m["Y_Z"], share * Y)
    m.variant(
        "technology", "short-run", short_run=short_run, lab_equipment=lab_equipment, knowledge=knowledge
    )
    return m


def _sector(m: Model, f: str, name: str) -> None:
    """The intermediate good of one factor: machines, output, profit of a variety, factor price, price."""
    beta, chi, N = m["beta"], m["chi"], m.variable(f"N_{f}", [], f"{name} varieties")
    H, gamma = m.exogenous(f, [], name), m.fundamental(f"gamma_{f}", [], f"{name} weight")
    words = {"p": "goods price", "x": "machines", "Y": "goods", "pi": "profit", "w": "wage"}
    p, x, Y, pi, w = (m.variable(f"{s}_{f}", [], f"{name} {word}") for s, word in words.items())
    with m.block(f"{name} goods"):
        m.define(x, (p / chi) ** (1 / beta) * H)
        m.define(Y, N * x ** (1 - beta) * H**beta / (1 - beta))
        m.define(pi, beta * chi * x)  # price less cost, chi - psi, is beta*chi
        m.define(w, beta / (1 - beta) * p * N * (x / H) ** (1 - beta))
        m.define(p, gamma * (Y / m["Y"]) ** (-1 / m["epsilon"]))


def short_run(m: Model) -> None:
    """Technology is given."""
    for f, name in FACTORS.items():
        m.define(m[f"N_{f}"], m.exogenous(f"Nbar_{f}", [], f"{name} varieties given"))


def lab_equipment(m: Model) -> None:
    """Balanced growth where research uses the final good."""
    eta_L, eta_Z, r, g = _balanced_growth(m)
    m.equate("free entry, L", eta_L * m["pi_L"], r)
    m.equate("free entry, Z", eta_Z * m["pi_Z"], r)
    m.define(g, (r - m["rho"]) / m["theta"])


def knowledge(m: Model) -> None:
    """Balanced growth where scientists build on knowledge of their own field and of the other."""
    eta_L, eta_Z, r, g = _balanced_growth(m)
    delta, S = m.parameter("delta", [], "state dependence"), m.exogenous("S", [], "scientists")
    S_L, S_Z = (m.variable(f"S_{f}", [], f"{name} scientists") for f, name in FACTORS.items())
    own, other, N_L, N_Z = (1 + delta) / 2, (1 - delta) / 2, m["N_L"], m["N_Z"]
    m.equate("research arbitrage", eta_Z * N_Z**delta * m["pi_Z"], eta_L * N_L**delta * m["pi_L"])
    effort_L = N_L / (eta_L * N_L**own * N_Z**other)  # scientists a unit of growth
    effort_Z = N_Z / (eta_Z * N_Z**own * N_L**other)
    m.define(S_L, g * effort_L)
    m.define(S_Z, g * effort_Z)
    m.define(g, S / (effort_L + effort_Z))
    m.identity(S_Z, m["s_Z"] * S)
    m.define(r, m["rho"] + m["theta"] * g)


def _balanced_growth(m: Model):
    """Research productivities, interest rate and growth; N_L is the trend, and N_Z adjusts relative to it."""
    m.parameter("rho", [], "discount rate")
    m.parameter("theta", [], "relative risk aversion", positive=True)
    r = m.variable("r", [], "interest rate", observed=True, unit="per year")
    g = m.variable("g", [], "growth rate", level=True, lower=0.0, observed=True, unit="per year")
    v = m.variable("v", [], "interest less growth", level=True, lower=0.0, unit="per year")
    m.define(v, r - g)  # the value of consumption to come is finite: (1 - theta) g < rho
    etas = [m.exogenous(f"eta_{f}", [], f"{name} research productivity") for f, name in FACTORS.items()]
    m.define(m["N_L"], m.exogenous("Nbar_L", [], "labour varieties given"))
    fix = "it is stable where delta*sigma < 1: lower state_dependence"
    m.adjust("direction of technical change", {"N_Z": "eta_Z"}, fix)
    return *etas, r, g
