"""Reads decoded values as tests do: through a view, as JSON has them, for their truth, item by item."""

from collections import ChainMap, UserDict, UserList, UserString
from collections.abc import Collection
from typing import Any

from pairsmith.schemas.values import (
    MAX_NODES,
    Cycle,
    Lazy,
    Opaque,
    Record,
    Viewed,
    encode_value,
    to_set,
)

SIZED = ("range", "deque", "dict_keys", "dict_values", "dict_items")  # lazy values that have a length


def view_value(value: Any, view: str) -> Any:
    """Return what the test's own wrapper would have made of the value."""
    if not view:
        return value
    if isinstance(value, Viewed):
        if value.view != view:
            raise TypeError(f"{view} of an object that gave its {value.view}")
        return value.value
    value = as_plain(value)
    if isinstance(value, range) and len(value) > MAX_NODES:
        raise ValueError("a range of too many numbers")
    if isinstance(value, Lazy) and view not in ("str", "abs") and (view != "len" or value.kind in SIZED):
        value = value.items
    if view == "str" and isinstance(value, (set, frozenset)):
        raise TypeError("the text of a set is in no order that could be expected")
    functions: dict[str, Any] = {
        "list": list, "tuple": tuple, "set": to_set, "sorted": sorted,
        "len": len, "str": str, "abs": abs, "sum": sum,
    }  # fmt: skip
    if isinstance(value, (Opaque, Record, Cycle, Lazy)):
        raise TypeError(f"{view} of a {type(value).__name__}")
    return functions[view](value)


def truth_of(value: Any) -> bool | None:
    """Return what `bool` gives for the value, None where nobody can tell."""
    if isinstance(value, Viewed):
        return bool(value.value) if value.view == "bool" else None
    if isinstance(value, (Opaque, Cycle)):
        return None
    if isinstance(value, Lazy):
        return bool(value.items) or value.kind not in SIZED
    if isinstance(value, Record):
        return bool(value.fields) or not value.is_tuple
    return bool(value)


def loosen(value: Any, rule: str) -> Any:
    """Return a value without what a rule of comparison does not look at: equal values become alike.

    Items in any order are sorted by their texts.
    """
    if rule not in ("equal_json", "boxed", "unordered", "set"):
        return value
    value = as_json(value)
    items = items_of(value) if rule in ("unordered", "set") else None
    if items is None:
        return value
    return [item for _, (item, n) in sorted(items.items()) for _ in range(n if rule == "unordered" else 1)]


def as_json(value: Any) -> Any:
    """Return a value as JSON has it: tuples as lists, keys as texts, at any depth.

    Raises:
        ValueError: if two keys have one text.
    """
    value = as_built_in(value)
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        loose = {_key_text(key): as_json(item) for key, item in value.items()}
        if len(loose) != len(value):
            raise ValueError("two keys of one text")
        return loose
    return value


def _key_text(key: Any) -> Any:
    """Return what JSON makes of a key: 1 is "1", True is "true"."""
    if isinstance(key, bool) or key is None:
        return {True: "true", False: "false", None: "null"}[key]
    if isinstance(key, (int, float)):
        return repr(key)
    return key


def items_of(value: Any) -> dict[str, tuple[Any, int]] | None:
    """Return the items of a collection by their text, each with its number; None for what is no collection."""
    items = value.items if isinstance(value, Lazy) else value
    if not isinstance(items, Collection) or isinstance(items, (str, bytes, dict)):
        return None
    if len(items) > MAX_NODES:
        raise ValueError("a range of too many numbers")
    found: dict[str, tuple[Any, int]] = {}
    for item in items:
        text = encode_value(item)
        found[text] = (item, found.get(text, (item, 0))[1] + 1)
    return found


def as_built_in(value: Any) -> Any:
    """Return a value of the standard library as the built-in value that it equals in Python; all else as it is."""
    value = as_plain(value)
    if isinstance(value, (dict, UserDict, ChainMap)):
        return dict(value.items())
    if isinstance(value, (UserList, UserString)):
        return value.data
    return value


def as_plain(value: Any) -> Any:
    """Return a named tuple as the tuple that it is; anything else as it is."""
    if isinstance(value, Record) and value.is_tuple:
        return tuple(part for _, part in value.fields)
    return value
