"""Variants of the extended table: what is calibrated to what, at which prices, and who buys magnets."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd
import xarray as xr

from empirics.measurement.applications import (
    magnet_sales,
    unit_prices,
    us_quantities,
    use_by_industry,
    value_of,
)
from empirics.measurement.extension import ELEMENTS, extend
from empirics.measurement.requirements import (
    TableCertificate,
    by_sector,
    certify,
    downstream,
    output_of,
    total_requirements,
)
from empirics.shipped import shipped_table
from framework.errors import DataError

#: Cells of the slides' table that set a use: (application, element) -> SIC sector of the row.
TARGETS = {
    ("battery", "La"): "3691",
    ("magnet", "Nd"): "3499",
    ("magnet", "Pr"): "3499",
    ("magnet", "Dy"): "3499",
    ("automobile catalyst", "Ce"): "3714",
}

#: A calibrated cell equals its target to this share of it.
CALIBRATED_TO = 1e-10
MAX_ROUNDS = 50


@dataclass(frozen=True)
class Variant:
    """One way to make the extended table and to read requirements off it.

    Attributes
    ----------
    calibration : {"slides", "public"}
        ``public``: public quantities times public prices. ``slides``: the cells of `TARGETS` are met, everything else is
        as in ``public``.
    prices, magnet_users, excess, per, weights : str
        See `unit_prices`, `magnet_sales`, `extend`, `total_requirements` and `by_sector`.
    """

    calibration: str = "slides"
    prices: str = "year-end-2012"
    magnet_users: str = "reconstruction"
    excess: str = "error"
    per: str = "commodity"
    weights: str = "output"


HEADLINE = "calibrated"
PER_INDUSTRY = "calibrated, per dollar of industry output"
_SLIDES, _PUBLIC = Variant(), Variant(calibration="public", excess="balance")

#: The variants that are reported side by side; the first is the headline.
VARIANTS = {
    HEADLINE: _SLIDES,
    "public": replace(_PUBLIC, excess="error"),
    "public, mean prices of 2012": replace(_PUBLIC, prices="mean-2012"),
    "public, prices at the end of 2011": replace(_PUBLIC, prices="year-end-2011"),
    "calibrated, magnets to machinery and equipment": replace(
        _SLIDES, magnet_users="machinery-and-equipment"
    ),
    "calibrated, magnets to all buyers": replace(_SLIDES, magnet_users="all-buyers"),
    PER_INDUSTRY: replace(_SLIDES, per="industry"),
    "calibrated, equal weights of BEA codes": replace(_SLIDES, weights="equal"),
}


@dataclass(frozen=True)
class ExtendedTable:
    """An extended table with the requirements read off it.

    Attributes
    ----------
    accounts : xr.Dataset
        The extended accounts.
    value : xr.DataArray
        Million USD that went in, dims (application, element).
    codes : xr.DataArray
        Total requirements, $ per $; see `downstream`, dims (element, bea).
    weights : xr.DataArray
        Output by BEA code in the original accounts, million USD, dims (bea).
    certificate : TableCertificate
    """

    accounts: xr.Dataset
    value: xr.DataArray
    codes: xr.DataArray
    weights: xr.DataArray
    certificate: TableCertificate

    def by_sector(self, weights: str = "output") -> xr.DataArray:
        """Total requirements by SIC 1987 sector, $ per $, dims (sector, element); see `by_sector`."""
        return by_sector(self.codes, self.weights, shipped_table("bea2012_sic1987.csv"), weights)


def build(accounts: xr.Dataset, variant: Variant) -> ExtendedTable:
    """Make the extended table of one variant and certify it.

    Raises
    ------
    DataError
        If a use cannot be carved, a calibration does not settle, or the certificate does not hold.
    """
    value = value_of(us_quantities(), unit_prices(variant.prices))
    sales = magnet_sales(accounts, variant.magnet_users)
    if variant.calibration == "slides":
        value = calibrate(accounts, value, sales, variant)
    extended = extend(accounts, use_by_industry(value), sales, variant.excess)
    rows = total_requirements(extended, variant.per)
    certificate = certify(accounts, extended, rows)
    certificate.require()
    codes = downstream(rows, output_of(extended, variant.per))
    return ExtendedTable(extended, value, codes, output_of(accounts, variant.per), certificate)


def slides_table() -> pd.DataFrame:
    """The slides' table: index ``sic``, columns title and elements, 10^-3 USD per USD, rounded to two decimals there."""
    return shipped_table("slides_requirements.csv").set_index("sic")


def calibrate(accounts: xr.Dataset, value: xr.DataArray, sales: pd.Series, variant: Variant) -> xr.DataArray:
    """Scale the uses of `TARGETS` until the total requirements equal the slides' cells.

    A requirement is nearly proportional to its use, so that scaling by target over value settles in a few rounds.

    Parameters
    ----------
    accounts : xr.Dataset
    value : xr.DataArray
        Million USD to start from, dims (application, element).
    sales : pd.Series
        Sales of magnets; see `magnet_sales`.
    variant : Variant
        Its ``excess`` and ``per`` count; sectors are read off with output weights, so that equal weights show the same table.

    Raises
    ------
    DataError
        If a cell cannot be met: the other uses of its element exceed the target, or the use does not fit its cell.
    """
    slides, value = slides_table(), value.copy(deep=True)
    pairs, weights = shipped_table("bea2012_sic1987.csv"), output_of(accounts, variant.per)
    for _ in range(MAX_ROUNDS):
        extended = extend(accounts, use_by_industry(value), sales, variant.excess)
        rows = total_requirements(extended, variant.per)
        found = by_sector(downstream(rows, output_of(extended, variant.per)), weights, pairs)
        ratios = {
            (application, element): float(slides.at[sic, element])
            / (1000.0 * float(found.sel(sector=sic, element=element)))
            for (application, element), sic in TARGETS.items()
        }
        if all(abs(ratio - 1) < CALIBRATED_TO for ratio in ratios.values()):
            return value
        for (application, element), ratio in ratios.items():
            value.loc[{"application": application, "element": element}] *= ratio
    (application, element), ratio = max(ratios.items(), key=lambda item: abs(item[1] - 1))
    raise DataError(
        f"the use of {element} for '{application}' cannot be calibrated to SIC {TARGETS[application, element]}: after "
        f"{MAX_ROUNDS} rounds the target is still {ratio:.3g} times what is found; check the other uses of {element}."
    )


def calibrated_cells(sectors: list[str]) -> xr.DataArray:
    """1 where a cell of the slides' table sets a use and is therefore met by construction, dims (sector, element)."""
    cells = xr.DataArray(0, {"sector": sectors, "element": list(ELEMENTS)}, ("sector", "element")).astype(
        "int8"
    )
    for (_, element), sic in TARGETS.items():
        cells.loc[{"sector": sic, "element": element}] = 1
    return cells
