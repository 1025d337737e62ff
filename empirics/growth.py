"""Growth rates by midpoint, and differences to the same sector elsewhere.

The midpoint growth rate ``(x_t - x_0) / (0.5 (x_t + x_0))`` is symmetric, lies between -2 (exit) and 2 (entry), and to second order
equals the change in logs (Davis, Haltiwanger and Schuh 1996, Job Creation and Destruction, ch. 2). Over ``n`` years it is divided by n.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from empirics.observations import (
    Checked,
    Gap,
    Missing,
    Panel,
    changes,
    exclusions,
    observations,
    place,
    require_columns,
    stacked,
)
from framework.errors import DataError, did_you_mean


def midpoint_of_log_change(change: np.ndarray | pd.Series) -> np.ndarray | pd.Series:
    """Midpoint growth of a positive quantity whose log changed by `change`: ``2 tanh(change / 2)``."""
    return 2.0 * np.tanh(change / 2.0)


def midpoint_growth(
    panel: Panel,
    value: str,
    unit: Sequence[str],
    year: str = "year",
    *,
    gap: Gap = "annualise",
    missing: Missing = "error",
) -> Checked:
    """Midpoint growth rate a year of a quantity that is not negative.

    Parameters
    ----------
    panel : pd.DataFrame or xr.Dataset
        See `empirics.observations.observations`.
    value : str
        Column of the quantity; zero means entry or exit.
    unit : sequence of str
        Columns that identify a unit, such as region and sector.
    year : str
    gap : {"annualise", "exclude", "error"}
        What becomes of a change over n > 1 years: divided by n, listed among the exclusions, or an error.
    missing : {"error", "exclude"}
        What becomes of a missing value; where it is excluded, the change to the next observation is over a gap.

    Returns
    -------
    Checked
        ``table`` with columns `unit`, `year`, ``previous_year`` and ``growth`` (a fraction a year, within -2 and 2);
        ``excluded`` lists what was left out and why: missing values, gaps, units with one observation, and changes from zero
        to zero, which have no growth rate.

    Raises
    ------
    DataError
        If the panel is malformed or a value is negative.
    """
    unit = [unit] if isinstance(unit, str) else list(unit)
    checked = observations(panel, [value], unit, year, missing)
    negative = checked.table[value] < 0
    if negative.any():
        raise DataError(
            f"'{value}' of {place(checked.table[[*unit, year]], negative)} is {checked.table[value][negative].iloc[0]:g}; a midpoint "
            "growth rate needs quantities that are not negative."
        )
    pairs = changes(checked, [value], unit, year, gap)
    table = pairs.table
    new, old = table[value], table[f"previous_{value}"]
    nothing = (new == 0) & (old == 0)
    years = table[year] - table["previous_year"]
    # Halves first: the sum of two huge values may overflow where their mean does not.
    mean = 0.5 * new + 0.5 * old
    growth = (new - old) / mean.where(~nothing, 1.0) / years
    rates = table[[*unit, year, "previous_year"]].assign(growth=growth)[~nothing].reset_index(drop=True)
    zeros = exclusions(table[nothing], [*unit, year], ["zero now and before"] * int(nothing.sum()))
    return Checked(rates, stacked([pairs.excluded, zeros]))


def difference_to(
    table: pd.DataFrame,
    value: str,
    dim: str = "region",
    reference: str = "CHN",
    match: Sequence[str] = ("sector", "year"),
) -> Checked:
    """Subtract the value of the same sector and year in a reference region.

    Parameters
    ----------
    table : pd.DataFrame
        Columns `dim`, `match` and `value`, for instance growth rates by region, sector and year.
    value : str
        Column whose difference is taken.
    dim, reference : str
        Column of regions, and the label of the reference among them.
    match : sequence of str
        Columns that must be equal; with ``previous_year`` among them, only changes over the same years are compared.

    Returns
    -------
    Checked
        ``table``: the rows of other regions with the column ``difference`` besides; ``excluded`` lists the rows whose sector and
        year the reference lacks.

    Raises
    ------
    DataError
        If a column or the reference is not there, a row of the reference is there twice, or a value is missing.
    """
    match = [match] if isinstance(match, str) else list(match)
    require_columns(list(table.columns), [dim, *match, value], "the table")
    known = [str(x) for x in table[dim].unique()]
    there = table[dim].astype(str) == str(reference)
    if not there.any():
        raise DataError(
            f"no row has {dim} '{reference}'.{did_you_mean(str(reference), known)} Name one of: {', '.join(known)}."
        )
    if table[value].isna().any():
        raise DataError(
            f"'{value}' is missing for {place(table[[dim, *match]], table[value].isna())}; leave such rows out first."
        )
    base = table.loc[there, [*match, value]].rename(columns={value: "reference"})
    twice = base.duplicated(match)
    if twice.any():
        raise DataError(
            f"{dim} '{reference}' has {place(base[match], twice)} more than once; add the column that tells them apart to match=."
        )
    joined = table[~there].merge(base, on=match, how="left")
    lacking = joined["reference"].isna()
    keys = [dim, *match]
    excluded = exclusions(joined[lacking], keys, [f"not observed in {dim} {reference}"] * int(lacking.sum()))
    joined["difference"] = joined[value] - joined["reference"]
    return Checked(joined[~lacking].drop(columns="reference").reset_index(drop=True), excluded)
