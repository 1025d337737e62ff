"""What a scenario sets, and what the variants of a model mean, in words for captions and summaries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import xarray as xr

from exacthat.display import RATE, RATIO, acronyms, long_name
from exacthat.tables import TRADE_DIMS

if TYPE_CHECKING:
    from framework import Model

MOST_CELLS = 4
"""Cells of a table that are named before the rest is only counted."""


def setting_in_words(settings: Mapping[str, Any], outcomes: xr.Dataset) -> str:
    """Say what a scenario sets, with units.

    Parameters
    ----------
    settings : mapping
        Number, table by label, or label of a named element, by key.
    outcomes : xr.Dataset
        Outcomes, among them what is set, with ``long_name`` and ``units``.
    """
    return "; ".join(_quantity(key, value, outcomes) for key, value in settings.items())


def _quantity(key: str, value: Any, outcomes: xr.Dataset) -> str:
    if isinstance(value, str) or key not in outcomes:
        return f"{acronyms(key)} {value}"
    array = outcomes[key]
    dims = [str(d) for d in array.dims if d in {*TRADE_DIMS, "region", "sector"}]
    cells = list(_cells(value))
    words = [
        _amount(number, str(array.attrs.get("units", ""))) + (f" for {', '.join(at)}" if at else "")
        for at, number in cells[:MOST_CELLS]
    ]
    if len(cells) > MOST_CELLS:
        words.append(f"and {len(cells) - MOST_CELLS} more")
    if set(TRADE_DIMS) <= set(dims) and any(len(at) < 2 for at, _ in cells):
        words.append("domestic trade as before")
    return f"{long_name(array)} {', '.join(words)}"


def _cells(value: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    """Every number of a table with the labels that lead to it."""
    if isinstance(value, Mapping):
        for label, inner in value.items():
            yield from _cells(inner, (*at, label))
    else:
        yield at, value


def _amount(value: float, unit: str) -> str:
    if unit == RATIO:
        return f"{value:g} times its baseline"
    if unit == RATE:
        return f"of {100 * value:g} percent"
    return f"{value:g} ({unit})" if unit else f"{value:g}"


def variants_in_words(model: Model, names: Iterable[str]) -> dict[str, str]:
    """Return what each of the named variants of a model means: the first line of what its builder says of itself."""
    wanted = set(names)
    return {
        name: (builder.__doc__ or "").strip().partition("\n")[0].rstrip(".")
        for builders in model.variant_builders.values()
        for name, builder in builders.items()
        if builder.__doc__ and name in wanted
    }
