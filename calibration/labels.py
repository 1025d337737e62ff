"""Labels: the same regions and sectors under each of their dimension names, and concordances between them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from functools import cache
from importlib import resources

import pandas as pd
import xarray as xr

from framework.errors import DataError, did_you_mean

#: Dimension names that hold the same labels; the first one present sets the order.
ALIASES = (("region", "importer", "exporter"), ("sector", "input_sector"))

DATA = resources.files("calibration") / "data"


@cache
def read_table(name: str) -> pd.DataFrame:
    """Read one of the small tables in ``calibration/data``; lines that start with # state its source."""
    with resources.as_file(DATA / name) as path:
        return pd.read_csv(path, comment="#", dtype={"wiod_code": str})


def region_concordance() -> dict[str, str]:
    """Return the 41 regions of WIOD release 2013 mapped to CHN, EU27, JPN, USA, ROW."""
    table = read_table("concordance_regions.csv")
    return dict(zip(table.wiod_country, table.region, strict=True))


def sector_concordance() -> dict[str, str]:
    """Return the 35 WIOD industries (by code) mapped to the 14 sectors of the rare-earth model."""
    table = read_table("concordance_sectors.csv")
    return dict(zip(table.wiod_code, table.sector, strict=True))


def sector_names() -> dict[str, str]:
    """Return the names of the 35 WIOD industries by code."""
    table = read_table("concordance_sectors.csv")
    return dict(zip(table.wiod_code, table.wiod_name, strict=True))


def require_same(
    found: Iterable[Hashable], wanted: Iterable[Hashable], found_in: str, wanted_in: str
) -> None:
    """Raise `DataError` unless both hold the same labels once each, in whatever order."""
    found, wanted = list(found), list(wanted)
    repeated = [x for x in found if found.count(x) > 1]
    if repeated:
        raise DataError(f"{found_in} holds the label '{repeated[0]}' more than once; labels must be unique.")
    extra = [x for x in found if x not in set(wanted)]
    missing = [x for x in wanted if x not in set(found)]
    if extra:
        hint = did_you_mean(str(extra[0]), map(str, missing))
        raise DataError(f"{found_in} has the label '{extra[0]}', which {wanted_in} does not have.{hint}")
    if missing:
        raise DataError(f"{found_in} lacks the label '{missing[0]}' of {wanted_in}; add it or drop it there.")


def align(data: xr.Dataset) -> xr.Dataset:
    """Order every alias dimension like the dimension it repeats, by label.

    ``importer`` and ``exporter`` follow ``region`` (or each other), ``input_sector`` follows ``sector``. Values move with
    their labels.

    Raises
    ------
    DataError
        If a dimension has no labels, repeats one, or holds other labels than its alias.
    """
    for dims in ALIASES:
        present = [d for d in dims if d in data.dims]
        for dim in present:
            if dim not in data.indexes:
                raise DataError(
                    f"dimension '{dim}' has no labels; assign them with .assign_coords({dim}=[...])."
                )
            order = list(data.indexes[present[0]])
            require_same(data.indexes[dim], order, f"dimension '{dim}'", f"dimension '{present[0]}'")
            if list(data.indexes[dim]) != order:
                data = data.sel({dim: order})
    return data


def check_mapping(mapping: Mapping[str, str], labels: Iterable[str], what: str) -> None:
    """Raise `DataError` unless ``mapping`` has exactly the given labels as keys."""
    require_same(mapping.keys(), labels, f"the {what} concordance", "the table")
