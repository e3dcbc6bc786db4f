from typing import Any

import pytest
from hypothesis import given, settings

from pairsmith.pipeline.crosscheck.domain import (
    fit_arguments,
    infer_answers,
    infer_domain,
    is_beyond,
    is_inside,
    is_like,
)
from pairsmith.schemas.values import encode_arguments, encode_value
from tests.test_crosscheck_inputs import ARGUMENTS


@pytest.mark.parametrize(
    ("own", "inside", "outside"),
    [
        ([[1], [5], [9]], [[2], [100]], [[0], [-1], [2.0], [True], ["a"], [1, 2]]),
        ([[3], [5], [9]], [[4]], [[2]]),
        ([[3], [5]], [[1]], []),
        ([[0], [5], [9]], [[0]], [[-1]]),
        ([[-2], [5]], [[-9]], []),
        ([[0.5], [2.5]], [[0.1]], [[0.0], [-0.5], [1]]),
        ([["010" * 9], ["11"]], [["0"]], [["012"], [""]]),
        ([["010"], ["11"]], [["012"]], [["a"]]),
        ([["Hello you 12"], ["Mix 3 up"]], [["abc DEF 9"]], [["a-b"], ["tab\t"]]),
        ([[""], ["abc"]], [[""]], []),
        ([[[1, 2]], [[3]]], [[[4, 5, 6]]], [[[]], [["a"]], [[-1]], [(1, 2)]]),
        ([[[1, 2, 3]], [[2, 4]], [[1, 9]]], [[[5, 6]]], [[[6, 5]], [[5, 5]]]),
        ([[[3, 1]], [[1, 1]], [[2, 9]]], [[[6, 5]], [[5, 5]]], []),
        ([[[1], [2]], [[1, 2], [3, 4]], [[5], [1]]], [[[1, 2], [2, 1]]], [[[1, 2], [1]]]),
        ([[1, 5], [2, 2], [3, 9]], [[4, 4]], [[5, 4]]),
        ([[(1, 2)], [(3, 4)]], [[(9, 9)]], [[(1, 2, 3)]]),
        ([[{"a": 1}], [{"b": 2}]], [[{"c": 9}]], [[{}], [{1.5: 1}]]),
        ([[[1, "a"]], [[None]]], [[["b", 3]]], [[[2.5]], [[True]]]),
        ([["(a)"], ["()()"], ["((b))"]], [["(b)(a)"]], [["(a"], [")a("], ["a)"]]),
        ([[[1, 2]], [[3, 9, 4]], [[7, 6]]], [[[4, 5]]], [[[4]], [[]]]),
        ([[[1, 2]], [[-3, -9]], [[0, 6]]], [[[-4, 0]]], [[[-4, 5]]]),
    ],
)
def test_what_all_inputs_share_is_asked_of_others(own: list[Any], inside: list[Any], outside: list[Any]) -> None:
    domain = infer_domain([encode_arguments(row) for row in own])
    for row in own + inside:
        assert is_inside(domain, encode_arguments(row)), row
    for row in outside:
        assert not is_inside(domain, encode_arguments(row)), row


def test_a_number_beyond_all_known_ones_in_its_place_is_told() -> None:
    domain = infer_domain([encode_arguments(row) for row in ([3, [900]], [5, [1]], [9, [2]])])
    asked = {row: is_beyond(domain, encode_arguments([row, [1000]])) for row in (1, 9, 10)}
    assert asked == {1: False, 9: False, 10: True}


@pytest.mark.parametrize(
    ("own", "like", "unlike"),
    [
        ([([15], 5), ([27], 3), ([63], 7)], [([22], 11), ([16], 2)], [([17], 18), ([20], 0), ([20], None)]),
        ([([], "a"), ([], "b")], [([], "c")], [([], 1)]),
        (
            [([[3, 1, 2]], [1, 2, 3]), ([[5, 4]], [4, 5]), ([[2, 1]], [1, 2])],
            [([[9, 8]], [8, 9])],
            [([[9, 8]], [9])],
        ),
    ],
)
def test_an_answer_unlike_the_known_ones_shows_an_input_that_was_not_meant(
    own: Any, like: Any, unlike: Any
) -> None:
    texts = [(encode_arguments(row), encode_value(answer)) for row, answer in own]
    domain = infer_answers([text for text, _ in texts], [answer for _, answer in texts])
    for pairs, expected in ((like, True), (unlike, False)):
        for row, answer in pairs:
            assert is_like(domain, encode_arguments(row), encode_value(answer)) is expected, (row, answer)


def fit(own: list[list[Any]], arguments: list[Any]) -> list[Any]:
    domain = infer_domain([encode_arguments(row) for row in own])
    fitted = fit_arguments(domain, arguments)
    if fitted != arguments:
        assert is_inside(domain, encode_arguments(fitted))
    return fitted


@pytest.mark.parametrize(
    ("own", "arguments", "fitted"),
    [
        ([[1], [5]], [-3], [3]),
        ([[1], [5]], [0], [1]),
        ([[0], [5]], [-3], [3]),
        ([[-1], [5]], [-3], [-3]),
        ([["abc"], ["de f"]], ["a.b C9"], ["ab "]),
        ([["0101010101"], ["1100110011"]], ["0210"], ["010"]),
        ([[[1, 2]], [[2, 3]], [[5, 9]]], [[4, 1, 4, -2]], [[1, 2, 4]]),
        ([[[9, 2, 2]], [[2, 3]], [[5, 9]]], [[4, 1, -4]], [[4, 1, 4]]),
        ([[[1], "a"], [[1, 1], "ab"], [[3], "c"]], [[2, 3, 4], "ba"], [[2, 3], "ba"]),
        ([[1, 5], [2, 2], [3, 9]], [7, 4], [4, 7]),
        ([[{"a": 1}], [{"b": 2}]], [{"c!": -1}], [{"c": 1}]),
        ([[(1, 2)], [(3, 4)]], [(-1, 0)], [(1, 1)]),
        ([[{1, 2}]], [{-1}], [{1}]),
        ([[None]], [None], [None]),
    ],
)
def test_what_the_own_inputs_have_in_common_is_put_right(
    own: list[list[Any]], arguments: list[Any], fitted: list[Any]
) -> None:
    assert fit(own, arguments) == fitted


@pytest.mark.slow
@settings(deadline=None, max_examples=100)
@given(ARGUMENTS, ARGUMENTS)
def test_own_inputs_stay_as_they_are_and_any_others_keep_their_number(own: list[Any], other: list[Any]) -> None:
    domain = infer_domain([encode_arguments(own)])
    assert encode_arguments(fit_arguments(domain, own)) == encode_arguments(own)
    assert len(fit_arguments(domain, other)) == len(other)
