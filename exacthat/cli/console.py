"""What the command prints: errors in one paragraph, results as tables."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table as RichTable
from rich.text import Text

if TYPE_CHECKING:
    from exacthat.scenario import Case
    from exacthat.summary import Table

P = ParamSpec("P")
R = TypeVar("R")

out = Console()
err = Console(stderr=True)


def explained(command: Callable[P, R]) -> Callable[P, R]:
    """Make a command print an error of exacthat as one paragraph on stderr and end with exit code 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except Exception as error:
            # Imported only here, because it brings the whole framework with it.
            from framework.errors import ExacthatError

            if not isinstance(error, ExacthatError):
                raise
            err.print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)
            raise typer.Exit(1) from None

    return run


def progress(cases: Sequence[Case]) -> Iterator[Case]:
    """Go through the cases with a progress bar on stderr that names the case in work."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    width = max(len(case.label) for case in cases)
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("", total=len(cases))
        for case in cases:
            bar.update(task, description=case.label.ljust(width))
            yield case
            bar.advance(task)


def rich_table(table: Table, caption: str = "") -> RichTable:
    """Make a `summary.Table` printable on a terminal; the column groups stand above the columns."""
    shown = RichTable(
        title=table.title, title_justify="left", title_style="bold", caption=caption, caption_justify="left"
    )
    shown.add_column(table.corner)
    grouped = any(len(columns) > 1 for _, columns in table.columns)
    for name, columns in table.columns:
        for k, column in enumerate(columns):
            header = f"{name if k == 0 else ''}\n{column}" if grouped else name
            shown.add_column(header, justify="right")
    for label, cells in table.rows:
        shown.add_row(label, *cells)
    return shown


def show_pairs(rows: Sequence[tuple[Any, Any]], title: str = "") -> None:
    """Print names and descriptions in two columns."""
    table = RichTable(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, text in rows:
        table.add_row(str(name), str(text))
    out.print(table)
