"""Tables in the slides' form from the datasets of `estimate`, `inference` and `event_study`."""

from __future__ import annotations

import math
from functools import cache
from importlib import resources

import pandas as pd
import xarray as xr

from empirics.did.design import TREATMENT
from empirics.did.layout import Table, each, number, p_value
from framework.errors import DataError, did_you_mean

LEVELS = (0.01, 0.05, 0.1)
"""Significance levels of three, two and one star."""


def stars(p: float) -> str:
    """Return the stars of a p-value."""
    return "*" * sum(p < level for level in LEVELS)


@cache
def _slides() -> pd.DataFrame:
    with resources.as_file(resources.files("empirics.did") / "data" / "slides.csv") as path:
        return pd.read_csv(path, comment="#").set_index(["table", "column"])


def slides_table(name: str) -> pd.DataFrame:
    """Return what the slides print for one of their tables, by column.

    Parameters
    ----------
    name : {"patents", "tfp", "exports", "exports_difference"}

    Raises
    ------
    DataError
        The slides have no such table.
    """
    known = _slides().index.get_level_values("table").unique().tolist()
    if name not in known:
        raise DataError(
            f"the slides have no table '{name}'.{did_you_mean(name, known)} They have: {', '.join(known)}."
        )
    return _slides().loc[name]


def regression_table(
    estimates: xr.Dataset,
    inference: xr.Dataset | None = None,
    slides: str | None = None,
    controls: bool = False,
) -> Table:
    """Return the table of a design's estimates.

    Parameters
    ----------
    estimates : xr.Dataset
        From `estimate.estimate_table`.
    inference : xr.Dataset or None
        From `inference.robust_inference`: adds its rows.
    slides : str or None
        Name of the slides' table: adds their values below ours.
    controls : bool
        Show the coefficients of the controls too.
    """
    about = estimates.attrs
    columns = [str(c) for c in estimates["column"].values]
    blocks = [_coefficients(estimates, controls)]
    if slides:
        blocks.append(_slides_rows(slides_table(slides), columns))
    counts = [
        (k.capitalize(), each("{:,}".format, estimates[k].values)) for k in ("observations", "clusters")
    ]
    missing = estimates["excluded_rows"] - estimates["singletons"] - estimates["separated"]
    left_out = [
        (f"Left out: {label}", each("{:,}".format, rows.values))
        for label, rows in (
            ("missing values", missing), ("singletons", estimates["singletons"]), ("separated", estimates["separated"]),
        )
        if rows.any()
    ]  # fmt: skip
    blocks.append(counts + left_out)
    yes = ["Yes"] * len(columns)
    effects = [(f"{effect} F.E.", yes) for effect in about["fixed_effects_label"].split(", ")]
    blocks.append([("Controls", yes if about["controls"] else ["No"] * len(columns)), *effects])
    unit = estimates["effect_of_one_deviation"].attrs.get("units") or "units of the outcome"
    blocks.append(
        [
            ("One s.d. of the treatment", each(number, estimates["treatment_deviation"].values)),
            (f"Effect of one s.d., {unit}", each(number, estimates["effect_of_one_deviation"].values)),
        ]
    )
    if inference is not None:
        blocks.append(_inference_rows(inference))
    notes = [*_notes(estimates), *(_inference_notes(inference) if inference is not None else [])]
    if slides:
        notes.append("Slides: values printed there, from data that are not these.")
    group = str(about["outcome_label"])
    return Table(str(about["design"]), _labelled(str(about["title"]), about), group, columns, blocks, notes)


def event_study_table(study: xr.Dataset) -> Table:
    """Return the effects by year with the joint test of the years before the shock."""
    about, columns = study.attrs, [str(c) for c in study["column"].values]
    effects: list[tuple[str, list[str]]] = []
    for year in study["year"].values:
        one = study.sel(year=year)
        if year == about["reference"]:
            effects.append((f"{year} (reference)", ["0"] * len(columns)))
            continue
        pairs = zip(one["effect"].values, one["p_value"].values, strict=True)
        effects.append((str(year), [number(e) + stars(p) for e, p in pairs]))
        effects.append(("", [f"({number(s)})" if number(s) else "" for s in one["standard_error"].values]))
    tests = [
        ("Pre-trend, F", each(number, study["pretrend_statistic"].values)),
        ("Pre-trend, p-value", [p_value(p) or "withheld" for p in study["pretrend_p_value"].values]),
        ("Pre-trend, verdict", each(str, study["pretrend_verdict"].values)),
        ("Effective clusters", each("{:.1f}".format, study["effective_clusters"].values)),
    ]
    counts = [(k.capitalize(), each("{:,}".format, study[k].values)) for k in ("observations", "clusters")]
    notes = [
        f"Effect of the sensitivity in each year relative to {about['reference']}; clustered standard errors in parentheses.",
        "The pre-trend test asks whether all effects before the shock are zero (Wald, F distribution with clusters "
        "minus one); its verdict is withheld where fewer than 10 clusters are effective.",
        *_data_notes(about),
    ]
    title = _labelled(f"{about['title']}: event study", about)
    return Table(
        f"{about['design']}-event-study",
        title,
        str(about["outcome_label"]),
        columns,
        [effects, tests, counts],
        notes,
    )


def _coefficients(estimates: xr.Dataset, controls: bool) -> list[tuple[str, list[str]]]:
    rows: list[tuple[str, list[str]]] = []
    for term in estimates["term"].values if controls else [TREATMENT]:
        one = estimates.sel(term=term)
        label = str(estimates.attrs["treatment_label"]) if term == TREATMENT else str(term)
        values = [
            number(b) + stars(p)
            for b, p in zip(one["coefficient"].values, one["p_value"].values, strict=True)
        ]
        dropped = one["collinear"].values
        rows.append((label, ["collinear" if d else v for v, d in zip(values, dropped, strict=True)]))
        rows.append(
            (
                "",
                [
                    "" if d else f"({number(s)})"
                    for s, d in zip(one["standard_error"].values, dropped, strict=True)
                ],
            )
        )
    return rows


def _slides_rows(slides: pd.DataFrame, columns: list[str]) -> list[tuple[str, list[str]]]:
    at = slides.reindex(columns)
    known = at["coefficient"].notna()

    def show(values: list[str]) -> list[str]:
        return [v if k else "" for v, k in zip(values, known, strict=True)]

    count = [f"{n:,.0f}" for n in at["observations"]], [f"{n:,.0f}" for n in at["clusters"]]
    starred = [
        number(b) + "*" * int(s if s == s else 0) for b, s in zip(at["coefficient"], at["stars"], strict=True)
    ]
    return [
        ("Slides: coefficient", show(starred)),
        ("", show([f"({number(s)})" for s in at["standard_error"]])),
        ("Slides: observations", show(count[0])),
        ("Slides: clusters", show(count[1])),
    ]


def _inference_rows(found: xr.Dataset) -> list[tuple[str, list[str]]]:
    rows: list[tuple[str, list[str]]] = []
    if "crv3_standard_error" in found:
        rows += [
            (
                "Jackknife s.e. (CRV3)",
                [_or_withheld(f"[{number(s)}]", s) for s in found["crv3_standard_error"].values],
            ),
            ("Jackknife p-value", [_or_withheld(p_value(p), p) for p in found["crv3_p_value"].values]),
            (
                "Without one cluster: lowest",
                [_or_withheld(number(b), b) for b in found["leave_out_lowest"].values],
            ),
            (
                "Without one cluster: highest",
                [_or_withheld(number(b), b) for b in found["leave_out_highest"].values],
            ),
        ]
    if "permutation_p_value" in found:
        rows.append(
            (
                "Permutation p-value",
                [_or_withheld(p_value(p), p) for p in found["permutation_p_value"].values],
            )
        )
    ranks = found.sizes["rank"]
    if ranks:
        rows.append(
            (f"Variance share of largest {ranks}", each("{:.2f}".format, found["largest_share"].values))
        )
        for k in range(ranks):
            pairs = zip(
                found["largest_unit"].values[:, k], found["estimate_without"].values[:, k], strict=True
            )
            label = f"Without the {'largest' if k == 0 else f'no. {k + 1}'}"
            rows.append((label, [f"{_or_withheld(number(b), b)} ({u})" if u else "" for u, b in pairs]))
    rows += [
        ("Effective units", each("{:.1f}".format, found["effective_units"].values)),
        ("Effective clusters", each("{:.1f}".format, found["effective_clusters"].values)),
    ]
    return rows


def _or_withheld(text: str, value: float) -> str:
    return "withheld" if math.isnan(value) else text


def _notes(estimates: xr.Dataset) -> list[str]:
    about = estimates.attrs
    method = "Poisson pseudo-maximum likelihood" if about["estimator"] == "PPML" else "Ordinary least squares"
    notes = [
        f"{method}; standard errors in parentheses, clustered by {about['cluster_label'].rstrip('.')}. "
        "*, **, *** significant at 10, 5, 1%.",
        f"Treatment: {about['treatment']}.",
    ]
    if about["controls"]:
        notes.append(f"Controls: {about['controls']}.")
    if estimates["collinear"].any():
        dropped = estimates["collinear"].any("column")
        names = ", ".join(str(t) for t in estimates["term"].values[dropped.values])
        notes.append(f"Dropped as collinear in some column: {names}.")
    reasons = dict.fromkeys(map(str, estimates["excluded_reason"].values))
    if reasons:
        notes.append(f"Rows left out are listed in the results; reasons: {', '.join(reasons)}.")
    return notes + _data_notes(about)


def _data_notes(about: dict) -> list[str]:
    notes = []
    if about["missing_years"]:
        notes.append(f"The panel has no row of {about['missing_years']}.")
    if about["units_with_gaps"]:
        notes.append(f"{about['units_with_gaps']:,} units of the panel lack years in between.")
    notes.append(
        f"Data: {about['data']} ({about['panel']})." if about["data"] else f"Data: {about['panel']}."
    )
    return notes


def _inference_notes(found: xr.Dataset) -> list[str]:
    notes = []
    if "crv3_standard_error" in found and found.attrs["estimator"] == "PPML":
        notes.append(
            "CRV3 by one Newton step per cluster; the estimates without a cluster or unit are estimated again."
        )
    if "permutation_p_value" in found and found["permutation_p_value"].notnull().any():
        notes.append(
            f"Permutation: {found.attrs['permutations']:,} exchanges of the sensitivity between units of assignment, "
            "by the cluster-robust t statistic with the null imposed."
        )
    for column, note in zip(found["column"].values, found["note"].values, strict=True):
        if note:
            notes.append(f"{column}: {note}.")
    return notes


def _labelled(title: str, about: dict) -> str:
    return f"{title} (synthetic data)" if "synthetic" in about["data"].lower() else title
