"""Consistency of a baseline: every identity that an exact-hat model relies on, checked on the user's own dataset."""

from __future__ import annotations

import numpy as np
import xarray as xr

from calibration.io_table import as_region
from calibration.labels import ALIASES, align
from calibration.report import Report, first, named
from framework.errors import DataError

TOLERANCE = 1e-9


def check_baseline(
    baseline: xr.Dataset, tolerance: float = TOLERANCE, strict: bool = True, *, taxing_region: str = "CHN"
) -> Report:
    """Check a baseline: labels, numbers, signs, shares, goods accounts, budgets, parameters.

    What is checked depends on the variables present, so that the rare-earth, Caliendo-Parro and Armington baselines, and
    extensions of them, are all covered. A share group may sum to zero where its total is zero.

    Parameters
    ----------
    tolerance : float
        Largest deviation: of shares absolute, of accounts relative to the value of the cell or the region.
    strict : bool
        Raise on a failed check; otherwise the report shows it.
    taxing_region : str
        The region that levies ``export_tax`` on rare earths; used only where that tax is not zero.

    Raises
    ------
    DataError
        With the variable, the label, the size and the fix of every failed check.
    """
    _require_ordered(baseline)
    report = Report(named("baseline", baseline))
    _numbers(baseline, report)
    if report.passed:
        _shares(baseline, report, tolerance)
        _parameters(baseline, report)
    if report.passed:
        _accounts(baseline, report, tolerance, taxing_region)
    return report.raise_if_failed() if strict else report


def _require_ordered(base: xr.Dataset) -> None:
    for name, array in base.data_vars.items():
        if not np.issubdtype(array.dtype, np.number):
            raise DataError(
                f"variable '{name}' holds values of type {array.dtype}, not numbers; convert it to float."
            )
    align(base)
    for dims in ALIASES:
        present = [d for d in dims if d in base.dims]
        for dim in present[1:]:
            if list(base.indexes[dim]) != list(base.indexes[present[0]]):
                raise DataError(
                    f"dimension '{dim}' has the labels of '{present[0]}' in another order "
                    f"({', '.join(map(str, base.indexes[dim][:3]))}, ...); order them with calibration.align(baseline)."
                )


SIGNED = {"deficit", "deficit_rate"}


def _numbers(base: xr.Dataset, report: Report) -> None:
    for name, array in base.data_vars.items():
        report.count(
            f"'{name}' without NaN or infinity",
            xr.DataArray(~np.isfinite(array)),
            "fill these cells before use",
        )
    rate = ("tariff", "export_tax")
    for name, array in base.data_vars.items():
        if name in rate:
            report.count(
                f"'{name}' above -1", array <= -1, "a rate of -1 gives the good away; raise it", array
            )
        elif name not in SIGNED:
            # Complements of sums of shares may undershoot zero by rounding.
            report.count(f"'{name}' without negative values", array < -1e-12, "correct the cells", array)


def _shares(base: xr.Dataset, report: Report, tolerance: float) -> None:
    def sums_to_one(what: str, over: str, shares: xr.DataArray, total: str, rescale: str) -> None:
        used = (base[total] > 0).rename({"region": "importer"} if "importer" in shares.dims else {})
        report.within(
            f"{what} sums to one over {over}",
            shares - used,
            tolerance,
            _rescale(shares, used, tolerance, total, rescale),
        )

    for key, over, total in (
        ("expenditure_share", "exporter", "expenditure"),
        ("final_share", "sector", "final_expenditure"),
    ):
        if key in base and total in base:
            rescale = f"rescale it: share / share.sum('{over}')"
            sums_to_one(f"'{key}'", f"'{over}'", base[key].sum(over), total, rescale)
    if "input_share" in base:
        cost = base.value_added_share + base.input_share.sum("input_sector")
        what = "'value_added_share' + 'input_share'"
        rescale = "set value_added_share = 1 - input_share.sum('input_sector')"
        sums_to_one(what, "inputs", cost, "gross_output", rescale)


def _rescale(shares: xr.DataArray, used: xr.DataArray, tolerance: float, total: str, rescale: str) -> str:
    """How to mend sums of shares: what sums to zero cannot be rescaled, and where nothing is bought there is no share."""
    off = abs(shares - used) > tolerance
    empty, idle = off & used & (abs(shares) <= tolerance), off & ~used
    fixes = [rescale] if bool((off & ~empty & ~idle).any()) or not bool(off.any()) else []
    if empty.any():
        fixes.append(
            f"where the shares sum to zero ({first(empty)}) give them, or set '{total}' to zero there"
        )
    if idle.any():
        fixes.append(f"where '{total}' is zero ({first(idle)}) set the shares to zero, or give '{total}'")
    return "; ".join(fixes)


def _parameters(base: xr.Dataset, report: Report) -> None:
    if "ree_share" in base:
        report.count(
            "'ree_share' in [0, 1)",
            base.ree_share >= 1,
            "it is the cost share of rare earths in value added; lower it",
            base.ree_share,
        )
    if "variety_elasticity" in base:
        report.count(
            "'variety_elasticity' above 1",
            base.variety_elasticity <= 1,
            "the markup is beta / (beta - 1); raise it",
            base.variety_elasticity,
        )
    if "ree_elasticity" in base:
        xi = base.variety_productivity * base.research_elasticity
        slack = 1 + xi * (1 - base.ree_elasticity)
        bound = 1 + 1 / float(xi) if float(xi) > 0 else np.inf
        report.count(
            f"'ree_elasticity' below the stability bound 1 + 1/(phi kappa) = {bound:g}",
            slack <= 0,
            "the direction of research is unstable there; lower it, or variety_productivity or research_elasticity",
            base.ree_elasticity,
        )
    if "trade_elasticity" in base:
        report.count(
            "'trade_elasticity' positive", base.trade_elasticity <= 0, "raise it", base.trade_elasticity
        )


def _relative(gap: xr.DataArray, scale: xr.DataArray) -> xr.DataArray:
    return gap / np.maximum(abs(scale), 1e-9 * float(abs(scale).sum()))


def _accounts(base: xr.Dataset, report: Report, tolerance: float, taxing_region: str) -> None:
    if "gross_output" in base:
        spent = base.expenditure.rename(region="importer")
        received = base.expenditure_share * spent / (1 + base.tariff)
        gap = base.gross_output - as_region(received.sum("importer"), "exporter")
        report.within(
            "goods market, (G - sum pi X / (1 + tau)) / G",
            _relative(gap, base.gross_output),
            tolerance,
            "recompute gross_output from expenditure and expenditure_share",
        )
        inputs = (base.input_share * base.gross_output).sum("sector").rename(input_sector="sector")
        gap = base.expenditure - base.final_share * base.final_expenditure - inputs
        report.within(
            "uses of goods, (X - alpha I - inputs) / X",
            _relative(gap, base.expenditure),
            tolerance,
            "recompute expenditure from final_share, final_expenditure and input_share",
        )
        gap = base.final_expenditure - base.deficit - _income(base, taxing_region)
        report.within(
            "budget, (I - income - D) / I",
            _relative(gap, base.final_expenditure),
            tolerance,
            "set deficit = final_expenditure less income",
        )
        scale = float(base.final_expenditure.sum())
    else:
        received = (base.expenditure_share * base.expenditure.rename(region="importer")).sum("importer")
        report.within(
            "market, (income - sum pi X) / income",
            _relative(base.income - as_region(received, "exporter"), base.income),
            tolerance,
            "recompute income from expenditure and expenditure_share",
        )
        gap = base.expenditure - base.income - base.deficit
        report.within(
            "budget, (expenditure - income - D) / expenditure",
            _relative(gap, base.expenditure),
            tolerance,
            "set deficit = expenditure - income",
        )
        scale = float(base.expenditure.sum())
    report.within(
        "'deficit' sums to zero over 'region', relative to world spending",
        base.deficit.sum() / scale,
        tolerance,
        "the table does not balance: see calibration.check(table)",
    )


def _income(base: xr.Dataset, taxing_region: str) -> xr.DataArray:
    """Return income by region without the deficit: factors, research, tariffs and the export tax (docs/rare_earths_model.md eq. 13)."""
    added = base.value_added_share * base.gross_output
    spent = base.expenditure.rename(region="importer")
    rate = base.tariff / (1 + base.tariff)
    income = as_region((rate * base.expenditure_share * spent).sum(["exporter", "sector"]), "importer")
    if "ree_share" not in base:
        return income + added.sum("sector")
    beta = base.variety_elasticity
    markup = beta / (beta - 1)
    labour = ((1 - base.ree_share) * added / markup).sum("sector")
    # The taxing region's users pay q^W / (1 + t); the tax is levied on what it does not use.
    used = (base.ree_share * added / markup).sum("sector")
    at_home = base.ree_endowment / (1 + base.export_tax)
    taxed = at_home + base.export_tax * (at_home - used)
    rents = base.ree_endowment.where(base.region != taxing_region, taxed)
    return income + labour + rents + added.sum("sector") / beta
