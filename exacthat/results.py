"""Results of a study as one labelled data set: outcomes, certificates, provenance."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

if TYPE_CHECKING:
    from exacthat.library import Baseline
    from exacthat.scenario import Case, Scenario, Study
    from framework import Model, Solution

ENGINE = "h5netcdf"


def assemble(
    study: Study, model: Model, cases: Sequence[Case], solutions: Sequence[Solution], baseline: Baseline
) -> xr.Dataset:
    """Put the outcomes of all cases into one data set.

    Returns
    -------
    xr.Dataset
        Every outcome over (scenario, variant groups, its own dims), as the ratio new over base (units ``new/base``) or at its
        new level; an outcome that a variant does not have is missing there and says so in `comment`. With
        an ``exogenous`` technology, ``cushioning_index``. The certificate is in ``certificate_value``,
        ``certificate_bound`` and ``certificate_passed`` over (scenario, variant groups, check). The coordinate ``setting`` says what each
        scenario sets. Provenance is in the attributes; ``variant_groups``, ``parameters`` and ``provenance`` are JSON.
    """
    groups = list(model.variants)
    outcomes = combine([s.outcomes for s in solutions], cases, groups)
    results = outcomes.merge(combine([_certificate(s) for s in solutions], cases, groups))
    results["status"] = combine([xr.Dataset({"status": str(s.status)}) for s in solutions], cases, groups)[
        "status"
    ]
    if (
        "technology" in groups
        and "exogenous" in results.get("technology", [])
        and "real_consumption" in results
    ):
        results["cushioning_index"] = cushioning_index(results["real_consumption"])
    results = results.assign_coords(setting=("scenario", [_setting(scenario) for scenario in study.scenario]))
    results.attrs = _provenance(study, model, solutions, baseline)
    return results


def _setting(scenario: Scenario) -> str:
    """Return what a scenario sets, as it is written in a file."""
    return ", ".join(f"{key} = {_written(value)}" for key, value in scenario.settings.items())


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{label} = {_written(inner)}" for label, inner in value.items()) + " }"
    return str(value)


def cushioning_index(real_consumption: xr.DataArray) -> xr.DataArray:
    """Share of the consumption change under exogenous technology that endogenous technology offsets.

    One minus the ratio of the changes, endogenous over exogenous technology (MODEL.md section 9). One means that
    nothing is left of the change, zero that technology does not matter, a negative value that it amplifies
    the change. It has no value where consumption does not change under exogenous technology.

    Parameters
    ----------
    real_consumption : xr.DataArray
        Ratio new over base, with a dim ``technology`` that holds ``exogenous``.
    """
    change = real_consumption - 1
    fixed = change.sel(technology="exogenous", drop=True)
    index = (1 - change / fixed.where(fixed != 0)).transpose(*real_consumption.dims)
    return index.assign_attrs(
        long_name="cushioning index",
        units="1",
        description="one minus the change of real consumption over its change under exogenous technology",
        comment="no value where consumption does not change under exogenous technology",
    )


def write_results(results: xr.Dataset, path: Path) -> None:
    """Write results as NetCDF-4.

    The file is composed in memory, because HDF5 crashes the process when a disk is full.
    """
    path.write_bytes(results.to_netcdf(engine=ENGINE))


def combine(parts: Sequence[xr.Dataset], cases: Sequence[Case], groups: Sequence[str]) -> xr.Dataset:
    """Join data sets of the cases along (scenario, variant groups), in the order of the cases."""
    dims = ["scenario", *groups]
    labels = [(case.scenario, *(case.variant[g] for g in groups)) for case in cases]
    index = pd.MultiIndex.from_tuples(labels, names=dims)
    joined = xr.concat(
        parts, "case", join="outer", combine_attrs="override", coords="minimal", compat="override"
    )
    joined = joined.assign_coords(xr.Coordinates.from_pandas_multiindex(index, "case")).unstack("case")
    joined = joined.sel({d: list(dict.fromkeys(index.get_level_values(d))) for d in dims})
    for name, array in joined.data_vars.items():
        without = [case.label for case, part in zip(cases, parts, strict=True) if name not in part]
        if without:
            array.attrs["comment"] = f"not part of: {'; '.join(without)}"
    return joined.transpose(*dims, ...)


def _certificate(solution: Solution) -> xr.Dataset:
    """Certificate of one solution over the dim ``check``."""
    checks = {check: (value, bound, passed) for check, value, bound, passed in solution.certificate.rows()}
    value, bound, passed = np.array(list(checks.values()), dtype=float).T
    flags = {"flag_values": [0.0, 1.0], "flag_meanings": "failed passed"}
    return xr.Dataset(
        {
            "certificate_value": ("check", value, {"units": "1"}),
            "certificate_bound": ("check", bound, {"units": "1"}),
            "certificate_passed": ("check", passed, flags),
        },
        coords={"check": list(checks)},
    )


def _provenance(
    study: Study, model: Model, solutions: Sequence[Solution], baseline: Baseline
) -> dict[str, Any]:
    """Attributes that say where the results come from."""
    data = {f"data_{k}": str(v) for k, v in baseline.data.attrs.items()}
    table = [] if baseline.parameters is None else baseline.parameters.reset_index().to_dict("records")
    attrs = {
        "title": f"Counterfactuals of {model.name}",
        "model": model.name,
        "model_title": model.title,
        "exacthat_version": metadata.version("exacthat"),
        "exacthat_commit": commit(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "scenarios": study.source,
        "scenario_file": study.text,
        "variant_groups": json.dumps(list(model.variants)),
        "parameters": json.dumps(table, default=str),
        "provenance": json.dumps([s.provenance for s in solutions], default=str),
    }
    return {**attrs, **data}


def commit() -> str:
    """Git commit of the source tree that exacthat runs from, or an empty text if it is not in one."""
    here = Path(__file__)
    if not _git(here.parent, "ls-files", here.name):
        return ""
    return _git(here.parent, "describe", "--always", "--dirty", "--abbrev=12")


def _git(folder: Path, *arguments: str) -> str:
    """Output of a git command, or an empty text where git or the repository is missing."""
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False, timeout=5
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
