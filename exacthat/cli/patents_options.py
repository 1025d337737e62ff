"""The arguments and options of the ``patents`` commands."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

LLM = "Language model"


class CodebookName(StrEnum):
    """Which questions are asked."""

    patents = "patents"
    sentences = "sentences"


class ClassifierName(StrEnum):
    """Who answers."""

    embedded = "embedded"
    llm = "llm"


class Form(StrEnum):
    """How an endpoint is told the form of the answer."""

    schema = "schema"
    json = "json"


class DateName(StrEnum):
    """The date that gives a patent's year."""

    grant = "grant"
    filing = "filing"


class AssigneeRule(StrEnum):
    """Which assignees a patent counts for."""

    first = "first"
    fractional = "fractional"


class UnitName(StrEnum):
    """What is counted."""

    publication = "publication"
    family = "family"


Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")]
OptionalOut = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder for the tables.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the results in an existing folder.")]
Codebook = Annotated[CodebookName, typer.Option("--codebook", help="Questions to answer.")]
Classified = Annotated[
    Path, typer.Argument(metavar="CLASSIFIED", help="Folder of `classify`, or a .parquet or .csv file.")
]

Corpus = Annotated[
    Path, typer.Argument(metavar="CORPUS", help="JSON lines or Parquet: a file, or a folder of shards.")
]
Keywords = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Keyword table instead of the shipped one.")
]
Every = Annotated[bool, typer.Option("--every", help="Classify patents without a keyword too.")]
Sample = Annotated[int, typer.Option(min=0, help="Random patents without a keyword to classify.")]
Seed = Annotated[int, typer.Option(help="Seed of the sample.")]
Longest = Annotated[int, typer.Option(min=1, help="Characters above which a text is excluded.")]

Classifier = Annotated[
    ClassifierName, typer.Option(help="embedded: TF-IDF, no network; llm: an OpenAI-compatible endpoint.")
]
Model = Annotated[str | None, typer.Option(help="Model of the endpoint.", rich_help_panel=LLM)]
Endpoint = Annotated[
    str | None,
    typer.Option(metavar="URL", envvar="OPENAI_BASE_URL", help="Base address.", rich_help_panel=LLM),
]
KeyVariable = Annotated[
    str, typer.Option(help="Environment variable that holds the API key.", rich_help_panel=LLM)
]
Cache = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Paid answers; default DIR.cache.sqlite.", rich_help_panel=LLM),
]
Price = Annotated[
    tuple[float, float] | None,
    typer.Option(
        metavar="IN OUT", help="Prices of a million prompt and completion tokens.", rich_help_panel=LLM
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show the cost estimate and stop.", rich_help_panel=LLM)
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before the paid run.", rich_help_panel=LLM)]
Batch = Annotated[int, typer.Option(min=1, help="Texts in a request.", rich_help_panel=LLM)]
Concurrency = Annotated[int, typer.Option(min=1, help="Requests at a time.", rich_help_panel=LLM)]
Pace = Annotated[float | None, typer.Option(min=0.01, help="Requests a minute at most.", rich_help_panel=LLM)]
Timeout = Annotated[float, typer.Option(min=0.01, help="Seconds for a request.", rich_help_panel=LLM)]
Attempts = Annotated[int, typer.Option(min=1, help="Requests before an error counts.", rich_help_panel=LLM)]
Asks = Annotated[int, typer.Option(min=1, help="Answers before a text is unclassified.", rich_help_panel=LLM)]
AnswerFormat = Annotated[Form, typer.Option(help="Form of the answer.", rich_help_panel=LLM)]
NoTemperature = Annotated[
    bool, typer.Option("--no-temperature", help="For models that refuse temperature 0.", rich_help_panel=LLM)
]

Reference = Annotated[
    Path, typer.Argument(metavar="REFERENCE", help="Labelled sample, or what another classifier wrote.")
]

Date = Annotated[DateName, typer.Option(help="Date that gives the year.")]
Assignees = Annotated[AssigneeRule, typer.Option(help="Assignees that count.")]
Unit = Annotated[UnitName, typer.Option(help="What is counted.")]
Depreciation = Annotated[float, typer.Option(help="Rate of the perpetual inventory, a year.")]
Years = Annotated[tuple[int, int] | None, typer.Option(metavar="FIRST LAST", help="First and last year.")]
Sentences = Annotated[
    Path | None, typer.Option(metavar="CLASSIFIED", help="Classified sentences of earnings calls.")
]
Totals = Annotated[
    Path | None, typer.Option(metavar="FILE", help="All patents by region, to scale the unrelated sample to.")
]
Unrelated = Annotated[
    Path | None,
    typer.Option(metavar="CLASSIFIED", help="Unrelated sample; default is the one beside CLASSIFIED."),
]
