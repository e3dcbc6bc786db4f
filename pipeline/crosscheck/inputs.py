"""More inputs for a problem, derived from its own by changes that respect their types.

Seeds are the inputs of the problem's tests, changes depend on a value's type, and values of other seeds are
ingredients (type-aware mutation, EvalPlus: Liu et al. 2023, arXiv:2305.01210, section 2.2). On top come the ends
of each type's range, a few scaled inputs, and small inputs, in which coincidences are common: ties, zeros,
repeats, all of one sign. Most faults show on some small input (the small scope hypothesis: Jackson & Damon 1996,
IEEE TSE 22(7)), but changes of the problem's own inputs seldom reach it. Inputs are sorted by size: a program that
a large one stops has answered the small ones.
"""

import itertools
import math
import random
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pairsmith.pipeline.crosscheck.domain import fit_arguments, infer_domain
from pairsmith.pipeline.crosscheck.mutations import MAX_TEXT, change_value
from pairsmith.schemas.values import ValueTooLargeError, decode_value, encode_arguments

N_SCALED = 6
_TRIES_EACH = 8
_MAX_CHANGES = 6
_N_LIKE = 40  # values whose types small inputs take
_FITTED = 0.75  # of the inputs: those that are not fitted say what others do beyond the likely bounds
_NO_END = object()
_SCALES = (2, 4, 10)
# Deep enough for a recursion that never ends in time, while a loop that is only slow has time for it.
_LARGE = (1_000, 10_007)
_FAR = (1_000_000_007,)  # a prime, and no loop has time for it
_NUMBERS: tuple[tuple[int, ...], ...] = (
    (0,), (1,), (0, 1), (0, 1, 2), (-1, 0, 1), (-1, -2, -3), (-5, -1), (1, 2, 3, 4, 5), (2, 4, 6, 8),
    (1, 3, 5, 7), (9, 10, 11), (-10, 10, 20),
)  # fmt: skip
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


def derive_inputs(own: Sequence[str], n: int, seed: str) -> tuple[str, ...]:
    """Return up to n argument lists that are none of the given ones, the smallest first.

    Args:
        own: texts of argument lists (see `schemas.values`), the inputs of a problem's tests.
        n: maximum number of inputs; fewer come where changes repeat themselves.
        seed: of the changes, such as "0:HumanEval/3": the same seed gives the same inputs.
    """
    seeds = [value for value in map(decode_value, dict.fromkeys(own)) if isinstance(value, list)]
    if not any(seeds):
        return ()
    chance = random.Random(seed)
    pools = _ingredients(seeds)
    domain = infer_domain(own)
    known = set(own)
    found: list[str] = []
    n_most = max(n - N_SCALED, 1)
    for candidates, share in (
        (_at_one_end(seeds, pools, chance), 0.25),
        (_at_ends(pools, chance, n), 0.35),
        (_small_or_changed(seeds, pools, chance, _TRIES_EACH * n), 1.0),
    ):
        for arguments in candidates:
            if len(found) >= max(share * n_most, 1):
                break
            fitted = fit_arguments(domain, arguments) if chance.random() < _FITTED else arguments
            if (text := text_of(fitted)) and text not in known:
                known.add(text)
                found.append(text)
    scaled = [text for text in map(text_of, scaled_inputs(seeds)) if text and text not in known]
    found += list(dict.fromkeys(scaled))[: min(N_SCALED, n - len(found))]
    return tuple(sorted(found, key=lambda text: (size_of(decode_value(text)), text)))


def size_of(value: Any) -> float:
    """Return how large a value is: its numbers' logarithms and its parts, added up."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return 1.0 + (math.log2(abs(value) + 1) if value - value == 0 else 0.0)
    if isinstance(value, str):
        return 1.0 + len(value)
    if isinstance(value, dict):
        return 1.0 + sum(size_of(key) + size_of(part) for key, part in value.items())
    return 1.0 + sum(map(size_of, value)) if isinstance(value, (list, tuple, set, frozenset)) else 1.0


def _at_one_end(
    seeds: Sequence[list[Any]], pools: Sequence[Sequence[Any]], chance: random.Random
) -> Iterable[list[Any]]:
    """Give own inputs with one argument at the end of its range, the places in turns."""
    ends = [range_ends(pools[place]) for place in range(min(map(len, seeds)))]
    for row in itertools.zip_longest(*ends, fillvalue=_NO_END):
        for place, end in enumerate(row):
            if end is not _NO_END:
                base = chance.choice(seeds)
                yield [*base[:place], end, *base[place + 1 :]]


def _at_ends(pools: Sequence[Sequence[Any]], chance: random.Random, n: int) -> Iterable[list[Any]]:
    """Give inputs with every argument at an end of its range."""
    ends = [range_ends(pool) for pool in pools]
    if len(pools) > 1 and all(ends):
        for _ in range(n):
            yield [chance.choice(values) for values in ends]


def _small_or_changed(
    seeds: Sequence[list[Any]], pools: Sequence[Sequence[Any]], chance: random.Random, n: int
) -> Iterable[list[Any]]:
    """Give small inputs and changed own ones in turns. Each further change is half as likely as the one before."""
    likes = [chance.sample(pool, min(len(pool), _N_LIKE)) for pool in pools]
    for number in range(n):
        arguments = list(chance.choice(seeds))
        if not arguments:
            continue
        if number % 2:
            yield small_arguments(likes[: len(arguments)], chance)
            continue
        for change in range(_MAX_CHANGES):
            if change and chance.random() < 0.5:
                break
            place = chance.randrange(len(arguments))
            arguments[place] = change_value(arguments[place], chance, pools[place])
        yield arguments


def _ingredients(seeds: Sequence[list[Any]]) -> list[list[Any]]:
    """Return the values of each argument."""
    width = max(map(len, seeds))
    return [[arguments[place] for arguments in seeds if place < len(arguments)] for place in range(width)]


def range_ends(pool: Sequence[Any]) -> list[Any]:
    """Return the ends of the ranges of the types that were seen in one place."""
    seen = {type(value) for value in pool}
    ends: list[Any] = []
    for kind, values in (
        (int, (0, 1, 2, -1, 100)),
        (float, (0.0, 1.0, -1.0, 0.5)),
        (str, ("", " ", "a", "A", "0")),
        (list, ([],)),
        (dict, ({},)),
    ):
        ends += values if kind in seen else ()
    for value in pool:
        if type(value) is list and value:
            ends += [value[:1], [value[0], value[0]]]
            break
    return ends


def scaled_inputs(seeds: Sequence[list[Any]]) -> Iterable[list[Any]]:
    """Give the largest seed with its numbers, texts and lists made larger, the smallest scale first."""
    largest = max(seeds, key=lambda arguments: len(repr(arguments)))
    for scale in _SCALES:
        for place, value in enumerate(largest):
            if type(value) is int and abs(value) > 1:
                yield [*largest[:place], value * scale, *largest[place + 1 :]]
            elif type(value) in (str, list) and value:
                yield [*largest[:place], (value * scale)[:MAX_TEXT], *largest[place + 1 :]]


def large_inputs(own: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return inputs with one whole number beyond the own ones, the smallest first: large ones, and far ones.

    Only a trusted program, or a majority, shows whether a solution must answer these in time.
    """
    seeds = [value for value in map(decode_value, own) if isinstance(value, list)]
    return _enlarged(seeds, _LARGE, set(own)), _enlarged(seeds, _FAR, set(own))


def _enlarged(seeds: Sequence[list[Any]], sizes: Sequence[int], known: Container[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for large in sizes:
        for place in range(min(map(len, seeds), default=0)):
            numbers = [arguments[place] for arguments in seeds if type(arguments[place]) is int]
            if numbers and 1 < max(numbers) < large:
                base = max(seeds, key=lambda arguments: repr(arguments[place]))
                found[text_of([*base[:place], large, *base[place + 1 :]])] = None
    return tuple(text for text in found if text and text not in known)


def text_of(arguments: Sequence[Any]) -> str:
    """Return the text of an argument list; empty if it is too large for one."""
    try:
        return encode_arguments(arguments)
    except (ValueTooLargeError, ValueError, OverflowError, RecursionError):
        return ""


def small_arguments(pools: Sequence[Sequence[Any]], chance: random.Random) -> list[Any]:
    """Return an argument list of few and small values, of the types of each place.

    Args:
        pools: the values that were seen in each argument's place, at least one each.
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
