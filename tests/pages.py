"""Running the pages of the documentation as a reader would: their blocks in order, in one folder, with one set of names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from exacthat.cli import app

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
_FENCE = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]*?) -->\n)?"
    r"^(?P<fence>`{3,}|:{3,})(?P<kind>[^\n]*)\n(?P<text>.*?)^(?P=fence)\s*$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A fenced block: what it is (``python``, ``sh``, ``toml``, a directive, ...), its text, and why it is not run."""

    kind: str
    text: str
    reason: str


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page in order."""
    found = _FENCE.finditer(page.read_text(encoding="utf-8"))
    return [Block(m["kind"].strip(), m["text"], m["reason"] or "") for m in found]


def name_of(page: Path) -> str:
    """Path of a page in the repository."""
    return page.relative_to(ROOT).as_posix()


def run_page(page: Path, change: Callable[[str], str] = str) -> dict:
    """Run the blocks of a page in the working directory and return its names.

    Python blocks and code cells share one namespace. Shell lines are commands of exacthat; in a cell they begin with an
    exclamation mark. A cell that begins with ``%%writefile``, and a TOML block that begins with ``# name.toml``, is a file.

    Parameters
    ----------
    page : Path
    change : callable
        Applied to every shell line, for instance to put another address in.
    """
    names: dict = {}
    for block in blocks(page):
        if block.reason:
            continue
        if block.kind == "sh":
            for line in block.text.replace("\\\n", "").splitlines():
                run_line(change(line))
        elif block.kind == "toml":
            named = re.match(r"# (\S+\.toml)\n", block.text)
            assert named, f"the first line of a TOML block names its file: {block.text}"
            Path(named[1]).write_text(block.text, encoding="utf-8")
        elif block.kind == "python" or block.kind.startswith("{code-cell}"):
            _run_cell(re.sub(r"\A(:\w+:.*\n)+", "", block.text), names, change, name_of(page))
    return names


def _run_cell(text: str, names: dict, change: Callable[[str], str], where: str) -> None:
    if named := re.match(r"%%writefile (\S+)\n", text):
        Path(named[1]).write_text(text[named.end() :], encoding="utf-8")
        return
    commands = [line[1:] for line in text.splitlines() if line.startswith("!")]
    for command in commands:
        run_line(change(command))
    if commands:
        assert all(line.startswith("!") for line in text.splitlines() if line.strip()), text
    else:
        exec(compile(text, where, "exec"), names)


def run_line(line: str) -> str:
    """Run one command of exacthat and return its output."""
    words = shlex.split(line, comments=True)
    if not words:
        return ""
    assert words[0] == "exacthat", f"only commands of exacthat are run; mark the block as not run: {line}"
    result = CliRunner().invoke(app, words[1:])
    assert result.exit_code == 0, f"{line}\n{result.output}"
    return result.output
