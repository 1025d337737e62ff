"""OECD Structural Analysis database (STAN): OECD countries by ISIC Rev. 4 industry."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from empirics.observations import Checked, exclusions, place
from empirics.productivity.tables import first_line, numbers_of, read_text_table, whole_numbers_of
from framework.errors import DataError, did_you_mean

SOURCE = "OECD STAN"

#: Columns that are needed of each layout, to their names here.
OECD_STAT = {
    "LOCATION": "country",
    "VAR": "variable",
    "IND": "industry",
    "TIME": "year",
    "Value": "value",
    "PowerCode Code": "power",
    "Unit Code": "unit",
}
SDMX = {
    "REF_AREA": "country",
    "MEASURE": "variable",
    "PRICE_BASE": "price_base",
    "ACTIVITY": "industry",
    "TIME_PERIOD": "year",
    "OBS_VALUE": "value",
    "UNIT_MULT": "power",
    "UNIT_MEASURE": "unit",
}
MISSING = ("", "..", "NaN")
NO_PRICE_BASE = ("", "_Z")


def read_stan(path: str | Path) -> Checked:
    """Read a download of STAN, in either published layout.

    - OECD.Stat (editions up to 2020, ``STANI4_2020.csv``): columns ``LOCATION, Country, VAR, Variable, IND, Industry, TIME, Time, Unit
      Code, Unit, PowerCode Code, PowerCode, Reference Period Code, Reference Period, Value, Flag Codes, Flags``; variables such as PROD
      (output), PRDK (its volume), VALU, VALK, INTI, INTK, LABR, EMPN, HRSN, GFCF, CPNK (net capital stock, volume), industries such as D10T12.
    - Data Explorer (editions from 2023, SDMX-CSV of ``DSD_STAN``): columns ``REF_AREA``, ``MEASURE`` (P1 output, B1G value added, P2
      intermediate inputs, D1 compensation, EMP, ...), ``PRICE_BASE`` (V current, L chained volume, ``_Z`` none), ``ACTIVITY`` (C10T12),
      ``TIME_PERIOD``, ``OBS_VALUE``, ``UNIT_MULT``, ``UNIT_MEASURE`` and others. A variable here is measure and price base, as ``P1.L``.

    Returns
    -------
    Checked
        ``table`` with columns ``country`` (ISO 3166, text), ``industry``, ``year``, ``variable``, ``unit`` and ``value``, the value times its power of
        ten; see `empirics.productivity.spread`. ``excluded`` lists the cells without a value.

    Raises
    ------
    DataError
        If the file cannot be read or has neither layout, a value or power is no number, or a cell is there twice.
    """
    where = f"'{path}'"
    head = first_line(path)
    names = SDMX if "REF_AREA" in head else OECD_STAT
    for name in names:
        if name not in head:
            raise DataError(
                f"{where} has no column '{name}'.{did_you_mean(name, head, names)} A file of STAN has the columns {', '.join(OECD_STAT)} "
                f"(OECD.Stat) or {', '.join(SDMX)} (Data Explorer)."
            )
    table = read_text_table(path)[list(names)].rename(columns=names)
    table = table.apply(lambda column: column.str.strip())
    power = whole_numbers_of(table.assign(power=table["power"].replace("", "0")), "power", where)
    variable = table["variable"]
    if "price_base" in table:
        base = table["price_base"]
        variable = variable.where(base.isin(NO_PRICE_BASE), variable + "." + base)
    out = table[["country", "industry"]].assign(
        year=whole_numbers_of(table, "year", where),
        variable=variable,
        unit=table["unit"],
        value=numbers_of(table, "value", MISSING, where) * np.power(10.0, power.to_numpy()),
    )
    # The Data Explorer has a series once in each of its units, in national currency and in USD: both are kept apart.
    keys = ["country", "industry", "year", "variable", "unit"]
    twice = out.duplicated(keys)
    if twice.any():
        raise DataError(f"{where} has {place(out[keys], twice)} more than once; keep one row.")
    empty = out["value"].isna()
    excluded = exclusions(out[empty], keys, ["not reported"] * int(empty.sum()))
    table = out[~empty].sort_values(keys, ignore_index=True)
    table.attrs["source"] = SOURCE
    return Checked(table, excluded)
