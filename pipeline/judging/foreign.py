"""When a value of another language is the value that a problem expects: Python's equality, but for these rules.

| expected | equal to it, beside itself |
| --- | --- |
| tuple, named tuple | a list of the same items, and a list expected a tuple: few languages have both |
| dict whose keys are no text | JavaScript, TypeScript: the object whose keys are the texts of the keys |
| anything | Bash: the word of the value (see `inside.words`); a number any text that reads as that number |
| text of one letter | a char: drivers give it as text |

A Python program is never judged by these.
"""

from collections.abc import Callable
from typing import Any

from pairsmith.pipeline.languages.table import find_language
from pairsmith.pipeline.sandbox.inside.words import NoWordError, to_word
from pairsmith.schemas.values import Lazy, Record, to_set

Same = Callable[[Any, Any, float], bool]


def same_in(language: str, same_value: Same, got: Any, expected: Any, atol: float) -> bool:
    """Return whether a value of a language other than Python is the expected one.

    Args:
        language: name in the table.
        same_value: Python's equality (see `judging.same_value`), which the rules are made of.
        got, expected: decoded values.
        atol: absolute tolerance of floats.
    """
    row = find_language(language)
    if row.speaks_words:
        return _same_word(got, expected, atol)
    got, expected = _loosen(got), _loosen(expected)
    if same_value(got, expected, atol):
        return True
    return row.has_only_text_keys and same_value(got, _with_text_keys(expected), atol)


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
    """Return what JavaScript makes of a key; what is no text, number, truth value or tuple of these stays."""
    if isinstance(key, bool) or key is None:
        return {True: "true", False: "false", None: "null"}[key]
    if isinstance(key, float) and key.is_integer() and abs(key) < 1e21:
        return str(int(key))
    if isinstance(key, (int, float)):
        return str(key)
    if isinstance(key, tuple):
        return ",".join(str(_text_of(part)) for part in key)
    return key


def _same_word(got: Any, expected: Any, atol: float) -> bool:
    if not isinstance(got, str):
        return False
    try:
        if got == to_word(expected):
            return True
    except NoWordError:
        return False
    if isinstance(expected, bool) or not isinstance(expected, (int, float)):
        return False
    try:
        number = float(got)
        return number == expected or abs(number - expected) <= atol or (number != number and expected != expected)
    except (ValueError, OverflowError):
        return False
