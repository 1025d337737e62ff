"""Quantities that a user picks by key, whole or in part: ``["export_tax"]`` or ``{"tariff": {"importer": "USA"}}``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from framework.errors import DataError, did_you_mean
from framework.symbols import Declaration, Kind

if TYPE_CHECKING:
    from framework.solve.problem import Problem

Array = np.ndarray
Picked = Sequence[str] | Mapping[str, Mapping[str, object] | None]


@dataclass(frozen=True)
class Selection:
    """Some cells of a declared quantity.

    Attributes
    ----------
    declaration : Declaration
    shape : tuple of int
        Shape of the whole quantity.
    cells : array of int
        Position of each chosen cell in the whole, in C order of its declared dims.
    """

    declaration: Declaration
    shape: tuple[int, ...]
    cells: Array

    @property
    def symbol(self) -> str:
        """Symbol of the quantity."""
        return self.declaration.symbol

    @property
    def is_whole(self) -> bool:
        """True if every cell is chosen, in order."""
        return np.array_equal(self.cells, np.arange(prod(self.shape)))

    def of(self, whole: Array) -> Array:
        """The chosen cells of an array."""
        return np.ravel(whole)[self.cells]

    def into(self, whole: Array, chosen: Array) -> Array:
        """A copy of an array in which the chosen cells have new values."""
        out = np.array(whole, dtype=float)
        out.reshape(-1)[self.cells] = chosen
        return out


def pick(
    problem: Problem, parameters: Picked, outcomes: Picked, taken: Sequence[str] = ()
) -> tuple[dict[str, Selection], dict[str, Selection]]:
    """Inputs (parameters, data and shocks) and variables by key, which name inputs and outputs of one function.

    A key of both a baseline and its new value means the new value.

    Parameters
    ----------
    problem : Problem
    parameters, outcomes : sequence of str, or mapping of str to mapping
    taken : sequence of str
        Names that the function has already.

    Raises
    ------
    DataError
        If the model reads no such input, or has no such variable, if the data have no such label, or if two inputs or
        outputs would have one name.
    """
    inputs = _chosen(problem, parameters, lambda key: _input(problem, key))
    shown = _chosen(problem, outcomes, lambda key: variable(problem, key))
    for name, times in Counter([*taken, *inputs, *shown]).items():
        if times > 1:
            raise DataError(
                f"'{name}' would name two of the function's inputs and outputs ({', '.join([*taken, *inputs, *shown])}); "
                "leave one of them out, or describe the quantity in other words in the model"
            )
    return inputs, shown


def _chosen(problem: Problem, picked: Picked, find: Callable[[str], Declaration]) -> dict[str, Selection]:
    if isinstance(picked, str):
        raise DataError(
            f"keys come in a list: ['{picked}'], or in a dict with labels: {{'{picked}': {{...}}}}"
        )
    if len(set(picked)) < len(picked):
        raise DataError(f"a key stands twice in {list(picked)}")
    table = picked if isinstance(picked, Mapping) else dict.fromkeys(picked)
    return {key: _select(problem, find(key), where or {}) for key, where in table.items()}


def _select(problem: Problem, decl: Declaration, where: Mapping[str, object]) -> Selection:
    if not isinstance(where, Mapping):
        raise DataError(f"the part of '{decl.key}' must be a dict {{dim: label or labels}}, not {where!r}")
    for dim in where:
        if dim not in decl.dim_names:
            raise DataError(
                f"'{decl.key}' has no dim '{dim}'; it is over ({', '.join(decl.dim_names)})."
                + did_you_mean(dim, decl.dim_names, where)
            )
    shape = tuple(problem.sizes[r] for r in decl.roots)
    cells = np.arange(prod(shape)).reshape(shape)
    for axis, dim in enumerate(decl.dims):
        if dim.name in where:
            names, given = problem.bound.labels[dim.root], where[dim.name]
            several = list(given) if isinstance(given, (list, tuple, np.ndarray)) else [given]
            if not several or len(set(several)) < len(several):
                raise DataError(
                    f"'{decl.key}' along '{dim.name}': give one label or more, none of them twice"
                )
            cells = cells.take([position(decl.key, dim.name, names, label) for label in several], axis)
    return Selection(decl, shape, cells.ravel())


def position(key: str, dim: str, names: list, label: object) -> int:
    """Place of a label among those of the data."""
    if label not in names:
        raise DataError(
            f"'{key}': '{label}' is not a {dim} of the data ({', '.join(map(str, names))})."
            + did_you_mean(str(label), map(str, names))
        )
    return names.index(label)


def _input(problem: Problem, key: str) -> Declaration:
    system, model = problem.system, problem.system.model
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


def variable(problem: Problem, key: str) -> Declaration:
    """The variable of this key."""
    system = problem.system
    known = {d.key: d for d in system.model.of_kind(Kind.VARIABLE) if d.symbol in system.outcomes}
    if key not in known:
        raise DataError(f"model '{system.model.name}' has no variable '{key}'.{did_you_mean(key, known)}")
    return known[key]
