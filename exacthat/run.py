"""Solving a study: every scenario under every choice of variants."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence, Set
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from exacthat.bands import DRAWS, with_bands
from exacthat.library import Baseline, load_baseline, load_model
from exacthat.results import assemble
from exacthat.scenario import Case, Study, default_study, plan, read_study
from exacthat.scenario_errors import located
from exacthat.tables import about, before, shock
from framework import Model, Problem, Solution, compile_model, hat, solve
from framework.errors import DataError, SolveError
from framework.solve.outcomes import variables
from framework.symbols import Kind

if TYPE_CHECKING:
    from framework import Structure, System

SLACK = 1e-9
"""Share of a quantity by which rounding may take it below its bound."""

MADE_UP = "illustrative numbers that are no economy's data"

Track = Callable[[Sequence[Case]], Iterable[Case]]
Choice = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Outcome:
    """A solved study: labelled results, with the model and the baseline they come from.

    `structure` is that of the first case; `bind` gives the problem of a case at other baseline data.
    """

    study: Study
    model: Model
    structure: Structure
    baseline: Baseline
    cases: list[Case]
    solutions: dict[str, Solution]
    results: xr.Dataset
    bind: Callable[[Case, xr.Dataset], Problem]

    @property
    def warnings(self) -> list[str]:
        """What is possible and yet likely a mistake in the data or a scenario; see `framework.usual`."""
        return list(
            dict.fromkeys(w for s in self.solutions.values() for w in s.provenance.get("warnings", []))
        )

    @property
    def variant_names(self) -> list[str]:
        """Names of the variants that were solved."""
        return list(dict.fromkeys(name for case in self.cases for name in case.choice.values()))


def run_scenarios(scenario_file: str | Path, data: str | None = None, *, draws: int = DRAWS) -> xr.Dataset:
    """Solve a scenario file, or the default scenarios of a built-in model.

    Parameters
    ----------
    scenario_file : str or Path
        Path of a TOML file, or the name of a built-in model.
    data : str, optional
        Takes the place of the `data` named in the file.
    draws : int
        Draws of estimated parameters, if the file names estimates; see `exacthat.bands.with_bands`.

    Returns
    -------
    xr.Dataset
        Outcomes over (scenario, variant groups, ...); see `exacthat.results.assemble`. With estimates in the scenario
        file, also their bands; see `exacthat.bands.with_bands`.

    Raises
    ------
    ExacthatError
        The file, the data or the model is wrong, or an equilibrium was not found.

    Examples
    --------
    >>> results = run_scenarios("rare-earths")  # doctest: +SKIP
    >>> results.real_consumption.sel(scenario="tax", technology="exogenous")  # doctest: +SKIP
    """
    outcome = solve_study(load_study(str(scenario_file)), data=data)
    return (with_bands(outcome, draws=draws) if outcome.baseline.uncertain else outcome).results


def load_study(reference: str) -> Study:
    """Read a scenario file, or take the default scenarios of a built-in model."""
    if reference.endswith(".toml"):
        return read_study(Path(reference))
    load_model(reference)  # an unknown model is the first thing to hear about
    return default_study(reference)


def solve_study(
    study: Study, *, model: Model | None = None, data: str | None = None, track: Track = iter
) -> Outcome:
    """Check a study, build its baseline and solve its cases.

    Parameters
    ----------
    study : Study
    model : Model, optional
        Takes the place of the model that the study names.
    data : str, optional
        Takes the place of the study's `data`.
    track : callable
        Wraps the sequence of cases, for instance to show progress.
    """
    study = study.by_default()
    with located(study, "model"):
        model = model or load_model(study.model, study.folder)
    cases = plan(study, model)
    with located(study, "data") if study.data and data is None else nullcontext():
        baseline = load_baseline(model, study, data)

    @functools.cache
    def hatted(variant: Choice) -> Model:
        return hat(model.choose(**dict(variant)))

    @functools.cache
    def compiled(variant: Choice, swaps: Choice) -> System:
        return compile_model(hatted(variant).swap(**dict(swaps)))

    def system(case: Case) -> System:
        return compiled(tuple(case.choice.items()), tuple(case.swaps.items()))

    reported = {key for case in cases for key in case.shocks} | {*model.closures, *model.closures.values()}
    solutions = {
        case.label: _solve_case(case, study, system(case), baseline.data, reported) for case in track(cases)
    }
    results = assemble(study, model, cases, list(solutions.values()), baseline)
    if baseline.uncertain and baseline.uncertain.estimates.attrs.get("data") == "synthetic":
        title = f"{results.attrs['title']}, parameters estimated on synthetic data"
        results = results.assign_attrs(data="synthetic", title=title)
    if baseline.data.attrs.get("synthetic") == "yes":
        results = results.assign_attrs(data="synthetic", title=f"{results.attrs['title']}, {MADE_UP}")

    def bind(case: Case, data: xr.Dataset) -> Problem:
        return system(case).bind(data, _shocks(case, study, system(case), data), case.elements)

    return Outcome(study, model, system(cases[0]).structure, baseline, cases, solutions, results, bind)


def _shocks(case: Case, study: Study, system: System, data: xr.Dataset) -> dict[str, xr.DataArray]:
    """New values of what a case sets, labelled."""
    number = [s.name for s in study.scenario].index(case.scenario)
    given = {d.key: d for d in system.model.of_kind(Kind.EXOGENOUS)}
    return {
        key: shock(value, given[key], data, study.where(key, "scenario", number))
        for key, value in case.shocks.items()
    }


def _solve_case(case: Case, study: Study, system: System, data: xr.Dataset, reported: Set[str]) -> Solution:
    """Solve one case; the outcomes include those of the `reported` quantities that are given in it."""
    given = {d.key: d for d in system.model.of_kind(Kind.EXOGENOUS)}
    shocks = _shocks(case, study, system, data)
    try:
        problem = system.bind(data, shocks, case.elements)
        require_feasible(problem, study.parameters)
        solution = solve(problem)
    except (DataError, SolveError) as error:
        raise type(error)(f"{study.where_case(case)}: {error}\nNo results are reported.") from error
    fixed = {
        key: shocks.get(key, before(given[key], data)).assign_attrs(about(given[key]))
        for key in sorted((reported & given.keys()) - {*map(str, solution.outcomes)})
    }
    return replace(solution, outcomes=solution.outcomes.assign(fixed))


def require_feasible(problem: Problem, parameters: Iterable[str] = ()) -> None:
    """Check that the baseline itself respects the bounds of the model, so that no shock is blamed for the data.

    Parameters
    ----------
    problem : Problem
        Of a model in hats.
    parameters : iterable of str
        Parameters that the user set, named in the message.

    Raises
    ------
    DataError
        With the quantity, its baseline value and its bound.
    """
    before, model = problem.unshocked, problem.system.model
    bounded = [d for d in model.of_kind(Kind.VARIABLE) if d.level and d.lower is not None]
    with np.errstate(all="ignore"):
        levels = variables(before, before.start, [d.symbol for d in bounded])
    for decl in bounded:
        value, lower = levels[decl.symbol], float(decl.lower or 0.0)
        below = value < lower - SLACK * max(1.0, float(np.abs(value).max(initial=0.0)))
        if not below.any():
            continue
        cell = tuple(int(k) for k in np.argwhere(below)[0])
        chosen = "; ".join(f"{name} is '{label}'" for name, label in problem.bound.elements.items())
        given = f"; this study sets {', '.join(parameters)}" if parameters else ""
        raise DataError(
            f"before any shock '{decl.key}' is {value[cell]:.6g}{f' {decl.unit}' if decl.unit else ''}"
            f"{problem.bound.at(decl, cell)}, but must not be below "
            f"{lower:g}: the baseline data cannot be an equilibrium of this model, whatever the shock. Correct the data "
            f"or the parameters they are made with{given}.{f' ({chosen}.)' if chosen else ''}"
        )
