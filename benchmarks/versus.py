"""Caliendo and Parro's model at 31x40 under ten points more on every tariff: exacthat beside solvers written by hand.

A peer stops as soon as its wages are within `ACCURACY` of the certified ones, which no user of it could know: it pays for no check
of convergence and for no round too many. Its damping, or tolerance, is the fastest of several. Newton's method runs until its own
certificate holds. All start from the baseline, with everything that depends on data and shocks only already computed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice

import numpy as np

from benchmarks import cases, peers
from benchmarks.bars import Bar
from benchmarks.timing import in_turn, median, ratio
from exacthat.bench import shocks
from framework import solve
from framework.solve.newton import newton

Array = np.ndarray
SIZE, SHOCK = "31x40", "tariff+10%"
ACCURACY = 1e-8  # in log wages
DAMPINGS = {peers.tatonnement: (0.1, 0.2, 0.3, 0.4, 0.5), peers.sweep: (0.05, 0.1, 0.15, 0.2, 0.3)}
TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-6, 1e-8)
_ROUNDS = 500

Peer = Callable[[peers.Economy, float], Iterator[peers.State]]


def versus_rows() -> list[Bar]:
    """Time of Newton's method over that of each peer, in turn."""
    problem = cases.shocked(SIZE, SHOCK)
    data = cases.economy("caliendo-parro", SIZE)
    e = peers.Economy.of(data, shocks.build(cases.system(), data, SHOCK))
    right = np.log(solve(problem)["wage"].to_numpy())
    found = {
        "textbook value-added tâtonnement": (_tuned(peers.tatonnement, e, right), 0.2),
        "scipy hybr on log wages": (_tuned_hybr(e, right), 0.05),
        "expert's log-trade-balance sweep": (_tuned(peers.sweep, e, right), 1.2),
    }
    there = {name: run for name, ((run, _), _) in found.items() if run is not None}
    times = in_turn(lambda: newton(problem), *there.values())
    rows = []
    for name, ((run, how), bound) in found.items():
        what = f"solve {SIZE}, {SHOCK}, over {name}"
        if run is None:
            rows.append(Bar(what, None, bound, note=how))
            continue
        k = 1 + list(there).index(name)
        note = f"{how}; {1e3 * median(times)[0]:.3g} ms against {1e3 * median(times)[k]:.3g} ms"
        rows.append(Bar(what, ratio(times, 0, k), bound, note=note))
    return rows


def rounds_needed(states: Iterable[peers.State], right: Array, most: int = _ROUNDS) -> int | None:
    """Rounds until wages are right; None if they are not after `most`, or are far off."""
    for k, state in enumerate(islice(states, most), 1):
        error = float(np.abs(state.log_wage - right).max())
        if error < ACCURACY:
            return k
        if not error < 50:
            return None
    return None


def _tuned(peer: Peer, e: peers.Economy, right: Array) -> tuple[Callable[[], object] | None, str]:
    """The peer with its best damping, for as many rounds as it needs; and what these are."""
    with np.errstate(all="ignore"):  # too little damping leads anywhere
        needed = {d: rounds_needed(peer(e, d), right) for d in DAMPINGS[peer]}
    known = {d: k for d, k in needed.items() if k is not None}
    if not known:
        return None, f"no damping of {', '.join(f'{d:g}' for d in needed)} leads there in {_ROUNDS} rounds"
    best = min(known, key=lambda d: known[d])

    def run() -> None:
        deque(islice(peer(e, best), known[best]), maxlen=0)

    return run, f"damping {best:g}, {known[best]} rounds"


def _tuned_hybr(e: peers.Economy, right: Array) -> tuple[Callable[[], object] | None, str]:
    """The loosest tolerance with which hybr is right: the fastest."""
    for tolerance in TOLERANCES:
        if np.abs(peers.hybr(e, tolerance).log_wage - right).max() < ACCURACY:
            return partial(peers.hybr, e, tolerance), f"xtol {tolerance:g}"
    return None, f"not right at any tolerance down to {TOLERANCES[-1]:g}"
