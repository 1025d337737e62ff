"""Every page of the documentation runs as a reader would run it; what cannot be run says why, and is counted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import PAGES, ROOT, blocks, name_of, run_page

ELSEWHERE = {
    "README.md": "test_readme.py",
    "docs/analysis.md": "test_docs_analysis.py",
    "docs/complementarity.md": "test_docs_complementarity.py",
    "docs/models/acemoglu.md": "test_docs_acemoglu.py",
    "docs/models/standard_cge.md": "test_docs_standard_cge.py",
    **{f"docs/empirics/{p.name}": "test_docs_empirics.py" for p in ROOT.glob("docs/empirics/*.md")},
}
"""Pages whose own test runs them and looks at the numbers."""

NOT_RUN = {
    "docs/audit.md": 1,
    "docs/gallery/index.md": 1,
    "docs/howto/benchmark.md": 1,
    "docs/index.md": 1,
    "docs/replication.md": 2,
    "docs/solvers.md": 1,
}
"""Blocks that are marked as not run, by page: a new one has to be written here as well."""

KINDS = re.compile(
    r"python|sh|toml|text|\{code-cell\} ipython3|\{(toctree|math|eval-rst|note|warning|figure|image|include)\}.*"
)


def has_code(page: Path) -> bool:
    return any(re.match(r"python|sh|toml|\{code-cell\}", b.kind) for b in blocks(page) if not b.reason)


@pytest.fixture(scope="module", autouse=True)
def _one_figure_at_a_time():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(p, id=name_of(p), marks=pytest.mark.xdist_group(name_of(p)))  # pages share nothing
        for p in PAGES
        if name_of(p) not in ELSEWHERE and has_code(p)
    ],
)
def test_the_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_page(page)


def test_blocks_that_are_not_run_are_those_listed():
    found = {name_of(p): sum(bool(b.reason) for b in blocks(p)) for p in PAGES}
    assert {page: n for page, n in found.items() if n} == NOT_RUN


def test_a_block_says_what_it_is_so_that_no_code_escapes():
    for page in PAGES:
        for block in blocks(page):
            assert KINDS.fullmatch(block.kind), (
                f"{name_of(page)}: a block of kind '{block.kind}' is not known"
            )


def test_the_tests_that_run_other_pages_exist():
    for page, test in ELSEWHERE.items():
        assert (ROOT / page).is_file()
        assert page.split("/")[-1 if test != "test_docs_empirics.py" else 1] in (
            ROOT / "tests" / test
        ).read_text("utf-8")


def test_a_page_is_run_in_order_and_a_block_that_fails_fails_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pages.name_of", str)
    page = tmp_path / "page.md"
    good = (
        "```{code-cell} ipython3\n:tags: [remove-output]\nx = 1\n```\n"
        "```{code-cell} ipython3\n%%writefile of_a_page.py\nx = 2\n```\n"
        "```python\nfrom of_a_page import x as y\n```\n"
        "<!-- not run: it would fail -->\n```python\nraise AssertionError\n```\n"
        "```{code-cell} ipython3\n!exacthat models\n```\n"
        "```toml\n# a.toml\nx = 1\n```\n"
    )
    page.write_text(good, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    names = run_page(page)
    assert (names["x"], names["y"], Path("a.toml").read_text("utf-8")) == (1, 2, "# a.toml\nx = 1\n")
    for bad, why in (
        ("```python\nassert x == 2, 'x is one'\n```\n", "x is one"),
        ("```sh\nexacthat check nothing\n```\n", "there is no model 'nothing'"),
        ("```sh\nrm -r x\n```\n", "only commands of exacthat are run"),
        ("```toml\nx = 1\n```\n", "names its file"),
    ):
        page.write_text(good + bad, encoding="utf-8")
        with pytest.raises(AssertionError, match=why):
            run_page(page)
