"""Every bar of the design, measured and written into the documentation: ``python -m benchmarks``.

Exit status 1 means a wrong answer; a missed bar is told in the table, no more. A C compiler is needed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import cases, report
from benchmarks.bars import Bar, Growth
from benchmarks.cold import cold_rows
from benchmarks.coverage import measure as coverage_rows
from benchmarks.did import overhead_rows
from benchmarks.draws import draw_rows
from benchmarks.embedding import embedding_rows
from benchmarks.rare_earths import rare_earths_rows
from benchmarks.right import right_rows
from benchmarks.solves import derivative_rows, solve_rows
from benchmarks.versus import versus_rows

Measured = list[Bar] | tuple[list[Bar], list[Growth]]

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "benchmarks"
#: Name of a group, its title, and what measures it.
GROUPS: dict[str, tuple[str, Callable[[], Measured]]] = {
    "build": ("Build and compile, in a fresh process", cold_rows),
    "peers": ("Caliendo and Parro, beside solvers written by hand", versus_rows),
    "solves": ("Caliendo and Parro, what a solve costs (synthetic economies, +10% tariff)", solve_rows),
    "right": ("Caliendo and Parro, right answers", right_rows),
    "derivatives": ("Derivatives", derivative_rows),
    "draws": ("Draws", draw_rows),
    "embedding": ("Inside a CasADi problem, synthetic economies", embedding_rows),
    "rare-earths": ("Rare earths, every technology under every instrument", rare_earths_rows),
    "did": ("Difference-in-differences beside pyfixest alone", overhead_rows),
    "coverage": ("Estimators on synthetic worlds", coverage_rows),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the groups and print them; write the table and the figure if all were measured. 1 if an answer is wrong."""
    parser = argparse.ArgumentParser(description="Measure the bars of the design.")
    parser.add_argument(
        "groups",
        nargs="*",
        choices=[*GROUPS, []],
        help="groups to measure and print; by default all, which also writes docs/benchmarks",
    )
    chosen = parser.parse_args(arguments).groups or list(GROUPS)
    tables: dict[str, list[Bar]] = {}
    points: list[Growth] = []
    for name in chosen:
        title, measure = GROUPS[name]
        begin = time.perf_counter()
        found = measure()
        rows, grown = found if isinstance(found, tuple) else (found, [])
        tables[title] = rows
        points += grown
        print(f"\n{report.markdown({title: rows})}{time.perf_counter() - begin:.0f} s", flush=True)
    print(report.summary(tables))
    if len(chosen) == len(GROUPS):
        for path in report.write(tables, points, cases.FITTED, FOLDER):
            print(f"written: {path}")
    return int(any(r.verdict == "WRONG" for rows in tables.values() for r in rows))


if __name__ == "__main__":
    sys.exit(main())
