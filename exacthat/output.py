"""Writing a results folder so that it is either complete or not there at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from framework.errors import ExacthatError


class OutputError(ExacthatError):
    """Results cannot be written where they should go."""


def require_free(out: Path, force: bool) -> Path:
    """Check that a results folder may be written, before anything is computed; return its absolute path.

    Raises
    ------
    OutputError
        The folder exists and `force` is false, it is a file, it holds the working directory, or its parent
        is missing or cannot be written to.
    """
    out = out.resolve()
    if out.exists() and not out.is_dir():
        raise OutputError(f"'{out}' is not a folder; choose one with --out.")
    if Path.cwd().is_relative_to(out):
        raise OutputError(f"'{out}' holds the working directory; choose a folder of its own with --out.")
    if out.exists() and not force:
        raise OutputError(
            f"'{out}' exists and is kept; choose another folder with --out, or replace its results with --force."
        )
    return out


@contextmanager
def results_folder(out: Path, force: bool = False) -> Iterator[Path]:
    """Yield an empty folder that becomes `out` when the block ends without an error.

    The files are written to a hidden folder beside `out`, which takes its name in one step at the end. On an
    error, an interrupt or a full disk that folder is removed and `out` is as before. With `force`, an older
    `out` is replaced only then; its files with other names than the new ones are kept.

    Raises
    ------
    OutputError
        See `require_free`; also if the disk is full or refuses the writing.
    """
    out = require_free(out, force)
    draft = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
        draft.chmod(0o755)
        yield draft
        _take_place(draft, out)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"results cannot be written to '{out}': {reason}. Nothing there was changed; make room, or "
            "choose another folder with --out."
        ) from error
    finally:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)


def _take_place(draft: Path, out: Path) -> None:
    """Rename the complete draft to `out`; an older `out` is removed only after that."""
    if not out.exists():
        draft.rename(out)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".old", dir=out.parent))
    old = aside / out.name
    try:
        out.rename(old)
        draft.rename(out)
    except BaseException:
        if not out.exists():
            old.rename(out)
            aside.rmdir()
        raise
    for entry in old.iterdir():
        if not (out / entry.name).exists():
            entry.rename(out / entry.name)
    shutil.rmtree(aside)
