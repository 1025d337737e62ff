"""Whether answers are right, by a solver that shares nothing with the framework; never by our own certificate alone.

Every shock of `exacthat bench` on Caliendo and Parro's model is also solved by the hand-written sweep of `benchmarks.peers`, run until
no equation moves by more than 1e-12. Wages, price indices and expenditure must be the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks import cases, peers
from benchmarks.bars import Bar, absent, answers
from exacthat.bench import shocks
from framework import ExacthatError, solve

SIZES = ("31x40", "77x45", "189x26", cases.WIOD)
AGREE = 1e-8  # in logs; expenditure relative to the largest
SETTLED = 1e-11  # the gap at which the sweep is taken to be an answer


def right_rows() -> list[Bar]:
    """Right answers by size, over all shocks."""
    return [_row(size) for size in SIZES]


@dataclass(frozen=True)
class Compared:
    """One answer beside the sweep's: their largest difference, what is wrong if anything is, and how Newton's method got there."""

    gap: float
    wrong: str = ""
    rung: str = "newton"


def _row(size: str) -> Bar:
    what = f"right answers, {size}: {', '.join(cases.ALL_SHOCKS)}"
    if size == cases.WIOD and (why := cases.why_absent()):
        return absent(answers(what, [True] * len(cases.ALL_SHOCKS)), why)
    found = {shock: compare(size, shock) for shock in cases.ALL_SHOCKS}
    largest = max((c.gap for c in found.values() if not c.wrong), default=np.nan)
    note = [f"largest difference from the hand-written sweep {largest:.0e}"]
    note += [f"{shock}: {c.wrong}" for shock, c in found.items() if c.wrong]
    note += [f"{shock} by the rescue '{c.rung}'" for shock, c in found.items() if c.rung != "newton"]
    return answers(what, [not c.wrong for c in found.values()], "; ".join(note))


def compare(size: str, shock: str) -> Compared:
    """Our solution beside the sweep's."""
    data = cases.economy("caliendo-parro", size)
    e = peers.Economy.of(data, shocks.build(cases.system(), data, shock))
    theirs = peers.independent(e)
    if not theirs.gap < SETTLED:
        return Compared(np.nan, f"the sweep stops at a gap of {theirs.gap:.1e}: nothing to compare with")
    try:
        ours = solve(cases.shocked(size, shock))
    except ExacthatError as error:
        return Compared(np.nan, str(error).splitlines()[0])
    gap = max(
        np.abs(np.log(ours["wage"].to_numpy()) - theirs.log_wage).max(),
        np.abs(np.log(ours["price_index"].to_numpy()) - theirs.log_price).max(),
        np.abs(ours["expenditure"].to_numpy() * e.expenditure - theirs.spent).max() / theirs.spent.max(),
    )
    return Compared(float(gap), "" if gap <= AGREE else f"differs by {gap:.1e}", ours.provenance["rung"])
