"""Tables of results for readers: changes in percent, by region or sector and variant."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import xarray as xr

from exacthat.display import RESOLUTION, by_variant, heading, number, shown, unit_shown

HEADLINES = ("real_gdp", "real_consumption")
OF_LEVELS = ("gross_output", "household_consumption", "exports", "imports")
"""Headlines of a model with levels before and after."""


@dataclass(frozen=True)
class Table:
    """A table ready to print.

    Attributes
    ----------
    title : str
    corner : str
        What the rows are.
    columns : list of (str, list of str)
        Column groups and the columns in each.
    rows : list of (str, list of str)
        Row label and cells, one for each column.
    """

    title: str
    corner: str
    columns: list[tuple[str, list[str]]]
    rows: list[tuple[str, list[str]]]


def case_dims(results: xr.Dataset) -> list[str]:
    """Dims that tell the cases apart: scenario and the variant groups."""
    return ["scenario", *json.loads(results.attrs["variant_groups"])]


def keys_over(results: xr.Dataset, *dims: str) -> list[str]:
    """Outcomes that run over exactly the given dims, besides those of the cases; bands and levels stand beside theirs."""
    wanted = {*case_dims(results), *dims}
    beside = {k for k, v in results.items() if {"band_of", "level_of"} & v.attrs.keys()}
    skip = {"status", "regimes", "cushioning_index"} | beside
    return [str(k) for k, v in results.data_vars.items() if set(v.dims) == wanted and k not in skip]


def regimes(results: xr.Dataset, scenario: str | None = None) -> list[tuple[str, str]]:
    """Cases, and which side of each complementarity condition binds in them; none in a model without such conditions."""
    if "regimes" not in results:
        return []
    chosen = results["regimes"] if scenario is None else results["regimes"].sel(scenario=[scenario])
    stacked = chosen.stack(case=case_dims(results))
    return [
        (", ".join(map(str, label)), str(words))
        for label, words in zip(stacked["case"].values, stacked.values, strict=True)
        if isinstance(words, str) and words
    ]


def headlines(results: xr.Dataset) -> list[str]:
    """Outcomes to show first: real GDP and consumption, what stands for them in a SAM, or else all over the same single dim."""
    levels = any("level_of" in v.attrs for v in results.values())
    known = [k for k in (OF_LEVELS if levels else HEADLINES) if k in results]
    if known:
        return known
    single = [d for d in results.dims if d not in {*case_dims(results), "check"}]
    found = [keys_over(results, str(d)) for d in single]
    return max(found, key=len, default=[])


def cell(value: float, resolution: float = RESOLUTION) -> str:
    """Write one number; what a solution cannot resolve is a plain zero, a missing value a dash."""
    if value != value:
        return "\N{EN DASH}"
    return "0" if abs(value) < resolution else number(value)


def cells(results: xr.Dataset, key: str, *dims: str, **at: str) -> list[list[str]]:
    """Write an outcome over two dims: each value, with its band in brackets where it has one."""
    names = [n for n in (key, f"{key}_lower", f"{key}_upper") if n in results]
    chosen = [results[n].sel(at) if at else results[n] for n in names]
    arrays = [by_variant(shown(c), results).transpose(*dims).values for c in chosen]
    rows = []
    for numbers in zip(*arrays, strict=True):
        written = [[cell(float(x)) for x in column] for column in zip(*numbers, strict=True)]
        rows.append([w[0] if len(set(w)) == 1 else f"{w[0]} [{w[1]}, {w[2]}]" for w in written])
    return rows


def table(results: xr.Dataset, keys: Sequence[str], dim: str, scenario: str, title: str = "") -> Table:
    """Outcomes by the labels of `dim` (rows) and by variant (columns) in one scenario."""
    columns, written = [], []
    for key in keys:
        array = results[key]
        variants = by_variant(array, results)["variant"].values
        columns.append((heading(array), [str(v) for v in variants]))
        written.extend(cells(results, key, "variant", dim, scenario=scenario))
    labels = [str(x) for x in results[dim].values]
    rows = [(label, [column[k] for column in written]) for k, label in enumerate(labels)]
    return Table(title or scenario, dim.replace("_", " "), columns, rows)


def cushioned(results: xr.Dataset) -> list[xr.Dataset]:
    """Return the results under endogenous technology, if they have a cushioning index."""
    if "cushioning_index" not in results or results.sizes["technology"] == 1:
        return []
    return [results.drop_sel(technology="exogenous")]


def cushioning(results: xr.Dataset, scenario: str, title: str = "") -> list[Table]:
    """The cushioning index in one scenario; empty without one."""
    key = "cushioning_index"
    return [
        table(part, [key], "region", scenario, title or heading(part[key])) for part in cushioned(results)
    ]


def scalar_table(results: xr.Dataset, key: str) -> Table:
    """One outcome without further dims: a row for each scenario, a column for each variant."""
    variants = by_variant(results[key], results)["variant"].values
    written = cells(results, key, "scenario", "variant")
    rows = list(zip(map(str, results["scenario"].values), written, strict=True))
    columns = [("", [str(v) for v in variants])]
    return Table(heading(results[key]), "scenario", columns, rows)


def scalars(results: xr.Dataset, scenario: str) -> Table:
    """Every outcome without further dims in one scenario: a row for each, a column for each variant."""
    keys = [k for k in keys_over(results) if results[k].dtype.kind == "f"]
    rows = [
        (heading(results[k]), cells(results, k, "scenario", "variant")[_at(results, scenario)]) for k in keys
    ]
    variants = by_variant(results[keys[0]], results)["variant"].values
    return Table(scenario, "outcome", [("", [str(v) for v in variants])], rows)


def _at(results: xr.Dataset, scenario: str) -> int:
    return results["scenario"].values.tolist().index(scenario)


def own_dims(results: xr.Dataset, key: str) -> list[str]:
    """Dims of an outcome beside those of the cases, sectors first."""
    dims = [str(d) for d in results[key].dims if d not in case_dims(results)]
    return sorted(dims, key=lambda d: d != "sector")


def two_way_table(results: xr.Dataset, key: str, scenario: str, variant: str) -> Table:
    """One outcome over two dims in one case, the first of `own_dims` in rows."""
    array, (down, across) = results[key], own_dims(results, key)
    values = by_variant(shown(array).sel(scenario=scenario), results).sel(variant=variant)
    values = values.transpose(down, across)
    rows = [
        (str(s), [cell(float(v)) for v in row])
        for s, row in zip(values[down].values, values.values, strict=True)
    ]
    columns = [str(x) for x in values[across].values]
    return Table(f"{scenario}, {variant}".removesuffix(", "), down, [(unit_shown(array), columns)], rows)
