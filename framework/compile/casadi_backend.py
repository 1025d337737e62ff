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

from framework.compile.ir import Node, needed
from framework.compile.numpy_backend import Program
from framework.selection import Picked, Selection, pick

if TYPE_CHECKING:
    from framework.solve.problem import Problem

Operand = tuple[Node, tuple[int, ...]]


def _iszero(x: ca.MX) -> ca.MX:
    return x == 0


def _inverse0(x: ca.MX) -> ca.MX:
    """``1/x``, and 0 where x is 0, with derivative 0 there; no branch holds an infinity."""
    zero = _iszero(x)
    return (1 - zero) / (x + zero)


def _sqrt(x: ca.MX) -> ca.MX:
    """Square root with derivative 0 at 0."""
    zero = _iszero(x)
    return (1 - zero) * ca.sqrt(x + zero)


_UNARY: dict[str, Callable[[ca.MX], ca.MX]] = {
    "exp": ca.exp,
    "log": ca.log,
    "expm1": ca.expm1,
    "log1p": ca.log1p,
    "inverse": lambda x: 1 / x,
    "inverse0": _inverse0,
    "iszero": _iszero,
    "sqrt": _sqrt,
    "abs": ca.fabs,
    "sign": ca.sign,
}


def casadi_function(problem: Problem, parameters: Picked = (), outcomes: Picked = ()) -> ca.Function:
    """Return the residual, and outcomes, of a problem as expressions that CasADi can differentiate as often as it likes.

    Parameters
    ----------
    problem : Problem
        From ``compile_model(model).bind(data, shocks)``.
    parameters : sequence of str, or mapping of str to mapping
        Keys of shocks or data that stay symbolic, such as ``"export_tax"`` or ``"trade_elasticity"``, or parts of them
        by label: ``{"tariff": {"importer": "USA", "exporter": ["CHN", "JPN"]}}``. A key that names both a baseline and
        its new value means the new value. All else has the value it is bound to.
    outcomes : sequence of str, or mapping of str to mapping
        Keys of variables to return as well, such as ``"real_consumption"``, whole or in part.

    Returns
    -------
    casadi.Function
        ``(u, *parameters) -> (residual, *outcomes)``, named by key. `u` is laid out as in
        ``problem.residual``; the others are columns in C order of their declared dims, labels in the order in which
        they were given.

    Raises
    ------
    DataError
        If the model reads no input, or has no variable, of a given key, the data have no such label, or two have one name.

    Notes
    -----
    Values given to a symbolic parameter are not checked: neither their domain nor the stability of loops.
    At thousands of unknowns ask for products (``casadi.jtimes``) and not for the Jacobian: it is nearly dense,
    and CasADi builds it column by column. `Problem.casadi_callback` is the same function with first derivatives only,
    evaluated by the back end of the problem; `Problem.casadi_equilibrium` has solved it.

    Examples
    --------
    >>> f = problem.casadi_function(["export_tax"], ["real_consumption"])  # doctest: +SKIP
    >>> equilibrium = casadi.rootfinder("equilibrium", "newton", f)  # doctest: +SKIP
    >>> u, real_consumption = equilibrium(problem.start, 0.25)  # doctest: +SKIP

    CasADi differentiates ``equilibrium`` by the implicit function theorem, so it can stand inside an optimisation.
    """
    system = problem.system
    held, reported = pick(problem, parameters, outcomes, ("u", "residual"))
    residuals = [group.residual for group in system.groups]
    values = {key: system.outcomes[s.symbol] for key, s in reported.items()}
    u = ca.MX.sym("u", problem.size)
    p = {key: ca.MX.sym(key, s.cells.size) for key, s in held.items()}
    given = {("data", s.symbol): _whole(problem, s, p[key]) for key, s in held.items()}
    parts = ca.vertsplit(u, problem.offsets.tolist())
    given |= {group.unknown.attr: part for group, part in zip(system.groups, parts, strict=True)}
    tape = Tape(problem.program_of(list(needed([*residuals, *values.values()]))), given)
    shown = [tape[values[key]][s.cells] for key, s in reported.items()]
    out = [ca.vertcat(*(tape[node] for node in residuals)), *shown]
    name = ca.Function.fix_name(system.model.name)
    return ca.Function(name, [u, *p.values()], out, ["u", *p], ["residual", *reported])


def _whole(problem: Problem, chosen: Selection, symbol: ca.MX) -> ca.MX:
    """All cells of an input as a column: those that were chosen symbolic, the others as they are bound."""
    if chosen.is_whole:
        return symbol
    cells, rest = chosen.cells, np.array(problem.bound.values[chosen.symbol], dtype=float).ravel()
    rest[cells] = 0.0
    shape = rest.size, cells.size
    placed = csc_matrix((np.ones(cells.size), (cells, np.arange(cells.size))), shape)
    return ca.MX(ca.DM(rest)) + ca.mtimes(ca.DM(placed), symbol)


class Tape:
    """The nodes of a program as MX columns in C order.

    Parameters
    ----------
    program : Program
        Its prelude has run, and all its nodes are roots: the value of those that stay constant is read from it.
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
