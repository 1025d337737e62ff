"""The model library: one file or folder a model."""

from collections.abc import Callable

from framework import Model
from models.acemoglu import acemoglu
from models.armington import armington
from models.caliendo_parro import caliendo_parro
from models.eaton_kortum import eaton_kortum
from models.krugman import krugman
from models.melitz_pareto import melitz_pareto
from models.rare_earths import rare_earths
from models.standard_cge import standard_cge

MODELS: dict[str, Callable[[], Model]] = {
    "armington": armington,
    "eaton-kortum": eaton_kortum,
    "caliendo-parro": caliendo_parro,
    "krugman": krugman,
    "melitz-pareto": melitz_pareto,
    "acemoglu": acemoglu,
    "rare-earths": rare_earths,
    "standard-cge": standard_cge,
}

__all__ = [
    "MODELS",
    "acemoglu",
    "armington",
    "caliendo_parro",
    "eaton_kortum",
    "krugman",
    "melitz_pareto",
    "rare_earths",
    "standard_cge",
]
