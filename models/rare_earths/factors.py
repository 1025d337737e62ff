"""Supply of rare earths and of labour: fixed, or what the chosen variants make of it.

Elastic supply is mining with a specific factor: of ``R = Rbar**(1/(1+zeta)) * (labour)**(zeta/(1+zeta))``, in suitable
units, labour earns the share ``zeta/(1+zeta)``, so that output is ``Rbar*(p/w)**zeta``; the owner of the deposits
gets the rest.
"""

from __future__ import annotations

from framework import Model
from models.rare_earths.ree_market import REE_UNIT, producer_price

OTHER_USES = ("L_A", "L_M")
"""Labour in research (free entry) and in mining (elastic supply)."""


def inelastic(m: Model) -> None:
    """Rare earths are an endowment."""


def elastic(m: Model) -> None:
    """Rare earths are mined with labour from deposits that are given, the more the higher their price in wages."""
    m.parameter("zeta", [], "ree supply elasticity", lower=0.0)


def mining(m: Model) -> None:
    """Declare ``R``, output of rare earths."""
    region, (i,) = [m.sets["region"]], m.sets["region"].indices("i")
    if "zeta" not in m.symbols:
        m.exogenous("R", region, "ree endowment", observed=True, unit=REE_UNIT)
        return
    zeta, w, p = m["zeta"], m["w"], producer_price(m)
    deposits = m.exogenous("Rbar", region, "ree deposits", latex=r"\bar R")
    about = {"observed": True, "unit": REE_UNIT, "description": "output of mines"}
    R = m.variable("R", region, "ree endowment", **about)
    L_M = m.variable("L_M", region, "mining labour", latex="L^M")
    m.define(R[i], deposits[i] * (p[i] / w[i]) ** zeta)
    m.define(L_M[i], zeta / (1 + zeta) * p[i] * R[i] / w[i])


def production_labour(m: Model) -> None:
    """Declare ``L``, labour in production: all of it, or what research and mining leave."""
    region, (i,) = [m.sets["region"]], m.sets["region"].indices("i")
    used = [m[symbol] for symbol in OTHER_USES if symbol in m.symbols]
    if not used:
        m.exogenous("L", region, "labour")
        return
    N = m.exogenous("N", region, "labour")
    L = m.variable("L", region, "production labour", description="labour outside research and mining")
    m.define(L[i], N[i] - sum(use[i] for use in used))
