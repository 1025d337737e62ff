"""The public face: what a model file or a notebook imports.

Names are loaded when they are first used, so that the command's help does not wait for sympy and casadi.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exacthat.run import Outcome, run_scenarios, solve_study
    from framework import (
        DataError,
        ExacthatError,
        Model,
        ModelError,
        ScenarioError,
        Solution,
        SolveError,
        analyse,
        channels,
        compile_model,
        diff,
        elasticities,
        follow,
        hat,
        nests,
        response,
        solve,
        solve_many,
        subtotals,
    )

_OWN = {"Outcome": "exacthat.run", "run_scenarios": "exacthat.run", "solve_study": "exacthat.run"}

__all__ = [
    "DataError",
    "ExacthatError",
    "Model",
    "ModelError",
    "Outcome",
    "ScenarioError",
    "Solution",
    "SolveError",
    "analyse",
    "channels",
    "compile_model",
    "diff",
    "elasticities",
    "follow",
    "hat",
    "nests",
    "response",
    "run_scenarios",
    "solve",
    "solve_many",
    "solve_study",
    "subtotals",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'exacthat' has no attribute '{name}'")
    return getattr(import_module(_OWN.get(name, "framework")), name)


def __dir__() -> list[str]:
    return __all__
