"""Matching, core, loops and messages, before any data."""

import random
from functools import cache

import numpy as np
import pytest
import xarray as xr
from armington_economy import primitives
from expected import assert_expected
from numpy.testing import assert_allclose
from sympy import KroneckerDelta, Sum
from trade_model import armington_by_conditions

import framework.structure
from framework import Model, ModelError, Structure, analyse, compile_model, hat, solve
from framework.symbols import symbol_name
from models import armington, caliendo_parro, rare_earths

TECHNOLOGIES = ["exogenous", "fixed-effort", "elastic-effort"]
POLICIES = {
    "tax": {},
    "quota": {"export_tax": "ree_export_ratio"},
    "price": {"export_tax": "ree_price_ratio"},
}
CORES = {"tax": ["w", "qW", "x", "X"], "quota": ["t", "w", "qW", "x", "X"], "price": ["t", "w", "x", "X"]}


@cache
def hats(technology: str) -> Model:
    return hat(rare_earths().choose(technology=technology))


def core(structure: Structure) -> list[str]:
    """Symbols of the core as in the levels model."""
    return [v.removesuffix("_hat").removesuffix("_new") for v, _ in structure.core]


def everything(structure: Structure) -> list[str]:
    return [v for v, _ in structure.core] + [symbol_name(e.lhs) for e in structure.explicit + structure.after]


# ---- rare earths ---------------------------------------------------------------------------------


@pytest.mark.parametrize("technology", TECHNOLOGIES)
@pytest.mark.parametrize("policy", POLICIES)
def test_core_of_the_rare_earths_model_in_hats(technology, policy):
    structure = analyse(hats(technology).swap(**POLICIES[policy]))
    assert sorted(core(structure)) == sorted(CORES[policy])
    loops = [loop.symbol for loop in structure.loops]
    assert loops == ([] if technology == "exogenous" else ["pr_hat"])


@pytest.mark.parametrize("technology", TECHNOLOGIES)
@pytest.mark.parametrize("policy", POLICIES)
def test_core_of_the_rare_earths_model_in_levels(technology, policy):
    structure = analyse(rare_earths().choose(technology=technology).swap(**POLICIES[policy]))
    assert sorted(core(structure)) == sorted(CORES[policy])


@pytest.mark.parametrize("technology", ["fixed-effort", "elastic-effort"])
def test_the_loop_of_directed_technology_is_stable_under_the_condition_of_the_derivation(technology):
    """docs/rare_earths_model.md (6): ``1 + xi (1 - eps_s) > 0`` with ``xi = phi kappa``."""
    model = hats(technology)
    (loop,) = analyse(model).loops
    (s,) = model.sets["sector"].indices("s")
    phi, kappa, eps = model["phi"], model["kappa"], model["epsilon"][s]
    assert (loop.exponent + phi * kappa * (1 - eps)).expand() == 0


def test_every_variable_is_solved_for_once():
    for technology in TECHNOLOGIES:
        for swap in POLICIES.values():
            model = hats(technology).swap(**swap)
            found = everything(analyse(model))
            assert sorted(found) == sorted(
                d.symbol for d in model.symbols.values() if d.kind.value == "variable"
            )


def test_definitions_come_in_an_order_in_which_they_can_be_evaluated():
    structure = analyse(hats("fixed-effort"))
    known = {v for v, _ in structure.core}
    variables = set(everything(structure))
    for eq in structure.explicit + structure.after:
        used = {symbol_name(a) for a in framework.structure.declared_atoms(eq.rhs)} & variables
        assert used <= known, eq.name
        known.add(symbol_name(eq.lhs))


def test_the_core_does_not_depend_on_sizes(monkeypatch):
    found = [analyse(hats("fixed-effort"))]
    for size in (3, 50, 1000):
        monkeypatch.setattr(framework.structure, "_NOMINAL", size)
        found.append(analyse(hats("fixed-effort")))
    assert len({tuple(core(structure)) for structure in found}) == 1


@pytest.mark.parametrize("seed", range(4))
def test_the_core_does_not_depend_on_the_order_of_the_equations(seed):
    model = hats("fixed-effort").swap(export_tax="ree_export_ratio")
    mixed = model.copy()
    random.Random(seed).shuffle(mixed.equations)
    expected, found = analyse(model), analyse(mixed)
    assert [(v, e.name) for v, e in found.core] == [(v, e.name) for v, e in expected.core]
    assert [e.name for e in found.explicit] == [e.name for e in expected.explicit]


@pytest.mark.parametrize("seed", range(4))
def test_another_order_of_the_symbols_gives_a_core_of_the_same_size(seed):
    model = hats("fixed-effort")
    mixed = model.copy()
    names = list(mixed.symbols)
    random.Random(seed).shuffle(names)
    mixed.symbols = {name: model.symbols[name] for name in names}
    sizes = [
        sorted(len(model.symbols[v].dims) for v, _ in analyse(version).core) for version in (model, mixed)
    ]
    assert sizes[0] == sizes[1]


# ---- conditions only -----------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["w P pi X", "X pi P w", "P X w pi"])
def test_conditions_that_can_be_solved_for_a_variable_become_explicit(order):
    model = armington_by_conditions(order)
    for version in (model, hat(model)):
        structure = analyse(version)
        assert [(v[0], e.name) for v, e in structure.core] == [("w", "labour market")]
        assert sorted(e.name for e in structure.explicit) == ["budget", "prices", "shares"]


def test_a_model_of_conditions_has_the_same_solution_as_one_of_definitions():
    data = primitives(3)
    by_definition, by_condition = (
        solve(compile_model(m).bind(data)).outcomes for m in (armington(), armington_by_conditions())
    )
    for name in ("wage", "price_index", "expenditure_share", "expenditure"):
        assert_allclose(by_condition[name], by_definition[name], rtol=1e-9)


# ---- numeraire -----------------------------------------------------------------------------------


def one_good(redundant: str) -> Model:
    """Wages by definition and by a chain of which any member could be the core."""
    m = Model("one good")
    region = m.set("region")
    n, i = region.indices("n i")
    X = m.variable("X", [region], "expenditure")
    w = m.variable("w", [region], "wage")
    L = m.exogenous("L", [region], "labour")
    pi = m.parameter("pi", [region.alias("importer"), region], "expenditure share")
    m.define(X[n], w[n] * L[n])
    m.define(w[i], Sum(pi[n, i] * X[n], n) / L[i])
    m.numeraire(Sum(w[i] * L[i], i), redundant=redundant)
    return m


@pytest.mark.parametrize(("redundant", "expected"), [("wage", "w"), ("expenditure", "X")])
def test_the_redundant_equation_is_in_the_core_where_the_numeraire_is_added_to_it(redundant, expected):
    assert [(v, e.name) for v, e in analyse(one_good(redundant)).core] == [(expected, redundant)]


def test_the_solution_does_not_depend_on_which_equation_is_called_redundant():
    rng = np.random.default_rng(0)
    labels = ["A", "B", "C"]
    data = xr.Dataset(
        {
            "expenditure_share": (("importer", "region"), rng.dirichlet(np.ones(3), 3)),
            "labour": ("region", rng.uniform(0.5, 2, 3)),
        },
        {"importer": labels, "region": labels},
    )
    wages = [
        solve(compile_model(one_good(name)).bind(data)).outcomes["wage"] for name in ("wage", "expenditure")
    ]
    assert_allclose(wages[0], wages[1], rtol=1e-9)
    assert_allclose((wages[0] * data.labour).sum(), 1, rtol=1e-9)


# ---- loops ---------------------------------------------------------------------------------------


def loop_model(rhs) -> Structure:
    """``v := rhs(u, v)`` and ``u := v**2`` over regions."""
    m = Model("loop")
    region = m.set("region")
    (i,) = region.indices("i")
    v, u = m.variable("v", [region], "first"), m.variable("u", [region], "second")
    a = m.exogenous("a", [region], "shifter")
    g = m.parameter("g", [], "feedback")
    china = region.element("CHN")
    m.define(v[i], rhs(u, v, a, g, i, china))
    m.define(u[i], v[i] ** 2)
    return analyse(m)


def test_a_monomial_loop_is_closed():
    structure = loop_model(lambda u, v, a, g, i, china: a[i] * u[i] ** g)
    assert structure.core == []
    assert [(loop.symbol, str(loop.exponent)) for loop in structure.loops] == [("v", "2*g")]
    solved = next(e for e in structure.after if symbol_name(e.lhs) == "v")
    base, exponent = solved.rhs.as_base_exp()
    assert str(base) == "a[i]"
    assert (1 / exponent - (1 - 2 * structure.model["g"])).simplify() == 0


@pytest.mark.parametrize(
    "rhs",
    [
        lambda u, v, a, g, i, china: a[i] * u[china] ** g,
        lambda u, v, a, g, i, china: a[i] * u[i] ** g * (1 + v[i]),
        lambda u, v, a, g, i, china: a[i] + u[i] ** g,
        lambda u, v, a, g, i, china: (
            a[i] * u[i] ** g * Sum(u[i.func("n", i.upper + 1)], i.func("n", i.upper + 1))
        ),
    ],
    ids=["through another region", "not monomial as a whole", "a sum", "through a world total"],
)
def test_a_loop_that_has_no_closed_form_stays_in_the_core(rhs):
    structure = loop_model(rhs)
    assert structure.loops == []
    assert len(structure.core) == 1


# ---- not square ----------------------------------------------------------------------------------


def with_condition(model: Model, name: str, lhs, rhs) -> Model:
    out = model.copy()
    with out.block("extra"):
        out.equate(name, lhs, rhs)
    return out


def without(model: Model, *names: str) -> Model:
    out = model.copy()
    out.equations = [e for e in out.equations if e.name not in names]
    return out


def indexed_too_many() -> Model:
    m = armington()
    (i,) = m.sets["region"].indices("i")
    return with_condition(m, "subsistence", m["w"][i], m["P"][i])


def scalar_too_many() -> Model:
    m = rare_earths()
    return with_condition(m, "price cap", m["qW"], 1)


def numeraire_as_condition() -> Model:
    m = armington()
    m.numeraire_rule = None
    (i,) = m.sets["region"].indices("i")
    return with_condition(m, "unit of account", Sum(m["w"][i] * m["L"][i], i), 1)


def two_at_fault() -> Model:
    m = without(armington(), "price index")
    return with_condition(m, "unit of account", m["w"][m.sets["region"].element("USA")], 1)


def freed_without_fixing() -> Model:
    m = rare_earths()
    m.symbols["t"] = m.symbols["t"].as_kind(m.symbols["w"].kind)
    return m


def fixed_without_freeing() -> Model:
    m = rare_earths()
    m.symbols["zX"] = m.symbols["zX"].as_kind(m.symbols["t"].kind)
    return m


NOT_SQUARE = {
    "one indexed equation too many": indexed_too_many,
    "one scalar equation too many": scalar_too_many,
    "numeraire written as a condition": numeraire_as_condition,
    "one indexed equation too few": lambda: without(armington(), "price index"),
    "one equation too few, several variables": lambda: without(armington_by_conditions(), "budget"),
    "one scalar equation too few": lambda: without(rare_earths(), "REE market"),
    "one too many and one too few": two_at_fault,
    "freed without fixing": freed_without_fixing,
    "fixed without freeing": fixed_without_freeing,
    "no equation at all": lambda: without(armington(), *(e.name for e in armington().equations)),
}


@pytest.mark.parametrize("case", NOT_SQUARE)
def test_a_model_that_is_not_square_is_explained(case):
    model = NOT_SQUARE[case]()
    with pytest.raises(ModelError) as error:
        analyse(model)
    assert_expected("not_square", case, str(error.value))


def test_a_closure_that_fixes_what_nothing_else_determines_is_explained():
    m = armington().swap(labour="real_consumption")
    (i,) = m.sets["region"].indices("i")
    with pytest.raises(ModelError) as error:
        analyse(with_condition(m, "poverty line", m["C"][i], m["P"][i] ** KroneckerDelta(i, i)))
    assert_expected("not_square", "closure and a condition on what it fixes", str(error.value))


# ---- report --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("technology", "policy"), list(zip(TECHNOLOGIES, POLICIES, strict=True)))
def test_structure_of_rare_earths_in_words(technology, policy):
    text = str(analyse(hats(technology).swap(**POLICIES[policy])))
    assert_expected("structures", f"rare earths in hats, {technology}, {policy}", text)
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("armington", armington),
        ("armington in hats", lambda: hat(armington())),
        ("caliendo parro in hats", lambda: hat(caliendo_parro())),
        ("rare earths in levels", rare_earths),
        ("every variable explicit", lambda: loop_only()),
    ],
)
def test_structure_in_words(name, model):
    structure = analyse(model())
    assert_expected("structures", name, repr(structure))
    assert str(structure) == repr(structure)


def loop_only() -> Model:
    return loop_model(lambda u, v, a, g, i, china: a[i] * u[i] ** g).model
