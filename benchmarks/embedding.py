"""The model inside a user's CasADi problem: our back end behind a callback, beside CasADi's own expressions."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

import casadi as ca
import numpy as np

from benchmarks.bars import Bar
from benchmarks.timing import in_turn, ratio
from calibration.synthetic import synthetic_caliendo_parro
from framework import Problem, compile_model, hat
from models import caliendo_parro

_SIZES = {"5x4": (5, 4), "31x40": (31, 40)}


def embedding_rows() -> list[Bar]:
    """Calls, products, Jacobian and equilibrium with the tariff of one region as the parameter."""
    system, rows = compile_model(hat(caliendo_parro())), []
    for name, size in _SIZES.items():
        data = synthetic_caliendo_parro(*size)
        rows += _rows(name, system.bind(data, {}, backend="c"), str(data.region.values[1]))
    return rows


def _rows(name: str, problem: Problem, region: str) -> list[Bar]:
    large = problem.size > 1000
    others = [r for r in problem.bound.labels["region"] if r != region]
    keys = {"tariff": {"importer": region, "exporter": others}}, {"real_consumption": {"region": region}}
    ours, theirs = problem.casadi_callback(*keys), problem.casadi_function(*keys)
    at = [ca.DM(problem.start + 0.01), ca.DM.ones(ours.size1_in(1)) * 0.1]
    calls = in_turn(_buffered(ours, at), _buffered(theirs, at), lambda: problem.residual(problem.start))
    beyond = 1e6 * float(np.median(calls[:, 0] - calls[:, 2]))
    rows = [
        Bar(f"call {name} on buffers over CasADi's expressions", ratio(calls, 0, 1), 0.1)
        if large
        else Bar(f"call {name} on buffers, beyond the core", beyond, 10, unit="µs"),
    ]
    if large:
        jacobian = ours.jacobian()
        times = in_turn(lambda: jacobian(*at, 0, 0), lambda: problem.jacobian(problem.start), rounds=3)
        count = sum(ours.size1_in(i) for i in range(2))
        what = f"Jacobian {name}, {count} columns, over the core's {problem.size} products"
        rows.append(Bar(what, ratio(times, 0, 1), 4))
    equilibrium, rate = problem.casadi_equilibrium(*keys), cycle(np.linspace(0.05, 0.15, 1000))
    slopes = equilibrium.jacobian()
    times = in_turn(lambda: slopes(next(rate), 0), lambda: equilibrium(next(rate)), rounds=5)
    rows.append(Bar(f"equilibrium and gradient {name} over the certified solve", ratio(times, 0, 1), 3))
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
