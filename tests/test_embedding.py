"""The compiled model inside a user's CasADi problem: our back end equals CasADi's expressions, and nothing dangles."""

import gc
import weakref

import casadi as ca
import numpy as np
import pytest
import xarray as xr

from calibration.synthetic import synthetic_caliendo_parro, synthetic_rare_earths
from framework import DataError, Problem, compile_model, hat, solve
from framework.compile import casadi_callback
from framework.compile.toolchain import find_compiler
from framework.errors import CompilerError
from models import caliendo_parro, rare_earths

PART = {"tariff": {"importer": "USA", "exporter": ["R003", "CHN"]}, "labour": None}
SHOWN = {"real_consumption": {"region": "USA"}, "wage": None}


def has_compiler() -> bool:
    try:
        find_compiler()
    except CompilerError:
        return False
    return True


BACKENDS = [
    "numpy",
    pytest.param("c", marks=pytest.mark.skipif(not has_compiler(), reason="there is no C compiler")),
]


@pytest.fixture(scope="module")
def trade():
    return compile_model(hat(caliendo_parro())), synthetic_caliendo_parro(3, 2, seed=4)


@pytest.fixture(scope="module")
def earths():
    """A scalar unknown, a named element, and a tax that enforces a quota."""
    model = hat(rare_earths()).swap(export_tax="ree_export_ratio")
    return compile_model(model), synthetic_rare_earths(3, 2, seed=1)


def arguments(f: ca.Function, seed: int = 0) -> list[np.ndarray]:
    """A point near the baseline of the small trade model."""
    rng = np.random.default_rng(seed)
    mean = {"u": 0.0, "tariff": 0.2, "labour": 1.0, "trade_elasticity": 4.0, "ree_export_ratio": 0.7}
    return [mean[k] + 0.1 * rng.uniform(-1, 1, f.size1_in(k)) for k in f.name_in()]


def assert_same(ours: ca.Function, theirs: ca.Function) -> None:
    """Names, values, all blocks of the Jacobian, and products in both directions."""
    assert ours.name_in() == theirs.name_in()
    assert ours.name_out() == theirs.name_out()
    for seed in range(2):
        at = arguments(ours, seed)
        empty = [0] * ours.n_out()
        for f, g in [
            (ours.call(at), theirs.call(at)),
            (ours.jacobian().call(at + empty), theirs.jacobian().call(at + empty)),
        ]:
            for a, b in zip(f, g, strict=True):
                np.testing.assert_allclose(a.full(), b.full(), rtol=1e-12, atol=1e-12)
        x = [ca.MX.sym(n, ours.size1_in(n)) for n in ours.name_in()]
        d = [ca.MX.sym(f"d_{n}", ours.size1_in(n)) for n in ours.name_in()]
        w = [ca.MX.sym(f"w_{n}", ours.size1_out(n)) for n in ours.name_out()]
        rng = np.random.default_rng(seed)
        seeds = [rng.standard_normal(s.shape) for s in [*d, *w]]
        products = [
            ca.Function(
                "products", x + d + w, [*ca.forward(f.call(x), x, [d])[0], *ca.reverse(f.call(x), x, [w])[0]]
            )
            for f in (ours, theirs)
        ]
        for a, b in zip(*(p.call([*at, *seeds]) for p in products), strict=True):
            np.testing.assert_allclose(a.full(), b.full(), rtol=1e-11, atol=1e-12)


def test_callback_is_the_expression(trade):
    problem = trade[0].bind(trade[1], {}, backend="numpy")
    assert_same(problem.casadi_callback(PART, SHOWN), problem.casadi_function(PART, SHOWN))


@pytest.mark.parametrize("backend", BACKENDS)
def test_callback_of_a_closure_with_scalars(earths, backend):
    problem = earths[0].bind(earths[1], {"ree_export_ratio": 0.7}, backend=backend)
    keys = ["ree_export_ratio", "trade_elasticity"], ["export_tax"]
    assert_same(problem.casadi_callback(*keys), problem.casadi_function(*keys))


def test_callback_without_parameters(trade):
    problem = trade[0].bind(trade[1], {"tariff": 0.1}, backend="numpy")
    assert_same(problem.casadi_callback(), problem.casadi_function())


def test_pattern_holds_every_entry_and_is_no_larger_than_it_must_be(trade):
    problem = trade[0].bind(trade[1], {})
    ours, theirs = problem.casadi_callback(PART, SHOWN), problem.casadi_function(PART, SHOWN)
    for o in range(3):
        for i in range(3):
            found, least = ours.jac_sparsity(o, i), theirs.jac_sparsity(o, i)
            assert least.is_subset(found)
            assert o > 0 or found == least
    assert ours.jac_sparsity(0, 0).nnz() < problem.size**2
    assert ours.jacobian().sparsity_out(0) == ours.jac_sparsity(0, 0)


# ---- parts by label ------------------------------------------------------------------------------


def test_a_part_is_what_bind_takes(trade):
    system, data = trade
    rates = xr.DataArray(
        [[0.1, 0.2], [0.3, 0.4]], {"exporter": ["R003", "CHN"], "sector": data.sector}
    ).reindex_like(data.tariff.sel(importer="USA"))
    tariff = data.tariff.copy()
    tariff.loc[{"importer": "USA"}] = rates.where(rates.notnull(), data.tariff.sel(importer="USA"))
    bound = system.bind(data, {"tariff": tariff})
    u = 0.1 * np.random.default_rng(0).standard_normal(bound.size)
    key = {"tariff": PART["tariff"]}
    for f in (system.bind(data, {}).casadi_function(key), system.bind(data, {}).casadi_callback(key)):
        np.testing.assert_allclose(f(u, [0.1, 0.2, 0.3, 0.4]).full().ravel(), bound.residual(u), atol=1e-13)


@pytest.mark.parametrize("method", ["casadi_function", "casadi_callback", "casadi_equilibrium"])
@pytest.mark.parametrize(
    ("parameters", "outcomes", "match"),
    [
        (["tarif"], ["wage"], r"reads no input 'tarif'.* Did you mean 'tariff'\?"),
        (["tariff"], ["wages"], r"has no variable 'wages'. Did you mean 'wage'\?"),
        ("tariff", ["wage"], r"keys come in a list: \['tariff'\], or in a dict with labels"),
        ({"tariff": {"importr": "USA"}}, ["wage"], r"'tariff' has no dim 'importr'; it is over \(importer, exporter, sector\)"),
        ({"tariff": {"importer": "UAS"}}, ["wage"], r"'tariff': 'UAS' is not a importer of the data .* Did you mean 'USA'\?"),
        ({"tariff": {"importer": ["USA", "USA"]}}, ["wage"], "'tariff' along 'importer': give one label or more, none of them twice"),
        ({"tariff": "USA"}, ["wage"], r"the part of 'tariff' must be a dict \{dim: label or labels\}, not 'USA'"),
        (["tariff", "tariff"], ["wage"], r"a key stands twice in \['tariff', 'tariff'\]"),
        (["expenditure"], ["expenditure"], r"'expenditure' would name two of the function's inputs and outputs \(.*expenditure, expenditure\); leave one"),
        (["tariff"], {"wage": {"region": []}}, "'wage' along 'region': give one label or more"),
    ],
)  # fmt: skip
def test_what_is_refused(trade, method, parameters, outcomes, match):
    problem = trade[0].bind(trade[1], {})
    with pytest.raises(DataError, match=match):
        getattr(problem, method)(parameters, outcomes)


# ---- lifetimes -----------------------------------------------------------------------------------


def test_a_function_outlives_everything_that_made_it(trade):
    """CasADi does not own callbacks; ours are kept as long as a function that calls them, and no longer."""

    def embedded(make) -> tuple[ca.Function, ca.Function, weakref.ref[Problem]]:
        problem = trade[0].bind(trade[1], {})
        f, x = make(problem), ca.MX.sym("x", 2)
        squares = ca.sumsqr(ca.vertcat(*f.call([x[0]] * f.n_in())))
        return (
            ca.Function("value", [x], [squares]),
            ca.Function("slope", [x], [ca.gradient(squares, x)]),
            weakref.ref(problem),
        )

    def functions() -> list:
        makers = [
            lambda p: p.casadi_callback(["labour"]),
            lambda p: p.casadi_equilibrium(["labour"], ["wage"]),
        ]
        return [embedded(make) for make in makers]

    made = functions()
    gc.collect()
    for value, slope, problem in made:
        h = 1e-6
        ahead, behind = (float(value([1 + k, 0])) for k in (h, -h))
        assert float(slope([1.0, 0])[0]) == pytest.approx((ahead - behind) / (2 * h), rel=1e-6)
        assert problem() is not None
    del value, slope, made
    gc.collect()
    trade[0].bind(trade[1], {}).casadi_callback()  # what nobody holds is dropped when the next one is made
    gc.collect()
    assert problem() is None
    assert sum(pair[0].alive() for pair in casadi_callback._alive) == 0


def test_a_jacobian_outlives_its_function(trade):
    jacobian = trade[0].bind(trade[1], {}).casadi_callback().jacobian()
    gc.collect()
    problem = trade[0].bind(trade[1], {})
    found = jacobian(problem.start, 0).full()
    np.testing.assert_allclose(found, problem.jacobian(problem.start), rtol=1e-12, atol=1e-13)


def test_there_is_no_second_derivative(trade):
    f = trade[0].bind(trade[1], {}).casadi_callback()
    with pytest.raises(
        RuntimeError, match=r"first derivatives only; give IPOPT the option\s+hessian_approximation"
    ):
        f.factory("hessian", ["u", "lam:residual"], ["hess:gamma:u:u"], {"gamma": ["residual"]})


# ---- the equilibrium -----------------------------------------------------------------------------


def test_equilibrium_is_the_certified_solution(trade):
    system, data = trade
    f = system.bind(data, {"labour": {"USA": 1.2}}).casadi_equilibrium(PART, SHOWN)
    at = arguments(f)
    tariff = data.tariff.copy()
    tariff.loc[{"importer": "USA", "exporter": ["R003", "CHN"]}] = at[0].reshape(2, 2)
    found = solve(
        system.bind(data, {"tariff": tariff, "labour": dict(zip(data.region.values, at[1], strict=True))})
    )
    consumption, wage = f(*at)
    assert float(consumption) == pytest.approx(float(found["real_consumption"].sel(region="USA")), rel=1e-12)
    np.testing.assert_allclose(wage.full().ravel(), found["wage"], rtol=1e-12)


@pytest.mark.parametrize("parameter", ["tariff", "trade_elasticity"])
@pytest.mark.parametrize("region", [None, {"region": "USA"}])  # by directions, and by one transposed solve
def test_derivatives_of_the_equilibrium(trade, parameter, region):
    problem = trade[0].bind(trade[1], {"tariff": trade[1].tariff * 0 + 0.1})
    key = {parameter: PART["tariff"] if parameter == "tariff" else None}
    f = problem.casadi_equilibrium(key, {"real_consumption": region})
    at, h = arguments(f)[0], 1e-3
    slopes = f.jacobian()(at, 0).full()
    for k, step in enumerate(h * np.eye(at.size)):
        value = {j: f(at + j * step).full().ravel() for j in (-2, -1, 1, 2)}
        difference = (8 * (value[1] - value[-1]) - (value[2] - value[-2])) / (12 * h)
        np.testing.assert_allclose(slopes[:, k], difference, rtol=1e-6, atol=1e-9)
    assert np.abs(slopes).max() > 1e-3


def test_an_equilibrium_that_does_not_exist_is_no_number(trade, earths):
    f = trade[0].bind(trade[1], {}).casadi_equilibrium(["tariff"], ["wage"])
    with pytest.raises(RuntimeError, match=r"'tariff' is -2 at importer=.*; it must be above -1"):
        f(-2)
    with pytest.raises(
        RuntimeError, match=r"'tariff' is nan at importer=.*; every value must be a finite number"
    ):
        f(np.nan)
    quota = earths[0].bind(earths[1], {"ree_export_ratio": 0.7})
    f = quota.casadi_equilibrium(["ree_export_ratio"], ["export_tax"])
    with pytest.raises(RuntimeError, match="model 'rare-earths' was not solved by 'newton'"):
        f(1e6)
    assert np.isfinite(float(f(0.7)))  # the function can be used again


def test_an_equilibrium_needs_a_parameter_and_an_outcome(trade):
    for keys in ([], ["wage"]), (["tariff"], []):
        with pytest.raises(DataError, match="needs at least one parameter and one outcome"):
            trade[0].bind(trade[1], {}).casadi_equilibrium(*keys)
