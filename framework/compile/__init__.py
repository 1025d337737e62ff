"""From a model to an indexed expression graph, lowered to numpy and to CasADi."""

from framework.compile.system import System, compile_model

__all__ = ["System", "compile_model"]
