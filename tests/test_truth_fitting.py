from typing import Any

import pytest
from hypothesis import given, settings

from pairsmith.pipeline.crosscheck.domain import fit_arguments, infer_domain, is_inside
from pairsmith.schemas.values import encode_arguments
from tests.test_truth_inputs import ARGUMENTS


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


@settings(deadline=None, max_examples=100)
@given(ARGUMENTS, ARGUMENTS)
def test_own_inputs_stay_as_they_are_and_any_others_keep_their_number(own: list[Any], other: list[Any]) -> None:
    domain = infer_domain([encode_arguments(own)])
    assert encode_arguments(fit_arguments(domain, own)) == encode_arguments(own)
    assert len(fit_arguments(domain, other)) == len(other)
