"""Trade with heterogeneous firms, many sectors and input-output linkages, declared in levels.

Melitz (2003) with Pareto productivity (Chaney 2008), many sectors and inputs as in Costinot and Rodriguez-Clare (2014),
"Trade Theory with Numbers", Handbook of International Economics 4, chapter 4. The equations are derived here, so none
carries a number of theirs.

Firms of region i and sector s pay 1/e units of the input bundle, of cost ``x_is``, to draw productivity from a Pareto
distribution with shape ``theta``; demand has elasticity sigma < 1 + theta. To sell in n a firm pays ``f_nis`` units of
the bundle of the destination, of cost ``x_ns``: destination labour, if there are no inputs. Only firms above a cutoff
sell, and with the cutoff at zero profit

    pi_nis = lam_is N_is (f_nis x_ns / X_ns)**(-eta) (x_is d_nis / P_ns)**(-theta),   eta = theta/(sigma - 1) - 1,

up to constants, which are in ``lam``. Of sales, (sigma - 1)/sigma is variable cost, kappa = eta/(1 + eta + theta) is market
access, spent in the destination, and the rest is entry, so N_is is proportional to e_is G_is/x_is. ``delta`` = 0 makes a sector
perfectly competitive; ``eta`` = 0 is Krugman's model. There are no tariffs.

Payments for market access cross borders: ``D`` is the deficit of goods and of these services together.
"""

from __future__ import annotations

from framework import Model
from models import blocks
from models.krugman import declare_entry, entry, varieties


def melitz_pareto() -> Model:
    """Declare the model; deficits are fixed in units of world labour income, the numeraire."""
    m = Model(
        "melitz-pareto", "Heterogeneous firms with input-output linkages (Costinot and Rodriguez-Clare 2014)"
    )
    blocks.declare_economy(m)
    declare_entry(m)
    _declare_selection(m)
    (n,), (s,) = m.sets["region"].indices("n"), m.sets["sector"].indices("s")
    x, X, G, B, f = (m[v] for v in ("x", "X", "G", "B", "f"))
    eta = m["delta"][s] * m["eta"][s]
    kappa = eta / (1 + m["eta"][s] + m["theta"][s])

    def attraction(n, j):
        return varieties(m, j, s) * (f[n, j, s] * x[n, s] / X[n, s]) ** (-eta)

    with m.block("trade"):
        blocks.unit_cost(m)
        entry(m)
        blocks.ces_trade(m, attraction, lambda n, j: x[j, s] * m["d"][n, j, s], (s,))
    with m.block("accounts"):
        m.define(B[n, s], (1 - kappa) * G[n, s] + kappa * X[n, s])
        blocks.goods_accounts(m, blocks.inputs_of(m, lambda n, k: B[n, k]))
        blocks.labour_market(m, lambda n, s: B[n, s])
    with m.block("outcomes"):
        blocks.welfare(m)
    return m


def _declare_selection(m: Model) -> None:
    region, sector = m.sets["region"], m.sets["sector"]
    pair, about = [region.alias("importer"), region.alias("exporter"), sector], "theta/(sigma - 1) - 1"
    m.parameter("eta", [sector], "selection effect", lower=0.0, description=about)
    about = "units of the destination's bundle that a firm needs to sell there"
    m.exogenous("f", pair, "market access cost", description=about)
    about = "cost of production, entry and market access spent in a region"
    m.variable("B", [region, sector], "bundle spending", unit="million USD", description=about)
