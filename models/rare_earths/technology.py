"""How technology responds: interchangeable blocks that determine ``a = A_R/A_L`` and ``A_L``.

Arbitrage between research on REE- and on labour-using varieties gives ``a = (eta_R/eta_L) * o**kappa`` with
``o = E_R/E_L`` (Acemoglu 2002, with the variety normalisation of Acemoglu, Gancia and Zilibotti); the blocks
differ in what fixes the level of research effort.
"""

from __future__ import annotations

from framework import Model


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


def _research_productivity(m: Model):
    dims = [m.sets["region"], m.sets["sector"]]
    return (
        m.exogenous("eta_R", dims, "ree research productivity", latex=r"\eta^R"),
        m.exogenous("eta_L", dims, "labour research productivity", latex=r"\eta^L"),
    )
