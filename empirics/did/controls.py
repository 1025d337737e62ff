"""Builders of controls: what a design may ask for under ``controls``, computed from the panel.

Every builder returns one number for each row of the panel, NaN where it is undefined; rows with an undefined
control are left out of a regression, counted and listed there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictStr

from framework.errors import DataError

if TYPE_CHECKING:
    from empirics.did.panel import Panel


class _Builder(BaseModel, ABC):
    model_config = ConfigDict(extra="forbid", frozen=True)

    of: Annotated[StrictStr, Field(min_length=1)]
    as_: Annotated[str, Field(alias="as")] = ""
    label: str = ""

    @property
    def name(self) -> str:
        """Name of the control among the terms of the regression."""
        return self.as_ or self.default_name

    @property
    @abstractmethod
    def default_name(self) -> str:
        """Name if the design gives none."""

    def relative_to(self, folder: Path) -> Any:
        """Return the control with its files taken relative to a folder."""
        return self

    @abstractmethod
    def values(self, panel: Panel, post: int | None) -> np.ndarray:
        """Return the control for every row of the panel; `post` is the first year after the shock, if any."""


class PanelColumn(_Builder):
    """A column of the panel as it is; in TOML the plain name is enough."""

    build: Literal["column"] = "column"

    @property
    def default_name(self) -> str:
        """The column's own name."""
        return self.of

    def values(self, panel: Panel, post: int | None) -> np.ndarray:
        """Return the column."""
        return panel.numbers(self.of)


class Log(_Builder):
    """Natural logarithm, as of the stock of all non-REE patents; undefined at zero, or log(1 + x) if asked.

    A negative value is an error in either case.
    """

    build: Literal["log"] = "log"
    plus_one: bool = False

    @property
    def default_name(self) -> str:
        """``log_x``."""
        return f"log_{self.of}"

    def values(self, panel: Panel, post: int | None) -> np.ndarray:
        """Return the logarithm; NaN at zero unless `plus_one`."""
        x = panel.numbers(self.of)
        if (x < 0).any():
            raise DataError(
                f"{panel.source}: '{self.of}' is negative in {panel.rows_shown(x < 0)}; its log does not exist."
            )
        if self.plus_one:
            return np.log1p(x)
        return np.log(x, out=np.full_like(x, np.nan), where=x > 0)


class TimesPost(_Builder):
    """A characteristic of the unit times one from `post` on: capital and labour intensity, subsidy share.

    With `base`, the characteristic is its value in that year, or its mean over two years ``[first, last]``;
    without, it must not change over the years.
    """

    build: Literal["times_post"] = "times_post"
    base: int | tuple[int, int] | None = None

    @property
    def default_name(self) -> str:
        """``x_post``."""
        return f"{self.of}_post"

    def values(self, panel: Panel, post: int | None) -> np.ndarray:
        """Return the characteristic in the years from `post` on, zero before."""
        if post is None:
            raise DataError(
                f"the control '{self.name}' needs 'post' among the keys of the treatment; add it."
            )
        x = panel.numbers(self.of)
        if self.base is not None:
            first, last = (self.base, self.base) if isinstance(self.base, int) else self.base
            panel.require_years(range(first, last + 1), f"base of the control '{self.name}'")
            inside = (panel.years >= first) & (panel.years <= last)
            x = panel.by_unit(np.where(inside, x, np.nan), "mean")
        elif (changing := panel.changing(x)).any():
            raise DataError(
                f"{panel.source}: '{self.of}' changes over the years, for instance for "
                f"{panel.rows_shown(changing)}, so it is no characteristic of the unit; give the control "
                "'base' = a year, or two for a mean."
            )
        # NaN times zero is NaN: a unit without the characteristic is left out in all years.
        return x * (panel.years >= post)


class Lag(_Builder):
    """Value `periods` years earlier, by the calendar and not by the row."""

    build: Literal["lag"] = "lag"
    periods: Annotated[int, Field(ge=1)] = 1

    @property
    def default_name(self) -> str:
        """``x_lag1``."""
        return f"{self.of}_lag{self.periods}"

    def values(self, panel: Panel, post: int | None) -> np.ndarray:
        """Return the lagged column; NaN where the panel lacks the earlier year."""
        return panel.lagged(panel.numbers(self.of), self.periods)


class Growth(_Builder):
    """Growth from one year to the next, by logs or midpoint, `lag` years earlier."""

    build: Literal["growth"] = "growth"
    kind: Literal["log", "midpoint"] = "log"
    lag: Annotated[int, Field(ge=0)] = 0

    @property
    def default_name(self) -> str:
        """``x_growth``, and the lag if any."""
        return f"{self.of}_growth" + (f"_lag{self.lag}" if self.lag else "")

    def values(self, panel: Panel, post: int | None) -> np.ndarray:
        """Return the growth; NaN where a year or a positive value lacks."""
        x = panel.numbers(self.of)
        growth = growth_rate(x, panel.lagged(x, 1), self.kind)
        return panel.lagged(growth, self.lag) if self.lag else growth


class ImporterDemand(_Builder):
    """Lagged growth of the trade-weighted log real GDP of the top importers of a country-sector.

    ``D_ut = sum_j w_uj log GDP_jt`` over the `top` importers j of the exports of unit u, with weights that
    are their shares in the exports to these importers, summed over the years `base`; the control is
    ``D_u,t-lag - D_u,t-lag-1``. Weights are fixed, so that the control moves with demand and not with trade.

    Attributes
    ----------
    of : str
        Column with the value of exports in the file `exports`.
    exports, gdp : Path
        Tables by unit, importer and year, and by importer and year, with the panel's names of columns.
    importer, real_gdp : str
        Column of the importer in both files; column of real GDP in the file `gdp`.
    base : tuple of int
        First and last year of the weights.
    """

    build: Literal["importer_demand"] = "importer_demand"
    of: StrictStr = "exports"
    exports: Path
    gdp: Path
    importer: str = "importer"
    real_gdp: str = "real_gdp"
    top: Annotated[int, Field(ge=1)] = 10
    base: tuple[int, int]
    lag: Annotated[int, Field(ge=0)] = 1

    @property
    def default_name(self) -> str:
        """``importer_demand``."""
        return "importer_demand"

    def relative_to(self, folder: Path) -> ImporterDemand:
        """Return the control with both files taken relative to a folder."""
        return self.model_copy(update={"exports": folder / self.exports, "gdp": folder / self.gdp})

    def values(self, panel: Panel, post: int | None) -> np.ndarray:
        """Return the control for every row of the panel."""
        from empirics.did.panel import read_panel

        trade = read_panel(self.exports, (*panel.unit, self.importer), panel.time)
        output = read_panel(self.gdp, (self.importer,), panel.time)
        within = (trade.years >= self.base[0]) & (trade.years <= self.base[1])
        flows = trade.frame.loc[within, [*panel.unit, self.importer]].assign(
            value=trade.numbers(self.of)[within]
        )
        gdp = output.frame[[self.importer, panel.time]].assign(gdp=output.numbers(self.real_gdp))
        demand = importer_demand(flows, gdp, panel.unit, self.importer, panel.time, self.top)
        growth = demand.sub(demand.shift(1, axis="columns")).shift(self.lag, axis="columns")
        long = growth.stack().rename("demand").reset_index()
        return panel.frame[[*panel.keys]].merge(long, on=[*panel.keys], how="left")["demand"].to_numpy(float)


def importer_demand(
    flows: pd.DataFrame, gdp: pd.DataFrame, unit: tuple[str, ...], importer: str, time: str, top: int
) -> pd.DataFrame:
    """Return the trade-weighted log real GDP of each unit's top importers, by unit (rows) and year (columns).

    Parameters
    ----------
    flows : pd.DataFrame
        Columns of `unit`, `importer` and ``value``: exports, summed over repeated rows.
    gdp : pd.DataFrame
        Columns `importer`, `time` and ``gdp``, positive. Years without a number for one of a unit's top
        importers are NaN for that unit.
    """
    totals = flows.groupby([*unit, importer], sort=True)["value"].sum()
    totals = totals[totals > 0]
    ranks = totals.groupby(level=[*unit]).rank(ascending=False, method="first")
    largest = totals[ranks <= top]
    weights = largest / largest.groupby(level=[*unit]).transform("sum")
    wide = gdp.pivot(index=importer, columns=time, values="gdp").sort_index(axis="columns")
    if (wide <= 0).any(axis=None):
        raise DataError("real GDP is zero or negative; its log does not exist.")
    # Calendar years without any number must not make two years apart look like neighbours.
    wide = wide.reindex(columns=range(int(wide.columns.min()), int(wide.columns.max()) + 1))
    wide.columns.name = time
    logs = np.log(wide.reindex(weights.index.get_level_values(importer)))
    logs.index = weights.index
    return (
        logs.mul(weights, axis="index")
        .groupby(level=[*unit])
        .sum(min_count=1)
        .where(logs.notna().groupby(level=[*unit]).all())
    )


def growth_rate(now: np.ndarray, before: np.ndarray, kind: str) -> np.ndarray:
    """Growth by logs, or midpoint growth ``(x - x0) / (0.5 (x + x0))``; NaN where it does not exist."""
    fine = (now > 0) & (before > 0) if kind == "log" else (now + before) > 0
    out = np.full(now.shape, np.nan)
    a, b = now[fine], before[fine]
    out[fine] = np.log(a / b) if kind == "log" else (a - b) / (0.5 * (a + b))
    return out


def _from_text(value: Any) -> Any:
    """Read a plain name as the column of that name."""
    if isinstance(value, str):
        return {"build": "column", "of": value}
    return value if not isinstance(value, dict) or "build" in value else {"build": "column", **value}


Control: TypeAlias = Annotated[
    PanelColumn | Log | TimesPost | Lag | Growth | ImporterDemand,
    Field(discriminator="build"),
    BeforeValidator(_from_text),
]
