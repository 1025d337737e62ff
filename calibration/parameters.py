"""Parameters of models on input-output tables: value, standard error, unit and source, by sector or region where they vary.

Keys are those of a scenario file's ``[parameters]`` table::

    trade_elasticity = 5.0                              # scalar, table by sector, or "caliendo-parro"
    ree_elasticity = { "Transport equipment" = 0.7 }    # the other sectors keep their value
    ree_endowment_share = { CHN = 0.97, ROW = 0.03 }    # replaces the whole table
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from calibration import labels
from calibration.estimates import applied, check_assumed, read_estimates, without
from calibration.parameter import Parameter, overridden, trade_elasticities
from framework.errors import DataError, ScenarioError, did_you_mean

SLIDES = (
    "Alfaro, Fadinger, Schymik and Virananda (NBER 33877), slides, table of estimates of epsilon_s and gamma_s; "
    "agriculture and services: assumption"
)
ENDOWMENT = (
    "China's share of world mine production in 2009 is 0.93 in USGS and 0.98 in BGS data "
    "(calibration/data/ree_mine_production_2009.csv); 0.97 lies between them"
)
ASSUMED = "assumption"


@dataclass(frozen=True)
class Parameters:
    """The parameters of the rare-earth model, by name.

    Attributes
    ----------
    entries : mapping of str to Parameter
    estimates : xr.Dataset, optional
        Joint estimates that some of the values are; see `calibration.estimates`. What a scenario sets is not among them.

    Examples
    --------
    >>> default_parameters().override({"trade_elasticity": 4.0}).scalar("variety_elasticity")
    4.0
    """

    entries: Mapping[str, Parameter]
    estimates: xr.Dataset | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        _validate(self)
        if self.estimates is not None:
            check_assumed(self.entries, self.estimates)

    @classmethod
    def from_estimates(cls, source: str | Path | xr.Dataset, base: Parameters | None = None) -> Parameters:
        """Take values, standard errors, covariance and source from estimates; everything else stays as in `base`.

        Parameters
        ----------
        source : str, Path or xr.Dataset
            See `calibration.estimates.read_estimates`.
        base : Parameters, optional
            By default `default_parameters`.

        Raises
        ------
        DataError
            The estimates are malformed, of a parameter that does not exist or has regions, or outside its range.
        """
        base = default_parameters() if base is None else base
        estimates = read_estimates(source)
        return cls(applied(base.entries, estimates), estimates)

    def at(self, values: Iterable[float]) -> Parameters:
        """Return the parameters at other values of the estimated coefficients, in their order; for uncertainty bands.

        Raises
        ------
        DataError
            A value is outside its parameter's range.
        """
        if self.estimates is None:
            raise DataError("these parameters hold no estimates; use Parameters.from_estimates.")
        moved = self.estimates.assign(estimate=("coefficient", list(values)))
        return Parameters(applied(self.entries, moved, keep_sources=True), self.estimates)

    def __getitem__(self, name: str) -> Parameter:
        if name not in self.entries:
            raise DataError(f"unknown parameter '{name}'.{did_you_mean(name, self.entries)}")
        return self.entries[name]

    def scalar(self, name: str) -> float:
        """Return the value of a parameter that does not vary by label."""
        parameter = self[name]
        if parameter.value is None or parameter.table:
            raise DataError(
                f"parameter '{name}' varies by {parameter.dim}; use by_sector or endowment_share."
            )
        return parameter.value

    def by_sector(self, name: str, sectors: Iterable[str]) -> xr.DataArray:
        """Return a parameter on the given sectors, dims (sector).

        A WIOD industry code without a value of its own takes that of the sector it belongs to
        (``calibration/data/concordance_sectors.csv``).

        Raises
        ------
        DataError
            If a sector has no value, or a value is given for a sector the data do not have.
        """
        parameter, sectors = self[name], [str(s) for s in sectors]
        groups = labels.sector_concordance()
        values = []
        for sector in sectors:
            value = parameter.at(sector, groups.get(sector))
            if value is None:
                raise DataError(
                    f"parameter '{name}' has no value for sector '{sector}'; give it in [parameters] as "
                    f'{name} = {{ "{sector}" = ... }}.{did_you_mean(sector, parameter.table, sectors)}'
                )
            values.append(value)
        used = set(sectors) | {groups[s] for s in sectors if s in groups}
        for label in parameter.overridden:
            if label not in used:
                raise DataError(
                    f"parameter '{name}' has a value for sector '{label}', which the data do not have; "
                    f"use the sectors of the data.{did_you_mean(label, sectors, parameter.table)}"
                )
        return xr.DataArray(values, {"sector": sectors}, name=name)

    def endowment_share(self, regions: Iterable[str]) -> xr.DataArray:
        """Return each region's share of the world endowment of rare earths, dims (region), summing to one.

        The share of one of the five regions that the data hold country by country is divided among its members in
        proportion to mine production in 2009 (USGS, ``calibration/data/ree_mine_production_2009.csv``).

        Raises
        ------
        DataError
            If a share is given for a region that the data do not have.
        """
        regions = [str(r) for r in regions]
        mined = labels.read_table("ree_mine_production_2009.csv").set_index("wiod_country").usgs
        groups = labels.region_concordance()
        share = dict.fromkeys(regions, 0.0)
        for label, value in self["ree_endowment_share"].table.items():
            if label in share:
                share[label] += value
                continue
            members = [r for r in regions if groups.get(r) == label]
            tonnes = mined.reindex(members).fillna(0.0)
            if value and not tonnes.sum() > 0:
                hint = did_you_mean(label, regions, self["ree_endowment_share"].table)
                raise DataError(
                    f"parameter 'ree_endowment_share' has a value for region '{label}', which the data do not have; "
                    f"use the regions of the data.{hint}"
                )
            for member in members:
                share[member] += value * tonnes[member] / tonnes.sum() if value else 0.0
        return xr.DataArray(list(share.values()), {"region": regions}, name="ree_endowment_share")

    def override(
        self, settings: Mapping[str, Any], *, sectors: Iterable[str] = (), regions: Iterable[str] = ()
    ) -> Parameters:
        """Return a copy with the settings of a scenario file's ``[parameters]`` table.

        A number replaces the parameter everywhere. A table by sector replaces the sectors it lists; a table of
        ``ree_endowment_share`` replaces the whole. ``trade_elasticity = "caliendo-parro"`` takes the named alternative.

        Parameters
        ----------
        settings : mapping
        sectors, regions : iterable of str
            Labels of the user's own table, beside those of WIOD and of the 5 x 14 aggregate.

        Raises
        ------
        ScenarioError
            If a key or a label is unknown, a value is not a number, or lies outside its range.
        """
        entries, own = dict(self.entries), (list(sectors), list(regions))
        estimates = self.estimates
        for name, setting in settings.items():
            if name not in entries:
                known = ", ".join(sorted(entries))
                raise ScenarioError(
                    f"unknown key '{name}' in [parameters].{did_you_mean(name, entries, settings)} Known keys: {known}."
                )
            entries[name] = overridden(entries[name], setting, {"sector": own[0], "region": own[1]})
            if estimates is not None:
                estimates = without(estimates, name, entries[name].overridden or None)
        try:
            return Parameters(entries, estimates)
        except DataError as error:
            raise ScenarioError(f"[parameters] {error}") from error

    def to_frame(self) -> pd.DataFrame:
        """Return a table of name, value, standard error, unit, source and description, for reports."""
        rows = [
            (p.name, p.text(), p.standard_error, p.unit, p.source, p.description)
            for p in self.entries.values()
        ]
        columns = ["name", "value", "standard_error", "unit", "source", "description"]
        return pd.DataFrame(rows, columns=columns).set_index("name")

    def __repr__(self) -> str:
        width = max(map(len, self.entries))
        return "\n".join(["Parameters", *(f"  {n:<{width}}  {p.text()}" for n, p in self.entries.items())])


def stability_bound(parameters: Parameters) -> float:
    """Return the bound 1 + 1/(phi kappa) that every ``ree_elasticity`` must stay below (docs/rare_earths_model.md eq. 6).

    At or above it the direction of research is unstable at given factor prices (Acemoglu 2002, strong bias).
    """
    xi = parameters.scalar("variety_productivity") * parameters.scalar("research_elasticity")
    return 1 + 1 / xi if xi > 0 else math.inf


def _validate(parameters: Parameters) -> None:
    bound = stability_bound(parameters)
    ranges = {
        "trade_elasticity": (lambda x: x > 0, "must be positive"),
        "variety_elasticity": (lambda x: x > 1, "must be above 1 (the markup is beta / (beta - 1))"),
        "variety_productivity": (lambda x: x >= 0, "must not be negative"),
        "research_elasticity": (lambda x: x >= 0, "must not be negative"),
        "ree_share": (lambda x: 0 <= x < 1, "must lie in [0, 1)"),
        "ree_endowment_share": (lambda x: 0 <= x <= 1, "must lie in [0, 1]"),
        "input_elasticity": (lambda x: x >= 0, "must not be negative"),
        "ree_supply_elasticity": (lambda x: x >= 0, "must not be negative"),
        "ree_trade_elasticity": (lambda x: x > 0, "must be positive"),
        "scale_effect": (lambda x: 0 <= x <= 1, "must lie in [0, 1]"),
        "selection_effect": (lambda x: x >= 0, "must not be negative"),
        "ree_use_share": (lambda x: 0 < x < 1, "must lie between 0 and 1"),
        "baseline_export_tax": (lambda x: x > -1, "must be above -1"),
        "baseline_tariff": (lambda x: x > -1, "must be above -1"),
        "ree_elasticity": (
            lambda x: 0 <= x < bound,
            f"must not be negative, and below the stability bound 1 + 1/(phi kappa) = {bound:g}; lower it, or lower "
            "variety_productivity (phi) or research_elasticity (kappa)",
        ),
    }
    for name, (admissible, rule) in ranges.items():
        parameter = parameters[name]
        values = dict(parameter.table)
        if parameter.value is not None:
            values[""] = parameter.value
        for label, value in values.items():
            if not admissible(value):
                of = f" of {parameter.dim} '{label}'" if label else ""
                raise DataError(f"parameter '{name}'{of} is {value:g}; it {rule}.")
    total = sum(parameters["ree_endowment_share"].table.values())
    if abs(total - 1) > 1e-9:
        raise DataError(
            f"parameter 'ree_endowment_share' sums to {total:g} over regions; the shares must sum to 1."
        )


EXTENSIONS = (
    Parameter(
        "input_elasticity",
        1.0,
        "",
        "elasticity between value added and inputs chi (production = ces)",
        ASSUMED,
    ),
    Parameter(
        "ree_supply_elasticity",
        0.0,
        "",
        "elasticity of REE supply zeta (rare_earth_supply = elastic)",
        ASSUMED,
    ),
    Parameter(
        "ree_trade_elasticity", 5.0, "", "trade elasticity of REE (rare_earth_market = armington)", ASSUMED
    ),
    Parameter(
        "ree_use_share", None, "region", "share of world REE use that the cost shares are scaled to", ASSUMED
    ),
    Parameter("baseline_export_tax", None, "region", "export tax on REE at the baseline", ASSUMED),
    Parameter("baseline_tariff", 0.0, "sector", "tariff on imports at the baseline", ASSUMED),
)
"""Parameters of what is off by default: at these values they change nothing."""

AXTELL = "Axtell (2001), Science 293: 1818-1820: the sizes of US firms are Pareto with exponent 1.059, which is theta/(sigma - 1)"
FIRMS = (
    Parameter(
        "scale_effect",
        1.0,
        "sector",
        "scale effect delta: 1 with free entry, 0 under perfect competition",
        ASSUMED,
    ),
    Parameter("selection_effect", 0.059, "sector", "selection effect eta = theta/(sigma - 1) - 1", AXTELL),
)
"""Parameters of the models with free entry of firms, krugman and melitz-pareto."""


def default_parameters() -> Parameters:
    """Return the headline parameters, with their sources.

    Those of the rare-earth model (docs/rare_earths_model.md sections 7 and 14), and of models with free entry of firms.
    """
    estimates = labels.read_table("ree_elasticities.csv").set_index("sector")
    entries = [
        trade_elasticities()["head-mayer"],
        Parameter(
            "variety_elasticity", 4.0, "", "elasticity of substitution between varieties beta", ASSUMED
        ),
        Parameter(
            "variety_productivity",
            1.0,
            "",
            "productivity elasticity of the measure of varieties phi",
            ASSUMED,
        ),
        Parameter(
            "research_elasticity", 1.0, "", "elasticity of varieties to research effort kappa", ASSUMED
        ),
        Parameter(
            "ree_endowment_share",
            None,
            "region",
            "share of the world endowment of rare earths",
            ENDOWMENT,
            {"CHN": 0.97, "ROW": 0.03},
        ),
        Parameter(
            "ree_elasticity",
            None,
            "sector",
            "elasticity between the rare-earth and labour bundles epsilon_s",
            SLIDES,
            estimates.ree_elasticity.to_dict(),
        ),
        Parameter(
            "ree_share",
            None,
            "sector",
            "rare-earth share of value added gamma_s",
            SLIDES,
            estimates.ree_share.to_dict(),
        ),
    ]
    return Parameters({p.name: p for p in (*entries, *EXTENSIONS, *FIRMS)})
