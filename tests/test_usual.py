"""Values in another unit: a warning by name, label and likely reason; an economy that exists is solved all the same."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from calibration import baseline_from_flows
from calibration.labels import read_table
from calibration.synthetic import synthetic_caliendo_parro
from exacthat.cli import app
from framework import DataError, Model, SolveError, compile_model, hat, solve
from framework.usual import UnusualValue, unusual
from models import caliendo_parro


@cache
def system():
    return compile_model(hat(caliendo_parro()))


@cache
def economy() -> xr.Dataset:
    return synthetic_caliendo_parro(3, 3, seed=2)


def in_percent() -> xr.Dataset:
    """A baseline that a user makes of flows and of tariffs in percent; it is consistent, and wrong."""
    data = economy()
    flows = data.expenditure_share * data.expenditure.rename(region="importer") / (1 + data.tariff)
    keep = data[["value_added_share", "input_share", "trade_elasticity"]]
    return baseline_from_flows(flows, keep.assign(tariff=100 * data.tariff))


def test_nothing_is_unusual_in_a_usual_economy():
    problem = system().bind(economy(), {"tariff": 1.45, "trade_cost": 25.0})
    assert unusual(problem) == []
    assert solve(system().bind(economy(), {})).provenance["warnings"] == []


def test_estimates_that_are_published_are_usual():
    published = read_table("caliendo_parro_2015.csv").trade_elasticity
    lower, upper = caliendo_parro().declaration("trade_elasticity").usual_range or (np.inf, 0)
    assert published.between(lower, upper).all()
    assert not (1 / published).between(lower, upper).all(), "the inverse of these estimates would pass unseen"


def test_tariffs_in_percent_are_solved_with_a_warning_in_the_provenance():
    with pytest.warns(UnusualValue, match="is it in percent"):
        solution = solve(system().bind(in_percent(), {}))
    (words,) = solution.provenance["warnings"]
    worst = in_percent().tariff
    at = worst.where(worst == worst.max(), drop=True)
    assert words.startswith(
        f"'tariff' is {float(worst.max()):.6g} ({100 * float(worst.max()):.6g} percent) "
        f"at importer={at.importer.item()}, exporter={at.exporter.item()}, sector={at.sector.item()} (and "
    )
    assert words.endswith("more), where -0.5 to 2 is usual: is it in percent? Divide it by 100")
    assert f"warning: {words}" in repr(solution)


def test_a_tariff_of_a_shock_in_percent():
    (words,) = unusual(system().bind(economy(), {"tariff": 12.5}))
    assert words == (
        "'tariff' is 12.5 (1250 percent) at importer=CHN, exporter=USA, sector=S001 (and 17 more), "
        "where -0.5 to 2 is usual: is it in percent? Divide it by 100"
    )


def test_the_inverse_of_an_elasticity():
    data = economy().assign(trade_elasticity=1 / economy().trade_elasticity)
    (words,) = unusual(system().bind(data))
    assert "where 0.3 to 60 is usual: is it the inverse? Give 1 / trade_elasticity" in words
    assert words.startswith(f"'trade_elasticity' is {float(data.trade_elasticity.min()):.6g} at sector=S")
    data["trade_elasticity"] = 1e6 * data.trade_elasticity
    assert unusual(system().bind(data))[0].endswith("0.3 to 60 is usual"), "no unit explains a million"


def test_an_error_names_what_may_be_the_reason():
    wrong = economy().assign(tariff=100 * economy().tariff)
    with pytest.raises(
        DataError, match=r"perhaps because 'tariff' is .* is it in percent\? Divide it by 100"
    ):
        solve(system().bind(wrong))
    with pytest.raises(
        (DataError, SolveError), match=r"perhaps because 'tariff' is 5e\+200 .* to 2 is usual\n"
    ):
        solve(system().bind(economy(), {"tariff": 5e200}))


def test_a_model_of_ones_own_has_the_range_of_a_rate_or_its_own():
    m = Model("mine")
    t = m.exogenous("t", [], "tax", level=True, unit="rate")
    e = m.parameter("e", [], "elasticity", usual=(1.0, 5.0))
    p = m.variable("p", [], "price")
    m.equate("price", p, (1 + t) * e)
    found = unusual(compile_model(m).bind(xr.Dataset({"tax": 7.0, "elasticity": 0.25})))
    assert sorted(found) == [
        "'elasticity' is 0.25, where 1 to 5 is usual: is it the inverse? Give 1 / elasticity",
        "'tax' is 7 (700 percent), where -0.5 to 2 is usual: is it in percent? Divide it by 100",
    ]


def test_run_and_check_warn_and_the_report_shows_it(tmp_path: Path):
    in_percent().to_netcdf(tmp_path / "mine.nc", engine="h5netcdf")
    command = [
        "caliendo-parro",
        "--data",
        str(tmp_path / "mine.nc"),
        "--shock",
        "labour=1.01",
        "--out",
        str(tmp_path / "out"),
    ]
    done = CliRunner().invoke(app, ["run", *command])
    assert done.exit_code == 0, done.output
    said = " ".join(done.stderr.split())
    assert "warning: 'tariff' is " in said
    assert "is it in percent? Divide it by 100" in said
    assert "is it in percent? Divide it by 100" in (tmp_path / "out" / "report.html").read_text()
    with xr.open_dataset(tmp_path / "out" / "results.nc", engine="h5netcdf") as results:
        (case,) = json.loads(results.attrs["provenance"])
    assert case["warnings"][0].startswith("'tariff' is ")
    done = CliRunner().invoke(app, ["check", "caliendo-parro", str(tmp_path / "mine.nc")])
    assert done.exit_code == 0, done.output
    assert "warning: 'tariff' is " in " ".join(done.stderr.split())
