"""Estimates against direct calls of pyfixest, and against regressions on dummies by linear algebra alone."""

import warnings

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
from did_panels import POST, design, synthetic_panel

from empirics.did import (
    DesignError,
    EstimationError,
    dataset,
    estimate_event_study,
    estimate_table,
    fit_columns,
    make_panel,
)
from framework.errors import DataError

UNIT = ("region", "industry")
FIXED = "region^industry + region^year"


def panel_of(frame):
    return make_panel(frame, UNIT)


def direct(call, formula, frame, cluster="region_industry"):
    frame = frame.assign(treatment=frame["sensitivity"] * (frame["year"] >= POST))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(formula, frame, vcov={"CRV1": cluster})


def assert_same(ours, model, terms):
    """Assert that a column equals a model of pyfixest to 1e-10."""
    names = list(model.coef().index)
    at = [names.index(t) for t in terms.values()]
    ours = ours.sel(term=list(terms), other_term=list(terms))
    for name, theirs in (
        ("coefficient", model.coef()),
        ("standard_error", model.se()),
        ("p_value", model.pvalue()),
    ):
        np.testing.assert_allclose(ours[name], theirs.to_numpy()[at], rtol=0, atol=1e-10)
    np.testing.assert_allclose(ours["covariance"], model._vcov[np.ix_(at, at)], rtol=0, atol=1e-10)
    np.testing.assert_allclose(ours["interval"], model.confint().to_numpy()[at], rtol=0, atol=1e-10)
    assert (int(ours["observations"]), int(ours["clusters"])) == (model._N, model._G[0])


def dummies(frame, effects):
    """Return the dummies of fixed effects."""
    parts = [pd.get_dummies(frame[e].astype(str).agg("^".join, axis=1), dtype=float) for e in effects]
    return np.hstack([p.to_numpy() for p in parts])


def clustered(x, score, bread, cluster, effects, frame, regressors):
    """Sandwich with the usual factors; effects within clusters are no parameters (pyfixest's "nonnested")."""
    sums = pd.DataFrame(score).groupby(cluster).sum().to_numpy()
    groups, rows = len(sums), len(x)
    # Effects within clusters cost one degree of freedom together; the others all but one.
    k = regressors + frame[effects[1]].drop_duplicates().shape[0]
    return bread @ sums.T @ sums @ bread * groups / (groups - 1) * (rows - 1) / (rows - k)


def by_dummies(frame, outcome, terms, poisson):
    """Regress on dummies by Newton's method: an oracle that shares nothing with pyfixest."""
    effects = [["region", "industry"], ["region", "year"]]
    x = np.hstack([frame[terms].to_numpy(), dummies(frame, effects)])
    y = frame[outcome].to_numpy()
    mean = (y + y.mean()) / 2
    eta = np.log(mean) if poisson else None
    for _ in range(60 if poisson else 1):
        weight = mean if poisson else np.ones(len(y))
        z = eta + (y - mean) / mean if poisson else y
        root = np.sqrt(weight)
        beta = np.linalg.lstsq(x * root[:, None], z * root, rcond=1e-12)[0]
        eta = x @ beta
        mean = np.exp(eta) if poisson else eta
    bread = np.linalg.pinv((x * weight[:, None]).T @ x, rcond=1e-12)
    cluster = frame["region"] + frame["industry"]
    covariance = clustered(x, x * (y - mean)[:, None], bread, cluster.to_numpy(), effects, frame, len(terms))
    n = len(terms)
    return beta[:n], np.sqrt(np.diag(covariance)[:n])


@pytest.mark.parametrize(("estimator", "outcome"), [("OLS", "growth"), ("PPML", "patents")])
def test_every_column_equals_a_direct_call(estimator, outcome):
    frame = synthetic_panel()
    ours = estimate_table(design(estimator=estimator, outcome=outcome), panel_of(frame))
    call = pf.fepois if estimator == "PPML" else pf.feols
    formula = f"{outcome} ~ treatment + capital + demand | {FIXED}"
    terms = {t: t for t in ("treatment", "capital", "demand")}
    assert_same(ours.sel(column="ALL"), direct(call, formula, frame), terms)
    assert_same(ours.sel(column="NOT R0"), direct(call, formula, frame[frame["region"] != "R0"]), terms)


@pytest.mark.parametrize(("estimator", "outcome"), [("OLS", "growth"), ("PPML", "patents")])
def test_estimates_equal_a_regression_on_dummies(estimator, outcome):
    frame = synthetic_panel(regions=3, industries=8)
    ours = estimate_table(design(estimator=estimator, outcome=outcome), panel_of(frame)).sel(column="ALL")
    assert int(ours["singletons"]) == int(ours["separated"]) == 0
    frame["treatment"] = frame["sensitivity"] * (frame["year"] >= POST)
    beta, error = by_dummies(frame, outcome, ["treatment", "capital", "demand"], estimator == "PPML")
    # pyfixest takes fixed effects out to 1e-6, and its Poisson weights are those of the last step but one.
    np.testing.assert_allclose(ours["coefficient"], beta, atol=1e-6)
    np.testing.assert_allclose(ours["standard_error"], error, rtol=1e-5 if estimator == "OLS" else 1e-4)


@pytest.mark.parametrize(("estimator", "outcome"), [("OLS", "growth"), ("PPML", "patents")])
def test_an_event_study_equals_a_direct_call(estimator, outcome):
    frame = synthetic_panel()
    ours = estimate_event_study(design(estimator=estimator, outcome=outcome), panel_of(frame)).sel(
        column="ALL"
    )
    call = pf.fepois if estimator == "PPML" else pf.feols
    model = direct(call, f"{outcome} ~ i(year, sensitivity, ref=2009) + capital + demand | {FIXED}", frame)
    years = [y for y in ours["year"].values if y != 2009]
    names = [f"year::{y}:sensitivity" for y in years]
    found = ours.sel(year=years, other_year=years)
    np.testing.assert_allclose(found["effect"], model.coef()[names], rtol=0, atol=1e-10)
    np.testing.assert_allclose(found["standard_error"], model.se()[names], rtol=0, atol=1e-10)
    np.testing.assert_allclose(found["p_value"], model.pvalue()[names], rtol=0, atol=1e-10)
    assert (int(ours["observations"]), int(ours["clusters"])) == (model._N, model._G[0])
    reference = ours.sel(year=2009)
    assert float(reference["effect"]) == float(reference["standard_error"]) == 0
    assert bool(reference["estimated"])


def test_the_pretrend_test_is_walds():
    frame = synthetic_panel(regions=8, industries=30)
    ours = estimate_event_study(design(), panel_of(frame)).sel(column="ALL")
    model = direct(pf.feols, f"growth ~ i(year, sensitivity, ref=2009) + capital + demand | {FIXED}", frame)
    names = list(model.coef().index)
    before = [names.index(f"year::{y}:sensitivity") for y in range(2004, 2009)]
    wald = model.wald_test(R=np.eye(len(names))[before], distribution="chi2")
    assert float(ours["pretrend_statistic"]) == pytest.approx(wald["statistic"] / 5, rel=1e-8)
    assert int(ours["pretrend_years"]) == 5
    assert float(ours["effective_clusters"]) >= 10
    assert str(ours["pretrend_verdict"].item()).endswith("rejected at 5%")
    assert 0 < float(ours["pretrend_p_value"]) <= 1


def test_a_verdict_on_the_pretrend_needs_ten_effective_clusters():
    frame = synthetic_panel(regions=6, industries=30)
    rare = frame["industry"].isin(["3400"]) * 50.0 + 0.001 * frame["sensitivity"]
    ours = estimate_event_study(design(), panel_of(frame.assign(sensitivity=rare))).sel(column="ALL")
    assert int(ours["clusters"]) == 180
    assert float(ours["effective_clusters"]) < 10
    assert ours["pretrend_verdict"].item() == "withheld"
    assert np.isnan(float(ours["pretrend_p_value"]))


def test_separated_rows_and_singletons_are_listed():
    frame = synthetic_panel()
    frame.loc[(frame["region"] == "R1") & (frame["industry"] == "3402"), "patents"] = 0
    alone = frame.iloc[[0]].assign(industry="9999", patents=3.0)
    frame = pd.concat([frame, alone], ignore_index=True)
    ours = estimate_table(design(estimator="PPML", outcome="patents"), panel_of(frame)).sel(column="ALL")
    listed = ours.drop_dims(("term", "other_term", "bound")).to_dataframe()
    listed = listed[listed["excluded_column"] == "ALL"]
    separated = listed[listed["excluded_reason"] == "separated"]
    expected = frame[(frame["region"] == "R1") & (frame["industry"] == "3402")]
    assert set(separated["excluded_year"]) == set(expected["year"])
    assert set(zip(separated["excluded_region"], separated["excluded_industry"], strict=True)) == {
        ("R1", "3402")
    }
    assert int(ours["separated"]) == len(separated) == len(expected)
    single = listed[listed["excluded_reason"] == "singleton"]
    assert single["excluded_industry"].tolist() == ["9999"]
    assert int(ours["singletons"]) == 1
    assert int(ours["sample_rows"]) == len(frame)
    assert int(ours["observations"]) + int(ours["excluded_rows"]) == len(frame)
    model = direct(pf.fepois, f"patents ~ treatment + capital + demand | {FIXED}", frame)
    assert (int(ours["observations"]), int(ours["clusters"])) == (model._N, model._G[0])


def test_missing_infinite_and_undefined_rows_are_counted_once_and_listed():
    frame = synthetic_panel()
    unit = (frame["region"] == "R1") & (frame["industry"] == "3403")
    frame.loc[unit, "sensitivity"] = np.nan
    first = frame.index[unit][0]
    frame.loc[[0, first], "growth"] = np.nan
    frame.loc[0, "capital"] = np.nan
    frame.loc[2, "capital"] = np.inf
    frame["other"] = np.where(frame.index == 4, 0.0, 1.0 + frame.index)
    declared = design(controls=["capital", {"build": "log", "of": "other"}], column=[{"name": "ALL"}])
    ours = estimate_table(declared, panel_of(frame))
    reasons = pd.Series(ours["excluded_reason"].values).value_counts().to_dict()
    assert reasons == {
        "sensitivity missing": unit.sum() - 1,
        "growth missing": 2,
        "capital infinite": 1,
        "log_other undefined": 1,
    }
    assert int(ours["observations"].item()) + int(ours["excluded_rows"].item()) == len(frame)


def test_collinear_controls_are_dropped_and_named():
    frame = synthetic_panel().assign(
        twice=lambda f: 2 * f["capital"], fixed=lambda f: f["industry"].astype(float)
    )
    ours = estimate_table(design(controls=["capital", "twice", "fixed"]), panel_of(frame)).sel(column="ALL")
    dropped = ours["term"].values[ours["collinear"].values]
    assert len(dropped) == 2
    assert "fixed" in dropped
    np.testing.assert_array_equal(np.isnan(ours["coefficient"]), ours["collinear"])
    alone = estimate_table(design(controls=["capital"]), panel_of(frame)).sel(column="ALL")
    assert float(ours["coefficient"].sel(term="treatment")) == pytest.approx(
        float(alone["coefficient"].sel(term="treatment")), abs=1e-8
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"column": [{"name": "X", "keep": {"region": "R9"}}]}, "'keep' of the column 'X' names 'R9'.*It holds: R0, R1, R2, R3"),
        ({"column": [{"name": "X", "keep": {"regon": "R1"}}]}, "no column 'regon'.*Did you mean 'region'"),
        ({"column": [{"name": "X", "years": [2010, 2015]}]}, "column 'X': all usable years are from 2010"),
        ({"column": [{"name": "X", "years": [2004, 2009]}]}, "column 'X': all usable years are before 2010"),
        ({"column": [{"name": "X", "years": [1990, 1995]}]}, "column 'X': no row is left"),
        ({"column": [{"name": "X", "keep": {"region": "R1", "industry": "3401"}}]}, "column 'X': nothing is left to estimate from"),
        ({"outcome": "grwth"}, "no column 'grwth' \\(outcome\\). Did you mean 'growth'"),
        ({"controls": ["capitl"]}, "no column 'capitl'.*Did you mean 'capital'"),
        ({"treatment": {"sensitivity": "capital", "post": 2010}}, "'capital' changes over the years"),
        ({"treatment": {"sensitivity": "constant", "post": 2010}}, "treatment.*collinear with the fixed effects"),
        ({"fixed_effects": ["region^industri"]}, "no column 'industri'.*Did you mean 'industry'"),
        ({"cluster": "world"}, "1 cluster of 'world'"),
        ({"outcome": "growth", "estimator": "PPML"}, "'growth' is negative"),
        ({"controls": ["growth"]}, "'growth' is among the controls"),
        ({"controls": ["year"]}, "'year' is a number and a label at once"),
        ({"controls": []}, None),
    ],
)  # fmt: skip
def test_impossible_estimates_say_why(changes, message):
    panel = panel_of(synthetic_panel().assign(constant=1.0, world="W"))
    if message is None:
        assert estimate_table(design(**changes), panel)["term"].values.tolist() == ["treatment"]
        return
    with pytest.raises(DataError, match=message):
        estimate_table(design(**changes), panel)


def test_everything_separated_says_so():
    frame = synthetic_panel().assign(patents=0.0)
    with pytest.raises(
        EstimationError,
        match=r"'patents' is positive in none of the [0-9,]+ rows, and PPML leaves out groups that are zero",
    ):
        estimate_table(design(estimator="PPML", outcome="patents"), panel_of(frame))


def test_an_empty_label_of_a_cluster_is_refused():
    frame = synthetic_panel()
    frame["group"] = frame["region"].where(frame.index != 4)
    with pytest.raises(EstimationError, match="'group' is a fixed effect or cluster and empty in"):
        estimate_table(design(cluster="group"), panel_of(frame))


def test_event_studies_need_their_reference_year():
    panel = panel_of(synthetic_panel().query("year != 2009"))
    with pytest.raises(DataError, match=r"no row of 2009 \(reference year of the event study\)"):
        estimate_event_study(design(), panel)
    with pytest.raises(DesignError, match="has no event study"):
        estimate_event_study(design(event_study=None), panel)
    assert estimate_table(design(), panel).attrs["missing_years"] == "2009"


def test_a_column_without_a_year_has_no_effect_there():
    frame = synthetic_panel()
    frame = frame[~((frame["region"] != "R0") & (frame["year"] == 2004))]
    ours = estimate_event_study(design(), panel_of(frame))
    assert ours["estimated"].sel(year=2004).values.tolist() == [True, False]
    np.testing.assert_array_equal(np.isnan(ours["effect"]), ~ours["estimated"])


def test_the_difference_to_one_label():
    frame = synthetic_panel(share=1.0)
    lost = (frame["region"] == "R2") & (frame["industry"] == "3403") & (frame["year"] == 2007)
    frame = frame[~lost].reset_index(drop=True)
    ours = estimate_table(design(difference={"region": "R2"}, controls=[]), panel_of(frame)).sel(column="ALL")
    reference = frame[frame["region"] == "R2"].set_index(["industry", "year"])["growth"]
    at = pd.MultiIndex.from_frame(frame[["industry", "year"]])
    by_hand = frame.assign(growth=frame["growth"] - reference.reindex(at).to_numpy()).dropna()
    model = direct(pf.feols, f"growth ~ treatment | {FIXED}", by_hand)
    assert_same(ours, model, {"treatment": "treatment"})
    # The reference itself stays, with a difference of zero; only what has no partner is left out.
    assert int(ours["observations"]) == len(frame) - 3


def test_multiway_clusters_equal_a_direct_call():
    frame = synthetic_panel()
    ours = estimate_table(design(cluster=["region^industry", "year"]), panel_of(frame)).sel(column="ALL")
    model = direct(
        pf.feols, f"growth ~ treatment + capital + demand | {FIXED}", frame, "region_industry + year"
    )
    np.testing.assert_allclose(ours["standard_error"], model.se(), rtol=0, atol=1e-10)
    assert int(ours["clusters"]) == min(model._G)


def test_a_cluster_need_not_be_a_fixed_effect():
    frame = synthetic_panel()
    frame["pair"] = frame["industry"] + frame["year"].astype(str)
    ours = estimate_table(design(cluster="industry^year"), panel_of(frame)).sel(column="ALL")
    model = direct(pf.feols, f"growth ~ treatment + capital + demand | {FIXED}", frame, "pair")
    np.testing.assert_allclose(ours["standard_error"], model.se(), rtol=0, atol=1e-10)


def test_any_name_of_a_column_will_do():
    frame = synthetic_panel()
    plain = estimate_table(design(), panel_of(frame))
    odd = frame.rename(columns={"growth": "TFP growth (%)", "capital": "lambda", "demand": "region_industry"})
    odd["1st"] = odd["region"]
    declared = design(
        outcome="TFP growth (%)",
        controls=["lambda", "region_industry"],
        fixed_effects=["1st^industry", "1st^year"],
    )
    ours = estimate_table(declared, panel_of(odd))
    np.testing.assert_allclose(ours["coefficient"], plain["coefficient"], atol=1e-8)
    np.testing.assert_allclose(ours["standard_error"], plain["standard_error"], rtol=1e-6)
    assert ours["term"].values.tolist() == ["treatment", "lambda", "region_industry"]


def test_the_order_of_rows_does_not_matter():
    frame = synthetic_panel()
    shuffled = frame.sample(frac=1, random_state=1)
    for run in (estimate_table, estimate_event_study):
        one, two = run(design(), panel_of(frame)), run(design(), panel_of(shuffled))
        for name in ("coefficient", "effect", "standard_error"):
            if name in one:
                np.testing.assert_allclose(one[name], two[name], atol=1e-6)


def test_a_panel_is_not_changed():
    frame = synthetic_panel()
    before = frame.copy()
    estimate_table(design(), panel_of(frame))
    pd.testing.assert_frame_equal(frame, before)


def test_one_deviation_counts_every_industry_once():
    frame = synthetic_panel()
    declared = design(
        treatment={"sensitivity": "sensitivity", "post": POST, "assigned_to": "industry", "scale": 0.01}
    )
    ours = estimate_table(declared, panel_of(frame)).sel(column="ALL")
    deviation = frame.drop_duplicates("industry")["sensitivity"].std() / 100
    slope = float(ours["coefficient"].sel(term="treatment"))
    assert float(ours["treatment_deviation"]) == pytest.approx(deviation, rel=1e-12)
    assert float(ours["effect_of_one_deviation"]) == pytest.approx(slope * deviation, rel=1e-12)
    count = estimate_table(design(estimator="PPML", outcome="patents"), panel_of(frame)).sel(column="ALL")
    slope = float(count["coefficient"].sel(term="treatment"))
    assert float(count["effect_of_one_deviation"]) == pytest.approx(
        100 * np.expm1(100 * deviation * slope), rel=1e-12
    )


def test_scaling_the_sensitivity_scales_the_coefficient_only():
    panel = panel_of(synthetic_panel())
    scaled = {"sensitivity": "sensitivity", "post": POST, "assigned_to": "industry", "scale": 0.01}
    one, two = estimate_table(design(), panel), estimate_table(design(treatment=scaled), panel)
    np.testing.assert_allclose(
        two["coefficient"].sel(term="treatment"), 100 * one["coefficient"].sel(term="treatment"), rtol=1e-6
    )
    np.testing.assert_allclose(two["effect_of_one_deviation"], one["effect_of_one_deviation"], rtol=1e-6)
    np.testing.assert_allclose(
        two["p_value"].sel(term="treatment"), one["p_value"].sel(term="treatment"), rtol=1e-5
    )


def test_a_treatment_variable_as_it_stands():
    frame = synthetic_panel()
    start = frame["industry"].map({"3400": 2008, "3401": 2012}).fillna(9999)
    frame["adopted"] = (frame["year"] >= start).astype(float)
    declared = design(treatment={"variable": "adopted"}, event_study=None)
    ours = estimate_table(declared, panel_of(frame)).sel(column="ALL")
    model = direct(pf.feols, f"growth ~ adopted + capital + demand | {FIXED}", frame)
    assert_same(ours, model, {"treatment": "adopted", "capital": "capital", "demand": "demand"})
    assert ours.attrs["treatment"] == "adopted"


def test_synthetic_panels_say_so():
    assert estimate_table(design(), panel_of(synthetic_panel())).attrs["data"] == "synthetic"
    declared = design(data="growth of 2012")
    assert estimate_table(declared, panel_of(synthetic_panel())).attrs["data"] == "synthetic; growth of 2012"


def test_fits_keep_pyfixests_model():
    fits = fit_columns(design(), panel_of(synthetic_panel()))
    assert dataset(fits)["observations"].values.tolist() == [f.fit.model._N for f in fits]
