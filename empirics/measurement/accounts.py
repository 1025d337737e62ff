"""Input-output accounts of one country: use, make, final demand and value added, as read from BEA's tables.

A dataset of accounts has, in million USD at producers' prices,

============== ========================= ======================================================
variable       dims                      content
============== ========================= ======================================================
use            commodity, industry       intermediate use, domestic plus imported
final_demand   commodity, category       final use; imports (`IMPORTS`) are negative
make           industry, commodity       domestic output
value_added    component, industry       compensation, taxes less subsidies, operating surplus
============== ========================= ======================================================

so that use plus final demand of a commodity is its domestic output, and use plus value added of an industry is its
output. Commodities and industries are two lists: some commodities have no industry of their own, and the reverse.
"""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import openpyxl
import xarray as xr

from empirics.shipped import official_folder
from framework.errors import DataError, did_you_mean

IMPORTS = "F05000"
SURPLUS = "V00300"
ROUNDING = "rounding"

#: Largest gap of a row or column that may be rounding to whole millions; BEA's tables of 2012 reach 22 and 11.
ROUNDING_LIMIT = 30.0

COMPACT = "bea2012_detail.npz"
WORKBOOKS = (
    "IOUse_After_Redefinitions_PRO_2007_2012_Detail.xlsx",
    "IOMake_After_Redefinitions_2007_2012_Detail.xlsx",
)
SOURCE = "U.S. Bureau of Economic Analysis, 2012 benchmark input-output accounts, detail, after redefinitions"
NEEDED = (
    f"BEA's detail tables of 2012 after redefinitions, either the workbooks {WORKBOOKS[0]} and {WORKBOOKS[1]} (sheet "
    f"2012; on bea.gov under Input-Output Accounts, All Tables), or the compact file {COMPACT}, in a folder or its "
    "subfolder 'bea2012' that --data or the environment variable EXACTHAT_DATA names"
)


def accounts_dataset(
    use: np.ndarray,
    final_demand: np.ndarray,
    make: np.ndarray,
    value_added: np.ndarray,
    labels: dict[str, list[str]],
    source: str,
) -> xr.Dataset:
    """Put arrays into the form of this module and check them.

    Parameters
    ----------
    use, final_demand, make, value_added : np.ndarray
        Million USD, in the dims of the module's table.
    labels : dict
        Labels of ``commodity``, ``industry``, ``category`` and ``component``.
    source : str

    Raises
    ------
    DataError
        Repeated labels, a value that is not finite, a negative output, no imports column or no operating surplus.
    """
    for dim, names in labels.items():
        repeated = {x for x in names if names.count(x) > 1}
        if repeated:
            raise DataError(
                f"dim '{dim}' holds the label '{min(repeated)}' more than once; labels are unique."
            )
    accounts = xr.Dataset(
        {
            "use": (("commodity", "industry"), np.asarray(use, dtype=float)),
            "final_demand": (("commodity", "category"), np.asarray(final_demand, dtype=float)),
            "make": (("industry", "commodity"), np.asarray(make, dtype=float)),
            "value_added": (("component", "industry"), np.asarray(value_added, dtype=float)),
        },
        coords={dim: (dim, np.array(names, dtype=object)) for dim, names in labels.items()},
        attrs={"source": source, "units": "million USD"},
    )
    for name, array in accounts.data_vars.items():
        finite = array.copy(data=np.isfinite(array.values))
        if not finite.all():
            raise DataError(f"'{name}' has no finite value at {first_cell(~finite)}; fill the cell.")
    if bool((accounts["make"] < 0).any()):
        raise DataError(
            f"'make' is negative at {first_cell(accounts['make'] < 0)}; output cannot be negative."
        )
    require(accounts, "category", IMPORTS)
    require(accounts, "component", SURPLUS)
    return accounts


def first_cell(where: xr.DataArray) -> str:
    """Return the labels of the first cell that is true, as ``commodity '325180', industry '335911'``."""
    place = np.argwhere(where.values)[0]
    cell = zip(where.dims, place, strict=True)
    return ", ".join(f"{dim} '{where[dim].values[k]}'" for dim, k in cell)


def require(accounts: xr.Dataset, dim: str, label: str) -> None:
    """Raise `DataError` unless the accounts have this label."""
    known = [str(x) for x in accounts[dim].values]
    if label not in known:
        raise DataError(
            f"the accounts have no {dim} '{label}'.{did_you_mean(label, known)} Use the detail tables of 2012."
        )


def commodity_output(accounts: xr.Dataset) -> xr.DataArray:
    """Domestic output by commodity, million USD, dims (commodity)."""
    return accounts["make"].sum("industry")


def industry_output(accounts: xr.Dataset) -> xr.DataArray:
    """Output by industry, million USD, dims (industry)."""
    return accounts["make"].sum("commodity")


def row_gap(accounts: xr.Dataset) -> xr.DataArray:
    """Output less use and final demand, by commodity, million USD."""
    return (
        commodity_output(accounts)
        - accounts["use"].sum("industry")
        - accounts["final_demand"].sum("category")
    )


def column_gap(accounts: xr.Dataset) -> xr.DataArray:
    """Output less use and value added, by industry, million USD."""
    return (
        industry_output(accounts)
        - accounts["use"].sum("commodity")
        - accounts["value_added"].sum("component")
    )


def relative_gaps(accounts: xr.Dataset) -> tuple[float, float]:
    """Largest gap of a row and of a column, relative to the sum of the absolute values in it."""
    rows = abs(accounts["use"]).sum("industry") + abs(accounts["final_demand"]).sum("category")
    columns = abs(accounts["use"]).sum("commodity") + abs(accounts["value_added"]).sum("component")
    tiny = np.finfo(float).tiny
    row = abs(row_gap(accounts)) / np.maximum(rows + commodity_output(accounts), tiny)
    column = abs(column_gap(accounts)) / np.maximum(columns + industry_output(accounts), tiny)
    return float(row.max()), float(column.max())


def show_rounding(accounts: xr.Dataset, limit: float = ROUNDING_LIMIT) -> xr.Dataset:
    """Return accounts that balance exactly, with the gaps of rounding in a category and a component of their own.

    Parameters
    ----------
    accounts : xr.Dataset
    limit : float
        Largest gap of a row or column that is taken for rounding, million USD.

    Raises
    ------
    DataError
        If a row or column does not balance within the limit.
    """
    row, column = row_gap(accounts), column_gap(accounts)
    for gap, sides in ((row, "final demand"), (column, "value added")):
        if float(abs(gap).max()) > limit:
            worst = str(gap[gap.dims[0]].values[int(abs(gap.values).argmax())])
            raise DataError(
                f"{gap.dims[0]} '{worst}' does not balance: output less use less {sides} is "
                f"{float(gap.sel({gap.dims[0]: worst})):.1f} million USD, more than rounding ({limit:g}); correct the table."
            )
    final = xr.concat([accounts["final_demand"], row.expand_dims(category=[ROUNDING])], "category")
    added = xr.concat([accounts["value_added"], column.expand_dims(component=[ROUNDING])], "component")
    rest = accounts.drop_vars(["final_demand", "value_added", "category", "component"])
    return rest.assign(
        final_demand=final.transpose("commodity", "category"),
        value_added=added.transpose("component", "industry"),
    )


def read_accounts(data: str | Path | None = None) -> xr.Dataset:
    """Read BEA's detail accounts of 2012, after redefinitions.

    Parameters
    ----------
    data : str or Path, optional
        Folder with the official workbooks or the compact file, or a folder whose subfolder ``bea2012`` has them; by
        default the environment variable EXACTHAT_DATA.

    Raises
    ------
    DataError
        If the tables are not there, or do not have the expected layout.
    """
    folder = official_folder(data)
    if folder is None:
        raise DataError(f"the input-output accounts are not shipped. Needed: {NEEDED}.")
    files = _find(folder)
    if not files:
        raise DataError(f"'{folder}' does not hold the input-output accounts. Needed: {NEEDED}.")
    return read_workbooks(files[0], files[1]) if len(files) == len(WORKBOOKS) else read_compact(files[0])


def has_accounts(folder: Path | None) -> bool:
    """Whether a folder holds the tables that `read_accounts` needs."""
    return folder is not None and bool(_find(folder))


def _find(folder: Path) -> list[Path]:
    """Return the use and make workbooks, else the compact file, else nothing."""
    for names in (WORKBOOKS, (COMPACT,)):
        for place in (folder / "bea2012", folder):
            files = [place / name for name in names]
            if all(file.is_file() for file in files):
                return files
    return []


def read_compact(path: str | Path) -> xr.Dataset:
    """Read the compact file: arrays of the same tables, with their codes.

    Raises
    ------
    DataError
        If the file cannot be read or lacks an array.
    """
    try:
        with np.load(path) as file:
            codes = {
                dim: [str(x) for x in file[key]]
                for dim, key in (
                    ("commodity", "commodities"),
                    ("industry", "industries"),
                    ("category", "fd_codes"),
                    ("component", "va_codes"),
                )
            }
            arrays = [file[f"{key}_AfterRedef"] for key in ("use", "fd", "make", "va")]
    except (OSError, ValueError, BadZipFile) as error:
        raise DataError(f"'{path}' cannot be read as a compact file of accounts ({error}).") from error
    except KeyError as error:
        raise DataError(f"'{path}' is not a compact file of accounts: {error.args[0]}") from error
    return accounts_dataset(*arrays, labels=codes, source=f"{SOURCE}; compact file {Path(path).name}")


def read_workbooks(use: str | Path, make: str | Path, sheet: str = "2012") -> xr.Dataset:
    """Read the official detail workbooks of the use and the make table.

    Both have codes in column A and, in the row whose column A says ``Code``, from column C on. Totals (codes that
    start with T) are left out; an empty cell is zero.

    Raises
    ------
    DataError
        If a sheet is missing or has another layout, or the two workbooks list different codes.
    """
    rows, columns, values = _code_table(Path(use), sheet)
    commodities, components = _until_total(rows), [x for x in rows if x.startswith("V")]
    industries, categories = _until_total(columns), [x for x in columns if x.startswith("F")]
    made_by, made, output = _code_table(Path(make), sheet)
    for ours, theirs, what in (
        (industries, _until_total(made_by), "industry"),
        (commodities, _until_total(made), "commodity"),
    ):
        if ours != theirs:
            label = sorted(set(ours) ^ set(theirs)) or [f"order from '{ours[0]}'"]
            raise DataError(
                f"'{use}' and '{make}' differ in {what} '{label[0]}'; take both workbooks from the same release."
            )
    n, m = len(commodities), len(industries)
    final = [columns.index(x) for x in categories]
    added = [rows.index(x) for x in components]
    return accounts_dataset(
        values[:n, :m],
        values[:n, final],
        output[:m, :n],
        values[added, :m],
        labels={
            "commodity": commodities,
            "industry": industries,
            "category": categories,
            "component": components,
        },
        source=f"{SOURCE}; workbooks {Path(use).name}, {Path(make).name}",
    )


def _until_total(codes: list[str]) -> list[str]:
    """Return the codes before the first total (a code T and three digits)."""
    stop = next((i for i, x in enumerate(codes) if len(x) == 4 and x.startswith("T")), len(codes))
    return codes[:stop]


def _code_table(path: Path, sheet: str) -> tuple[list[str], list[str], np.ndarray]:
    """Return row codes, column codes and values of a detail workbook."""
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (OSError, BadZipFile, KeyError) as error:
        raise DataError(f"'{path}' cannot be read as a workbook ({error}).") from error
    if sheet not in book.sheetnames:
        raise DataError(f"'{path}' has no sheet '{sheet}'; it has: {', '.join(book.sheetnames)}.")
    cells = [list(row) for row in book[sheet].iter_rows(values_only=True)]
    book.close()
    head = next((i for i, row in enumerate(cells[:20]) if str(row[0]).strip().lower() == "code"), None)
    if head is None:
        raise DataError(
            f"'{path}', sheet '{sheet}': no row has 'Code' in column A; take BEA's detail workbook."
        )
    columns = [str(x).strip() for x in cells[head][2:] if x is not None]
    body = [row for row in cells[head + 1 :] if row[0] is not None and row[1] is not None]
    values = np.zeros((len(body), len(columns)))
    for i, row in enumerate(body):
        for j, value in enumerate(row[2 : 2 + len(columns)]):
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise DataError(
                    f"'{path}', sheet '{sheet}': row '{row[0]}', column '{columns[j]}' holds {value!r}, which is "
                    "not a number; correct the cell."
                )
            values[i, j] = value
    return [str(row[0]).strip() for row in body], columns, values
