"""Reads decoded values as tests do: through a view, as JSON has them, for their truth, item by item.

Compares values of languages other than Python: Python's equality, but for these rules.

| expected | equal to it, beside itself |
| --- | --- |
| tuple, named tuple | a list of the same items, and a list expected a tuple: few languages have both |
| dict whose keys are not text | JavaScript, TypeScript: the object whose keys are the texts of the keys |
| anything | Bash: the word of the value (see `inside.foreign`); a number in any decimal writing: `3.0` for 3 |
| text of one letter | a char: drivers give it as text |

A Python program is never judged by these.
"""

import re
from collections import ChainMap, UserDict, UserList, UserString
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any

from pairsmith.pipeline.judging.tolerance import Tolerance
from pairsmith.pipeline.languages.table import find_language
from pairsmith.pipeline.sandbox.inside.foreign import NoWordError, to_word
from pairsmith.schemas.values import MAX_NODES, Array, Cycle, Lazy, Opaque, Record, Viewed, encode_value, to_set

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
    if isinstance(value, Array) and view not in ("str", "abs"):
        value = value.rows()
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
    if isinstance(value, (Opaque, Record, Cycle, Lazy, Array)):
        raise TypeError(f"{view} of a {type(value).__name__}")
    return functions[view](value)


def truth_of(value: Any) -> bool | None:
    """Return what `bool` gives for the value, None if unknown."""
    if isinstance(value, Viewed):
        return bool(value.value) if value.view == "bool" else None
    if isinstance(value, (Opaque, Cycle)):
        return None
    if isinstance(value, Array):
        return bool(value.items[0]) if len(value.items) == 1 else None  # of more numpy tells none
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
    """Return a value as JSON has it: tuples and arrays as lists, keys as texts, at any depth.

    Raises:
        ValueError: if two keys have one text.
    """
    value = as_built_in(value)
    if isinstance(value, Array):
        value = value.nested()
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
    """Return a value of the standard library as the built-in value that it equals in Python; others unchanged."""
    value = as_plain(value)
    if isinstance(value, (dict, UserDict, ChainMap)):
        return dict(value.items())
    if isinstance(value, (UserList, UserString)):
        return value.data
    return value


def as_plain(value: Any) -> Any:
    """Return a named tuple as the tuple that it is; anything else unchanged."""
    if isinstance(value, Record) and value.is_tuple:
        return tuple(part for _, part in value.fields)
    return value


# Not what Python calls a number: no underscores, no digits of other alphabets, no exponent of an integer.
_INTEGER = re.compile(r"[+-]?[0-9]+(?:\.0*)?")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_MAX_DIGITS = 4000
Same = Callable[[Any, Any, Tolerance], bool]


def same_in(language: str, same_value: Same, got: Any, expected: Any, tolerance: Tolerance) -> bool:
    """Return whether a value of a language other than Python is the expected one.

    Args:
        language: name in the table.
        same_value: Python's equality (see `judging.same_value`), which the rules are made of.
        got, expected: decoded values.
        tolerance: of floats.
    """
    row = find_language(language)
    if row.speaks_words:
        return _same_word(got, expected, tolerance)
    got, expected = _loosen(got), _loosen(expected)
    if same_value(got, expected, tolerance):
        return True
    return row.has_only_text_keys and same_value(got, _with_text_keys(expected), tolerance)


def _loosen(value: Any) -> Any:
    """Return a value in which every list and every tuple is a tuple: it can be in a set then, too."""
    if isinstance(value, (list, tuple)):
        return tuple(map(_loosen, value))
    if isinstance(value, (set, frozenset)):
        return to_set(map(_loosen, value))
    if isinstance(value, dict):
        return {_loosen(key): _loosen(item) for key, item in value.items()}
    if isinstance(value, Record) and value.is_tuple:
        return tuple(_loosen(part) for _, part in value.fields)
    if isinstance(value, Lazy):
        return Lazy(value.kind, tuple(map(_loosen, value.items)))
    return value


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_with_text_keys, value))
    if isinstance(value, dict):
        return {_text_of(key): _with_text_keys(item) for key, item in value.items()}
    return value


def _text_of(key: Any) -> Any:
    """Return what JavaScript makes of a key; all but text, numbers, booleans and tuples of these is kept."""
    if isinstance(key, bool) or key is None:
        return {True: "true", False: "false", None: "null"}[key]
    if isinstance(key, float) and key.is_integer() and abs(key) < 1e21:
        return str(int(key))
    if isinstance(key, (int, float)):
        return str(key)
    if isinstance(key, tuple):
        return ",".join(str(_text_of(part)) for part in key)
    return key


def _same_word(got: Any, expected: Any, tolerance: Tolerance) -> bool:
    if not isinstance(got, str):
        return False
    try:
        if got == to_word(expected):
            return True
    except NoWordError:
        return False
    return _is_that_number(got.strip(" \t\n"), expected, tolerance)


def _is_that_number(word: str, expected: Any, tolerance: Tolerance) -> bool:
    """Return whether a word is a decimal writing of a number. An integer is compared digit by digit."""
    if isinstance(expected, bool) or not isinstance(expected, (int, float)) or len(word) > _MAX_DIGITS:
        return False
    if isinstance(expected, int):
        return bool(_INTEGER.fullmatch(word)) and Decimal(word) == expected
    if not _DECIMAL.fullmatch(word):
        return False
    return float(word) == expected or tolerance.allows(float(word), expected)


def same_words(got: Any, expected: Any, rule: str, tolerance: Tolerance) -> bool:
    """Return whether the words that a Bash function printed are the expected items, in any order.

    Args:
        rule: `unordered`, `set`, or `one_of` and `boxed`, which compare the whole with each item of `expected`.
    """
    if not isinstance(got, str) or not isinstance(expected, (list, tuple, set, frozenset)):
        return _same_word(got, expected, tolerance)
    if rule in ("one_of", "boxed"):
        choices = [*expected, expected] if rule == "boxed" else expected
        return any(_same_word(got, choice, tolerance) for choice in choices)
    is_nested = any(isinstance(item, (list, tuple, set, frozenset, dict)) for item in expected)
    words, wanted = (got.splitlines() if is_nested else got.split()), list(expected)
    if rule == "set":
        words, wanted = list(dict.fromkeys(words)), [x for i, x in enumerate(wanted) if x not in wanted[:i]]
    for word in words:
        found = next((index for index, item in enumerate(wanted) if _same_word(word, item, tolerance)), None)
        if found is None:
            return False
        del wanted[found]
    return not wanted
