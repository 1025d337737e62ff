"""Solver and scaling benchmarks, run on the side (make bench) and never as timed tests."""
