"""Errors of exacthat. Each message names the object, the label and the fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework.solution import Certificate


class ExacthatError(Exception):
    """Base class of every error that exacthat raises on purpose."""


class ModelError(ExacthatError):
    """A model is declared wrongly: an equation, a symbol, a closure or the structure."""


class DataError(ExacthatError):
    """Data do not fit what a model or a reader needs: labels, dims, values or identities."""


class ScenarioError(ExacthatError):
    """A scenario file or option asks for something that does not exist or cannot be."""


class SolveError(ExacthatError):
    """An equilibrium was not found, or was found and fails its certificate.

    Attributes
    ----------
    certificate : Certificate or None
        Checks of the point that was reached, where there is one.
    """

    def __init__(self, message: str, certificate: Certificate | None = None) -> None:
        super().__init__(message)
        self.certificate = certificate


class CompilerError(ExacthatError):
    """The C back end was asked for, and there is no C compiler or it fails."""


def nearest(name: str, known: Iterable[str], used: Iterable[str] = ()) -> str:
    """Return the known name that is most like a name; an empty string if none is, or if that one is `used` as itself."""
    near = difflib.get_close_matches(str(name), [str(k) for k in known], n=1)
    return near[0] if near and near[0] not in {str(name), *map(str, used)} else ""


def did_you_mean(name: str, known: Iterable[str], used: Iterable[str] = ()) -> str:
    """Return ``" Did you mean 'x'?"`` for the `nearest` known name, or an empty string.

    `used` are names that stand for themselves already: what is given under another key of the same table, or data
    that the model reads as something else.
    """
    near = nearest(name, known, used)
    return f" Did you mean '{near}'?" if near else ""
