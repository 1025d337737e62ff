"""Replications of a paper from end to end: every table and figure in the order of its slides, in one report.

>>> replicate("rare-earths", "results/replication")  # doctest: +SKIP
"""

from exacthat.replicate.chain import STUDIES, Replication, known_study, replicate
from exacthat.replicate.exhibits import Comparison, Exhibit, Kind, Missing, Section
from exacthat.replicate.work import QUICK, Settings

__all__ = [
    "QUICK",
    "STUDIES",
    "Comparison",
    "Exhibit",
    "Kind",
    "Missing",
    "Replication",
    "Section",
    "Settings",
    "known_study",
    "replicate",
]
