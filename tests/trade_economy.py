"""Random primitives of the multi-sector trade models, their baselines, and the compiled models."""

from __future__ import annotations

from functools import cache

import numpy as np
import xarray as xr

from framework import Solution, System, compile_model, hat, solve
from models import MODELS

OBSERVED = ("expenditure_share", "expenditure", "gross_output", "final_expenditure")


@cache
def systems(name: str) -> tuple[System, System]:
    """The compiled model in levels and in hats."""
    return compile_model(MODELS[name]()), compile_model(hat(MODELS[name]()))


def primitives(
    seed: int, regions: int = 3, sectors: int = 3, *, inputs: bool = True, deficits: bool = True
) -> xr.Dataset:
    """Draw all that the models need in levels; world labour income is the number of regions."""
    rng = np.random.default_rng(seed)
    n, s, home = regions, sectors, np.eye(regions, dtype=bool)[:, :, None]
    nu = rng.uniform(0.6, 0.85, (n, s)) if inputs else np.ones((n, s))
    gaps = rng.uniform(-0.05, 0.05, n) * deficits
    elasticity = rng.uniform(3, 7, s)
    cell, pair = ("region", "sector"), ("importer", "exporter", "sector")
    names, kinds = [f"R{k}" for k in range(n)], [f"S{k}" for k in range(s)]
    return xr.Dataset(
        {
            "trade_elasticity": ("sector", elasticity),
            "entry_efficiency": (cell, np.ones((n, s))),
            "scale_effect": ("sector", np.ones(s)),
            "selection_effect": ("sector", rng.uniform(0.2, 0.8, s)),
            "value_added_share": (cell, nu),
            "input_share": (
                ("region", "input_sector", "sector"),
                ((1 - nu)[:, :, None] * rng.dirichlet(np.ones(s), (n, s))).transpose(0, 2, 1),
            ),
            "final_share": (cell, rng.dirichlet(np.full(s, 5.0), n)),
            "cost_shifter": (cell, rng.uniform(0.9, 1.1, (n, s))),
            "world_labour_income": float(n),
            "technology": (cell, rng.uniform(0.8, 1.25, (n, s))),
            "trade_cost": (pair, np.where(home, 1.0, rng.uniform(1.5, 2.2, (n, n, s)))),
            "market_access_cost": (pair, rng.uniform(0.7, 1.4, (n, n, s))),
            "tariff": (pair, np.zeros((n, n, s))),
            "labour": ("region", rng.uniform(0.8, 1.3, n)),
            "deficit": ("region", gaps - gaps.mean()),
        },
        {
            "region": names, "importer": names, "exporter": names, "sector": kinds, "input_sector": kinds,
        },
    )  # fmt: skip


def observed(data: xr.Dataset, levels: Solution) -> xr.Dataset:
    """Baseline data of the hats: parameters, and what is observed of an equilibrium in levels."""
    return data.assign({key: levels[key] for key in OBSERVED if key in levels.outcomes})


@cache
def baseline(name: str, seed: int, regions: int = 3, sectors: int = 3, **about: bool) -> xr.Dataset:
    """Baseline of a model at random primitives."""
    data = primitives(seed, regions, sectors, **about)
    return observed(data, solve(systems(name)[0].bind(data)))


def costs(data: xr.Dataset, seed: int = 0) -> xr.DataArray:
    """Uneven changes of trade costs between regions."""
    change = np.random.default_rng(seed).uniform(0.8, 1.25, data.expenditure_share.shape)
    pair = data.expenditure_share.copy(data=change)
    return pair.where(pair.importer != pair.exporter, 1.0)


def symmetric(own: np.ndarray, final_share: np.ndarray, input_share: np.ndarray, **parameters) -> xr.Dataset:
    """Two equal regions, income one each; `own` and `final_share` by sector, `input_share` by input and sector."""
    regions, sectors = ["A", "B"], [f"S{k}" for k in range(own.size)]
    spending = np.linalg.solve(np.eye(own.size) - input_share, final_share)
    pair = np.array([[own, 1 - own], [1 - own, own]])
    cell = ("region", "sector")
    return xr.Dataset(
        {
            "expenditure_share": (("importer", "exporter", "sector"), pair),
            "expenditure": (cell, np.tile(spending, (2, 1))),
            "gross_output": (cell, np.tile(spending, (2, 1))),
            "final_expenditure": ("region", np.ones(2)),
            "deficit": ("region", np.zeros(2)),
            "final_share": (cell, np.tile(final_share, (2, 1))),
            "value_added_share": (cell, np.tile(1 - input_share.sum(0), (2, 1))),
            "input_share": (("region", "input_sector", "sector"), np.tile(input_share, (2, 1, 1))),
            **{key: ("sector", np.asarray(value)) for key, value in parameters.items()},
        },
        {
            "region": regions, "importer": regions, "exporter": regions, "sector": sectors, "input_sector": sectors,
        },
    )  # fmt: skip
