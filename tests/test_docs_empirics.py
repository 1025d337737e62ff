"""The pages on empirics run as printed: tables are written, programs and commands run, in the order of the page."""

from __future__ import annotations

import pytest
from pages import ROOT, run_page
from patents_endpoint import Endpoint, serving

PAGES = sorted((ROOT / "docs" / "empirics").glob("*.md"))
ENDPOINT = "http://localhost:8000/v1"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for folder in ("examples", "empirics"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    with serving(Endpoint()) as endpoint:
        run_page(page, lambda line: line.replace(ENDPOINT, endpoint.url))
