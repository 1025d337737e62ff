"""Lower an indexed expression graph to CasADi: the compiled model as one `casadi.Function`.

Each array is one MX column in C order, so nothing is ever expanded into scalars. What depends on neither an
unknown nor a symbolic parameter is a constant that the numpy program has computed. A sum over indices is
linear in what it moves: one product with a constant sparse matrix, whose zeros (empty cells) cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from math import prod
from operator import add, mul
from typing import TYPE_CHECKING

import casadi as ca
import numpy as np
from scipy.sparse import csc_matrix

from framework.compile.ir import Node
from framework.compile.numpy_backend import Program
from framework.errors import DataError, did_you_mean
from framework.symbols import Declaration, Kind

if TYPE_CHECKING:
    from framework.compile.system import System
    from framework.solve.problem import Problem

Operand = tuple[Node, tuple[int, ...]]


def _iszero(x: ca.MX) -> ca.MX:
    return x == 0


def _inverse0(x: ca.MX) -> ca.MX:
    """``1/x``, and 0 where x is 0, with derivative 0 there; no branch holds an infinity."""
    zero = _iszero(x)
    return (1 - zero) / (x + zero)


_UNARY: dict[str, Callable[[ca.MX], ca.MX]] = {
    "exp": ca.exp,
    "log": ca.log,
    "expm1": ca.expm1,
    "log1p": ca.log1p,
    "inverse": lambda x: 1 / x,
    "inverse0": _inverse0,
    "iszero": _iszero,
    "abs": ca.fabs,
    "sign": ca.sign,
}


def casadi_function(
    problem: Problem, parameters: Sequence[str] = (), outcomes: Sequence[str] = ()
) -> ca.Function:
    """Return the residual, and outcomes, of a problem as a function that CasADi can differentiate and embed.

    Parameters
    ----------
    problem : Problem
        From ``compile_model(model).bind(data, shocks)``.
    parameters : sequence of str
        Keys of shocks or data that stay symbolic, such as ``"export_tax"`` or ``"trade_elasticity"``. A key
        that names both a baseline and its new value means the new value. All else has the value it is bound to.
    outcomes : sequence of str
        Keys of variables to return as well, such as ``"real_consumption"``.

    Returns
    -------
    casadi.Function
        ``(u, *parameters) -> (residual, *outcomes)``, named by key. `u` is laid out as in
        ``problem.residual``; the others are columns in C order of their declared dims.

    Raises
    ------
    DataError
        If the model reads no input, or has no variable, of a given key.

    Notes
    -----
    Values given to a symbolic parameter are not checked: neither their domain nor the stability of loops.
    At thousands of unknowns ask for products (``casadi.jtimes``) and not for the Jacobian: it is nearly dense,
    and CasADi builds it column by column.

    Examples
    --------
    >>> f = problem.casadi_function(["export_tax"], ["real_consumption"])  # doctest: +SKIP
    >>> equilibrium = casadi.rootfinder("equilibrium", "newton", f)  # doctest: +SKIP
    >>> u, real_consumption = equilibrium(problem.start, 0.25)  # doctest: +SKIP

    CasADi differentiates ``equilibrium`` by the implicit function theorem, so it can stand inside an optimisation.
    """
    system = problem.system
    held = [_input(system, key) for key in parameters]
    reported = [system.outcomes[_variable(system, key).symbol] for key in outcomes]
    residuals = [group.residual for group in system.groups]
    u = ca.MX.sym("u", problem.size)
    p = [ca.MX.sym(d.key, prod(problem.sizes[r] for r in d.roots)) for d in held]
    given = {("data", d.symbol): symbol for d, symbol in zip(held, p, strict=True)}
    parts = ca.vertsplit(u, problem.offsets.tolist())
    given |= {group.unknown.attr: part for group, part in zip(system.groups, parts, strict=True)}
    tape = Tape(problem.program_of([*residuals, *reported]), given)
    out = [ca.vertcat(*(tape[node] for node in residuals)), *(tape[node] for node in reported)]
    name = ca.Function.fix_name(system.model.name)
    return ca.Function(name, [u, *p], out, ["u", *parameters], ["residual", *outcomes])


def _input(system: System, key: str) -> Declaration:
    model = system.model
    found = [d for d in system.inputs if d.key == key]
    if key in {model.symbols[s].key for s in model.swaps if s in model.symbols}:
        raise DataError(
            f"'{key}' is a variable in this closure of model '{model.name}'; ask for it as an outcome"
        )
    if not found:
        raise DataError(
            f"model '{model.name}' reads no input '{key}' that could stay symbolic."
            + did_you_mean(key, (d.key for d in system.inputs))
        )
    return next((d for d in found if d.kind is Kind.EXOGENOUS), found[0])


def _variable(system: System, key: str) -> Declaration:
    known = {d.key: d for d in system.model.of_kind(Kind.VARIABLE) if d.symbol in system.outcomes}
    if key not in known:
        raise DataError(f"model '{system.model.name}' has no variable '{key}'.{did_you_mean(key, known)}")
    return known[key]


class Tape:
    """The nodes of a program as MX columns in C order.

    Parameters
    ----------
    program : Program
        Its prelude has run: the value of every node that stays constant is read from it.
    given : mapping
        Symbolic columns of inputs, by the name of the input.
    """

    def __init__(self, program: Program, given: Mapping[object, ca.MX]) -> None:
        self._program, self._sizes = program, program.sizes
        self._placements: dict[tuple, ca.MX] = {}
        self._moving: dict[Node, ca.MX] = {}  # what depends on a symbolic input
        for node in program.nodes:
            if node.op == "input" and node.attr in given:
                self._moving[node] = given[node.attr]
            elif any(arg in self._moving for arg, _ in node.args):
                self._moving[node] = self._emit(node)

    def __getitem__(self, node: Node) -> ca.MX:
        """Value of a node, a column in C order."""
        return self._moving[node] if node in self._moving else ca.MX(ca.DM(self._constant(node)))

    def _constant(self, node: Node) -> np.ndarray:
        return np.ravel(self._program[node])

    def _emit(self, node: Node) -> ca.MX:
        if node.op in _UNARY:
            return _UNARY[node.op](self[node.args[0][0]])
        if node.op == "take":
            return self._take(node)
        if node.rank < len(node.axes):
            return self._sum(node)
        moving, constant = self._operands(node)
        loops = range(node.rank)
        placed = [self._placed(arg, node, loops) for arg in moving]
        combine = add if node.op == "add" else mul
        if constant:
            placed.insert(0, ca.MX(ca.DM(reduce(combine, [self._spread(arg, node) for arg in constant]))))
        return reduce(combine, placed)

    def _take(self, node: Node) -> ca.MX:
        (arg, _), (axis, element) = node.args[0], node.attr  # type: ignore[misc]
        shape = [self._sizes[root] for root in arg.shape_axes]
        cells = np.arange(prod(shape)).reshape(shape)
        return self._moving[arg][cells.take(self._program.positions[element], axis).ravel()]

    def _sum(self, node: Node) -> ca.MX:
        """Sum of a product: a constant sparse matrix times the product of what moves."""
        moving, constant = self._operands(node)
        loops = sorted({loop for _, subs in moving for loop in subs})
        column = reduce(mul, [self._placed(arg, node, loops) for arg in moving])
        everywhere, size = range(len(node.axes)), [self._sizes[root] for root in node.axes]
        rows = self._cells(range(node.rank), node, everywhere)
        columns = self._cells(loops, node, everywhere)
        weights = reduce(mul, [self._spread(arg, node) for arg in constant], np.ones(rows.size))
        shape = prod(size[: node.rank]), prod(size[k] for k in loops)
        matrix = csc_matrix((weights, (rows, columns)), shape)
        matrix.eliminate_zeros()
        return ca.densify(ca.mtimes(ca.DM(matrix), column))

    # ---- operands on loops -----------------------------------------------------------------------

    def _operands(self, node: Node) -> tuple[list[Operand], list[Operand]]:
        moving = [arg for arg in node.args if arg[0] in self._moving]
        return moving, [arg for arg in node.args if arg[0] not in self._moving]

    def _spread(self, operand: Operand, node: Node) -> np.ndarray:
        """Constant operand at every point of all loops of a node; a scalar stays one."""
        value = self._constant(operand[0])
        return value if value.size == 1 else value[self._cells(operand[1], node, range(len(node.axes)))]

    def _placed(self, operand: Operand, node: Node, loops: Sequence[int]) -> ca.MX:
        """Column of an operand at every point of the given loops; a scalar stays one."""
        arg, subs = operand
        value = self._moving[arg]
        cells = self._cells(subs, node, loops)
        if value.numel() == 1 or np.array_equal(cells, np.arange(value.numel())):
            return value
        key = arg.id, cells.tobytes()
        if key not in self._placements:
            self._placements[key] = value[cells]
        return self._placements[key]

    def _cells(self, subs: Sequence[int], node: Node, loops: Sequence[int]) -> np.ndarray:
        """Position in an operand, with loops `subs` on its axes, of each point of `loops`."""
        size = [self._sizes[root] for root in node.axes]
        cells, stride = np.zeros([size[k] for k in loops], dtype=int), 1
        for loop in reversed(subs):
            cells += stride * np.arange(size[loop]).reshape([-1 if k == loop else 1 for k in loops])
            stride *= size[loop]
        return cells.ravel()
