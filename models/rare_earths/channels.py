"""The channels through which REE policy works on real consumption: technology, factor costs, terms of trade, taxes."""

from __future__ import annotations

import xarray as xr

from framework import Problem, Solution, channels

CHANNELS: dict[str, list[str | tuple[str, str]]] = {
    "technology": ["ree_varieties", "labour_varieties"],
    "factor cost": ["ree_price"],
    "ree income": [("ree_price", "final expenditure")],
    "terms of trade": ["wage", ("wage", "final expenditure"), "value_added"],
    "tax revenue": ["tariff_revenue", "export_tax_revenue"],
}
"""Variables by channel; see docs/analysis.md. A pair is a variable in one equation."""


def welfare_channels(at: Solution | Problem, *, tolerance: float = 1e-8) -> xr.DataArray:
    """Split the log change of real consumption of every region into channels.

    Parameters
    ----------
    at : Solution or Problem
        The rare-earths model in hats, any technology, any instrument.
    tolerance : float
        Largest error of a contribution.

    Returns
    -------
    xarray.DataArray
        Over (channel, region); its sum over ``channel`` is the log change of real consumption. The channels are those
        of `CHANNELS`, then ``direct`` (what the shocks themselves do) and ``remainder`` (of the integration). The
        difference between two technologies of these arrays splits what the technology makes of the policy.
    """
    return channels(at, CHANNELS, ["real_consumption"], tolerance=tolerance)["real_consumption"]
