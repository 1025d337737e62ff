"""The truth that tests give a synthetic world."""

import xarray as xr

from calibration import default_parameters


def slides_truth() -> xr.Dataset:
    """Elasticities and shares of the slides, by sector."""
    parameters = default_parameters()
    sectors = list(parameters["ree_elasticity"].table)
    return xr.Dataset({k: parameters.by_sector(k, sectors) for k in ("ree_elasticity", "ree_share")})
