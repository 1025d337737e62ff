"""Derivatives and draws: adjoint products, one outcome to everything, draws beside CasADi's rootfinder."""

from __future__ import annotations

import casadi as ca
import numpy as np
import xarray as xr

from benchmarks.rare_earths import build
from benchmarks.timing import Row, least_seconds, seconds
from calibration import load_table, rare_earths_baseline
from framework import DataError, Problem, elasticities, solve, solve_many
from framework.solve.implicit import Linearised
from framework.solve.newton import newton

DRAWS = 2000
_SINGLE = 20  # solves of the slow one that are timed


def _problems(backend: str) -> dict[str, Problem]:
    out = {}
    for name, table in (("5x14", "wiod2009-5x14"), ("41x35", "wiod2009-41x35")):
        try:
            data = rare_earths_baseline(load_table(table), inventories="keep" if name == "5x14" else "clip")
        except DataError as absent:
            print(f"{name} left out: {absent}")
            continue
        out[name] = build("elastic-effort").bind(data, {"export_tax": 0.25}, backend=backend)
    return out


def derivative_rows() -> list[Row]:
    """Adjoint product against one residual, and one outcome to all parameters against one solve."""
    rows = []
    for name, problem in _problems("numpy").items():  # the same back end on both sides
        repeats = 300 if problem.size < 1000 else 30
        solution = solve(problem)
        assert solution.point is not None
        at = Linearised(problem, solution.point)
        pull, weights = at.transposed_product, np.ones(problem.size)
        residual = least_seconds(lambda p=problem: p.residual(p.start), repeats)
        rows.append(Row(f"adjoint product at {name}, numpy", least_seconds(lambda f=pull, w=weights: f(w), repeats), 1.1 * residual, "1.1 residuals"))  # fmt: skip
        everything = seconds(lambda s=solution: elasticities(s, "real_consumption", where={"region": "JPN"}))
        one = seconds(lambda p=problem: newton(p))
        rows.append(
            Row(f"one outcome to everything at {name}, numpy", everything, 2 * one, "2 uncertified solves")
        )
    return rows


def draw_rows() -> list[Row]:
    """Draws of elasticities at 5x14, each with its certificate, beside CasADi's rootfinder from the same start."""
    data = rare_earths_baseline(load_table("wiod2009-5x14"))
    problem = build("elastic-effort").bind(data, {"export_tax": 0.25})
    rng = np.random.default_rng(0)
    keys = ["ree_elasticity", "trade_elasticity"]
    factor = 1 + 0.1 * rng.standard_normal((DRAWS, data.sizes["sector"]))
    draws = xr.Dataset(
        {k: (("draw", "sector"), data[k].values * factor) for k in keys}, {"sector": data.sector}
    )
    ours = seconds(lambda: solve_many(problem, draws), 3) / DRAWS
    start, function = newton(problem).point, problem.casadi_function(keys, ["real_consumption"])
    solver = ca.rootfinder("equilibrium", "newton", function)
    values = [draws[k].values for k in keys]
    theirs = seconds(lambda: [solver(start, *(v[k] for v in values)) for k in range(_SINGLE)], 3) / _SINGLE
    return [
        Row("one draw at 5x14, certified", ours, theirs / 30, "a thirtieth of casadi.rootfinder('newton')")
    ]
