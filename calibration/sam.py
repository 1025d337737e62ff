"""Social accounting matrices (SAM): reading, and checking that the standard CGE model can replicate them.

A row receives from the columns. Six accounts have fixed names: IDT (production tax), TRF (tariffs), HOH (household),
GOV (government), INV (saving and investment) and EXT (rest of the world). Of the others, factors are those that pay the
household, and goods are the rest; their names are the user's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from calibration.labels import DATA, require_same
from framework.errors import DataError, did_you_mean

TEXTBOOK = DATA / "sam_hosoe_gasawa_hashimoto_2010.csv"
INSTITUTIONS = {
    "IDT": "production tax",
    "TRF": "tariffs",
    "HOH": "household",
    "GOV": "government",
    "INV": "saving and investment",
    "EXT": "rest of the world",
}
GOODS, FACTORS = "goods", "factors"
SIGNED, NONNEGATIVE = "any sign", "not negative"
#: Flows that the standard model has, as (receiver, payer), and the sign they may have. A tax below zero is a subsidy.
FLOWS = {
    **{(GOODS, payer): NONNEGATIVE for payer in (GOODS, "HOH", "GOV", "INV", "EXT")},
    **{(receiver, GOODS): NONNEGATIVE for receiver in (FACTORS, "EXT")},
    **{(receiver, GOODS): SIGNED for receiver in ("IDT", "TRF")},
    ("HOH", FACTORS): NONNEGATIVE,
    **{("GOV", payer): SIGNED for payer in ("IDT", "TRF", "HOH")},
    **{("INV", payer): SIGNED for payer in ("HOH", "GOV", "EXT")},
}
TOLERANCE = 1e-9
TOTALS = re.compile(r"(?i)(.*\b)?(sub|grand )?(totals?|sums?)(\b.*)?|[Σ∑].*")


def read_sam(path: str | Path | None = None) -> xr.DataArray:
    """Read a social accounting matrix.

    Parameters
    ----------
    path : str or Path, optional
        A CSV file with the accounts in its first row and its first column, in any order; an empty cell is zero, and
        lines that start with # are comments. By default the example of Hosoe, Gasawa and Hashimoto (2010).

    Returns
    -------
    xarray.DataArray
        Payments, dims (receiver, payer), in the unit of the file.

    Raises
    ------
    DataError
        The file cannot be read, a cell is no number, or rows and columns are not the same accounts.
    """
    where = TEXTBOOK if path is None else Path(path)
    try:
        with where.open(encoding="utf-8-sig") as file:
            table = pd.read_csv(file, index_col=0, header=0, comment="#", dtype=str, skipinitialspace=True)
    except (OSError, ValueError) as error:  # a decoding error and those of pandas are ValueErrors
        raise DataError(f"SAM '{where}' cannot be read as CSV: {error}") from error
    if table.shape[1] < 2:
        raise DataError(f"SAM '{where}' has one column; separate the cells by commas.")
    rows, columns = ([str(label).strip() for label in axis] for axis in (table.index, table.columns))
    for name, labels in (("row", rows), ("column", columns)):
        for label in labels:
            if labels.count(label) > 1:
                raise DataError(f"SAM '{where}' has the {name} '{label}' twice; an account has one.")
    _refuse_totals(
        f"SAM '{where}'",
        [label for label in rows if TOTALS.fullmatch(label)],
        [label for label in columns if TOTALS.fullmatch(label)],
    )
    for name, have, other in (("row", rows, columns), ("column", columns, rows)):
        for label in (x for x in other if x not in have):
            raise DataError(
                f"SAM '{where}' has no {name} '{label}'; every account has a row and a column."
                f"{did_you_mean(label, [x for x in have if x not in other])}"
            )
    values = np.zeros(table.shape)
    for (row, column), cell in np.ndenumerate(table.fillna("0").to_numpy()):
        values[row, column] = _cell(cell, f"SAM '{where}', row '{rows[row]}', column '{columns[column]}'")
    sam = xr.DataArray(
        values, {"receiver": rows, "payer": columns}, name="sam", attrs={"source": _source(path)}
    )
    return sam.sel(payer=rows)


def _cell(text: str, place: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise DataError(
            f"{place}: '{text.strip()}' is not a number; write it with a point and without separators."
        )
    return value


def _refuse_totals(what: str, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Refuse totals, which would count every payment twice."""
    found = [f"{axis} '{labels[0]}'" for axis, labels in (("row", rows), ("column", columns)) if labels]
    if found:
        them = "it" if len(found) == 1 else "them"
        holds = "holds" if len(found) == 1 else "hold"
        raise DataError(f"{what}: the {' and the '.join(found)} {holds} totals, not an account; drop {them}.")


def _source(path: str | Path | None) -> str:
    return "Hosoe, Gasawa and Hashimoto (2010), chapter 6" if path is None else Path(path).name


def check_sam(sam: xr.DataArray) -> tuple[list[str], list[str]]:
    """Check a SAM for the standard model, and tell goods from factors.

    Parameters
    ----------
    sam : xarray.DataArray
        Payments, dims (receiver, payer), with the same labels in whatever order.

    Returns
    -------
    tuple of (list of str, list of str)
        Goods and factors, in the order of the table.

    Raises
    ------
    DataError
        An account is missing or does not balance, a flow has no place in the model or the wrong sign, or a total by
        which the model divides is not positive; the message names the account.
    """
    require_same(sam.payer.values, sam.receiver.values, "dim 'payer' of the SAM", "dim 'receiver'")
    sam = sam.sel(payer=sam.receiver.values).transpose("receiver", "payer")
    accounts = [str(a) for a in sam.receiver.values]
    rows, columns = ([a for k, a in enumerate(accounts) if _is_total(sam.values, k, axis)] for axis in (0, 1))
    _refuse_totals("SAM", rows, columns)
    for name, meaning in INSTITUTIONS.items():
        if name not in accounts:
            others = [a for a in accounts if a not in INSTITUTIONS]
            raise DataError(
                f"the SAM has no account '{name}' ({meaning}); it has {', '.join(accounts)}. Name it so."
                f"{did_you_mean(name, others)}"
            )
    own = [a for a in accounts if a not in INSTITUTIONS]
    factors = [a for a in own if float(sam.sel(receiver="HOH", payer=a)) != 0]
    goods = [a for a in own if a not in factors]
    if not factors or not goods:
        raise DataError(
            "the SAM has no "
            + ("factor: no account of your own pays the household (row 'HOH')." if not factors else "good: every "
               "account of your own pays the household (row 'HOH').")
        )  # fmt: skip
    _check_flows(sam, {**dict.fromkeys(goods, GOODS), **dict.fromkeys(factors, FACTORS)})
    _check_balance(sam)
    _check_totals(sam, goods, factors)
    return goods, factors


def _is_total(values: np.ndarray, k: int, axis: int) -> bool:
    """True if a row (axis 0) or column (axis 1) is the sum of the others, whatever its name."""
    own, others = np.take(values, k, axis), np.delete(values, k, axis).sum(axis)
    # The corner may be empty, the sum of all payments, or of the totals too.
    own, others = np.delete(own, k), np.delete(others, k)
    return bool(np.any(own) and np.allclose(own, others, rtol=TOLERANCE, atol=0))


def _check_flows(sam: xr.DataArray, group: dict[str, str]) -> None:
    for (row, column), value in np.ndenumerate(sam.values):
        receiver, payer = str(sam.receiver.values[row]), str(sam.payer.values[column])
        sign = FLOWS.get((group.get(receiver, receiver), group.get(payer, payer)))
        where = f"SAM: '{receiver}' receives {value:g} from '{payer}'"
        if sign is None and value != 0:
            kinds = " and ".join(f"'{a}' is one of the {group[a]}" for a in (receiver, payer) if a in group)
            raise DataError(
                f"{where}, a flow that the standard model does not have{f' ({kinds})' if kinds else ''}; move or net it."
            )
        if sign == NONNEGATIVE and value < 0:
            raise DataError(
                f"{where}; this flow must not be negative: move it to the opposite cell or net it."
            )


def _check_balance(sam: xr.DataArray) -> None:
    received, paid = sam.sum("payer").values, sam.sum("receiver").values
    gap = np.abs(received - paid) / np.maximum(np.abs(received), np.abs(paid)).clip(min=TOLERANCE)
    if not gap.max() <= TOLERANCE:
        k, *others = (int(i) for i in np.argsort(-gap, kind="stable") if gap[i] > TOLERANCE)
        more = (
            f" (nor does {', '.join(repr(str(sam.receiver.values[i])) for i in others)} balance)"
            if others
            else ""
        )
        raise DataError(
            f"SAM: account '{sam.receiver.values[k]}' receives {received[k]:.10g} (row) but pays {paid[k]:.10g} "
            f"(column){more}; balance the table first."
        )


def _check_totals(sam: xr.DataArray, goods: list[str], factors: list[str]) -> None:
    """Refuse a zero or negative total by which the model divides."""
    imports, tariffs, taxes = (sam.sel(receiver=r, payer=goods) for r in ("EXT", "TRF", "IDT"))
    for good in goods:
        duty, bought = float(tariffs.sel(payer=good)), float(imports.sel(payer=good))
        if duty != 0 and (bought == 0 or duty <= -bought):
            raise DataError(
                f"SAM: '{good}' pays tariffs (row 'TRF') of {duty:g} on imports (row 'EXT') of {bought:g}; the rate must "
                "be above -1 and needs imports."
            )
    added = sam.sel(receiver=factors, payer=goods).sum("receiver")
    output = added + sam.sel(receiver=goods, payer=goods).sum("receiver") + taxes
    for what, total in (
        ("pays factors (value added)", added),
        ("has output at market prices of", output),
        ("sells at home (output less exports)", output - sam.sel(payer="EXT", receiver=goods).values),
    ):
        worst = total.isel(payer=int(np.argmin(total.values)))
        least = TOLERANCE * float(np.abs(total).max())  # rounding
        if not float(worst) > least:
            size = 0.0 if abs(float(worst)) <= least else float(worst)
            raise DataError(f"SAM: '{worst.payer.item()}' {what} {size:g}; it must be positive.")
    if not float(imports.sum()) > 0 or not float(sam.sel(payer="EXT", receiver=goods).sum()) > 0:
        raise DataError(
            "SAM: there are no imports (row 'EXT') or no exports (column 'EXT') of goods; the model is of an open "
            "economy, whose exchange rate balances the two."
        )
    for account in ("HOH", "GOV", "INV"):
        bought, received = (
            float(sam.sel(receiver=goods, payer=account).sum()),
            float(sam.sel(receiver=account).sum()),
        )
        for does, total in (("buys goods of", bought), ("receives", received)):
            if not total > 0:
                raise DataError(
                    f"SAM: '{account}' ({INSTITUTIONS[account]}) {does} {total:g}; it must be positive."
                )
