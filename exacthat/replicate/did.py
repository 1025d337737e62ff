"""Difference-in-differences tables and event studies (slides 14 to 17).

The slides' panels are proprietary. Their designs run on the panel of the synthetic world, and the column of the United States of
the table on productivity also on public data.
"""

from __future__ import annotations

import pandas as pd
import xarray as xr

from empirics.did import (
    Design,
    Study,
    estimate_table,
    make_panel,
    run_study,
    shipped_design,
    slides_table,
)
from empirics.did.layout import number
from empirics.did.tables import stars
from empirics.productivity.united_states import NEEDED, load_us_panel, us_panel
from empirics.report_table import Table
from exacthat.replicate.exhibits import Comparison, Exhibit, Kind, Missing, Section
from exacthat.replicate.work import Work
from framework.errors import DataError

SYNTHETIC = "the synthetic world of empirics.synthetic: the model simulated with the slides' ε and γ and measured requirements"
US = "NBER-CES and BEA 2012; sensitivity of the extended table by NAICS 2012"
COUNTRIES = (
    "The slides' robustness with price spikes and import shares by country: the synthetic world has one price for all countries "
    "but China",
    "Write the columns sensitivity_price_spikes and sensitivity_import_shares into a panel of your own and run exacthat did "
    "on empirics/did/designs/{name}.toml.",
)
PANELS = {
    "patents": "The panel of patents by region and industry: see Patents and text for the corpus",
    "tfp": "The panel of productivity outside the United States: UNIDO INDSTAT 4 and the Japanese Census of Manufacture",
    "exports": "The panel of exports by country and industry: UN Comtrade",
    "exports-difference": "The panel of exports by country and industry: UN Comtrade",
}


def patents(work: Work) -> Section:
    """PPML of the stock of patents."""
    return _section(work, "patents")


def exports(work: Work) -> Section:
    """OLS of export growth."""
    return _section(work, "exports", implied=True)


def exports_difference(work: Work) -> Section:
    """OLS of export growth less that of China."""
    return _section(work, "exports-difference", implied=True)


def productivity(work: Work) -> Section:
    """OLS of productivity growth: the United States on public data, then all columns on the synthetic world."""
    synthetic = _section(work, "tfp", implied=True)
    design = _chosen(work, shipped_design("us-tfp"))
    frame, note = _us_frame(work)
    study = run_study(design, make_panel(frame, design.panel.unit), slides=True)
    found, printed = study.results["estimates"].to_dataset(), slides_table("tfp").loc["USA"]
    coefficient, error = (
        float(found[k].sel(term="treatment", column="USA")) for k in ("coefficient", "standard_error")
    )
    items: list[Exhibit | Missing] = [
        Exhibit(
            study.tables[0], Kind.DERIVED, US,
            "On public data the coefficient of the United States is "
            + ("not" if abs(coefficient) < 1.96 * error else "")
            + f" distinguishable from zero{_effective(study)}.",
        ),
        Exhibit(
            next(f for f in study.figures), Kind.DERIVED, US,
            "Effects by year with pointwise intervals and a simultaneous band; a verdict on pre-trends is withheld where fewer than 10 "
            "clusters are effective.",
        ),
        *(Exhibit(t, Kind.DERIVED, US, _ABOUT[t.name]) for t in study.tables[1:] if t.name in _ABOUT),
    ]  # fmt: skip
    if note:
        items.append(
            Missing(
                "The official tables behind this panel; shown are results on the panel that the project ships",
                note,
            )
        )
    comparison = Comparison(
        15, "TFP growth, USA: coefficient (standard error)", _printed(printed), f"{number(coefficient)} ({number(error)})", Kind.DERIVED,
        _us_remark(study, printed, coefficient, error),
    )  # fmt: skip
    return Section(
        [*items, *synthetic.items],
        [comparison, *synthetic.comparisons],
        {"did-us-tfp": study.results, **synthetic.data},
    )


def _effective(study: Study) -> str:
    """Say how many industries identify the coefficient."""
    if "effective_units" not in study.results["inference"]:
        return ""
    units = float(study.results["inference"].to_dataset().sel(column="USA").effective_units)
    return f"; effectively {units:.1f} industries identify it, storage batteries and magnets"


_ABOUT = {
    "us-tfp-no_controls": "The same without the controls for capital and labour intensity.",
    "us-tfp-labour_productivity": "The same for growth of labour productivity.",
}


def _us_remark(study: Study, printed: pd.Series, coefficient: float, error: float) -> str:
    gap = coefficient - float(printed.coefficient)
    joint = (error**2 + float(printed.standard_error) ** 2) ** 0.5
    words = (
        f"The two differ by {number(gap)}, {abs(gap) / joint:.1f} standard errors if they were independent. Here: NAICS 2012, NBER-CES "
        "2003-2016, constant cost shares, no controls for subsidies and importers' demand."
    )
    if study.results["inference"].sizes.get("rank"):
        robust = study.results["inference"].to_dataset().sel(column="USA")
        words += (
            f" The two largest industries hold {float(robust.largest_share):.0%} of the treatment's variance"
        )
        if "crv3_standard_error" in robust:
            words += f", and the jackknife standard error is {number(float(robust.crv3_standard_error))}"
        words += "."
    return words


def _us_frame(work: Work) -> tuple[pd.DataFrame, str]:
    """Return the panel of the United States, and what is needed to compute it again where it is the shipped one."""
    if work.folder is None:
        return load_us_panel(), f"Get {NEEDED}."
    try:
        return us_panel(work.data, work.measurement), ""
    except DataError as error:
        return load_us_panel(), str(error)


def _chosen(work: Work, design: Design) -> Design:
    """A design with the inference that is wanted, and without robustness on columns that the synthetic world lacks."""
    settings = work.settings
    inference = design.inference.model_copy(
        update={
            "crv3": settings.jackknife,
            "permutations": settings.permutations,
            "largest": design.inference.largest if settings.jackknife else 0,
        }
    )
    kept = design.robustness if design.name == "us-tfp" else ()
    return design.model_copy(update={"inference": inference, "robustness": kept})


def _section(work: Work, name: str, implied: bool = False) -> Section:
    """The table and event study of a design on the synthetic panel."""
    shipped = shipped_design(name)
    design = _chosen(work, shipped)
    panel = make_panel(work.panel, design.panel.unit)
    study = run_study(design, panel, slides=True)
    (slide,) = work.slides[name].slides
    items: list[Exhibit | Missing] = [
        Exhibit(
            study.tables[0], Kind.SYNTHETIC, SYNTHETIC,
            "The slides' specification, column by column, with their values below ours: a test of the design on data whose "
            "origin is known, not an estimate.",
        )
    ]  # fmt: skip
    found = study.results["estimates"].to_dataset().sel(term="treatment")
    truth = None
    if implied:
        truth = estimate_table(design, make_panel(work.panel_without_shocks, design.panel.unit)).sel(
            term="treatment"
        )
        items.append(
            Exhibit(
                _implied_table(name, design, found, truth), Kind.SYNTHETIC, SYNTHETIC,
                "What the structural model itself implies for this regression, and how much of the estimate above is noise.",
            )
        )  # fmt: skip
    items += [
        Exhibit(
            figure, Kind.SYNTHETIC, SYNTHETIC,
            "Effects by year on the synthetic panel, with pointwise intervals and a simultaneous band."
            + (_common_china(study) if design.difference else ""),
        )
        for figure in study.figures
    ]  # fmt: skip
    items.append(
        Missing(
            PANELS[name],
            f"Build it with the columns of empirics/did/designs/{name}.toml, and run exacthat did on it.",
        )
    )
    if shipped.robustness:
        items.append(Missing(COUNTRIES[0], COUNTRIES[1].format(name=name)))
    comparisons = _comparisons(slide, design, found, truth)
    return Section(items, comparisons, {f"did-{name}": study.results})


def _common_china(study: Study) -> str:
    """Say what subtracting one country from all others does to clustered errors."""
    p = float(study.results["event_study"].to_dataset().sel(column="ALL").pretrend_p_value)
    found = "withheld" if p != p else f"p = {p:.3f}"
    return (
        " Every country's outcome holds the same Chinese series, so that errors are common to countries within an industry, while the "
        f"slides cluster by country and industry; the test of pre-trends in ALL ({found}) is on a world in which only prices before the "
        "shock, which hardly move, could make one."
    )


def _comparisons(slide: int, design: Design, found: xr.Dataset, truth: xr.Dataset | None) -> list[Comparison]:
    """One for each column of the table."""
    printed = slides_table(str(design.slides))
    out = []
    for column in map(str, found["column"].values):
        one = found.sel(column=column)
        remark = "Simulated data: a test of the design, not an estimate of the world."
        if truth is not None:
            remark += f" The model implies {number(float(truth.coefficient.sel(column=column)))}."
        here = f"{number(float(one.coefficient))}{stars(float(one.p_value))} ({number(float(one.standard_error))})"
        name = f"{design.title}, {column}"
        out.append(
            Comparison(
                slide, name, _printed(printed.loc[column]), here, Kind.SYNTHETIC, remark, in_exhibit=True
            )
        )
    return out


def _printed(row: pd.Series) -> str:
    return f"{number(float(row.coefficient))}{'*' * int(row.stars)} ({number(float(row.standard_error))})"


def _implied_table(name: str, design: Design, found: xr.Dataset, truth: xr.Dataset) -> Table:
    columns = [str(c) for c in found["column"].values]
    printed = slides_table(str(design.slides)).loc[columns]
    frame = pd.DataFrame(
        {
            "slides": printed["coefficient"].to_numpy(),
            "synthetic panel": found["coefficient"].values,
            "standard error": found["standard_error"].values,
            "without shocks": truth["coefficient"].values,
        },
        index=pd.Index(columns, name="column"),
    )
    note = (
        "Without shocks: the same world with the shocks to productivity, exports and importers' demand set to zero, so that what is left "
        "is the effect of prices and of directed technology."
    )
    return Table(
        f"{name}-implied", f"{design.title}: what the model implies (synthetic data)", note, frame, decimals=4
    )
