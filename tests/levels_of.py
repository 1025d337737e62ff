"""Solve the framework's own levels model of rare earths on a random economy, and its hats from that baseline."""

from __future__ import annotations

from functools import cache

import numpy as np
import xarray as xr
from oracles.economies import Economy

from framework import Model, Solution, compile_model, hat, solve
from models import rare_earths

TECHNOLOGIES = {"exo": "exogenous", "F": "fixed-effort", "L": "elastic-effort"}
SCALE = {"M": "mobile-effort", "E": "free-entry"}
"""Technologies with an effect of market size, by the oracle's name; stable only where phi is small."""

ELEMENTS = {"numeraire_region": "R1"}
OBSERVED = ("expenditure_share", "expenditure", "gross_output", "final_expenditure", "ree_share")


@cache
def system(technology: str, in_hats: bool, fixed: str = ""):
    """Compile once for all economies: sets stay symbolic."""
    model: Model = rare_earths().choose(technology=technology)
    model = hat(model) if in_hats else model
    return compile_model(model.swap(export_tax=fixed) if fixed else model)


def primitives(economy: Economy) -> xr.Dataset:
    """The economy under the keys of the levels model; an elasticity of exactly 1 has no levels form."""
    data = economy.to_dataset()
    elasticity = data["ree_elasticity"]
    return data.assign(
        ree_elasticity=elasticity.where(elasticity != 1, 0.9),
        technology=data["technology"] * data["price_shifter"] ** -data["trade_elasticity"],
        technology_bias=data["ree_patents"] / data["labour_patents"],
        labour_varieties_given=data["labour_patents"],
    )


def levels(economy: Economy, technology: str, **shocks: object) -> Solution:
    """Equilibrium in levels at the (changed) primitives."""
    data = primitives(economy)
    if technology == "mobile-effort":
        data["research_effort"] = data["research_effort"].sum("sector")
    return solve(system(technology, False).bind(data, shocks, ELEMENTS))


def baseline(economy: Economy, solution: Solution) -> xr.Dataset:
    """The observed baseline of a levels equilibrium, REE in units of the world price."""
    data = primitives(economy)
    out = data.drop_vars(["ree_endowment"]).assign({k: solution[k] for k in OBSERVED})
    return out.assign(ree_endowment=data["ree_endowment"] * float(solution["world_ree_price"]))


def ratio_error(hats: Solution, old: Solution, new: Solution) -> dict[str, float]:
    """Largest gap between each hat and the ratio of the two level solutions; new levels against levels."""
    unit = {"ree_exports": float(old["world_ree_price"])}  # the baseline price of REE is 1 in the hats
    out = {}
    for key in map(str, new.variables):
        if key not in hats.variables:
            continue
        level = hats[key].attrs["role"] == "new"
        want = new[key] * unit.get(key, 1.0) if level else new[key] / old[key]
        out[key] = float(np.abs(hats[key] - want).max())
    return out
