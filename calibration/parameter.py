"""One parameter of the rare-earth model: its value with what is known about it, and how a scenario sets it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from calibration import labels
from framework.errors import ScenarioError, did_you_mean

HEAD_MAYER = (
    "Head and Mayer (2014), Gravity Equations: Workhorse, Toolkit, and Cookbook, Handbook of International "
    "Economics 4, ch. 3: preferred value 5.03, the median of estimates from tariff variation in structural "
    "gravity; rounded to 5"
)
CALIENDO_PARRO = (
    "Caliendo and Parro (2015), Review of Economic Studies 82: 1-44, Table 1, full sample; mean over the industries "
    "of each sector; services: value of Head and Mayer (2014)"
)


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


def _number(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ScenarioError(
            f"{place} is {value!r}, which is not a finite number; write it as a number, without quotes."
        )
    return float(value)


def overridden(parameter: Parameter, setting: Any, own_labels: Mapping[str, list[str]]) -> Parameter:
    """Return a parameter at the setting of a scenario; see `calibration.parameters.Parameters.override`.

    Parameters
    ----------
    own_labels : mapping of str to list of str
        Sectors and regions of the user's own table, by ``sector`` and ``region``.

    Raises
    ------
    ScenarioError
        A label is unknown, or a value is not a number.
    """
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
            hint = did_you_mean(label, known, setting)
            raise ScenarioError(f"unknown {parameter.dim} '{label}' in parameter '{name}'.{hint}")
    given = {k: _number(v, f"parameter '{name}' of {parameter.dim} '{k}'") for k, v in setting.items()}
    kept = parameter.table if parameter.dim == "sector" else {}
    source = f"scenario ({', '.join(given)})" + (
        f"; otherwise {parameter.source}" if parameter.dim == "sector" else ""
    )
    return replace(
        parameter, table={**kept, **given}, standard_error=None, source=source, overridden=tuple(given)
    )
