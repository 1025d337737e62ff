"""Uncertainty of counterfactuals that comes from estimated parameters: delta method and simulation.

Every case is solved again at other parameters, by `framework.solve_many`, and certified there. The baseline is calibrated
anew each time, because parameters are part of it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from scipy import stats

from exacthat.results import combine, cushioning_index
from framework import solve_many
from framework.errors import DataError, SolveError
from framework.solution import Status
from framework.symbols import Kind

if TYPE_CHECKING:
    from calibration import Parameters
    from exacthat.library import Uncertain
    from exacthat.run import Outcome
    from exacthat.scenario import Case

LEVEL = 0.95
DRAWS = 200
MOST_DIMS = 2
"""Outcomes over more dims of their own, such as bilateral shares, have no bands."""

STEP = 0.01  # of a standard error, for numerical derivatives

Track = Callable[[Sequence[str]], Iterable[str]]


def with_bands(
    outcome: Outcome, *, draws: int = DRAWS, seed: int = 0, level: float = LEVEL, track: Track = iter
) -> Outcome:
    """Add standard errors and bands to the results of a study whose parameters are estimated.

    Parameters
    ----------
    outcome : Outcome
        Solved study; its baseline must hold estimated parameters.
    draws : int
        Draws from the joint normal distribution of the estimates; zero for the delta method only. Draws that a parameter's
        range does not admit are counted and left out, never clipped or drawn again, so that what remains is the
        distribution conditional on the range.
    seed : int
    level : float
        Probability of the bands.
    track : callable
        Wraps the sequence of descriptions of the parameter points, for instance to show progress.

    Returns
    -------
    Outcome
        With, for each outcome ``y`` over at most two dims of its own: ``y_se``, ``y_lower``, ``y_upper`` by the delta
        method, and with draws ``y_simulated_se``, ``y_simulated_lower``, ``y_simulated_upper``: standard deviation and
        quantiles. Attributes: ``band_level``, ``band_coefficients`` (number that is uncertain), ``draws``,
        ``draws_inadmissible``, ``draws_failed`` (draws without equilibrium in some case), ``draws_seed``.

    Raises
    ------
    DataError
        The baseline holds no estimates, or fewer than two draws are admissible.
    SolveError
        A case has no equilibrium at a parameter point of the delta method.
    """
    uncertain = _required(outcome, draws, level)
    points, steps = _derivative_points(uncertain)
    admissible, inadmissible = _draw(uncertain, draws, seed)
    labels = [*(f"delta method, point {k + 1}" for k in range(len(points)))]
    labels += [f"draw {k + 1}" for k in range(len(admissible))]
    data = [
        uncertain.calibrate(parameters)
        for _, parameters in zip(track(labels), [*points, *admissible], strict=True)
    ]
    found = [_solved(outcome, case, data, labels[: len(points)]) for case in outcome.cases]
    evaluated = _evaluated(outcome, found)
    bands = _delta(
        outcome.results, evaluated.isel(evaluation=slice(len(points))), uncertain.estimates, steps, level
    )
    failed = int(np.any([part["status"].values != str(Status.SOLVED) for part in found], axis=0).sum())
    if draws:
        bands = bands.assign(_simulated(evaluated.isel(evaluation=slice(len(points), None)), level))
    attrs = {
        "band_level": level,
        "band_coefficients": len(steps),
        "draws": draws,
        "draws_inadmissible": inadmissible,
        "draws_failed": failed,
        "draws_seed": seed,
    }
    return replace(outcome, results=outcome.results.assign(bands).assign_attrs(attrs))


def _required(outcome: Outcome, draws: int, level: float) -> Uncertain:
    uncertain = outcome.baseline.uncertain
    if uncertain is None:
        raise DataError("bands need estimated parameters; give them with --estimates FILE.")
    if not (uncertain.estimates["standard_error"] > 0).any():
        raise DataError(
            "nothing is uncertain: the estimates have no variance, or the scenario file sets every estimated parameter; "
            "leave the estimates or these settings out."
        )
    if draws < 0 or draws == 1:
        raise DataError(f"draws is {draws}; give zero for the delta method only, or at least two.")
    if not 0 < level < 1:
        raise DataError(f"the probability of the bands is {level:g}; it lies between 0 and 1.")
    return uncertain


# ---- parameter points ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Step:
    """Two evaluations around the estimate of one coefficient: positions among the points, and their distance."""

    coefficient: int
    upper: int | None
    lower: int | None
    distance: float


def _derivative_points(uncertain: Uncertain) -> tuple[list[Parameters], list[_Step]]:
    """Parameters a hundredth of a standard error above and below each estimate; one-sided where a range ends."""
    estimates = uncertain.estimates
    centre, error = estimates["estimate"].values, estimates["standard_error"].values
    points: list[Parameters] = []
    steps: list[_Step] = []
    for k in np.flatnonzero(error > 0):
        placed: list[int | None] = []
        for sign in (1, -1):
            moved = centre.copy()
            moved[k] += sign * STEP * error[k]
            try:
                points.append(uncertain.parameters.at(moved))
                placed.append(len(points) - 1)
            except DataError:
                placed.append(None)
        if placed == [None, None]:
            name = estimates["coefficient"].values[k]
            raise DataError(
                f"'{name}' = {centre[k]:g} has no admissible neighbours; its range is too narrow."
            )
        sides = 2 - placed.count(None)
        steps.append(_Step(int(k), placed[0], placed[1], sides * STEP * float(error[k])))
    return points, steps


def _draw(uncertain: Uncertain, draws: int, seed: int) -> tuple[list[Parameters], int]:
    """Draw from the joint distribution; return the admissible parameters and the number of other draws."""
    estimates = uncertain.estimates
    varying = np.flatnonzero(estimates["standard_error"].values > 0)
    values = np.tile(estimates["estimate"].values, (draws, 1))
    # Only what varies is drawn: rounding would move a share that is known to be zero below zero.
    values[:, varying] = np.random.default_rng(seed).multivariate_normal(
        estimates["estimate"].values[varying],
        estimates["covariance"].values[np.ix_(varying, varying)],
        draws,
        method="eigh",
    )
    admissible = []
    for value in values:
        try:
            admissible.append(uncertain.parameters.at(value))
        except DataError:
            continue
    if draws and len(admissible) < 2:
        raise DataError(
            f"{draws - len(admissible)} of {draws} draws are outside the parameters' ranges: the estimates are too "
            "imprecise for simulation; use --draws 0 for the delta method."
        )
    return admissible, draws - len(admissible)


# ---- solving again -------------------------------------------------------------------------------------


def _solved(outcome: Outcome, case: Case, data: Sequence[xr.Dataset], beside: Sequence[str]) -> xr.Dataset:
    """Outcomes of a case over (draw, ...) at other data; at the first points, beside the estimates, it must have some."""
    found = solve_many(outcome.bind(case, outcome.baseline.data), [outcome.bind(case, d) for d in data])
    for label, status in zip(beside, found["status"].values, strict=False):
        if status != str(Status.SOLVED):
            raise SolveError(
                f"{case.label}: no equilibrium at parameters beside the estimates ({label}): {status}"
            )
    return found


# ---- bands ---------------------------------------------------------------------------------------------


def _evaluated(outcome: Outcome, found: Sequence[xr.Dataset]) -> xr.Dataset:
    """Outcomes of all cases over (evaluation, ...): missing where a draw has no equilibrium, constant where given."""
    solved = [outcome.solutions[case.label].outcomes for case in outcome.cases]
    wanted = {key for known in solved for key, v in known.items() if _has_bands(v)}
    parts = []
    for known, own in zip(solved, found, strict=True):
        base = known[[key for key in known if key in wanted]]
        rows = {key: _values(array, own) for key, array in base.items()}
        parts.append(base.assign({k: (("evaluation", *base[k].dims), rows[k]) for k in base}))
    out = combine(parts, outcome.cases, list(outcome.cases[0].variant))
    if "cushioning_index" in outcome.results:
        out["cushioning_index"] = cushioning_index(out["real_consumption"])
    return out


def _values(known: xr.DataArray, own: xr.Dataset) -> np.ndarray:
    """Values of one outcome at every point, on the dims of the solved case."""
    if known.name in own:
        return own[known.name].transpose("draw", *known.dims).values
    return np.where(
        (own["status"] == str(Status.SOLVED)).values.reshape(-1, *[1] * known.ndim), known.values, np.nan
    )


def _has_bands(array: xr.DataArray) -> bool:
    return array.attrs.get("kind") == Kind.VARIABLE.value and array.ndim <= MOST_DIMS


def _delta(
    results: xr.Dataset, evaluated: xr.Dataset, estimates: xr.Dataset, steps: Sequence[_Step], level: float
) -> xr.Dataset:
    """Standard errors and bands from numerical derivatives and the covariance of the estimates."""
    at = [s.coefficient for s in steps]
    covariance = estimates["covariance"].values[np.ix_(at, at)]
    width = stats.norm.ppf((1 + level) / 2)
    out = xr.Dataset()
    for key, values in evaluated.items():
        centre = results[key]
        array = values.transpose("evaluation", *centre.dims).values
        sides = [[centre.values if p is None else array[p] for p in (s.upper, s.lower)] for s in steps]
        slope = np.array([(up - low) / s.distance for (up, low), s in zip(sides, steps, strict=True)])
        slope = slope.reshape(len(steps), *centre.shape)
        variance = np.einsum("j...,jk,k...->...", slope, covariance, slope)
        error = np.sqrt(np.maximum(variance, 0.0))
        out[f"{key}_se"] = _band(centre, error, "standard error, delta method")
        out[f"{key}_lower"] = _band(
            centre, centre.values - width * error, f"lower end of {level:.0%} band, delta method"
        )
        out[f"{key}_upper"] = _band(
            centre, centre.values + width * error, f"upper end of {level:.0%} band, delta method"
        )
    return out


def _simulated(evaluated: xr.Dataset, level: float) -> xr.Dataset:
    """Standard deviations and quantiles over the draws that have an equilibrium."""
    out = xr.Dataset()
    for key, values in evaluated.items():
        centre = values.isel(evaluation=0, drop=True)
        with warnings.catch_warnings():
            # An outcome that a variant does not have is missing in all draws, and so are its quantiles.
            warnings.filterwarnings("ignore", "All-NaN slice|Degrees of freedom", RuntimeWarning)
            low, high = (values.quantile(p, "evaluation").values for p in ((1 - level) / 2, (1 + level) / 2))
            error = values.std("evaluation", ddof=1).values
        out[f"{key}_simulated_se"] = _band(centre, error, "standard deviation of draws")
        out[f"{key}_simulated_lower"] = _band(centre, low, f"lower quantile of draws, {level:.0%} band")
        out[f"{key}_simulated_upper"] = _band(centre, high, f"upper quantile of draws, {level:.0%} band")
    return out


def _band(centre: xr.DataArray, values: np.ndarray, what: str) -> xr.DataArray:
    about = {
        "long_name": f"{centre.attrs.get('long_name', centre.name)}: {what}",
        "units": centre.attrs.get("units", ""),
    }
    return centre.copy(data=values).assign_attrs(about | {"band_of": str(centre.name), "kind": "band"})
