"""A table with a title and a note, written as CSV, text, LaTeX and HTML."""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

TITLE_WIDTH, NOTE_WIDTH = 48, 90
MINUS = "\N{MINUS SIGN}"

#: Columns of codes, which are text however they look.
CODES = ("SIC",)

#: A cell of text that is a number, and is therefore aligned as one.
NUMBER = rf"[-{MINUS}]?[\d.,]+(e[-+]?\d+)?"


@dataclass(frozen=True)
class Table:
    """A table with its file name, title and note.

    Attributes
    ----------
    frame : pd.DataFrame
        Values; the index is shown as the first columns.
    decimals : int
        Of the numbers when shown; the CSV has all digits.
    """

    name: str
    title: str
    note: str
    frame: pd.DataFrame
    decimals: int = 2

    def shown(self) -> pd.DataFrame:
        """Return the table as text cells, long titles shortened."""
        frame = self.frame.reset_index()
        if "title" in frame:
            frame["title"] = [short_title(x) for x in frame["title"]]
        form = {
            c: (lambda x: "" if pd.isna(x) else f"{x:.{self.decimals}f}")
            for c in frame
            if pd.api.types.is_float_dtype(frame[c])
        }
        return pd.DataFrame({c: frame[c].map(form.get(c, str)) for c in frame})

    def text(self) -> str:
        """Return plain text."""
        shown = self.shown()
        numeric = [c for c in shown if pd.api.types.is_numeric_dtype(self.frame.reset_index()[c])]
        width = {c: max(len(str(c)), *shown[c].str.len()) for c in shown}
        lines = [
            "  ".join(str(x).rjust(width[c]) if c in numeric else str(x).ljust(width[c]) for c, x in row)
            for row in ([(c, c) for c in shown], *(list(r.items()) for _, r in shown.iterrows()))
        ]
        rule = "-" * max(map(len, lines))
        note = textwrap.fill(self.note, max(len(rule), NOTE_WIDTH))
        return "\n".join([self.title, rule, lines[0], rule, *lines[1:], rule, note, ""])

    def latex(self) -> str:
        """Return a LaTeX table (package booktabs)."""
        style = (
            self.shown().style.format(escape="latex").format_index(escape="latex", axis=1).hide(axis="index")
        )
        body = style.to_latex(hrules=True, column_format=self._align())
        title, note = _latex(self.title), _latex(self.note)
        return f"\\begin{{table}}\n\\centering\n\\caption{{{title}}}\n{body}\\par\\footnotesize {note}\n\\end{{table}}\n"

    def html(self) -> str:
        """Return an HTML table with its title as caption and its note below."""
        shown = self.shown().rename(columns=lambda name: str(name).replace("_", " "))
        style = shown.style.format(escape="html").format_index(escape="html", axis=1).hide(axis="index")
        align = [
            {"selector": f".col{k}", "props": f"text-align: {'left' if a == 'l' else 'right'}"}
            for k, a in enumerate(self._align())
        ]
        body = (
            style.set_caption(_html(self.title))
            .set_table_styles(align)
            .set_uuid(self.name)
            .to_html(cell_ids=False)
        )
        return f"{body}<p>{_html(self.note)}</p>\n"

    def _align(self) -> str:
        frame = self.frame.reset_index()
        return "".join("r" if _is_numeric(frame[c]) else "l" for c in frame)

    def save(self, folder: Path) -> None:
        """Write the table as CSV, text, LaTeX and HTML."""
        self.frame.to_csv(folder / f"{self.name}.csv", lineterminator="\n")
        for suffix, content in (("txt", self.text()), ("tex", self.latex()), ("html", self.html())):
            (folder / f"{self.name}.{suffix}").write_text(content, encoding="utf-8")


def short_title(title: str, width: int = TITLE_WIDTH) -> str:
    """Shorten the title of a sector to `width` characters."""
    return textwrap.shorten(title.replace("Not Elsewhere Classified", "NEC"), width, placeholder="…")


def _is_numeric(column: pd.Series) -> bool:
    """Whether a column holds numbers, or text of which every cell is one."""
    if pd.api.types.is_numeric_dtype(column):
        return True
    return column.name not in CODES and bool(column.astype(str).str.fullmatch(NUMBER).all())


def _html(text: str) -> str:
    """Escape text for HTML; a power of ten is set as one."""
    return html.escape(text, quote=False).replace("10^-3", "10<sup>\N{MINUS SIGN}3</sup>")


def _latex(text: str) -> str:
    """Escape what LaTeX reads as a command; a power of ten is set as one."""
    for plain, escaped in (("%", r"\%"), ("&", r"\&"), ("_", r"\_"), ("#", r"\#"), ("10^-3", "$10^{-3}$")):
        text = text.replace(plain, escaped)
    return text
