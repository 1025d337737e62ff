"""The commands ``diff`` and ``elasticities``: how two variants differ, and what an outcome depends on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exacthat.cli.commands import ModelArgument, choose
from exacthat.cli.console import explained, out

if TYPE_CHECKING:
    import xarray as xr

    from framework import Solution

SHORT_LIST = 15


@explained
def diff_command(
    model: ModelArgument,
    a: Annotated[str, typer.Argument(metavar="A", help="A variant, GROUP=NAME.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another variant, GROUP=NAME, or a .py model file.")],
    hats: Annotated[bool, typer.Option("--hat", help="The exact-hat form instead of the levels.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="LaTeX source of the equations.")] = False,
) -> None:
    """Show which equations and symbols of two variants of a model differ."""
    from exacthat.library import load_model
    from framework import diff, hat

    declared = load_model(model)
    pair = [load_model(x) if x.endswith(".py") else choose(declared, [x]) for x in (a, b)]
    found = diff(*(hat(m) if hats else m for m in pair))
    typer.echo(found.to_latex() if latex else found.to_text(), nl=not latex)


@explained
def elasticities_command(
    model: ModelArgument,
    outcome: Annotated[str, typer.Option("--outcome", metavar="KEY", help="For instance real_consumption.")],
    shock: Annotated[
        list[str], typer.Option("--shock", metavar="KEY=VALUE", help="One quantity that changes, as in run.")
    ],
    at: Annotated[
        list[str] | None,
        typer.Option("--at", metavar="DIM=LABEL", help="Place of the outcome, for instance region=JPN."),
    ] = None,
    of: Annotated[
        list[str] | None,
        typer.Option("--of", metavar="KEY", help="Only with respect to this; may be repeated."),
    ] = None,
    data: Annotated[str | None, typer.Option("--data", help="Data set (.nc) or table.")] = None,
    variant: Annotated[
        list[str] | None, typer.Option("--variant", metavar="GROUP=NAME", help="Variant to take.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.nc", help="Write all of them, labelled; a new file.")
    ] = None,
) -> None:
    """Show the elasticities of an outcome with respect to parameters, data and shocks, largest first."""
    from framework import DataError, elasticities

    if file is not None and file.exists():
        raise DataError(f"'{file}' exists; name a new file, or remove it first")
    solution = _solution(model, shock, data, variant or [])
    found = elasticities(solution, outcome, of or None, where=_pairs("--at", at or []))
    _show(found)
    if file is not None:
        found.to_netcdf(file, engine="h5netcdf")
        out.print(f"All of them are in {file}", highlight=False)


def _pairs(option: str, settings: list[str]) -> dict[str, str]:
    found = [setting.partition("=") for setting in settings]
    for name, sign, _ in found:
        if not sign:
            raise typer.BadParameter(f"{option} {name} is not of the form NAME=VALUE.")
    return {name.strip(): value.strip() for name, _, value in found}


def _solution(model: str, shocks: list[str], data: str | None, variants: list[str]) -> Solution:
    """Solve the shock under the one choice of variants that was asked for."""
    from exacthat.library import load_model
    from exacthat.run import solve_study
    from exacthat.scenario import shock_study

    chosen = choose(load_model(model), variants)  # an unknown name is the first thing to hear about
    outcome = solve_study(shock_study(model, shocks).with_choices(variants, []), data=data)
    (case,) = (c for c in outcome.cases if c.variant.items() <= chosen.chosen.items())
    return outcome.solutions[case.label]


def _show(found: xr.Dataset) -> None:
    """The largest entries of every array in one table."""
    import numpy as np
    from rich import box
    from rich.table import Table

    rows = []
    for key, array in found.items():
        for cell in np.ndindex(array.shape):
            labels = [str(array.coords[d].values[k]) for d, k in zip(array.dims, cell, strict=True)]
            rows.append((float(array.values[cell]), str(key), ", ".join(labels), array.attrs["measure"]))
    rows.sort(key=lambda row: -abs(row[0]))
    place = ", ".join(
        str(v) for k, v in found.attrs.items() if k.startswith("outcome_") and isinstance(v, str)
    )
    title = f"{found.attrs['outcome']}{f' ({place})' if place else ''}: largest of {len(rows)} derivatives"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("with respect to", "at", "measure"):
        table.add_column(name)
    table.add_column("value", justify="right")
    for value, key, where, measure in rows[:SHORT_LIST]:
        table.add_row(key, where, measure, f"{value:.4g}")
    out.print(table)
