"""How large an input is, and whether one is much larger than others."""

import math
from collections.abc import Sequence
from typing import Any

from pairsmith.schemas.values import decode_value

_MODEST = 4


def largest_of(own: Sequence[str]) -> tuple[float, int]:
    """Return the largest absolute number anywhere in these argument lists, and the largest length of any part."""
    extents = [_extent(decode_value(text)) for text in own]
    return max((1.0, *(n for n, _ in extents))), max((1, *(length for _, length in extents)))


def is_modest(largest: tuple[float, int], text: str) -> bool:
    """Return whether numbers and lengths are at most a few times the largest ones (see `largest_of`)."""
    n, parts = _extent(decode_value(text))
    return n <= _MODEST * largest[0] and parts <= _MODEST * largest[1]


def size_of(value: Any) -> float:
    """Return how large a value is: its numbers' logarithms and its parts, added up."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return 1.0 + (math.log2(abs(value) + 1) if value - value == 0 else 0.0)
    if isinstance(value, str):
        return 1.0 + len(value)
    if isinstance(value, dict):
        return 1.0 + sum(size_of(key) + size_of(part) for key, part in value.items())
    return 1.0 + sum(map(size_of, value)) if isinstance(value, (list, tuple, set, frozenset)) else 1.0


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
