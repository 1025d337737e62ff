"""The statements of a paper, each tried on many economies: where it holds, where it fails, and under which condition."""

from exacthat.audit.cases import Case, Economy, economies_of, synthetic_economies
from exacthat.audit.report import as_frame, as_json, cushion_figure, remarks, tables, tenfold, verdict
from exacthat.audit.run import Finding, audit, judge

__all__ = [
    "Case",
    "Economy",
    "Finding",
    "as_frame",
    "as_json",
    "audit",
    "cushion_figure",
    "economies_of",
    "judge",
    "remarks",
    "synthetic_economies",
    "tables",
    "tenfold",
    "verdict",
]
