"""All patents by region and year, which the sample of unrelated patents is scaled to."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import xarray as xr

from empirics.patents.tables import REGIONS
from framework.errors import DataError, did_you_mean

_NCSES = {
    "World -> Europe -> EU": "EUR",
    "World -> Europe -> Other Europe -> Norway": "EUR",
    "World -> Europe -> Other Europe -> Switzerland": "EUR",
    "World -> North America -> United States": "USA",
    "World -> North America -> Puerto Rico": "USA",
    "World -> Asia -> China": "CHN",
    "World -> Europe -> Other Europe -> Russia": "RUS",
    "World -> Asia -> South Korea": "KOR",
    "World -> Asia -> Japan": "JPN",
    "World -> Australia and Oceania -> Australia": "AUS",
}
_UNPLACED = "World -> Unclassified"


def read_totals(path: Path | str) -> xr.DataArray:
    """Read total patents by region, or by region and year.

    Parameters
    ----------
    path : Path
        A CSV with columns ``region`` (of the eight), ``patents`` and, if wanted, ``year``; or the Parquet file of the
        NCSES patent statistics (columns ``region_path``, ``field``, ``year``, ``patent_families``), of which patent
        families of all fields are taken: manufacturing cannot be told apart there. EUR is then the EU, Norway and
        Switzerland, and ROW is the world less the other seven regions and the unclassified families.

    Raises
    ------
    DataError
        The file does not exist, a column is missing, a region is not one of the eight, or a cell occurs twice.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"totals '{path}' do not exist.")
    if path.suffix == ".parquet":
        return _ncses(pd.read_parquet(path), path)
    table = pd.read_csv(path)
    for column in ("region", "patents"):
        if column not in table.columns:
            raise DataError(f"'{path}' has no column '{column}'.{did_you_mean(column, table.columns)}")
    if unknown := sorted(set(table["region"].astype(str)) - set(REGIONS)):
        raise DataError(f"'{path}': '{unknown[0]}' is not a region.{did_you_mean(unknown[0], REGIONS)}")
    keys = [column for column in ("region", "year") if column in table.columns]
    if table.duplicated(keys).any():
        raise DataError(f"'{path}' has a row twice for the same {' and '.join(keys)}.")
    try:
        return table.set_index(keys)["patents"].astype(float).to_xarray()
    except ValueError as error:
        raise DataError(f"'{path}': column 'patents' holds text ({error}).") from error


def _ncses(table: pd.DataFrame, path: Path) -> xr.DataArray:
    if lacking := {"region_path", "field", "year", "patent_families"} - set(table.columns):
        raise DataError(f"'{path}' is not the NCSES table; it has no column '{min(lacking)}'.")
    all_fields = table[table["field"] == "ALL FIELDS"]
    families = all_fields.pivot(index="region_path", columns="year", values="patent_families").astype(float)
    placed = families.loc[list(_NCSES)].groupby(list(_NCSES.values())).sum()
    placed.loc["ROW"] = families.loc["World"] - families.loc[_UNPLACED] - placed.sum()
    placed = placed.rename_axis("region").loc[list(REGIONS)]
    return xr.DataArray(placed, name="patents").assign_attrs(source="NSF/NCSES, patent families, all fields")
