"""Synthetic corpora with known labels, for tests and demonstration; every record says that it is synthetic."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

SYNTHETIC = "synthetic"

# Technology, SIC code, what is invented, where it is used, element.
_INVENTIONS = (
    (
        "battery",
        "3691",
        "storage battery with a nickel metal hydride electrode",
        "secondary cells",
        "lanthanum",
    ),
    (
        "catalyst",
        "3714",
        "catalytic converter for exhaust gas of motor vehicles",
        "automobile parts",
        "cerium",
    ),
    ("catalyst", "2911", "fluid cracking catalyst for petroleum refining", "a refinery", "lanthanum"),
    ("lamp", "3641", "fluorescent lamp with a phosphor coating", "electric lamp bulbs", "europium"),
    ("magnet", "3499", "sintered permanent magnet of fabricated metal", "metal products", "neodymium"),
    (
        "motor",
        "3621",
        "electric motor with a rotor of permanent magnets",
        "motors and generators",
        "neodymium",
    ),
    ("turbine", "3511", "wind turbine generator set", "wind power units", "dysprosium"),
    ("other", "3291", "abrasive powder for polishing glass", "abrasive products", "cerium"),
)
_DIRECTIONS: Mapping[str, Sequence[str]] = {
    "enhancing": (
        "The content of {element} is reduced at the same performance",
        "The {element} is recovered and recycled",
    ),
    "substituting": (
        "The {element} is replaced by a substitute",
        "It works without {element}, as an alternative",
    ),
    "neither": ("It contains {element} as before", "A layer holds {element} oxide"),
}
_COUNTRIES = ("US", "JP", "CN", "DE", "KR", "FR", "GB", "RU", "AU", "CA", "TW")
_WEIGHTS = (20, 30, 15, 10, 8, 4, 4, 2, 1, 3, 3)
_TOPICS: Mapping[str, Sequence[str]] = {
    "expand": (
        "We will expand capacity at the {element} mine",
        "We secured supply of {element} by a long-term contract",
    ),
    "innovate": ("Our research and development of {element} alloys led to new patents",),
    "produce": ("Production and shipments of {element} oxide rose this quarter",),
    "substitute": ("We replace {element} by alternative materials", "Our new motors are free of {element}"),
    "none": ("Analysts asked about {element} prices",),
}


def synthetic_patents(
    n: int, seed: int = 0, unrelated: float = 0.0
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Return n patents in the form of a Google Patents Public Data export, and their true labels.

    Grants run from 2002 to 2018 and rise after 2010, by construction.

    Parameters
    ----------
    n : int
        Number of patents.
    seed : int
        Seed of the draws.
    unrelated : float
        Share of patents that mention no rare earth.

    Returns
    -------
    list of dict, pd.DataFrame
        Records for JSON lines; ``id``, ``sic``, ``direction``, ``technology`` and ``data`` of the patents that
        mention a rare earth.
    """
    draw = random.Random(seed)
    records, truth = [], []
    years = range(2002, 2019)
    for number in range(n):
        technology, sic, thing, place, element = draw.choice(_INVENTIONS)
        direction = draw.choices(list(_DIRECTIONS), (35, 25, 40))[0]
        grant = draw.choices(years, [1 + 0.1 * (y - 2002) + (1.5 if y > 2010 else 0) for y in years])[0]
        related = draw.random() >= unrelated
        remark = draw.choice(_DIRECTIONS[direction]).format(element=element if related else "iron")
        name = f"US-{7_000_000 + number}-B2"
        records.append(
            {
                "publication_number": name,
                "title_localized": [{"text": thing.capitalize(), "language": "en"}],
                "abstract_localized": [
                    {"text": f"A {thing}, used in {place}, number {number}. {remark}.", "language": "en"}
                ],
                "assignee_harmonized": [
                    {"name": f"COMPANY {number % 97}", "country_code": draw.choices(_COUNTRIES, _WEIGHTS)[0]}
                ],
                "family_id": str(number),
                "filing_date": (grant - 3) * 10_000 + 615,
                "grant_date": grant * 10_000 + 615,
                "cpc": [{"code": "H01F1/057"}],
                "data": SYNTHETIC,
            }
        )
        if related:
            labels = {"sic": sic, "direction": direction, "technology": technology}
            truth.append({"id": name, **labels, "data": SYNTHETIC})
    return records, pd.DataFrame(truth)


def synthetic_sentences(n: int, seed: int = 0) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Return n sentences of earnings calls, most after 2010, and their true topics."""
    draw = random.Random(seed)
    records, truth = [], []
    years = range(2005, 2019)
    for number in range(n):
        topic = draw.choice(list(_TOPICS))
        text = draw.choice(_TOPICS[topic]).format(element=draw.choice(["neodymium", "cerium", "dysprosium"]))
        year = draw.choices(years, [1 if y < 2010 else 6 if y < 2013 else 3 for y in years])[0]
        name = f"call-{number}"
        records.append(
            {
                "id": name,
                "text": f"{text}.",
                "date": year * 10_000 + 331,
                "company": f"COMPANY {number % 31}",
                "data": SYNTHETIC,
            }
        )
        truth.append({"id": name, "topic": topic, "data": SYNTHETIC})
    return records, pd.DataFrame(truth)
