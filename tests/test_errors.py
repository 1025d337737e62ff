"""Hints in messages: the nearest name, and never one that stands for itself already."""

import pytest
from armington_economy import baseline, systems

from calibration import align, check_baseline
from exacthat.scenario import parse_study
from exacthat.tables import fill
from framework import DataError
from framework.errors import ScenarioError, did_you_mean


def test_a_hint_is_the_nearest_name_that_is_free():
    assert did_you_mean("tarif", ["tariff", "deficit"]) == " Did you mean 'tariff'?"
    assert did_you_mean("tarif", ["tariff", "deficit"], used=["tariff"]) == ""
    assert did_you_mean("tariff", ["tariff"]) == "", "a name is no hint for itself"
    assert did_you_mean("exprt_tax", ["export_tax", "export_ratio"], ["export_tax"]) == "", (
        "nor is the next best"
    )
    assert did_you_mean("income", ["incomes", "labour"], used=["labour"]) == " Did you mean 'incomes'?"


def bind(data, shocks=None, elements=None):
    return systems()[1].bind(data, shocks, elements)


def test_data_that_the_model_reads_are_not_taken_for_what_is_missing():
    """`expenditure` and `expenditure_share` are alike, and each is data of its own."""
    data = baseline(0)
    with pytest.raises(DataError, match=r"it is not in the data\.$"):
        bind(data.drop_vars("expenditure"))
    with pytest.raises(DataError, match=r"it is not in the data\. Did you mean 'expenditures'\?$"):
        bind(data.rename(expenditure="expenditures"))


def test_a_shock_or_label_that_is_given_is_not_proposed():
    with pytest.raises(DataError, match=r"shock 'labor' is unknown; .* trade_cost\.$"):
        bind(baseline(0), {"labour": 1.1, "labor": 1.2})
    with pytest.raises(DataError, match=r"'labour': 'RR1' is not a region \('R0', 'R1', 'R2', 'R3'\)\.$"):
        bind(baseline(0), {"labour": dict.fromkeys(["R0", "R1", "R2", "R3", "RR1"], 1.1)})
    with pytest.raises(ScenarioError, match=r"region has no label 'RR1'\. It has: R0, R1, R2, R3\.$"):
        fill(baseline(0).expenditure, dict.fromkeys(["R0", "R1", "R2", "R3", "RR1"], 1.1), "x.toml")


def test_labels_that_are_all_there_are_not_proposed():
    data = baseline(0)
    more = data.reindex(exporter=[*data.exporter.values, "R11"])
    with pytest.raises(DataError, match=r"has the label 'R11', which dimension 'region' does not have\.$"):
        align(more)


def test_keys_of_a_scenario_file_are_not_taken_for_one_another():
    with pytest.raises(ScenarioError, match=r"'model' is missing; add a line model = "):
        parse_study('data = "x"\n[[scenario]]\nname = "a"\n', "x.toml")
    with pytest.raises(ScenarioError, match=r"'model' is missing; 'modell' is unknown: is it meant\?"):
        parse_study('modell = "x"\n[[scenario]]\nname = "a"\n', "x.toml")


def test_a_data_set_without_title_is_named_by_its_file(tmp_path):
    data = baseline(0)
    data["expenditure"] = -data.expenditure
    with pytest.raises(DataError, match=r"^the baseline: 'expenditure' without negative values"):
        check_baseline(data)
    data.encoding["source"] = "mine.nc"  # as xarray writes on reading a file
    with pytest.raises(
        DataError, match=r"^baseline in file 'mine.nc': 'expenditure' without negative values"
    ):
        check_baseline(data)
    with pytest.raises(DataError, match=r"^baseline 'Europe': 'expenditure' without negative values"):
        check_baseline(data.assign_attrs(title="Europe"))


def test_shares_that_sum_to_zero_are_not_to_be_rescaled():
    """Dividing by their sum would divide by zero."""
    data = baseline(0)
    data["income"] = data.expenditure - data.deficit
    empty = data.assign(expenditure_share=data.expenditure_share.where(data.importer != "R1", 0.0))
    with pytest.raises(DataError) as caught:
        check_baseline(empty)
    assert (
        "'expenditure_share' sums to one over 'exporter': -1 at importer 'R1'; where the shares sum to zero "
        "(importer 'R1') give them, or set 'expenditure' to zero there"
    ) in str(caught.value)
    assert "share.sum" not in str(caught.value)
    with pytest.raises(
        DataError, match=r"rescale it: .*; where the shares sum to zero \(importer 'R1'\) give them"
    ):
        check_baseline(empty.assign(expenditure_share=2 * empty.expenditure_share))
    idle = data.assign(expenditure=data.expenditure.where(data.region != "R2", 0.0))
    with pytest.raises(
        DataError, match=r"1 at importer 'R2'; where 'expenditure' is zero \(importer 'R2'\) set the shares"
    ):
        check_baseline(idle)
