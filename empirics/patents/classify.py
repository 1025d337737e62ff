"""Classification of texts by a codebook: what a classifier is, and the embedded default."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from empirics.patents.codebook import SEPARATOR, Codebook, Question
from framework.errors import DataError

CLASSIFIED, UNCLASSIFIED = "classified", "unclassified"


@dataclass(frozen=True)
class Answer:
    """What a classifier says about one text.

    Attributes
    ----------
    labels : mapping of str to str
        Label of each question, several joined by ``;``; empty if the text is unclassified.
    confidence : float or None
        From 0 to 1, on the classifier's own scale.
    reason : str
        Why the text is unclassified; empty if it is classified.
    """

    labels: Mapping[str, str]
    confidence: float | None = None
    reason: str = ""


class Classifier(Protocol):
    """Anything that answers a codebook's questions about texts."""

    @property
    def name(self) -> str:
        """Name that stands beside the answers."""
        ...

    def classify(self, texts: Mapping[str, str], codebook: Codebook) -> Iterator[tuple[str, Answer]]:
        """Yield one answer for the id of every text, in any order."""
        ...


def classify(
    documents: pd.DataFrame,
    classifier: Classifier,
    codebook: Codebook,
    advance: Callable[[], object] = lambda: None,
) -> pd.DataFrame:
    """Classify documents; every one is in the result exactly once.

    Parameters
    ----------
    documents : pd.DataFrame
        Columns ``id`` (unique) and ``text``; others are kept.
    classifier : Classifier
        `TextSimilarity` or `empirics.patents.llm.LanguageModel`, for instance.
    codebook : Codebook
        The questions.
    advance : callable, optional
        Called after each answer, for a progress bar.

    Returns
    -------
    pd.DataFrame
        The documents in their order with a column for each question, ``confidence``, ``status`` (classified or
        unclassified), ``reason`` and ``classifier``. Unclassified documents have empty labels.

    Raises
    ------
    DataError
        Ids are not unique, or the classifier does not answer every document once.
    """
    if (twice := documents["id"].duplicated()).any():
        raise DataError(f"document id '{documents['id'][twice].iloc[0]}' occurs twice; ids must be unique.")
    texts = dict(zip(documents["id"], documents["text"], strict=True))
    answers: dict[str, Answer] = {}
    for name, answer in classifier.classify(texts, codebook):
        if name not in texts or name in answers:
            raise DataError(
                f"classifier '{classifier.name}' answers document '{name}' "
                f"{'twice' if name in answers else 'that it was not asked about'}; correct the classifier."
            )
        answers[name] = answer
        advance()
    if missing := [name for name in texts if name not in answers]:
        raise DataError(
            f"classifier '{classifier.name}' does not answer {len(missing)} documents, '{missing[0]}' among them."
        )
    columns: dict[str, Any] = {
        question.name: [answers[name].labels.get(question.name, "") for name in texts]
        for question in codebook.questions
    }
    columns["confidence"] = pd.array([answers[name].confidence for name in texts], dtype="Float64")
    columns["status"] = [UNCLASSIFIED if answers[name].reason else CLASSIFIED for name in texts]
    columns["reason"] = [answers[name].reason for name in texts]
    columns["classifier"] = classifier.name
    return documents.reset_index(drop=True).assign(**columns)


class TextSimilarity:
    """Embedded classifier: each text takes the label whose description it is most similar to.

    Similarity is the cosine of two vectors. By default these are TF-IDF vectors of word stems, fitted on the labels'
    descriptions alone, so that the answer for a text does not depend on the other texts; no network is used. A
    question with several labels takes all those that share a word with the text; a text that shares none takes
    the label that says so. Descriptions and function words are English: a text without a word of either is
    unclassified. The confidence is the similarity of the first question's label, which is no probability.

    Parameters
    ----------
    embed : callable, optional
        Maps n texts to an n × d array of vectors, for instance ``SentenceTransformer(...).encode``. Then
        questions with several labels take the most similar one only, and texts may be in any language.
    name : str, optional
        Name that stands beside the answers.
    """

    def __init__(
        self, embed: Callable[[Sequence[str]], np.ndarray] | None = None, name: str | None = None
    ) -> None:
        self._embed = embed
        self.name = name or ("tf-idf" if embed is None else "embedding")

    def classify(self, texts: Mapping[str, str], codebook: Codebook) -> Iterator[tuple[str, Answer]]:
        """Yield one answer for the id of every text, in their order."""
        scales = [self._scale(question) for question in codebook.questions]
        names = list(texts)
        for start in range(0, len(names), _BLOCK):
            block = [texts[name] for name in names[start : start + _BLOCK]]
            similarity = [scale(block) for scale in scales]
            for i, text in enumerate(block):
                yield names[start + i], self._answer(text, codebook, [values[i] for values in similarity])

    def _answer(self, text: str, codebook: Codebook, similarity: list[np.ndarray]) -> Answer:
        unlike = not any((values > 0).any() for values in similarity)
        if unlike and not (self._embed is None and _FUNCTION_WORDS.search(text.lower())):
            return Answer(
                {}, reason="no English word in the text" if self._embed is None else "like no label"
            )
        pairs = zip(codebook.questions, similarity, strict=True)
        labels = {question.name: self._choose(question, values) for question, values in pairs}
        return Answer(labels, confidence=float(similarity[0].max().clip(0, 1)))

    def _scale(self, question: Question) -> Callable[[Sequence[str]], np.ndarray]:
        """Return the function that gives the similarity of n texts to each label but `otherwise`."""
        described = [text for label, text in question.labels.items() if label != question.otherwise]
        if self._embed is None:
            # Imported only here: it takes seconds, which a language model has no use for.
            from sklearn.feature_extraction.text import TfidfVectorizer

            vectorizer = TfidfVectorizer(analyzer=stems, sublinear_tf=True)
            vectors = vectorizer.fit_transform(described).T
            return lambda texts: (vectorizer.transform(texts) @ vectors).toarray()
        embed = self._embed
        vectors = _unit(np.asarray(embed(described))).T
        return lambda texts: _unit(np.asarray(embed(texts))) @ vectors

    def _choose(self, question: Question, similarity: np.ndarray) -> str:
        labels = [label for label in question.labels if label != question.otherwise]
        if not (similarity > 0).any():
            return question.otherwise
        if question.several and self._embed is None:
            return SEPARATOR.join(label for label, value in zip(labels, similarity, strict=True) if value > 0)
        return labels[int(similarity.argmax())]


_BLOCK = 512
_FUNCTION_WORDS = re.compile(
    r"\b(a|about|all|an|and|any|are|as|at|be|but|by|can|classified|elsewhere|except|for|from|had|has|have|if|in|into|is|it|"
    r"its|more|not|of|on|or|other|our|than|that|the|their|them|these|they|this|to|was|we|were|which|will|with|you)\b"
)


def stems(text: str) -> list[str]:
    """Return the words of a text without function words and plural endings (the S-stemmer, Harman 1991)."""
    words = [
        word for word in re.findall(r"[^\W\d_]{2,}", text.lower()) if not _FUNCTION_WORDS.fullmatch(word)
    ]
    return [_singular(word) for word in words]


def _singular(word: str) -> str:
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    return word[:-1] if word.endswith("s") and not word.endswith(("us", "ss")) else word


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors of length one; a vector of zeros stays."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length == 0, 1, length)
