"""Tables by name or path: the shipped benchmark, and the tables of a folder of official data."""

from __future__ import annotations

import os
import re
from importlib import resources
from pathlib import Path

import xarray as xr

from calibration.io_table import aggregate, redefine_output, require_table
from calibration.labels import DATA, region_concordance, sector_concordance
from calibration.wiod import read_compact
from calibration.workbook import read_workbook
from framework.errors import DataError, did_you_mean

SHIPPED = {"wiod2009-5x14": "wiod2009_5x14.nc"}
YEARS = range(2007, 2012)
CAVEATS = (
    "The full table that this one is made from holds integers truncated towards zero, so that its rows fall short of published "
    "output; output is therefore redefined as sales. Value added is output less inputs and includes net product taxes and "
    "international transport margins on inputs. Final use is at basic prices and includes inventory changes. The order of the "
    "final-use categories is WIOD's standard order, inferred from the totals."
)


def table_names() -> list[str]:
    """Return the names that `load_table` knows; all but those of the shipped year need a folder of data."""
    official = [f"wiod{year}-{size}" for year in YEARS for size in ("5x14", "5x2", "41x35")]
    return [*SHIPPED, *(n for n in official if n not in SHIPPED)]


def read_wiod(path: str | Path) -> xr.Dataset:
    """Read a table of WIOD release 2013: an official workbook (.xlsx) or a compact file (.npz).

    Raises
    ------
    DataError
        If the file is of neither kind, or does not have the expected content.
    """
    readers = {".xlsx": read_workbook, ".npz": read_compact}
    suffix = Path(path).suffix.lower()
    if suffix not in readers:
        raise DataError(
            f"'{path}' is neither a workbook (.xlsx) nor a compact file (.npz) of WIOD release 2013."
        )
    return readers[suffix](path)


def benchmark(table: xr.Dataset) -> xr.Dataset:
    """Return the 5 x 14 benchmark of a full WIOD table: aggregated, with output redefined as sales."""
    small = redefine_output(aggregate(table, region_concordance(), sector_concordance()))
    note = f"Changes made: {small.attrs['aggregation']}; {small.attrs['output_redefined']}."
    small.attrs["title"] += ", 5 regions x 14 sectors"
    return small.assign_attrs(changes=note, caveats=CAVEATS)


def goods_and_services(table: xr.Dataset) -> xr.Dataset:
    """Return a table of two sectors: services, and goods, which are all others."""
    small = aggregate(
        table,
        {str(r): str(r) for r in table.region.values},
        {str(s): "Services" if s == "Services" else "Goods" for s in table.sector.values},
    )
    note = f"{table.attrs['changes']} Then to goods and services."
    return small.assign_attrs(
        title=table.attrs["title"].replace("14 sectors", "2 sectors"),
        changes=note,
        aggregation=f"{table.attrs['aggregation']}, then to goods and services",
    )


def load_table(name: str | Path, data: str | Path | None = None) -> xr.Dataset:
    """Load a world input-output table by name or path.

    Parameters
    ----------
    name : str or Path
        ``"wiod2009-5x14"`` is shipped, and ``"wiod2009-5x2"``, goods and services, is made from it. ``"wiodYYYY-5x14"``,
        ``"wiodYYYY-5x2"`` and ``"wiodYYYY-41x35"`` (2007 to 2011) are made from the compact
        files in ``data``, with output redefined as sales. A path may end in .nc, .npz or .xlsx and is read as it is.
    data : str or Path, optional
        Folder that holds ``wiodYYYY_full.npz``, or a subfolder ``wiod`` with it; by default the environment variable
        EXACTHAT_DATA.

    Raises
    ------
    DataError
        If the name is unknown, or the data are not there.
    """
    name = str(name)
    if name in SHIPPED:
        with resources.as_file(DATA / SHIPPED[name]) as path:
            return xr.load_dataset(path, engine="h5netcdf")
    if name.endswith("-5x2") and name in table_names():
        return goods_and_services(load_table(name.replace("-5x2", "-5x14"), data))
    if name in table_names():
        return make_table(name, data)
    path = Path(name)
    if path.suffix.lower() not in (".nc", ".npz", ".xlsx"):
        hint = did_you_mean(name, table_names())
        raise DataError(
            f"unknown table '{name}'.{hint} {_known_tables()}; or give a path that ends in .nc, .npz or .xlsx."
        )
    if not path.is_file():
        raise DataError(
            f"there is no file '{path}'; give the path of a table, or its name. {_known_tables()}."
        )
    if path.suffix.lower() == ".nc":
        try:
            return require_table(xr.load_dataset(path, engine="h5netcdf"))
        except (OSError, ValueError) as error:
            raise DataError(f"'{path}' cannot be read as netCDF ({error}).") from error
    return read_wiod(path)


def _known_tables() -> str:
    """Names of tables, those that need no other file first."""
    here = [*SHIPPED, *(name.replace("-5x14", "-5x2") for name in SHIPPED)]
    official = ", ".join(name for name in table_names() if name not in here)
    return f"Known tables: {', '.join(here)}; with the official data (EXACTHAT_DATA, or data=) {official}"


def make_table(name: str, data: str | Path | None = None) -> xr.Dataset:
    """Make a named table from the compact files, also where it is shipped; see `load_table`."""
    year, size = re.findall(r"wiod(\d{4})-(\w+)", name)[0]
    table = read_compact(_official(f"wiod{year}_full.npz", name, data))
    return benchmark(table) if size == "5x14" else redefine_output(table)


def _official(file: str, name: str, data: str | Path | None) -> Path:
    folder = data if data is not None else os.environ.get("EXACTHAT_DATA")
    if folder is None:
        shipped = ", ".join(SHIPPED)
        raise DataError(
            f"table '{name}' is made from {file}, which is not shipped; set EXACTHAT_DATA to the folder that holds it, or pass "
            f"data=. Shipped: {shipped}."
        )
    for path in (Path(folder) / "wiod" / file, Path(folder) / file):
        if path.is_file():
            return path
    raise DataError(
        f"table '{name}' is made from {file}, which is neither in '{folder}' nor in its subfolder 'wiod'."
    )


def write_table(table: xr.Dataset, path: str | Path) -> None:
    """Write a table as compressed netCDF."""
    encoding = {name: {"zlib": True, "complevel": 9, "shuffle": True} for name in table.data_vars}
    table.to_netcdf(path, engine="h5netcdf", encoding=encoding)
