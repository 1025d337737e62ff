"""Declaring, closing and varying a model."""

import pytest
import sympy as sp
from expected import assert_expected
from sympy import KroneckerDelta, Sum
from trade_model import symbols_only

from framework import Model, ModelError, analyse, hat
from framework.sets import Set
from framework.symbols import Kind
from models import armington, rare_earths


def wage_block(m: Model) -> None:
    (i,) = m.sets["region"].indices("i")
    m.define(m["w"][i], m["L"][i])


def with_blocks() -> Model:
    """Two blocks, the second with a symbol of its own, and a variant."""
    t = symbols_only()
    m = t.m
    with m.block("wages"):
        m.define(t.w[t.i], t.L[t.i] * t.qw[t.i])
    m.variant("policy", "free-trade", free_trade=free_trade, quota=quota)
    with m.block("income"):
        m.define(t.Y, Sum(t.w[t.i] * t.L[t.i], t.i))
    return m


def free_trade(m: Model) -> None:
    (i,) = m.sets["region"].indices("i")
    m.define(m["qw"][i], m["L"][i] * (1 + m["t"]))


def quota(m: Model) -> None:
    region = m.sets["region"]
    (i,) = region.indices("i")
    limit = m.exogenous("Q", [region], "quota")
    rent = m.variable("rent", [region], "quota rent")
    m.define(m["qw"][i], limit[i] * rent[i])
    m.define(rent[i], m["L"][i] ** KroneckerDelta(i, region.element("CHN")))


def state(m: Model) -> tuple:
    """Everything a copy must not change in the original."""
    return (
        dict(m.sets),
        dict(m.symbols),
        list(m.equations),
        list(m.identities),
        list(m.normalisations),
        dict(m.closures),
        dict(m.chosen),
        dict(m.swaps),
        {g: dict(b) for g, b in m.variant_builders.items()},
        dict(m.dependents),
        dict(m.compared),
        dict(m.adjustments),
        m.numeraire_rule,
        dict(m._declared_in),
    )


# ---- wrong declarations --------------------------------------------------------------------------

WRONG = {
    "set twice": lambda t: t.m.set("region"),
    "symbol twice": lambda t: t.m.variable("w", [t.region], "another wage"),
    "name twice": lambda t: t.m.exogenous("w2", [t.region], "ree-price"),
    "set used twice without alias": lambda t: t.m.variable("T", [t.sector, t.region, t.region], "trade"),
    "alias used twice": lambda t: t.m.variable(
        "T", [t.region.alias("partner"), t.region.alias("partner")], "trade"
    ),
    "undeclared set": lambda t: t.m.variable("T", [Set("regoin", "regoin")], "trade"),
    "unknown symbol asked for": lambda t: t.m["wagee"],
    "variable defined twice": lambda t: [t.m.define(t.w[t.i], t.L[t.i]) for _ in range(2)],
    "condition named twice": lambda t: [t.m.equate("market", t.w[t.i], t.L[t.i]) for _ in range(2)],
    "definition named as a condition": lambda t: [
        t.m.equate("wage", t.qw[t.i], t.L[t.i]),
        t.m.define(t.w[t.i], t.L[t.i]),
    ],
    "unknown block": lambda t: [t.m.define(t.w[t.i], t.L[t.i]), t.m.replace("modle", wage_block)],
    "unknown variant": lambda t: t.m.variant("policy", "quotas", free_trade=free_trade, quota=quota),
    "unknown variant group": lambda t: with_blocks().choose(polcy="quota"),
    "unknown choice": lambda t: with_blocks().choose(policy="free_trade"),
    "choice in hats": lambda t: hat(rare_earths()).choose(technology="fixed-effort"),
    "closure frees a variable": lambda t: t.m.closure(ree_price="wage"),
    "closure fixes an exogenous symbol": lambda t: t.m.closure(export_tax="labour"),
    "closure with different dims": lambda t: t.m.closure(world_income="labour"),
    "closure of an unknown symbol": lambda t: t.m.closure(world_incom="export_tax"),
    "swap frees a variable": lambda t: t.m.swap(wage="ree_price"),
    "swap frees a parameter": lambda t: t.m.swap(trade_elasticity="wage"),
    "swap fixes an exogenous symbol": lambda t: t.m.swap(labour="export_tax"),
    "swap fixes a parameter": lambda t: t.m.swap(labour="trade_elasticity"),
    "swap with different dims": lambda t: t.m.swap(labour="expenditure"),
    "swap of a scalar for a vector": lambda t: t.m.swap(export_tax="wage"),
    "swap of an unknown symbol": lambda t: t.m.swap(labor="wage"),
    "numeraire of an unknown equation": lambda t: [
        t.m.define(t.w[t.i], t.L[t.i]),
        t.m.numeraire(Sum(t.w[t.i], t.i), redundant="wages"),
        analyse(t.m),
    ],
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_declaration_is_refused(case):
    with pytest.raises(ModelError) as error:
        WRONG[case](symbols_only())
    assert_expected("wrong_declarations", case, str(error.value))


# ---- looking -------------------------------------------------------------------------------------


def test_symbols_are_found_by_symbol_name_and_key():
    t = symbols_only()
    assert t.m["X"] is not None
    assert t.m["X"] == t.m["expenditure"] == t.X
    assert t.m["expenditure share"] == t.m["expenditure_share"] == t.pi
    assert t.m.declaration("export tax").level


def test_kinds_have_their_defaults():
    t = symbols_only()
    m = t.m
    lam = m.fundamental("lam", [t.region], "technology")
    assert lam.is_positive
    assert m.declaration("w").positive
    assert m.declaration("t").observed
    assert not m.declaration("t").positive
    assert m.declaration("theta").observed
    assert m.of_kind(Kind.FUNDAMENTAL) == [m.declaration("lam")]
    assert m.declaration("pi").dim_names == ("importer", "exporter", "sector")
    assert m.declaration("pi").roots == ("region", "region", "sector")


def test_names_are_made_into_keys():
    m = Model("names")
    m.variable("v", [], "value-added per head")
    assert m.declaration("v").key == "value_added_per_head"


def test_equations_are_listed_by_block_in_order():
    m = with_blocks()
    assert {b: [e.name for e in eqs] for b, eqs in m.blocks.items()} == {
        "wages": ["wage"],
        "policy": ["ree price"],
        "income": ["world income"],
    }


def test_blocks_nest_and_are_left_on_an_error():
    m = symbols_only().m
    with m.block("outer"):
        with pytest.raises(ZeroDivisionError), m.block("inner"):
            raise ZeroDivisionError
        wage_block(m)
    assert list(m.blocks) == ["outer"]


def test_elements_are_listed_with_their_labels():
    t = symbols_only()
    t.m.define(t.w[t.i], t.L[t.china] ** KroneckerDelta(t.i, t.region.element("USA")))
    t.m.define(t.qw[t.i], t.X[t.i, t.metals])
    assert t.m.elements == {"USA": "USA", "metals": "metals", "ree_exporter": "CHN"}
    assert symbols_only().m.elements == {}
    assert rare_earths().elements == {"ree_exporter": "CHN", "numeraire_region": "USA"}


def test_an_equation_shows_itself_as_typed():
    t = symbols_only()
    t.m.define(t.w[t.i], Sum(t.X[t.i, t.s], t.s))
    t.m.equate("market", t.qw[t.i], t.L[t.i])
    definition, condition = t.m.equations
    assert str(definition) == "w[i] := Sum(X[i, s], s)"
    assert repr(condition) == "<Equation 'market' in block 'model': qw[i] = L[i]>"


def test_indices_of_an_equation():
    t = symbols_only()
    t.m.define(t.X[t.i, t.s], t.w[t.i] * t.theta[t.s])
    t.m.equate("market", Sum(t.pi[t.n, t.i, t.s], t.n), t.L[t.i] * t.theta[t.s])
    t.m.equate("world", t.Y, Sum(t.w[t.i], t.i))
    assert [e.indices for e in t.m.equations] == [(t.i, t.s), (t.i, t.s), ()]


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("empty", lambda: Model("empty")),
        ("armington", armington),
        ("armington in hats", lambda: hat(armington())),
        ("rare earths", rare_earths),
        (
            "rare earths in hats, fixed effort, quota",
            lambda: hat(rare_earths().choose(technology="fixed-effort")).swap(export_tax="ree_export_ratio"),
        ),
    ],
)
def test_a_model_shows_a_summary(name, model):
    assert_expected("model_tables", name, repr(model()))


# ---- copies, closures and variants ---------------------------------------------------------------


def test_a_copy_is_independent():
    m = with_blocks()
    before, other = state(m), m.copy()
    assert state(other) == before
    region = other.set("country")
    other.variable("new", [region], "new")
    other.equate("more", other["w"][other.sets["region"].indices("i")], 1)
    other.identity(other["Y"], 1)
    other.normalise(other["Y"], 1)
    other.numeraire(other["Y"], redundant="more")
    other.closure(world_income="export_tax")
    other.variant("extra", "none", none=lambda m: None)
    assert state(m) == before


def test_a_swap_frees_one_symbol_and_fixes_the_other_in_a_copy():
    m = with_blocks()
    before, closed = state(m), m.swap(export_tax="world_income")
    assert state(m) == before
    assert closed.declaration("t").kind is Kind.VARIABLE
    assert closed.declaration("Y").kind is Kind.EXOGENOUS
    assert closed.declaration("Y").default is None
    assert closed.swaps == {"t": "Y"}


def test_what_a_swap_fixes_in_hats_stays_at_its_baseline_unless_shocked():
    h = hat(armington()).swap(labour="real_consumption")
    assert h.declaration("real_consumption").default == 1.0
    assert h.declaration("labour").kind is Kind.VARIABLE


def test_a_swap_taken_back_gives_the_same_model():
    m = with_blocks()
    again = m.swap(export_tax="world_income").swap(world_income="export_tax")
    assert {d.symbol: d.kind for d in again.symbols.values()} == {
        d.symbol: d.kind for d in m.symbols.values()
    }
    assert again.swaps == {}


def test_closures_are_kept_by_key():
    m = with_blocks()
    m.closure(Y="t")
    assert m.closures == {"world_income": "export_tax"}


def test_choosing_a_variant_replaces_its_block_in_a_copy():
    m = with_blocks()
    before, chosen = state(m), m.choose(policy="quota")
    assert state(m) == before
    assert chosen.chosen == {"policy": "quota"}
    assert [e.name for e in chosen.blocks["policy"]] == ["ree price", "quota rent"]
    assert list(chosen.blocks) == ["wages", "policy", "income"]
    assert {"Q", "rent"} <= set(chosen.symbols)
    back = chosen.choose(policy="free-trade")
    assert state(back) == before
    assert m.variants == {"policy": ["free-trade", "quota"]}


def test_replacing_a_block_drops_its_equations_and_its_symbols():
    chosen = with_blocks().choose(policy="quota")
    before, replaced = state(chosen), chosen.replace("policy", free_trade)
    assert state(chosen) == before
    assert not {"Q", "rent"} & set(replaced.symbols)
    assert [e.name for e in replaced.equations] == ["wage", "ree price", "world income"]
    assert replaced.chosen == {}


def test_a_replaced_block_keeps_its_place():
    m = with_blocks().replace("wages", wage_block)
    assert list(m.blocks) == ["wages", "policy", "income"]
    assert str(m.equations[0]) == "w[i] := L[i]"


def test_an_equation_that_uses_a_dropped_symbol_is_an_error_at_the_analysis():
    chosen = with_blocks().choose(policy="quota")
    i = chosen.sets["region"].indices("i")[0]
    with chosen.block("income"):
        chosen.equate("rents", chosen["X"][i, chosen.sets["sector"].indices("s")[0]], chosen["rent"][i])
    with pytest.raises(ModelError) as error:
        analyse(chosen.choose(policy="free-trade"))
    assert_expected("wrong_declarations", "equation uses a symbol of a dropped block", str(error.value))


def test_a_builder_that_fails_leaves_the_model_as_it_was():
    m = with_blocks()
    before = state(m)
    with pytest.raises(ModelError):
        m.replace("wages", lambda m: m.define(m["w"], sp.Symbol("unknown")))
    assert state(m) == before
