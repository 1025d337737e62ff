"""What data may hold beside what a model needs: start values of levels, and labels of named elements."""

import numpy as np
import pytest
import xarray as xr
from armington_economy import primitives, systems

from framework import DataError, Model, compile_model, solve


def test_newton_starts_from_the_levels_that_the_data_hold():
    levels, data = systems()[0], primitives(0)
    wage = solve(levels.bind(data))["wage"]
    problem = levels.bind(data.assign(wage=wage * 1.5))
    np.testing.assert_allclose(problem.start, np.log(1.5 * wage))
    np.testing.assert_array_equal(levels.bind(data).start, 0.0)
    np.testing.assert_allclose(solve(problem)["wage"], wage, rtol=1e-10)
    with pytest.raises(DataError, match=r"'wage' is -1 at region=R0 .*it must be positive"):
        levels.bind(data.assign(wage=wage * 0 - 1))


def test_an_element_has_the_label_that_the_data_name():
    m = Model("world-price")
    region = m.set("region")
    (n,) = region.indices("n")
    q, x = m.exogenous("q", [region], "q", observed=True), m.variable("x", [region], "x")
    m.define(x[n], q[n] / q[region.element("R0", "leader")])
    prices = xr.Dataset({"q": ("region", [1.0, 2.0, 4.0])}, {"region": ["R0", "R1", "R2"]})
    found = {
        "declared": solve(compile_model(m).bind(prices)),
        "data": solve(compile_model(m).bind(prices.assign_attrs(leader="R1"))),
        "given": solve(compile_model(m).bind(prices.assign_attrs(leader="R1"), elements={"leader": "R2"})),
    }
    assert [found[k].provenance["elements"]["leader"] for k in found] == ["R0", "R1", "R2"]
    assert [float(found[k]["x"][2]) for k in found] == [4.0, 2.0, 1.0]
    with pytest.raises(DataError, match="element 'leader' is 'R9', which is not a region of the data"):
        compile_model(m).bind(prices.assign_attrs(leader="R9"))
