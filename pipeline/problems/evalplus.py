"""HumanEval+ and MBPP+ (Liu et al. 2023, arXiv:2305.01210), in the files that EvalPlus publishes.

The files hold inputs and a reference, not the answers: those are what the reference gives in a sandbox. So
most problems are pending here, and `with_expected` completes them. Comparison follows EvalPlus 0.3.1
(`evalplus/eval/__init__.py`): floats within `atol` and a share of 1e-7, some answers as sets, and six problems
whose answers need code of their own (`evalplus_oracles`).
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from pairsmith.pipeline.problems.conversion import Conversion, convert_tests
from pairsmith.pipeline.problems.evalplus_inputs import as_written
from pairsmith.pipeline.problems.evalplus_oracles import ORACLES
from pairsmith.pipeline.problems.files import Row, RowError, missing, name, number, read_rows, text
from pairsmith.pipeline.problems.records import DropReason, Found, PendingProblem
from pairsmith.pipeline.problems.rows import continued_problem, encode_inputs, found_in, make_problem
from pairsmith.schemas.problem import Case, JudgedBy, Problem
from pairsmith.schemas.values import decode_value, encode_value

FLOAT_ATOL = 1e-6  # EvalPlus asks this of floats where the file names no tolerance
FLOAT_RTOL = 1e-7  # numpy's default, which EvalPlus adds to every tolerance
# Order does not matter to these problems.
AS_SETS = frozenset({
    "similar_elements", "find_char_long", "common_in_nested_lists", "extract_singly", "larg_nnum",
    "intersection_array", "find_dissimilar", "Diff",
})  # fmt: skip
_MBPP_TASK = "Complete this Python program: write the function that its first lines ask for."


def load_humaneval_plus(path: Path) -> list[Found]:
    """Return the problems of HumanEval+'s file, pending but for HumanEval/32, which a tester judges.

    Raises:
        ProblemsError: if the file can't be read or is empty.
    """
    return found_in(read_rows(path), build_humaneval_plus)


def load_mbpp_plus(path: Path) -> list[Found]:
    """Return the problems of MBPP+'s file, pending but for five, which a tester judges.

    The prompt is the published one: a sentence and one assert.

    Raises:
        ProblemsError: if the file can't be read or is empty.
    """
    return found_in(read_rows(path), lambda row: _build(row, _mbpp_problem))


def build_humaneval_plus(row: Row) -> tuple[Problem | PendingProblem, str]:
    """Return the problem of a row with HumanEval+'s columns, and why its tests are not cases.

    Raises:
        RowError: if the row lacks something.
    """
    return _build(row, _humaneval_problem)


def with_expected(pending: PendingProblem, values: Sequence[str | None]) -> Problem:
    """Return a pending problem with the answers that its reference gave.

    Args:
        pending: the problem and its inputs.
        values: one text an input (see `schemas.values`), in order; None where the reference gave no value:
            that input is left out.

    Raises:
        ValueError: if there are not as many values as inputs, or one is no encoded value.
    """
    cases = []
    for arguments, value in zip(pending.arguments, values, strict=True):
        case = None if value is None else _case(arguments, value, pending)
        if case is not None:
            cases.append(case)
    return dataclasses.replace(pending.problem, cases=tuple(cases))


def _case(arguments: str, value: str, pending: PendingProblem) -> Case | None:
    answer = decode_value(value)
    if '"opaque"' in encode_value(answer):
        return None  # nothing equals it: such a case would refuse every candidate
    if pending.rule == "set":
        return Case(arguments, encode_value(set(answer)), view="set")
    atol = _tolerance(answer, pending.atol)
    return Case(arguments, value, "close", atol) if atol > 0.0 else Case(arguments, value)


def _tolerance(answer: object, atol: float) -> float:
    """Return the tolerance of one answer: of several floats the smallest counts, so it is never too wide."""
    parts = answer if isinstance(answer, list | tuple) else (answer,)
    floats = bool(parts) and all(isinstance(part, float) for part in parts)
    if atol == 0.0 and not floats:
        return 0.0
    sizes = [abs(part) for part in parts if isinstance(part, float) and abs(part) < float("inf")]
    return max(atol, FLOAT_ATOL) + FLOAT_RTOL * min(sizes, default=0.0)


def _build(row: Row, make: Callable[[Row, Conversion], Problem]) -> tuple[Problem | PendingProblem, str]:
    entry_point, task_id, atol = name(row, "entry_point"), text(row, "task_id"), number(row, "atol")
    inputs = [as_written(task_id, arguments) for arguments in _inputs(row)]
    oracle = ORACLES.get(task_id)
    if oracle is not None:
        problem = make(row, Conversion(JudgedBy.NOTHING))
        source = oracle(problem.reference, inputs, atol)
        conversion = convert_tests(source, entry_point, problem.setup)
        return make(row, conversion), conversion.reason
    rule: Literal["value", "set"] = "set" if task_id.startswith("Mbpp/") and entry_point in AS_SETS else "value"
    return PendingProblem(make(row, Conversion(JudgedBy.CASES)), encode_inputs(inputs), atol, rule), ""


def _inputs(row: Row) -> list[list[Any]]:
    """Return base and plus inputs together; an empty object stands for none (Mbpp/793)."""
    inputs: list[list[Any]] = []
    for column in ("base_input", "plus_input"):
        values = row.get(column)
        if values is None:
            raise missing(column, row)
        if not isinstance(values, list | dict) or not all(isinstance(value, list) for value in values):
            raise RowError(DropReason.BAD_VALUE, f"column {column!r} is no list of argument lists")
        inputs.extend(values)
    if not inputs:
        raise RowError(DropReason.NO_TESTS, "no inputs")
    return inputs


def _humaneval_problem(row: Row, conversion: Conversion) -> Problem:
    return continued_problem(row, "humaneval+", conversion, "Apache-2.0")


def _mbpp_problem(row: Row, conversion: Conversion) -> Problem:
    prompt = text(row, "prompt")
    return make_problem(
        problem_id=text(row, "task_id"),
        source="mbpp+",
        entry_point=name(row, "entry_point"),
        prompt=f"{_MBPP_TASK}\n\n```python\n{prompt.strip()}\n```",
        continuation=prompt,
        conversion=conversion,
        reference=text(row, "canonical_solution").lstrip("\n"),
        spdx="Apache-2.0",
    )
