"""Generated C beside numpy, and Newton's method beside the evaluations it needs, on synthetic economies of any size.

Bars of the design: C takes at most 0.4 of numpy's time for a residual at 31x40 and 0.5 for a solve at 41x35; a product
takes at most 1.1 residuals; a solve takes at most 1.3 times its own evaluations and products.
"""

from __future__ import annotations

import numpy as np

from benchmarks.timing import Row, seconds
from calibration.synthetic import SYNTHETIC
from framework import Problem, compile_model, hat
from framework.solve.newton import newton
from models import MODELS

CASES = {"caliendo-parro": ((31, 40), (77, 45), (189, 26)), "rare-earths": ((5, 14), (41, 35), (189, 26))}


def _times(problem: Problem) -> tuple[float, float, float, float]:
    """Seconds of a residual, a product, a solve, and of the residuals and products of that solve alone."""
    found = newton(problem)
    repeats = 50 if problem.size < 10_000 else 7
    residual = seconds(lambda: problem.residual(found.point), repeats)
    product, ones = problem.linearise(), np.ones(problem.size)
    each = seconds(lambda: product(ones), repeats)
    work = found.evaluations * residual + found.products * each
    return residual, each, seconds(lambda: newton(problem), 5), work


def backend_rows() -> list[Row]:
    """Ratios at every size; numpy is the baseline where the design sets a bar for it."""
    rows = []
    for model, sizes in CASES.items():
        system = compile_model(hat(MODELS[model]()))
        solves = []
        for regions, sectors in sizes:
            data = SYNTHETIC[model](regions, sectors)
            tariff = (data.tariff + 0.1).where(data.importer != data.exporter, 0.0)
            c, plain = (_times(system.bind(data, {"tariff": tariff}, backend=b)) for b in ("c", "numpy"))
            where = f"{model} {regions}x{sectors}"
            solves.append((regions**2 * sectors + regions * sectors**2, c[2]))
            rows += [
                Row(f"{where}: product in C", c[1], 1.1 * c[0], "1.1 residuals"),
                Row(f"{where}: solve in C", c[2], 1.3 * c[3], "1.3 of its evaluations"),
            ]
            if (regions, sectors) == (31, 40):
                rows.append(Row(f"{where}: residual in C", c[0], 0.4 * plain[0], "0.4 of numpy"))
            if (regions, sectors) == (41, 35):
                rows.append(Row(f"{where}: solve in C", c[2], 0.5 * plain[2], "0.5 of numpy"))
        (small, fast), (large, slow) = solves[-3 if model == "caliendo-parro" else -2], solves[-1]
        exponent = np.log(slow / fast) / np.log(large / small)
        rows.append(Row(f"{model}: exponent of solve time in N2S+NS2", float(exponent), 1.15, "1.15"))
    return rows
