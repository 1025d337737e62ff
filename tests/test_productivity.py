"""Growth accounting: against technologies whose productivity is known, and against published accounts."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from empirics.growth import midpoint_growth
from empirics.productivity import (
    cost_shares,
    labour_productivity_growth,
    read_us_klems,
    tfp_growth,
    with_residual_share,
)
from framework.errors import DataError

INPUTS = {"k": "s_k", "l": "s_l", "m": "s_m"}
#: Translog with constant returns: alpha sums to one, beta is symmetric and its rows sum to zero.
ALPHA = np.array([0.3, 0.25, 0.45])
BETA = np.array([[0.04, -0.01, -0.03], [-0.01, 0.05, -0.04], [-0.03, -0.04, 0.07]])


def translog(log_a, log_x, years=None):
    """Panel of one unit with that productivity and those inputs, and the shares that marginal products imply."""
    log_x = np.asarray(log_x, float)
    log_y = np.asarray(log_a) + log_x @ ALPHA + 0.5 * np.einsum("ti,ij,tj->t", log_x, BETA, log_x)
    shares = ALPHA + log_x @ BETA
    columns = {"sector": "a", "year": range(2000, 2000 + len(log_y)) if years is None else years}
    columns |= {"y": np.exp(log_y)}
    columns |= {x: np.exp(log_x[:, j]) for j, x in enumerate(INPUTS)}
    columns |= {s: shares[:, j] for j, s in enumerate(INPUTS.values())}
    return pd.DataFrame(columns)


SMALL = st.floats(-1.0, 1.0)


@settings(max_examples=40)
@given(st.lists(st.tuples(SMALL, SMALL, SMALL, SMALL), min_size=2, max_size=6))
def test_the_index_is_exact_for_a_translog(path):
    log_a, log_x = np.array(path)[:, 0], np.array(path)[:, 1:]
    accounts = tfp_growth(translog(log_a, log_x), "y", INPUTS, ["sector"]).table
    np.testing.assert_allclose(accounts["tfp_growth"], np.diff(log_a), atol=1e-12)
    level = pd.DataFrame({"sector": "a", "year": range(2000, 2000 + len(path)), "level": np.exp(log_a)})
    midpoint = midpoint_growth(level, "level", ["sector"]).table["growth"]
    np.testing.assert_allclose(accounts["tfp_midpoint"], midpoint, atol=1e-12)


def test_contributions_add_up_and_units_of_quantities_do_not_matter():
    rng = np.random.default_rng(7)
    panel = translog(rng.normal(size=9), 0.5 * rng.normal(size=(9, 3)))
    accounts = tfp_growth(panel, "y", INPUTS, ["sector"]).table
    parts = accounts[["k_contribution", "l_contribution", "m_contribution", "tfp_growth"]].sum(axis=1)
    np.testing.assert_allclose(parts, accounts["output_growth"], atol=1e-14)
    rescaled = tfp_growth(panel.assign(k=panel.k * 1e6, y=panel.y / 7), "y", INPUTS, ["sector"]).table
    np.testing.assert_allclose(rescaled["tfp_growth"], accounts["tfp_growth"], atol=1e-12)


def test_growth_over_a_gap_is_divided_by_its_years_or_left_out():
    panel = translog([0.0, 0.6, 0.7], np.zeros((3, 3)), years=[2000, 2003, 2004])
    accounts = tfp_growth(panel, "y", INPUTS, ["sector"]).table
    np.testing.assert_allclose(accounts["tfp_growth"], [0.2, 0.1])
    np.testing.assert_allclose(accounts["tfp_midpoint"], [2 * np.tanh(0.3) / 3, 2 * np.tanh(0.05)])
    left_out = tfp_growth(panel, "y", INPUTS, ["sector"], gap="exclude")
    assert left_out.table["year"].tolist() == [2004]
    assert left_out.excluded["year"].tolist() == [2003]


def test_a_dataset_gives_what_a_table_gives():
    panel = pd.concat(
        [translog([0, 1], np.zeros((2, 3))), translog([0, 2], np.ones((2, 3))).assign(sector="b")]
    )
    cube = panel.set_index(["sector", "year"]).to_xarray()
    assert isinstance(cube, xr.Dataset)
    pd.testing.assert_frame_equal(
        tfp_growth(cube, "y", INPUTS, ["sector"]).table, tfp_growth(panel, "y", INPUTS, ["sector"]).table
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda p: p.assign(k=[1.0, -2.0]),
            r"the quantity 'k' of sector 'a', year '2001' is -2; it must be positive",
        ),
        (lambda p: p.assign(y=[0.0, 1.0]), r"the quantity 'y' of sector 'a', year '2000' is 0"),
        (
            lambda p: p.assign(s_k=[0.2, 0.3]),
            r"s_k, s_l, s_m of sector 'a', year '2000' sum to 0.9, not 1; .*cost_shares",
        ),
        (lambda p: p.assign(s_k=-0.1, s_l=0.65), r"the share 's_k' of sector 'a', year '2000' is -0.1"),
        (lambda p: p.assign(s_k=[0.3, np.nan]), r"'s_k' is missing for sector 'a', year '2001'"),
        (lambda p: p.drop(columns="s_m"), r"no column 's_m'\. It has: "),
        (lambda p: pd.concat([p, p]), r"sector 'a', year '2000' more than once"),
    ],
)
def test_bad_accounts_are_refused_by_name(change, message):
    panel = translog([0.0, 0.1], np.zeros((2, 3)))
    with pytest.raises(DataError, match=message):
        tfp_growth(change(panel), "y", INPUTS, ["sector"])


def test_inputs_must_be_named_and_distinct():
    panel = translog([0.0, 0.1], np.zeros((2, 3)))
    with pytest.raises(DataError, match="at least one input"):
        tfp_growth(panel, "y", {}, ["sector"])
    with pytest.raises(DataError, match="'y' is named more than once"):
        tfp_growth(panel, "y", {"y": "s_k"}, ["sector"])


def test_a_wider_tolerance_lets_rounded_shares_through():
    panel = translog([0.0, 0.1], np.zeros((2, 3))).assign(s_k=0.301)
    with pytest.raises(DataError, match=r"sum to 1\.001"):
        tfp_growth(panel, "y", INPUTS, ["sector"])
    assert len(tfp_growth(panel, "y", INPUTS, ["sector"], tolerance=0.002).table) == 1


def test_labour_productivity_is_growth_of_the_ratio():
    panel = pd.DataFrame({"sector": "a", "year": [2000, 2001], "y": [2.0, 6.0], "h": [2.0, 2.0]})
    assert labour_productivity_growth(panel, "y", "h", ["sector"]).table["growth"].tolist() == [1.0]
    with pytest.raises(DataError, match="the quantity 'h' of sector 'a', year '2001' is 0"):
        labour_productivity_growth(panel.assign(h=[1.0, 0.0]), "y", "h", ["sector"])


def test_cost_shares_are_costs_over_their_sum():
    panel = pd.DataFrame({"sector": ["a", "b"], "w": [1.0, 3.0], "r": [3.0, 1.0]})
    shares = cost_shares(panel, {"s_l": "w", "s_k": "r"}, ["sector"])
    assert shares[["s_l", "s_k"]].values.tolist() == [[0.25, 0.75], [0.75, 0.25]]
    for wrong, message in (
        ({"w": [1.0, -3.0]}, "the cost 'w' of sector 'b' is -3"),
        ({"w": [np.nan, 3.0]}, "the cost 'w' of sector 'a' is nan"),
        ({"w": ["x", 3.0]}, "'w' of sector 'a' is 'x', which is not a number"),
        ({"w": [0.0, 1.0], "r": [0.0, 1.0]}, "all costs of sector 'a' are zero"),
    ):
        with pytest.raises(DataError, match=message):
            cost_shares(panel.assign(**wrong), {"s_l": "w", "s_k": "r"}, ["sector"])
    with pytest.raises(DataError, match="no column 'wages'"):
        cost_shares(panel, {"s_l": "wages"})


def test_the_residual_share_has_a_floor_that_is_reported():
    known = pd.DataFrame({"labour": [0.3, 0.6], "materials": [0.5, 0.6]}, index=["a", "b"])
    shares = with_residual_share(known, "capital", 0.1)
    np.testing.assert_allclose(shares[["labour", "materials", "capital"]].sum(axis=1), 1.0)
    assert shares["capital"].tolist() == pytest.approx([0.2, 0.1])
    assert shares.loc["a", "labour"] == 0.3
    assert shares.loc["b", ["labour", "materials"]].tolist() == pytest.approx([0.45, 0.45])
    assert shares["unfloored"].tolist() == pytest.approx([0.2, -0.2])
    assert shares["floored"].tolist() == [False, True]
    with pytest.raises(DataError, match=r"the share 'labour' of 'b' is -0\.1"):
        with_residual_share(known.assign(labour=[0.3, -0.1]), "capital", 0.1)
    with pytest.raises(DataError, match="floor=1 is not a share"):
        with_residual_share(known, "capital", 1.0)


KLEMS = "us_klems/bea_bls_63ind_1963_2023.parquet"
#: Published indices have four decimals, so that each is off by up to half of the last.
HALF = 5e-5


@pytest.fixture(scope="module")
def klems(official_data):
    return read_us_klems(official_data / KLEMS)


def rounding_of_growth(klems, weights):
    """What rounding of indices may do to a change in logs in which each enters with its weight, now and before."""
    level = sum(weight * HALF / (klems[index] - HALF) for index, weight in weights.items())
    return (level + level.groupby(klems["industry"]).shift()).dropna().to_numpy()


def published_log_growth(klems, index):
    return klems.groupby("industry")[index].transform(lambda x: np.log(x).diff()).dropna().to_numpy()


@pytest.mark.parametrize(
    ("output", "factors", "published"),
    [
        ("output", ("capital", "labour", "intermediate"), "published_tfp_output"),
        ("value_added", ("capital", "labour"), "published_tfp_value_added"),
    ],
)
def test_growth_equals_the_published_growth_within_its_rounding(klems, output, factors, published):
    inputs = {x: f"{x}_share" for x in factors}
    panel = cost_shares(klems, {f"{x}_share": f"{x}_cost" for x in factors}, ["industry", "year"])
    ours = tfp_growth(panel, output, inputs, ["industry"], gap="error").table["tfp_growth"]
    theirs = published_log_growth(klems, published)
    assert len(ours) == len(theirs) == 63 * 60
    weights = {output: 1.0, published: 1.0, **{x: panel[share] for x, share in inputs.items()}}
    # Costs are rounded too, which moves shares by up to the gap of the accounts' identity.
    bound = rounding_of_growth(klems, weights) + 1e-4
    assert np.all(np.abs(ours - theirs) <= bound)
    assert np.abs(ours - theirs).median() < 5e-5


def test_output_per_hour_equals_the_published_index_within_its_rounding(klems):
    ours = labour_productivity_growth(klems, "output", "hours", ["industry"]).table["growth"]
    theirs = 2 * np.tanh(published_log_growth(klems, "published_output_per_hour") / 2)
    bound = rounding_of_growth(klems, {"output": 1.0, "hours": 1.0, "published_output_per_hour": 1.0})
    assert np.all(np.abs(ours - theirs) <= bound)
    assert np.abs(ours - theirs).median() < 5e-5
