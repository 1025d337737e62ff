"""Run every benchmark and exit non-zero if one misses its bar."""

from __future__ import annotations

import sys

from benchmarks import coverage
from benchmarks.backends import backend_rows
from benchmarks.derivatives import derivative_rows, draw_rows
from benchmarks.did import overhead_rows
from benchmarks.embedding import embedding_rows
from benchmarks.rare_earths import build_rows, large_rows, nine_cases_rows
from benchmarks.timing import show


def main() -> int:
    """Print the tables; 1 if a bar is missed."""
    rows = []
    for title, measure in (
        ("Symbolic build", build_rows),
        ("Rare earths, WIOD 2009, 5 x 14", nine_cases_rows),
        ("Rare earths, WIOD 2009, 41 x 35", large_rows),
        ("Derivatives of a solution", derivative_rows),
        ("Draws of parameters", draw_rows),
        ("Generated C, synthetic economies, +10% tariff", backend_rows),
        ("Inside a CasADi problem, synthetic economies", embedding_rows),
        ("Difference-in-differences beside pyfixest alone", overhead_rows),
    ):
        found = measure()
        if found:
            show(title, found)
        rows += found
    estimators = coverage.main([])
    return int(estimators or not all(r.passed for r in rows))


if __name__ == "__main__":
    sys.exit(main())
