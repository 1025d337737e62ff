"""Baselines: the shares and levels that exact-hat models start from, computed from a world input-output table.

Values are in the unit of the table (million US dollars), shares are pure numbers. Cells without output or expenditure have
shares of zero and are listed in the attributes.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from calibration import ree
from calibration.consistency import check_baseline
from calibration.io_table import as_region, empty_cells, goods_accounts, value_added
from calibration.parameters import EXTENSIONS, FIRMS, Parameters, default_parameters
from framework.errors import DataError


def _share(part: xr.DataArray, total: xr.DataArray) -> xr.DataArray:
    """Divide, with 0 where the total is 0 (an empty cell has no composition)."""
    return (part / total.where(total != 0, 1.0)).where(total != 0, 0.0)


def _goods(accounts: xr.Dataset, tariff: xr.DataArray | None = None) -> xr.Dataset:
    """Return trade shares, expenditure, output, cost shares and final shares of a table without categories.

    Flows of the table are at basic prices; what importers pay is higher by the tariff (sector) on imports.
    """
    if tariff is None:
        tariff = xr.zeros_like(accounts.sector, dtype=float)
    rate = tariff * (accounts.importer != accounts.exporter)
    if np.any(tariff):
        paid = {"intermediate": accounts.intermediate * (1 + rate.rename(sector="input_sector"))}
        accounts = accounts.assign({**paid, "final": accounts.final * (1 + rate)})
    inputs = accounts.intermediate.sum("exporter")
    flow = accounts.intermediate.sum("sector").rename(input_sector="sector") + accounts.final
    spent = flow.sum("exporter")
    output = accounts.gross_output
    cost_share = as_region(inputs, "importer").pipe(_share, output)
    use = as_region(accounts.final.sum("exporter"), "importer")
    # The value-added share is the complement of the input shares, so that the two add up to one to the last digit.
    added_share = (1 - cost_share.sum("input_sector")).where(output != 0, 0.0)
    base = xr.Dataset(
        {
            "expenditure_share": _share(flow, spent).transpose("importer", "exporter", "sector"),
            "expenditure": as_region(spent, "importer").transpose("region", "sector"),
            "gross_output": output.transpose("region", "sector"),
            "value_added_share": added_share.transpose("region", "sector"),
            "input_share": cost_share.transpose("region", "input_sector", "sector"),
            "final_share": _share(use, use.sum("sector")).transpose("region", "sector"),
            "tariff": xr.zeros_like(flow.transpose("importer", "exporter", "sector")) + rate,
            "final_expenditure": use.sum("sector"),
        }
    )
    kept = ("source", "citation", "terms", "year", "unit", "inventories", "output_redefined", "aggregation")
    base.attrs = {k: accounts.attrs[k] for k in kept if k in accounts.attrs}
    for name, what in (
        ("gross_output", "industries without output"),
        ("expenditure", "destinations without purchases"),
    ):
        names = list(empty_cells(base[name]))
        base.attrs[what.replace(" ", "_")] = f"{len(names)}" + (f": {', '.join(names)}" if names else "")
    return base


def _describe(base: xr.Dataset) -> xr.Dataset:
    for name, array in base.data_vars.items():
        description, unit = DESCRIPTIONS[str(name)]
        array.attrs = {"long_name": description, "units": unit}
    return base


MONEY = "million US dollars"
#: Variable of a baseline -> what it is, and its unit.
DESCRIPTIONS = {
    "expenditure_share": (
        "share of the importer's expenditure on a sector that goes to the exporter (pi)",
        "1",
    ),
    "expenditure": ("expenditure on a sector, all uses, including tariffs (X)", MONEY),
    "gross_output": ("gross output at basic prices (G)", MONEY),
    "value_added_share": ("value added per unit of gross output (nu)", "1"),
    "input_share": ("cost of an input per unit of gross output (nu_k)", "1"),
    "final_share": ("share of a sector in final expenditure (alpha)", "1"),
    "tariff": ("ad-valorem import tariff (tau)", "1"),
    "final_expenditure": ("final expenditure (I)", MONEY),
    "income": ("income from production", MONEY),
    "deficit": ("trade deficit (D)", MONEY),
    "ree_share": ("rare-earth share of value added (omega)", "1"),
    "ree_endowment": ("rare-earth endowment at the baseline world price (R)", MONEY),
    "export_tax": ("ad-valorem export tax on rare earths (t)", "1"),
    "ree_elasticity": ("elasticity of substitution between the rare-earth and labour bundles (epsilon)", "1"),
    "trade_elasticity": ("trade elasticity (theta)", "1"),
    "input_elasticity": ("elasticity of substitution between value added and inputs (chi)", "1"),
    "ree_supply_elasticity": ("elasticity of rare-earth supply (zeta)", "1"),
    "ree_trade_elasticity": ("trade elasticity of rare earths", "1"),
    "ree_trade_share": ("share of an origin in a region's spending on rare earths", "1"),
    "ree_tariff": ("ad-valorem tariff on rare earths", "1"),
    "deficit_rate": ("trade deficit over factor income", "1"),
    "income_share": ("share of world factor income", "1"),
    "variety_elasticity": ("elasticity of substitution between varieties (beta)", "1"),
    "variety_productivity": ("productivity elasticity of the measure of varieties (phi)", "1"),
    "research_elasticity": ("elasticity of varieties to research effort (kappa)", "1"),
}


def rare_earths_baseline(
    table: xr.Dataset, parameters: Parameters | None = None, *, inventories: str = "keep"
) -> xr.Dataset:
    """Return the baseline of the rare-earth model (docs/rare_earths_model.md sections 6, 7 and 14).

    Rare earths are carved out of value added (output less inputs): their share is gamma_s in every region, and their cost is
    that share of value added divided by the markup. Tariffs and the export tax are zero, the world rare-earth price is one,
    and deficits close each region's budget::

        I_n = sum_s (1 - omega_ns) V_ns / mu + R_n + sum_s V_ns / beta + D_n,    R_n = e_n sum_is omega_is V_is / mu

    Parameters
    ----------
    table : xr.Dataset
        A balanced world input-output table.
    parameters : Parameters, optional
        Defaults to `default_parameters()`.
    inventories : {"keep", "in-deficit", "clip"}
        See `calibration.goods_accounts`.

    Returns
    -------
    xr.Dataset
        ``expenditure_share``, ``tariff`` (importer, exporter, sector); ``expenditure``, ``gross_output``,
        ``value_added_share``, ``final_share``, ``ree_share`` (region, sector); ``input_share`` (region, input_sector, sector);
        ``final_expenditure``, ``deficit``, ``ree_endowment`` (region); ``ree_elasticity``, ``trade_elasticity`` (sector);
        ``export_tax``, ``variety_elasticity``, ``variety_productivity``, ``research_elasticity`` (scalars).

    Raises
    ------
    DataError
        If the table is unbalanced or has negative use, if a label has no parameter, or if an identity of the result fails.
    """
    parameters = default_parameters() if parameters is None else parameters
    accounts = goods_accounts(table, inventories)
    tariff = parameters.by_sector("baseline_tariff", accounts.indexes["sector"])
    base = recalibrate(_goods(accounts, tariff), parameters)
    check_baseline(base, taxing_region=next(iter(parameters["baseline_export_tax"].table), "CHN"))
    return base


def recalibrate(base: xr.Dataset, parameters: Parameters) -> xr.Dataset:
    """Return the baseline of the rare-earth model at other parameters, for the goods flows of a baseline.

    Flows of goods do not depend on parameters; rare earths, incomes and deficits do. Equal to `rare_earths_baseline` of the
    same table, but quick, for many sets of parameters: the identities, which hold at all parameters if they hold at one, are
    not checked again.

    Raises
    ------
    DataError
        If a label has no parameter, or if no sector uses rare earths.
    """
    base = base.copy()
    regions, sectors = base.indexes["region"], base.indexes["sector"]
    added = base.value_added_share * base.gross_output
    for name in ("trade_elasticity", "ree_elasticity"):
        base[name] = ("sector", parameters.by_sector(name, sectors).values)
    for name in ("variety_elasticity", "variety_productivity", "research_elasticity"):
        base[name] = parameters.scalar(name)
    gamma = base.trade_elasticity.copy(data=parameters.by_sector("ree_share", sectors).values)
    gamma = gamma.broadcast_like(base.gross_output).transpose("region", "sector")
    tax, price = _export_tax(parameters, base)
    base["ree_share"], base["export_tax"] = ree.scaled_to_use(gamma, added, price, parameters), tax
    beta = base.variety_elasticity
    ree_cost = base.ree_share * added * (beta - 1) / beta
    if not float(ree_cost.sum()) > 0:
        raise DataError(
            "no sector uses rare earths: parameter 'ree_share' is zero wherever there is value added, so that there is "
            'no market for a policy to act on; give a sector a share above zero, as in ree_share = { "Machinery" = 0.001 }.'
        )
    used = (ree_cost / price).sum("sector")  # in units of the world price
    base["ree_endowment"] = parameters.endowment_share(regions) * used.sum()
    labour_income = ((1 - base.ree_share) * added * (beta - 1) / beta).sum("sector")
    research_income = added.sum("sector") / beta
    income = labour_income + price * base.ree_endowment + research_income
    taxes = (1 - price) * (base.ree_endowment - used) + _tariff_revenue(base)
    base["deficit"] = base.final_expenditure - income - taxes
    base = base.assign(ree.extensions(base, income, parameters))
    base.attrs["title"] = f"Baseline of the rare-earth model, {base.attrs.get('year', '')}".rstrip(", ")
    neutral = {p.name: p for p in (*EXTENSIONS, *FIRMS)}
    for name, parameter in parameters.entries.items():
        if neutral.get(name) != parameter:
            base.attrs[f"source_of_{name}"] = parameter.source
    return _describe(base)


def _export_tax(parameters: Parameters, base: xr.Dataset) -> tuple[float, xr.DataArray]:
    """Return the baseline export tax and the price of rare earths to users over the world price, by region."""
    taxes = parameters["baseline_export_tax"].table
    if len(taxes) > 1:
        raise DataError(
            f"parameter 'baseline_export_tax' names {len(taxes)} regions ({', '.join(taxes)}); one region taxes, as in "
            "baseline_export_tax = { CHN = 0.15 }."
        )
    price = xr.ones_like(base.final_expenditure)
    for region, tax in taxes.items():
        if region not in price.region.values:
            raise DataError(f"parameter 'baseline_export_tax': the data have no region '{region}'.")
        price = price.where(price.region != region, 1 / (1 + tax))
    return float(sum(taxes.values())), price


def _tariff_revenue(base: xr.Dataset) -> xr.DataArray:
    spent = base.expenditure_share * base.expenditure.rename(region="importer")
    revenue = (base.tariff / (1 + base.tariff) * spent).sum(["exporter", "sector"])
    return as_region(revenue, "importer")


def caliendo_parro_baseline(
    table: xr.Dataset, parameters: Parameters | None = None, *, inventories: str = "keep"
) -> xr.Dataset:
    """Return the baseline of Caliendo and Parro (2015): labour is the only factor, tariffs are zero.

    Same goods part as `rare_earths_baseline`, with ``deficit`` (final expenditure less value added) and
    ``trade_elasticity``.
    """
    parameters = default_parameters() if parameters is None else parameters
    accounts = goods_accounts(table, inventories)
    base = _goods(accounts)
    base["deficit"] = base.final_expenditure - value_added(accounts).sum("sector")
    base["trade_elasticity"] = (
        "sector",
        parameters.by_sector("trade_elasticity", base.indexes["sector"]).values,
    )
    base.attrs["title"] = "Baseline of the Caliendo-Parro model"
    base.attrs["source_of_trade_elasticity"] = parameters["trade_elasticity"].source
    check_baseline(base)
    return _describe(base)


def eaton_kortum_baseline(
    table: xr.Dataset, parameters: Parameters | None = None, *, inventories: str = "keep"
) -> xr.Dataset:
    """Return the baseline of Eaton and Kortum (2002) with many sectors: producers buy inputs as households buy goods.

    That of `caliendo_parro_baseline` with ``final_share`` the share of a sector in all that a region buys, and
    ``input_share`` the rest of costs in these proportions, so that flows are still those of the table. It is also a
    baseline of Caliendo and Parro.
    """
    base = caliendo_parro_baseline(table, parameters, inventories=inventories)
    bought = base.expenditure / base.expenditure.sum("sector")
    inputs = (1 - base.value_added_share) * bought.rename(sector="input_sector")
    base["final_share"] = bought.transpose("region", "sector")
    base["input_share"] = inputs.where(base.gross_output > 0, 0.0).transpose(
        "region", "input_sector", "sector"
    )
    base.attrs["title"] = "Baseline of the Eaton-Kortum model"
    check_baseline(base)
    return _describe(base)


def armington_baseline(
    table: xr.Dataset, parameters: Parameters | None = None, *, inventories: str = "keep"
) -> xr.Dataset:
    """Return the baseline of a one-sector Armington model without intermediates.

    All flows between regions are spending on goods: ``expenditure_share`` (importer, exporter), ``expenditure`` and
    ``income`` (region) from gross flows, ``deficit`` = expenditure - income, ``trade_elasticity`` (scalar; the mean over
    sectors weighted by expenditure where it varies).
    """
    parameters = default_parameters() if parameters is None else parameters
    accounts = goods_accounts(table, inventories)
    flow = accounts.intermediate.sum(["sector", "input_sector"]) + accounts.final.sum("sector")
    spent, sold = flow.sum("exporter"), flow.sum("importer")
    base = xr.Dataset(
        {
            "expenditure_share": _share(flow, spent).transpose("importer", "exporter"),
            "expenditure": as_region(spent, "importer"),
            "income": as_region(sold, "exporter"),
        }
    )
    base["deficit"] = base.expenditure - base.income
    theta = parameters.by_sector("trade_elasticity", accounts.indexes["sector"])
    weight = accounts.gross_output.sum("region")
    base["trade_elasticity"] = float(np.average(theta.values, weights=weight.values))
    base.attrs = {"title": "Baseline of the Armington model", "inventories": accounts.attrs["inventories"]}
    check_baseline(base)
    return _describe(base)
