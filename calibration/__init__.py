"""Calibration: from input-output tables and estimates to the labelled baseline that a model starts from."""

from calibration.accounts import baseline_from_flows, baseline_from_shares
from calibration.acemoglu import acemoglu_illustration, illustration_parameters
from calibration.baseline import (
    armington_baseline,
    caliendo_parro_baseline,
    eaton_kortum_baseline,
    rare_earths_baseline,
    recalibrate,
)
from calibration.consistency import check_baseline
from calibration.firms import krugman_baseline, melitz_pareto_baseline
from calibration.io_table import aggregate, check, deficits, goods_accounts, redefine_output, value_added
from calibration.labels import align, region_concordance, sector_concordance
from calibration.parameter import Parameter, trade_elasticities
from calibration.parameters import Parameters, default_parameters
from calibration.sam import check_sam, read_sam
from calibration.standard_cge import (
    SAM_ELASTICITIES,
    sam_parameters,
    standard_cge_baseline,
    standard_cge_primitives,
)
from calibration.tables import load_table, read_wiod, table_names, write_table
from calibration.wiod import read_compact
from calibration.workbook import read_workbook

__all__ = [
    "SAM_ELASTICITIES",
    "Parameter",
    "Parameters",
    "acemoglu_illustration",
    "aggregate",
    "align",
    "armington_baseline",
    "baseline_from_flows",
    "baseline_from_shares",
    "caliendo_parro_baseline",
    "check",
    "check_baseline",
    "check_sam",
    "default_parameters",
    "deficits",
    "eaton_kortum_baseline",
    "goods_accounts",
    "illustration_parameters",
    "krugman_baseline",
    "load_table",
    "melitz_pareto_baseline",
    "rare_earths_baseline",
    "read_compact",
    "read_sam",
    "read_wiod",
    "read_workbook",
    "recalibrate",
    "redefine_output",
    "region_concordance",
    "sam_parameters",
    "sector_concordance",
    "standard_cge_baseline",
    "standard_cge_primitives",
    "table_names",
    "trade_elasticities",
    "value_added",
    "write_table",
]
