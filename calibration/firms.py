"""Baselines with free entry of firms, from a world input-output table: Krugman, Melitz with Pareto productivity.

With free entry in many finely cut sectors the data are rarely a stable equilibrium (`models.krugman`); the shipped table
``wiod2009-5x2`` of goods and services is one.
"""

from __future__ import annotations

import xarray as xr

from calibration.baseline import caliendo_parro_baseline
from calibration.parameters import Parameters, default_parameters
from calibration.report import first
from framework.errors import DataError

FIRMS = {
    "scale_effect": "1 with free entry under monopolistic competition, 0 under perfect competition (delta)",
    "selection_effect": "theta/(sigma - 1) - 1 (eta)",
}


def krugman_baseline(
    table: xr.Dataset, parameters: Parameters | None = None, *, inventories: str = "keep"
) -> xr.Dataset:
    """Return the baseline of `models.krugman`: that of `caliendo_parro_baseline` without tariffs.

    Parameters
    ----------
    table : xr.Dataset
        A balanced world input-output table.
    parameters : Parameters, optional
        Defaults to `default_parameters()`: free entry in every sector.
    inventories : {"keep", "in-deficit", "clip"}
        See `calibration.goods_accounts`.

    Returns
    -------
    xr.Dataset
        With ``scale_effect`` (sector).
    """
    parameters = default_parameters() if parameters is None else parameters
    base = caliendo_parro_baseline(table, parameters, inventories=inventories).drop_vars("tariff")
    base.attrs["title"] = "Baseline of the Krugman model"
    return _with_firms(base, parameters, "scale_effect")


def melitz_pareto_baseline(
    table: xr.Dataset, parameters: Parameters | None = None, *, inventories: str = "keep"
) -> xr.Dataset:
    """Return the baseline of `models.melitz_pareto`, where part of the bundles of a region goes for access to its market.

    A sector spends on bundles ``B = (1 - kappa) G + kappa X`` with ``kappa = delta eta/(1 + eta + theta)``: its own sales less what
    firms pay for access abroad, and what all firms pay for access at home. The inputs of the table are shares of that; the rest is
    labour. Parameters as in `krugman_baseline`.

    Returns
    -------
    xr.Dataset
        With ``scale_effect``, ``selection_effect`` (sector); ``value_added_share`` and ``input_share`` are shares of ``B``, and
        ``deficit`` (region) covers goods and market access together.

    Raises
    ------
    DataError
        The labour share of a bundle would be negative.
    """
    parameters = default_parameters() if parameters is None else parameters
    base = _with_firms(
        krugman_baseline(table, parameters, inventories=inventories), parameters, "selection_effect"
    )
    base.attrs["title"] = "Baseline of the Melitz-Pareto model"
    delta, eta, theta = base.scale_effect, base.selection_effect, base.trade_elasticity
    kappa = delta * eta / (1 + eta + theta)
    bundles = base.gross_output + kappa * (base.expenditure - base.gross_output)
    per_bundle = (base.gross_output / bundles.where(bundles != 0, 1.0)).transpose("region", "sector")
    inputs = base.input_share * per_bundle
    labour = (1 - inputs.sum("input_sector")).where(bundles != 0, 0.0)
    _require_labour(labour.transpose("region", "sector"))
    found = {
        "input_share": inputs.transpose("region", "input_sector", "sector"),
        "value_added_share": labour.transpose("region", "sector"),
        "deficit": base.final_expenditure - (labour * bundles).sum("sector"),
    }
    about = {
        "input_share": "cost of an input per unit spent on bundles (nu_k)",
        "value_added_share": "labour per unit spent on bundles (nu)",
        "deficit": "deficit of goods and market access (D)",
    }
    return base.assign({k: v.assign_attrs(base[k].attrs | {"long_name": about[k]}) for k, v in found.items()})


def _require_labour(labour: xr.DataArray) -> None:
    if (labour < 0).any():
        raise DataError(
            f"inputs cost more than bundles at {first(labour < 0)}: with these parameters firms there pay more for access to markets abroad "
            "than value added holds; lower 'selection_effect' or 'scale_effect', or aggregate sectors"
        )


def _with_firms(base: xr.Dataset, parameters: Parameters, name: str) -> xr.Dataset:
    """Add a parameter of firms by sector, with its source."""
    values = parameters.by_sector(name, base.indexes["sector"]).values
    base[name] = ("sector", values, {"long_name": FIRMS[name], "units": "1"})
    base.attrs[f"source_of_{name}"] = parameters[name].source
    return base
