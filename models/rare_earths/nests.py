"""The upper nest of production: value added and the goods of all sectors."""

from __future__ import annotations

from sympy import Product, Sum

from framework import Model

INPUT_SHARE = "value of an input a unit value of output; with the value added share it sums to 1"


def cobb_douglas(m: Model) -> None:
    """Value added and inputs have fixed shares of cost."""
    cell, inputs, (i,), (s, k) = _frame(m)
    nu = m.parameter("nu", cell, "value added share", latex=r"\nu", lower=0.0)
    nu_k = m.parameter("nu_k", inputs, "input share", latex=r"\nu", lower=0.0, description=INPUT_SHARE)
    shifter = m.fundamental("Upsilon", cell, "cost shifter", latex=r"\Upsilon")
    x, c, P = m["x"], m["c"], m["P"]
    m.define(x[i, s], shifter[i, s] * c[i, s] ** nu[i, s] * Product(P[i, k] ** nu_k[i, k, s], k))


def ces(m: Model) -> None:
    """Value added and inputs are substitutes with an elasticity; where it is one, the shares of cost are fixed."""
    cell, inputs, (i,), (s, k) = _frame(m)
    about = "elasticity of substitution between value added and the inputs of production"
    chi = m.parameter("chi", [], "input elasticity", latex=r"\chi", description=about, lower=0.0)
    b = m.fundamental("b", cell, "value added weight")
    b_k = m.fundamental("b_k", inputs, "input weight", latex="b")
    shares = {"positive": False, "observed": True}  # a share may be zero
    nu = m.variable("nu", cell, "value added share", latex=r"\nu", **shares)
    nu_k = m.variable("nu_k", inputs, "input share", latex=r"\nu", description=INPUT_SHARE, **shares)
    x, c, P = m["x"], m["c"], m["P"]
    total = b[i, s] * c[i, s] ** (1 - chi) + Sum(b_k[i, k, s] * P[i, k] ** (1 - chi), k)
    m.define(x[i, s], total ** (1 / (1 - chi)))
    m.define(nu[i, s], b[i, s] * (c[i, s] / x[i, s]) ** (1 - chi))
    m.define(nu_k[i, k, s], b_k[i, k, s] * (P[i, k] / x[i, s]) ** (1 - chi))


def _frame(m: Model):
    region, sector = m.sets["region"], m.sets["sector"]
    inputs = [region, sector.alias("input_sector"), sector]
    return [region, sector], inputs, region.indices("i"), sector.indices("s k")
