"""Values as words of a shell: what a Bash function gets as arguments, and what it must print for a value.

    str            itself                          bool     true, false
    int            decimal digits                  float    shortest text that reads back, such as 2.5
    None           the empty word                  list, tuple, set of these   items joined by spaces
    list of lists  one line each, as above         dict     one line each, key,value

The convention is that of MultiPL-E (Cassano et al. 2022, arXiv:2208.08227). Other values have no word.
Standard library only: it is used inside sandboxes, where arguments go in, and outside, where values are compared.
"""

from __future__ import annotations

from typing import Any

from pairsmith.schemas.values import decode_value

_SCALARS = (str, bool, int, float, type(None))


class NoWordError(ValueError):
    """A value has no form as a word."""


def to_word(value: Any) -> str:
    """Return the word of a value.

    Raises:
        NoWordError: for bytes, complex numbers, records and the like, and for text that holds a NUL.
    """
    if isinstance(value, _SCALARS):
        return _scalar(value)
    if isinstance(value, dict):
        return "\n".join(f"{_scalar(key)},{to_word(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        is_flat = all(isinstance(item, _SCALARS) for item in value)
        return (" " if is_flat else "\n").join(to_word(item) for item in value)
    raise NoWordError(f"a {type(value).__name__} is no word")


def request(text: bytes) -> bytes | None:
    """Return how many words follow, and the words, for a list of arguments; None if one has no word."""
    try:
        words = (
            [to_word(value).encode("utf-8", "surrogateescape") for value in decode_value(text.decode())]
            if text
            else []
        )
    except (NoWordError, UnicodeEncodeError):
        return None
    return b"%d\n" % len(words) + b"".join(word + b"\0" for word in words)


def _scalar(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if "\0" in value:
            raise NoWordError("a NUL is no part of a word")
        return value
    if isinstance(value, (int, float)):
        return repr(value)
    raise NoWordError(f"a {type(value).__name__} is no word")
