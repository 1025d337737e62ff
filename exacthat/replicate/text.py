"""Patents and text (slides 11 and 12): screen, classification, evaluation and first look, on synthetic corpora.

Nothing here needs a network: the corpora are synthetic, and the classifier is the embedded one.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from empirics.figure_style import NamedFigure
from empirics.patents import (
    TextSimilarity,
    aggregate_patents,
    classify,
    count_sentences,
    evaluate,
    patent_codebook,
    read_patents,
    read_sentences,
    sentence_codebook,
    synthetic_patents,
    synthetic_sentences,
)
from empirics.patents.figures import plot_patents, plot_sentences
from empirics.patents.keywords import default_screen
from empirics.report_table import Table
from exacthat.replicate.exhibits import Comparison, Exhibit, Kind, Missing, Section
from exacthat.replicate.work import Work

SOURCE = "synthetic corpora of empirics.patents.synthetic, embedded classifier (similarity to the labels' descriptions)"
UNRELATED = 0.3
"""Share of patents in the synthetic corpus that mention no rare earth: work for the keyword screen."""

USEFUL = ("enhancing", "substituting")


def text(work: Work) -> Section:
    """Read, screen, classify, evaluate and count."""
    settings, printed = work.settings, work.slides["text"].numbers
    records, truth = synthetic_patents(settings.patents, work.seed, UNRELATED)
    corpus = _read(records, lambda path: read_patents(path, default_screen()))
    patents = classify(corpus.documents, TextSimilarity(), patent_codebook())
    counted = aggregate_patents(patents)
    spoken, topics = synthetic_sentences(settings.sentences, work.seed)
    sentences = classify(_read(spoken, read_sentences).documents, TextSimilarity(), sentence_codebook())
    heard = count_sentences(sentences)
    scores = pd.concat(
        [
            evaluate(table, reference, book).scores.assign(corpus=name)
            for name, table, reference, book in (
                ("patents", patents, truth, patent_codebook()),
                ("sentences", sentences, topics, sentence_codebook()),
            )
        ]
    )
    found = len(corpus.documents)
    useful = 100 * float(patents["direction"].isin(USEFUL).mean())
    true = 100 * float(truth["direction"].isin(USEFUL).mean())
    items = [
        Exhibit(
            _score_table(scores, found, corpus.screened_out), Kind.SYNTHETIC, SOURCE,
            "How far the embedded classifier recovers the known labels; its wording is close to the corpus, so that real texts "
            "score lower.",
        ),
        Exhibit(
            _figure("sentences-by-topic", "Sentences on rare earths in earnings calls by topic (synthetic data)", plot_sentences(heard.counts)),
            Kind.SYNTHETIC, SOURCE, "The rise after 2010 is put into the corpus; the figure shows that the chain recovers it.",
        ),
        Exhibit(
            _figure("patents-by-technology", "Rare-earth patents by technology (synthetic data)", plot_patents(counted.counts)),
            Kind.SYNTHETIC, SOURCE, "The rise after 2010 is put into the corpus; the figure shows that the chain recovers it.",
        ),
        Missing(
            "The patent corpus of the slides (Google Patents Public Data), classified by a language model",
            "Export patents-public-data.patents.publications from BigQuery as JSON lines or Parquet, then run exacthat patents "
            "classify, evaluate and aggregate; with a key of an OpenAI-compatible endpoint, classify uses a language model.",
        ),
        Missing(
            "The corporate earnings calls of the slides",
            "License transcripts, save one sentence a line (id, text, date, company) as JSON lines, and run exacthat patents classify "
            "on them with the codebook of sentences.",
        ),
    ]  # fmt: skip
    comparisons = [
        Comparison(
            printed["patents"].slide, printed["patents"].text, str(printed["patents"]), f"{found:,}", Kind.SYNTHETIC,
            "The size of the synthetic corpus is chosen; it says nothing of the world.",
        ),
        Comparison(
            printed["enhancing"].slide, printed["enhancing"].text, str(printed["enhancing"]), f"{useful:.0f} (true: {true:.0f})", Kind.SYNTHETIC,
            f"The true share is set near that of the slides; the embedded classifier finds {useful / true:.0%} of it.",
        ),
    ]  # fmt: skip
    data = {"patents": counted.counts, "sentences": heard.counts}
    return Section(items, comparisons, {k: _tagged(v) for k, v in data.items()})


def _read(records: Iterable[Mapping[str, Any]], read: Any) -> Any:
    """Read records through a file, as a corpus of one's own would be."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corpus.jsonl"
        path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
        return read(path)


def _tagged(counts: xr.Dataset) -> xr.Dataset:
    return counts.assign_attrs(data="synthetic")


def _figure(name: str, title: str, figure: Figure) -> NamedFigure:
    return NamedFigure(
        name, title, "Counts by year; the line marks the cut of the export quota in 2010.", figure
    )


def _score_table(scores: pd.DataFrame, found: int, left_out: int) -> Table:
    columns = ["documents", "unclassified", "accuracy", "kappa"]
    label = scores["question"].where(scores["label"] == "", scores["question"] + ", " + scores["label"])
    # Labels of a question with several answers are in classification.csv of exacthat patents evaluate, not here.
    kept = (scores["label"] == "") | scores["label"].str.contains("digits")
    frame = scores.assign(question=label)[kept].set_index(["corpus", "question"])[columns]
    frame = frame.astype({"kappa": float, "accuracy": float})
    note = (
        f"The keyword screen kept {found:,} patents and left out {left_out:,} without a rare earth. Accuracy counts unclassified "
        "documents as wrong; kappa is Cohen's."
    )
    return Table("classification", "Classification against the known labels (synthetic data)", note, frame)
