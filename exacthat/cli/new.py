"""The command ``new``: a file to start a model of one's own from."""

from __future__ import annotations

from typing import Annotated

import typer

from exacthat.cli.console import explained, out


@explained
def new_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new model; the file is NAME.py.")],
    source: Annotated[
        str, typer.Option("--from", metavar="MODEL", help="Model of the library to start from.")
    ] = "armington",
    block: Annotated[
        str | None,
        typer.Option(
            "--block", help="Block to write out, to be changed; by default the variant group's, or the first."
        ),
    ] = None,
) -> None:
    """Write a model file that changes one block of a library model, with the data to run it at once."""
    from exacthat.new import start

    for path in start(name, source, block):
        out.print(f"{path} is written", highlight=False)
    out.print(f"The first lines of {name}.py say how to check and run it.", highlight=False)
