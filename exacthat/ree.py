"""What a reader of the rare-earths results has to know: the implied market, and what rests on the markup."""

from __future__ import annotations

import xarray as xr

from exacthat.display import RATIO, number

READS = {
    "ree_share",
    "value_added_share",
    "gross_output",
    "variety_elasticity",
    "final_expenditure",
    "deficit",
}
"""Baseline data from which the rare-earth accounts follow."""


def has_ree(data: xr.Dataset) -> bool:
    """Return True for the baseline of a model with rare earths."""
    return set(data.data_vars) >= READS


def baseline_use(data: xr.Dataset) -> xr.DataArray:
    """Cost of rare earths by (region, sector) at the baseline, in million USD: omega V / mu."""
    beta = data["variety_elasticity"]
    return data["ree_share"] * data["value_added_share"] * data["gross_output"] * (beta - 1) / beta


def real_gdp_without_markup(outcomes: xr.Dataset, data: xr.Dataset) -> xr.DataArray:
    """Change of real GDP less the part that the markup on rare earths adds, new over baseline.

    Rare earths earn ``mu`` times their price where they are used, but net use is taken out of real GDP at its price,
    so that a region that uses more by ``dr`` gains ``(mu - 1) q dr``, in baseline prices, without paying for it. As
    ``beta`` grows the markup ``mu = beta / (beta - 1)`` goes to one and this part to zero.

    Parameters
    ----------
    outcomes : xr.Dataset
        With ``real_gdp`` (..., region) and ``ree_use`` (..., region, sector), new over baseline.
    data : xr.Dataset
        Baseline; see `READS`.
    """
    markup = 1 / (data["variety_elasticity"] - 1)
    gdp = data["final_expenditure"] - data["deficit"]
    part = markup * (baseline_use(data) * (outcomes["ree_use"] - 1)).sum("sector") / gdp
    found = (outcomes["real_gdp"] - part).transpose(*outcomes["real_gdp"].dims)
    return found.assign_attrs(
        long_name="real gdp without the markup on ree",
        units=RATIO,
        description="real GDP less (mu - 1) times the change of REE use at baseline prices",
    )


def reading(data: xr.Dataset, exporter: str) -> list[str]:
    """Sentences about a baseline that a reader needs to judge the results."""
    use, beta = baseline_use(data), float(data["variety_elasticity"])
    world, sold = float(use.sum()), float((data["ree_endowment"] - use.sum("sector")).sel(region=exporter))
    return [
        f"The rare-earth cost shares imply a world market of {number(world / 1000)} billion USD a year at baseline "
        f"prices, of which {exporter} sells {number(sold / 1000)} billion net to other regions. Effects on incomes "
        "are about proportional to that size, effects on prices and on technology hardly depend on it; "
        "docs/rare_earths.md compares it with observed markets and shows what another size does.",
        f"With a variety elasticity of {beta:g} rare earths earn {number(beta / (beta - 1))} times their price where they "
        "are used. Real GDP takes their net use out at its price, so that a region gains by using more and loses by "
        "using less; the table of real GDP without the markup on REE leaves this part out.",
    ]
