"""Declare, transform, analyse, compile and solve structural models; knows no particular model."""

from framework.hat import hat
from framework.model import Equation, Model
from framework.symbols import base, ces

__all__ = ["Equation", "Model", "base", "ces", "hat"]
