"""The pages on empirics run as printed: tables are written, programs and commands run, in the order of the page."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from patents_endpoint import Endpoint, serving
from typer.testing import CliRunner

from exacthat.cli import app

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "empirics").glob("*.md"))
ENDPOINT = "http://localhost:8000/v1"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for folder in ("examples", "empirics"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    names: dict = {}
    with serving(Endpoint()) as endpoint:
        for kind, block in re.findall(
            r"^```(python|toml|sh)\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
        ):
            if kind == "toml":
                name = re.match(r"# (\S+\.toml)\n", block)
                assert name, f"the first line of a design names its file: {block}"
                Path(name[1]).write_text(block, encoding="utf-8")
            elif kind == "python":
                exec(block, names)
            else:
                for line in block.replace("\\\n", "").splitlines():
                    _run(line.replace(ENDPOINT, endpoint.url))


def _run(line: str) -> None:
    command, *arguments = shlex.split(line)
    assert command == "exacthat"
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, f"{line}\n{result.output}"
