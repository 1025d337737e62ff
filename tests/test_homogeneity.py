"""Scalings of a model found before any data, against what the models are known to have."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import Product, Sum

from framework import Model, analyse, hat
from framework.homogeneity import homogeneity
from models import armington, caliendo_parro, rare_earths


@pytest.mark.parametrize("hats", [False, True])
@pytest.mark.parametrize(
    ("model", "nominal"),
    [
        (armington, "w P X D"),
        (caliendo_parro, "w x P X G I P_C D"),
        (rare_earths, "w q qW P_R P_L c x P X G V T_M T_R I P_C Y F E D"),
    ],
)
def test_only_the_unit_of_account_is_free(model, nominal, hats) -> None:
    built = hat(model()) if hats else model()
    found = homogeneity(built)
    named = {s.removesuffix("_hat").removesuffix("_new") for s in found.scalings[0]}
    assert named == set(nominal.split())
    assert set(found.scalings[0].values()) == {1}
    assert len(found.scalings) == 1


def wages(transfer: bool = False, numeraire: bool = False) -> Model:
    m = Model("wages")
    region = m.set("region")
    n, i = region.indices("n i")
    w, X = m.variable("w", [region], "wage"), m.variable("X", [region], "income")
    L, K = m.exogenous("L", [region], "labour"), m.exogenous("K", [region], "transfer")
    m.define(X[n], w[n] * L[n] + (K[n] if transfer else 0))
    m.equate("market", X[n], m.parameter("a", [region], "share")[n] * Sum(X[i], i))
    if numeraire:
        m.numeraire(Sum(w[i] * L[i], i), 1, redundant="market")
    return m


def test_a_missing_numeraire_is_told() -> None:
    text = analyse(wages()).to_text()
    assert "WARNING: no numeraire is declared, so their level is not determined" in text
    assert "WARNING" not in analyse(wages(numeraire=True)).to_text()


def test_an_amount_of_money_that_is_given_breaks_homogeneity() -> None:
    found = homogeneity(wages(transfer=True))
    assert not found.scalings
    assert found.breaking == ["income"]
    text = analyse(wages(transfer=True, numeraire=True)).to_text()
    assert (
        "WARNING: a numeraire is declared, but no scaling of prices and incomes leaves every equation true"
        in (" ".join(text.split()))
    )
    assert "without 'income' one would" in " ".join(text.split())


def test_shares_that_must_sum_to_one_are_named() -> None:
    m = Model("costs")
    region, sector = m.set("region"), m.set("sector")
    (n,), (k,) = region.indices("n"), sector.indices("k")
    w, c = m.variable("w", [region], "wage"), m.variable("c", [region], "cost")
    p, b = m.variable("p", [sector], "price"), m.parameter("b", [region], "labour share")
    nu = m.parameter("nu", [region, sector], "input share")
    m.define(c[n], w[n] ** b[n] * Product(p[k] ** nu[n, k], k))
    found = homogeneity(m)
    basis = np.array([[float(scaling.get(v, 0)) for v in "wpc"] for scaling in found.scalings])
    assert np.linalg.matrix_rank(np.vstack([basis, np.ones(3)])) == len(basis)  # all by the same number
    assert found.conditions == ["'labour_share' and 'input_share' together sum to 1"]


def test_degrees_other_than_one() -> None:
    m = Model("powers")
    x, y, z = (m.variable(s, [], s) for s in "xyz")
    m.define(y, 3 * x**2)
    m.define(z, x + y ** (1 / 2))
    (scaling,) = homogeneity(m).scalings
    assert scaling == {"x": 1, "y": 2, "z": 1}


def test_one_may_divide_by_a_price_index_in_line():
    """Hours that follow the real wage: the price index, written out, scales with prices."""
    from sympy import Product

    m = Model("hours", "Labour supply")
    region, sector = m.set("region"), m.set("sector")
    (i,), (s,) = region.indices("i"), sector.indices("s")
    w, H = m.variable("w", [region], "wage"), m.variable("H", [region], "hours")
    P = m.variable("P", [region, sector], "price")
    alpha, kappa = m.parameter("alpha", [region, sector], "share"), m.parameter("kappa", [], "elasticity")
    z = m.exogenous("z", [region, sector], "productivity")
    m.define(H[i], (w[i] / Product(P[i, s] ** alpha[i, s], s)) ** kappa)
    m.define(P[i, s], w[i] / z[i, s])
    (scaling,) = homogeneity(m).scalings
    assert scaling == {"w": 1, "P": 1}
    assert homogeneity(m).conditions == ["'share' sum to 1"]
