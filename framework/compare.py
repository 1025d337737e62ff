"""Compare two models: which equations and symbols differ, and whether one is the other at a parameter point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from framework.algebra import match
from framework.compile import compile_model
from framework.errors import DataError, did_you_mean
from framework.hat import hat
from framework.latex import display, equation_to_latex, markdown
from framework.model import Equation, Model
from framework.sets import free_indices
from framework.solve import solve
from framework.symbols import Declaration

TOLERANCE = 1e-9


@dataclass(frozen=True)
class Difference:
    """What one model has that another has not.

    Attributes
    ----------
    a, b : Model
    equations : dict of str to list of (Equation or None, Equation or None)
        By block: the equation of `a` and that of `b`; None where there is none.
    symbols : list of (Declaration or None, Declaration or None)
    """

    a: Model
    b: Model
    equations: dict[str, list[tuple[Equation | None, Equation | None]]]
    symbols: list[tuple[Declaration | None, Declaration | None]]

    def __bool__(self) -> bool:
        """True if the models differ."""
        return bool(self.equations or self.symbols)

    def to_text(self) -> str:
        """Lines of `a` marked with -, of `b` with +, by block; symbols with what they are."""
        if not self:
            return (
                f"{_title(self.a, self.b)} and {_title(self.b, self.a)} have the same equations and symbols"
            )
        lines = [f"- {_title(self.a, self.b)}", f"+ {_title(self.b, self.a)}"]
        for block, pairs in self.equations.items():
            lines += ["", f"[{block}]"]
            for old, new in pairs:
                lines.append(f"  {_verb(old, new)}: {(old or new).name}")  # type: ignore[union-attr]
                lines += [f"    {sign} {eq}" for sign, eq in (("-", old), ("+", new)) if eq is not None]
        if self.symbols:
            lines += ["", "symbols"]
            lines += [
                f"  {sign} {_about(d)}"
                for pair in self.symbols
                for sign, d in zip("-+", pair, strict=True)
                if d
            ]
        return "\n".join(lines)

    __str__ = __repr__ = to_text

    def _repr_markdown_(self) -> str:
        """Notebooks show the equations that differ."""
        return markdown(self.to_latex()) or self.to_text()

    def to_latex(self) -> str:
        """The equations that differ, one display a block and a model."""
        shown = []
        for block, pairs in self.equations.items():
            for model, other, position in ((self.a, self.b, 0), (self.b, self.a, 1)):
                found = [pair[position] for pair in pairs]
                rows = [equation_to_latex(eq, model) for eq in found if eq is not None]
                shown += [display(f"{block}: {_title(model, other)}", rows)] if rows else []
        return "\n\n".join(shown) + "\n" if shown else ""


def diff(a: Model, b: Model) -> Difference:
    """Return the equations and symbols in which two models differ, equations by block.

    Equations are compared by name; names of indices do not matter, the way an expression is written does.

    Examples
    --------
    >>> print(diff(model.choose(technology="exogenous"), model.choose(technology="fixed-effort")))  # doctest: +SKIP
    """
    old, new = ({e.name: e for e in m.equations} for m in (a, b))
    equations: dict[str, list[tuple[Equation | None, Equation | None]]] = {}
    for name in dict.fromkeys([*old, *new]):
        pair = old.get(name), new.get(name)
        if pair[0] is None or pair[1] is None or not _same(pair[0], pair[1]):
            equations.setdefault((pair[0] or pair[1]).block, []).append(pair)  # type: ignore[union-attr]
    keys = dict.fromkeys([*a.symbols, *b.symbols])
    symbols = [(a.symbols.get(s), b.symbols.get(s)) for s in keys if a.symbols.get(s) != b.symbols.get(s)]
    return Difference(a, b, equations, symbols)


def _same(a: Equation, b: Equation) -> bool:
    """Whether two equations are one, whatever their indices are called."""
    if a.defines != b.defines or a.block != b.block:
        return False
    if (a.lhs, a.rhs) == (b.lhs, b.rhs):
        return True
    free = free_indices(a.lhs)
    return any(
        len(set(binding.values())) == len(binding)
        for left in match(a.lhs, b.lhs, {}, free)
        for binding in match(a.rhs, b.rhs, left, free)
    )


def _verb(old: Equation | None, new: Equation | None) -> str:
    return "added" if old is None else "removed" if new is None else "changed"


def _title(model: Model, other: Model) -> str:
    """The name of a model, with the variants in which it differs from the other one."""
    here = {g: v for g, v in model.chosen.items() if other.chosen.get(g) != v}
    chosen = ", ".join(f"{group}: {name}" for group, name in here.items())
    return f"{model.name} ({chosen})" if chosen else model.name


def _about(decl: Declaration) -> str:
    over = f" over {' x '.join(decl.dim_names)}" if decl.dims else ""
    level = ", a level" if decl.level else ""
    return f"{decl.symbol}: {decl.kind.value} '{decl.key}'{over}{level}"


# ---- nesting -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Nesting:
    """Whether two models have the same solution at a parameter point.

    Attributes
    ----------
    deviations : dict of str to float
        Largest gap of each outcome that both have, relative to its value and absolute where that is below one.
    only_a, only_b : list of str
        Outcomes that one has and the other has not; they are not compared.
    tolerance : float
    """

    a: str
    b: str
    at: Mapping[str, object]
    deviations: dict[str, float]
    only_a: list[str] = field(default_factory=list)
    only_b: list[str] = field(default_factory=list)
    tolerance: float = TOLERANCE

    @property
    def worst(self) -> float:
        """Largest deviation."""
        return max(self.deviations.values())

    def __bool__(self) -> bool:
        """True if every outcome that both have is the same."""
        return self.worst <= self.tolerance

    def to_text(self) -> str:
        """The verdict, the outcomes furthest apart, and what was not compared."""
        point = ", ".join(f"{k} = {v}" for k, v in self.at.items()) or "the data as they are"
        verdict = "equals" if self else "differs from"
        lines = [f"{self.a} {verdict} {self.b} at {point}"]
        lines.append(
            f"  largest deviation {self.worst:.3g} (tolerance {self.tolerance:g}) in {len(self.deviations)} outcomes"
        )
        worst = sorted(self.deviations.items(), key=lambda pair: -pair[1])[:5]
        lines += [] if self else [f"    {key}: {gap:.3g}" for key, gap in worst]
        for name, keys in ((self.a, self.only_a), (self.b, self.only_b)):
            lines += [f"  only in {name}, not compared: {', '.join(keys)}"] if keys else []
        return "\n".join(lines)

    __str__ = __repr__ = to_text


def nests(
    a: Model,
    b: Model,
    data: xr.Dataset,
    shocks: Mapping[str, object],
    *,
    at: Mapping[str, float | xr.DataArray] | None = None,
    elements: Mapping[str, str] | None = None,
    tolerance: float = TOLERANCE,
) -> Nesting:
    """Solve two models at one parameter point and compare what both determine.

    Parameters
    ----------
    a, b : Model
        In levels or in hats; hats are taken of models in levels.
    data : xarray.Dataset
        Baseline data for both.
    shocks : mapping
        A shock that moves the outcomes; without one all ratios are 1 and nothing is learnt.
    at : mapping, optional
        The parameter point: new values of parameters in the data, by key; a number holds for every cell.
    elements : mapping, optional
    tolerance : float

    Returns
    -------
    Nesting
        True in a condition if `a` equals `b`.

    Raises
    ------
    DataError
        No shock, a parameter that the data do not have, or models without a common outcome.

    Examples
    --------
    >>> assert nests(fixed_effort, exogenous, data, {"export_tax": 0.25}, at={"research_elasticity": 0})  # doctest: +SKIP
    """
    if not shocks:
        raise DataError("nests needs a shock: without one every ratio is 1 in every model")
    point = dict(at or {})
    for key in point:
        if key not in data:
            raise DataError(f"the data have no '{key}' to be set.{did_you_mean(key, map(str, data), point)}")
    changed = data.assign(
        {k: xr.full_like(data[k], v) if isinstance(v, (int, float)) else v for k, v in point.items()}
    )
    systems = [compile_model(model if model.is_hat else hat(model)) for model in (a, b)]
    read = [{d.key for d in system.inputs} for system in systems]
    for key in shocks:
        if key not in read[0] | read[1]:
            raise DataError(
                f"neither model takes the shock '{key}'.{did_you_mean(key, read[0] | read[1], shocks)}"
            )
    left, right = (
        solve(system.bind(changed, {k: v for k, v in shocks.items() if k in own}, elements)).variables
        for system, own in zip(systems, read, strict=True)
    )
    common = [str(k) for k in left if k in right]
    if not common:
        raise DataError(f"models '{a.name}' and '{b.name}' have no outcome in common")
    gaps = {k: float((abs(left[k] - right[k]) / np.maximum(1.0, abs(right[k]))).max()) for k in common}
    only = [[str(k) for k in one if k not in other] for one, other in ((left, right), (right, left))]
    return Nesting(_title(a, b), _title(b, a), point, gaps, only[0], only[1], tolerance)
