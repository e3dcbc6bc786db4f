"""APPS (Hendrycks et al. 2021, arXiv:2105.09938), as published: a JSON object a line, or the Hub's rows.

Columns:
    problem_id     number or text
    question       the task in words
    input_output   JSON text {"inputs": [...], "outputs": [...], "fn_name": ...}: with `fn_name` lists of arguments
                   and expected values, without it texts on standard input and output
    solutions      JSON text, a list of programs; the first that is Python 3 is the reference (optional)
    starter_code   beginning of the function or class (optional)
    difficulty     introductory, interview or competition (optional)
"""

from typing import Any

from pairsmith.pipeline.judging.tolerance import CONTEST_ATOL
from pairsmith.pipeline.problems.convert.cases import (
    decoded,
    pairs,
    text_conversion,
    value_conversion,
)
from pairsmith.pipeline.problems.files import Row, RowError, missing, text
from pairsmith.pipeline.problems.records import DropReason, Found
from pairsmith.pipeline.problems.rows import make_problem
from pairsmith.pipeline.problems.sources.contest import FUNCTION_SETUP, entry_point_in, first_program, load_contest
from pairsmith.pipeline.problems.wording import function_prompt, program_prompt
from pairsmith.schemas.config import ProblemsConfig
from pairsmith.schemas.problem import Interface, Problem

_COLUMN, _KEYS = "input_output", ("inputs", "outputs")


def load_apps(config: ProblemsConfig) -> list[Found]:
    """Return the problems of a file or dataset in APPS's form.

    As APPS's own checker has it, an expected value may stand in a list of its own, and tuples are lists. Printed
    text is compared by lines, a number may be written in any way, and one with a point may differ by a millionth.

    Raises:
        ProblemsError: if it can't be read or is empty.
    """
    return load_contest(config, _build)


def _build(row: Row) -> tuple[Problem, str]:
    if row.get("problem_id") is None:
        raise missing("problem_id", row)
    if _COLUMN not in row:
        raise missing(_COLUMN, row)
    tests = decoded(row[_COLUMN], _COLUMN)
    if not tests:
        raise RowError(DropReason.NO_TESTS, f"column {_COLUMN!r} is empty: zero cases prove nothing")
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
    if not function:
        conversion = text_conversion(pairs(tests, _COLUMN, _KEYS), "numbers", CONTEST_ATOL)
        return make_problem(
            entry_point="",
            prompt=program_prompt(task),
            conversion=conversion,
            interface=Interface.STDIN,
            **parts,
        ), ""
    entry_point = entry_point_in(starter, str(function))
    return make_problem(
        entry_point=entry_point,
        prompt=function_prompt(task, entry_point, starter),
        conversion=value_conversion(pairs(tests, _COLUMN, _KEYS), is_boxed=True),
        setup=FUNCTION_SETUP,
        **parts,
    ), ""
