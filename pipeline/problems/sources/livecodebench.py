"""LiveCodeBench (Jain et al. 2024, arXiv:2403.07974), as published in its JSON-lines files.

Columns:
    question_id          unique text
    question_content     the task in words
    starter_code         beginning of the `class Solution` of a functional problem; empty for stdin/stdout
    public_test_cases    JSON text, a list of {"input", "output", "testtype": "stdin" or "functional"}
    private_test_cases   the same; or base64 of zlib of a pickle of that JSON text
    metadata             JSON text {"func_name": ...} of a functional problem
    difficulty           easy, medium or hard (optional)

A functional test's input holds the arguments as JSON, one a line, its output the expected value as JSON.
"""

import base64
import binascii
import json
import pickletools
import zlib
from collections.abc import Iterator
from typing import Any

from pairsmith.pipeline.problems.conversion import Conversion
from pairsmith.pipeline.problems.records import DropReason, Found
from pairsmith.pipeline.problems.rows import Row, RowError, missing, text
from pairsmith.pipeline.problems.sources.contest import (
    contest_problem,
    decoded,
    load_contest,
    text_conversion,
    value_conversion,
)
from pairsmith.schemas.config import ProblemsConfig
from pairsmith.schemas.problem import Problem

MAX_TESTS_BYTES = 1 << 30  # of one problem, decompressed; the largest published ones have some hundred MiB
# What a pickle of one string is made of; nothing here looks up, calls or builds anything.
_STRING = frozenset({"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"})
_AROUND = frozenset({"PROTO", "FRAME", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "STOP"})


def load_livecodebench(config: ProblemsConfig) -> list[Found]:
    """Return the problems of a file in LiveCodeBench's form; printed text is compared by `numbers`."""
    return load_contest(config, _build)


def unpickle_string(data: bytes) -> str:
    """Return the string that a pickle holds, reading its operations and executing none.

    Raises:
        ValueError: if it is no pickle, or holds anything else than one string.
    """
    found = []
    for operation, argument, _ in pickletools.genops(data):
        if operation.name in _STRING:
            found.append(argument)
        elif operation.name not in _AROUND:
            raise ValueError(f"a pickle with {operation.name}, not of one string")
    if len(found) != 1 or not isinstance(found[0], str):
        raise ValueError(f"a pickle of {len(found)} strings, not of one")
    return found[0]


def _build(row: Row) -> tuple[Problem, str]:
    tests = [test for column in ("public_test_cases", "private_test_cases") for test in _tests(row, column)]
    kinds = {str(test["testtype"]) for test in tests}
    if not kinds:
        raise RowError("no tests: zero cases prove nothing", DropReason.NO_TESTS)
    if kinds not in ({"stdin"}, {"functional"}):
        raise RowError(f"tests of type {', '.join(sorted(kinds))}; known are stdin and functional")
    task, starter = text(row, "question_content"), text(row, "starter_code", "")
    parts: dict[str, Any] = {
        "problem_id": f"livecodebench/{text(row, 'question_id')}",
        "source": "livecodebench",
        "level": text(row, "difficulty", ""),
    }
    function = ""
    if kinds == {"functional"}:
        metadata = decoded(row.get("metadata"), "metadata")
        function = str(metadata.get("func_name") or "") if isinstance(metadata, dict) else ""
        if not function:
            raise RowError("column 'metadata' has no 'func_name' for functional tests")
    texts = ((test["input"], test["output"]) for test in tests)
    conversion = _functional(tests) if function else text_conversion(texts, "numbers")
    return contest_problem(task, starter, function, conversion, **parts), ""


def _functional(tests: list[dict[str, Any]]) -> Conversion:
    values = []
    for index, test in enumerate(tests):
        try:
            arguments = [json.loads(line) for line in str(test["input"]).split("\n") if line.strip()]
            values.append((arguments, json.loads(str(test["output"]))))
        except (ValueError, RecursionError) as error:
            raise RowError(f"functional test {index} is not JSON: {error}") from None
    return value_conversion(values)


def _tests(row: Row, column: str) -> Iterator[dict[str, Any]]:
    if column not in row:
        raise missing(column, row)
    value = row[column]
    try:
        tests = decoded(value, column)
    except RowError:
        tests = decoded(_unpacked(str(value), column), column)
    for index, test in enumerate(tests or ()):
        if not isinstance(test, dict) or not {"input", "output", "testtype"} <= test.keys():
            raise RowError(f"{column}[{index}] lacks 'input', 'output' or 'testtype'")
        yield test


def _unpacked(value: str, column: str) -> str:
    try:
        inflate = zlib.decompressobj()
        data = inflate.decompress(base64.b64decode(value, validate=True), MAX_TESTS_BYTES)
        if inflate.unconsumed_tail or not inflate.eof:
            raise ValueError("it is truncated or too large")
        return unpickle_string(data)
    except (ValueError, binascii.Error, zlib.error) as error:
        raise RowError(f"column {column!r} is neither JSON nor base64, zlib and pickle of JSON: {error}") from None
