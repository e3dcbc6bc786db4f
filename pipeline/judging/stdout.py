"""Compares what a program printed with what it should have printed, as judges of stdin/stdout problems do."""

import decimal
import re
from dataclasses import dataclass
from decimal import Decimal

# Not what Python calls a number: no underscores, no "nan", no digits of other alphabets.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?P<point>\.[0-9]*)?|(?P<start>\.[0-9]+))(?P<exponent>[eE][+-]?[0-9]{1,4})?")
_MAX_DIGITS = 1000  # a longer number is compared letter by letter


def same_text(got: str, expected: str, rule: str, atol: float = 0.0, rtol: float = 0.0) -> bool:
    """Return whether printed text is what was expected, whole: never by prefix, never by a part.

    Args:
        rule: `exact`, `lines`, `tokens` or `numbers`, see `schemas.problem.Compare`.
        atol: how far a number may be from an expected one that is written with a point or exponent; 0.0 for none.
            Not for `exact`.
        rtol: the same as a share of the expected number; the larger of the two counts.
    """
    if rule == "exact":
        return got == expected
    same = _Same(rule == "numbers", atol, rtol)
    if rule == "tokens":
        return same.tokens(got.split(), expected.split())
    ours, theirs = _lines(got), _lines(expected)
    return len(ours) == len(theirs) and all(map(same.line, ours, theirs))


def _lines(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


@dataclass(frozen=True, slots=True)
class _Same:
    """Compares tokens: literally, and numbers by value if the rule or a tolerance requires it."""

    by_value: bool
    atol: float
    rtol: float

    def line(self, got: str, expected: str) -> bool:
        """Return whether two lines are the same."""
        reads_numbers = self.by_value or self.atol or self.rtol
        return got == expected or (bool(reads_numbers) and self.tokens(got.split(), expected.split()))

    def tokens(self, got: list[str], expected: list[str]) -> bool:
        """Return whether two lists of tokens are the same."""
        return len(got) == len(expected) and all(map(self._token, got, expected))

    def _token(self, got: str, expected: str) -> bool:
        if got == expected:
            return True
        if not (self.by_value or self.atol or self.rtol) or max(len(got), len(expected)) > _MAX_DIGITS:
            return False
        wanted = _NUMBER.fullmatch(expected)
        if wanted is None or not _NUMBER.fullmatch(got):
            return False
        with decimal.localcontext(prec=_MAX_DIGITS):
            number = Decimal(expected)
            distance = abs(Decimal(got) - number)
            if not any(wanted.groups()):  # an integer is right or wrong
                return self.by_value and distance == 0
            return distance <= max(Decimal(self.atol), Decimal(self.rtol) * abs(number))
