"""The commands ``patents classify``, ``patents evaluate`` and ``patents aggregate``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from exacthat.cli import patents_options as o
from exacthat.cli.console import err, explained, out, show_heading

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from empirics.patents import Codebook, Corpus
    from empirics.patents.classify import Classifier
    from empirics.patents.llm import LanguageModel

app = typer.Typer(
    help="Patents and sentences on rare earths: classify, evaluate, count.", no_args_is_help=True
)


@app.command()
@explained
def classify(
    corpus: o.Corpus,
    out_dir: o.Out,
    codebook: o.Codebook = o.CodebookName.patents,
    classifier: o.Classifier = o.ClassifierName.embedded,
    model: o.Model = None,
    endpoint: o.Endpoint = None,
    key_variable: o.KeyVariable = "OPENAI_API_KEY",
    cache: o.Cache = None,
    price: o.Price = None,
    dry_run: o.DryRun = False,
    yes: o.Yes = False,
    batch: o.Batch = 1,
    concurrency: o.Concurrency = 8,
    requests_per_minute: o.Pace = None,
    timeout: o.Timeout = 60.0,
    attempts: o.Attempts = 8,
    asks: o.Asks = 3,
    answer_format: o.AnswerFormat = o.Form.schema,
    no_temperature: o.NoTemperature = False,
    keywords: o.Keywords = None,
    every: o.Every = False,
    sample: o.Sample = 0,
    seed: o.Seed = 0,
    longest: o.Longest = 20_000,
    force: o.Force = False,
) -> None:
    """Read a corpus, screen it for rare earths and classify it; write classified.parquet and exclusions.csv."""
    from empirics.patents.codebook import CODEBOOKS
    from exacthat.output import require_free

    require_free(out_dir, force)
    book = CODEBOOKS[codebook.value]()
    with err.status("reading"):
        if codebook is o.CodebookName.sentences:
            from empirics.patents import read_sentences

            read = read_sentences(corpus, longest=longest)
        else:
            read = _read_patents(corpus, keywords, every, sample=sample, seed=seed, longest=longest)
    _show_corpus(read)
    if classifier is o.ClassifierName.embedded:
        from empirics.patents import TextSimilarity

        _classify(read, TextSimilarity(), book, out_dir, force)
        return
    settings = {"timeout": timeout, "attempts": attempts, "requests_per_minute": requests_per_minute}
    options = {"batch": batch, "concurrency": concurrency, "asks": asks, "answer_format": answer_format.value}
    options["temperature"] = None if no_temperature else 0.0
    held = cache or out_dir.resolve().with_name(f"{out_dir.resolve().name}.cache.sqlite")
    with _language_model(model, endpoint, key_variable, held, settings, options) as language_model:
        if _agreed(language_model, read, book, price, dry_run, yes):
            _classify(read, language_model, book, out_dir, force)


@app.command()
@explained
def evaluate(
    classified: o.Classified,
    reference: o.Reference,
    codebook: o.Codebook = o.CodebookName.patents,
    out_dir: o.OptionalOut = None,
    force: o.Force = False,
) -> None:
    """Compare a classification with a labelled sample or another one: accuracy, Cohen's kappa, confusion."""
    from empirics.patents import evaluate as compare
    from empirics.patents.codebook import CODEBOOKS
    from exacthat.output import require_free, results_folder

    if out_dir is not None:
        require_free(out_dir, force)
    result = compare(_read_table(classified), _read_table(reference), CODEBOOKS[codebook.value]())
    if out_dir is not None:
        with results_folder(out_dir, force) as draft:
            for name in ("scores", "confusion", "left_out"):
                getattr(result, name).to_csv(draft / f"{name}.csv", index=False)
    _show(result.scores, "agreement")
    wrong = result.confusion[result.confusion["reference"] != result.confusion["predicted"]]
    if len(wrong):
        _show(wrong.head(10), "most frequent confusions")
    _show_reasons(result.left_out, "not compared")
    if out_dir is not None:
        out.print(f"Tables are in {out_dir}", highlight=False)


@app.command()
@explained
def aggregate(
    classified: o.Classified,
    out_dir: o.Out,
    date: o.Date = o.DateName.grant,
    assignees: o.Assignees = o.AssigneeRule.first,
    unit: o.Unit = o.UnitName.publication,
    depreciation: o.Depreciation = 0.15,
    years: o.Years = None,
    sentences: o.Sentences = None,
    totals: o.Totals = None,
    unrelated: o.Unrelated = None,
    force: o.Force = False,
) -> None:
    """Count patents by region, SIC code and year, build stocks, and draw the first-look figures."""
    import pandas as pd

    from empirics.patents import aggregate_patents, count_sentences
    from exacthat.output import require_free

    require_free(out_dir, force)
    options: dict[str, Any] = {
        "date": date.value,
        "assignees": assignees.value,
        "unit": unit.value,
        "years": years,
    }
    result = aggregate_patents(_read_table(classified), depreciation=depreciation, **options)
    counts, exclusions = result.counts, [result.exclusions.assign(table="patents")]
    if totals is not None:
        control, dropped = _unrelated(classified, unrelated, totals, counts, options)
        counts["unrelated_patents"] = control
        exclusions.append(dropped)
    spoken = None
    if sentences is not None:
        said = count_sentences(_read_table(sentences))
        spoken = said.counts
        exclusions.append(said.exclusions.assign(table="sentences"))
    listed = pd.concat(exclusions, ignore_index=True)
    _write_counts(counts, spoken, listed, out_dir, force)
    _show_counts(counts)
    _show_reasons(listed, "not counted")
    out.print(f"Counts and figures are in {out_dir}", highlight=False)


def _read_patents(corpus: Path, keywords: Path | None, every: bool, **options: Any) -> Corpus:
    from empirics.patents import KeywordScreen, read_patents
    from empirics.patents.tables import read_table

    screen = None if every else KeywordScreen(read_table(keywords) if keywords else None)
    return read_patents(corpus, screen, **options)


def _classify(read: Corpus, classifier: Classifier, book: Codebook, out_dir: Path, force: bool) -> None:
    """Classify the corpus and its unrelated sample, and write both."""
    import pandas as pd

    from empirics.patents import classify as answer
    from exacthat.output import results_folder

    both = pd.concat([read.documents, read.unrelated], ignore_index=True)
    columns = (TextColumn("classifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with _interruptible(), Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("", total=len(both))
        classified = answer(both, classifier, book, lambda: bar.advance(task))
    main, rest = classified.iloc[: len(read.documents)], classified.iloc[len(read.documents) :]
    with results_folder(out_dir, force) as draft:
        main.to_parquet(draft / "classified.parquet", index=False)
        read.exclusions.to_csv(draft / "exclusions.csv", index=False)
        if len(rest):
            rest.to_parquet(draft / "unrelated.parquet", index=False)
    done = int((main["status"] == "classified").sum())
    out.print(f"{done} of {len(main)} documents classified by {classifier.name}", highlight=False)
    _show_reasons(classified[classified["reason"] != ""], "unclassified")
    out.print(f"Results are in {out_dir}", highlight=False)


@contextmanager
def _language_model(
    model: str | None,
    endpoint: str | None,
    key_variable: str,
    cache: Path,
    settings: dict[str, Any],
    options: dict[str, Any],
) -> Iterator[LanguageModel]:
    """Yield the classifier that the options describe, with its cache open."""
    from empirics.patents.cache import Cache
    from empirics.patents.endpoint import DEFAULT_ENDPOINT, Connection
    from empirics.patents.llm import LanguageModel

    if not model:
        raise typer.BadParameter("--classifier llm needs --model NAME.")
    connection = Connection(model, endpoint or DEFAULT_ENDPOINT, key_variable, **settings)
    with Cache(cache) as held:
        yield LanguageModel(connection, held, **options)


def _agreed(
    model: LanguageModel,
    read: Corpus,
    book: Codebook,
    price: tuple[float, float] | None,
    dry_run: bool,
    yes: bool,
) -> bool:
    """Show the cost estimate and return whether to go on; a person at a terminal is asked."""
    estimate = model.estimate([*read.documents["text"], *read.unrelated["text"]], book)
    cost = f", about {estimate.cost(*price):.2f} at the prices given" if price else ""
    out.print(
        f"{estimate.texts} texts to ask about in {estimate.requests} requests, {estimate.cached} in the cache: about "
        f"{estimate.prompt_tokens:,} prompt and {estimate.completion_tokens:,} completion tokens{cost}",
        highlight=False,
    )
    if dry_run or not estimate.texts:
        return not dry_run
    return yes or not sys.stdin.isatty() or typer.confirm("Go on?")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let an interrupt or a termination finish what is paid for, and say how to go on."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        err.print("stopped; answers received are in the cache: the same command goes on from there")
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _unrelated(
    classified: Path, unrelated: Path | None, totals: Path, counts: xr.Dataset, options: dict[str, Any]
) -> tuple[xr.DataArray, pd.DataFrame]:
    """Return the unrelated patents scaled to the regions' totals, and those that are not counted."""
    from empirics.patents import aggregate_patents, read_totals, scale_sample
    from framework.errors import DataError

    sample_file = (
        unrelated or (classified if classified.is_dir() else classified.parent) / "unrelated.parquet"
    )
    if not sample_file.exists():
        raise DataError(
            f"'{sample_file}' does not exist, and --totals scale a sample of unrelated patents; classify with --sample N, or "
            "give one with --unrelated."
        )
    years = (int(counts["year"].min()), int(counts["year"].max()))
    options = options | {"years": years}
    sample = aggregate_patents(_read_table(sample_file), **options)
    every = sample.counts["patents"].sum("direction")
    total = read_totals(totals)
    # A random sample of some thousands has too few patents a year in small regions.
    if "year" in total.dims:
        if missing := sorted({*every["year"].values.tolist()} - {*total["year"].values.tolist()}):
            raise DataError(
                f"'{totals}' has no year {missing[0]}; limit the years with --years, or give totals by region only."
            )
        total = total.sel(year=every["year"]).sum("year", skipna=False)
    return scale_sample(every, total), sample.exclusions.assign(table="unrelated")


def _read_table(path: Path) -> pd.DataFrame:
    """Read a classification or a labelled sample; the folder of `classify` stands for its main table."""
    import pandas as pd

    from empirics.patents.tables import read_table
    from framework.errors import DataError

    path = path / "classified.parquet" if path.is_dir() else path
    if not path.is_file():
        raise DataError(
            f"'{path}' does not exist; give a folder that `exacthat patents classify` wrote, or a table."
        )
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".csv":
        return read_table(path)
    raise DataError(f"'{path}' is neither .parquet nor .csv.")


def _show_corpus(read: Corpus) -> None:
    out.print(
        f"{len(read.documents)} documents, {read.screened_out} without a keyword, {len(read.exclusions)} excluded",
        highlight=False,
    )
    _show_reasons(read.exclusions, "excluded")


def _show_reasons(table: pd.DataFrame, title: str) -> None:
    """Print how many documents are left out for each reason."""
    if len(table):
        counts = table["reason"].value_counts().rename_axis("reason").rename("documents")
        _show(counts.reset_index(), title)


def _show_counts(counts: xr.Dataset) -> None:
    """Print the patents of each region by direction."""
    totals = counts["patents"].sum(["sic", "year"]).to_pandas().rename_axis("region").reset_index()
    origin = ", synthetic data" if counts.attrs.get("data") == "synthetic" else ""
    _show(totals, f"patents by region and direction{origin}")


def _show(table: pd.DataFrame, title: str) -> None:
    show_heading(title)
    shown = Table(box=None, pad_edge=False)
    for column in table.columns:
        shown.add_column(str(column), justify="left" if table[column].dtype.kind in "OUT" else "right")
    for row in table.itertuples(index=False):
        shown.add_row(*("–" if value is None or value != value else _cell(value) for value in row))
    out.print(shown)


def _cell(value: Any) -> str:
    return (
        f"{value:.3g}"
        if isinstance(value, float) and value % 1
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _write_counts(
    counts: xr.Dataset, spoken: xr.Dataset | None, exclusions: pd.DataFrame, out_dir: Path, force: bool
) -> None:
    """Write counts, exclusions and figures in one step."""
    from empirics.patents.figures import plot_patents, plot_sentences, save
    from exacthat.output import results_folder
    from exacthat.results import write_results

    figures = {"patents-by-technology": plot_patents(counts)}
    if spoken is not None:
        figures["sentences-by-topic"] = plot_sentences(spoken)
    with results_folder(out_dir, force) as draft:
        write_results(counts, draft / "patents.nc")
        if spoken is not None:
            write_results(spoken, draft / "sentences.nc")
        exclusions.to_csv(draft / "exclusions.csv", index=False)
        (draft / "figures").mkdir()
        for name, figure in figures.items():
            save(figure, draft / "figures", name)
