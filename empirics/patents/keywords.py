"""Keyword screen: which rare-earth elements a text mentions, in nine languages and in chemical formulas."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from empirics.patents.tables import keyword_table
from framework.errors import DataError

COLUMNS = ("element", "language", "match", "keyword")
MATCHES = ("word", "stem", "substring", "formula")

# Boundaries are those of the keyword's own script: \b sees none between a Chinese character and a Latin letter.
_LETTER = r"0-9A-Za-z_À-ÖØ-öø-ɏЀ-ӿ"
_BEFORE, _AFTER = rf"(?<![{_LETTER}])", rf"(?![{_LETTER}])"
_DASHES = re.compile("[\u2010-\u2015\u2212\u30fb\ufe58\ufe63\uff0d]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")
_MARKUP = re.compile(r"</?su[bp]>|\.su[bp]\.", re.IGNORECASE)


@dataclass(frozen=True)
class _Keyword:
    """One keyword: what it names, where it applies, and how it is found."""

    element: str
    language: str
    pattern: re.Pattern[str]
    probes: tuple[str, ...]
    any_case: bool

    def spans(self, text: str, lowered: str) -> list[tuple[int, int]]:
        """Return where the keyword stands; the probes rule most texts out without a regular expression."""
        if not all(probe in (lowered if self.any_case else text) for probe in self.probes):
            return []
        return [match.span() for match in self.pattern.finditer(text)]


class KeywordScreen:
    """A list of keywords, ready to search texts.

    Parameters
    ----------
    table : pd.DataFrame, optional
        Columns ``element``, ``language``, ``match`` and ``keyword``; default is the shipped list.

    Raises
    ------
    DataError
        A column is missing, a keyword is empty, or ``match`` is none of word, stem, substring, formula.
    """

    def __init__(self, table: pd.DataFrame | None = None) -> None:
        given = keyword_table() if table is None else table
        if lacking := set(COLUMNS) - set(given.columns):
            raise DataError(
                f"the keyword table has no column {', '.join(sorted(lacking))}; it needs {', '.join(COLUMNS)}."
            )
        self._keywords = [_keyword(*map(str, row)) for row in given[list(COLUMNS)].itertuples(index=False)]

    def elements(self, text: str, language: str | None = None) -> tuple[str, ...]:
        """Return the elements that a text mentions, in alphabetical order; ``REE`` for the group as such.

        Parameters
        ----------
        text : str
            Any text; subscripts, soft hyphens, all kinds of dashes and the offices' markup are understood.
        language : str, optional
            ISO 639-1 code; None tries the keywords of every language.
        """
        text = normalise(text)
        lowered = text.lower()
        wanted = {"any", language.lower()[:2]} if language else None
        spans = [
            (start, -end, keyword.element)
            for keyword in self._keywords
            if wanted is None or keyword.language in wanted
            for start, end in keyword.spans(text, lowered)
        ]
        found, last = set(), (-1, 0)
        # A name inside a longer one does not count: in Japanese and Korean, terbium is the end of ytterbium.
        for start, end, element in sorted(spans):
            if start >= -last[1] or (start, end) == last:
                found.add(element)
                last = (start, end)
        return tuple(sorted(found))


@functools.cache
def default_screen() -> KeywordScreen:
    """Return the screen with the shipped keywords."""
    return KeywordScreen()


def screen(text: str, language: str | None = None) -> tuple[str, ...]:
    """Return the rare-earth elements that a text mentions, by the shipped keywords; see `KeywordScreen.elements`."""
    return default_screen().elements(text, language)


def mentioned(texts: Iterable[tuple[str | None, str]], by: KeywordScreen) -> tuple[str, ...]:
    """Return the elements mentioned in any of several (language, text) versions of one document."""
    return tuple(sorted({element for language, text in texts for element in by.elements(text, language)}))


def normalise(text: str) -> str:
    """Return a text with one spelling of dashes, digits, blanks and characters (Unicode NFKC)."""
    text = _MARKUP.sub("", unicodedata.normalize("NFKC", text))
    return re.sub(r"\s+", " ", _DASHES.sub("-", _INVISIBLE.sub("", text)))


def _keyword(element: str, language: str, match: str, keyword: str) -> _Keyword:
    """Return one row of the table, compiled."""
    if not keyword.strip() or match not in MATCHES:
        raise DataError(
            f"keyword '{keyword}' of element '{element}': it must not be empty, and its match must be one of "
            f"{', '.join(MATCHES)}, not '{match}'."
        )
    if match == "formula":
        parts = re.findall(r"[A-Z][a-z]?|\d+", keyword)
        loose = not any(part.isdigit() for part in parts)
        body = (r"[\d.\- ]{0,6}" if loose else "[- ]?").join(parts)
        return _Keyword(element, language, re.compile(f"{_BEFORE}{body}(?![A-Za-z])"), tuple(parts), False)
    words = re.split(r"[\s-]+", unicodedata.normalize("NFKC", keyword).strip())
    body = "[- ]?".join(map(re.escape, words))
    if match != "substring":
        body = f"{_BEFORE}{body}{_AFTER if match == 'word' else ''}"
    pattern = re.compile(body, re.IGNORECASE)
    return _Keyword(element, language, pattern, tuple(word.lower() for word in words), True)
