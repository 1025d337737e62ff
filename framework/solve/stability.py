"""Stability of an equilibrium whose variables adjust, one after the other, to what their equations call for.

Let ``ln A = ln eta + ln g(A)``, where ``g`` holds everything else in equilibrium at given ``A``. Then the response of
``ln A`` to ``ln eta`` is ``(I - B)^-1`` with ``B`` the derivative of the best response ``ln g``. If ``ln A`` moves
towards its best response, ``d ln A / dt = ln eta + ln g(A) - ln A``, the equilibrium is stable if and only if every
eigenvalue of ``B`` has a real part below one (in a closed chain of markets: the correspondence principle of Samuelson
1947). The responses are those of the implicit function theorem at the solution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg
from scipy.sparse.linalg import ArpackError, LinearOperator, eigs

from framework.errors import SolveError
from framework.solve.implicit import Linearised
from framework.solve.krylov import gmres
from framework.solve.outcomes import variables

if TYPE_CHECKING:
    from framework.model import Adjustment
    from framework.solve.problem import Problem

Array = np.ndarray
STABLE = 1.0  # bound of the largest eigenvalue
_DENSE = 300  # cells up to which all eigenvalues are found
_ACCURACY = 1e-4
_NOTHING = 1e-13  # of the largest response, or of one that is as large as what calls it forth
_REACHED = 1e-6  # accuracy of a random right side, and the least response to what reaches it
CHECK = "largest eigenvalue of best responses"


@dataclass(frozen=True)
class Responses:
    """Best responses of what adjusts.

    Attributes
    ----------
    eigenvalue : float
        Largest real part of an eigenvalue of their derivative.
    where : str
        Variable and cell with the largest part in it (left times right eigenvector), in words.
    """

    eigenvalue: float
    where: str


def best_responses(problem: Problem, point: Array, adjustment: Adjustment) -> Responses:
    """Return the largest eigenvalue of the best responses at a solution of a model in hats.

    Beyond a few hundred cells it is found without the matrix. Where it is above one it is then the first that is found,
    not the largest; it is infinite where none can be found because responses are all but singular, or something does not
    respond at all.
    """
    moving, shifters = list(adjustment.shifters), list(adjustment.shifters.values())
    levels = variables(problem, point, moving)
    above = np.concatenate([np.ravel(levels[s]) for s in moving])
    below = np.concatenate([np.ravel(problem.bound.values[s]) for s in shifters])
    respond = Linearised(problem, point).responses(shifters, moving)
    shapes = [problem.bound.values[s].shape for s in shifters]
    ends = np.cumsum([np.prod(shape, dtype=int) for shape in shapes])

    def response(direction: Array) -> Array:
        parts = np.split(np.ravel(direction) * below, ends[:-1])
        moved = respond({s: x.reshape(d) for s, x, d in zip(shifters, parts, shapes, strict=True)})
        return np.concatenate([np.ravel(moved[s]) for s in moving]) / above

    if below.size <= _DENSE:
        values, left, right = linalg.eig(
            np.column_stack([response(e) for e in np.eye(below.size)]), left=True
        )
        if not np.abs(values).min() > _NOTHING * np.abs(values).max():  # something does not respond at all
            return Responses(np.inf, "")
        roots = (1 - 1 / values).real
        worst = int(np.argmax(roots))
        part = np.abs(left[:, worst] * right[:, worst])  # what moves, as far as it moves the rest
        return Responses(float(roots[worst]), _where(problem, moving, levels, part))
    try:
        root, vector = _without_matrix(response, below.size)
    except (SolveError, ArpackError):
        return Responses(np.inf, "")
    return Responses(root, _where(problem, moving, levels, np.abs(vector)))


def _without_matrix(response: Callable[[Array], Array], size: int) -> tuple[float, Array]:
    """An eigenvalue of B and its vector: one above one if there is any, else the largest.

    It is that of ``(I - B)^-1``: one of B has a real part above one where one of these has a negative real part.
    """
    operator = LinearOperator((size, size), matvec=response, dtype=float)
    values, vectors = eigs(operator, k=1, which="SR", v0=np.ones(size), tol=_ACCURACY)
    if values[0].real > 0:
        # A random right side is out of reach where something does not respond; ARPACK starts in the range and may miss it.
        wanted = np.random.default_rng(0).standard_normal(size)
        found = gmres(response, wanted, _REACHED)
        if not (found.converged and linalg.norm(found.x) * _REACHED < linalg.norm(wanted)):
            return np.inf, vectors[:, 0]
        values, vectors = eigs(operator, k=1, which="LR", v0=np.ones(size), tol=_ACCURACY)
    if abs(values[0]) <= _NOTHING:
        return np.inf, vectors[:, 0]
    return float((1 - 1 / values[0]).real), vectors[:, 0]


def _where(problem: Problem, moving: list[str], levels: dict[str, Array], size: Array) -> str:
    largest, offset = int(np.argmax(size)), 0
    for symbol in moving:
        shape = levels[symbol].shape
        count = int(np.prod(shape, dtype=int))
        if largest < offset + count:
            decl = problem.system.model.symbols[symbol]
            cell = np.unravel_index(largest - offset, shape)
            return f"'{decl.key}'{problem.bound.at(decl, [int(k) for k in cell])}"
        offset += count
    raise AssertionError("a position is in one of the variables")
