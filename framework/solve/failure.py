"""Why a solve failed, in words: what was asked, how far it got, which check failed and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from framework.solution import Certificate, Check, Status
from framework.solve.accounting import about_budgets, missing_income
from framework.solve.conditioning import CONDITION_BOUND, conditioning, undetermined
from framework.solve.diagnose import not_finite
from framework.solve.outcomes import variables
from framework.solve.stability import CHECK, best_responses
from framework.usual import unusual

if TYPE_CHECKING:
    from framework.solve.newton import Trace
    from framework.solve.problem import Problem

AT_LEAST = " at least its bound"
_ROUNDING = 100.0  # times the bound: budgets that are off by less need not lack a term
CREATED = ": new value where the baseline is zero"


def why_not_solved(
    problem: Problem,
    trace: Trace,
    status: Status,
    certificate: Certificate,
    solver: str,
    without_value: list[str],
) -> str:
    """The message of a failed solve: what happened, what was asked, how far it got, the certificate."""
    with np.errstate(all="ignore"):
        return "\n".join(
            [*_lines(problem, trace, status, certificate, solver, without_value), str(certificate)]
        )


def _lines(
    problem: Problem,
    trace: Trace,
    status: Status,
    certificate: Certificate,
    solver: str,
    without_value: list[str],
) -> list[str]:
    lines = [f"model '{problem.system.model.name}' was not solved by '{solver}': {status}"]
    if status is Status.BAD_START and (lost := not_finite(problem, trace.point)):
        lines.append(f"  {lost}")
    for check in certificate.checks:
        if status is Status.FAILED_CHECK and not check.passed:
            lines += _in_words(problem, trace, check, certificate)
    if lost := without_value:
        lines.append(f"  outcomes without a value: {', '.join(lost[:6])}{', ...' if len(lost) > 6 else ''}")
    if problem.system.model.is_hat and status not in (Status.FAILED_CHECK, Status.FAILED, Status.BAD_START):
        lines += _singular_baseline(problem.unshocked)
    if asked := _asked(problem):
        lines.append(f"  asked: {asked}")
    lines += [f"  perhaps because {sentence}" for sentence in unusual(problem)]
    return lines + ([f"  {trace.note}"] if trace.note else [])


def _in_words(problem: Problem, trace: Trace, check: Check, certificate: Certificate) -> list[str]:
    """What a failed check means and what to do, where that can be said."""
    if check.name.endswith(AT_LEAST):
        return [_out_of_bounds(problem, trace, check)]
    if check.name.endswith(CREATED):
        return [
            f"  {check.name.removesuffix(CREATED)} is zero at the baseline and {check.value:.6g} after the shock, so that it has no "
            "ratio new over base: declare the variable with level=True, or start from a baseline in which it is not zero"
        ]
    if check.name.startswith("conditioning"):
        return [f"  the Jacobian is singular at the solution{_free(problem, trace.point)}"]
    if check.name.endswith(CHECK):
        return _unstable(problem, trace, check)
    equations_hold = all(c.passed for c in certificate.checks if c.name.startswith("residual"))
    from_zero = any(
        c.name.endswith(CREATED) for c in certificate.checks
    )  # then budgets lack what has no ratio
    if about_budgets(problem, check.name) and equations_hold and not from_zero:
        if check.value < _ROUNDING * check.bound:
            return [
                f"  the budgets are off by {check.value:.2g}, no more than rounding may leave of a large shock: ask for less"
            ]
        return [
            "  the budgets do not add up: an income or a tax revenue is forgotten or counted twice;",
            f"  {missing_income(problem)}",
        ]
    return []


def _out_of_bounds(problem: Problem, trace: Trace, check: Check) -> str:
    """Which variable is beyond its bound, where and by how much."""
    decl = problem.system.model.declaration(check.name.removesuffix(AT_LEAST).strip("'"))
    value = variables(problem, trace.point, [decl.symbol])[decl.symbol]
    at = problem.bound.at(decl, [int(k) for k in np.unravel_index(int(np.argmin(value)), value.shape)])
    why = (
        "no economy within its bounds can reach what was asked; ask for less"
        if _asked(problem)
        else "with these data and parameters there is no equilibrium within its bounds; correct them"
    )
    size = f"{check.value:.6g}{' of its baseline' if decl.role == 'hat' else ''}{at}"
    return f"  '{decl.key}' would be {size}, but it must not be below {check.bound:g}: {why}"


def _unstable(problem: Problem, trace: Trace, check: Check) -> list[str]:
    """What is unstable, and where."""
    adjustments = problem.system.model.adjustments.values()
    (about,) = (a for a in adjustments if check.name == f"{a.what}: {CHECK}")
    fix = f"; {about.fix}" if about.fix else ""
    if not np.isfinite(check.value):
        return [
            f"  {about.what} cannot be shown to be stable: at the solution it is all but undetermined, or nothing that "
            f"shifts it moves it{fix}"
        ]
    where = best_responses(problem, trace.point, about).where
    return [
        f"  {about.what} is unstable: a small deviation, largest in {where}, calls forth a larger one (largest "
        f"eigenvalue of the best responses {check.value:.4g}, stable below 1), so that the equilibrium would not be "
        f"reached{fix}"
    ]


def _singular_baseline(before: Problem) -> list[str]:
    if conditioning(before, before.start) <= CONDITION_BOUND:
        return []
    return [f"  the Jacobian is singular even at the baseline{_free(before, before.start)}"]


def _free(problem: Problem, point: np.ndarray) -> str:
    """What a singular Jacobian leaves undetermined, and what to do."""
    free = undetermined(problem, point)
    moves = f": no equation holds {free} in place" if free else ""
    return f"{moves}; one is missing or redundant, or the model needs model.numeraire(...)"


def _asked(problem: Problem) -> str:
    """The shocks in words."""
    symbols = problem.system.model.symbols
    words = []
    for symbol, (old, new) in problem.shocked().items():
        cell = np.unravel_index(np.abs(new - old).argmax(), np.shape(new))
        at = problem.bound.at(symbols[symbol], [int(k) for k in cell])
        where = f" (largest change,{at})" if at else ""
        words.append(f"'{symbols[symbol].key}' from {old[cell]:.6g} to {new[cell]:.6g}{where}")
    return "; ".join(words[:4]) + ("; ..." if len(words) > 4 else "")
