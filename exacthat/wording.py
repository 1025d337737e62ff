"""What a scenario sets, and what the variants of a model mean, in words for captions and summaries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import xarray as xr

from exacthat.display import RATIO, acronyms, long_name
from exacthat.tables import TRADE_DIMS
from framework.symbols import RATE

if TYPE_CHECKING:
    from framework import Model

MOST_NAMED = 4
"""Labels, or groups of cells, that are named before the rest is only counted."""


def setting_in_words(settings: Mapping[str, Any], outcomes: xr.Dataset) -> str:
    """Say what a scenario sets, with units, and for whom: of a tariff, who imposes it on whom.

    Parameters
    ----------
    settings : mapping
        Number, table by label, or label of a named element, by key.
    outcomes : xr.Dataset
        Outcomes of one case, among them what is set, with ``long_name`` and ``units``.
    """
    return "; ".join(_quantity(key, value, outcomes) for key, value in settings.items())


def _quantity(key: str, value: Any, outcomes: xr.Dataset) -> str:
    if isinstance(value, str) or key not in outcomes:
        return f"{acronyms(key)} {value}"
    array = outcomes[key]
    groups = list(_groups(value))
    words = [
        _amount(number, str(array.attrs.get("units", ""))) + (f" for {_place(at, array)}" if at else "")
        for at, number in groups[:MOST_NAMED]
    ]
    if len(groups) > MOST_NAMED:
        words.append(f"and {len(groups) - MOST_NAMED} more")
    if set(TRADE_DIMS) <= set(array.dims) and any(len(at) < 2 for at, _ in groups):
        words.append("domestic trade as before")
    return f"{long_name(array)} {', '.join(words)}"


def _groups(value: Any, at: tuple[list[str], ...] = ()) -> Iterator[tuple[tuple[list[str], ...], float]]:
    """Every number of a table with the labels that lead to it, by dim; labels with the same entries stand together."""
    if not isinstance(value, Mapping):
        yield at, value
        return
    entries: list[tuple[Any, list[str]]] = []
    for label, inner in value.items():
        for known, labels in entries:
            if known == inner:
                labels.append(label)
                break
        else:
            entries.append((inner, [label]))
    for inner, labels in entries:
        yield from _groups(inner, (*at, labels))


def _place(at: tuple[list[str], ...], array: xr.DataArray) -> str:
    """Labels in words; each with its dim where there are several dims."""
    return ", ".join(
        _labels(labels, str(dim), [str(x) for x in array[dim].values], array.ndim > 1)
        for dim, labels in zip(array.dims, at, strict=False)
    )


def _labels(labels: list[str], dim: str, known: list[str], say_dim: bool) -> str:
    """Labels of one dim: those that are meant, or, where most are, those that are not."""
    if others := [x for x in known if x not in labels]:
        if len(labels) <= max(len(others), MOST_NAMED - 1):
            what = f"{dim}{'s' if len(labels) > 1 else ''} " if say_dim else ""
            return what + _listed(labels)
        return f"every {dim} but {_listed(others)}"
    return f"every {dim}"


def _listed(labels: list[str]) -> str:
    more = len(labels) - MOST_NAMED
    shown = labels if more <= 0 else [*labels[:MOST_NAMED], f"{more} more"]
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


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
