"""Cases from tests that were published as JSON: printed texts, or arguments and values."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from pairsmith.pipeline.judging.tolerance import CONTEST_ATOL
from pairsmith.pipeline.problems.convert.conversion import Conversion
from pairsmith.pipeline.problems.files import RowError, is_utf8
from pairsmith.pipeline.problems.records import DropReason
from pairsmith.schemas.problem import Case, Compare, JudgedBy
from pairsmith.schemas.values import ValueTooLargeError, encode_arguments, encode_value


def text_conversion(tests: Iterable[tuple[Any, Any]], rule: Compare = "tokens", atol: float = 0.0) -> Conversion:
    """Return the cases of pairs of text on standard input and output.

    A text may also be a list of lines, as APPS has it. A test that is there twice counts once.

    Raises:
        RowError: if there is none, or one is no text.
    """
    cases = dict.fromkeys(
        Case(plain_text(stdin, index, "input"), plain_text(stdout, index, "output"), rule, atol, rtol=atol)
        for index, (stdin, stdout) in enumerate(tests)
    )
    if not cases:
        raise RowError(DropReason.NO_TESTS, "no tests: zero cases prove nothing")
    return Conversion(JudgedBy.CASES, tuple(cases))


def value_conversion(tests: Iterable[tuple[Any, Any]], is_boxed: bool = False) -> Conversion:
    """Return the cases of pairs of a list of arguments and the expected value, both as JSON has them.

    Args:
        is_boxed: whether an expected value may stand in a list of its own, as in APPS.

    Raises:
        RowError: if there is none, or one can't cross over.
    """
    cases = []
    for index, (arguments, expected) in enumerate(tests):
        if not isinstance(arguments, list):
            raise RowError(DropReason.BAD_VALUE, f"test {index}: its arguments are no list")
        try:
            texts = encode_arguments(arguments), encode_value(expected)
        except ValueTooLargeError as error:
            raise RowError(DropReason.BAD_VALUE, f"test {index}: {error}") from None
        boxed = is_boxed and isinstance(expected, list) and len(expected) == 1
        cases.append(Case(*texts, "boxed" if boxed else "equal_json", CONTEST_ATOL))
    if not cases:
        raise RowError(DropReason.NO_TESTS, "no tests: zero cases prove nothing")
    return Conversion(JudgedBy.CASES, tuple(cases))


def decoded(value: Any, column: str) -> Any:
    """Return a column that holds JSON as text; what is decoded already stays as it is.

    Raises:
        RowError: if it is no JSON.
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else None
    except (ValueError, RecursionError) as error:
        raise RowError(DropReason.BAD_VALUE, f"column {column!r} holds no JSON: {error}") from None


def pairs(tests: Any, column: str, keys: tuple[str, str]) -> Iterator[tuple[Any, Any]]:
    """Give the tests of an object that holds two lists of one length, in their order.

    Raises:
        RowError: if it is no such object.
    """
    inputs, outputs = (tests.get(key) if isinstance(tests, dict) else None for key in keys)
    if not isinstance(inputs, list) or not isinstance(outputs, list):
        raise RowError(DropReason.BAD_VALUE, f"column {column!r} holds no lists {keys[0]!r} and {keys[1]!r}")
    if len(inputs) != len(outputs):
        raise RowError(
            DropReason.BAD_VALUE, f"column {column!r}: {len(inputs)} of {keys[0]!r}, {len(outputs)} of {keys[1]!r}"
        )
    return zip(inputs, outputs, strict=True)


def plain_text(value: Any, index: int, side: str) -> str:
    """Return one side of a test on standard input and output.

    Raises:
        RowError: if it is no text, nor a list of lines.
    """
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "\n".join(value)
    if not isinstance(value, str):
        raise RowError(DropReason.BAD_VALUE, f"test {index}: its {side} is {type(value).__name__}, not text")
    if not is_utf8(value):
        raise RowError(DropReason.BAD_VALUE, f"test {index}: its {side} holds half a surrogate pair")
    return value.replace("\r\n", "\n")
