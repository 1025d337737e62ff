"""The standard computable general equilibrium model of a small open economy, calibrated to a social accounting matrix."""

from models.standard_cge.model import standard_cge

__all__ = ["standard_cge"]
