"""Tests for the EvoEval problems that have more than one right answer. They run in a tester.

What counts as right is what EvoEval 0.1.0 says (`evoeval/eval_test/_*_special_oracle.py`): any palindrome that
completes the text, any root of the polynomial, any way through the maze, any pair with the product.
"""

from collections.abc import Callable, Sequence
from typing import Any

Oracle = Callable[[str, str, Sequence[Sequence[Any]]], str]

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


def find_oracle(subset: str, task_id: str) -> Oracle | None:
    """Return what makes the tests of a problem: from reference, entry point and inputs; None where cases do."""
    rule = _RULES.get((subset, task_id))
    return None if rule is None else _oracle(rule)


def _oracle(rule: str) -> Oracle:
    def oracle(reference: str, entry_point: str, inputs: Sequence[Sequence[Any]]) -> str:
        return f"""
{rule}
known = {{}}
exec({reference!r}, known)
for arguments in {list(inputs)!r}:
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
