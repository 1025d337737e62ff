"""The structural part: mechanism, calibration, and estimates of the elasticities and shares (slides 20 to 23)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.stats
import xarray as xr
from matplotlib.figure import Figure

from calibration import check_baseline
from empirics.figure_style import DARK, PAGE_WIDTH, NamedFigure, drawn
from empirics.measured_shares import measured_ree_shares
from empirics.measurement import read_accounts
from empirics.measurement.accounts import NEEDED
from empirics.report_table import Table, short_title
from exacthat.audit import Case, Economy, Finding, judge, verdict
from exacthat.ree import reading
from exacthat.replicate.exhibits import Comparison, Exhibit, Kind, Missing, Section
from exacthat.replicate.work import Work

WIOD = "WIOD release 2013, world input-output table of 2009 (Timmer et al. 2015, CC BY 4.0), aggregated to 5 regions and 14 sectors"
SOLVED = f"solved on {WIOD}; ε and γ of the slides"
SYNTHETIC = "the synthetic world of empirics.synthetic, built on the slides' ε and γ"
MISSING_PANEL = Missing(
    "The panel of patents by region and industry on which the slides estimate ε",
    "Give region, sic, year, ree_patents, other_patents and log_relative_price to empirics.elasticities.estimate_elasticities, write what "
    "it returns with empirics.estimates.write_estimates, and run exacthat run rare-earths --estimates FILE.nc.",
)
# ---- mechanism -----------------------------------------------------------------------------------------


def mechanism(work: Work) -> Section:
    """The slides' statements on the mechanism, tried at every region and sector of the solved economy."""
    findings = _audited(work.outcome.results, work.outcome.baseline.data)
    frame = pd.DataFrame(
        [(f.claim.statement, f.technology, verdict(f), f.holds, f.cells) for f in findings],
        columns=["statement", "technology", "verdict", "holds", "cells"],
    ).set_index(["statement", "technology"])
    table = Table(
        "mechanism",
        "What theory says and what the solved economy does: scenario quota, outside China",
        "Cells: region outside China, by sector with a positive rare-earth share where a statement is about sectors; holds: in how many "
        "of them it is true. A statement holds when a condition is met if it does in exactly the cells in which it is.",
        frame,
        decimals=0,
    )
    outweighs = [f for f in findings if f.claim.name == "technology-dominates"]
    shows = (
        f"The technology effect outweighs that of factor prices in {sum(f.holds for f in outweighs)} of "
        f"{sum(f.cells for f in outweighs)} cells. exacthat audit rare-earths tries the statements under every instrument, and on "
        "other economies."
    )
    return Section([Exhibit(table, Kind.DERIVED, SOLVED, shows)])


def _audited(results: xr.Dataset, data: xr.Dataset) -> list[Finding]:
    """The statements of `exacthat.audit` tried on the solutions under the quota."""
    under = results.sel(scenario="quota")
    economy = Economy("WIOD 2009", "WIOD 2009", data)
    exogenous = under.sel(technology="exogenous")
    return judge(
        Case(economy, technology, "quota", data, under.sel(technology=technology), exogenous)
        for technology in map(str, under["technology"].values)
    )


# ---- calibration ---------------------------------------------------------------------------------------


def calibration(work: Work) -> Section:
    """The baseline economy by region, its accounts, and the certificates of the solutions."""
    outcome, printed = work.outcome, work.slides["calibration"].numbers
    data = outcome.baseline.data
    manufacturing = [s for s in data["sector"].values if s not in ("Agriculture", "Services")]
    facts = {
        "year": str(data.attrs["year"]),
        "regions": str(data.sizes["region"]),
        "manufacturing": str(len(manufacturing)),
    }
    return Section(
        [
            Exhibit(_regions(data), Kind.DERIVED, WIOD, reading(data, "CHN")[0]),
            Exhibit(
                _accounts(data), Kind.DERIVED, WIOD,
                "Every identity that exact hats rely on holds in the baseline.",
            ),
            Exhibit(
                _certificates(outcome.results), Kind.DERIVED, SOLVED,
                "The worst value of each check over all solved cases; a case that fails one is not reported.",
            ),
        ],
        [Comparison(printed[k].slide, printed[k].text, str(printed[k]), here, Kind.DERIVED) for k, here in facts.items()],
    )  # fmt: skip


def _regions(data: xr.Dataset) -> Table:
    """Size, openness and rare-earth cost of each region."""
    own = xr.concat(
        [data["expenditure_share"].sel(importer=r, exporter=r) for r in data["region"].values], data["region"]
    )
    spending = data["expenditure"]
    value_added = data["gross_output"] * data["value_added_share"]
    frame = pd.DataFrame(
        {
            "value added": value_added.sum("sector").to_series() / 1000,
            "final expenditure": data["final_expenditure"].to_series() / 1000,
            "deficit": data["deficit"].to_series() / 1000,
            "own share of spending, %": 100
            * ((own * spending).sum("sector") / spending.sum("sector")).to_series(),
            "REE bundle in value added, %": 100
            * ((data["ree_share"] * value_added).sum("sector") / value_added.sum("sector")).to_series(),
        }
    ).rename_axis("region")
    note = "Billion USD of 2009, except for shares. REE bundle: the slides' γ at each region's own composition of value added."
    return Table("baseline", "The baseline economy, 2009", note, frame)


def _accounts(data: xr.Dataset) -> Table:
    """The checks of the baseline with their largest deviations."""
    findings = check_baseline(data).findings
    plain = [f for f in findings if " without " in f.check]
    shown = [f for f in findings if f not in plain]
    frame = pd.DataFrame(
        {"largest deviation": [f"{f.size:.2g}" for f in shown], "holds": ["yes" if f.passed else "no" for f in shown]},
        index=pd.Index([f.check for f in shown], name="check"),
    )  # fmt: skip
    note = (
        f"Shares absolute, accounts relative. Not listed: {len(plain)} checks that no value is missing or negative, of which "
        f"{sum(f.passed for f in plain)} hold."
    )
    return Table("baseline-checks", "Consistency of the baseline", note, frame)


def _certificates(results: xr.Dataset) -> Table:
    """Worst value of every check over all cases."""
    cases = [d for d in results["certificate_value"].dims if d != "check"]
    worst = results["certificate_value"].max(cases)
    frame = pd.DataFrame(
        {
            "worst value": [f"{x:.2g}" for x in worst.values],
            "bound": [f"{x:.2g}" for x in results["certificate_bound"].min(cases).values],
            "holds in": (results["certificate_passed"] == 1).sum(cases).values,
            "cases": results["certificate_passed"].notnull().sum(cases).values,
        },
        index=pd.Index(map(str, results["check"].values), name="check"),
    )
    note = "Residuals are relative; a check that does not apply to a case is not counted for it."
    return Table("certificates", "Certificates of the counterfactuals", note, frame)


# ---- estimates -----------------------------------------------------------------------------------------


def estimates(work: Work) -> Section:
    """Elasticities and shares: the slides' table, the estimator on the synthetic world, shares measured for 2012."""
    slides = work.truth.to_dataframe()
    slides.index.name = "sector"
    elasticity = _by_sector(work.elasticities)
    share = _by_sector(work.shares)
    measured, items = _measured_shares(work, slides)
    p = _joint_p_value(work.elasticities, slides["ree_elasticity"])
    found = _beside(slides["ree_elasticity"], elasticity, "ε")
    inside = int((found["in interval"] == "yes").sum())
    apart = int(((found["lower"] > 1) | (found["upper"] < 1)).sum())
    lost = work.elasticities.attrs.get("inadmissible", "")
    shares = _beside(slides["ree_share"], share, "γ")
    caught = int((shares["in interval"] == "yes").sum())
    synthetic: list[Exhibit | Missing] = [
        Exhibit(
            Table(
                "elasticities", "Elasticities ε between the bundles: the slides' values and estimates (synthetic data)",
                f"PPML of rare-earth patents with a slope for each sector, {work.elasticities['sample'].values[0]}. Intervals of 95% from "
                f"clustered errors. The world is simulated with the slides' values, so that they are the truth here."
                + (f" Left out as inadmissible: {lost}." if lost else ""),
                found, decimals=3,
            ),
            Kind.SYNTHETIC, SYNTHETIC,
            f"The intervals hold the truth in {inside} of {len(found)} sectors; errors of sectors are correlated through common years, and "
            f"a joint test of the truth has p = {p:.2f}.",
        ),
        Exhibit(
            _estimate_figure(found), Kind.SYNTHETIC, SYNTHETIC,
            f"With a panel of the slides' size {apart} of {len(found)} sectors can be told from one, the line between complements and "
            "substitutes.",
        ),
        Exhibit(
            Table(
                "shares-synthetic", "Rare-earth shares γ of value added: the slides' values and estimates (synthetic data)",
                "Direct cost over value added, in percent; errors in the prices of elements are common to all sectors.",
                shares, decimals=4,
            ),
            Kind.SYNTHETIC, SYNTHETIC,
            f"{caught} of {len(shares)} intervals hold the truth; as all sectors share the prices of elements, they err together.",
        ),
        MISSING_PANEL,
    ]  # fmt: skip
    comparisons = [
        Comparison(
            23, f"ε, {sector}", f"{row['slides']:.2f}", f"{row['estimate']:.3f} ({row['standard error']:.3f})", Kind.SYNTHETIC,
            "Estimated on data simulated with the slides' value: a test of the estimator.", in_exhibit=True,
        )
        for sector, row in found.iterrows()
    ]  # fmt: skip
    return Section([*items, *synthetic], [*measured, *comparisons], {"estimates": work.estimates})


def _by_sector(estimates: xr.Dataset) -> pd.DataFrame:
    columns = {name: estimates[name].values for name in ("estimate", "standard_error")}
    return pd.DataFrame(columns, index=list(map(str, estimates["sector"].values)))


def _beside(slides: pd.Series, found: pd.DataFrame, symbol: str) -> pd.DataFrame:
    """The slides' values, estimates, intervals of 95%, and whether they hold the slides' value; γ in percent."""
    scale = 100.0 if symbol == "γ" else 1.0
    both = found.join(slides.rename("slides"))
    width = scipy.stats.norm.ppf(0.975) * both["standard_error"]
    inside = (both["slides"] - both["estimate"]).abs() <= width + 1e-12
    frame = pd.DataFrame(
        {
            "slides": scale * both["slides"],
            "estimate": scale * both["estimate"],
            "standard error": scale * both["standard_error"],
            "lower": scale * (both["estimate"] - width),
            "upper": scale * (both["estimate"] + width),
            "in interval": np.where(inside, "yes", "no"),
        }
    )
    return frame.reindex([s for s in slides.sort_values().index if s in frame.index]).rename_axis("sector")


def _joint_p_value(estimates: xr.Dataset, truth: pd.Series) -> float:
    """Wald test that all elasticities are the truth."""
    gap = estimates["estimate"].values - truth[list(map(str, estimates["sector"].values))].to_numpy()
    statistic = gap @ np.linalg.solve(estimates["covariance"].values, gap)
    return float(scipy.stats.chi2.sf(statistic, len(gap)))


def _measured_shares(work: Work, slides: pd.DataFrame) -> tuple[list[Comparison], list[Exhibit | Missing]]:
    """Shares measured for the United States, if the accounts are there."""
    what = "Rare-earth shares γ from direct costs and value added of the United States in 2012"
    if not work.has_accounts:
        return [], [Missing(what, f"Get {NEEDED}.")]
    measured = measured_ree_shares(work.measurement, read_accounts(work.data))
    found = _by_sector(measured)
    frame = 100 * found.join(slides["ree_share"].rename("slides"))
    frame = frame[["slides", "estimate", "standard_error"]].rename(
        columns={"standard_error": "spread of prices"}
    )
    frame = frame.loc[slides["ree_share"].sort_values(ascending=False).index].rename_axis("sector")
    used = frame[(frame["slides"] > 0) & (frame["estimate"] > 0)]
    ratio = (used["slides"] / used["estimate"]).median()
    note = (
        "Percent of value added. Spread of prices: standard error from the choice between year-end and mean prices of 2012; no sampling "
        "error. Batteries, magnets and automobile catalysts are calibrated to the slides' total requirements."
    )
    exhibit = Exhibit(
        Table("shares-measured", "Rare-earth shares γ of value added, United States 2012, percent", note, frame),
        Kind.DERIVED, "BEA 2012 accounts extended by rare earths",
        f"The slides' shares are larger than direct costs over value added, {ratio:.0f} times in the median sector that has both; the "
        "slides do not say how γ is measured, and effects of the counterfactuals are about proportional to it.",
    )  # fmt: skip
    summary = Comparison(
        23, "γ: direct cost over the slides' value, median sector", "1", f"{1 / ratio:.2f}", Kind.DERIVED,
        "Direct costs of rare earths in the United States in 2012 are far below the slides' γ; their definition is not given.",
    )  # fmt: skip
    comparisons = [
        Comparison(
            23, f"γ, {sector}, percent", f"{row['slides']:.2f}", f"{row['estimate']:.2f}", Kind.DERIVED,
            "Direct costs only, United States; the slides do not say how γ is measured.", in_exhibit=True,
        )
        for sector, row in frame.iterrows()
    ]  # fmt: skip
    return [summary, *comparisons], [exhibit]


def _estimate_figure(found: pd.DataFrame) -> NamedFigure:
    """Draw estimates with their intervals, and the slides' values."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        y = np.arange(len(found))
        axes.hlines(y, found["lower"], found["upper"], color="#0072b2", linewidth=0.9, zorder=2)
        axes.plot(
            found["estimate"],
            y,
            "o",
            color="#0072b2",
            markersize=3.5,
            zorder=3,
            label="estimate, 95% interval",
        )
        axes.plot(
            found["slides"],
            y,
            "D",
            color="none",
            markeredgecolor=DARK,
            markersize=4.5,
            zorder=4,
            label="slides: the truth",
        )
        axes.axvline(1, color=DARK, linewidth=0.5, linestyle=(0, (3, 2)), zorder=1)
        axes.set_yticks(y, [short_title(str(s), 40) for s in found.index])
        axes.set(xlabel="elasticity ε between rare earths and labour", ylim=(len(y) - 0.5, -0.5))
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", zorder=0)
        axes.set_title("synthetic data", color="#b00000")
        figure.legend(loc="outside upper center", ncols=2)

    note = "Left of the line rare earths and labour are complements, right of it substitutes."
    title = "Estimates of ε by sector (synthetic data)"
    return NamedFigure("elasticities", title, note, drawn(0.75 * PAGE_WIDTH, 0.8 + 0.2 * len(found), draw))
