"""Compares what a program printed with what it should have printed, as judges of stdin/stdout problems do."""

import decimal
import re
from decimal import Decimal

# Not what Python calls a number: no underscores, no "nan", no digits of other alphabets.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?P<point>\.[0-9]*)?|(?P<start>\.[0-9]+))(?P<exponent>[eE][+-]?[0-9]{1,4})?")
_MAX_DIGITS = 1000  # a longer number is compared letter by letter


def same_text(got: str, expected: str, rule: str, atol: float = 0.0) -> bool:
    """Return whether printed text is what was expected, whole: never by prefix, never by a part.

    Args:
        got: all that the program printed.
        expected: all that it should have printed.
        rule: `exact`: letter by letter. `lines`: line by line; blanks at the end of a line and blank lines at the
            end of the text don't count. `tokens`: only what stands between white space counts.
        atol: for `lines` and `tokens`: where the expected token is a number with a point or exponent, a number
            that differs by at most `atol`, or by at most that share of the expected one, is right too. 0.0 for
            none.
    """
    if rule == "exact":
        return got == expected
    if rule == "tokens":
        return _same_tokens(got.split(), expected.split(), atol)
    ours, theirs = _lines(got), _lines(expected)
    return len(ours) == len(theirs) and all(
        a == b or (atol > 0.0 and _same_tokens(a.split(), b.split(), atol))
        for a, b in zip(ours, theirs, strict=True)
    )


def _lines(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _same_tokens(got: list[str], expected: list[str], atol: float) -> bool:
    return len(got) == len(expected) and all(
        a == b or (atol > 0.0 and _is_close(a, b, atol)) for a, b in zip(got, expected, strict=True)
    )


def _is_close(got: str, expected: str, atol: float) -> bool:
    if max(len(got), len(expected)) > _MAX_DIGITS:
        return False
    wanted = _NUMBER.fullmatch(expected)
    if wanted is None or not any(wanted.groups()) or not _NUMBER.fullmatch(got):
        return False
    with decimal.localcontext(prec=_MAX_DIGITS):
        number = Decimal(expected)
        return abs(Decimal(got) - number) <= Decimal(atol) * max(Decimal(1), abs(number))
