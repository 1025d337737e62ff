"""What the command prints: errors in one paragraph, results as tables."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import typer
from rich import box
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
    from exacthat.summary import Table

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

INTERRUPTED = 130
"""Exit code of a program that was stopped with Ctrl-C, by convention of shells."""

# Labels, names and messages may hold brackets: nothing that is printed is markup.
out = Console(markup=False)
err = Console(stderr=True, markup=False)


def explained(command: Callable[P, R]) -> Callable[P, R]:
    """Make a command print an error of exacthat as one paragraph on stderr and end with exit code 1; 130 on Ctrl-C."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with warnings.catch_warnings():  # commands print what is unusual themselves
                warnings.filterwarnings("ignore", message=r"'\w+' is .*, where .* is usual")
                return command(*args, **kwargs)
        except KeyboardInterrupt:
            err.print("interrupted; a results folder is written whole or not at all", highlight=False)
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            # Imported only here, because it brings the whole framework with it.
            from framework.errors import ExacthatError

            if not isinstance(error, ExacthatError):
                raise
            err.print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)
            raise typer.Exit(1) from None

    return run


def progress(cases: Sequence[T]) -> Iterator[T]:
    """Go through cases, or other work by name, with a progress bar on stderr that names the one in work."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    names = [getattr(case, "label", str(case)) for case in cases]
    width = max(map(len, names), default=0)
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("", total=len(cases))
        for case, name in zip(cases, names, strict=True):
            bar.update(task, description=name.ljust(width))
            yield case
            bar.advance(task)


def show_outcome(title: str, tables: Sequence[Table]) -> None:
    """Print one outcome: a section for each scenario that is named, a row for each label, a column for each variant.

    Columns that do not fit beside the others without a cut number or word stand below them.
    """
    out.print(Text(title, style="bold"))
    titled = any(table.title for table in tables)
    headers = [column for _, columns in tables[0].columns for column in columns]
    for part in _side_by_side(headers, tables, titled):
        shown = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ["scenario", tables[0].corner] if titled else [tables[0].corner]:
            shown.add_column(name)
        for header in headers[part]:
            shown.add_column(header, justify="right", min_width=len(max(header.split(), key=len, default="")))
        for table in tables:
            for k, (label, cells) in enumerate(table.rows):
                names = ["" if k else table.title, label] if titled else [label]
                shown.add_row(*names, *cells[part], end_section=k == len(table.rows) - 1)
        out.print(shown)


def _side_by_side(headers: Sequence[str], tables: Sequence[Table], titled: bool) -> list[slice]:
    """Groups of neighbouring columns that fit into the width of the terminal, each of one column at least."""
    rows = [(table.title, *row) for table in tables for row in table.rows]
    names = min(max(len(label) for _, label, _ in rows), out.width // 3) + 3  # long ones wrap
    names += max(len("scenario"), *(len(title) for title, _, _ in rows)) + 3 if titled else 0
    widths = [
        max(map(len, [*header.split(), *(cells[k] for *_, cells in rows)])) + 3
        for k, header in enumerate(headers)
    ]
    begins, used = [0], names
    for k, width in enumerate(widths):
        if used + width > out.width and k > begins[-1]:
            begins.append(k)
            used = names
        used += width
    return [slice(a, b) for a, b in zip(begins, [*begins[1:], len(headers)], strict=True)]


def show_heading(title: str, text: str = "") -> None:
    """Print a line that begins in bold."""
    out.print(Text.assemble((title, "bold"), text), soft_wrap=True)


def show_warnings(warnings: Sequence[str]) -> None:
    """Print what is possible and yet likely a mistake, on stderr."""
    for words in warnings:
        err.print(Text.assemble(("warning: ", "bold yellow"), words), soft_wrap=True)


def show_pairs(rows: Sequence[tuple[Any, Any]], title: str = "") -> None:
    """Print names and descriptions in two columns."""
    table = RichTable(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, text in rows:
        table.add_row(str(name), str(text))
    out.print(table)
