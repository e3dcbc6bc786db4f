"""Tests for published problems that one known answer an input can't judge. They run in a sandbox of their own.

EvalPlus 0.3.1 (`evalplus/eval/_special_oracle.py`): HumanEval/32 takes any root of the polynomial; Mbpp/558 and
Mbpp/581 have a second reading of the task whose answers count as well; Mbpp/737, 787 and 794 ask whether there is
a match, and whatever is not None says so (a match object does not leave a sandbox).

EvoEval 0.1.0 (`evoeval/eval_test/_*_special_oracle.py`): any palindrome that completes the text, any root of the
polynomial, any way through the maze, any pair with the product.
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

EVALPLUS: dict[str, Oracle] = {
    "HumanEval/32": _roots,
    "Mbpp/558": _either("digit_distance_nums", _PADDED_DIGITS),
    "Mbpp/581": _either("surface_Area", _UPRIGHT_HEIGHT),
    "Mbpp/737": _matching("check_str"),
    "Mbpp/787": _matching("text_match_three"),
    "Mbpp/794": _matching("text_starta_endb"),
}


EvoOracle = Callable[[str, str, Sequence[str]], str]

_POLYNOMIAL = """
def value_at(coefficients, x):
    return sum(coefficient * x ** power for power, coefficient in enumerate(coefficients))
"""
_PALINDROME = """
def is_right(answer, known, text):
    lowered = answer.lower()
    return len(answer) == len(known) and answer.startswith(text) and lowered == lowered[::-1]
"""
_ROOT_WITHIN = (
    _POLYNOMIAL
    + """
def is_right(answer, known, coefficients, interval):
    if known is None:
        return answer is None
    return interval[0] <= answer <= interval[1] and abs(value_at(coefficients, answer)) <= 2e-2
"""
)
_SPREAD_ROOT = (
    _POLYNOMIAL
    + """
def is_right(answer, known, coefficients):
    spread = coefficients[:2]
    for coefficient in coefficients[2:]:
        spread = spread + [0, coefficient]
    return abs(value_at(spread, answer)) <= 1e-6
"""
)
_MOVES = """
STEPS = {"right": (0, 1), "left": (0, -1), "up": (-1, 0), "down": (1, 0)}
def is_right(answer, known, maze, start, end):
    if not known:
        return answer == []
    row, column = start
    for move in answer:
        row, column = row + STEPS[move][0], column + STEPS[move][1]
        if maze[row][column] == 1:
            return False
    return (row, column) == tuple(end)
"""
_CELLS = """
def is_right(answer, known, maze, start, end):
    if not known:
        return answer == []
    if answer[0] != start or answer[-1] != end or maze[start[0]][start[0]] == 0:
        return False
    steps = list(zip(answer, answer[1:]))
    return all(maze[x][y] != 0 and abs(x - u) + abs(y - v) == 1 for (u, v), (x, y) in steps)
"""
_PRODUCT = """
def is_right(answer, known, numbers, target):
    if known == "No magic today":
        return answer == known
    if not isinstance(answer, tuple):
        return False
    first, second = answer
    return 0 <= first < second < len(numbers) and numbers[first] * numbers[second] == target
"""


def find_oracle(subset: str, task_id: str) -> EvoOracle | None:
    """Return what makes the tests of a problem: from reference, entry point and inputs; None where cases do."""
    rule = _RULES.get((subset, task_id))
    return None if rule is None else _oracle(rule)


def _oracle(rule: str) -> EvoOracle:
    def oracle(reference: str, entry_point: str, inputs: Sequence[str]) -> str:
        return f"""
{rule}
known = {{}}
exec({reference!r}, known)
for arguments in [{", ".join(f"[{source}]" for source in inputs)}]:
    answer = {entry_point}(*arguments)
    assert is_right(answer, known[{entry_point!r}](*arguments), *arguments)
"""

    return oracle


_RULES = {
    ("difficult", "EvoEval/10"): _PALINDROME,
    ("difficult", "EvoEval/32"): _ROOT_WITHIN,
    ("creative", "EvoEval/26"): _MOVES,
    ("creative", "EvoEval/30"): _CELLS,
    ("creative", "EvoEval/69"): _PRODUCT,
    ("subtle", "EvoEval/32"): _SPREAD_ROOT,
}
