"""Every wrong equation is refused at its declaration, with the equation and a mark at the place."""

import pytest
import sympy as sp
from expected import assert_expected
from sympy import KroneckerDelta, Product, Sum
from trade_model import symbols_only

from framework import Model, ModelError

WRONG = {
    "unknown symbol": lambda t: t.m.define(t.w[t.i], sp.IndexedBase("thet")[t.i] * t.L[t.i]),
    "unknown scalar": lambda t: t.m.define(t.w[t.i], t.L[t.i] * sp.Symbol("tau")),
    "unknown integer": lambda t: t.m.define(t.w[t.i], t.L[t.i] * sp.Symbol("regions", integer=True)),
    "unknown symbol without indices": lambda t: t.m.define(t.w[t.i], t.L[t.i] * sp.IndexedBase("Lab")),
    "size of a set": lambda t: t.m.define(t.Y, Sum(t.w[t.i], t.i) / t.region.size),
    "undefined function": lambda t: t.m.define(t.w[t.i], sp.Function("f")(t.L[t.i])),
    "too few subscripts": lambda t: t.m.define(
        t.w[t.i], Sum(t.pi[t.n, t.i] * t.X[t.n, t.s], t.n, t.s) / t.L[t.i]
    ),
    "too many subscripts": lambda t: t.m.define(t.w[t.i], t.L[t.i, t.n]),
    "subscripts forgotten": lambda t: t.m.define(t.w[t.i], t.qw / t.L[t.i]),
    "subscripts forgotten on the left": lambda t: t.m.define(t.w, t.qw / t.L),
    "scalar with subscripts": lambda t: t.m.define(t.w[t.i], sp.IndexedBase("Y")[t.i]),
    "index over another set": lambda t: t.m.define(t.w[t.i], Sum(t.X[t.s, t.i], t.s)),
    "index over another set, second place": lambda t: t.m.define(t.w[t.i], t.X[t.i, t.i]),
    "index over another set, aliased": lambda t: t.m.define(t.w[t.i], Sum(t.pi[t.i, t.s, t.s], t.s)),
    "subscript is a number": lambda t: t.m.define(t.w[t.i], t.L[0]),
    "subscript is an expression": lambda t: t.m.define(t.w[t.i], t.L[t.i + 1]),
    "element of another set": lambda t: t.m.define(t.w[t.i], t.X[t.i, t.china]),
    "element as a value": lambda t: t.m.define(t.w[t.i], t.china * t.L[t.i]),
    "index as a value": lambda t: t.m.define(t.w[t.i], t.i * t.L[t.i]),
    "unbound index": lambda t: t.m.define(
        t.w[t.i], t.qw[t.i] * Sum(t.pi[t.n, t.i, t.s] * t.X[t.n, t.s], t.s)
    ),
    "unbound index after a sum over the same letter": lambda t: t.m.define(
        t.Y, Sum(t.X[t.i, t.s], t.i, t.s) * t.L[t.i]
    ),
    "unbound index in a condition": lambda t: t.m.equate("zero", 0, t.w[t.i] - t.L[t.i]),
    "doubly bound index": lambda t: t.m.define(t.Y, Sum(t.X[t.n, t.s] * Sum(t.X[t.n, t.s], t.n), t.n, t.s)),
    "doubly bound index of a product": lambda t: t.m.define(
        t.w[t.i], Sum(Product(t.X[t.i, t.s] ** t.theta[t.s], t.s), t.s)
    ),
    "index free and bound": lambda t: t.m.define(t.w[t.i], Sum(t.X[t.i, t.s], t.i, t.s) / t.L[t.i]),
    "index free and bound on the left": lambda t: t.m.equate(
        "balance", t.L[t.i] * Sum(t.X[t.i, t.s], t.i, t.s), t.Y
    ),
    "sum over part of a set": lambda t: t.m.define(t.w[t.i], Sum(t.X[t.i, t.s], (t.s, 0, 3))),
    "sum over no index": lambda t: t.m.define(t.w[t.i], Sum(t.L[t.i], (sp.Symbol("z"), 1, 2))),
    "comparison of different sets": lambda t: t.m.define(t.w[t.i], t.L[t.i] ** KroneckerDelta(t.i, t.s)),
    "comparison with a value": lambda t: t.m.define(t.w[t.i], t.L[t.i] ** KroneckerDelta(t.i, t.t)),
    "left side is a product": lambda t: t.m.define(t.w[t.i] * t.L[t.i], t.qw[t.i]),
    "left side is a number": lambda t: t.m.define(sp.Integer(1), t.Y),
    "left side with one index twice": lambda t: t.m.define(
        sp.IndexedBase("pi")[t.i, t.i, t.s], t.X[t.i, t.s]
    ),
    "left side with an element": lambda t: t.m.define(t.w[t.china], t.L[t.china]),
    "definition of an exogenous symbol": lambda t: t.m.define(t.L[t.i], t.w[t.i]),
    "definition of a parameter": lambda t: t.m.define(t.theta[t.s], Sum(t.X[t.i, t.s], t.i)),
    "identity with an unbound index": lambda t: t.m.identity(t.w[t.i], Sum(t.X[t.n, t.s], t.s)),
    "normalisation of an unknown symbol": lambda t: t.m.normalise(sp.Symbol("qW"), 1),
    "numeraire with a free index": lambda t: t.m.numeraire(
        t.w[t.i] * t.L[t.i], t.Y, redundant="labour market"
    ),
    "numeraire without a redundant condition": lambda t: t.m.numeraire(t.Y),
    "numeraire with an unknown symbol": lambda t: t.m.numeraire(
        Sum(t.w[t.i] * sp.IndexedBase("l")[t.i], t.i), redundant="labour market"
    ),
    "long equation, mark in the middle": lambda t: t.m.define(
        t.Y,
        Sum(t.w[t.i] * t.L[t.i], t.i) ** 2 * Sum(t.pi[t.n, t.i, t.s] * t.X[t.n, t.s], t.i, t.n, t.s)
        + Sum(t.X[t.i, t.s] * Sum(t.w[t.n] * t.L[t.n] / t.X[t.n, t.k], t.n), t.i, t.s)
        + Sum(t.X[t.i, t.s] * Sum(t.qw[t.n] * t.L[t.n] / t.X[t.n, t.s], t.n), t.i, t.s),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_equation_is_refused(case):
    t = symbols_only()
    with pytest.raises(ModelError) as error:
        WRONG[case](t)
    assert_expected("wrong_equations", case, str(error.value))
    assert t.m.equations == t.m.identities == t.m.normalisations == []
    assert t.m.numeraire_rule is None


def test_what_is_allowed():
    t = symbols_only()
    delta = KroneckerDelta(t.i, t.china)
    t.m.define(
        t.w[t.i], t.w[t.china] ** delta * Sum(t.X[t.i, t.metals] / Sum(1, t.j), t.n) * (1 + t.t) ** delta
    )
    t.m.define(t.qw[t.i], Sum(t.X[t.i, t.s], t.s) * Sum(t.X[t.i, t.s] ** 2, t.s))
    t.m.define(t.pi[t.n, t.i, t.s], t.X[t.i, t.s] / (1 - KroneckerDelta(t.n, t.i) * t.theta[t.s]))
    assert [e.name for e in t.m.equations] == ["wage", "ree price", "expenditure share"]


def test_aliases_take_the_same_indices():
    t = symbols_only()
    buyer = t.region.alias("buyer")
    (b,) = buyer.indices("b")
    t.m.define(t.X[b, t.s], Sum(t.pi[b, t.i, t.s], t.i))
    assert t.m.equations[0].indices == (b, t.s)


def test_what_a_declaration_does_not_have_is_named():
    m = Model("mine")
    with pytest.raises(
        ModelError, match=r"'t' is declared with 'uper'; a declaration may have unit, .* usual, default\."
    ):
        m.exogenous("t", [], uper=1.0)
    with pytest.raises(ModelError, match=r"declared with 'untis'; .* Did you mean 'unit'\?"):
        m.variable("x", [], untis="USD")


def test_an_alias_is_not_a_set_of_the_model():
    m = Model("mine")
    m.set("region")
    with pytest.raises(
        ModelError,
        match=r"no set 'importer', only region; .* is an alias of it: m\.sets\['region'\]\.alias\('importer'\)",
    ):
        m.copy().sets["importer"]
