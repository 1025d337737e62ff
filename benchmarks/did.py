"""What a declared design costs beside a direct call of pyfixest: the same regression, at the slides' sizes, in one run."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyfixest as pf

from benchmarks.bars import Bar
from benchmarks.timing import in_turn, median, ratio
from empirics.did import Design, estimate_event_study, estimate_table, make_design, make_panel

MOST = 1.2
REPEATS = 9
POST, REFERENCE = 2010, 2009
YEARS = range(2002, 2019)
CONTROLS = ("capital", "labour", "subsidy", "demand")


@dataclass(frozen=True)
class Size:
    """Sizes of one of the slides' regressions, column ALL."""

    estimator: str
    regions: int
    clusters: int
    rows: int


PATENTS = Size("PPML", 8, 531, 7_606)
EXPORTS = Size("OLS", 50, 17_623, 277_723)


def synthetic_panel(size: Size, seed: int = 1) -> pd.DataFrame:
    """Return a synthetic panel of exactly this size; every cluster has two years or more, and positive outcomes."""
    random = np.random.default_rng(seed)
    industries = -(-size.clusters // size.regions) + 40
    pairs = pd.MultiIndex.from_product([range(size.regions), range(industries)]).to_frame(index=False)
    pairs = pairs.sample(size.clusters, random_state=seed).to_numpy()
    years = np.stack([random.permutation(len(YEARS)) for _ in range(size.clusters)])
    cluster, rank = np.divmod(np.arange(size.clusters * len(YEARS)), len(YEARS))
    kept = np.concatenate(
        [
            np.flatnonzero(rank < 2),
            random.choice(np.flatnonzero(rank >= 2), size.rows - 2 * size.clusters, replace=False),
        ]
    )
    kept.sort()
    cluster, year = cluster[kept], YEARS[0] + years.ravel()[kept]
    sensitivity = random.exponential(0.3, industries)[pairs[cluster, 1]]
    frame = pd.DataFrame(
        {
            "region": [f"R{r:02d}" for r in pairs[cluster, 0]],
            "industry": [f"{2000 + s}" for s in pairs[cluster, 1]],
            "year": year,
            "sensitivity": sensitivity,
            **{c: random.normal(size=size.rows) for c in CONTROLS},
        }
    )
    index = 0.3 * sensitivity * (year >= POST) + 0.1 * frame["demand"]
    poisson = size.estimator == "PPML"
    frame["outcome"] = (
        1.0 + random.poisson(np.exp(1 + index)) if poisson else index + random.normal(size=size.rows)
    )
    return frame


def design_of(size: Size) -> Design:
    """Return the design of one column with four controls, region by industry and region by year effects."""
    return make_design(
        {
            "name": "benchmark",
            "title": "Benchmark",
            "estimator": size.estimator,
            "outcome": "outcome",
            "panel": {"unit": ["region", "industry"]},
            "treatment": {"sensitivity": "sensitivity", "post": POST, "assigned_to": "industry"},
            "fixed_effects": ["region^industry", "region^year"],
            "cluster": "region^industry",
            "controls": list(CONTROLS),
            "column": [{"name": "ALL"}],
            "event_study": {"reference": REFERENCE},
            "data": "synthetic",
        }
    )


def direct(size: Size, frame: pd.DataFrame, treatment: str) -> Any:
    """Run the regression by pyfixest alone, as its documentation says."""
    call: Any = pf.fepois if size.estimator == "PPML" else pf.feols
    formula = f"outcome ~ {treatment} + {' + '.join(CONTROLS)} | region^industry + region^year"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(formula, frame, vcov={"CRV1": "region_industry"})


def overhead_rows() -> list[Bar]:
    """Both regressions and the event study of the larger one, from a table in memory to the results."""
    rows = []
    for size in (PATENTS, EXPORTS):
        frame, design = synthetic_panel(size), design_of(size)
        with_treatment = frame.assign(x=frame["sensitivity"] * (frame["year"] >= POST))

        def ours(frame: pd.DataFrame = frame, design: Design = design) -> object:
            return estimate_table(design, make_panel(frame, design.panel.unit))

        def theirs(size: Size = size, frame: pd.DataFrame = with_treatment) -> object:
            return direct(size, frame, "x")

        what = f"{size.estimator}, {size.rows:,} rows, {size.clusters:,} clusters"
        rows.append(_row(what, ours, theirs))

    def ours_by_year() -> object:
        return estimate_event_study(design, make_panel(frame, design.panel.unit))

    def theirs_by_year() -> object:
        return direct(EXPORTS, frame, f"i(year, sensitivity, ref={REFERENCE})")

    rows.append(_row(f"event study, OLS, {EXPORTS.rows:,} rows", ours_by_year, theirs_by_year))
    return rows


def _row(what: str, ours: Callable[[], object], theirs: Callable[[], object]) -> Bar:
    times = in_turn(ours, theirs, rounds=REPEATS)
    return Bar(
        f"{what}, over pyfixest alone", ratio(times, 0, 1), MOST, note=f"pyfixest {median(times)[1]:.2f} s"
    )
