"""Whether the budgets of a model add up where every wedge is on: the test that a forgotten revenue fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

import calibration
from calibration.synthetic import SYNTHETIC
from framework.errors import DataError, ExacthatError, SolveError
from framework.solution import Status
from framework.solve.accounting import about_budgets, missing_income, small_wedges, wedges
from framework.solve.certify import certify
from framework.solve.failure import CREATED
from framework.solve.newton import newton
from framework.tables import data_needed

if TYPE_CHECKING:
    from framework import Model, System

_REGIONS, _SECTORS = 3, 3


def synthetic_economy(hats: Model) -> xr.Dataset | None:
    """Return a small synthetic economy with everything that a model in hats reads, or None if there is none.

    Where its shares determine it, the economy has no tariff and no deficit, so that also a model that forgets one has it as
    its baseline.
    """
    needed = {d.key: set(d.dim_names) for d in data_needed(hats)}
    for draw in SYNTHETIC.values():
        data = draw(_REGIONS, _SECTORS)
        if not all(k in data and {*map(str, data[k].dims)} == dims for k, dims in needed.items()):
            continue
        if "ree_share" in data:
            return data
        without = data.assign(tariff=0.0 * data.tariff, deficit=0.0 * data.deficit)
        return calibration.baseline_from_shares(without, 1e6).assign_attrs(data.attrs)
    return None


def check_budgets(system: System, data: xr.Dataset) -> str:
    """Raise every wedge of a model in hats by a few percent, solve, and see whether the budgets add up.

    Returns
    -------
    str
        What was tested, or why nothing could be.

    Raises
    ------
    SolveError
        The budgets do not add up; the message names the wedge and the budget from which its revenue is missing.
    """
    if system.walras is None:
        return "not tested, since there is no numeraire"
    baseline = system.bind(data)
    shocks = small_wedges(baseline)
    on, off = (
        [f"'{d.key}'" for d in wedges(baseline) if (d.key in shocks) is known] for known in (True, False)
    )
    if not on:
        return (
            "not tested, since the model has no tax, tariff or deficit"
            if not off
            else f"not tested: {_off(off)}"
        )
    try:
        problem = system.bind(data, shocks)
    except DataError as error:
        return f"not tested: {_first(error)}"
    trace = newton(problem)
    if trace.status is not Status.SOLVED:
        return f"not tested, since there is no equilibrium with {', '.join(on)} raised by a few percent: {trace.status}"
    wrong = [c for c in certify(problem, trace, step_is_newton=True)[0].checks if not c.passed]
    for check in (c for c in wrong if about_budgets(problem, c.name)):
        if created := [c.name.removesuffix(CREATED) for c in wrong if c.name.endswith(CREATED)]:
            return f"not tested: {created[0]} is zero at the baseline and has no ratio new over base; declare it with level=True"
        raise SolveError(
            f"model '{system.model.name}': the budgets do not add up where {', '.join(on)} "
            f"{'is' if len(on) == 1 else 'are'} raised by a few percent ({check.name} is {check.value:.3g}); "
            f"{missing_income(problem)}"
        )
    return f"add up with {', '.join(on)} raised by a few percent" + (f"; {_off(off)}" if off else "")


def _off(keys: list[str]) -> str:
    return f"{', '.join(keys)} stay{'s' if len(keys) == 1 else ''} zero, for want of a scale"


def _first(error: ExacthatError) -> str:
    return str(error).partition("\n")[0]
