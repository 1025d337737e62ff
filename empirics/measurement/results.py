"""The measurement as one dataset: total requirements by sector and element, variants, certificate, sensitivity."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from empirics.measurement.accounts import NEEDED, has_accounts, read_accounts
from empirics.measurement.applications import (
    APPLICATIONS,
    PRICES,
    YEAR,
    magnet_buyers,
    magnet_share,
    unit_prices,
    us_quantities,
)
from empirics.measurement.extension import ELEMENT_CODES, ELEMENTS, METALS
from empirics.measurement.requirements import by_sector, coefficients, downstream, output_of
from empirics.measurement.variants import (
    HEADLINE,
    VARIANTS,
    ExtendedTable,
    build,
    calibrated_cells,
    slides_table,
)
from empirics.prices import read_prices, spike_factors
from empirics.sensitivity import complementarity, price_sensitivity, sensitivity
from empirics.shipped import DATA, official_folder, shipped_table
from framework.errors import DataError

SHIPPED = "measurement.nc"
TITLE = "Total requirements of rare-earth elements by SIC 1987 manufacturing sector, United States 2012"
TERMS = (
    "Derived from U.S. Bureau of Economic Analysis and U.S. Geological Survey tables (U.S. Government, public domain) and from "
    "the facts listed in empirics/data; the results are free to use with this source."
)

#: Sectors that are on the list only because of how codes are paired.
ARTEFACTS = {
    "3292": "asbestos products, reached through brake linings and clutch facings, which BEA counts with motor vehicle parts"
}


def measure(data: str | Path | None = None) -> xr.Dataset:
    """Build the extended table in all variants and return what it says.

    Parameters
    ----------
    data : str or Path, optional
        Folder of official tables; see `read_accounts`.

    Returns
    -------
    xr.Dataset
        ``total_requirements`` and ``direct_requirements`` ($ per $, dims (sector, element), SIC 1987 codes as text),
        ``sensitivity`` (sector), the same by BEA code and by NAICS 2012 code, ``requirements_by_variant`` and the certificate of
        each variant, the uses that went in, the slides' table, and flags.

    Raises
    ------
    DataError
        If the official tables are missing or malformed, or a table cannot be built.
    """
    return assemble(read_accounts(data))


def assemble(accounts: xr.Dataset) -> xr.Dataset:
    """Return the measurement made from accounts of `empirics.measurement.accounts`; see `measure`."""
    tables: dict[object, ExtendedTable] = {}
    for variant in VARIANTS.values():
        key = replace(variant, weights="output")
        if key not in tables:
            tables[key] = build(accounts, key)
    chosen = {name: tables[replace(variant, weights="output")] for name, variant in VARIANTS.items()}
    sectors = {name: table.by_sector(VARIANTS[name].weights) for name, table in chosen.items()}
    headline = chosen[HEADLINE]
    out = _requirements(accounts, headline, sectors[HEADLINE])
    out = out.merge(_variants(chosen, sectors), join="exact", combine_attrs="override")
    out = out.merge(_uses(headline.accounts), join="exact", combine_attrs="override").merge(
        _inputs(), combine_attrs="override"
    )
    out = out.assign_coords(sector_title=("sector", _titles(out["sector"].values)))
    return _describe(out, accounts)


def _titles(sectors: np.ndarray) -> list[str]:
    titles = shipped_table("sic1987.csv").set_index("sic").title
    return [str(titles[x]) for x in sectors]


def _requirements(accounts: xr.Dataset, table: ExtendedTable, sectors: xr.DataArray) -> xr.Dataset:
    """Requirements and sensitivities of the headline, by SIC, BEA and NAICS code."""
    extended = table.accounts
    inputs = coefficients(extended).sel(input=list(ELEMENT_CODES)).assign_coords(input=list(ELEMENTS))
    direct = downstream(inputs.rename(input="element", commodity="bea"), output_of(extended, "commodity"))
    pairs, naics = shipped_table("bea2012_sic1987.csv"), shipped_table("bea2012_naics2012.csv")
    codes = table.codes.sel(bea=accounts["commodity"].values).transpose("bea", "element")
    by_naics = codes.sel(bea=naics.bea.to_numpy()).drop_vars("bea").rename(bea="naics")
    by_naics = by_naics.assign_coords(naics=naics.naics.to_numpy(object))
    arrays = {
        "total_requirements": sectors,
        "direct_requirements": by_sector(direct, table.weights, pairs),
        "total_requirements_bea": codes,
        "total_requirements_naics": by_naics,
    }
    index = complementarity()
    for name, requirements in list(arrays.items()):
        if name.startswith("total"):
            arrays[name.replace("total_requirements", "sensitivity")] = sensitivity(requirements, index)
    arrays["sensitivity_price_spike"] = price_sensitivity(sectors, _spikes())
    return xr.Dataset(arrays)


def _spikes() -> xr.DataArray:
    """Highest price of 2010 to 2012 over the mean of 2009 by element, the same in every country, dims (element)."""
    factor = spike_factors(read_prices()).factor.reindex(list(ELEMENTS))
    note = "shipped public prices, the same spike in every country"
    return xr.DataArray(factor.to_numpy(), {"element": list(ELEMENTS)}, "element", attrs={"source": note})


def _variants(tables: dict[str, ExtendedTable], sectors: dict[str, xr.DataArray]) -> xr.Dataset:
    """Requirements, uses and certificate of every variant."""
    names = pd.Index(list(tables), name="variant")
    out = xr.Dataset(
        {
            "requirements_by_variant": xr.concat(list(sectors.values()), names),
            "ree_value": xr.concat([table.value for table in tables.values()], names),
        }
    )
    certificates = pd.DataFrame([table.certificate.as_dict() for table in tables.values()], index=names)
    choices = pd.DataFrame([vars(VARIANTS[name]) for name in tables], index=names)
    return out.assign(
        {column: ("variant", certificates[column].to_numpy()) for column in certificates}
    ).assign_coords(
        {f"variant_{column}": ("variant", choices[column].to_numpy(object)) for column in choices}
    )


def _uses(extended: xr.Dataset) -> xr.Dataset:
    """Million USD of each element by using industry, and the industry's value added (magnets stand for their slice)."""
    users = [industry for industry, _ in APPLICATIONS.values()]
    use = (
        extended["use"].sel(commodity=list(ELEMENT_CODES), industry=users).transpose("industry", "commodity")
    )
    use = use.assign_coords(commodity=list(ELEMENTS)).rename(commodity="element", industry="user")
    added = extended["value_added"].sel(industry=users).sum("component").rename(industry="user")
    return xr.Dataset({"ree_use": use, "user_value_added": added})


def _inputs() -> xr.Dataset:
    """The shipped facts that went in: quantities, prices, complementarity, the slides' table."""
    prices = xr.concat(
        [unit_prices(choice) for choice in PRICES], pd.Index(list(PRICES), name="price_choice")
    )
    slides = slides_table()
    return xr.Dataset(
        {
            "quantity": us_quantities(),
            "unit_price": prices,
            "complementarity": complementarity().sel(element=list(ELEMENTS)),
            "slides_requirements": (("slides_sector", "element"), slides[list(ELEMENTS)].to_numpy(float)),
            "slides_total": ("slides_sector", slides["All"].to_numpy(float)),
        },
        coords={
            "slides_sector": slides.index.to_numpy(object),
            "slides_title": ("slides_sector", slides["title"].to_numpy(object)),
        },
    )


UNITS = {
    "total_requirements": "USD per USD of final demand",
    "direct_requirements": "USD per USD of output",
    "total_requirements_bea": "USD per USD of final demand",
    "total_requirements_naics": "USD per USD of final demand",
    "requirements_by_variant": "USD per USD of final demand",
    "ree_value": "million USD",
    "ree_use": "million USD",
    "user_value_added": "million USD",
    "quantity": "t of oxide",
    "unit_price": "USD/kg",
    "slides_requirements": "10^-3 USD per USD of final demand",
    "slides_total": "10^-3 USD per USD of final demand",
}


def _describe(out: xr.Dataset, accounts: xr.Dataset) -> xr.Dataset:
    """Attach flags, units and sources."""
    sectors = [str(x) for x in out["sector"].values]
    calibrated = calibrated_cells(sectors)
    artefact = np.array([x in ARTEFACTS for x in sectors], dtype="int8")
    out = out.assign(
        calibrated_cells=calibrated,
        calibrated_rows=calibrated.max("element"),
        concordance_artefact=(
            "sector",
            artefact,
            {"note": "; ".join(f"{k} {v}" for k, v in ARTEFACTS.items())},
        ),
    )
    for name, unit in UNITS.items():
        out[name] = out[name].assign_attrs(units=unit)
    return out.assign_attrs(
        title=TITLE,
        data="derived",
        computed="from the official tables",
        source=accounts.attrs["source"],
        terms=TERMS,
        headline=HEADLINE,
        year=YEAR,
        magnet_share_of_metals=magnet_share(accounts),
        flags="reconstructed_magnet_users, calibrated_rows, unverified_complementarity, concordance_artefact",
        reconstructed_magnet_users=(
            f"every purchase of BEA {METALS} by {', '.join(magnet_buyers(accounts.indexes['industry']))} is taken for magnets; the "
            "set was chosen in sight of the slides' rows, so that agreement with them is not out of sample"
        ),
        calibrated_rows="rows 3691 and 3499, and Ce of 3714, are met by construction in the variants called calibrated",
        unverified_complementarity="the index of complementarity was not checked against its source",
        unverified_composition="public quantities use the composition of applications of 2008, not checked against its source",
        concordance_artefact="; ".join(f"SIC {code} {why}" for code, why in ARTEFACTS.items()),
    )


def load_measurement(path: str | Path | None = None) -> xr.Dataset:
    """Load a measurement: the shipped one, or one that ``exacthat measure`` wrote.

    Raises
    ------
    DataError
        If the file cannot be read or is not a measurement.
    """
    if path is None:
        with resources.as_file(DATA / SHIPPED) as file:
            return xr.load_dataset(file, engine="h5netcdf")
    try:
        out = xr.load_dataset(path, engine="h5netcdf")
    except (OSError, ValueError) as error:
        raise DataError(f"'{path}' cannot be read as netCDF ({error}).") from error
    if "total_requirements" not in out:
        raise DataError(
            f"'{path}' has no variable 'total_requirements'; take a measurement.nc of exacthat measure."
        )
    return out


def write_measurement(measurement: xr.Dataset, path: str | Path) -> None:
    """Write a measurement as compressed netCDF."""
    packed = {"zlib": True, "complevel": 9, "shuffle": True}
    encoding = {name: packed for name, array in measurement.data_vars.items() if array.ndim}
    measurement.to_netcdf(path, engine="h5netcdf", encoding=encoding)


def measure_or_shipped(data: str | Path | None = None) -> tuple[xr.Dataset, str]:
    """Measure if the official tables are here, else load what the project ships.

    Parameters
    ----------
    data : str or Path, optional
        A folder that is named must hold the tables; without one, the environment variable EXACTHAT_DATA may.

    Returns
    -------
    tuple of xr.Dataset and str
        The measurement, and what is needed to recompute it where it is the shipped one (else an empty text).
    """
    if data is not None or has_accounts(official_folder(None)):
        return measure(data), ""
    note = (
        "The official input-output tables are not here: these are the results that the project ships, which were made from "
        f"them. To recompute, give {NEEDED}."
    )
    return load_measurement(), note
