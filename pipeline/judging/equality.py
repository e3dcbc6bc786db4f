"""Compares what came out of a sandbox with what is expected.

The only place where expected values and a candidate's values meet. Both are texts by then (`schemas.values`), so
no object of the candidate's takes part in the comparison. `schemas.problem.Compare` says what each rule means.
"""

from collections import ChainMap, UserDict, UserList, UserString
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from numbers import Number
from typing import Any

from pairsmith.pipeline.judging.foreign import same_in, same_words
from pairsmith.pipeline.judging.stdout import same_text
from pairsmith.pipeline.judging.tolerance import EXACT, Tolerance
from pairsmith.schemas.execution import CaseRun, Status
from pairsmith.schemas.problem import Case
from pairsmith.schemas.values import (
    MAX_NODES,
    Cycle,
    Lazy,
    Opaque,
    Record,
    Viewed,
    decode_value,
    encode_value,
    to_set,
)

ACCEPTED, REFUSED, BROKEN = "accepted", "refused", "broken"  # what a checker says, see `judging.checkers`
MANY_ANSWERS = frozenset({"checker", "one_of"})
"""Rules under which answers that differ may all be right."""
TEXT_RULES = frozenset({"tokens", "lines", "exact", "numbers"})
_SET_LIKE = ("dict_keys", "dict_items")  # equal to sets in Python
_SIZED = ("range", "deque", "dict_keys", "dict_values", "dict_items")  # lazy values that have a length
_NO_KEY = object()
_MAX_LEFT = 500  # items compared each with each: a hostile answer must not cost minutes
Same = Callable[[Any, Any], bool]


def matches(case: Case, run: CaseRun, language: str = "python") -> bool:
    """Return whether the value of one run is what the case asks for; see `judging.foreign` for languages."""
    if run.status is not Status.OK:
        return False
    if case.compare == "checker":
        return run.checked == ACCEPTED
    try:
        if case.compare in TEXT_RULES:
            printed = decode_value(run.value)
            return isinstance(printed, str) and same_text(
                printed, case.expected, case.compare, case.atol, case.rtol
            )
        got, expected = view_value(decode_value(run.value), case.view), decode_value(case.expected)
        return _by_rule(case, got, expected, language)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False  # a view that this value has not (`sorted` of an int): the test would have raised


def has_own_equality(text: str) -> bool:
    """Return whether a value holds an object whose class says itself what it equals: nobody here can ask it."""
    return '{"own":' in text


def agree(case: Case, first: CaseRun, second: CaseRun, language: str = "python") -> bool:
    """Return whether two runs of one program gave the same answer to a case, as the case compares answers.

    Two lists in another order agree where order does not count. Answers that a checker decides on agree where it
    says the same of both.
    """
    if (first.status, first.exception) != (second.status, second.exception):
        return False
    if first.output_digest == second.output_digest:
        return True
    if first.status is not Status.OK:
        return False
    if case.compare in ("checker", "one_of", "boxed", "truthy", "falsy"):
        return matches(case, first, language) == matches(case, second, language) and (
            case.compare != "checker" or first.checked.partition(":")[0] == second.checked.partition(":")[0]
        )
    try:
        if case.compare in TEXT_RULES:
            expected = decode_value(second.value)
            return isinstance(expected, str) and matches(replace(case, expected=expected), first, language)
        got, expected = (view_value(decode_value(run.value), case.view) for run in (first, second))
        return _by_rule(case, got, expected, language)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False


def _by_rule(case: Case, got: Any, expected: Any, language: str) -> bool:
    tolerance = EXACT if case.compare == "equal" else Tolerance(case.atol, case.rtol)

    def same(one: Any, other: Any) -> bool:
        return same_value(one, other, tolerance)

    if case.compare in ("truthy", "falsy"):
        return _truth(got) is (case.compare == "truthy")
    if language != "python" and case.compare in ("equal", "approx", "equal_json"):
        return same_in(language, same_value, got, expected, tolerance)
    if case.compare in ("equal", "approx"):
        return same(got, expected)
    if language == "bash":
        return same_words(got, expected, case.compare, tolerance)
    got, expected = _as_json(got), _as_json(expected)
    if case.compare in ("unordered", "set"):
        return _same_in_any_order(got, expected, same, counts_repeats=case.compare == "unordered")
    if case.compare == "one_of":
        return isinstance(expected, list) and any(same(got, choice) for choice in expected)
    return same(got, expected) or (case.compare == "boxed" and same([got], expected))


def same_value(got: Any, expected: Any, tolerance: Tolerance = EXACT) -> bool:
    """Return whether two decoded values are equal as Python's `==` has it, with two exceptions.

    `True == 1 == 1.0`, a list is no tuple but a named tuple is one, sets and dicts have no order. The exceptions:
    nan equals nan (a problem that expects nan wants it), and numbers may differ by a tolerance at any depth. An
    opaque value equals nothing; a cycle equals a cycle that goes as far up; lazy values of one kind are equal if
    their items are.

    Args:
        got: the candidate's value, as `schemas.values.decode_value` gives it.
        expected: the problem's.
        tolerance: of floats, complex numbers, fractions and decimals.
    """
    if isinstance(got, Opaque) or isinstance(expected, Opaque):
        return False
    if isinstance(got, Number) and isinstance(expected, Number):
        return _same_number(got, expected, tolerance)
    if _is_set_like(got) and _is_set_like(expected):
        return _same_set(got, expected, tolerance)
    if isinstance(got, (Decimal, Fraction)) or isinstance(expected, (Decimal, Fraction)):
        return bool(got == expected)
    got, expected = _as_built_in(got), _as_built_in(expected)
    if type(got) is not type(expected):
        return False
    if isinstance(got, (list, tuple)):
        return _same_items(got, expected, tolerance)
    if isinstance(got, dict):
        return _same_dict(got, expected, tolerance)
    if isinstance(got, Record):
        return _same_record(got, expected, tolerance)
    if isinstance(got, Lazy):
        return got.kind == expected.kind and _same_items(got.items, expected.items, tolerance)
    if isinstance(got, Cycle):
        return bool(got.levels == expected.levels)
    return bool(got == expected)


def loosen(value: Any, rule: str) -> Any:
    """Return a value without what a rule of comparison does not look at: equal values become alike.

    Items in any order are sorted by their texts.
    """
    if rule not in ("equal_json", "boxed", "unordered", "set"):
        return value
    value = _as_json(value)
    items = _items(value) if rule in ("unordered", "set") else None
    if items is None:
        return value
    return [item for _, (item, n) in sorted(items.items()) for _ in range(n if rule == "unordered" else 1)]


def _as_json(value: Any) -> Any:
    """Return a value as JSON has it: tuples as lists, keys as texts, at any depth.

    Raises:
        ValueError: if two keys have one text.
    """
    value = _as_built_in(value)
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    if isinstance(value, dict):
        loose = {_key_text(key): _as_json(item) for key, item in value.items()}
        if len(loose) != len(value):
            raise ValueError("two keys of one text")
        return loose
    return value


def _key_text(key: Any) -> Any:
    """Return what JSON makes of a key: 1 is "1", True is "true"."""
    if isinstance(key, bool) or key is None:
        return {True: "true", False: "false", None: "null"}[key]
    if isinstance(key, (int, float)):
        return repr(key)
    return key


def _as_plain(value: Any) -> Any:
    """Return a named tuple as the tuple that it is; anything else as it is."""
    if isinstance(value, Record) and value.is_tuple:
        return tuple(part for _, part in value.fields)
    return value


def _same_in_any_order(got: Any, expected: Any, same: Same, counts_repeats: bool) -> bool:
    """Return whether two collections hold the same items. What is written alike is matched first."""
    ours, theirs = _items(got), _items(expected)
    if ours is None or theirs is None:
        return same(got, expected)
    if not counts_repeats:
        return _covered(ours, theirs, same) and _covered(theirs, ours, lambda a, b: same(b, a))
    left = _surplus(ours, theirs)
    wanted = _surplus(theirs, ours)
    if len(left) != len(wanted):
        return False
    if all(isinstance(item, (int, float)) for item in [*left, *wanted]):
        return all(map(same, sorted(left), sorted(wanted)))
    return len(left) <= _MAX_LEFT and _pair_off(left, wanted, same)


def _covered(ours: dict[str, tuple[Any, int]], theirs: dict[str, tuple[Any, int]], same: Same) -> bool:
    """Return whether every item has its like among the others."""
    left = [item for text, (item, _) in ours.items() if text not in theirs]
    return len(left) <= _MAX_LEFT and all(any(same(item, other) for other, _ in theirs.values()) for item in left)


def _items(value: Any) -> dict[str, tuple[Any, int]] | None:
    """Return the items of a collection by their text, each with its number; None for what is no collection."""
    items = value.items if isinstance(value, Lazy) else value
    if not isinstance(items, (list, tuple, set, frozenset)):
        return None
    found: dict[str, tuple[Any, int]] = {}
    for item in items:
        text = encode_value(item)
        found[text] = (item, found.get(text, (item, 0))[1] + 1)
    return found


def _surplus(ours: dict[str, tuple[Any, int]], theirs: dict[str, tuple[Any, int]]) -> list[Any]:
    return [item for text, (item, n) in ours.items() for _ in range(n - theirs.get(text, (None, 0))[1])]


def _pair_off(left: list[Any], wanted: list[Any], same: Same) -> bool:
    """Return whether each item of one list has an item of the other to itself."""
    for item in left:
        found = next((index for index, other in enumerate(wanted) if same(item, other)), None)
        if found is None:
            return False
        del wanted[found]
    return not wanted


def _as_built_in(value: Any) -> Any:
    """Return a value of the standard library as the built-in value that it equals in Python; all else as it is."""
    value = _as_plain(value)
    if isinstance(value, (dict, UserDict, ChainMap)):
        return dict(value.items())
    if isinstance(value, (UserList, UserString)):
        return value.data
    return value


def view_value(value: Any, view: str) -> Any:
    """Return what the test's own wrapper would have made of the value."""
    if not view:
        return value
    if isinstance(value, Viewed):
        if value.view != view:
            raise TypeError(f"{view} of an object that gave its {value.view}")
        return value.value
    value = _as_plain(value)
    if isinstance(value, range) and len(value) > MAX_NODES:
        raise ValueError("a range of too many numbers")
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
    if isinstance(value, Viewed):
        return bool(value.value) if value.view == "bool" else None
    if isinstance(value, (Opaque, Cycle)):
        return None
    if isinstance(value, Lazy):
        return bool(value.items) or value.kind not in _SIZED
    if isinstance(value, Record):
        return bool(value.fields) or not value.is_tuple
    return bool(value)


def _is_set_like(value: Any) -> bool:
    return isinstance(value, (set, frozenset)) or (isinstance(value, Lazy) and value.kind in _SET_LIKE)


def _same_number(got: Any, expected: Any, tolerance: Tolerance) -> bool:
    if got == expected or tolerance.allows(got, expected):
        return True
    if not (got != got and expected != expected):
        return False
    if isinstance(got, complex) or isinstance(expected, complex):  # nan in one part says nothing of the other
        ours, theirs = complex(got), complex(expected)
        return all(_same_number(a, b, tolerance) for a, b in ((ours.real, theirs.real), (ours.imag, theirs.imag)))
    return True


def _same_items(got: Any, expected: Any, tolerance: Tolerance) -> bool:
    return len(got) == len(expected) and all(
        same_value(a, b, tolerance) for a, b in zip(got, expected, strict=True)
    )


def _same_set(got: Any, expected: Any, tolerance: Tolerance) -> bool:
    got, expected = (value.items if isinstance(value, Lazy) else value for value in (got, expected))
    if len(got) != len(expected):
        return False
    try:
        got, expected = to_set(got), to_set(expected)
    except (TypeError, ValueError):  # a view of a dict whose values hold lists
        return False
    if len(got) != len(expected):  # a forged view that repeats itself
        return False
    return _pair_off(list(got - expected), list(expected - got), lambda a, b: same_value(a, b, tolerance))


def _same_dict(got: Any, expected: Any, tolerance: Tolerance) -> bool:
    if len(got) != len(expected):
        return False
    left = [key for key in expected if key not in got]
    for key, value in got.items():
        found = (
            key
            if key in expected
            else next((other for other in left if same_value(key, other, tolerance)), _NO_KEY)
        )
        if found is _NO_KEY or not same_value(value, expected[found], tolerance):
            return False
        if key not in expected:
            left.remove(found)
    return True


def _same_record(got: Record, expected: Record, tolerance: Tolerance) -> bool:
    if (got.name, got.is_tuple, len(got.fields)) != (expected.name, expected.is_tuple, len(expected.fields)):
        return False
    return all(
        a[0] == b[0] and same_value(a[1], b[1], tolerance)
        for a, b in zip(got.fields, expected.fields, strict=True)
    )
