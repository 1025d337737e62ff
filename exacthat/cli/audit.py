"""The command ``audit``: where a paper's statements hold, fail, or hold under a condition."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exacthat.cli.bench import require_writable
from exacthat.cli.console import err, explained, out, progress

if TYPE_CHECKING:
    from exacthat.audit import Economy, Finding


@explained
def audit_command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Whose statements: rare-earths.")],
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="FILE",
            help="Data set (.nc), table, or name of a shipped table.  [default: WIOD 2009]",
        ),
    ] = None,
    economies: Annotated[
        int,
        typer.Option(
            "--economies", metavar="N", min=0, help="Pairs of synthetic economies besides the data."
        ),
    ] = 10,
    seed: Annotated[int, typer.Option(help="Of the synthetic economies.", min=0)] = 0,
    out_dir: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write the table and the figure into a folder."),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the verdicts with their evidence as JSON."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the results in an existing folder.")
    ] = False,
) -> None:
    """Try every statement of the paper on data and on synthetic economies, by technology and instrument.

    Synthetic economies come in pairs, one in which rare earths and labour are complements and one in which they are
    substitutes. A statement "holds when" a condition is met if it holds in exactly the cells in which it is.
    """  # fmt: skip
    from exacthat.audit import as_json, audit, economies_of
    from exacthat.output import require_free

    require_writable(json_file)
    if out_dir is not None:
        require_free(out_dir, force)
    with err.status("loading"):
        tried = economies_of(model, data, economies, seed)
    findings = audit(tried, track=progress)
    _print(findings, tried)
    if json_file is not None:
        json_file.write_text(
            json.dumps(as_json(findings, tried), indent=1, allow_nan=False) + "\n", encoding="utf-8"
        )
    if out_dir is not None:
        _write(findings, out_dir, force)
        out.print(f"Table and figure are in {out_dir}", highlight=False, soft_wrap=True)


def _print(findings: Sequence[Finding], tried: Sequence[Economy]) -> None:
    from exacthat.audit import remarks, tables, tenfold

    for statement, shown in tables(findings).items():
        out.print(statement, style="bold", highlight=False)
        out.print(shown)
    for line in (*tenfold(findings), *remarks(findings)):
        out.print(line, highlight=False, soft_wrap=True)
    more = f" and {len(tried) - 1} synthetic economies" if len(tried) > 1 else ""
    out.print(
        f"Tried on {tried[0].origin}{more}. Cells are regions outside the exporter, by sector where a statement is about sectors.",
        highlight=False,
        soft_wrap=True,
    )


def _write(findings: Sequence[Finding], out_dir: Path, force: bool) -> None:
    from exacthat.audit import as_frame, cushion_figure
    from exacthat.output import results_folder

    with results_folder(out_dir, force) as folder:
        as_frame(findings).to_csv(folder / "audit.csv", index=False, lineterminator="\n")
        figure = cushion_figure(findings)
        for suffix in ("png", "svg", "pdf"):
            figure.figure.savefig(folder / f"{figure.name}.{suffix}", dpi=300)
        (folder / f"{figure.name}.txt").write_text(f"{figure.title}\n{figure.note}\n", encoding="utf-8")
