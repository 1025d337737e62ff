"""The regression of the direction of innovation on relative factor prices, run with pyfixest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from empirics.did.regression import Regression, fit, require_company
from empirics.observations import observations, place, require_columns
from empirics.sectors import sectors_of_sic
from framework.errors import DataError, did_you_mean

UNIT = ["region", "sic"]
KEYS = [*UNIT, "year"]
PRICE, REE, OTHER = "log_relative_price", "ree_patents", "other_patents"
OUTCOME, EXPOSURE = "direction of innovation", "ln other_patents"


@dataclass(frozen=True)
class InnovationDesign:
    """How the direction of innovation is regressed on relative factor prices.

    Attributes
    ----------
    method : {"ppml", "ols"}
        Poisson pseudo-maximum likelihood of rare-earth patents, or least squares of their log, without zeros.
    exposure : {"fixed", "estimated"}
        Coefficient of the log of other patents: one, or estimated.
    fixed_effects : tuple of str
        Columns, or several joined by ``^``. ``("region^sic", "region^year")`` absorbs wages and all that is common to a
        region's industries; the baskets of elements are then what identifies the slopes.
    cluster : str
        Column, or several joined by ``^``.
    controls : tuple of str
        Columns that enter linearly.
    """

    method: Literal["ppml", "ols"] = "ppml"
    exposure: Literal["fixed", "estimated"] = "fixed"
    fixed_effects: tuple[str, ...] = ("region^sic", "year")
    cluster: str = "region^sic"
    controls: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, known in (("method", ("ppml", "ols")), ("exposure", ("fixed", "estimated"))):
            value = getattr(self, name)
            if value not in known:
                raise DataError(
                    f"{name} is '{value}'; it is one of: {', '.join(known)}.{did_you_mean(value, known)}"
                )
        if not self.fixed_effects:
            raise DataError(
                "a design needs fixed effects, at least those of region and industry: region^sic."
            )


@dataclass
class _Sample:
    """Rows that enter the regression, and the number that do not, by reason."""

    rows: pd.DataFrame
    excluded: dict[str, int] = field(default_factory=dict)

    def drop(self, which: pd.Series | np.ndarray, reason: str) -> None:
        """Leave out rows and count them."""
        count = int(np.sum(which))
        if count:
            self.excluded[reason] = self.excluded.get(reason, 0) + count
            self.rows = self.rows[~np.asarray(which)]


def estimate_bias_exponents(panel: pd.DataFrame, design: InnovationDesign | None = None) -> xr.Dataset:
    """Regress the direction of innovation on relative prices, with a slope for each sector.

    Source: docs/rare_earths_model.md section 10, ``E[N_R] = exp(a_is + a_t + b_s ln(q/w) + ln N_L)``.

    Parameters
    ----------
    panel : pd.DataFrame
        One row for each ``region``, ``sic`` and ``year``, with ``ree_patents``, ``other_patents``, ``log_relative_price``
        (ln q/w) and the design's controls. The column ``sector`` is made from ``sic`` where it is missing.
    design : InnovationDesign, optional

    Returns
    -------
    xr.Dataset
        ``bias_exponent`` (sector) and its clustered ``covariance`` (sector, sector_other); ``control`` and
        ``control_standard_error`` (regressor); ``sector_clusters`` (sector), which tells how far the clustered errors of a
        sector can be trusted: with few clusters they are too small. Attributes: ``observations``, ``clusters``,
        ``degrees_of_freedom`` of the t distribution, ``excluded`` (rows left out by reason, JSON),
        ``sectors_without_estimate`` (JSON), ``source``, ``sample``; ``data`` is ``synthetic`` if the panel's attribute is.

    Raises
    ------
    DataError
        A column is missing or not numeric, a row is there twice, there is one cluster, or a slope is not identified.
    """
    design = design or InnovationDesign()
    sectors, sample = _prepare(panel, design)
    kept = [s for s in sectors if (sample.rows["sector"] == s).any()]
    if not kept:
        raise DataError(f"no row is left to estimate from; left out: {_counts(sample.excluded)}.")
    result, observations, clusters = _fit(sample, design, kept)
    method = {"ppml": "PPML of rare-earth patents", "ols": "OLS of log rare-earth patents"}[design.method]
    how = "exposure" if design.exposure == "fixed" else "control"
    years = sample.rows["year"]
    fewest = result.sector_clusters.to_series().idxmin()
    result.attrs = {
        "observations": observations,
        "clusters": clusters,
        "degrees_of_freedom": clusters - 1,
        "excluded": json.dumps(sample.excluded),
        "sectors_without_estimate": json.dumps([s for s in sectors if s not in kept]),
        "source": f"{method} on ln(q/w) by sector, ln of other patents as {how}; fixed effects "
        f"{', '.join(design.fixed_effects)}; clusters {design.cluster}"
        + (f"; controls {', '.join(design.controls)}" if design.controls else ""),
        "sample": f"{sample.rows['region'].nunique()} regions, {sample.rows['sic'].nunique()} industries, "
        f"{years.min()}-{years.max()}: {observations} observations, {clusters} clusters, of which {fewest} has fewest "
        f"({int(result.sector_clusters.min())})",
    }
    if panel.attrs.get("data") == "synthetic":
        result.attrs["data"] = "synthetic"
        result.attrs["sample"] += " (synthetic data)"
    return result


# ---- sample --------------------------------------------------------------------------------------------


def _prepare(panel: pd.DataFrame, design: InnovationDesign) -> tuple[list[str], _Sample]:
    """Sectors of the panel, and the rows that enter."""
    numbers = [REE, OTHER, PRICE, *design.controls]
    checked = observations(panel, numbers, UNIT, "year", missing="exclude")
    rows = _with_labels(checked.table, panel, design)
    for column in (REE, OTHER):
        if (rows[column] < 0).any():
            raise DataError(
                f"'{column}' of {place(rows[KEYS], rows[column] < 0)} is negative; counts are zero or more."
            )
    missing = {str(k): int(n) for k, n in checked.excluded["reason"].value_counts().items()}
    sample = _Sample(rows, missing)
    sample.drop(sample.rows[OTHER] == 0, "no other patents, so that the exposure is zero")
    if design.method == "ols":
        sample.drop(sample.rows[REE] == 0, "no rare-earth patents, so that the log does not exist")
    else:
        _drop_separated(sample, design)
    return list(dict.fromkeys(rows["sector"])), sample


def _with_labels(rows: pd.DataFrame, panel: pd.DataFrame, design: InnovationDesign) -> pd.DataFrame:
    """Add the sector, and other labels that fixed effects or clusters are made of."""
    terms = [part for term in (*design.fixed_effects, design.cluster) for part in term.split("^")]
    labels = [
        x
        for x in dict.fromkeys(["sector", *terms])
        if x not in KEYS and not (x == "sector" and x not in panel)
    ]
    require_columns(list(panel.columns), labels, "the panel")
    if labels:
        rows = rows.merge(panel[[*KEYS, *labels]], on=KEYS, how="left", validate="one_to_one")
    if "sector" not in labels:
        sector = sectors_of_sic(pd.unique(rows["sic"]))
        rows["sector"] = rows["sic"].map(sector)
    for label in ["sector", *labels]:
        if rows[label].isna().any():
            raise DataError(f"'{label}' of {place(rows[KEYS], rows[label].isna())} is empty; fill it.")
    return rows


def _drop_separated(sample: _Sample, design: InnovationDesign) -> None:
    """Leave out groups without any rare-earth patents: they are fitted perfectly and say nothing of the slopes."""
    for term in design.fixed_effects:
        total = sample.rows[REE].groupby(_group(sample.rows, term)).transform("sum")
        sample.drop(total == 0, f"no rare-earth patents in the whole group of {term}")


def _group(rows: pd.DataFrame, term: str) -> np.ndarray:
    """Number of the group that each row belongs to."""
    return rows.groupby(term.split("^"), sort=False, observed=True).ngroup().to_numpy()


def _counts(excluded: dict[str, int]) -> str:
    return "; ".join(f"{n} rows: {reason}" for reason, n in excluded.items()) or "nothing"


# ---- regression ----------------------------------------------------------------------------------------


def _fit(sample: _Sample, design: InnovationDesign, sectors: Sequence[str]) -> tuple[xr.Dataset, int, int]:
    """Run the regression; return slopes and controls with covariance, observations and clusters."""
    slopes = {f"slope of {sector}": sector for sector in sectors}
    controls = [*design.controls, *([EXPOSURE] if design.exposure == "estimated" else [])]
    regression = Regression(
        outcome=OUTCOME,
        terms=(*slopes, *controls),
        fixed_effects=design.fixed_effects,
        cluster=(design.cluster,),
        estimator=design.method.upper(),
        offset=EXPOSURE if design.exposure == "fixed" and design.method == "ppml" else None,
    )
    groups = np.stack([_group(sample.rows, e) for e in design.fixed_effects], axis=1)
    # Rows without rare-earth patents are fitted perfectly where all of their group are; the others carry the estimate.
    require_company(regression, groups, (sample.rows[REE] > 0).to_numpy(), OUTCOME)
    found = fit(regression, _frame(sample.rows, design, slopes), f"the {OUTCOME}")
    _require_identified(found.collinear, slopes, design)
    for rows, reason in (
        (found.separated, "separated: fitted perfectly"),
        (found.singletons, "alone in a fixed effect"),
    ):
        if len(rows):
            sample.excluded[reason] = len(rows)
    names = list(sectors)
    used = sample.rows.iloc[found.kept]
    clusters = _group(used, design.cluster)
    at, others = ([found.at(t) for t in terms] for terms in (slopes, controls))
    return (
        xr.Dataset(
            {
                "bias_exponent": ("sector", found.coefficient[at]),
                "covariance": (("sector", "sector_other"), found.covariance[np.ix_(at, at)]),
                "sector_clusters": ("sector", [pd.unique(clusters[used["sector"] == s]).size for s in names]),
                "control": ("regressor", found.coefficient[others]),
                "control_standard_error": ("regressor", found.standard_error[others]),
            },
            coords={"sector": names, "sector_other": names, "regressor": controls},
        ),
        found.observations,
        found.clusters,
    )


def _frame(rows: pd.DataFrame, design: InnovationDesign, slopes: dict[str, str]) -> pd.DataFrame:
    """Columns of the regression: outcome, exposure, a price for each sector, controls and labels."""
    exposure = np.log(rows[OTHER])
    outcome = rows[REE] if design.method == "ppml" else np.log(rows[REE])
    if design.method == "ols" and design.exposure == "fixed":
        outcome = outcome - exposure
    labels = dict.fromkeys(p for term in (*design.fixed_effects, design.cluster) for p in term.split("^"))
    columns = {OUTCOME: outcome, EXPOSURE: exposure}
    columns |= {name: rows[PRICE] * (rows["sector"] == sector) for name, sector in slopes.items()}
    return pd.DataFrame(columns | {name: rows[name] for name in (*design.controls, *labels)})


def _require_identified(collinear: Sequence[str], slopes: dict[str, str], design: InnovationDesign) -> None:
    effects = ", ".join(design.fixed_effects)
    for name in collinear:
        if name in slopes:
            raise DataError(
                f"the slope of sector '{slopes[name]}' is not identified: its prices do not vary beyond the fixed effects "
                f"({effects}) and the other regressors. Give prices that vary by region or industry, or fewer effects."
            )
        raise DataError(
            f"control '{name}' is collinear with the fixed effects ({effects}) or other regressors; leave it out."
        )
