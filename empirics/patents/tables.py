"""The small tables that the package ships: keywords, industries, regions."""

from __future__ import annotations

import functools
from importlib.resources import files
from pathlib import Path

import pandas as pd

from empirics.shipped import shipped_table

REGIONS = ("EUR", "USA", "CHN", "RUS", "KOR", "JPN", "AUS", "ROW")
"""The eight regions of the slides, in their order."""


def read_table(path: Path | str) -> pd.DataFrame:
    """Read a table of text: CSV with ``#`` comment lines; nothing is taken for a missing value."""
    return pd.read_csv(path, comment="#", dtype=str, keep_default_na=False, encoding="utf-8")


def _shipped(name: str) -> pd.DataFrame:
    return read_table(str(files("empirics.patents") / "data" / name))


@functools.cache
def sic_titles() -> pd.DataFrame:
    """Return the 459 manufacturing codes of SIC 1987: columns ``sic``, ``title``, ``group``, ``major_group``."""
    return shipped_table("sic1987.csv")


@functools.cache
def region_of_country() -> dict[str, str]:
    """Return the region (one of `REGIONS`) of every two-letter country code."""
    table = _shipped("regions.csv")
    return dict(zip(table["code"], table["region"], strict=True))


@functools.cache
def keyword_table() -> pd.DataFrame:
    """Return the keywords of the screen: columns ``element``, ``language``, ``match``, ``keyword``."""
    return _shipped("keywords.csv")
