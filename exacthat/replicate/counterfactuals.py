"""Counterfactuals: the export tax, the quota and the price shock (slides 24 to 27), with bands of estimated parameters."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd
import xarray as xr

from empirics.estimates import write_estimates
from empirics.figure_style import NamedFigure
from empirics.report_table import Table
from exacthat import summary
from exacthat.bands import with_bands
from exacthat.display import RESOLUTION, by_variant, long_name, number, shown
from exacthat.figures import draw, file_name
from exacthat.ree import reading
from exacthat.replicate.exhibits import Comparison, Exhibit, Kind, Section
from exacthat.replicate.structure import SOLVED, WIOD
from exacthat.replicate.work import Work
from exacthat.run import solve_study

ESTIMATED = f"solved on {WIOD}; ε and γ estimated on the synthetic world"
OUTCOMES = {"bias": "innovation-bias", "gdp": "real-gdp", "welfare": "real-consumption"}
KEYS = {"bias": "innovation_bias_abroad", "gdp": "real_gdp", "welfare": "real_consumption"}


class Counterfactuals:
    """Sections of the three outcomes, and the bands, which need the most time and are therefore a stage of their own."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.with_bands: xr.Dataset | None = None

    def bands(self) -> None:
        """Solve again with estimated parameters, and add their bands."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "estimates.nc"
            write_estimates(self.work.estimates, path)
            study = self.work.outcome.study.model_copy(update={"estimates": str(path)})
            study._source, study._text = self.work.outcome.study.source, self.work.outcome.study.text
            outcome = with_bands(solve_study(study), draws=self.work.settings.draws, seed=self.work.seed)
        self.with_bands = outcome.results

    def bias(self) -> Section:
        """Innovation bias outside China, by sector."""
        return Section(
            [
                *self._figures("bias"),
                *self._banded("bias"),
            ]
        )  # fmt: skip

    def gdp(self) -> Section:
        """Real GDP by region."""
        return Section(
            [
                *self._figures("gdp"),
                *self._gdp_tables(),
                *self._banded("gdp"),
            ]
        )  # fmt: skip

    def welfare(self) -> Section:
        """Real consumption by region, and how much technology cushions."""
        results = self.work.outcome.results
        items = [
            *self._figures("welfare"),
            self._table("real_consumption", "Real consumption by region and technology, as in the figures."),
        ]  # fmt: skip
        comparisons = []
        if "cushioning_index" in results and results.sizes["technology"] > 1:
            items.append(self._cushioning())
            comparisons.append(self._cushioned())
        items += self._banded("welfare")
        assert self.with_bands is not None
        return Section(
            items, comparisons, {"results": results, "results-synthetic-estimates": self.with_bands}
        )

    def _gdp_tables(self) -> list[Exhibit]:
        tables = [self._table("real_gdp", reading(self.work.outcome.baseline.data, "CHN")[1])]
        if "real_gdp_without_markup" in self.work.outcome.results:
            tables.append(
                self._table(
                    "real_gdp_without_markup", "Real GDP without what the markup on rare earths adds."
                )
            )
        return tables

    def _figures(self, outcome: str) -> list[Exhibit]:
        results = self.work.outcome.results
        say = _largest_bias if outcome == "bias" else _spans
        return [
            Exhibit(NamedFigure(p.name, p.title, p.note, p.figure), Kind.DERIVED, SOLVED, say(results.sel(scenario=p.scenario), KEYS[outcome]))
            for p in draw(results)
            if p.name.startswith(OUTCOMES[outcome])
        ]  # fmt: skip

    def _table(self, key: str, shows: str) -> Exhibit:
        results = self.work.outcome.results
        note = "Percent change from the baseline economy. Columns: technology."
        title = f"Effect on {long_name(results[key])}, percent"
        return Exhibit(Table(file_name(key), title, note, _frame(results, key)), Kind.DERIVED, SOLVED, shows)

    def _cushioning(self) -> Exhibit:
        results = self.work.outcome.results
        index = results["cushioning_index"].drop_sel(technology="exogenous")
        frame = index.to_series().unstack("region")[list(results["region"].values)].map(number)
        frame.index = frame.index.set_names(["scenario", "technology"])
        note = (
            "One minus the change of real consumption over its change under exogenous technology: one means that nothing is left of the "
            "effect, a negative value that technology amplifies it."
        )
        return Exhibit(
            Table("cushioning", "How much endogenous technology cushions the change of real consumption", note, frame), Kind.DERIVED, SOLVED,
            "The share of each region's gain or loss that directed technology takes away.",
        )  # fmt: skip

    def _cushioned(self) -> Comparison:
        index = self.work.outcome.results["cushioning_index"].drop_sel(technology="exogenous")
        abroad = index.sel(region=[r for r in index["region"].values if r != "CHN"])
        holds, cells = int((abroad > 0).sum()), abroad.size
        low, high = float(abroad.min()), float(abroad.max())
        return Comparison(
            27, "the impact of the policy is cushioned compared to exogenous technology", "yes",
            f"in {holds} of {cells} cells", Kind.DERIVED,
            f"Index outside China between {number(low)} and {number(high)}, by region, scenario and way in which research expands.",
        )  # fmt: skip

    def _banded(self, outcome: str) -> list[Exhibit]:
        """Figures and table with bands; synthetic."""
        assert self.with_bands is not None
        results, level = self.with_bands, self.with_bands.attrs["band_level"]
        exhibits = [
            Exhibit(
                NamedFigure(f"{p.name}-bands", f"{p.title}, with bands (synthetic parameters)", p.note, p.figure), Kind.SYNTHETIC, ESTIMATED,
                f"Scenario {p.scenario} with the parameters estimated on the synthetic world, and the bands that their covariance implies.",
            )
            for p in draw(results)
            if p.name.startswith(OUTCOMES[outcome])
        ]  # fmt: skip
        draws = results.attrs["draws"]
        note = (
            f"Percent change; {level:.0%} bands by the delta method, and by simulation from {draws} draws of {results.attrs['band_coefficients']} "
            f"coefficients ({results.attrs['draws_inadmissible']} outside the parameters' ranges, {results.attrs['draws_failed']} without "
            "equilibrium)."
        )
        title = f"Effect on {long_name(results[KEYS[outcome]])}: bands (synthetic parameters)"
        table = Table(f"{OUTCOMES[outcome]}-bands", title, note, _band_frame(results, KEYS[outcome]))
        shows = _agreement(results, KEYS[outcome])
        return [*exhibits, Exhibit(table, Kind.SYNTHETIC, ESTIMATED, shows, long=True)]


def _agreement(results: xr.Dataset, key: str) -> str:
    """Say how the widths of the two bands compare."""
    if f"{key}_simulated_lower" not in results:
        return "Bands by the delta method; without draws there are no simulated ones."
    ends = [results[f"{key}{kind}_{end}"] for kind in ("", "_simulated") for end in ("lower", "upper")]
    delta, simulated = ends[1] - ends[0], ends[3] - ends[2]
    ratio = (simulated / delta).where(delta > RESOLUTION / 100)
    return (
        f"Simulated bands are {float(ratio.median()):.2f} times as wide as those of the delta method in the median, between "
        f"{float(ratio.min()):.2f} and {float(ratio.max()):.2f}: what the model's curvature adds over the errors of the estimates."
    )


def _largest_bias(results: xr.Dataset, key: str) -> str:
    """Say where the bias moves most, and least, in one scenario."""
    ends = []
    change = results[key].stack(at=["technology", "sector"])
    for at in (int(change.values.argmax()), int(change.values.argmin())):
        one = change[at]
        ends.append(
            f"{summary.cell(float(one))} percent in {one['sector'].item()} ({one['technology'].item()})"
        )
    return (
        f"Changes of A_R/A_L lie between {ends[1]} and {ends[0]}; with exogenous technology it does not move."
    )


def _spans(results: xr.Dataset, key: str) -> str:
    """Say between which bounds an outcome lies in China and elsewhere in one scenario."""
    change = shown(results[key])
    words = []
    for name, regions in (
        ("China", ["CHN"]),
        ("the others", [r for r in change["region"].values if r != "CHN"]),
    ):
        part = change.sel(region=regions)
        words.append(
            f"{name} between {summary.cell(float(part.min()))} and {summary.cell(float(part.max()))} percent"
        )
    return f"{' and '.join(words)}, over technologies.".replace("China", "China lies", 1)


def _frame(results: xr.Dataset, key: str) -> pd.DataFrame:
    """Changes in percent: rows scenario and label, columns technology, as text."""
    (dim,) = (str(d) for d in results[key].dims if d not in {*summary.case_dims(results)})
    values = by_variant(shown(results[key]), results)
    table = values.to_series().unstack("variant")[list(values["variant"].values)]
    order = pd.MultiIndex.from_product(
        [results["scenario"].values, results[dim].values], names=["scenario", dim]
    )
    return table.reorder_levels(["scenario", dim]).reindex(order).map(summary.cell)


def _band_frame(results: xr.Dataset, key: str) -> pd.DataFrame:
    """Change with both bands: rows scenario, technology and label."""
    (dim,) = (str(d) for d in results[key].dims if d not in {*summary.case_dims(results)})
    columns = {
        "change": key,
        "delta: lower": f"{key}_lower",
        "delta: upper": f"{key}_upper",
        "simulation: lower": f"{key}_simulated_lower",
        "simulation: upper": f"{key}_simulated_upper",
    }
    dims = ["scenario", "technology", dim]
    frame = pd.DataFrame(
        {
            label: shown(results[name].assign_attrs(results[key].attrs)).transpose(*dims).to_series()
            for label, name in columns.items()
            if name in results
        }
    )
    moving = (frame.abs() > 1e-8).any(axis=1)
    return frame[moving].map(lambda x: summary.cell(float(x)))
