"""The columns of every table, read off the records and their docstrings."""

import inspect
import re
from dataclasses import dataclass

import pyarrow as pa

from pairsmith.schemas.arrow import arrow_schema

_ENTRY = re.compile(r"^(\w+(?:, \w+)*): (.*)$")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its Arrow type in words, and what the record's docstring says of it, which may be nothing."""

    name: str
    kind: str
    meaning: str


@dataclass(frozen=True, slots=True)
class RecordTable:
    """One record: the first paragraphs of its docstring, and its columns."""

    about: str
    columns: tuple[Column, ...]


def describe_record(record: type) -> RecordTable:
    """Return the table of a record type."""
    about, _, attributes = inspect.cleandoc(record.__doc__ or "").partition("Attributes:\n")
    meanings = _read_attributes(attributes)
    columns = [Column(field.name, _kind(field), meanings.get(field.name, "")) for field in arrow_schema(record)]
    return RecordTable(about.strip(), tuple(columns))


def _read_attributes(text: str) -> dict[str, str]:
    """Return what a docstring says of each attribute; entries of several names count for each."""
    meanings: dict[str, str] = {}
    names: list[str] = []
    for line in inspect.cleandoc(text).splitlines():
        entry = _ENTRY.match(line)
        if entry:
            names = entry[1].split(", ")
            meanings |= dict.fromkeys(names, entry[2])
        elif line.startswith(" ") and names:
            meanings |= {name: f"{meanings[name]} {line.strip()}" for name in names}
    return meanings


def _kind(field: pa.Field) -> str:
    words = _type(field.type)
    return f"{words} or null" if field.nullable and not pa.types.is_nested(field.type) else words


def _type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"list of {_type(kind.value_type)}"
    if pa.types.is_struct(kind):
        return "{" + ", ".join(field.name for field in kind) + "}"
    return {"double": "float"}.get(str(kind), str(kind))
