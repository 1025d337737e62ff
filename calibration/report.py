"""Reports of consistency checks: what was checked, how far it is off, where, and how to repair it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import SupportsIndex

import numpy as np
import xarray as xr

from framework.errors import DataError


def named(kind: str, data: xr.Dataset) -> str:
    """Name a data set in messages by its title, else by its file, else only by its kind."""
    title, file = data.attrs.get("title"), data.encoding.get("source")
    return f"{kind} '{title}'" if title else f"{kind} in file '{file}'" if file else f"the {kind}"


def where(label: dict[str, str]) -> str:
    """Write a label as ``region 'JPN', sector 'Machinery'``."""
    return ", ".join(f"{dim} '{value}'" for dim, value in label.items())


def label_at(array: xr.DataArray, position: tuple[SupportsIndex, ...]) -> dict[str, str]:
    """Return the label of a cell given by its position."""
    return {str(d): str(array[d].values[i]) for d, i in zip(array.dims, position, strict=True)}


def first(bad: xr.DataArray) -> str:
    """Write the label of the first cell of a boolean array that is true."""
    return where(label_at(bad, tuple(np.argwhere(bad.values)[0])))


def largest(array: xr.DataArray) -> tuple[float, dict[str, str]]:
    """Return the value of largest magnitude and its label; NaN counts as larger than any number."""
    magnitude = np.where(np.isnan(array.values), np.inf, np.abs(array.values))
    position = np.unravel_index(int(np.argmax(magnitude)), magnitude.shape) if magnitude.ndim else ()
    return float(array.values[position]), label_at(array, position)


@dataclass(frozen=True)
class Finding:
    """One check: its statement, the largest deviation, where it is, and what to do if it fails."""

    check: str
    passed: bool
    size: float
    at: str = ""
    fix: str = ""

    def __str__(self) -> str:
        state = "ok  " if self.passed else "FAIL"
        place = f" at {self.at}" if self.at else ""
        return f"{state}  {self.check}: {self.size:.6g}{place}" + ("" if self.passed else f"; {self.fix}")


@dataclass
class Report:
    """The findings about one dataset, in the order in which they were checked.

    ``print(report)`` shows all of them; ``report.passed`` says whether every check holds.
    """

    subject: str
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def within(self, check: str, deviation: xr.DataArray, tolerance: float, fix: str) -> None:
        """Record that ``deviation`` stays within ``tolerance`` in magnitude (NaN fails)."""
        size, label = largest(deviation)
        self.findings.append(Finding(check, bool(abs(size) <= tolerance), size, where(label), fix))

    def count(self, check: str, bad: xr.DataArray, fix: str, values: xr.DataArray | None = None) -> None:
        """Record that no cell of the boolean array ``bad`` is true; ``values`` gives the size to show."""
        hits = int(bad.sum())
        if not hits:
            self.findings.append(Finding(check, True, 0))
            return
        shown = first(bad)
        if values is not None:
            position = np.unravel_index(int(np.argmax(np.where(bad, np.abs(values), -1.0))), bad.shape)
            shown = f"{where(label_at(bad, position))} ({values.values[position]:.6g})"
        place = f"{shown}, and {hits - 1} more" if hits > 1 else shown
        self.findings.append(Finding(check, False, hits, place, fix))

    def note(self, text: str) -> None:
        """Record something worth knowing that is not an error."""
        self.notes.append(text)

    @property
    def passed(self) -> bool:
        """Whether every check holds."""
        return all(f.passed for f in self.findings)

    def failures(self) -> Iterator[Finding]:
        """Iterate over the checks that failed."""
        return (f for f in self.findings if not f.passed)

    def raise_if_failed(self) -> Report:
        """Return the report, or raise `DataError` that lists every failed check with its fix."""
        if self.passed:
            return self
        lines = [
            f"{f.check}: {f.size:.6g}" + (f" at {f.at}" if f.at else "") + f"; {f.fix}"
            for f in self.failures()
        ]
        raise DataError(f"{self.subject}: " + "\n  ".join(lines))

    def __str__(self) -> str:
        return "\n".join(
            [self.subject, *(f"  {f}" for f in self.findings), *(f"  note  {n}" for n in self.notes)]
        )
