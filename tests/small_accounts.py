"""Input-output accounts of a few industries with the codes that the measurement needs, balanced by construction."""

import numpy as np
import pandas as pd
import xarray as xr

from empirics.measurement.accounts import accounts_dataset
from empirics.measurement.applications import magnet_sales
from empirics.measurement.extension import ELEMENTS, MAGNETS

CODES = ["311111", "324110", "325180", "332999", "333611", "335314", "335911", "336111", "336390"]
CATEGORIES = ["F01000", "F04000", "F05000"]
COMPONENTS = ["V00100", "V00200", "V00300"]
#: A commodity without domestic output, and an industry without a commodity of its own.
IMPORTED, SECONDARY = "S00300", "331314"


def small_accounts(seed: int = 0) -> xr.Dataset:
    """Return accounts with secondary production, imports, and value added that makes every industry balance."""
    rng = np.random.default_rng(seed)
    commodities, industries = [*CODES, IMPORTED], [*CODES, SECONDARY]
    n, m = len(commodities), len(industries)
    make = np.zeros((m, n))
    make[: n - 1, : n - 1] = np.diag(rng.uniform(800.0, 1500.0, n - 1)) + rng.uniform(
        0.0, 8.0, (n - 1, n - 1)
    )
    make[-1, 0] = 40.0
    output = make.sum(1)
    use = rng.uniform(10.0, 30.0, (n, m)) * output / output.mean()
    use[CODES.index("325180"), CODES.index("332999")] = 0.0
    imports = rng.uniform(20.0, 200.0, n)
    exports = rng.uniform(0.0, 30.0, n)
    consumption = make.sum(0) + imports - exports - use.sum(1)
    final = np.stack([consumption, exports, -imports], axis=1)
    room = output - use.sum(0)
    added = np.stack([0.5 * room, 0.1 * room, 0.4 * room])
    labels = {
        "commodity": commodities,
        "industry": industries,
        "category": CATEGORIES,
        "component": COMPONENTS,
    }
    return accounts_dataset(use, final, make, added, labels, "synthetic")


def small_use(**changes: float) -> xr.DataArray:
    """Million USD of elements; `changes` are named ``industry_element``, with ``magnets`` for the magnet industry."""
    users = ["335911", MAGNETS, "336390", "324110"]
    use = xr.DataArray(0.0, {"industry": users, "element": list(ELEMENTS)}, ("industry", "element"))
    values = {
        "335911_La": 0.5,
        "magnets_Nd": 1.5,
        "magnets_Pr": 0.5,
        "magnets_Dy": 0.5,
        "336390_Ce": 0.4,
        "324110_La": 0.3,
        "324110_Ce": 0.1,
        **changes,
    }
    for name, value in values.items():
        industry, element = name.split("_")
        use.loc[{"industry": MAGNETS if industry == "magnets" else industry, "element": element}] = value
    return use


def small_sales(accounts: xr.Dataset) -> pd.Series:
    """Half of what the reconstruction's buyers purchase."""
    return 0.5 * magnet_sales(accounts)
