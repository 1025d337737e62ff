"""How good a classification is: against a labelled sample, or against another classifier."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from empirics.patents.classify import UNCLASSIFIED
from empirics.patents.codebook import SEPARATOR, Codebook, Question
from framework.errors import DataError, did_you_mean

SCORE_COLUMNS = ("question", "label", "documents", "unclassified", "accuracy", "accuracy_classified", "kappa")


@dataclass(frozen=True)
class Evaluation:
    """Scores and confusion of two classifications.

    Attributes
    ----------
    scores : pd.DataFrame
        One row a question: ``documents``, ``unclassified`` (by the first), ``accuracy`` (the unclassified count as
        wrong), ``accuracy_classified`` (without them), ``kappa`` (Cohen 1960, with unclassified as a label of
        its own; missing where both give every document one and the same label, which leaves it undefined). For SIC codes also
        rows for three and two digits; for a question with several labels one row a label, as yes or no.
    confusion : pd.DataFrame
        ``question``, ``reference``, ``predicted``, ``documents``, largest first.
    left_out : pd.DataFrame
        ``id`` and ``reason`` of documents that are in one of the two tables only or have no reference label.
    """

    scores: pd.DataFrame
    confusion: pd.DataFrame
    left_out: pd.DataFrame


def evaluate(predicted: pd.DataFrame, reference: pd.DataFrame, codebook: Codebook) -> Evaluation:
    """Compare a classification with a labelled sample or with another classification.

    Parameters
    ----------
    predicted : pd.DataFrame
        Result of `empirics.patents.classify`: column ``id`` and a column for each question.
    reference : pd.DataFrame
        Column ``id`` and a column for each question that has reference labels; an empty label is none.
    codebook : Codebook
        The questions and their closed lists.

    Raises
    ------
    DataError
        A column is missing, an id occurs twice, no id is in both tables, or a reference label is not on the list.
    """
    for table, what in ((predicted, "classification"), (reference, "reference")):
        _require_ids(table, what)
    questions = [q for q in codebook.questions if q.name in reference.columns]
    names = [q.name for q in codebook.questions]
    if not questions:
        near = did_you_mean(names[0], reference.columns)
        raise DataError(
            f"the reference has none of the columns {', '.join(names)} but {', '.join(reference)}.{near}"
        )
    if lacking := [q.name for q in questions if q.name not in predicted.columns]:
        raise DataError(
            f"the classification has no column '{lacking[0]}'; it is not one by codebook '{codebook.name}'."
        )
    both = predicted.merge(reference, on="id", suffixes=("", "_reference"))
    if both.empty:
        raise DataError(
            "no id of the reference is in the classification; compare how ids are written in the two."
        )
    left_out = [
        _only_in(reference, predicted, "not in the classification"),
        _only_in(predicted, reference, "not in the reference"),
    ]
    scores, confusion = [], []
    for question in questions:
        mine, theirs = both[question.name].fillna(""), both[f"{question.name}_reference"].fillna("")
        known = theirs != ""
        left_out.append(
            pd.DataFrame({"id": both["id"][~known], "reason": f"no reference for {question.name}"})
        )
        _require_labels(question, both["id"][known], theirs[known])
        if not known.any():
            continue
        pairs = pd.DataFrame(
            {
                "predicted": mine[known].replace("", UNCLASSIFIED),
                "reference": theirs[known],
            }
        )
        scores.extend(_scores(question, pairs))
        confusion.append(_confusion(question, pairs))
    if not scores:
        raise DataError(
            f"the reference has no label in {', '.join(q.name for q in questions)} for any classified document."
        )
    return Evaluation(
        pd.DataFrame(scores, columns=list(SCORE_COLUMNS)),
        pd.concat(confusion, ignore_index=True),
        pd.concat(left_out, ignore_index=True),
    )


def _require_ids(table: pd.DataFrame, what: str) -> None:
    if "id" not in table.columns:
        raise DataError(
            f"the {what} has no column 'id' but {', '.join(map(str, table.columns))}.{did_you_mean('id', table.columns)}"
        )
    if (twice := table["id"].duplicated()).any():
        raise DataError(
            f"the {what} has document '{table['id'][twice].iloc[0]}' twice; keep one row for each."
        )


def _require_labels(question: Question, ids: pd.Series, labels: pd.Series) -> None:
    for name, given in zip(ids, labels, strict=True):
        for label in given.split(SEPARATOR):
            if label not in question.labels:
                raise DataError(
                    f"reference label '{label}' of document '{name}' is not on the list of question "
                    f"'{question.name}'.{did_you_mean(label, question.labels)}"
                )


def _only_in(table: pd.DataFrame, other: pd.DataFrame, reason: str) -> pd.DataFrame:
    return pd.DataFrame({"id": table["id"][~table["id"].isin(other["id"])], "reason": reason})


def _scores(question: Question, pairs: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    """Yield the rows of one question."""
    mine, theirs = pairs["predicted"], pairs["reference"]
    open_ones = mine == UNCLASSIFIED
    yield _score(question.name, "", mine, theirs, open_ones)
    if question.name == "sic":
        for digits in (3, 2):
            yield _score(
                "sic", f"{digits} digits", _shortened(mine, digits), _shortened(theirs, digits), open_ones
            )
    if question.several:
        for label in question.labels:
            wanted = f"{SEPARATOR}{label}{SEPARATOR}"
            has = [
                (SEPARATOR + column + SEPARATOR).str.contains(wanted, regex=False).astype(str)
                for column in (mine, theirs)
            ]
            yield _score(question.name, label, has[0].mask(open_ones, UNCLASSIFIED), has[1], open_ones)


def _shortened(codes: pd.Series, digits: int) -> pd.Series:
    return codes.where(~codes.str.isdecimal(), codes.str[:digits])


def _score(
    question: str, label: str, mine: pd.Series, theirs: pd.Series, open_ones: pd.Series
) -> tuple[object, ...]:
    right = mine == theirs
    classified = right[~open_ones]
    accuracy_classified = float(classified.mean()) if len(classified) else None
    return (
        question,
        label,
        len(mine),
        int(open_ones.sum()),
        float(right.mean()),
        accuracy_classified,
        kappa(mine, theirs),
    )


def kappa(first: pd.Series, second: pd.Series) -> float | None:
    """Return Cohen's kappa of two codings of the same documents; None where it is undefined.

    It is undefined where chance alone agrees always: both codings give every document the same one label.
    """
    from sklearn.metrics import cohen_kappa_score

    labels = np.union1d(first.unique(), second.unique())
    if len(labels) == 1:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return float(cohen_kappa_score(first, second, labels=labels))


def _confusion(question: Question, pairs: pd.DataFrame) -> pd.DataFrame:
    counts = pairs.value_counts(["reference", "predicted"]).rename("documents").reset_index()
    counts.insert(0, "question", question.name)
    return counts
