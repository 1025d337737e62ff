"""The upper nest of production: value added and the goods of all sectors."""

from __future__ import annotations

from framework import Model
from models import blocks

INPUT_SHARE = "value of an input a unit value of output; with the value added share it sums to 1"


def cobb_douglas(m: Model) -> None:
    """Value added and inputs have fixed shares of cost."""
    cell, inputs, _, _ = _frame(m)
    m.parameter("nu", cell, "value added share", lower=0.0)
    m.parameter("nu_k", inputs, "input share", latex=r"\nu", lower=0.0, description=INPUT_SHARE)
    m.fundamental("Upsilon", cell, "cost shifter")
    blocks.unit_cost(m, lambda i, s: m["c"][i, s])


def ces(m: Model) -> None:
    """Value added and inputs are substitutes with an elasticity; where it is one, the shares of cost are fixed."""
    cell, inputs, (i,), (s, k) = _frame(m)
    about = "elasticity of substitution between value added and the inputs of production"
    chi = m.parameter("chi", [], "input elasticity", description=about, lower=0.0)
    b = m.fundamental("b", cell, "value added weight")
    b_k = m.fundamental("b_k", inputs, "input weight", latex="b")
    shares = {"positive": False, "observed": True}  # a share may be zero
    nu = m.variable("nu", cell, "value added share", **shares)
    nu_k = m.variable("nu_k", inputs, "input share", latex=r"\nu", description=INPUT_SHARE, **shares)
    x, c, P = m["x"], m["c"], m["P"]
    m.define(x[i, s], blocks.ces_price(chi, (b[i, s], c[i, s]), (b_k[i, k, s], P[i, k], k)))
    m.define(nu[i, s], b[i, s] * (c[i, s] / x[i, s]) ** (1 - chi))
    m.define(nu_k[i, k, s], b_k[i, k, s] * (P[i, k] / x[i, s]) ** (1 - chi))


def _frame(m: Model):
    region, sector = m.sets["region"], m.sets["sector"]
    inputs = [region, sector.alias("input_sector"), sector]
    return [region, sector], inputs, region.indices("i"), sector.indices("s k")
