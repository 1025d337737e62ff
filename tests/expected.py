"""Texts that the tests expect word for word: sections of the files in tests/golden.

``EXACTHAT_GOLDEN=write pytest tests/test_model.py`` (without -n) renews the sections that those tests read;
then read the difference in git before committing it.
"""

import os
import re
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"
_HEADING = re.compile(r"^=== (.*)$", re.MULTILINE)


def sections(file: str) -> dict[str, str]:
    """Texts of a golden file by heading."""
    path = GOLDEN / f"{file}.txt"
    _, *parts = _HEADING.split(path.read_text("utf-8") if path.is_file() else "")
    return {heading: text.strip("\n") for heading, text in zip(parts[::2], parts[1::2], strict=True)}


def assert_expected(file: str, heading: str, text: str) -> None:
    """Assert that a text is the section of a golden file under this heading."""
    known = sections(file)
    if os.environ.get("EXACTHAT_GOLDEN") == "write":
        known[heading] = text
        body = "\n\n".join(f"=== {name}\n{known[name].strip(chr(10))}" for name in sorted(known))
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / f"{file}.txt").write_text(body + "\n", "utf-8")
        return
    assert heading in known, f"golden/{file}.txt has no section '{heading}'; see tests/expected.py"
    assert text.strip("\n") == known[heading]
