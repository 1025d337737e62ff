"""Draws of elasticities at 5x14, each with its certificate, beside a map of CasADi's rootfinder from the same start."""

from __future__ import annotations

import casadi as ca
import numpy as np
import xarray as xr

from benchmarks import cases
from benchmarks.bars import Bar, answers
from benchmarks.timing import in_turn, median
from framework import Problem, Status, solve_many
from framework.solve.newton import newton

DRAWS = 2000
_MAPPED = 20  # draws of the slow one that are timed
_KEYS = ("ree_elasticity", "trade_elasticity")
AGREE = 1e-7  # in logs, of two solvers that stop at residuals of 1e-10 and less


def draw_rows() -> list[Bar]:
    """Draws a second over those of the rootfinder, and whether both find the same."""
    problem = cases.rare_earths_problem("elastic-effort", "tax", "5x14", backend="auto")
    draws = _draws(problem)
    start, theirs = newton(problem).point, _mapped(problem, draws)
    times = in_turn(lambda: solve_many(problem, draws), lambda: theirs(start), rounds=5)
    each = times / (DRAWS, _MAPPED)
    found = solve_many(problem, draws, ["real_consumption"])
    first = found["real_consumption"][:_MAPPED].to_numpy()
    same = np.abs(np.log(first / theirs(start))).max(axis=1) <= AGREE
    solved = int((found["status"] == str(Status.SOLVED)).sum())
    ours, other = median(each)
    note = f"{1 / ours:,.0f} certified draws a second, {solved:,} of {DRAWS:,} solved, against {1 / other:,.0f} uncertified"
    what = (
        "elastic-effort, tax, 5x14: draws of elasticities a second over a map of casadi.rootfinder('newton')"
    )
    return [
        Bar(what, float(np.median(each[:, 1] / each[:, 0])), 30, at_least=True, note=note),
        answers(f"the first {_MAPPED} of these draws are those of the rootfinder", list(same)),
    ]


def _draws(problem: Problem) -> xr.Dataset:
    data = cases.economy("rare-earths", "5x14")
    factor = 1 + 0.1 * np.random.default_rng(0).standard_normal((DRAWS, data.sizes["sector"]))
    values = {k: (("draw", "sector"), data[k].to_numpy() * factor) for k in _KEYS}
    return xr.Dataset(values, {"sector": data["sector"]})


def _mapped(problem: Problem, draws: xr.Dataset):
    """Real consumption of the first draws by one call of a mapped rootfinder, shape (draws, regions)."""
    function = problem.casadi_function(list(_KEYS), ["real_consumption"])
    finder = ca.rootfinder("equilibrium", "newton", function).map(_MAPPED)
    values = [draws[k][:_MAPPED].to_numpy().T for k in _KEYS]

    def run(start: np.ndarray) -> np.ndarray:
        _, consumption = finder(np.tile(start[:, None], _MAPPED), *values)
        return np.array(consumption).T

    return run
