"""Solve bound models: problem, Newton, certificate, registry of solvers."""

from framework.solve.certify import solve
from framework.solve.newton import Trace
from framework.solve.problem import Problem
from framework.solve.registry import SOLVERS, register_solver

__all__ = ["SOLVERS", "Problem", "Trace", "register_solver", "solve"]
