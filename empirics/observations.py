"""Panels of units and years: checked, in order, and each observation beside the one before it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast, get_args

import numpy as np
import pandas as pd
import xarray as xr

from framework.errors import DataError, did_you_mean

Panel: TypeAlias = pd.DataFrame | xr.Dataset

#: What becomes of an observation with a missing value: an error, or the list of exclusions.
Missing: TypeAlias = Literal["error", "exclude"]

#: What becomes of a change over more than one year: it is divided by the years, listed as an exclusion, or an error.
Gap: TypeAlias = Literal["annualise", "exclude", "error"]


@dataclass(frozen=True)
class Checked:
    """Observations that passed, and those that were left out.

    Attributes
    ----------
    table : pd.DataFrame
        One row an observation, in order of unit and year.
    excluded : pd.DataFrame
        The unit and year of each observation that was left out, and the ``reason``.
    """

    table: pd.DataFrame
    excluded: pd.DataFrame


def observations(
    panel: Panel, values: Sequence[str], unit: Sequence[str], year: str = "year", missing: Missing = "error"
) -> Checked:
    """Check a panel and bring it in order.

    Parameters
    ----------
    panel : pd.DataFrame or xr.Dataset
        One row an observation; or a dataset whose dims are `unit` and `year`, in which a cell without any value is no
        observation.
    values : sequence of str
        Columns of numbers that are needed; other columns of a DataFrame are dropped.
    unit : sequence of str
        Columns that identify a unit, such as region and sector.
    year : str
        Column of calendar years.
    missing : {"error", "exclude"}

    Raises
    ------
    DataError
        If a column is missing, a label is missing, a year is no whole number, a value is no finite number, an observation is
        there twice, no observation is left, or a value is missing and `missing` is ``"error"``.
    """
    known_option(missing, "missing", Missing)
    unit = [unit] if isinstance(unit, str) else list(unit)
    values = list(dict.fromkeys(values))
    frame = _frame(panel, values, [*unit, year])
    keys = frame[[*unit, year]]
    if keys.isna().any(axis=None):
        row, column = np.argwhere(keys.isna().to_numpy())[0]
        raise DataError(
            f"row {row + 1} of the panel has no '{keys.columns[column]}'; give every row its labels."
        )
    frame[year] = _years(frame[year])
    for name in values:
        frame[name] = numbers(frame, name, [*unit, year])
    twice = frame.duplicated([*unit, year])
    if twice.any():
        raise DataError(
            f"the panel has {place(frame[[*unit, year]], twice)} more than once; keep one row, or add the column that tells "
            "them apart to unit=."
        )
    gone = frame[values].isna()
    if gone.any(axis=None) and missing == "error":
        row, column = np.argwhere(gone.to_numpy())[0]
        raise DataError(
            f"'{values[column]}' is missing for {place(frame[[*unit, year]], gone.any(axis=1))} ({int(gone.any(axis=1).sum())} "
            "such observations); fill them, or pass missing='exclude' to leave them out and list them."
        )
    lost = gone.any(axis=1)
    reasons = [f"{', '.join(gone.columns[g])} missing" for g in gone[lost].to_numpy()]
    excluded = exclusions(frame[lost], [*unit, year], reasons)
    table = frame[~lost].sort_values([*unit, year], ignore_index=True)
    if table.empty:
        raise DataError(f"the panel has no observation with a value of {', '.join(values)}.")
    return Checked(table, excluded)


def changes(checked: Checked, values: Sequence[str], unit: Sequence[str], year: str, gap: Gap) -> Checked:
    """Put beside each observation the values of the same unit's previous one.

    Returns
    -------
    Checked
        Columns `unit`, `year`, ``previous_year``, `values`, and for each value ``previous_<value>``; no row for the first
        observation of a unit. A unit with a single observation is listed as excluded, and so is a change over more than a
        year if `gap` says so.

    Raises
    ------
    DataError
        If years lack in between and `gap` is ``"error"``.
    """
    known_option(gap, "gap", Gap)
    unit = [unit] if isinstance(unit, str) else list(unit)
    table = checked.table[[*unit, year, *values]]
    groups = table.groupby(unit, observed=True, sort=False)
    before = groups[[year, *values]].shift().add_prefix("previous_")
    before = before.rename(columns={f"previous_{year}": "previous_year"})
    alone = groups[year].transform("size") == 1
    joined = pd.concat([table, before], axis=1)
    span = joined[year] - joined["previous_year"]
    if gap == "error" and (span > 1).any():
        first = joined[span > 1].iloc[0]
        raise DataError(
            f"{place(joined[unit], span > 1)} has no observation between {first['previous_year']:.0f} and {first[year]}; add the "
            "years, or pass gap='annualise' to divide the change by the years, or gap='exclude' to list it."
        )
    apart = (span > 1) & (gap == "exclude")
    reasons = [f"previous observation is of {before:.0f}" for before in joined.loc[apart, "previous_year"]]
    excluded = [
        checked.excluded,
        exclusions(joined[alone], [*unit, year], ["only observation of its unit"] * int(alone.sum())),
        exclusions(joined[apart], [*unit, year], reasons),
    ]
    out = joined[span.notna() & ~apart].reset_index(drop=True)
    return Checked(out.astype({"previous_year": "int64"}), stacked(excluded))


def exclusions(rows: pd.DataFrame, keys: Sequence[str], reasons: Sequence[str]) -> pd.DataFrame:
    """Return a list of exclusions: columns `keys` and ``reason``."""
    return (
        rows[list(keys)].assign(reason=pd.Series(list(reasons), rows.index, dtype=str)).reset_index(drop=True)
    )


def stacked(lists: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return lists of exclusions as one."""
    filled = [x for x in lists if len(x)] or [lists[0]]
    return pd.concat(filled, ignore_index=True)


def numbers(frame: pd.DataFrame, name: str, keys: Sequence[str]) -> pd.Series:
    """Return a column as floats, NaN where it is empty.

    Raises
    ------
    DataError
        If a value is text or not finite; the error names the row by the columns `keys`.
    """
    column = frame[name]
    values = cast(pd.Series, pd.to_numeric(column, errors="coerce")).astype("float64")
    text = values.isna() & column.notna()
    for wrong, fault in ((text, "which is not a number"), (np.isinf(values), "which is not finite")):
        if wrong.any():
            raise DataError(
                f"'{name}' of {place(frame[list(keys)], wrong)} is '{column[wrong].iloc[0]}', {fault}; correct it."
            )
    return values


def place(keys: pd.DataFrame, where: pd.Series) -> str:
    """Return the labels of the first row that is true, as ``sector 'a', year '2005'``."""
    row = keys[where.to_numpy()].iloc[0]
    return ", ".join(f"{name} '{label}'" for name, label in row.items())


def require_columns(columns: Sequence[Hashable], needed: Sequence[str], what: str) -> None:
    """Raise `DataError` unless all needed columns are there."""
    for name in needed:
        if name not in columns:
            raise DataError(
                f"{what} has no column '{name}'.{did_you_mean(name, map(str, columns), needed)} It has: {', '.join(map(str, columns))}."
            )


def known_option(value: str, option: str, allowed: object) -> None:
    """Raise `DataError` unless the value is one of a `Literal`'s."""
    known = get_args(allowed)
    if value not in known:
        raise DataError(
            f"{option}='{value}' is not known.{did_you_mean(value, known)} It may be: {', '.join(known)}."
        )


def _frame(panel: Panel, values: list[str], keys: list[str]) -> pd.DataFrame:
    """Return the needed columns of a panel as a new DataFrame."""
    if not isinstance(panel, xr.Dataset):
        require_columns(list(panel.columns), [*keys, *values], "the panel")
        return panel[[*keys, *values]].reset_index(drop=True)
    require_columns(list(panel.data_vars), values, "the dataset")
    chosen = panel[values]
    if set(chosen.dims) != set(keys):
        raise DataError(
            f"the dataset has the dims {', '.join(map(str, chosen.dims))}, but unit= and year= name {', '.join(keys)}; select, "
            "stack or rename dims until they are the same."
        )
    frame = chosen.to_dataframe().reset_index()[[*keys, *values]]
    return frame.dropna(how="all", subset=values).reset_index(drop=True)


def _years(column: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = ~(
        np.isfinite(numbers.to_numpy(float, na_value=np.nan))
        & (numbers.to_numpy(float, na_value=np.nan) % 1 == 0)
    )
    if wrong.any():
        raise DataError(
            f"'{column.name}' is '{column[wrong].iloc[0]}' in row {wrong.argmax() + 1}, which is no calendar year."
        )
    return numbers.astype("int64")
