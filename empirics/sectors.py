"""The sectors of the rare-earth model that SIC industries belong to."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import pandas as pd

from empirics.shipped import shipped_table
from framework.errors import DataError


@cache
def _by_digits() -> dict[str, str]:
    table = shipped_table("sic_wiod_sectors.csv").astype({"digits": str})
    return dict(zip(table.digits, table.sector, strict=True))


def sectors_of_sic(industries: Iterable[str]) -> pd.Series:
    """Sector of each SIC 1987 manufacturing industry, indexed by its code.

    Source: ``empirics/data/sic_wiod_sectors.csv``; the entry that shares most leading digits counts.

    Raises
    ------
    DataError
        If a code is not four digits, or belongs to no manufacturing sector.
    """
    table, found = _by_digits(), {}
    for code in industries:
        if not (isinstance(code, str) and len(code) == 4 and code.isdigit()):
            raise DataError(f"industry {code!r} is not a SIC code of four digits; give codes as text.")
        known = [code[:n] for n in (4, 3, 2) if code[:n] in table]
        if not known:
            raise DataError(f"SIC industry '{code}' is not in manufacturing (2011 to 3999); leave it out.")
        found[code] = table[known[0]]
    return pd.Series(found, name="sector", dtype=str).rename_axis("industry")
