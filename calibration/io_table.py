"""World input-output tables: checks, aggregation, the redefinition of output, inventories and deficits.

A table is a dataset with the variables and dims that `calibration.wiod` lists; a ``value_added`` (region, sector) of its own
is welcome and is then checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import xarray as xr

from calibration.labels import align, check_mapping
from calibration.report import Report, largest, named, where
from calibration.wiod import INVENTORIES
from framework.errors import DataError, did_you_mean

DIMS = {
    "intermediate": ("exporter", "input_sector", "importer", "sector"),
    "final": ("exporter", "sector", "importer", "category"),
    "gross_output": ("region", "sector"),
}
#: Row sums may differ from gross output by this much, relative to the cell, before a table counts as unbalanced.
TOLERANCE = 1e-9


def as_region(array: xr.DataArray, dim: str) -> xr.DataArray:
    """Rename ``importer`` or ``exporter`` to ``region`` (and ``input_sector`` to ``sector`` where that is free)."""
    names = {dim: "region"}
    if "input_sector" in array.dims and "sector" not in array.dims:
        names["input_sector"] = "sector"
    dropped = [d for d in array.coords if d not in array.dims and d != "sector_name"]
    return array.drop_vars(dropped).rename(names)


def sales(table: xr.Dataset) -> xr.DataArray:
    """Return what each industry sells to all users, dims (region, sector): the row sums of the table."""
    final = table.final.sum([d for d in ("importer", "category") if d in table.final.dims])
    to_industry = as_region(table.intermediate.sum(["importer", "sector"]), "exporter")
    return (to_industry + as_region(final, "exporter")).transpose("region", "sector")


def value_added(table: xr.Dataset) -> xr.DataArray:
    """Return gross output less intermediate inputs, dims (region, sector).

    It includes net product taxes and international transport margins on inputs, which the compact tables do not separate.
    """
    inputs = as_region(table.intermediate.sum(["exporter", "input_sector"]), "importer")
    return (table.gross_output - inputs).transpose("region", "sector")


def deficits(table: xr.Dataset) -> xr.DataArray:
    """Return each region's trade deficit, dims (region): final use less value added. It sums to zero if rows balance."""
    use = table.final.sum([d for d in table.final.dims if d != "importer"])
    return as_region(use, "importer") - value_added(table).sum("sector")


def require_table(table: xr.Dataset) -> xr.Dataset:
    """Return the table aligned by label, or raise `DataError` if a variable, a dim or a number is missing."""
    for name, dims in DIMS.items():
        if name not in table:
            hint = did_you_mean(name, map(str, table.data_vars), DIMS)
            raise DataError(f"the table lacks the variable '{name}' with dims {dims}.{hint}")
        if set(table[name].dims) != set(dims) and not (
            name == "final" and set(table.final.dims) == set(dims[:3])
        ):
            raise DataError(
                f"variable '{name}' has dims {table[name].dims}; it needs {dims}; rename or transpose it."
            )
        if not np.issubdtype(table[name].dtype, np.number):
            raise DataError(
                f"variable '{name}' holds values of type {table[name].dtype}, not numbers; convert it with .astype(float)."
            )
    return align(table)


def _cell_scale(table: xr.Dataset) -> xr.DataArray:
    output = abs(table.gross_output)
    return np.maximum(output, max(1e-9 * float(output.sum()), np.finfo(float).tiny))


def check(table: xr.Dataset, tolerance: float = TOLERANCE, strict: bool = True) -> Report:
    """Check a world input-output table: numbers, signs, row and column identities.

    Parameters
    ----------
    table : xr.Dataset
        As `calibration.read_wiod` returns it, or one's own.
    tolerance : float
        Largest deviation of an identity, relative to the gross output of the cell.
    strict : bool
        Raise on a failed check; otherwise the report shows it.

    Raises
    ------
    DataError
        If a check fails: with the variable, the label, the size and the fix.
    """
    table = require_table(table)
    report = Report(named("table", table))
    for name in DIMS:
        bad = xr.DataArray(~np.isfinite(table[name]))
        report.count(f"'{name}' without NaN or infinity", bad, "fill or drop these cells before use")
    for name in ("intermediate", "gross_output"):
        report.count(
            f"'{name}' without negative values",
            table[name] < 0,
            'correct the cells; where inventory changes cause them, build the baseline with inventories="clip"',
            table[name],
        )
    scale = _cell_scale(table)
    gap = table.gross_output - sales(table)
    report.within(
        "row identity, (gross output - sales) / output",
        gap / scale,
        tolerance,
        "take sales as output with calibration.redefine_output(table), or pass tolerance=",
    )
    added = value_added(table)
    report.count(
        "value added (output less inputs) without negative values",
        added < -tolerance * scale,
        "inputs exceed output there; correct the cells or merge the sector with calibration.aggregate",
        added,
    )
    if "value_added" in table:
        other = table.get("taxes_and_margins", 0.0)
        report.within(
            "column identity, (output - inputs - value added - taxes and margins) / output",
            (added - table.value_added - other) / scale,
            tolerance,
            "correct value_added, or drop it to use output less inputs",
        )
    _notes(table, report)
    return report.raise_if_failed() if strict else report


def _notes(table: xr.Dataset, report: Report) -> None:
    negative = table.final < 0
    if negative.any():
        total = float(table.final.where(negative, 0.0).sum())
        size, label = largest(table.final.where(negative, 0.0))
        report.note(
            f"{int(negative.sum())} negative cells in 'final', {total:.6g} in all, the largest {size:.6g} at {where(label)}: "
            f"choose a rule for inventories ({', '.join(INVENTORY_RULES)})"
        )
    report.note(f"{int((sales(table) == 0).sum())} industries without sales")
    report.note(f"deficits sum to {float(deficits(table).sum()):.6g}")


def redefine_output(table: xr.Dataset) -> xr.Dataset:
    """Return the table with gross output equal to sales, so that rows balance exactly.

    The published figure is kept as ``gross_output_reported``; ``attrs['output_redefined']`` states the largest change.
    """
    table = require_table(table)
    sold = sales(table)
    change = (sold - table.gross_output) / _cell_scale(table)
    size, label = largest(change.where(table.gross_output != 0, 0.0))
    total = float(sold.sum() / table.gross_output.sum() - 1)
    note = f"gross output redefined as sales: {total:+.4%} in all, largest relative change {size:+.4%} at {where(label)}"
    out = table.assign(gross_output=sold, gross_output_reported=table.gross_output)
    return out.assign_attrs(table.attrs, output_redefined=note)


def _grouped(array: xr.DataArray, dim: str, mapping: Mapping[str, str]) -> xr.DataArray:
    targets = list(dict.fromkeys(mapping.values()))
    parts = [array.sel({dim: [k for k, v in mapping.items() if v == t]}).sum(dim) for t in targets]
    return xr.concat(parts, dim=xr.IndexVariable(dim, targets), coords="minimal", compat="override")


def aggregate(
    table: xr.Dataset, concordance_regions: Mapping[str, str], concordance_sectors: Mapping[str, str]
) -> xr.Dataset:
    """Sum a table over groups of regions and sectors.

    Parameters
    ----------
    table : xr.Dataset
    concordance_regions, concordance_sectors : mapping of old label to new label
        Every label of the table must be mapped. The new labels are ordered by first appearance in the mapping.

    Raises
    ------
    DataError
        If a label is not mapped, or the mapping names a label that the table does not have.
    """
    table = require_table(table)
    check_mapping(concordance_regions, map(str, table.indexes["region"]), "region")
    check_mapping(concordance_sectors, map(str, table.indexes["sector"]), "sector")
    mappings = {d: concordance_regions for d in ("region", "importer", "exporter")}
    mappings |= {d: concordance_sectors for d in ("sector", "input_sector")}
    out = {}
    for name, array in table.drop_vars("sector_name", errors="ignore").data_vars.items():
        for dim in [d for d in array.dims if d in mappings]:
            array = _grouped(array, str(dim), mappings[str(dim)])
        out[name] = array.transpose(*table[name].dims)
    sizes = [len(set(m.values())) for m in (concordance_regions, concordance_sectors)]
    note = f"aggregated from {table.sizes['region']} x {table.sizes['sector']} to {sizes[0]} x {sizes[1]} regions x sectors"
    return xr.Dataset(out, attrs={**table.attrs, "aggregation": note})


def _keep(final: xr.DataArray) -> tuple[xr.DataArray, str]:
    return final.sum("category"), "inventory changes kept in final use"


def _in_deficit(final: xr.DataArray) -> tuple[xr.DataArray, str]:
    if INVENTORIES not in final.indexes["category"]:
        raise DataError(
            f"rule 'in-deficit' needs the final-use category '{INVENTORIES}', which the table does not have."
        )
    moved = float(final.sel(category=INVENTORIES).sum())
    text = f"inventory changes of {moved:.6g} in all taken out of final use, output and value added; deficits take them up"
    return final.drop_sel(category=INVENTORIES).sum("category"), text


def _clip(final: xr.DataArray) -> tuple[xr.DataArray, str]:
    use = final.sum("category")
    if INVENTORIES in final.indexes["category"]:
        _refuse_other_negatives(final.drop_sel(category=INVENTORIES))
    negative = use.where(use < 0, 0.0)
    size, label = largest(negative)
    text = (
        f"{int((use < 0).sum())} negative cells of final use, {float(negative.sum()):.6g} in all "
        f"({float(negative.sum() / use.sum()):.4%} of final use), largest {size:.6g} at {where(label)}, set to zero; "
        "output and value added raised by as much"
    )
    return use.clip(min=0), text


def _refuse_other_negatives(final: xr.DataArray) -> None:
    """A cell that is negative without inventory changes too is an error of the table, which no rule may hide."""
    total = final.sum("category")
    if not (total < 0).any():
        return
    size, label = largest(total.where(total < 0, 0.0))
    category = str(final.sel(label).idxmin("category").item())
    raise DataError(
        f"rule 'clip': final use is {size:.6g} at {where(label)} without inventory changes too, because of '{category}'; "
        "the rule is for inventory changes only: correct the cell"
    )


#: Named rules for inventory changes, the only negative entries of final use.
INVENTORY_RULES: dict[str, Callable[[xr.DataArray], tuple[xr.DataArray, str]]] = {
    "keep": _keep,
    "in-deficit": _in_deficit,
    "clip": _clip,
}


def goods_accounts(table: xr.Dataset, inventories: str = "keep") -> xr.Dataset:
    """Return the table that a model is calibrated to: final use without categories, no negative use, rows balanced.

    Parameters
    ----------
    inventories : {"keep", "in-deficit", "clip"}
        ``keep`` leaves inventory changes in final use; ``in-deficit`` takes them out, and output becomes what is sold to
        industries and other final users; ``clip`` sets negative final use (summed over categories) to zero. What the rule
        moved is stated in ``attrs['inventories']``.

    Raises
    ------
    DataError
        If the rule is unknown, the table is unbalanced, or negative use is left.
    """
    if inventories not in INVENTORY_RULES:
        known = ", ".join(INVENTORY_RULES)
        hint = did_you_mean(inventories, INVENTORY_RULES)
        raise DataError(f"unknown rule '{inventories}' for inventories.{hint} Known rules: {known}.")
    table = require_table(table)
    # An inventory rule may repair negative output and value added, so these are checked after the rule.
    repaired = ("value added", "'gross_output' without negative")
    before = check(table, strict=False)
    kept = [f for f in before.findings if not f.check.startswith(repaired)]
    Report(before.subject, kept).raise_if_failed()
    final, note = (
        (table.final, "none in the table")
        if "category" not in table.final.dims
        else (INVENTORY_RULES[inventories](table.final))
    )
    out = table[["intermediate"]].assign(final=final)
    out["gross_output"] = table.gross_output if inventories == "keep" else sales(out)
    report = Report(before.subject)
    fix = f"inventories rule '{inventories}' leaves them; use inventories=\"clip\""
    flow = out.intermediate.sum("sector").rename(input_sector="sector") + out.final
    report.count("purchases of a good without negative values", flow < 0, fix, flow)
    use = out.final.sum("exporter")
    report.count("final use of a good without negative values", use < 0, fix, use)
    added = value_added(out)
    report.count("gross output without negative values", out.gross_output < 0, fix, out.gross_output)
    report.count("value added without negative values", added < -TOLERANCE * _cell_scale(out), fix, added)
    report.raise_if_failed()
    return out.assign_attrs(table.attrs, inventories=f"{inventories}: {note}")


def empty_cells(array: xr.DataArray) -> Iterable[str]:
    """Return the labels of the zero cells of a two-dimensional array as ``'JPN P'``."""
    return [
        " ".join(str(array[d].values[i]) for d, i in zip(array.dims, hit, strict=True))
        for hit in np.argwhere(array.values == 0)
    ]
