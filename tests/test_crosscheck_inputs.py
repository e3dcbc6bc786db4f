import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairsmith.pipeline.crosscheck.inputs import derive_inputs, large_inputs, small_arguments
from pairsmith.pipeline.crosscheck.questions import is_modest, largest_of
from pairsmith.schemas.values import decode_value, encode_arguments

LEAVES = st.one_of(st.integers(-50, 50), st.floats(-9, 9), st.booleans(), st.text(max_size=6), st.none())
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
        st.sets(st.integers(-9, 9), max_size=3),
    ),
    max_leaves=8,
)
ARGUMENTS = st.lists(VALUES, max_size=3)


def texts(*arguments: list[Any]) -> list[str]:
    return [encode_arguments(row) for row in arguments]


@pytest.mark.slow
@settings(deadline=None, max_examples=100)
@given(st.lists(ARGUMENTS, min_size=1, max_size=4), st.integers(1, 30))
def test_any_inputs_give_new_ones_of_the_same_number_of_arguments(rows: list[list[Any]], n: int) -> None:
    own = texts(*rows)
    derived = derive_inputs(own, n, "seed")
    assert len(derived) <= n
    assert len(set(derived)) == len(derived)
    assert not set(derived) & set(own)
    assert {len(decode_value(text)) for text in derived} <= {len(row) for row in rows}
    assert derive_inputs(own, n, "seed") == derived, "the same seed gives the same inputs"


def test_changes_keep_types_and_reach_the_ends_of_ranges() -> None:
    derived = derive_inputs(texts([[3, 1, 2], "abc"], [[9, 9], "zz"]), 80, "seed")
    arguments = [decode_value(text) for text in derived]
    assert len(arguments) > 70
    assert all(type(row[0]) is list and type(row[1]) is str for row in arguments)
    assert all(type(part) is int for row in arguments for part in row[0])
    assert any(row[0] == [] for row in arguments)
    assert any(row[1] == "" for row in arguments)
    assert any(len(row[0]) >= 20 for row in arguments), "some are scaled"


def test_small_inputs_come_first() -> None:
    derived = [decode_value(text) for text in derive_inputs(texts([12], [8], [30]), 40, "seed")]
    sizes = [abs(row[0]) for row in derived]
    assert sizes == sorted(sizes)
    assert sizes[-1] >= 300


def test_lists_of_several_types_get_more_of_these() -> None:
    derived = derive_inputs(texts([[1, "a", 2.5]], [["b", 3, {}]]), 200, "seed")
    parts = [part for text in derived for part in decode_value(text)[0]]
    assert any(part is True for part in parts)
    assert any(part is None for part in parts)


@pytest.mark.parametrize(
    ("text", "modest"), [("[40]", True), ("[41]", False), ("[0]", True), ("[-40]", True), ("[[1,2]]", True)]
)
def test_an_input_is_modest_up_to_four_times_the_largest(text: str, modest: bool) -> None:
    assert is_modest(largest_of(["[10]", "[3]"]), text) is modest


def test_large_inputs_replace_one_number() -> None:
    assert large_inputs(["[10,5]", "[3,5]"]) == (
        ("[1000,5]", "[10,1000]", "[10007,5]", "[10,10007]"),
        ("[1000000007,5]", "[10,1000000007]"),
    )
    assert large_inputs(['["a"]']) == ((), ())


POOLS: list[list[Any]] = [
    [[3, 11, -4], [7]],
    [2.5, 8.0],
    ["open sesame", "shut"],
    [(1, "x"), (2, "y")],
    [{"k": [True]}, {}],
    [{1, 2}],
    [None],
]


def draws(n: int) -> list[list[Any]]:
    chance = random.Random(0)
    return [small_arguments(POOLS, chance) for _ in range(n)]


def test_types_are_those_of_the_pool() -> None:
    for row in draws(200):
        assert [type(value) for value in row] == [list, float, str, tuple, dict, set, type(None)]
        assert all(type(part) is int for part in row[0])
        assert [type(part) for part in row[3]] == [int, str]
        assert all(type(key) is str and all(type(part) is bool for part in value) for key, value in row[4].items())


def test_coincidences_are_common() -> None:
    lists = [row[0] for row in draws(400)]
    for name, found in {
        "all negative": [items for items in lists if len(items) > 1 and max(items) < 0],
        "all zero": [items for items in lists if len(items) > 1 and set(items) == {0}],
        "ascending by one": [
            items for items in lists if items[1:] and items == list(range(items[0], items[-1] + 1))
        ],
        "a repeat": [items for items in lists if len(set(items)) < len(items)],
        "distinct": [items for items in lists if len(set(items)) == len(items) > 2],
    }.items():
        assert len(found) >= 4, name
    texts = {row[2] for row in draws(400)}
    assert any(text and text == text[::-1] for text in texts)
    assert any(" " in text for text in texts)
    assert "" in texts
    ties = [row for row in draws(400) if any(abs(a - b) == row[1] != 0 for a in row[0] for b in row[0])]
    assert len(ties) >= 20, "numbers of different places are of the same few"


def test_letters_are_those_of_the_own_texts() -> None:
    assert set("".join(row[2] for row in draws(200))) <= set("open sesame shut xy k")
