"""Prices and policy, the extended input-output table, and the sensitivity of industries (slides 5 to 9 and 13)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from calibration.labels import read_table
from empirics import figures_measurement, figures_prices, tables_prices
from empirics.did import slides_table
from empirics.measurement.accounts import NEEDED
from empirics.measurement.tables import (
    AGREEMENT,
    agreement,
    beside_slides,
    certificate_table,
    highest,
    same_leaders,
    variants_table,
)
from empirics.prices import export_quotas, price_index, spike_factors
from empirics.report_table import Table
from empirics.sensitivity import complementarity
from exacthat.display import number
from exacthat.replicate.exhibits import Comparison, Exhibit, Kind, Missing, Section
from exacthat.replicate.work import Work

BEA = "BEA 2012 benchmark input-output accounts, extended with USGS quantities and public prices"
PRICES = "public prices: FOB China as published by Lynas, USGS averages and year-end prices"
QUOTAS = "Chinese Ministry of Commerce, as reported by the source in each row"
SHOWN = 20


def prices(work: Work) -> Section:
    """Quotas, and the price spike."""
    printed = work.slides["prices"].numbers
    spikes, quotas = spike_factors(work.prices), export_quotas()
    by_year = quotas.set_index("year")
    cut = 100 * (1 - by_year.second_half[2010] / by_year.second_half[2009])
    annual = 100 * (1 - by_year.total[2010] / by_year.total[2009])
    mined = read_table("ree_mine_production_2009.csv").set_index("wiod_country")
    share = {source: 100 * mined[source]["CHN"] / mined[source].sum() for source in ("usgs", "bgs")}
    lowest, largest = spikes.factor.idxmin(), spikes.factor.idxmax()
    items = [
        Exhibit(
            figures_prices.price_figure(work.prices), Kind.REAL, f"{PRICES}; quotas: {QUOTAS}",
            _price_path(work.prices),
        ),
        Exhibit(
            tables_prices.spike_table(work.prices), Kind.REAL, PRICES,
            "Highest price of each element over its mean of 2009; Nd and Pr have annual averages only near the peak, so that "
            "their factors are lower bounds.",
        ),
        Exhibit(
            _quota_table(quotas), Kind.REAL, QUOTAS,
            "The cut of July 2010 is one of the second half-year; over the whole year it is smaller.",
        ),
        Missing(
            "Daily prices of the slides (Asian Metal)",
            "Subscribe to asianmetal.com, save element, first_day, last_day and usd_per_kg as CSV, and run exacthat measure --prices FILE.csv.",
        ),
    ]  # fmt: skip
    comparisons = [
        Comparison(
            printed["mine_share"].slide, printed["mine_share"].text, str(printed["mine_share"]),
            f"{share['usgs']:.1f} (USGS), {share['bgs']:.1f} (BGS)", Kind.REAL,
            "The two agencies differ on India, Thailand and Malaysia.",
        ),
        Comparison(
            printed["quota_cut"].slide, printed["quota_cut"].text, str(printed["quota_cut"]), f"{cut:.1f}", Kind.REAL,
            f"Second half of 2010 over second half of 2009; over the whole year the quota fell by {annual:.1f}.",
        ),
        *(
            Comparison(
                printed[key].slide, printed[key].text, str(printed[key]), f"{spikes.factor[element]:.1f} ({element})", Kind.REAL,
                why,
            )
            for key, element, why in (
                ("spike_lowest", lowest, "Five elements here; the slides may show others."),
                ("spike_highest", largest, "Public averages over months and years miss the days on which the slides' daily series peaks."),
            )
        ),
    ]  # fmt: skip
    return Section(items, comparisons)


def _price_path(prices: pd.DataFrame) -> str:
    """Say how high prices rose, and where they were when the quotas ended."""
    index = price_index(prices)
    ended = index[index.day <= END_OF_QUOTAS].sort_values("day").groupby("element")["index"].last()
    spike = spike_factors(prices).factor
    parts = ", ".join(f"{element} {ended[element]:.1f}" for element in ended.sort_values().index)
    return (
        f"After the quota cut (A) prices rise {spike.min():.0f} to {spike.max():.0f} times above 2009 and peak in 2011; when quotas end (E) "
        f"they are, over 2009: {parts}."
    )


END_OF_QUOTAS = pd.Timestamp("2015-01-01")


def _quota_table(quotas: pd.DataFrame) -> Table:
    frame = quotas.set_index("year").rename(
        columns={"first_half": "first half", "second_half": "second half"}
    )
    note = "Tonnes, gross weight of products."
    return Table("export-quotas", "Chinese export quotas of rare earths", note, frame, decimals=0)


def requirements(work: Work) -> Section:
    """Total requirements by sector and element beside the slides' table."""
    m = work.measurement
    note = f" {work.measurement_note}" if work.measurement_note else ""
    within, leaders = agreement(m), same_leaders(m)
    cells = int(within.to_numpy().sum())
    met = int(m["calibrated_cells"].sel(sector=m["slides_sector"].values).sum())
    zero = int((m["slides_requirements"] == 0).sum())
    totals = m["total_requirements"].sum("element").to_series().nlargest(3).to_numpy()
    gap = totals[1] / totals[2]
    items: list[Exhibit | Missing] = [
        Exhibit(
            beside_slides(m), Kind.DERIVED, BEA,
            f"{cells} of {within.size} cells agree with the slides' table to {AGREEMENT}; {met} of them agree by calibration, {zero} of the "
            "slides' cells are zero, and the magnet users behind the others were chosen in sight of this table.",
        ),
        Exhibit(
            figures_measurement.stacked_bars(m), Kind.DERIVED, BEA,
            f"Two sectors, storage batteries and the one that makes magnets, need at least {gap:.0f} times as much as any other.",
        ),
        Exhibit(
            figures_measurement.beside_slides(m), Kind.DERIVED, BEA,
            "Who buys magnets decides all rows but the first two: with magnets spread over every buyer of fabricated metals the "
            "values are an order of magnitude too low.",
        ),
        Exhibit(
            variants_table(m), Kind.DERIVED, BEA,
            "The same table under other prices, magnet users, weights and definitions.",
        ),
        Exhibit(
            certificate_table(m), Kind.DERIVED, BEA,
            "The extended table still balances: every row and column total holds, and no rare-earth requirement is negative.",
        ),
    ]  # fmt: skip
    if note:
        items.append(
            Missing(
                "The official input-output tables; shown are the shipped results that were made from them",
                f"Get {NEEDED}.",
            )
        )
    comparison = Comparison(
        9, f"cells of the table of total requirements that agree to {AGREEMENT}", str(within.size), str(cells), Kind.DERIVED,
        f"{met} agree by calibration and {zero} of the slides' cells are zero; the magnet users are a reconstruction, so that none of "
        "this is out of sample.",
    )  # fmt: skip
    top = Comparison(
        9, "sectors of the slides' list that are the highest here", str(len(m["slides_sector"])), str(leaders), Kind.DERIVED,
        "SIC 3292, asbestos products, is on the list through the concordance only.",
    )  # fmt: skip
    return Section(items, [comparison, top], {"measurement": m})


def sensitivity(work: Work) -> Section:
    """The treatment by industry, its index of complementarity, and how concentrated it is."""
    m, printed = work.measurement, work.slides
    values = m["sensitivity"].to_series()
    deviation = float(values.std(ddof=1))
    squares = (values - values.mean()) ** 2
    first = squares.nlargest(2)
    named = " and ".join(f"{sic} {m['sector_title'].to_series()[sic]}" for sic in first.index)
    rank = values.corr(m["sensitivity_price_spike"].to_series(), method="spearman")
    index = complementarity()
    effect = printed["exports"].numbers["one_deviation"]
    coefficient = float(slides_table("exports").coefficient["NONCHN"])
    items = [
        Exhibit(
            highest(m, SHOWN), Kind.DERIVED, f"{BEA}; index of complementarity attributed to Graedel et al. 2015, unverified",
            f"The {SHOWN} most dependent of {len(values)} industries: {named} hold {first.sum() / squares.sum():.0%} of the variance "
            "of the sensitivity, so that any regression on it compares these two with all others.",
        ),
        Exhibit(
            _index_table(index.to_series()), Kind.REAL, "attributed to Graedel et al. 2015 (PNAS); not checked against the paper",
            "Elements that nothing replaces count most; the values are unverified, and so is every sensitivity below.",
        ),
    ]  # fmt: skip
    comparisons = [
        Comparison(
            printed["sensitivity"].numbers["index_highest"].slide, printed["sensitivity"].numbers["index_highest"].text,
            str(printed["sensitivity"].numbers["index_highest"]), f"{float(index.max()):g} ({index.to_series().idxmax()})",
            Kind.REAL, "Scaled to 0-1 here; the slides do not show whose index it is.",
        ),
        Comparison(
            effect.slide, "standard deviation of the sensitivity over industries, 10⁻³ $ per $", f"{effect.value / coefficient:.2f} (implied)",
            number(deviation), Kind.DERIVED,
            f"Implied by the slides: an effect of around {effect} percentage points over a coefficient of {coefficient:g}. With weights of price "
            f"spikes instead of complementarity the ranks correlate at {rank:.2f}.",
        ),
    ]  # fmt: skip
    return Section(items, comparisons)


def _index_table(index: pd.Series) -> Table:
    frame = index.sort_values(ascending=False).rename("index of complementarity").to_frame()
    frame = frame.rename_axis("element").astype(np.int64)
    note = "0: a perfect substitute exists; 100: nothing replaces the element. Unverified."
    return Table("complementarity", "Index of complementarity by element (unverified)", note, frame)
