"""Checks that the author of a model or a variant puts into its tests.

Each solves what it needs and raises an AssertionError that names the outcome, the label and the size of the
gap. Gaps are relative to the expected value, and absolute where that is smaller than one. A `Model` is compiled
on every call; give a `System` (or a pair of them) to test many data sets.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from framework.binding import bind_inputs
from framework.compile import System, compile_model
from framework.errors import DataError, SolveError
from framework.hat import hat
from framework.model import Model
from framework.solution import Solution
from framework.solve import SOLVERS, Problem, solve
from framework.solve.accounting import about_budgets, missing_income, wedges
from framework.solve.certify import certify
from framework.symbols import Kind

__all__ = [
    "assert_hat_equals_levels",
    "assert_homogeneous",
    "assert_permutation_invariant",
    "assert_replicates",
    "assert_walras",
]

Shocks = Mapping[str, object]
Elements = Mapping[str, str]

MONEY = "million USD"
_SHOWN = 5


def assert_replicates(
    model: Model | System,
    data: xr.Dataset,
    shocks: Shocks | None = None,
    *,
    elements: Elements | None = None,
    tolerance: float = 1e-9,
) -> None:
    """Assert that the baseline is an equilibrium: nothing changes without a shock.

    In hats every ratio must be 1 and every new level its baseline value; in levels every outcome that `data`
    hold must be what they say.

    Parameters
    ----------
    model : Model or System
        A model in hats or in levels.
    data : xarray.Dataset
        Its baseline data (levels: primitives and observed outcomes).
    shocks : mapping, optional
        What a closure fixes, at its baseline value, for instance ``{"ree_export_ratio": 1.0}``.
    elements : mapping, optional
        Labels of named elements.
    tolerance : float
        Largest gap.

    Raises
    ------
    AssertionError
        With the equations that the baseline violates, or with the outcomes that move.
    """
    system = _system(model)
    # Faults of the data are reported here, with all equations that they violate.
    problem = Problem(system, bind_inputs(system, data, shocks or {}, elements or {}), checked=True)
    if problem.system.model.is_hat:
        _assert_equations_hold(problem, tolerance)
    before, after = problem.outcomes(problem.start), solve(problem).variables
    expected = {}
    for key, found in after.items():
        if found.attrs["role"] == "hat":
            expected[key] = xr.ones_like(found)
        elif key in data:
            expected[key] = data[key]
        elif found.attrs["role"] == "new":
            expected[key] = before[key]
    if not expected:
        raise DataError(
            f"data of model '{problem.system.model.name}' hold no outcome to compare with; add observed ones, "
            f"such as {', '.join(map(repr, list(after)[:3]))}"
        )
    _assert_equal(after, expected, tolerance, "without a shock nothing may change")


def assert_hat_equals_levels(
    model: Model | tuple[System, System],
    primitives: xr.Dataset,
    shocks: Shocks,
    *,
    units: Mapping[str, str] | None = None,
    elements: Elements | None = None,
    tolerance: float = 1e-10,
) -> dict[str, float]:
    """Assert that the derived hats are the ratios of two equilibria in levels.

    The model in levels is solved at `primitives` and at the shocked primitives, the derived model in hats once,
    from the observed outcomes of the first.

    Parameters
    ----------
    model : Model or (System, System)
        A model in levels, or its compiled forms in levels and in hats.
    primitives : xarray.Dataset
        Every parameter, fundamental and exogenous quantity, by key.
    shocks : mapping
        As for the model in hats: ratios new over base, and new levels of `level` quantities. Every wedge (tax,
        tariff, deficit) should be non-zero before or after, or a fault in it cannot be seen.
    units : mapping, optional
        Quantities that `Model.normalise` puts in another unit in hats, each with the outcome whose baseline
        value converts it, for instance ``{"ree_endowment": "world_ree_price"}``.
    elements : mapping, optional
        Labels of named elements.
    tolerance : float
        Largest gap.

    Returns
    -------
    dict of str to float
        Largest gap by outcome.

    Raises
    ------
    AssertionError
        With the outcomes of which the hat is not the ratio of the levels.
    """
    in_levels, in_hats = (
        model if isinstance(model, tuple) else (compile_model(model), compile_model(hat(model)))
    )
    old = solve(in_levels.bind(primitives, {}, elements))
    factor = {key: float(old[outcome]) for key, outcome in (units or {}).items()}
    problem = in_hats.bind(_observed(in_levels, primitives, old, factor), shocks, elements)
    moved = {k: _shocked(problem, k, primitives, v, factor) for k, v in shocks.items()}
    new = solve(in_levels.bind(primitives, moved, elements))
    hats = solve(problem)
    found, expected = {}, {}
    for key, level in new.variables.items():
        if key not in hats.variables:
            continue
        found[key] = hats[str(key)]
        if found[key].attrs["role"] == "new":
            expected[key] = level * factor.get(str(key), 1.0)
        else:
            empty = old[str(key)] == 0  # no ratio: the cell must stay empty, and its hat is free
            expected[key] = (level / old[str(key)].where(~empty, 1.0)).where(
                ~empty | (level != 0), found[key]
            )
    return _assert_equal(
        found, expected, tolerance, "each hat must be the ratio of the two equilibria in levels"
    )


def assert_homogeneous(
    model: Model | System,
    data: xr.Dataset,
    shocks: Shocks | None = None,
    *,
    factor: float = 7.0,
    nominal: Collection[str] = (),
    elements: Elements | None = None,
    tolerance: float = 1e-10,
) -> None:
    """Assert that the unit of account does not matter.

    Every nominal quantity of the data (and of the shocks, where they are levels) is multiplied by `factor`:
    nominal outcomes in levels must scale with it, everything else must stay.

    Parameters
    ----------
    model : Model or System
    data : xarray.Dataset
    shocks : mapping, optional
    factor : float
        New over old unit, positive.
    nominal : collection of str
        Keys of nominal quantities besides those with a unit that starts with "million USD".
    elements : mapping, optional
        Labels of named elements.
    tolerance : float
        Largest gap.

    Raises
    ------
    AssertionError
        With the outcomes that depend on the unit.
    """
    system = _system(model)
    declared = [d for d in system.model.symbols.values() if d.unit.startswith(MONEY)]
    names = {*nominal, *(d.key for d in declared)}
    if not names & set(map(str, data.data_vars)):
        raise DataError(
            f"no data of model '{system.model.name}' are nominal; declare unit='{MONEY}' or name them in nominal="
        )
    scaled = data.assign({k: data[k] * factor for k in names if k in data})
    levels = {d.key for d in system.model.of_kind(Kind.EXOGENOUS) if d.role != "hat"} & names
    moved = {k: _times(v, factor) if k in levels else v for k, v in (shocks or {}).items()}
    before = solve(system.bind(data, shocks, elements)).variables
    what = f"with nominal data times {factor:g} real outcomes must stay"
    after = _solved(lambda: system.bind(scaled, moved, elements), what)
    expected = {k: v * factor if k in names and v.attrs["role"] != "hat" else v for k, v in before.items()}
    _assert_equal(after, expected, tolerance, what)


def assert_walras(subject: Problem | Solution, *, tolerance: float = 1e-10) -> None:
    """Assert that the budgets add up: the equation that Walras' law makes redundant holds, and stated factor income.

    Parameters
    ----------
    subject : Problem or Solution
        A problem is solved without its certificate, and must have every wedge different from zero somewhere,
        since a forgotten revenue cannot be seen where there is none.
    tolerance : float
        Largest relative gap.

    Raises
    ------
    AssertionError
        If some income or revenue is forgotten or counted twice, if no wedge could show it, or if the model has
        no numeraire.
    """
    if isinstance(subject, Problem):
        _assert_wedges(subject)
        problem, certificate = subject, certify(subject, SOLVERS["newton"](subject))[0]
        name = subject.system.model.name
    else:
        problem, certificate, name = subject.problem, subject.certificate, subject.provenance["model"]
    if not any(c.name.startswith("Walras") for c in certificate.checks):
        raise AssertionError(f"model '{name}' has no numeraire, so Walras' law is not tested; declare one")
    budgets = [c for c in certificate.checks if about_budgets(problem, c.name)]
    failed = [c.name for c in certificate.checks if not c.passed and c not in budgets]
    if failed:
        raise AssertionError(f"model '{name}' was not solved ({', '.join(failed)}):\n{certificate.to_text()}")
    worst = max(budgets, key=lambda c: c.value)
    if not worst.value <= tolerance:
        raise AssertionError(
            f"model '{name}': the budgets do not add up. All equations hold, but {worst.name} is off by {worst.value:.3g} "
            f"(tolerance {tolerance:g}): some income or tax revenue is forgotten or counted twice"
            + (f"; {missing_income(subject)}" if isinstance(subject, Problem) else "")
        )


def assert_permutation_invariant(
    model: Model | System,
    data: xr.Dataset,
    shocks: Shocks | None = None,
    *,
    elements: Elements | None = None,
    seed: int = 0,
    tolerance: float = 1e-10,
) -> None:
    """Assert that the order of labels does not matter: every dim of `data` is reordered by itself.

    Parameters
    ----------
    model : Model or System
    data : xarray.Dataset
        Every dim must have labels.
    shocks : mapping, optional
        Arrays keep their order; they are aligned by label.
    elements : mapping, optional
        Labels of named elements.
    seed : int
        Seed of the order.
    tolerance : float
        Largest gap.

    Raises
    ------
    AssertionError
        With the outcomes that change.
    """
    system, rng = _system(model), np.random.default_rng(seed)
    if unlabelled := [str(d) for d in data.dims if d not in data.coords]:
        raise DataError(f"dims without labels cannot be reordered: {', '.join(unlabelled)}; add coordinates")
    order = {dim: _permutation(rng, size) for dim, size in data.sizes.items()}
    before = solve(system.bind(data, shocks, elements)).variables
    what = "the order of labels must not matter"
    after = _solved(lambda: system.bind(data.isel(order), shocks, elements), what)
    _assert_equal(after.reindex_like(before), before, tolerance, what)


# ---- comparing -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Gap:
    """The cell of an outcome that is farthest from what is expected."""

    key: str
    where: str
    found: float
    expected: float
    size: float

    def __str__(self) -> str:
        at = f" at {self.where}" if self.where else ""
        return f"'{self.key}'{at} is {self.found:.12g}, not {self.expected:.12g} (gap {self.size:.2g})"


def _largest_gap(key: str, found: xr.DataArray, expected: xr.DataArray) -> _Gap:
    found, expected = xr.align(found, expected.transpose(*found.dims), join="exact")
    a, b = (np.asarray(x.values, dtype=float) for x in (found, expected))
    size = np.abs(a - b) / np.maximum(1.0, np.abs(b))
    size = np.where(np.isnan(size), np.inf, size)
    at = np.unravel_index(np.argmax(size), size.shape)
    where = ", ".join(f"{d}={found[d].values[k]}" for d, k in zip(found.dims, at, strict=True))
    return _Gap(key, where, float(a[at]), float(b[at]), float(size[at]))


def _assert_equal(found, expected: Mapping, tolerance: float, what: str) -> dict[str, float]:
    """Compare outcomes by key; return the largest gap of each."""
    gaps = [_largest_gap(str(key), found[key], want) for key, want in expected.items()]
    _refuse([g for g in gaps if not g.size <= tolerance], tolerance, what)
    return {g.key: g.size for g in gaps}


def _refuse(wrong: Iterable[_Gap], tolerance: float, what: str) -> None:
    wrong = sorted(wrong, key=lambda g: -g.size)
    if wrong:
        more = f"\n  and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        listed = "".join(f"\n  {g}" for g in wrong[:_SHOWN])
        raise AssertionError(f"{what} (tolerance {tolerance:g}):{listed}{more}")


def _solved(bind: Callable[[], Problem], what: str) -> xr.Dataset:
    """Outcomes of data that must have an equilibrium because other data have one."""
    try:
        return solve(bind()).variables
    except (DataError, SolveError) as error:
        raise AssertionError(f"{what}, but the changed data have no equilibrium: {error}") from error


def _assert_equations_hold(problem: Problem, tolerance: float) -> None:
    """Assert that no equation of the core is violated where every change is 1."""
    residual, wrong = problem.residual(problem.start), []
    for k, group in enumerate(problem.system.groups):
        values = residual[problem.offsets[k] : problem.offsets[k + 1]].reshape(problem.shapes[k])
        dims = group.declaration.dims
        coords = {d.name: problem.bound.labels[d.root] for d in dims}
        array = xr.DataArray(values, coords, [d.name for d in dims])
        gap = _largest_gap(group.equation.name, array, xr.zeros_like(array))
        wrong += [gap] if not gap.size <= tolerance else []
    _refuse(wrong, tolerance, "the baseline violates equations (residuals, relative)")


# ---- moving data ---------------------------------------------------------------------------------


def _system(model: Model | System) -> System:
    return compile_model(model) if isinstance(model, Model) else model


def _shocked(
    problem: Problem, key: str, primitives: xr.Dataset, shock: object, factor: Mapping[str, float]
) -> object:
    """A shock of the model in hats as one of the model in levels."""
    decl, bound = problem.system.model.declaration(key), problem.bound
    if decl.level:
        return _times(shock, 1 / factor.get(key, 1.0))
    labels = {d.name: bound.labels[d.root] for d in decl.dims}
    return primitives[key] * xr.DataArray(bound.values[decl.symbol], labels, decl.dim_names)


def _observed(
    system: System, primitives: xr.Dataset, old: Solution, factor: Mapping[str, float]
) -> xr.Dataset:
    """Baseline data: the primitives and what is observed of an equilibrium, in the units of the hats."""
    declared = system.model.of_kind(Kind.VARIABLE)
    data = primitives.drop_vars([d.key for d in declared], errors="ignore")
    data = data.assign({d.key: old[d.key] for d in declared if d.observed})
    return data.assign({key: data[key] * value for key, value in factor.items() if key in data})


def _times(shock: object, factor: float) -> object:
    if isinstance(shock, Mapping):
        return {label: value * factor for label, value in shock.items()}
    return shock * factor  # type: ignore[operator]


def _permutation(rng: np.random.Generator, size: int) -> np.ndarray:
    order = rng.permutation(size)
    return order[::-1] if size > 1 and (order == np.arange(size)).all() else order


def _assert_wedges(problem: Problem) -> None:
    """Assert that every tax, tariff and deficit is somewhere different from zero."""
    idle = [f"'{d.key}'" for d in wedges(problem) if not np.any(problem.bound.values[d.symbol])]
    if idle:
        raise AssertionError(
            f"Walras' law is not tested where {', '.join(idle)} {'is' if len(idle) == 1 else 'are'} zero everywhere: "
            "a forgotten revenue cannot be seen; give a value different from zero"
        )
