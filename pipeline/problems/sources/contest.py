"""Collections of contest problems: APPS, CodeContests, and what LiveCodeBench has in common with them.

Their problems are of two kinds: programs on standard input and output, and functions or methods of a class
`Solution` whose arguments and value are JSON. A line that does not hold what its form publishes is named with its
number and reason, and the rest is kept.

APPS (Hendrycks et al. 2021, arXiv:2105.09938), as published: a JSON object a line, or the Hub's rows.

    problem_id     number or text
    question       the task in words
    input_output   JSON text {"inputs": [...], "outputs": [...], "fn_name": ...}: with `fn_name` lists of arguments
                   and expected values, without it texts on standard input and output
    solutions      JSON text, a list of programs; the first that is Python 3 is the reference (optional)
    starter_code   beginning of the function or class (optional)
    difficulty     introductory, interview or competition (optional)

CodeContests (Li et al. 2022, arXiv:2203.07814), as published on the Hub, or the same as JSON lines.

    name             unique text
    description      the task in words
    public_tests, private_tests, generated_tests
                     {"input": [...], "output": [...]}: texts on standard input and output; any may be missing
    solutions        {"language": [...], "solution": [...]}; the first in Python 3 (language 3) is the reference
                     (optional)
    input_file, output_file   names of files where the program must not use standard input and output (optional)
    cf_rating        difficulty as Codeforces rates it, 0 for unknown (optional)
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from pairsmith.pipeline.extraction.statements import compiles
from pairsmith.pipeline.judging.tolerance import CONTEST_ATOL
from pairsmith.pipeline.problems.conversion import Conversion
from pairsmith.pipeline.problems.records import DroppedProblem, DropReason, Found, PendingProblem, ProblemsError
from pairsmith.pipeline.problems.rows import (
    Row,
    RowError,
    found_in,
    make_problem,
    missing,
    plain_text,
    read_rows,
    text,
)
from pairsmith.pipeline.problems.sources.hub import dataset_rows
from pairsmith.pipeline.problems.wording import function_prompt, program_prompt
from pairsmith.schemas.config import ProblemsConfig
from pairsmith.schemas.problem import Case, Compare, Interface, JudgedBy, Problem
from pairsmith.schemas.values import ValueTooLargeError, encode_arguments, encode_value

# The names that contest sites give to a `class Solution` without an import.
FUNCTION_SETUP = """\
import bisect, collections, copy, functools, heapq, itertools, json, math, operator, random, re, string, sys
from bisect import *
from collections import *
from functools import *
from heapq import *
from itertools import *
from math import *
from typing import *
from builtins import *
"""


def load_contest(
    config: ProblemsConfig, build: Callable[[Row], tuple[Problem | PendingProblem, str]]
) -> list[Found]:
    """Return what `build` makes of the rows of the configured file or dataset, with `problems.max_cases` cases.

    Raises:
        ProblemsError: if neither is configured, or it can't be read or is empty.
    """
    rows: Iterable[tuple[str, Row | DroppedProblem]]
    if config.path is not None:
        rows = read_rows(config.path)
    elif config.dataset:
        rows = dataset_rows(config)
    else:
        raise ProblemsError(
            f"problems.path is not set; source {config.source!r} needs a file, or problems.dataset"
        )
    return [
        replace(item, outcome=replace(item.outcome, cases=item.outcome.cases[: config.max_cases]))
        if isinstance(item.outcome, Problem)
        else item
        for item in found_in(rows, build)
    ]


def first_program(solutions: Iterable[Any]) -> str:
    """Return the first solution that is Python 3, empty if there is none."""
    return next((text for text in solutions if isinstance(text, str) and text.strip() and compiles(text)), "")


_APPS_TESTS, _APPS_KEYS = "input_output", ("inputs", "outputs")


def load_apps(config: ProblemsConfig) -> list[Found]:
    """Return the problems of a file or dataset in APPS's form.

    As APPS's own checker has it, an expected value may be in a list of its own, and tuples are lists. Printed
    text is compared by lines, a number may be written in any way, and one with a point may differ by a millionth.
    """
    return load_contest(config, _build_apps)


def _build_apps(row: Row) -> tuple[Problem, str]:
    if row.get("problem_id") is None:
        raise missing("problem_id", row)
    if _APPS_TESTS not in row:
        raise missing(_APPS_TESTS, row)
    tests = decoded(row[_APPS_TESTS], _APPS_TESTS)
    if not tests:
        raise RowError(f"column {_APPS_TESTS!r} is empty: zero cases prove nothing", DropReason.NO_TESTS)
    solutions = decoded(row.get("solutions"), "solutions")
    reference = first_program(solutions if isinstance(solutions, list) else ())
    task, starter = text(row, "question"), text(row, "starter_code", "")
    function: Any = tests.get("fn_name") if isinstance(tests, dict) else None
    parts: dict[str, Any] = {
        "problem_id": f"apps/{row['problem_id']}",
        "source": "apps",
        "reference": reference,
        "level": text(row, "difficulty", ""),
        "spdx": "MIT",
    }
    found = pairs(tests, _APPS_TESTS, _APPS_KEYS)
    conversion = (
        value_conversion(found, is_boxed=True) if function else text_conversion(found, "numbers", CONTEST_ATOL)
    )
    return contest_problem(task, starter, str(function or ""), conversion, **parts), ""


def contest_problem(task: str, starter: str, function: str, conversion: Conversion, **parts: Any) -> Problem:
    """Return the problem of a function, or of a program on standard input and output where no function is named.

    Args:
        starter: code that the function begins with; empty where there is none.

    Raises:
        RowError: if the function's name is none.
    """
    if not function:
        return make_problem(
            entry_point="", prompt=program_prompt(task), conversion=conversion, interface=Interface.STDIN, **parts
        )
    if not function.isidentifier():
        raise RowError(f"{function[:40]!r} is not a function's name")
    entry_point = f"Solution.{function}" if "class Solution" in starter else function
    prompt = function_prompt(task, entry_point, starter)
    return make_problem(
        entry_point=entry_point, prompt=prompt, conversion=conversion, setup=FUNCTION_SETUP, **parts
    )


_TEST_COLUMNS, _STREAMS = ("public_tests", "private_tests", "generated_tests"), ("input", "output")
_PYTHON3 = 3


def load_codecontests(config: ProblemsConfig) -> list[Found]:
    """Return the problems of a file or dataset in CodeContests' form.

    Printed text is compared by tokens, numbers with a point to a millionth. A problem that takes several right
    answers is judged by the one that its tests hold: the format has no checkers.
    """
    return load_contest(config, _build_codecontests)


def _build_codecontests(row: Row) -> tuple[Problem, str]:
    for column in ("input_file", "output_file"):
        if text(row, column, ""):
            raise RowError(
                f"its programs use the file {text(row, column)!r}, not stdin/stdout", DropReason.BAD_TESTS
            )
    if not any(column in row for column in _TEST_COLUMNS):
        raise missing("public_tests", row)
    present = [(column, decoded(row.get(column), column)) for column in _TEST_COLUMNS]
    tests = [test for column, held in present if held for test in pairs(held, column, _STREAMS)]
    rating = row.get("cf_rating")
    problem = make_problem(
        problem_id=f"codecontests/{text(row, 'name')}",
        source="codecontests",
        entry_point="",
        prompt=program_prompt(text(row, "description")),
        conversion=text_conversion(tests, atol=CONTEST_ATOL),
        reference=_reference(row),
        level=f"rating {rating}" if isinstance(rating, int) and rating > 0 else "",
        spdx="CC-BY-4.0",
        interface=Interface.STDIN,
    )
    return problem, ""


def _reference(row: Row) -> str:
    held = decoded(row.get("solutions"), "solutions")
    if not held:
        return ""
    found = pairs(held, "solutions", ("language", "solution"))
    return first_program(code for language, code in found if language in (_PYTHON3, "PYTHON3"))


def text_conversion(tests: Iterable[tuple[Any, Any]], rule: Compare = "tokens", atol: float = 0.0) -> Conversion:
    """Return the cases of pairs of text on standard input and output.

    A text may also be a list of lines, as APPS has it. A test that is there twice counts once.

    Raises:
        RowError: if there is none, or one is not text.
    """
    cases = dict.fromkeys(
        Case(plain_text(stdin, index, "input"), plain_text(stdout, index, "output"), rule, atol, rtol=atol)
        for index, (stdin, stdout) in enumerate(tests)
    )
    if not cases:
        raise RowError("no tests: zero cases prove nothing", DropReason.NO_TESTS)
    return Conversion(JudgedBy.CASES, tuple(cases))


def value_conversion(tests: Iterable[tuple[Any, Any]], is_boxed: bool = False) -> Conversion:
    """Return the cases of pairs of a list of arguments and the expected value, both as JSON has them.

    Args:
        is_boxed: whether an expected value may be in a list of its own, as in APPS.

    Raises:
        RowError: if there is none, or one can't cross over.
    """
    cases = []
    for index, (arguments, expected) in enumerate(tests):
        if not isinstance(arguments, list):
            raise RowError(f"test {index}: its arguments are not a list")
        try:
            texts = encode_arguments(arguments), encode_value(expected)
        except ValueTooLargeError as error:
            raise RowError(f"test {index}: {error}") from None
        boxed = is_boxed and isinstance(expected, list) and len(expected) == 1
        cases.append(Case(*texts, "boxed" if boxed else "equal_json", CONTEST_ATOL))
    if not cases:
        raise RowError("no tests: zero cases prove nothing", DropReason.NO_TESTS)
    return Conversion(JudgedBy.CASES, tuple(cases))


def decoded(value: Any, column: str) -> Any:
    """Return a column that holds JSON as text; decoded values are kept unchanged.

    Raises:
        RowError: if it is not JSON.
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else None
    except (ValueError, RecursionError) as error:
        raise RowError(f"column {column!r} is not JSON: {error}") from None


def pairs(tests: Any, column: str, keys: tuple[str, str]) -> Iterator[tuple[Any, Any]]:
    """Give the tests of an object that holds two lists of one length, in their order.

    Raises:
        RowError: if it is no such object.
    """
    inputs, outputs = (tests.get(key) if isinstance(tests, dict) else None for key in keys)
    if not isinstance(inputs, list) or not isinstance(outputs, list):
        raise RowError(f"column {column!r} has no lists {keys[0]!r} and {keys[1]!r}")
    if len(inputs) != len(outputs):
        raise RowError(f"column {column!r}: {len(inputs)} of {keys[0]!r}, {len(outputs)} of {keys[1]!r}")
    return zip(inputs, outputs, strict=True)
