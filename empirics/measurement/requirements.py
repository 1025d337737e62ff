"""Total requirements of rare earths: what a dollar of final demand takes, directly and through all inputs."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import xarray as xr
from scipy.sparse.linalg import eigs

from empirics.measurement.accounts import commodity_output, industry_output, relative_gaps
from empirics.measurement.extension import (
    CHEMICALS,
    ELEMENT_CODES,
    ELEMENTS,
    MAGNETS,
    METALS,
    OTHER_CHEMICALS,
    OTHER_METALS,
)
from framework.errors import DataError, did_you_mean

#: Sector "fabricated metal products, n.e.c.", which takes the whole of `METALS` and nothing else.
METALS_SIC = "3499"

#: The table must balance to this share of each row and column.
BALANCE_LIMIT = 1e-9


@dataclass(frozen=True)
class TableCertificate:
    """What an extended table must fulfil, as found.

    Attributes
    ----------
    row_gap, column_gap : float
        Largest gap of the extended table, relative to the row's or column's absolute values; rounding is an entry.
    row_gap_before, column_gap_before : float
        The same for the table as read, where rounding is not an entry.
    spectral_radius : float
        Of the coefficients commodity by commodity; the total requirements exist below 1.
    smallest_ree : float
        Smallest total requirement of an element, $ per $.
    smallest_inverse : float
        Smallest entry of the whole Leontief inverse; below 0 where BEA's use table has negative cells.
    negative_uses : int
        Number of negative cells in the use table as read.
    """

    row_gap: float
    column_gap: float
    row_gap_before: float
    column_gap_before: float
    spectral_radius: float
    smallest_ree: float
    smallest_inverse: float
    negative_uses: int

    def as_dict(self) -> dict[str, float]:
        """Return the fields as a dict of numbers."""
        return asdict(self)

    def require(self) -> None:
        """Raise `DataError` unless the table balances, the requirements exist and none of an element is negative."""
        for name in ("row_gap", "column_gap"):
            if getattr(self, name) > BALANCE_LIMIT:
                raise DataError(f"the extended table does not balance: {name} is {getattr(self, name):.2g}.")
        if self.spectral_radius >= 1:
            raise DataError(
                f"the spectral radius of the coefficients is {self.spectral_radius:.3f}; it must be below 1."
            )
        if self.smallest_ree < 0:
            raise DataError(f"a total requirement of an element is negative ({self.smallest_ree:.2g}).")


def coefficients(accounts: xr.Dataset) -> xr.DataArray:
    """Direct requirements commodity by commodity under the industry-technology assumption, $ per $.

    Returns
    -------
    xr.DataArray
        dims (input, commodity): use of the input in one dollar of the commodity, whoever makes it, domestic plus
        imported. A commodity without domestic output has no technology and requires nothing.
    """
    made, output = commodity_output(accounts), industry_output(accounts)
    technology = accounts["use"] / output.where(output > 0, 1.0)
    makers = accounts["make"] / made.where(made > 0, 1.0)
    return technology.rename(commodity="input").dot(makers, dim="industry")


def total_requirements(accounts: xr.Dataset, per: str = "commodity") -> xr.DataArray:
    """Total requirements of the elements, $ of the element per $ of final demand.

    Five rows of the Leontief inverse, from a solution for those rows only.

    Parameters
    ----------
    accounts : xr.Dataset
        Extended accounts.
    per : {"commodity", "industry"}
        Per dollar of a commodity, whoever makes it, or per dollar of an industry's output, whatever it makes (BEA calls
        these commodity-by-commodity and commodity-by-industry requirements).

    Returns
    -------
    xr.DataArray
        dims (element, bea), bea being the commodities or the industries of the accounts.
    """
    direct = coefficients(accounts)
    labels = direct["commodity"].values
    unit = (labels[:, None] == np.array(ELEMENT_CODES, dtype=object)).astype(float)
    rows = np.linalg.solve((np.eye(labels.size) - direct.values).T, unit)
    total = xr.DataArray(rows.T, {"element": list(ELEMENTS), "commodity": labels}, ("element", "commodity"))
    if per == "commodity":
        return total.rename(commodity="bea")
    return total.dot(accounts["use"], dim="commodity").rename(industry="bea") / output_of(accounts, per)


def output_of(accounts: xr.Dataset, per: str) -> xr.DataArray:
    """Output by commodity or by industry, million USD, dims (bea)."""
    output = commodity_output(accounts) if per == "commodity" else industry_output(accounts)
    return output.rename({per: "bea"})


def spectral_radius(matrix: np.ndarray) -> float:
    """Largest absolute eigenvalue of a square matrix."""
    # A fixed start makes the result the same in every run.
    values = eigs(matrix, k=1, which="LM", v0=np.ones(matrix.shape[0]), return_eigenvectors=False)
    return float(abs(values).max())


def certify(before: xr.Dataset, extended: xr.Dataset, requirements: xr.DataArray) -> TableCertificate:
    """Return the certificate of an extended table made from the accounts `before`."""
    direct = coefficients(extended).values
    row, column = relative_gaps(extended)
    row_before, column_before = relative_gaps(before)
    return TableCertificate(
        row_gap=row,
        column_gap=column,
        row_gap_before=row_before,
        column_gap_before=column_before,
        spectral_radius=spectral_radius(direct),
        smallest_ree=float(requirements.min()),
        smallest_inverse=float(np.linalg.inv(np.eye(direct.shape[0]) - direct).min()),
        negative_uses=int((before["use"] < 0).sum()),
    )


def downstream(requirements: xr.DataArray, output: xr.DataArray) -> xr.DataArray:
    """Return requirements with the labels of the original accounts, and `OTHER_METALS` besides.

    Metals are the average of magnets and the rest by output. Chemicals are the remainder without the elements: an element
    sold to final demand is not a use of rare earths downstream.

    Parameters
    ----------
    requirements, output : xr.DataArray
        Of the extended accounts, dims (element, bea) and (bea).
    """
    share = float(output.sel(bea=MAGNETS) / output.sel(bea=[MAGNETS, OTHER_METALS]).sum())
    metals = share * requirements.sel(bea=MAGNETS) + (1 - share) * requirements.sel(bea=OTHER_METALS)
    kept = requirements.sel(bea=[x for x in requirements["bea"].values if x not in (MAGNETS, *ELEMENT_CODES)])
    named = kept.assign_coords(bea=[CHEMICALS if x == OTHER_CHEMICALS else x for x in kept["bea"].values])
    return xr.concat([named, metals.expand_dims(bea=[METALS])], "bea").transpose("element", "bea")


def by_sector(
    requirements: xr.DataArray, output: xr.DataArray, pairs: pd.DataFrame, weights: str = "output"
) -> xr.DataArray:
    """Average the requirements of the BEA codes that are paired with each SIC 1987 sector.

    A sector takes each code paired with it once, with its whole output as weight. Magnets are made in `METALS_SIC` only: it
    takes the whole of `METALS` and none of its other pairs, which are by-products of large industries; the other sectors
    paired with `METALS` take the part without magnets.

    Parameters
    ----------
    requirements : xr.DataArray
        See `downstream`, dims (element, bea).
    output : xr.DataArray
        Output in the original accounts, dims (bea).
    pairs : pd.DataFrame
        Columns ``bea`` and ``sic``.
    weights : {"output", "equal"}

    Returns
    -------
    xr.DataArray
        dims (sector, element).

    Raises
    ------
    DataError
        If a pair names a code that the requirements lack.
    """
    pairs = pairs[(pairs.sic != METALS_SIC) | (pairs.bea == METALS)].drop_duplicates()
    lacking = sorted(set(pairs.bea) - set(requirements["bea"].values))
    if lacking:
        raise DataError(
            f"BEA code '{lacking[0]}' is paired with SIC {pairs.sic[pairs.bea == lacking[0]].iloc[0]}, but the accounts do "
            f"not have it.{did_you_mean(lacking[0], requirements['bea'].values)}"
        )
    part = pairs.bea.where((pairs.bea != METALS) | (pairs.sic == METALS_SIC), OTHER_METALS)
    values = requirements.sel(bea=part.to_numpy()).values
    weight = output.sel(bea=pairs.bea.to_numpy()).values if weights == "output" else np.ones(len(pairs))
    sector = pairs.sic.to_numpy()
    sums = pd.DataFrame((values * weight).T, columns=list(ELEMENTS)).groupby(sector).sum()
    table = sums.div(pd.Series(weight).groupby(sector).sum(), axis=0)
    return xr.DataArray(
        table.to_numpy(),
        {"sector": table.index.to_numpy(object), "element": list(ELEMENTS)},
        ("sector", "element"),
    )
