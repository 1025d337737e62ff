"""Baselines of the rare-earths model from economies that the oracle solved, and counterfactuals from them."""

from __future__ import annotations

from functools import cache

import xarray as xr
from levels_of import ELEMENTS, SCALE, TECHNOLOGIES, system
from oracles import levels
from oracles.economies import random_economy

from framework import Solution, solve

KEYS = {"tax": "export_tax", "quota": "ree_export_ratio", "price": "ree_price_ratio"}
TARGETS = {"tax": 1.0, "quota": 0.7, "price": 1.2}
STILL = {"tax": {}, "quota": {"ree_export_ratio": 1.0}, "price": {"ree_price_ratio": 1.0}}


def compiled(technology: str, kind: str = "tax"):
    """The hats under one technology and one closure of REE policy."""
    return system((TECHNOLOGIES | SCALE)[technology], True, "" if kind == "tax" else KEYS[kind])


@cache
def equilibrium(seed: int, technology: str, tax: float = 0.0, wedges: bool = True) -> levels.Equilibrium:
    """An economy solved by the oracle in levels; the last of its three sectors uses no REE."""
    drawn = {"tariffs": wedges, "deficits": wedges, "export_tax": tax, "ree_sectors": 2}
    if technology in SCALE:  # with phi = 1 research would not be stable
        drawn |= {"variety_productivity": 0.3, "research_elasticity": 0.8}
    economy = random_economy(seed, **drawn)
    return levels.solve(economy, technology)


@cache
def baseline(seed: int, technology: str, tax: float = 0.0, wedges: bool = True) -> xr.Dataset:
    solution = equilibrium(seed, technology, tax, wedges)
    return levels.baseline_from_levels(solution.economy, solution)


def counterfactual(data: xr.Dataset, technology: str, kind: str = "tax", value=None, **shocks) -> Solution:
    """Solve the derived hats; without a value the policy stays at its baseline."""
    policy = STILL[kind] if value is None else {KEYS[kind]: value}
    return solve(compiled(technology, kind).bind(data, {**policy, **shocks}, elements(data)))


def elements(data: xr.Dataset) -> dict[str, str]:
    return ELEMENTS if "R1" in data.region.values else {}
