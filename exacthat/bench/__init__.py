"""Solvers side by side on one model: time, work and, above all, whether the answer is right."""

from exacthat.bench.run import Row, bench
from exacthat.bench.shocks import SHOCKS

__all__ = ["SHOCKS", "Row", "bench"]
