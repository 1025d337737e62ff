"""Try every claim on every case and judge it: holds, fails, or holds when a condition is met."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from exacthat.audit.cases import INSTRUMENTS, Case, Economy, Unsolved, solved, technologies
from exacthat.audit.claims import CLAIMS, UNMOVED, Cells, Claim
from framework.errors import ScenarioError

HOLDS, FAILS, HOLDS_WHEN = "holds", "fails", "holds when"

#: What may tell the cells in which a statement holds from those in which it fails.
CONDITIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "epsilon < 1": lambda epsilon: epsilon < 1,
    "epsilon > 1": lambda epsilon: epsilon > 1,
}


@dataclass(frozen=True)
class Count:
    """In how many cells of the economies of one origin a claim holds."""

    holds: int
    cells: int


@dataclass(frozen=True, eq=False)
class Finding:
    """The verdict on one claim for one technology under one instrument, with what it rests on.

    Attributes
    ----------
    verdict : str
        ``"holds"`` in every cell; ``"holds when"`` in exactly the cells in which `condition` is true; else ``"fails"``.
    by_origin : dict
        By where the economies come from.
    undecided : int
        Cells in which the margin is numerically zero; they count for nothing.
    unsolved : dict
        Number of economies without a certified solution, by reason.
    figures, origins : array
        The figure in each cell, and where its economy comes from.
    """

    claim: Claim
    technology: str
    instrument: str
    verdict: str
    condition: str | None
    by_origin: dict[str, Count]
    figures: np.ndarray
    origins: np.ndarray
    undecided: int
    unsolved: dict[str, int]

    @property
    def lowest(self) -> float:
        """Smallest figure."""
        return float(self.figures.min())

    @property
    def median(self) -> float:
        """Median of the figures."""
        return float(np.median(self.figures))

    @property
    def highest(self) -> float:
        """Largest figure."""
        return float(self.figures.max())

    @property
    def holds(self) -> int:
        """Number of cells in which the claim holds."""
        return sum(c.holds for c in self.by_origin.values())

    @property
    def cells(self) -> int:
        """Number of cells in which it was tried."""
        return sum(c.cells for c in self.by_origin.values())


def audit(
    economies: Sequence[Economy],
    *,
    track: Callable[[Sequence[Economy]], Iterable[Economy]] = iter,
) -> list[Finding]:
    """Try every claim on economies, with every technology and under every instrument.

    Parameters
    ----------
    economies : sequence of Economy
        At least one.
    track : callable
        Goes through the economies, for instance with a progress bar.

    Returns
    -------
    list of Finding
        By claim, technology and instrument. What a technology or an instrument says nothing about is left out.

    Raises
    ------
    ScenarioError
        No economy, or none with a solution.
    """
    if not economies:
        raise ScenarioError("an audit needs an economy; ask for one or more")
    findings = judge(solved(economies, track))
    if not findings:
        raise ScenarioError("no economy has a certified solution, so nothing can be said")
    return findings


def judge(cases: Iterable[Case | Unsolved]) -> list[Finding]:
    """Try every claim on cases; findings by claim, technology and instrument, those without a cell left out."""
    cells: dict[tuple[str, str, str], list[tuple[str, Cells]]] = defaultdict(list)
    lost: dict[tuple[str, str], list[Unsolved]] = defaultdict(list)
    for case in cases:
        if isinstance(case, Unsolved):
            lost[case.technology, case.instrument].append(case)
            continue
        for claim in CLAIMS:
            if (found := claim.test(case)) is not None:
                cells[claim.name, case.technology, case.instrument].append((case.economy.origin, found))
    judged = (
        _judge(claim, technology, instrument, cells[key], lost[technology, instrument])
        for claim in CLAIMS
        for technology in technologies()
        for instrument in INSTRUMENTS
        if (key := (claim.name, technology, instrument)) in cells
    )
    return [finding for finding in judged if finding.cells]


def _judge(
    claim: Claim, technology: str, instrument: str, found: list[tuple[str, Cells]], lost: list[Unsolved]
) -> Finding:
    margin, epsilon, figure = (
        np.concatenate([getattr(c, name) for _, c in found]) for name in ("margin", "epsilon", "figure")
    )
    origin = np.concatenate([np.full(c.margin.size, where, dtype=object) for where, c in found])
    clear = np.abs(margin) > UNMOVED
    holds, origin, figure = margin[clear] > 0, origin[clear], figure[clear]
    verdict, condition = _verdict(holds, epsilon[clear])
    counts = {
        where: Count(int(holds[origin == where].sum()), int((origin == where).sum()))
        for where in dict.fromkeys(origin)
    }
    reasons = dict(Counter(case.why for case in lost))
    undecided = int((~clear).sum())
    return Finding(
        claim, technology, instrument, verdict, condition, counts, figure, origin, undecided, reasons
    )


def _verdict(holds: np.ndarray, epsilon: np.ndarray) -> tuple[str, str | None]:
    if holds.size and holds.all():
        return HOLDS, None
    if holds.any():
        for words, condition in CONDITIONS.items():
            if np.array_equal(holds, condition(epsilon)):
                return HOLDS_WHEN, words
    return FAILS, None
