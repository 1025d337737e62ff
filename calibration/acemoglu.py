"""An illustrative economy of directed technical change: elasticities of the literature, round numbers, nothing measured."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd
import xarray as xr

from calibration.parameter import Parameter

ROUND = "illustrative round number"
KATZ_MURPHY = (
    "gives sigma = epsilon - (epsilon - 1)(1 - beta) = 1.4, the elasticity of substitution between college and high-school "
    "labour of Katz and Murphy (1992), Quarterly Journal of Economics 107: 35-78, rounded"
)
ILLUSTRATION = (
    Parameter("substitution_elasticity", 1.6, "", "of the two goods (epsilon)", KATZ_MURPHY),
    Parameter("labour_exponent", 2 / 3, "", "of a factor in its good (beta)", ROUND),
    Parameter("state_dependence", 0.5, "", "of research, variant knowledge (delta)", ROUND),
    Parameter("skill_share", 0.4, "", "share of skill in factor income (s_Z)", ROUND),
    Parameter("discount_rate", 0.02, "", "rate of time preference (rho)", ROUND),
    Parameter("relative_risk_aversion", 1.0, "", "inverse elasticity of substitution over time (theta)", ROUND),
    Parameter("growth_rate", 0.02, "", "on the balanced growth path (g)", ROUND),
    Parameter("interest_rate", 0.04, "", "rho + theta g (r)", "Euler equation of balanced growth"),
)  # fmt: skip
"""The economy, in the notation of Acemoglu (2002), Review of Economic Studies 69: 781-809."""


def acemoglu_illustration() -> xr.Dataset:
    """Return illustrative baseline data of `models.acemoglu`; every variable is a number, with units and source.

    Returns
    -------
    xr.Dataset
        ``attrs["synthetic"]`` is "yes".
    """
    data = xr.Dataset(
        {
            p.name: xr.DataArray(p.value, attrs={"long_name": p.description, "units": p.unit, "source": p.source})
            for p in ILLUSTRATION
        }
    )  # fmt: skip
    return data.assign_attrs(
        title="Illustrative economy of directed technical change",
        synthetic="yes",
        source="round numbers, and elasticities as said of each; no economy's data",
    )


def illustration_parameters(data: xr.Dataset, own: Collection[str] = ()) -> pd.DataFrame:
    """Return a table of the numbers of the illustration, for reports; `own` names those that the user set."""
    rows = [
        (p.name, f"{float(data[p.name]):g}", None, p.unit, "scenario" if p.name in own else p.source, p.description)
        for p in ILLUSTRATION
    ]  # fmt: skip
    columns = ["name", "value", "standard_error", "unit", "source", "description"]
    return pd.DataFrame(rows, columns=columns).set_index("name")
