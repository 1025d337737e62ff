"""Elasticities between rare earths and labour, and rare-earth shares, as estimates with joint covariance.

The model implies ``E[N_R] = exp(a_is + a_t + b_s ln(q/w)) N_L`` for patents that are related to rare earths and patents that
are not (docs/rare_earths_model.md section 10). A regression gives the bias exponents ``b_s``; the elasticities follow by equation 17 and the
delta method. What comes out is a data set of parameters that ``calibration.Parameters.from_estimates`` takes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from empirics.directed_response import elasticity_slope, ree_elasticity
from empirics.estimates import parameter_estimates
from empirics.innovation_regression import InnovationDesign, estimate_bias_exponents
from framework.errors import DataError


def elasticities_from_exponents(
    exponents: xr.Dataset,
    *,
    variety_productivity: float = 1.0,
    research_elasticity: float = 1.0,
    inadmissible: Literal["raise", "list"] = "raise",
) -> xr.Dataset:
    """Turn bias exponents into elasticities between the bundles, with their covariance by the delta method.

    A bias exponent is admissible if it is below ``1/phi``, beyond which no stable economy implies it, and gives an
    elasticity that is not negative. Nothing is clipped.

    Parameters
    ----------
    exponents : xr.Dataset
        See `estimate_bias_exponents`.
    variety_productivity, research_elasticity : float
        ``phi`` and ``kappa = psi``, positive.
    inadmissible : {"raise", "list"}
        Refuse sectors with an inadmissible exponent, or leave them out and name them in the attribute ``inadmissible``.

    Returns
    -------
    xr.Dataset
        Parameter estimates of ``ree_elasticity``; see `empirics.estimates`.

    Raises
    ------
    DataError
        An exponent is inadmissible (all offenders are named), or phi or kappa is not positive.
    """
    phi, psi = variety_productivity, research_elasticity
    if not (phi > 0 and psi > 0):
        raise DataError(
            f"variety_productivity is {phi:g} and research_elasticity {psi:g}; elasticities follow from innovation only "
            "where both are positive."
        )
    offenders = _offenders(exponents, phi, psi)
    if offenders and inadmissible == "raise":
        raise DataError(
            f"inadmissible bias exponents: {'; '.join(offenders.values())}. Revise the regression, or pass "
            'inadmissible="list" to leave these sectors out.'
        )
    kept = exponents.drop_sel(sector=list(offenders), sector_other=list(offenders))
    if not kept.sizes["sector"]:
        raise DataError(f"no sector has an admissible bias exponent: {'; '.join(offenders.values())}.")
    slope = elasticity_slope(kept.bias_exponent, phi, psi).values
    return parameter_estimates(
        "ree_elasticity",
        ree_elasticity(kept.bias_exponent, phi, psi),
        slope[:, None] * kept.covariance.values * slope[None, :],
        source=f"{exponents.attrs['source']}; elasticities by the delta method with phi = {phi:g}, kappa = {psi:g}",
        sample=exponents.attrs["sample"],
        attrs={
            **{k: v for k, v in exponents.attrs.items() if k not in ("source", "sample")},
            "inadmissible": "; ".join(offenders.values()),
            "assumes": json.dumps({"variety_productivity": phi, "research_elasticity": psi}),
        },
    )


def _offenders(exponents: xr.Dataset, phi: float, psi: float) -> dict[str, str]:
    """Sectors with an inadmissible exponent, with what is wrong in words."""
    out = {}
    error = np.sqrt(np.diag(exponents.covariance.values))
    for sector, b, se in zip(exponents["sector"].values, exponents.bias_exponent.values, error, strict=True):
        found = f"{sector} b = {b:.4g} (standard error {se:.2g})"
        if b >= 1 / phi:
            out[str(sector)] = f"{found}, not below 1/phi = {1 / phi:.4g}"
        elif ree_elasticity(float(b), phi, psi) < 0:
            highest = psi / (1 + phi * psi)
            out[str(sector)] = f"{found}, above {highest:.4g}: the elasticity would be negative"
    return out


def estimate_elasticities(
    panel: pd.DataFrame,
    design: InnovationDesign | None = None,
    *,
    variety_productivity: float = 1.0,
    research_elasticity: float = 1.0,
    inadmissible: Literal["raise", "list"] = "raise",
) -> xr.Dataset:
    """Estimate the elasticities between the bundles from patents; both steps above in one call."""
    return elasticities_from_exponents(
        estimate_bias_exponents(panel, design),
        variety_productivity=variety_productivity,
        research_elasticity=research_elasticity,
        inadmissible=inadmissible,
    )


def estimate_ree_shares(
    ree_cost: xr.DataArray,
    value_added: xr.DataArray,
    sector: xr.DataArray,
    log_price_covariance: xr.DataArray | None = None,
    *,
    markup: float = 1.0,
    source: str = "direct cost of rare earths over value added",
    sectors: Sequence[str] | None = None,
) -> xr.Dataset:
    """Return the rare-earth share of value added by sector: sums of direct costs over sums of value added.

    Direct costs count, because the input-output table of the model carries indirect use (docs/rare_earths_model.md section 10). The elements'
    prices are shared by all sectors, so that an error in one makes the shares of all sectors err together; quantities and
    value added are taken as known.

    Parameters
    ----------
    ree_cost : xr.DataArray
        Cost of each element by industry, dims (industry, element) or (sic, element), any unit.
    value_added : xr.DataArray
        By industry, in the same unit.
    sector : xr.DataArray
        Name of the sector of each industry, dims (industry); or the weight of each sector in an industry, dims
        (industry, sector), summing to one where the industry belongs to any of them.
    log_price_covariance : xr.DataArray, optional
        Covariance of the errors in the elements' log prices, dims (element, element_other); zero by default.
    markup : float
        Price of a bundle over the price of what it is made of: with monopolistic varieties the share of the bundle is the
        cost share times ``beta/(beta - 1)``. One takes the cost share as it is, like the slides.
    source : str
    sectors : sequence of str, optional
        Sectors to return, in this order; by default all that occur.

    Returns
    -------
    xr.Dataset
        Parameter estimates of ``ree_share``; see `empirics.estimates`.

    Raises
    ------
    DataError
        Labels differ, a cost or value added is negative or not finite, a sector has no value added, or a share is 1 or more.
    """
    dim = str(*value_added.dims)
    cost = ree_cost.transpose(dim, "element")
    _check_costs(cost, value_added, sector, dim)
    weight = _weights(sector.sel({dim: value_added[dim].values}), dim, sectors)
    added = weight.values.T @ value_added.values
    for name, total in zip(weight["sector"].values, added, strict=True):
        if not total > 0:
            raise DataError(f"sector '{name}' has no value added; leave it out of `sectors`.")
    by_element = markup * (weight.values.T @ cost.sel({dim: value_added[dim].values}).values) / added[:, None]
    share = xr.DataArray(by_element.sum(axis=1), {"sector": weight["sector"].values}, name="ree_share")
    if bool((share >= 1).any()):
        raise DataError(
            f"sector '{share['sector'].values[share.values.argmax()]}' has a rare-earth share of 1 or more."
        )
    spread = np.zeros((cost.sizes["element"],) * 2)
    if log_price_covariance is not None:
        elements = cost["element"].values
        spread = log_price_covariance.assign_coords(element_other=log_price_covariance["element"].values)
        spread = (
            spread.sel(element=elements, element_other=elements).transpose("element", "element_other").values
        )
    used = int((weight.sum("sector") > 0).sum())
    attrs = {k: v for k, v in ree_cost.attrs.items() if k == "data"}
    covariance = by_element @ spread @ by_element.T
    sample = f"{used} industries, {cost.sizes['element']} elements"
    return parameter_estimates("ree_share", share, covariance, source=source, sample=sample, attrs=attrs)


def _check_costs(cost: xr.DataArray, value_added: xr.DataArray, sector: xr.DataArray, dim: str) -> None:
    for name, array in (("ree_cost", cost), ("value_added", value_added)):
        if bool((~np.isfinite(array) | (array < 0)).any()):
            raise DataError(f"{name} has a value that is negative or not a number; correct it.")
    for array, name in ((cost, "ree_cost"), (sector, "sector")):
        if set(array[dim].values) != set(value_added[dim].values):
            odd = sorted(map(str, set(array[dim].values) ^ set(value_added[dim].values)))
            raise DataError(f"{name} and value_added do not have the same {dim}, for instance '{odd[0]}'.")


def _weights(sector: xr.DataArray, dim: str, sectors: Sequence[str] | None) -> xr.DataArray:
    """Weight of each sector in each industry, dims (industry, sector)."""
    if "sector" in sector.dims:
        weight = sector.transpose(dim, "sector")
    else:
        names = list(dict.fromkeys(map(str, sector.values)))
        values = (sector.values.astype(str)[:, None] == np.array(names)[None, :]).astype(float)
        weight = xr.DataArray(values, {dim: sector[dim].values, "sector": names}, (dim, "sector"))
    if sectors is None:
        return weight
    missing = [s for s in sectors if s not in weight["sector"].values]
    if missing:
        raise DataError(f"no industry belongs to sector '{missing[0]}'; leave it out of `sectors`.")
    return weight.sel(sector=list(sectors))
