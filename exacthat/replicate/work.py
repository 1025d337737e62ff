"""What several parts of a replication share: settings, measurement, synthetic world, estimates, solved scenarios."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from calibration import default_parameters
from empirics.elasticities import estimate_elasticities, estimate_ree_shares
from empirics.estimates import combine_estimates
from empirics.growth import midpoint_of_log_change
from empirics.measurement.accounts import has_accounts
from empirics.measurement.results import measure_or_shipped
from empirics.prices import read_prices
from empirics.sectors import sectors_of_sic
from empirics.shipped import official_folder, shipped_table
from empirics.synthetic import BY_SECTOR, panel_of, simulate_world
from empirics.world_settings import WorldSettings
from exacthat.replicate.slides import Slides, read_slides
from exacthat.run import Outcome, load_study, solve_study


@dataclass(frozen=True)
class Settings:
    """Sizes of a replication.

    Attributes
    ----------
    patents, sentences : int
        Documents in the synthetic corpora.
    permutations : int
        Of the sensitivity, in each column of a difference-in-differences table; 0 for none.
    jackknife : bool
        Cluster-jackknife standard errors, and estimates without the largest units.
    draws : int
        Of the estimated parameters, for simulated bands.
    world : WorldSettings
        Of the synthetic world.
    scenarios : tuple of str
        Counterfactuals to solve; by default all that are shipped.
    """

    patents: int = 3000
    sentences: int = 1500
    permutations: int = 199
    jackknife: bool = True
    draws: int = 200
    world: WorldSettings = field(default_factory=WorldSettings)
    scenarios: tuple[str, ...] = ()


QUICK = Settings(patents=1000, sentences=500, permutations=19, jackknife=False, draws=20)
"""What ``--quick`` takes: everything is there, with less inference and fewer draws."""


class Work:
    """Results that parts of a replication share, each made when it is first needed.

    Parameters
    ----------
    name : str
        Study.
    settings : Settings
    seed : int
        Of everything that is drawn at random.
    data : str or Path, optional
        Folder of official tables; by default the environment variable EXACTHAT_DATA names it.
    """

    def __init__(self, name: str, settings: Settings, seed: int, data: str | Path | None) -> None:
        self.name, self.settings, self.seed, self.data = name, settings, seed, data

    @property
    def slides(self) -> Slides:
        """Sections and printed numbers of the slides."""
        return read_slides(self.name)

    @cached_property
    def folder(self) -> Path | None:
        """Folder of official tables, if there is one."""
        return official_folder(self.data)

    @property
    def has_accounts(self) -> bool:
        """Whether BEA's accounts of 2012 are there."""
        return has_accounts(self.folder)

    @cached_property
    def prices(self) -> pd.DataFrame:
        """Public prices of elements."""
        return read_prices()

    @cached_property
    def _measured(self) -> tuple[xr.Dataset, str]:
        return measure_or_shipped(self.data)

    @property
    def measurement(self) -> xr.Dataset:
        """The extended table: computed where the official tables are there, else the shipped results."""
        return self._measured[0]

    @property
    def measurement_note(self) -> str:
        """What is needed to compute the measurement again; empty if it was computed."""
        return self._measured[1]

    @cached_property
    def truth(self) -> xr.Dataset:
        """Elasticities and shares of the slides, on which the synthetic world is built."""
        parameters = default_parameters()
        sectors = list(dict.fromkeys(sectors_of_sic(shipped_table("sic1987.csv").sic)))
        return xr.Dataset({name: parameters.by_sector(name, sectors) for name in BY_SECTOR})

    def simulate(self, **changes: float) -> xr.Dataset:
        """Simulate the world, with changes to its settings."""
        requirements = self.measurement["total_requirements"].rename(sector="sic")
        settings = replace(self.settings.world, **changes)  # type: ignore[arg-type]
        return simulate_world(self.truth, seed=self.seed, settings=settings, requirements=requirements)

    @cached_property
    def world(self) -> xr.Dataset:
        """The synthetic world; its industries require rare earths as measured."""
        return self.simulate()

    @cached_property
    def panel(self) -> pd.DataFrame:
        """The world as a table by region, industry and year."""
        return panel_of(self.world)

    @cached_property
    def panel_without_shocks(self) -> pd.DataFrame:
        """The same world without shocks to productivity, exports and demand: what is left is what the model implies."""
        world = self.simulate(productivity_shock=0.0, export_shock=0.0)
        exports = xr.apply_ufunc(np.log, world["exports"]) - world["demand_growth"].cumsum("year")
        growth = 100 * midpoint_of_log_change(np.asarray(exports.diff("year")))
        implied = world["export_growth"].isel(year=slice(1, None)).copy(data=growth)
        return panel_of(world.assign(export_growth=implied.reindex(year=world["year"])))

    @cached_property
    def elasticities(self) -> xr.Dataset:
        """Estimates of the elasticities on the synthetic panel; sectors with inadmissible ones are named, not clipped."""
        return estimate_elasticities(self.panel, inadmissible="list")

    @cached_property
    def shares(self) -> xr.Dataset:
        """Estimates of the rare-earth shares on the synthetic world."""
        w = self.world
        return estimate_ree_shares(w.ree_cost, w.value_added, w.sector_of_sic, w.log_price_covariance)

    @cached_property
    def estimates(self) -> xr.Dataset:
        """Both, with joint covariance: synthetic."""
        return combine_estimates(self.elasticities, self.shares)

    @cached_property
    def outcome(self) -> Outcome:
        """Counterfactuals with the elasticities and shares of the slides."""
        study = load_study(self.name)
        wanted = self.settings.scenarios
        return solve_study(study.only(wanted) if wanted else study)
