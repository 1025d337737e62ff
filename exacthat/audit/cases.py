"""Solved cases of the rare-earths model: economies, each under every instrument and with every technology."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from calibration.synthetic import synthetic_rare_earths
from exacthat.library import load_baseline, load_model
from exacthat.scenario import Study
from framework import ScenarioError, SolveError, System, compile_model, hat, solve
from framework.closures import closed_for
from framework.solve.stability import CHECK as STABILITY
from models import rare_earths

AUDITED = "rare-earths"
EXOGENOUS = "exogenous"
INSTRUMENTS: dict[str, dict[str, float]] = {
    "tax": {"export_tax": 1.0},
    "quota": {"ree_export_ratio": 0.6},
    "price": {"ree_price_ratio": 2.0},
}
PHI_OF_MOBILE_RESEARCH = 0.1
"""Variety productivity with technologies in which research follows revenue: at 1 its allocation is unstable."""
COMPLEMENTS, SUBSTITUTES = (0.3, 0.95), (1.05, 1.5)
"""Ranges of the elasticity between the bundles in the two groups of synthetic economies."""
REGIONS, SECTORS = 4, 5


@dataclass(frozen=True)
class Economy:
    """A baseline to try a statement on; `origin` says in one word where it comes from."""

    name: str
    origin: str
    data: xr.Dataset

    def __str__(self) -> str:
        return self.name


@functools.cache
def _default_exporter() -> str:
    return rare_earths().elements["ree_exporter"]


@dataclass(frozen=True)
class Case:
    """One economy under one instrument with one technology, and the same with exogenous technology."""

    economy: Economy
    technology: str
    instrument: str
    data: xr.Dataset
    changes: xr.Dataset  # new over base
    exogenous: xr.Dataset
    tenfold: xr.Dataset | str | None = None
    """Under a tax: changes under the tax that makes the price tenfold, or why there is none."""

    @property
    def exporter(self) -> str:
        """The region that taxes REE exports, as the model reads it from the data."""
        return self.data.attrs.get("ree_exporter", _default_exporter())

    @property
    def abroad(self) -> list[str]:
        """Regions other than the exporter."""
        exporter = self.exporter
        return [r for r in self.data["region"].values if r != exporter]

    @property
    def use_share(self) -> float:
        """The exporter's share in what the world spends on rare earths, before tax."""
        cost = (self.data["ree_share"] * self.data["value_added_share"] * self.data["gross_output"]).sum(
            "sector"
        )
        return float(cost.sel(region=self.exporter) / cost.sum())

    @property
    def using(self) -> list[str]:
        """Sectors that use rare earths."""
        used = (self.data["ree_share"] > 0).any("region")
        return list(self.data["sector"].values[used.values])

    @property
    def without(self) -> list[str]:
        """Sectors that use none."""
        return [s for s in self.data["sector"].values if s not in self.using]


@dataclass(frozen=True)
class Unsolved:
    """A case without a certified solution, and why."""

    economy: Economy
    technology: str
    instrument: str
    why: str


def economies_of(model: str, data: str | None, count: int, seed: int) -> list[Economy]:
    """The baseline of a model, by default WIOD 2009, and `count` pairs of synthetic economies.

    Raises
    ------
    ScenarioError
        The paper of the model has no statements here.
    DataError
        The data are no baseline of the model.
    """
    if model != AUDITED:
        raise ScenarioError(f"there are statements to audit for '{AUDITED}' only, not for '{model}'")
    baseline = load_baseline(load_model(model), Study.of_model(model), data).data
    name = "WIOD 2009" if data is None else str(data)
    return [Economy(name, name, baseline), *synthetic_economies(count, seed)]


def synthetic_economies(count: int, seed: int) -> Iterator[Economy]:
    """Synthetic economies in pairs: bundles are complements in one, substitutes in the other."""
    for k in range(count):
        data = synthetic_rare_earths(REGIONS, SECTORS, seed=seed + k)
        rng = np.random.default_rng([seed, k])
        uses = (data["ree_share"] > 0).any("region")
        for origin, (low, high) in (("complements", COMPLEMENTS), ("substitutes", SUBSTITUTES)):
            drawn = xr.where(uses, rng.uniform(low, high, SECTORS), 1.0)
            yield Economy(f"{origin} {k}", origin, data.assign(ree_elasticity=drawn))


def technologies() -> list[str]:
    """Every technology that the model knows, exogenous first."""
    return list(rare_earths().variants["technology"])


def solved(
    economies: Sequence[Economy], track: Callable[[Sequence[Economy]], Iterable[Economy]]
) -> Iterator[Case | Unsolved]:
    """Solve every case; exogenous technology first, with which the others are compared."""
    names = technologies()
    systems = {(t, i): _system(t, i) for t in names for i in INSTRUMENTS}
    for economy in track(economies):
        for instrument in INSTRUMENTS:
            fixed = None
            for technology in names:
                data = economy.data
                if research_moves(technology):
                    data = data.assign(variety_productivity=PHI_OF_MOBILE_RESEARCH)
                found = _solve(economy, technology, instrument, systems[technology, instrument], data)
                if isinstance(found, Unsolved):
                    yield found
                    continue
                fixed = found if technology == EXOGENOUS else fixed
                if fixed is None:
                    yield Unsolved(economy, technology, instrument, "exogenous technology has no solution")
                    continue
                tenfold = _tenfold(systems[technology, "price"], data) if instrument == "tax" else None
                yield Case(economy, technology, instrument, data, found, fixed, tenfold)


def _tenfold(system: System, data: xr.Dataset) -> xr.Dataset | str:
    """The equilibrium at ten times the baseline price, the tax being what it must be; or why there is none."""
    try:
        return solve(system.bind(data, {"ree_price_ratio": 10.0})).outcomes
    except SolveError as error:
        none = _fails(error, "'ree_exports'")
        return "the price is below tenfold even without exports" if none else "no solution was certified"


def _fails(error: SolveError, what: str) -> bool:
    """Whether the point that was reached fails a check with these words in its name."""
    return error.certificate is not None and any(
        what in c.name for c in error.certificate.checks if not c.passed
    )


@functools.cache
def _system(technology: str, instrument: str) -> System:
    return compile_model(
        closed_for(hat(rare_earths().choose(technology=technology)), INSTRUMENTS[instrument])
    )


@functools.cache
def research_moves(technology: str) -> bool:
    """True where research follows revenue, so that its allocation may be unstable."""
    return bool(rare_earths().choose(technology=technology).adjustments)


def _solve(
    economy: Economy, technology: str, instrument: str, system: System, data: xr.Dataset
) -> xr.Dataset | Unsolved:
    try:
        return solve(system.bind(data, INSTRUMENTS[instrument])).outcomes
    except SolveError as error:
        why = "research is unstable" if _fails(error, STABILITY) else "no solution was certified"
        return Unsolved(economy, technology, instrument, why)
