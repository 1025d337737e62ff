"""What a benchmark measures: a number, the bar that it should meet, and whether it does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Bar:
    """One row of the table.

    Attributes
    ----------
    what : str
    measured : float or None
        None where it could not be measured; `note` says why.
    bound : float or None
        None for a figure that is told without a bar.
    unit : str
        ``"x"`` for a ratio, ``"s"``, ``"µs"``, ``"of 5"``, or none.
    at_least : bool
        The bar is a least, not a largest value.
    answer : bool
        It counts right answers: to miss this bar is an error, not a matter of speed.
    note : str
    """

    what: str
    measured: float | None
    bound: float | None = None
    unit: str = "x"
    at_least: bool = False
    answer: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        """``"pass"``, ``"missed"``, ``"WRONG"`` for an answer, ``"not measured"``, or nothing where there is no bar."""
        if self.measured is None:
            return "not measured"
        if self.bound is None:
            return ""
        met = self.measured >= self.bound if self.at_least else self.measured <= self.bound
        return "pass" if met else "WRONG" if self.answer else "missed"


@dataclass(frozen=True)
class Growth:
    """Time and memory of one solve by size, for the figure.

    Attributes
    ----------
    model : str
    size : int
        N^2 S + N S^2 of N regions and S sectors.
    label : str
    seconds : float
    memory : float
        Peak bytes beyond the data.
    """

    model: str
    size: int
    label: str
    seconds: float
    memory: float


def answers(what: str, right: Sequence[bool], note: str = "") -> Bar:
    """Row of how many answers are right, all of which must be."""
    return Bar(what, sum(right), len(right), f"of {len(right)}", at_least=True, answer=True, note=note)


def absent(bar: Bar, why: str) -> Bar:
    """The same row where it could not be measured."""
    return replace(bar, measured=None, note=why)


def worst(values: dict[str, float]) -> tuple[str, float]:
    """Label and value of the largest; a value that is not a number is larger than any."""
    return max(values.items(), key=lambda item: math.inf if math.isnan(item[1]) else item[1])
