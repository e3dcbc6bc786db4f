"""From parts that a row or file gave to one problem, and from rows to what was found in them."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pairsmith.pipeline.problems.convert.conversion import Conversion, TestSyntaxError, convert_tests
from pairsmith.pipeline.problems.files import Row, RowError, name, text
from pairsmith.pipeline.problems.records import DroppedProblem, DropReason, Found, PendingProblem
from pairsmith.pipeline.problems.wording import code_before, completion_prompt, parameters_of
from pairsmith.schemas.problem import Compare, Interface, JudgedBy, Problem
from pairsmith.schemas.values import ValueTooLargeError, encode_arguments


def found_in(
    rows: Iterable[tuple[str, Row | DroppedProblem]],
    build: Callable[[Row], tuple[Problem | PendingProblem, str]],
) -> list[Found]:
    """Return what `build` makes of each row: problem, and why its tests are not cases. Errors cost a row."""
    found: list[Found] = []
    for where, row in rows:
        if isinstance(row, DroppedProblem):
            found.append(Found(where, row))
            continue
        try:
            found.append(Found(where, *build(row)))
        except RowError as error:
            found.append(Found(where, DroppedProblem(where, error.reason, str(error))))
        except TestSyntaxError as error:
            message = f"tests, setup or reference are no Python: {error}"
            found.append(Found(where, DroppedProblem(where, DropReason.BAD_TESTS, message)))
        except (RecursionError, ArithmeticError, MemoryError) as error:
            message = f"too large or nested too deep ({type(error).__name__})"
            found.append(Found(where, DroppedProblem(where, DropReason.BAD_VALUE, message)))
    return found


def make_problem(
    *,
    problem_id: str,
    source: str,
    entry_point: str,
    prompt: str,
    conversion: Conversion,
    continuation: str = "",
    setup: str = "",
    reference: str = "",
    level: str = "",
    topic: str = "",
    spdx: str = "",
    interface: Interface = Interface.FUNCTION,
) -> Problem:
    """Return a Python problem judged the way that its tests were converted."""
    return Problem(
        problem_id=problem_id, source=source, language="python", entry_point=entry_point, prompt=prompt,
        continuation=continuation, setup=setup, judged_by=conversion.judged_by, cases=conversion.cases,
        test_code=conversion.test_code, reference=reference, level=level, topic=topic, license=spdx,
        interface=interface,
    )  # fmt: skip


def continued_problem(row: Row, source: str, conversion: Conversion, spdx: str, joint: str = "") -> Problem:
    """Return the problem of a row with HumanEval's columns: a prompt that the canonical solution goes on from.

    Args:
        joint: what comes between the prompt and the canonical solution.

    Raises:
        RowError: if the row lacks something.
    """
    entry_point, prompt = name(row, "entry_point"), text(row, "prompt")
    return make_problem(
        problem_id=text(row, "task_id"),
        source=source,
        entry_point=entry_point,
        prompt=completion_prompt(prompt, entry_point),
        continuation=prompt,
        conversion=conversion,
        setup=code_before(prompt, entry_point),
        reference=prompt + joint + text(row, "canonical_solution"),
        spdx=spdx,
    )


def encode_inputs(inputs: Iterable[Sequence[Any]]) -> tuple[str, ...]:
    """Return argument lists as texts (see `schemas.values`), each once, in order.

    Raises:
        RowError: if one is larger than a value may be.
    """
    try:
        return tuple(dict.fromkeys(map(encode_arguments, inputs)))
    except ValueTooLargeError as error:
        raise RowError(DropReason.BAD_VALUE, f"an input is {error}") from None


def convert_or_refuse(
    source: str,
    entry_point: str,
    setup: str,
    rule: tuple[Compare, float, float] = ("equal", 0.0, 0.0),
    signature: str = "",
) -> Conversion:
    """Return the conversion of tests.

    Args:
        rule: how those cases are compared that ask for equality: rule, absolute and relative tolerance.

    Raises:
        RowError: if there is no test at all, or a rule for tests that are not cases.
        TestSyntaxError: if tests or setup are no Python.
    """
    if "assert" not in source and entry_point not in source:
        raise RowError(DropReason.NO_TESTS, "no tests: neither an assert nor a call of the entry point")
    conversion = convert_tests(source, entry_point, setup, parameters_of(signature))
    compare, atol, rtol = rule
    if compare == "equal":
        return conversion
    if conversion.judged_by is not JudgedBy.CASES:
        message = f"'compare' or a tolerance beside tests that compare by themselves: {conversion.reason}"
        raise RowError(DropReason.BAD_VALUE, message)
    cases = (
        dataclasses.replace(case, compare=compare, atol=atol, rtol=rtol) if case.compare == "equal" else case
        for case in conversion.cases
    )
    return dataclasses.replace(conversion, cases=tuple(cases))
