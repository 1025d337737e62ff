"""Random primitives and baselines of the Armington model, compiled once."""

from __future__ import annotations

from functools import cache

import numpy as np
import xarray as xr

from framework import compile_model, hat
from models import armington


@cache
def systems():
    """The compiled model in levels and in hats."""
    return compile_model(armington()), compile_model(hat(armington()))


def primitives(seed: int, regions: int = 4, deficits: bool = True) -> xr.Dataset:
    """Draw labour, technology, trade costs and deficits that sum to zero."""
    rng = np.random.default_rng(seed)
    labels = [f"R{k}" for k in range(regions)]
    gaps = rng.uniform(-0.05, 0.05, regions) * deficits
    cost = np.where(np.eye(regions) > 0, 1.0, rng.uniform(1.1, 2.0, (regions, regions)))
    return xr.Dataset(
        {
            "trade_elasticity": rng.uniform(2, 8),
            "labour": ("region", rng.uniform(0.5, 2, regions)),
            "technology": ("region", rng.uniform(0.5, 2, regions)),
            "trade_cost": (("importer", "exporter"), cost),
            "deficit": ("region", gaps - gaps.mean()),
        },
        {"region": labels, "importer": labels, "exporter": labels},
    )


def baseline(seed: int, regions: int = 4, deficits: bool = True) -> xr.Dataset:
    """Draw expenditure and the shares at which every region's income equals its sales."""
    rng = np.random.default_rng(seed)
    labels = [f"R{k}" for k in range(regions)]
    share = 0.5 * np.eye(regions) + 0.5 * rng.dirichlet(np.ones(regions), regions)
    gaps = rng.uniform(-0.05, 0.05, regions) * deficits
    gaps -= gaps.mean()
    # expenditure X solves X - D = share' X, with total expenditure as its scale
    matrix = np.vstack([np.eye(regions) - share.T, np.ones(regions)])
    spending = np.linalg.lstsq(matrix, np.append(gaps, regions), rcond=None)[0]
    return xr.Dataset(
        {
            "expenditure_share": (("importer", "exporter"), share),
            "expenditure": ("region", spending),
            "deficit": ("region", gaps),
            "trade_elasticity": rng.uniform(2, 8),
        },
        {"region": labels, "importer": labels, "exporter": labels},
    )
