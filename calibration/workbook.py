"""The official workbook of WIOD release 2013, ``wiotYY_row_*.xlsx`` (one sheet a year, ``WIOT_2009`` say).

Layout read, rows and columns counted as in a spreadsheet:

==================== =====================================================================================
cells                content
==================== =====================================================================================
A1                   title that ends in the year
A4                   unit, ``(millions of US$)``
rows 3 to 6, from E  industry code, industry name, country, column number of every column
columns A to D, from the same four labels of every row
row 7
column numbers       ``c1`` .. ``c35`` for the industries of each country in turn, then ``c37 c38 c39 c41 c42``
                     (households, NPISH, government, fixed capital formation, inventories) of each country,
                     then one column of totals
row numbers          ``c1`` .. ``c35`` of each country, then ``r60`` (total intermediate consumption), taxes less
                     subsidies, adjustments, ``Value added at basic prices``, international transport margins,
                     and last ``r69`` (output at basic prices)
==================== =====================================================================================

Nothing is taken by position without checking its label: a sheet that differs is an error that names the cell. Fewer
countries or industries are accepted. The layout was taken from public programs that read these files; the project's tests
read a small synthetic sheet in it. A full workbook takes about 25 seconds (most of it in openpyxl).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import openpyxl
import xarray as xr
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from calibration.wiod import CATEGORIES, table_dataset
from framework.errors import DataError

FIRST_ROW, FIRST_COLUMN = 7, 5
INDUSTRY = re.compile(r"c([1-9]|[12]\d|3[0-5])$")
FINAL = ("c37", "c38", "c39", "c41", "c42")
VALUE_ADDED = "value added at basic prices"


class _Sheet:
    """The cells of one sheet, addressed from 1 as in the spreadsheet, with errors that name the cell."""

    def __init__(self, path: Path) -> None:
        try:
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        except (OSError, KeyError, BadZipFile, InvalidFileException) as error:
            raise DataError(f"'{path}' cannot be read as a workbook ({error}).") from error
        sheet = book.worksheets[0]
        self.name = f"'{path.name}', sheet '{sheet.title}'"
        self.rows: list[tuple[Any, ...]] = list(sheet.iter_rows(values_only=True))
        book.close()
        self.height = len(self.rows)
        self.width = max((len(r) for r in self.rows), default=0)
        if self.height < FIRST_ROW or self.width < FIRST_COLUMN:
            raise DataError(
                f"{self.name}: {self.height} rows and {self.width} columns are too few for a WIOD table."
            )

    def text(self, row: int, column: int) -> str:
        cells = self.rows[row - 1]
        value = cells[column - 1] if column <= len(cells) else None
        return "" if value is None else str(value).strip()

    def fail(self, row: int, column: int, why: str) -> DataError:
        return DataError(f"{self.name}, cell {get_column_letter(column)}{row}: {why}")

    def numbers(self, rows: range, columns: range, blank: float | None) -> np.ndarray:
        """Return a block as floats; an empty or non-numeric cell is an error unless ``blank`` gives a value."""
        out = np.empty((len(rows), len(columns)))
        for i, row in enumerate(rows):
            cells = self.rows[row - 1]
            for j, column in enumerate(columns):
                value = cells[column - 1] if column <= len(cells) else None
                if value is None and blank is not None:
                    value = blank
                if isinstance(value, bool) or not isinstance(value, (int, float)):
                    shown = "is empty" if value is None else f"holds {value!r}, which is not a number"
                    fix = (
                        "; pass blank=0.0 if an empty cell means zero"
                        if value is None
                        else "; correct the cell"
                    )
                    raise self.fail(row, column, shown + fix)
                out[i, j] = value
        return out


def read_workbook(path: str | Path, *, blank: float | None = None) -> xr.Dataset:
    """Read an official workbook of WIOD release 2013.

    Parameters
    ----------
    path : str or Path
    blank : float, optional
        Value of empty cells; by default an empty cell is an error.

    Returns
    -------
    xr.Dataset
        World input-output table with, besides the variables of `calibration.wiod`, ``value_added`` at basic prices and
        ``taxes_and_margins`` (all other rows between ``r60`` and ``r69``), dims (region, sector).

    Raises
    ------
    DataError
        If the sheet does not have the layout of this module: with the cell, what it holds and what was expected.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(
            f"'{path}' is not a file; give the path of an official WIOD workbook (wiotYY_*.xlsx)."
        )
    sheet = _Sheet(path)
    year = re.search(r"(19|20)\d\d$", sheet.text(1, 1))
    if not year:
        raise sheet.fail(1, 1, f"holds '{sheet.text(1, 1)}'; expected a title that ends in the year")
    if "million" not in sheet.text(4, 1).lower():
        raise sheet.fail(4, 1, f"holds '{sheet.text(4, 1)}'; expected the unit '(millions of US$)'")
    regions, sectors, names = _industries(sheet)
    n, s = len(regions), len(sectors)
    rows = range(FIRST_ROW, FIRST_ROW + n * s)
    columns = range(FIRST_COLUMN, FIRST_COLUMN + n * s)
    uses = _final_columns(sheet, regions, columns.stop)
    added_row, output_row = _bottom_rows(sheet, rows.stop)
    output = sheet.numbers(range(output_row, output_row + 1), columns, blank)[0]
    totals = sheet.numbers(rows, range(uses.stop, uses.stop + 1), blank)[:, 0]
    gap = np.abs(totals - output) > 1e-6 * np.maximum(np.abs(output), 1.0)
    if gap.any():
        row = FIRST_ROW + int(np.argmax(gap))
        raise sheet.fail(
            row, uses.stop, "total of the row differs from the industry's output in row r69; correct one"
        )
    between = sheet.numbers(range(rows.stop + 1, output_row), columns, blank)
    added = between[added_row - rows.stop - 1]
    table = table_dataset(
        sheet.numbers(rows, columns, blank).reshape(n, s, n, s),
        sheet.numbers(rows, uses, blank).reshape(n, s, n, len(FINAL)),
        output.reshape(n, s),
        regions,
        sectors,
        categories=list(CATEGORIES),
        year=int(year.group()),
        source=f"WIOD release 2013, official workbook {path.name}",
    ).assign_coords(sector_name=("sector", names))
    table["value_added"] = ("region", "sector"), added.reshape(n, s)
    table["taxes_and_margins"] = ("region", "sector"), (between.sum(axis=0) - added).reshape(n, s)
    return table


def _industries(sheet: _Sheet) -> tuple[list[str], list[str], list[str]]:
    """Return countries, industry codes and names, having checked that rows and columns carry the same ones."""
    count = 0
    while FIRST_ROW + count <= sheet.height and INDUSTRY.match(sheet.text(FIRST_ROW + count, 4)):
        count += 1
    if not count:
        raise sheet.fail(FIRST_ROW, 4, f"holds '{sheet.text(FIRST_ROW, 4)}'; expected the row number 'c1'")
    labels = [tuple(sheet.text(FIRST_ROW + i, c) for c in (1, 2, 3, 4)) for i in range(count)]
    for i, label in enumerate(labels):
        for part, (row, what) in enumerate(((3, "code"), (4, "name"), (5, "country"), (6, "number"))):
            found = sheet.text(row, FIRST_COLUMN + i)
            if found != label[part]:
                expected = f"expected the {what} '{label[part]}' of row {FIRST_ROW + i}"
                raise sheet.fail(row, FIRST_COLUMN + i, f"holds '{found}'; {expected}")
    regions = list(dict.fromkeys(x[2] for x in labels))
    size = next((i for i, x in enumerate(labels) if x[2] != labels[0][2]), count)
    for i, label in enumerate(labels):
        first, region = labels[i % size], regions[min(i // size, len(regions) - 1)]
        if label[2] != region or (label[0], label[3]) != (first[0], first[3]):
            raise sheet.fail(
                FIRST_ROW + i,
                3,
                f"row is {label[2]} {label[0]} ({label[3]}); expected {region} {first[0]} ({first[3]}): "
                "every country lists the same industries in the same order",
            )
    if count != size * len(regions):
        raise sheet.fail(
            FIRST_ROW + count, 3, f"country '{labels[-1][2]}' has fewer industries than '{labels[0][2]}'"
        )
    return regions, [x[0] for x in labels[:size]], [x[1] for x in labels[:size]]


def _final_columns(sheet: _Sheet, regions: list[str], first: int) -> range:
    """Return the columns of final use, having checked country and column number of each, and that a total follows."""
    for k, (region, number) in enumerate((r, c) for r in regions for c in FINAL):
        found = sheet.text(5, first + k), sheet.text(6, first + k)
        if found != (region, number):
            raise sheet.fail(
                6, first + k, f"column is {found[0]} {found[1]}; expected final use {region} {number}"
            )
    stop = first + len(regions) * len(FINAL)
    if stop > sheet.width or sheet.text(6, stop) in FINAL:
        raise sheet.fail(
            6, stop, "expected one column of totals after final use, and nothing of a further country"
        )
    return range(first, stop)


def _bottom_rows(sheet: _Sheet, first: int) -> tuple[int, int]:
    """Return the rows of value added and of output, below the industries."""
    if first > sheet.height or sheet.text(first, 4) != "r60":
        found = sheet.text(first, 4) if first <= sheet.height else ""
        raise sheet.fail(
            first, 4, f"holds '{found}'; expected 'r60', total intermediate consumption, below the industries"
        )
    numbers = {sheet.text(r, 4): r for r in range(first, sheet.height + 1)}
    if "r69" not in numbers:
        raise sheet.fail(sheet.height, 4, "no row 'r69' (output at basic prices) below the industries")
    names = {sheet.text(r, 2).lower(): r for r in range(first + 1, numbers["r69"])}
    if VALUE_ADDED not in names:
        raise sheet.fail(first + 1, 2, "no row 'Value added at basic prices' between r60 and r69")
    return names[VALUE_ADDED], numbers["r69"]
