"""Where a solution comes from: model, closure, solver, work, versions, hash of the data; plain JSON values."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.usual import unusual

if TYPE_CHECKING:
    from framework.solve.newton import Trace
    from framework.solve.problem import Problem

_PACKAGES = ("numpy", "scipy", "sympy", "casadi", "xarray")


def provenance(problem: Problem, trace: Trace, solver: str, seconds: float) -> dict[str, Any]:
    """Describe one solve.

    Times are wall times in seconds: ``build_seconds`` of deriving hats, analysis and lowering, ``compile_seconds`` of generated
    code, ``bind_seconds`` of reading the data, ``seconds`` of the solver without its certificate. Memory is in bytes, of the
    arrays that the compiled program holds.
    """
    model = problem.system.model
    return {
        "model": model.name,
        "variants": dict(model.chosen),
        "closure": {
            model.symbols[freed].key: model.symbols[fixed].key
            for freed, fixed in model.swaps.items()
            if freed in model.symbols and fixed in model.symbols
        },
        "elements": dict(problem.bound.elements),
        "solver": solver,
        "rung": trace.rung,
        "note": trace.note,
        "unknowns": problem.size,
        "iterations": int(trace.iterations),
        "evaluations": int(trace.evaluations),
        "products": int(trace.products),
        "seconds": float(seconds),
        "bind_seconds": float(problem.seconds),
        "build_seconds": float(model.hat_seconds + problem.system.seconds),
        "memory_bytes": int(problem.core.nbytes),
        "backend": problem.core.name,
        "compile_seconds": float(problem.core.seconds),
        "warnings": unusual(problem),
        "data_hash": data_hash(problem),
        "versions": dict(versions()),
    }


@cache
def versions() -> dict[str, str]:
    """Versions of Python, of exacthat and of the libraries that a result depends on."""
    out = {"python": platform.python_version()}
    for name in ("exacthat", *_PACKAGES):
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            out[name] = "not installed"
    return out


def data_hash(problem: Problem) -> str:
    """Short hash of every input value and label."""
    digest = hashlib.sha256()
    for symbol in sorted(problem.bound.values):
        digest.update(symbol.encode())
        digest.update(np.ascontiguousarray(problem.bound.values[symbol]).data)
    labels = {root: [str(n) for n in names] for root, names in problem.bound.labels.items()}
    digest.update(repr(sorted(labels.items())).encode())
    return digest.hexdigest()[:16]
