"""Time a call, and show rows with the ratio to a named baseline of the same run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One measurement: what, seconds, the bar it must meet, and what it is compared with."""

    what: str
    seconds: float
    bar: float
    compared: str

    @property
    def ratio(self) -> float:
        """Seconds over the bar."""
        return self.seconds / self.bar

    @property
    def passed(self) -> bool:
        """True if the measurement is within its bar."""
        return self.ratio <= 1.0


def seconds(call: Callable[[], object], repeats: int = 5) -> float:
    """Median wall time of a call, after one that is not counted."""
    return median(_times(call, repeats))


def least_seconds(call: Callable[[], object], repeats: int) -> float:
    """Smallest wall time of a call: other work on the machine only adds to it."""
    return min(_times(call, repeats))


def _times(call: Callable[[], object], repeats: int) -> list[float]:
    call()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return times


def show(title: str, rows: list[Row]) -> None:
    """Print a table of measurements."""
    table = Table(title=title, title_justify="left")
    for name in ("what", "seconds", "bar", "ratio", "compared with", ""):
        table.add_column(name, justify="right" if name in ("seconds", "bar", "ratio") else "left")
    for r in rows:
        verdict = "pass" if r.passed else "FAIL"
        table.add_row(r.what, f"{r.seconds:.4f}", f"{r.bar:.4g}", f"{r.ratio:.3f}", r.compared, verdict)
    Console().print(table)
