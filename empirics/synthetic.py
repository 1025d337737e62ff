"""A synthetic world: panels simulated from the structural model, so that the truth behind them is known.

Prices of rare earths have the shape of the shipped public series, with the spike of 2010-11. Technology responds to
relative factor prices as in the model (docs/rare_earths_model.md eqs. 5 and H2 to H4), which gives patents, productivity and exports by
region, SIC industry and year; shocks that persist within region and industry stand for all else. Everything says that
it is synthetic.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import xarray as xr

from empirics.directed_response import bias_exponent, log_ces
from empirics.growth import midpoint_of_log_change
from empirics.prices import annual_index, read_prices
from empirics.sectors import sectors_of_sic
from empirics.sensitivity import sensitivity
from empirics.shipped import shipped_table
from empirics.world_labels import labelled
from empirics.world_settings import BASE_YEAR, WorldSettings
from framework.errors import DataError, did_you_mean

ELEMENTS = ("La", "Ce", "Nd", "Pr", "Dy")

#: Keys of a parameter data set that the simulation takes over, and what holds if a scalar is not given.
SCALARS = {"variety_productivity": 1.0, "research_elasticity": 1.0}
BY_SECTOR = ("ree_elasticity", "ree_share")


def simulate_world(
    truth: xr.Dataset,
    *,
    seed: int,
    settings: WorldSettings | None = None,
    requirements: xr.DataArray | None = None,
) -> xr.Dataset:
    """Simulate the structural model's panel with known truth.

    Parameters
    ----------
    truth : xr.Dataset
        ``ree_elasticity`` and ``ree_share``, dims (sector), for the twelve manufacturing sectors of the rare-earth model;
        if wanted the scalars ``variety_productivity`` and ``research_elasticity`` (1 otherwise). Other variables and
        sectors are left aside.
    seed : int
    settings : WorldSettings, optional
    requirements : xr.DataArray, optional
        Requirements in $ per $, dims (sic, element). They set the sensitivity and the basket of elements of each industry,
        and how the rare-earth share of a sector is spread over its industries. Without them baskets and shares are random,
        and the sensitivity is that of direct costs.

    Returns
    -------
    xr.Dataset
        Over (region, sic, year): ``ree_patents``, ``other_patents`` (counts), ``ree_patent_stock``, ``log_relative_price`` (ln q/w, 0 in
        2009), ``tfp``, ``exports`` (levels), ``tfp_growth``, ``export_growth`` (midpoint growth, percentage points),
        ``demand_growth`` and, over fewer dims, the other controls, ``sensitivity``, prices, wages, ``ree_cost`` as
        measured and ``value_added``. The truth is in ``true_ree_elasticity``, ``true_bias_exponent`` and
        ``true_ree_share`` (sector), and in ``true_log_bias``. Attributes: ``data`` is ``synthetic``; ``seed``, ``truth``
        and ``settings`` (JSON).

    Raises
    ------
    DataError
        A sector has no truth, or one outside the model's range; or requirements lack an industry.
    """
    settings = settings or WorldSettings()
    streams = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(6))
    world = _frame(truth, settings)
    _industries(world, settings, next(streams), requirements)
    _prices(world, settings, next(streams))
    _technology(world, settings)
    _patents(world, settings, next(streams))
    _performance(world, settings, next(streams))
    _measurement(world, settings, next(streams))
    _controls(world, next(streams))
    world = world.sel(year=slice(settings.first_year, None))
    _stocks(world)
    return labelled(world, settings, seed, BY_SECTOR, SCALARS)


def panel_of(world: xr.Dataset) -> pd.DataFrame:
    """Return a world as a table: one row for each region, industry and year, all columns that vary over these.

    The column ``country`` repeats the region, for designs by country. The attribute ``data`` says that it is synthetic.
    """
    dims = ["region", "sic", "year"]
    names = [
        n for n, v in world.data_vars.items() if set(v.dims) <= set(dims) and not str(n).startswith("true_")
    ]
    table = world[names].to_dataframe(dim_order=dims).reset_index()
    table["country"] = table["region"]
    table.attrs = dict(world.attrs)
    return table


# ---- truth and exposure ------------------------------------------------------------------------------


def _frame(truth: xr.Dataset, settings: WorldSettings) -> xr.Dataset:
    """Labels, and the truth by sector; one year before the first, for growth rates."""
    sector_of = sectors_of_sic(shipped_table("sic1987.csv").sic)
    sectors = list(dict.fromkeys(sector_of))
    for name in BY_SECTOR:
        if name not in truth:
            raise DataError(
                f"the truth has no '{name}' by sector.{did_you_mean(name, map(str, truth.data_vars), BY_SECTOR)}"
            )
        if truth[name].dims != ("sector",):
            raise DataError(f"the truth's '{name}' has dims {truth[name].dims}; it needs (sector).")
        known = [str(s) for s in truth[name]["sector"].values]
        for sector in sectors:
            if sector not in known:
                raise DataError(
                    f"the truth's '{name}' has no sector '{sector}'.{did_you_mean(sector, known, sectors)}"
                )
    phi, psi = (float(truth[k]) if k in truth else default for k, default in SCALARS.items())
    world = xr.Dataset(
        {
            f"true_{name}": ("sector", truth[name].sel(sector=sectors).values.astype(float))
            for name in BY_SECTOR
        },
        coords={
            "region": list(settings.regions),
            "sic": list(sector_of.index),
            "year": np.arange(settings.first_year - 1, settings.last_year + 1),
            "element": list(ELEMENTS),
            "sector": sectors,
            "sector_of_sic": ("sic", sector_of.to_numpy(object)),
        },
        attrs=dict(zip(SCALARS, (phi, psi), strict=True)),
    )
    elasticity, share = world.true_ree_elasticity, world.true_ree_share
    outside = ~((elasticity >= 0) & (1 + phi * psi * (1 - elasticity) > 0) & (share >= 0) & (share < 1))
    if bool(outside.any()):
        sector = sectors[int(outside.values.argmax())]
        raise DataError(
            f"the truth of sector '{sector}' (elasticity {float(elasticity.sel(sector=sector)):g}, share "
            f"{float(share.sel(sector=sector)):g}) is outside the model's range: 0 <= elasticity < 1 + 1/(phi psi), "
            "0 <= share < 1."
        )
    world["true_bias_exponent"] = bias_exponent(elasticity, phi, psi)
    return world


def _at_industries(world: xr.Dataset, name: str) -> xr.DataArray:
    """A value by sector, at the industries of each."""
    return world[name].sel(sector=world.sector_of_sic).drop_vars("sector")


def _industries(
    world: xr.Dataset, settings: WorldSettings, rng: np.random.Generator, requirements: xr.DataArray | None
) -> None:
    """Baskets of elements, value added, and rare-earth shares that average to the truth of each sector."""
    n = world.sizes["sic"]
    if requirements is None:
        basket = rng.dirichlet(np.ones(len(ELEMENTS)), n)
        weight = rng.lognormal(0.0, 1.0, n)
    else:
        missing = [x for x in world["sic"].values if x not in requirements["sic"].values]
        if missing:
            raise DataError(
                f"the requirements have no industry '{missing[0]}'; give all manufacturing industries."
            )
        given = requirements.sel(sic=world["sic"], element=list(ELEMENTS)).transpose("sic", "element").values
        total = given.sum(axis=1)
        if not (np.isfinite(given).all() and (given >= 0).all() and (total > 0).all()):
            raise DataError(
                "requirements must be finite, not negative, and positive in sum for every industry."
            )
        basket, weight = given / total[:, None], total
    world["basket"] = (("sic", "element"), basket)
    world["value_added"] = ("sic", rng.lognormal(9.0, 1.0, n))
    weighted = world.value_added.copy(data=weight * world.value_added.values)
    by_sector = [x.groupby("sector_of_sic").sum() for x in (world.value_added, weighted)]
    mean = (by_sector[1] / by_sector[0]).sel(sector_of_sic=world.sector_of_sic.values).values
    share = _at_industries(world, "true_ree_share") * weight / mean
    if bool((share >= 1).any()):
        worst = str(world["sic"].values[int(share.values.argmax())])
        raise DataError(f"the requirements give industry '{worst}' a rare-earth share above 1; check them.")
    world["ree_share_of_industry"] = share
    direct = settings.value_added_share * share * world.basket
    measured = (
        (direct if requirements is None else requirements)
        .sel(sic=world["sic"], element=list(ELEMENTS))
        .transpose("sic", "element")
    )
    world["sensitivity"] = sensitivity(measured).reset_coords(drop=True)
    world["log_price_covariance"] = (
        ("element", "element_other"),
        settings.price_error**2 * np.eye(len(ELEMENTS)),
    )


# ---- prices and technology ---------------------------------------------------------------------------


@cache
def _shipped_prices(first: int, last: int) -> np.ndarray:
    """Annual prices over those of the base year, shape (year, element); see `world_labels.PRICE_SOURCE`."""
    shipped, years = annual_index(read_prices(), BASE_YEAR)[list(ELEMENTS)], range(first, last + 1)
    log = np.log(shipped.reindex(shipped.index.union(years))).interpolate(
        method="index", limit_direction="both"
    )
    return np.exp(log.loc[list(years)].to_numpy())


def _prices(world: xr.Dataset, settings: WorldSettings, rng: np.random.Generator) -> None:
    """Prices of elements, of each industry's basket by region, and wages; all 1 in the base year."""
    years = world.indexes["year"]
    world["element_price"] = (("year", "element"), _shipped_prices(int(years[0]), int(years[-1])))
    taxed = (world["year"] >= settings.tax_years[0]) & (world["year"] <= settings.tax_years[1])
    wedge = xr.where((world["region"] == settings.exporter) & taxed, np.log1p(settings.export_tax), 0.0)
    log_price = (world.basket * np.log(world.element_price)).sum("element") - wedge
    steps = rng.normal(0.0, settings.wage_shock, (world.sizes["region"], len(years)))
    log_wage = xr.DataArray(steps.cumsum(axis=1), dims=("region", "year"), coords={"year": years.values})
    world["wage"] = np.exp(log_wage - log_wage.sel(year=BASE_YEAR))
    log_price = log_price - log_price.sel(year=BASE_YEAR)
    world["ree_price"] = np.exp(log_price).transpose("region", "sic", "year")
    world["log_relative_price"] = (log_price - np.log(world.wage)).transpose("region", "sic", "year")


def _technology(world: xr.Dataset, settings: WorldSettings) -> None:
    """Relative varieties, and what they and factor prices do to productivity and to the cost of value added."""
    phi, psi = (world.attrs[k] for k in SCALARS)
    exponent, elasticity = (_at_industries(world, f"true_{k}") for k in ("bias_exponent", "ree_elasticity"))
    share, power = world.ree_share_of_industry, 1 - elasticity
    log_bias = exponent * world.log_relative_price
    if settings.technology == "fixed-effort":
        # (1 - omega')/(1 - omega) = 1 / (1 - omega + omega o), with ln o = ln a / psi.
        log_labour = -psi * np.log1p(share * np.expm1(log_bias / psi)) if psi else 0.0 * log_bias
    else:
        log_labour = 0.0 * log_bias
    log_ree = log_bias + log_labour
    world["true_log_bias"] = log_bias
    world["true_log_labour_varieties"] = log_labour
    world["true_log_productivity"] = -log_ces(share, -phi * log_ree, -phi * log_labour, power)
    log_wage = np.log(world.wage)
    world["true_log_cost"] = log_ces(
        share, np.log(world.ree_price) - phi * log_ree, log_wage - phi * log_labour, power
    ).transpose("region", "sic", "year")


# ---- what is observed ----------------------------------------------------------------------------------


def _shocks(
    world: xr.Dataset, deviation: float, persistence: float, rng: np.random.Generator
) -> xr.DataArray:
    """Stationary first-order autoregressive shocks of each region-industry pair."""
    shape = tuple(world.sizes[d] for d in ("region", "sic", "year"))
    draws = rng.normal(0.0, 1.0, shape)
    for t in range(1, shape[2]):
        draws[..., t] = persistence * draws[..., t - 1] + np.sqrt(1 - persistence**2) * draws[..., t]
    return xr.DataArray(deviation * draws, dims=("region", "sic", "year"))


def _patents(world: xr.Dataset, settings: WorldSettings, rng: np.random.Generator) -> None:
    """Counts: Poisson, with the intensity of rare-earth patents per other patent that the model implies."""
    regions, industries, years = (world.sizes[d] for d in ("region", "sic", "year"))
    size = rng.normal(0.0, 1.0, (regions, 1)) + rng.normal(0.0, 1.0, (1, industries))
    log_other = xr.DataArray(np.log(settings.other_patents) + size, dims=("region", "sic"))
    mean_other = np.exp(log_other + world.true_log_labour_varieties)
    world["other_patents"] = mean_other.copy(data=rng.poisson(mean_other.values)).astype(float)
    world["demand_growth"] = _shocks(world, 0.03, settings.persistence, rng)
    productivity = rng.normal(0.0, settings.dispersion, (regions, industries))
    productivity[~_active(world, settings, rng)] = -np.inf
    common = xr.DataArray(rng.normal(0.0, 0.05, years).cumsum(), dims="year")
    shock = _shocks(world, settings.shock, settings.persistence, rng) - settings.shock**2 / 2
    pair = xr.DataArray(productivity, dims=("region", "sic")) - log_other
    log_ratio = pair + common + world.true_log_bias + settings.demand_effect * world.demand_growth
    mean = world.other_patents * np.exp(log_ratio)
    scale = settings.ree_patents / float(mean.sel(year=slice(settings.first_year, None)).sum())
    intensity = (scale * mean * np.exp(shock)).transpose("region", "sic", "year")
    world["ree_patents"] = intensity.copy(data=rng.poisson(intensity.values)).astype(float)


def _stocks(world: xr.Dataset) -> None:
    """Stocks by perpetual inventory, from the steady state of a pair's mean before the base year."""
    from empirics.patents import aggregate  # brings the text classifiers with it

    flow, keep = world.ree_patents, 1 - aggregate.DEPRECIATION
    before = flow.sel(year=slice(None, BASE_YEAR)).mean("year") / aggregate.DEPRECIATION
    left = before * keep ** (world["year"] - world["year"].values[0] + 1)
    stock = aggregate.perpetual_inventory(flow, aggregate.DEPRECIATION) + left
    world["ree_patent_stock"] = stock.transpose("region", "sic", "year")


def _active(world: xr.Dataset, settings: WorldSettings, rng: np.random.Generator) -> np.ndarray:
    """Pairs that have rare-earth patents at all, shape (region, sic)."""
    shape = (world.sizes["region"], world.sizes["sic"])
    order = rng.permutation(shape[0] * shape[1])
    if settings.stratified:
        sector = np.broadcast_to(world.sector_of_sic.values, shape).ravel()
        wanted = round(settings.active_pairs / world.sizes["sector"])
        chosen = np.concatenate([order[sector[order] == s][:wanted] for s in world["sector"].values])
    else:
        chosen = order[: settings.active_pairs]
    active = np.zeros(shape[0] * shape[1], dtype=bool)
    active[chosen] = True
    return active.reshape(shape)


def _performance(world: xr.Dataset, settings: WorldSettings, rng: np.random.Generator) -> None:
    """Productivity and exports with their midpoint growth; costs count relative to all exporters of an industry."""
    regions, industries, years = (world.sizes[d] for d in ("region", "sic", "year"))
    trend = xr.DataArray(rng.normal(0.01, 0.02, (industries, 1)) * np.arange(years), dims=("sic", "year"))
    cycle = xr.DataArray(rng.normal(0.0, 0.02, (regions, years)).cumsum(axis=1), dims=("region", "year"))
    noise = _shocks(world, settings.productivity_shock, settings.persistence, rng)
    world["tfp"] = np.exp(trend + cycle + world.true_log_productivity + noise).transpose(
        "region", "sic", "year"
    )
    level = xr.DataArray(rng.normal(0.0, 1.0, (regions, industries)), dims=("region", "sic"))
    size = level.copy(data=np.exp(level.values))
    share = size / size.sum("region")
    cost = settings.value_added_share * world.true_log_cost
    relative = cost - (share * cost).sum("region")
    demand = world.demand_growth.cumsum("year")
    noise = _shocks(world, settings.export_shock, settings.persistence, rng)
    log_exports = np.log(1e9) + level + demand + cycle - settings.trade_elasticity * relative + noise
    world["exports"] = np.exp(log_exports).transpose("region", "sic", "year")
    for name in ("tfp", "exports"):
        change = world[name] / world[name].shift(year=1)
        growth = 100 * midpoint_of_log_change(np.log(change.values))
        world[f"{name.removesuffix('s')}_growth"] = change.copy(data=growth)


def _measurement(world: xr.Dataset, settings: WorldSettings, rng: np.random.Generator) -> None:
    """Direct costs of rare earths by industry and element, with errors in the elements' prices."""
    error = xr.DataArray(rng.normal(0.0, settings.price_error, len(ELEMENTS)), dims="element")
    world["ree_cost"] = world.ree_share_of_industry * world.value_added * world.basket * np.exp(error)


def _controls(world: xr.Dataset, rng: np.random.Generator) -> None:
    """Controls of the slides' regressions that the simulated outcomes do not depend on."""
    regions, industries = world.sizes["region"], world.sizes["sic"]
    world["capital_intensity"] = ("sic", rng.lognormal(0.0, 0.5, industries))
    world["labour_intensity"] = ("sic", rng.lognormal(0.0, 0.5, industries))
    world["subsidy_share"] = (("region", "sic"), rng.beta(1.0, 9.0, (regions, industries)))
