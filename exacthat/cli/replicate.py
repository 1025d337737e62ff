"""The command ``replicate``: the whole chain of a paper, from measurement to counterfactuals, in one report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exacthat.cli.console import err, explained, out, progress


@explained
def replicate_command(
    name: Annotated[str, typer.Argument(metavar="STUDY", help="What to replicate: rare-earths.")],
    out_dir: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Folder for the results.  [default: results/replication-STUDY]"
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Folder of official tables; else EXACTHAT_DATA, else shipped results.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn at random.", min=0)] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Less inference and fewer draws.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the results in an existing folder.")
    ] = False,
) -> None:
    """Replicate a paper's slides from end to end; write report.html, tables, figures and data."""
    from exacthat.output import require_free

    folder = out_dir or Path("results") / f"replication-{name}"
    with err.status("loading"):
        from exacthat.replicate import QUICK, Kind, Missing, Settings, known_study, replicate

        known_study(name)
        require_free(folder, force)
    settings = QUICK if quick else Settings()
    done = replicate(name, folder, force=force, seed=seed, settings=settings, data=data, track=progress)
    for kind in Kind:
        out.print(f"{sum(e.kind is kind for e in done.exhibits):>3} exhibits: {kind}", highlight=False)
    missing = sum(isinstance(item, Missing) for _, section in done.parts for item in section.items)
    out.print(
        f"{missing:>3} things of the slides are not here; the report says how to obtain them", highlight=False
    )
    out.print(f"Report, tables, figures and data are in {folder}", highlight=False)
