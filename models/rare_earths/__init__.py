"""Trade, input-output linkages and directed technological change with rare earth elements (REE)."""

from models.rare_earths.model import rare_earths

__all__ = ["rare_earths"]
