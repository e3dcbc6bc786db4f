"""Digests of texts, of files and of rows."""

import hashlib
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from pairsmith.schemas.arrow import SCHEMA_VERSION, arrow_schema, measured_columns, to_table

T = TypeVar("T")
_CHECKED_BYTES = 256 << 20  # a fraction of a second; `pairsmith verify` reads all


def digest(*parts: str) -> str:
    """Return 32 hex digits over texts, their order and their borders."""
    return hashlib.sha256(json.dumps([*parts, SCHEMA_VERSION]).encode()).hexdigest()[:32]


def file_digest(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def some_files(paths: Iterable[Path], n_bytes: int = _CHECKED_BYTES) -> Iterator[Path]:
    """Yield files in chance order until these have more than so many bytes: all of few, some of many."""
    left = list(paths)
    random.Random().shuffle(left)
    while left and n_bytes >= 0:
        n_bytes -= left[-1].stat().st_size
        yield left.pop()


def content_digest(records: Iterable[Any] | pa.Table, record: type) -> str:
    """Return the sha256 of rows as an Arrow stream, measured columns set to 0.

    Raises:
        TypeError: for a table of a record that has measured columns.
    """
    if measured_columns(record):
        if isinstance(records, pa.Table):
            raise TypeError(f"{record.__name__} has measured columns; give records, not a table")
        records = [_without_measures(row) for row in records]
    table = as_table(records, record).combine_chunks()  # the stream tells chunks apart
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return hashlib.sha256(sink.getvalue()).hexdigest()


def as_table(records: Iterable[Any] | pa.Table, record: type) -> pa.Table:
    """Return records as a table of their type, with its columns alone."""
    if isinstance(records, pa.Table):
        return records.select(arrow_schema(record).names).cast(arrow_schema(record))
    return to_table(records, record)


def _without_measures(row: T) -> T:
    changes: dict[str, Any] = {}
    for part in fields(row):  # type: ignore[arg-type]
        value = getattr(row, part.name)
        if part.metadata.get("measured"):
            changes[part.name] = type(value)()
        elif isinstance(value, tuple) and value and is_dataclass(value[0]):
            changes[part.name] = tuple(_without_measures(item) for item in value)
    return replace(row, **changes)  # type: ignore[type-var]
