"""Problems of one's own, one JSON object a line.

Columns:
    problem_id   unique text
    prompt       the task in words
    entry_point  name of the function that is tested
    tests        a list of assert lines, or one text: asserts, a function `check(candidate)`, or a pytest or
                 unittest module that imports what it tests from `solution`; or
    cases        a list of {"arguments": [...], "expected": ...}, JSON values; or of {"stdin": "...",
                 "stdout": "..."} for a program on standard input and output, which has no entry_point
    compare      how printed text is compared: tokens, lines or exact (optional; lines)
    language     such as java or cpp (optional; python). `tests` of other languages than Python are code with a
                 `main`, functions `Test...(t *testing.T)` or `#[test]`, run in the solution's process
    signature    the function's first line, shown in the prompt (optional; Python takes the reference's first)
    setup        code that runs before the candidate's and before the tests (optional)
    reference    a right solution, whole (optional; its signature is then shown in the prompt)
    level, topic, license    text (optional)
    continuation code that a plain completion continues (optional)
    atol         tolerance of every expected value, 0 or missing for none (optional; see `schemas.problem.Case`)
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast, get_args

from pairsmith.pipeline.languages.table import ALIASES, LANGUAGES, title_of
from pairsmith.pipeline.problems.convert.cases import Rule, text_conversion
from pairsmith.pipeline.problems.convert.conversion import Conversion
from pairsmith.pipeline.problems.files import Row, RowError, missing, name, number, read_rows, text
from pairsmith.pipeline.problems.records import DropReason, Found
from pairsmith.pipeline.problems.rows import convert_or_refuse, found_in, make_problem
from pairsmith.pipeline.problems.wording import chat_prompt, foreign_prompt, program_prompt, signature_of
from pairsmith.schemas.problem import Case, Interface, JudgedBy, Problem
from pairsmith.schemas.values import ValueTooLargeError, encode_arguments, encode_value


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
    if not text(row, "problem_id"):
        raise RowError(DropReason.BAD_VALUE, "column 'problem_id' is empty")
    cases = row.get("cases")
    is_program = isinstance(cases, list) and any(isinstance(case, dict) and "stdin" in case for case in cases)
    return _program(row) if is_program else _function(row)


def _program(row: Row) -> tuple[Problem, str]:
    for column in ("tests", "entry_point", "setup"):
        if row.get(column):
            raise RowError(DropReason.BAD_VALUE, f"column {column!r} beside cases of 'stdin' and 'stdout'")
    for index, case in enumerate(row["cases"]):
        if not isinstance(case, dict) or case.keys() != {"stdin", "stdout"}:
            raise RowError(DropReason.BAD_VALUE, f"cases[{index}] must hold 'stdin' and 'stdout', nothing else")
    compare, atol = text(row, "compare", "lines"), number(row, "atol")
    if compare not in get_args(Rule):
        raise RowError(
            DropReason.BAD_VALUE, f"column 'compare' holds {compare!r}; {', '.join(get_args(Rule))} are known"
        )
    if compare == "exact" and atol > 0.0:
        raise RowError(DropReason.BAD_VALUE, "columns 'atol' and 'compare': an exact comparison has no tolerance")
    language = language_of(row)
    pairs = [(case["stdin"], case["stdout"]) for case in row["cases"]]
    problem = make_problem(
        problem_id=text(row, "problem_id"),
        source="jsonl",
        entry_point="",
        prompt=program_prompt(text(row, "prompt"), title_of(language)),
        continuation=text(row, "continuation", ""),
        conversion=text_conversion(pairs, cast(Rule, compare), atol),
        reference=text(row, "reference", ""),
        level=text(row, "level", ""),
        topic=text(row, "topic", ""),
        spdx=text(row, "license", ""),
        interface=Interface.STDIN,
    )
    return replace(problem, language=language), ""


def _function(row: Row) -> tuple[Problem, str]:
    language = language_of(row)
    if language != "python":
        return _foreign_function(row, language), ""
    problem_id, entry_point, task = text(row, "problem_id"), name(row, "entry_point"), text(row, "prompt")
    setup, reference = text(row, "setup", ""), text(row, "reference", "")
    signature = signature_of(reference, entry_point)
    if reference and not signature:
        raise RowError(DropReason.BAD_VALUE, f"column 'reference' defines no function {entry_point!r}")
    head = text(row, "signature", "")
    if head and not signature:
        signature = signature_of(f"{head}\n    pass", entry_point)
        if not signature:
            raise RowError(
                DropReason.BAD_VALUE, f"column 'signature' holds {head[:60]!r}, not `def {entry_point}(...):`"
            )
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


def _foreign_function(row: Row, language: str) -> Problem:
    """Return a function problem in another language: typed cases, or tests that run in the solution's process."""
    entry_point = text(row, "entry_point")
    if not all(part.isidentifier() for part in entry_point.split(".", 1)):
        raise RowError(DropReason.BAD_VALUE, f"column 'entry_point' holds {entry_point[:40]!r}, not a name")
    if "tests" in row and "cases" in row:
        raise RowError(DropReason.BAD_VALUE, "both 'tests' and 'cases'; give one of them")
    if "cases" in row:
        conversion = _conversion(row, entry_point, "", "")
    else:
        conversion = Conversion(JudgedBy.IN_PROCESS, (), text(row, "tests"))
    problem = make_problem(
        problem_id=text(row, "problem_id"),
        source="jsonl",
        entry_point=entry_point,
        prompt=foreign_prompt(text(row, "prompt"), language, entry_point, text(row, "signature", "")),
        continuation=text(row, "continuation", ""),
        conversion=conversion,
        setup=text(row, "setup", ""),
        reference=text(row, "reference", ""),
        level=text(row, "level", ""),
        topic=text(row, "topic", ""),
        spdx=text(row, "license", ""),
    )
    return replace(problem, language=language)


def language_of(row: Row) -> str:
    """Return the language of a row, Python where it names none.

    Raises:
        RowError: if it names one that the table doesn't have.
    """
    language = text(row, "language", "python").lower()
    language = ALIASES.get(language, language)
    if language != "python" and language not in LANGUAGES:
        known = ", ".join(["python", *LANGUAGES])
        raise RowError(DropReason.BAD_VALUE, f"column 'language' holds {language!r}; known are {known}")
    return language


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
