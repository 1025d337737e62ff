"""The model inside a user's CasADi problem: our back end behind a callback, beside CasADi's own expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import casadi as ca
import numpy as np

from benchmarks.timing import Row, least_seconds
from calibration.synthetic import synthetic_caliendo_parro
from framework import CompilerError, Problem, compile_model, hat
from models import caliendo_parro

_SIZES = {"5x4": (5, 4), "31x40": (31, 40)}


def embedding_rows() -> list[Row]:
    """Calls, products, Jacobian and equilibrium with the tariff of one region as the parameter."""
    system, rows = compile_model(hat(caliendo_parro())), []
    for name, size in _SIZES.items():
        data = synthetic_caliendo_parro(*size)
        try:
            problem = system.bind(data, {}, backend="c")
        except CompilerError as absent:
            print(f"{name} left out: {absent}")
            continue
        rows += _rows(name, problem, str(data.region.values[1]))
    return rows


def _rows(name: str, problem: Problem, region: str) -> list[Row]:
    large = problem.size > 1000
    others = [r for r in problem.bound.labels["region"] if r != region]
    keys = {"tariff": {"importer": region, "exporter": others}}, {"real_consumption": {"region": region}}
    ours, theirs = problem.casadi_callback(*keys), problem.casadi_function(*keys)
    at = [ca.DM(problem.start + 0.01), ca.DM.ones(ours.size1_in(1)) * 0.1]
    repeats = 50 if large else 2000
    call, plain = (least_seconds(_buffered(f, at), repeats) for f in (ours, theirs))
    core = least_seconds(lambda: problem.residual(problem.start), repeats)
    rows = [
        Row(f"call at {name}, buffers", call, plain / 10, "a tenth of CasADi's expressions")
        if large
        else Row(f"call at {name}, buffers", call, core + 1e-5, "the core and 10 microseconds"),
    ]
    if large:
        jacobian = ours.jacobian()
        whole = least_seconds(lambda: jacobian(*at, 0, 0), 3)
        columns = least_seconds(lambda: problem.jacobian(problem.start), 3)
        count = sum(ours.size1_in(i) for i in range(2))
        bar = 5 * columns * count / problem.size  # a column with tariffs costs more than one of the core
        rows.append(Row(f"Jacobian at {name}, {count} columns", whole, bar, "5 times as many core products"))
    equilibrium, rate = problem.casadi_equilibrium(*keys), iter(np.linspace(0.05, 0.15, 1000))
    slopes = equilibrium.jacobian()
    solved = least_seconds(lambda: equilibrium(next(rate)), 5)
    found = least_seconds(lambda: slopes(next(rate), 0), 5)
    rows.append(Row(f"equilibrium and gradient at {name}", found, 3 * solved, "3 certified solves"))
    return rows


def _buffered(f: ca.Function, at: list[ca.DM]) -> Callable[[], object]:
    """A call on memory that is set once."""
    buffer: Any
    buffer, call = f.buffer()
    arrays = [np.asarray(a.full().ravel()) for a in at] + [np.zeros(f.size1_out(i)) for i in range(f.n_out())]
    for i in range(f.n_in()):
        buffer.set_arg(i, arrays[i].data)
    for i in range(f.n_out()):
        buffer.set_res(i, arrays[f.n_in() + i].data)
    return lambda: (call(), arrays, buffer)  # which keeps what CasADi points to
