"""Candidates' text as a person may see it: cut to a size, nothing hidden in it; values as Python writes them."""

import contextlib
import unicodedata
from collections.abc import Iterable

from pairsmith.schemas.execution import CaseRun, Status
from pairsmith.schemas.problem import Case
from pairsmith.schemas.values import decode_value

_LONGEST_VALUE = 4_000  # characters of an encoded value that is worth decoding
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # controls, format and bidirectional marks, and the like
_MAX_MARKS = 4  # combining marks on one character; more only pile up over the lines above


def is_utf8(text: str) -> bool:
    """Return whether a text can be written as UTF-8: half a surrogate pair, which JSON may escape, can't."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def named(items: Iterable[str], n_most: int = 5) -> str:
    """Return the first of some names, and how many more there are."""
    every = list(items)
    more = f" and {len(every) - n_most} more" if len(every) > n_most else ""
    return ", ".join(every[:n_most]) + more


def visible(text: str) -> str:
    """Return text with every character that shows nothing, or reorders others, written out.

    Line feeds and tabs stay; an escape becomes ⟨U+001B⟩. Of a pile of combining marks the first four stay.
    """
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    n_marks = 0
    for char in text.replace("\r\n", "\n"):
        n_marks = n_marks + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if n_marks <= _MAX_MARKS:
            is_hidden = char not in "\n\t" and unicodedata.category(char) in _HIDDEN
            shown.append(f"⟨U+{ord(char):04X}⟩" if is_hidden else char)
    return "".join(shown)


def shown_text(text: str, n_chars: int = 20_000, n_lines: int = 400) -> str:
    """Return the beginning of a text, control and bidirectional characters written out, and how much is left out.

    Never longer than some times `n_chars`, whatever the text.
    """
    part = text[:n_chars]
    lines = part.split("\n")
    part = "\n".join(lines[:n_lines])
    n_left = len(text) - len(part)
    return visible(part) if not n_left else f"{visible(part)}\n… {n_left:,} more characters"


def shown_value(text: str, n_chars: int = 400, is_plain: bool = False) -> str:
    """Return a value (see `schemas.values`) as Python writes it, on one line of at most some `n_chars`.

    Args:
        text: the encoded value; of a program on stdin the text itself.
        is_plain: whether it is text as printed.
    """
    if not is_plain and len(text) <= _LONGEST_VALUE:
        with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):  # then shown as it is
            text = repr(decode_value(text))
    part = visible(text[:n_chars]).replace("\n", "⏎ ").replace("\t", "⇥ ")
    return part if len(text) <= n_chars else f"{part} … {len(text) - n_chars:,} more"


def shown_arguments(text: str, n_chars: int = 400, is_plain: bool = False) -> str:
    """Return a case's arguments as written between the parentheses of a call, or the text on standard input."""
    shown = shown_value(text, n_chars, is_plain)
    is_list = not is_plain and shown.startswith("[") and shown.endswith("]")
    return shown[1:-1] if is_list else shown


def shown_expected(case: Case, n_chars: int = 400, is_plain: bool = False) -> str:
    """Return what a case expects, and by which rule where that is not equality."""
    if case.compare in ("truthy", "falsy"):
        return f"something {case.compare}"
    rule = f" ({case.compare})" if case.compare != "equal" else ""
    return shown_value(case.expected, n_chars, is_plain) + rule


def shown_answer(run: CaseRun | None, n_chars: int = 400, is_plain: bool = False) -> str:
    """Return what a program answered to a case, else how the call ended."""
    if run is None:
        return "not run"
    if run.status is Status.OK:
        printed = decode_value(run.value) if is_plain else None
        return shown_value(printed, n_chars, True) if isinstance(printed, str) else shown_value(run.value, n_chars)
    return shown_text(f"{run.status} {run.exception}".strip(), n_chars)
