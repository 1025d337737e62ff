"""Levels before and after, where the baseline data hold the level of every outcome, as a social accounting matrix does."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from exacthat.display import acronyms, is_ratio, number
from exacthat.summary import Table, case_dims
from framework.symbols import Kind

if TYPE_CHECKING:
    from framework import Model

MEASURES = ("before", "after", "percent_change")
FILE = "levels.csv"
DIGITS = 5
MOST_ROWS = 100
"""Values of a variable up to which a table to read lists them."""


def levels(outcomes: xr.Dataset, model: Model, baseline: xr.Dataset) -> xr.Dataset:
    """Return the level of every outcome before and after.

    Parameters
    ----------
    outcomes : xarray.Dataset
        Outcomes over (scenario, variant groups, own dims): ratios new over base, or new levels.
    model : Model
        In levels; its symbols give units.
    baseline : xarray.Dataset
        Baseline data.

    Returns
    -------
    xarray.Dataset
        For each outcome ``KEY`` that the data hold, ``KEY_before`` over its own dims and ``KEY_after`` as the outcome,
        both with the attributes ``level_of`` and ``symbol``. Empty if the data lack the level of any variable.
    """
    declared = {d.key: d for d in model.symbols.values()}
    if any(d.key not in baseline for d in model.of_kind(Kind.VARIABLE)):
        return xr.Dataset()
    out = {}
    for key, array in outcomes.items():
        if key not in baseline or key not in declared:
            continue
        decl, before = declared[str(key)], baseline[key].astype(float)
        after = array * before if is_ratio(array) else array
        about = {"level_of": str(key), "symbol": decl.symbol, "units": decl.unit}
        out[f"{key}_before"] = before.assign_attrs(about, long_name=f"{decl.name} before")
        out[f"{key}_after"] = after.transpose(*array.dims).assign_attrs(about, long_name=f"{decl.name} after")
    return xr.Dataset(out)


def has_levels(results: xr.Dataset) -> bool:
    """Return True if results hold levels before and after."""
    return any("level_of" in array.attrs for array in results.values())


def levels_frame(results: xr.Dataset) -> pd.DataFrame:
    """Return one row for each case, outcome and label.

    Returns
    -------
    pandas.DataFrame
        Columns: the case (scenario, variant groups), symbol, variable, one column for each dim of any outcome (empty
        where an outcome does not have it), unit, before, after, percent_change (missing where before is zero).
    """
    cases = case_dims(results)
    keys = [
        str(a.attrs["level_of"])
        for k, a in results.items()
        if str(k).endswith("_before") and "level_of" in a.attrs
    ]
    own = list(dict.fromkeys(str(d) for key in keys for d in results[key].dims if d not in cases))
    parts = []
    for key in keys:
        after = results[f"{key}_after"]
        before = results[f"{key}_before"].broadcast_like(after).transpose(*after.dims)
        dims = [str(d) for d in after.dims]
        labels = list(itertools.product(*(after[d].values.tolist() for d in dims)))
        part = pd.DataFrame(labels, columns=dims)
        part["symbol"], part["variable"], part["unit"] = after.attrs["symbol"], key, after.attrs["units"]
        part["before"], part["after"] = before.values.ravel(), after.values.ravel()
        parts.append(part)
    frame = pd.concat(parts, ignore_index=True)
    old = frame["before"].where(frame["before"] != 0)
    frame["percent_change"] = 100 * (frame["after"] - old) / old.abs()
    order = [*cases, "symbol", "variable", *own, "unit", *MEASURES]
    return frame.sort_values(cases, key=_position(results), kind="stable")[order].reset_index(drop=True)


def _position(results: xr.Dataset):
    """Order of the labels of a case: that of the results."""
    return lambda column: column.map(
        {label: k for k, label in enumerate(results[column.name].values.tolist())}
    )


def levels_tables(results: xr.Dataset, scenario: str) -> list[Table]:
    """Return the levels before and after in one scenario, one table for each variant, to read.

    A variable of many values has one row that says where they are.
    """
    frame = levels_frame(results)
    frame = frame[frame["scenario"] == scenario]
    groups = case_dims(results)[1:]
    dims = [
        c for c in frame.columns if c not in {"scenario", *groups, "symbol", "variable", "unit", *MEASURES}
    ]
    tables = []
    for variant, part in frame.groupby(groups, sort=False) if groups else [((), frame)]:
        rows = []
        for symbol, cells in part.groupby("symbol", sort=False):
            if len(cells) > MOST_ROWS:
                name = acronyms(cells["variable"].iloc[0])
                rows.append((f"{symbol}  {name}, {len(cells)} values", ["", f"in {FILE}", ""]))
                continue
            for row in cells.to_dict("records"):
                values = [_cell(row["before"]), _cell(row["after"]), _cell(row["percent_change"], 4)]
                rows.append((_name(row, dims), values))
        title = ", ".join([scenario, *map(str, variant)])
        tables.append(Table(title, "variable", [("", ["before", "after", "percent change"])], rows))
    return tables


def _name(row: dict, dims: list[str]) -> str:
    at = ", ".join(str(row[d]) for d in dims if isinstance(row[d], str))
    return f"{row['symbol']}{f'[{at}]' if at else ''}  {acronyms(row['variable'])}"


def _cell(value: float, digits: int = DIGITS) -> str:
    if np.isnan(value):
        return "\N{EN DASH}"
    return "0" if abs(value) < 1e-8 else number(value, digits)
