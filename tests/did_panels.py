"""Small synthetic panels for the tests of difference-in-differences, and the design that fits them."""

from typing import Any

import numpy as np
import pandas as pd

from empirics.did import Design, make_design

POST = 2010
YEARS = np.arange(2004, 2016)


def synthetic_panel(
    regions: int = 4, industries: int = 12, share: float = 0.85, seed: int = 0, effect: float = 0.5
) -> pd.DataFrame:
    """Return an unbalanced synthetic panel with a normal outcome `growth`, a count `patents` and two controls."""
    random = np.random.default_rng(seed)
    keys = pd.MultiIndex.from_product(
        [[f"R{r}" for r in range(regions)], [f"{3400 + s:04d}" for s in range(industries)], YEARS],
        names=["region", "industry", "year"],
    )
    frame = keys.to_frame(index=False)
    frame = frame[random.random(len(frame)) < share].reset_index(drop=True)
    sensitivity = dict(zip(keys.levels[1], random.exponential(1.0, industries), strict=True))
    n = len(frame)
    frame["sensitivity"] = frame["industry"].map(sensitivity).astype(float)
    frame["capital"], frame["demand"] = random.normal(size=(2, n))
    after = frame["sensitivity"] * (frame["year"] >= POST)
    frame["growth"] = effect * after + 0.3 * frame["capital"] + random.normal(size=n)
    frame["patents"] = random.poisson(np.exp(0.5 + 0.2 * effect * after + 0.2 * frame["demand"])).astype(
        float
    )
    frame.attrs["data"] = "synthetic"
    return frame


def content(**changes: Any) -> dict[str, Any]:
    """Return the content of a design file for these panels, with changes."""
    return {
        "name": "test",
        "title": "Test",
        "estimator": "OLS",
        "outcome": "growth",
        "panel": {"unit": ["region", "industry"]},
        "treatment": {"sensitivity": "sensitivity", "post": POST, "assigned_to": "industry"},
        "fixed_effects": ["region^industry", "region^year"],
        "cluster": "region^industry",
        "controls": ["capital", "demand"],
        "column": [{"name": "ALL"}, {"name": "NOT R0", "drop": {"region": "R0"}}],
        "event_study": {"reference": 2009},
        "inference": {"permutations": 99},
        **changes,
    }


def design(**changes: Any) -> Design:
    """Return the design of `content`."""
    return make_design(content(**changes))
