"""How results are shown everywhere: names, changes in percent, significant digits, variants side by side."""

from __future__ import annotations

import json
import math

import xarray as xr

from framework.symbols import PER_YEAR, RATE

RESOLUTION = 1e-8
"""Percent below which a change is shown as zero: the accuracy of a certified solution."""

RATIO = "new/base"
"""Unit of outcomes that are given as the new value over the baseline value."""

ACRONYMS = {"gdp": "GDP", "ree": "REE", "armington": "Armington"}


def acronyms(name: str) -> str:
    """Write a name or a key as words: ``ree_price`` is "REE price"."""
    return " ".join(ACRONYMS.get(word, word) for word in name.replace("_", " ").split())


def long_name(array: xr.DataArray) -> str:
    """Return the readable name of an outcome."""
    return acronyms(str(array.attrs.get("long_name") or array.name))


def is_ratio(array: xr.DataArray) -> bool:
    """Return True for an outcome that is new over base."""
    return array.attrs.get("units") == RATIO


def percent(values: xr.DataArray) -> xr.DataArray:
    """Change in percent of a ratio new over base, or of a quantity that is in percent already."""
    return values if values.attrs.get("units") == "percent" else 100 * (values - 1)


def unit_shown(array: xr.DataArray) -> str:
    """Return the unit in which `shown` gives an outcome."""
    unit = str(array.attrs.get("units", ""))
    words = {RATIO: "percent change", RATE: "percent ad valorem", PER_YEAR: "percent per year"}
    return words.get(unit, unit)


def shown(array: xr.DataArray) -> xr.DataArray:
    """Values to show: changes in percent for ratios, percent for rates, levels for everything else."""
    if array.attrs.get("units") in (RATE, PER_YEAR):
        return 100 * array
    return percent(array) if is_ratio(array) else array


def heading(array: xr.DataArray) -> str:
    """Name of an outcome with the unit in which it is shown."""
    return ", ".join(filter(None, [long_name(array), unit_shown(array)]))


def by_variant(values: xr.DataArray, results: xr.Dataset) -> xr.DataArray:
    """Put every variant group into one leading dim ``variant``; its label is empty for a model without groups."""
    groups = json.loads(results.attrs["variant_groups"])
    if not groups:
        return values.expand_dims(variant=[""])
    stacked = values.stack(variant=groups)
    labels = [", ".join(label) for label in stacked.indexes["variant"]]
    return stacked.drop_vars(["variant", *groups]).assign_coords(variant=labels).transpose("variant", ...)


def number(value: float, digits: int = 3) -> str:
    """Write a number with a true minus sign and `digits` significant digits, without an exponent."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{value:.{decimals}f}".replace("-", "\N{MINUS SIGN}")
