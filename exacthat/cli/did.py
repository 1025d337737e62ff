"""The command ``did``: difference-in-differences tables and event studies on a user's own panel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exacthat.cli.console import err, explained, out

if TYPE_CHECKING:
    from empirics.did import Study


@explained
def did_command(
    design: Annotated[Path, typer.Argument(metavar="DESIGN.toml", help="What to estimate.")],
    panel: Annotated[
        Path, typer.Option("--panel", metavar="FILE", help="Panel: .parquet, .csv, .tsv, .csv.gz or .dta.")
    ],
    out_dir: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")],
    slides: Annotated[
        bool,
        typer.Option(
            "--slides", help="Show the slides' values beside ours, if the design names their table."
        ),
    ] = False,
    controls: Annotated[
        bool, typer.Option("--controls", help="Show the coefficients of the controls in the tables.")
    ] = False,
    fast: Annotated[
        bool,
        typer.Option(
            "--fast", help="Leave out the jackknife, the permutations and the estimates without units."
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the results in an existing folder.")
    ] = False,
) -> None:
    """Estimate every column of a difference-in-differences design; write results.nc, tables, figures, report.html."""
    from exacthat.output import require_free

    require_free(out_dir, force)
    with err.status("reading") as status:
        from empirics.did import read_design, read_panel, run_study

        declared = read_design(design)
        if fast:
            none = declared.inference.model_copy(update={"crv3": False, "permutations": 0, "largest": 0})
            declared = declared.model_copy(update={"inference": none})
        rows = read_panel(panel, declared.panel.unit, declared.panel.time)
        study = run_study(declared, rows, slides, controls, track=lambda what: status.update(what))
        status.update("tables and figures")
        _write(study, out_dir, force)
    for table in study.tables:
        out.print(table.to_text(), highlight=False, soft_wrap=True)
    out.print(f"Results, tables and figures are in {out_dir}", highlight=False)


def _write(study: Study, folder: Path, force: bool) -> None:
    """Write data, tables, figures and report in one step."""
    from html import escape

    from empirics.did.layout import page
    from empirics.did.study import excluded_rows, without_lists
    from exacthat.figures import Plot
    from exacthat.output import results_folder
    from exacthat.report import inline_svg

    plots = [Plot(f.name, f.title, f.note, "", f.figure) for f in study.figures]
    with results_folder(folder, force) as draft:
        without_lists(study.results).to_netcdf(draft / "results.nc", engine="h5netcdf")
        excluded_rows(study.results).to_csv(draft / "excluded.csv", index=False, lineterminator="\n")
        (draft / "tables").mkdir()
        for table in study.tables:
            for suffix, text in (
                ("txt", table.to_text()),
                ("tex", table.to_latex()),
                ("html", table.to_html()),
            ):
                (draft / "tables" / f"{table.name}.{suffix}").write_text(text, encoding="utf-8")
        fragments = [table.to_html() for table in study.tables]
        for plot in plots:
            (draft / "figures").mkdir(exist_ok=True)
            plot.save(draft / "figures")
            caption = f"{escape(plot.title)}. {escape(plot.note)}"
            fragments.append(
                f"<figure>{inline_svg(plot.svg, plot.title)}<figcaption>{caption}</figcaption></figure>"
            )
        (draft / "report.html").write_text(page(study.tables[0].title, fragments), encoding="utf-8")
