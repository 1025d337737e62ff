"""The sectors of the rare-earth model that industries of other classifications belong to."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import pandas as pd

from empirics.shipped import shipped_table
from framework.errors import DataError


@cache
def _by_digits(table: str) -> dict[str, str]:
    digits = shipped_table(table).astype({"digits": str})
    return dict(zip(digits["digits"], digits["sector"], strict=True))


def _longest_match(code: str, table: str) -> str | None:
    """Sector of the entry that shares most leading digits with a code."""
    known = _by_digits(table)
    found = next((known[code[:n]] for n in range(len(code), 1, -1) if code[:n] in known), "none")
    return None if found == "none" else found


def sectors_of_sic(industries: Iterable[str]) -> pd.Series:
    """Sector of each SIC 1987 manufacturing industry, indexed by its code.

    Source: ``empirics/data/sic_wiod_sectors.csv``.

    Raises
    ------
    DataError
        If a code is not four digits, or belongs to no manufacturing sector.
    """
    found = {}
    for code in industries:
        if not (isinstance(code, str) and len(code) == 4 and code.isdigit()):
            raise DataError(f"industry {code!r} is not a SIC code of four digits; give codes as text.")
        found[code] = _longest_match(code, "sic_wiod_sectors.csv")
        if found[code] is None:
            raise DataError(f"SIC industry '{code}' is not in manufacturing (2011 to 3999); leave it out.")
    return pd.Series(found, name="sector", dtype=str).rename_axis("industry")


def sectors_of_naics(industries: Iterable[str]) -> pd.Series:
    """Sector of each mining and manufacturing industry by NAICS 2012 or BEA code; other industries are left out.

    Source: ``empirics/data/naics_wiod_sectors.csv``.
    """
    found = {code: _longest_match(code, "naics_wiod_sectors.csv") for code in map(str, industries)}
    kept = {code: sector for code, sector in found.items() if sector is not None}
    return pd.Series(kept, name="sector", dtype=str).rename_axis("industry")
