"""Tests that a model wrote: what is taken, and why the rest is not."""

from collections import Counter

import pytest

from pairsmith.pipeline.synthesis.suites import find_calls, read_suite
from pairsmith.schemas.problem import Case
from pairsmith.schemas.synthesis import GeneratedTest

CASE = GeneratedTest(Case("[1]", "2"))


@pytest.mark.parametrize(
    "text",
    [
        "assert f(1) == 2",
        "Sure, here are tests:\n\n```python\nassert f(1) == 2\n```\nassert f(9) == 9 is not one of them",
        "```\ndef test_one():\n    assert f(1) == 2\n```",
        "def check(candidate):\n    assert candidate(1) == 2",
        "x = 1\nassert f(x) == 2",
        "a = 1\nb = a + 1\nx = a\nassert f(x) == b",
        "def test_one():\n    x = 1\n    y = x + 1\n    assert f(x) == y",
        "assert f(1) == 2\nassert f(1) ==",
        "These are tests.\nassert f(1) == 2\n\ndef broken(:\n",
        "assert f(\n    1,\n) == 2\nassert (\n",
        "assert f(1) == 2, 'one gives two'",
        "assert f(1) == 2\nassert f(1) == 2",
    ],
)
def test_a_case_is_found_in_any_form(text: str) -> None:
    assert read_suite(text, "f").tests == (CASE,)


def test_keyword_arguments_find_their_place_by_the_signature() -> None:
    suite = read_suite("assert f(b=2, a=1) == 3", "f", parameters=("a", "b"))
    assert suite.tests == (GeneratedTest(Case("[1,2]", "3")),)


@pytest.mark.parametrize(
    "assertion", ["f(1) is True", "f(f(1)) == 2", "f(1) in (1, 2)", "round(f(1), 1) == 1.8", "f(lambda: 1) == 1"]
)
def test_what_is_no_case_stays_code(assertion: str) -> None:
    (test,) = read_suite(f"assert {assertion}", "f").tests
    assert test.case is None
    assert assertion in test.code


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("", {"no_assert": 1}),
        ("I think that f works.", {"no_assert": 1}),
        ("assert g(1) == 2", {"about_another_function": 1}),
        ("assert \nassert \nassert f(1", {"broken_assert": 3}),
        ("assert f", {"about_another_function": 1}),
    ],
)
def test_why_nothing_is_taken_is_counted(text: str, reasons: dict[str, int]) -> None:
    suite = read_suite(text, "f")
    assert (suite.tests, suite.reasons) == ((), Counter(reasons))


def test_endless_repetition_costs_no_time() -> None:
    assert read_suite("assert " * 20_000 + "\n" + "assert \n" * 20_000, "f").tests == ()
    assert read_suite("assert f(" + "[" * 90_000, "f").tests == ()


def test_calls_anywhere_are_inputs() -> None:
    text = "print(f([1, 2], 'a'))  # gives f(3)\nassert f(x) == 1\nassert f((1,)) ==\nsurf(4)"
    assert find_calls(text, "f") == ('[[1,2],"a"]', "[3]", '[{"tuple":[1]}]')
