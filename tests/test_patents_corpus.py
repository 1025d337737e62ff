"""The corpus reader: the export's fields, and everything that can be wrong with a record or a file."""

import gzip
import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from empirics.patents import KeywordScreen, read_patents, read_sentences, synthetic_patents
from empirics.patents import records as record_module
from framework.errors import DataError

GOOD = {
    "publication_number": "US-1-B2",
    "title_localized": [
        {"text": "Aimant", "language": "fr"},
        {"text": "Magnet", "language": "en", "truncated": False},
    ],
    "abstract_localized": [{"text": "With neodymium.", "language": "en"}],
    "assignee_harmonized": [{"name": "A", "country_code": "jp"}, {"name": "B", "country_code": ""}],
    "family_id": "77",
    "filing_date": "20070102",
    "grant_date": 20100303,
    "cpc": [{"code": "H01F1/057", "first": True}, {"code": "H01F1/057"}],
}


def write(path, lines):
    path.write_bytes(b"\n".join(x if isinstance(x, bytes) else json.dumps(x).encode() for x in lines))
    return path


def test_fields_of_the_export(tmp_path):
    corpus = read_patents(write(tmp_path / "p.jsonl", [GOOD, b"", b"  "]), KeywordScreen())
    (row,) = corpus.documents.to_dict("records")
    assert row == {
        "id": "US-1-B2", "text": "Magnet\nWith neodymium.", "language": "en", "elements": "Nd", "assignee": "A;B", "country": "JP;",
        "family": "77", "filing_date": 20070102, "grant_date": 20100303, "cpc": "H01F1/057", "data": "",
    }  # fmt: skip
    assert corpus.exclusions.empty
    assert corpus.screened_out == 0


def test_flat_fields_and_dates_in_iso_form(tmp_path):
    flat = {"publication_number": "X", "title": "T", "abstract": "cerium", "assignee": "A", "assignee_country": "US;DE",
            "grant_date": "2010-03-04", "filing_date": 0, "cpc": "B;C"}  # fmt: skip
    row = read_patents(write(tmp_path / "p.jsonl", [flat])).documents.iloc[0]
    assert (row["text"], row["country"], row["grant_date"], row["cpc"]) == (
        "T\ncerium",
        "US;DE",
        20100304,
        "B;C",
    )
    assert row["filing_date"] is pd.NA


@pytest.mark.parametrize("compressed", [False, True])
def test_formats_and_shards_agree(tmp_path, compressed):
    rows, _ = synthetic_patents(40, seed=1, unrelated=0.3)
    one = read_patents(write(tmp_path / "one.jsonl", rows), KeywordScreen())
    folder = tmp_path / "shards"
    folder.mkdir()
    text = "\n".join(map(json.dumps, rows[:25])).encode()
    if compressed:
        (folder / "a.jsonl.gz").write_bytes(gzip.compress(text))
    else:
        (folder / "a.json").write_bytes(b"\xef\xbb\xbf" + text)
    pq.write_table(pa.Table.from_pylist(rows[25:]), folder / "b.parquet")
    shards = read_patents(folder, KeywordScreen())
    pd.testing.assert_frame_equal(one.documents, shards.documents)
    assert one.screened_out == shards.screened_out > 0
    assert (one.documents["data"] == "synthetic").all()


def test_wrapped_lists_of_older_parquet_exports(tmp_path):
    wrapped = {
        "publication_number": "X",
        "title_localized": {"list": [{"element": {"text": "Yttrium lamp", "language": "en"}}]},
    }
    pq.write_table(pa.Table.from_pylist([wrapped]), tmp_path / "p.parquet")
    assert read_patents(tmp_path / "p.parquet", KeywordScreen()).documents["elements"].tolist() == ["Y"]


BAD = {
    "not JSON": b'{"publication_number": "X", "tit',
    "not UTF-8": '{"publication_number": "X", "title": "n\u00e9odyme"}'.encode("latin-1"),
    "not a JSON object": b'"text"',
    "no publication_number": {k: v for k, v in GOOD.items() if k != "publication_number"},
    "no title and no abstract": {"publication_number": "X", "title_localized": [], "abstract_localized": None},
    "text of more than 20000 characters": GOOD | {"publication_number": "X", "abstract": "x" * 30_000, "abstract_localized": []},
    "text with half a character (a lone surrogate)": b'{"publication_number": "X", "title": "\\ud800"}',
    "title is not text": {"publication_number": "X", "title": 5},
    "title_localized is not a list of records": {"publication_number": "X", "title_localized": "T"},
    "grant_date is not a date": GOOD | {"publication_number": "X", "grant_date": 20101399},
    "filing_date is not a date": GOOD | {"publication_number": "X", "filing_date": "soon"},
    "same id as p.jsonl:1": GOOD,
}  # fmt: skip


@pytest.mark.parametrize(("reason", "line"), BAD.items())
def test_a_bad_record_is_listed_and_the_others_are_read(tmp_path, reason, line):
    corpus = read_patents(write(tmp_path / "p.jsonl", [GOOD, line, GOOD | {"publication_number": "US-2-B2"}]))
    assert corpus.documents["id"].tolist() == ["US-1-B2", "US-2-B2"]
    assert corpus.exclusions[["where", "reason"]].to_numpy().tolist() == [["p.jsonl:2", reason]]


def test_endless_line_is_listed_without_being_held(tmp_path, monkeypatch):
    monkeypatch.setattr(record_module, "LONGEST_LINE", 2**20)
    long = b'{"publication_number": "X", "abstract": "' + b"x" * (5 * 2**20) + b'"}'
    corpus = read_patents(write(tmp_path / "p.jsonl", [GOOD, long, GOOD | {"publication_number": "Y"}]))
    assert corpus.documents["id"].tolist() == ["US-1-B2", "Y"]
    assert corpus.exclusions["reason"].tolist() == ["line longer than 1 MiB"]


def test_deeply_nested_json_is_listed(tmp_path):
    corpus = read_patents(write(tmp_path / "p.jsonl", [GOOD, b"[" * 200_000]))
    assert corpus.exclusions["reason"].tolist() == ["not JSON"]


def test_parquet_text_in_another_encoding_is_listed(tmp_path):
    names = pa.array(["US-1", "US-2"])
    raw = pa.array([b"cerium", "n\u00e9odyme".encode("latin-1")], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"publication_number": names, "title": raw}), tmp_path / "p.parquet")
    corpus = read_patents(tmp_path / "p.parquet")
    assert corpus.documents["id"].tolist() == ["US-1"]
    assert corpus.exclusions[["where", "reason"]].to_numpy().tolist() == [["p.parquet row 2", "not UTF-8"]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.jsonl", json.dumps(GOOD).encode("utf-16"), "is UTF-16, not UTF-8; convert it: iconv -f UTF-16"),
        ("p.json", b"\n [{}]", "is a JSON array.*jq -c"),
        ("p.jsonl.gz", gzip.compress(b"{}" * 1000, mtime=0)[:-12], "damaged or ends early"),
        ("p.jsonl.gz", b"no gzip", "damaged or ends early"),
        ("p.parquet", b"no parquet", "damaged or ends early"),
        ("p.txt", b"", "is of none of the kinds"),
        ("p.jsonl", b"", "holds no record"),
        ("p.jsonl", b'{"publication_no": "X", "title": "T"}', r"not one of the 1 records.*no publication_number \(1\).*Did you mean 'publication_no'"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_throughout(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_patents(tmp_path / name)


def test_parquet_without_the_key_names_the_near_column(tmp_path):
    pq.write_table(pa.table({"publication_num": ["X"]}), tmp_path / "p.parquet")
    with pytest.raises(DataError, match="Did you mean 'publication_num'"):
        read_patents(tmp_path / "p.parquet")


def test_missing_file_and_empty_folder(tmp_path):
    (tmp_path / "patents.jsonl").write_text("{}")
    with pytest.raises(DataError, match=r"Did you mean 'patents\.jsonl'"):
        read_patents(tmp_path / "patent.jsonl")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no file of the kinds"):
        read_patents(tmp_path / "empty")


def test_sample_of_unrelated_patents(tmp_path):
    rows, truth = synthetic_patents(600, seed=2, unrelated=0.5)
    path = write(tmp_path / "p.jsonl", rows)
    first, second, other = (read_patents(path, KeywordScreen(), sample=40, seed=seed) for seed in (1, 1, 2))
    assert set(first.documents["id"]) == set(truth["id"])
    assert first.screened_out == 600 - len(truth)
    assert len(first.unrelated) == 40
    assert not set(first.unrelated["id"]) & set(truth["id"])
    pd.testing.assert_frame_equal(first.unrelated, second.unrelated)
    assert set(first.unrelated["id"]) != set(other.unrelated["id"])


def test_every_unrelated_patent_is_equally_likely(tmp_path):
    rows = [{"publication_number": f"{i}", "title": "iron"} for i in range(20)]
    path = write(tmp_path / "p.jsonl", rows)
    draws = [
        name
        for seed in range(400)
        for name in read_patents(path, KeywordScreen(), sample=5, seed=seed).unrelated["id"]
    ]
    counts = pd.Series(draws).value_counts()
    # 400 draws with probability 1/4: mean 100, standard deviation 8.7.
    assert len(counts) == 20
    assert counts.between(65, 135).all()


def test_sentences(tmp_path):
    lines = [
        {"id": "1", "text": "We use cerium.", "date": "2011-03-31", "company": "C"},
        {"id": "2", "text": " "},
        {"text": "x"},
    ]
    corpus = read_sentences(write(tmp_path / "s.jsonl", lines))
    assert corpus.documents[["id", "date", "company"]].to_numpy().tolist() == [["1", 20110331, "C"]]
    assert corpus.exclusions["reason"].tolist() == ["no text", "no id"]
