"""Which side of a complementarity condition binds at each label of a solution, and whether both sides hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from framework.errors import DataError

if TYPE_CHECKING:
    from framework.compile.complement import Complement
    from framework.solution import Certificate
    from framework.solve.problem import Problem

Array = np.ndarray

BASELINE = 1e-6  # the same before any shock, where tables are rounded
BOUND = 1e-9  # of the smaller side, the function scaled by what is given in it
DEGENERATE = 1e-6  # both sides nearer to zero than this: which of them binds is not determined

BINDING, LOWER, UPPER, BOTH = "binding", "at lower bound", "at upper bound", "degenerate"


@dataclass
class Sides:
    """Both sides of one condition at a point, on the dims of its variable.

    Attributes
    ----------
    function : array
        Scaled by the size of its terms at the baseline, or of those that are given.
    above, below : array
        Distance of the variable from its lower and to its upper bound; infinite where there is none.
    """

    complement: Complement
    function: Array
    above: Array
    below: Array

    @property
    def min_map(self) -> Array:
        """Zero iff the condition holds: ``x - mid(lower, x - F, upper)``."""
        return np.maximum(np.minimum(self.function, self.above), -self.below)

    def infeasible(self) -> tuple[Array, Array]:
        """By how much the variable leaves its bounds, and by how much the function has a sign that it may not have."""
        variable = np.maximum(np.maximum(-self.above, -self.below), 0.0)
        at_lower, at_upper = self.above <= DEGENERATE, self.below <= DEGENERATE
        if np.isinf(self.below).all():
            function = np.maximum(-self.function, 0.0)
        elif np.isinf(self.above).all():
            function = np.maximum(self.function, 0.0)
        else:
            function = np.abs(self.function)
            function = np.where(at_lower, np.maximum(-self.function, 0.0), function)
            function = np.where(at_upper, np.maximum(self.function, 0.0), function)
        return variable, function

    def regimes(self) -> Array:
        """Which side binds at each label."""
        zero = np.abs(self.function) < DEGENERATE
        at = [self.above < DEGENERATE, self.below < DEGENERATE]
        return np.select([zero & (at[0] | at[1]), *at], [BOTH, LOWER, UPPER], BINDING)


def sides(problem: Problem, u: Array) -> list[Sides]:
    """Both sides of every complementarity condition at a point."""
    found = problem.system.complements
    nodes = [n for c in found for n in (c.function, c.above, c.below) if n is not None]
    tape = problem.tape_at(u, nodes)
    out = []
    for c in found:
        shape = tuple(problem.sizes[r] for r in c.declaration.roots)
        value = [
            np.full(shape, np.inf) if n is None else np.array(np.broadcast_to(tape[n], shape))
            for n in (c.function, c.above, c.below)
        ]
        out.append(Sides(c, *value))
    return out


def check_sides(problem: Problem, found: list[Sides], certificate: Certificate) -> None:
    """Add to a certificate, for each condition, the min map and the feasibility of both sides; a failure names the label."""
    for s in found:
        name, key = s.complement.equation.name, s.complement.declaration.key
        variable, function = s.infeasible()
        checks = (
            (f"complementarity of '{name}': smaller side{{}}", np.abs(s.min_map)),
            (f"'{name}'{{}}: violation", function),
            (f"'{key}'{{}}: distance outside its bounds", variable),
        )
        for words, value in checks:
            value = np.where(np.isfinite(value), value, np.inf)
            if not value.size:
                continue
            worst = np.unravel_index(int(np.argmax(value)), value.shape)
            at = _at(problem, s, worst) if value[worst] > BOUND else ""
            certificate.add(words.format(at), float(value[worst]), BOUND)


def _at(problem: Problem, s: Sides, cell: tuple) -> str:
    return problem.bound.at(s.complement.declaration, [int(k) for k in cell])


def check_bounds(problem: Problem) -> None:
    """Refuse data by which a variable has its lower bound at or above its upper one."""
    for s in sides(problem, problem.start):
        room = s.above + s.below
        if (bad := ~(room > 0)).any():
            cell = tuple(np.argwhere(bad)[0])
            raise DataError(
                f"complementarity '{s.complement.equation.name}'{_at(problem, s, cell)}: the upper bound of "
                f"'{s.complement.declaration.key}' is {-room[cell]:.6g} below its lower bound; raise it, or lower the other"
            )


def check_baseline(problem: Problem) -> None:
    """Refuse baseline data that violate a condition before anything is shocked."""
    for s in sides(problem, problem.start):
        gap = np.abs(s.min_map)
        if not (bad := ~(gap <= BASELINE)).any():
            continue
        cell = tuple(np.argwhere(bad)[0])
        variable, _ = s.infeasible()
        name, key = s.complement.equation.name, s.complement.declaration.key
        if variable[cell] > BASELINE:
            what = f"'{key}' is {variable[cell]:.3g} outside its bounds"
        else:
            distance = np.minimum(s.above, s.below)[cell]
            what = (
                f"its function is {s.function[cell]:.3g} of its terms while '{key}' is {distance:.3g} away from its "
                "bound: at least one of them must be zero, the function not negative at a lower bound and not positive at "
                "an upper one"
            )
        raise DataError(
            f"before any shock '{name}'{_at(problem, s, cell)} does not hold: {what}. Correct the baseline: what is "
            "given in the condition, or the variable"
        )


def regimes(problem: Problem, found: list[Sides]) -> xr.Dataset:
    """Which side binds, by name of the condition, labelled."""
    arrays = {}
    for s in found:
        decl = s.complement.declaration
        coords = {d.name: problem.bound.labels[d.root] for d in decl.dims}
        about = {"variable": decl.key}
        arrays[s.complement.equation.name] = xr.DataArray(s.regimes(), coords, decl.dim_names, attrs=about)
    return xr.Dataset(arrays)


def by_label(found: xr.Dataset) -> dict[str, object]:
    """The same as plain JSON: one word for a scalar condition, else words by label."""
    out: dict[str, object] = {}
    for name, array in found.items():
        if not array.ndim:
            out[str(name)] = str(array.item())
            continue
        labels = [array.coords[d].values for d in array.dims]
        out[str(name)] = {
            ", ".join(str(names[k]) for names, k in zip(labels, cell, strict=True)): str(array.values[cell])
            for cell in np.ndindex(array.shape)
        }
    return out


def in_words(found: xr.Dataset) -> list[str]:
    """One line for each condition: which side binds where."""
    lines = []
    for name, words in by_label(found).items():
        variable = str(found[name].attrs["variable"])
        if not isinstance(words, dict):
            lines.append(f"'{name}': {_said(str(words), variable)}")
            continue
        groups: dict[str, list[str]] = {}
        for label, word in words.items():
            groups.setdefault(str(word), []).append(label)
        parts = [f"{_said(word, variable)} ({_some(labels)})" for word, labels in groups.items()]
        lines.append(f"'{name}': {'; '.join(parts)}")
    return lines


def _said(word: str, variable: str) -> str:
    if word == BOTH:
        return f"degenerate, it just binds and '{variable}' is just at its bound"
    return word if word == BINDING else f"not binding, '{variable}' {word}"


def _some(labels: list[str], most: int = 6) -> str:
    return "; ".join(labels[:most]) + (f" and {len(labels) - most} more" if len(labels) > most else "")
