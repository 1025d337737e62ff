"""Tables of the measurement: highest requirements, the slides' table beside ours, variants, uses and certificate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from empirics.measurement.variants import HEADLINE, PER_INDUSTRY
from empirics.report_table import Table

#: Order of the elements on the slides.
SHOWN = ("Ce", "La", "Nd", "Pr", "Dy")
TOTAL = "All"
#: Two values agree if they differ by no more than this when both are rounded as the slides are.
AGREEMENT, DECIMALS = 0.01, 2
PER_MILLE = "10^-3 USD per USD of final demand"


def per_mille(requirements: xr.DataArray) -> pd.DataFrame:
    """Requirements in 10^-3 USD per USD: index ``SIC``, columns the total and the elements as on the slides."""
    frame = 1000.0 * requirements.transpose("sector", "element").to_pandas()
    frame = frame[list(SHOWN)].rename_axis(index="SIC", columns=None)
    frame.insert(0, TOTAL, frame.sum(axis=1))
    return frame


def variant_requirements(measurement: xr.Dataset, variant: str) -> pd.DataFrame:
    """Requirements of one variant; see `per_mille`."""
    return per_mille(measurement["requirements_by_variant"].sel(variant=variant))


def highest(measurement: xr.Dataset, count: int | None = None) -> Table:
    """Sectors with the highest total requirements, with sensitivity and flags."""
    frame = per_mille(measurement["total_requirements"])
    frame.insert(0, "title", measurement["sector_title"].to_series().to_numpy())
    frame["sensitivity"] = measurement["sensitivity"].to_series().to_numpy()
    calibrated, artefact = (
        measurement[f"{k}"].values > 0 for k in ("calibrated_rows", "concordance_artefact")
    )
    frame["flags"] = np.char.add(np.where(calibrated, "c", ""), np.where(artefact, "a", ""))
    frame = frame.sort_values(TOTAL, ascending=False, kind="stable").head(count or len(frame))
    note = (
        "c: a cell of the row is met by calibration to the slides; a: on the list through the concordance only "
        f"({measurement.attrs['concordance_artefact']}). Sensitivity: {measurement['sensitivity'].attrs['scale']}, unverified."
    )
    name = "total-requirements" if count is None else "highest-requirements"
    return Table(name, f"Total requirements of rare earths, {PER_MILLE}", note, frame)


def slides_frame(measurement: xr.Dataset) -> pd.DataFrame:
    """The slides' table: index ``SIC``, columns the total and the elements."""
    elements = measurement["slides_requirements"].to_pandas()[list(SHOWN)]
    elements.insert(0, TOTAL, measurement["slides_total"].values)
    return elements.rename_axis(index="SIC", columns=None)


def agreement(measurement: xr.Dataset, variant: str = HEADLINE) -> pd.DataFrame:
    """True where a cell of the slides' table and ours differ by at most `AGREEMENT`, both at two decimals."""
    slides = slides_frame(measurement)[list(SHOWN)]
    ours = variant_requirements(measurement, variant).loc[slides.index, list(SHOWN)]
    # Both are whole hundredths, which floating-point numbers only come close to.
    return abs((ours.round(DECIMALS) - slides) * 10**DECIMALS).round() <= AGREEMENT * 10**DECIMALS


def same_leaders(measurement: xr.Dataset, variant: str = HEADLINE) -> int:
    """How many of the slides' sectors are among as many highest ones of ours."""
    slides = slides_frame(measurement).index
    ours = variant_requirements(measurement, variant)[TOTAL].nlargest(len(slides)).index
    return len(set(slides) & set(ours))


def beside_slides(measurement: xr.Dataset) -> Table:
    """The slides' table and ours, row by row, with the rank of each row and the cells met by calibration."""
    slides, ours = slides_frame(measurement), variant_requirements(measurement, HEADLINE)
    rank = ours[TOTAL].rank(ascending=False).astype(int)
    calibrated = measurement["calibrated_cells"].to_pandas()
    titles = dict(zip(slides.index, map(str, measurement["slides_title"].values), strict=True))
    rows = {}
    for place, sic in enumerate(slides.index, start=1):
        met = ", ".join(e for e in SHOWN if calibrated.at[sic, e])
        rows[sic, "slides"] = {"title": titles[sic], "rank": place, **slides.loc[sic], "calibrated": ""}
        rows[sic, "here"] = {"title": "", "rank": rank[sic], **ours.loc[sic], "calibrated": met}
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index = pd.MultiIndex.from_tuples(rows, names=["SIC", "source"])
    within, alternative = agreement(measurement), agreement(measurement, PER_INDUSTRY)
    note = (
        f"{int(within.to_numpy().sum())} of {within.size} cells differ by at most {AGREEMENT} at the slides' two decimals; the "
        f"others are {_apart(within)}. Per dollar of industry output instead of a commodity (table of variants), "
        f"{int(alternative.to_numpy().sum())} do; the others are {_apart(alternative)}. "
        f"{same_leaders(measurement)} of the slides' {len(slides)} sectors are the highest here. Cells named under "
        "'calibrated' agree by construction; the others are a reconstruction whose set of magnet users was chosen in sight "
        f"of this table. An artefact of the concordance: {measurement.attrs['concordance_artefact']}."
    )
    return Table("beside-the-slides", f"The slides' table and this one, {PER_MILLE}", note, frame)


def _apart(within: pd.DataFrame) -> str:
    """Name the cells that do not agree, row by row: ``3625 Nd, Dy; 3519 Ce``."""
    rows = {sic: ", ".join(e for e in within.columns if not within.at[sic, e]) for sic in within.index}
    return "; ".join(f"{sic} {elements}" for sic, elements in rows.items() if elements) or "none"


def variants_table(measurement: xr.Dataset) -> Table:
    """Total over elements in the slides' eight sectors, by variant, with how far each agrees with the slides."""
    slides = slides_frame(measurement)
    columns = {"slides' table": {**slides[TOTAL], "cells": slides[list(SHOWN)].size, "leaders": len(slides)}}
    for variant in map(str, measurement["variant"].values):
        ours = variant_requirements(measurement, variant)[TOTAL]
        columns[variant] = {
            **ours[slides.index],
            "cells": int(agreement(measurement, variant).to_numpy().sum()),
            "leaders": same_leaders(measurement, variant),
        }
    frame = pd.DataFrame.from_dict(columns, orient="index").rename_axis("variant")
    frame = frame.astype({"cells": int, "leaders": int})
    note = (
        "Columns: total over elements by SIC sector. cells: of the 40 cells by sector and element, how many differ from the "
        f"slides by at most {AGREEMENT} at two decimals; leaders: how many of the slides' eight sectors are the eight highest. "
        "calibrated: to the slides' rows 3691 and 3499 and to Ce of 3714, magnets to the reconstructed users; public: "
        "public quantities times public prices (composition of applications unverified), where a use that exceeds its cell is "
        "booked as imports."
    )
    return Table("variants", f"Variants of the extended table, {PER_MILLE}", note, frame)


def uses_table(measurement: xr.Dataset) -> Table:
    """Million USD of each element by application, by variant, below the tonnes of the public source."""
    tonnes = measurement["quantity"].to_series()
    tonnes = tonnes[tonnes > 0]
    values = measurement["ree_value"].to_series().unstack("variant").loc[tonnes.index].T
    frame = pd.concat([tonnes.to_frame("tonnes of oxide").T, values.loc[list(measurement["variant"].values)]])
    frame.columns = [f"{application}, {element}" for application, element in frame.columns]
    note = (
        "Uses that go into the table. Tonnes: consumption of 2012 times end-use shares of 2009 (USGS) times the composition of "
        "applications (unverified); the calibrated variants scale the uses behind the calibrated cells."
    )
    return Table("ree-uses", "Rare earths by application, million USD", note, frame.rename_axis("variant"))


def certificate_table(measurement: xr.Dataset) -> Table:
    """What each extended table must fulfil, as found."""
    names = [
        "row_gap",
        "column_gap",
        "row_gap_before",
        "column_gap_before",
        "spectral_radius",
        "smallest_ree",
        "smallest_inverse",
        "negative_uses",
    ]
    frame = measurement[names].to_dataframe()[names]
    text = pd.DataFrame({c: frame[c].map(lambda x: f"{x:.3g}") for c in names}).rename_axis("variant")
    note = (
        "Gaps are the largest of a row or column, relative to its absolute values; before: in the table as read, where rounding "
        "to whole millions is not an entry. The whole inverse has negative entries from the negative cells of the use table; "
        "the rows of the elements have none."
    )
    return Table("certificate", "Certificate of the extended tables", note, text)


def tables(measurement: xr.Dataset, count: int = 20) -> list[Table]:
    """All tables of the measurement; `count` sectors in the short list."""
    return [
        beside_slides(measurement),
        highest(measurement, count),
        variants_table(measurement),
        uses_table(measurement),
        certificate_table(measurement),
        highest(measurement),
    ]
