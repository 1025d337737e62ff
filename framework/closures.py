"""Closures that a model admits: what may be fixed in place of what is freed, before any data."""

from __future__ import annotations

from collections.abc import Iterable

from framework.errors import ModelError
from framework.model import Model
from framework.structure import check_square
from framework.symbols import Kind


def closed_for(model: Model, keys: Iterable[str]) -> Model:
    """The model in which these keys can be set: of each that it determines, what its closure frees is free."""
    return model.swap(**{model.closures[key]: key for key in keys if key in model.closures})


def admissible_swaps(model: Model) -> dict[str, list[str]]:
    """For each exogenous quantity, by key, the variables that can be fixed when it is freed.

    A swap is admissible if both have the same dims and the equations can still be matched with the variables.
    It says nothing about values: whether an economy exists there is for the solver to find.
    """
    return {
        freed.key: [
            v.key
            for v in model.of_kind(Kind.VARIABLE)
            if sorted(v.roots) == sorted(freed.roots) and _is_square(model.swap(**{freed.key: v.key}))
        ]
        for freed in model.of_kind(Kind.EXOGENOUS)
    }


def _is_square(model: Model) -> bool:
    try:
        check_square(model)
    except ModelError:
        return False
    return True
