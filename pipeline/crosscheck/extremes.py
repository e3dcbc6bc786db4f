"""Inputs at the ends of what a type or a problem's own inputs give: empty, zero, large and far ones."""

from collections.abc import Container, Iterable, Sequence
from typing import Any

from pairsmith.pipeline.crosscheck.changes import MAX_TEXT
from pairsmith.schemas.values import ValueTooLargeError, decode_value, encode_arguments

_SCALES = (2, 4, 10)
# Deep enough for a recursion that never ends in time, while a loop that is only slow has time for it.
_LARGE = (1_000, 10_007)
_FAR = (1_000_000_007,)  # a prime, and no loop has time for it


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

    Only a trusted program, or most of many, can tell whether a solution must answer these in time.
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
