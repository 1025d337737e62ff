"""How technology responds: interchangeable blocks that determine ``a = A_R/A_L`` and ``A_L``.

Arbitrage between research on REE- and on labour-using varieties gives ``a = (eta_R/eta_L) * o**kappa`` with
``o = E_R/E_L`` (Acemoglu 2002, with the variety normalisation of Acemoglu, Gancia and Zilibotti); the blocks
differ in what fixes the level of research effort.
"""

from __future__ import annotations

from sympy import Sum

from framework import Model

STABILITY = (
    "allocation of research",
    {"A_R": "eta_R", "A_L": "eta_L"},
    "research follows revenue where phi kappa theta < 1 or so (docs/rare_earths_model.md section 5.4): lower "
    "variety_productivity (phi), research_elasticity (kappa) or trade_elasticity, or fix the effort of each sector",
)
"""Research moves towards revenue, which moves with research: a stable allocation is a check of the solution."""


def _frame(m: Model):
    region, sector = m.sets["region"], m.sets["sector"]
    (i,), (s,) = region.indices("i"), sector.indices("s")
    return [region, sector], i, s


def exogenous(m: Model) -> None:
    """Both measures of varieties stay at their baseline."""
    dims, i, s = _frame(m)
    a_bar = m.exogenous("abar", dims, "technology bias", latex=r"\bar a")
    A_bar = m.exogenous("Abar_L", dims, "labour varieties given", latex=r"\bar A_L")
    m.define(m["a"][i, s], a_bar[i, s])
    m.define(m["A_L"][i, s], A_bar[i, s])


def fixed_effort(m: Model) -> None:
    """Research effort of each region-sector is fixed and moves between REE and labour varieties."""
    dims, i, s = _frame(m)
    eta_R, eta_L = _research_productivity(m)
    S = m.exogenous("S", dims, "research effort")
    m.define(m["a"][i, s], eta_R[i, s] / eta_L[i, s] * m["o"][i, s] ** m["kappa"])
    m.define(m["A_L"][i, s], eta_L[i, s] * ((1 - m["omega"][i, s]) * S[i, s]) ** m["kappa"])


def elastic_effort(m: Model) -> None:
    """Labour varieties are a mature stock; REE research expands until the arbitrage condition holds."""
    dims, i, s = _frame(m)
    eta_R, eta_L = _research_productivity(m)
    A_bar = m.exogenous("Abar_L", dims, "labour varieties given", latex=r"\bar A_L")
    m.define(m["a"][i, s], eta_R[i, s] / eta_L[i, s] * m["o"][i, s] ** m["kappa"])
    m.define(m["A_L"][i, s], A_bar[i, s])


def mobile_effort(m: Model) -> None:
    """Research effort of each region is fixed and moves between sectors and kinds of varieties."""
    _, i, s = _frame(m)
    eta_R, eta_L = _research_productivity(m)
    S = m.exogenous("S", [m.sets["region"]], "research effort")
    effort = (1 - m["omega"][i, s]) * m["V"][i, s] * S[i] / _regional_value_added(m)[i]
    m.define(m["a"][i, s], eta_R[i, s] / eta_L[i, s] * m["o"][i, s] ** m["kappa"])
    m.define(m["A_L"][i, s], eta_L[i, s] * effort ** m["kappa"])
    m.adjust(*STABILITY)


def free_entry(m: Model) -> None:
    """Researchers are workers, hired until a unit of effort earns the wage; nothing is left as rent."""
    _, i, s = _frame(m)
    eta_R, eta_L = _research_productivity(m)
    w, V, beta = m["w"], m["V"], m["beta"]
    L_A = m.variable("L_A", [m.sets["region"]], "research labour", latex="L^A")
    effort = (1 - m["omega"][i, s]) * V[i, s] / (beta * w[i])
    m.define(m["a"][i, s], eta_R[i, s] / eta_L[i, s] * m["o"][i, s] ** m["kappa"])
    m.define(m["A_L"][i, s], eta_L[i, s] * effort ** m["kappa"])
    m.adjust(*STABILITY)
    m.define(L_A[i], _regional_value_added(m)[i] / (beta * w[i]))


def _regional_value_added(m: Model):
    (i,), (s,) = m.sets["region"].indices("i"), m.sets["sector"].indices("s")
    V_r = m.variable("V_r", [m.sets["region"]], "regional value added", latex="V", unit="million USD")
    m.define(V_r[i], Sum(m["V"][i, s], s))
    return V_r


def _research_productivity(m: Model):
    dims = [m.sets["region"], m.sets["sector"]]
    return (
        m.exogenous("eta_R", dims, "ree research productivity", latex=r"\eta^R"),
        m.exogenous("eta_L", dims, "labour research productivity", latex=r"\eta^L"),
    )
