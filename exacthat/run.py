"""Solving a study: every scenario under every choice of variants."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from exacthat.library import Baseline, load_baseline, load_model
from exacthat.results import assemble
from exacthat.scenario import Case, Study, default_study, plan, read_study
from exacthat.tables import shock
from framework import Model, Solution, compile_model, hat, solve
from framework.errors import SolveError

if TYPE_CHECKING:
    from framework import CompiledModel

Track = Callable[[Sequence[Case]], Iterable[Case]]
Choice = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Outcome:
    """A solved study: labelled results, with the model and the baseline they come from."""

    study: Study
    model: Model
    baseline: Baseline
    solutions: dict[str, Solution]
    results: xr.Dataset


def run_scenarios(scenario_file: str | Path, data: str | None = None) -> xr.Dataset:
    """Solve a scenario file, or the default scenarios of a built-in model.

    Parameters
    ----------
    scenario_file : str or Path
        Path of a TOML file, or the name of a built-in model.
    data : str, optional
        Takes the place of the `data` named in the file.

    Returns
    -------
    xr.Dataset
        Outcomes over (scenario, variant groups, ...); see `exacthat.results.assemble`.

    Raises
    ------
    ExacthatError
        The file, the data or the model is wrong, or an equilibrium was not found.

    Examples
    --------
    >>> results = run_scenarios("rare-earths")  # doctest: +SKIP
    >>> results.real_consumption.sel(scenario="tax", technology="exogenous")  # doctest: +SKIP
    """
    return solve_study(load_study(str(scenario_file)), data=data).results


def load_study(reference: str) -> Study:
    """Read a scenario file, or take the default scenarios of a built-in model."""
    return read_study(Path(reference)) if reference.endswith(".toml") else default_study(reference)


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
    model = model or load_model(study.model, study.folder)
    cases = plan(study, model)
    baseline = load_baseline(model, study, data)

    @functools.cache
    def hatted(variant: Choice) -> Model:
        return hat(model.choose(**dict(variant)))

    @functools.cache
    def compiled(variant: Choice, swaps: Choice) -> CompiledModel:
        return compile_model(hatted(variant).swap(**dict(swaps)))

    solutions = {}
    for case in track(cases):
        ready = compiled(tuple(case.variant.items()), tuple(case.swaps.items()))
        solutions[case.label] = _solve_case(case, study, ready, baseline.data)
    results = assemble(study, model, cases, list(solutions.values()), baseline)
    return Outcome(study, model, baseline, solutions, results)


def _solve_case(case: Case, study: Study, compiled: CompiledModel, data: xr.Dataset) -> Solution:
    number = [s.name for s in study.scenario].index(case.scenario)
    shocks = {}
    for key, value in case.shocks.items():
        declaration = compiled.model.declaration(key)
        shocks[key] = shock(value, declaration, data, study.where(key, "scenario", number))
    try:
        return solve(compiled.bind(data, shocks, case.elements))
    except SolveError as error:
        raise SolveError(f"{case.label}: {error}") from error
