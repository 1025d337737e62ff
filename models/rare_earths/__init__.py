"""Trade, input-output linkages and directed technological change with rare earth elements (REE)."""

from models.rare_earths.channels import CHANNELS, welfare_channels
from models.rare_earths.model import rare_earths

__all__ = ["CHANNELS", "rare_earths", "welfare_channels"]
