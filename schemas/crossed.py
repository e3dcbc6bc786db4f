"""What stands for a value whose own class does not leave the sandbox: objects, lazy values, arrays.

This module is shipped into sandboxes as source: standard library only, Python 3.9 upwards. Hashes are those of any
parts: a class may hash by identity and hold a list.
"""

from __future__ import annotations

import dataclasses
from typing import Any


def _hash_of(*parts: Any) -> int:
    try:
        return hash(parts)
    except TypeError:
        return hash(parts[0])


@dataclasses.dataclass(frozen=True)
class Record:
    """A dataclass instance or named tuple that crossed over: its class name and its fields in order."""

    name: str
    fields: tuple[tuple[str, Any], ...]
    is_tuple: bool = False

    def __hash__(self) -> int:
        """Return a hash for any fields."""
        return _hash_of(self.name, self.fields)


@dataclasses.dataclass(frozen=True, eq=False)
class Opaque:
    """A value of a type that can't cross over. It equals nothing, not even itself.

    Attributes:
        has_equality: its class has an `__eq__` of its own: its equality with another value is unknown here.
    """

    name: str
    has_equality: bool = False

    def __eq__(self, other: object) -> bool:
        """Return False: the original value is unknown."""
        return False

    def __hash__(self) -> int:
        """Return a hash of its own: by name, a set of 100,000 of them would take minutes."""
        return object.__hash__(self)


@dataclasses.dataclass(frozen=True)
class Cycle:
    """A reference to a container that holds it: `levels` containers up, 1 being the nearest."""

    levels: int


@dataclasses.dataclass(frozen=True)
class Viewed:
    """What a test's wrapper (`list`, `len`, ...) gave in the sandbox for an object that can't cross over."""

    view: str
    value: Any

    def __hash__(self) -> int:
        """Return a hash for any value."""
        return hash(self.view)


@dataclasses.dataclass(frozen=True)
class Lazy:
    """The items of a lazy value (`kind` is its type's name). It equals no list."""

    kind: str
    items: tuple[Any, ...]

    def __hash__(self) -> int:
        """Return a hash for any items."""
        return _hash_of(self.kind, self.items)


@dataclasses.dataclass(frozen=True)
class Array:
    """An array of numpy: its dtype's text, its shape, and its items row by row."""

    dtype: str
    shape: tuple[int, ...]
    items: tuple[Any, ...]

    def __hash__(self) -> int:
        """Return a hash for any items."""
        return _hash_of("array", self.shape, self.items)

    def rows(self) -> list[Any]:
        """Return what iterating gives: items, or arrays of one dimension less.

        Raises:
            TypeError: if it has no dimension.
        """
        if not self.shape:
            raise TypeError("iteration over a 0-d array")
        if len(self.shape) == 1:
            return list(self.items)
        n = len(self.items) // (self.shape[0] or 1)
        parts = (self.items[start * n : start * n + n] for start in range(self.shape[0]))
        return [Array(self.dtype, self.shape[1:], part) for part in parts]

    def nested(self) -> Any:
        """Return it as nested lists, as its method `tolist` does."""
        if not self.shape:
            return self.items[0]
        return [row.nested() if isinstance(row, Array) else row for row in self.rows()]
