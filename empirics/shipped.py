"""The small tables that the project ships in ``empirics/data``; each states its source in its first lines."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

import pandas as pd

from framework.errors import DataError

DATA = resources.files("empirics") / "data"

#: Columns that hold codes: read as text, because a code is not a number.
CODES = ("sic", "bea", "naics", "industry", "period")


def shipped_table(name: str) -> pd.DataFrame:
    """Read one of the tables in ``empirics/data``; lines that start with # state source and terms."""
    with resources.as_file(DATA / name) as path:
        return pd.read_csv(path, comment="#", dtype=dict.fromkeys(CODES, str))


def official_folder(data: str | Path | None) -> Path | None:
    """Return the folder of official tables: ``data``, else the environment variable EXACTHAT_DATA, else None.

    Raises
    ------
    DataError
        If a folder is named and does not exist.
    """
    named = data if data is not None else os.environ.get("EXACTHAT_DATA")
    if named is None or named == "":
        return None
    folder = Path(named)
    if not folder.is_dir():
        raise DataError(
            f"the folder of official tables '{folder}' does not exist; correct --data or EXACTHAT_DATA."
        )
    return folder
