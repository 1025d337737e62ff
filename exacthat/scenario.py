"""Scenario files: what to solve, read from TOML and checked against the model.

A scenario file names a model, its data, the variants to compare, parameters that replace the defaults, and
one ``[[scenario]]`` table for each policy. `read_study` checks the form of the file; `plan` checks every key
against the model and returns the cases to solve. Values are numbers and labels; nothing is evaluated.
"""

from __future__ import annotations

import itertools
import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
)

from exacthat.scenario_errors import FIELDS, SHOCK, TOP_LEVEL, form_message, line_of
from framework.errors import ScenarioError, did_you_mean
from framework.symbols import Declaration, Kind

if TYPE_CHECKING:
    from framework import Model


Number: TypeAlias = Annotated[StrictFloat, Field(allow_inf_nan=False)] | StrictInt
Table: TypeAlias = dict[str, Number | dict[str, Number | dict[str, Number]]]
"""Numbers by label, nested once for each further dim; three dims are as many as bilateral sector data have."""


class Scenario(BaseModel):
    """One ``[[scenario]]`` table: a name, and a value for each quantity that it sets.

    With `by_name_only` it is solved only where it is asked for by its name.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Number | StrictStr | Table]

    name: Annotated[StrictStr, Field(pattern=r"^\w[\w .+-]*$")]
    by_name_only: bool = False

    @property
    def settings(self) -> dict[str, Any]:
        """Values by key, without the name."""
        return dict(self.__pydantic_extra__)


class Study(BaseModel):
    """Content of a scenario file.

    Attributes
    ----------
    model : str
        Name of a built-in model, or path of a model file.
    data : str or None
        Name of a shipped table, or path of a table or NetCDF data set.
    estimates : str or None
        Path of estimated parameters with their covariance; see `calibration.estimates`.
    inventories : {"keep", "in-deficit", "clip"}
        What becomes of inventory changes in an input-output table; see `calibration.goods_accounts`.
    parameters : dict
        Values that replace the defaults: a number, numbers by label, or the name of an alternative.
    scenario : list of Scenario
        Policies, with unique names.
    variants : dict of str to list of str
        Variants to compare, for each variant group of the model.
    source : str
        Where the study comes from.
    folder : Path
        Folder to which relative paths in it refer.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, StrictStr | list[StrictStr]]

    model: StrictStr
    data: StrictStr | None = None
    estimates: StrictStr | None = None
    inventories: Literal["keep", "in-deficit", "clip"] = "keep"
    parameters: dict[str, Number | StrictStr | Table] = {}
    scenario: Annotated[list[Scenario], Field(min_length=1)]
    _source: str = PrivateAttr("scenario file")
    _text: str = PrivateAttr("")

    @classmethod
    def of_model(cls, model: str) -> Study:
        """Return a study without scenarios, which says only where the baseline of a model comes from."""
        return cls.model_construct(model=model, data=None, parameters={}, scenario=[])

    @property
    def source(self) -> str:
        """Name of the file that the study was read from."""
        return self._source

    @property
    def text(self) -> str:
        """Text of the file, in which messages find the line of a key."""
        return self._text

    @property
    def folder(self) -> Path:
        """Folder to which relative paths refer: that of the file, else the working directory."""
        return Path(self._source).parent if Path(self._source).is_file() else Path()

    @property
    def variants(self) -> dict[str, list[str]]:
        """Chosen names by variant group; a single name may be written without brackets."""
        return {k: [v] if isinstance(v, str) else list(v) for k, v in self.__pydantic_extra__.items()}

    def where_case(self, case: Case) -> str:
        """Return the place of a case in words: that of its scenario in a file, and its variant."""
        if not Path(self.source).is_file():
            return case.label
        number = [s.name for s in self.scenario].index(case.scenario)
        return ", ".join([self.where("name", "scenario", number), *case.variant_in_words])

    def where(self, key: str, section: str = "", number: int = 0) -> str:
        """Return the place of a key in words: ``study.toml, line 12, [[scenario]] "tax"``."""
        if self.source == SHOCK:
            return SHOCK
        line = line_of(self.text, key, section, number)
        place = f"{self.source}, line {line}" if line else self.source
        if section == "scenario":
            return f'{place}, [[scenario]] "{self.scenario[number].name}"'
        return f"{place}, [{section}]" if section else place

    def only(self, names: Iterable[str]) -> Study:
        """Return the same study with only the named scenarios, in the order of the file."""
        wanted, known = list(names), [s.name for s in self.scenario]
        for name in wanted:
            if name not in known:
                raise ScenarioError(
                    f"{self.source} has no scenario '{name}'.{did_you_mean(name, known)} "
                    f"It has: {', '.join(known)}."
                )
        asked = [s.model_copy(update={"by_name_only": False}) for s in self.scenario if s.name in wanted]
        return self.model_copy(update={"scenario": asked})

    def by_default(self) -> Study:
        """Return the same study without the scenarios that have to be asked for by name."""
        return self.model_copy(update={"scenario": [s for s in self.scenario if not s.by_name_only]})

    def with_choices(self, variants: Iterable[str], parameters: Iterable[str]) -> Study:
        """Return the same study with variants ``GROUP=NAME`` and parameters ``KEY=VALUE`` of the command line.

        A group that is named replaces what the study says of it; it may be named again, to compare.
        """
        chosen: dict[str, list[str]] = {}
        for group, name in _pairs("--variant", variants):
            chosen.setdefault(group, []).append(name)
        out, values = self.model_copy(update=chosen), dict(_pairs("--parameter", parameters))
        if values:
            table = "".join(f"{key} = {value}\n" for key, value in values.items())
            given = parse_study(f'model = ""\n[parameters]\n{table}[[scenario]]\nname = "x"\n', "--parameter")
            out = out.model_copy(update={"parameters": {**self.parameters, **given.parameters}})
        out._source, out._text = self._source, self._text
        return out


@dataclass(frozen=True)
class Case:
    """One equilibrium to solve: a scenario under one choice of variants.

    Attributes
    ----------
    scenario : str
    variant : dict of str to str
        Chosen name for each variant group that the study compares.
    choice : dict of str to str
        Those, and what the scenario itself chooses.
    shocks : dict
        New value (level quantities: new level; others: new over baseline) by key: a number, or a table.
    swaps : dict of str to str
        For each exogenous quantity that is freed, the endogenous quantity that is given instead.
    elements : dict of str to str
        Labels to which named elements are bound.
    """

    scenario: str
    variant: dict[str, str]
    shocks: dict[str, Any]
    swaps: dict[str, str]
    elements: dict[str, str]
    choice: dict[str, str]

    @property
    def label(self) -> str:
        """Name in messages: ``tax, technology fixed-effort``."""
        return ", ".join([self.scenario, *self.variant_in_words])

    @property
    def variant_in_words(self) -> list[str]:
        """The chosen name of each variant group that the study compares."""
        return [f"{group} {name}" for group, name in self.variant.items()]


def read_study(path: Path) -> Study:
    """Read a scenario file.

    Raises
    ------
    ScenarioError
        The file is missing, is not TOML, or has a key or a value of the wrong form; the message names file,
        line and section.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"cannot read scenario file '{path}': {error}") from error
    return parse_study(text, str(path))


def default_study(model: str) -> Study:
    """Return the scenarios that are shipped for a built-in model."""
    file = resources.files("exacthat") / "data" / f"{model}.toml"
    if not file.is_file():
        raise ScenarioError(
            f"model '{model}' has no default scenarios; give a scenario file or shocks, such as "
            "--shock trade_cost=0.9 (`exacthat check` lists what may be shocked)."
        )
    return parse_study(file.read_text(encoding="utf-8"), f"default scenarios of {model}")


def _pairs(option: str, settings: Iterable[str]) -> list[tuple[str, str]]:
    """Settings ``key=value`` of a command-line option."""
    out = []
    for setting in settings:
        key, sign, value = (part.strip() for part in setting.partition("="))
        if not sign and setting.endswith(".toml"):
            raise ScenarioError(
                f"{option} '{setting}' is a file; run it with 'exacthat run {setting}', or another model on it with "
                f"--scenarios {setting}."
            )
        if not sign or not key or not value:
            raise ScenarioError(f"{option} '{setting}' is not of the form key=value.")
        out.append((key, value))
    return out


def _require_value(key: str, value: str) -> None:
    """Refuse a setting of the command line that is not TOML by itself, so that it cannot run into the next."""
    try:
        tomllib.loads(f"{key} = {value}")
    except tomllib.TOMLDecodeError as error:
        what = str(error).replace("line 1, ", "")
        raise ScenarioError(f"{SHOCK} is not valid TOML: '{key} = {value}': {what}.") from error


def shock_study(model: str, shocks: Iterable[str]) -> Study:
    """Make a study of one scenario from settings ``key=value`` of the command line; values are TOML values."""
    values: dict[str, str] = {}
    for key, value in _pairs(SHOCK, shocks):
        if key in values:
            raise ScenarioError(f"{SHOCK} sets '{key}' twice; give it one value, or a table by label.")
        _require_value(key, value)
        values[key] = value
    lines = [f"{key} = {value}" for key, value in values.items()]
    text = "\n".join([f"model = {json.dumps(model)}", "[[scenario]]", 'name = "shock"', *lines, ""])
    return parse_study(text, SHOCK)


def parse_study(text: str, source: str) -> Study:
    """Check the form of a scenario file's text; see `read_study`."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{source} is not valid TOML: {error}.") from error
    try:
        study = Study.model_validate(content)
    except ValidationError as error:
        raise ScenarioError(form_message(error, content, text, source)) from None
    study._source, study._text = source, text
    names = [s.name.casefold() for s in study.scenario]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ScenarioError(
                f"{study.where('name', 'scenario', number)}: the name occurs twice; give each scenario its own."
            )
    return study


def plan(study: Study, model: Model) -> list[Case]:
    """Check a study against a model and list the cases: every scenario under every choice of variants.

    Raises
    ------
    ScenarioError
        A key or a variant that the model does not have, two keys that determine one quantity, or a scenario
        that sets nothing.
    """
    chosen = _chosen_variants(study, model)
    variants = [dict(zip(chosen, names, strict=True)) for names in itertools.product(*chosen.values())]
    cases = []
    for number, scenario in enumerate(study.scenario):
        own = _own_variants(study, number, model, chosen)
        for variant in variants:
            choice = {**variant, **own}
            settings = _settings(study, number, model.choose(**choice))
            cases.append(Case(scenario.name, variant, *settings, choice))
    return cases


def _chosen_variants(study: Study, model: Model) -> dict[str, list[str]]:
    """Names to solve by variant group: those of the study, else those that the model compares, by default all.

    A group of which the study says nothing and the model compares one name is left at it.
    """
    for group, names in study.variants.items():
        if group not in model.variants:
            near = did_you_mean(group, [*FIELDS, *model.variants], {*study.variants, *study.model_fields_set})
            inside = {*model.elements, *model.closures, *(d.key for d in model.of_kind(Kind.EXOGENOUS))}
            near = " It belongs in a [[scenario]]." if group in inside else near
            raise ScenarioError(f"{study.where(group)}: unknown key '{group}'.{near} {TOP_LEVEL}")
        known = model.variants[group]
        for name in names:
            if name not in known:
                raise ScenarioError(
                    f"{study.where(group)}: model '{model.name}' has no {group} '{name}'."
                    f"{did_you_mean(name, known)} It has: {', '.join(known)}."
                )
        if not names or len(set(names)) < len(names):
            raise ScenarioError(
                f"{study.where(group)}: name each {group} once, at least one of: {', '.join(known)}."
            )
    compared = {group: model.compared.get(group, known) for group, known in model.variants.items()}
    open_groups = [
        g for g in compared if g in study.variants or len(compared[g]) > 1 or g not in model.compared
    ]
    return {group: study.variants.get(group, compared[group]) for group in open_groups}


def _own_variants(study: Study, number: int, model: Model, compared: Iterable[str]) -> dict[str, str]:
    """Names that a scenario itself chooses, of groups that the study does not compare."""
    own = {}
    for group, name in study.scenario[number].settings.items():
        if group not in model.variants:
            continue
        where, known = study.where(group, "scenario", number), model.variants[group]
        if group in compared:
            raise ScenarioError(
                f"{where}: the study compares {group} already; choose it there or here, not in both."
            )
        if name not in known:
            raise ScenarioError(
                f"{where}: model '{model.name}' has no {group} '{name}'.{did_you_mean(str(name), known)} "
                f"It has: {', '.join(known)}."
            )
        own[group] = str(name)
    return own


def _settings(study: Study, number: int, model: Model) -> tuple[dict, dict, dict]:
    """Shocks, closure swaps and element labels of one scenario."""
    shocks: dict[str, Any] = {}
    swaps: dict[str, str] = {}
    elements: dict[str, str] = {}
    exogenous = exogenous_symbols(model)
    for key, value in study.scenario[number].settings.items():
        where = study.where(key, "scenario", number)
        if key in model.variants:
            continue
        if key in model.elements:
            if not isinstance(value, str):
                raise ScenarioError(f"{where}: {key} takes a label in quotes, not {value}.")
            elements[key] = value
            continue
        known = [*exogenous, *model.closures, *model.elements]
        if key not in known:
            raise ScenarioError(
                f"{where}: unknown key '{key}'.{_key_of(model, key) or did_you_mean(key, known, study.scenario[number].settings)} "
                f"A scenario of '{model.name}'{_variant_in_words(model)} may set: {', '.join(known)}."
            )
        if isinstance(value, str):
            raise ScenarioError(f"{where}: {key} takes a number or a table by label, not the text '{value}'.")
        if key in model.closures:
            freed = model.closures[key]
            if freed in swaps:
                raise ScenarioError(
                    f"{where}: {key} and {swaps[freed]} both determine {freed}; set only one of them."
                )
            swaps[freed] = key
        shocks[key] = value
    for freed, given in swaps.items():
        if freed in shocks:
            raise ScenarioError(
                f"{study.where(freed, 'scenario', number)}: {given} determines {freed}; set only one of them."
            )
    if not shocks:
        raise ScenarioError(
            f"{study.where('name', 'scenario', number)}: the scenario changes nothing; set at least one of "
            f"{', '.join([*exogenous, *model.closures])}."
        )
    return shocks, swaps, elements


def _key_of(model: Model, symbol: str) -> str:
    """Say which key a symbol of the equations has; empty for what is no symbol."""
    return f" The key of {symbol} is '{model.symbols[symbol].key}'." if symbol in model.symbols else ""


def _variant_in_words(model: Model) -> str:
    """Return the chosen variants in words, for messages."""
    return f" ({', '.join(' '.join(pair) for pair in model.chosen.items())})" if model.chosen else ""


def exogenous_symbols(model: Model) -> dict[str, Declaration]:
    """Quantities that a scenario may set, by key."""
    return {d.key: d for d in model.symbols.values() if d.kind is Kind.EXOGENOUS}
