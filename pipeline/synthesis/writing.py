"""The problem file: JSONL that `problems.source = "jsonl"` takes, tests as assert lines, provenance beside."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pairsmith.pipeline.problems.convert.conversion import TestSyntaxError, convert_tests
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.schemas.problem import Case, Problem
from pairsmith.schemas.problem_card import ProblemCard
from pairsmith.schemas.values import decode_value


def assert_line(case: Case, entry_point: str) -> str:
    """Return a case as an assert that is read back as the same case; an empty string where none is.

    Values that have no literal form, such as a range, have no line.
    """
    try:
        arguments, expected = decode_value(case.arguments), decode_value(case.expected)
        call = f"{entry_point}({', '.join(map(_literal, arguments))})"
        line = f"assert {_test(case, call, expected)}"
        back = convert_tests(line, entry_point).cases
    except (TestSyntaxError, TypeError, ValueError, RecursionError):
        return ""
    return line if back == (case,) else ""


def _test(case: Case, call: str, expected: Any) -> str:
    if case.compare == "truthy":
        return call
    if case.compare == "falsy":
        return f"not {call}"
    if case.compare == "approx":
        return f"abs({call} - {_literal(expected)}) <= {_literal(case.atol)}"
    viewed = f"{case.view}({call})" if case.view else call
    return f"{viewed} == {_literal(expected)}"


def _literal(value: Any) -> str:
    """Return Python code of a value.

    Raises:
        ValueError: if no literal represents it exactly.
    """
    if value is None or isinstance(value, (bool, int, str, bytes, complex)):
        return repr(value)
    if isinstance(value, float):
        return repr(value) if value - value == 0 else f'float("{value}")'
    if isinstance(value, (list, tuple)):
        inner = ", ".join(map(_literal, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(value) == 1 else ''})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(part)}" for key, part in value.items()) + "}"
    if isinstance(value, (set, frozenset)):
        inner = ", ".join(sorted(map(_literal, value)))
        name = "set" if isinstance(value, set) else "frozenset"
        return f"{{{inner}}}" if inner and name == "set" else f"{name}({'[' + inner + ']' if inner else ''})"
    raise ValueError(f"no literal of {type(value).__name__}")


def write_problems(path: Path, problems: Iterable[tuple[Problem, ProblemCard]]) -> int:
    """Write the kept problems, sorted by id; return their number.

    Raises:
        FolderError: if the file can't be written.
    """
    lines = [json.dumps(problem_row(problem, card), ensure_ascii=False) for problem, card in problems]
    write_whole(path, "".join(line + "\n" for line in sorted(lines)).encode("utf-8", "replace"))
    return len(lines)


def problem_row(problem: Problem, card: ProblemCard) -> dict[str, object]:
    """Return a problem as a row of own JSONL; `provenance` is for people, loaders pass over it."""
    return {
        "problem_id": problem.problem_id,
        "prompt": words_of(problem.prompt),
        "signature": signature_in(problem.prompt),
        "entry_point": problem.entry_point,
        "tests": [line for case in problem.cases if (line := assert_line(case, problem.entry_point))],
        "level": problem.level,
        "topic": problem.topic,
        "license": problem.license,
        "provenance": {
            "seed": card.seed_id,
            "path": card.seed_path,
            "line": card.seed_line,
            "language": card.seed_language,
            "concepts": card.concepts_id,
            "instruction": card.instruction_id,
            "models": list(card.models),
            "posterior": round(card.posterior, 4),
        },
    }


def words_of(prompt: str) -> str:
    """Return the task of a chat prompt without its signature."""
    return prompt.partition("\n\nWrite the Python function with this signature:")[0]


def signature_in(prompt: str) -> str:
    """Return the signature in a chat prompt."""
    return prompt.rpartition("```python\n")[2].partition("\n```")[0]


def only_written(cases: Sequence[Case], entry_point: str) -> tuple[Case, ...]:
    """Return the cases that a problem file can hold."""
    return tuple(case for case in cases if assert_line(case, entry_point))
