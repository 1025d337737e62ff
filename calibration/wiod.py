"""Readers of the World Input-Output Database, release 2013.

Every reader returns one dataset, a *world input-output table* in million current US dollars:

============== ============================================ ==================================================
variable       dims                                         meaning
============== ============================================ ==================================================
intermediate   exporter, input_sector, importer, sector     goods of (exporter, input_sector) used by industry
                                                            (importer, sector)
final          exporter, sector, importer, category         goods of (exporter, sector) in final use by importer
gross_output   region, sector                               gross output of the industry
============== ============================================ ==================================================

Source: Timmer, Dietzenbacher, Los, Stehrer and de Vries (2015), "An Illustrated User Guide to the World Input-Output
Database", Review of International Economics 23: 575-605.
"""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import xarray as xr

from framework.errors import DataError

CITATION = (
    "Timmer, Dietzenbacher, Los, Stehrer and de Vries (2015), An Illustrated User Guide to the World Input-Output Database, "
    "Review of International Economics 23: 575-605"
)
TERMS = (
    "CC BY 4.0 according to the record of WIOD release 2013 at DataverseNL, doi:10.34894/XDTAUZ "
    "(known second-hand; the page of release 2016 states CC BY 4.0)"
)
#: Final-use categories of release 2013, in the order of its columns c37, c38, c39, c41, c42.
CATEGORIES = (
    "Household final consumption",
    "NPISH final consumption",
    "Government final consumption",
    "Gross fixed capital formation",
    "Changes in inventories and valuables",
)
INVENTORIES = CATEGORIES[-1]


def table_dataset(
    intermediate: np.ndarray,
    final: np.ndarray,
    gross_output: np.ndarray,
    regions: list[str],
    sectors: list[str],
    *,
    categories: list[str] | None = None,
    year: int,
    source: str,
) -> xr.Dataset:
    """Assemble a world input-output table from arrays of shape (N, S, N, S), (N, S, N, C) and (N, S)."""
    categories = list(CATEGORIES) if categories is None else categories
    return xr.Dataset(
        {
            "intermediate": (("exporter", "input_sector", "importer", "sector"), intermediate),
            "final": (("exporter", "sector", "importer", "category"), final),
            "gross_output": (("region", "sector"), gross_output),
        },
        coords={
            "region": regions,
            "importer": regions,
            "exporter": regions,
            "sector": sectors,
            "input_sector": sectors,
            "category": categories,
        },
        attrs={
            "title": f"World input-output table {year}",
            "year": year,
            "unit": "million current US dollars",
            "source": source,
            "citation": CITATION,
            "terms": TERMS,
        },
    )


def read_compact(path: str | Path) -> xr.Dataset:
    """Read a compact file of release 2013 (``wiodYYYY_full.npz`` or ``wiodYYYY_5x14.npz``).

    The full files hold integers truncated towards zero, without value-added rows; see `calibration.redefine_output`.

    Raises
    ------
    DataError
        If the file is absent, is not an npz file, or lacks an array.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"'{path}' is not a file; give the path of a compact WIOD file (.npz).")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, TypeError, BadZipFile) as error:
        # numpy returns a bare array, without a context, for a file that holds only one.
        raise DataError(f"'{path}' cannot be read as an npz file ({error}).") from error
    full = "countries" in arrays
    final, where = (
        ("F", ["countries", "sector_codes", "sector_names"]) if full else ("F_cat", ["regions", "sectors"])
    )
    wanted = ["Z", final, "GO", "year", *where]
    missing = [n for n in wanted if n not in arrays]
    if missing:
        raise DataError(
            f"'{path}' lacks the array '{missing[0]}'; a compact WIOD file holds {', '.join(wanted)}."
        )
    regions = [str(r) for r in arrays[where[0]]]
    sectors = [str(s) for s in arrays[where[1]]]
    n, s = len(regions), len(sectors)
    sizes = {"Z": (n * s) ** 2, final: n * s * n * len(CATEGORIES), "GO": n * s}
    for name, size in sizes.items():
        if arrays[name].size != size:
            raise DataError(
                f"'{path}': array '{name}' holds {arrays[name].size} numbers; {n} regions and {s} sectors need {size}."
            )
    table = table_dataset(
        arrays["Z"].reshape(n, s, n, s).astype(float),
        arrays[final].reshape(n, s, n, len(CATEGORIES)).astype(float),
        arrays["GO"].reshape(n, s).astype(float),
        regions,
        sectors,
        year=int(arrays["year"]),
        source="WIOD release 2013, world input-output table in current prices"
        + (" (integers, truncated towards zero upstream)" if full else ", aggregated"),
    )
    if full:
        table = table.assign_coords(sector_name=("sector", [str(x) for x in arrays["sector_names"]]))
    return table
