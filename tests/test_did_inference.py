"""Inference for treatments that rest on few units: against refits and enumeration."""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from did_panels import POST, design, synthetic_panel

from empirics.did import EstimationError, fit_columns, make_panel, robust_inference
from empirics.did.inference import cluster_numbers, effective_clusters
from empirics.did.jackknife import leave_one_out

UNIT = ("region", "industry")
ONE = [{"name": "ALL"}]


def fitted(frame, **changes):
    return fit_columns(design(column=ONE, **changes), make_panel(frame, UNIT))[0]


def refit_without(frame, rows, **changes):
    """Estimate the treatment's coefficient on the other rows, by the whole chain."""
    return fitted(frame[~rows].reset_index(drop=True), **changes).fit.coefficient[0]


def crv3_of_pyfixest(column):
    """Ask pyfixest for CRV3, which refits without every cluster."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return column.fit.model.vcov({"CRV3": "region_industry"})._se.copy()


@pytest.mark.parametrize("share", [1.0, 0.7])
def test_crv3_equals_pyfixests_refits(share):
    column = fitted(synthetic_panel(regions=3, industries=7, share=share))
    ours = robust_inference([column])
    assert float(ours["crv3_standard_error"].item()) == pytest.approx(crv3_of_pyfixest(column)[0], rel=1e-5)


def test_every_coefficient_without_every_cluster_is_that_of_a_refit():
    frame = synthetic_panel(regions=3, industries=5, share=0.8)
    column = fitted(frame)
    number = cluster_numbers(column, "region^industry")
    changes = leave_one_out(column.fit, number)
    pairs = frame.loc[column.used, ["region", "industry"]].to_numpy()
    for g in range(number.max() + 1):
        region, industry = pairs[number == g][0]
        out = (frame["region"] == region) & (frame["industry"] == industry)
        refit = fitted(frame[~out].reset_index(drop=True)).fit.coefficient
        np.testing.assert_allclose(column.fit.coefficient + changes[g], refit, atol=2e-6)


@pytest.mark.parametrize(
    ("cluster", "effects"),
    [
        ("region", ["region^industry", "region^year"]),
        ("industry", ["region^industry", "region^year"]),
        ("region^industry", ["region^industry", "year"]),
        ("region^industry", ["region", "industry", "year"]),
        ("year", ["region^industry", "year"]),
    ],
)
def test_the_jackknife_holds_for_any_clusters_and_effects(cluster, effects):
    frame = synthetic_panel(regions=4, industries=6, share=0.9)
    column = fitted(frame, cluster=cluster, fixed_effects=effects)
    number = cluster_numbers(column, cluster)
    changes = leave_one_out(column.fit, number)
    labels = frame.loc[column.used, cluster.split("^")].astype(str).agg("^".join, axis=1).to_numpy()
    all_labels = frame[cluster.split("^")].astype(str).agg("^".join, axis=1)
    for g in range(number.max() + 1):
        out = all_labels == labels[number == g][0]
        refit = refit_without(frame, out, cluster=cluster, fixed_effects=effects)
        assert column.fit.coefficient[0] + changes[g, 0] == pytest.approx(refit, abs=5e-6)


def test_under_ppml_one_step_is_near_and_the_extremes_are_exact():
    frame = synthetic_panel(regions=4, industries=12)
    changes = {"estimator": "PPML", "outcome": "patents"}
    column = fitted(frame, **changes)
    ours = robust_inference([column])
    assert float(ours["crv3_standard_error"].item()) == pytest.approx(crv3_of_pyfixest(column)[0], rel=0.05)
    for side in ("lowest", "highest"):
        region, industry = ours[f"leave_out_{side}_cluster"].item().split(", ")
        out = (frame["region"] == region) & (frame["industry"] == industry)
        assert float(ours[f"leave_out_{side}"].item()) == pytest.approx(
            refit_without(frame, out, **changes), abs=1e-6
        )


def test_the_range_without_one_cluster_is_the_range_of_all_refits():
    frame = synthetic_panel(regions=3, industries=6)
    ours = robust_inference([fitted(frame)])
    refits = {}
    for region, industry in itertools.product(frame["region"].unique(), frame["industry"].unique()):
        out = (frame["region"] == region) & (frame["industry"] == industry)
        refits[f"{region}, {industry}"] = refit_without(frame, out)
    lowest, highest = min(refits, key=refits.get), max(refits, key=refits.get)
    assert ours["leave_out_lowest_cluster"].item() == lowest
    assert ours["leave_out_highest_cluster"].item() == highest
    assert float(ours["leave_out_lowest"].item()) == pytest.approx(refits[lowest], abs=1e-6)
    assert float(ours["leave_out_highest"].item()) == pytest.approx(refits[highest], abs=1e-6)


def test_an_estimate_that_hangs_on_one_cluster_is_not_jackknifed():
    frame = synthetic_panel(regions=1, industries=8)
    frame["sensitivity"] = (frame["industry"] == "3402").astype(float)
    ours = robust_inference([fitted(frame)])
    assert np.isnan(ours["crv3_standard_error"].item())
    assert "without R0, 3402 the treatment has no estimate" in ours["note"].item()
    assert np.isnan(ours["estimate_without"].values[0, 0])
    assert float(ours["largest_share"].item()) == pytest.approx(1.0, abs=0.2)


def test_multiway_clusters_have_no_jackknife():
    ours = robust_inference([fitted(synthetic_panel(), cluster=["region^industry", "year"])])
    assert np.isnan(ours["crv3_standard_error"].item())
    assert "multi-way" in ours["note"].item()


def test_effects_that_hang_together_too_far_are_refused(monkeypatch):
    monkeypatch.setattr("empirics.did.jackknife.LARGEST_COMPONENT", 3)
    column = fitted(synthetic_panel())
    with pytest.raises(EstimationError, match="12 groups of fixed effects hang together"):
        leave_one_out(column.fit, cluster_numbers(column, "region^industry"))
    assert "hang together" in robust_inference([column])["note"].item()


def residual(column):
    """Return the treatment given the fixed effects and controls, by least squares on dummies."""
    panel, used = column.values.panel, column.used
    frame = panel.frame.iloc[used]
    effects = [
        frame["region"].astype(str) + frame["industry"].astype(str),
        frame["region"].astype(str) + frame["year"].astype(str),
    ]
    others = np.hstack([
        *(pd.get_dummies(e, dtype=float).to_numpy() for e in effects),
        frame[["capital", "demand"]].to_numpy(),
    ])  # fmt: skip
    x = (column.values.intensity * column.values.active)[used]
    return x - others @ np.linalg.lstsq(others, x, rcond=None)[0], frame


def test_effective_numbers_and_shares_come_from_the_treatments_own_variance():
    column = fitted(synthetic_panel())
    x, frame = residual(column)
    parts = (
        pd.Series(x**2)
        .groupby((frame["region"].astype(str) + frame["industry"].astype(str)).to_numpy())
        .sum()
    )
    expected = parts.sum() ** 2 / (parts**2).sum()
    assert effective_clusters(column, ["treatment"])[0] == pytest.approx(expected, rel=1e-6)
    ours = robust_inference([column])
    assert float(ours["effective_clusters"].item()) == pytest.approx(expected, rel=1e-6)
    industries = (
        pd.Series(x**2).groupby(frame["industry"].astype(str).to_numpy()).sum().sort_values(ascending=False)
    )
    assert ours["largest_unit"].values[0].tolist() == industries.index[:2].tolist()
    np.testing.assert_allclose(
        ours["largest_unit_share"].values[0], industries[:2] / industries.sum(), rtol=1e-6
    )
    units = industries.sum() ** 2 / (industries**2).sum()
    assert float(ours["effective_units"].item()) == pytest.approx(units, rel=1e-6)


def test_equal_parts_count_every_cluster():
    frame = synthetic_panel(regions=2, industries=8, share=1.0)
    frame["sensitivity"] = frame["industry"].astype(int).mod(2).astype(float)
    column = fitted(frame, controls=[])
    assert effective_clusters(column, ["treatment"])[0] == pytest.approx(16, rel=1e-9)


def test_the_estimate_without_the_largest_unit_is_that_of_a_refit():
    frame = synthetic_panel()
    ours = robust_inference([fitted(frame)])
    for rank in range(2):
        out = frame["industry"] == ours["largest_unit"].values[0, rank]
        assert ours["estimate_without"].values[0, rank] == pytest.approx(refit_without(frame, out), abs=1e-6)


def test_permutations_agree_with_the_enumeration_of_all_assignments():
    frame = synthetic_panel(regions=3, industries=5, effect=0.3, seed=4)
    column = fitted(frame)
    ours = robust_inference([fitted(frame, inference={"permutations": 4000, "crv3": False})])
    of_industry = frame.drop_duplicates("industry").set_index("industry")["sensitivity"]
    slopes = []
    for order in itertools.permutations(of_industry.to_numpy()):
        moved = dict(zip(of_industry.index, order, strict=True))
        slopes.append(fitted(frame.assign(sensitivity=frame["industry"].map(moved))).fit.coefficient[0])
    exact = np.mean(np.abs(slopes) >= abs(column.fit.coefficient[0]) - 1e-6)
    found = float(ours["permutation_p_value_coefficient"].item())
    assert abs(found - exact) < 4 * np.sqrt(exact * (1 - exact) / 4000) + 1 / 4000


@pytest.mark.parametrize(("estimator", "outcome"), [("OLS", "growth"), ("PPML", "patents")])
def test_permutation_p_values_are_uniform_without_an_effect(estimator, outcome):
    p = []
    for seed in range(40):
        frame = synthetic_panel(regions=2, industries=9, effect=0.0, seed=seed)
        inference = {"permutations": 99, "crv3": False, "largest": 0, "seed": seed}
        ours = robust_inference([fitted(frame, estimator=estimator, outcome=outcome, inference=inference)])
        p.append((ours["permutation_p_value"].item(), ours["permutation_p_value_coefficient"].item()))
    shares = np.mean(np.array(p) <= 0.5, axis=0)
    # 40 draws of a share of one half: four standard errors are 0.32.
    assert (np.abs(shares - 0.5) < 0.32).all()
    assert np.array(p).min() >= 0.01


def test_permutations_are_the_same_every_time():
    column = fitted(synthetic_panel(), inference={"permutations": 49, "crv3": False, "largest": 0})
    one, two = robust_inference([column]), robust_inference([column])
    assert one["permutation_p_value"].item() == two["permutation_p_value"].item()


def test_batches_do_not_change_the_permutations(monkeypatch):
    column = fitted(synthetic_panel(), inference={"permutations": 49, "crv3": False, "largest": 0})
    whole = robust_inference([column])
    monkeypatch.setattr("empirics.did.inference.BATCH", 2000)
    assert robust_inference([column])["permutation_p_value"].item() == whole["permutation_p_value"].item()


def test_a_sensitivity_by_region_and_industry_moves_by_industry():
    frame = synthetic_panel(share=1.0)
    frame["sensitivity"] *= frame["region"].map({"R0": 1.0, "R1": 2.0, "R2": 3.0, "R3": 4.0})
    ours = robust_inference([fitted(frame)])
    assert 0 < ours["permutation_p_value"].item() <= 1
    assert ours["note"].item() == ""
    holes = frame[~((frame["region"] == "R1") & (frame["industry"] == "3404"))].reset_index(drop=True)
    ours = robust_inference([fitted(holes)])
    assert np.isnan(ours["permutation_p_value"].item())
    assert "lacks some of the combinations" in ours["note"].item()


def test_a_treatment_variable_has_no_permutations():
    frame = synthetic_panel()
    frame["x"] = frame["sensitivity"] * (frame["year"] >= POST)
    ours = robust_inference([fitted(frame, treatment={"variable": "x"}, event_study=None)])
    assert np.isnan(ours["permutation_p_value"].item())
    assert ours["crv3_standard_error"].item() > 0


def test_what_comes_next_is_told():
    told = []
    robust_inference([fitted(synthetic_panel())], told.append)
    assert [t.split(":")[0] for t in told] == ["ALL"] * 3
