"""HumanEval+, MBPP+ and EvoEval: problems whose files hold inputs and a reference, not the answers.

The answers are what the reference gives in a sandbox. So most problems are pending here, and `with_expected`
completes them.

HumanEval+ and MBPP+ (Liu et al. 2023, arXiv:2305.01210), in the files that EvalPlus publishes. Comparison follows
EvalPlus 0.3.1 (`evalplus/eval/__init__.py`): floats within `atol` and a share of 1e-7, element by element as
`numpy.allclose` has it, some answers as sets, and six problems whose answers need code of their own
(`sources.oracles`).

EvoEval (Xia et al. 2024, arXiv:2403.19114): HumanEval's problems evolved, in the files that it publishes.

A row has `task_id`, `prompt`, `entry_point`, `canonical_solution` and `inputs`: argument lists as Python source,
which a sandbox evaluates where they are no constants. The subsets `verbose` and `concise` have HumanEval+'s
columns instead. Comparison follows EvoEval 0.1.0: floats within 1e-6, everything else equal; its share of 1e-5 is
taken as 1e-7, so a large float must be nearer than there. Six problems have more than one right answer and are
judged by tests of their own (`sources.oracles`), chosen by the file's name, which names the subset.
"""

import ast
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from pairsmith.pipeline.judging.tolerance import EVALPLUS_ATOL, EVALPLUS_RTOL
from pairsmith.pipeline.problems.constants import NotConvertibleError, Scope, constant
from pairsmith.pipeline.problems.conversion import Conversion, convert_tests
from pairsmith.pipeline.problems.records import SOURCE_MARK, DropReason, Found, PendingProblem
from pairsmith.pipeline.problems.rows import (
    Row,
    RowError,
    continued_problem,
    encode_inputs,
    found_in,
    make_problem,
    missing,
    name,
    number,
    read_rows,
    text,
)
from pairsmith.pipeline.problems.sources.oracles import EVALPLUS, find_oracle
from pairsmith.schemas.problem import Case, JudgedBy, Problem
from pairsmith.schemas.values import decode_value, encode_value

# Order does not matter to these problems.
AS_SETS = frozenset({
    "similar_elements", "find_char_long", "common_in_nested_lists", "extract_singly", "larg_nnum",
    "intersection_array", "find_dissimilar", "Diff",
})  # fmt: skip
Restore = Callable[[list[Any]], list[Any]]
_MBPP_TASK = "Complete this Python program: write the function that its first lines ask for."


def load_humaneval_plus(path: Path) -> list[Found]:
    """Return the problems of HumanEval+'s file, pending but for HumanEval/32, which a tester judges."""
    return found_in(read_rows(path), build_humaneval_plus)


def load_mbpp_plus(path: Path) -> list[Found]:
    """Return the problems of MBPP+'s file, pending but for five, which a tester judges.

    The prompt is the published one: a sentence and one assert.
    """
    return found_in(read_rows(path), lambda row: _build(row, _mbpp_problem))


def build_humaneval_plus(row: Row) -> tuple[Problem | PendingProblem, str]:
    """Return the problem of a row with HumanEval+'s columns, and why its tests are not cases.

    Raises:
        RowError: if the row lacks something.
    """
    return _build(row, lambda row, conversion: continued_problem(row, "humaneval+", conversion, "Apache-2.0"))


def with_expected(pending: PendingProblem, values: Sequence[str | None]) -> Problem:
    """Return a pending problem with the answers that its reference gave.

    Args:
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
    parts = answer if isinstance(answer, list | tuple) else (answer,)
    if pending.atol == 0.0 and not (parts and all(isinstance(part, float) for part in parts)):
        return Case(arguments, value)
    return Case(arguments, value, "approx", max(pending.atol, EVALPLUS_ATOL), rtol=EVALPLUS_RTOL)


def _build(row: Row, make: Callable[[Row, Conversion], Problem]) -> tuple[Problem | PendingProblem, str]:
    entry_point, task_id, atol = name(row, "entry_point"), text(row, "task_id"), number(row, "atol")
    inputs = [as_written(task_id, arguments) for arguments in _inputs(row)]
    oracle = EVALPLUS.get(task_id)
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
            raise RowError(f"column {column!r} is not a list of argument lists")
        inputs.extend(values)
    if not inputs:
        raise RowError("no inputs", DropReason.NO_TESTS)
    return inputs


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


def as_written(task_id: str, arguments: list[Any]) -> list[Any]:
    """Return the arguments of one call with the types that the author wrote, before JSON made lists of tuples.

    Which problem takes what is EvalPlus' list (`mbpp_deserialize_inputs`, EvalPlus 0.3.1).

    Args:
        task_id: such as `Mbpp/2`; other data sets' arguments come back as they are.
    """
    source, _, number = task_id.partition("/")
    restore = _BY_NUMBER.get(number) if source == "Mbpp" else None
    return arguments if restore is None else restore(arguments)


def _tuples(values: Iterable[list[Any]]) -> list[tuple[Any, ...]]:
    return [tuple(value) for value in values]


def _deep(value: Any) -> Any:
    return tuple(_deep(part) for part in value) if isinstance(value, list) else value


def _first(change: Callable[[Any], Any]) -> Restore:
    return lambda arguments: [change(arguments[0]), *arguments[1:]]


def _every(change: Callable[[Any], Any]) -> Restore:
    return lambda arguments: [change(argument) for argument in arguments]


_RULES: tuple[tuple[str, Restore], ...] = (
    ("2 116 132 143 222 261 273 394 399 421 424 429 470 560 579 596 616 630 726 740 744 809", _every(tuple)),
    ("63 64 70 94 120 237 272 299 400 409 417 438 473 614 780", _every(_tuples)),
    ("75 413 444 753", _first(_tuples)),
    ("106 750", lambda given: [given[0], tuple(given[1]), *given[2:]]),
    ("250 307 405 446 617 720 763 808", _first(tuple)),
    ("259 401 445", _every(lambda values: tuple(_tuples(values)))),
    ("278", _first(lambda values: tuple(tuple(part) if isinstance(part, list) else part for part in values))),
    ("580 615 791", _every(_deep)),
    ("722", _first(lambda table: {key: tuple(value) for key, value in table.items()})),
    ("115", _first(lambda items: [set(item) if item else {} for item in items])),
    ("124", lambda given: [float(given[0]), complex(given[1])]),
    ("252", _first(complex)),
)
_BY_NUMBER = {number: restore for numbers, restore in _RULES for number in numbers.split()}


SUBSETS = ("difficult", "creative", "subtle", "combine", "tool_use", "verbose", "concise")


def load_evoeval(path: Path) -> list[Found]:
    """Return the problems of one of EvoEval's files, pending but for those that a tester judges."""
    subset = next((subset for subset in SUBSETS if subset in path.name.lower()), "")
    return found_in(read_rows(path), lambda row: _build_evoeval(row, subset))


def _build_evoeval(row: Row, subset: str) -> tuple[Problem | PendingProblem, str]:
    if "base_input" in row:
        outcome, reason = build_humaneval_plus(row)
        if isinstance(outcome, PendingProblem):
            problem = dataclasses.replace(outcome.problem, source="evoeval")
            return dataclasses.replace(outcome, problem=problem), reason
        return dataclasses.replace(outcome, source="evoeval"), reason
    task_id, entry_point = text(row, "task_id"), name(row, "entry_point")
    inputs = _evoeval_inputs(row)
    oracle = find_oracle(subset, task_id)
    if oracle is not None:
        problem = _problem(row, Conversion(JudgedBy.NOTHING))
        conversion = convert_tests(oracle(problem.reference, entry_point, inputs), entry_point, problem.setup)
        return _problem(row, conversion), conversion.reason
    return PendingProblem(
        _problem(row, Conversion(JudgedBy.CASES)), tuple(dict.fromkeys(map(_text, inputs))), EVALPLUS_ATOL
    ), ""


def _evoeval_inputs(row: Row) -> list[str]:
    sources = row.get("inputs")
    if sources is None:
        raise missing("inputs", row)
    if not isinstance(sources, list) or not all(isinstance(source, str) for source in sources):
        raise RowError("column 'inputs' is not a list of texts")
    if not sources:
        raise RowError("no inputs", DropReason.NO_TESTS)
    return sources


def _text(source: str) -> str:
    """Return the arguments of an input, as a value where its source is a constant."""
    try:
        arguments = ast.parse(f"[{source}]", mode="eval").body
        return encode_value(constant(arguments, Scope(frozenset())))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise RowError(f"input {source[:60]!r} is not Python: {error}") from None
    except NotConvertibleError:
        return f"{SOURCE_MARK}[{source}]"


def _problem(row: Row, conversion: Conversion) -> Problem:
    return continued_problem(row, "evoeval", conversion, "Apache-2.0", joint="\n")
