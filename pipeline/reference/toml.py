"""The configuration as TOML: with every key explained, or as it is kept in a run's folder."""

import json
import textwrap
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pairsmith.pipeline.reference.keys import Key, KeyedSection, list_sections
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.section import NOT_SET

_WIDTH = 110


def commented_toml(config: RunConfig) -> str:
    """Return a configuration with every key, and above each what it means, its type and its bounds.

    A key without a value stands there as a comment. The text loads back equal to the configuration.
    """
    lines = [
        "# Configuration of pairsmith: pairsmith build THIS_FILE",
        "# Every key is here with the value that holds. Delete what you don't change: defaults then stay current.",
    ]
    for section in list_sections():
        lines += _heading(section)
        for key in section.keys:
            text = _set_text(config, key)
            lines += ["", *_comment(key), f"{key.name} = {text}" if text else f"# {key.name} ="]
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
        value = _told(value)
    if isinstance(value, Mapping):
        rows = [f"{_name(name)} = {toml_value(part)}" for name, part in value.items() if part is not None]
        return "{ " + ", ".join(rows) + " }" if rows else "{}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    raise TypeError(f"TOML has no form for {type(value).__name__}")


def _told(table: BaseModel) -> dict[str, Any]:
    """Return the first field of a table, which names it, and all that are not as they are by default."""
    first = next(iter(type(table).model_fields))
    fields = type(table).model_fields
    return {
        name: part
        for name, part in table
        if name == first or part != fields[name].get_default(call_default_factory=True)
    }


def _name(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else toml_value(name)


def _value_of(config: BaseModel, key: Key) -> Any:
    for name in key.section:
        config = getattr(config, name)
    return getattr(config, key.name)


def _set_text(config: RunConfig, key: Key) -> str:
    """Return the value of a key in TOML's syntax; empty for one that is not set."""
    value = _value_of(config, key)
    if value is not None:
        return toml_value(value)
    return toml_value(NOT_SET) if key.default is not None else ""


def _heading(section: KeyedSection) -> list[str]:
    if not section.path:
        return []
    about = [f"# {line}".rstrip() for line in textwrap.dedent(_joined(section.about)).splitlines()]
    return ["", "", f"[{'.'.join(section.path)}]", *about]


def _joined(docstring: str) -> str:
    """Return a docstring with its paragraphs filled to our width."""
    paragraphs = [" ".join(part.split()) for part in docstring.split("\n\n")]
    return "\n".join(textwrap.fill(part, _WIDTH) for part in paragraphs)


def _comment(key: Key) -> list[str]:
    text = f"{key.description} ({key.kind})" if key.description else f"({key.kind})"
    return [f"# {line}" for line in textwrap.wrap(text.replace("`", ""), _WIDTH)]
