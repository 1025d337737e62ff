"""Superlative growth accounting: total factor productivity with any list of inputs, and labour productivity.

Growth of total factor productivity between two observations is the growth of output less the Törnqvist index of inputs,

``ln(A_t/A_0) = ln(y_t/y_0) - sum_k 0.5 (s_k,t + s_k,0) ln(x_k,t/x_k,0)``,

with cost shares ``s_k`` that sum to one. It is exact for a translog technology with constant returns whose inputs are paid
their marginal products and whose technical change is Hicks-neutral (Diewert 1976, Journal of Econometrics 4, section 3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from empirics.growth import midpoint_growth, midpoint_of_log_change
from empirics.observations import (
    Checked,
    Gap,
    Missing,
    Panel,
    changes,
    numbers,
    observations,
    place,
    require_columns,
)
from framework.errors import DataError

#: Shares may differ from one in sum by this: room for shares that are published with six decimals.
SHARE_TOLERANCE = 1e-6


def tfp_growth(
    panel: Panel,
    output: str,
    inputs: Mapping[str, str],
    unit: Sequence[str],
    year: str = "year",
    *,
    gap: Gap = "annualise",
    missing: Missing = "error",
    tolerance: float = SHARE_TOLERANCE,
) -> Checked:
    """Growth of total factor productivity, with the contribution of each input.

    Parameters
    ----------
    panel : pd.DataFrame or xr.Dataset
        See `empirics.observations.observations`.
    output : str
        Column of real output, or of real value added if `inputs` are capital and labour only.
    inputs : mapping of str to str
        Column of each input's quantity to column of its cost share. The unit of a quantity does not matter; it must be the same
        over the years.
    unit : sequence of str
        Columns that identify a unit, such as region and sector.
    year : str
    gap : {"annualise", "exclude", "error"}
        What becomes of a change over n > 1 years: every rate is divided by n, listed among the exclusions, or an error.
    missing : {"error", "exclude"}
    tolerance : float
        By which an observation's shares may differ from one in sum.

    Returns
    -------
    Checked
        ``table`` with columns `unit`, `year`, ``previous_year``, and as changes in logs a year: ``output_growth``,
        ``<input>_contribution`` and ``tfp_growth``, which is the first less the others; and ``tfp_midpoint``, the midpoint growth rate
        of the level of productivity a year. ``excluded`` lists what was left out and why.

    Raises
    ------
    DataError
        If the panel is malformed, there is no input, a quantity is not positive, a share is outside 0 to 1, or shares do not
        sum to one.
    """
    if not inputs:
        raise DataError("growth accounting needs at least one input; give inputs={quantity: share, ...}.")
    unit = [unit] if isinstance(unit, str) else list(unit)
    quantities, shares = [output, *inputs], list(inputs.values())
    _require_distinct(quantities, shares)
    checked = observations(panel, [*quantities, *shares], unit, year, missing)
    _require_positive(checked.table, quantities, [*unit, year])
    _require_shares(checked.table, shares, [*unit, year], tolerance)
    pairs = changes(checked, [*quantities, *shares], unit, year, gap)
    table = pairs.table
    years = (table[year] - table["previous_year"]).to_numpy()
    out = table[[*unit, year, "previous_year"]].copy()
    out["output_growth"] = _log_change(table, output) / years
    for quantity, share in inputs.items():
        mean = 0.5 * (table[share] + table[f"previous_{share}"])
        out[f"{quantity}_contribution"] = mean * _log_change(table, quantity) / years
    contributions = out[[f"{quantity}_contribution" for quantity in inputs]]
    out["tfp_growth"] = out["output_growth"] - contributions.sum(axis=1)
    out["tfp_midpoint"] = midpoint_of_log_change(out["tfp_growth"] * years) / years
    return Checked(out, pairs.excluded)


def labour_productivity_growth(
    panel: Panel,
    output: str,
    labour: str,
    unit: Sequence[str],
    year: str = "year",
    *,
    gap: Gap = "annualise",
    missing: Missing = "error",
) -> Checked:
    """Midpoint growth rate a year of real output, or real value added, per unit of labour.

    Parameters
    ----------
    panel, unit, year, gap, missing
        See `tfp_growth`.
    output, labour : str
        Columns of real output and of hours or persons.

    Returns
    -------
    Checked
        See `empirics.growth.midpoint_growth`.

    Raises
    ------
    DataError
        If the panel is malformed, output is negative, or labour is not positive.
    """
    unit = [unit] if isinstance(unit, str) else list(unit)
    checked = observations(panel, [output, labour], unit, year, missing)
    _require_positive(checked.table, [labour], [*unit, year])
    name = f"{output} per {labour}"
    ratio = checked.table.assign(**{name: checked.table[output] / checked.table[labour]})
    growth = midpoint_growth(ratio, name, unit, year, gap=gap)
    return Checked(growth.table, pd.concat([checked.excluded, growth.excluded], ignore_index=True))


def cost_shares(panel: pd.DataFrame, costs: Mapping[str, str], keys: Sequence[str] = ()) -> pd.DataFrame:
    """Return the panel with each input's share in the sum of costs.

    Parameters
    ----------
    panel : pd.DataFrame
    costs : mapping of str to str
        Name of each share column to be made, to column of the input's nominal cost.
    keys : sequence of str
        Columns that an error names an observation by.

    Raises
    ------
    DataError
        If a cost is missing or negative, or the costs of an observation sum to zero.
    """
    require_columns(list(panel.columns), [*keys, *costs.values()], "the panel")
    labels = panel[list(keys)] if keys else pd.DataFrame({"row": panel.index}, panel.index)
    frame = panel.assign(**{str(name): labels[name] for name in labels})
    values = pd.DataFrame({name: numbers(frame, cost, list(labels)) for name, cost in costs.items()})
    for name, cost in costs.items():
        wrong = ~(values[name] >= 0)
        if wrong.any():
            raise DataError(
                f"the cost '{cost}' of {place(labels, wrong)} is {values[name][wrong].iloc[0]:g}; it must be at least 0. Correct it "
                "or leave the observation out."
            )
    total = values.sum(axis=1)
    if (total == 0).any():
        raise DataError(
            f"all costs of {place(labels, total == 0)} are zero, so that it has no shares; leave it out."
        )
    return panel.assign(**{name: values[name] / total for name in costs})


def with_residual_share(shares: pd.DataFrame, residual: str, floor: float) -> pd.DataFrame:
    """Add the share of the input whose cost is not known: what the others leave of one, but never less than a floor.

    Where the floor binds, the other shares are scaled down in proportion, so that shares still sum to one.

    Parameters
    ----------
    shares : pd.DataFrame
        Cost of each known input over output, one column an input, one row a unit.
    residual : str
        Name of the column to be added.
    floor : float
        From 0 up to below 1.

    Returns
    -------
    pd.DataFrame
        The shares, the column `residual`, ``unfloored`` (the residual as found, which may be negative) and ``floored`` (bool).

    Raises
    ------
    DataError
        If a share is missing or negative, or the floor is outside 0 to 1.
    """
    if not 0 <= floor < 1:
        raise DataError(f"floor={floor:g} is not a share; give a number from 0 up to below 1.")
    wrong = ~(shares >= 0)
    if wrong.any(axis=None):
        row, column = np.argwhere(wrong.to_numpy())[0]
        raise DataError(
            f"the share '{shares.columns[column]}' of '{shares.index[row]}' is {shares.iloc[row, column]:g}; it must be at least 0."
        )
    known = shares.sum(axis=1)
    left = 1.0 - known
    floored = left < floor
    factor = ((1.0 - floor) / known.where(floored, 1.0)).where(floored, 1.0)
    out = shares.mul(factor, axis=0)
    return out.assign(**{residual: left.where(~floored, floor), "unfloored": left, "floored": floored})


def _log_change(table: pd.DataFrame, name: str) -> pd.Series:
    return np.log(table[name]) - np.log(table[f"previous_{name}"])


def _require_distinct(quantities: list[str], shares: list[str]) -> None:
    names = [*quantities, *shares]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(
            f"the column '{twice[0]}' is named more than once among output, inputs and shares; each has its own."
        )


def _require_positive(table: pd.DataFrame, quantities: Sequence[str], keys: list[str]) -> None:
    for name in quantities:
        wrong = table[name] <= 0
        if wrong.any():
            raise DataError(
                f"the quantity '{name}' of {place(table[keys], wrong)} is {table[name][wrong].iloc[0]:g}; it must be positive. Correct "
                "it or leave the observation out."
            )


def _require_shares(table: pd.DataFrame, shares: list[str], keys: list[str], tolerance: float) -> None:
    for name in shares:
        wrong = (table[name] < 0) | (table[name] > 1)
        if wrong.any():
            raise DataError(
                f"the share '{name}' of {place(table[keys], wrong)} is {table[name][wrong].iloc[0]:g}; it must be within 0 and 1."
            )
    total = table[shares].sum(axis=1)
    wrong = (total - 1.0).abs() > tolerance
    if wrong.any():
        raise DataError(
            f"the shares {', '.join(shares)} of {place(table[keys], wrong)} sum to {total[wrong].iloc[0]:.6g}, not 1; make them with "
            "empirics.productivity.cost_shares(...) or pass tolerance=."
        )
