"""Reading of published tables: one way to open a file, to check its columns, and to turn long tables into panels."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from empirics.observations import place, require_columns
from framework.errors import DataError, did_you_mean


def read_text_table(path: str | Path, header: bool = True) -> pd.DataFrame:
    """Read a CSV, Parquet or Stata file; the cells of a CSV file stay text, so that no code loses its zeros.

    Raises
    ------
    DataError
        If the file is missing, empty or not in its format.
    """
    path = Path(path)
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if path.suffix == ".dta":
            return pd.read_stata(path, convert_categoricals=False)
        # utf-8-sig: files of statistical offices often begin with a byte-order mark.
        return pd.read_csv(
            path,
            dtype=str,
            keep_default_na=False,
            header=0 if header else None,
            encoding="utf-8-sig",
            skipinitialspace=True,
        )
    except (OSError, ValueError) as error:
        raise DataError(f"'{path}' cannot be read as {path.suffix or 'CSV'} ({error}).") from error


def first_line(path: str | Path) -> list[str]:
    """Return the cells of the first line of a CSV file."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            line = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"'{path}' cannot be read as CSV ({error}).") from error
    if not any(cell.strip() for cell in line):
        raise DataError(f"'{path}' is empty or begins with an empty line; take the file as it was published.")
    return [cell.strip() for cell in line]


def numbers_of(table: pd.DataFrame, column: str, missing: Sequence[str], where: str) -> pd.Series:
    """Return a column of text as floats, NaN where it is one of the marks of a missing value.

    Raises
    ------
    DataError
        If a cell is neither a number nor a mark of a missing value.
    """
    text = table[column].astype("string").str.strip()
    empty = text.isna() | text.isin(list(missing))
    values = pd.to_numeric(text.mask(empty), errors="coerce").astype("float64")
    wrong = (values.isna() & ~empty).fillna(False)
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise DataError(
            f"{where}, row {row + 1}: '{column}' is '{text.iloc[row]}', which is not a number; correct the cell."
        )
    return values


def whole_numbers_of(table: pd.DataFrame, column: str, where: str) -> pd.Series:
    """Return a column of text as integers.

    Raises
    ------
    DataError
        If a cell is not a whole number.
    """
    values = numbers_of(table, column, (), where)
    wrong = values.isna() | (values % 1 != 0)
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise DataError(
            f"{where}, row {row + 1}: '{column}' is '{table[column].iloc[row]}', which is not a whole number."
        )
    return values.astype("int64")


def spread(table: pd.DataFrame, variables: Mapping[str, str], keys: Sequence[str]) -> pd.DataFrame:
    """Turn a long table, as `read_indstat` and `read_stan` give it, into a panel with one column a variable.

    Parameters
    ----------
    table : pd.DataFrame
        Columns `keys`, ``variable`` and ``value``.
    variables : mapping of str to str
        Name of each column to be made, to the variable it holds.
    keys : sequence of str
        Columns that identify an observation, such as country, industry and year.

    Returns
    -------
    pd.DataFrame
        Columns `keys` and `variables`; NaN where an observation lacks one of the variables.

    Raises
    ------
    DataError
        If a column or variable is not there, or a variable is there twice for an observation.
    """
    require_columns(list(table.columns), [*keys, "variable", "value"], "the table")
    known = sorted(map(str, table["variable"].unique()))
    for variable in variables.values():
        if variable not in known:
            raise DataError(
                f"the table has no variable '{variable}'.{did_you_mean(variable, known)} It has: {', '.join(known)}."
            )
    chosen = table[table["variable"].isin(list(variables.values()))]
    labels = chosen[[*keys, "variable"]]
    twice = labels.duplicated()
    if twice.any():
        raise DataError(
            f"{place(labels, twice)} is there more than once; keep one series, for instance one definition, unit or price base."
        )
    wide = chosen.set_index([*keys, "variable"])["value"].unstack("variable")
    return pd.DataFrame({name: wide[variable] for name, variable in variables.items()}).reset_index()
