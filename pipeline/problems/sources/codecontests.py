"""CodeContests (Li et al. 2022, arXiv:2203.07814), as published on the Hub, or the same as JSON lines.

Columns:
    name             unique text
    description      the task in words
    public_tests, private_tests, generated_tests
                     {"input": [...], "output": [...]}: texts on standard input and output; any may be missing
    solutions        {"language": [...], "solution": [...]}; the first in Python 3 (language 3) is the reference
                     (optional)
    input_file, output_file   names of files where the program must not use standard input and output (optional)
    cf_rating        difficulty as Codeforces rates it, 0 for unknown (optional)
"""

from pairsmith.pipeline.judging.tolerance import CONTEST_ATOL
from pairsmith.pipeline.problems.convert.cases import decoded, pairs, text_conversion
from pairsmith.pipeline.problems.files import Row, RowError, missing, text
from pairsmith.pipeline.problems.records import DropReason, Found
from pairsmith.pipeline.problems.rows import make_problem
from pairsmith.pipeline.problems.sources.contest import first_program, load_contest
from pairsmith.pipeline.problems.wording import program_prompt
from pairsmith.schemas.config import ProblemsConfig
from pairsmith.schemas.problem import Interface, Problem

_TESTS, _KEYS = ("public_tests", "private_tests", "generated_tests"), ("input", "output")
_PYTHON3 = 3


def load_codecontests(config: ProblemsConfig) -> list[Found]:
    """Return the problems of a file or dataset in CodeContests' form.

    Printed text is compared by tokens, numbers with a point to a millionth. A problem that takes several right
    answers is judged by the one that its tests hold: the form says nothing of checkers.

    Raises:
        ProblemsError: if it can't be read or is empty.
    """
    return load_contest(config, _build)


def _build(row: Row) -> tuple[Problem, str]:
    for column in ("input_file", "output_file"):
        if text(row, column, ""):
            raise RowError(
                DropReason.BAD_TESTS, f"its programs use the file {text(row, column)!r}, not stdin/stdout"
            )
    if not any(column in row for column in _TESTS):
        raise missing("public_tests", row)
    present = [(column, decoded(row.get(column), column)) for column in _TESTS]
    tests = [test for column, held in present if held for test in pairs(held, column, _KEYS)]
    problem = make_problem(
        problem_id=f"codecontests/{text(row, 'name')}",
        source="codecontests",
        entry_point="",
        prompt=program_prompt(text(row, "description")),
        conversion=text_conversion(tests, atol=CONTEST_ATOL),
        reference=_reference(row),
        level=_level(row),
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


def _level(row: Row) -> str:
    rating = row.get("cf_rating")
    return f"rating {rating}" if isinstance(rating, int) and rating > 0 else ""
