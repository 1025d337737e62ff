"""Random primitives of the levels model (docs/rare_earths_model.md sections 2-3)."""

from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

Array = NDArray[np.float64]
Technology = Literal["exo", "F", "L", "M", "E"]


@dataclass(frozen=True)
class Policy:
    """China's rare-earth policy: which quantity is given, and its value.

    ``kind`` is "tax" (ad-valorem export tax t), "quota" (net REE exports, t endogenous) or "price" (q^W / w of region
    ``reference``, t endogenous). The levels oracle reads quota and price values as levels, the hat oracle as ratios of
    new over baseline. ``value=None`` keeps the baseline value.
    """

    kind: Literal["tax", "quota", "price"] = "tax"
    value: float | None = None
    reference: int = 1

    @property
    def target(self) -> float:
        """Return the value; ValueError where it is left to the baseline."""
        if self.value is None:
            raise ValueError(
                "the policy has no value: resolve it against a baseline with between(here, here, 1.0)"
            )
        return self.value

    def between(self, here: float, target: float, fraction: float) -> "Policy":
        """Return this policy at a fraction of the way: geometric in 1 + t and in prices, linear in quotas."""
        if fraction == 1 or self.kind == "quota":
            value = target if fraction == 1 else here + fraction * (target - here)
        else:
            shift = float(self.kind == "tax")
            value = (here + shift) ** (1 - fraction) * (target + shift) ** fraction - shift
        return replace(self, value=value)


@dataclass(frozen=True)
class Economy:
    """Primitives of the levels model; N regions (0 is China), S sectors, bilateral arrays [importer, exporter, sector]."""

    labour: Array  # L_i (N)
    ree_endowment: Array  # R_i (N), physical units
    ree_weight: Array  # gamma_s (S)
    ree_elasticity: Array  # eps_s (S)
    trade_elasticity: Array  # theta_s (S)
    value_added_share: Array  # nu_is (N, S)
    input_share: Array  # nu_kis (N, K, S)
    final_share: Array  # alpha_ns (N, S)
    cost_shifter: Array  # Upsilon_is (N, S)
    price_shifter: Array  # Gamma_s (S)
    technology: Array  # lambda_is (N, S)
    trade_cost: Array  # d_nis (N, N, S), 1 at home
    tariff: Array  # tau_nis (N, N, S), 0 at home
    deficit: Array  # D_n (N), sums to 0, in units of the numeraire
    ree_research_productivity: Array  # eta_R (N, S)
    labour_research_productivity: Array  # eta_L (N, S)
    research_effort: Array  # S_is (N, S); M pools it over the sectors of a region
    ree_patents: Array  # A_R bar (N, S), used under exo
    labour_patents: Array  # A_L bar (N, S), used under exo and L
    world_factor_income: float  # Ybar, the numeraire
    export_tax: float  # t
    variety_elasticity: float  # beta
    variety_productivity: float  # phi
    research_elasticity: float  # kappa = psi
    # what is off by default
    input_elasticity: float = 1.0  # chi
    supply_elasticity: float = 0.0  # zeta
    ree_tariff: Array | float = 0.0  # tau^R (N)
    ree_taste: Array | None = None  # Armington demand for REE (N, N); homogeneous without it
    ree_trade_cost: Array | float = 1.0  # d^R (N, N), used with taste
    ree_trade_elasticity: float = 4.0  # theta^R
    deficit_rate: Array | None = None  # deficits follow factor income; fixed without it
    income_share: Array | float = 0.0  # by which the sum of such deficits is shared (N)

    @property
    def markup(self) -> float:
        """Return mu = beta / (beta - 1)."""
        return self.variety_elasticity / (self.variety_elasticity - 1)

    def to_dataset(self) -> xr.Dataset:
        """Return the primitives with labelled dims; a bilateral array is [importer, exporter, sector]."""
        regions, sectors = region_labels(self.labour.size), sector_labels(self.ree_weight.size)
        coords = {"region": regions, "importer": regions, "exporter": regions}
        coords |= {"sector": sectors, "input_sector": sectors}
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return xr.Dataset({name: (_DIMS.get(name, ()), v) for name, v in values.items()}, coords)


_REGION, _SECTOR, _CELL = ("region",), ("sector",), ("region", "sector")
_BILATERAL = ("importer", "exporter", "sector")
_DIMS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("labour", "ree_endowment", "deficit"), _REGION),
    **dict.fromkeys(("ree_weight", "ree_elasticity", "trade_elasticity", "price_shifter"), _SECTOR),
    **dict.fromkeys(
        ("value_added_share", "final_share", "cost_shifter", "technology", "research_effort"), _CELL
    ),
    **dict.fromkeys(("ree_research_productivity", "labour_research_productivity"), _CELL),
    **dict.fromkeys(("ree_patents", "labour_patents"), _CELL),
    **dict.fromkeys(("trade_cost", "tariff"), _BILATERAL),
    "input_share": ("region", "input_sector", "sector"),
}


def region_labels(size: int) -> list[str]:
    """Return CHN, R1, R2, ..."""
    return ["CHN", *(f"R{i}" for i in range(1, size))]


def sector_labels(size: int) -> list[str]:
    """Return S0, S1, ..."""
    return [f"S{s}" for s in range(size)]


def random_economy(
    seed: int,
    regions: int = 3,
    sectors: int = 3,
    *,
    tariffs: bool = True,
    deficits: bool = True,
    export_tax: float = 0.0,
    ree_sectors: int | None = None,
    elasticity: tuple[float, float] = (0.3, 1.5),
    china_ree_share: float = 0.93,
    variety_elasticity: float = 4.0,
    variety_productivity: float = 1.0,
    research_elasticity: float = 1.0,
    world_factor_income: float = 10.0,
) -> Economy:
    """Draw an economy in general position.

    Parameters
    ----------
    seed
        Seed of numpy's default generator.
    tariffs, deficits
        Switch the distortions on; tariffs are uniform on (0, .25), deficits a few percent of income.
    export_tax
        t, the REE export tax.
    ree_sectors
        Number of sectors that use REE (the first ones); by default all but the last. The others have gamma = 0, eps = 1.
    elasticity
        Range of eps_s; draws within .05 of 1 are moved away, where the level CES loses digits.
    china_ree_share
        Share of the world endowment that lies in region 0.

    Raises
    ------
    ValueError
        An eps_s violates the stability bound (6), eps < 1 + 1/(phi kappa).
    """
    rng = np.random.default_rng(seed)
    n, s = regions, sectors
    active = s - 1 if ree_sectors is None else ree_sectors
    low, high = elasticity
    eps = rng.uniform(low, high, s)
    eps = np.where(np.abs(eps - 1) < 0.05, 0.95 if low < 0.95 else 1.05, eps)
    gamma = rng.uniform(0.05, 0.4, s)
    gamma[active:], eps[active:] = 0.0, 1.0
    if np.any(1 + variety_productivity * research_elasticity * (1 - eps) <= 0):
        raise ValueError(f"ree_elasticity {eps} violates the stability bound eps < 1 + 1/(phi kappa)")
    home = np.eye(n, dtype=bool)[:, :, None]
    nu = rng.uniform(0.35, 0.75, (n, s))
    inputs = (1 - nu)[:, :, None] * rng.dirichlet(np.full(s, 2.0), (n, s))
    draws = rng.uniform(0, 0.25, (n, n, s))
    gaps = rng.uniform(-1, 1, n)
    foreign = rng.dirichlet(np.full(n - 1, 3.0)) * (1 - china_ree_share)
    return Economy(
        labour=rng.uniform(0.7, 1.6, n),
        ree_endowment=rng.uniform(0.3, 0.8) * np.array([china_ree_share, *foreign]),
        ree_weight=gamma,
        ree_elasticity=eps,
        trade_elasticity=rng.uniform(2.5, 6.5, s),
        value_added_share=nu,
        input_share=inputs.transpose(0, 2, 1),
        final_share=rng.dirichlet(np.full(s, 3.0), n),
        cost_shifter=rng.uniform(0.7, 1.4, (n, s)),
        price_shifter=rng.uniform(0.8, 1.2, s),
        technology=np.exp(rng.normal(0, 0.5, (n, s))),
        trade_cost=np.where(home, 1.0, rng.uniform(1.1, 1.8, (n, n, s))),
        tariff=np.where(home, 0.0, draws) * tariffs,
        deficit=(gaps - gaps.mean()) * 0.04 * world_factor_income / n * deficits,
        ree_research_productivity=rng.uniform(0.6, 1.6, (n, s)),
        labour_research_productivity=rng.uniform(0.6, 1.6, (n, s)),
        research_effort=rng.uniform(0.6, 1.6, (n, s)),
        ree_patents=rng.uniform(0.5, 1.5, (n, s)),
        labour_patents=rng.uniform(0.5, 1.5, (n, s)),
        world_factor_income=world_factor_income,
        export_tax=export_tax,
        variety_elasticity=variety_elasticity,
        variety_productivity=variety_productivity,
        research_elasticity=research_elasticity,
    )
