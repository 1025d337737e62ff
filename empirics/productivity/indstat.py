"""UNIDO INDSTAT 2 and 4: manufacturing of all countries by ISIC industry."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from empirics.observations import Checked, exclusions, place
from empirics.productivity.tables import first_line, numbers_of, read_text_table, whole_numbers_of
from framework.errors import DataError, did_you_mean

SOURCE = "UNIDO INDSTAT"

#: Names of UNIDO's tables (variables), by code.
TABLES = {
    "1": "establishments",
    "4": "employees",
    "5": "wages",
    "14": "output",
    "20": "value_added",
    "21": "gross_fixed_capital_formation",
    "31": "female_employees",
    "51": "production_index",
}
COLUMNS = (
    "ctable",
    "country",
    "year",
    "isic",
    "isiccomb",
    "value",
    "utable",
    "source",
    "lastupdated",
    "unit",
)

#: Header of a download from the statistics portal, to the names of the files without a header.
PORTAL = {
    "VariableCode": "ctable",
    "CountryCode": "country",
    "Year": "year",
    "ActivityCode": "isic",
    "ActivityCombination": "isiccomb",
    "Value": "value",
    "UnconsolidatedVariableCode": "utable",
    "UnitType": "unit",
    "ValueUSD": "value_usd",
}
MISSING = ("...", "..", "")


def read_indstat(path: str | Path, usd: bool = True) -> Checked:
    """Read a data file of INDSTAT, in either published layout.

    - Files on disc and of the data service until 2022: CSV without a header, ten columns: table code (`TABLES`), country (UN
      M49), year, ISIC code, ISIC combination, value, table definition code, source code, year of last update, unit; older ones have no
      year of last update. ``...`` is a missing value. Values are in the currency of the file's edition.
    - Portal (stat.unido.org): CSV with the header ``Year, Country, CountryCode, Variable, VariableCode, UnconsolidatedVariableCode,
      UnconsolidatedVariableName, ActivityCode, Activity, ActivityCombination, Value, UnitType, ValueUSD``.

    Where a country reports industries together, the value is given once, under one of the ISIC codes that it covers, and
    the combination is a code with a letter, such as ``151A``: it belongs to none of them alone and is listed as excluded.

    Parameters
    ----------
    path : str or Path
    usd : bool
        In the portal's layout, take values in USD where there are such (numbers of persons and establishments have none).

    Returns
    -------
    Checked
        ``table`` with columns ``country`` (three digits, text), ``year``, ``industry`` (ISIC, text), ``variable``, ``value``, ``definition`` (how output
        and value added are measured), ``unit``; see `empirics.productivity.spread`. ``excluded`` lists the cells that are not reported, or
        reported in a combination.

    Raises
    ------
    DataError
        If the file cannot be read or has neither layout, a code is unknown, a value is no number, or a cell is there twice.
    """
    where = f"'{path}'"
    table = _columns(path)
    codes = table["ctable"].str.strip().str.lstrip("0")
    unknown = ~codes.isin(list(TABLES))
    if unknown.any():
        code = table["ctable"][unknown].iloc[0]
        raise DataError(
            f"{where} has the table code '{code}', which is not one of {', '.join(TABLES)}.{did_you_mean(code, TABLES)}"
        )
    national = numbers_of(table, "value", MISSING, where)
    dollars = numbers_of(table, "value_usd", MISSING, where) if usd and "value_usd" in table else None
    out = pd.DataFrame(
        {
            "country": whole_numbers_of(table, "country", where).astype(str).str.zfill(3),
            "year": whole_numbers_of(table, "year", where),
            "industry": table["isic"].str.strip(),
            "variable": codes.map(TABLES),
            "value": national if dollars is None else dollars.where(dollars.notna(), national),
            "definition": table["utable"].str.strip(),
            "unit": table["unit"].str.strip()
            if dollars is None
            else table["unit"].str.strip().where(dollars.isna(), "USD"),
        }
    )
    keys = ["country", "industry", "year", "variable"]
    twice = out.duplicated(keys)
    if twice.any():
        raise DataError(f"{where} has {place(out[keys], twice)} more than once; keep one row.")
    return _reported(out, table["isiccomb"].str.strip(), keys)


def _columns(path: str | Path) -> pd.DataFrame:
    """Return the table as text under the names of `COLUMNS`, whichever layout it has."""
    head = first_line(path)
    if head[0].isdigit():
        if len(head) not in (len(COLUMNS), len(COLUMNS) - 1):
            raise DataError(
                f"'{path}' has {len(head)} columns and no header; a file of INDSTAT without a header has {len(COLUMNS)}: {', '.join(COLUMNS)}."
            )
        names = COLUMNS if len(head) == len(COLUMNS) else [c for c in COLUMNS if c != "lastupdated"]
        return read_text_table(path, header=False).set_axis(list(names), axis=1)
    lacking = [name for name in PORTAL if name not in head]
    if lacking:
        raise DataError(
            f"'{path}' has no column '{lacking[0]}'.{did_you_mean(lacking[0], head, PORTAL)} A file of INDSTAT from the portal has the columns "
            f"{', '.join(PORTAL)}."
        )
    return read_text_table(path).rename(columns=PORTAL)


def _reported(out: pd.DataFrame, combination: pd.Series, keys: list[str]) -> Checked:
    """Split what is reported for an industry alone from the rest."""
    together = (combination != out["industry"]) & (combination != "")
    empty = out["value"].isna() & ~together
    reasons = [f"reported in combination {code}" for code in combination[together]]
    excluded = [
        exclusions(out[together], keys, reasons),
        exclusions(out[empty], keys, ["not reported"] * int(empty.sum())),
    ]
    table = out[~together & ~empty].sort_values(keys, ignore_index=True)
    table.attrs["source"] = SOURCE
    return Checked(table, pd.concat(excluded, ignore_index=True))
