"""Records of JSON-lines and Parquet files, one at a time, with the place and reason of every unreadable one."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from framework.errors import DataError, did_you_mean

JSON_LINES = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz")
LONGEST_LINE = 16 * 2**20
"""Bytes of a line beyond which it is not parsed: a damaged file can be one line of many gigabytes."""

_OTHER_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_BATCH = 1024


@dataclass(frozen=True, slots=True)
class Record:
    """One record: where it stands, its fields, or the reason why it has none."""

    where: str
    fields: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


def read_records(path: Path | str, columns: Sequence[str]) -> Iterator[Record]:
    """Read the records of a file, or of every file in a folder (the shards of an export), in order of name.

    Parameters
    ----------
    path : Path
        JSON-lines (``.jsonl``, ``.ndjson``, ``.json``, also with ``.gz``) or Parquet.
    columns : sequence of str
        Fields to read from Parquet; JSON-lines records come whole. The first is the one that must exist.

    Raises
    ------
    DataError
        No such file, unknown kind of file, not UTF-8 throughout, a JSON array instead of lines, a file that
        ends early, or a Parquet file without the first column.
    """
    for file in _files(Path(path)):
        try:
            if file.suffix == ".parquet":
                yield from _parquet(file, columns)
            else:
                yield from _json_lines(file)
        except (EOFError, gzip.BadGzipFile, zlib.error, pa.ArrowInvalid) as error:
            raise DataError(f"'{file}' is damaged or ends early ({error}); get the file again.") from error
        except OSError as error:
            raise DataError(f"'{file}' cannot be read: {error.strerror or error}.") from error


def _files(path: Path) -> list[Path]:
    """Return the files to read."""
    kinds = ", ".join((*JSON_LINES, ".parquet"))
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.name.endswith((*JSON_LINES, ".parquet")))
        if not files:
            raise DataError(f"folder '{path}' holds no file of the kinds {kinds}.")
        return files
    if not path.exists():
        near = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(f"'{path}' does not exist.{did_you_mean(path.name, near)}")
    if not path.name.endswith((*JSON_LINES, ".parquet")):
        raise DataError(
            f"'{path}' is of none of the kinds {kinds}; export the corpus as JSON lines or Parquet."
        )
    return [path]


def _json_lines(file: Path) -> Iterator[Record]:
    with cast("BinaryIO", gzip.open(file) if file.suffix == ".gz" else file.open("rb")) as stream:
        _require_json_lines(file, stream)
        for number, line in _lines(stream):
            record = _parse(f"{file.name}:{number}", line)
            if record is not None:
                yield record


def _require_json_lines(file: Path, stream: BinaryIO) -> None:
    """Refuse a whole file that is not JSON lines in UTF-8, and go back to its beginning."""
    head = stream.read(64)
    stream.seek(0)
    if encoding := _OTHER_ENCODINGS.get(head[:2]):
        raise DataError(
            f"'{file}' is {encoding}, not UTF-8; convert it: iconv -f {encoding} -t UTF-8 {file.name} > utf8-{file.name}"
        )
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"["):
        raise DataError(
            f"'{file}' is a JSON array; one object a line is read: jq -c '.[]' {file.name} > lines-{file.name}"
        )


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Yield lines with their numbers; None for a line that is too long to be held."""
    number = 0
    while line := stream.readline(LONGEST_LINE):
        number += 1
        if line.endswith(b"\n") or len(line) < LONGEST_LINE:
            yield number, line
            continue
        while (rest := stream.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
            pass
        yield number, None


def _parse(where: str, line: bytes | None) -> Record | None:
    """Return the record of one line; None for a blank line."""
    if line is None:
        return Record(where, problem=f"line longer than {LONGEST_LINE // 2**20} MiB")
    try:
        text = line.decode("utf-8-sig").strip()
        fields = json.loads(text) if text else None
    except UnicodeDecodeError:
        return Record(where, problem="not UTF-8")
    except (ValueError, RecursionError):
        return Record(where, problem="not JSON")
    if not text:
        return None
    return Record(where, fields) if isinstance(fields, dict) else Record(where, problem="not a JSON object")


def _parquet(file: Path, columns: Sequence[str]) -> Iterator[Record]:
    with pq.ParquetFile(file) as table:
        names = table.schema_arrow.names
        if columns[0] not in names:
            raise DataError(
                f"'{file}' has no column '{columns[0]}' but {', '.join(names)}.{did_you_mean(columns[0], names, columns)}"
            )
        wanted = [name for name in columns if name in names]
        row = 0
        for batch in table.iter_batches(batch_size=_BATCH, columns=wanted):
            for i in range(batch.num_rows):
                row += 1
                where = f"{file.name} row {row}"
                try:
                    yield Record(where, _plain(batch.slice(i, 1).to_pylist()[0]))
                except UnicodeDecodeError:
                    yield Record(where, problem="not UTF-8")


def _plain(value: Any) -> Any:
    """Undo the wrapping of repeated fields in older exports: ``{"list": [{"element": x}]}`` is ``[x]``."""
    if isinstance(value, dict):
        if set(value) == {"list"} and isinstance(value["list"], list):
            return [_plain(_unwrap(item)) for item in value["list"]]
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _unwrap(item: Any) -> Any:
    return (
        next(iter(item.values())) if isinstance(item, dict) and set(item) in ({"element"}, {"item"}) else item
    )
