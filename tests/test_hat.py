"""The exact-hat transform: what it derives, what it refuses, and that hats are ratios of levels."""

from functools import cache

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from levels_of import ELEMENTS, TECHNOLOGIES, primitives, system
from numpy.testing import assert_allclose
from oracles import caliendo_parro as published
from oracles.economies import random_economy
from rare_earths_economy import baseline
from sympy import Sum, log

from framework import DataError, Model, ModelError, SolveError, compile_model, hat, solve
from framework.symbols import Kind, declared_atoms, symbol_name
from framework.testing import assert_hat_equals_levels, assert_replicates, assert_walras
from models import MODELS, armington, rare_earths

UNITS = {"ree_endowment": "world_ree_price", "ree_exports": "world_ree_price"}
technologies = pytest.mark.parametrize("technology", TECHNOLOGIES.values())


# ---- hats are ratios of levels -------------------------------------------------------------------


def everything_moves(data: xr.Dataset, seed: int) -> dict[str, object]:
    """The export tax to 100%, new tariffs and deficits, and changes of every other kind of primitive."""
    rng = np.random.default_rng(seed)
    abroad = data.tariff.importer != data.tariff.exporter

    def drawn(key: str, low: float, high: float) -> xr.DataArray:
        return data[key].copy(data=rng.uniform(low, high, data[key].shape))

    return {
        "export_tax": 1.0,
        "tariff": drawn("tariff", 0, 0.4).where(abroad, 0.0),
        "trade_cost": drawn("trade_cost", 0.9, 1.2).where(abroad, 1.0),
        "technology": drawn("technology", 0.7, 1.4),
        "labour": drawn("labour", 0.8, 1.2),
        "ree_endowment": {"CHN": 1.1},
        "deficit": data.deficit * 0.5,
    }


@pytest.mark.parametrize("seed", range(10))
@technologies
def test_hats_are_ratios_of_levels(technology, seed):
    data = primitives(random_economy(seed, export_tax=0.0 if seed % 2 else 0.2, ree_sectors=3))
    shocks = everything_moves(data, seed) if seed > 3 else {"export_tax": 1.0}
    pair = system(technology, False), system(technology, True)
    gaps = assert_hat_equals_levels(pair, data, shocks, units=UNITS, elements=ELEMENTS)
    assert len(gaps) > 25


@pytest.mark.parametrize("technology", ["fixed-effort", "elastic-effort"])
def test_research_productivity_and_effort_are_shocks_like_others(technology):
    data = primitives(random_economy(1, ree_sectors=3))
    productivity = data.ree_research_productivity.copy(
        data=np.random.default_rng(1).uniform(0.8, 1.3, (3, 3))
    )
    shocks = {"ree_research_productivity": productivity / productivity.mean(), "export_tax": 0.3}
    pair = system(technology, False), system(technology, True)
    assert_hat_equals_levels(pair, data, shocks, units=UNITS, elements=ELEMENTS)


@technologies
def test_declared_identities_hold_in_levels(technology):
    """A theorem stated to recognise a share must be one."""
    data = primitives(random_economy(2, ree_sectors=3))
    at = solve(system(technology, False).bind(data, {"export_tax": 0.4}, ELEMENTS))
    price = at["ree_bundle_price"] / at["value_added_cost"]
    share = data.ree_weight * price ** (1 - data.ree_elasticity)
    assert_allclose(at["ree_share"], share.transpose("region", "sector"), rtol=1e-12)


# ---- what the derived equations contain ----------------------------------------------------------


def variants() -> list:
    out = []
    for name, declare in MODELS.items():
        model = declare()
        choices = [{g: v} for g, names in model.variants.items() for v in names] or [{}]
        out += [pytest.param(declare, c, id="-".join([name, *c.values()])) for c in choices]
    return out


@pytest.mark.parametrize(("declare", "choice"), variants())
def test_no_fundamental_and_nothing_unobserved_survives(declare, choice):
    levels = declare().choose(**choice)
    derived = hat(levels)
    assert derived.is_hat
    assert [e.name for e in derived.equations] == [e.name for e in levels.equations]
    rule = derived.numeraire_rule
    exprs = [x for e in derived.equations for x in (e.lhs, e.rhs, e.total) if x is not None]
    exprs += [rule.expr, rule.value] if rule else []
    used = {symbol_name(a) for x in exprs for a in declared_atoms(x)}
    changes = {f"{s}_{'new' if d.level else 'hat'}" for s, d in levels.symbols.items()}
    observed = {s for s, d in levels.symbols.items() if d.observed or d.kind is Kind.PARAMETER}
    fundamentals = {s for s, d in levels.symbols.items() if d.kind is Kind.FUNDAMENTAL}
    assert used <= changes | observed
    assert not used & fundamentals
    assert all(derived.symbols[s].role == "baseline" for s in used & observed)
    assert all(derived.symbols[s].role in ("hat", "new") for s in used & changes)


def test_dekle_eaton_and_kortum_are_derived_in_their_form():
    derived = {e.name: e for e in hat(armington()).equations}
    positive = {"positive": True}
    P, w, lam, d, pi = (sp.IndexedBase(f"{k}_hat", **positive) for k in ("P", "w", "lam", "d", "pi"))
    theta, (n, i) = sp.Symbol("theta", **positive), derived["expenditure share"].indices
    assert derived["expenditure share"].lhs == pi[n, i]
    assert derived["expenditure share"].rhs == lam[i] * P[n] ** theta / (d[n, i] ** theta * w[i] ** theta)


@technologies
def test_trade_block_is_the_published_hat_system_at_any_point(technology):
    """Caliendo and Parro (10)-(12) at hats that solve nothing; without REE value added costs the wage."""
    base = published.random_baseline(3, 4, 5)
    data = published.to_dataset(base)
    rng = np.random.default_rng(5)
    tariff, cost = rng.uniform(0, 0.4, base.tariff.shape), rng.uniform(0.9, 1.2, base.tariff.shape)
    shocks = {"tariff": data.tariff.copy(data=tariff), "trade_cost": data.tariff.copy(data=cost)}
    problem = system(technology, True).bind(data, shocks, ELEMENTS)
    groups = [g.declaration.key for g in problem.system.groups]
    k = groups.index("unit_cost")
    u = rng.normal(0, 0.3, problem.size)
    with np.errstate(invalid="ignore", divide="ignore"):  # the REE market has nothing to clear
        residual, at = problem.residual(u), problem.outcomes(u)
    gap = residual[problem.offsets[k] : problem.offsets[k + 1]].reshape(problem.shapes[k])
    wage, price, unit_cost = (at[key].values for key in ("wage", "price_index", "unit_cost"))
    spending = at["expenditure"].values * data.expenditure.values
    e = published.cp_equations(base, wage, price, unit_cost, spending, tariff, cost)
    assert_allclose(unit_cost / np.exp(gap), e.unit_cost, rtol=1e-12)
    assert_allclose(price, e.price_index, rtol=1e-12)
    assert_allclose(at["expenditure_share"] * data.expenditure_share, e.expenditure_share, rtol=1e-12)
    sales = (e.expenditure_share / (1 + tariff) * spending[:, None, :]).sum(0)
    assert_allclose(at["gross_output"] * data.gross_output, sales, rtol=1e-12)


# ---- what is refused, and what stays in levels ---------------------------------------------------


def one_good(observed: bool) -> Model:
    """Trade in one good whose expenditure shares are observed or not."""
    m = Model("one-good")
    region = m.set("region")
    n, i, j = region.indices("n i j")
    pair = [region.alias("importer"), region.alias("exporter")]
    theta = m.parameter("theta", [], "trade elasticity", positive=True)
    w, P = m.variable("w", [region], "wage"), m.variable("P", [region], "price index")
    X = m.variable("X", [region], "expenditure", observed=True)
    pi = m.variable("pi", pair, "expenditure share", observed=observed)
    L, lam = m.exogenous("L", [region], "labour"), m.exogenous("lam", [region], "technology")
    d = m.exogenous("d", pair, "trade cost")
    with m.block("trade"):
        m.define(P[n], Sum(lam[j] * (w[j] * d[n, j]) ** (-theta), j) ** (-1 / theta))
        m.define(pi[n, i], lam[i] * (w[i] * d[n, i] / P[n]) ** (-theta))
        m.define(X[n], w[n] * L[n])
        m.equate("labour market", w[i] * L[i], Sum(pi[n, i] * X[n], n))
    m.numeraire(Sum(w[i] * L[i], i), redundant="labour market")
    return m


def test_a_share_that_cannot_be_recognised_is_refused_in_names():
    assert hat(one_good(observed=True)).is_hat
    with pytest.raises(ModelError) as error:
        hat(one_good(observed=False))
    lines = str(error.value).splitlines()
    assert lines[0] == "equation 'price index' in block 'trade': the baseline value of the term"
    assert "lam[j]" in lines[1]
    assert "w[j]" in lines[1]
    assert lines[2].startswith(
        "cannot be expressed in observed data, because 'd', 'lam' and 'w' are never observed."
    )
    assert "observed=True" in lines[2]
    assert "model.identity(...)" in lines[2]
    assert lines[2].endswith(
        "If 'd' and 'lam' may be zero or negative, like a tariff or a deficit, declare level=True."
    )


def test_a_share_that_is_refused_stands_in_its_sum():
    m = Model("wedge")
    region = m.set("region")
    i, j = region.indices("i j")
    p, P = m.variable("p", [region], "price"), m.variable("P", [], "price index")
    t = m.exogenous("t", [region], "tax")
    m.define(p[i], 1 + t[i])
    m.define(P, Sum(p[j], j))
    with pytest.raises(ModelError) as error:
        hat(m)
    assert str(error.value) == (
        "equation 'price' in block 'model': the baseline share of `1` in the sum\n    1 + t[i]\ncannot be expressed in "
        "observed data, because 'p' is never observed. Declare what is data with observed=True, or state the "
        "theorem that gives it with model.identity(...). If 't' may be zero or negative, like a tariff or a deficit, "
        "declare level=True."
    )


def test_hats_have_no_hats():
    with pytest.raises(ModelError, match="model 'armington' is in hats already"):
        hat(hat(armington()))


def log_demand(observed: bool) -> Model:
    m = Model("log-demand")
    region = m.set("region")
    (i,) = region.indices("i")
    a = m.exogenous("a", [region], "endowment", observed=True)
    u = m.variable("u", [region], "utility", observed=observed)
    v = m.variable("v", [region], "value")
    with m.block("demand"):
        m.define(u[i], log(1 + a[i]))
        m.define(v[i], a[i] * u[i])
    return m


def test_an_equation_with_a_log_stays_in_levels_if_it_is_observed():
    derived = hat(log_demand(observed=True))
    (equation,) = (e for e in derived.equations if e.name == "utility")
    assert str(equation) == "u[i]*u_hat[i] = log(a[i]*a_hat[i] + 1)"
    endowment = xr.DataArray([1.0, 2.0], {"region": ["A", "B"]})
    data = xr.Dataset({"endowment": endowment, "utility": np.log1p(endowment)})
    assert_replicates(derived, data, tolerance=1e-15)
    found = solve(compile_model(derived).bind(data, {"endowment": 3.0}))
    utility = np.log1p(3 * endowment) / data.utility
    assert_allclose(found["utility"], utility, rtol=1e-13)
    assert_allclose(found["value"], 3 * utility, rtol=1e-13)


def test_an_equation_with_a_log_of_something_unobserved_is_refused():
    with pytest.raises(
        ModelError, match=r"'utility' in block 'demand': 'log\(a\[i\] \+ 1\)' has no exact-hat form"
    ) as error:
        hat(log_demand(observed=False))
    assert "declare them observed" in str(error.value)
    assert "u[i] := log(a[i] + 1)" in str(error.value)


# ---- a forgotten revenue -------------------------------------------------------------------------


def forgetting(revenue: str) -> Model:
    """The model whose income lacks the terms that contain a symbol."""
    model = rare_earths()
    (income,) = model.blocks["income"]

    def builder(m: Model) -> None:
        kept = [t for t in income.rhs.args if revenue not in map(symbol_name, declared_atoms(t))]
        assert len(kept) == len(income.rhs.args) - 1
        m.define(income.lhs, sp.Add(*kept))

    return model.replace("income", builder)


@cache
def faulty(revenue: str):
    return compile_model(hat(forgetting(revenue)))


MISSING = "is missing from 'final expenditure' in block 'income'"
FORGOTTEN = pytest.mark.parametrize(
    ("revenue", "shock", "least"),
    [("T_M", {"tariff": 0.2, "export_tax": 0.1}, 1e-3), ("T_R", {"export_tax": 0.5, "tariff": 0.1}, 1e-4)],
)


@FORGOTTEN
def test_a_forgotten_revenue_breaks_walras_law(revenue, shock, least):
    data = baseline(1, "exo", wedges=False)
    abroad = data.tariff.importer != data.tariff.exporter
    shock = {**shock, "tariff": (data.tariff + shock["tariff"]).where(abroad, 0.0)}
    shock["deficit"] = data.deficit.copy(data=[0.1, -0.05, -0.05])
    problem = faulty(revenue).bind(data, shock, ELEMENTS)
    with pytest.raises(
        AssertionError, match=r"the budgets do not add up.*some income or tax revenue is forgotten"
    ) as e:
        assert_walras(problem)
    guilty = {"T_M": "tariff", "T_R": "export_tax"}[revenue]
    assert f"with '{guilty}' as the only wedge they are off by" in str(e.value)
    assert MISSING in str(e.value)
    assert str(e.value).count("as the only wedge") == 1
    gap = float(str(e.value).split("off by ")[1].split(" ")[0])
    assert least < gap < 0.2
    with pytest.raises(
        SolveError, match=r"a point was found that fails its certificate\n(.*\n)*  FAILED  Walras"
    ):
        solve(problem)
    assert_walras(system("exogenous", True).bind(data, shock, ELEMENTS), tolerance=1e-13)


@FORGOTTEN
def test_a_forgotten_revenue_cannot_be_seen_where_there_is_none(revenue, shock, least):
    data = baseline(1, "exo", wedges=False)
    problem = faulty(revenue).bind(data, {"ree_endowment": 1.2, "labour": {"R1": 0.9}}, ELEMENTS)
    assert_walras(solve(problem), tolerance=1e-13)  # the certificate is green
    names = "'tariff', 'export_tax', 'deficit' are zero everywhere"
    with pytest.raises(AssertionError, match=f"{names}: a forgotten revenue cannot be seen"):
        assert_walras(problem)


# ---- properties ----------------------------------------------------------------------------------


AT_BASE_PRICES = {"real_gdp", "total_factor_productivity"}  # such an index is not circular


@settings(max_examples=4, phases=[Phase.explicit, Phase.generate])  # shrinking would solve for minutes
@given(st.integers(10, 99), st.floats(0.0, 0.3), st.sampled_from(sorted(TECHNOLOGIES.values())))
def test_hats_compose(seed, tax, technology):
    """A shock and then its reverse, from the new baseline, end where they began."""
    data = primitives(random_economy(seed, export_tax=tax, ree_sectors=3))
    old = solve(system(technology, False).bind(data, {}, ELEMENTS))
    observed = {k: old[k] for k in ("expenditure_share", "expenditure", "gross_output")}
    observed |= {k: old[k] for k in ("final_expenditure", "ree_share")}
    observed["ree_endowment"] = data.ree_endowment * float(old["world_ree_price"])
    first = data.assign(observed)
    there = solve(system(technology, True).bind(first, {"export_tax": 0.6}, ELEMENTS))
    second = first.assign({k: first[k] * there[k] for k in observed if k != "ree_endowment"})
    second = second.assign(export_tax=0.6, ree_endowment=first.ree_endowment * there["world_ree_price"])
    back = solve(system(technology, True).bind(second, {"export_tax": tax}, ELEMENTS))
    for key, value in back.outcomes.items():
        if value.attrs["role"] == "hat" and key not in AT_BASE_PRICES:
            assert_allclose(value * there[key], 1, rtol=1e-11, err_msg=str(key))


# ---- data held against the equations that they state -----------------------------------------------


def made_of_data() -> Model:
    """A total of what is defined by data over the same indices as the sum that it stands in."""
    m = Model("made", "made of data")
    good = m.set("good")
    to = good.alias("to")
    i, j = good.indices("i j")
    a = m.parameter("a", [good, to], "weight", positive=True)
    L = m.exogenous("L", [good], "labour")
    Y = m.variable("Y", [good], "row sum")
    w = m.variable("w", [good], "worth", observed=True)
    m.define(Y[i], Sum(a[i, j], j))
    m.define(w[i], Sum(Y[j] * a[j, i], j))
    m.define(m.variable("C", [good], "consumption")[i], w[i] * L[i])
    return m


def test_a_definition_made_of_data_stands_in_for_what_is_not_data():
    weights = np.array([[1.0, 2.0], [3.0, 4.0]])
    labels = {"good": ["A", "B"], "to": ["A", "B"]}
    worth = weights.T @ weights.sum(axis=1)
    data = xr.Dataset({"weight": (("good", "to"), weights), "worth": ("good", worth)}, labels)
    system = compile_model(hat(made_of_data()))
    system.bind(data)
    with pytest.raises(DataError, match="'worth' differ from 'worth' by -1 at good=B"):
        system.bind(data.assign(worth=("good", worth + np.array([0, 1]))))
