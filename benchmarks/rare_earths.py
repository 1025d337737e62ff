"""The rare-earths counterfactual: symbolic build, nine cases at 5x14, each solve at 41x35."""

from __future__ import annotations

import time

import numpy as np
import xarray as xr
from scipy.optimize import root

from benchmarks.timing import Row, seconds
from calibration import load_table, rare_earths_baseline
from framework import DataError, Model, Problem, compile_model, hat, solve
from models import rare_earths

CASES: dict[str, dict[str, float]] = {
    "tax": {"export_tax": 0.25},
    "quota": {"ree_export_ratio": 0.6},
    "price": {"ree_price_ratio": 10.0},
}
TECHNOLOGIES = rare_earths().compared["technology"]


def closed(model: Model, case: str) -> Model:
    """The model under the closure that a case needs."""
    (key,) = CASES[case]
    return model.swap(**{model.closures[key]: key}) if key in model.closures else model


def build(technology: str = "fixed-effort"):
    """Declare, derive the hats, analyse and lower."""
    return compile_model(hat(rare_earths().choose(technology=technology)))


def problems(data: xr.Dataset) -> dict[tuple[str, str], Problem]:
    """Every technology and instrument on one data set; hats are derived once a technology."""
    out = {}
    for technology in TECHNOLOGIES:
        hatted = hat(rare_earths().choose(technology=technology))
        for case, shock in CASES.items():
            out[technology, case] = compile_model(closed(hatted, case)).bind(data, shock)
    return out


def build_rows() -> list[Row]:
    """Symbolic build; sets stay symbolic, so no size enters."""
    return [
        Row(f"declare, hat, analyse, lower: {t}", seconds(lambda t=t: build(t)), 2.0, "2 s")
        for t in TECHNOLOGIES
    ]


def nine_cases_rows() -> list[Row]:
    """The default run from declaration to certified outcomes at 5x14, reading and figures apart."""
    data = rare_earths_baseline(load_table("wiod2009-5x14"))
    begin = time.perf_counter()
    bound = problems(data)
    for problem in bound.values():
        solve(problem)
    wall = time.perf_counter() - begin
    problem = bound["fixed-effort", "price"]
    ours = seconds(lambda: solve(problem))
    with np.errstate(all="ignore"):  # its trial points leave the domain
        hybr = seconds(lambda: root(problem.residual, problem.start, method="hybr", tol=1e-12))
    return [
        Row("nine cases at 5x14, declaration to certificate", wall, 5.0, "5 s"),
        Row(
            "solve and certify at 5x14, price x10", ours, hybr, "scipy hybr on the same residual, uncertified"
        ),
    ]


def large_rows() -> list[Row]:
    """Each solve on the full WIOD 2009; none if the official files are not there."""
    try:
        table = load_table("wiod2009-41x35")
    except DataError as absent:
        print(f"41x35 left out: {absent}")
        return []
    data = rare_earths_baseline(table, inventories="clip")
    return [
        Row(f"solve and certify at 41x35: {t}, {c}", seconds(lambda p=p: solve(p), 3), 1.0, "1 s")
        for (t, c), p in problems(data).items()
    ]
