"""A report of a solved study as one HTML file that needs nothing else: no network, no other files."""

from __future__ import annotations

import json
import math
import re
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from exacthat import summary
from exacthat.display import by_variant, heading, is_ratio, long_name, shown, unit_shown
from exacthat.figures import Plot
from exacthat.levels import has_levels, levels_tables
from exacthat.ree import has_ree, reading
from exacthat.summary import Table
from exacthat.wording import variants_in_words
from framework.sets import root_of

if TYPE_CHECKING:
    from exacthat.run import Outcome

EARLY = ("real_gdp_without_markup",)
"""Outcomes whose tables stand beside the headline outcomes."""

WELFARE = ("utility", "equivalent_variation")
"""Outcomes of a model with levels that the summary gives in words."""

SECTOR_OUTCOMES = (
    "innovation_bias",
    "gross_output",
    "exports",
    "unit_cost",
    "total_factor_productivity",
    "price_index",
    "ree_use",
)
"""Outcomes by region and sector for which the report has tables; the others are in results.nc."""

FITS = 200
"""Cells of the largest table of an outcome of another model."""


def render(outcome: Outcome, plots: list[Plot]) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    outcome : Outcome
        Solved study.
    plots : list of Plot
        Its figures; they are put into the page as SVG.
    """
    results = outcome.results
    scenarios = [str(s) for s in results["scenario"].values]
    environment = Environment(
        loader=PackageLoader("exacthat"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip
    return environment.get_template("report.html").render(
        attrs=results.attrs,
        scenarios=[_scenario(results, name, plots) for name in scenarios],
        settings=[
            (name, str(results["setting"].values[k]), str(results["setting_in_words"].values[k]))
            for k, name in enumerate(scenarios)
        ],
        variants=variants_in_words(outcome.model, outcome.variant_names),
        reading=_reading(outcome),
        cushioning=results["cushioning_index"].attrs["description"] if summary.cushioned(results) else "",
        sentences={name: sentences(results, name) for name in scenarios},
        scalars=_scalars(results),
        two_way_tables=_two_way_tables(results, scenarios),
        counts=_counts(outcome),
        structure=outcome.structure.to_text(),
        latex=outcome.model.to_latex(),
        assumptions=assumptions(outcome.model.name),
        parameters=json.loads(results.attrs["parameters"]),
        estimates=_estimates(outcome),
        bands=_bands(results),
        data=_data(results),
        outcomes=_outcomes(results),
        certificates=_certificates(results),
        provenance=_provenance(results),
    )


def sentences(results: xr.Dataset, scenario: str) -> list[str]:
    """Say which inequalities bind in a scenario, and between which bounds each headline outcome lies, and where."""
    out = [f"{case}: {words}" for case, words in summary.regimes(results, scenario)]
    chosen = [(results, key) for key in summary.headlines(results)]
    chosen += [(part, "cushioning_index") for part in summary.cushioned(results)]
    for part, key in chosen:
        array = part[key]
        values = by_variant(shown(array).sel(scenario=scenario), part)
        if not np.isfinite(values).all():
            continue
        (dim,) = (d for d in values.dims if d != "variant")
        ends = []
        for at in (int(np.argmin(values.values)), int(np.argmax(values.values))):
            end = values.stack(all=list(values.dims))[at]
            place = ", ".join(filter(None, [str(end[dim].item()), str(end["variant"].item())]))
            ends.append(f"{summary.cell(float(end))} ({place})")
        unit = "percent" if is_ratio(array) else f"({unit_shown(array)})"
        out.append(f"{long_name(array)} between {ends[0]} and {ends[1]} {unit}".removesuffix(" ()"))
    for key in WELFARE:
        if key in results and has_levels(results):
            value = by_variant(shown(results[key]).sel(scenario=scenario), results)
            written = ", ".join(f"{summary.cell(float(v))} {v.variant.item()}".strip() for v in value)
            out.append(f"{long_name(results[key])} {written} ({unit_shown(results[key])})")
    return out


def _reading(outcome: Outcome) -> list[str]:
    """Return what a reader has to know of the data: what is unusual in them, and of REE for each exporter that is named."""
    data, results = outcome.baseline.data, outcome.results
    if "ree_exporter" not in results.coords or not has_ree(data):
        return outcome.warnings
    exporters = dict.fromkeys(map(str, results["ree_exporter"].values))
    known = dict.fromkeys(sentence for name in exporters for sentence in reading(data, name))
    return [*outcome.warnings, *known]


def assumptions(model: str) -> list[dict[str, Any]]:
    """Assumptions of a built-in model, with alternatives; empty for other models."""
    file = resources.files("exacthat") / "data" / f"{model}-assumptions.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))["assumption"] if file.is_file() else []


def _scenario(results: xr.Dataset, name: str, plots: list[Plot]) -> dict[str, Any]:
    """Figures and tables of one scenario; where there are levels, one table says everything."""
    single = [str(d) for d in results.dims if d not in {*summary.case_dims(results), "check"}]
    tables = [("levels", t) for t in levels_tables(results, name)] if has_levels(results) else []
    single = [] if tables else single
    for dim in single:
        for key in [*summary.headlines(results), *EARLY, *summary.keys_over(results, dim)]:
            if key in results and dim in results[key].dims and key not in {t[0] for t in tables}:
                tables.append((key, summary.table(results, [key], dim, name, heading(results[key]))))
    tables += [("cushioning_index", t) for t in summary.cushioning(results, name)]
    return {
        "name": name,
        "figures": [
            {"svg": Markup(inline_svg(p.svg, p.title)), "title": p.title, "note": p.note}
            for p in plots
            if p.scenario == name
        ],
        "tables": [t for _, t in tables],
    }


def inline_svg(svg: str, title: str) -> str:
    """SVG source for use inside a page: without prologue, and named for screen readers."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    return body.replace("<svg", f'<svg role="img" aria-label="{Markup.escape(title)}"', 1)


def _data(results: xr.Dataset) -> dict[str, str]:
    """Return what the baseline says of itself; sources of parameters stand with the parameters."""
    own = {k.removeprefix("data_"): str(v) for k, v in results.attrs.items() if k.startswith("data_")}
    return {k: v for k, v in own.items() if not k.startswith("source_of_")}


def _outcomes(results: xr.Dataset) -> list[tuple[str, str, str, str, str]]:
    """Return key, name, unit, dims and description of everything in results.nc."""
    return [
        (
            str(key),
            long_name(array),
            str(array.attrs.get("units", "")),
            ", ".join(str(d) for d in array.dims if d not in summary.case_dims(results)),
            str(array.attrs.get("description", "")),
        )
        for key, array in results.data_vars.items()
        if "band_of" not in array.attrs
    ]


def _estimates(outcome: Outcome) -> list[tuple[str, str, str, str]]:
    """Return parameter, sector, estimate and standard error of every estimated coefficient."""
    if outcome.baseline.uncertain is None:
        return []
    table = outcome.baseline.uncertain.estimates
    columns = [table[k].values for k in ("parameter", "sector", "estimate", "standard_error")]
    return [(str(p), str(s), f"{x:.4g}", f"{se:.2g}") for p, s, x, se in zip(*columns, strict=True)]


def _bands(results: xr.Dataset) -> str:
    """Say what the bands are and how they were made; empty without bands."""
    about = results.attrs
    if "band_level" not in about:
        return ""
    text = (
        f"Brackets hold {about['band_level']:.0%} bands by the delta method, from the joint covariance of "
        f"{about['band_coefficients']} estimated coefficients; they do not include any other uncertainty."
    )
    if about["draws"]:
        text += (
            f" results.nc also has bands from {about['draws']} draws of the coefficients: {about['draws_inadmissible']} "
            f"draws were outside the parameters' ranges and left out, {about['draws_failed']} had no equilibrium in "
            "some case."
        )
    return text


def _scalars(results: xr.Dataset) -> list[Table]:
    """Return a table for each outcome without further dims: a row for each scenario; none beside levels."""
    if has_levels(results):
        return []
    keys = [k for k in summary.keys_over(results) if results[k].dtype.kind == "f"]
    return [summary.scalar_table(results, key) for key in keys]


def _two_way_tables(results: xr.Dataset, scenarios: list[str]) -> list[tuple[str, list[Table]]]:
    """Outcomes by sector and region, for every case; of a model without such ones all that have two dims and fit a page.

    None beside levels, whose table says everything.
    """
    if has_levels(results):
        return []
    two = [
        str(k)
        for k, v in results.items()
        if "scenario" in v.dims and v.dtype.kind == "f" and len(summary.own_dims(results, str(k))) == 2
    ]
    known = [k for k in SECTOR_OUTCOMES if k in two and "sector" in results[k].dims]
    fit = [k for k in two if math.prod(results.sizes[d] for d in summary.own_dims(results, k)) <= FITS]
    return [
        (
            f"{heading(results[key])}, by {' and '.join(summary.own_dims(results, key))}",
            [
                summary.two_way_table(results, key, scenario, str(variant))
                for scenario in scenarios
                for variant in by_variant(results[key], results)["variant"].values
            ],
        )
        for key in known or fit
    ]


def _counts(outcome: Outcome) -> dict[str, int]:
    """Return how many equations and unknowns the model has, in blocks and with the sizes of the data."""
    sizes, equations = outcome.baseline.data.sizes, outcome.structure.model.equations
    scalar = sum(math.prod(sizes[root_of(i)] for i in equation.indices) for equation in equations)
    unknowns = {int(s.provenance["unknowns"]) for s in outcome.solutions.values()}
    return {"blocks": len(equations), "equations": scalar, "fewest": min(unknowns), "most": max(unknowns)}


def _certificates(results: xr.Dataset) -> list[dict[str, Any]]:
    """For each case: status, and value and bound of every check."""
    dims = summary.case_dims(results)
    stacked = results[["status", "certificate_value", "certificate_bound", "certificate_passed"]].stack(
        case=dims
    )
    out = []
    for k in range(stacked.sizes["case"]):
        case = stacked.isel(case=k)
        rows = [
            (str(check), f"{float(value):.2g}", f"{float(bound):.2g}", bool(passed))
            for check, value, bound, passed in zip(
                case["check"].values, case["certificate_value"].values, case["certificate_bound"].values,
                case["certificate_passed"].values, strict=True,
            )
            if passed == passed
        ]  # fmt: skip
        label = ", ".join(str(case[d].item()) for d in dims)
        out.append({"label": label, "status": str(case["status"].item()), "rows": rows})
    return out


def _provenance(results: xr.Dataset) -> list[tuple[str, str]]:
    """Attributes that say how the results were made, without the long ones shown elsewhere."""
    elsewhere = {"title", "scenario_file", "variant_groups", "parameters", "provenance"}
    plain = [
        (k, str(v)) for k, v in results.attrs.items() if k not in elsewhere and not k.startswith("data_")
    ]
    cases = json.loads(results.attrs["provenance"])
    common = {k: v for k, v in cases[0].items() if all(c.get(k) == v for c in cases)} if cases else {}
    flat = [(k, json.dumps(v) if isinstance(v, dict | list) else str(v)) for k, v in common.items()]
    return [(k.replace("_", " "), v) for k, v in (*plain, *flat) if v]
