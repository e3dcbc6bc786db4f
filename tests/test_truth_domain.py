from typing import Any

import pytest

from pairsmith.pipeline.crosscheck.domain import infer_domain, is_beyond, is_inside
from pairsmith.schemas.values import encode_arguments


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
