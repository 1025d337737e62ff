"""Parameters: the published values, lookups by sector and region, and the messages about bad settings."""

import numpy as np
import pytest

from calibration import default_parameters, sector_concordance
from calibration.labels import read_table, region_concordance, sector_names
from calibration.parameter import trade_elasticities
from calibration.parameters import stability_bound
from framework.errors import DataError, ScenarioError

SECTORS = list(dict.fromkeys(sector_concordance().values()))
REGIONS = ["CHN", "EU27", "JPN", "USA", "ROW"]


def test_the_slides_table():
    parameters = default_parameters()
    eps = parameters.by_sector("ree_elasticity", SECTORS).to_series()
    gamma = parameters.by_sector("ree_share", SECTORS).to_series()
    assert list(eps) == [0.75, 0.80, 0.86, 0.86, 0.94, 0.96, 0.98, 0.99, 1.12, 1.16, 1.25, 1.28, 1.0, 1.0]
    assert list(gamma[:9]) == [0.0071, 0.0074, 0.0021, 0.0005, 0.0004, 0.0001, 0.0006, 0.0003, 0.0003]
    assert (gamma[9:] == 0).all()
    assert "NBER 33877" in parameters["ree_elasticity"].source


def test_headline_values_and_their_sources():
    parameters = default_parameters()
    assert [parameters.scalar(f"{n}") for n in ("variety_elasticity", "variety_productivity", "research_elasticity")] == [
        4.0, 1.0, 1.0,
    ]  # fmt: skip
    assert set(parameters.by_sector("trade_elasticity", SECTORS).values) == {5.0}
    assert parameters.endowment_share(REGIONS).values.tolist() == [0.97, 0, 0, 0, 0.03]
    table = parameters.to_frame()
    assert table.source.str.len().min() > 0
    assert "5.03" in table.source["trade_elasticity"]
    assert "trade_elasticity" in repr(parameters)


def test_endowment_lies_between_the_two_sources_for_2009():
    mined = read_table("ree_mine_production_2009.csv").set_index("wiod_country")
    usgs, bgs = mined.loc["CHN"] / mined.sum()
    assert usgs < 0.97 < bgs


def test_concordances_are_complete():
    assert len(region_concordance()) == 41
    assert set(region_concordance().values()) == set(REGIONS)
    assert len(sector_concordance()) == len(sector_names()) == 35
    assert len(SECTORS) == 14


def test_wiod_codes_take_the_value_of_their_sector():
    codes = list(sector_concordance())
    gamma = default_parameters().by_sector("ree_share", codes).to_series()
    assert gamma["20"] == gamma["21t22"] == 0.0003
    assert gamma["27t28"] == 0.0074
    assert gamma[["AtB", "51", "P"]].tolist() == [0, 0, 0]


def test_endowment_of_a_group_is_divided_by_mine_production():
    share = default_parameters().endowment_share(list(region_concordance())).to_series()
    assert share.sum() == pytest.approx(1, abs=1e-14)
    assert share["CHN"] == 0.97
    assert share["IND"] / share["RUS"] == pytest.approx(2700 / 2600)
    assert share[["AUS", "DEU", "USA"]].tolist() == [0, 0, 0]


def test_caliendo_parro_alternative():
    theta = default_parameters().override({"trade_elasticity": "caliendo-parro"})
    values = theta.by_sector("trade_elasticity", SECTORS).to_series()
    assert values["Agriculture"] == 8.11
    assert values["Textiles and textile products"] == 5.56
    assert values["Transport equipment"] == pytest.approx((1.01 + 0.37) / 2)
    assert values["Mining, petroleum and coal products"] == pytest.approx((15.72 + 51.08) / 2)
    assert values["Services"] == 5.0
    error = theta["trade_elasticity"].standard_error
    assert error["Transport equipment"] == pytest.approx(np.hypot(0.80, 1.08) / 2)
    assert set(trade_elasticities()) == {"head-mayer", "caliendo-parro"}


def test_overrides_by_number_and_by_label():
    parameters = default_parameters().override(
        {
            "trade_elasticity": {"Services": 8},
            "ree_elasticity": {"Machinery": 0.5},
            "ree_endowment_share": {"CHN": 1.0},
        }
    )
    assert parameters.by_sector("trade_elasticity", ["Services", "Machinery"]).values.tolist() == [8.0, 5.0]
    assert parameters.by_sector("ree_elasticity", ["Machinery", "Services"]).values.tolist() == [0.5, 1.0]
    assert parameters.endowment_share(REGIONS).values.tolist() == [1.0, 0, 0, 0, 0]
    assert parameters["ree_elasticity"].source.startswith("scenario (Machinery); otherwise ")
    assert (
        default_parameters().override({"ree_elasticity": 1.0}).by_sector("ree_elasticity", ["Machinery"])
        == 1.0
    )


def test_own_labels_can_be_given():
    parameters = default_parameters().override(
        {"ree_share": {"Magnets": 0.1}, "ree_elasticity": {"Magnets": 0.5}, "ree_endowment_share": {"North": 1.0}},
        sectors=["Magnets"], regions=["North", "South"],
    )  # fmt: skip
    assert parameters.by_sector("ree_share", ["Magnets"]).values.tolist() == [0.1]
    assert parameters.endowment_share(["North", "South"]).values.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"trade_elastcity": 5.0},
            "unknown key 'trade_elastcity' in [parameters]. Did you mean 'trade_elasticity'? Known keys: "
            "baseline_export_tax, baseline_tariff, input_elasticity, ree_elasticity, ree_endowment_share, ree_share, "
            "ree_supply_elasticity, ree_trade_elasticity, ree_use_share, research_elasticity, scale_effect, "
            "selection_effect, trade_elasticity, "
            "variety_elasticity, variety_productivity.",
        ),
        (
            {"ree_elasticity": {"Machnery": 0.5}},
            "unknown sector 'Machnery' in parameter 'ree_elasticity'. Did you mean 'Machinery'?",
        ),
        (
            {"ree_endowment_share": {"CHNA": 1.0}},
            "unknown region 'CHNA' in parameter 'ree_endowment_share'. Did you mean 'CHN'?",
        ),
        (
            {"ree_share": {"Machinery": 1.0}},
            "[parameters] parameter 'ree_share' of sector 'Machinery' is 1; it must lie in [0, 1).",
        ),
        (
            {"ree_share": {"Machinery": -0.1}},
            "[parameters] parameter 'ree_share' of sector 'Machinery' is -0.1; it must lie in [0, 1).",
        ),
        (
            {"ree_elasticity": {"Machinery": 2.0}},
            "parameter 'ree_elasticity' of sector 'Machinery' is 2; it must not be negative, and below the stability bound "
            "1 + 1/(phi kappa) = 2; lower it, or lower variety_productivity (phi) or research_elasticity (kappa).",
        ),
        (
            {"variety_productivity": 4.0},
            "parameter 'ree_elasticity' of sector 'Furniture and miscellaneous manufacturing' is 1.25; ",
        ),
        ({"variety_elasticity": 1.0}, "parameter 'variety_elasticity' is 1; it must be above 1"),
        ({"trade_elasticity": 0}, "parameter 'trade_elasticity' is 0; it must be positive."),
        ({"research_elasticity": -1}, "parameter 'research_elasticity' is -1; it must not be negative."),
        (
            {"ree_endowment_share": {"CHN": 0.97}},
            "parameter 'ree_endowment_share' sums to 0.97 over regions; the shares must sum to 1.",
        ),
        ({"ree_endowment_share": 0.97}, "parameter 'ree_endowment_share' needs a table by region"),
        (
            {"variety_elasticity": "4"},
            "parameter 'variety_elasticity' is '4', which is not a finite number; write it as a number, without quotes.",
        ),
        (
            {"ree_share": {"Machinery": float("nan")}},
            "parameter 'ree_share' of sector 'Machinery' is nan, which is not",
        ),
        (
            {"variety_elasticity": True},
            "parameter 'variety_elasticity' is True, which is not a finite number",
        ),
        (
            {"variety_elasticity": {"Machinery": 4.0}},
            "parameter 'variety_elasticity' is a single number and cannot vary by label; give one number.",
        ),
        (
            {"trade_elasticity": "caliendo-paro"},
            "unknown alternative 'caliendo-paro' for parameter 'trade_elasticity'. Did you mean 'caliendo-parro'? "
            "Known alternatives: head-mayer, caliendo-parro; or give a number, or a table by sector.",
        ),
    ],
)
def test_a_bad_setting_names_the_parameter_the_label_and_the_fix(settings, message):
    with pytest.raises(ScenarioError) as error:
        default_parameters().override(settings)
    assert message in str(error.value)


def test_the_stability_bound_follows_phi_and_kappa():
    parameters = default_parameters()
    assert stability_bound(parameters) == 2.0
    slow = parameters.override({"research_elasticity": 0.5, "ree_elasticity": {"Machinery": 2.9}})
    assert stability_bound(slow) == 3.0
    assert stability_bound(parameters.override({"research_elasticity": 0})) == np.inf


def test_a_value_for_a_sector_that_the_data_lack_is_an_error_not_ignored():
    parameters = default_parameters().override({"ree_share": {"AtB": 0.001}})
    with pytest.raises(DataError) as error:
        parameters.by_sector("ree_share", SECTORS)
    assert "parameter 'ree_share' has a value for sector 'AtB', which the data do not have" in str(
        error.value
    )
    assert parameters.by_sector("ree_share", list(sector_concordance())).sel(sector="AtB") == 0.001


def test_a_group_without_mines_must_be_given_by_country():
    parameters = default_parameters().override({"ree_endowment_share": {"CHN": 0.9, "EU27": 0.1}})
    with pytest.raises(
        DataError, match="'ree_endowment_share' has a value for region 'EU27', which the data do not have"
    ):
        parameters.endowment_share(list(region_concordance()))


def test_unknown_names_and_wrong_lookups():
    with pytest.raises(DataError, match=r"unknown parameter 'ree_shares'\. Did you mean 'ree_share'\?"):
        default_parameters()["ree_shares"]
    with pytest.raises(DataError, match="parameter 'ree_share' varies by sector; use by_sector"):
        default_parameters().scalar("ree_share")
