"""The public checks of `framework.testing` pass where they should and say what is wrong where they should not."""

from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
import xarray as xr
from armington_economy import baseline, primitives, systems
from sympy import Sum

from framework import Certificate, DataError, System, compile_model, hat, solve
from framework import testing as checks
from models import armington

NOMINAL = ["expenditure", "deficit"]


def costs(data: xr.Dataset, factor: float = 1.5) -> xr.DataArray:
    ones = xr.ones_like(data.expenditure_share)
    return ones.where(ones.importer == ones.exporter, factor)


def test_a_model_or_its_compiled_form_may_be_given():
    data = baseline(0)
    checks.assert_replicates(hat(armington()), data)
    checks.assert_replicates(systems()[1], data)
    assert checks.assert_hat_equals_levels(armington(), primitives(0), {"trade_cost": 1.1})["wage"] < 1e-12


# ---- replication ---------------------------------------------------------------------------------


def test_replication_names_the_equation_and_the_label_that_the_baseline_violates():
    data = baseline(0)
    data["expenditure"].loc[{"region": "R2"}] *= 1 + 1e-8
    with pytest.raises(
        AssertionError, match=r"baseline violates equations.*\n  'labour market' at region=R\d"
    ):
        checks.assert_replicates(systems()[1], data)


def test_replication_names_the_outcome_that_moves():
    def world(m):
        (n,) = m.sets["region"].indices("n")
        m.define(m["C"][n], m["X"][n] / m["P"][n])
        m.define(m.variable("S", [], "world spending", observed=True), Sum(m["X"][n], n))

    data = baseline(0)
    model = hat(armington().replace("outcomes", world))
    checks.assert_replicates(model, data.assign(world_spending=data.expenditure.sum()))
    with pytest.raises(
        AssertionError,
        match=r"nothing may change \(tolerance 1e-09\):\n  'world_spending' is 0\.99999999\d*, not 1",
    ):
        checks.assert_replicates(model, data.assign(world_spending=data.expenditure.sum() * (1 + 1e-8)))


def test_replication_in_levels_compares_with_the_data():
    data = primitives(1)
    old = solve(systems()[0].bind(data))
    observed = data.assign(expenditure=old["expenditure"], expenditure_share=old["expenditure_share"])
    checks.assert_replicates(systems()[0], observed)
    observed["expenditure"].loc[{"region": "R3"}] *= 1.5
    with pytest.raises(
        AssertionError, match=r"'expenditure' at region=R3 is 0\.324\d+, not 0\.486\d+ \(gap 0\.16\)"
    ):
        checks.assert_replicates(systems()[0], observed)


def test_replication_in_levels_needs_something_to_compare_with():
    with pytest.raises(DataError, match="hold no outcome to compare with; add observed ones, such as 'wage'"):
        checks.assert_replicates(systems()[0], primitives(1))


# ---- hats and levels -----------------------------------------------------------------------------


def test_a_hat_that_is_not_the_ratio_of_levels_is_named():
    def deflated_twice(m):
        (n,) = m.sets["region"].indices("n")
        m.define(m["C"][n], m["X"][n] / m["P"][n] ** 2)

    pair = systems()[0], compile_model(hat(armington().replace("outcomes", deflated_twice)))
    with pytest.raises(
        AssertionError, match=r"each hat must be the ratio .*\n  'real_consumption' at region=R\d is"
    ):
        checks.assert_hat_equals_levels(pair, primitives(0), {"trade_cost": 1.2})


def test_cells_that_are_empty_in_levels_may_have_any_hat():
    data = primitives(0)
    data["trade_cost"].loc[{"importer": "R1", "exporter": "R0"}] = 1e300
    gaps = checks.assert_hat_equals_levels(systems(), data, {"technology": {"R0": 1.5}})
    assert max(gaps.values()) < 1e-12


# ---- homogeneity ---------------------------------------------------------------------------------


def test_homogeneity_holds_if_all_nominal_quantities_are_named():
    data = baseline(2)
    shocks = {"trade_cost": costs(data), "deficit": {"R0": 0.01, "R1": -0.01, "R2": 0.0, "R3": 0.0}}
    checks.assert_homogeneous(systems()[1], data, shocks, nominal=NOMINAL)
    levels = primitives(2).assign(
        deficit=primitives(2).deficit / 10
    )  # seven times it is less than anybody earns
    nominal = ["deficit", "wage", "price_index", "expenditure"]
    with pytest.raises(
        AssertionError, match=r"with nominal data times 7 real outcomes must stay \(tolerance"
    ):
        checks.assert_homogeneous(systems()[0], levels, nominal=nominal)  # labour income stays at 1


@cache
def nominal_free() -> System:
    """Armington without units: nothing says which quantities are nominal."""
    model = hat(armington())
    model.symbols = {s: replace(d, unit="") for s, d in model.symbols.items()}
    return compile_model(model)


def test_a_nominal_quantity_that_is_not_scaled_shows():
    data = baseline(2)
    with pytest.raises(AssertionError, match=r"must stay, but the changed data have no equilibrium"):
        checks.assert_homogeneous(
            nominal_free(), data, {"deficit": data.deficit * 0.5}, nominal=["expenditure"]
        )


def test_homogeneity_needs_nominal_data():
    with pytest.raises(DataError, match="declare unit='million USD' or name them in nominal="):
        checks.assert_homogeneous(nominal_free(), baseline(2))


# ---- Walras --------------------------------------------------------------------------------------


def test_walras_holds_for_a_problem_and_for_a_solution():
    data = baseline(3)
    problem = systems()[1].bind(data, {"trade_cost": costs(data)})
    checks.assert_walras(problem)
    checks.assert_walras(solve(problem))


def test_budgets_that_do_not_add_up_are_an_error():
    data = baseline(3)
    problem = systems()[1].bind(
        data, {"deficit": data.deficit + xr.zeros_like(data.deficit).copy(data=[0.1, 0, 0, 0])}
    )
    with pytest.raises(
        AssertionError, match=r"budgets do not add up.*numeraire is off by 0\.\d+ .*forgotten or counted"
    ):
        checks.assert_walras(problem)


def test_walras_is_not_tested_without_wedges():
    problem = systems()[1].bind(baseline(3, deficits=False))
    with pytest.raises(
        AssertionError, match="'deficit' is zero everywhere: a forgotten revenue cannot be seen"
    ):
        checks.assert_walras(problem)


def test_walras_needs_a_numeraire_and_a_solved_point():
    solution = solve(systems()[1].bind(baseline(3)))
    with pytest.raises(AssertionError, match="'armington' has no numeraire"):
        checks.assert_walras(replace(solution, certificate=Certificate()))
    unsolved = Certificate()
    unsolved.add("residual of 'labour market'", 1.0, 1e-10)
    unsolved.add("Walras: gap of the numeraire", 0.0, 1e-9)
    with pytest.raises(AssertionError, match="was not solved \\(residual of 'labour market'\\)"):
        checks.assert_walras(replace(solution, certificate=unsolved))


# ---- order of labels -----------------------------------------------------------------------------


class ByPosition(System):
    """A system that takes the shock of region R1 as that of the second region in the data."""

    def bind(self, data, shocks=None, elements=None):
        order = list(data.region.values)
        placed = {k: {order[int(label[1:])]: v for label, v in table.items()} for k, table in shocks.items()}
        return super().bind(data, placed, elements)


class Unlabelled(System):
    """A system that ignores labels altogether."""

    def bind(self, data, shocks=None, elements=None):
        return super().bind(
            data.assign_coords({d: np.sort(data[d].values) for d in data.dims}), shocks, elements
        )


def careless(kind: type[System]) -> System:
    return kind(**{f.name: getattr(systems()[1], f.name) for f in fields(System)})


def test_order_of_labels_is_immaterial_unless_labels_are_ignored():
    data = baseline(4, 5)
    shocks = {"technology": {"R1": 1.5}}
    checks.assert_permutation_invariant(systems()[1], data, shocks)
    with pytest.raises(AssertionError, match=r"the order of labels must not matter \(.*\n  '\w+' at \w+=R\d"):
        checks.assert_permutation_invariant(careless(ByPosition), data, shocks)
    with pytest.raises(AssertionError, match=r"must not matter, but the changed data have no equilibrium"):
        checks.assert_permutation_invariant(careless(Unlabelled), data, shocks)


def test_dims_without_labels_cannot_be_reordered():
    with pytest.raises(DataError, match="dims without labels cannot be reordered: region"):
        checks.assert_permutation_invariant(systems()[1], baseline(4).drop_vars("region"))
