"""Plain-text tables: aligned, wrapped, and complete."""

import pytest
from expected import assert_expected
from hypothesis import given
from hypothesis import strategies as st

from framework import Model, analyse, hat
from framework.symbols import Kind
from framework.tables import WIDTH, data_needed, listing, symbols_table, table
from models import armington, caliendo_parro, rare_earths

WORDS = st.lists(st.text("abcdefgh", min_size=1, max_size=20), min_size=1, max_size=30).map(" ".join)


def test_columns_are_aligned_and_the_last_one_wraps():
    text = table(("name", "count", "meaning"), [("a", "1", "word " * 40), ("long name", "20", "short")])
    lines = text.splitlines()
    assert lines[0] == "  name       count  meaning"
    assert all(line.startswith(" " * 20 + "word") for line in lines[2:-1])
    assert lines[-1] == "  long name  20     short"
    assert max(map(len, lines)) <= WIDTH


def test_an_empty_column_is_left_out():
    assert table(("name", "unit"), [("wage", "")]) == "  name\n  wage"


@given(st.lists(st.tuples(st.text("xyz", min_size=1, max_size=20), WORDS), min_size=1))
def test_no_word_of_a_table_is_lost(rows):
    text = table(("first", "second"), rows)
    assert (
        text.split()[2:] == [word for row in rows for word in " ".join(row).split()] or "second" not in text
    )
    assert max(map(len, text.splitlines())) <= WIDTH


@given(st.lists(st.text("xyz", min_size=1, max_size=30), min_size=1))
def test_a_list_is_wrapped(words):
    text = listing(words)
    assert "".join(text.split()).split(",") == words
    assert max(map(len, text.splitlines())) <= WIDTH


@pytest.mark.parametrize("model", [armington, caliendo_parro, rare_earths])
def test_tables_are_narrow(model):
    for version in (model(), hat(model())):
        for text in (repr(version), str(analyse(version))):
            assert max(map(len, text.splitlines())) <= WIDTH


def test_data_of_a_hat_model_are_parameters_and_baseline_values():
    needed = {d.key for d in data_needed(hat(armington()))}
    assert needed == {"trade_elasticity", "expenditure_share", "expenditure", "deficit"}


def test_data_of_a_closure_include_what_it_fixes():
    h = hat(rare_earths())
    assert "ree_export_ratio" not in {d.key for d in data_needed(h)}
    assert "ree_export_ratio" in {d.key for d in data_needed(h.swap(export_tax="ree_export_ratio"))}


def test_data_of_a_levels_model_include_fundamentals_and_given_quantities():
    needed = data_needed(rare_earths())
    assert {d.kind for d in needed} == {Kind.PARAMETER, Kind.FUNDAMENTAL, Kind.EXOGENOUS}


@pytest.mark.parametrize(
    ("name", "model"), [("armington", armington), ("armington in hats", lambda: hat(armington()))]
)
def test_symbols(name, model):
    assert_expected("symbols", name, symbols_table(model()))


def test_an_empty_model_shows_its_name():
    assert repr(Model("empty", "nothing yet")) == "Model 'empty'\n  nothing yet"


def test_columns_that_do_not_fit_stand_below(monkeypatch, capsys):
    from rich.console import Console

    from exacthat.cli import console
    from exacthat.summary import Table

    monkeypatch.setattr(console, "out", Console(width=40))
    names = ["exogenous, ces", "elastic-effort, ces", "free-entry, cobb-douglas"]
    console.show_outcome("wage", [Table("", "region", [("", names)], [("CHN", ["-0.0001", "0.12345", "3"])])])
    shown = capsys.readouterr().out
    assert "\u2026" not in shown
    assert all(word in shown for word in ("elastic-effort,", "cobb-douglas", "-0.0001", "0.12345"))
    assert shown.count("CHN") == 2
