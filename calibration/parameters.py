"""Parameters of the rare-earth model: value, standard error, unit and source, by sector or region where they vary.

Keys are those of a scenario file's ``[parameters]`` table::

    trade_elasticity = 5.0                              # scalar, table by sector, or "caliendo-parro"
    ree_elasticity = { "Transport equipment" = 0.7 }    # the other sectors keep their value
    ree_endowment_share = { CHN = 0.97, ROW = 0.03 }    # replaces the whole table
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from calibration import labels
from calibration.estimates import applied, check_assumed, read_estimates, without
from framework.errors import DataError, ScenarioError, did_you_mean

SLIDES = (
    "Alfaro, Fadinger, Schymik and Virananda (NBER 33877), slides, table of estimates of epsilon_s and gamma_s; "
    "agriculture and services: assumption"
)
HEAD_MAYER = (
    "Head and Mayer (2014), Gravity Equations: Workhorse, Toolkit, and Cookbook, Handbook of International "
    "Economics 4, ch. 3: preferred value 5.03, the median of estimates from tariff variation in structural "
    "gravity; rounded to 5"
)
CALIENDO_PARRO = (
    "Caliendo and Parro (2015), Review of Economic Studies 82: 1-44, Table 1, full sample; mean over the industries "
    "of each sector; services: value of Head and Mayer (2014)"
)
ENDOWMENT = (
    "China's share of world mine production in 2009 is 0.93 in USGS and 0.98 in BGS data "
    "(calibration/data/ree_mine_production_2009.csv); 0.97 lies between them"
)
ASSUMED = "assumption"


@dataclass(frozen=True)
class Parameter:
    """A number, or numbers by label, with what is known about them.

    Attributes
    ----------
    value : float or None
        Value, or the value of every label that ``table`` does not list.
    table : mapping of label to float
        Values by sector or region; empty for a scalar.
    dim : {"", "sector", "region"}
        What the labels are; empty if the parameter is a scalar of the model.
    standard_error : float, mapping of label to float, or None
        None where the source states none.
    unit, source, description : str
    overridden : tuple of str
        Labels whose value a scenario set; the data must have them.
    """

    name: str
    value: float | None
    dim: str
    description: str
    source: str
    table: Mapping[str, float] = field(default_factory=dict)
    standard_error: float | Mapping[str, float] | None = None
    unit: str = "1"
    overridden: tuple[str, ...] = ()

    def at(self, label: str, group: str | None = None) -> float | None:
        """Return the value of a label: its own, else that of the group it belongs to, else the common one."""
        if label in self.table:
            return self.table[label]
        return self.table.get(group, self.value) if group is not None else self.value

    def text(self) -> str:
        """Write the value compactly, for tables of a report."""
        listed = ", ".join(f"{k} {v:g}" for k, v in self.table.items())
        rest = "" if self.value is None else (f"otherwise {self.value:g}" if listed else f"{self.value:g}")
        return "; ".join(t for t in (listed, rest) if t)


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
                    f'{name} = {{ "{sector}" = ... }}.{did_you_mean(sector, parameter.table)}'
                )
            values.append(value)
        used = set(sectors) | {groups[s] for s in sectors if s in groups}
        for label in parameter.overridden:
            if label not in used:
                raise DataError(
                    f"parameter '{name}' has a value for sector '{label}', which the data do not have; "
                    f"use the sectors of the data.{did_you_mean(label, sectors)}"
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
                hint = did_you_mean(label, regions)
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
                    f"unknown key '{name}' in [parameters].{did_you_mean(name, entries)} Known keys: {known}."
                )
            entries[name] = _overridden(entries[name], setting, {"sector": own[0], "region": own[1]})
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
    """Return the bound 1 + 1/(phi kappa) that every ``ree_elasticity`` must stay below (MODEL.md eq. 6).

    At or above it the direction of research is unstable at given factor prices (Acemoglu 2002, strong bias).
    """
    xi = parameters.scalar("variety_productivity") * parameters.scalar("research_elasticity")
    return 1 + 1 / xi if xi > 0 else math.inf


def _number(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ScenarioError(
            f"{place} is {value!r}, which is not a finite number; write it as a number, without quotes."
        )
    return float(value)


def _overridden(parameter: Parameter, setting: Any, own_labels: Mapping[str, list[str]]) -> Parameter:
    name = parameter.name
    if isinstance(setting, str) and name == "trade_elasticity":
        alternatives = trade_elasticities()
        if setting not in alternatives:
            hint = did_you_mean(setting, alternatives)
            raise ScenarioError(
                f"unknown alternative '{setting}' for parameter 'trade_elasticity'.{hint} "
                f"Known alternatives: {', '.join(alternatives)}; or give a number, or a table by sector."
            )
        return alternatives[setting]
    if not isinstance(setting, Mapping):
        value = _number(setting, f"parameter '{name}'")
        if parameter.dim == "region":
            raise ScenarioError(
                f"parameter '{name}' needs a table by region, such as {{ CHN = 0.97, ROW = 0.03 }}."
            )
        return replace(
            parameter, value=value, table={}, standard_error=None, source="scenario", overridden=()
        )
    if not parameter.dim:
        raise ScenarioError(
            f"parameter '{name}' is a single number and cannot vary by label; give one number."
        )
    concordance = labels.sector_concordance() if parameter.dim == "sector" else labels.region_concordance()
    known = list(dict.fromkeys([*own_labels[parameter.dim], *concordance.values(), *concordance]))
    for label in setting:
        if label not in known:
            hint = did_you_mean(label, known)
            raise ScenarioError(f"unknown {parameter.dim} '{label}' in parameter '{name}'.{hint}")
    given = {k: _number(v, f"parameter '{name}' of {parameter.dim} '{k}'") for k, v in setting.items()}
    kept = parameter.table if parameter.dim == "sector" else {}
    source = f"scenario ({', '.join(given)})" + (
        f"; otherwise {parameter.source}" if parameter.dim == "sector" else ""
    )
    return replace(
        parameter, table={**kept, **given}, standard_error=None, source=source, overridden=tuple(given)
    )


def _validate(parameters: Parameters) -> None:
    bound = stability_bound(parameters)
    ranges = {
        "trade_elasticity": (lambda x: x > 0, "must be positive"),
        "variety_elasticity": (lambda x: x > 1, "must be above 1 (the markup is beta / (beta - 1))"),
        "variety_productivity": (lambda x: x >= 0, "must not be negative"),
        "research_elasticity": (lambda x: x >= 0, "must not be negative"),
        "ree_share": (lambda x: 0 <= x < 1, "must lie in [0, 1)"),
        "ree_endowment_share": (lambda x: 0 <= x <= 1, "must lie in [0, 1]"),
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


def trade_elasticities() -> dict[str, Parameter]:
    """Return the named alternatives for the trade elasticity: ``head-mayer`` (default) and ``caliendo-parro``.

    Caliendo and Parro estimate 20 industries of agriculture, mining and manufacturing. A sector that holds several of them
    takes their simple mean; services, which they do not estimate, take Head and Mayer's value (assumption).
    """
    estimates = labels.read_table("caliendo_parro_2015.csv")
    groups = estimates.groupby("sector", sort=False)
    mean = groups.trade_elasticity.mean().round(10).to_dict()
    # Standard error of a simple mean of estimates, taking the industries' estimates as independent.
    error = groups.standard_error.agg(lambda se: float((se**2).sum() ** 0.5 / len(se))).to_dict()
    default = Parameter("trade_elasticity", 5.0, "sector", "trade elasticity theta_s", HEAD_MAYER)
    table = {**mean, "Services": 5.0}
    published = replace(default, value=None, table=table, standard_error=error, source=CALIENDO_PARRO)
    return {"head-mayer": default, "caliendo-parro": published}


def default_parameters() -> Parameters:
    """Return the headline parameters of the rare-earth model (MODEL.md sections 7 and 14), with their sources."""
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
    return Parameters({p.name: p for p in entries})
