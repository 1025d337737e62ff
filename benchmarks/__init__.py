"""Timings on the side, never as tests: ``python -m benchmarks`` prints one table of ratios."""
