"""Type hints as values: what `list[int]` and `Optional[str]` are made of."""

from __future__ import annotations

import collections.abc
import functools
import operator
import sys
import types
from typing import Any

from pairsmith.schemas import twins

_ALIAS = getattr(types, "GenericAlias", None)
_UNION = getattr(types, "UnionType", None)  # the first from Python 3.10 on
MODULES = ("types", "typing", "collections.abc")  # of the classes of hints
_MOST_OR = 100  # parts of a union: Python compares each with all others, whenever one is added
_PLAIN = (str, int, bytes, bool, type(Ellipsis))


def hint_parts(value: Any) -> list[Any] | None:
    """Return what a type hint is made of; None for what is none, or holds what is no hint."""
    kind = type(value)
    if kind.__module__ not in MODULES:
        return None
    made: list[Any]
    parts = list(getattr(value, "__args__", ()))
    if kind is _ALIAS:
        made = ["alias", value.__origin__, *parts]
    elif _ALIAS is not None and isinstance(value, _ALIAS):  # of a Callable of collections.abc
        made = ["callable", *parts]
    elif kind is _UNION:
        made = ["or", *parts]
    elif kind.__module__ == "typing" and hasattr(value, "__origin__") and parts:
        name = getattr(value, "_name", None) or getattr(value.__origin__, "_name", None)
        name = "Union" if name == "Optional" else name
        if not hasattr(sys.modules["typing"], str(name)) or name in ("Annotated", "Concatenate"):
            return None
        made = [str(name), *parts]
    elif getattr(sys.modules["typing"], name := str(getattr(value, "_name", "")), None) is value:
        made = [name]
    else:
        return None
    if made[0] == "or" and len(made) > _MOST_OR:
        return None
    made = [_part(part) for part in made]
    return made if all(map(_is_known, made)) else None


def _part(part: Any) -> Any:
    """Return a part as it crosses: None for its type, a list of parameters as a tuple, and a name as text."""
    if part is type(None):
        return None
    name = getattr(part, "__forward_arg__", None) if type(part).__name__ == "ForwardRef" else None
    return tuple(map(_part, part)) if isinstance(part, list) else part if name is None else name


def _is_known(part: Any) -> bool:
    return _is_plain(part) or hint_parts(part) is not None


def _is_plain(part: Any) -> bool:
    if isinstance(part, tuple):
        return all(map(_is_known, part))
    return part is None or type(part) in _PLAIN or (isinstance(part, type) and twins.has_plain_hash(part))


def make_hint(name: str, parts: list[Any]) -> Any:
    """Return the type hint that has these parts.

    Raises:
        ValueError, TypeError: if there is no such hint.
    """
    import typing

    if not all(_is_plain(part) or type(part).__module__ in MODULES for part in parts):
        raise ValueError("no part of a type hint")
    if name == "or" and len(parts) >= _MOST_OR:
        raise ValueError("a union of too many parts")
    parts = [list(part) if isinstance(part, tuple) else part for part in parts]
    if name == "alias":
        return types.GenericAlias(parts[0], tuple(type(None) if part is None else part for part in parts[1:]))
    if name == "or":
        return functools.reduce(operator.or_, parts)
    found: Any = collections.abc.Callable if name == "callable" else getattr(typing, name, None)
    if name != "callable" and (name.startswith("_") or getattr(found, "_name", None) != name):
        raise ValueError("no such type hint")
    if not parts:
        return found
    if name in ("Callable", "callable"):
        return found[parts[0] if parts[0] is Ellipsis else parts[:-1], parts[-1]]
    return found[tuple(parts)] if len(parts) > 1 else found[parts[0]]
