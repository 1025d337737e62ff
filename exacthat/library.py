"""Finding models and their baseline data: built-in ones by name, a user's own by path."""

from __future__ import annotations

import functools
import importlib.util
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

import calibration
from exacthat.scenario import Study
from exacthat.scenario_errors import located
from exacthat.tables import fill
from framework.errors import DataError, ExacthatError, ModelError, ScenarioError, did_you_mean
from framework.symbols import Kind
from models import MODELS

if TYPE_CHECKING:
    import pandas as pd

    from framework import Model

DEFAULT_TABLE = "wiod2009-5x14"
COARSE = {"krugman": "wiod2009-5x2", "melitz-pareto": "wiod2009-5x2"}
"""Models whose default table has fewer sectors, at which free entry of firms is stable."""

CALIBRATED: dict[str, Callable[..., xr.Dataset]] = {
    "armington": calibration.armington_baseline,
    "caliendo-parro": calibration.caliendo_parro_baseline,
    "eaton-kortum": calibration.eaton_kortum_baseline,
    "krugman": calibration.krugman_baseline,
    "melitz-pareto": calibration.melitz_pareto_baseline,
    "rare-earths": calibration.rare_earths_baseline,
}
"""Built-in models whose baseline is made from an input-output table."""

FROM_SAM: dict[str, Callable[[xr.DataArray], xr.Dataset]] = {
    "standard-cge": calibration.standard_cge_baseline
}
"""Built-in models whose baseline is made from a social accounting matrix; without one, from the textbook's."""

ILLUSTRATED: dict[str, Callable[[], xr.Dataset]] = {"acemoglu": calibration.acemoglu_illustration}
"""Built-in models with illustrative numbers, which are no economy's data."""

RECALIBRATED: dict[str, Callable[..., xr.Dataset]] = {"rare-earths": calibration.recalibrate}
"""Those whose baseline is quicker to make from another baseline than from the table."""


def has_baseline(name: str) -> bool:
    """True for a built-in model that the package ships baseline data for."""
    return name in CALIBRATED or name in FROM_SAM or name in ILLUSTRATED


@dataclass(frozen=True)
class Baseline:
    """Baseline data of a model, with a table of parameters and their sources where it is known.

    `uncertain` holds estimated parameters, if there are any.
    """

    data: xr.Dataset
    parameters: pd.DataFrame | None = None
    uncertain: Uncertain | None = None


@dataclass(frozen=True)
class Uncertain:
    """Parameters with their estimates, and the baseline as a function of parameters."""

    parameters: calibration.Parameters
    estimates: xr.Dataset
    calibrate: Callable[[calibration.Parameters], xr.Dataset]


def load_model(reference: str, folder: Path | None = None) -> Model:
    """Return a built-in model by name, or the `model` of a Python file.

    Parameters
    ----------
    reference : str
        Name in `models.MODELS`, or path of a ``.py`` file with one `Model`. A file with several, or one that makes its
        model in a function without arguments, has it under the name ``model``.
    folder : Path, optional
        Folder to which a relative path refers.

    Raises
    ------
    ModelError
        No such model or file, the file has no model or several, or its code fails: the message names its line.
    """
    if reference in MODELS:
        return MODELS[reference]()
    path = (folder or Path()) / reference
    if path.suffix != ".py":
        raise ModelError(
            f"there is no model '{reference}'.{did_you_mean(reference, MODELS)} Built-in models: "
            f"{', '.join(MODELS)}; a model of your own is the path of a .py file."
        )
    if not path.is_file():
        raise ModelError(f"model file '{path}' does not exist; check the path.")
    return _model_of_file(path)


def _model_of_file(path: Path) -> Model:
    """Run a user's model file and take its model."""
    from framework import Model

    found = _run_file(path)
    if "model" not in found:
        models = {name: value for name, value in found.items() if isinstance(value, Model)}
        if len({id(m) for m in models.values()}) == 1:
            return next(iter(models.values()))
        if models:
            raise ModelError(
                f"model file '{path}' has {len(models)} models ({', '.join(models)}); say which one to take: "
                f"model = {next(iter(models))}"
            )
        raise ModelError(
            f"model file '{path}' has no model; make a Model in it, or name the function that builds it 'model'."
            f"{did_you_mean('model', found)}"
        )
    model = found["model"]
    if not isinstance(model, Model):
        raise ModelError(f"'model' in '{path}' is {type(model).__name__}; it must be, or return, a Model.")
    return model


def _run_file(path: Path) -> dict[str, Any]:
    """Names that a user's file defines; a function `model` is called, and stands for what it returns.

    Raises
    ------
    ModelError
        The code fails; the message has the line of the file and what went wrong there.
    """
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ModelError(f"model file '{path}' cannot be loaded as Python code.")
    module = importlib.util.module_from_spec(spec)
    folder = str(path.parent.resolve())
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
        found = dict(vars(module))
        if callable(found.get("model")):
            found["model"] = found["model"]()
    except (Exception, SystemExit) as error:
        raise ModelError(_where_it_failed(path, error)) from error
    finally:
        if folder in sys.path:  # not the first entry any more if the file has put one before it
            sys.path.remove(folder)
    return found


def _where_it_failed(path: Path, error: BaseException) -> str:
    """Say on which line of a user's file, or of one beside it, an error came up, and which error it is."""
    kind = type(error).__name__
    what = str(error) if isinstance(error, ExacthatError) else f"{kind}: {error}".removesuffix(": ")
    if isinstance(error, SyntaxError) and error.filename:
        what = f"{kind}: {error.msg}"
        return _at_line(Path(error.filename), error.lineno, error.text or "", what)
    folder, own = path.parent.resolve(), path.resolve()
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).parent == folder]
    if not frames:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).resolve() == own]
    if not frames:
        return f"model file '{path}': {what}"
    return _at_line(Path(frames[-1].filename), frames[-1].lineno, frames[-1].line or "", what)


def _at_line(path: Path, number: int | None, code: str, what: str) -> str:
    where = f"model file '{path.name}', line {number}"
    return f"{where}: {what}" + (f"\n    {code.strip()}" if code.strip() else "")


def load_baseline(model: Model, study: Study, data: str | None = None) -> Baseline:
    """Return the baseline data of a study.

    A built-in model takes them from a world input-output table or a social accounting matrix, shipped or given by
    path. Every model takes a NetCDF data set whose variables have the keys of its symbols.

    Parameters
    ----------
    data : str, optional
        Takes the place of the study's `data`; a folder is where the official files of the table are.
    """
    folder = data if data is not None and Path(data).is_dir() else None
    source = (data if folder is None else None) or _beside(study)
    if source is not None and source.endswith(".nc") and not _is_table(Path(source)):
        if study.inventories != "keep":
            raise ScenarioError(
                f"'{source}' is no input-output table, so inventories do not apply; leave the key out."
            )
        if study.estimates is not None:
            raise ScenarioError(
                f"'{source}' is a baseline already, which estimates cannot change; give an input-output table."
            )
        return Baseline(_with_parameters(read_dataset(Path(source)), study.parameters, model, study))
    if study.model in CALIBRATED:
        return _calibrated(study, model, source or COARSE.get(study.model, DEFAULT_TABLE), folder)
    if study.model in FROM_SAM:
        return _from_sam(study, model, source if folder is None else data)
    if study.model in ILLUSTRATED and data is None and study.data is None:
        return _illustrated(study, model)
    raise DataError(
        f"model '{model.name}' needs a data set with its baseline; give a NetCDF file (.nc) with --data, "
        'or write data = "..." in the scenario file.'
    )


def _beside(study: Study) -> str | None:
    """Return the data that the study names; a relative path refers to the folder of its file."""
    if study.data is not None and (study.folder / study.data).is_file():
        return str(study.folder / study.data)
    return study.data


def read_dataset(path: Path) -> xr.Dataset:
    """Read a NetCDF data set into memory."""
    if not path.is_file():
        raise DataError(f"data set '{path}' does not exist; check the path.")
    try:
        return xr.load_dataset(path, engine="h5netcdf")
    except (OSError, ValueError) as error:
        raise DataError(f"'{path}' cannot be read as a NetCDF-4 data set: {error}") from error


def _is_table(path: Path) -> bool:
    """Return True for an input-output table, which has intermediate use; a baseline of a model has shares."""
    return "intermediate" in read_dataset(path)


def _read_by(study: Study, model: Model) -> set[str]:
    """Keys of everything that the variants of a study declare."""
    chosen = [{group: name} for group, names in study.variants.items() for name in names]
    chosen += [{k: v} for s in study.scenario for k, v in s.settings.items() if k in model.variants]
    return {d.key for choice in [{}, *chosen] for d in model.choose(**choice).symbols.values()}


def _calibrated(study: Study, model: Model, source: str, folder: str | None) -> Baseline:
    """Return the baseline that `calibration` makes from an input-output table.

    A parameter that a study repeats at its default keeps the source of the default.
    """
    defaults = calibration.default_parameters()
    if study.estimates is not None:
        with located(study, "estimates"):
            defaults = calibration.Parameters.from_estimates(study.folder / study.estimates)
    for key in study.parameters:
        if key not in defaults.entries:
            raise ScenarioError(
                f"{study.where(key, 'parameters')}: unknown key '{key}'.{did_you_mean(key, defaults.entries, study.parameters)} "
                f"Parameters: {', '.join(defaults.entries)}."
            )
    own = {k: v for k, v in study.parameters.items() if v not in (defaults[k].value, defaults[k].table)}
    with located(study, "", "parameters"):
        parameters = defaults.override(own)
    official = calibration.load_table(source, folder)

    build = functools.partial(CALIBRATED[study.model], official, inventories=study.inventories)
    data, table = build(parameters), parameters.to_frame()
    known = _read_by(study, model)
    used = table.loc[[(k in data and k in known) or f"source_of_{k}" in data.attrs for k in table.index]]
    estimates = parameters.estimates
    if estimates is None:
        return Baseline(data, used)
    again = functools.partial(RECALIBRATED[study.model], data) if study.model in RECALIBRATED else build
    return Baseline(data, used, Uncertain(parameters, estimates, again))


def _from_sam(study: Study, model: Model, source: str | None) -> Baseline:
    """Return the baseline that `calibration` makes from a social accounting matrix."""
    if source is not None and not source.endswith(".csv"):
        raise DataError(
            f"'{source}' is no social accounting matrix, from which '{study.model}' is calibrated; give a .csv file."
        )
    _refuse_keys_of_tables(study, "a social accounting matrix takes")
    for key in study.parameters:
        if key not in calibration.SAM_ELASTICITIES:
            raise ScenarioError(
                f"{study.where(key, 'parameters')}: '{key}' follows from the social accounting matrix or is unknown."
                f"{did_you_mean(key, calibration.SAM_ELASTICITIES, study.parameters)} Parameters: {', '.join(calibration.SAM_ELASTICITIES)}."
            )
    data = FROM_SAM[study.model](calibration.read_sam(source))
    data = _with_parameters(data, study.parameters, model, study)
    return Baseline(data, calibration.sam_parameters(data, set(study.parameters)))


def _illustrated(study: Study, model: Model) -> Baseline:
    """Return the illustrative numbers of a model."""
    _refuse_keys_of_tables(study, f"the illustrative numbers of '{study.model}' take")
    data = _with_parameters(ILLUSTRATED[study.model](), study.parameters, model, study)
    return Baseline(data, calibration.illustration_parameters(data, set(study.parameters)))


def _refuse_keys_of_tables(study: Study, takes: str) -> None:
    for key in ("inventories", "estimates"):
        if getattr(study, key) != Study.model_fields[key].default:
            raise ScenarioError(f"{takes} no {key}; leave the key out.")


def _with_parameters(data: xr.Dataset, settings: Mapping[str, Any], model: Model, study: Study) -> xr.Dataset:
    """Replace parameters of a data set by the settings of a study."""
    if not settings:
        return data
    chosen = [{group: name} for group, names in model.variants.items() for name in names]
    known = {d.key: d for choice in [{}, *chosen] for d in model.choose(**choice).of_kind(Kind.PARAMETER)}
    out = data.copy()
    for key, value in settings.items():
        place = study.where(key, "parameters")
        if key not in known:
            raise ScenarioError(
                f"{place}: unknown key '{key}'.{did_you_mean(key, known, study.parameters)} Parameters of '{model.name}': "
                f"{', '.join(known)}."
            )
        if key not in data:
            raise DataError(f"the data set has no '{key}', which [parameters] would replace; add it first.")
        out[key] = fill(data[key].astype(float), value, place)
    return out
