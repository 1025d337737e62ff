"""Industry production accounts of the United States in KLEMS form: 63 industries, nominal values and quantity indices."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import pandas as pd

from empirics.observations import require_columns
from empirics.productivity.tables import numbers_of, read_text_table, whole_numbers_of
from framework.errors import DataError

SOURCE = "Elbadri and Vizcaino (2025), from the BEA-BLS integrated accounts and US KLEMS"
SHEET = "Data_63Ind_1963to2023"

VALUES = {
    "GO": "output_value",
    "VA": "value_added_value",
    "CAP": "capital_cost",
    "LAB": "labour_cost",
    "II": "intermediate_cost",
}
QUANTITIES = {
    "GO_QI": "output",
    "VA_QI": "value_added",
    "CAP_QI": "capital",
    "LAB_QI": "labour",
    "II_QI": "intermediate",
    "HRS_QI": "hours",
}
PUBLISHED = {
    "TFPGO": "published_tfp_output",
    "TFPVA": "published_tfp_value_added",
    "LPGO": "published_output_per_hour",
    "LPVA": "published_value_added_per_hour",
}

#: Costs must add up to output within this share of it; published values are rounded to 0.01 million USD or to a million.
IDENTITY_TOLERANCE = 1e-4


def read_us_klems(path: str | Path) -> pd.DataFrame:
    """Read the accounts: the workbook as published (sheet ``Data_63Ind_1963to2023``), or the sheet as CSV or Parquet.

    One row an industry and year. Columns: ``industry_id`` (1 to 63), ``year``; million USD ``GO`` gross output, ``VA`` value added, ``CAP``
    capital and ``LAB`` labour compensation, ``II`` intermediate inputs; quantity indices ``GO_QI``, ``VA_QI``, ``CAP_QI``, ``LAB_QI``,
    ``II_QI``, ``HRS_QI`` (hours); published productivity ``TFPGO``, ``TFPVA``, ``LPGO``, ``LPVA``, 1 in the first year.

    Returns
    -------
    pd.DataFrame
        ``industry`` (text), ``year``, nominal values, quantities and published indices under the names of `VALUES`, `QUANTITIES` and
        `PUBLISHED`.

    Raises
    ------
    DataError
        If the file cannot be read, lacks a column, holds text where a number should be or an industry's year twice, or if the
        costs of an industry do not add up to its output.
    """
    path = Path(path)
    table = _sheet(path) if path.suffix in (".xlsx", ".xlsm") else read_text_table(path)
    where = f"'{path}'"
    names = {**VALUES, **QUANTITIES, **PUBLISHED}
    require_columns(list(table.columns), ["industry_id", "year", *names], where)
    out = pd.DataFrame(
        {
            "industry": whole_numbers_of(table, "industry_id", where).astype(str),
            "year": whole_numbers_of(table, "year", where),
            **{name: numbers_of(table, column, ("",), where) for column, name in names.items()},
        }
    )
    twice = out.duplicated(["industry", "year"])
    if twice.any():
        row = out[twice].iloc[0]
        raise DataError(
            f"{where} has industry '{row['industry']}', year {row['year']} more than once; keep one row."
        )
    costs = out[["capital_cost", "labour_cost", "intermediate_cost"]].sum(axis=1)
    wrong = (costs - out["output_value"]).abs() > IDENTITY_TOLERANCE * out["output_value"].abs()
    if wrong.any():
        row = out[wrong].iloc[0]
        raise DataError(
            f"{where}: the costs of industry '{row['industry']}', year {row['year']} sum to {costs[wrong].iloc[0]:.2f}, but its output "
            f"is {row['output_value']:.2f}; take the accounts as published."
        )
    out.attrs["source"] = SOURCE
    return out.sort_values(["industry", "year"], ignore_index=True)


def _sheet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_excel(path, sheet_name=SHEET)
    except (OSError, ValueError, BadZipFile) as error:
        raise DataError(f"'{path}' has no readable sheet '{SHEET}' ({error}).") from error
