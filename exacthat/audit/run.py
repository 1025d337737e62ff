"""Try every claim on every case and judge it: holds, fails, or holds when a condition is met."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from exacthat.audit.cases import INSTRUMENTS, Case, Economy, Unsolved, solved, technologies
from exacthat.audit.claims import CLAIMS, UNMOVED, Cells, Claim
from framework.errors import ScenarioError

HOLDS, FAILS, HOLDS_WHEN = "holds", "fails", "holds when"


@dataclass(frozen=True)
class Count:
    """In how many cells of the economies of one origin a claim holds."""

    holds: int
    cells: int


@dataclass(frozen=True)
class Split:
    """How a claim fares where a condition is met, and where it is not."""

    met: Count
    unmet: Count

    @property
    def exact(self) -> bool:
        """Whether it holds in every cell in which the condition is met, and in no other."""
        return self.met.cells > 0 and self.met.holds == self.met.cells and self.unmet.holds == 0


@dataclass(frozen=True, eq=False)
class Finding:
    """The verdict on one claim for one technology under one instrument, with what it rests on.

    Attributes
    ----------
    verdict : str
        ``"holds"`` in every cell; ``"holds when"`` in exactly the cells in which `condition` is true; else ``"fails"``.
    by_origin : dict
        By where the economies come from.
    splits : dict
        By each condition that theory offers, whether or not it tells the cells apart.
    undecided : int
        Cells in which the margin is numerically zero; they count for nothing.
    left_out : int
        Cells to which the statement does not apply.
    variety_productivity : tuple of float
        The values of phi in the economies.
    unsolved : dict
        Number of economies without a certified solution, by reason.
    figures, origins : array
        The figure in each cell, and where its economy comes from.
    details : list of dict
        What else single economies say.
    """

    claim: Claim
    technology: str
    instrument: str
    verdict: str
    condition: str | None
    by_origin: dict[str, Count]
    splits: dict[str, Split]
    figures: np.ndarray
    origins: np.ndarray
    undecided: int
    left_out: int
    variety_productivity: tuple[float, ...]
    details: list[dict[str, Any]]
    unsolved: dict[str, int]

    @property
    def extent(self) -> str:
        """In all cells, in none, or in how many of how many the claim holds."""
        if self.holds in (0, self.cells):
            return f"{'all' if self.holds else 'none'} of {self.cells}"
        return f"{self.holds} of {self.cells}"

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
    cells: dict[tuple[str, str, str], list[tuple[Case, Cells]]] = defaultdict(list)
    lost: dict[tuple[str, str], list[Unsolved]] = defaultdict(list)
    for case in cases:
        if isinstance(case, Unsolved):
            lost[case.technology, case.instrument].append(case)
            continue
        for claim in CLAIMS:
            if (found := claim.test(case)) is not None:
                cells[claim.name, case.technology, case.instrument].append((case, found))
    judged = (
        _judge(claim, technology, instrument, cells[key], lost[technology, instrument])
        for claim in CLAIMS
        for technology in technologies()
        for instrument in INSTRUMENTS
        if (key := (claim.name, technology, instrument)) in cells
    )
    return [finding for finding in judged if finding.cells]


def _judge(
    claim: Claim, technology: str, instrument: str, found: list[tuple[Case, Cells]], lost: list[Unsolved]
) -> Finding:
    margin = np.concatenate([c.margin for _, c in found])
    clear = np.abs(margin) > UNMOVED
    holds, figure = margin[clear] > 0, np.concatenate([c.figure for _, c in found])[clear]
    origin = np.concatenate([np.full(c.margin.size, case.economy.origin, dtype=object) for case, c in found])
    origin = origin[clear]
    splits = {
        words: Split(_count(holds, met), _count(holds, ~met))
        for words in found[0][1].conditions
        for met in [np.concatenate([c.conditions[words] for _, c in found])[clear]]
    }
    verdict, condition = _verdict(holds, splits)
    return Finding(
        claim,
        technology,
        instrument,
        verdict,
        condition,
        by_origin={where: _count(holds, origin == where) for where in dict.fromkeys(origin)},
        splits=splits,
        figures=figure,
        origins=origin,
        undecided=int((~clear).sum()),
        left_out=sum(c.left_out for _, c in found),
        variety_productivity=tuple(sorted({float(case.data["variety_productivity"]) for case, _ in found})),
        details=[c.details for _, c in found if c.details],
        unsolved=dict(Counter(case.why for case in lost)),
    )


def _count(holds: np.ndarray, among: np.ndarray) -> Count:
    return Count(int(holds[among].sum()), int(among.sum()))


def _verdict(holds: np.ndarray, splits: dict[str, Split]) -> tuple[str, str | None]:
    if holds.size and holds.all():
        return HOLDS, None
    exact = next((words for words, split in splits.items() if split.exact), None)
    return (FAILS, None) if exact is None else (HOLDS_WHEN, exact)
