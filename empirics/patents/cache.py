"""Answers on disk: what was paid for once is never asked again."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from framework.errors import DataError

_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    codebook TEXT NOT NULL,
    labels TEXT,
    confidence REAL,
    complaint TEXT NOT NULL,
    asks INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    written TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
)
"""


@dataclass(frozen=True)
class Entry:
    """What the cache knows of one text: a usable answer, or how often it was asked in vain.

    Attributes
    ----------
    labels : dict or None
        Label of each question; None as long as no answer was usable.
    confidence : float or None
        The answer's confidence.
    complaint : str
        What was wrong with the last answer; empty if it was usable.
    asks : int
        Answers that were paid for.
    prompt_tokens, completion_tokens : int
        Tokens of all of them.
    """

    labels: dict[str, str] | None = None
    confidence: float | None = None
    complaint: str = ""
    asks: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


def key_of(text: str, prompt: str, model: str) -> str:
    """Return the hash of a text, everything that the model is told with it, and the model's name."""
    return hashlib.sha256(json.dumps([text, prompt, model]).encode()).hexdigest()


class Cache:
    """SQLite file of answers by hash; it holds labels and token counts, neither texts nor keys.

    Every entry is committed before the next request is sent, so that a killed process loses no answer that
    it has received. One process at a time may hold the file.

    Parameters
    ----------
    path : Path
        The file; it is made if it does not exist. ``":memory:"`` keeps nothing.

    Raises
    ------
    DataError
        The file is no cache, is held by another run, or cannot be written.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = path
        with self._explained():
            if str(path) != ":memory:":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            # Used by the thread that talks to the endpoint as well, but never by two at once.
            self._connection = sqlite3.connect(path, timeout=1, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute(_TABLE)
            # Takes the lock now rather than at the first paid answer.
            self._connection.execute("PRAGMA user_version = 1")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def get(self, key: str) -> Entry:
        """Return what is known of a key; an empty entry for an unknown one."""
        with self._explained():
            row = self._connection.execute(
                "SELECT labels, confidence, complaint, asks, prompt_tokens, completion_tokens FROM answers WHERE key = ?",
                (key,),
            ).fetchone()
        return Entry() if row is None else Entry(json.loads(row[0]) if row[0] else None, *row[1:])

    def put(self, key: str, entry: Entry, *, model: str, codebook: str) -> None:
        """Write what is known of a key, on disk when this returns."""
        labels = None if entry.labels is None else json.dumps(entry.labels)
        with self._explained():
            self._connection.execute(
                "INSERT OR REPLACE INTO answers (key, model, codebook, labels, confidence, complaint, asks, "
                "prompt_tokens, completion_tokens) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (key, model, codebook, labels, entry.confidence, entry.complaint, entry.asks,
                 entry.prompt_tokens, entry.completion_tokens),
            )  # fmt: skip

    def __len__(self) -> int:
        """Number of texts with a usable answer."""
        with self._explained():
            return self._connection.execute(
                "SELECT count(*) FROM answers WHERE labels IS NOT NULL"
            ).fetchone()[0]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say in the project's terms what is wrong with the file."""
        try:
            yield
        except sqlite3.OperationalError as error:
            fix = (
                "another run is using it; wait for that run or choose another file"
                if "locked" in str(error)
                else f"{error}; make room, or choose another file"
            )
            raise DataError(f"cache '{self.path}' cannot be used: {fix}.") from error
        except sqlite3.DatabaseError as error:
            raise DataError(
                f"cache '{self.path}' is not a cache of answers or is damaged ({error}); move it away, or choose "
                "another file."
            ) from error
        except OSError as error:
            raise DataError(f"cache '{self.path}' cannot be made: {error.strerror or error}.") from error
