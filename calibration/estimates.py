"""Estimates of parameters with their joint covariance, as empirics writes them or a user makes them.

A data set over the dim ``coefficient`` with ``estimate`` and the ``covariance`` over (coefficient, coefficient_other). The
coordinates ``parameter`` (a key such as ``ree_elasticity``) and ``sector`` (empty for a scalar) say what a coefficient is;
``source`` and ``sample`` where it comes from. The attribute ``data = "synthetic"`` marks estimates from synthetic data;
``assumes`` (JSON) holds values of other parameters on which the estimates rest.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from framework.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from calibration.parameter import Parameter

VARIABLES = {"estimate": ("coefficient",), "covariance": ("coefficient", "coefficient_other")}
COORDINATES = ("parameter", "sector")
#: What rounding may leave of asymmetry, or of negative variance, relative to the largest variance.
ROUNDING = 1e-8


def read_estimates(source: str | Path | xr.Dataset) -> xr.Dataset:
    """Read estimates and check them.

    Parameters
    ----------
    source : str, Path or xr.Dataset
        NetCDF file, or the data set itself.

    Returns
    -------
    xr.Dataset
        ``estimate``, ``standard_error`` (coefficient) and ``covariance`` (coefficient, coefficient_other), with the
        coordinates ``parameter``, ``sector``, ``source`` and ``sample``, the last two empty where they are not given.

    Raises
    ------
    DataError
        The file cannot be read; something is missing, not finite or there twice; or the covariance is not one.
    """
    place = "the estimates" if isinstance(source, xr.Dataset) else f"estimates '{source}'"
    data = source if isinstance(source, xr.Dataset) else _load(Path(source))
    for name, dims in VARIABLES.items():
        if name not in data:
            hint = did_you_mean(name, map(str, data.data_vars), VARIABLES)
            raise DataError(
                f"{place} have no '{name}' with dims ({', '.join(dims)}); see calibration.estimates.{hint}"
            )
        if set(data[name].dims) != set(dims):
            raise DataError(f"'{name}' of {place} has dims {data[name].dims}; it needs ({', '.join(dims)}).")
    for name in COORDINATES:
        if name not in data.variables or data[name].dims != ("coefficient",):
            raise DataError(
                f"{place} do not say which {name} each coefficient is of; add '{name}' over (coefficient)."
            )
    names = [
        f"{p}[{s}]" if s else str(p) for p, s in zip(*(data[c].values for c in COORDINATES), strict=True)
    ]
    twice = [n for n in names if names.count(n) > 1]
    if twice:
        raise DataError(f"{place} hold '{twice[0]}' twice; keep one.")
    if not np.isfinite(data["estimate"]).all():
        which = names[int(np.argmin(np.isfinite(data["estimate"].values)))]
        raise DataError(
            f"{place}: '{which}' is not a finite number; leave it out, so that it keeps its default."
        )
    covariance = _covariance(data, names, place)
    texts = {c: data[c].values.astype(str) for c in COORDINATES}
    texts |= {
        c: data[c].values.astype(str) if c in data.variables else np.full(len(names), "")
        for c in ("source", "sample")
    }
    return xr.Dataset(
        {
            "estimate": ("coefficient", data["estimate"].values.astype(float)),
            "standard_error": ("coefficient", np.sqrt(np.diag(covariance))),
            "covariance": (("coefficient", "coefficient_other"), covariance),
        },
        coords={"coefficient": names, "coefficient_other": names}
        | {c: ("coefficient", values) for c, values in texts.items()},
        attrs=dict(data.attrs),
    )


def _load(path: Path) -> xr.Dataset:
    if not path.is_file():
        raise DataError(f"estimates '{path}' do not exist; check the path.")
    try:
        return xr.load_dataset(path, engine="h5netcdf")
    except (OSError, ValueError) as error:
        raise DataError(f"estimates '{path}' cannot be read as a NetCDF-4 data set: {error}") from error


def _covariance(data: xr.Dataset, names: list[str], place: str) -> np.ndarray:
    """Covariance in the order of the coefficients: symmetric and positive semidefinite, up to rounding."""
    array = data["covariance"].transpose("coefficient", "coefficient_other")
    own, other = (array.indexes.get(d) for d in VARIABLES["covariance"])
    if own is not None and other is not None:
        if set(own) != set(other):
            odd = sorted(map(str, set(own) ^ set(other)))
            raise DataError(
                f"the covariance of {place} has '{odd[0]}' on one side only; both have the same labels."
            )
        array = array.sel(coefficient_other=own)
    value = array.values.astype(float)
    if value.shape != (len(names),) * 2:
        raise DataError(f"the covariance of {place} has shape {value.shape} for {len(names)} coefficients.")
    if not np.isfinite(value).all():
        which = names[int(np.argwhere(~np.isfinite(value))[0][0])]
        raise DataError(
            f"the covariance of {place} is not finite at '{which}'; correct it, or put zero for a known value."
        )
    slack = ROUNDING * np.abs(value).max(initial=0.0)
    if np.abs(value - value.T).max(initial=0.0) > slack:
        row, column = np.unravel_index(np.abs(value - value.T).argmax(), value.shape)
        raise DataError(
            f"the covariance of {place} is not symmetric at '{names[row]}' and '{names[column]}'."
        )
    value = (value + value.T) / 2
    if len(names) and np.linalg.eigvalsh(value)[0] < -slack:
        raise DataError(
            f"the covariance of {place} is not one: its smallest eigenvalue is {np.linalg.eigvalsh(value)[0]:.3g}; "
            "a matrix of covariances has none below zero."
        )
    return value


def without(estimates: xr.Dataset, parameter: str, sectors: Collection[str] | None = None) -> xr.Dataset:
    """Leave out what a scenario sets: all coefficients of a parameter, or those of some sectors."""
    out = estimates["parameter"] == parameter
    if sectors is not None:
        out &= estimates["sector"].isin(list(sectors))
    kept = np.flatnonzero(~out.values)
    return estimates.isel(coefficient=kept, coefficient_other=kept)


def applied(
    entries: Mapping[str, Parameter], estimates: xr.Dataset, *, keep_sources: bool = False
) -> dict[str, Parameter]:
    """Return parameters with the estimated values and standard errors in place of theirs.

    Parameters
    ----------
    entries : mapping of str to Parameter
    estimates : xr.Dataset
        See `read_estimates`.
    keep_sources : bool
        Leave the sources as they are, because the estimates are those that the parameters come from already.
    """
    out = dict(entries)
    for key, own in estimates.groupby("parameter"):
        name = str(key)
        if name not in out:
            raise DataError(f"the estimates have an unknown parameter '{name}'.{did_you_mean(name, out)}")
        parameter, labels = out[name], [str(s) for s in own["sector"].values]
        if parameter.dim == "region" or bool(parameter.dim) != ("" not in labels):
            form = {"sector": "a value for each sector", "": "one value, with an empty sector"}
            raise DataError(
                f"the estimates of '{name}' do not have its form: "
                f"{form.get(parameter.dim, 'it varies by region, which estimates cannot')}."
            )
        values = dict(zip(labels, own["estimate"].values.tolist(), strict=True))
        errors = dict(zip(labels, own["standard_error"].values.tolist(), strict=True))
        source = parameter.source if keep_sources else _source(parameter, own)
        if parameter.dim:
            known = parameter.standard_error if isinstance(parameter.standard_error, Mapping) else {}
            out[name] = replace(
                parameter,
                table={**parameter.table, **values},
                standard_error={**known, **errors},
                source=source,
                overridden=tuple(dict.fromkeys([*parameter.overridden, *labels])),
            )
        else:
            out[name] = replace(parameter, value=values[""], standard_error=errors[""], source=source)
    return out


def _source(parameter: Parameter, own: xr.Dataset) -> str:
    """Say where estimated values come from, and those of the sectors that are not estimated."""
    pairs = zip(own["source"].values, own["sample"].values, strict=True)
    notes = dict.fromkeys(f"{source} ({sample})" if sample else str(source) for source, sample in pairs)
    text = "; ".join(n for n in notes if n) or "estimates"
    others = [x for x in parameter.table if x not in own["sector"].values]
    return text + (f"; {', '.join(others)}: {parameter.source}" if others else "")


def check_assumed(entries: Mapping[str, Parameter], estimates: xr.Dataset) -> None:
    """Refuse estimates that rest on other values of the model's scalars than those that are set.

    Raises
    ------
    DataError
    """
    if not estimates.sizes["coefficient"]:
        return
    for name, value in json.loads(estimates.attrs.get("assumes", "{}")).items():
        known = entries.get(name)
        if known is None or known.value != value:
            now = "unknown here" if known is None else f"{known.text()} here"
            raise DataError(
                f"the estimates assume {name} = {value:g}, which is {now}; estimate again with the value that is meant, "
                "or leave it out of the scenario."
            )
