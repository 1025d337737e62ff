"""The command, end to end: what it writes, what it says, and what it leaves alone."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import exacthat.run
from exacthat.cli import app
from framework.errors import SolveError

ROOT = Path(__file__).resolve().parents[1]
IMPORT = "from exacthat import Model\n"
OWN_MODEL = (ROOT / "examples" / "own_model.py").read_text()


def invoke(*arguments: str | Path):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def message(result) -> str:
    """Return what the command says on stderr, in one line."""
    assert "Traceback" not in result.stderr
    return " ".join(result.stderr.split())


@pytest.fixture(scope="module")
def rare_earths(tmp_path_factory):
    """Folder and output of the default run."""
    out = tmp_path_factory.mktemp("run") / "out"
    result = invoke("run", "rare-earths", "--out", out)
    assert result.exit_code == 0, result.output
    return out, result.stdout


@pytest.fixture(scope="module")
def results(rare_earths) -> xr.Dataset:
    return xr.load_dataset(rare_earths[0] / "results.nc", engine="h5netcdf")


def test_the_folder_holds_results_figures_and_report(rare_earths):
    out, _ = rare_earths
    figures = [
        f"{name}-{s}"
        for name in ("innovation-bias", "real-gdp", "real-consumption")
        for s in ("tax", "quota", "price")
    ]
    expected = {"results.nc", "report.html", "figures/captions.txt", ".exacthat-files"}
    expected |= {f"figures/{name}.{kind}" for name in figures for kind in ("svg", "png")}
    assert {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()} == expected
    assert [p.name for p in out.parent.iterdir()] == ["out"]


def test_results_have_the_names_and_dims_of_the_interface(results):
    by_region = ["real_consumption", "real_gdp", "real_gdp_deflated", "real_gdp_factor", "wage", "ree_price"]
    for name in by_region:
        assert results[name].dims == ("scenario", "technology", "region"), name
    assert results.innovation_bias.dims == ("scenario", "technology", "region", "sector")
    assert results.innovation_bias_abroad.dims == ("scenario", "technology", "sector")
    assert results.export_tax.dims == ("scenario", "technology")
    assert results.scenario.values.tolist() == ["tax", "quota", "price"]
    assert results.technology.values.tolist() == ["exogenous", "fixed-effort", "elastic-effort"]
    assert results.region.values.tolist() == ["CHN", "EU27", "JPN", "USA", "ROW"]
    assert results.sizes["sector"] == 14
    for name in [*by_region, "innovation_bias", "innovation_bias_abroad", "export_tax"]:
        assert np.isfinite(results[name]).all(), name
        assert results[name].attrs["long_name"], name


def test_each_scenario_hits_what_it_sets(results):
    assert np.allclose(results.export_tax.sel(scenario="tax"), 0.25, rtol=1e-12)
    assert np.allclose(results.ree_export_ratio.sel(scenario="quota"), 0.6, rtol=1e-9)
    price = (results.world_ree_price / results.wage.sel(region="USA")).sel(scenario="price")
    assert np.allclose(price, 10.0, rtol=1e-9)


def test_every_case_has_a_certificate_that_holds(results):
    assert (results.certificate_passed.fillna(1) == 1).all()
    assert results.certificate_passed.notnull().any("check").all()
    assert (results.status == results.status[0, 0]).all()


def test_provenance_names_versions_data_and_parameters(results):
    assert results.attrs["model"] == "rare-earths"
    assert "Timmer" in results.attrs["data_citation"]
    assert re.match(r"\d{4}-\d\d-\d\dT", results.attrs["created"])
    assert len(json.loads(results.attrs["provenance"])) == 9
    assert {p["name"] for p in json.loads(results.attrs["parameters"])} >= {"trade_elasticity", "ree_share"}


def test_the_summary_shows_percent_changes_of_every_scenario(rare_earths, results):
    _, stdout = rare_earths
    for scenario in ("tax", "quota", "price"):
        assert re.search(rf"^ *{scenario} +CHN ", stdout, re.MULTILINE)
    from exacthat.display import number

    change = 100 * (
        float(results.real_consumption.sel(scenario="price", technology="exogenous", region="JPN")) - 1
    )
    assert number(change) in stdout


def test_a_file_with_the_defaults_gives_the_same_as_no_file(results):
    again = exacthat.run.run_scenarios(ROOT / "exacthat" / "data" / "rare-earths.toml")
    xr.testing.assert_allclose(results, again, rtol=1e-11)  # one may have been evaluated by C, one by numpy


def test_existing_results_are_kept_unless_forced(rare_earths):
    out, _ = rare_earths
    before = (out / "results.nc").read_bytes()
    result = invoke("run", "armington", "--shock", "trade_cost=1.1", "--out", out)
    assert result.exit_code == 1
    assert f"error: '{out}' exists and is kept; choose another folder with --out" in message(result)
    assert (out / "results.nc").read_bytes() == before


def test_force_replaces_them(tmp_path):
    for k in ("1.1", "1.2"):
        result = invoke(
            "run", "armington", "--shock", f"trade_cost={k}", "--out", tmp_path / "out", "--force"
        )
        assert result.exit_code == 0, result.output
    found = xr.load_dataset(tmp_path / "out" / "results.nc", engine="h5netcdf")
    assert "trade_cost = 1.2" in found.attrs["scenario_file"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SolveError("residual 1e-3 is above its bound 1e-10")])
def test_a_run_that_ends_early_leaves_no_results(tmp_path, monkeypatch, error):
    solve, calls = exacthat.run.solve, []

    def second_fails(problem):
        calls.append(problem)
        if len(calls) == 2:
            raise error
        return solve(problem)

    monkeypatch.setattr(exacthat.run, "solve", second_fails)
    result = invoke("run", "rare-earths", "--scenario", "tax", "--out", tmp_path / "out")
    assert result.exit_code == (1 if isinstance(error, SolveError) else 130)
    assert list(tmp_path.iterdir()) == []
    if isinstance(error, KeyboardInterrupt):
        assert message(result) == "interrupted; a results folder is written whole or not at all"
    else:
        expected = "error: tax, technology fixed-effort: residual 1e-3 is above its bound 1e-10 No results are reported."
        assert message(result) == expected


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("ree_export_ratio=-0.5", "ree_export_ratio is -0.5, below its lower bound 0."),
        ("ree_price_ratio=0", "ree_price_ratio is new over baseline and must be positive"),
        ("ree_price_ratio=1000", "shock, technology exogenous: model 'rare-earths' was not solved"),
        ("ree_price_ratio=1000", "FAILED 'ree_exports' at least its bound"),
        ("ree_export_ratio=5", "FAILED residual of 'ree export ratio'"),
        ("export_tx=0.25", "unknown key 'export_tx'. Did you mean 'export_tax'?"),
        ("numeraire_region='USA'", "the scenario changes nothing"),
        (
            "ree_price_ratio=2 --shock numeraire_region='US'",
            "element 'numeraire_region' is 'US', which is not a region of the data",
        ),
        ("tariff={USA={CHM=0.1}}", "exporter has no label 'CHM'. Did you mean 'CHN'?"),
        ("export_tax=exit()", "--shock is not valid TOML"),
        (
            "export_tax=0.1 --shock export_tax=0.2",
            "error: --shock sets 'export_tax' twice; give it one value",
        ),
        ("export_tax={USA=1}", "error: --shock: the quantity takes one number, not a table by USA."),
        ("tariff=nan", "error: --shock: 'tariff' takes a finite number"),
    ],
)
def test_a_shock_that_cannot_be_is_explained(tmp_path, setting, words):
    result = invoke("run", "rare-earths", "--shock", *setting.split(), "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert words in message(result)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "rare-earth"], "there is no model 'rare-earth'. Did you mean 'rare-earths'?"),
        (["run", "none.toml"], "cannot read scenario file 'none.toml'"),
        (["run", "none.py", "--shock", "a=1"], "model file 'none.py' does not exist"),
        (["run", "armington"], "model 'armington' has no default scenarios"),
        (["run", "rare-earths", "--scenario", "taxes"], "has no scenario 'taxes'. Did you mean 'tax'?"),
        (
            ["run", "rare-earths", "--data", "wiod2009-5x15"],
            "unknown table 'wiod2009-5x15'. Did you mean 'wiod2009-5x14'?",
        ),
        (["run", "rare-earths", "--data", "none.nc"], "data set 'none.nc' does not exist"),
    ],
)
def test_what_does_not_exist_is_explained(tmp_path, arguments, words):
    result = invoke(*arguments, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert words in message(result)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "rare-earths"],
        ["run", "x.toml", "--shock", "a=1", "--out", "out"],
        ["run", "x.py", "--out", "out"],
        ["run", "rare-earths", "--shock", "a=1", "--scenarios", "x.toml", "--out", "out"],
        ["equations", "rare-earths", "--variant", "exogenous"],
        ["equations", "rare-earths", "--variant", "tech=exogenous"],
        ["frobnicate"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments):
    assert invoke(*arguments).exit_code == 2


@pytest.fixture
def own_model(tmp_path, monkeypatch) -> Path:
    """Put the example of a user's own model and its data set into a folder of its own."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "own_model.py").write_text(OWN_MODEL)
    subprocess.run([sys.executable, "own_model.py"], cwd=folder, check=True)
    monkeypatch.chdir(folder)
    return folder


def test_a_users_own_model_runs_from_its_file(own_model):
    shock = ["--shock", "trade_cost={home={abroad=1.1}}"]
    result = invoke("run", "own_model.py", "--data", "own_model.nc", *shock, "--out", "out")
    assert result.exit_code == 0, result.output
    found = xr.load_dataset("out/results.nc", engine="h5netcdf")
    assert found.real_consumption.dims == ("scenario", "region")
    assert (found.real_consumption.sel(region="home") < 1).all()
    assert "real consumption" in (own_model / "out" / "report.html").read_text()


def test_a_scenario_file_may_name_a_users_model_and_data_beside_it(own_model, tmp_path, monkeypatch):
    file = own_model / "study.toml"
    file.write_text(
        'model = "own_model.py"\ndata = "own_model.nc"\n[parameters]\ntrade_elasticity = 4.0\n'
        '[[scenario]]\nname = "costs"\ntrade_cost = 1.1\n'
    )
    monkeypatch.chdir(tmp_path)
    result = invoke("run", file, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    found = xr.load_dataset(tmp_path / "out" / "results.nc", engine="h5netcdf")
    own = found.expenditure_share
    gains = np.diag(own.isel(scenario=0).transpose("importer", "exporter")) ** (-1 / 4.0)
    assert np.allclose(found.real_consumption.isel(scenario=0), gains, rtol=1e-9)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("x = 1\n", "has no model; make a Model in it, or name the function that builds it 'model'."),
        ("model = 3\n", "'model' in 'bad.py' is int; it must be, or return, a Model"),
        (
            f"{IMPORT}a, b = Model('a'), Model('b')\n",
            "model file 'bad.py' has 2 models (a, b); say which one to take: model = a",
        ),
        (
            "def f():\n    return 1 / 0\n\nmodel = f()\n",
            "model file 'bad.py', line 2: ZeroDivisionError: division by",
        ),
        (
            "def model():\n    return 1 / 0\n",
            "model file 'bad.py', line 2: ZeroDivisionError: division by zero",
        ),
        (f"{IMPORT}m = Model('a'\n", "model file 'bad.py', line 2: SyntaxError: '(' was never closed"),
        (
            "import nothing_of_this_name\n",
            "line 1: ModuleNotFoundError: No module named 'nothing_of_this_name'",
        ),
        ("raise SystemExit(3)\n", "model file 'bad.py', line 1: SystemExit: 3 raise SystemExit(3)"),
        (
            f"{IMPORT}m = Model('a')\nr = m.set('r')\nm.variable('w', [r], 'wage')\nm.variable('w', [r], 'wage')\n",
            "model file 'bad.py', line 5: model 'a': symbol 'w' is declared twice; choose another",
        ),
    ],
)
def test_a_model_file_that_gives_no_model_is_explained_by_its_own_line(tmp_path, monkeypatch, code, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.py").write_text(code)
    result = invoke("check", "bad.py")
    assert result.exit_code == 1
    assert words in message(result)
    assert "exacthat/" not in result.stderr


def test_the_only_model_of_a_file_may_have_any_name_and_two_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(f"{OWN_MODEL}\n\ntrade = same = model()\ndel model\n")
    result = invoke("check", "mine.py")
    assert result.exit_code == 0, result.output
    assert "own-model" in result.stdout


def test_check_warns_of_a_missing_numeraire(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    without = "\n".join(line for line in OWN_MODEL.splitlines() if "m.numeraire" not in line)
    for name, code, warned in (("with.py", OWN_MODEL, False), ("without.py", without, True)):
        (tmp_path / name).write_text(code)
        result = invoke("check", name)
        assert result.exit_code == 0, result.output
        words = " ".join(result.stdout.split())
        assert ("WARNING: no numeraire is declared, so their level is not determined" in words) is warned
        assert ("model.numeraire(expr, value, redundant=" in words) is warned


def test_data_that_break_a_bound_before_any_shock_are_blamed_and_not_the_shock(tmp_path):
    study = tmp_path / "study.toml"
    study.write_text(
        'model = "rare-earths"\n[parameters]\nree_endowment_share = { CHN = 0.1, ROW = 0.9 }\n'
        '[[scenario]]\nname = "tax"\nexport_tax = 0.25\n'
    )
    result = invoke("run", study, "--out", tmp_path / "out")
    assert result.exit_code == 1
    expected = (
        r'error: .*study\.toml, line 5, \[\[scenario\]\] "tax", technology exogenous: '
        r"before any shock 'ree_exports' is -\d+\.\d+ million USD at the baseline "
        r"world price, but must not be below 0: the baseline data cannot be an equilibrium of this model, whatever the "
        r"shock\. Correct the data or the parameters they are made with; this study sets ree_endowment_share\. "
        r"\(.*ree_exporter is 'CHN'\.\) No results are reported\."
    )
    assert re.fullmatch(expected, message(result))
    assert not (tmp_path / "out").exists()


def test_a_world_without_rare_earths_is_explained(tmp_path):
    study = tmp_path / "study.toml"
    study.write_text(
        'model = "rare-earths"\n[parameters]\nree_share = 0.0\n[[scenario]]\nname = "tax"\nexport_tax = 0.25\n'
    )
    result = invoke("run", study, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert message(result).startswith(
        "error: no sector uses rare earths: parameter 'ree_share' is zero wherever"
    )


def test_the_summary_says_what_is_set_and_what_its_words_mean(rare_earths):
    _, stdout = rare_earths
    words = " ".join(stdout.split())
    assert "tax export tax of 25 percent" in words
    assert "quota REE export ratio 0.6 (new over baseline)" in words
    assert "elastic-effort Labour varieties are a mature stock; REE research expands" in words
    assert "cushioning index, fraction of the change offset" in words
    assert "a negative value means that technology makes the change larger" in words


def test_every_outcome_has_a_unit_and_none_is_a_bare_one(results):
    for name, array in results.data_vars.items():
        if name != "status" and not str(name).startswith("certificate"):
            assert array.attrs["units"] not in {"", "1"}, name
    assert results.export_tax.attrs["units"] == results.tariff.attrs["units"] == "rate"
    assert results.ree_export_ratio.attrs["units"] == "new over baseline"


def test_a_number_for_a_trade_cost_leaves_trade_within_a_region_alone_and_says_so(tmp_path):
    result = invoke("run", "armington", "--shock", "trade_cost=1.1", "--out", tmp_path / "out")
    assert "trade cost 1.1 times its baseline, domestic trade as before" in " ".join(result.stdout.split())
    found = xr.load_dataset(tmp_path / "out" / "results.nc", engine="h5netcdf")
    cost = found.trade_cost.isel(scenario=0)
    assert (cost.where(cost.importer == cost.exporter) == 1).sum() == cost.sizes["importer"]
    assert (cost.where(cost.importer != cost.exporter) == 1.1).sum() == cost.size - cost.sizes["importer"]


def test_inventories_do_not_apply_to_a_data_set_of_ones_own(own_model):
    shock = ["--shock", "trade_cost=1.1", "--inventories", "clip"]
    result = invoke("run", "own_model.py", "--data", "own_model.nc", *shock, "--out", "out")
    assert result.exit_code == 1
    assert "'own_model.nc' is no input-output table, so inventories do not apply" in message(result)


def test_a_folder_of_official_files_may_be_the_data(official_data, tmp_path):
    result = invoke(
        "run", "armington", "--data", official_data, "--shock", "trade_cost=1.1", "--out", tmp_path / "out"
    )
    assert result.exit_code == 0, result.output
    found = xr.load_dataset(tmp_path / "out" / "results.nc", engine="h5netcdf")
    assert found.region.values.tolist() == ["CHN", "EU27", "JPN", "USA", "ROW"]


def test_a_data_set_with_a_misspelt_label_is_explained(own_model):
    data = xr.load_dataset("own_model.nc", engine="h5netcdf")
    data.assign_coords(exporter=["home", "abrod"]).to_netcdf("bad.nc", engine="h5netcdf")
    result = invoke("run", "own_model.py", "--data", "bad.nc", "--shock", "trade_cost=1.1", "--out", "out")
    assert result.exit_code == 1
    assert "abrod" in message(result)


def test_check_shows_structure_and_replicates_the_baseline():
    result = invoke("check", "rare-earths", "--variant", "technology=fixed-effort")
    assert result.exit_code == 0, result.output
    for word in (
        "labour market",
        "exogenous, fixed-effort, elastic-effort",
        "ree_export_ratio",
        "replicated",
    ):
        assert word in result.stdout


def test_equations_are_printed_in_levels_and_hats():
    levels, hats = invoke("equations", "armington"), invoke("equations", "armington", "--hat", "--latex")
    assert levels.exit_code == hats.exit_code == 0
    assert "lam" in levels.stdout
    assert r"\hat" in hats.stdout
    assert r"\lambda" in invoke("equations", "armington", "--latex").stdout


def test_labels_are_never_taken_for_markup(tmp_path):
    table = (ROOT / "calibration" / "data" / "sam_hosoe_gasawa_hashimoto_2010.csv").read_text()
    sam = tmp_path / "sam.csv"
    sam.write_text(table.replace("BRD", "bold").replace("MLK", "milk"))
    result = invoke(
        "run", "standard-cge", "--data", sam, "--shock", "tariff_rate=0", "--out", tmp_path / "out"
    )
    assert result.exit_code == 0
    assert "X[bold, milk]" in result.stdout
    assert "pq[bold]" in result.stdout


def test_models_are_listed():
    result = invoke("models")
    assert result.exit_code == 0
    assert "rare-earths" in result.stdout
    assert "armington" in result.stdout


def test_version_and_help_do_not_wait_for_the_libraries():
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom exacthat.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print(CliRunner().invoke(app, ['--version']).stdout)\n"
        "print(sorted({'sympy', 'casadi', 'xarray', 'matplotlib', 'pandas', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version, _, modules = done.stdout.partition("\n\n")
    assert re.fullmatch(r"exacthat \d+\.\d+\.\d+", version)
    assert modules.strip() == "[]"
