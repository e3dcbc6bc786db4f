"""Tests for the EvalPlus problems that one known answer an input can't judge. They run in a tester.

As EvalPlus 0.3.1 has it (`evalplus/eval/_special_oracle.py`): HumanEval/32 takes any root of the polynomial;
Mbpp/558 and Mbpp/581 have a second reading of the task whose answers count as well; Mbpp/737, 787 and 794 ask
whether there is a match, and whatever is not None says so (a match object does not leave a sandbox).
"""

from collections.abc import Callable, Sequence
from typing import Any

Oracle = Callable[[str, Sequence[Sequence[Any]], float], str]


def _roots(reference: str, inputs: Sequence[Sequence[Any]], atol: float) -> str:
    """Return the test of HumanEval/32; `poly` comes from the problem's setup."""
    return f"""
for arguments in {list(inputs)!r}:
    answer = find_zero(*arguments)
    assert abs(poly(*arguments, answer)) <= {atol!r}
"""


def _either(entry_point: str, second_reading: str) -> Oracle:
    """Return the oracle that takes the reference's answer or that of `second_reading(a, b)`."""

    def oracle(reference: str, inputs: Sequence[Sequence[Any]], atol: float) -> str:
        return f"""
import math
{second_reading}
first_reading = {{}}
exec({reference!r}, first_reading)
for arguments in {list(inputs)!r}:
    answer = {entry_point}(*arguments)
    first = first_reading[{entry_point!r}](*arguments)
    tolerance = {max(atol, 1e-6)!r} + 1e-7 * abs(first) if isinstance(first, float) else {atol!r}
    assert answer == second_reading(*arguments) or abs(answer - first) <= tolerance
"""

    return oracle


def _matching(entry_point: str) -> Oracle:
    def oracle(reference: str, inputs: Sequence[Sequence[Any]], atol: float) -> str:
        return f"""
known = {{}}
exec({reference!r}, known)
for arguments in {list(inputs)!r}:
    answer = {entry_point}(*arguments)
    found = answer if isinstance(answer, bool) else answer is not None
    assert found == (known[{entry_point!r}](*arguments) is not None)
"""

    return oracle


# The digits of the shorter number are compared with leading zeros, not dropped.
_PADDED_DIGITS = """
def second_reading(a, b):
    width = max(len(str(a)), len(str(b)))
    return sum(abs(int(x) - int(y)) for x, y in zip(str(a).zfill(width), str(b).zfill(width)))
"""
# The height stands on the base; it is not the height of a side.
_UPRIGHT_HEIGHT = """
def second_reading(a, b):
    return round(a**2 + 2 * a * math.sqrt((a / 2) ** 2 + b**2))
"""

ORACLES: dict[str, Oracle] = {
    "HumanEval/32": _roots,
    "Mbpp/558": _either("digit_distance_nums", _PADDED_DIGITS),
    "Mbpp/581": _either("surface_Area", _UPRIGHT_HEIGHT),
    "Mbpp/737": _matching("check_str"),
    "Mbpp/787": _matching("text_match_three"),
    "Mbpp/794": _matching("text_starta_endb"),
}
