"""How the measures of varieties are determined: given, or chosen by research on a balanced growth path.

Research uses the final good ("lab equipment") or scientists, who build on knowledge of both fields (Acemoglu 2002,
sections 3 and 4).
"""

from __future__ import annotations

from framework import Model

FACTORS = {"L": "labour", "Z": "skill"}


def short_run(m: Model) -> None:
    """Technology is given."""
    for f, name in FACTORS.items():
        given = m.exogenous(f"Nbar_{f}", [], f"{name} varieties given", latex=rf"\bar N_{f}")
        m.define(m[f"N_{f}"], given)


def lab_equipment(m: Model) -> None:
    """Balanced growth where research uses the final good."""
    eta_L, eta_Z, r, g = _balanced_growth(m)
    m.equate("free entry, L", eta_L * m["pi_L"], r)
    m.equate("free entry, Z", eta_Z * m["pi_Z"], r)
    m.define(g, (r - m["rho"]) / m["theta"])


def knowledge(m: Model) -> None:
    """Balanced growth where scientists build on knowledge of their own field and of the other."""
    eta_L, eta_Z, r, g = _balanced_growth(m)
    delta = m.parameter("delta", [], "state dependence", latex=r"\delta")
    S = m.exogenous("S", [], "scientists")
    S_L, S_Z = (m.variable(f"S_{f}", [], f"{name} scientists") for f, name in FACTORS.items())
    own, other = (1 + delta) / 2, (1 - delta) / 2
    N_L, N_Z = m["N_L"], m["N_Z"]
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
    m.parameter("rho", [], "discount rate", latex=r"\rho")
    m.parameter("theta", [], "relative risk aversion", positive=True, latex=r"\theta")
    r = m.variable("r", [], "interest rate", observed=True, unit="per year")
    g = m.variable("g", [], "growth rate", level=True, lower=0.0, observed=True, unit="per year")
    v = m.variable("v", [], "interest less growth", level=True, lower=0.0, unit="per year")
    m.define(v, r - g)  # the value of consumption to come is finite: (1 - theta) g < rho
    etas = [
        m.exogenous(f"eta_{f}", [], f"{name} research productivity", latex=rf"\eta_{f}")
        for f, name in FACTORS.items()
    ]
    m.define(m["N_L"], m.exogenous("Nbar_L", [], "labour varieties given", latex=r"\bar N_L"))
    m.adjust(
        "direction of technical change",
        {"N_Z": "eta_Z"},
        "it is stable where delta*sigma < 1: lower state_dependence",
    )
    return *etas, r, g
