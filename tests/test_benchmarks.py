"""The benchmarks' own parts on small or made-up numbers; no timing is a test."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import peers, report, versus
from benchmarks.bars import Bar, Growth, absent, answers, worst
from benchmarks.memory import peak_bytes
from benchmarks.timing import exponent, in_turn, ratio
from calibration.synthetic import synthetic_caliendo_parro
from exacthat.bench import shocks
from framework import compile_model, hat, solve
from models import caliendo_parro

RIGHT, WRONG = answers("answers", [True, True]), answers("answers", [True, False], "x: differs by 1e-3")
ROWS = [
    Bar("quick", 0.5, 0.9),
    Bar("slow", 1.234, 1.1, note="by a | hair"),
    Bar("many", 31, 30, at_least=True),
    Bar("told", 2000, unit="s"),
    absent(Bar("elsewhere", 1.0, 1.0), "the data are not there"),
    RIGHT,
    WRONG,
]
POINTS = [
    Growth("first", size, label, 1e-6 * size**1.1, 1e3 * size)
    for size, label in ((1_050, "5x14"), (88_040, "31x40"), (1_056_510, "189x26"))
]


def test_verdicts():
    assert [r.verdict for r in ROWS] == ["pass", "missed", "pass", "", "not measured", "pass", "WRONG"]
    assert Bar("no number", float("nan"), 1.0).verdict == "missed"
    assert worst({"a": 1.0, "b": float("nan"), "c": 2.0})[0] == "b"


def test_the_table_says_what_was_measured_and_against_which_bar():
    text = report.markdown({"Group": ROWS})
    assert text.splitlines()[2] == "| **Group** | | | | |"
    assert "| quick | 0.5× | ≤ 0.9× | pass |  |" in text
    assert "| slow | 1.23× | ≤ 1.1× | **missed** | by a \\| hair |" in text
    assert "| many | 31× | ≥ 30× | pass |  |" in text
    assert "| told | 2,000 s |  |  |  |" in text
    assert "| elsewhere | – | ≤ 1× | not measured | the data are not there |" in text
    assert "| answers | 1 of 2 | all | **WRONG** | x: differs by 1e-3 |" in text
    assert report.summary({"Group": ROWS}) == "6 bars: 3 pass, 1 missed, 1 wrong, 1 not measured."


def test_the_figure_fits_slopes_to_the_named_sizes(tmp_path):
    table, figure = report.write({"Group": ROWS}, POINTS, ["31x40", "189x26"], tmp_path / "out")
    assert "Measured on" in table.read_text(encoding="utf-8")
    assert ET.parse(figure).getroot().tag.endswith("svg")
    text = figure.read_text(encoding="utf-8")
    assert re.findall(r"<!-- first, slope ([\d.]+) -->", text) == ["1.10", "1.00"]
    assert "<!-- 189x26 -->" in text


@pytest.mark.parametrize(("rows", "status"), [([ROWS[1], ROWS[4], RIGHT], 0), ([WRONG], 1)])
def test_only_a_wrong_answer_is_an_error(monkeypatch, tmp_path, capsys, rows, status):
    monkeypatch.setattr(command, "GROUPS", {"one": ("Group", lambda: (rows, POINTS))})
    monkeypatch.setattr(command, "FOLDER", tmp_path)
    assert command.main([]) == status
    assert "written: " in capsys.readouterr().out
    assert rows[0].what in (tmp_path / "bars.md").read_text(encoding="utf-8")


def test_one_group_writes_nothing(monkeypatch, tmp_path, capsys):
    groups = {"one": ("First", lambda: [RIGHT]), "two": ("Second", lambda: [WRONG])}
    monkeypatch.setattr(command, "GROUPS", groups)
    monkeypatch.setattr(command, "FOLDER", tmp_path)
    assert command.main(["one"]) == 0
    assert "Second" not in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_calls_are_timed_in_turn():
    called = []
    times = in_turn(lambda: called.append("a"), lambda: called.append("b"), rounds=3)
    assert times.shape == (3, 2)
    order = "".join(k for k, before in zip(called, ["", *called], strict=False) if k != before)
    assert order == "ab" * 4  # once before anything is counted
    assert ratio(np.array([[2.0, 1.0], [9.0, 3.0], [4.0, 1.0]]), 0, 1) == 3.0
    assert exponent([1, 10, 100], [2, 20, 200]) == pytest.approx(1.0)


def test_peak_memory_counts_what_is_alive_at_once():
    def two_in_turn() -> None:
        for _ in range(2):
            np.ones(10**6)

    assert peak_bytes(two_in_turn) == pytest.approx(8e6, rel=0.01)


@pytest.fixture(scope="module")
def trade():
    system, data = compile_model(hat(caliendo_parro())), synthetic_caliendo_parro(4, 3, seed=1)

    def under(name: str):
        shock = shocks.build(system, data, name)
        return peers.Economy.of(data, shock), solve(system.bind(data, shock))

    return under


@pytest.mark.parametrize("shock", ["tariff+10%", "one-x100", "all-x100"])
def test_the_hand_written_sweep_finds_the_certified_solution(trade, shock):
    e, ours = trade(shock)
    theirs = peers.independent(e)
    assert theirs.gap < 1e-12
    np.testing.assert_allclose(theirs.log_wage, np.log(ours["wage"]), atol=1e-10)
    np.testing.assert_allclose(theirs.log_price, np.log(ours["price_index"]), atol=1e-10)
    np.testing.assert_allclose(theirs.spent, ours["expenditure"] * e.expenditure, rtol=1e-10)


@pytest.mark.parametrize("peer", [peers.sweep, peers.tatonnement])
def test_peers_need_some_rounds_or_say_that_they_do_not_get_there(trade, peer):
    e, ours = trade("tariff+10%")
    right = np.log(ours["wage"].to_numpy())
    needed = versus.rounds_needed(peer(e, 0.1), right)
    assert needed is not None
    assert 1 < needed < 300
    assert versus.rounds_needed(peer(e, 0.1), right + 1.0, most=20) is None
    with np.errstate(all="ignore"):
        assert versus.rounds_needed(peer(e, 50.0), right) is None


def test_hybr_finds_the_certified_solution(trade):
    e, ours = trade("tariff+10%")
    np.testing.assert_allclose(peers.hybr(e, 1e-6).log_wage, np.log(ours["wage"]), atol=1e-8)
