"""Productivity: growth accounting, and readers of the official sources."""

from empirics.productivity.accounting import (
    cost_shares,
    labour_productivity_growth,
    tfp_growth,
    with_residual_share,
)
from empirics.productivity.indstat import read_indstat
from empirics.productivity.klems import read_us_klems
from empirics.productivity.nber_ces import read_nber_ces
from empirics.productivity.stan import read_stan
from empirics.productivity.tables import spread
from empirics.productivity.united_states import (
    load_us_panel,
    us_cost_shares,
    us_panel,
    us_productivity,
    write_us_panel,
)

__all__ = [
    "cost_shares",
    "labour_productivity_growth",
    "load_us_panel",
    "read_indstat",
    "read_nber_ces",
    "read_stan",
    "read_us_klems",
    "spread",
    "tfp_growth",
    "us_cost_shares",
    "us_panel",
    "us_productivity",
    "with_residual_share",
    "write_us_panel",
]
