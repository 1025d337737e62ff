"""Trade with many sectors, input-output linkages and tariffs, and the welfare accounting of its authors."""

from models.caliendo_parro.model import caliendo_parro
from models.caliendo_parro.welfare import bloc_trade, welfare_decomposition

__all__ = ["bloc_trade", "caliendo_parro", "welfare_decomposition"]
