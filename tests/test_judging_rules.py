"""Each rule of comparison, on values, words and text: what it accepts and what it refuses."""

import math
from collections import Counter, deque
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.judging.equality import agree, matches
from pairsmith.pipeline.judging.stdout import same_text
from pairsmith.pipeline.judging.tolerance import Tolerance
from pairsmith.pipeline.judging.values import loosen
from pairsmith.schemas.execution import CaseRun, Status
from pairsmith.schemas.problem import Case
from pairsmith.schemas.values import encode_value


def run_of(value: Any, checked: str = "", digest: str = "") -> CaseRun:
    return CaseRun(Status.OK, encode_value(value), digest or repr(value), "", 0.0, checked)


def is_right(
    rule: Any, got: Any, expected: Any, language: str = "python", atol: float = 0.0, rtol: float = 0.0
) -> bool:
    return matches(Case("[]", encode_value(expected), rule, atol, rtol=rtol), run_of(got), language)


@pytest.mark.parametrize(
    ("rule", "expected", "right", "wrong"),
    [
        ("equal", [2, 1], [[2, 1], [2.0, True]], [(2, 1), [1, 2], [2]]),
        ("equal_json", [2, 1], [[2, 1], (2, 1)], [[1, 2], {2, 1}, "21"]),
        ("equal_json", [[1, "a"]], [[(1, "a")], ((1, "a"),)], [[["a", 1]]]),
        ("equal_json", {"1": "a", "-2": 3}, [{1: "a", -2: 3}, {"1": "a", "-2": 3}], [{1: "a"}, {1: "a", 2: 3}]),
        ("equal_json", {"true": 1, "null": [2]}, [{True: 1, None: (2,)}], [{True: 1}]),
        ("equal_json", {"1": 1}, [], [{1: 1, "1": 1}]),
        ("unordered", [1, 2, 2], [[2, 1, 2], (2, 2, 1)], [[1, 2], [1, 1, 2], [1, 2, 3], {1, 2}, 3]),
        ("unordered", [[1, 2], [3]], [[[3], [1, 2]], [(3,), (1, 2)]], [[[2, 1], [3]], [[3]]]),
        ("unordered", [1, 2], [{1, 2}, {1: 0, 2: 0}.keys(), [1.0, 2.0], [True, 2]], ["12"]),
        ("unordered", "ab", ["ab"], ["ba", ["a", "b"]]),
        (
            "unordered",
            [0, 1, 2],
            [deque([2, 0, 1]), range(3), Counter([0, 1, 2]).keys()],
            [{0: 1, 1: 1, 2: 1}, b"012"],
        ),
        ("unordered", [0.5], [[Fraction(1, 2)], [Decimal("0.5")]], [[Decimal("sNaN")]]),
        ("unordered", [{"a": 1, "b": 2}], [[{"b": 2, "a": 1}]], [[{"a": 1}]]),
        ("unordered", [math.nan, 1], [[1, math.nan]], [[1, 1]]),
        ("set", [1, 2], [[2, 2, 1], {1, 2}, (1, 2)], [[1], [1, 2, 3], []]),
        ("set", [[1, 2], [3]], [[[3], [1, 2], [3]]], [[[2, 1], [3]]]),
        ("one_of", [[1, 2], [2, 1]], [[1, 2], (2, 1)], [[1], [[1, 2], [2, 1]]]),
        ("one_of", ["a", None], ["a", None], ["b", ["a", None]]),
    ],
)
def test_rules_of_values(rule: Any, expected: Any, right: list[Any], wrong: list[Any]) -> None:
    assert [value for value in right if not is_right(rule, value, expected)] == []
    assert [value for value in wrong if is_right(rule, value, expected)] == []


NUMBERS = st.floats(-1e12, 1e12) | st.sampled_from([0.0, math.inf, -math.inf, 1e300, 5e-324])


@given(got=NUMBERS, expected=NUMBERS, atol=st.sampled_from([1e-8, 1e-3, 1.0]), rtol=st.sampled_from([0.0, 1e-5]))
def test_approx_is_numpys_allclose(got: float, expected: float, atol: float, rtol: float) -> None:
    assert is_right("approx", [got], [expected], atol=atol, rtol=rtol) == np.allclose(got, expected, rtol, atol)


@pytest.mark.parametrize(
    ("got", "expected", "is_near"),
    [
        ([1.0, 1e6], [1.0 + 1e-9, 1e6 + 1.0], True),  # the share is of each element, not of the smallest
        ([1e6, 1.0], [1e6, 1.01], False),
        ([[1.0], (2.0,)], [[1.0], (2.00001,)], True),
        ({"a": 1.0}, {"a": 1.000001}, True),
        ((1.0,), [1.0], False),
        (math.inf, 1.0, False),
        (1.0, math.inf, False),
        (math.inf, math.inf, True),
        (10**400, 1.0, False),
        (1000001, 1000000, False),  # integers are equal or not
        (complex(1, 2.000001), complex(1, 2), True),
        ("1.0", 1.0, False),
    ],
)
def test_approx_is_by_element(got: Any, expected: Any, is_near: bool) -> None:
    assert is_right("approx", got, expected, atol=1e-8, rtol=1e-5) is is_near


@pytest.mark.parametrize(
    ("got", "expected", "is_same"),
    [
        (complex(5, math.nan), complex(5, math.nan), True),
        (complex(5, math.nan), complex(6, math.nan), False),
        (complex(5, math.nan), math.nan, False),
        (complex(math.nan, 0), math.nan, True),
        (math.nan, 1.0, False),
    ],
)
def test_nan_in_one_part_says_nothing_of_the_other(got: Any, expected: Any, is_same: bool) -> None:
    assert is_right("equal", got, expected) is is_same


def test_many_floats_in_any_order() -> None:
    values = [index / 7 for index in range(3000)]
    near = [value + 1e-9 for value in reversed(values)]
    assert is_right("unordered", near, values, atol=1e-6)
    assert not is_right("unordered", [*near[:-1], 5e5], values, atol=1e-6)


@pytest.mark.parametrize(
    ("got", "expected", "is_same"),
    [
        ("2432902008176640000", 2432902008176640000, True),
        ("2432902008176640001", 2432902008176640000, False),
        ("+3", 3, True), ("007", 7, True), ("3.0", 3, True), ("3.", 3, True), ("-0", 0, True), (" 3\n", 3, True),
        ("1_000", 1000, False), ("1e4", 10000, False), ("\u0661\u0660", 10, False), ("0x10", 16, False),
        ("3.5", 3, False), ("", 0, False), ("3 4", 34, False), ("\u00a03", 3, False), ("1" * 5000, 1, False),
        ("0.5", 0.5, True), (".5", 0.5, True), ("5e-1", 0.5, True), ("0_1.5", 1.5, False), ("inf", 0.5, False),
        ("nan", math.nan, True), ("infinity", math.inf, False), ("\u0660.5", 0.5, False),
    ],
)  # fmt: skip
def test_a_number_of_bash_is_read_digit_by_digit(got: str, expected: Any, is_same: bool) -> None:
    assert is_right("equal", got, expected, "bash") is is_same
    assert is_right("equal_json", got, expected, "bash") is is_same


@pytest.mark.parametrize(
    ("rule", "got", "expected", "is_same"),
    [
        ("unordered", "3 1 2", [1, 2, 3], True), ("unordered", "3 1", [1, 2, 3], False),
        ("unordered", "3\n1\n2", [1, 2, 3], True), ("unordered", "3 4\n1 2", [[1, 2], [3, 4]], True),
        ("set", "1 1 2", [2, 1], True), ("set", "1 3", [1, 2], False), ("one_of", "b", ["a", "b"], True),
        ("one_of", "c", ["a", "b"], False),
    ],
)  # fmt: skip
def test_rules_on_words_of_bash(rule: str, got: str, expected: Any, is_same: bool) -> None:
    assert is_right(rule, got, expected, "bash") is is_same


@pytest.mark.parametrize("language", ["java", "javascript", "go"])
def test_rules_hold_in_other_languages(language: str) -> None:
    assert is_right("unordered", [[3], [1, 2]], [[1, 2], [3]], language)
    assert is_right("equal_json", {"1": [2]}, {"1": [2]}, language)
    assert not is_right("set", [1, 2], [1], language)


@pytest.mark.parametrize(
    ("got", "expected", "atol", "is_same"),
    [
        ("3.0\n", "3\n", 0.0, True), ("3\n", "3.0\n", 0.0, True), ("1e3", "1000", 0.0, True),
        ("1 2.50", "1.0 2.5", 0.0, True), ("1\n2\n", "1 2\n", 0.0, False), ("1\n\n2", "1\n2", 0.0, False),
        ("3.0000001", "3", 1e-6, False), ("3.0000001", "3.0", 1e-6, True), ("3.0000001", "3.0", 0.0, False),
        ("1_0", "10", 0.0, False), ("\u0661", "1", 0.0, False), ("a 3.0", "a 3", 0.0, True),
        ("A 3", "a 3", 0.0, False), ("nan", "nan", 0.0, True), ("nan", "0", 0.0, False), ("3,0", "3", 0.0, False),
    ],
)  # fmt: skip
def test_numbers_in_text(got: str, expected: str, atol: float, is_same: bool) -> None:
    assert same_text(got, expected, "numbers", atol, atol) is is_same


def test_only_what_a_checker_accepted_is_right() -> None:
    case = Case("[]", "null", "checker")
    for checked, is_accepted in (("accepted", True), ("", False), ("refused: no", False), ("broken", False)):
        assert matches(case, run_of(1, checked)) is is_accepted


@pytest.mark.parametrize(
    ("case", "first", "second", "is_same"),
    [
        (Case("[]", "null"), run_of([1, 2]), run_of([2, 1]), False),
        (Case("[]", "[1,2]", "unordered"), run_of([1, 2]), run_of([2, 1]), True),
        (Case("[]", "[1,2]", "unordered"), run_of([1, 2]), run_of([2, 3]), False),
        (Case("[]", "[1,2]", view="sorted"), run_of([1, 2]), run_of([2, 1]), True),
        (Case("[]", "[1,2]", view="set"), run_of([1, 2]), run_of([3, 1]), False),
        (Case("", "", "checker"), run_of("a", "accepted"), run_of("b", "accepted"), True),
        (Case("", "", "checker"), run_of("a", "accepted"), run_of("b", "refused"), False),
        (Case("", "", "checker"), run_of("a", "refused: x"), run_of("b", "refused: y"), True),
        (Case("", "", "tokens"), run_of("a  b"), run_of("a b"), True),
        (Case("[]", "true", "truthy"), run_of([1]), run_of([2]), True),
    ],
)
def test_two_runs_agree_as_the_case_compares(case: Case, first: CaseRun, second: CaseRun, is_same: bool) -> None:
    assert agree(case, first, second) is is_same
    assert not agree(case, first, CaseRun(Status.EXCEPTION, "", "", "E", 0.0))


def test_no_tolerance_allows_nothing() -> None:
    assert not Tolerance().allows(1.0, 1.0 + 1e-15)


@pytest.mark.parametrize(
    ("rule", "one", "other", "is_alike"),
    [
        ("equal", (1, 2), [1, 2], False), ("equal_json", (1, 2), [1, 2], True),
        ("equal_json", {1: 2}, {"1": 2}, True),
        ("unordered", [2, 1, 1], (1, 2, 1), True), ("unordered", [2, 1], [1, 2, 2], False),
        ("set", [2, 1, 1], {1, 2}, True), ("unordered", [[1], (2,)], [[2], [1]], True), ("set", "ab", "ab", True),
    ],
)  # fmt: skip
def test_what_a_rule_does_not_look_at_is_gone(rule: str, one: Any, other: Any, is_alike: bool) -> None:
    assert (loosen(one, rule) == loosen(other, rule)) is is_alike
