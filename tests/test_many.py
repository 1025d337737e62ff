"""Many draws at once are what single certified solves give, and faults of a draw are named."""

from __future__ import annotations

import armington_economy
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from levels_of import TECHNOLOGIES
from rare_earths_economy import KEYS, TARGETS, baseline, compiled, elements
from test_numpy_backend import POSITIONS, SIZES, evaluate, graphs, meaning

from calibration import load_table, rare_earths_baseline
from framework import DataError, SolveError, compile_model, hat, many, solve, solve_many
from framework.compile.batch import DRAW, batched
from framework.compile.ir import Graph, Node, needed
from framework.compile.numpy_backend import Program
from models import rare_earths

COUNT = 12
TAX = 15.0  # far from the centre at 0.2


def graph_of(nodes: list[Node]) -> Graph:
    graph = Graph()
    graph.nodes = [*nodes, *nodes[:1] * (max(n.id for n in nodes) + 1)]
    return graph


@settings(max_examples=100)
@given(graphs())
def test_a_batch_of_a_random_graph_is_each_of_its_members(drawn):
    nodes, inputs = drawn
    moving = [n for n in needed(nodes) if n.op == "input"][::2]
    rng = np.random.default_rng(0)
    stacked = {n.attr: np.stack([inputs[n.attr] * rng.uniform(0.9, 1.1) for _ in range(3)]) for n in moving}
    roots = batched(graph_of(nodes), nodes, moving)
    sizes = {**SIZES, DRAW: 3}
    tape = Program([], roots, sizes, POSITIONS)
    evaluate(tape, {**inputs, **{("draws", k): np.moveaxis(v, 0, -1) for k, v in stacked.items()}})
    for node, root in zip(nodes, roots, strict=True):
        found = np.broadcast_to(tape[root], [sizes[r] for r in root.shape_axes])
        for k in range(3):
            want = meaning(node, {**inputs, **{name: v[k] for name, v in stacked.items()}})
            got = found[..., k] if root.shape_axes[-1:] == (DRAW,) else found
            np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-11)


def draws_of(data: xr.Dataset, spread: float = 0.1, count: int = COUNT) -> xr.Dataset:
    rng = np.random.default_rng(2)
    shape = (count, data.sizes["sector"])
    factor = xr.DataArray(1 + spread * rng.uniform(-1, 1, shape), dims=("draw", "sector"))
    return xr.Dataset(
        {
            "ree_elasticity": data.ree_elasticity * factor,
            "trade_elasticity": (data.trade_elasticity * factor).transpose("draw", "sector"),
            "export_tax": ("draw", rng.uniform(0.5, 1.0, count)),
        }
    ).assign_coords(draw=[f"d{k}" for k in range(count)])


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_draws_are_what_single_solves_give(technology, kind):
    data = baseline(3, technology, tax=0.1)
    system = compiled(technology, kind)
    draws = draws_of(data)
    if kind != "tax":
        draws = draws.drop_vars("export_tax")
    problem = system.bind(data, {KEYS[kind]: TARGETS[kind]}, elements(data))
    found = solve_many(problem, draws)
    assert found.attrs["alone"] == 0
    assert set(found.status.values) == {"an equilibrium was found"}
    for k in (0, 5, 11):
        one = draws.isel(draw=k, drop=True)
        shocks = {KEYS[kind]: TARGETS[kind]}
        if kind == "tax":
            shocks["export_tax"] = float(one.export_tax)
        own = {v: one[v] for v in ("ree_elasticity", "trade_elasticity")}
        single = solve(system.bind(data.assign(own), shocks, elements(data)))
        for key, value in single.variables.items():
            scale = np.maximum(1.0, abs(value))
            gap = abs(found[key].sel(draw=f"d{k}") - value) / scale
            assert float(gap.max()) < 1e-8, key


def test_draws_may_be_problems_with_their_own_data():
    system = armington_economy.systems()[1]
    bound = [system.bind(armington_economy.baseline(1).assign(trade_elasticity=4.0 + k), {"trade_cost": 1.2}) for k in range(4)]  # fmt: skip
    found = solve_many(bound[0], bound, ["real_consumption"])
    assert list(found) == ["real_consumption", "status"]
    for k, problem in enumerate(bound):
        np.testing.assert_allclose(
            found["real_consumption"][k], solve(problem)["real_consumption"], rtol=1e-9
        )


def test_a_draw_far_away_is_solved_alone():
    data = baseline(3, "F", tax=0.1)
    problem = compiled("F").bind(data, {"export_tax": 0.2}, elements(data))
    draws = xr.Dataset({"export_tax": ("draw", [0.2, TAX])})
    found = solve_many(problem, draws, ["real_consumption"])
    assert found.attrs["alone"] >= 1
    single = solve(compiled("F").bind(data, {"export_tax": TAX}, elements(data)))
    np.testing.assert_allclose(found["real_consumption"][1], single["real_consumption"], rtol=1e-8)


def test_a_draw_without_a_certified_equilibrium_has_no_outcomes(monkeypatch):
    problem = armington_economy.systems()[1].bind(armington_economy.baseline(1), {"trade_cost": 1.1})
    draws = xr.Dataset({"trade_elasticity": ("draw", [4.0, 5.0])})
    real, calls = many.solve, []

    def refuse(problem):
        calls.append(problem)
        if len(calls) > 1:
            raise SolveError("model 'armington' was not solved by 'newton': no luck\n  more")
        return real(problem)

    monkeypatch.setattr(many, "solve", refuse)
    monkeypatch.setattr(many, "WALRAS_BOUND", -1.0)  # nothing passes
    found = solve_many(problem, draws)
    assert found["real_consumption"].isnull().all()
    assert list(found.status.values) == ["model 'armington' was not solved by 'newton': no luck"] * 2


def test_faults_are_named():
    system = armington_economy.systems()[1]
    data = armington_economy.baseline(1)
    problem = system.bind(data, {"trade_cost": 1.1})
    other = armington_economy.baseline(1, regions=3)
    share = data.expenditure_share * xr.DataArray([1.0, 1.1], dims="draw")
    rare = baseline(3, "F", tax=0.1)
    taxed = compiled("F").bind(rare, {"export_tax": 0.2}, elements(rare))
    unstable = (rare.ree_elasticity * xr.DataArray([1.0, 100.0], dims="draw")).rename("ree_elasticity")
    for given_problem, draws, text in [
        (
            problem,
            xr.Dataset({"trade_elasticity": 4.0}),
            "must be a Dataset whose variables have a dim 'draw'",
        ),
        (problem, xr.Dataset({"theta": ("draw", [4.0])}), "is not given 'theta'"),
        (
            problem,
            xr.Dataset({"trade_elasticity": ("draw", [4.0, -1.0])}),
            r"'trade_elasticity' is -1 at draw=1; it must",
        ),
        (
            problem,
            xr.Dataset({"trade_elasticity": ("draw", [4.0]), "labour": ("region", np.ones(4))}),
            "'labour' has dims",
        ),
        (
            problem,
            xr.Dataset({"expenditure_share": share}),
            "draw 1: the data are not an equilibrium of model 'armington'",
        ),
        (
            problem,
            [system.bind(other)],
            "draw 0 is not a problem of the same compiled model with the same labels",
        ),
        (problem, [], "there are no draws"),
        (taxed, unstable.to_dataset(), "draw 1: .*unstable|draw 1: .*stable"),
    ]:
        with pytest.raises(DataError, match=text):
            solve_many(given_problem, draws)


def test_every_draw_has_its_own_regime():
    data = baseline(3, "exo")
    system = compile_model(hat(rare_earths().choose(technology="exogenous", policy="quota")))
    problem = system.bind(data, {"export_quota": 0.95}, elements(data))
    quotas = [0.3, 0.8, 0.999, 1.001, 2.0]
    found = solve_many(problem, xr.Dataset({"export_quota": ("draw", quotas)}))
    for k, quota in enumerate(quotas):
        single = solve(system.bind(data, {"export_quota": quota}, elements(data)))
        for key in ("export_tax", "real_consumption"):
            np.testing.assert_allclose(found[key][k], single[key], rtol=1e-8, atol=1e-9)
        binds = "'export quota': binding" if quota < 1 else "not binding, 'export_tax' at lower bound"
        assert binds in found.regimes.values[k]


def test_a_draw_whose_research_is_unstable_is_refused():
    """The stability of what adjusts is part of the certificate of every draw."""
    data = rare_earths_baseline(load_table("wiod2009-5x14"))
    system = compile_model(hat(rare_earths().choose(technology="mobile-effort")))
    problem = system.bind(data.assign(variety_productivity=0.1), {"export_tax": 0.25})
    found = solve_many(problem, xr.Dataset({"variety_productivity": ("draw", [0.1, 1.0, 0.2])}))
    assert list(found.status.values == "an equilibrium was found") == [True, False, True]
    assert np.isnan(found["wage"].values[1]).all()
