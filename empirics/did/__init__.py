"""Difference-in-differences and event studies: a design declared once, every column of its table estimated.

>>> design = read_design("exports.toml")
>>> panel = read_panel("panel.parquet", design.panel.unit, design.panel.time)
>>> print(regression_table(estimate_table(design, panel)).to_text())

pyfixest estimates; this package reads and checks designs and panels, builds controls, reports what was left
out, adds inference for treatments that rest on few units, and renders tables and figures.
"""

from empirics.did.design import Design, DesignError, make_design, read_design, shipped_design
from empirics.did.estimate import dataset, estimate_table, fit_columns
from empirics.did.event_study import estimate_event_study
from empirics.did.figures import event_study_figure
from empirics.did.inference import robust_inference
from empirics.did.panel import Panel, make_panel, read_panel
from empirics.did.regression import EstimationError
from empirics.did.study import Study, run_study
from empirics.did.tables import event_study_table, regression_table, slides_table

__all__ = [
    "Design",
    "DesignError",
    "EstimationError",
    "Panel",
    "Study",
    "dataset",
    "estimate_event_study",
    "estimate_table",
    "event_study_figure",
    "event_study_table",
    "fit_columns",
    "make_design",
    "make_panel",
    "read_design",
    "read_panel",
    "regression_table",
    "robust_inference",
    "run_study",
    "shipped_design",
    "slides_table",
]
