"""MBPP: a sentence, a reference and a few asserts a problem (Austin et al. 2021, arXiv:2108.07732)."""

import ast
import sys
from pathlib import Path

from pairsmith.pipeline.problems.asserts import bound_names
from pairsmith.pipeline.problems.constants import classes_used
from pairsmith.pipeline.problems.conversion import parse
from pairsmith.pipeline.problems.records import DropReason, Found
from pairsmith.pipeline.problems.rows import (
    Row,
    RowError,
    convert_or_refuse,
    found_in,
    make_problem,
    missing,
    read_rows,
    text,
)
from pairsmith.pipeline.problems.wording import chat_prompt, docstring_start, find_entry_point, signature_of
from pairsmith.schemas.problem import Problem


def load_mbpp(path: Path) -> list[Found]:
    """Return the problems of a file in MBPP's format, judged by all asserts, the challenge ones included.

    Classes of the reference that the tests make objects of are part of the problem: the prompt shows them, and
    they are defined before the candidate's code. What the tests take from modules that only the reference imports,
    they import themselves.

    The prompt is the sentence and the reference's signature; unlike the paper's it shows none of the asserts,
    so a candidate can't copy an expected value out of its prompt.
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
        raise RowError("no test calls a function that the reference defines", DropReason.BAD_TESTS)
    signature = signature_of(reference, entry_point)
    start = docstring_start(signature, task)
    # The tests' own setup may build objects of the reference's classes: it runs with the tests, not before
    # the candidate.
    source = "\n".join([text(row, "test_setup_code", "").strip(), *tests])
    tree, code = parse(source), parse(reference)
    source = "\n".join([*imports_lacking(tree, code), source])
    classes = classes_used(tree, reference, code)
    conversion = convert_or_refuse(source, entry_point, classes, signature=signature)
    if classes:
        task = f"{task}\n\nThis is defined already:\n\n```python\n{classes.strip()}\n```"
    problem = make_problem(
        problem_id=f"Mbpp/{row['task_id']}",
        source="mbpp",
        entry_point=entry_point,
        prompt=chat_prompt(task, signature),
        continuation=start and f"{classes}\n\n{start}" if classes else start,
        conversion=conversion,
        setup=classes,
        reference=reference,
        spdx="CC-BY-4.0",
    )
    return problem, conversion.reason


def imports_lacking(tests: ast.Module, reference: ast.Module) -> list[str]:
    """Return the reference's imports of standard modules that tests use without importing them."""
    free = {node.id for node in ast.walk(tests) if isinstance(node, ast.Name)} - bound_names(tests)
    return [
        f"import {alias.name}"
        for node in reference.body
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name in free and alias.name in sys.stdlib_module_names and alias.asname is None
    ]


def _lines(row: Row, column: str) -> list[str]:
    lines = row.get(column)
    if lines is None:
        raise missing(column, row)
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise RowError(f"column {column!r} is not a list of assert lines")
    return [line.replace("\r\n", "\n").strip() for line in lines]
