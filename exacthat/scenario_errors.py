"""What is wrong in a scenario file: the line on which it stands, and how to write it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from framework.errors import ExacthatError, nearest

if TYPE_CHECKING:
    from exacthat.scenario import Study

SHOCK = "--shock"
"""Source of a study that the command line makes of its own option."""

FIELDS = ("model", "data", "estimates", "inventories", "parameters", "scenario")
"""Keys of a scenario file besides the variant groups of its model."""

TOP_LEVEL = "A scenario file has: model, data, estimates, inventories, the model's variant groups, [parameters], [[scenario]]."


@contextmanager
def located(study: Study, key: str, section: str = "") -> Iterator[None]:
    """Say of an error that a key of a scenario file causes where the key stands, unless the message says so."""
    try:
        yield
    except ExacthatError as error:
        if not Path(study.source).is_file() or str(error).startswith(study.source):
            raise
        what = str(error).removeprefix(f"[{section}] ")
        raise type(error)(f"{study.where(key, section)}: {what}") from error


def form_message(error: ValidationError, content: Mapping[str, Any], text: str, source: str) -> str:
    """One sentence for the first violation that the schema found."""
    first = error.errors()[0]
    location = [part for part in first["loc"] if isinstance(part, int) or part in _keys(content)]
    section, number, key = "", 0, str(location[-1]) if location else "scenario"
    if location[:1] == ["scenario"] and len(location) > 1 and isinstance(location[1], int):
        section, number = "scenario", location[1]
        key = str(location[2]) if len(location) > 2 else "name"
    elif location[:1] == ["parameters"] and len(location) > 1:
        section, key = "parameters", str(location[1])
    line = line_of(text, key, section, number)
    place = source + (f", line {line}" if line and source != SHOCK else "")
    if section and source != SHOCK:
        place += f", [[scenario]] number {number + 1}" if section == "scenario" else f", [{section}]"
    return f"{place}: {_advice(first, section, key)}"


def _advice(violation: Mapping[str, Any], section: str, key: str) -> str:
    """Say what is wrong with a value and how to write it."""
    missing = violation["type"] == "missing"
    if missing and section == "scenario":
        return 'the scenario has no name; write name = "...".'
    if missing:
        field = violation["loc"][-1]
        if near := nearest(field, violation["input"], FIELDS):
            return f"'{field}' is missing; '{near}' is unknown: is it meant?"
        fix = 'a line model = "..."' if field == "model" else "at least one [[scenario]] table"
        return f"'{field}' is missing; add {fix}."
    if section == "scenario" and key == "name":
        return f"name = {violation['input']!r} is not a name; use letters, digits, spaces and . + - _."
    if section == "scenario":
        return f"'{key}' takes a finite number, a label in quotes, or a table of numbers by label."
    if section == "parameters" or key == "parameters":
        return f"'{key}' takes a finite number, a table of numbers by label, or a name in quotes."
    if key == "scenario":
        return "'scenario' takes at least one table; write [[scenario]] and below it name = \"...\"."
    if key == "inventories":
        return f'\'inventories\' is {violation["input"]!r}; it is one of "keep", "in-deficit", "clip".'
    if key in {"model", "data", "estimates"}:
        return f"'{key}' takes one text in quotes."
    return f"'{key}' is not a variant group with a list of names in quotes. {TOP_LEVEL}"


def _keys(content: Any) -> set[str]:
    """Every key of nested tables."""
    if isinstance(content, Mapping):
        return set(content).union(*(_keys(v) for v in content.values()))
    return set().union(*(_keys(v) for v in content)) if isinstance(content, list) else set()


def line_of(text: str, key: str, section: str = "", number: int = 0) -> int | None:
    """Line on which a key is set in the given section (`number` counts ``[[section]]`` tables from 0)."""
    wanted = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*[.=]""")
    current, seen, header_line = "", -1, None
    for line_number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$", line)
        if header:
            current = header[1]
            seen += current == section
            here = current.split(".")[0] == section and (section != "scenario" or seen == number)
            if here and (header_line is None or current == f"{section}.{key}"):
                header_line = line_number
        elif current == section and (section != "scenario" or seen == number) and wanted.match(line):
            return line_number
    return header_line
