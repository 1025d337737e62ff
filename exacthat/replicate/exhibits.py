"""What a replication consists of: sections of exhibits, each with a badge that says what data are behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

import xarray as xr

from empirics.did.layout import Table as RegressionTable
from empirics.figure_style import NamedFigure
from empirics.report_table import Table

Body: TypeAlias = Table | RegressionTable | NamedFigure
Data: TypeAlias = xr.Dataset | xr.DataTree


class Kind(StrEnum):
    """What data are behind an exhibit: the text of its badge."""

    REAL = "real data"
    DERIVED = "derived from real data"
    SYNTHETIC = "synthetic"


@dataclass(frozen=True)
class Exhibit:
    """A table or figure.

    Attributes
    ----------
    body : Table or NamedFigure
    kind : Kind
    source : str
        Where its numbers come from.
    shows : str
        What a reader sees in it, in one sentence.
    long : bool
        A table that the report shows folded.
    """

    body: Body
    kind: Kind
    source: str
    shows: str
    long: bool = False

    def __post_init__(self) -> None:
        if self.kind is Kind.SYNTHETIC and "synthetic" not in self.body.title.lower():
            raise ValueError(f"the title of synthetic exhibit '{self.body.name}' does not say synthetic")

    @property
    def is_figure(self) -> bool:
        """Whether it is a figure."""
        return isinstance(self.body, NamedFigure)


@dataclass(frozen=True)
class Missing:
    """Something of the slides that cannot be shown here.

    Attributes
    ----------
    what : str
        What is missing.
    obtain : str
        What to get, and what to do with it.
    """

    what: str
    obtain: str


@dataclass(frozen=True)
class Comparison:
    """A number of the slides beside ours.

    Attributes
    ----------
    slide : int
    quantity, slides, here : str
        What it is, what the slides print, what is found here.
    kind : Kind
    remark : str
        Why they differ, if they do.
    in_exhibit : bool
        An exhibit of the section shows both already.
    """

    slide: int
    quantity: str
    slides: str
    here: str
    kind: Kind
    remark: str = ""
    in_exhibit: bool = False


@dataclass(frozen=True)
class Section:
    """What follows some slides.

    Attributes
    ----------
    items : sequence of Exhibit or Missing
        In the order in which they are shown.
    comparisons : sequence of Comparison
    data : mapping of str to Dataset or DataTree
        Numbers to write, by name of the file without suffix.
    """

    items: Sequence[Exhibit | Missing]
    comparisons: Sequence[Comparison] = field(default_factory=list)
    data: Mapping[str, Data] = field(default_factory=dict)

    @property
    def exhibits(self) -> list[Exhibit]:
        """Tables and figures, without what is missing."""
        return [item for item in self.items if isinstance(item, Exhibit)]
