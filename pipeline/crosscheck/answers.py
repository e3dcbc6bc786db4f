"""What a program answered to one input, in a form in which equal answers are equal."""

from collections.abc import Sequence
from typing import Any

from pairsmith.pipeline.crosscheck.running import Ran
from pairsmith.pipeline.judging.equality import view_value
from pairsmith.pipeline.sandbox import Answer
from pairsmith.schemas.execution import Status
from pairsmith.schemas.problem import Case
from pairsmith.schemas.values import Cycle, Lazy, Opaque, Record, decode_value

UNKNOWN = ""
"""The program gave no answer that could be compared: out of time, memory or depth, or nothing comparable."""
RAISED = "raised"
"""The program refused the input, whatever the exception's type."""

_DIGITS = 9  # significant digits of floats; fewer where the tests are tolerant
_NO_ANSWER = (Status.TIMEOUT, Status.MEMORY, Status.OUTPUT_LIMIT, Status.NOT_RUN, Status.FAULT)


def reading_of(cases: Sequence[Case]) -> Case:
    """Return how a problem's tests read answers: their own case where all read alike, plain equality elsewhere."""
    ways = {(case.compare, case.view) for case in cases}
    tolerant = max((case.atol for case in cases), default=0.0)
    if len(ways) != 1:
        views = {view for _, view in ways}
        return Case(
            "[]", "null", "close" if tolerant else "equal", tolerant, views.pop() if len(views) == 1 else ""
        )
    ((compare, view),) = ways
    return Case("[]", "null", compare, tolerant, view)


def answer_key(answer: Answer, reading: Case) -> str:
    """Return a text that is equal for equal answers; UNKNOWN or RAISED where there is none.

    Numbers are told apart as Python does (True == 1 == 1.0), floats by nine significant digits, or by six where
    the tests allow a tolerance. Sets and dicts have no order.

    Args:
        answer: what one call gave.
        reading: how the problem's tests read an answer (see `reading_of`).
    """
    if answer.status in _NO_ANSWER:
        return UNKNOWN
    if answer.status is not Status.OK:
        return UNKNOWN if answer.exception == "RecursionError" else RAISED
    try:
        value = view_value(decode_value(answer.value), reading.view)
        if reading.compare in ("truthy", "falsy"):
            return f"truth {bool(value)}"
        return _form(value, 6 if reading.compare == "close" else _DIGITS)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return RAISED  # a view that this value has not: the test would have raised


def answer_keys(ran: Ran, n: int, reading: Case) -> tuple[str, ...]:
    """Return one key an input; all UNKNOWN where the sandbox broke."""
    if len(ran.answers) != n:
        return (UNKNOWN,) * n
    return tuple(answer_key(answer, reading) for answer in ran.answers)


def _form(value: Any, digits: int) -> str:
    if value is None or isinstance(value, str):
        return repr(value)
    if isinstance(value, (bool, int)):
        return _number(int(value), digits)
    if isinstance(value, float):
        return _number(value, digits)
    if isinstance(value, complex):
        return f"complex({_number(value.real, digits)},{_number(value.imag, digits)})"
    if isinstance(value, Opaque):
        raise ValueError("an opaque value equals nothing")
    if isinstance(value, Record):
        parts = [part if value.is_tuple else (name, part) for name, part in value.fields]
        return ("" if value.is_tuple else value.name) + _form(tuple(parts), digits)
    if isinstance(value, Lazy):
        return f"{value.kind}{_form(list(value.items), digits)}"
    if isinstance(value, Cycle):
        return f"cycle{value.levels}"
    if isinstance(value, dict):
        pairs = sorted(f"{_form(key, digits)}:{_form(part, digits)}" for key, part in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, (set, frozenset)):
        return "{" + ",".join(sorted(_form(part, digits) for part in value)) + "}."
    if isinstance(value, (list, tuple)):
        inner = ",".join(_form(part, digits) for part in value)
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    return repr(value)


def _number(value: int | float, digits: int) -> str:
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return repr(value)
        if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        return f"{round(value, digits):.{digits}g}"
    return str(value) if abs(value) < 2**53 else hex(value)
