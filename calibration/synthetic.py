"""Synthetic economies of any size: consistent baselines for benchmarks and tests, made of draws, measured nowhere.

Region sizes are lognormal, trade within a sector follows gravity with home bias, some sectors are hardly traded,
trade elasticities differ between sectors; tariffs, deficits and input-output linkages are all switched on. Every
dataset says in its attributes that it is synthetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from calibration.accounts import solve_accounts
from calibration.consistency import check_baseline
from calibration.parameters import default_parameters
from framework.errors import DataError

Array = np.ndarray

WORLD_INCOME = 6e7  # million US dollars, about the world of 2009
_NAMED = ("CHN", "USA")  # the regions that models name
_CELL, _PAIR = ("region", "sector"), ("importer", "exporter", "sector")


@dataclass(frozen=True)
class _Draw:
    """Primitives of an economy: everything but what the accounts determine."""

    size: Array  # expected value added (N)
    share: Array  # expenditure share (N, N, S)
    tariff: Array  # (N, N, S)
    value_added_share: Array  # (N, S)
    input_share: Array  # (N, K, S)
    final_share: Array  # (N, S)
    deficit: Array  # (N), sums to zero
    trade_elasticity: Array  # (S)
    traded: Array  # whether a sector is one of goods (S)


def synthetic_caliendo_parro(regions: int, sectors: int, *, seed: int = 0) -> xr.Dataset:
    """Return a synthetic baseline of `models.caliendo_parro`.

    Parameters
    ----------
    regions, sectors : int
        Sizes N and S: at least 2 and 1.
    seed : int
        The same seed gives the same economy.

    Returns
    -------
    xr.Dataset
        What `calibration.caliendo_parro_baseline` returns, balanced to rounding, with tariffs and deficits;
        ``attrs["synthetic"]`` is "yes".

    Raises
    ------
    DataError
        If the sizes are too small.
    """
    _, draw, base = _economy(regions, sectors, seed)
    base["deficit"] = ("region", draw.deficit)
    return _labelled(base, "caliendo-parro", seed)


def synthetic_rare_earths(regions: int, sectors: int, *, seed: int = 0) -> xr.Dataset:
    """Return a synthetic baseline of `models.rare_earths`; see `synthetic_caliendo_parro`.

    Rare earths are carved out of value added as in `calibration.rare_earths_baseline`: goods use them, the other
    sectors do not. Deficits close the budgets.
    """
    rng, draw, base = _economy(regions, sectors, seed)
    parameters = default_parameters()
    for name in ("variety_elasticity", "variety_productivity", "research_elasticity"):
        base[name] = parameters.scalar(name)
    gamma = np.where(draw.traded, rng.lognormal(np.log(1e-3), 1.0, sectors).clip(max=0.02), 0.0)
    base["ree_elasticity"] = ("sector", np.where(draw.traded, rng.uniform(0.7, 1.3, sectors), 1.0))
    base["ree_share"] = (_CELL, np.tile(gamma, (regions, 1)))
    base["export_tax"] = 0.0
    added = (base.value_added_share * base.gross_output).values
    markup = parameters.scalar("variety_elasticity") / (parameters.scalar("variety_elasticity") - 1)
    labour_income = ((1 - gamma) * added).sum(1) / markup
    owned = np.full(regions, 0.03 / max(regions - 1, 1))
    owned[0] = 0.97  # CHN, as in the slides
    endowment = owned * (gamma * added).sum() / markup
    research_income = added.sum(1) * (1 - 1 / markup)
    base["ree_endowment"] = ("region", endowment)
    revenue = base.final_expenditure.values - added.sum(1) - draw.deficit
    base["deficit"] = (
        "region",
        base.final_expenditure.values - labour_income - endowment - research_income - revenue,
    )
    return _labelled(base, "rare-earths", seed)


#: Built-in model -> its synthetic economy.
SYNTHETIC: dict[str, Callable[..., xr.Dataset]] = {
    "caliendo-parro": synthetic_caliendo_parro,
    "rare-earths": synthetic_rare_earths,
}


def _economy(regions: int, sectors: int, seed: int) -> tuple[np.random.Generator, _Draw, xr.Dataset]:
    if regions < 2 or sectors < 1:
        raise DataError(
            f"a synthetic economy of {regions} regions and {sectors} sectors is too small; "
            "take 2 regions and 1 sector or more"
        )
    rng = np.random.default_rng(seed)
    draw = _draw(rng, regions, sectors)
    return rng, draw, _accounts(draw)


def _draw(rng: np.random.Generator, n: int, s: int) -> _Draw:
    size = rng.lognormal(0.0, 1.4, n)
    size *= WORLD_INCOME / size.sum()
    traded = np.arange(s) < max(1, round(0.6 * s))
    home = np.eye(n, dtype=bool)[:, :, None]
    value_added_share = rng.beta(6, 6, s) * rng.uniform(0.85, 1.15, (n, s))
    technology = rng.dirichlet(np.full(s, 0.5), s).T + 0.3 * np.eye(
        s
    )  # inputs come in part from the own sector
    technology = technology * rng.uniform(0.7, 1.3, (n, s, s))
    technology /= technology.sum(1, keepdims=True)
    final = rng.dirichlet(np.full(s, 2.0)) * rng.uniform(0.7, 1.3, (n, s))
    # Rates differ by importer and sector; a third of all pairs have an agreement and trade freely.
    free = rng.random((n, n, 1)) < 1 / 3
    rates = np.where(traded, rng.uniform(0, 0.15, (n, s)), 0.0)
    gap = 0.04 * rng.standard_normal(n) * size
    return _Draw(
        size=size,
        share=_gravity(rng, size, traded),
        tariff=np.where(home | free, 0.0, rates[:, None, :]),
        value_added_share=value_added_share,
        input_share=(1 - value_added_share)[:, None, :] * technology,
        final_share=final / final.sum(1, keepdims=True),
        deficit=gap - size * gap.sum() / size.sum(),
        trade_elasticity=2 + 8 * rng.beta(2, 3, s),
        traded=traded,
    )


def _gravity(rng: np.random.Generator, size: Array, traded: Array) -> Array:
    """Expenditure shares (N, N, S): home bias, the rest by size of the exporter, specialisation and distance."""
    n, s = size.size, traded.size
    place = rng.random((n, 2))
    distance = 0.05 + np.hypot(*(place[:, None] - place[None]).transpose(2, 0, 1))
    pull = size[:, None] * rng.lognormal(0.0, 0.8, (n, s)) * distance[:, :, None] ** -1.0
    pull *= rng.lognormal(0.0, 0.5, (n, n, s))
    pull[np.arange(n), np.arange(n)] = 0.0
    # Large regions buy more at home; in services hardly anything is imported.
    odds = np.where(traded, 0.3, 3.5) + 0.3 * np.log(size / size.mean())[:, None]
    at_home = 1 / (1 + np.exp(-(odds + 0.5 * rng.standard_normal((n, s)))))
    share = pull / pull.sum(1, keepdims=True) * (1 - at_home)[:, None, :]
    share[np.arange(n), np.arange(n)] = at_home
    return share


def _accounts(draw: _Draw) -> xr.Dataset:
    """Solve the accounts for expenditure and output."""
    n, s = draw.final_share.shape
    spent = solve_accounts(
        draw.share,
        draw.tariff,
        draw.value_added_share,
        draw.input_share,
        draw.final_share,
        draw.deficit,
        draw.size,
    )
    if not (spent > 0).all():
        raise DataError("the accounts of this synthetic economy have no solution; take another seed")
    net = draw.share / (1 + draw.tariff)
    revenue = 1 - net.sum(1)  # per unit of expenditure
    made = np.einsum("nis,ns->is", net, spent)
    income = (draw.value_added_share * made).sum(1) + (revenue * spent).sum(1) + draw.deficit
    return xr.Dataset(
        {
            "expenditure_share": (_PAIR, draw.share),
            "expenditure": (_CELL, spent),
            "gross_output": (_CELL, made),
            "value_added_share": (_CELL, draw.value_added_share),
            "input_share": (("region", "input_sector", "sector"), draw.input_share),
            "final_share": (_CELL, draw.final_share),
            "tariff": (_PAIR, draw.tariff),
            "final_expenditure": ("region", income),
            "trade_elasticity": ("sector", draw.trade_elasticity),
        },
        _labels(n, s),
    )


def _labels(n: int, s: int) -> dict[str, list[str]]:
    regions = [*_NAMED, *(f"R{k:03d}" for k in range(3, n + 1))][:n]
    sectors = [f"S{k:03d}" for k in range(1, s + 1)]
    return {
        **dict.fromkeys(("region", "importer", "exporter"), regions),
        **dict.fromkeys(("sector", "input_sector"), sectors),
    }


def _labelled(base: xr.Dataset, model: str, seed: int) -> xr.Dataset:
    n, s = base.sizes["region"], base.sizes["sector"]
    base.attrs = {
        "title": f"Synthetic {model} economy, {n} x {s}, seed {seed}",
        "synthetic": "yes",
        "source": "drawn by calibration.synthetic; measured nowhere",
        "unit": "million US dollars",
    }
    check_baseline(base)
    return base
