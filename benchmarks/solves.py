"""What a solve of Caliendo and Parro's model is made of, by size: evaluations, products, time, memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import cases
from benchmarks.bars import Bar, Growth
from benchmarks.memory import peak_bytes
from benchmarks.timing import ROUNDS, elapsed, exponent, in_turn, median, ratio
from framework import Problem, Solution, elasticities, solve
from framework.solve.implicit import Linearised
from framework.solve.newton import newton

OWN_WORK = 1.3  # bar of a solve over its own evaluations and products
GROWTH = 1.15
_MODEL = "Caliendo-Parro"


def own_work(problem: Problem) -> tuple[float, np.ndarray]:
    """Time of a solve over that of its evaluations and products alone; and times of residual, product and solve."""
    found = newton(problem)
    problem.residual(found.point)
    product, ones = problem.linearise(), np.ones(problem.size)
    times = in_turn(lambda: problem.residual(found.point), lambda: product(ones), lambda: newton(problem))
    work = found.evaluations * times[:, 0] + found.products * times[:, 1]
    return float(np.median(times[:, 2] / work)), times


def solve_rows() -> tuple[list[Bar], list[Growth]]:
    """Work, growth and memory of solves, and derivatives; and the points of the figure."""
    rows, points = [], []
    for size in cases.SIZES:
        problem = cases.shocked(size)
        over, times = own_work(problem)
        peak = peak_bytes(lambda s=size: solve(cases.shocked(s)))
        points.append(Growth(_MODEL, cases.growth(size), size, median(times)[2], peak))
        if size not in cases.FITTED:
            continue
        found = newton(problem)
        made = f"{found.iterations} steps, {found.evaluations} evaluations, {found.products} products"
        rows += [
            Bar(f"solve {size} over the time of its own evaluations and products", over, OWN_WORK, note=made),
            Bar(f"Jacobian-vector product over residual, {size}", ratio(times, 1, 0), 1.1),
            _memory_row(size, problem, peak),
        ]
        if size == "31x40":
            rows += [
                Bar(f"solve {size} in residual evaluations", ratio(times, 2, 0), 90, unit=""),
                _against_numpy(size),
            ]
    return [*rows, growth_row(points)], points


def growth_row(points: list[Growth]) -> Bar:
    """How the time of a solve grows over the fitted sizes."""
    fitted = [p for p in points if p.label in cases.FITTED]
    slope = exponent([p.size for p in fitted], [p.seconds for p in fitted])
    return Bar(
        f"{fitted[0].model}: exponent of solve time in N²S+NS², {fitted[0].label} to {fitted[-1].label}",
        slope,
        GROWTH,
        unit="",
    )


def derivative_rows() -> list[Bar]:
    """Adjoint product over residual, and one outcome's derivative to everything given in solves; generated C throughout."""
    rows = []
    named = {f"Caliendo-Parro {s}": cases.shocked(s) for s in ("31x40", "189x26")}
    named["rare earths 41x35"] = cases.rare_earths_problem("elastic-effort", "tax", "41x35")
    for name, problem in named.items():
        solution = solve(problem)
        assert solution.point is not None
        pull, weights = Linearised(problem, solution.point).transposed_product, np.ones(problem.size)
        times = in_turn(
            lambda p=problem: p.residual(p.start),
            lambda f=pull, w=weights: f(w),
            lambda p=problem: newton(p),
            lambda s=solution: elasticities(s, "real_consumption", where={"region": "USA"}),
        )
        given = sum(int(np.size(v)) for v in problem.bound.values.values())
        rows += [
            Bar(f"adjoint product over residual, {name}", ratio(times, 1, 0), 1.1),
            Bar(
                f"one outcome to all {given:,} inputs, in solves, {name}",
                ratio(times, 3, 2),
                2,
                note=f"its program kept; the first, which loads it with the data, {_first_derivative(solution):.2f}×",
            ),
        ]
    return rows


def _first_derivative(solution: Solution) -> float:
    """Time of the first derivatives of a problem, for which their program is given its data, over that of a solve."""
    problem, ratios = solution.problem, []
    assert problem is not None
    for _ in range(ROUNDS):
        fresh = Problem(problem.system, problem.bound, checked=True, backend=problem.backend)
        at = replace(solution, problem=fresh)
        newton(fresh)  # which makes the core

        def first(at: Solution = at) -> object:
            return elasticities(at, "real_consumption", where={"region": "USA"})

        with threadpool_limits(1):
            ratios.append(elapsed(first, 1) / elapsed(lambda p=fresh: newton(p), 1))
    return float(np.median(ratios))


def _against_numpy(size: str) -> Bar:
    c, plain = cases.shocked(size), cases.shocked(size, backend="numpy")
    times = in_turn(lambda: c.residual(c.start), lambda: plain.residual(plain.start))
    return Bar(f"residual in generated C over numpy, {size}", ratio(times, 0, 1), 0.4)


def _memory_row(size: str, problem: Problem, peak: int) -> Bar:
    """Peak memory of binding, solving and certifying in units of one N^2 S array, and where it goes."""
    regions, sectors = cases.SIZES[size]
    unit = 8 * regions**2 * sectors
    alone = peak_bytes(lambda: newton(cases.shocked(size)))
    held = f"{problem.core.nbytes / unit:.1f} held by the compiled program, {alone / unit:.1f} without certificate and outcomes"
    return Bar(
        f"peak memory beyond the data, bind to certificate, in N²S doubles, {size}",
        peak / unit,
        12,
        unit="",
        note=held,
    )
