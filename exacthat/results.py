"""Results of a study as one labelled data set: outcomes, certificates, provenance."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from exacthat.display import is_ratio, long_name
from exacthat.levels import levels
from exacthat.ree import has_ree, real_gdp_without_markup
from exacthat.wording import setting_in_words
from framework.errors import ModelError
from framework.solve.regimes import in_words
from framework.symbols import Kind

if TYPE_CHECKING:
    from exacthat.library import Baseline
    from exacthat.scenario import Case, Study
    from framework import Model, Solution

ENGINE = "h5netcdf"
LISTED = 12  # values of a parameter that are written out

CUSHIONING = (
    "Part of the change in real consumption under exogenous technology that the response of technology takes away: "
    "1 is all of it, 0 none of it, a negative value means that technology makes the change larger. Where a region "
    "gains, a positive value is a smaller gain."
)

CHECK_UNIT = "relative where the check is a residual or a gap, in logs where it is a step, else in the unit of what is checked"


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
        ``certificate_bound`` and ``certificate_passed`` over (scenario, variant groups, check); ``regimes`` says in words
        which side of each complementarity condition binds. The coordinate ``setting`` says what each
        scenario sets, as in a file, ``setting_in_words`` the same with units; the label of each named element of the
        model is a coordinate of its name. With rare earths, ``baseline_ree_share`` and
        ``real_gdp_without_markup`` (`exacthat.ree`). Where the data hold the level of every variable, also the levels
        before and after (`exacthat.levels`). Provenance is in the attributes; ``variant_groups``, ``parameters`` and ``provenance`` are JSON.
    """
    groups = list(cases[0].variant)
    names = list(dict.fromkeys(case.scenario for case in cases))
    outcomes = combine([s.outcomes for s in solutions], cases, groups)
    results = outcomes.merge(combine([_certificate(s) for s in solutions], cases, groups))
    results["status"] = combine([xr.Dataset({"status": str(s.status)}) for s in solutions], cases, groups)[
        "status"
    ]
    if any(s.regimes for s in solutions):
        said = [xr.Dataset({"regimes": "; ".join(in_words(s.regimes))}) for s in solutions]
        results["regimes"] = combine(said, cases, groups)["regimes"]
    if (
        "technology" in groups
        and "exogenous" in results.get("technology", [])
        and "real_consumption" in results
    ):
        results["cushioning_index"] = cushioning_index(results["real_consumption"])
    settings = {scenario.name: scenario.settings for scenario in study.scenario}
    one = outcomes.isel(dict.fromkeys(["scenario", *groups], 0))
    coords = {
        "setting": [_setting(settings[name]) for name in names],
        "setting_in_words": [setting_in_words(settings[name], one) for name in names],
        **_elements(cases, solutions, names),
    }
    results = results.assign_coords({key: ("scenario", words) for key, words in coords.items()})
    results = results.merge(levels(outcomes, model, baseline.data))
    if "ree_share" in outcomes and "ree_share" in baseline.data:
        share = baseline.data["ree_share"].rename("baseline_ree_share")
        results["baseline_ree_share"] = share.assign_attrs(
            long_name="ree share of value added at the baseline", units="fraction of value added"
        )
        if has_ree(baseline.data) and {"real_gdp", "ree_use"} <= set(results):
            results["real_gdp_without_markup"] = real_gdp_without_markup(results, baseline.data)
    for array in results.data_vars.values():
        array.attrs["long_name"] = long_name(array)
    results.attrs = _provenance(study, model, groups, solutions, baseline)
    return results


def _elements(
    cases: Sequence[Case], solutions: Sequence[Solution], names: Sequence[str]
) -> dict[str, list[str]]:
    """Label of each named element of the model in each scenario, where every solution has it."""
    found = [solution.provenance.get("elements", {}) for solution in solutions]
    common = [key for key in found[0] if all(key in each for each in found)] if found else []
    chosen = {case.scenario: each for case, each in zip(cases, found, strict=True)}
    return {key: [str(chosen[name][key]) for name in names] for key in common}


def _setting(settings: Mapping[str, Any]) -> str:
    """Return what a scenario sets as lines of TOML, as in a file."""
    return "\n".join(f"{_key(key)} = {_written(value)}" for key, value in settings.items())


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(label)} = {_written(inner)}" for label, inner in value.items()) + " }"
    # Texts and keys in JSON are texts and keys in TOML.
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def cushioning_index(real_consumption: xr.DataArray) -> xr.DataArray:
    """Share of the consumption change under exogenous technology that endogenous technology offsets.

    One minus the ratio of the changes, endogenous over exogenous technology (docs/rare_earths_model.md section 9). One means that
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
        units="fraction of the change offset",
        description=CUSHIONING,
        comment="no value where consumption does not change under exogenous technology",
    )


def write_results(results: xr.Dataset, path: Path) -> None:
    """Write results as NetCDF-4.

    The file is composed in memory, because HDF5 crashes the process when a disk is full.
    """
    path.write_bytes(results.to_netcdf(engine=ENGINE))


def combine(parts: Sequence[xr.Dataset], cases: Sequence[Case], groups: Sequence[str]) -> xr.Dataset:
    """Join data sets of the cases along (scenario, variant groups), in the order of the cases."""
    _require_one_meaning(parts, cases)
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


def _require_one_meaning(parts: Sequence[xr.Dataset], cases: Sequence[Case]) -> None:
    """Refuse an outcome that is a ratio in one variant and a level in another: they cannot stand in one array."""
    seen: dict[str, tuple[bool, Case]] = {}
    for case, part in zip(cases, parts, strict=True):
        for name, array in part.data_vars.items():
            ratio, first = seen.setdefault(str(name), (is_ratio(array), case))
            if ratio != is_ratio(array):
                kinds = ("new over baseline", "a level") if ratio else ("a level", "new over baseline")
                raise ModelError(
                    f"'{name}' is {kinds[0]} in '{first.label}' and {kinds[1]} in '{case.label}'; declare it with level=True "
                    "in every variant or in none."
                )


def _certificate(solution: Solution) -> xr.Dataset:
    """Certificate of one solution over the dim ``check``."""
    checks = {check: (value, bound, passed) for check, value, bound, passed in solution.certificate.rows()}
    value, bound, passed = np.array(list(checks.values()), dtype=float).T
    flags = {"flag_values": [0.0, 1.0], "flag_meanings": "failed passed"}
    return xr.Dataset(
        {
            "certificate_value": ("check", value, {"description": CHECK_UNIT}),
            "certificate_bound": ("check", bound, {"description": CHECK_UNIT}),
            "certificate_passed": ("check", passed, flags),
        },
        coords={"check": list(checks)},
    )


def _provenance(
    study: Study, model: Model, groups: Sequence[str], solutions: Sequence[Solution], baseline: Baseline
) -> dict[str, Any]:
    """Attributes that say where the results come from."""
    data = {f"data_{k}": str(v) for k, v in baseline.data.attrs.items()}
    table = (
        _parameters(model, baseline.data)
        if baseline.parameters is None
        else baseline.parameters.reset_index().to_dict("records")
    )
    attrs = {
        "title": f"Counterfactuals of {model.name}",
        "model": model.name,
        "model_title": model.title,
        "exacthat_version": metadata.version("exacthat"),
        "exacthat_commit": commit(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "scenarios": study.source,
        "scenario_file": study.text,
        "variant_groups": json.dumps(list(groups)),
        "parameters": json.dumps(table, default=str),
        "provenance": json.dumps([s.provenance for s in solutions], default=str),
    }
    return {**attrs, **data}


def _parameters(model: Model, data: xr.Dataset) -> list[dict[str, str]]:
    """Parameters of a data set: name, description, value by label or range, and the source that the data state."""
    out = []
    for decl in model.of_kind(Kind.PARAMETER):
        if decl.key not in data:
            continue
        array = data[decl.key]
        if not array.ndim:
            value = f"{array.item():.4g}"
        elif array.ndim == 1 and array.size <= LISTED:
            value = ", ".join(
                f"{x} {v:.4g}" for x, v in zip(array[array.dims[0]].values, array.values, strict=True)
            )
        else:
            value = (
                f"{float(array.min()):.4g} to {float(array.max()):.4g} by {', '.join(map(str, array.dims))}"
            )
        source = str(data.attrs.get(f"source_of_{decl.key}", array.attrs.get("source", "the data set")))
        out.append({"name": decl.key, "description": decl.name, "value": value, "source": source})
    return out


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
