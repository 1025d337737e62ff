"""Estimates of model parameters as one data set: the form in which empirics hands them to calibration.

Along the dim ``coefficient`` stand ``estimate`` and ``standard_error``, with ``covariance`` over (coefficient,
coefficient_other). The coordinates ``parameter``, ``sector`` (empty for a scalar), ``source``, ``sample`` and ``units`` say
of each coefficient what it is. The attribute ``data`` is ``synthetic`` if any of it comes from synthetic data; ``assumes``
(JSON) names parameters of the model that the estimates take as given, with their values.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from scipy.linalg import block_diag

from framework.errors import DataError

TITLE = "Estimates of parameters of the rare-earth model"


def parameter_estimates(
    parameter: str,
    estimate: xr.DataArray,
    covariance: np.ndarray,
    *,
    source: str,
    sample: str,
    units: str = "1",
    attrs: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Put the estimates of one parameter by sector into the form of this module.

    Parameters
    ----------
    parameter : str
        Key of the parameter in the model.
    estimate : xr.DataArray
        Dims (sector).
    covariance : array, shape (sectors, sectors)
    source, sample, units : str
    attrs : mapping, optional
        More attributes.
    """
    sectors = [str(s) for s in estimate["sector"].values]
    names = [f"{parameter}[{s}]" for s in sectors]
    n = len(names)
    # Rounding leaves products of matrices a little asymmetric.
    covariance = (covariance + covariance.T) / 2
    return xr.Dataset(
        {
            "estimate": ("coefficient", estimate.values.astype(float)),
            "standard_error": ("coefficient", np.sqrt(np.diag(covariance))),
            "covariance": (("coefficient", "coefficient_other"), covariance),
        },
        coords={
            "coefficient": names,
            "coefficient_other": names,
            "parameter": ("coefficient", [parameter] * n),
            "sector": ("coefficient", sectors),
            "source": ("coefficient", [source] * n),
            "sample": ("coefficient", [sample] * n),
            "units": ("coefficient", [units] * n),
        },
        attrs={"title": TITLE, **(attrs or {})},
    )


def combine_estimates(*estimates: xr.Dataset) -> xr.Dataset:
    """Join estimates that come from independent samples; covariances between them are zero.

    Raises
    ------
    DataError
        A coefficient is in two of them.
    """
    joined = xr.concat([e.drop_vars(["covariance", "coefficient_other"]) for e in estimates], "coefficient")
    names = [str(x) for x in joined["coefficient"].values]
    twice = [n for n in names if names.count(n) > 1]
    if twice:
        raise DataError(f"coefficient '{twice[0]}' is in two sets of estimates; take it from one of them.")
    covariance = block_diag(*(e["covariance"].values for e in estimates))
    joined["covariance"] = (("coefficient", "coefficient_other"), covariance)
    joined = joined.assign_coords(coefficient_other=names)
    joined.attrs = {"title": TITLE}
    for each in estimates:
        (label,) = set(map(str, each["parameter"].values))
        kept = {k: v for k, v in each.attrs.items() if k not in ("title", "data", "assumes")}
        joined.attrs.update({f"{label}_{k}": v for k, v in kept.items()})
        if "assumes" in each.attrs:
            joined.attrs["assumes"] = each.attrs["assumes"]
        if each.attrs.get("data") == "synthetic":
            joined.attrs["data"] = "synthetic"
    return joined


def write_estimates(estimates: xr.Dataset, path: str | Path) -> None:
    """Write estimates as NetCDF-4, in one step: no file is left half-written.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    content = estimates.to_netcdf(engine="h5netcdf")
    path = Path(path)
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise DataError(f"estimates cannot be written to '{path}' ({error}).") from error
