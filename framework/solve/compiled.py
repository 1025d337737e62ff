"""Newton's method in C: hands a problem of the C back end to `gmres_newton.c`, with the options of its Python twin."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from framework.solve import krylov

if TYPE_CHECKING:
    from framework.compile.c_backend import CProgram
    from framework.solve.cores import CCore

Array = np.ndarray
_POINTERS = ("n", "p", "u", "f", "v", "w")
_COUNTS = ("restart", "cycles", "iterations", "halvings", "patience")
_NUMBERS = (
    "tiny", "progress", "cancelled", "forcing", "longest", "growth", "accurate", "left", "endless", "residual_bound",
    "step_bound",
)  # fmt: skip
_RESULTS = ("taken", "evaluations", "products", "unsolved")
# Vectors of a Krylov basis to begin with: few solves need all that GMRES may use before it restarts.
_ROOM = 25
_Widen = ctypes.CFUNCTYPE(None)
STATUS = ("SOLVED", "NO_CONVERGENCE", "NON_FINITE", "SINGULAR", "STAGNATION", "BAD_START")


class _Newton(ctypes.Structure):
    """The struct `Newton` of `gmres_newton.c`."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in _POINTERS),
        ("size", ctypes.c_int64),
        ("blocks", ctypes.c_int64),
        ("offsets", ctypes.c_void_p),
        ("signs", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in _COUNTS),
        *((name, ctypes.c_double) for name in _NUMBERS),
        ("work", ctypes.c_void_p),
        ("basis", ctypes.c_void_p),
        ("columns", ctypes.c_void_p),
        ("room", ctypes.c_int64),
        ("widen", _Widen),
        ("residual", ctypes.c_double),
        ("step", ctypes.c_double),
        *((name, ctypes.c_int64) for name in _RESULTS),
    )


@dataclass(frozen=True)
class Outcome:
    """What a run in C did; `status` is the name of a `Status`."""

    status: str
    point: Array
    residual: float
    step: float
    taken: int
    evaluations: int
    products: int
    unsolved: int


class LinearInC:
    """Solve linear systems with the product of a program.

    Parameters
    ----------
    program : CProgram
        Compiled with solvers.
    given, out : array, shape (n,)
        What the product reads and writes.
    offsets : array of int
        Where each block of unknowns begins, and the end.
    """

    def __init__(self, program: CProgram, given: Array, out: Array, offsets: Array) -> None:
        size, restart = given.size, krylov.RESTART
        self._arrays = (
            np.empty(4 * (restart + 1) + 2 * size),
            np.empty((restart + 1, size)),  # of which a solve touches what it needs
            np.empty(_triangle(restart)),
            np.ascontiguousarray(offsets, dtype=np.int64),
            np.empty(len(offsets) - 1),
            program.lengths, program.pointers, given, out,
        )  # fmt: skip
        work, basis, columns, places, signs, lengths, pointers, v, w = (a.ctypes.data for a in self._arrays)
        self._state = _Newton(
            size=size, blocks=len(offsets) - 1, offsets=places, signs=signs, work=work, basis=basis, columns=columns, room=restart + 1,
            n=lengths, p=pointers, v=v, w=w, restart=restart, cycles=krylov.CYCLES, tiny=krylov.TINY,
            progress=krylov.PROGRESS, cancelled=krylov.CANCELLED,
        )  # fmt: skip
        self._function = program.compiled.built.library.solve_linear

    def __call__(self, b: Array, tolerance: float) -> krylov.Linear:
        """Solve to a relative residual; twin of `krylov.gmres` on the paired and signed operator."""
        b, x = np.ascontiguousarray(b, dtype=float), np.empty(b.size)
        self._state.products = 0
        given, out = (ctypes.c_void_p(a.ctypes.data) for a in (b, x))
        converged = self._function(ctypes.byref(self._state), given, ctypes.c_double(tolerance), out)
        return krylov.Linear(x, self._state.residual, int(self._state.products), bool(converged))


def _triangle(size: int) -> int:
    """Entries of a triangular matrix."""
    return size * (size + 1) // 2


def _widen(basis: Array, columns: Array, rows: int) -> None:
    """Make room for more vectors without holding those that are there twice."""
    basis.resize((rows, basis.shape[1]), refcheck=False)
    columns.resize(_triangle(rows), refcheck=False)


def newton_in_c(core: CCore, offsets: Array, start: Array, **settings: float) -> Outcome:
    """Iterate from a point.

    Parameters
    ----------
    core : CCore
    offsets : array of int
        Where each block of unknowns begins, and the end.
    start : array, shape (n,)
    **settings : float
        Every field of the C struct that is a count or a number.
    """
    core.u[:] = start
    size, restart = core.u.size, max(1, int(settings["restart"]))
    work = np.empty(4 * (restart + 1) + 2 * size)
    basis, columns = np.empty((0, size)), np.empty(0)
    best = np.empty(int(settings["iterations"]) + 2)
    places, signs = np.ascontiguousarray(offsets, dtype=np.int64), np.empty(len(offsets) - 1)
    program = core.program
    arrays = (program.lengths, program.pointers, core.u, core.f, core.v, core.w)
    state = _Newton(
        size=size,
        blocks=len(signs),
        offsets=places.ctypes.data,
        signs=signs.ctypes.data,
        work=work.ctypes.data,
    )
    failed: list[MemoryError] = []

    def hold(rows: int) -> None:
        _widen(basis, columns, rows)
        state.basis, state.columns, state.room = basis.ctypes.data, columns.ctypes.data, rows

    def widen() -> None:
        try:
            hold(min(len(basis) + 2, restart + 1))
        except MemoryError as error:  # it cannot pass through C, which stops where there is no more room
            failed.append(error)

    hold(min(_ROOM, restart + 1))
    state.widen = _Widen(widen)
    for name, array in zip(_POINTERS, arrays, strict=True):
        setattr(state, name, array.ctypes.data)
    for name in _COUNTS:
        setattr(state, name, int(settings[name]))
    for name in _NUMBERS:
        setattr(state, name, float(settings[name]))
    function = core.compiled.built.library.newton
    status = function(ctypes.byref(state), ctypes.c_void_p(best.ctypes.data))
    state.widen = _Widen()  # which knows the state: the basis is to be freed now
    if failed:
        raise failed[0]
    counts = [int(getattr(state, name)) for name in _RESULTS]
    return Outcome(STATUS[status], core.u.copy(), state.residual, state.step, *counts)
