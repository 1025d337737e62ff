"""A forgotten revenue is found before any shock: every wedge is raised a little, on data or on a synthetic economy."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from test_missing_income import FAULTS, with_income
from typer.testing import CliRunner

from exacthat.budgets import check_budgets, synthetic_economy
from exacthat.cli import app
from framework import Model, SolveError, compile_model, hat
from framework.solve.accounting import SMALL, small_wedges
from models import armington, caliendo_parro, rare_earths

ONE_WEDGE = [name for name in FAULTS if name != "a deficit and a tariff revenue that nobody gets"]


@pytest.mark.parametrize("case", ONE_WEDGE)
def test_an_income_that_is_forgotten_or_counted_twice_is_named_without_data(case):
    """The economy has no tariff and no deficit, so that its baseline is one of the faulty model too."""
    model = hat(with_income(FAULTS[case]))
    wedge = "tariff" if "tariff" in case else "deficit"
    what = "missing from" if "nobody" in case or "not spent" in case else "counted wrongly in"
    with pytest.raises(
        SolveError,
        match=rf"the budgets do not add up where 'tariff', 'deficit' are raised by a few percent \(.*with '{wedge}' as the "
        rf"only wedge they are off by .* {what} 'final expenditure' in block 'accounts'",
    ) as caught:
        check_budgets(compile_model(model), synthetic_economy(model))
    assert f"'{'deficit' if wedge == 'tariff' else 'tariff'}' as the only" not in str(caught.value)


@pytest.mark.parametrize("build", [caliendo_parro, rare_earths])
def test_the_budgets_of_the_library_add_up_on_a_synthetic_economy(build):
    model = hat(build())
    economy = synthetic_economy(model)
    assert economy is not None
    assert economy.attrs["synthetic"] == "yes"
    said = check_budgets(compile_model(model), economy)
    assert said.startswith("add up with 'tariff', ")
    assert said.endswith("raised by a few percent")


def test_small_wedges_tax_what_crosses_a_border_and_transfers_sum_to_zero():
    model = hat(caliendo_parro())
    economy = synthetic_economy(model)
    assert economy is not None
    assert float(abs(economy.deficit).max()) < 1e-9 * float(economy.final_expenditure.min())
    shocks = small_wedges(compile_model(model).bind(economy))
    abroad = shocks["tariff"].importer != shocks["tariff"].exporter
    xr.testing.assert_allclose(shocks["tariff"], (SMALL * abroad).broadcast_like(shocks["tariff"]))
    assert abs(float(shocks["deficit"].sum())) < 1e-9 * float(abs(shocks["deficit"]).max())
    assert float(shocks["deficit"].max()) > 0


def test_what_cannot_be_tested_is_said():
    plain = Model("plain")
    a, p = plain.exogenous("a", [], "amount"), plain.variable("p", [], "price")
    plain.equate("price", p, a)
    data = xr.Dataset({"amount": 1.0, "price": 1.0})
    assert check_budgets(compile_model(hat(plain)), data) == "not tested, since there is no numeraire"
    assert synthetic_economy(hat(plain)) is not None, "it reads no data at all"
    labels = ["A", "B"]
    untaxed = xr.Dataset(
        {
            "trade_elasticity": 4.0,
            "expenditure_share": (("importer", "exporter"), np.array([[0.8, 0.2], [0.2, 0.8]])),
            "expenditure": ("region", [1.0, 1.0]),
            "deficit": ("region", [0.0, 0.0]),
        },
        {d: labels for d in ("region", "importer", "exporter")},
    )
    assert synthetic_economy(hat(armington())) is None
    assert (
        check_budgets(compile_model(hat(armington())), untaxed)
        == "add up with 'deficit' raised by a few percent"
    )


def test_the_command_names_the_revenue_and_fails(tmp_path: Path):
    (tmp_path / "mine.py").write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_missing_income import FAULTS, with_income\n"
        'model = with_income(FAULTS["a tariff revenue that nobody gets"])\n'
    )
    done = CliRunner().invoke(app, ["check", str(tmp_path / "mine.py")])
    assert done.exit_code == 1
    assert str(tmp_path) not in sys.path, (
        "a path that the file itself has set is not taken for its own folder"
    )
    said = " ".join(done.stderr.split())
    assert "what it yields or costs is missing from 'final expenditure' in block 'accounts'" in said
    done = CliRunner().invoke(app, ["check", "caliendo-parro"])
    assert done.exit_code == 0
    assert "budgets: add up with 'tariff', 'deficit' raised by a few percent" in " ".join(done.stdout.split())
