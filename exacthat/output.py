"""Writing a results folder so that it is either complete or not there at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from framework.errors import ExacthatError

MANIFEST = ".exacthat-files"
"""File in a results folder that lists what exacthat wrote there: what ``--force`` may replace, and nothing else."""


ALWAYS = ("results.nc", "report.html")
"""Files that every command writes, for which an older folder is checked before anything is computed."""


class OutputError(ExacthatError):
    """Results cannot be written where they should go."""


def require_free(out: Path, force: bool) -> Path:
    """Check that a results folder may be written, before anything is computed; return its absolute path.

    Raises
    ------
    OutputError
        The folder exists and `force` is false, it is a file, it holds the working directory, or the folder in
        which it would be made is no folder or cannot be written to.
    """
    out = out.resolve()
    if os.path.isdir(out):  # unlike Path.is_dir, it is quiet about a folder that may not be read
        if Path.cwd().is_relative_to(out):
            raise OutputError(f"'{out}' holds the working directory; choose a folder of its own with --out.")
        if not force:
            raise OutputError(
                f"'{out}' exists and is kept; choose another folder with --out, or replace its results with --force."
            )
        if taken := [name for name in _strangers(out) if name in ALWAYS]:
            raise OutputError(_not_ours(out / taken[0]))
    elif os.path.lexists(out):
        raise OutputError(f"'{out}' is not a folder; choose one with --out.")
    above = next(folder for folder in out.parents if os.path.lexists(folder))
    if not os.path.isdir(above):
        raise OutputError(
            f"'{out}' cannot be made, because '{above}' is not a folder; choose another with --out."
        )
    if not os.access(above, os.W_OK | os.X_OK):
        raise OutputError(
            f"'{out}' cannot be made, because you may not write to '{above}'; choose another with --out."
        )
    return out


@contextmanager
def results_folder(out: Path, force: bool = False) -> Iterator[Path]:
    """Yield an empty folder that becomes `out` when the block ends without an error.

    The files are written to a hidden folder beside `out`, which takes its name in one step at the end. On an
    error, an interrupt or a full disk that folder is removed and `out` is as before. With `force`, the results
    in an older `out` are replaced only then. Files that exacthat did not write, at any depth, are kept: what it
    wrote is listed in a hidden file of the folder.

    Raises
    ------
    OutputError
        See `require_free`; also if the disk is full or refuses the writing, or if a new file has the name of one
        that exacthat did not write.
    """
    out = require_free(out, force)
    draft = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
        draft.chmod(0o755)
        yield draft
        (draft / MANIFEST).write_text("\n".join([*_files(draft), ""]), encoding="utf-8")
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


def _files(folder: Path) -> list[str]:
    """Paths of all files below a folder, relative to it."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if not _is_folder(p))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _strangers(out: Path) -> list[str]:
    """Files in a results folder that exacthat did not write."""
    manifest = out / MANIFEST
    ours = set(manifest.read_text(encoding="utf-8").splitlines()) if manifest.is_file() else set()
    return [name for name in _files(out) if name not in {*ours, MANIFEST}]


def _not_ours(path: Path) -> str:
    return (
        f"'{path}' was not written by this version of exacthat and would be replaced; move it away, or choose another "
        "folder with --out."
    )


def _take_place(draft: Path, out: Path) -> None:
    """Rename the complete draft to `out`; older results are removed only after that, other files move over."""
    if not out.exists():
        draft.rename(out)
        return
    kept = _strangers(out)
    for name in kept:
        above = [draft / folder for folder in Path(name).parents]
        if os.path.lexists(draft / name) or any(f.exists() and not f.is_dir() for f in above):
            raise OutputError(_not_ours(out / name))
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
    for name in kept:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (old / name).rename(out / name)
    shutil.rmtree(aside)
