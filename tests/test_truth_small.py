import random
from typing import Any

from pairsmith.pipeline.crosscheck.inputs import small_arguments

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
