"""The model library: one file or folder a model."""

from collections.abc import Callable

from framework import Model
from models.armington import armington
from models.caliendo_parro import caliendo_parro
from models.rare_earths import rare_earths

MODELS: dict[str, Callable[[], Model]] = {
    "armington": armington,
    "caliendo-parro": caliendo_parro,
    "rare-earths": rare_earths,
}

__all__ = ["MODELS", "armington", "caliendo_parro", "rare_earths"]
