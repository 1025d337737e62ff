"""The statements of a paper, each tried on many economies: where it holds, where it fails, and under which condition."""

from exacthat.audit.cases import Economy, economies_of, synthetic_economies
from exacthat.audit.report import as_frame, as_json, cushion_figure, remarks, tables
from exacthat.audit.run import Finding, audit

__all__ = [
    "Economy",
    "Finding",
    "as_frame",
    "as_json",
    "audit",
    "cushion_figure",
    "economies_of",
    "remarks",
    "synthetic_economies",
    "tables",
]
