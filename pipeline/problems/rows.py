"""Reading of rows: JSON-lines files in which a broken line costs that line only, and the problems made of rows."""

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pairsmith.pipeline.problems.conversion import Conversion, TestSyntaxError, convert_tests
from pairsmith.pipeline.problems.records import DroppedProblem, DropReason, Found, PendingProblem, ProblemsError
from pairsmith.pipeline.problems.wording import code_before, completion_prompt, parameters_of
from pairsmith.pipeline.run.lines import LIMIT_S, MAX_LINE_BYTES, LinesError, each_in_time, read_lines
from pairsmith.pipeline.run.safe_text import is_utf8
from pairsmith.schemas.problem import Case, Compare, Interface, JudgedBy, Problem
from pairsmith.schemas.values import ValueTooLargeError, encode_arguments

Row = Mapping[str, Any]
_ROWS_A_FORK = 256


class RowError(ValueError):
    """One row can't become a problem; carries the reason that is counted."""

    def __init__(self, message: str, reason: DropReason = DropReason.BAD_VALUE) -> None:
        """Keep the reason with the message."""
        super().__init__(message)
        self.reason = reason


def read_rows(path: Path) -> Iterator[tuple[str, Row | DroppedProblem]]:
    """Give each line as (`name:line`, row), or what is wrong with it; blank lines are passed over.

    Raises:
        ProblemsError: if the file can't be read or holds no line.
    """
    n_lines = 0
    try:
        for number, line in enumerate(read_lines(path), start=1):
            if line is None or line.strip():
                n_lines += 1
                where = f"{path.name}:{number}"
                yield where, _parse(line, where)
    except FileNotFoundError:
        raise ProblemsError(f"{path}: no such file; set problems.path to the file of problems") from None
    except LinesError as error:
        raise ProblemsError(str(error)) from None
    if n_lines == 0:
        raise ProblemsError(f"{path}: contains no problems; write one JSON object per line")


def _parse(line: bytes | str | None, where: str) -> Row | DroppedProblem:
    if line is None:
        return DroppedProblem(where, DropReason.BAD_VALUE, f"longer than {MAX_LINE_BYTES >> 20} MiB")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return DroppedProblem(where, DropReason.NOT_JSON, f"not JSON: {error}")
    if isinstance(row, dict):
        return row
    return DroppedProblem(where, DropReason.NOT_JSON, f"a JSON {type(row).__name__}, not an object")


def text(row: Row, column: str, default: str | None = None) -> str:
    """Return a column that holds text.

    Raises:
        RowError: if it is missing and there is no default, or holds something else.
    """
    value = row.get(column)
    if value is None:
        if default is None:
            raise missing(column, row)
        return default
    if not isinstance(value, str):
        raise RowError(f"column {column!r} is {type(value).__name__}, not text")
    if not is_utf8(value):
        raise RowError(f"column {column!r} contains half of a surrogate pair")
    return value.replace("\r\n", "\n")


def name(row: Row, column: str) -> str:
    """Return a column that holds the name of a function.

    Raises:
        RowError: if it is missing or no name.
    """
    value = text(row, column)
    if not value.isidentifier():
        raise RowError(f"column {column!r} is {value[:40]!r}, not a function's name")
    return value


def number(row: Row, column: str) -> float:
    """Return a column that holds a number from 0 up, 0.0 where it is missing.

    Raises:
        RowError: if it holds something else.
    """
    value = row.get(column, 0.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value < float("inf"):
        raise RowError(f"column {column!r} is {value!r}, not a number of at least 0")
    return float(value)


def missing(column: str, row: Row) -> RowError:
    """Return the error for a missing column."""
    return RowError(f"no column {column!r}; the columns are {', '.join(sorted(row))}", DropReason.MISSING_COLUMN)


def found_in(
    rows: Iterable[tuple[str, Row | DroppedProblem]],
    build: Callable[[Row], tuple[Problem | PendingProblem, str]],
    requires: Callable[[Row], tuple[str, ...]] = lambda row: (),
) -> list[Found]:
    """Return what `build` makes of each row: problem, and why its tests are not cases. Errors cost a row.

    So does a row that takes more CPU time or memory than any may: rows are built in a fork.

    Args:
        requires: gives the packages that a row asks for.
    """
    iterator, found = iter(rows), list[Found]()
    while batch := list(itertools.islice(iterator, _ROWS_A_FORK)):  # whole files need not fit into memory
        items = each_in_time(batch, lambda item: _built(*item, build, requires))
        for (where, _), item in zip(batch, items, strict=True):
            message = f"reading it takes more than {LIMIT_S:.0f} s or all memory"
            found.append(item or Found(where, DroppedProblem(where, DropReason.BAD_VALUE, message)))
    return found


def _built(
    where: str,
    row: Row | DroppedProblem,
    build: Callable[[Row], tuple[Problem | PendingProblem, str]],
    requires: Callable[[Row], tuple[str, ...]],
) -> Found:
    if isinstance(row, DroppedProblem):
        return Found(where, row)
    try:
        outcome, why = build(row)
        _refuse_half_characters(outcome.problem if isinstance(outcome, PendingProblem) else outcome)
        return Found(where, outcome, why, requires(row))
    except RowError as error:
        reason, message = error.reason, str(error)
    except TestSyntaxError as error:
        reason, message = DropReason.BAD_TESTS, f"tests, setup or reference are not Python: {error}"
    except (RecursionError, ArithmeticError, MemoryError) as error:
        reason, message = DropReason.BAD_VALUE, f"too large or nested too deep ({type(error).__name__})"
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        message = f"a value has an unexpected form for this source ({type(error).__name__}: {error})"
        reason = DropReason.BAD_VALUE
    return Found(where, DroppedProblem(where, reason, message))


def _refuse_half_characters(problem: Problem) -> None:
    """Raise RowError where a text of a problem can't be written as UTF-8, whichever column it came from."""
    parts: tuple[Problem | Case, ...] = (problem, *problem.cases)
    for part in parts:
        for field in dataclasses.fields(part):
            value = getattr(part, field.name)
            if isinstance(value, str) and not (value.isascii() or is_utf8(value)):
                raise RowError(f"its {field.name} contains half of a surrogate pair")


def make_problem(
    *,
    problem_id: str,
    source: str,
    entry_point: str,
    prompt: str,
    conversion: Conversion,
    continuation: str = "",
    setup: str = "",
    reference: str = "",
    level: str = "",
    topic: str = "",
    spdx: str = "",
    interface: Interface = Interface.FUNCTION,
) -> Problem:
    """Return a Python problem judged the way that its tests were converted."""
    return Problem(
        problem_id=problem_id, source=source, language="python", entry_point=entry_point, prompt=prompt,
        continuation=continuation, setup=setup, judged_by=conversion.judged_by, cases=conversion.cases,
        test_code=conversion.test_code, reference=reference, level=level, topic=topic, license=spdx,
        interface=interface,
    )  # fmt: skip


def continued_problem(row: Row, source: str, conversion: Conversion, spdx: str, joint: str = "") -> Problem:
    """Return the problem of a row with HumanEval's columns: a prompt that the canonical solution goes on from.

    Args:
        joint: what comes between the prompt and the canonical solution.

    Raises:
        RowError: if the row lacks something.
    """
    entry_point, prompt = name(row, "entry_point"), text(row, "prompt")
    return make_problem(
        problem_id=text(row, "task_id"),
        source=source,
        entry_point=entry_point,
        prompt=completion_prompt(prompt, entry_point),
        continuation=prompt,
        conversion=conversion,
        setup=code_before(prompt, entry_point),
        reference=prompt + joint + text(row, "canonical_solution"),
        spdx=spdx,
    )


def encode_inputs(inputs: Iterable[Sequence[Any]]) -> tuple[str, ...]:
    """Return argument lists as texts (see `schemas.values`), each once, in order.

    Raises:
        RowError: if one is larger than a value may be.
    """
    try:
        return tuple(dict.fromkeys(map(encode_arguments, inputs)))
    except ValueTooLargeError as error:
        raise RowError(f"an input is {error}") from None


def convert_or_refuse(
    source: str,
    entry_point: str,
    setup: str,
    rule: tuple[Compare, float, float] = ("equal", 0.0, 0.0),
    signature: str = "",
) -> Conversion:
    """Return the conversion of tests.

    Args:
        rule: how those cases are compared that ask for equality: rule, absolute and relative tolerance.

    Raises:
        RowError: if there is no test at all, or a rule for tests that are not cases.
        TestSyntaxError: if tests or setup are not Python.
    """
    if "assert" not in source and entry_point not in source:
        raise RowError("no tests: neither an assert nor a call of the entry point", DropReason.NO_TESTS)
    conversion = convert_tests(source, entry_point, setup, parameters_of(signature))
    compare, atol, rtol = rule
    if compare == "equal":
        return conversion
    if conversion.judged_by is not JudgedBy.CASES:
        raise RowError(f"'compare' or a tolerance, but the tests compare values themselves: {conversion.reason}")
    cases = (
        dataclasses.replace(case, compare=compare, atol=atol, rtol=rtol) if case.compare == "equal" else case
        for case in conversion.cases
    )
    return dataclasses.replace(conversion, cases=tuple(cases))


def plain_text(value: Any, index: int, side: str) -> str:
    """Return one side of a test on standard input and output.

    Raises:
        RowError: if it is not text, nor a list of lines.
    """
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "\n".join(value)
    if not isinstance(value, str):
        raise RowError(f"test {index}: its {side} is {type(value).__name__}, not text")
    if not is_utf8(value):
        raise RowError(f"test {index}: its {side} contains half of a surrogate pair")
    return value.replace("\r\n", "\n")
