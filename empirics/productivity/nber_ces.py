"""NBER-CES Manufacturing Industry Database (Becker, Gray and Marvakov): United States, six-digit NAICS or SIC 1987 industries."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from empirics.observations import require_columns
from empirics.productivity.tables import numbers_of, read_text_table, whole_numbers_of
from framework.errors import DataError

SOURCE = "NBER-CES Manufacturing Industry Database (Becker, Gray and Marvakov)"

#: Columns of the extracts, and of the full file, that are taken as they are.
EXTRACT = {"Y": "output", "K": "capital", "L": "labour", "M": "materials"}
INVESTMENT = "I"
FULL = {
    "cap": "capital",
    "prodh": "labour",
    "emp": "employment",
    "vship": "output_value",
    "matcost": "materials_cost",
    "pay": "payroll",
}
#: Columns of the full file: a nominal value and the price index it is deflated by.
DEFLATED = {
    "output": ("vship", "piship"),
    "materials": ("matcost", "pimat"),
    "investment": ("invest", "piinv"),
}
PUBLISHED = {"tfp4": "published_tfp4", "tfp5": "published_tfp5"}
MISSING = ("", ".", "NA")


def read_nber_ces(path: str | Path) -> pd.DataFrame:
    """Read the database: a full file of the NBER, or an extract.

    Full files (``nberces5818v1_n2012.csv`` and the like, CSV or Stata) have one row an industry and year with the columns
    ``naics`` or ``sic``, ``year``, ``emp`` (thousand), ``pay`` (mn USD), ``prode``, ``prodh`` (mn hours of production
    workers), ``prodw``, ``vship``, ``matcost`` (energy included), ``vadd``, ``invest``, ``invent``, ``energy`` (mn USD), ``cap``, ``equip``,
    ``plant`` (mn USD of the base year), the price indices ``piship``, ``pimat``, ``piinv``, ``pien``, and the published ``dtfp5``,
    ``tfp5``, ``dtfp4``, ``tfp4``. Extracts have ``naics``, ``year``, ``Y`` (real shipments), ``K`` (real capital), ``L`` (labour), ``M`` (real
    materials) and perhaps ``I`` (real investment). An empty cell, ``.`` or ``NA`` is a missing value.

    Returns
    -------
    pd.DataFrame
        ``industry`` (code as text), ``year``, ``output``, ``capital``, ``labour`` and ``materials`` (quantities), ``investment`` where
        the file has it; from a full file also ``output_value``, ``materials_cost``, ``payroll``, ``employment`` and the published
        productivity. Missing values stay NaN.

    Raises
    ------
    DataError
        If the file cannot be read, has neither layout, holds text where a number should be, or an industry's year twice.
    """
    table = read_text_table(path)
    where = f"'{path}'"
    columns = [str(c) for c in table.columns]
    code = next((c for c in ("naics", "sic") if c in columns), None)
    if code is None:
        raise DataError(f"{where} has neither a column 'naics' nor 'sic'; it has: {', '.join(columns)}.")
    full = "vship" in columns
    needed = [*FULL, *(c for pair in DEFLATED.values() for c in pair)] if full else list(EXTRACT)
    require_columns(
        columns, ["year", *needed], f"{where} (as {'a full file' if full else 'an extract'} of the database)"
    )
    industry = whole_numbers_of(table, code, where).astype(str)
    out = pd.DataFrame({"industry": industry, "year": whole_numbers_of(table, "year", where)})
    twice = out.duplicated()
    if twice.any():
        row = out[twice].iloc[0]
        raise DataError(
            f"{where} has industry '{row['industry']}', year {row['year']} more than once; keep one row."
        )
    taken = {
        c: n
        for c, n in ({**FULL, **PUBLISHED} if full else {**EXTRACT, INVESTMENT: "investment"}).items()
        if c in columns
    }
    for column, name in taken.items():
        out[name] = numbers_of(table, column, MISSING, where)
    if full:
        for name, (value, price) in DEFLATED.items():
            out[name] = _deflated(table, value, price, where)
    out.attrs["source"] = SOURCE
    return out.sort_values(["industry", "year"], ignore_index=True)


def _deflated(table: pd.DataFrame, value: str, price: str, where: str) -> pd.Series:
    prices = numbers_of(table, price, MISSING, where)
    wrong = prices <= 0
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise DataError(
            f"{where}, row {row + 1}: the price index '{price}' is {prices.iloc[row]:g}; it must be positive."
        )
    return numbers_of(table, value, MISSING, where) / prices
