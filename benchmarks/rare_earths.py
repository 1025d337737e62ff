"""The rare-earths model with every technology under every instrument, at three sizes.

An answer is right if another solver finds the same equilibrium, from the baseline and in another form: a quota or a matched price is a
tax in disguise, so the model is solved with the tax as closure, under the tax that our solution implies. The other solver is the
sweep over the log ratios of both sides, or scipy's Newton-Krylov where that does not converge.
"""

from __future__ import annotations

import time
from functools import cache

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import cases
from benchmarks.bars import Bar, Growth, absent, answers, worst
from benchmarks.memory import peak_bytes
from benchmarks.solves import GROWTH, OWN_WORK, growth_row, own_work
from benchmarks.timing import exponent, in_turn, median, ratio, seconds
from framework import SolveError, Status, compile_model, hat, solve
from framework.closures import closed_for
from framework.solve.certify import run_solver
from framework.solve.newton import newton
from framework.solve.registry import find_solver
from models import rare_earths

_MODEL = "rare earths"
AGREE = 1e-8  # in logs
COMPARED = ("wage", "price_index", "expenditure", "real_consumption", "ree_price")
OTHERS = ("trade-balance-sweep", "scipy-krylov")
SHOWN = ("elastic-effort", "tax")  # in the figure
CERTIFIED = 1.0  # seconds of a solve with its certificate, on WIOD 2009


@cache
def sizes() -> tuple[str, ...]:
    """The shipped 5 x 14, WIOD 2009 or a synthetic economy of its size, and a large synthetic one."""
    return ("5x14", "41x35" if cases.why_absent() else cases.WIOD, "189x26")


def sizes_of(technology: str) -> tuple[str, ...]:
    """Where a technology is solved and certified: where research moves, its stability takes minutes at the largest size."""
    return sizes()[:-1] if technology in cases.MOVING else sizes()


def rare_earths_rows() -> tuple[list[Bar], list[Growth]]:
    """All rows, and the points of the figure."""
    rows = [_default_cases()]
    for technology in (*cases.TECHNOLOGIES, *cases.MOVING):
        for instrument in cases.INSTRUMENTS:
            rows += _case_rows(technology, instrument)
    points = [_point(size) for size in cases.SIZES]
    return [*rows, growth_row(points)], points


def _default_cases() -> Bar:
    """The default run at 5x14, reading and figures apart: declaration to certified outcomes of all its cases."""
    data = cases.economy("rare-earths", "5x14")
    begin = time.process_time()
    for technology in cases.TECHNOLOGIES:
        model = hat(rare_earths().choose(technology=technology))
        for shock in cases.INSTRUMENTS.values():
            solve(compile_model(closed_for(model, shock)).bind(data, shock))
    what = f"{len(cases.TECHNOLOGIES) * len(cases.INSTRUMENTS)} cases at 5x14, declaration to certificate"
    return Bar(what, time.process_time() - begin, 5, unit="s")


def _case_rows(technology: str, instrument: str) -> list[Bar]:
    """One technology under one instrument: answers, C beside numpy, own work and growth."""
    name, middle = f"{technology}, {instrument}", sizes()[1]
    work, solves, turns = {}, {}, np.ones((1, 3))
    for size in sizes():
        problem = cases.rare_earths_problem(technology, instrument, size)
        work[size], times = own_work(problem)
        solves[size] = median(times)[2]
        if size == middle:
            plain = cases.rare_earths_problem(technology, instrument, size, backend="numpy")
            turns = in_turn(
                lambda p=problem: newton(p), lambda q=plain: newton(q), lambda p=problem: solve(p), rounds=5
            )
    at, over = worst(work)
    large = sizes()[1:]
    slope = exponent([cases.growth(s) for s in large], [solves[s] for s in large])
    data = f"synthetic: {cases.why_absent()}" if cases.why_absent() else ""
    return [
        _answers(technology, instrument),
        Bar(f"{name}: solve in generated C over numpy, {middle}", ratio(turns, 0, 1), 0.5, note=data),
        Bar(
            f"{name}: solve over its own evaluations and products, worst size",
            over,
            OWN_WORK,
            note=f"at {at}",
        ),
        Bar(f"{name}: exponent of solve time in N²S+NS², {' to '.join(large)}", slope, GROWTH, unit=""),
        Bar(f"{name}: solve and certify, {middle}", median(turns)[2], CERTIFIED, unit="s", note=data),
    ]


def _point(size: str) -> Growth:
    """A solve of the elastic-effort model under a tax, for the figure."""
    problem = cases.rare_earths_problem(*SHOWN, size)
    peak = peak_bytes(lambda: solve(cases.rare_earths_problem(*SHOWN, size)))
    return Growth(_MODEL, cases.growth(size), size, seconds(lambda: newton(problem)), peak)


def _answers(technology: str, instrument: str) -> Bar:
    """Right answers by size; where no other solver finds one there is nothing to compare with, and the row says so."""
    gaps = {s: gap(technology, instrument, s) for s in sizes_of(technology)}
    compared = {s: g for s, g in gaps.items() if g is not None}
    largest = max(compared.values(), default=np.nan)
    note = f"largest difference from {' or '.join(OTHERS)} under the implied tax {largest:.0e}"
    if alone := [s for s in gaps if s not in compared]:
        note += f"; {', '.join(alone)}: neither gets there, so that the certificate stands alone"
    what = f"{technology}, {instrument}: right answers, {', '.join(compared or gaps)}"
    if not compared:
        return absent(answers(what, [True]), note)
    return answers(what, [g <= AGREE for g in compared.values()], note)


def gap(technology: str, instrument: str, size: str) -> float | None:
    """Largest log difference of our solution from that of another solver under the tax that it implies.

    None if none of `OTHERS` converges; infinite if ours fails.
    """
    try:
        ours = solve(cases.rare_earths_problem(technology, instrument, size))
    except SolveError:
        return np.inf
    tax = {"export_tax": float(ours["export_tax"])}
    problem = cases.rare_earths_problem(technology, "tax", size, shock=tax)
    for solver in OTHERS:
        try:
            with threadpool_limits(1):
                trace = run_solver(problem, find_solver(solver), solver)
        except SolveError:  # scipy refuses a residual that is not finite
            continue
        if trace.status is Status.SOLVED:
            theirs = problem.outcomes(trace.point)
            return max(float(np.abs(np.log(ours[k] / theirs[k])).max()) for k in COMPARED)
    return None
