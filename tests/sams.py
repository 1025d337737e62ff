"""Random social accounting matrices that balance, and the textbook's as a data frame."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

INSTITUTIONS = ["IDT", "TRF", "HOH", "GOV", "INV", "EXT"]
TEXTBOOK = {  # Hosoe, Gasawa and Hashimoto (2010): column pays row
    "BRD": {"BRD": 21, "MLK": 17, "CAP": 20, "LAB": 15, "IDT": 5, "TRF": 1, "EXT": 13},
    "MLK": {"BRD": 8, "MLK": 9, "CAP": 30, "LAB": 25, "IDT": 4, "TRF": 2, "EXT": 11},
    "CAP": {"HOH": 50},
    "LAB": {"HOH": 40},
    "IDT": {"GOV": 9},
    "TRF": {"GOV": 3},
    "HOH": {"BRD": 20, "MLK": 30, "GOV": 23, "INV": 17},
    "GOV": {"BRD": 19, "MLK": 14, "INV": 2},
    "INV": {"BRD": 16, "MLK": 15},
    "EXT": {"BRD": 8, "MLK": 4, "INV": 12},
}


def textbook() -> pd.DataFrame:
    """Return the textbook's SAM, typed here a second time."""
    return pd.DataFrame(TEXTBOOK).reindex(list(TEXTBOOK)).fillna(0.0)


def random_sam(seed: int, goods: int = 3, factors: int = 3) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Draw a SAM with its goods and factors; the last factor is LAB, direct tax and savings may be negative."""
    rng = np.random.default_rng(seed)
    g, f = [f"G{k}" for k in range(goods)], [*(f"H{k}" for k in range(factors - 1)), "LAB"]
    sam = pd.DataFrame(0.0, [*g, *f, *INSTITUTIONS], [*g, *f, *INSTITUTIONS])
    sam.loc[f, g] = rng.uniform(5, 40, (factors, goods))
    sam.loc[g, g] = rng.uniform(0, 15 / goods, (goods, goods))
    sam.loc["IDT", g] = rng.uniform(-1, 8, goods)
    sam.loc["TRF", g] = rng.uniform(0, 4, goods)
    sam.loc["EXT", g] = rng.uniform(2, 20, goods)
    sam.loc[g, "EXT"] = rng.uniform(1, 8, goods)
    return closed(sam, g, f, rng.dirichlet([4, 2, 2], goods), rng.uniform(-3, 3)), g, f


def closed(
    sam: pd.DataFrame, goods: list[str], factors: list[str], shares: np.ndarray, public_saving: float = 1.0
) -> pd.DataFrame:
    """Return a SAM that balances: what is left of each good goes to household, government, investment by shares."""
    sam = sam.copy()
    sam.loc[INSTITUTIONS[2:5]] = 0.0
    left = sam[goods].sum() - sam.loc[goods, [*goods, "EXT"]].sum(axis=1)
    assert (left > 0).all()
    sam.loc[goods, ["HOH", "GOV", "INV"]] = shares * left.to_numpy()[:, None]
    sam.loc["HOH", factors] = sam.loc[factors].sum(axis=1)
    for tax in ("IDT", "TRF"):
        sam.loc["GOV", tax] = sam.loc[tax].sum()
    sam.loc["INV", "GOV"] = public_saving
    sam.loc["GOV", "HOH"] = sam["GOV"].sum() - sam.loc["GOV"].sum()
    sam.loc["INV", "HOH"] = sam.loc["HOH"].sum() - sam["HOH"].sum()
    sam.loc["INV", "EXT"] = sam.loc["EXT"].sum() - sam["EXT"].sum()
    return sam


def labelled(sam: pd.DataFrame) -> xr.DataArray:
    """Return a SAM as `calibration.read_sam` does."""
    names = list(sam.index)
    return xr.DataArray(sam[names].to_numpy(float), {"receiver": names, "payer": names})


def flows(found: xr.Dataset, levels: xr.Dataset, goods: list[str], factors: list[str]) -> pd.DataFrame:
    """Return the SAM of an equilibrium in levels: every payment at its price."""
    sam = pd.DataFrame(0.0, [*goods, *factors, *INSTITUTIONS], [*goods, *factors, *INSTITUTIONS])
    at = {"good": goods}
    pq, pf = found.armington_composite_price.sel(at), found.factor_price.sel(factor=factors)
    sam.loc[factors, goods] = (pf * found.factor_input.sel(at)).sel(factor=factors).values
    sam.loc[goods, goods] = (pq * found.intermediate_input).sel(good=goods, using_good=goods).values
    sam.loc["IDT", goods] = found.production_tax_revenue.sel(at).values
    sam.loc["TRF", goods] = found.tariff_revenue.sel(at).values
    sam.loc["EXT", goods] = (found.import_price * found.imports).sel(at).values
    sam.loc[goods, "EXT"] = (found.export_price * found.exports).sel(at).values
    for account, key in (
        ("HOH", "household_consumption"),
        ("GOV", "government_consumption"),
        ("INV", "investment_demand"),
    ):
        sam.loc[goods, account] = (pq * found[key]).sel(at).values
    sam.loc["HOH", factors] = (pf * levels.factor_endowment).sel(factor=factors).values
    sam.loc["GOV", ["IDT", "TRF"]] = [
        float(found.production_tax_revenue.sum()),
        float(found.tariff_revenue.sum()),
    ]
    sam.loc["GOV", "HOH"] = float(found.direct_tax_revenue)
    sam.loc["INV", "HOH"], sam.loc["INV", "GOV"] = (
        float(found.private_saving),
        float(found.government_saving),
    )
    sam.loc["INV", "EXT"] = float(found.exchange_rate * levels.foreign_saving)
    return sam
