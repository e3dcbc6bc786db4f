"""Arrow twins of the records: schema, table and back."""

import functools
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import Any, Literal, TypeVar

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")
SCHEMA_VERSION = 1  # raise it when a record's fields change meaning or type
_SCALARS: dict[type, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


@functools.cache
def arrow_schema(record: type) -> pa.Schema:
    """Return the Arrow schema of a record type, with its name and version as metadata.

    str, int, float, bool, enums and literals (as string), `X | None` (nullable), `tuple[X, ...]` (list) and
    nested records (struct) are known.

    Raises:
        TypeError: for a field of another type.
    """
    metadata = {"pairsmith:record": record.__name__, "pairsmith:schema_version": str(SCHEMA_VERSION)}
    return pa.schema(_arrow_fields(record), metadata=metadata)


def measured_columns(record: type) -> tuple[str, ...]:
    """Return the dotted names of fields that are measured (seconds, MiB) and so differ from run to run."""
    names: list[str] = []
    for name, hint in typing.get_type_hints(record).items():
        field = next(field for field in fields(record) if field.name == name)
        inner = _inner_record(hint)
        if field.metadata.get("measured"):
            names.append(name)
        elif inner is not None:
            names.extend(f"{name}.{below}" for below in measured_columns(inner))
    return tuple(names)


def to_table(records: Iterable[Any], record: type) -> pa.Table:
    """Return records as an Arrow table, one row each, in the order given."""
    schema = arrow_schema(record)
    rows = list(records)
    columns = []
    for name, plain in _plain_parts(record):
        values = [getattr(row, name) for row in rows]
        column = values if plain is None else [plain(value) for value in values]
        columns.append(pa.array(column, schema.field(name).type))
    return pa.Table.from_arrays(columns, schema=schema)


def from_table(table: pa.Table, record: type[T]) -> list[T]:
    """Return the rows of a table as records; a column that an older version did not write has its default.

    Raises:
        KeyError: if a column without a default is missing, or a value is none of its type; the message names it.
    """
    needed = [field.name for field in fields(typing.cast(Any, record)) if field.default is MISSING]
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise KeyError(f"no column {missing[0]!r} for {record.__name__}; the columns are {table.column_names}")
    try:
        rows: list[T] = _reader(typing.cast(Any, record)).validate_python(table.to_pylist())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise KeyError(f"{record.__name__}, row {place}: {first['msg']}") from None
    return rows


@functools.cache
def _reader(record: Any) -> TypeAdapter[Any]:
    return TypeAdapter(list[record])


def _arrow_fields(record: type) -> list[pa.Field]:
    return [_arrow_field(name, hint) for name, hint in typing.get_type_hints(record).items()]


def _arrow_field(name: str, hint: Any) -> pa.Field:
    optional = _optional(hint)
    return pa.field(name, _arrow_type(optional or hint), nullable=optional is not None)


def _arrow_type(hint: Any) -> pa.DataType:
    if hint in _SCALARS:
        return _SCALARS[hint]
    if typing.get_origin(hint) is Literal or (isinstance(hint, type) and issubclass(hint, Enum)):
        return pa.string()
    if typing.get_origin(hint) is tuple:
        return pa.list_(_arrow_field("element", typing.get_args(hint)[0]))
    if is_dataclass(hint):
        return pa.struct(_arrow_fields(typing.cast(type, hint)))
    raise TypeError(f"no Arrow type for {hint!r}")


def _optional(hint: Any) -> Any:
    """Return X of `X | None`, else None."""
    if typing.get_origin(hint) is types.UnionType:
        return next(part for part in typing.get_args(hint) if part is not type(None))
    return None


def _inner_record(hint: Any) -> type | None:
    inner = typing.get_args(hint)[0] if typing.get_origin(hint) is tuple else hint
    return inner if is_dataclass(inner) and isinstance(inner, type) else None


@functools.cache
def _plain_parts(record: type) -> tuple[tuple[str, Callable[[Any], Any] | None], ...]:
    """Return for each field of a record its name, and what `_plainer` gives for its type."""
    hints = typing.get_type_hints(record)
    return tuple((field.name, _plainer(hints[field.name])) for field in fields(typing.cast(Any, record)))


def _plainer(hint: Any) -> Callable[[Any], Any] | None:
    """Return the function that turns a field of this type into a value that Arrow takes; None where it is one."""
    if (optional := _optional(hint)) is not None:
        plain = _plainer(optional)
        return plain and (lambda value: None if value is None else plain(value))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return lambda value: value.value
    if typing.get_origin(hint) is tuple:
        inner = _plainer(typing.get_args(hint)[0])
        return list if inner is None else (lambda value: [inner(item) for item in value])
    if is_dataclass(hint):
        parts = _plain_parts(typing.cast(type, hint))
        return lambda value: {
            name: getattr(value, name) if plain is None else plain(getattr(value, name)) for name, plain in parts
        }
    return None
