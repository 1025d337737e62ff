"""A solution: labelled outcomes with status, certificate and provenance."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from framework.solve.problem import Problem


class Status(Enum):
    """How a solve ended; the value is the message."""

    SOLVED = "an equilibrium was found"
    NOT_STARTED = "the solver was not started"
    NO_CONVERGENCE = "the iteration limit was reached before the residual and the last step were small"
    NON_FINITE = "the residual is not finite however short the step: the model has no value there"
    SINGULAR = "the Jacobian is singular: an equation may be redundant, or the numeraire is missing"
    STAGNATION = "GMRES does not reduce the linear residual: the Jacobian is singular or the equations are badly paired"
    PATH_END = (
        "the path of equilibria from the baseline ends before the whole shock: perhaps no economy reaches it"
    )
    FOLD = "the path of equilibria from the baseline turns back before the whole shock"
    BAD_START = "the residual is not finite at the start values: check the data"
    FAILED_CHECK = "a point was found that fails its certificate"
    FAILED = "the solver raised an error"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Check:
    """One line of a certificate."""

    name: str
    value: float
    bound: float
    passed: bool


@dataclass
class Certificate:
    """Why a solution can be trusted: each check with its value and its bound."""

    checks: list[Check] = field(default_factory=list)

    def add(self, name: str, value: float, bound: float, passed: bool | None = None) -> None:
        """Add a check; by default it passes if the value is at most the bound."""
        self.checks.append(
            Check(name, float(value), float(bound), bool(value <= bound if passed is None else passed))
        )

    @property
    def passed(self) -> bool:
        """True if every check passed."""
        return all(c.passed for c in self.checks)

    def rows(self) -> list[tuple[str, float, float, bool]]:
        """The checks as (name, value, bound, passed)."""
        return [(c.name, c.value, c.bound, c.passed) for c in self.checks]

    def to_text(self) -> str:
        """The certificate as a table."""
        width = max((len(c.name) for c in self.checks), default=0)
        return "\n".join(
            f"  {'ok    ' if c.passed else 'FAILED'}  {c.name.ljust(width)}  {c.value:10.3g}  (bound {c.bound:.3g})"
            for c in self.checks
        )

    __str__ = to_text


@dataclass
class Solution:
    """An equilibrium.

    Attributes
    ----------
    outcomes : xarray.Dataset
        Every variable by key: in a hat model the ratio new over base, or the new level of a `level` quantity.
    status : Status
    certificate : Certificate
    provenance : dict
        Model, variants, closure, solver, work done, times in seconds, versions, hash of the data.
    problem : Problem or None
        What was solved; not kept by pickle.
    point : array
        Unknowns of Newton's method at the solution.
    regimes : xarray.Dataset
        For each complementarity condition, by name, which side binds at each label: ``"binding"`` (the function is
        zero), ``"at lower bound"``, ``"at upper bound"`` or ``"degenerate"`` (both sides are zero).
    """

    outcomes: xr.Dataset
    status: Status
    certificate: Certificate
    provenance: dict[str, Any]
    problem: Problem | None = field(default=None, repr=False)
    point: np.ndarray | None = field(default=None, repr=False)
    regimes: xr.Dataset = field(default_factory=xr.Dataset, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """A copy in another process or file holds the results, without the compiled problem."""
        return {**self.__dict__, "problem": None}

    @property
    def variables(self) -> xr.Dataset:
        """The outcomes that the model determines, without what was given."""
        return self.outcomes.filter_by_attrs(kind="variable")

    def __getitem__(self, key: str) -> xr.DataArray:
        """An outcome by key."""
        return self.outcomes[key]

    def __repr__(self) -> str:
        from framework.solve.regimes import in_words  # it reads solutions

        p = self.provenance
        head = f"Solution of '{p.get('model')}': {self.status}"
        work = f"{p.get('solver')}, {p.get('iterations')} iterations, {p.get('seconds', 0):.3g} s"
        work += f"\n  {p['note']}" if p.get("note") else ""
        work += "".join(f"\n  {line}" for line in in_words(self.regimes))
        work += "".join(f"\n  warning: {line}" for line in p.get("warnings", ()))
        return f"{head}\n  {work}\n{self.certificate.to_text()}\n  outcomes: {', '.join(map(str, self.outcomes))}"
