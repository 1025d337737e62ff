"""A model of one's own: trade between two regions, from scratch.

Write the data set, then solve a shock::

    python own_model.py
    exacthat check own_model.py own_model.nc
    exacthat run own_model.py --data own_model.nc --shock "trade_cost={home={abroad=1.1}}" --out results/own
    exacthat run own_model.py --data own_model.nc --shock "deficit={home=5.0, abroad=-5.0}" --out results/transfer

The equations are in levels. Productivity and trade costs are never observed; the exact-hat form that exacthat derives
needs the expenditure shares, expenditure, the deficit and the elasticity only.
"""

import xarray as xr
from sympy import Sum

from exacthat import Model


def model() -> Model:
    """Armington trade with labour as the only factor (Anderson 1979)."""
    m = Model("own-model", "Armington trade between two regions (Anderson 1979)")
    region = m.set("region")
    n, i, j = region.indices("n i j")
    importer, exporter = region.alias("importer"), region.alias("exporter")

    theta = m.parameter("theta", [], "trade elasticity", positive=True)
    productivity = m.fundamental("z", [region], "productivity")
    labour = m.fundamental("L", [region], "labour")
    cost = m.exogenous("d", [importer, exporter], "trade cost")
    # level=True: data that may be zero or negative, given at its level; everything else is a ratio new over baseline.
    deficit = m.exogenous("D", [region], "deficit", level=True, unit="million USD")
    wage = m.variable("w", [region], "wage")
    price = m.variable("P", [region], "price index")
    share = m.variable("pi", [importer, exporter], "expenditure share", observed=True)
    spending = m.variable("X", [region], "expenditure", observed=True)
    consumption = m.variable("C", [region], "real consumption")

    m.define(price[n], Sum((wage[j] * cost[n, j] / productivity[j]) ** (-theta), j) ** (-1 / theta))
    m.define(share[n, i], (wage[i] * cost[n, i] / (productivity[i] * price[n])) ** (-theta))
    m.define(spending[n], wage[n] * labour[n] + deficit[n])
    m.define(consumption[n], spending[n] / price[n])
    m.equate("labour market", wage[i] * labour[i], Sum(share[n, i] * spending[n], n))
    m.numeraire(Sum(wage[i] * labour[i], i), redundant="labour market")
    return m


if __name__ == "__main__":
    regions = ["home", "abroad"]
    # Made-up shares: each region buys four fifths of what it uses at home, so that trade is balanced.
    xr.Dataset(
        {
            "trade_elasticity": 5.0,
            "expenditure_share": (("importer", "exporter"), [[0.8, 0.2], [0.2, 0.8]]),
            "expenditure": ("region", [100.0, 100.0], {"units": "million USD"}),
            "deficit": ("region", [0.0, 0.0], {"units": "million USD"}),
        },
        coords={"region": regions, "importer": regions, "exporter": regions},
        attrs={"source": "made up for this example"},
    ).to_netcdf("own_model.nc", engine="h5netcdf")
