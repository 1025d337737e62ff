"""Models, economies and shocks that several benchmarks share; each is made once."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import xarray as xr

from calibration import caliendo_parro_baseline, load_table, rare_earths_baseline
from calibration.synthetic import SYNTHETIC
from exacthat.bench import SHOCKS, shocks
from framework import DataError, Problem, System, compile_model, hat
from framework.closures import closed_for
from models import caliendo_parro, rare_earths

WIOD = "WIOD 2009"
SIZES = {"5x14": (5, 14), "31x40": (31, 40), "41x35": (41, 35), "77x45": (77, 45), "189x26": (189, 26)}
FITTED = ("31x40", "41x35", "77x45", "189x26")  # from which the growth of time and memory is estimated
TECHNOLOGIES = tuple(rare_earths().compared["technology"])
MOVING = ("mobile-effort", "free-entry")  # at the slides' parameters their research is unstable
STABLE_PHI = 0.1  # variety productivity at which it is stable
INSTRUMENTS: dict[str, dict[str, float]] = {
    "tax": {"export_tax": 0.25},
    "quota": {"ree_export_ratio": 0.6},
    "price": {"ree_price_ratio": 10.0},
}
ALL_SHOCKS = tuple(SHOCKS)
_BASELINES = {"caliendo-parro": caliendo_parro_baseline, "rare-earths": rare_earths_baseline}


def growth(size: str) -> int:
    """N^2 S + N S^2: what the time of a solve should be proportional to."""
    n, s = SIZES["41x35" if size == WIOD else size]
    return n * n * s + n * s * s


@cache
def system() -> System:
    """Caliendo and Parro's model in hats, compiled."""
    return compile_model(hat(caliendo_parro()))


@cache
def rare_earths_system(technology: str, instrument: str) -> System:
    """The rare-earths model in hats with a technology, under the closure that an instrument needs."""
    return compile_model(closed_for(_rare_earths_hat(technology), INSTRUMENTS[instrument]))


@cache
def _rare_earths_hat(technology: str):
    return hat(rare_earths().choose(technology=technology))


@cache
def economy(model: str, size: str) -> xr.Dataset:
    """A synthetic economy, or that of WIOD 2009.

    Parameters
    ----------
    model : {"caliendo-parro", "rare-earths"}
    size : str
        A key of `SIZES`, or `WIOD`: 41 regions and 35 sectors, inventories clipped; the shipped 5 x 14 where the model is
        that of rare earths and the size is 5x14.

    Raises
    ------
    DataError
        If the official files are not there.
    """
    if size == WIOD:
        return _BASELINES[model](load_table("wiod2009-41x35", _official()), inventories="clip")
    if size == "5x14" and model == "rare-earths":
        return rare_earths_baseline(load_table("wiod2009-5x14"))
    return SYNTHETIC[model](*SIZES[size])


def why_absent() -> str:
    """Return why the official tables cannot be read, or nothing if they can."""
    try:
        economy("caliendo-parro", WIOD)
    except DataError as error:
        return str(error).split(";")[0].rstrip(".")
    return ""


def shocked(size: str, shock: str = "tariff+10%", backend: str = "c") -> Problem:
    """Caliendo and Parro's model on an economy under one of `exacthat.bench.SHOCKS`."""
    data = economy("caliendo-parro", size)
    return system().bind(data, shocks.build(system(), data, shock), backend=backend)


def rare_earths_problem(
    technology: str, instrument: str, size: str, backend: str = "c", shock: dict[str, float] | None = None
) -> Problem:
    """The rare-earths model on an economy under one instrument, at its value in `INSTRUMENTS` or another."""
    data = economy("rare-earths", size)
    if technology in MOVING:
        data = data.assign(variety_productivity=STABLE_PHI)
    return rare_earths_system(technology, instrument).bind(
        data, shock or INSTRUMENTS[instrument], backend=backend
    )


def _official() -> Path | None:
    """Folder of official tables: EXACTHAT_DATA, or ``../shared/data`` beside the repository, as for the tests."""
    if "EXACTHAT_DATA" in os.environ:
        return Path(os.environ["EXACTHAT_DATA"])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return beside if beside.is_dir() else None
