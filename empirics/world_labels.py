"""What the variables of a synthetic world are, on the data set and on every variable; all say that they are synthetic."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict

import xarray as xr

from empirics.world_settings import WorldSettings

#: Variable -> what it is, and its unit.
DESCRIPTIONS = {
    "ree_patents": ("patents that enhance or replace the use of rare earths", "patents"),
    "ree_patent_stock": ("stock of these patents, perpetual inventory", "patents"),
    "other_patents": ("patents not related to rare earths", "patents"),
    "log_relative_price": ("log of the basket price of rare earths over the wage, 0 in 2009", "log points"),
    "ree_price": ("price of the industry's basket of rare earths over 2009", "1"),
    "element_price": ("price of an element over 2009", "1"),
    "wage": ("wage over 2009", "1"),
    "tfp": ("total factor productivity", "1"),
    "tfp_growth": ("midpoint growth of total factor productivity", "percentage points"),
    "exports": ("exports", "USD"),
    "export_growth": ("midpoint growth of exports", "percentage points"),
    "demand_growth": ("growth of demand by importers", "log points"),
    "capital_intensity": ("capital intensity", "1"),
    "labour_intensity": ("labour intensity", "1"),
    "subsidy_share": ("share of subsidised firms", "1"),
    "basket": ("share of an element in an industry's cost of rare earths", "1"),
    "value_added": ("value added", "million USD"),
    "ree_cost": ("direct cost of rare earths as measured", "million USD"),
    "ree_share_of_industry": ("true rare-earth share of value added", "1"),
    "log_price_covariance": ("covariance of the errors in log prices", "1"),
    "true_ree_elasticity": ("true elasticity between the bundles (epsilon)", "1"),
    "true_ree_share": ("true rare-earth share of value added (gamma)", "1"),
    "true_bias_exponent": ("true bias exponent (b)", "1"),
    "true_log_bias": ("true log of A_R/A_L over 2009", "log points"),
    "true_log_labour_varieties": ("true log of A_L over 2009", "log points"),
    "true_log_productivity": ("effect of technology on log productivity", "log points"),
    "true_log_cost": ("log of the cost of value added over 2009", "log points"),
}

PRICE_SOURCE = (
    "shape: shipped annual means of public spot prices over 2009 (empirics/data/ree_prices.csv); years without one are "
    "interpolated in logs, and the first and last known values hold before and after"
)


def labelled(
    world: xr.Dataset, settings: WorldSettings, seed: int, by_sector: Iterable[str], scalars: Iterable[str]
) -> xr.Dataset:
    """Give every variable its name, its unit and the mark of synthetic data, and the world its seed, settings and truth.

    Parameters
    ----------
    by_sector, scalars : iterable of str
        Names of the true parameters: by sector, variables ``true_<name>``; scalars, attributes of the world.
    """
    for name, array in world.data_vars.items():
        long_name, units = (
            DESCRIPTIONS[str(name)] if name in DESCRIPTIONS else (array.attrs["long_name"], None)
        )
        array.attrs |= {"long_name": f"{long_name} (synthetic)", "data": "synthetic"}
        if units is not None:
            array.attrs["units"] = units
    tables = {name: world[f"true_{name}"] for name in by_sector}
    truth = {
        name: dict(zip(map(str, t["sector"].values), map(float, t.values), strict=True))
        for name, t in tables.items()
    } | {name: world.attrs[name] for name in scalars}
    world.attrs = {
        "title": "Synthetic world of the rare-earth model",
        "data": "synthetic",
        "seed": seed,
        "truth": json.dumps(truth),
        "settings": json.dumps(asdict(settings)),
        "ree_price_source": PRICE_SOURCE,
    }
    return world
