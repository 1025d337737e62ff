"""Trade under monopolistic competition with many sectors and input-output linkages, declared in levels.

Krugman (1980) in the multi-sector form of Costinot and Rodriguez-Clare (2014), "Trade Theory with Numbers", Handbook
of International Economics 4, chapter 4, where a sector is perfectly competitive (``delta`` = 0) or has scale effects
(``delta`` = 1). The equations are derived here, so none carries a number of theirs.

A firm makes one variety from the input bundle of its region and sector, whose unit cost is ``x``: ``1/e`` units to
enter, one for each unit of output. Demand has elasticity sigma = 1 + theta, so the price is the markup sigma/theta
over cost, operating profit is 1/sigma of sales G, and with free entry N x/e = G/sigma. The measure of varieties is
therefore ``N = e G / (sigma x)``, and buyers value variety: N enters demand with the power ``delta``. Constants (sigma,
the markup) are in ``lam``. All of G is spent on the bundle. There are no tariffs.
"""

from __future__ import annotations

from framework import Model
from models import blocks

STABILITY = (
    "firms attract firms where sales rise more than one for one with their number, and the industry then closes somewhere: "
    "ask for a smaller shock, follow the equilibria from the baseline (framework.follow), or lower scale_effect"
)


def krugman() -> Model:
    """Declare the model; deficits are fixed in units of world labour income, the numeraire."""
    m = Model(
        "krugman", "Monopolistic competition with input-output linkages (Costinot and Rodriguez-Clare 2014)"
    )
    blocks.declare_economy(m)
    declare_entry(m)
    (s,) = m.sets["sector"].indices("s")
    x, G = m["x"], m["G"]
    with m.block("trade"):
        blocks.unit_cost(m)
        entry(m)
        blocks.ces_trade(m, lambda n, j: varieties(m, j, s), lambda n, j: x[j, s] * m["d"][n, j, s], (s,))
    with m.block("accounts"):
        blocks.goods_accounts(m, blocks.inputs_of(m, lambda n, k: G[n, k]))
        blocks.labour_market(m, lambda n, s: G[n, s])
    with m.block("outcomes"):
        blocks.welfare(m)
    return m


def declare_entry(m: Model) -> None:
    """Declare the scale effect and the measure of entrants."""
    region, sector = m.sets["region"], m.sets["sector"]
    about = "1 for monopolistic competition with free entry, 0 for perfect competition"
    m.parameter("delta", [sector], "scale effect", lower=0.0, usual=(0.0, 1.0), description=about)
    m.exogenous(
        "e", [region, sector], "entry efficiency", description="firms founded with a unit of the bundle"
    )
    m.variable("N", [region, sector], "varieties", description="measure of firms that enter")


def entry(m: Model) -> None:
    """Free entry: firms in proportion to real sales; they come and go with profit, so equilibrium must be stable."""
    (i,), (s,) = m.sets["region"].indices("i"), m.sets["sector"].indices("s")
    m.define(m["N"][i, s], m["e"][i, s] * m["G"][i, s] / m["x"][i, s])
    m.adjust("entry of firms", {"N": "e"}, STABILITY)


def varieties(m: Model, j, s):
    """Attraction of an exporter: technology, and varieties where there are scale effects."""
    return m["lam"][j, s] * m["N"][j, s] ** m["delta"][s]
