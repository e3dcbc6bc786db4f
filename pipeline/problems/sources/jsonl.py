"""Problems of one's own, one JSON object a line; the columns are in docs/how-to/own-problems.md.

Any other column is refused, so that a misspelt one is not ignored.
"""

import difflib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from pairsmith.pipeline.judging.checkers import why_no_checker
from pairsmith.pipeline.judging.tolerance import ALLCLOSE_ATOL, ALLCLOSE_RTOL
from pairsmith.pipeline.languages.table import ALIASES, LANGUAGES, title_of
from pairsmith.pipeline.problems.conversion import Conversion
from pairsmith.pipeline.problems.records import DropReason, Found
from pairsmith.pipeline.problems.rows import (
    Row,
    RowError,
    convert_or_refuse,
    found_in,
    make_problem,
    number,
    plain_text,
    read_rows,
    text,
)
from pairsmith.pipeline.problems.wording import chat_prompt, foreign_prompt, program_prompt, signature_of
from pairsmith.pipeline.sandbox.contract import SandboxError
from pairsmith.pipeline.sandbox.packages import name_of
from pairsmith.schemas.problem import Case, Compare, Interface, JudgedBy, Problem
from pairsmith.schemas.values import ValueTooLargeError, encode_arguments, encode_value

COLUMNS = (
    "problem_id", "prompt", "entry_point", "tests", "cases", "compare", "atol", "rtol", "checker",
    "checker_language", "language", "signature", "setup", "reference", "level", "topic", "license", "continuation",
    "provenance", "requires", "own_equality",
)  # fmt: skip
_RULES = {
    "program": ("lines", "tokens", "exact", "numbers", "checker"),
    "cases": ("equal_json", "equal", "approx", "unordered", "set", "one_of", "checker"),
    "tests": ("equal", "approx"),
}
_HEADER = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([\w-][\w.+-]*)".*$', re.MULTILINE)
_TOLERANT = ("lines", "tokens", "numbers", "equal_json", "approx", "unordered", "set", "one_of")
_TEXTS = ("continuation", "setup", "reference", "level", "topic")


def load_jsonl(path: Path) -> list[Found]:
    """Return the problems of such a file; a broken line is named and costs that line only."""
    return found_in(read_rows(path), lambda row: build_row(_with_headers(row, path.parent)), requires_of)


def _with_headers(row: Row, folder: Path) -> Row:
    """Return a row whose C++ checker holds the headers that it includes by name, such as `"testlib.h"`."""
    if row.get("checker_language") != "cpp":
        return row
    known: set[str] = set()

    def read(found: re.Match[str]) -> str:
        name = found[1]
        if name in known:
            return ""
        known.add(name)
        try:
            header = (folder / name).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            message = f"column 'checker': no {name!r} beside the file of problems ({type(error).__name__})"
            raise RowError(message, DropReason.BAD_TESTS) from None
        return _HEADER.sub(read, f"\n{header}\n")

    return {**row, "checker": _HEADER.sub(read, text(row, "checker", ""))}


def requires_of(row: Row) -> tuple[str, ...]:
    """Return the packages that a row asks for.

    Raises:
        RowError: if the column holds something else than names of packages.
    """
    names = row.get("requires", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RowError("column 'requires' is not a list of packages")
    try:
        return tuple(map(name_of, names))
    except SandboxError as error:
        raise RowError(f"column 'requires': {error}") from None


def joined_tests(row: Row, column: str) -> str:
    """Return tests, given as lines or as one text, as one source.

    Raises:
        RowError: if the column is missing or holds something else.
    """
    tests = row.get(column)
    if isinstance(tests, list) and all(isinstance(line, str) for line in tests):
        return text({column: "\n".join(line.replace("\r\n", "\n").strip() for line in tests)}, column)
    return text(row, column)


_ELSEWHERE = {
    "id": "problem_id", "task_id": "problem_id", "name": "problem_id",
    "question": "prompt", "instruction": "prompt", "description": "prompt",
    "function": "entry_point", "fn_name": "entry_point", "function_name": "entry_point",
    "solution": "reference", "canonical_solution": "reference", "test_list": "tests", "lang": "language",
}  # fmt: skip
"""What other sets call our columns."""


def refuse_unknown(row: Row, known: tuple[str, ...], place: str = "") -> None:
    """Check that a row holds no key but the known ones.

    Raises:
        RowError: for the first other key; it names the nearest known one.
    """
    for key in row:
        if key not in known:
            named = _ELSEWHERE.get(key.lower(), "")
            near = [named] if named in known else difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise RowError(f"{place}unknown column {key[:40]!r}; {hint}")


def build_row(row: Row) -> tuple[Problem, str]:
    """Return the problem of a row, and why its tests are not cases.

    Raises:
        RowError: if the row lacks something, or holds what it must not.
        TestSyntaxError: if tests, setup or reference are not Python.
    """
    refuse_unknown(row, COLUMNS)
    if not text(row, "problem_id"):
        raise RowError("column 'problem_id' is empty")
    if "tests" in row and "cases" in row:
        raise RowError("both 'tests' and 'cases'; give one of them")
    if "tests" not in row and "cases" not in row:
        raise RowError("neither 'tests' nor 'cases'; give one of them", DropReason.MISSING_COLUMN)
    cases = row.get("cases")
    is_program = isinstance(cases, list) and any(isinstance(case, dict) and "stdin" in case for case in cases)
    problem, reason = _program(row) if is_program else _function(row)
    source, written_in = _checker(row, problem)
    own = _own_equality(row, problem)
    return replace(problem, checker=source, checker_language=written_in, own_equality=own), reason


def _own_equality(row: Row, problem: Problem) -> bool:
    allowed = row.get("own_equality", False)
    if type(allowed) is not bool:
        raise RowError("column 'own_equality' is neither true nor false")
    if allowed and problem.judged_by not in (JudgedBy.TESTER, JudgedBy.SUITE):
        raise RowError("column 'own_equality' is only for tests with objects of the solution's own classes")
    return allowed


def _checker(row: Row, problem: Problem) -> tuple[str, str]:
    """Return the checker of a row and its language, checked; empty where no case asks for one."""
    source, language = text(row, "checker", ""), text(row, "checker_language", "python")
    is_asked = any(case.compare == "checker" for case in problem.cases)
    if language not in ("python", "cpp"):
        raise RowError(f"column 'checker_language' is {language!r}; known are python and cpp")
    if is_asked and not source:
        raise RowError(
            "a case is compared by 'checker', but there is no column 'checker'", DropReason.MISSING_COLUMN
        )
    if source and not is_asked:
        raise RowError("column 'checker' requires column 'cases'")
    if source and (why := why_no_checker(source, language)):
        raise RowError(f"column 'checker': {why}", DropReason.BAD_TESTS)
    return source, language


def _rule(row: Row, kind: str, of: Row | None = None, place: str = "") -> tuple[Compare, float, float]:
    """Return the rule of a problem, or of one case of it, and its tolerances."""
    both = {**(of or {}), **row}
    default = "checker" if "checker" in (of or row) and kind != "tests" else _RULES[kind][0]
    compare, atol, rtol = text(both, "compare", default), number(both, "atol"), number(both, "rtol")
    if compare not in _RULES[kind]:
        near = f"{', '.join(_RULES[kind])} are known here"
        raise RowError(f"{place}'compare' is {compare!r}; {near}")
    if (atol or rtol) and compare == "equal":
        compare = "approx"  # a tolerance says so
    if (atol or rtol) and compare not in _TOLERANT:
        if "atol" in row or "rtol" in row:
            raise RowError(f"{place}'atol', 'rtol' and 'compare': {compare} has no tolerance")
        atol = rtol = 0.0
    if kind == "program":
        return cast(Compare, compare), atol, rtol or atol
    if compare == "approx" and not (atol or rtol):
        atol, rtol = ALLCLOSE_ATOL, ALLCLOSE_RTOL
    if compare == "approx" and kind == "cases":
        compare = "equal_json"  # JSON can't say tuple
    return cast(Compare, compare), atol, rtol


def _program(row: Row) -> tuple[Problem, str]:
    for column in ("entry_point", "setup"):
        if row.get(column):
            raise RowError(f"column {column!r} can't be used with cases of 'stdin' and 'stdout'")
    _rule(row, "program")
    cases = tuple(dict.fromkeys(_program_case(row, case, index) for index, case in enumerate(row["cases"])))
    language = language_of(row)
    prompt = program_prompt(text(row, "prompt"), title_of(language))
    return _problem(row, language, "", prompt, Conversion(JudgedBy.CASES, cases), Interface.STDIN), ""


def _program_case(row: Row, case: Any, index: int) -> Case:
    place = f"cases[{index}]: "
    if not isinstance(case, dict) or "stdin" not in case:
        raise RowError(f"{place}no 'stdin', but other cases have one")
    refuse_unknown(case, ("stdin", "stdout", "compare", "atol", "rtol"), place)
    compare, atol, rtol = _rule(case, "program", row, place)
    if "stdout" not in case and compare != "checker":
        raise RowError(f"{place}no 'stdout'")
    stdin, stdout = plain_text(case["stdin"], index, "input"), plain_text(case.get("stdout", ""), index, "output")
    return Case(stdin, stdout, compare, atol, rtol=rtol)


def _function(row: Row) -> tuple[Problem, str]:
    language, entry_point, task = language_of(row), _dotted_name(row), text(row, "prompt")
    if language != "python":  # typed cases, or tests that run in the solution's process
        conversion = _cases(row) if "cases" in row else Conversion(JudgedBy.IN_PROCESS, (), text(row, "tests"))
        prompt = foreign_prompt(task, language, entry_point, text(row, "signature", ""))
        return _problem(row, language, entry_point, prompt, conversion), ""
    reference, setup = text(row, "reference", ""), text(row, "setup", "")
    signature = signature_of(reference, entry_point)
    if reference and not signature:
        raise RowError(f"column 'reference' defines no {entry_point!r}")
    head = text(row, "signature", "")
    if head and not signature:
        signature = signature_of(head if head.startswith("class ") else f"{head}\n    pass", entry_point)
        if not signature:
            raise RowError(f"column 'signature' is {head[:60]!r}, not `def {entry_point}(...):`")
    if "cases" in row:
        conversion = _cases(row)
    else:
        compare, atol, rtol = _rule(row, "tests")
        tests = joined_tests(row, "tests")
        conversion = convert_or_refuse(tests, entry_point, setup, (compare, atol, rtol), signature)
    prompt = chat_prompt(task, signature or entry_point)
    return _problem(row, language, entry_point, prompt, conversion), conversion.reason


def _dotted_name(row: Row) -> str:
    """Return the name of a function or class, or `Class.method`."""
    entry_point = text(row, "entry_point")
    if not all(part.isidentifier() for part in entry_point.split(".", 1)):
        raise RowError(f"column 'entry_point' is {entry_point[:40]!r}, not a name")
    return entry_point


def _problem(
    row: Row,
    language: str,
    entry_point: str,
    prompt: str,
    conversion: Conversion,
    interface: Interface = Interface.FUNCTION,
) -> Problem:
    texts = {column: text(row, column, "") for column in _TEXTS}
    problem = make_problem(
        problem_id=text(row, "problem_id"),
        source="jsonl",
        entry_point=entry_point,
        prompt=prompt,
        conversion=conversion,
        spdx=text(row, "license", ""),
        interface=interface,
        **texts,
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
        raise RowError(f"column 'language' is {language!r}; known are {known}")
    return language


def _cases(row: Row) -> Conversion:
    cases = row["cases"]
    if not isinstance(cases, list):
        raise RowError("column 'cases' is not a list")
    if not cases:
        raise RowError("column 'cases' is empty: zero cases prove nothing", DropReason.NO_TESTS)
    return Conversion(JudgedBy.CASES, tuple(_case(row, case, index) for index, case in enumerate(cases)))


def _case(row: Row, case: Any, index: int) -> Case:
    place = f"cases[{index}]: "
    if isinstance(case, dict):
        refuse_unknown(case, ("arguments", "expected", "compare", "atol", "rtol"), place)
    if not isinstance(case, dict) or not isinstance(case.get("arguments"), list):
        raise RowError(f"{place}no 'arguments', a list")
    compare, atol, rtol = _rule(case, "cases", row, place)
    if "expected" not in case and compare != "checker":
        raise RowError(f"{place}no 'expected'")
    if compare == "one_of" and not isinstance(case["expected"], list):
        raise RowError(f"{place}'expected' of one_of must be the list of right answers")
    try:
        arguments, expected = encode_arguments(case["arguments"]), encode_value(case.get("expected"))
    except ValueTooLargeError as error:
        raise RowError(f"{place}{error}") from None
    return Case(arguments, expected, compare, atol, rtol=rtol)
