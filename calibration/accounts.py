"""Accounts of a world economy from its shares, and baselines from trade flows that a user brings."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr
from scipy.sparse.linalg import LinearOperator, gmres

from calibration.consistency import check_baseline
from calibration.io_table import as_region
from calibration.labels import align, require_same
from calibration.report import first
from framework.errors import DataError

Array = np.ndarray

_CELL, _PAIR = ("region", "sector"), ("importer", "exporter", "sector")
_INPUT = ("region", "input_sector", "sector")


def solve_accounts(
    share: Array,
    tariff: Array,
    value_added_share: Array,
    input_share: Array,
    final_share: Array,
    deficit: Array,
    size: Array,
) -> Array:
    """Expenditure (N, S) at which all accounts balance, given shares, tariffs, deficits and world value added.

    Shares and deficits determine the value added of every region up to the scale, which is the sum of `size`. One linear
    system, solved without a matrix; arrays are (importer, exporter, sector), (region, input, sector), (region, sector).

    Raises
    ------
    DataError
        The system has no accurate solution: some regions trade only among themselves, for instance.
    """
    n, s = final_share.shape
    net = share / (1 + tariff)
    revenue = 1 - net.sum(1)  # per unit of expenditure
    claim = size / size.sum()

    def leftover(flat: Array) -> Array:
        # World value added is given: a shortfall is paid out, and is zero at the solution, by Walras' law.
        spent = flat.reshape(n, s)
        made = np.einsum("nis,ns->is", net, spent)
        added = (value_added_share * made).sum(1)
        income = added - claim * added.sum() + (revenue * (share.sum(1) > 0) * spent).sum(1)
        inputs = np.matmul(input_share, made[:, :, None])[:, :, 0]
        return (spent - final_share * income[:, None] - inputs).ravel()

    given = (final_share * (deficit + size)[:, None]).ravel()
    operator = LinearOperator((n * s, n * s), matvec=leftover, dtype=float)  # type: ignore[call-arg]
    spent, rest = given, given - leftover(given)
    for _ in range(4):  # refined to rounding
        step, _ = gmres(operator, rest, rtol=1e-10, restart=150, maxiter=20)
        spent = spent + step
        rest = given - leftover(spent)
    if not np.abs(rest).max() <= 1e-12 * size.sum():
        raise DataError(
            "these shares and deficits have no unique accounts: check that expenditure shares sum to one, that cost shares "
            "sum to one, and that no group of regions trades only among itself"
        )
    return spent.reshape(n, s)


def baseline_from_shares(shares: xr.Dataset, world_value_added: float) -> xr.Dataset:
    """Return the baseline of a trade model from its shares, tariffs and deficits: values follow from the accounts.

    Parameters
    ----------
    shares : xarray.Dataset
        ``expenditure_share`` (importer, exporter, sector), valued with tariffs; ``value_added_share``, ``final_share``
        (region, sector); ``input_share`` (region, input_sector, sector), a unit of output; ``deficit`` (region), which
        sums to zero; ``tariff`` (importer, exporter, sector), zero if left out. Other variables are kept.
    world_value_added : float
        Sum over regions, in the unit of the deficit. Shares determine each region's part in it.

    Returns
    -------
    xarray.Dataset
        With ``expenditure``, ``gross_output`` (region, sector) and ``final_expenditure`` (region).

    Raises
    ------
    DataError
        A variable or label is missing, a share does not add up, or there is no solution with positive values.
    """
    needed = ("expenditure_share", "value_added_share", "input_share", "final_share", "deficit")
    _require_type(shares, xr.Dataset, "shares", f"with {', '.join(needed)}: {_DATASET}")
    data = _complete(shares, needed)
    if not 0 < world_value_added < np.inf:
        raise DataError(f"'world_value_added' is {world_value_added:g}; it must be a positive number")
    size = np.full(data.sizes["region"], float(world_value_added) / data.sizes["region"])

    def values(key: str) -> Array:
        return data[key].transpose(*_DIMS[key]).values

    found = solve_accounts(
        values("expenditure_share"),
        values("tariff"),
        values("value_added_share"),
        values("input_share"),
        values("final_share"),
        values("deficit"),
        size,
    )
    spent = data.final_share.transpose(*_CELL).copy(data=found)
    received = data.expenditure_share * spent.rename(region="importer") / (1 + data.tariff)
    made = as_region(received.sum("importer"), "exporter").transpose(*_CELL)
    rate = data.tariff / (1 + data.tariff) * data.expenditure_share * spent.rename(region="importer")
    revenue = as_region(rate.sum(["exporter", "sector"]), "importer")
    income = (data.value_added_share * made).sum("sector") + revenue + data.deficit
    out = data.assign(expenditure=spent, gross_output=made, final_expenditure=income)
    check_baseline(out)
    return out


def baseline_from_flows(
    flows: xr.DataArray, data: xr.Dataset, *, negative_final: Literal["refuse", "clip"] = "refuse"
) -> xr.Dataset:
    """Return the baseline of a trade model from bilateral trade flows, tariffs and cost shares.

    Parameters
    ----------
    flows : xarray.DataArray
        Value of sales (importer, exporter, sector) before tariffs, own sales included.
    data : xarray.Dataset
        ``value_added_share`` (region, sector) and ``input_share`` (region, input_sector, sector), a unit of output, set to
        zero where there is none; ``tariff`` (importer, exporter, sector), zero if left out. Other variables, such as
        ``trade_elasticity``, are kept.
    negative_final : {"refuse", "clip"}
        What to do where producers use more of a sector than the region buys. ``"clip"`` sets that final share to zero and
        rescales the others; trade, cost and final shares, tariffs and deficits then stay, and values adjust until the
        accounts balance. ``attrs["clipped"]`` lists the cells, ``attrs["largest_change"]`` is that of value added.

    Returns
    -------
    xarray.Dataset
        ``expenditure_share``, ``expenditure``, ``gross_output``, ``final_share``, ``final_expenditure``, ``deficit``, and
        what was given: a baseline of `models.caliendo_parro`, and without tariffs of `models.krugman`.

    Raises
    ------
    DataError
        A variable or label is missing, a flow is negative, costs do not add up, or final use is negative.
    """
    data = _complete(_with_flows(data, flows), ("flows", "value_added_share", "input_share"))
    _check_flows(data.flows)
    _refuse_own_tariffs(data.tariff)
    spent = as_region((data.flows * (1 + data.tariff)).sum("exporter"), "importer").transpose(*_CELL)
    made = as_region(data.flows.sum("importer"), "exporter").transpose(*_CELL)
    total = spent.rename(region="importer")
    share = (data.flows * (1 + data.tariff) / total.where(total > 0, 1.0)).transpose(*_PAIR)
    inputs = (data.input_share * made).sum("sector").rename(input_sector="sector")
    final = spent - inputs
    final = final.where(abs(final) > 1e-12 * spent, 0.0)  # nothing but rounding
    revenue = as_region((data.flows * data.tariff).sum(["exporter", "sector"]), "importer")
    added = (data.value_added_share * made).sum("sector")
    out = data.drop_vars("flows").assign(
        value_added_share=data.value_added_share.where(made > 0, 0.0),
        input_share=data.input_share.where(made > 0, 0.0),
        expenditure_share=share,
        expenditure=spent,
        gross_output=made,
        final_expenditure=final.sum("sector"),
        deficit=final.sum("sector") - added - revenue,
    )
    negative = final < 0
    if negative.any() and negative_final != "clip":
        worst = float(final.where(negative, 0.0).min())
        raise DataError(
            f"final use is negative in {int(negative.sum())} cells, {worst:.6g} at {first(final == worst)}: producers use more "
            "of it than the region buys. Correct 'flows' or 'input_share', or set these final shares to zero with "
            'negative_final="clip"'
        )
    kept = final.where(~negative, 0.0)
    out["final_share"] = (kept / kept.sum("sector")).transpose(*_CELL)
    if not negative.any():
        check_baseline(out)
        return out
    out = baseline_from_shares(out, float(added.sum()))
    change = (out.value_added_share * out.gross_output).sum("sector") / added - 1
    cells = [f"{final.region.values[n]}/{final.sector.values[s]}" for n, s in np.argwhere(negative.values)]
    return out.assign_attrs(clipped=", ".join(cells), largest_change=float(abs(change).max()))


_DIMS = {
    "expenditure_share": _PAIR,
    "tariff": _PAIR,
    "value_added_share": _CELL,
    "input_share": _INPUT,
    "final_share": _CELL,
    "deficit": ("region",),
    "flows": _PAIR,
}


_ARRAY = (
    "xarray.DataArray(values, coords={'importer': regions, 'exporter': regions, 'sector': sectors}, "
    "dims=('importer', 'exporter', 'sector'))"
)
_DATASET = "xarray.Dataset({'value_added_share': (('region', 'sector'), values), ...}, coords={'region': regions, ...})"


def _require_type(given: object, wanted: type, name: str, how: str) -> None:
    """Refuse an array without labels: values are matched by label, never by position."""
    if not isinstance(given, wanted):
        kind = f"{type(given).__module__.partition('.')[0]}.{type(given).__name__}".removeprefix("builtins.")
        shape = f" of shape {given.shape}" if isinstance(given, np.ndarray) else ""
        raise DataError(
            f"'{name}' is a {kind}{shape}, without labels; it must be an xarray.{wanted.__name__} {how}"
        )


def _with_flows(data: xr.Dataset, flows: xr.DataArray) -> xr.Dataset:
    _require_type(flows, xr.DataArray, "flows", f"over ({', '.join(_PAIR)}): {_ARRAY}")
    _require_type(data, xr.Dataset, "data", f"of labelled shares: {_DATASET}")
    for dim in flows.dims:  # assign would drop what the data do not have and leave gaps for what they have
        if dim in flows.indexes and dim in data.indexes:
            require_same(flows.indexes[dim], data.indexes[dim], f"dimension '{dim}' of 'flows'", "the data")
    return data.assign(flows=flows)


def _complete(data: xr.Dataset, needed: tuple[str, ...]) -> xr.Dataset:
    """Align the data by label, with every needed variable on its dims and tariffs of zero if there are none."""
    for key in needed:
        if key not in data:
            raise DataError(f"the data have no '{key}' with dims ({', '.join(_DIMS[key])}); add it")
    for key in {*needed, "tariff"} & set(map(str, data.data_vars)):
        if set(data[key].dims) != set(_DIMS[key]):
            has = ", ".join(map(str, data[key].dims))
            raise DataError(f"'{key}' has dims ({has}); it needs ({', '.join(_DIMS[key])})")
    data = align(data)
    if "tariff" not in data:
        pair = data[needed[0]].transpose(*_PAIR)
        data = data.assign(tariff=xr.zeros_like(pair, dtype=float))
    for key in (*needed, "tariff"):
        bad = data[key].copy(data=~np.isfinite(data[key].values))
        if bad.any():
            raise DataError(f"'{key}' is not a finite number at {first(bad)}; fill the cell")
    return data


def _check_flows(flows: xr.DataArray) -> None:
    """Raise DataError if a flow is negative, or no region sells to itself."""
    if (flows < 0).any():
        raise DataError(f"'flows' is negative at {first(flows < 0)}; every value must be zero or positive")
    own = flows.where(flows.importer == flows.exporter, 0.0)
    if flows.sizes["importer"] > 1 and flows.any() and not own.any():
        raise DataError(
            "'flows' has no sales of a region to itself; add them, which are output less exports: without them every region "
            "would buy all it uses abroad"
        )


def _refuse_own_tariffs(tariff: xr.DataArray) -> None:
    own = (tariff.importer == tariff.exporter) & (tariff != 0)
    if own.any():
        raise DataError(
            f"'tariff' is not zero within a region, at {first(own.transpose(*tariff.dims))}; set it to zero there, and see "
            "that importer and exporter have not changed places"
        )
