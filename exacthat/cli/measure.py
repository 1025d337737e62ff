"""The command ``measure``: the input-output table extended by rare earths, and what it says of sectors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exacthat.cli.console import err, explained, out

if TYPE_CHECKING:
    import xarray as xr

    from empirics.figure_style import NamedFigure
    from empirics.report_table import Table

SHORT_LIST = 20


@explained
def measure_command(
    out_dir: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="PATH",
            help="Folder of BEA's tables; else EXACTHAT_DATA, else the shipped results.",
        ),
    ] = None,
    prices: Annotated[
        Path | None,
        typer.Option("--prices", metavar="FILE.csv", help="Prices of elements instead of the shipped ones."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the results in an existing folder.")
    ] = False,
) -> None:
    """Extend the input-output table by rare earths; write measurement.nc, tables and figures."""
    from exacthat.output import require_free

    require_free(out_dir, force)
    with err.status("extended input-output table"):
        from empirics.measurement.results import measure_or_shipped
        from empirics.measurement.tables import beside_slides, tables
        from empirics.prices import read_prices

        quoted = read_prices(prices)
        measurement, note = measure_or_shipped(data)
    with err.status("tables and figures"):
        from empirics import figures_measurement, figures_prices, tables_prices

        figures = [
            *figures_measurement.figures(measurement),
            figures_prices.price_figure(quoted),
            figures_prices.basket_figure(quoted, measurement),
        ]
        written = [
            *tables(measurement, SHORT_LIST),
            tables_prices.spike_table(quoted),
            tables_prices.basket_table(quoted, measurement["total_requirements"]),
        ]
        _write(measurement, written, figures, note, out_dir, force)
    out.print(beside_slides(measurement).text(), highlight=False, soft_wrap=True)
    if note:
        err.print(note, highlight=False, soft_wrap=True)
    out.print(f"Measurement, tables and figures are in {out_dir}", highlight=False)


def _write(
    measurement: xr.Dataset,
    tables: list[Table],
    figures: list[NamedFigure],
    note: str,
    folder: Path,
    force: bool,
) -> None:
    """Write measurement, tables, figures and captions in one step."""
    from empirics.measurement import write_measurement
    from exacthat.figures import Plot
    from exacthat.output import results_folder

    with results_folder(folder, force) as draft:
        write_measurement(measurement, draft / "measurement.nc")
        (draft / "tables").mkdir()
        for table in tables:
            table.save(draft / "tables")
        (draft / "figures").mkdir()
        captions = [f"{figure.name}\n{figure.title}. {figure.note}" for figure in figures]
        (draft / "figures" / "captions.txt").write_text("\n\n".join(captions) + "\n", encoding="utf-8")
        for figure in figures:
            Plot(figure.name, figure.title, figure.note, "", figure.figure).save(draft / "figures")
        if note:
            (draft / "note.txt").write_text(note + "\n", encoding="utf-8")
