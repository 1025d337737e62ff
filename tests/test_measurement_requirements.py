"""Direct and total requirements, their certificate, and the way from BEA codes to SIC sectors."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from small_accounts import IMPORTED, SECONDARY, small_accounts, small_sales, small_use

from empirics.measurement.accounts import commodity_output, industry_output
from empirics.measurement.extension import (
    ELEMENT_CODES,
    ELEMENTS,
    MAGNETS,
    OTHER_METALS,
    element_code,
    extend,
)
from empirics.measurement.requirements import (
    TableCertificate,
    by_sector,
    certify,
    coefficients,
    downstream,
    output_of,
    spectral_radius,
    total_requirements,
)
from framework.errors import DataError


@pytest.fixture(scope="module")
def accounts() -> xr.Dataset:
    return small_accounts()


@pytest.fixture(scope="module")
def extended(accounts) -> xr.Dataset:
    return extend(accounts, small_use(), small_sales(accounts))


def test_five_rows_equal_the_sum_over_rounds_of_production(extended):
    direct = coefficients(extended).values
    rounds, total = np.eye(len(direct)), np.zeros_like(direct)
    for _ in range(200):
        total, rounds = total + rounds, rounds @ direct
    labels = list(extended["commodity"].values)
    expected = total[[labels.index(c) for c in ELEMENT_CODES]]
    np.testing.assert_allclose(total_requirements(extended).values, expected, rtol=1e-12)


def test_requirements_per_industry_are_those_of_its_inputs(extended):
    per_commodity = total_requirements(extended)
    inputs = extended["use"].sel(industry=SECONDARY) / industry_output(extended).sel(industry=SECONDARY)
    expected = (per_commodity.rename(bea="commodity") * inputs).sum("commodity")
    found = total_requirements(extended, "industry").sel(bea=SECONDARY)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_direct_coefficients_weight_the_technologies_of_all_makers(extended):
    direct = coefficients(extended)
    made = extended["make"].sel(commodity="311111")
    expected = sum(
        float(extended["use"].sel(commodity="324110", industry=i))
        / float(industry_output(extended).sel(industry=i))
        * float(made.sel(industry=i))
        / float(made.sum())
        for i in extended["industry"].values
    )
    assert float(direct.sel(input="324110", commodity="311111")) == pytest.approx(expected)


def test_commodities_without_domestic_output_require_nothing(extended):
    direct = coefficients(extended)
    for code in (IMPORTED, element_code("Nd")):
        assert float(commodity_output(extended).sel(commodity=code)) == 0.0
        assert not direct.sel(commodity=code).any()
    assert float(total_requirements(extended).sel(element="Nd", bea=element_code("Nd"))) == 1.0


@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_order_of_labels_does_not_matter(seed):
    accounts = small_accounts(seed)
    table = extend(accounts, small_use(), small_sales(accounts))
    rng = np.random.default_rng(seed)
    order = {dim: rng.permutation(table[dim].values) for dim in ("commodity", "industry")}
    shuffled = total_requirements(table.sel(order))
    expected = total_requirements(table)
    np.testing.assert_allclose(shuffled.sel(bea=expected["bea"]), expected, rtol=1e-10, atol=1e-15)


def test_requirements_are_homogeneous_of_degree_zero_in_the_table(accounts, extended):
    doubled = extend(2 * accounts, 2 * small_use(), 2 * small_sales(accounts))
    np.testing.assert_allclose(total_requirements(doubled), total_requirements(extended), rtol=1e-12)


def test_certificate_of_a_good_table_holds(accounts, extended):
    certificate = certify(accounts, extended, total_requirements(extended))
    certificate.require()
    direct = coefficients(extended).values
    assert certificate.spectral_radius == pytest.approx(abs(np.linalg.eigvals(direct)).max())
    assert certificate.smallest_ree == 0.0
    assert certificate.negative_uses == 0


def test_spectral_radius_finds_complex_eigenvalues():
    turn = np.array([[0.0, -0.9, 0.0, 0.1], [0.9, 0.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.0], [0.0, 0.0, 0.1, 0.3]])
    assert spectral_radius(turn) == pytest.approx(abs(np.linalg.eigvals(turn)).max())


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"row_gap": 1e-6}, "does not balance: row_gap is 1e-06"),
        ({"column_gap": 1e-6}, "does not balance: column_gap"),
        ({"spectral_radius": 1.2}, "spectral radius of the coefficients is 1.200"),
        ({"smallest_ree": -0.1}, "total requirement of an element is negative"),
    ],
)
def test_a_certificate_that_fails_is_an_error(change, text):
    good = {
        "row_gap": 0.0,
        "column_gap": 0.0,
        "row_gap_before": 0.0,
        "column_gap_before": 0.0,
        "spectral_radius": 0.5,
        "smallest_ree": 0.0,
        "smallest_inverse": 0.0,
        "negative_uses": 0,
    }
    with pytest.raises(DataError, match=text):
        TableCertificate(**{**good, **change}).require()


PAIRS = pd.DataFrame(
    [
        ("332999", "3499"),
        ("311111", "3499"),
        ("332999", "3431"),
        ("335911", "3691"),
        ("335911", "3700"),
        ("336390", "3700"),
    ],
    columns=["bea", "sic"],
)


def test_sectors_average_their_codes_by_output(accounts, extended):
    rows, output = total_requirements(extended), output_of(accounts, "commodity")
    sectors = by_sector(downstream(rows, output_of(extended, "commodity")), output, PAIRS)
    assert list(sectors["sector"].values) == ["3431", "3499", "3691", "3700"]
    weight = output.sel(bea=["335911", "336390"]).values
    expected = (rows.sel(bea=["335911", "336390"]).values * weight).sum(1) / weight.sum()
    np.testing.assert_allclose(sectors.sel(sector="3700"), expected, rtol=1e-12)
    np.testing.assert_allclose(sectors.sel(sector="3691"), rows.sel(bea="335911"), rtol=1e-12)


def test_magnets_belong_to_one_sector_only(accounts, extended):
    rows, made = total_requirements(extended), output_of(extended, "commodity")
    sectors = by_sector(downstream(rows, made), output_of(accounts, "commodity"), PAIRS)
    np.testing.assert_allclose(sectors.sel(sector="3431"), rows.sel(bea=OTHER_METALS), rtol=1e-12)
    parts = made.sel(bea=[MAGNETS, OTHER_METALS])
    whole = (rows.sel(bea=[MAGNETS, OTHER_METALS]) * parts).sum("bea") / parts.sum()
    np.testing.assert_allclose(sectors.sel(sector="3499"), whole, rtol=1e-12)


def test_equal_weights_are_a_plain_mean(accounts, extended):
    rows = downstream(total_requirements(extended), output_of(extended, "commodity"))
    sectors = by_sector(rows, output_of(accounts, "commodity"), PAIRS, weights="equal")
    expected = rows.sel(bea=["335911", "336390"]).mean("bea")
    np.testing.assert_allclose(sectors.sel(sector="3700"), expected, rtol=1e-12)


def test_order_and_repetition_of_pairs_do_not_matter(accounts, extended):
    rows = downstream(total_requirements(extended), output_of(extended, "commodity"))
    output = output_of(accounts, "commodity")
    twice = pd.concat([PAIRS, PAIRS]).sample(frac=1.0, random_state=1)
    xr.testing.assert_allclose(by_sector(rows, output, twice), by_sector(rows, output, PAIRS), rtol=1e-12)


def test_a_pair_with_an_unknown_code_is_named(accounts, extended):
    rows = downstream(total_requirements(extended), output_of(extended, "commodity"))
    pairs = pd.DataFrame([("336391", "3714")], columns=["bea", "sic"])
    with pytest.raises(DataError, match=r"'336391' is paired with SIC 3714, .* Did you mean '336390'"):
        by_sector(rows, output_of(accounts, "commodity"), pairs)


def test_elements_are_in_the_interface_order(extended):
    assert (
        list(total_requirements(extended)["element"].values)
        == list(ELEMENTS)
        == ["La", "Ce", "Nd", "Pr", "Dy"]
    )
