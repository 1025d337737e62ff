"""A table of text cells, and its three forms: aligned text, LaTeX (booktabs) and HTML."""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

MINUS = "\N{MINUS SIGN}"

LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"$<$", ">": r"$>$", "×": r"$\times$", MINUS: "$-$",
    "≥": r"$\geq$", "–": "--",
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A regression table.

    Attributes
    ----------
    name, title : str
        For files and the caption.
    group : str
        What all columns explain: the line above their names.
    columns : list of str
    blocks : list of list of (str, list of str)
        Rows in blocks that a line separates: a label and one cell for each column.
    notes : list of str
        Sentences below.
    """

    name: str
    title: str
    group: str
    columns: list[str]
    blocks: list[list[tuple[str, list[str]]]]
    notes: list[str]

    @property
    def numbered(self) -> list[str]:
        """``(1)``, ``(2)``, ... for the columns."""
        return [f"({k})" for k in range(1, len(self.columns) + 1)]

    def to_text(self) -> str:
        """Return the table as aligned text."""
        rows = [row for block in self.blocks for row in block]
        first = max(len(label) for label, _ in rows)
        body = [
            [self.columns[j], self.numbered[j], *(cells[j] for _, cells in rows)]
            for j in range(len(self.columns))
        ]
        widths = [max(map(len, column)) for column in body]
        total = first + sum(w + 2 for w in widths)
        line = "─" * total

        def show(label: str, cells: list[str]) -> str:
            return (
                label.ljust(first) + "".join("  " + c.rjust(w) for c, w in zip(cells, widths, strict=True))
            ).rstrip()

        lines = [*textwrap.wrap(self.title, max(total, 60)), line]
        if self.group:
            lines.append((" " * first + self.group.center(total - first)).rstrip())
        lines += [show("", self.columns), show("", self.numbered)]
        for block in self.blocks:
            lines += [line, *(show(label, cells) for label, cells in block)]
        notes = [wrapped for note in self.notes for wrapped in textwrap.wrap(note, max(total, 60))]
        return "\n".join([*lines, line, *notes]) + "\n"

    def to_latex(self) -> str:
        """Return the table as LaTeX; needs the package booktabs."""
        n = len(self.columns)
        lines = [
            r"\begin{table}[htbp]", r"\centering", rf"\caption{{{latex(self.title)}}}",
            rf"\label{{tab:{self.name}}}", rf"\begin{{tabular}}{{l*{{{n}}}{{c}}}}", r"\toprule",
        ]  # fmt: skip
        if self.group:
            lines += [
                rf" & \multicolumn{{{n}}}{{c}}{{{latex(self.group)}}} \\",
                rf"\cmidrule(lr){{2-{n + 1}}}",
            ]
        lines += [_latex_row("", self.columns), _latex_row("", self.numbered)]
        for block in self.blocks:
            lines += [r"\midrule", *(_latex_row(label, cells) for label, cells in block)]
        notes = " ".join(latex(note) for note in self.notes)
        lines += [
            r"\bottomrule", r"\end{tabular}", rf"\par\smallskip\parbox{{0.95\linewidth}}{{\footnotesize {notes}}}",
            r"\end{table}",
        ]  # fmt: skip
        return "\n".join(lines) + "\n"

    def to_html(self) -> str:
        """Return the table as an HTML fragment: one ``table`` of class ``regression``, its notes in the foot."""
        n, e = len(self.columns), html.escape
        group = (
            f'<tr><td></td><th colspan="{n}" scope="colgroup">{e(self.group)}</th></tr>' if self.group else ""
        )
        names = "".join(f'<th scope="col">{e(c)}</th>' for c in self.columns)
        numbers = "".join(f"<td>{c}</td>" for c in self.numbered)
        bodies = [
            "<tbody>"
            + "".join(
                f'<tr><th scope="row">{e(label)}</th>{"".join(f"<td>{e(c)}</td>" for c in cells)}</tr>'
                for label, cells in block
            )
            + "</tbody>"
            for block in self.blocks
        ]
        notes = "<br>".join(map(e, self.notes))
        return (
            f'<table class="regression" id="{e(self.name)}"><caption>{e(self.title)}</caption>\n'
            f"<thead>{group}<tr><td></td>{names}</tr><tr><td></td>{numbers}</tr></thead>\n"
            + "\n".join(bodies)
            + f'\n<tfoot><tr><td colspan="{n + 1}">{notes}</td></tr></tfoot></table>\n'
        )


def latex(text: str) -> str:
    """Escape text for LaTeX."""
    return "".join(LATEX.get(c, c) for c in text)


def _latex_row(label: str, cells: list[str]) -> str:
    # A row that begins with a bracket would be read as the option of the line break before it.
    shown = [f"{{{latex(c)}}}" if c.startswith("[") else latex(c) for c in cells]
    return " & ".join([latex(label), *shown]) + r" \\"


def number(value: float) -> str:
    """Write an estimate as the slides do: four significant digits, at most three decimals, but never fewer than three digits.

    An empty string for NaN: the table says why in its notes.
    """
    if math.isnan(value):
        return ""
    size = math.floor(math.log10(abs(value))) if value else 0
    decimals = min(3, 3 - size) if size >= -1 else 2 - size
    return f"{value:.{max(0, decimals)}f}".replace("-", MINUS)


def p_value(value: float) -> str:
    """Write a p-value with three decimals; an empty string for NaN."""
    return "" if math.isnan(value) else "<0.001" if value < 0.0005 else f"{value:.3f}"


def each(write: Callable[[Any], str], values: Iterable[Any]) -> list[str]:
    """Write each of the values."""
    return [write(v) for v in values]


def page(title: str, fragments: list[str]) -> str:
    """Return a complete HTML page that holds some fragments."""
    style = (
        "body{font:16px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222;"
        "background:#fff}section{overflow-x:auto;margin:2rem 0}table.regression{border-collapse:collapse;font-variant-numeric:tabular-nums;"
        "border-top:2px solid;border-bottom:2px solid}.regression caption{text-align:left;font-weight:600;padding-bottom:.4rem}"
        ".regression th{font-weight:400;text-align:center}.regression th[scope=row]{text-align:left;padding-right:1rem}"
        ".regression td{text-align:center}.regression td,.regression th{padding:.12rem .7rem}.regression tbody{border-top:1px solid}"
        ".regression tfoot td{border-top:1px solid;text-align:left;font-size:.8rem;max-width:40rem}"
        "figure{margin:0}figure svg{max-width:100%;height:auto}figcaption{font-size:.85rem}"
    )
    body = "\n".join(f"<section>{f}</section>" for f in fragments)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{style}</style></head>\n<body><h1>{html.escape(title)}</h1>\n'
        f"{body}\n</body></html>\n"
    )
