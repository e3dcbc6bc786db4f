"""The configuration for people: its keys, read off the pydantic sections, and its text as TOML."""

import json
import re
import textwrap
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import annotated_types as bounds
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.section import NOT_SET

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
        holds: its value by default, for sections whose defaults differ from those of their class.
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


def own_keys(tables: type[BaseModel], keys: tuple[Key, ...]) -> tuple[Key, ...]:
    """Return those of the keys of some tables that they don't inherit from another section."""
    inherited = {name for base in tables.__mro__[1:] for name in getattr(base, "__annotations__", {})}
    return tuple(key for key in keys if key.name not in inherited)


def _key(section: tuple[str, ...], name: str, field: FieldInfo, default: Any) -> Key:
    kind = _kind(field.annotation)
    limits = _limits(field.metadata)
    if limits:
        kind = f"{kind}, {limits}"
    description = " ".join((field.description or "").split())
    inner = typing.get_args(field.annotation)[0] if typing.get_origin(field.annotation) is tuple else None
    return Key(section, name, kind, default, description, _table(inner))


def _kind(hint: Any) -> str:
    """Return a type in words."""
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        inner, *metadata = typing.get_args(hint)
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
    for constraint in metadata:
        if isinstance(constraint, FieldInfo):
            return _limits(constraint.metadata)
        for kind, sign in ((bounds.Ge, "≥"), (bounds.Gt, ">"), (bounds.Le, "≤"), (bounds.Lt, "<")):
            if isinstance(constraint, kind):
                value = getattr(constraint, kind.__name__.lower())
                text = f"{sign} {value:,}" if isinstance(value, int) else f"{sign} {value:g}"
                side, narrowness = ("low", value) if sign in "≥>" else ("high", -value)
                found[side] = max(found.get(side, (narrowness, text)), (narrowness, text), key=lambda row: row[0])
        if isinstance(constraint, bounds.MinLen):
            words.append(f"at least {constraint.min_length} long")
    return ", ".join([found[side][1] for side in ("low", "high") if side in found] + words)


def _table(hint: Any) -> type[BaseModel] | None:
    return hint if isinstance(hint, type) and issubclass(hint, BaseModel) else None


_WIDTH = 110
_BARE = re.compile(r"[A-Za-z0-9_-]+")  # names that TOML takes without quotes


def commented_toml(config: RunConfig) -> str:
    """Return a configuration with every key, and above each what it means, its type and its bounds.

    A key without a value stands there as a comment. The text loads back equal to the configuration.
    """
    lines = [
        "# Configuration of pairsmith: pairsmith build THIS_FILE",
        "# Every key with its value. Delete the keys that you don't change: they then follow the defaults.",
    ]
    for section in list_sections():
        if section.path:
            paragraphs = (" ".join(part.split()) for part in section.about.split("\n\n"))
            filled = "\n".join(textwrap.fill(part, _WIDTH) for part in paragraphs)
            lines += ["", "", f"[{'.'.join(section.path)}]", *(f"# {line}" for line in filled.splitlines())]
        for key in section.keys:
            text = _set_text(config, key)
            about = f"{key.description} ({key.kind})".lstrip().replace("`", "")
            lines += ["", *(f"# {line}" for line in textwrap.wrap(about, _WIDTH))]
            lines += [f"{key.name} = {text}" if text else f"# {key.name} ="]
    return "\n".join(lines) + "\n"


_COMMON = (
    "run", "problems.source", "problems.path", "problems.limit", "sampling.backend", "sampling.model",
    "sampling.base_url",
    "sampling.n", "sampling.temperature", "sampling.max_tokens", "sandbox.backend", "sandbox.workers",
    "pairs.max_per_problem",
    "pairs.test_share", "training.method", "training.epochs",
)  # fmt: skip
"""Keys that most people set."""


def short_toml(config: RunConfig) -> str:
    """Return a configuration with the keys that most people set, and all that are not as by default.

    The text loads back equal to the configuration.
    """
    lines = [
        "# Configuration of pairsmith: pairsmith build THIS_FILE",
        "# What most people set; `pairsmith init --all` writes every key.",
    ]
    default = RunConfig()
    for section in list_sections():
        rows: list[str] = []
        for key in section.keys:
            text = _set_text(config, key)
            if key.path in _COMMON or text != _set_text(default, key):
                about = key.description.partition(". ")[0].rstrip(".")
                rows += [f"{key.name} = {text}  # {about}" if text else f"# {key.name} =  # {about}"]
        if rows:
            lines += ["", *([f"[{'.'.join(section.path)}]"] if section.path else []), *rows]
    return "\n".join(lines) + "\n"


def plain_toml(config: RunConfig) -> str:
    """Return a configuration with every key that has a value, without comments; it loads back equal."""
    lines: list[str] = []
    for section in list_sections():
        lines += [f"[{'.'.join(section.path)}]"] if section.path else []
        lines += [f"{key.name} = {text}" for key in section.keys if (text := _set_text(config, key))]
    return "\n".join(lines) + "\n"


def toml_value(value: Any) -> str:
    """Return a value in TOML's syntax; tables within lists are inline ones.

    Raises:
        TypeError: for a value that TOML has no form for, such as None.
    """
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, Path)):
        # JSON's strings are TOML's, but for DEL, which TOML wants escaped.
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007F")
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, BaseModel):
        value = _changed_fields(value)
    if isinstance(value, Mapping):
        rows = [
            f"{name if _BARE.fullmatch(name) else toml_value(name)} = {toml_value(part)}"
            for name, part in value.items()
            if part is not None
        ]
        return "{ " + ", ".join(rows) + " }" if rows else "{}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    raise TypeError(f"TOML has no form for {type(value).__name__}")


def _changed_fields(table: BaseModel) -> dict[str, Any]:
    """Return the first field of a table, which names it, and all that are not as they are by default."""
    first = next(iter(type(table).model_fields))
    fields = type(table).model_fields
    return {
        name: part
        for name, part in table
        if name == first or part != fields[name].get_default(call_default_factory=True)
    }


def _set_text(config: RunConfig, key: Key) -> str:
    """Return the value of a key in TOML's syntax; empty for one that is not set."""
    value: Any = config
    for name in (*key.section, key.name):
        value = getattr(value, name)
    if value is not None:
        return toml_value(value)
    return toml_value(NOT_SET) if key.default is not None else ""
