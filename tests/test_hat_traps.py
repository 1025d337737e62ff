"""Small models on which a careless transform or lowering gives wrong numbers."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from sympy import KroneckerDelta, Product, Sum

from framework import DataError, Model, ModelError, base, compile_model, hat, solve

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


def test_an_index_of_a_pattern_is_no_index_that_the_target_sums_over() -> None:
    m, region, q, (n, i) = _model()
    share, total = m.variable("s", [region], "s"), m.variable("T", [region], "T", observed=True)
    m.define(total[n], q[n] * Sum(q[i], i))
    m.define(share[n], q[n] * q[n] / Sum(q[i] * q[i], i))
    old = DATA["q"] * float(DATA["q"].sum())
    shock = xr.DataArray([1.0, 1.5, 2.0], {"region": LABELS}, ["region"])
    found = solve(compile_model(hat(m)).bind(DATA.assign(T=old), {"q": shock}))
    new, before = DATA["q"] * shock, DATA["q"]
    want = (new**2 / float((new**2).sum())) / (before**2 / float((before**2).sum()))
    np.testing.assert_allclose(found["s"], want, rtol=1e-14)


def test_a_number_to_a_symbolic_power() -> None:
    m, region, q, (n, _) = _model()
    e, x = m.parameter("e", [], "e"), m.variable("x", [region], "x")
    m.define(x[n], (2 * q[n]) ** e + q[n])
    found = solve(compile_model(hat(m)).bind(DATA.assign(e=0.3), {"q": 1.5}))
    old, new = (((2 * v) ** 0.3 + v) for v in (DATA["q"], 1.5 * DATA["q"]))
    np.testing.assert_allclose(found["x"], new / old, rtol=1e-14)


def test_a_baseline_value_inside_a_product() -> None:
    m, _, q, (_, i) = _model()
    x = m.variable("x", [], "x")
    m.define(x, Product(base(q[i]) + q[i], i))
    found = solve(compile_model(hat(m)).bind(DATA, {"q": 1.5}))
    np.testing.assert_allclose(found["x"], 1.25**3, rtol=1e-14)


def test_products_of_sums() -> None:
    m, region, q, (_, i) = _model()
    p, x = m.exogenous("p", [region], "p", observed=True), m.variable("x", [], "x")
    m.define(x, Product(q[i] + p[i], i))
    found = solve(compile_model(hat(m)).bind(DATA, {"q": 1.5}))
    old, new = (float((v + DATA["p"]).prod()) for v in (DATA["q"], 1.5 * DATA["q"]))
    np.testing.assert_allclose(found["x"], new / old, rtol=1e-14)


def test_a_coefficient_inside_base_stays() -> None:
    m, region, q, (n, _) = _model()
    x, y = m.variable("x", [region], "x"), m.variable("y", [region], "y")
    m.define(y[n], 3 * q[n])
    m.define(x[n], base(2 * y[n]) + y[n])
    found = solve(compile_model(hat(m)).bind(DATA, {"q": 1.5}))
    np.testing.assert_allclose(found["x"], 3.5 / 3, rtol=1e-14)


@pytest.mark.parametrize("observed", [True, False])
def test_a_factor_that_is_zero_at_the_baseline_has_no_ratio(observed) -> None:
    """Written as a product, an equivalent variation is money times nothing; written out it is right."""
    m, region, q, (n, _) = _model()
    u, ev = (
        m.variable("u", [region], "u", observed=observed),
        m.variable("ev", [region], "ev", level=True),
    )
    m.define(u[n], q[n] ** 0.5)
    wrong, right = m.copy(), m.copy()
    wrong.define(ev[n], base(q[n]) * (u[n] / base(u[n]) - 1))
    with pytest.raises(
        ModelError, match=r"(?s)the factor\n    -1 \+ u.*\nis zero at the baseline.*Write the product out"
    ):
        hat(wrong)
    right.define(ev[n], base(q[n]) * u[n] / base(u[n]) - base(q[n]))
    found = solve(compile_model(hat(right)).bind(DATA.assign(u=DATA["q"] ** 0.5), {"q": 1.44}))
    np.testing.assert_allclose(found["ev"], 0.2 * DATA["q"], rtol=1e-14)


def test_a_set_that_is_only_summed_over_needs_labels() -> None:
    m, region, q, (n, _) = _model()
    sector = m.set("sector")
    (s,) = sector.indices("s")
    x = m.variable("x", [region], "x")
    m.define(x[n], q[n] * Sum(1, s))
    with pytest.raises(DataError, match=r"no data give the labels of set 'sector'.*assign_coords\(sector="):
        compile_model(m).bind(DATA)
    found = solve(compile_model(m).bind(DATA.assign_coords(sector=["a", "b", "c", "d"])))
    np.testing.assert_allclose(found["x"], 4 * DATA["q"], rtol=1e-14)


def test_one_name_for_two_elements_is_refused() -> None:
    m, region, q, (n, _) = _model()
    sector = m.set("sector")
    p, x = m.exogenous("p", [sector], "p", observed=True), m.variable("x", [region], "x")
    m.define(x[n], q[n] * q[region.element("A")] * p[sector.element("A")])
    with pytest.raises(
        ModelError, match=r"element 'A' is region 'A' and sector 'A'; give one of them another name"
    ):
        compile_model(m)


def test_what_has_no_meaning_for_a_comparison_is_refused() -> None:
    m, region, q, (n, _) = _model()
    x, a, b = m.variable("x", [region], "x"), region.element("A"), region.element("B")
    with pytest.raises(ModelError, match=r"division by 'KroneckerDelta\(.*zero for all indices but one"):
        m.define(x[n], q[n] / KroneckerDelta(n, a))
    with pytest.raises(ModelError, match="compares two elements; compare an index with an element"):
        m.define(x[n], q[n] * (1 + KroneckerDelta(a, b)))


def test_the_numeraire_is_held_at_something_that_stays() -> None:
    m, region, q, (n, i) = _model()
    w, L = m.variable("w", [region], "w"), m.fundamental("L", [region], "L")
    m.equate("market", w[n] * L[n], q[n])
    with pytest.raises(ModelError, match=r"its value 'w.A.' contains 'w.A.', which may change"):
        m.numeraire(Sum(w[i], i), w[region.element("A")], redundant="market")
    t = m.exogenous("t", [region], "t", level=True)
    with pytest.raises(ModelError, match="numeraire: 't' is a level and may be zero"):
        m.numeraire(Sum(w[i] * (1 + t[i]), i), redundant="market")
