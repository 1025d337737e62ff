"""Shocks that any trade model can be tried on, from a mild one to the end of trade."""

from __future__ import annotations

import numpy as np
import xarray as xr

from framework import Problem, ScenarioError, System
from framework.symbols import Declaration, Kind

#: Name -> what it does.
SHOCKS = {
    "tariff+10%": "ten percentage points more on every tariff between two regions",
    "one-x10": "trade costs of the first region tenfold, in both directions",
    "one-x100": "the same a hundredfold",
    "all-x10": "trade costs between all regions tenfold",
    "all-x100": "the same a hundredfold",
}
TRANSFERS = "deficit"
"""Key of fixed transfers between regions; they are zero where trade costs rise tenfold and more.

A transfer is paid in goods: near autarky a fixed one has no equilibrium, and what a solver finds says nothing.
"""


def build(system: System, data: xr.Dataset, name: str) -> dict[str, xr.DataArray]:
    """Return one of `SHOCKS` as new values by key; where trade costs rise, transfers are gone.

    Trade costs and tariffs are found by declaration: exogenous quantities over two aliases of one set, a tariff
    declared as a level, a trade cost as a ratio.

    Raises
    ------
    ScenarioError
        If the model has no such quantity.
    """
    before = system.bind(data).unshocked
    tariff = name == "tariff+10%"
    decl = _bilateral(system, level=tariff)
    old = before.bound.values[decl.symbol]
    if tariff:
        return {decl.key: _labelled(before, decl, old + 0.1 * _abroad(before, decl))}
    which, _, factor = name.partition("-x")
    moved = _abroad(before, decl)
    if which == "one":
        first, second = _pair(decl)
        at = np.indices(moved.shape)
        moved = moved * ((at[first] == 0) | (at[second] == 0))
    shocks = {decl.key: _labelled(before, decl, old * float(factor) ** moved)}
    for transfer in system.inputs:
        if transfer.key == TRANSFERS and transfer.kind is Kind.EXOGENOUS:
            shocks[TRANSFERS] = _labelled(before, transfer, 0 * before.bound.values[transfer.symbol])
    return shocks


def available(system: System) -> tuple[list[str], str]:
    """Return the shocks that a model has the quantities for, and a sentence on those it has not."""
    possible, why = [], []
    for name in SHOCKS:
        try:
            _bilateral(system, level=name == "tariff+10%")
            possible.append(name)
        except ScenarioError as error:
            why.append(str(error))
    return possible, "; ".join(dict.fromkeys(why))


def _bilateral(system: System, *, level: bool) -> Declaration:
    what = "tariff" if level else "trade cost"
    found = [
        d
        for d in system.inputs
        if d.kind is Kind.EXOGENOUS and d.level == level and len(set(d.roots)) < len(d.roots)
    ]
    if not found:
        kind = "a level" if level else "no level"
        raise ScenarioError(
            f"model '{system.model.name}' has no {what}: no exogenous quantity over two aliases of one set "
            f"(importer, exporter) that is declared as {kind}"
        )
    return next((d for d in found if d.key == what.replace(" ", "_")), found[0])


def _pair(decl: Declaration) -> tuple[int, int]:
    """Positions of the two dims that run over the same set."""
    root = next(r for r in decl.roots if decl.roots.count(r) > 1)
    first = decl.roots.index(root)
    return first, decl.roots.index(root, first + 1)


def _abroad(problem: Problem, decl: Declaration) -> np.ndarray:
    """1 between two members of the set, 0 within one."""
    first, second = _pair(decl)
    at = np.indices([problem.sizes[r] for r in decl.roots])
    return (at[first] != at[second]).astype(float)


def _labelled(problem: Problem, decl: Declaration, values: np.ndarray) -> xr.DataArray:
    coords = {d.name: problem.bound.labels[d.root] for d in decl.dims}
    return xr.DataArray(values, coords, decl.dim_names)
