"""Inputs of MBPP+ as they were before JSON turned tuples and complex numbers into lists and text.

Which problem takes what is EvalPlus' list (`mbpp_deserialize_inputs`, EvalPlus 0.3.1). A test compares the
outcome with the asserts that the file also holds.
"""

from collections.abc import Callable, Iterable
from typing import Any

Restore = Callable[[list[Any]], list[Any]]


def as_written(task_id: str, arguments: list[Any]) -> list[Any]:
    """Return the arguments of one call with the types that the problem's author wrote.

    Args:
        task_id: such as `Mbpp/2`; other data sets' arguments come back as they are.
        arguments: positional arguments as JSON gives them.
    """
    source, _, number = task_id.partition("/")
    restore = _BY_NUMBER.get(number) if source == "Mbpp" else None
    return arguments if restore is None else restore(arguments)


def _tuples(values: Iterable[list[Any]]) -> list[tuple[Any, ...]]:
    return [tuple(value) for value in values]


def _deep(value: Any) -> Any:
    return tuple(_deep(part) for part in value) if isinstance(value, list) else value


def _first(change: Callable[[Any], Any]) -> Restore:
    return lambda arguments: [change(arguments[0]), *arguments[1:]]


def _every(change: Callable[[Any], Any]) -> Restore:
    return lambda arguments: [change(argument) for argument in arguments]


def _second_tuple(arguments: list[Any]) -> list[Any]:
    return [arguments[0], tuple(arguments[1]), *arguments[2:]]


def _inner_tuples(values: list[Any]) -> tuple[Any, ...]:
    return tuple(tuple(value) if isinstance(value, list) else value for value in values)


def _angle(arguments: list[Any]) -> list[Any]:
    return [float(arguments[0]), complex(arguments[1])]


_RULES: tuple[tuple[str, Restore], ...] = (
    (
        "2 116 132 143 222 261 273 394 399 421 424 429 470 560 579 596 616 630 726 740 744 809",
        _every(tuple),
    ),
    ("63 64 70 94 120 237 272 299 400 409 417 438 473 614 780", _every(_tuples)),
    ("75 413 444 753", _first(_tuples)),
    ("106 750", _second_tuple),
    ("250 307 405 446 617 720 763 808", _first(tuple)),
    ("259 401 445", _every(lambda values: tuple(_tuples(values)))),
    ("278", _first(_inner_tuples)),
    ("580 615 791", _every(_deep)),
    ("722", _first(lambda table: {key: tuple(value) for key, value in table.items()})),
    ("115", _first(lambda items: [set(item) if item else {} for item in items])),
    ("124", _angle),
    ("252", _first(complex)),
)
_BY_NUMBER = {number: restore for numbers, restore in _RULES for number in numbers.split()}
