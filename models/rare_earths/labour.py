"""Who supplies labour to production: what other uses of labour, if the chosen variants have any, leave of it."""

from __future__ import annotations

from framework import Model

OTHER_USES = ("L_A", "L_M")
"""Labour in research (free entry) and in mining (elastic supply)."""


def production_labour(m: Model) -> None:
    """Declare ``L``, labour in production: all of it, or what research and mining leave."""
    region = [m.sets["region"]]
    (i,) = m.sets["region"].indices("i")
    used = [m[symbol] for symbol in OTHER_USES if symbol in m.symbols]
    if not used:
        m.exogenous("L", region, "labour")
        return
    N = m.exogenous("N", region, "labour")
    L = m.variable("L", region, "production labour", description="labour outside research and mining")
    m.define(L[i], N[i] - sum(use[i] for use in used))
