"""MBPP: a sentence, a reference and a few asserts a problem (Austin et al. 2021, arXiv:2108.07732)."""

from pathlib import Path

from pipeline.problems.files import Row, RowError, missing, read_rows, text
from pipeline.problems.records import DropReason, Found
from pipeline.problems.rows import convert_or_refuse, found_in, make_problem
from pipeline.problems.wording import chat_prompt, docstring_start, find_entry_point, signature_of
from schemas.problem import Problem


def load_mbpp(path: Path) -> list[Found]:
    """Return the problems of a file in MBPP's format, judged by all asserts, the challenge ones included.

    The prompt is the sentence and the reference's signature; unlike the paper's it shows none of the asserts,
    so a candidate can't copy an expected value out of its prompt.

    Raises:
        ProblemsError: if the file can't be read or is empty.
    """
    return found_in(read_rows(path), _build)


def _build(row: Row) -> tuple[Problem, str]:
    if "task_id" not in row:
        raise missing("task_id", row)
    task, reference = text(row, "text").strip(), text(row, "code")
    tests = [
        *_lines(row, "test_list"),
        *(_lines(row, "challenge_test_list") if "challenge_test_list" in row else []),
    ]
    entry_point = find_entry_point(tests, reference)
    if not entry_point:
        raise RowError(DropReason.BAD_TESTS, "no test calls a function that the reference defines")
    # The tests' own setup may build objects of the reference's classes: it runs with the tests, not before
    # the candidate.
    source = "\n".join([text(row, "test_setup_code", "").strip(), *tests])
    signature = signature_of(reference, entry_point)
    conversion = convert_or_refuse(source, entry_point, "", signature=signature)
    problem = make_problem(
        problem_id=f"Mbpp/{row['task_id']}",
        source="mbpp",
        entry_point=entry_point,
        prompt=chat_prompt(task, signature),
        continuation=docstring_start(signature, task),
        conversion=conversion,
        reference=reference,
        spdx="CC-BY-4.0",
    )
    return problem, conversion.reason


def _lines(row: Row, column: str) -> list[str]:
    lines = row.get(column)
    if lines is None:
        raise missing(column, row)
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise RowError(DropReason.BAD_VALUE, f"column {column!r} is no list of assert lines")
    return [line.replace("\r\n", "\n").strip() for line in lines]
