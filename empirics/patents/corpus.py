"""Corpora: patents in the format of Google Patents Public Data exports, and sentences of earnings calls."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from empirics.patents.keywords import KeywordScreen, mentioned
from empirics.patents.records import read_records
from framework.errors import DataError, did_you_mean

LONGEST_TEXT = 20_000
"""Characters of title and abstract beyond which a document is taken for damaged (abstracts have 100 to 4 000)."""

PATENT_FIELDS = (
    "publication_number", "title_localized", "title", "abstract_localized", "abstract",
    "assignee_harmonized", "assignee", "assignee_country", "family_id", "filing_date", "grant_date", "cpc", "data",
)  # fmt: skip
SENTENCE_FIELDS = ("id", "text", "date", "company", "language", "data")

_PATENT_COLUMNS = (
    "id", "text", "language", "elements", "assignee", "country", "family", "filing_date", "grant_date", "cpc", "data",
)  # fmt: skip
_SENTENCE_COLUMNS = ("id", "text", "date", "company", "language", "data")


class _Unusable(Exception):
    """A record cannot be used; the text is the reason that its exclusion is listed with."""


@dataclass(frozen=True)
class Corpus:
    """Documents, and what was left out of them.

    Attributes
    ----------
    documents : pd.DataFrame
        One row a document. Patents: ``id`` (publication number), ``text`` (title and abstract), ``language``,
        ``elements``, ``assignee``, ``country``, ``family``, ``filing_date``, ``grant_date`` (YYYYMMDD, missing if
        unknown), ``cpc``, ``data``. Several values of one field are joined by ``;``; ``country`` has one value for
        each assignee. Sentences: ``id``, ``text``, ``date``, ``company``, ``language``, ``data``. Column
        ``data`` says ``synthetic`` where the record does.
    unrelated : pd.DataFrame
        Random sample of the patents that mention no keyword; empty unless asked for.
    exclusions : pd.DataFrame
        One row a record that cannot be used: ``where`` (file and line), ``id``, ``reason``.
    screened_out : int
        Patents without a keyword, the sample included.
    """

    documents: pd.DataFrame
    unrelated: pd.DataFrame
    exclusions: pd.DataFrame
    screened_out: int


def read_patents(
    path: Path | str,
    screen: KeywordScreen | None = None,
    *,
    sample: int = 0,
    seed: int = 0,
    longest: int = LONGEST_TEXT,
) -> Corpus:
    """Read patents and keep those that mention a keyword.

    Parameters
    ----------
    path : Path
        JSON lines or Parquet, a file or a folder of shards, with the fields of the table
        ``patents-public-data.patents.publications``: ``publication_number``, ``title_localized`` and
        ``abstract_localized`` (lists of ``text`` and ``language``), ``assignee_harmonized`` (list of ``name`` and
        ``country_code``), ``family_id``, ``filing_date`` and ``grant_date`` (YYYYMMDD, 0 if unknown), ``cpc`` (list
        with ``code``). Flat ``title``, ``abstract``, ``assignee``, ``assignee_country`` are read as well.
    screen : KeywordScreen, optional
        Patents that it finds no element in are counted and left out; None keeps every patent. All language
        versions are searched; the text kept is the English one if there is one.
    sample : int
        Size of the random sample of patents without a keyword (each equally likely; reservoir sampling).
    seed : int
        Seed of that sample.
    longest : int
        Characters above which a document is excluded.

    Raises
    ------
    DataError
        The file cannot be read (`read_records`), or not one record in it can be used.
    """
    reading = _Reading(path, PATENT_FIELDS, longest)
    draw = random.Random(seed)
    kept: list[dict[str, Any]] = []
    reservoir: list[dict[str, Any]] = []
    screened_out = 0
    for patent in reading.documents(_patent):
        versions = patent.pop("versions")
        patent["elements"] = ";".join(mentioned(versions, screen)) if screen else ""
        if screen is None or patent["elements"]:
            kept.append(patent)
            continue
        screened_out += 1
        if len(reservoir) < sample:
            reservoir.append(patent)
        elif (place := draw.randrange(screened_out)) < sample:
            reservoir[place] = patent
    documents, unrelated = (reading.table(rows, _PATENT_COLUMNS) for rows in (kept, reservoir))
    return Corpus(documents, unrelated, reading.listed(), screened_out)


def read_sentences(path: Path | str, *, longest: int = LONGEST_TEXT) -> Corpus:
    """Read sentences, of earnings calls for instance: fields ``id``, ``text``, ``date`` and ``company``.

    Parameters
    ----------
    path : Path
        JSON lines or Parquet, a file or a folder.
    longest : int
        Characters above which a sentence is excluded.

    Raises
    ------
    DataError
        As in `read_patents`.
    """
    reading = _Reading(path, SENTENCE_FIELDS, longest)
    documents = reading.table(list(reading.documents(_sentence)), _SENTENCE_COLUMNS)
    return Corpus(documents, documents.iloc[:0], reading.listed(), 0)


class _Reading:
    """One pass over a corpus: collects what cannot be used, with place and reason."""

    def __init__(self, path: Path | str, fields: Sequence[str], longest: int) -> None:
        self._path, self._fields, self._longest = path, fields, longest
        self._exclusions: list[dict[str, str]] = []

    def documents(self, convert: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield the documents that `convert` makes of the records.

        Raises
        ------
        DataError
            There are records, and not one can be used.
        """
        used, names = 0, ()
        for record in read_records(self._path, self._fields):
            names = names or tuple(record.fields)
            try:
                if record.problem:
                    raise _Unusable(record.problem)
                document = convert(record.fields)
                self._check(document["text"])
            except _Unusable as reason:
                self._exclude(record.where, _name(record.fields.get(self._fields[0])), str(reason))
                continue
            used += 1
            yield document | {"where": record.where}
        if not used:
            self._complain(names)

    def table(self, rows: Iterable[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
        """Return the documents as a table; of several with one id the first stays, the others are listed."""
        unique: dict[str, dict[str, Any]] = {}
        for row in rows:
            if row["id"] in unique:
                self._exclude(row["where"], row["id"], f"same id as {unique[row['id']]['where']}")
            else:
                unique[row["id"]] = row
        table = pd.DataFrame(list(unique.values()), columns=list(columns))
        dates = [column for column in columns if column.endswith("date")]
        return table.astype({column: "Int64" if column in dates else "str" for column in columns})

    def listed(self) -> pd.DataFrame:
        """Return the exclusions as a table."""
        return pd.DataFrame(self._exclusions, columns=["where", "id", "reason"], dtype="str")

    def _exclude(self, where: str, name: str, reason: str) -> None:
        self._exclusions.append({"where": where, "id": name, "reason": reason})

    def _check(self, text: str) -> None:
        if len(text) > self._longest:
            raise _Unusable(f"text of more than {self._longest} characters")
        if not text.strip():
            raise _Unusable("no text")

    def _complain(self, names: Sequence[str]) -> None:
        if not self._exclusions:
            raise DataError(f"'{self._path}' holds no record.")
        reasons = Counter(row["reason"] for row in self._exclusions).most_common(3)
        wanted = self._fields[0]
        hint = (
            "" if wanted in names else f" The first record's fields are {', '.join(names) or 'unreadable'}."
        )
        raise DataError(
            f"not one of the {len(self._exclusions)} records of '{self._path}' can be used: "
            f"{'; '.join(f'{reason} ({n})' for reason, n in reasons)}.{hint}{did_you_mean(wanted, names) if hint else ''}"
        )


def _patent(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of one patent, with its language versions.

    Raises
    ------
    _Unusable
        No publication number, no title and abstract, or a field of another form than documented.
    """
    titles, abstracts = _localized(fields, "title"), _localized(fields, "abstract")
    versions = [
        (
            language or None,
            "\n".join(part for part in (titles.get(language), abstracts.get(language)) if part),
        )
        for language in dict.fromkeys((*titles, *abstracts))
    ]
    if not versions:
        raise _Unusable("no title and no abstract")
    # The version with an abstract says more than a title; of those English is what most classifiers read best.
    language, text = max(versions, key=lambda version: ((version[0] or "") in abstracts, version[0] == "en"))
    names, countries = _assignees(fields)
    return {
        "id": _required(fields, "publication_number"),
        "text": text,
        "language": language or "",
        "assignee": ";".join(names),
        "country": ";".join(countries),
        "family": _name(fields.get("family_id")),
        "filing_date": _date(fields, "filing_date"),
        "grant_date": _date(fields, "grant_date"),
        "cpc": ";".join(dict.fromkeys(_codes(fields))),
        "data": _name(fields.get("data")),
        "versions": versions,
    }


def _sentence(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of one sentence."""
    return {
        "id": _required(fields, "id"),
        "text": _text(fields, "text"),
        "date": _date(fields, "date"),
        **{name: _name(fields.get(name)) for name in ("company", "language", "data")},
    }


def _required(fields: Mapping[str, Any], name: str) -> str:
    value = _name(fields.get(name))
    if not value:
        raise _Unusable(f"no {name}")
    return value


def _name(value: Any) -> str:
    """Return an identifier or a name as text; the empty text for none."""
    text = "" if value is None else str(value).strip()
    _require_unicode(text)
    return text


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise _Unusable(f"{name} is not text")
    _require_unicode(value or "")
    return (value or "").strip()


def _require_unicode(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise _Unusable("text with half a character (a lone surrogate)") from None


def _localized(fields: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return the versions of a title or abstract by language; the empty language for one that is not given."""
    versions: dict[str, str] = {}
    for item in _list(fields, f"{name}_localized"):
        text = _text(item, "text")
        if text:
            versions.setdefault(_name(item.get("language")).lower(), text)
    if flat := _text(fields, name):
        versions.setdefault("", flat)
    return versions


def _list(fields: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise _Unusable(f"{name} is not a list of records")
    return value


def _assignees(fields: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return names and country codes, one of each for every assignee."""
    people = _list(fields, "assignee_harmonized")
    if people:
        names = [_name(person.get("name")) for person in people]
        return names, [_name(person.get("country_code")).upper() for person in people]
    names = _several(fields, "assignee")
    countries = [code.upper() for code in _several(fields, "assignee_country")]
    return names, countries


def _several(fields: Mapping[str, Any], name: str) -> list[str]:
    value = fields.get(name)
    items = value if isinstance(value, list) else str(value or "").split(";")
    return [text for item in items if (text := _name(item))]


def _codes(fields: Mapping[str, Any]) -> list[str]:
    value = fields.get("cpc")
    items = value if isinstance(value, list) else _several(fields, "cpc")
    return [_name(item.get("code") if isinstance(item, Mapping) else item) for item in items]


def _date(fields: Mapping[str, Any], name: str) -> int | None:
    """Return a date as YYYYMMDD; None where it is 0 or not given."""
    value = fields.get(name)
    digits = (
        value.strftime("%Y%m%d") if isinstance(value, date) else str(value or 0).strip().replace("-", "")[:8]
    )
    if digits.strip("0") == "":
        return None
    # A day or month of 00 stands for an unknown one in old documents.
    if not (digits.isdecimal() and len(digits) == 8 and "17" <= digits[:2] <= "20"):
        raise _Unusable(f"{name} is not a date")
    if int(digits[4:6]) > 12 or int(digits[6:]) > 31:
        raise _Unusable(f"{name} is not a date")
    return int(digits)
