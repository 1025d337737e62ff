"""A difference-in-differences design, declared once: from Python or from a TOML file.

The estimating equation is that of the slides, in `unit` u (for instance region and industry) and year t::

    y_ut = beta * sensitivity_u * 1{t >= post} + gamma' controls_ut + fixed effects + error_ut

by OLS, or with the right-hand side in the exponent by Poisson pseudo-maximum likelihood (PPML). One design
holds all columns of a table: they differ in their sample only. `Design.specifications` adds the robustness
tables: the same columns with another sensitivity, outcome or set of controls.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictStr,
    ValidationError,
    model_validator,
)

from empirics.did.controls import Control
from framework.errors import DataError, did_you_mean

Label: TypeAlias = str | int | float | bool
Labels: TypeAlias = Annotated[
    tuple[Label, ...], BeforeValidator(lambda v: [v] if isinstance(v, Label) else v)
]
Name: TypeAlias = Annotated[StrictStr, Field(min_length=1)]
Names: TypeAlias = Annotated[tuple[Name, ...], BeforeValidator(lambda v: [v] if isinstance(v, str) else v)]
FileName: TypeAlias = Annotated[StrictStr, Field(pattern=r"^\w[\w-]*$")]
TREATMENT = "treatment"
"""Name of the treatment among the terms of a regression."""


class DesignError(DataError):
    """A design asks for something that does not exist or cannot be."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Keys(_Part):
    """What identifies a row of the panel: the unit (one column or several) and the year."""

    unit: Annotated[Names, Field(min_length=1)]
    time: Name = "year"


class Treatment(_Part):
    """The treatment: a sensitivity that does not change over the years, times one from `post` on.

    Attributes
    ----------
    sensitivity : str or None
        Column of the panel.
    post : int or None
        First year after the shock.
    variable : str or None
        Instead of a sensitivity: a column that is the treatment as it stands, for designs in which units are
        treated at different times. Such a design has no event study and no permutations.
    assigned_to : tuple of str
        The part of the unit over which the treatment is assigned: what permutations exchange, and over what
        the standard deviation of the magnitude is taken. Default: the whole unit.
    scale : float
        Factor on the sensitivity or variable; the slides' PPML table has 0.01.
    label : str
        Name in tables.
    """

    sensitivity: Name | None = None
    post: int | None = None
    variable: Name | None = None
    assigned_to: Names = ()
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    label: str = ""

    @model_validator(mode="after")
    def _one_kind(self) -> Treatment:
        if (self.sensitivity is None) == (self.variable is None):
            raise ValueError("give the treatment a 'sensitivity' and 'post', or else a 'variable'")
        if self.sensitivity is not None and self.post is None:
            raise ValueError("'post' is missing: the first year after the shock")
        return self

    @property
    def column(self) -> str:
        """Column of the panel: the sensitivity or the variable."""
        return self.sensitivity or self.variable or ""

    @property
    def name(self) -> str:
        """Name in tables."""
        column = self.column.replace("_", " ").capitalize()
        return self.label or (f"{column} × Post" if self.sensitivity else column)


class Sample(_Part):
    """Rows that are used: a span of years, labels to keep and labels to drop, by column of the panel."""

    years: tuple[int, int] | None = None
    keep: dict[Name, Labels] = {}
    drop: dict[Name, Labels] = {}


class Column(Sample):
    """One column of the table: its name and its sample, within the sample of the design."""

    name: Name


class EventStudy(_Part):
    """Effects year by year, relative to `reference`; the years before `Treatment.post` are tested jointly."""

    reference: int
    columns: Names = ()
    years: tuple[int, int] | None = None


class Inference(_Part):
    """What is reported beside the clustered standard errors; see `empirics.did.inference`.

    Attributes
    ----------
    crv3 : bool
        Cluster-jackknife standard error, and the range of the estimate when one cluster is left out.
    permutations : int
        Random exchanges of the sensitivity between the units of assignment; 0 for none.
    seed : int
        Of the permutations.
    largest : int
        Units of assignment with the most variance of the treatment: their share, and the estimates without
        each of them.
    """

    crv3: bool = True
    permutations: Annotated[int, Field(ge=0)] = 999
    seed: Annotated[int, Field(ge=0)] = 2010
    largest: Annotated[int, Field(ge=0)] = 2


class Robustness(_Part):
    """One further table: what differs from the design."""

    name: FileName
    title: Name | None = None
    outcome: Name | None = None
    outcome_label: Name | None = None
    sensitivity: Name | None = None
    assigned_to: Names | None = None
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    label: Name | None = None
    estimator: Literal["OLS", "PPML"] | None = None
    controls: tuple[Control, ...] | None = None


class Design(_Part):
    """A table of difference-in-differences estimates, complete.

    Attributes
    ----------
    name, title : str
        For files and captions.
    estimator : {"OLS", "PPML"}
    outcome, outcome_label, outcome_unit : str
        Column of the panel, and how it is called and measured.
    difference : dict of str to str
        A part of the unit and one of its labels, as ``{"country": "CHN"}``: the outcome is then taken as the
        difference to that label's value of the same year and the same rest of the unit.
    panel : Keys
    treatment : Treatment
    fixed_effects : tuple of str
        Each a column, or columns joined by ``^``, as ``"region^industry"``.
    cluster : tuple of str
        In the same form; more than one for multi-way clustering.
    controls : tuple of Control
    sample : Sample
    columns : tuple of Column
        In TOML as ``[[column]]``.
    event_study : EventStudy or None
    inference : Inference
    robustness : tuple of Robustness
    separation : tuple of {"fe", "ir"}
        Checks for separated observations under PPML: groups without a positive outcome, and the iterative
        rectifier of Correia, Guimaraes and Zylkin (2019).
    slides : str or None
        Name of the slides' table whose values may be shown beside; see `empirics.did.tables.slides_table`.
    data : str
        What the data are; with the word "synthetic" every table and figure says so.
    labels : dict of str to str
        How columns are called in tables, as ``{"sic": "Ind."}``.
    """

    name: FileName
    title: Name
    estimator: Literal["OLS", "PPML"]
    outcome: Name
    outcome_label: str = ""
    outcome_unit: str = ""
    difference: dict[Name, Label] = {}
    panel: Keys
    treatment: Treatment
    fixed_effects: Annotated[Names, Field(min_length=1)]
    cluster: Annotated[Names, Field(min_length=1)]
    controls: tuple[Control, ...] = ()
    sample: Sample = Sample()
    columns: Annotated[tuple[Column, ...], Field(alias="column", min_length=1)]
    event_study: EventStudy | None = None
    inference: Inference = Inference()
    robustness: tuple[Robustness, ...] = ()
    separation: tuple[Literal["fe", "ir"], ...] = ("fe",)
    slides: Name | None = None
    data: str = ""
    labels: dict[Name, str] = {}

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="after")
    def _consistent(self) -> Design:
        for kind, names in (
            ("column", [c.name for c in self.columns]),
            ("robustness table", [r.name for r in self.robustness]),
            ("control", [c.name for c in self.controls]),
        ):
            twice = sorted({n for n in names if names.count(n) > 1})
            if twice:
                raise ValueError(f"the {kind} '{twice[0]}' is there more than once; give it another name")
        if TREATMENT in [c.name for c in self.controls]:
            raise ValueError(
                f"a control is called '{TREATMENT}', which is the name of the treatment; rename it"
            )
        for key, names in (
            ("difference", list(self.difference)),
            ("assigned_to", self.treatment.assigned_to),
        ):
            _known(names, self.panel.unit, f"'{key}' names", "the unit of the panel")
        if len(self.difference) > 1:
            raise ValueError("'difference' names more than one part of the unit; give one")
        if self.event_study:
            known = [c.name for c in self.columns]
            _known(self.event_study.columns, known, "the event study names the column", "the columns")
            if self.treatment.sensitivity is None or self.treatment.post is None:
                raise ValueError("an event study needs a treatment with 'sensitivity' and 'post'")
            if self.event_study.reference >= self.treatment.post:
                raise ValueError(
                    f"the reference year {self.event_study.reference} of the event study is not before "
                    f"post = {self.treatment.post}"
                )
        return self

    @property
    def assigned_to(self) -> tuple[str, ...]:
        """Part of the unit over which the treatment is assigned."""
        return self.treatment.assigned_to or self.panel.unit

    def label_of(self, effect: str) -> str:
        """Return the label of a fixed effect or cluster: ``Region × Ind.`` for ``region^sic``."""
        parts = effect.split("^")
        return " × ".join(self.labels.get(p, p.replace("_", " ").capitalize()) for p in parts)

    def specifications(self) -> Iterator[tuple[str, Design]]:
        """Return the designs of the robustness tables, by name."""
        for r in self.robustness:
            treatment = {k: getattr(r, k) for k in ("sensitivity", "assigned_to", "scale", "label")}
            own = {k: getattr(r, k) for k in ("outcome", "outcome_label", "estimator", "controls")}
            changes = {k: v for k, v in own.items() if v is not None}
            if r.outcome is not None and r.outcome_label is None:
                changes["outcome_label"] = ""
            yield (
                r.name,
                self.model_copy(
                    update={
                        **changes,
                        "name": f"{self.name}-{r.name}",
                        "title": r.title or f"{self.title}: {r.name}",
                        "treatment": self.treatment.model_copy(
                            update={k: v for k, v in treatment.items() if v is not None}
                        ),
                        "robustness": (),
                        "slides": None,
                    }
                ),
            )


def read_design(path: str | Path) -> Design:
    """Read a design from a TOML file.

    Paths of files that controls are built from refer to the folder of the design.

    Raises
    ------
    DesignError
        The file cannot be read, is not TOML, or holds an unknown key or a wrong value.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except OSError as error:
        raise DesignError(f"the design '{path}' cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DesignError(f"{path.name} is not text in UTF-8; save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise DesignError(f"{path.name} is not valid TOML: {error}.") from error
    return make_design(content, path.name, path.parent)


def shipped_design(name: str) -> Design:
    """Return one of the designs in ``empirics/did/designs``: the slides' tables, and the one on US public data.

    Raises
    ------
    DesignError
        There is no design of this name.
    """
    folder = resources.files("empirics.did") / "designs"
    known = sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml"))
    if name not in known:
        raise DesignError(
            f"no design '{name}' is shipped.{did_you_mean(name, known)} There are: {', '.join(known)}."
        )
    with resources.as_file(folder / f"{name}.toml") as path:
        return read_design(path)


def make_design(content: Mapping[str, Any], source: str = "design", folder: Path | None = None) -> Design:
    """Build a design from the content of a TOML file.

    Raises
    ------
    DesignError
        See `read_design`.
    """
    try:
        design = Design.model_validate(dict(content))
    except ValidationError as error:
        raise DesignError("\n".join(f"{source}: {_explained(e)}" for e in _faults(error))) from error
    if folder is None:
        return design
    controls = tuple(c.relative_to(folder) for c in design.controls)
    robustness = tuple(
        r.model_copy(update={"controls": tuple(c.relative_to(folder) for c in r.controls)})
        if r.controls
        else r
        for r in design.robustness
    )
    return design.model_copy(update={"controls": controls, "robustness": robustness})


def _known(names: Any, known: Any, what: str, where: str) -> None:
    for name in names:
        if name not in known:
            raise ValueError(
                f"{what} '{name}', which is not among {where} ({', '.join(known)}).{did_you_mean(name, known)}"
            )


def _faults(error: ValidationError) -> list[Any]:
    """Return what pydantic found; a list that is short only because its items are wrong is not told beside them."""
    faults = error.errors()
    inner = {f["loc"][:1] for f in faults if len(f["loc"]) > 1}
    return [f for f in faults if not (f["type"] == "too_short" and f["loc"] in inner)]


def _explained(error: Any) -> str:
    """Say in one line what pydantic found, with the near name for an unknown key."""
    loc = [str(p) for p in error["loc"]]
    kind, at = error["type"], ".".join(loc)
    if kind == "extra_forbidden":
        known = _keys_at(loc[:-1])
        return f"unknown key '{at}'.{did_you_mean(loc[-1], known)} Keys there: {', '.join(known)}."
    if kind == "missing":
        return f"the key '{at}' is missing; add it."
    message = str(error["ctx"]["error"]) if kind == "value_error" else error["msg"]
    return f"{f'{at}: ' if at else ''}{message}.".replace("..", ".").replace("?.", "?")


def _keys_at(loc: list[str]) -> list[str]:
    """Return the keys of the part of a design at this place."""
    part: Any = Design
    for step in loc:
        parts = {m.model_fields["build"].default: m for m in get_args(get_args(Control)[0])}
        if step in parts and part in parts.values():
            part = parts[step]
        elif not step.isdigit() and part is not None:
            field = next((f for k, f in part.model_fields.items() if step in (k, f.alias)), None)
            part = _model_in(field.annotation) if field else None
    return [f.alias or k for k, f in part.model_fields.items()] if part else []


def _model_in(annotation: Any) -> Any:
    """Return the class of parts in a type such as ``tuple[Column, ...]`` or ``EventStudy | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
