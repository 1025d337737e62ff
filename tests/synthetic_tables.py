"""Synthetic world input-output tables, balanced by construction, for tests."""

import numpy as np
import xarray as xr

from calibration.wiod import CATEGORIES, table_dataset


def random_table(
    regions: list[str], sectors: list[str], seed: int = 0, *, inventories: float = 0.02
) -> xr.Dataset:
    """Return a table whose output is its row sum, with small inventory changes of either sign."""
    rng = np.random.default_rng(seed)
    n, s, c = len(regions), len(sectors), len(CATEGORIES)
    home = np.eye(n)[:, None, :, None] * 3 + 0.2
    intermediate = rng.uniform(1, 2, (n, s, n, s)) * home
    final = rng.uniform(4, 6, (n, s, n, c)) * home * s
    final[..., -1] *= inventories * rng.choice([-1, 1], (n, s, n))
    output = intermediate.sum((2, 3)) + final.sum((2, 3))
    return table_dataset(
        intermediate, final, output, regions, sectors, year=2009, source="synthetic, for tests"
    )


REGIONS = ["CHN", "JPN", "ROW"]
SECTORS = ["Machinery", "Transport equipment", "Agriculture", "Services"]
