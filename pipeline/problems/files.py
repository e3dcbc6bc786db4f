"""Reading of JSON-lines files, plain or gzip, in which a broken line costs that line only."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pairsmith.pipeline.problems.records import DroppedProblem, DropReason, ProblemsError

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
    for number, line in enumerate(_read_bytes(path).split(b"\n"), start=1):
        if not line.strip():
            continue
        n_lines += 1
        where = f"{path.name}:{number}"
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
    return value.replace("\r\n", "\n")


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


def _read_bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except FileNotFoundError:
        raise ProblemsError(f"{path}: no such file; set problems.path to the file of problems") from None
    except (OSError, EOFError, zlib.error) as error:
        raise ProblemsError(f"{path}: can't be read ({error}); is it a whole .jsonl or .jsonl.gz?") from None
