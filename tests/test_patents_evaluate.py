"""Accuracy, kappa and confusion against values computed by hand."""

import pandas as pd
import pytest

from empirics.patents import evaluate, kappa, patent_codebook, sentence_codebook
from framework.errors import DataError


def table(**columns):
    n = len(next(iter(columns.values())))
    return pd.DataFrame({"id": [f"d{i}" for i in range(n)], **columns})


def scores(mine, theirs, book=None):
    result = evaluate(mine, theirs, book or sentence_codebook())
    return result, result.scores.set_index(["question", "label"])


def test_kappa_by_hand():
    # Cohen's form: 20 of 50 both yes, 15 both no, 5 and 10 mixed: p_o = 0.7, p_e = 0.5.
    first = pd.Series(["y"] * 25 + ["n"] * 25)
    second = pd.Series(["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15)
    assert kappa(first, second) == pytest.approx(0.4)
    assert kappa(second, first) == pytest.approx(0.4)
    assert kappa(first, first) == 1.0


def test_kappa_is_missing_where_it_is_undefined():
    constant = pd.Series(["y"] * 5)
    assert kappa(constant, constant) is None
    assert kappa(constant, pd.Series(["y", "y", "n", "y", "y"])) == pytest.approx(0.0)


def test_unclassified_counts_as_wrong_and_is_shown():
    mine = table(topic=["expand", "", "produce", "none"])
    theirs = table(topic=["expand", "expand", "innovate", "none"])
    result, rows = scores(mine, theirs)
    row = rows.loc["topic", ""]
    assert (row["documents"], row["unclassified"], row["accuracy"]) == (4, 1, 0.5)
    assert row["accuracy_classified"] == pytest.approx(2 / 3)
    confusion = result.confusion.set_index(["reference", "predicted"])["documents"]
    assert confusion["expand", "unclassified"] == 1
    assert confusion["innovate", "produce"] == 1
    assert confusion.sum() == 4


def test_sic_digits_and_technologies():
    mine = table(sic=["3691", "3692", "3711", "none"], technology=["battery", "battery;motor", "motor", ""])
    theirs = table(sic=["3691", "3691", "3714", "none"], technology=["battery", "motor", "motor", "other"])
    _, rows = scores(mine, theirs, patent_codebook())
    assert rows.loc["sic", "accuracy"].tolist() == [0.5, 1.0, 1.0]
    assert rows.loc[("technology", ""), "accuracy"] == 0.5
    assert rows.loc[("technology", "battery"), "accuracy"] == 0.5
    assert rows.loc[("technology", "motor"), "accuracy"] == 0.75
    assert rows.loc[("technology", "battery"), "unclassified"] == 1


def test_documents_that_cannot_be_compared_are_listed():
    mine = table(topic=["expand", "none", "none"])
    theirs = pd.DataFrame({"id": ["d0", "d1", "other"], "topic": ["expand", "", "none"]})
    result, rows = scores(mine, theirs)
    assert rows.loc[("topic", ""), "documents"] == 1
    assert sorted(map(tuple, result.left_out.to_numpy())) == [
        ("d1", "no reference for topic"), ("d2", "not in the reference"), ("other", "not in the classification"),
    ]  # fmt: skip


def test_agreement_of_two_classifiers_is_symmetric():
    one, two = (
        table(topic=["expand", "none", "none", "produce"]),
        table(topic=["expand", "expand", "none", "none"]),
    )
    assert scores(one, two)[1]["kappa"].tolist() == scores(two, one)[1]["kappa"].tolist()


@pytest.mark.parametrize(
    ("mine", "theirs", "message"),
    [
        (table(topic=["none"]), table(topic=["expnd"]), "'expnd' of document 'd0'.*Did you mean 'expand'"),
        (table(topic=["none"]), table(topics=["none"]), "none of the columns topic.*Did you mean 'topics'"),
        (table(other=["none"]), table(topic=["none"]), "no column 'topic'"),
        (table(topic=["none"]), table(topic=["none"]).assign(id="x"), "no id of the reference"),
        (
            table(topic=["none"] * 2).assign(id="x"),
            table(topic=["none"]),
            "the classification has document 'x' twice",
        ),
        (
            table(topic=["none"]),
            pd.DataFrame({"ids": ["d0"]}),
            "the reference has no column 'id'.*Did you mean 'ids'",
        ),
        (table(topic=["none"]), table(topic=[""]), "has no label in topic"),
    ],
)
def test_errors(mine, theirs, message):
    with pytest.raises(DataError, match=message):
        evaluate(mine, theirs, sentence_codebook())
