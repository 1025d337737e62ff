import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from exacthat.run import run_scenarios
from exacthat.scenario import default_study, parse_study, plan, read_study, shock_study
from exacthat.tables import fill, shock
from framework.errors import ExacthatError, ScenarioError
from framework.model import Model
from framework.symbols import Kind

HEAD = 'model = "toy"\n'


@pytest.fixture
def model() -> Model:
    """Declare a model with two closures of one exogenous quantity, a variant group and a named element."""
    m = Model("toy", "for scenario files only")
    region = m.set("region")
    m.exogenous("t", [], "export tax", level=True)
    m.exogenous("d", [region.alias("importer"), region.alias("exporter")], "trade cost")
    q = m.variable("q", [region], "price")
    m.variable("x", [], "export ratio")
    m.variable("y", [], "price ratio")
    home = region.element("USA", "numeraire_region")
    m.equate("price", q[home], 1)
    m.closure(export_ratio="export_tax", price_ratio="export_tax")
    m.variant("technology", "fixed", fixed=lambda m: None, free_entry=lambda m: None)
    return m


def cases(text: str, model: Model):
    return plan(parse_study(text, "study.toml"), model)


def test_every_scenario_meets_every_variant(model):
    text = HEAD + '[[scenario]]\nname = "a"\nexport_tax = 0.25\n[[scenario]]\nname = "b"\nprice_ratio = 2\n'
    found = [(c.scenario, c.variant["technology"], c.shocks, c.swaps) for c in cases(text, model)]
    assert found == [
        ("a", "fixed", {"export_tax": 0.25}, {}),
        ("a", "free-entry", {"export_tax": 0.25}, {}),
        ("b", "fixed", {"price_ratio": 2}, {"export_tax": "price_ratio"}),
        ("b", "free-entry", {"price_ratio": 2}, {"export_tax": "price_ratio"}),
    ]


def test_a_variant_may_be_named_without_brackets_and_an_element_bound(model):
    text = HEAD + 'technology = "fixed"\n[[scenario]]\nname = "a"\nexport_tax = 1\nnumeraire_region = "JPN"\n'
    (case,) = cases(text, model)
    assert case.elements == {"numeraire_region": "JPN"}
    assert case.label == "a, technology fixed"


def test_only_keeps_the_order_of_the_file_and_rejects_unknown_names():
    study = default_study("rare-earths")
    assert [s.name for s in study.only(["price", "tax"]).scenario] == ["tax", "price"]
    with pytest.raises(ScenarioError, match=r"has no scenario 'quotas'[.] Did you mean 'quota'"):
        study.only(["quotas"])


def test_default_scenarios_are_those_of_the_issue():
    study = default_study("rare-earths").by_default()
    assert {s.name: s.settings for s in study.scenario} == {
        "tax": {"export_tax": 0.25},
        "quota": {"ree_export_ratio": 0.6},
        "price": {"ree_price_ratio": 10.0, "numeraire_region": "USA"},
    }
    assert study.variants == {"technology": ["exogenous", "fixed-effort", "elastic-effort"]}
    with pytest.raises(ScenarioError, match="'armington' has no default scenarios; give a scenario file"):
        default_study("armington")


SCENARIO = '[[scenario]]\nname = "a"\nexport_tax = 0.25\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = ", "study.toml is not valid TOML: Invalid value"),
        (SCENARIO, "study.toml: 'model' is missing; add a line model = \"...\""),
        ('modle = "toy"\n' + SCENARIO, "'model' is missing; 'modle' is unknown: is it meant?"),
        (HEAD, "'scenario' is missing; add at least one [[scenario]] table."),
        (HEAD + "[[scenario]]\nexport_tax = 1\n", "line 2, [[scenario]] number 1: the scenario has no name"),
        (
            HEAD + '[[scenario]]\nname = "../a"\n',
            "line 3, [[scenario]] number 1: name = '../a' is not a name",
        ),
        (HEAD + SCENARIO + SCENARIO, 'line 6, [[scenario]] "a": the name occurs twice'),
        (
            HEAD + SCENARIO + "price_ratio = nan\n",
            "line 5, [[scenario]] number 1: 'price_ratio' takes a finite number",
        ),
        (
            HEAD + SCENARIO + "price_ratio = true\n",
            "line 5, [[scenario]] number 1: 'price_ratio' takes a finite number",
        ),
        (
            HEAD + SCENARIO + "trade_cost = [1.0]\n",
            "'trade_cost' takes a finite number, a label in quotes, or a table",
        ),
        (
            HEAD + SCENARIO + "[parameters]\nbeta = [1]\n",
            "line 6, [parameters]: 'beta' takes a finite number",
        ),
        (
            HEAD + "technology = [1]\n" + SCENARIO,
            "line 2: 'technology' is not a variant group with a list of names",
        ),
        (
            HEAD + 'technolgy = ["fixed"]\n' + SCENARIO,
            "line 2: unknown key 'technolgy'. Did you mean 'technology'?",
        ),
        (
            HEAD + 'technology = "fixd"\n' + SCENARIO,
            "line 2: model 'toy' has no technology 'fixd'. Did you mean 'fixed'?",
        ),
        (
            HEAD + "technology = []\n" + SCENARIO,
            "line 2: name each technology once, at least one of: fixed, free-entry",
        ),
        (
            HEAD + '[[scenario]]\nname = "a"\nexprt_tax = 1\n',
            "line 4, [[scenario]] \"a\": unknown key 'exprt_tax'. Did you mean 'export_tax'?",
        ),
        (
            HEAD + SCENARIO + "exprt_tax = 1\n",
            "line 5, [[scenario]] \"a\": unknown key 'exprt_tax'. A scenario of",
        ),
        (
            HEAD + SCENARIO + "price_ratio = 2\n",
            'line 4, [[scenario]] "a": price_ratio determines export_tax',
        ),
        (
            HEAD + '[[scenario]]\nname = "a"\nprice_ratio = 2\nexport_ratio = 1\n',
            'line 5, [[scenario]] "a": export_ratio and price_ratio both determine export_tax',
        ),
        (
            HEAD + '[[scenario]]\nname = "a"\n',
            "the scenario changes nothing; set at least one of export_tax, trade_cost",
        ),
        (HEAD + SCENARIO + "numeraire_region = 1\n", "numeraire_region takes a label in quotes, not 1"),
        (
            HEAD + SCENARIO + 'price_ratio = "2"\n',
            "price_ratio takes a number or a table by label, not the text '2'",
        ),
    ],
)
def test_a_wrong_file_is_explained(model, text, message):
    with pytest.raises(ScenarioError) as caught:
        cases(text, model)
    assert message in str(caught.value)


def test_lines_are_those_of_the_right_scenario(model):
    text = HEAD + SCENARIO + '# second\n[[scenario]]\nname = "b"\nexport_tax = 1\n"exprt_tax" = 1\n'
    with pytest.raises(ScenarioError, match='line 9, \\[\\[scenario\\]\\] "b": unknown key'):
        cases(text, model)


def test_missing_and_unreadable_files_are_named(tmp_path):
    with pytest.raises(ScenarioError, match=r"cannot read scenario file '.*none.toml': .*No such file"):
        read_study(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'model = "\xe9"')
    with pytest.raises(ScenarioError, match=r"cannot read scenario file '.*latin.toml'"):
        read_study(tmp_path / "latin.toml")


def test_values_of_the_command_line_are_toml_and_never_code(model):
    study = shock_study("toy", ["trade_cost={USA={CHN=1.1}}", "export_tax = 0.5"])
    assert study.scenario[0].settings == {"trade_cost": {"USA": {"CHN": 1.1}}, "export_tax": 0.5}
    with pytest.raises(ScenarioError, match="--shock is not valid TOML"):
        shock_study("toy", ["export_tax=__import__('os')"])
    with pytest.raises(ScenarioError, match="--shock 'export_tax' is not of the form key=value"):
        shock_study("toy", ["export_tax"])
    with pytest.raises(
        ScenarioError, match=r"'trade_cost = \{USA=\{CHN=x\}\}': Invalid value \(at column 24\)"
    ):
        shock_study("toy", ["export_tax=1", "trade_cost={USA={CHN=x}}"])
    with pytest.raises(ScenarioError, match=r"'my\.toml' is a file; run it with 'exacthat run my\.toml'"):
        shock_study("toy", ["my.toml"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('model = "armington"\n[[scenario]\n', "toml is not valid TOML: .*at line 2, column 11"),
        (
            'model = "armingon"\n[[scenario]]\nname = "a"\nlabour = 2\n',
            r"toml, line 1: there is no model 'armingon'",
        ),
        (
            'model = "armington"\ndata = "wiod"\n[[scenario]]\nname = "a"\nlabour = 2\n',
            "toml, line 2: unknown table 'wiod'",
        ),
        (
            '# mine\nmodel = "armington"\n[parameters]\ntrade_elasticity = -3\n[[scenario]]\nname = "a"\nlabour = 2\n',
            r"toml, line 3, \[parameters\]: parameter 'trade_elasticity' is -3; it must be positive",
        ),
        (
            'model = "armington"\n[[scenario]]\nname = "a"\ntrade_cost = 1e300\n',
            r'toml, line 3, \[\[scenario\]\] "a": model \'armington\' was not solved',
        ),
    ],
)
def test_faults_that_the_model_or_the_data_find_have_the_line_of_the_file(tmp_path, text, message):
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(ExacthatError, match=f"study.{message}"):
        run_scenarios(tmp_path / "study.toml")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_finite_number_survives_the_file(value):
    study = parse_study(HEAD + f'[[scenario]]\nname = "a"\nx = {value!r}\n', "study.toml")
    assert study.scenario[0].settings["x"] == value
    assert math.copysign(1, study.scenario[0].settings["x"]) == math.copysign(1, value)


REGIONS = ["CHN", "JPN", "USA"]
LABELS = xr.Dataset({"export_tax": 0.1}, coords={d: REGIONS for d in ("region", "importer", "exporter")})


def trade_cost(model, value):
    return shock(value, model.declaration("trade_cost"), LABELS, "study.toml").values


def test_a_trade_cost_for_all_pairs_leaves_domestic_trade_alone(model):
    assert np.array_equal(trade_cost(model, 1.1), np.where(np.eye(3), 1.0, 1.1))


def test_a_table_names_importers_then_exporters(model):
    expected = np.ones((3, 3))
    expected[2, 0] = 1.1
    assert np.array_equal(trade_cost(model, {"USA": {"CHN": 1.1}}), expected)
    expected[2, 1] = 1.1
    assert np.array_equal(trade_cost(model, {"USA": 1.1}), expected)
    assert trade_cost(model, {"USA": {"USA": 1.1}})[2, 2] == 1.1


def test_a_level_quantity_is_given_at_its_new_level_and_may_be_negative(model):
    assert float(shock(-0.25, model.declaration("export_tax"), LABELS, "study.toml")) == -0.25
    assert model.declaration("export_tax").kind is Kind.EXOGENOUS


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"CHNA": 1.1}, "importer has no label 'CHNA'. Did you mean 'CHN'? It has: CHN, JPN, USA."),
        ({"CHN": {"US": 1.1}}, "exporter has no label 'US'. Did you mean 'USA'?"),
        (
            {"CHN": {"USA": {"Food": 1.1}}},
            "the quantity takes a table over (importer, exporter), nested less deep, not a table by",
        ),
        (0.0, "trade_cost is new over baseline and must be positive, not 0; the baseline is 1."),
    ],
)
def test_a_value_that_does_not_fit_is_explained(model, value, message):
    with pytest.raises(ScenarioError) as caught:
        trade_cost(model, value)
    assert f"study.toml: {message}" in str(caught.value)


def test_fill_leaves_the_baseline_untouched():
    base = xr.DataArray([1.0, 2.0], {"sector": ["a", "b"]})
    assert fill(base, {"b": 5}, "here").values.tolist() == [1.0, 5.0]
    assert base.values.tolist() == [1.0, 2.0]
