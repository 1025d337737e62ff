"""The model library: one file or folder a model."""

from collections.abc import Callable

from framework import Model
from models.armington import armington
from models.rare_earths import rare_earths

MODELS: dict[str, Callable[[], Model]] = {"armington": armington, "rare-earths": rare_earths}

__all__ = ["MODELS", "armington", "rare_earths"]
