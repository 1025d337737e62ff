"""Values that are possible and yet so far from what is usual that they are likely in another unit: said, never refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from framework.symbols import PER_YEAR, RATE, Declaration

if TYPE_CHECKING:
    from framework.solve.problem import Problem


class UnusualValue(UserWarning):
    """A value of data or of a shock that is possible, and yet likely in another unit."""


def unusual(problem: Problem) -> list[str]:
    """Say which values of the data or of the shocks lie outside the `usual` range of their declaration.

    Returns
    -------
    list of str
        One sentence for each quantity and end of its range: name, value and label of the cell that is farthest out,
        and the likely reason, where in another unit that value would be a usual one.
    """
    found = []
    for decl in problem.system.inputs:
        value = problem.bound.values[decl.symbol]
        if decl.usual_range is None or not value.size:
            continue
        lower, upper = decl.usual_range
        for outermost, is_out, outside in (
            (np.argmin, value.min() < lower, lambda v, end=lower: v < end),
            (np.argmax, value.max() > upper, lambda v, end=upper: v > end),
        ):
            if is_out:
                cell = np.unravel_index(int(outermost(value)), value.shape)
                found.append(_sentence(problem, decl, cell, int(outside(value).sum())))
    return list(dict.fromkeys(found))


def warned(problem: Problem) -> str:
    """The warnings as lines to add to an error, which they may explain."""
    return "".join(f"\n  perhaps because {sentence}" for sentence in unusual(problem))


def _sentence(problem: Problem, decl: Declaration, cell: tuple, cells: int) -> str:
    assert decl.usual_range is not None
    value, (lower, upper) = float(problem.bound.values[decl.symbol][cell]), decl.usual_range
    size = f"{value:.6g} ({100 * value:.6g} percent)" if decl.unit in (RATE, PER_YEAR) else f"{value:.6g}"
    more = f" (and {cells - 1} more)" if cells > 1 else ""
    place = problem.bound.at(decl, cell)
    return f"'{decl.key}' is {size}{place}{more}, where {lower:g} to {upper:g} is usual{_reason(decl, value)}"


def _reason(decl: Declaration, value: float) -> str:
    """Ask whether a value is in another unit in which it would be usual."""
    assert decl.usual_range is not None
    lower, upper = decl.usual_range
    if lower <= value / 100 <= upper:
        return ": is it in percent? Divide it by 100"
    if lower > 0 and value > 0 and lower <= 1 / value <= upper:
        return f": is it the inverse? Give 1 / {decl.key}"
    return ""
