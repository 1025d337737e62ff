"""The baseline of the standard CGE model, calibrated to a social accounting matrix."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd
import xarray as xr

from calibration.sam import check_sam
from framework.errors import DataError

ELASTICITY = 2.0
SAM_ELASTICITIES = {
    "armington_elasticity": "elasticity of substitution between imports and domestic goods (sigma)",
    "transformation_elasticity": "elasticity of transformation between exports and domestic sales (psi)",
}
PRICES = ("composite_factor", "output", "armington_composite", "export", "import", "domestic_good")


def standard_cge_baseline(sam: xr.DataArray) -> xr.Dataset:
    """Calibrate the standard CGE model to a SAM.

    Quantities are in units that cost 1 at the baseline, where every price is 1. The exact-hat form needs nothing else;
    for the model in levels add `standard_cge_primitives`.

    Parameters
    ----------
    sam : xarray.DataArray
        Payments, dims (receiver, payer); see `read_sam`.

    Returns
    -------
    xarray.Dataset
        Every quantity, price, saving and revenue at the baseline, rates, shares and elasticities (2, as in the
        textbook), over (good, factor, using_good). The attribute ``numeraire_factor`` is LAB, or else the last factor.

    Raises
    ------
    DataError
        See `check_sam`.

    References
    ----------
    Hosoe, Gasawa and Hashimoto (2010), "Textbook of Computable General Equilibrium Modelling", chapters 5 and 6.
    """
    goods, factors = check_sam(sam)
    base = _flows(sam, goods, factors)
    base = base.assign(_rates(base))
    for price in PRICES:
        base[f"{price}_price"] = xr.ones_like(base.gross_output)
    base["factor_price"] = xr.ones_like(base.factor_endowment)
    for elasticity in SAM_ELASTICITIES:
        base[elasticity] = xr.full_like(base.gross_output, ELASTICITY)
    return base.assign_attrs(
        title="Baseline of the standard CGE model",
        source=str(sam.attrs.get("source", "SAM of the user")),
        numeraire_factor="LAB" if "LAB" in factors else factors[-1],
    )


def _flows(sam: xr.DataArray, goods: list[str], factors: list[str]) -> xr.Dataset:
    """Quantities, revenues and savings, from the cells of the SAM."""

    def cell(receiver: str | list[str], payer: str | list[str], *dims: str) -> xr.DataArray:
        part = sam.sel(receiver=receiver, payer=payer)
        return (
            part.drop_vars([c for c in part.coords if c not in part.dims])
            .rename(dict(zip(part.dims, dims, strict=True)))
            .drop_attrs()
        )

    factor_input = cell(factors, goods, "factor", "good")
    inputs = cell(goods, goods, "good", "using_good")
    imports, tax, tariff = (cell(r, goods, "good") for r in ("EXT", "IDT", "TRF"))
    exports, consumption = (cell(goods, p, "good") for p in ("EXT", "HOH"))
    composite = factor_input.sum("factor")
    output = composite + inputs.sum("good").rename(using_good="good")
    domestic = output + tax - exports
    return xr.Dataset(
        {
            "factor_input": factor_input,
            "factor_endowment": factor_input.sum("good"),
            "composite_factor": composite,
            "intermediate_input": inputs,
            "gross_output": output,
            "household_consumption": consumption,
            "government_consumption": cell(goods, "GOV", "good"),
            "investment_demand": cell(goods, "INV", "good"),
            "exports": exports,
            "imports": imports,
            "domestic_good": domestic,
            "armington_composite": domestic + imports + tariff,
            "production_tax_revenue": tax,
            "tariff_revenue": tariff,
            "direct_tax_revenue": cell("GOV", "HOH"),
            "private_saving": cell("INV", "HOH"),
            "government_saving": cell("INV", "GOV"),
            "foreign_saving": cell("INV", "EXT"),
            "utility": (consumption ** (consumption / consumption.sum())).prod(),
            "equivalent_variation": 0.0,
            "exchange_rate": 1.0,
            "world_export_price": xr.ones_like(output),
            "world_import_price": xr.ones_like(output),
        }
    )


def _rates(base: xr.Dataset) -> dict[str, xr.DataArray]:
    """Shares, coefficients and rates that make the flows an equilibrium where every price is 1."""
    output, imports = base.gross_output, base.imports
    income = base.factor_endowment.sum()
    revenue = base.direct_tax_revenue + base.production_tax_revenue.sum() + base.tariff_revenue.sum()
    return {
        "consumption_share": base.household_consumption / base.household_consumption.sum(),
        "government_consumption_share": base.government_consumption / base.government_consumption.sum(),
        "investment_share": base.investment_demand / base.investment_demand.sum(),
        "factor_share": base.factor_input / base.composite_factor,
        "composite_factor_coefficient": base.composite_factor / output,
        "intermediate_coefficient": base.intermediate_input / output.rename(good="using_good"),
        "tariff_rate": base.tariff_revenue / imports.where(imports != 0, 1.0),  # no tariff without imports
        "production_tax_rate": base.production_tax_revenue / output,
        "direct_tax_rate": base.direct_tax_revenue / income,
        "private_saving_rate": base.private_saving / income,
        "government_saving_rate": base.government_saving / revenue,
    }


def sam_parameters(base: xr.Dataset, own: Collection[str] = ()) -> pd.DataFrame:
    """Return a table of the elasticities of a baseline, for reports; `own` names those that the user set."""
    textbook = "Hosoe, Gasawa and Hashimoto (2010), chapter 6"
    rows = []
    for name, meaning in SAM_ELASTICITIES.items():
        values = base[name].to_series()
        text = (
            f"{values.iloc[0]:g}"
            if values.nunique() == 1
            else ", ".join(f"{k} {v:g}" for k, v in values.items())
        )
        rows.append((name, text, None, "1", "scenario" if name in own else textbook, meaning))
    columns = ["name", "value", "standard_error", "unit", "source", "description"]
    return pd.DataFrame(rows, columns=columns).set_index("name")


def standard_cge_primitives(base: xr.Dataset) -> xr.Dataset:
    """Add the scales and weights that the standard CGE model needs in levels, at which `base` is its equilibrium.

    Parameters
    ----------
    base : xarray.Dataset
        See `standard_cge_baseline`; its elasticities may be others.

    Returns
    -------
    xarray.Dataset
        `base` with ``productivity``, ``armington_scale``, ``import_weight``, ``domestic_weight``,
        ``transformation_scale``, ``export_weight`` and ``home_weight`` over (good).

    Raises
    ------
    DataError
        A good is not imported or not exported, or an Armington elasticity is 1, where these functions have no value.
        The exact-hat form has none of these limits.
    """
    for name in ("imports", "exports"):
        for label in base.good.values[(base[name] == 0).values]:
            raise DataError(
                f"'{name}' of '{label}' are 0, which has no weight in levels; solve hat(model) instead."
            )
    sigma, psi = base.armington_elasticity, base.transformation_elasticity
    for label in base.good.values[(sigma == 1).values]:
        raise DataError(
            f"'armington_elasticity' of '{label}' is 1, at which the CES function has no scale; solve hat(model) instead."
        )
    M, D, E, Q, Z = (
        base[k] for k in ("imports", "domestic_good", "exports", "armington_composite", "gross_output")
    )
    eta, phi = 1 - 1 / sigma, 1 + 1 / psi
    bought = {"m": (1 + base.tariff_rate) * M ** (1 - eta), "d": D ** (1 - eta)}
    sold = {"e": E ** (1 - phi), "d": D ** (1 - phi)}
    deltam, deltad = (bought[k] / (bought["m"] + bought["d"]) for k in "md")
    xie, xid = (sold[k] / (sold["e"] + sold["d"]) for k in "ed")
    return base.assign(
        productivity=base.composite_factor / (base.factor_input**base.factor_share).prod("factor"),
        armington_scale=Q / (deltam * M**eta + deltad * D**eta) ** (1 / eta),
        import_weight=deltam,
        domestic_weight=deltad,
        transformation_scale=Z / (xie * E**phi + xid * D**phi) ** (1 / phi),
        export_weight=xie,
        home_weight=xid,
    )
