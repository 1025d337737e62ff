"""Equations as typed text, and carets under the offending part."""

import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from sympy import KroneckerDelta, Product, Sum
from trade_model import symbols_only

from framework.printing import Place, show, typed

t = symbols_only()


def carets(lhs, rhs, place: Place) -> str:
    """Text above the carets, and everything before it, to tell repeated text apart."""
    text, marks = show(lhs, ":=", rhs, place).split("\n")
    start = marks.index("^")
    assert marks.strip() == "^" * (len(marks) - start)
    return text[start : len(marks)]


def before(lhs, rhs, place: Place) -> str:
    """Text before the carets."""
    text, marks = show(lhs, ":=", rhs, place).split("\n")
    return text[4 : marks.index("^")]


def test_sums_and_products_name_their_indices_only():
    assert typed(Sum(t.X[t.i, t.s], t.i, t.s)) == "Sum(X[i, s], i, s)"
    assert typed(Product(t.X[t.i, t.s] ** t.theta[t.s], t.s)) == "Product(X[i, s]**theta[s], s)"
    assert typed(t.w[t.china] ** KroneckerDelta(t.i, t.china)) == (
        "w[ree_exporter]**KroneckerDelta(ree_exporter, i)"
    )


def test_a_range_that_is_not_the_whole_set_is_shown():
    assert typed(Sum(t.X[t.i, t.s], (t.s, 0, 2))) == "Sum(X[i, s], (s, 0, 2))"


def test_typed_text_is_python_for_the_same_expression():
    expr = Sum(t.pi[t.n, t.i, t.s] * t.X[t.n, t.s] / (1 + t.theta[t.s]), t.n, t.s) / t.L[t.i]
    names = {**vars(t), "Sum": Sum}
    assert eval(typed(expr), {}, names) == expr


def test_the_mark_is_under_a_whole_name_not_under_one_that_contains_it():
    lhs, rhs = t.qw[t.i], t.L[t.i] * t.qw[t.i] + t.w[t.i]
    assert carets(lhs, rhs, Place(t.w[t.i])) == "w[i]"
    assert before(lhs, rhs, Place(t.w[t.i])).endswith(" + ")


def test_the_mark_is_under_the_free_use_of_an_index_not_under_a_bound_one():
    rhs = Sum(t.X[t.i, t.s], t.s) + t.X[t.n, t.s]
    assert before(t.w[t.i], rhs, Place(t.s, "free")) in ("w[i] := X[n, ", "w[i] := Sum(X[i, s], s) + X[n, ")


def test_the_mark_is_under_the_index_that_a_sum_names():
    rhs = Sum(t.X[t.i, t.s], t.i, t.s)
    assert before(t.w[t.i], rhs, Place(t.i, "binder")) == "w[i] := Sum(X[i, s], "


def test_the_mark_is_under_an_index_that_stands_as_a_value():
    assert before(t.w[t.i], t.w[t.i] * t.i, Place(t.i, "value")) == "w[i] := "


def test_the_mark_is_under_one_subscript_of_several():
    atom = t.X[t.i, t.i]
    assert before(t.w[t.i], t.L[t.i] * atom, Place(atom, subscript=0)).endswith("X[")
    assert before(t.w[t.i], t.L[t.i] * atom, Place(atom, subscript=1)).endswith("X[i, ")


def test_without_a_place_there_are_no_carets():
    assert show(t.w[t.i], "=", t.L[t.i]) == "    w[i] = L[i]"
    assert show(t.w[t.i], "=", t.L[t.i], Place(t.qw[t.i])) == "    w[i] = L[i]"


@given(st.integers(0, 30), st.integers(0, 30))
def test_a_long_equation_is_cut_around_the_mark(left, right):
    terms = [t.w[t.i] * sp.Symbol(f"a{k:02}") for k in range(left)]
    terms += [t.qw[t.china]] + [t.w[t.i] * sp.Symbol(f"z{k:02}") for k in range(right)]
    text, marks = show(t.w[t.i], ":=", sp.Add(*terms), Place(t.qw[t.china])).split("\n")
    start = marks.index("^")
    assert text[start : len(marks)] == "qw[ree_exporter]"
    assert len(text) <= 4 + 4 + 96 + 20 + 4
    assert len(text) < 110 or "..." in text
