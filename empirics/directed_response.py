"""The directed response of technology to relative factor prices, and its inverse (docs/rare_earths_model.md eqs. 5 and 17).

The log of relative varieties ``A_R/A_L`` of a sector moves with the log of the relative price ``q/w`` by the bias
exponent ``b = psi (1 - eps) / (1 + xi (1 - eps))``, where ``psi`` is the research elasticity kappa, ``phi`` the
variety productivity and ``xi = phi psi``.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import xarray as xr

Number = TypeVar("Number", float, np.ndarray, xr.DataArray)


def bias_exponent(elasticity: Number, phi: float = 1.0, psi: float = 1.0) -> Number:
    """Return ``b`` of the elasticity between the bundles; positive iff the bundles are complements."""
    return psi * (1 - elasticity) / (1 + phi * psi * (1 - elasticity))  # type: ignore[return-value]


def ree_elasticity(exponent: Number, phi: float = 1.0, psi: float = 1.0) -> Number:
    """Return the elasticity ``eps = 1 - b / (psi (1 - phi b))`` of a bias exponent below ``1/phi``."""
    return 1 - exponent / (psi * (1 - phi * exponent))  # type: ignore[return-value]


def elasticity_slope(exponent: Number, phi: float = 1.0, psi: float = 1.0) -> Number:
    """Return ``d eps / d b = -1 / (psi (1 - phi b)^2)``, for the delta method."""
    return -1 / (psi * (1 - phi * exponent) ** 2)  # type: ignore[return-value]


def log_ces(
    share: xr.DataArray, first: xr.DataArray, second: xr.DataArray, power: xr.DataArray
) -> xr.DataArray:
    """Return ``ln [share e^(power first) + (1 - share) e^(power second)]^(1/power)``, exact and smooth at power 0."""
    middle = share * first + (1 - share) * second
    spread = share * np.expm1(power * (first - middle)) + (1 - share) * np.expm1(power * (second - middle))
    return middle + (1 / power.where(power != 0, 1.0) * np.log1p(spread)).where(power != 0, 0.0)
