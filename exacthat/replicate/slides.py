"""The slides' sections and printed numbers, from ``exacthat/data/<name>-slides.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Printed:
    """A number that the slides print in the text."""

    slide: int
    text: str
    value: float

    def __str__(self) -> str:
        return f"{self.value:,g}" if self.value < 1900 or self.value > 2100 else f"{self.value:.0f}"


@dataclass(frozen=True)
class SlideSection:
    """A part of the slides: its key, title, slides, what they claim there, and the numbers that they print."""

    key: str
    title: str
    slides: tuple[int, ...]
    shows: str
    numbers: Mapping[str, Printed]


@dataclass(frozen=True)
class Slides:
    """A set of slides: title, authors, and sections in their order."""

    title: str
    authors: str
    sections: tuple[SlideSection, ...]

    def __getitem__(self, key: str) -> SlideSection:
        return next(s for s in self.sections if s.key == key)


@cache
def read_slides(name: str = "rare-earths") -> Slides:
    """Read the slides of a study."""
    file = resources.files("exacthat") / "data" / f"{name}-slides.toml"
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    sections = tuple(
        SlideSection(
            s["key"],
            s["title"],
            tuple(s["slides"]),
            s["shows"],
            {key: Printed(**number) for key, number in s.get("number", {}).items()},
        )
        for s in content["section"]
    )
    return Slides(content["title"], content["authors"], sections)
