"""The commands `exacthat patents classify`, `evaluate` and `aggregate`, on synthetic corpora."""

import json

import pandas as pd
import pytest
import xarray as xr
from patents_endpoint import Endpoint, serving
from typer.testing import CliRunner

from empirics.patents import REGIONS, synthetic_patents, synthetic_sentences
from exacthat.cli import app


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with synthetic corpora, their true labels and totals."""
    path = tmp_path_factory.mktemp("corpora")
    patents, truth = synthetic_patents(400, seed=5, unrelated=0.5)
    (path / "patents.jsonl").write_text("\n".join(map(json.dumps, patents)) + "\n{half")
    truth.to_csv(path / "truth.csv", index=False)
    sentences, _ = synthetic_sentences(100)
    (path / "sentences.jsonl").write_text("\n".join(map(json.dumps, sentences)))
    pd.DataFrame({"region": REGIONS, "patents": 1000.0}).to_csv(path / "totals.csv", index=False)
    return path


def run(*arguments, code=0):
    result = CliRunner().invoke(app, ["patents", *map(str, arguments)], env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def test_the_chain(folder, tmp_path):
    said = run("classify", folder / "patents.jsonl", "--out", tmp_path / "c", "--sample", 150)
    assert "1 excluded" in said
    assert "not JSON 1" in said
    run("classify", folder / "sentences.jsonl", "--codebook", "sentences", "--out", tmp_path / "s")
    assert "sic 3 digits" in run("evaluate", tmp_path / "c", folder / "truth.csv", "--out", tmp_path / "e")
    said = run("aggregate", tmp_path / "c", "--out", tmp_path / "a", "--sentences", tmp_path / "s", "--totals", folder / "totals.csv")  # fmt: skip
    assert "synthetic data" in said
    with xr.open_dataset(tmp_path / "a" / "patents.nc") as counts:
        assert counts.attrs["data"] == "synthetic"
        listed = pd.read_csv(tmp_path / "a" / "exclusions.csv")
        patents = pd.read_parquet(tmp_path / "c" / "classified.parquet")
        assert counts["patents"].sum().item() + (listed["table"] == "patents").sum() == len(patents)
        assert counts["unrelated_patents"].sum(["sic", "year"]).values == pytest.approx([1000.0] * 8)
        assert not counts["unrelated_patents"].isnull().any()
    scores = pd.read_csv(tmp_path / "e" / "scores.csv").query("question == 'sic'")
    assert scores["accuracy"].min() > 0.9
    names = {path.name for path in (tmp_path / "a" / "figures").iterdir()}
    assert names == {
        f"{name}.{kind}"
        for name in ("patents-by-technology", "sentences-by-topic")
        for kind in ("png", "svg")
    }


def test_estimate_and_paid_run(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with serving(Endpoint()) as endpoint:
        llm = [
            "classify",
            folder / "patents.jsonl",
            "--out",
            tmp_path / "c",
            "--classifier",
            "llm",
            "--model",
            "m",
        ]
        llm += ["--endpoint", endpoint.url, "--price", "2.5", "10", "--batch", "50"]
        said = run(*llm, "--dry-run")
        assert "in 4 requests, 0 in the cache" in said or "in 5 requests, 0 in the cache" in said
        assert "at the prices given" in said
        assert endpoint.requests == []
        assert not (tmp_path / "c").exists()
        run(*llm)
        sent = len(endpoint.requests)
        run(*llm, "--force")
        assert len(endpoint.requests) == sent
    assert (tmp_path / "c.cache.sqlite").exists()
    said = run("evaluate", tmp_path / "c", folder / "truth.csv")
    assert "most frequent confusions" in said


def test_errors_are_one_paragraph(folder, tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    out = tmp_path / "out"
    assert "Did you mean 'patents.jsonl'" in run("classify", folder / "patent.jsonl", "--out", out, code=1)
    llm = ["classify", folder / "patents.jsonl", "--out", out, "--classifier", "llm"]
    assert "needs --model" in run(*llm, code=2)
    assert "OPENAI_API_KEY is not set" in run(*llm, "--model", "m", code=1)
    assert "does not exist; give a folder that" in run("evaluate", out, folder / "truth.csv", code=1)
    assert "neither .parquet nor .csv" in run("aggregate", folder / "patents.jsonl", "--out", out, code=1)
    out.mkdir()
    assert "--force" in run("classify", folder / "patents.jsonl", "--out", out, code=1)


def test_own_keywords_and_no_screen(folder, tmp_path):
    (tmp_path / "k.csv").write_text("element,language,match,keyword\nDy,any,word,dysprosium\n")
    few = run("classify", folder / "patents.jsonl", "--out", tmp_path / "a", "--keywords", tmp_path / "k.csv")
    every = run("classify", folder / "patents.jsonl", "--out", tmp_path / "b", "--every")
    assert int(few.split()[0]) < 60
    assert every.startswith("400 documents")


def test_totals_must_cover_the_years(folder, tmp_path):
    run("classify", folder / "patents.jsonl", "--out", tmp_path / "c", "--sample", 150)
    pd.DataFrame({"region": REGIONS, "patents": 1.0, "year": 2010}).to_csv(tmp_path / "t.csv", index=False)
    said = run("aggregate", tmp_path / "c", "--out", tmp_path / "a", "--totals", tmp_path / "t.csv", code=1)
    assert "has no year 2002; limit the years with --years" in said


def test_totals_need_a_sample(folder, tmp_path):
    run("classify", folder / "patents.jsonl", "--out", tmp_path / "c")
    said = run(
        "aggregate", tmp_path / "c", "--out", tmp_path / "a", "--totals", folder / "totals.csv", code=1
    )
    assert "unrelated.parquet' does not exist" in said
    assert "classify with --sample N, or give one with --unrelated" in said
    assert not (tmp_path / "a").exists()
