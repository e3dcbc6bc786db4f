"""Problems of one's own, one JSON object a line.

Columns:
    problem_id   unique text
    prompt       the task in words
    entry_point  name of the function that is tested
    tests        a list of assert lines, or one text of asserts or of a function `check(candidate)`; or
    cases        a list of {"arguments": [...], "expected": ...}, JSON values
    setup        code that runs before the candidate's and before the tests (optional)
    reference    a right solution, whole (optional; its signature is then shown in the prompt)
    level, topic, license    text (optional)
    continuation code that a plain completion continues (optional)
    atol         absolute tolerance of every expected value, 0 or missing for none (optional)
"""

from pathlib import Path
from typing import Any

from pipeline.problems.conversion import Conversion
from pipeline.problems.files import Row, RowError, missing, name, number, read_rows, text
from pipeline.problems.records import DropReason, Found
from pipeline.problems.rows import convert_or_refuse, found_in, make_problem
from pipeline.problems.wording import chat_prompt, signature_of
from schemas.problem import Case, JudgedBy, Problem
from schemas.values import ValueTooLargeError, encode_arguments, encode_value


def load_jsonl(path: Path) -> list[Found]:
    """Return the problems of such a file; a broken line is named and costs that line only.

    Raises:
        ProblemsError: if the file can't be read or is empty.
    """
    return found_in(read_rows(path), _build)


def joined_tests(row: Row, column: str) -> str:
    """Return tests, given as lines or as one text, as one source.

    Raises:
        RowError: if the column is missing or holds something else.
    """
    tests = row.get(column)
    if isinstance(tests, list) and all(isinstance(line, str) for line in tests):
        return "\n".join(line.replace("\r\n", "\n").strip() for line in tests)
    return text(row, column)


def _build(row: Row) -> tuple[Problem, str]:
    problem_id, entry_point, task = text(row, "problem_id"), name(row, "entry_point"), text(row, "prompt")
    if not problem_id:
        raise RowError(DropReason.BAD_VALUE, "column 'problem_id' is empty")
    setup, reference = text(row, "setup", ""), text(row, "reference", "")
    signature = signature_of(reference, entry_point)
    if reference and not signature:
        raise RowError(DropReason.BAD_VALUE, f"column 'reference' defines no function {entry_point!r}")
    conversion = _conversion(row, entry_point, setup, signature)
    problem = make_problem(
        problem_id=problem_id,
        source="jsonl",
        entry_point=entry_point,
        prompt=chat_prompt(task, signature or entry_point),
        continuation=text(row, "continuation", ""),
        conversion=conversion,
        setup=setup,
        reference=reference,
        level=text(row, "level", ""),
        topic=text(row, "topic", ""),
        spdx=text(row, "license", ""),
    )
    return problem, conversion.reason


def _conversion(row: Row, entry_point: str, setup: str, signature: str) -> Conversion:
    if "tests" in row and "cases" in row:
        raise RowError(DropReason.BAD_VALUE, "both 'tests' and 'cases'; give one of them")
    atol = number(row, "atol")
    if "cases" not in row:
        if "tests" not in row:
            raise missing("tests", row)
        return convert_or_refuse(joined_tests(row, "tests"), entry_point, setup, atol, signature)
    cases = row["cases"]
    if not isinstance(cases, list):
        raise RowError(DropReason.BAD_VALUE, "column 'cases' is no list")
    if not cases:
        raise RowError(DropReason.NO_TESTS, "column 'cases' is empty: zero cases prove nothing")
    return Conversion(JudgedBy.CASES, tuple(_case(case, index, atol) for index, case in enumerate(cases)))


def _case(case: Any, index: int, atol: float) -> Case:
    if not isinstance(case, dict) or case.keys() != {"arguments", "expected"}:
        raise RowError(DropReason.BAD_VALUE, f"cases[{index}] must hold 'arguments' and 'expected', nothing else")
    if not isinstance(case["arguments"], list):
        raise RowError(DropReason.BAD_VALUE, f"cases[{index}]: 'arguments' is no list")
    try:
        arguments, expected = encode_arguments(case["arguments"]), encode_value(case["expected"])
    except ValueTooLargeError as error:
        raise RowError(DropReason.BAD_VALUE, f"cases[{index}]: {error}") from None
    return Case(arguments, expected, "close", atol) if atol > 0.0 else Case(arguments, expected)
