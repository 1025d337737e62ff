"""Directed technical change in a closed economy (Acemoglu 2002)."""

from models.acemoglu.model import acemoglu

__all__ = ["acemoglu"]
