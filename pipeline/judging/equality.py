"""Compares what came out of a sandbox with what should have.

The only place where expected values and a candidate's values meet. Both are texts by then (`schemas.values`), so
no object of the candidate's takes part in the comparison.
"""

from typing import Any

from pairsmith.pipeline.judging.foreign import same_in
from pairsmith.pipeline.judging.stdout import same_text
from pairsmith.schemas.execution import CaseRun, Status
from pairsmith.schemas.problem import Case
from pairsmith.schemas.values import Cycle, Lazy, Opaque, Record, decode_value, to_set

_SET_LIKE = ("dict_keys", "dict_items")  # equal to sets in Python
_SIZED = ("range", "deque", "dict_keys", "dict_values", "dict_items")  # lazy values that have a length
_TEXT_RULES = ("tokens", "lines", "exact")
_NO_KEY = object()


def matches(case: Case, run: CaseRun, language: str = "python") -> bool:
    """Return whether the value of one run is what the case asks for; see `judging.foreign` for languages."""
    if run.status is not Status.OK:
        return False
    try:
        if case.compare in _TEXT_RULES:
            printed = decode_value(run.value)
            return isinstance(printed, str) and same_text(printed, case.expected, case.compare, case.atol)
        got = view_value(decode_value(run.value), case.view)
        expected = decode_value(case.expected)
        if case.compare in ("truthy", "falsy"):
            return _truth(got) is (case.compare == "truthy")
        if case.compare in ("json", "boxed"):
            got = _as_json(got)
            is_boxed = case.compare == "boxed" and same_value([got], expected, case.atol)
            return is_boxed or same_value(got, expected, case.atol)
        atol = case.atol if case.compare == "close" else 0.0
        if language != "python":
            return same_in(language, same_value, got, expected, atol)
        return same_value(got, expected, atol)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False  # a view that this value has not (`sorted` of an int): the test would have raised


def same_value(got: Any, expected: Any, atol: float = 0.0) -> bool:
    """Return whether two decoded values are equal as Python's `==` has it, with two exceptions.

    `True == 1 == 1.0`, a list is no tuple but a named tuple is one, sets and dicts have no order. The exceptions:
    nan equals nan (a problem that expects nan wants it), and floats may differ by `atol` where it is not 0. An
    opaque value equals nothing; a cycle equals a cycle that goes as far up; lazy values of one kind are equal if
    their items are.

    Args:
        got: the candidate's value, as `schemas.values.decode_value` gives it.
        expected: the problem's.
        atol: absolute tolerance of floats and complex numbers at any depth, in their own unit.
    """
    if isinstance(got, Opaque) or isinstance(expected, Opaque):
        return False
    if _is_number(got) and _is_number(expected):
        return _same_number(got, expected, atol)
    if _is_set_like(got) and _is_set_like(expected):
        return _same_set(got, expected, atol)
    got, expected = _as_plain(got), _as_plain(expected)
    if type(got) is not type(expected):
        return False
    if isinstance(got, (list, tuple)):
        return _same_items(got, expected, atol)
    if isinstance(got, dict):
        return _same_dict(got, expected, atol)
    if isinstance(got, Record):
        return _same_record(got, expected, atol)
    if isinstance(got, Lazy):
        return got.kind == expected.kind and _same_items(got.items, expected.items, atol)
    if isinstance(got, Cycle):
        return bool(got.levels == expected.levels)
    return bool(got == expected)


def _as_json(value: Any) -> Any:
    """Return a value with its tuples as the lists that JSON makes of them, at any depth."""
    value = _as_plain(value)
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    return value


def _as_plain(value: Any) -> Any:
    """Return a named tuple as the tuple that it is; anything else as it is."""
    if isinstance(value, Record) and value.is_tuple:
        return tuple(part for _, part in value.fields)
    return value


def view_value(value: Any, view: str) -> Any:
    """Return what the test's own wrapper would have made of the value."""
    if not view:
        return value
    value = _as_plain(value)
    if isinstance(value, Lazy) and view not in ("str", "abs") and (view != "len" or value.kind in _SIZED):
        value = value.items
    if view == "str" and isinstance(value, (set, frozenset)):
        raise TypeError("the text of a set is in no order that could be expected")
    functions: dict[str, Any] = {
        "list": list, "tuple": tuple, "set": to_set, "sorted": sorted,
        "len": len, "str": str, "abs": abs, "sum": sum,
    }  # fmt: skip
    if isinstance(value, (Opaque, Record, Cycle, Lazy)):
        raise TypeError(f"{view} of a {type(value).__name__}")
    return functions[view](value)


def _truth(value: Any) -> bool | None:
    """Return what `bool` gives for the value, None where nobody can tell."""
    if isinstance(value, (Opaque, Cycle)):
        return None
    if isinstance(value, Lazy):
        return bool(value.items) or value.kind not in _SIZED
    if isinstance(value, Record):
        return bool(value.fields) or not value.is_tuple
    return bool(value)


def _is_set_like(value: Any) -> bool:
    return isinstance(value, (set, frozenset)) or (isinstance(value, Lazy) and value.kind in _SET_LIKE)


def _is_number(value: Any) -> bool:
    return isinstance(value, (bool, int, float, complex))


def _same_number(got: Any, expected: Any, atol: float) -> bool:
    if got == expected:
        return True
    if got != got and expected != expected:
        return True
    if atol == 0.0 or not any(isinstance(value, (float, complex)) for value in (got, expected)):
        return False
    try:
        return bool(abs(got - expected) <= atol)
    except OverflowError:  # an int too large for a float
        return False


def _same_items(got: Any, expected: Any, atol: float) -> bool:
    return len(got) == len(expected) and all(same_value(a, b, atol) for a, b in zip(got, expected, strict=True))


def _same_set(got: Any, expected: Any, atol: float) -> bool:
    got, expected = (value.items if isinstance(value, Lazy) else value for value in (got, expected))
    if len(got) != len(expected):
        return False
    try:
        got, expected = to_set(got), to_set(expected)
    except (TypeError, ValueError):  # a view of a dict whose values hold lists
        return False
    if len(got) != len(expected):  # a forged view that repeats itself
        return False
    left = list(expected - got)
    for item in got - expected:
        match = next((index for index, other in enumerate(left) if same_value(item, other, atol)), None)
        if match is None:
            return False
        del left[match]
    return True


def _same_dict(got: Any, expected: Any, atol: float) -> bool:
    if len(got) != len(expected):
        return False
    left = [key for key in expected if key not in got]
    for key, value in got.items():
        found = key if key in expected else next((one for one in left if same_value(key, one, atol)), _NO_KEY)
        if found is _NO_KEY or not same_value(value, expected[found], atol):
            return False
        if key not in expected:
            left.remove(found)
    return True


def _same_record(got: Record, expected: Record, atol: float) -> bool:
    if (got.name, got.is_tuple, len(got.fields)) != (expected.name, expected.is_tuple, len(expected.fields)):
        return False
    return all(
        a[0] == b[0] and same_value(a[1], b[1], atol) for a, b in zip(got.fields, expected.fields, strict=True)
    )
