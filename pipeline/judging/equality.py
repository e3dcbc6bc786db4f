"""Compares what came out of a sandbox with what is expected.

The only place where expected values and a candidate's values meet. Both are texts by then (`schemas.values`), so
no object of the candidate's takes part in the comparison. `schemas.problem.Compare` defines each rule.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from numbers import Number
from typing import Any

from pairsmith.pipeline.judging.stdout import same_text
from pairsmith.pipeline.judging.tolerance import EXACT, Tolerance
from pairsmith.pipeline.judging.values import (
    as_built_in,
    as_json,
    items_of,
    same_in,
    same_words,
    truth_of,
    view_value,
)
from pairsmith.schemas.execution import CaseRun, Status
from pairsmith.schemas.problem import Case
from pairsmith.schemas.values import Array, Cycle, Lazy, Opaque, Record, decode_value, to_set

ACCEPTED, REFUSED, BROKEN = "accepted", "refused", "broken"  # what a checker says, see `judging.checkers`
MANY_ANSWERS = frozenset({"checker", "one_of"})
"""Rules under which answers that differ may all be right."""
TEXT_RULES = frozenset({"tokens", "lines", "exact", "numbers"})
_SET_LIKE = ("dict_keys", "dict_items")  # equal to sets in Python
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
    except (TypeError, ValueError, ArithmeticError, RecursionError):
        return False  # a view that this value has not (`sorted` of an int): the test would have raised


def has_own_equality(text: str) -> bool:
    """Return whether a value holds an object whose class says itself what it equals: nobody here can ask it."""
    return '{"own":' in text


def agree(case: Case, first: CaseRun, second: CaseRun, language: str = "python") -> bool:
    """Return whether two runs of one program gave the same answer to a case, as the case compares answers.

    Two lists in another order agree where order does not count. Two answers under a checker agree if it decides
    the same on both.
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
    except (TypeError, ValueError, ArithmeticError, RecursionError):
        return False


def _by_rule(case: Case, got: Any, expected: Any, language: str) -> bool:
    tolerance = EXACT if case.compare == "equal" else Tolerance(case.atol, case.rtol)

    def same(one: Any, other: Any) -> bool:
        return same_value(one, other, tolerance)

    if case.compare in ("truthy", "falsy"):
        return truth_of(got) is (case.compare == "truthy")
    if language != "python" and case.compare in ("equal", "approx", "equal_json"):
        return same_in(language, same_value, got, expected, tolerance)
    if case.compare == "approx":  # numpy's allclose takes lists for arrays
        return same(*(value.nested() if isinstance(value, Array) else value for value in (got, expected)))
    if case.compare == "equal":
        return same(got, expected)
    if language == "bash":
        return same_words(got, expected, case.compare, tolerance)
    got, expected = as_json(got), as_json(expected)
    if case.compare in ("unordered", "set"):
        return _same_in_any_order(got, expected, same, counts_repeats=case.compare == "unordered")
    if case.compare == "one_of":
        return isinstance(expected, list) and any(same(got, choice) for choice in expected)
    return same(got, expected) or (case.compare == "boxed" and same([got], expected))


def same_value(got: Any, expected: Any, tolerance: Tolerance = EXACT) -> bool:
    """Return whether two decoded values are equal as Python's `==` has it, with two exceptions.

    `True == 1 == 1.0`, a list is no tuple but a named tuple is one, sets and dicts have no order. The exceptions:
    nan equals nan (a problem that expects nan wants it), and numbers may differ by a tolerance at any depth.
    Arrays are equal as `numpy.array_equal` has it, whatever their dtypes, and equal no list. An
    opaque value equals nothing; a cycle equals a cycle that goes as far up; lazy values of one kind are equal if
    their items are.

    Args:
        got: the candidate's value, as `schemas.values.decode_value` gives it.
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
    got, expected = as_built_in(got), as_built_in(expected)
    if type(got) is not type(expected):
        return False
    if isinstance(got, (list, tuple)):
        return _same_items(got, expected, tolerance)
    if isinstance(got, dict):
        return _same_dict(got, expected, tolerance)
    if isinstance(got, Record):
        return _same_record(got, expected, tolerance)
    if isinstance(got, Array):
        return bool(got.shape == expected.shape) and _same_items(got.items, expected.items, tolerance)
    if isinstance(got, Lazy):
        return got.kind == expected.kind and _same_items(got.items, expected.items, tolerance)
    if isinstance(got, Cycle):
        return bool(got.levels == expected.levels)
    return bool(got == expected)


def _same_in_any_order(got: Any, expected: Any, same: Same, counts_repeats: bool) -> bool:
    """Return whether two collections hold the same items. What is written alike is matched first."""
    ours, theirs = items_of(got), items_of(expected)
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
