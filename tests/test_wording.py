"""What a scenario sets, in words: how much, and of a tariff who imposes it on whom."""

import tomllib

import pytest
import xarray as xr

from exacthat.results import _setting
from exacthat.wording import setting_in_words

REGIONS = ["CAN", "CHN", "EU27", "JPN", "MEX", "USA"]
PAIRS = {"importer": REGIONS, "exporter": REGIONS, "sector": ["Cars", "Steel"]}
OUTCOMES = xr.Dataset(
    {
        "tariff": xr.DataArray(0.0, PAIRS, [*PAIRS], attrs={"units": "rate"}),
        "labour": xr.DataArray(1.0, {"region": REGIONS}, ["region"], attrs={"units": "new/base"}),
        "export_tax": xr.DataArray(0.0, attrs={"units": "rate"}),
    }
)
OTHERS = [r for r in REGIONS if r != "CHN"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"export_tax": 0.25}, "export tax of 25 percent"),
        ({"tariff": 0.1}, "tariff of 10 percent, domestic trade as before"),
        ({"tariff": {"CAN": {"MEX": 0.0}}}, "tariff of 0 percent for importer CAN, exporter MEX"),
        (
            {"tariff": {"CAN": {"MEX": 0.0}, "MEX": {"CAN": 0.0}}},
            "tariff of 0 percent for importer CAN, exporter MEX, of 0 percent for importer MEX, exporter CAN",
        ),
        (
            {"tariff": {r: {"CHN": 0.2} for r in OTHERS}},
            "tariff of 20 percent for every importer but CHN, exporter CHN",
        ),
        (
            {"tariff": {"CHN": {r: {"Cars": 0.1} for r in OTHERS}}},
            "tariff of 10 percent for importer CHN, every exporter but CHN, sector Cars",
        ),
        (
            {"tariff": {"CHN": {r: {"Cars": 0.1, "Steel": 0.1} for r in ("CAN", "MEX")}}},
            "tariff of 10 percent for importer CHN, exporters CAN and MEX, every sector",
        ),
        ({"tariff": {"USA": 0.1}}, "tariff of 10 percent for importer USA, domestic trade as before"),
        ({"labour": {"CAN": 1.1}}, "labour 1.1 times its baseline for CAN"),
        (
            {"labour": dict(zip(REGIONS, [1.1, 1.2, 1.3, 1.4, 1.5, 1.6], strict=True))},
            "labour 1.1 times its baseline for CAN, 1.2 times its baseline for CHN, 1.3 times its baseline for EU27, "
            "1.4 times its baseline for JPN, and 2 more",
        ),
        ({"export_tax": 0.1, "ree_exporter": "CHN"}, "export tax of 10 percent; REE exporter CHN"),
    ],
)
def test_a_setting_in_words_says_for_whom(settings, words):
    assert setting_in_words(settings, OUTCOMES) == words


@pytest.mark.parametrize(
    "settings",
    [
        {"export_tax": 0.25, "numeraire_region": "USA"},
        {"labour": {"Viet Nam": 1.1, 'the "rest"': 2, "Côte d'Ivoire": 1e-300, "a.b": 3e22}},
        {
            "tariff": {"USA": {"CHN": {"Machinery": 0.1, "Real estate": 0.0}}},
            "label": 'back\\slash "quoted"\n',
        },
    ],
)
def test_a_setting_as_written_in_a_file_is_toml(settings):
    assert tomllib.loads(_setting(settings)) == settings
