"""Export policies of the rare-earths model: a tax, a quota that binds or not, a tax that may stop exports.

Under a quota the tax is what exporters would pay for a licence, zero where the quota does not bind. A statutory tax
so high that nothing is exported is paid by nobody; what is then reported as the export tax is the gap between the
world price and the price at home. Both are complementarity conditions, so no regime is chosen beforehand.
"""

from __future__ import annotations

from framework import Model


def export_policy(m: Model) -> None:
    """Declare the policies as variants; a study compares them only if it names them."""
    m.variant("policy", "tax", tax=_tax, quota=_quota, statutory_tax=_statutory_tax)
    m.compare(policy=["tax"])


def _tax(m: Model) -> None:
    """The tax is given; a tax that would make the exporter import is refused."""


def _quota(m: Model) -> None:
    m.exogenous(
        "Qx",
        [],
        "export quota",
        level=True,
        observed=False,
        default=1.0,
        lower=0.0,
        latex=r"\bar z^X",
        unit="new over baseline",
        description="largest net REE exports that are licensed, in units of those at the baseline",
    )
    m.free("t")
    m.complements("export quota", m["zX"] <= m["Qx"], m["t"] >= 0)


def _statutory_tax(m: Model) -> None:
    statutory = m.exogenous(
        "t_S",
        [],
        "statutory export tax",
        level=True,
        observed=False,
        default="export_tax",
        lower=-1.0,
        latex="t^S",
        unit="rate",
        description="ad-valorem tax that is due on REE exports, if there are any",
    )
    m.free("t")
    # Exports are not negative; below the statutory rate, what parts the two prices is not paid and they are zero.
    m.complements("net exports", -m["XR"], m["t"], upper=statutory)
