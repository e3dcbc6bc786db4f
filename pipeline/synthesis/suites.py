"""Reads the tests that a model wrote, each assert by itself, and runs them on the answers that programs gave.

Programs meet inputs only. A test of the form `f(...) == value` is compared outside; test code runs in a sandbox of
its own, once for each different set of answers to what it asks, with the answers played back: no program is in
reach.

A model breaks off in the middle of a line, repeats `assert` without end, or forgets a bracket. What parses is
kept, the rest is counted by reason, and nothing is repaired.
"""

import ast
import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from pairsmith.pipeline.crosscheck.run import run_on_inputs
from pairsmith.pipeline.execution.suites import run_tests as run_suite
from pairsmith.pipeline.judging.equality import matches
from pairsmith.pipeline.languages.python.parsing import parse_python
from pairsmith.pipeline.problems.asserts import bound_names, is_call_of
from pairsmith.pipeline.problems.constants import NotConvertibleError, Scope, constant
from pairsmith.pipeline.problems.conversion import TestSyntaxError, convert_tests, parse
from pairsmith.pipeline.sandbox import Job, SandboxFaultError, SandboxPool
from pairsmith.pipeline.synthesis.parsing import closing
from pairsmith.schemas.execution import CaseRun, Status
from pairsmith.schemas.problem import JudgedBy, Problem
from pairsmith.schemas.synthesis import GeneratedTest, GivenAnswer, ProblemAnswers
from pairsmith.schemas.values import ValueTooLargeError, encode_arguments

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


def read_suite(text: str, entry_point: str, setup: str = "", parameters: Sequence[str] = ()) -> Suite:
    """Return the tests in a model's answer.

    Asserts are taken from fenced blocks if there are any, else from the bare text; those in a function `test_...`
    or `check(candidate)` too. Assignments and imports before an assert belong to it.

    Args:
        parameters: the function's parameters, by which keyword arguments find their place.
    """
    tests: dict[GeneratedTest, None] = {}
    reasons: Counter[str] = Counter()
    blocks = _FENCE.findall(text[:_MAX_CHARACTERS])
    code = "\n".join(map(textwrap.dedent, blocks)) if blocks else text[:_MAX_CHARACTERS]
    for context, statement in _asserts(code, entry_point, reasons):
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


def _asserts(code: str, entry_point: str, reasons: Counter[str]) -> Iterator[tuple[list[str], str]]:
    """Give each assert about the entry point with the assignments and imports before it."""
    context: list[str] = []
    for node in _statements(code, reasons):
        for inner, local in _flat(node, entry_point):
            if isinstance(inner, ast.Assert):
                if any(is_call_of(part, frozenset({entry_point})) for part in ast.walk(inner)):
                    yield [*context, *local], ast.unparse(inner)
                else:
                    reasons["about_another_function"] += 1
            elif not local and isinstance(inner, _CONTEXT):
                context.append(ast.unparse(inner))


def _flat(node: ast.stmt, entry_point: str) -> Iterator[tuple[ast.stmt, list[str]]]:
    """Give a statement, or those of a test function, each with the assignments before it."""
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


def _needed(context: Sequence[str], statement: str) -> list[str]:
    """Return the assignments and imports that a statement needs, directly or for another one of them."""
    names = set(_WORD.findall(statement))
    kept: list[str] = []
    for line in reversed(context):
        if not names.isdisjoint(bound_names(parse_python(line))):
            kept.append(line)
            names.update(_WORD.findall(line))
    return kept[::-1]


def find_calls(text: str, entry_point: str) -> tuple[str, ...]:
    """Return the argument lists of all calls of a function in any text, as far as they are constants, each once.

    A call in a broken assert, a `print`, or a comment shows an input too.
    """
    found: dict[str, None] = {}
    for match in re.finditer(rf"\b{re.escape(entry_point)}\(", text[:_MAX_CHARACTERS]):
        end = closing(text, match.end() - 1, _MAX_CALL)
        found.update(dict.fromkeys(called_with(text[match.start() : max(end, 0)], entry_point)))
    return tuple(found)


_N_STOPS = 3  # each costs a third of `crosscheck.wall_s`
_UNASKED = "UnaskedError"
# Stands in the place of a program: gives the answers that a program gave.
_PLAYER = """
import builtins
from pairsmith.schemas.values import decode_value, encode_arguments
class {unasked}(Exception): pass
known = {table!r}
def {name}(*arguments):
    exception, value = known.get(encode_arguments(arguments), ("{unasked}", ""))
    if exception == "{unasked}":
        raise {unasked}
    if exception:
        raise getattr(builtins, exception, None) or type(exception, (Exception,), {{}})
    return decode_value(value)
"""


def run_matrix(
    problem: Problem, sources: Sequence[str], inputs: Sequence[str], pool: SandboxPool
) -> ProblemAnswers:
    """Return what each program answers to each input; `passes` is still empty.

    A program is called on all inputs in one process; where an input stops it, it goes on behind that a few times.

    Args:
        problem: gives setup and entry point; its cases are not looked at.
        sources: whole programs, each once.
        inputs: texts of argument lists, the cheap ones first.

    Raises:
        SandboxError: if the sandbox stays broken. One fault gives answers with status `fault`.
    """
    table: dict[GivenAnswer, int] = {}
    rows = []
    for ran in run_on_inputs(problem, sources, inputs, pool, n_stops=_N_STOPS):
        answers = [GivenAnswer(answer.status, answer.value, answer.exception) for answer in ran.answers]
        answers = answers or [GivenAnswer(Status.FAULT, "", "")] * len(inputs)
        rows.append(tuple(table.setdefault(answer, len(table)) for answer in answers))
    return ProblemAnswers(problem.problem_id, tuple(inputs), tuple(table), tuple(rows), ())


def asked_inputs(test: GeneratedTest, entry_point: str) -> tuple[str, ...]:
    """Return the argument lists that a test asks for, as far as they are constants."""
    return (test.case.arguments,) if test.case is not None else called_with(test.code, entry_point)


def called_with(code: str, entry_point: str) -> tuple[str, ...]:
    """Return the argument lists of the calls of a function in some Python code, as far as they are constants."""
    try:
        tree = parse_python(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    scope = Scope(frozenset({entry_point}))
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name == entry_point:
                try:
                    found[encode_arguments([constant(part, scope) for part in args])] = None
                except (NotConvertibleError, ValueTooLargeError):
                    continue
    return tuple(found)


def run_tests(
    problem: Problem, tests: Sequence[GeneratedTest], matrix: ProblemAnswers, pool: SandboxPool
) -> list[tuple[bool | None, ...]]:
    """Return whether each program passes each test: an entry a test, in it an entry a program.

    None where nothing is known: the input was not run, the sandbox or the test itself broke.
    """
    places = {text: place for place, text in enumerate(matrix.inputs)}
    with ThreadPoolExecutor(pool.n_threads, thread_name_prefix="tests") as threads:
        return list(threads.map(lambda test: _run_test(problem, test, matrix, places, pool), tests))


def _run_test(
    problem: Problem, test: GeneratedTest, matrix: ProblemAnswers, places: dict[str, int], pool: SandboxPool
) -> tuple[bool | None, ...]:
    if test.case is not None:
        place = places.get(test.case.arguments)
        if place is None:
            return (None,) * len(matrix.rows)
        verdicts = {
            number: _passes(test, matrix.answers[number]) for number in {row[place] for row in matrix.rows}
        }
        return tuple(verdicts[row[place]] for row in matrix.rows)
    asked = [places[text] for text in asked_inputs(test, problem.entry_point) if text in places]
    verdicts_by_answers: dict[tuple[int, ...], bool | None] = {}
    for row in matrix.rows:
        key = tuple(row[place] for place in asked)
        if key not in verdicts_by_answers:
            known = {matrix.inputs[place]: matrix.answers[row[place]] for place in asked}
            verdicts_by_answers[key] = _play_back(problem, test, known, pool) if asked else None
    return tuple(verdicts_by_answers[tuple(row[place] for place in asked)] for row in matrix.rows)


def _passes(test: GeneratedTest, answer: GivenAnswer) -> bool | None:
    assert test.case is not None
    if answer.status is Status.FAULT:
        return None
    return matches(test.case, CaseRun(answer.status, answer.value, "", answer.exception, 0.0))


def _play_back(
    problem: Problem, test: GeneratedTest, known: dict[str, GivenAnswer], pool: SandboxPool
) -> bool | None:
    table = {arguments: [answer.exception, answer.value] for arguments, answer in known.items()}
    player = Job(problem.setup, _PLAYER.format(table=table, name=problem.entry_point, unasked=_UNASKED), "")
    tests = replace(problem, test_code=test.code, judged_by=JudgedBy.TESTER)
    try:
        run = pool.run(lambda bench: run_suite(player, tests, bench.candidate, bench.tester))
    except SandboxFaultError:
        return None
    if any(call.exception == _UNASKED for call in run.calls):
        return None
    return {"passed": True, "failed": False}.get(run.tester)
