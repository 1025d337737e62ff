"""A user's panel: read from Parquet, CSV or Stata, and checked once for all regressions on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from framework.errors import DataError, did_you_mean

SUFFIXES = {
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".csv": "CSV",
    ".tsv": "CSV",
    ".gz": "CSV",
    ".dta": "Stata",
}
SHOWN = 3
"""Cases that a message gives as examples."""


@dataclass(frozen=True)
class Panel:
    """Rows identified by a unit and a year; made by `read_panel` or `make_panel`.

    Attributes
    ----------
    frame : pd.DataFrame
        All columns, in the order of the file; the parts of the unit as text, the year as an integer.
    unit : tuple of str
        Columns that identify a unit, for instance region and industry.
    time : str
        Column of the year.
    source : str
        Name of the file, for messages.
    data : str
        What the data are, from the file's own metadata; empty if it does not say.
    """

    frame: pd.DataFrame
    unit: tuple[str, ...]
    time: str
    source: str = "panel"
    data: str = ""
    _numbers: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    _labels: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, repr=False, compare=False)
    _texts: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    _groups: dict[tuple[str, ...], np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns that identify a row: the unit, then the year."""
        return (*self.unit, self.time)

    @cached_property
    def years(self) -> np.ndarray:
        """Year of every row."""
        return self.frame[self.time].to_numpy()

    def years_of(self, rows: np.ndarray) -> list[int]:
        """Return the years of some rows, each once and in order."""
        first = int(self.years.min())
        return (first + np.flatnonzero(np.bincount(self.years[rows] - first))).tolist()

    @cached_property
    def units(self) -> np.ndarray:
        """Number of the unit of every row, from zero in the order of first appearance."""
        return self.groups(self.unit)

    def require(self, column: str, what: str = "column") -> None:
        """Raise a `DataError` that suggests the nearest name if the panel has no such column."""
        if column not in self.frame.columns:
            columns = [str(c) for c in self.frame.columns]
            raise DataError(
                f"{self.source}: the panel has no column '{column}' ({what}).{did_you_mean(column, columns)} "
                f"It has: {', '.join(columns)}."
            )

    def require_years(self, years: Iterable[int], what: str) -> None:
        """Raise a `DataError` if the panel has no row of one of these years."""
        known = set(np.unique(self.years).tolist())
        if absent := [y for y in years if y not in known]:
            raise DataError(
                f"{self.source}: the panel has no row of {_some(absent)} ({what}); it has "
                f"{min(known)}-{max(known)}{self._gaps_shown()}."
            )

    def numbers(self, column: str, what: str = "column") -> np.ndarray:
        """Return a column as floats; NaN where a cell is empty.

        Raises
        ------
        DataError
            There is no such column, or it holds text that is no number.
        """
        if column not in self._numbers:
            self.require(column, what)
            values = self.frame[column]
            if not pd.api.types.is_numeric_dtype(values):
                numeric = pd.to_numeric(values.astype(object), errors="coerce")
                wrong = (numeric.isna() & values.notna()).to_numpy()
                if wrong.any():
                    first = values[wrong].iloc[0]
                    raise DataError(
                        f"{self.source}: column '{column}' holds text where numbers belong: {wrong.sum():,} "
                        f"cells, the first '{first}' in {self.rows_shown(wrong)}; correct them, or leave a "
                        "missing value empty."
                    )
                values = numeric
            plain = isinstance(values.dtype, np.dtype)
            self._numbers[column] = (
                values.to_numpy(float) if plain else values.to_numpy(float, na_value=np.nan)
            )
        return self._numbers[column]

    def labels(self, column: str, what: str = "column") -> tuple[np.ndarray, np.ndarray]:
        """Return a column as numbers of labels, -1 where a cell is empty, and the labels as text."""
        if column not in self._labels:
            self.require(column, what)
            values = self.frame[column]
            if isinstance(values.dtype, pd.CategoricalDtype):
                codes, known = values.cat.codes.to_numpy().astype(np.int64), values.cat.categories
            else:
                codes, known = pd.factorize(values)
            self._labels[column] = codes, np.array([_label(v) for v in known], dtype=object)
        return self._labels[column]

    def label_at(self, column: str, row: int) -> str:
        """Return the label of one row."""
        codes, labels = self.labels(column)
        return str(labels[codes[row]])

    def text(self, column: str, what: str = "column") -> pd.api.extensions.ExtensionArray:
        """Return a column as an array of text, missing where a cell is empty."""
        if column not in self._texts:
            codes, labels = self.labels(column, what)
            self._texts[column] = pd.array(labels, dtype="string").take(codes, allow_fill=True)
        return self._texts[column]

    def groups(self, columns: Iterable[str], rows: np.ndarray | None = None) -> np.ndarray:
        """Return the number of the combination of labels of every row, from zero in the order of first appearance."""
        columns = tuple(columns)
        if columns not in self._groups:
            group = np.zeros(len(self), dtype=np.int64)
            for column in columns:
                codes, labels = self.labels(column)
                group = pd.factorize(group * (len(labels) + 1) + codes)[0].astype(np.int64)
            self._groups[columns] = group
        whole = self._groups[columns]
        return whole if rows is None else pd.factorize(whole[rows])[0].astype(np.int64)

    @staticmethod
    def first_rows(groups: np.ndarray) -> np.ndarray:
        """Return the first row of every group of `groups`."""
        return np.flatnonzero(np.diff(np.maximum.accumulate(groups), prepend=-1))

    def having(self, column: str, labels: Iterable[object], what: str) -> np.ndarray:
        """Return True for the rows with one of these labels in a column.

        Raises
        ------
        DataError
            A label is nowhere in the column; the message suggests the nearest.
        """
        wanted = [_label(v) for v in labels]
        codes, known = self.labels(column, what)
        present = sorted(known[np.unique(codes[codes >= 0])].tolist())
        for label in wanted:
            if label not in present:
                raise DataError(
                    f"{self.source}: {what} names '{label}', which is nowhere in '{column}'."
                    f"{did_you_mean(label, present, wanted)} It holds: {_some(present, 12)}."
                )
        return np.append(np.isin(known, wanted), False)[codes]

    def lagged(self, values: np.ndarray, periods: int) -> np.ndarray:
        """Return the values of the same unit `periods` years earlier, NaN where there is no such row."""
        year = self.years.astype(np.int64)
        span = int(year.max() - year.min()) + periods + 1
        key = self.units.astype(np.int64) * span + (year - year.min())
        order = np.argsort(key, kind="stable")
        sought = key - periods
        place = np.minimum(np.searchsorted(key[order], sought), len(key) - 1)
        found = (key[order][place] == sought) & (year - periods >= year.min())
        return np.where(found, values[order][place], np.nan)

    def by_unit(self, values: np.ndarray, statistic: str) -> np.ndarray:
        """Return a statistic of each unit's values (pandas' name for it), for every row."""
        return pd.Series(values).groupby(self.units).transform(statistic).to_numpy()

    def changing(self, values: np.ndarray) -> np.ndarray:
        """Return True for the rows of units whose values are not the same in all years."""
        order = np.argsort(self.units, kind="stable")
        unit, value = self.units[order], values[order]
        same = (value[1:] == value[:-1]) | (np.isnan(value[1:]) & np.isnan(value[:-1]))
        changes = unit[1:][(unit[1:] == unit[:-1]) & ~same]
        if not len(changes):
            return np.zeros(len(values), dtype=bool)
        return np.isin(self.units, changes)

    def rows_shown(self, rows: np.ndarray) -> str:
        """Name some rows by their keys: ``(USA, 3691, 2010), (USA, 3691, 2011) and 4 more``."""
        places = np.flatnonzero(rows)
        shown = self.frame[[*self.keys]].iloc[places[:SHOWN]]
        names = [f"({', '.join(map(str, row))})" for row in shown.itertuples(index=False)]
        more = f" and {len(places) - SHOWN:,} more" if len(places) > SHOWN else ""
        return ", ".join(names) + more

    @cached_property
    def missing_years(self) -> list[int]:
        """Years between the first and the last of which the panel has no row."""
        first = int(self.years.min())
        return [first + int(k) for k in np.flatnonzero(np.bincount(self.years - first) == 0)]

    @cached_property
    def units_with_gaps(self) -> int:
        """Number of units that lack a year between their first and their last, beyond the missing years."""
        offset = self.years - self.years.min()
        rank = (np.cumsum(np.bincount(offset) > 0) - 1)[offset]
        first = np.full(self.units.max() + 1, np.iinfo(np.int64).max)
        last = np.full(self.units.max() + 1, -1)
        np.minimum.at(first, self.units, rank)
        np.maximum.at(last, self.units, rank)
        return int((np.bincount(self.units) < last - first + 1).sum())

    def _gaps_shown(self) -> str:
        return f" without {_some(self.missing_years)}" if self.missing_years else ""


def read_panel(path: str | Path, unit: Iterable[str], time: str = "year") -> Panel:
    """Read a panel from a Parquet, CSV (also tab-separated or gzipped) or Stata file.

    The parts of the unit are read as text, so that codes keep their zeros and ``NA`` is a label; elsewhere in
    a CSV file the usual marks of a missing value are understood.

    Raises
    ------
    DataError
        The file cannot be read, or see `make_panel`.
    """
    path, unit = Path(path), tuple(unit)
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise DataError(
            f"'{path.name}' is no panel that can be read: save it as .parquet, .csv, .tsv, .csv.gz or .dta."
        )
    try:
        if kind == "Parquet":
            frame = pd.read_parquet(path)
        elif kind == "Stata":
            frame = pd.read_stata(path, convert_categoricals=True)
        else:
            frame = _read_csv(path, unit)
    except FileNotFoundError as error:
        raise DataError(f"the panel '{path}' does not exist; correct the path.") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"'{path.name}' is not UTF-8 (byte {error.object[error.start]:#04x} at {error.start}); convert it, from Latin-1 for "
            f"instance: iconv -f latin1 -t UTF-8 {path.name} > utf8-{path.name}"
        ) from error
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"'{path.name}' cannot be read as {kind}: {reason}.") from error
    return make_panel(frame, unit, time, path.name)


def make_panel(frame: pd.DataFrame, unit: Iterable[str], time: str = "year", source: str = "panel") -> Panel:
    """Check a table and return it as a panel.

    Raises
    ------
    DataError
        The table is empty, a key column is absent or has empty cells, the year is no whole number, or two
        rows have the same key.
    """
    unit = tuple(unit)
    label = str(frame.attrs.get("data", ""))
    panel = Panel(frame.reset_index(drop=True), unit, time, source, label)
    if frame.columns.duplicated().any():
        twice = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"{source}: column '{twice}' is there more than once; rename one.")
    for column in panel.keys:
        panel.require(column, "key of the panel")
    if frame.empty:
        raise DataError(f"{source}: the panel has no rows.")
    for column in panel.keys:
        empty = panel.labels(column)[0] < 0 if column in unit else panel.frame[column].isna().to_numpy()
        if empty.any():
            lines = _some((np.flatnonzero(empty) + 1).tolist())
            raise DataError(
                f"{source}: key column '{column}' is empty in {empty.sum():,} rows (row {lines}); fill or delete them."
            )
    texts = {column: panel.text(column) for column in unit}
    checked = panel.frame.assign(**texts, **{time: _years(panel)})
    labels = {column: panel.labels(column) for column in unit}
    panel = Panel(checked, unit, time, source, label, _labels=labels, _texts=texts)
    _require_unique(panel)
    return panel


def _read_csv(path: Path, unit: tuple[str, ...]) -> pd.DataFrame:
    """Read a CSV file; the parts of the unit as text in which only an empty cell is missing."""
    separator = "\t" if ".tsv" in path.suffixes else ","
    header = pd.read_csv(path, sep=separator, nrows=0, encoding="utf-8-sig").columns
    if len(header) == 1 and (found := next((x for x in ";\t|," if x in header[0]), None)):
        raise DataError(
            f"'{path.name}' has one column, '{header[0]}': its cells are separated by {found!r}. Separate them by commas, "
            "with decimal points, or by tabs in a .tsv file."
        )
    usual = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "."]
    marks = {c: [""] if c in unit else usual for c in header}
    types = {c: "str" for c in unit if c in header}
    return pd.read_csv(
        path, sep=separator, dtype=types, na_values=marks, keep_default_na=False,
        encoding="utf-8-sig", low_memory=False,
    )  # fmt: skip


def _years(panel: Panel) -> np.ndarray:
    """Return the column of the year as integers."""
    values = panel.frame[panel.time]
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "iu":
        return values.to_numpy(np.int64)
    if pd.api.types.is_datetime64_any_dtype(values):
        return values.dt.year.to_numpy(np.int64)
    years = panel.numbers(panel.time, "year of the panel")
    wrong = years != np.round(years)
    if wrong.any():
        raise DataError(
            f"{panel.source}: column '{panel.time}' holds {years[wrong][0]:g} in row "
            f"{int(np.flatnonzero(wrong)[0]) + 1}, which is no year."
        )
    return years.astype(np.int64)


def _require_unique(panel: Panel) -> None:
    """Raise if two rows have the same key."""
    key = panel.units.astype(np.int64) * (int(np.ptp(panel.years)) + 1) + panel.years - panel.years.min()
    repeated = pd.Series(key).duplicated(keep=False).to_numpy()
    if repeated.any():
        later = pd.Series(key).duplicated().to_numpy()
        raise DataError(
            f"{panel.source}: the key ({', '.join(panel.keys)}) is not unique: {repeated.sum():,} rows share "
            f"{len(np.unique(key[repeated])):,} keys, for instance {panel.rows_shown(later)}; aggregate the rows, or "
            "add the column that tells them apart to 'unit'."
        )


def _label(value: object) -> str:
    """Write a label as text: a whole number without a decimal point."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _some(values: list, most: int = SHOWN) -> str:
    """List the first values, and say how many more there are."""
    more = f" and {len(values) - most:,} more" if len(values) > most else ""
    return ", ".join(map(str, values[:most])) + more
