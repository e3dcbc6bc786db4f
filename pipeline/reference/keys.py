"""The keys of the configuration, read off the pydantic sections."""

import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import annotated_types as bounds
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.budget import parse_count

_KINDS: dict[Any, str] = {
    str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path", dict: "table",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the configuration.

    Attributes:
        section: names of the tables around it, outermost first; empty for a key of the run itself.
        kind: its type in words, such as `whole number`, with bounds.
        default: value that holds where the key is not set; None for none.
        description: what it means, with units.
        tables: section of the tables that it is a list of; None for any other key.
    """

    section: tuple[str, ...]
    name: str
    kind: str
    default: Any
    description: str
    tables: type[BaseModel] | None

    @property
    def path(self) -> str:
        """Return the name as `--set` takes it, such as `sampling.n`."""
        return ".".join([*self.section, self.name])


@dataclass(frozen=True, slots=True)
class KeyedSection:
    """One table of the configuration with its keys, those of tables below it left out."""

    path: tuple[str, ...]
    about: str
    keys: tuple[Key, ...]


def list_sections(
    model: type[BaseModel] = RunConfig, path: tuple[str, ...] = (), holds: BaseModel | None = None
) -> Iterator[KeyedSection]:
    """Give all tables of the configuration, the run's own keys first, each before the tables below it.

    Args:
        model: the outermost section.
        path: names of the tables around it.
        holds: its value by default, which tells more than its class where one class serves several sections.
    """
    defaults = {
        name: getattr(holds, name) if holds is not None else field.get_default(call_default_factory=True)
        for name, field in model.model_fields.items()
    }
    below = {name: kind for name, field in model.model_fields.items() if (kind := _table(field.annotation))}
    own = [name for name in model.model_fields if name not in below]
    keys = tuple(_key(path, name, model.model_fields[name], defaults[name]) for name in own)
    yield KeyedSection(path, (model.__doc__ or "").strip(), keys)
    for name, section in below.items():
        default = defaults[name]
        yield from list_sections(section, (*path, name), default if isinstance(default, BaseModel) else None)


def list_keys(model: type[BaseModel] = RunConfig, path: tuple[str, ...] = ()) -> Iterator[Key]:
    """Give all keys of the configuration."""
    for section in list_sections(model, path):
        yield from section.keys


def _key(section: tuple[str, ...], name: str, field: FieldInfo, default: Any) -> Key:
    kind = _kind(field.annotation)
    limits = _limits(field.metadata)
    if limits:
        kind = f"{kind}, {limits}"
    description = " ".join((field.description or "").split())
    return Key(section, name, kind, default, description, _list_of_tables(field.annotation))


def _kind(hint: Any) -> str:
    """Return a type in words."""
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        inner, *metadata = typing.get_args(hint)
        if any(getattr(one, "func", None) is parse_count for one in metadata):
            return "whole number above 0; `5k` and `20M` may be written"
        limits = _limits(metadata)
        return f"{_kind(inner)}, {limits}" if limits else _kind(inner)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in typing.get_args(hint))
    if origin in (types.UnionType, typing.Union):
        return ", or ".join(_kind(part) for part in typing.get_args(hint) if part is not type(None))
    if origin is tuple:
        inner = typing.get_args(hint)[0]
        return "list of tables" if _table(inner) else f"list of: {_kind(inner)}"
    return _KINDS.get(origin or hint, getattr(hint, "__name__", str(hint)))


def _limits(metadata: Iterable[Any]) -> str:
    """Return bounds in words; of two on one side the narrower."""
    found: dict[str, tuple[float, str]] = {}
    words = []
    for one in metadata:
        if isinstance(one, FieldInfo):
            return _limits(one.metadata)
        for kind, sign in ((bounds.Ge, "≥"), (bounds.Gt, ">"), (bounds.Le, "≤"), (bounds.Lt, "<")):
            if isinstance(one, kind):
                value = getattr(one, kind.__name__.lower())
                text = f"{sign} {value:,}" if isinstance(value, int) else f"{sign} {value:g}"
                side, narrowness = ("low", value) if sign in "≥>" else ("high", -value)
                found[side] = max(found.get(side, (narrowness, text)), (narrowness, text), key=lambda row: row[0])
        if isinstance(one, bounds.MinLen):
            words.append(f"at least {one.min_length} long")
    return ", ".join([found[side][1] for side in ("low", "high") if side in found] + words)


def _table(hint: Any) -> type[BaseModel] | None:
    return hint if isinstance(hint, type) and issubclass(hint, BaseModel) else None


def _list_of_tables(hint: Any) -> type[BaseModel] | None:
    return _table(typing.get_args(hint)[0]) if typing.get_origin(hint) is tuple else None
