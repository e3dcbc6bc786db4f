"""Reads the tests that a model wrote: each assert by itself, whatever stands around it.

A model breaks off in the middle of a line, repeats `assert` without end, or forgets a bracket. What parses is
kept, the rest is counted by reason, and nothing is repaired.
"""

import ast
import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pairsmith.pipeline.problems.convert.asserts import is_call_of
from pairsmith.pipeline.problems.convert.conversion import TestSyntaxError, convert_tests, parse
from pairsmith.pipeline.problems.convert.tester import bound_names
from pairsmith.pipeline.synthesis.agreement.running import called_with
from pairsmith.schemas.agreement import GeneratedTest
from pairsmith.schemas.problem import JudgedBy

_FENCE = re.compile(r"^ *```[^\n]*\n(.*?)(?:^ *```|\Z)", re.DOTALL | re.MULTILINE)
_WORD = re.compile(r"[^\W\d]\w*")
_MAX_CHARACTERS = 100_000  # of one answer; no token limit of ours lets a model write more
_MAX_LINES = 20  # of one statement
_MAX_STATEMENTS = 200
_MAX_CALL = 2_000  # characters
_CONTEXT = (ast.Assign, ast.Import, ast.ImportFrom)


@dataclass(frozen=True, slots=True)
class Suite:
    """The tests of one answer, in order, each once, and why others were left out."""

    tests: tuple[GeneratedTest, ...]
    reasons: Counter[str]


def read_suite(
    text: str, entry_point: str, setup: str = "", parameters: Sequence[str] = (), max_tests: int = 0
) -> Suite:
    """Return the tests in a model's answer.

    Asserts are taken from fenced blocks if there are any, else from the bare text; those in a function `test_...`
    or `check(candidate)` too. Assignments and imports before an assert belong to it.

    Args:
        text: the answer as drawn.
        entry_point: the function that must be called.
        setup: code that the tests may use.
        parameters: the function's parameters, by which keyword arguments find their place.
        max_tests: at most so many, the first ones; 0 takes all.
    """
    tests: dict[GeneratedTest, None] = {}
    reasons: Counter[str] = Counter()
    for context, statement in _asserts(_code(text[:_MAX_CHARACTERS]), entry_point, reasons):
        if max_tests and len(tests) >= max_tests:
            reasons["beyond_the_limit"] += 1
            continue
        source = "\n".join([*_needed(context, statement), statement])
        try:
            conversion = convert_tests(source, entry_point, setup, tuple(parameters))
        except (TestSyntaxError, RecursionError):
            reasons["no_python"] += 1
            continue
        if conversion.judged_by is JudgedBy.CASES:
            tests.update({GeneratedTest(case): None for case in conversion.cases})
        elif conversion.judged_by is JudgedBy.TESTER:
            tests[GeneratedTest(None, conversion.test_code)] = None
        else:
            reasons["no_usable_assert"] += 1
    if not tests and not reasons:
        reasons["no_assert"] += 1
    return Suite(tuple(tests), reasons)


def _code(text: str) -> str:
    blocks = _FENCE.findall(text)
    return "\n".join(textwrap.dedent(block) for block in blocks) if blocks else text


def _asserts(code: str, entry_point: str, reasons: Counter[str]) -> Iterator[tuple[list[str], str]]:
    """Give each assert about the entry point with the assignments and imports before it."""
    context: list[str] = []
    for node in _statements(code, reasons):
        for inner, local in _flat(node, entry_point):
            if isinstance(inner, ast.Assert):
                if _calls(inner, entry_point):
                    yield [*context, *local], ast.unparse(inner)
                else:
                    reasons["about_another_function"] += 1
            elif not local and isinstance(inner, _CONTEXT):
                context.append(ast.unparse(inner))


def _flat(node: ast.stmt, entry_point: str) -> Iterator[tuple[ast.stmt, list[str]]]:
    """Give a statement, or those of a test function, each with the assignments before it in there."""
    if not isinstance(node, ast.FunctionDef) or not node.name.startswith(("test", "check")):
        yield node, []
        return
    if node.name == "check" and node.args.args:
        _Renamed(node.args.args[0].arg, entry_point).visit(node)
    local: list[str] = []
    for inner in node.body:
        yield inner, list(local)
        if isinstance(inner, _CONTEXT):
            local.append(ast.unparse(inner))


class _Renamed(ast.NodeTransformer):
    """Calls `check`'s parameter by the entry point's name."""

    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = old, new

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.copy_location(ast.Name(self._new, node.ctx), node) if node.id == self._old else node


def _statements(code: str, reasons: Counter[str]) -> Iterator[ast.stmt]:
    """Give the statements of a text that parse: all of it at once, else each that starts at the margin."""
    whole = _parsed(code)
    if whole is not None:
        yield from whole[:_MAX_STATEMENTS]
        return
    lines = textwrap.dedent(code).split("\n")
    place, n_found = 0, 0
    while place < len(lines) and n_found < _MAX_STATEMENTS:
        body, n_lines = _statement_at(lines, place) if lines[place].strip() else ([], 1)
        yield from body
        n_found += len(body)
        if not body and lines[place].lstrip().startswith("assert"):
            reasons["broken_assert"] += 1
        place += n_lines


def _statement_at(lines: Sequence[str], place: int) -> tuple[list[ast.stmt], int]:
    """Return the statement that starts at a line and how many lines it has; none and 1 where nothing parses."""
    for end in range(place + 1, min(place + _MAX_LINES, len(lines)) + 1):
        is_whole = end == len(lines) or not lines[end].startswith((" ", "\t"))
        body = _parsed(textwrap.dedent("\n".join(lines[place:end]))) if is_whole else None
        if body:
            return body, end - place
    return [], 1


def _parsed(code: str) -> list[ast.stmt] | None:
    try:
        return parse(code).body
    except TestSyntaxError:
        return None


def _calls(node: ast.AST, name: str) -> bool:
    return any(is_call_of(part, frozenset({name})) for part in ast.walk(node))


def _needed(context: Sequence[str], statement: str) -> list[str]:
    """Return the assignments and imports that a statement needs, directly or for another one of them."""
    names = set(_WORD.findall(statement))
    kept: list[str] = []
    for line in reversed(context):
        if not names.isdisjoint(bound_names(ast.parse(line))):
            kept.append(line)
            names.update(_WORD.findall(line))
    return kept[::-1]


def find_calls(text: str, entry_point: str) -> tuple[str, ...]:
    """Return the argument lists of all calls of a function in any text, as far as they are constants, each once.

    A call in a broken assert, a `print`, or a comment shows an input too.
    """
    found: dict[str, None] = {}
    for match in re.finditer(rf"\b{re.escape(entry_point)}\(", text[:_MAX_CHARACTERS]):
        call = _balanced(text, match.end() - 1)
        if call:
            found.update(dict.fromkeys(called_with(entry_point + call, entry_point)))
    return tuple(found)


def _balanced(text: str, start: int) -> str:
    """Return the bracket that opens at a place, up to where the text's brackets are even and it parses."""
    depth = 0
    for place in range(start, min(len(text), start + _MAX_CALL)):
        depth += text[place] in "([{"
        depth -= text[place] in ")]}"
        if not depth:
            return text[start : place + 1]
    return ""
