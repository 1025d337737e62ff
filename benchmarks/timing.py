"""Processor time of calls that are made in turn, so that what else the machine does falls on all of them.

Processor time of one thread, not wall time: other work on the machine takes no part of it but for the caches it shares. Ratios are
formed within a round, in which every call is made, and the median over rounds is reported.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

ROUNDS = 7
_LEAST = 20e-3  # seconds that one measurement lasts at least: quick calls are repeated within it


def in_turn(*calls: Callable[[], object], rounds: int = ROUNDS) -> np.ndarray:
    """Time calls in turn, on one thread.

    Parameters
    ----------
    *calls : callable
        Each is called once before anything is counted.
    rounds : int

    Returns
    -------
    array, shape (rounds, calls)
        Seconds of processor time of one call.
    """
    out = np.empty((rounds, len(calls)))
    gc.collect()
    gc.freeze()  # the many objects of a symbolic model are not looked at again and again
    try:
        with threadpool_limits(1):
            counts = [_repeats(call) for call in calls]
            for row in out:
                for k, (call, count) in enumerate(zip(calls, counts, strict=True)):
                    gc.collect()  # one call must not pay for the garbage of another
                    row[k] = elapsed(call, count)
    finally:
        gc.unfreeze()
    return out


def median(times: np.ndarray) -> list[float]:
    """Median seconds of each call."""
    return [float(t) for t in np.median(times, axis=0)]


def ratio(times: np.ndarray, over: int, under: int) -> float:
    """Median over rounds of the time of one call over that of another."""
    return float(np.median(times[:, over] / times[:, under]))


def seconds(call: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Median processor time of one call."""
    return median(in_turn(call, rounds=rounds))[0]


def exponent(sizes: Sequence[float], times: Sequence[float]) -> float:
    """Slope of log time on log size, by least squares."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def _repeats(call: Callable[[], object]) -> int:
    call()
    return max(1, round(_LEAST / max(elapsed(call, 1), 1e-6)))


def elapsed(call: Callable[[], object], count: int) -> float:
    """Seconds of processor time of one of so many calls, at once."""
    begin = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - begin) / count
