"""Reading of JSON-lines files, plain or gzip, in which a broken line costs that line only."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pairsmith.pipeline.problems.records import DroppedProblem, DropReason, ProblemsError

MAX_LINE_BYTES = 256 << 20  # LiveCodeBench's longest lines have a third
MAX_FILE_BYTES = 8 << 30  # decompressed
Row = Mapping[str, Any]


class RowError(ValueError):
    """One row can't become a problem; carries the reason that is counted."""

    def __init__(self, reason: DropReason, message: str) -> None:
        """Keep the reason beside the message."""
        super().__init__(message)
        self.reason = reason


def read_rows(path: Path) -> Iterator[tuple[str, Row | DroppedProblem]]:
    """Give each line as (`name:line`, row), or what is wrong with it; blank lines are passed over.

    Raises:
        ProblemsError: if the file can't be read or holds no line.
    """
    n_lines = 0
    for number, line in enumerate(_read_lines(path), start=1):
        if line is not None and not line.strip():
            continue
        n_lines += 1
        where = f"{path.name}:{number}"
        if line is None:
            message = f"longer than {MAX_LINE_BYTES >> 20} MiB"
            yield where, DroppedProblem(where, DropReason.BAD_VALUE, message)
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield where, DroppedProblem(where, DropReason.NOT_JSON, f"not JSON: {error}")
            continue
        if isinstance(row, dict):
            yield where, row
        else:
            message = f"a JSON {type(row).__name__}, not an object"
            yield where, DroppedProblem(where, DropReason.NOT_JSON, message)
    if n_lines == 0:
        raise ProblemsError(f"{path}: no problems in it; one JSON object a line is expected")


def text(row: Row, column: str, default: str | None = None) -> str:
    """Return a column that holds text.

    Raises:
        RowError: if it is missing and there is no default, or holds something else.
    """
    value = row.get(column)
    if value is None:
        if default is None:
            raise missing(column, row)
        return default
    if not isinstance(value, str):
        raise RowError(DropReason.BAD_VALUE, f"column {column!r} holds {type(value).__name__}, not text")
    if not is_utf8(value):
        raise RowError(DropReason.BAD_VALUE, f"column {column!r} holds half a surrogate pair")
    return value.replace("\r\n", "\n")


def is_utf8(value: str) -> bool:
    """Return whether a text can be written as UTF-8: half a surrogate pair can't."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def name(row: Row, column: str) -> str:
    """Return a column that holds the name of a function.

    Raises:
        RowError: if it is missing or no name.
    """
    value = text(row, column)
    if not value.isidentifier():
        raise RowError(DropReason.BAD_VALUE, f"column {column!r} holds {value[:40]!r}, not a function's name")
    return value


def number(row: Row, column: str) -> float:
    """Return a column that holds a number from 0 up, 0.0 where it is missing.

    Raises:
        RowError: if it holds something else.
    """
    value = row.get(column, 0.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value < float("inf"):
        raise RowError(DropReason.BAD_VALUE, f"column {column!r} holds {value!r}, not a number from 0 up")
    return float(value)


def missing(column: str, row: Row) -> RowError:
    """Return the error for a missing column."""
    return RowError(DropReason.MISSING_COLUMN, f"no column {column!r}; there are {', '.join(sorted(row))}")


def _read_lines(path: Path) -> Iterator[bytes | None]:
    """Give each line of a file, None for one that is too long: a small file may hold gigabytes of it."""
    try:
        with path.open("rb") as plain:
            is_packed = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            yield from _split(gzip.GzipFile(fileobj=plain) if is_packed else plain)
    except FileNotFoundError:
        raise ProblemsError(f"{path}: no such file; set problems.path to the file of problems") from None
    except (OSError, EOFError, zlib.error) as error:
        raise ProblemsError(f"{path}: can't be read ({error}); is it a whole .jsonl or .jsonl.gz?") from None


def _split(file: Any) -> Iterator[bytes | None]:
    n_left = MAX_FILE_BYTES
    while line := file.readline(MAX_LINE_BYTES + 1):
        n_left -= len(line)
        if n_left < 0:
            raise OSError(f"more than {MAX_FILE_BYTES >> 30} GiB in it")
        is_too_long = len(line) > MAX_LINE_BYTES
        while is_too_long and n_left >= 0 and line and not line.endswith(b"\n"):
            line = file.readline(1 << 20)
            n_left -= len(line)
        yield None if is_too_long else line
