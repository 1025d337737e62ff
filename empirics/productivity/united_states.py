"""Productivity growth of manufacturing in the United States by NAICS 2012 industry, beside the REE sensitivity.

The public extract of the NBER-CES database has quantities but no costs. Cost shares are therefore those of 2012, its base year, in
which real materials over real shipments is the nominal ratio: materials from the extract, labour from BEA's compensation over output of
the industry that contains it, and capital what is left of one, with a floor. Purchased services are not in NBER-CES materials, so that their
cost is in the share of capital. With constant shares the Törnqvist index of inputs is a Cobb-Douglas index.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from empirics.measurement.accounts import industry_output, read_accounts
from empirics.measurement.results import load_measurement
from empirics.observations import require_columns
from empirics.productivity.accounting import labour_productivity_growth, tfp_growth, with_residual_share
from empirics.productivity.nber_ces import read_nber_ces
from empirics.shipped import DATA, official_folder, shipped_table
from framework.errors import DataError, did_you_mean

SHIPPED = "us_tfp_panel.parquet"
REGION = "USA"
SHARE_YEAR = 2012
COMPENSATION = "V00100"

#: Growth is from the year before; the slides' column USA has 14 years.
FIRST_YEAR, LAST_YEAR = 2003, 2016

#: Least share of capital. The residual is below it in 10 of 364 industries, in 5 of them negative.
CAPITAL_FLOOR = 0.05

#: Growth rates are in percentage points, the unit of the slides' tables.
PERCENT = 100.0

FILES = ("nberces5818v1_n2012.csv", "dsfa_manuf_naics2012_2000_2016.parquet")
NEEDED = (
    f"the NBER-CES database by NAICS 2012 ({FILES[0]} from the NBER, or the extract {FILES[1]}), in a folder or its subfolder 'nber_ces' "
    "that --data or the environment variable EXACTHAT_DATA names"
)
SOURCE = (
    "NBER-CES Manufacturing Industry Database (Becker, Gray and Marvakov); cost shares of 2012 with compensation from the U.S. Bureau of "
    "Economic Analysis, 2012 benchmark input-output accounts; REE sensitivity of empirics.measurement"
)
TERMS = "Derived from public data of the NBER and the U.S. Government; free to use with this source."


def us_cost_shares(ces: pd.DataFrame, accounts: xr.Dataset, floor: float = CAPITAL_FLOOR) -> pd.DataFrame:
    """Shares of labour, materials and capital in output in 2012, by NAICS 2012 industry.

    Parameters
    ----------
    ces : pd.DataFrame
        See `read_nber_ces`; quantities at prices of 2012.
    accounts : xr.Dataset
        See `empirics.measurement.read_accounts`.
    floor : float
        Least share of capital.

    Returns
    -------
    pd.DataFrame
        Index ``industry``; columns ``labour_share``, ``materials_share``, ``capital_share``, which sum to one, ``unfloored`` (what is left for
        capital before the floor), ``floored`` (bool) and ``bea``, the industry whose compensation is taken.

    Raises
    ------
    DataError
        If an industry is not in NAICS 2012 or not in the accounts, or the database lacks 2012.
    """
    base = ces[ces["year"] == SHARE_YEAR].set_index("industry")
    if base.empty:
        raise DataError(
            f"the database has no year {SHARE_YEAR}, whose cost shares are taken; take a file that covers it."
        )
    bea = _bea_industries(base.index, accounts)
    labour = accounts["value_added"].sel(component=COMPENSATION) / industry_output(accounts)
    known = pd.DataFrame(
        {
            "labour_share": labour.sel(industry=bea.to_numpy()).values,
            "materials_share": (base["materials"] / base["output"]).to_numpy(),
        },
        index=base.index,
    )
    return with_residual_share(known, "capital_share", floor).assign(bea=bea)


def us_productivity(ces: pd.DataFrame, shares: pd.DataFrame) -> pd.DataFrame:
    """Productivity growth by industry and year.

    Parameters
    ----------
    ces : pd.DataFrame
        See `read_nber_ces`.
    shares : pd.DataFrame
        See `us_cost_shares`.

    Returns
    -------
    pd.DataFrame
        ``industry``, ``year``; midpoint growth a year of total factor and labour productivity, in percentage points, ``tfp_growth`` and
        ``labour_productivity_growth``; and in logs of the year ``capital_intensity`` (capital per hour) and ``labour_intensity`` (hours per output).

    Raises
    ------
    DataError
        If a quantity is missing or not positive, years lack, or an industry has no shares.
    """
    columns = ["labour_share", "materials_share", "capital_share"]
    lacking = sorted(set(ces["industry"]) - set(shares.index))
    if lacking:
        raise DataError(
            f"industry '{lacking[0]}' has no cost shares.{did_you_mean(lacking[0], shares.index, ces['industry'])}"
        )
    panel = ces.join(shares[columns], on="industry")
    inputs = {"labour": "labour_share", "materials": "materials_share", "capital": "capital_share"}
    tfp = tfp_growth(panel, "output", inputs, ["industry"], gap="error").table
    labour = labour_productivity_growth(panel, "output", "labour", ["industry"], gap="error").table
    out = tfp[["industry", "year"]].assign(tfp_growth=PERCENT * tfp["tfp_midpoint"])
    labour = labour.assign(labour_productivity_growth=PERCENT * labour["growth"])
    out = out.merge(
        labour[["industry", "year", "labour_productivity_growth"]], on=["industry", "year"], validate="1:1"
    )
    levels = ces[["industry", "year"]].assign(
        capital_intensity=np.log(ces["capital"] / ces["labour"]),
        labour_intensity=np.log(ces["labour"] / ces["output"]),
    )
    return out.merge(levels, on=["industry", "year"], validate="1:1")


def us_panel(
    data: str | Path | None = None,
    measurement: xr.Dataset | None = None,
    floor: float = CAPITAL_FLOOR,
    years: tuple[int, int] = (FIRST_YEAR, LAST_YEAR),
) -> pd.DataFrame:
    """Build the panel of the United States for ``exacthat did``: productivity growth beside the REE sensitivity.

    Parameters
    ----------
    data : str or Path, optional
        Folder of official tables; by default the environment variable EXACTHAT_DATA names it.
    measurement : xr.Dataset, optional
        With ``sensitivity_naics``; by default the shipped one, see `empirics.measurement.load_measurement`.
    floor : float
        Least share of capital.
    years : tuple of int
        First and last year of growth.

    Returns
    -------
    pd.DataFrame
        The columns of `us_productivity`, and ``region`` (USA), ``bea``, ``sensitivity`` (10^-3 USD per USD), the three shares and ``floored``;
        ``attrs`` say source, terms, units and the industries whose share of capital is at the floor.

    Raises
    ------
    DataError
        If official tables are missing or malformed, or an industry has no sensitivity.
    """
    ces = read_nber_ces(_database(data))
    shares = us_cost_shares(ces, read_accounts(data), floor)
    growth = us_productivity(ces, shares)
    growth = growth[growth["year"].between(*years)]
    measured = load_measurement() if measurement is None else measurement
    sensitivity = _sensitivity(growth["industry"].unique(), measured)
    kept = shares[["bea", "labour_share", "materials_share", "capital_share", "floored"]]
    panel = growth.join(sensitivity, on="industry").join(kept, on="industry")
    panel.insert(0, "region", REGION)
    at_floor = shares.index[shares["floored"]]
    panel.attrs = {
        "data": "derived",
        "source": SOURCE,
        "terms": TERMS,
        "growth": "midpoint, percentage points a year",
        "sensitivity": str(measured["sensitivity_naics"].attrs.get("units", "")),
        "capital_floor": floor,
        "industries_at_floor": ", ".join(at_floor),
    }
    return panel.reset_index(drop=True)


def load_us_panel(path: str | Path | None = None) -> pd.DataFrame:
    """Load the panel of the United States: the shipped one, or one that `write_us_panel` wrote; see `us_panel`.

    Raises
    ------
    DataError
        If the file cannot be read or is not such a panel.
    """
    with resources.as_file(DATA / SHIPPED) as shipped:
        file = Path(path) if path is not None else shipped
        try:
            panel = pd.read_parquet(file)
        except (OSError, ValueError) as error:
            raise DataError(f"'{file}' cannot be read as Parquet ({error}).") from error
    require_columns(
        list(panel.columns), ["region", "industry", "year", "tfp_growth", "sensitivity"], f"'{file}'"
    )
    return panel


def write_us_panel(panel: pd.DataFrame, path: str | Path) -> None:
    """Write the panel as Parquet, with its attributes."""
    panel.to_parquet(path, index=False, compression="zstd")


def _database(data: str | Path | None) -> Path:
    folder = official_folder(data)
    if folder is None:
        raise DataError(f"the NBER-CES database is not shipped. Needed: {NEEDED}.")
    for place in (folder / "nber_ces", folder):
        for name in FILES:
            if (place / name).is_file():
                return place / name
    raise DataError(f"'{folder}' does not hold the NBER-CES database. Needed: {NEEDED}.")


def _bea_industries(industries: pd.Index, accounts: xr.Dataset) -> pd.Series:
    """BEA industry that contains each NAICS 2012 industry: its own where the accounts have it, else that of the crosswalk."""
    crosswalk = shipped_table("bea2012_naics2012.csv").set_index("naics")["bea"]
    own = {str(x) for x in accounts["industry"].values}
    unknown = [x for x in industries if x not in own and x not in crosswalk.index]
    if unknown:
        raise DataError(
            f"industry '{unknown[0]}' is not a manufacturing industry of NAICS 2012.{did_you_mean(unknown[0], crosswalk.index, industries)} Take the "
            "NAICS 2012 version of the database."
        )
    bea = pd.Series([x if x in own else crosswalk[x] for x in industries], industries)
    lacking = sorted(set(bea) - own)
    if lacking:
        raise DataError(
            f"the accounts have no industry '{lacking[0]}'.{did_you_mean(lacking[0], own, bea)} Use the detail tables of 2012."
        )
    return bea


def _sensitivity(industries: np.ndarray, measurement: xr.Dataset) -> pd.Series:
    if "sensitivity_naics" not in measurement:
        raise DataError(
            "the measurement has no 'sensitivity_naics'; take a measurement.nc of exacthat measure."
        )
    values = measurement["sensitivity_naics"].to_series().rename_axis("industry").rename("sensitivity")
    lacking = sorted(set(industries) - set(values.index))
    if lacking:
        raise DataError(
            f"industry '{lacking[0]}' has no REE sensitivity.{did_you_mean(lacking[0], values.index, industries)}"
        )
    return values
