"""Counts and stocks of classified patents by region, industry and year, and the unrelated patents as a control."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from empirics.patents.classify import UNCLASSIFIED
from empirics.patents.codebook import SEPARATOR, Codebook, patent_codebook, sentence_codebook
from empirics.patents.tables import REGIONS, region_of_country
from framework.errors import DataError, did_you_mean

DEPRECIATION = 0.15
"""Rate of the perpetual inventory, a year: the usual one for knowledge stocks (Hall, Jaffe and Trajtenberg 2005)."""


@dataclass(frozen=True)
class Aggregation:
    """Counts, and the documents that are in none of them.

    Attributes
    ----------
    counts : xr.Dataset
        See `aggregate_patents` and `count_sentences`.
    exclusions : pd.DataFrame
        ``id`` and ``reason`` of every document that is not counted.
    """

    counts: xr.Dataset
    exclusions: pd.DataFrame


def aggregate_patents(
    classified: pd.DataFrame,
    *,
    date: Literal["grant", "filing"] = "grant",
    assignees: Literal["first", "fractional"] = "first",
    unit: Literal["publication", "family"] = "publication",
    depreciation: float = DEPRECIATION,
    years: tuple[int, int] | None = None,
    codebook: Codebook | None = None,
) -> Aggregation:
    """Count patents by region × SIC × year, and add them up to stocks.

    Parameters
    ----------
    classified : pd.DataFrame
        Result of `empirics.patents.classify` for patents.
    date : {"grant", "filing"}
        The date that gives the year. The slides take grants and check with filings.
    assignees : {"first", "fractional"}
        A patent of several assignees counts for the first one with a country, or in equal parts for all of those.
    unit : {"publication", "family"}
        Whether every publication counts or only the earliest of each family; a publication without a family
        counts by itself.
    depreciation : float
        Rate δ of the stock ``S_t = (1 − δ) S_{t−1} + N_t``, with ``S = 0`` before the first year; 0 for the
        cumulated count.
    years : (int, int), optional
        First and last year; default is the span of the data. Earlier patents enter no stock: they are listed.
    codebook : Codebook, optional
        Closed lists of the labels; default is `patent_codebook`.

    Returns
    -------
    Aggregation
        ``counts`` has ``patents`` and ``stock`` (region, sic, year, direction) and ``patents_by_technology``
        (region, technology, year), in which a patent on two technologies counts for both.

    Raises
    ------
    DataError
        A column is missing, a label is not on its list, the rate is not in [0, 1), or no patent can be counted.
    """
    codebook = codebook or patent_codebook()
    if not 0 <= depreciation < 1:
        raise DataError(f"depreciation is {depreciation}; it must be at least 0 and below 1.")
    column = f"{date}_date"
    _require_columns(
        classified, ["id", "country", "family", column, "status", *(q.name for q in codebook.questions)]
    )
    counted, exclusions = _countable(classified, column, years)
    if unit == "family":
        counted = _earliest_of_family(counted, column, exclusions)
    if counted.empty:
        raise DataError(f"no patent can be counted: {_most_frequent(exclusions)}.")
    for name in ("sic", "direction", "technology"):
        _require_labels(counted, name, codebook)
    counts = _counts(_by_region(counted, assignees), years, depreciation, codebook)
    counts.attrs |= {"date": date, "assignees": assignees, "unit": unit, "depreciation": depreciation}
    counts.attrs |= _origin(classified)
    _describe(counts, date, depreciation)
    return Aggregation(counts, pd.concat(exclusions, ignore_index=True))


def _counts(
    placed: pd.DataFrame, years: tuple[int, int] | None, depreciation: float, codebook: Codebook
) -> xr.Dataset:
    """Counts and stocks of patents that have a region."""
    span = years or (int(placed["year"].min()), int(placed["year"].max()))
    dims = {
        "region": list(REGIONS),
        "sic": [sic for sic in codebook.question("sic").labels if sic != codebook.question("sic").otherwise],
        "year": list(range(span[0], span[1] + 1)),
        "direction": list(codebook.question("direction").labels),
    }
    patents = _table(placed, dims).rename("patents")
    technologies = placed.assign(technology=placed["technology"].str.split(SEPARATOR)).explode("technology")
    technology_dims = {
        "region": dims["region"],
        "technology": list(codebook.question("technology").labels),
        "year": dims["year"],
    }
    return xr.Dataset(
        {
            "patents": patents,
            "stock": perpetual_inventory(patents, depreciation),
            "patents_by_technology": _table(technologies, technology_dims),
        }
    )


def perpetual_inventory(flow: xr.DataArray, depreciation: float) -> xr.DataArray:
    """Return the stock ``S_t = (1 − δ) S_{t−1} + N_t`` along ``year``, zero before the first year.

    Raises
    ------
    DataError
        Years are not consecutive.
    """
    years = flow["year"].values
    if len(years) > 1 and not (np.diff(years) == 1).all():
        raise DataError("the years of the flow are not consecutive; reindex it with zeros before adding up.")
    stock = flow.copy(data=np.zeros(flow.shape))
    last: xr.DataArray | float = 0.0
    for year in years:
        last = (1 - depreciation) * last + flow.sel(year=year)
        stock.loc[{"year": year}] = last
    return stock.rename("stock")


def scale_sample(sample: xr.DataArray, totals: xr.DataArray) -> xr.DataArray:
    """Scale a random sample of unrelated patents to each region's total manufacturing patents.

    The estimate of region r's patents in industry s and year t is ``n_rst T_r / n_r``, as in the slides; with
    totals by year, ``n_rst T_rt / n_rt``.

    Parameters
    ----------
    sample : xr.DataArray
        Counts of the classified sample (region, sic, year).
    totals : xr.DataArray
        All manufacturing patents (region) or (region, year), for every region and year of the sample.

    Raises
    ------
    DataError
        A region or year has no total, or has a positive total and not one patent in the sample.
    """
    dims = [dim for dim in sample.dims if dim in totals.dims]
    if "region" not in dims or set(totals.dims) - set(dims):
        raise DataError(f"totals have dims {tuple(totals.dims)}; they need region, and may have year.")
    for dim in dims:
        if missing := [label for label in sample[dim].values if label not in totals[dim].values]:
            raise DataError(
                f"there is no total for {dim} '{missing[0]}'.{did_you_mean(missing[0], totals[dim].values, sample[dim].values)}"
            )
    totals = totals.sel({dim: sample[dim] for dim in dims})
    drawn = sample.sum([dim for dim in sample.dims if dim not in dims])
    empty = (drawn == 0) & (totals > 0)
    if bool(empty.any()) or bool(totals.isnull().any()):
        bad = (empty | totals.isnull()).stack(cell=dims)
        cell = bad["cell"].values[int(bad.values.argmax())]
        raise DataError(
            f"{', '.join(map(str, np.atleast_1d(np.asarray(cell, dtype=object))))}: no patent in the sample, or no total; draw a "
            "larger sample, or give totals by region only."
        )
    scaled = sample * (totals / drawn.where(drawn > 0, 1))
    return scaled.rename("unrelated_patents").assign_attrs(
        sample.attrs, long_name="patents unrelated to rare earths, scaled sample"
    )


def count_sentences(classified: pd.DataFrame, codebook: Codebook | None = None) -> Aggregation:
    """Count sentences by topic and year: ``sentences`` (topic, year).

    Raises
    ------
    DataError
        A column is missing, a label is not on the list, or no sentence can be counted.
    """
    codebook = codebook or sentence_codebook()
    _require_columns(classified, ["id", "date", "status", "topic"])
    exclusions = [
        _listed(classified, classified["status"] == UNCLASSIFIED, "unclassified"),
        _listed(classified, (classified["status"] != UNCLASSIFIED) & classified["date"].isna(), "no date"),
    ]
    counted = classified[(classified["status"] != UNCLASSIFIED) & classified["date"].notna()]
    if counted.empty:
        raise DataError(f"no sentence can be counted: {_most_frequent(exclusions)}.")
    _require_labels(counted, "topic", codebook)
    placed = counted.assign(year=counted["date"].astype(int) // 10_000, weight=1.0)
    span = range(int(placed["year"].min()), int(placed["year"].max()) + 1)
    sentences = _table(placed, {"topic": list(codebook.question("topic").labels), "year": list(span)})
    sentences.attrs.update(long_name="sentences on rare earths in earnings calls", units="sentences")
    return Aggregation(
        xr.Dataset({"sentences": sentences}, attrs=_origin(classified)),
        pd.concat(exclusions, ignore_index=True),
    )


def _countable(
    classified: pd.DataFrame, column: str, years: tuple[int, int] | None
) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Return the patents with all that counting needs, and the lists of the others by the first reason."""
    rest = classified.assign(
        year=classified[column] // 10_000,
        regions=[_regions(codes) for codes in classified["country"].fillna("")],
    )
    reasons = {
        "unclassified": rest["status"] == UNCLASSIFIED,
        "no manufacturing industry": rest["sic"] == "none",
        f"no {column.replace('_', ' ')}": rest[column].isna(),
        "no assignee country": rest["country"].fillna("").str.strip(SEPARATOR) == "",
        "unknown country code of the assignee": rest["regions"].map(len) == 0,
    }
    if years:
        outside = ~rest["year"].between(*years).fillna(False)
        reasons[f"{column.replace('_', ' ')} outside {years[0]} to {years[1]}"] = outside
    exclusions = []
    for reason, which in reasons.items():
        exclusions.append(_listed(rest, which[rest.index], reason))
        rest = rest[~which[rest.index]]
    return rest, exclusions


def _regions(codes: str) -> list[str]:
    """Return the region of each assignee with a known country."""
    known = region_of_country()
    return [known[code] for code in codes.split(SEPARATOR) if code in known]


def _listed(table: pd.DataFrame, which: pd.Series, reason: str) -> pd.DataFrame:
    return pd.DataFrame({"id": table["id"][which], "reason": reason}, dtype="str")


def _most_frequent(exclusions: Iterable[pd.DataFrame]) -> str:
    reasons = pd.concat(list(exclusions))["reason"].value_counts()
    return "; ".join(f"{reason} ({n})" for reason, n in reasons.head(3).items()) or "the table is empty"


def _earliest_of_family(patents: pd.DataFrame, column: str, exclusions: list[pd.DataFrame]) -> pd.DataFrame:
    family = patents["family"].fillna("").where(lambda names: names != "", patents["id"])
    later = patents.assign(family=family).sort_values([column, "id"]).duplicated("family").loc[patents.index]
    exclusions.append(_listed(patents, later, "later member of a family"))
    return patents[~later]


def _by_region(patents: pd.DataFrame, assignees: str) -> pd.DataFrame:
    """Return one row for each patent and region with its weight; the weights of a patent add up to one."""
    if assignees == "first":
        return patents.assign(region=patents["regions"].str[0], weight=1.0)
    return patents.assign(region=patents["regions"], weight=1.0 / patents["regions"].map(len)).explode(
        "region"
    )


def _table(rows: pd.DataFrame, dims: dict[str, list]) -> xr.DataArray:
    """Add up the weights of rows in a full table."""
    index = pd.MultiIndex.from_product(dims.values(), names=list(dims))
    values = rows.groupby(list(dims))["weight"].sum().reindex(index, fill_value=0.0)
    return xr.DataArray(
        values.to_numpy().reshape([len(labels) for labels in dims.values()]), coords=dims, dims=list(dims)
    )


def _require_columns(table: pd.DataFrame, columns: Collection[str]) -> None:
    for column in columns:
        if column not in table.columns:
            raise DataError(
                f"the classification has no column '{column}'.{did_you_mean(column, table.columns, columns)}"
            )


def _require_labels(table: pd.DataFrame, name: str, codebook: Codebook) -> None:
    known = codebook.question(name).labels
    for label in sorted({label for labels in table[name].unique() for label in labels.split(SEPARATOR)}):
        if label not in known:
            raise DataError(
                f"'{label}' in column '{name}' is not on the codebook's list.{did_you_mean(label, known)}"
            )


def _origin(table: pd.DataFrame) -> dict[str, str]:
    """Return the attribute that says where a table is synthetic, wholly or in part."""
    return {"data": "synthetic"} if "data" in table.columns and (table["data"] == "synthetic").any() else {}


def _describe(counts: xr.Dataset, date: str, depreciation: float) -> None:
    words = {
        "patents": f"patents by year of {date}",
        "stock": f"stock of patents, depreciation {depreciation:g} a year",
        "patents_by_technology": f"patents by technology and year of {date}",
    }
    for name, long_name in words.items():
        counts[name].attrs.update(long_name=long_name, units="patents")
