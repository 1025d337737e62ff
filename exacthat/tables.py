"""Values of a scenario as labelled arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from framework.binding import TRADE_DIMS
from framework.errors import DataError, ScenarioError, did_you_mean
from framework.symbols import Declaration


def shock(value: Any, declaration: Declaration, data: xr.Dataset, place: str) -> xr.DataArray:
    """Return the new value of one quantity as an array over its dims.

    Parameters
    ----------
    value : float or dict
        A number for every cell, or numbers by label, nested once for each further dim; labels that are not
        named keep the baseline. A trade cost or tariff that is not given for a pair of regions by name leaves
        domestic trade as it is.
    declaration : Declaration
        The quantity: a level quantity is given as its new level, any other as new over baseline.
    data : xr.Dataset
        Baseline data, with the labels and the baseline levels.
    place : str
        Where the value stands, for messages.

    Raises
    ------
    ScenarioError
        A label that the data do not have, too many nested tables, or a ratio that is not positive.
    """
    base = before(declaration, data)
    out = fill(base, value, place)
    if set(TRADE_DIMS) <= set(declaration.dim_names):
        named = fill(xr.zeros_like(base, dtype=bool), _named_pairs(value, declaration.dim_names), place)
        domestic = out["importer"] == out["exporter"]
        out = out.where(named | ~domestic, base).transpose(*base.dims)
    if not declaration.level and not bool((out > 0).all()):
        raise ScenarioError(
            f"{place}: {declaration.key} is new over baseline and must be positive, not {float(out.min()):g}; the baseline "
            "is 1."
        )
    if declaration.lower is not None and bool((out < declaration.lower).any()):
        raise ScenarioError(
            f"{place}: {declaration.key} is {float(out.min()):g}, below its lower bound {declaration.lower:g}."
        )
    return out


def fill(base: xr.DataArray, value: Any, place: str) -> xr.DataArray:
    """Return a copy of `base` with the cells that `value` names replaced; see `shock`."""
    out = base.copy(deep=True)
    _fill(out, value, tuple(str(d) for d in base.dims), {}, place)
    return out


def _fill(array: xr.DataArray, value: Any, dims: tuple[str, ...], at: dict[str, str], place: str) -> None:
    if not isinstance(value, Mapping):
        array.loc[at] = value
        return
    if not dims:
        takes = (
            f"a table over ({', '.join(map(str, array.dims))}), nested less deep"
            if array.dims
            else "one number"
        )
        raise ScenarioError(
            f"{place}: the quantity takes {takes}, not a table by {', '.join(map(str, value))}."
        )
    labels = [str(x) for x in array.indexes[dims[0]]]
    for label, inner in value.items():
        if label not in labels:
            raise ScenarioError(
                f"{place}: {dims[0]} has no label '{label}'.{did_you_mean(label, labels, value)} "
                f"It has: {', '.join(labels)}."
            )
        _fill(array, inner, dims[1:], {**at, dims[0]: label}, place)


def _named_pairs(value: Any, dims: tuple[str, ...]) -> Any:
    """Return True where a table names both the importer and the exporter; the dims are in the table's order."""
    if isinstance(value, Mapping):
        return {label: _named_pairs(inner, dims[1:]) for label, inner in value.items()}
    return not set(TRADE_DIMS) & set(dims)


def before(declaration: Declaration, data: xr.Dataset) -> xr.DataArray:
    """Return the baseline of a quantity over its dims: its level (NaN where the data have none), or 1 for a ratio."""
    missing = [d for d in declaration.dim_names if d not in data.indexes]
    if missing:
        raise DataError(f"the data have no labels for dim '{missing[0]}', over which {declaration.key} runs.")
    labels = {d: data.indexes[d] for d in declaration.dim_names}
    ones = xr.DataArray(1.0, coords=labels, dims=declaration.dim_names)
    if not declaration.level:
        return ones
    default = declaration.default if isinstance(declaration.default, float | int) else float("nan")
    return (ones * data.get(declaration.key, default)).transpose(*declaration.dim_names)


def about(declaration: Declaration) -> dict[str, str]:
    """Return what the results say of a quantity."""
    return {
        "long_name": declaration.name,
        "units": declaration.unit,
        "description": declaration.description,
    }
