"""Declare, transform, analyse, compile and solve structural models; knows no particular model."""

from framework.compare import Difference, Nesting, diff, nests
from framework.compile import System, compile_model
from framework.decomposition import channels, subtotals
from framework.errors import CompilerError, DataError, ExacthatError, ModelError, ScenarioError, SolveError
from framework.hat import hat
from framework.many import solve_many
from framework.model import Equation, Model
from framework.sensitivity import elasticities, response
from framework.solution import Certificate, Solution, Status
from framework.solve import Problem, register_solver, solve
from framework.solve.continuation import EquilibriumPath, follow
from framework.structure import Structure, analyse
from framework.symbols import base
from framework.usual import UnusualValue

__all__ = [
    "Certificate",
    "CompilerError",
    "DataError",
    "Difference",
    "Equation",
    "EquilibriumPath",
    "ExacthatError",
    "Model",
    "ModelError",
    "Nesting",
    "Problem",
    "ScenarioError",
    "Solution",
    "SolveError",
    "Status",
    "Structure",
    "System",
    "UnusualValue",
    "analyse",
    "base",
    "channels",
    "compile_model",
    "diff",
    "elasticities",
    "follow",
    "hat",
    "nests",
    "register_solver",
    "response",
    "solve",
    "solve_many",
    "subtotals",
]
