"""Patents and sentences on rare earths: read, screen, classify, evaluate, count and draw.

The language-model classifier is in `empirics.patents.llm` and the figures are in `empirics.patents.figures`; they are
not imported here, because they bring a client for web services and a plotting library with them.
"""

from empirics.patents.aggregate import (
    Aggregation,
    aggregate_patents,
    count_sentences,
    perpetual_inventory,
    scale_sample,
)
from empirics.patents.classify import Answer, Classifier, TextSimilarity, classify
from empirics.patents.codebook import Codebook, Question, patent_codebook, sentence_codebook
from empirics.patents.corpus import Corpus, read_patents, read_sentences
from empirics.patents.evaluate import Evaluation, evaluate, kappa
from empirics.patents.keywords import KeywordScreen, screen
from empirics.patents.synthetic import synthetic_patents, synthetic_sentences
from empirics.patents.tables import REGIONS, region_of_country, sic_titles
from empirics.patents.totals import read_totals

__all__ = [
    "REGIONS",
    "Aggregation",
    "Answer",
    "Classifier",
    "Codebook",
    "Corpus",
    "Evaluation",
    "KeywordScreen",
    "Question",
    "TextSimilarity",
    "aggregate_patents",
    "classify",
    "count_sentences",
    "evaluate",
    "kappa",
    "patent_codebook",
    "perpetual_inventory",
    "read_patents",
    "read_sentences",
    "read_totals",
    "region_of_country",
    "scale_sample",
    "screen",
    "sentence_codebook",
    "sic_titles",
    "synthetic_patents",
    "synthetic_sentences",
]
