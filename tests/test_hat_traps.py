"""Small models on which a careless transform or lowering gives wrong numbers."""

from __future__ import annotations

import numpy as np
import xarray as xr
from sympy import Sum

from framework import Model, compile_model, hat, solve

LABELS = ["A", "B", "C"]
DATA = xr.Dataset({"q": ("region", [1.0, 2.0, 4.0]), "p": ("region", [0.5, 0.25, 2.0])}, {"region": LABELS})


def _model() -> tuple:
    m = Model("trap")
    region = m.set("region")
    return m, region, m.exogenous("q", [region], "q", observed=True), region.indices("n i")


def test_a_coefficient_of_a_total_is_part_of_it() -> None:
    m, region, q, (n, i) = _model()
    total, share = m.variable("T", [], "T"), m.variable("s", [region], "s")
    m.define(total, 2 * Sum(q[i], i) ** 2)
    m.define(share[n], q[n] / (1 + total))
    shocked = DATA["q"] * [1.0, 1.5, 1.0]
    found = solve(compile_model(hat(m)).bind(DATA, {"q": shocked / DATA["q"]}))
    before, after = 2 * float(DATA["q"].sum()) ** 2, 2 * float(shocked.sum()) ** 2
    np.testing.assert_allclose(found["T"], after / before, rtol=1e-14)
    want = (shocked / (1 + after)) / (DATA["q"] / (1 + before))
    np.testing.assert_allclose(found["s"], want, rtol=1e-14)


def test_a_level_on_the_left_is_a_level() -> None:
    m, region, q, (n, _) = _model()
    t = m.variable("t", [region], "t", level=True)
    m.equate("rule", t[n], 2 * q[n])
    found = solve(compile_model(hat(m)).bind(DATA, {"q": 1.5}))
    np.testing.assert_allclose(found["t"], 3 * DATA["q"], rtol=1e-14)


def test_factors_that_become_equal_are_multiplied() -> None:
    m, region, q, (n, i) = _model()
    importer, exporter, third = (region.alias(a) for a in ("importer", "exporter", "third"))
    (k,) = region.indices("k")
    d, z = m.variable("d", [importer, exporter, third], "d"), m.variable("z", [region], "z")
    m.define(d[n, i, k], q[n] * q[i] * q[k] ** 2)
    m.define(z[n], 2 * d[n, n, n])
    found = solve(compile_model(m).bind(DATA))
    np.testing.assert_allclose(found["z"], 2 * DATA["q"] ** 4, rtol=1e-14)


def test_renaming_captures_no_bound_index() -> None:
    m, region, q, (n, i) = _model()
    p = m.exogenous("p", [region], "p")
    x, y = m.variable("x", [region], "x"), m.variable("y", [region], "y")
    m.define(x[n], 2 * q[n] * y[n] ** 0.5)
    m.define(y[i], 3 * x[i] ** 0.3 * p[i] * Sum(q[n] * p[n], n) ** 0.5)
    found = solve(compile_model(m).bind(DATA))
    want = 3 * found["x"] ** 0.3 * DATA["p"] * float((DATA["q"] * DATA["p"]).sum()) ** 0.5
    np.testing.assert_allclose(found["y"], want, rtol=1e-12)
