"""Every verdict on budgets that do not add up, word for word: golden/missing_income.txt."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from expected import assert_expected
from oracles.caliendo_parro import balanced, random_baseline, to_dataset

from framework import Model, Problem, compile_model, hat
from framework.solve.accounting import missing_income
from framework.symbols import symbol_name
from models import caliendo_parro


def with_income(income: Callable) -> Model:
    """Caliendo and Parro's model with final expenditure defined by the faulty ``income(model, right side)``."""
    model = caliendo_parro()
    accounts = model.blocks["accounts"]

    def builder(m: Model) -> None:
        for eq in accounts:
            if not eq.defines:
                m.equate(eq.name, eq.lhs, eq.rhs)
            elif symbol_name(eq.lhs) == "I":
                m.define(eq.lhs, income(m, eq.rhs))
            else:
                m.define(eq.lhs, eq.rhs)
        for relation in model.identities:
            m.identity(*relation)

    return model.replace("accounts", builder)


def without(*symbols: str) -> Callable:
    def income(m: Model, rhs):
        return sum(term for term in rhs.args if not any(term.has(m[symbol]) for symbol in symbols))

    return income


def twice(symbol: str) -> Callable:
    def income(m: Model, rhs):
        return rhs + sum(term for term in rhs.args if term.has(m[symbol]))

    return income


FAULTS = {
    "a tariff revenue that nobody gets": without("tau"),
    "a tariff revenue that is paid twice": twice("tau"),
    "a deficit that is not spent": without("D"),
    "a deficit that is spent twice": twice("D"),
    "a deficit and a tariff revenue that nobody gets": without("tau", "D"),
}


def problem(model: Model, deficits: tuple = (0.02, -0.01, 0.02, -0.03)) -> Problem:
    """Tariffs of 20% and deficits, from a baseline that has neither and so cannot show the fault."""
    drawn = random_baseline(0, 4, 3)
    data = to_dataset(
        balanced(replace(drawn, tariff=np.zeros_like(drawn.tariff), deficit=np.zeros_like(drawn.deficit)))
    )
    abroad = data.tariff.importer != data.tariff.exporter
    shock = {
        "tariff": (data.tariff + 0.2).where(abroad, 0.0),
        "deficit": data.deficit.copy(data=np.array(deficits)),
    }
    return compile_model(hat(model)).bind(data, shock)


@pytest.mark.parametrize("case", FAULTS)
def test_the_verdict_names_the_wedge_and_the_budget(case):
    assert_expected("missing_income", case, missing_income(problem(with_income(FAULTS[case]))))


def test_deficits_that_do_not_sum_to_zero():
    verdict = missing_income(problem(caliendo_parro(), (0.02, 0.0, 0.0, 0.0)))
    assert_expected("missing_income", "deficits that do not sum to zero", verdict)


def test_a_product_of_two_wedges():
    """Income in proportion to tariff revenue and the deficit: with either off the budgets add up."""

    def income(m: Model, rhs):
        (n,) = m.sets["region"].indices("n")
        (revenue,) = (term for term in rhs.args if term.has(m["tau"]))
        return rhs + m["D"][n] * revenue

    assert_expected("missing_income", "a product of two wedges", missing_income(problem(with_income(income))))
