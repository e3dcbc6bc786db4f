"""Inputs out of very few values, in which coincidences are common: ties, zeros, repeats, all of one sign.

Most faults show on some small input (the small scope hypothesis: Jackson & Damon 1996, IEEE TSE 22(7)), but
changes of the problem's own inputs seldom reach it: the numbers of a longer list are hardly ever equal, nor all
negative. Here an argument list has the types of the own ones, and all its numbers and letters are of a handful.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_NUMBERS: tuple[tuple[int, ...], ...] = (
    (0,),
    (1,),
    (0, 1),
    (0, 1, 2),
    (-1, 0, 1),
    (-1, -2, -3),
    (-5, -1),
    (1, 2, 3, 4, 5),
    (2, 4, 6, 8),
    (1, 3, 5, 7),
    (9, 10, 11),
    (-10, 10, 20),
)
_MAX_ITEMS = 6
_MAX_LETTERS = 8
_MAX_DEPTH = 6


@dataclass(frozen=True, slots=True)
class _Few:
    """The few values that one argument list is made of."""

    numbers: tuple[int, ...]
    step: float  # what floats are multiples of
    letters: str
    words: tuple[str, ...]


def small_arguments(pools: Sequence[Sequence[Any]], chance: random.Random) -> list[Any]:
    """Return an argument list of few and small values, of the types that stand in each place.

    Args:
        pools: the values that were seen in each argument's place, at least one each.
        chance: where choices come from.
    """
    few = _draw_few(pools, chance)
    return [_small(pool, few, chance, 0) for pool in pools]


def _draw_few(pools: Sequence[Sequence[Any]], chance: random.Random) -> _Few:
    texts = [text for pool in pools for value in pool for text in _texts(value)]
    seen = [value for pool in pools for value in pool if type(value) is int]
    numbers = chance.choice(_NUMBERS)
    if seen and chance.random() < 0.3:
        number = chance.choice(seen)
        numbers = (number, number + 1, number - 1)
    letters = "".join(texts) or "ab"
    words = [word for text in texts for word in text.split()] or ["a"]
    return _Few(
        numbers=numbers,
        step=chance.choice((1.0, 1.0, 0.5, 0.1)),
        letters="".join(chance.choice(letters) for _ in range(chance.randint(1, 3))),
        words=tuple(chance.choice(words) for _ in range(2)),
    )


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in _texts(part)]
    return [text for part in value for text in _texts(part)] if isinstance(value, (list, tuple, set)) else []


def _small(pool: Sequence[Any], few: _Few, chance: random.Random, depth: int) -> Any:
    """Return a small value of the type of one from the pool."""
    like = chance.choice(pool)
    kind = type(like)
    if kind is int:
        return chance.choice(few.numbers)
    if kind is float:
        return chance.choice(few.numbers) * few.step
    if kind is str:
        return _small_text(like, few, chance)
    if kind is bool:
        return chance.random() < 0.5
    if depth >= _MAX_DEPTH:
        return like
    if kind is tuple:
        return tuple(_small([part], few, chance, depth + 1) for part in like)
    if kind in (list, set):
        parts = [part for other in pool if type(other) is kind for part in sorted(other, key=repr)]
        n = chance.randint(0, _MAX_ITEMS) if parts else 0
        return kind(_small(parts, few, chance, depth + 1) for _ in range(n))
    if kind is dict:
        others = [other for other in pool if type(other) is dict]
        keys = [key for other in others for key in other]
        values = [part for other in others for part in other.values()]
        n = chance.randint(0, len(few.numbers)) if keys else 0
        return {_small(keys, few, chance, depth + 1): _small(values, few, chance, depth + 1) for _ in range(n)}
    return like


def _small_text(like: str, few: _Few, chance: random.Random) -> str:
    if " " in like.strip() and chance.random() < 0.7:
        return " ".join(chance.choice(few.words) for _ in range(chance.randint(1, 4)))
    return "".join(chance.choice(few.letters) for _ in range(chance.randint(0, _MAX_LETTERS)))
