"""Sensitivity of a sector to the supply of rare earths, from its total requirements, and its variants.

Units, inferred from the slides' magnitudes: requirements in 10^-3 $ per $, the index of complementarity scaled to 0-1. A
coefficient of a regression of growth rates is in percentage points per unit of this; the PPML table uses the sensitivity
divided by `PPML_DIVISOR`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from empirics.shipped import shipped_table
from framework.errors import DataError, did_you_mean

REQUIREMENT_UNIT = 1e-3
INDEX_MAXIMUM = 100.0
PPML_DIVISOR = 100.0


def complementarity() -> xr.DataArray:
    """Index of complementarity by element, 0 (a perfect substitute exists) to 100 (none), dims (element); unverified."""
    table = shipped_table("ree_complementarity.csv").set_index("element").complementarity
    attrs = {
        "long_name": "index of complementarity",
        "units": "0-100",
        "source": "attributed to Graedel et al. 2015 (PNAS)",
        "unverified_complementarity": "the values were not checked against the paper",
    }
    return xr.DataArray(
        table.to_numpy(float), {"element": table.index.to_numpy(object)}, "element", attrs=attrs
    )


def sensitivity(requirements: xr.DataArray, index: xr.DataArray | None = None) -> xr.DataArray:
    """Sum over elements of total requirement times complementarity.

    Parameters
    ----------
    requirements : xr.DataArray
        $ per $, with dim ``element``.
    index : xr.DataArray, optional
        0 to 100 by element; by default `complementarity`.

    Returns
    -------
    xr.DataArray
        In 10^-3 $ per $, weighted by an index of 0 to 1; its attributes say so.

    Raises
    ------
    DataError
        If an element has no index, or an index is outside 0 to 100.
    """
    chosen = complementarity() if index is None else index
    scaled = (chosen / INDEX_MAXIMUM).assign_attrs(chosen.attrs)
    return _weighted(requirements, scaled, "index of complementarity, 0-1", 1.0)


def price_sensitivity(requirements: xr.DataArray, spike: xr.DataArray) -> xr.DataArray:
    """Sum over elements of total requirement times the country's price spike.

    Parameters
    ----------
    requirements : xr.DataArray
        $ per $, with dim ``element``.
    spike : xr.DataArray
        Price after over price before the shock, with dim ``element`` and as a rule ``country``.
    """
    return _weighted(requirements, spike, "price spike, new over old", np.inf)


def import_sensitivity(requirements: xr.DataArray, china_share: xr.DataArray) -> xr.DataArray:
    """Sum over elements of total requirement times the share of imports from China before the shock.

    Parameters
    ----------
    requirements : xr.DataArray
        $ per $, with dim ``element``.
    china_share : xr.DataArray
        0 to 1, with dim ``element`` and as a rule ``country``.
    """
    return _weighted(requirements, china_share, "share of imports from China, 0-1", 1.0)


def _weighted(requirements: xr.DataArray, weights: xr.DataArray, what: str, maximum: float) -> xr.DataArray:
    """Sum of requirements times weights over the elements, after checking the weights."""
    for element in map(str, requirements["element"].values):
        known = weights["element"].values
        if element not in known:
            raise DataError(
                f"element '{element}' is required but has no {what}.{did_you_mean(element, known, requirements['element'].values)}"
            )
    chosen = weights.sel(element=requirements["element"])
    wrong = ~((chosen >= 0) & (chosen <= maximum) & np.isfinite(chosen))
    if bool(wrong.any()):
        place = np.argwhere(wrong.values)[0]
        labels = [str(wrong[d].values[k]) for d, k in zip(wrong.dims, place, strict=True)]
        raise DataError(
            f"the {what} of {', '.join(labels)} is {float(chosen.values[tuple(place)]):g}; it must be between 0 and {maximum:g}."
        )
    out = (requirements / REQUIREMENT_UNIT * chosen).sum("element")
    return out.assign_attrs(
        weights.attrs,
        long_name="REE sensitivity",
        units="10^-3 USD per USD, weighted",
        scale=f"total requirements in {REQUIREMENT_UNIT:g} USD per USD times {what}",
        ppml_divisor=PPML_DIVISOR,
    )


def read_by_country(path: str | Path, value: str) -> xr.DataArray:
    """Read values by element and country, such as price spikes or import shares, from a CSV file.

    Parameters
    ----------
    path : str or Path
        Columns ``element``, ``country`` and `value`; every pair once.
    value : str
        Name of the column of values.

    Returns
    -------
    xr.DataArray
        dims (element, country).

    Raises
    ------
    DataError
        If the file cannot be read, a column is missing, a value is not a number, or a pair is missing or repeated.
    """
    try:
        table = pd.read_csv(path, comment="#", dtype={"element": str, "country": str}, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DataError(f"'{path}' cannot be read as CSV ({error}).") from error
    for column in ("element", "country", value):
        if column not in table:
            raise DataError(
                f"'{path}' has no column '{column}'.{did_you_mean(column, map(str, table.columns), ['element', 'country', value])}"
            )
    keys = table[["element", "country"]]
    if keys.duplicated().any():
        pair = keys[keys.duplicated()].iloc[0]
        raise DataError(f"'{path}' has element '{pair.element}', country '{pair.country}' more than once.")
    numbers = pd.to_numeric(table[value], errors="coerce")
    if numbers.isna().any():
        row = int(numbers.isna().to_numpy().argmax())
        raise DataError(
            f"'{path}': '{value}' of element '{keys.element[row]}', country '{keys.country[row]}' is "
            f"'{table[value][row]}', which is not a number."
        )
    wide = pd.Series(numbers.to_numpy(), pd.MultiIndex.from_frame(keys)).unstack()
    if wide.isna().any(axis=None):
        element, country = wide.isna().stack().idxmax()
        raise DataError(f"'{path}' has no row for element '{element}', country '{country}'; add it.")
    return xr.DataArray(wide, dims=("element", "country"), name=value)
