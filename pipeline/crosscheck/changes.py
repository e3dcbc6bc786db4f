"""Changes of a value that respect its type."""

import random
from collections.abc import Callable, Sequence
from typing import Any

MAX_TEXT = 2_000
_MAX_PARTS = 200  # of a derived container: larger ones only cost time
_ANY: tuple[Any, ...] = (
    True,
    False,
    None,
    0,
    -10,
    "test",
    [],
    {},
    3.14,
    2.0,
)  # for containers that hold values of several types

Changes = Callable[[Any, random.Random, Sequence[Any]], Any]


def change_value(value: Any, chance: random.Random, pool: Sequence[Any]) -> Any:
    """Return a value of the same type that differs by one change, or another one from the pool.

    Args:
        value: a decoded value; of a type without changes it comes back as it is.
        chance: where choices come from.
        pool: values that stood in its place in other inputs, and parts of these.
    """
    same = [other for other in pool if type(other) is type(value)]
    if same and chance.random() < 0.15:
        return chance.choice(same)
    change = _CHANGES.get(type(value))
    return value if change is None else change(value, chance, pool)


def _change_bool(value: bool, chance: random.Random, pool: Sequence[Any]) -> bool:
    return not value


def _change_int(value: int, chance: random.Random, pool: Sequence[Any]) -> int:
    steps = [value + 1, value - 1] * 2
    return chance.choice([*steps, value * 2, value // 2, -value, value + 10, value * 10])


def _change_float(value: float, chance: random.Random, pool: Sequence[Any]) -> float:
    if value - value != 0.0:
        return value
    whole = float(round(value))
    return chance.choice([value + 1, value - 1, value * 2, value / 2, -value, whole, round(value, 1), value + 0.5])


def _change_str(value: str, chance: random.Random, pool: Sequence[Any]) -> str:
    at = chance.randrange(len(value) + 1)
    letters = "".join(other for other in pool if type(other) is str) or "a"
    other = chance.choice([other for other in pool if type(other) is str] or [value])
    changed = [
        value[:at] + value[at + 1 :],
        value[:at] + chance.choice(letters) + value[at:],
        value[:at] + chance.choice(letters) + value[at + 1 :],
        value[:at] + value[at : at + 1] * 2 + value[at + 1 :],
        value[:at],
        value[at:],
        value[::-1],
        value.swapcase(),
        value[:at] + value[at : at + 1].swapcase() + value[at + 1 :],
        value + other,
        other[: len(other) // 2] + value,
        " ".join((value, other)),
    ]
    return chance.choice(changed)[:MAX_TEXT]


def _change_list(value: list[Any], chance: random.Random, pool: Sequence[Any]) -> list[Any]:
    items = list(value)
    parts = [part for other in pool if type(other) is list for part in other] or items
    if _is_mixed(parts):
        parts = [*parts, *_ANY]
    kind = chance.randrange(8)
    at = chance.randrange(len(items)) if items else 0
    if kind == 0 and items:
        del items[at]
    elif kind == 1 and items:
        items.insert(at, items[chance.randrange(len(items))])
    elif kind == 2 and parts:
        items.insert(chance.randrange(len(items) + 1), chance.choice(parts))
    elif kind == 3 and len(items) > 1:
        other = chance.randrange(len(items))
        items[at], items[other] = items[other], items[at]
    elif kind == 4:
        items.reverse()
    elif kind == 5:
        items = items[: at + 1] if chance.random() < 0.5 else items[at:]
    elif kind == 6 and items:
        items = items + items[: at + 1]
    elif items:
        for _ in range(1 if chance.random() < 0.6 else len(items)):
            place = chance.randrange(len(items))
            items[place] = change_value(items[place], chance, parts)
    return items[:_MAX_PARTS]


def _change_tuple(value: tuple[Any, ...], chance: random.Random, pool: Sequence[Any]) -> tuple[Any, ...]:
    if not value:
        return value
    lengths = {len(other) for other in pool if type(other) is tuple}
    if len(lengths) > 1:  # it holds any number of items, as a list does
        return tuple(_change_list(list(value), chance, [list(other) for other in pool if type(other) is tuple]))
    at = chance.randrange(len(value))
    parts = [other[at] for other in pool if type(other) is tuple and len(other) > at]
    return (*value[:at], change_value(value[at], chance, parts), *value[at + 1 :])


def _change_dict(value: dict[Any, Any], chance: random.Random, pool: Sequence[Any]) -> dict[Any, Any]:
    changed = dict(value)
    others = [item for other in pool if type(other) is dict for item in other.items()]
    keys = list(changed)
    kind = chance.randrange(4)
    if kind == 0 and keys:
        del changed[chance.choice(keys)]
    elif kind == 1 and others:
        key, part = chance.choice(others)
        changed[key] = part
    elif kind == 2 and keys:
        key = chance.choice(keys)
        renamed = change_value(key, chance, [key for key, _ in others])
        changed = {renamed if old == key else old: part for old, part in changed.items()}
    elif keys:
        key = chance.choice(keys)
        changed[key] = change_value(changed[key], chance, [part for _, part in others])
    return changed


def _change_set(value: set[Any], chance: random.Random, pool: Sequence[Any]) -> set[Any]:
    ordered = sorted(value, key=repr)
    lists = [sorted(other, key=repr) for other in pool if isinstance(other, set)]
    return set(_change_list(ordered, chance, lists))


_CHANGES: dict[type, Changes] = {
    bool: _change_bool,
    int: _change_int,
    float: _change_float,
    str: _change_str,
    list: _change_list,
    tuple: _change_tuple,
    dict: _change_dict,
    set: _change_set,
}


def _is_mixed(parts: Sequence[Any]) -> bool:
    kinds = {float if type(part) in (int, float) else type(part) for part in parts}
    return len(kinds) > 1
