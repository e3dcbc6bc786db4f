"""More inputs for a problem, derived from its own by changes that respect their types.

The manner is EvalPlus' type-aware mutation (Liu et al. 2023, arXiv:2305.01210, section 2.2): seeds are the inputs
of the problem's tests, changes depend on a value's type, and values of other seeds are ingredients. On top come
the ends of each type's range, and a few scaled inputs. Small inputs come first: a program that a large one stops
has answered the others.
"""

import math
import random
from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.truth.changes import MAX_TEXT, change_value
from schemas.values import ValueTooLargeError, decode_value, encode_arguments

N_SCALED = 6
_SCALES = (2, 4, 10)
# Deep enough for a recursion that never ends in time. Far larger ones would refute every loop that is only slow.
_LARGE = (1_000, 10_007)
_MODEST = 4
_TRIES_EACH = 8


def derive_inputs(own: Sequence[str], n: int, seed: str) -> tuple[str, ...]:
    """Return up to n argument lists that are none of the given ones, the smallest first.

    Args:
        own: texts of argument lists (see `schemas.values`), the inputs of a problem's tests.
        n: inputs wanted at most; fewer come where changes repeat themselves.
        seed: of the changes, such as "0:HumanEval/3": the same seed gives the same inputs.
    """
    seeds = [value for value in map(decode_value, dict.fromkeys(own)) if isinstance(value, list)]
    if not any(seeds):
        return ()
    chance = random.Random(seed)
    pools = _ingredients(seeds)
    known = set(own)
    found: list[str] = []
    for arguments in _candidates(seeds, pools, chance, _TRIES_EACH * n):
        if len(found) >= max(n - N_SCALED, 1):
            break
        if (text := _text(arguments)) and text not in known:
            known.add(text)
            found.append(text)
    scaled = [text for text in map(_text, _scaled(seeds)) if text and text not in known]
    found += list(dict.fromkeys(scaled))[: min(N_SCALED, n - len(found))]
    return tuple(sorted(found, key=lambda text: (_size(decode_value(text)), text)))


def large_inputs(own: Sequence[str]) -> tuple[str, ...]:
    """Return inputs with one whole number far beyond the own ones, the smallest first.

    Only a trusted program can tell whether a solution must answer these in time.
    """
    seeds = [value for value in map(decode_value, own) if isinstance(value, list)]
    found: dict[str, None] = {}
    for large in _LARGE:
        for place in range(min(map(len, seeds), default=0)):
            numbers = [arguments[place] for arguments in seeds if type(arguments[place]) is int]
            if numbers and 1 < max(numbers) < large:
                base = max(seeds, key=lambda arguments: repr(arguments[place]))
                found[_text([*base[:place], large, *base[place + 1 :]])] = None
    return tuple(text for text in found if text and text not in set(own))


def is_modest(own: Sequence[str], text: str) -> bool:
    """Return whether an input is at most a few times larger than the largest of the own ones.

    Numbers are held against the largest number anywhere in these, texts and containers against the largest length.
    """
    number, length = 1.0, 1
    for known in own:
        n, parts = _extent(decode_value(known))
        number, length = max(number, n), max(length, parts)
    n, parts = _extent(decode_value(text))
    return n <= _MODEST * number and parts <= _MODEST * length


def _extent(value: Any) -> tuple[float, int]:
    """Return the largest absolute number in a value, and the largest length of a text or container."""
    if isinstance(value, (int, float)):
        return (abs(value) if value - value == 0 else 0.0), 0
    if isinstance(value, str):
        return 0.0, len(value)
    if not isinstance(value, (list, tuple, set, frozenset, dict)):
        return 0.0, 0
    parts = [*value, *value.values()] if isinstance(value, dict) else list(value)
    extents = [_extent(part) for part in parts]
    return max((n for n, _ in extents), default=0.0), max(len(value), *(n for _, n in extents), 0)


def _size(value: Any) -> float:
    """Return how large a value is: its numbers' logarithms and its parts, added up."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return 1.0 + (math.log2(abs(value) + 1) if value - value == 0 else 0.0)
    if isinstance(value, str):
        return 1.0 + len(value)
    if isinstance(value, dict):
        return 1.0 + sum(_size(key) + _size(part) for key, part in value.items())
    return 1.0 + sum(map(_size, value)) if isinstance(value, (list, tuple, set, frozenset)) else 1.0


def _candidates(
    seeds: Sequence[list[Any]], pools: Sequence[Sequence[Any]], chance: random.Random, n: int
) -> Iterable[list[Any]]:
    """Give the ends of ranges, then seeds with one argument changed, some with two."""
    for place in range(min(map(len, seeds))):
        for end in _ends(pools[place]):
            base = chance.choice(seeds)
            yield [*base[:place], end, *base[place + 1 :]]
    for _ in range(n):
        arguments = list(chance.choice(seeds))
        if not arguments:
            continue
        for _ in range(1 if chance.random() < 0.7 else 2):
            place = chance.randrange(len(arguments))
            arguments[place] = change_value(arguments[place], chance, pools[place])
        yield arguments


def _ends(pool: Sequence[Any]) -> list[Any]:
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


def _scaled(seeds: Sequence[list[Any]]) -> Iterable[list[Any]]:
    """Give the largest seed with its numbers, texts and lists made larger, the smallest scale first."""
    largest = max(seeds, key=lambda arguments: len(repr(arguments)))
    for scale in _SCALES:
        for place, value in enumerate(largest):
            if type(value) is int and abs(value) > 1:
                yield [*largest[:place], value * scale, *largest[place + 1 :]]
            elif type(value) in (str, list) and value:
                yield [*largest[:place], (value * scale)[:MAX_TEXT], *largest[place + 1 :]]


def _ingredients(seeds: Sequence[list[Any]]) -> list[list[Any]]:
    """Return the values that stand in each argument's place."""
    width = max(map(len, seeds))
    return [[arguments[place] for arguments in seeds if place < len(arguments)] for place in range(width)]


def _text(arguments: Sequence[Any]) -> str:
    try:
        return encode_arguments(arguments)
    except (ValueTooLargeError, ValueError, OverflowError, RecursionError):
        return ""
