"""Finding models and their baseline data: built-in ones by name, a user's own by path."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

import calibration
from exacthat.scenario import Study
from exacthat.tables import fill
from framework.errors import DataError, ModelError, ScenarioError, did_you_mean
from framework.symbols import Kind
from models import MODELS

if TYPE_CHECKING:
    import pandas as pd

    from framework import Model


@dataclass(frozen=True)
class Baseline:
    """Baseline data of a model, with a table of parameters and their sources where it is known."""

    data: xr.Dataset
    parameters: pd.DataFrame | None = None


def load_model(reference: str, folder: Path | None = None) -> Model:
    """Return a built-in model by name, or the `model` of a Python file.

    Parameters
    ----------
    reference : str
        Name in `models.MODELS`, or path of a ``.py`` file that has a `Model`, or a function without arguments
        that returns one, under the name ``model``.
    folder : Path, optional
        Folder to which a relative path refers.

    Raises
    ------
    ModelError
        No such model or file, or the file has no `model`. Errors of the file's own code are passed on.
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
    """Run a user's model file and take its `model`."""
    from framework import Model

    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ModelError(f"model file '{path}' cannot be loaded as Python code.")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    if not hasattr(module, "model"):
        raise ModelError(
            f"model file '{path}' has no 'model'; name your Model, or the function that builds it, model."
            f"{did_you_mean('model', vars(module))}"
        )
    model = module.model() if callable(module.model) else module.model
    if not isinstance(model, Model):
        raise ModelError(f"'model' in '{path}' is {type(model).__name__}; it must be, or return, a Model.")
    return model


def load_baseline(model: Model, study: Study, data: str | None = None) -> Baseline:
    """Baseline data of a study.

    The rare-earth model builds them from a world input-output table, shipped or given by path; every other
    model takes a NetCDF data set whose variables have the keys of the model's symbols.

    Parameters
    ----------
    data : str, optional
        Takes the place of the study's `data`.
    """
    source = data or _beside(study)
    if model.name == "rare-earths":
        return _rare_earths(study, source or "wiod2009-5x14")
    if source is None:
        raise DataError(f"model '{model.name}' needs data; give a NetCDF file with --data, or data = \"...\".")
    baseline = read_dataset(Path(source))
    return Baseline(_with_parameters(baseline, study.parameters, model, study))


def _beside(study: Study) -> str | None:
    """Data that the study names; a relative path refers to the folder of its file."""
    if study.data is not None and (study.folder / study.data).is_file():
        return str(study.folder / study.data)
    return study.data


def read_dataset(path: Path) -> xr.Dataset:
    """Read a NetCDF data set into memory."""
    if not path.is_file():
        raise DataError(f"data set '{path}' does not exist; check the path.")
    try:
        with xr.open_dataset(path, engine="h5netcdf") as opened:
            return opened.load()
    except (OSError, ValueError) as error:
        raise DataError(f"'{path}' cannot be read as a NetCDF-4 data set: {error}") from error


def _rare_earths(study: Study, source: str) -> Baseline:
    defaults = calibration.default_parameters()
    for key in study.parameters:
        if key not in defaults.entries:
            raise ScenarioError(
                f"{study.where(key, 'parameters')}: unknown key '{key}'.{did_you_mean(key, defaults.entries)} "
                f"Parameters of the model: {', '.join(defaults.entries)}."
            )
    parameters = defaults.override(study.parameters)
    data = calibration.rare_earths_baseline(calibration.load_table(source), parameters)
    return Baseline(data, parameters.to_frame())


def _with_parameters(
    data: xr.Dataset, settings: Mapping[str, Any], model: Model, study: Study
) -> xr.Dataset:
    """Replace parameters of a data set by the settings of a study."""
    known = {d.key: d for d in model.of_kind(Kind.PARAMETER)}
    out = data.copy()
    for key, value in settings.items():
        place = study.where(key, "parameters")
        if key not in known:
            raise ScenarioError(
                f"{place}: unknown key '{key}'.{did_you_mean(key, known)} Parameters of '{model.name}': "
                f"{', '.join(known)}."
            )
        if key not in data:
            raise DataError(f"the data set has no '{key}', which [parameters] would replace; add it first.")
        out[key] = fill(data[key].astype(float), value, place)
    return out
