"""`exacthat new`: the file it writes checks and runs at once, and says the same equations as the library."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from exacthat.cli import app
from exacthat.library import load_model
from exacthat.new import start
from exacthat.output import OutputError
from exacthat.source import block_source, function_name
from framework import Model, ModelError, diff, hat
from models import MODELS

BLOCKS = [(name, block) for name, build in MODELS.items() for block in build().blocks]


def invoke(line: str):
    command, *arguments = shlex.split(line)
    assert command == "exacthat"
    return CliRunner().invoke(app, arguments)


def message(line: str) -> str:
    result = invoke(line)
    assert result.exit_code == 1, result.output
    return " ".join(result.stderr.split())


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("name", "block"), BLOCKS, ids=[" ".join(pair) for pair in BLOCKS])
def test_a_block_that_is_written_out_is_that_of_the_library(name, block):
    names: dict = {}
    exec(
        "from sympy import *\nfrom framework import Model, base\n"
        + block_source(MODELS[name](), block, "It."),
        names,
    )
    library = MODELS[name]()
    again = library.replace(block, names[function_name(block)])
    assert not diff(library, again), str(diff(library, again))[:2000]
    assert list(again.blocks) == list(library.blocks)
    assert again.adjustments == library.adjustments
    assert set(again.identities) == set(library.identities)
    assert set(again.normalisations) == set(library.normalisations)


@pytest.mark.parametrize("name", MODELS)
def test_the_new_file_checks_and_runs_with_the_commands_it_names(name, monkeypatch):
    if name != "armington":  # drawing is half the time, and the same for every model
        monkeypatch.setattr("exacthat.figures.draw", lambda results: [])
    assert invoke(f"exacthat new my_variant --from {name}").exit_code == 0
    text = Path("my_variant.py").read_text(encoding="utf-8")
    commands = re.findall(r"^    (exacthat .*)$", text, re.MULTILINE)
    assert [c.split()[1] for c in commands] == ["check", "run"]
    assert max(map(len, text.splitlines())) <= 120
    if group := {"rare-earths": "exogenous", "acemoglu": "short-run"}.get(name):  # two of four technologies
        commands[1] += f" --variant technology={group} --variant technology=my-variant"
    for command in commands:
        result = invoke(command)
        assert result.exit_code == 0, f"{command}\n{result.output}"
    _check_results(name)


def _check_results(name: str) -> None:
    """The run has the library's outcomes, and the outcome that the file adds, by its own definition."""
    with xr.open_dataset("results/my_variant/results.nc", engine="h5netcdf") as found:
        if name == "acemoglu":  # numbers, of which there is no total
            mine, library = (
                found.relative_factor_price.sel(technology=t) for t in ("my-variant", "short-run")
            )
            np.testing.assert_allclose(mine, library, rtol=1e-12)
            return
        added = next(key for key in found if str(key).startswith("share_of_total_"))
        total = str(added).removeprefix("share_of_total_")
        baseline = xr.load_dataset("my_variant.nc", engine="h5netcdf")[total]
        dims = [d for d in found[added].dims if d in baseline.dims]
        new = found[total] * baseline
        expected = (new / new.sum(dims)) / (baseline / baseline.sum(dims))
        np.testing.assert_allclose(found[added], expected.transpose(*found[added].dims), rtol=1e-9)
        assert float(abs(found[added] - 1).max()) > 1e-7
        if name == "rare-earths":
            mine, exogenous = (found.real_gdp.sel(technology=t) for t in ("my-variant", "exogenous"))
            np.testing.assert_allclose(mine, exogenous, rtol=1e-12)


def test_another_block_can_be_asked_for():
    start("my_outcomes", "rare-earths", "outcomes")
    changed = load_model("my_outcomes.py")
    assert list(diff(MODELS["rare-earths"](), changed).equations) == ["added outcomes"]
    assert hat(changed).is_hat
    for group, names in changed.variants.items():
        for name in names:  # nothing that the file adds is declared by a variant
            changed.choose(**{group: name})


def test_an_index_with_the_name_of_a_symbol_gets_another_one():
    m = Model("clash", "k is capital and an index, m are imports")
    good = m.set("good")
    k, i = good.indices("k i")
    capital, imports = m.exogenous("k", [good], "capital"), m.variable("imports", [good], "imports")
    with m.block("use"):
        m.define(imports[i], capital[i] + sum_over(capital, k))
    names: dict = {}
    exec("from sympy import Sum\nfrom framework import Model\n" + block_source(m, "use", "It."), names)
    assert not diff(m, m.replace("use", names["use"]))


def test_a_block_keeps_its_theorems_units_and_stability():
    m = Model("research", "a theorem, a unit and an adjustment that go with the symbols of a block")
    region = m.set("region")
    (i,) = region.indices("i")
    with m.block("research"):
        effort = m.variable("A", [region], "effort", description="x " * 60)
        push = m.exogenous("eta", [region], "push", latex=r"\eta")
        m.define(effort[i], push[i])
        m.identity(effort[i], push[i])
        m.normalise(effort[i], 1)
        m.adjust("effort", {"A": "eta"}, "with much " * 20)
    text = block_source(m, "research", "It.")
    assert max(map(len, text.splitlines())) <= 110
    names: dict = {}
    exec("from framework import Model\n" + text, names)
    again = m.replace("research", names["research"])
    assert not diff(m, again)
    assert (again.identities, again.normalisations) == (m.identities, m.normalisations)
    assert again.adjustments == m.adjustments


def sum_over(capital, k):
    from sympy import Sum

    return Sum(capital[k], k)


# ---- what it refuses -----------------------------------------------------------------------------


def test_it_keeps_a_file_that_exists():
    Path("mine.py").write_text("precious")
    assert message("exacthat new mine") == "error: 'mine.py' exists and is kept; choose another name."
    assert Path("mine.py").read_text() == "precious"
    assert not Path("mine.nc").exists()
    Path("other.nc").write_text("precious")
    assert message("exacthat new other") == "error: 'other.nc' exists and is kept; choose another name."
    assert not Path("other.py").exists()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("sub/mine.py", "mine"),
        ("my-model", "my_model"),
        ("3x", "my_variant"),
        ("class", "my_variant"),
        ("''", "my_variant"),
    ],
)
def test_it_refuses_a_name_that_is_no_name(name, near):
    said = message(f"exacthat new {name}")
    assert "cannot be the name of a model file" in said
    assert said.endswith(f"for instance {near}.")
    assert not list(Path().iterdir())


def test_it_refuses_a_name_that_would_hide_a_module():
    assert message("exacthat new models") == (
        "error: 'models' is a module of Python that 'models.py' would hide; try my_models."
    )


def test_it_refuses_what_the_library_does_not_have():
    assert message("exacthat new mine --from armingtn").startswith(
        "error: there is no model 'armingtn' to start from. Did you mean 'armington'? Models: armington, "
    )
    assert message("exacthat new mine --block traed") == (
        "error: model 'armington' has no block 'traed'. Did you mean 'trade'? Blocks: trade, outcomes."
    )
    assert message("exacthat new fixed_effort --from rare-earths") == (
        "error: model 'rare-earths' has a technology 'fixed-effort' already; choose another name."
    )
    assert not list(Path().iterdir())


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    with pytest.raises(OutputError, match="cannot be written to: No such file or directory"):
        start("mine", "armington", folder=tmp_path / "nowhere")


def test_a_group_takes_a_further_variant_and_a_replaced_block_is_no_group():
    library = MODELS["rare-earths"]()
    before = library.variants["technology"]
    chosen = library.chosen["technology"]

    def frozen(m: Model) -> None:
        (i,), (s,) = m.sets["region"].indices("i"), m.sets["sector"].indices("s")
        m.define(m["a"][i, s], m["o"][i, s] ** 0)
        m.define(m["A_L"][i, s], m["omega"][i, s] ** 0)

    more = MODELS["rare-earths"]()
    more.variant("technology", "frozen", frozen=frozen)
    assert more.variants["technology"] == [*before, "frozen"]
    assert more.chosen == {**library.chosen, "technology": "frozen"}
    assert more.compared["technology"] == [*library.compared["technology"], "frozen"]
    assert not diff(library, more.choose(technology=chosen))
    assert list(more.blocks) == list(library.blocks)
    assert library.variants["technology"] == before
    fixed = library.replace("technology", frozen)
    assert "technology" not in fixed.variants
    with pytest.raises(ModelError, match="has no variant group 'technology'"):
        fixed.choose(technology="exogenous")
