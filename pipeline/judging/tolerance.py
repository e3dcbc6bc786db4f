"""Every constant of tolerance, and the one rule by which numbers are near enough."""

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

# EvalPlus 0.3.1 asks these of floats where a file names no tolerance (`evalplus/eval/__init__.py`).
EVALPLUS_ATOL = 1e-6
EVALPLUS_RTOL = 1e-7
# Where a contest collection says nothing of numbers: what its own checkers allow, and far below what a test tells
# apart.
CONTEST_ATOL = 1e-6
# `numpy.allclose` and `math.isclose` by default.
ALLCLOSE_ATOL, ALLCLOSE_RTOL = 1e-8, 1e-5
ISCLOSE_RTOL = 1e-9
# isclose's relative tolerance is of the larger side. Taking it of the expected value moves the border by at most
# this share of the tolerance.
MAX_REL_TOL = 0.01
# Significant digits by which answers are told apart where nobody said what is expected: fewer than another order
# of additions spoils, and fewer still where the tests are tolerant.
DIGITS, TOLERANT_DIGITS = 9, 6
# Share by which expected floats may differ that programs agreed on: another order of additions is no mistake.
AGREED_RTOL = 1e-6


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a number may be from the expected one: `atol + rtol * abs(expected)`, as `numpy.allclose` has it.

    Attributes:
        atol: in the value's own unit.
        rtol: share of the expected value.
    """

    atol: float = 0.0
    rtol: float = 0.0

    def allows(self, got: Any, expected: Any) -> bool:
        """Return whether a number is near enough. Two integers never are: they are equal or not."""
        if not (self.atol or self.rtol) or (isinstance(got, int) and isinstance(expected, int)):
            return False
        try:
            if not (_is_finite(got) and _is_finite(expected)):
                return False
            return bool(_distance(got, expected) <= self.atol + self.rtol * abs(expected))
        except (OverflowError, TypeError, ValueError):  # an int too large for a float
            return False


EXACT = Tolerance()


def _is_finite(number: Any) -> bool:
    if isinstance(number, complex):
        return math.isfinite(number.real) and math.isfinite(number.imag)
    return math.isfinite(number)


def _distance(got: Any, expected: Any) -> Any:
    if isinstance(got, Decimal | Fraction) or isinstance(expected, Decimal | Fraction):
        got, expected = (x if isinstance(x, complex) else float(x) for x in (got, expected))
    return abs(got - expected)
