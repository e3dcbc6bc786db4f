"""Runs a candidate against test code: the tests in one sandbox, the candidate in another."""

import ast
import inspect
import json
import types
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from pairsmith.pipeline.languages.python.parsing import parse_python
from pairsmith.pipeline.sandbox import Answer, Ending, Job, Sandbox
from pairsmith.schemas.execution import Status, TestOutcome, TestRun
from pairsmith.schemas.problem import JudgedBy, Problem
from pairsmith.schemas.values import decode_value, encode_arguments, encode_value

TESTS_ENDED = "the test code ended with"
OWN_EQUALITY = "own_equality"
CONTEXTS = "contextvars: the tests' contexts are not the solution's"
_CALLS = ('[["call"', '[["method"')
_SOURCES = '[["about","getsource'
_KEPT_NODES = 10_000  # parts of an answer that are written down


@dataclass(frozen=True, slots=True)
class TestedRun:
    """What came of a problem's tests.

    Attributes:
        calls: one answer a call of the candidate, in the order made: its value, or the exception that it raised.
        ending: how the candidate ended; its detail says why the tests prove nothing, where they prove nothing.
        tester: passed, failed, `own_equality` where it passed by what the candidate's own `__eq__`, `__bool__` or
            `__hash__` says, or empty where the tests prove nothing.
        tests: the outcome of each test of a suite.
    """

    calls: tuple[Answer, ...]
    ending: Ending
    tester: str
    tests: tuple[TestRun, ...]


def run_tests(job: Job, problem: Problem, candidate: Sandbox, tester: Sandbox) -> TestedRun:
    """Return what came of a problem's tests with a candidate's code.

    Tests that collect nothing, none of which passed or failed, or that passed without a call of the candidate,
    prove nothing. One failed test fails; a test that broke before it reached the candidate, or that asks for
    what can't cross over, fails nobody, but then nothing is passed either.

    Args:
        job: the candidate's program, without inputs.
        tester: where the tests run; for a suite it holds pytest.

    Raises:
        SandboxFaultError: if a sandbox broke.
    """
    is_suite = problem.judged_by is JudgedBy.SUITE
    calls = list[Answer]()
    invented = list[Answer]()

    def ask(request: str) -> Answer:
        answer = candidate.call(request, is_message=True)
        if request.startswith(_SOURCES) and not _is_source(answer, (job.code, setup)):
            invented.append(answer)
        if request.startswith(_CALLS) or answer.status is not Status.OK:
            calls.append(_call(answer))
        return answer

    name = "" if is_suite and "." not in job.entry_point else job.entry_point
    classes, code = ("", problem.test_code) if is_suite else taken_classes(problem.test_code, job.code)
    setup = problem.setup + classes
    loaded = candidate.begin(
        replace(job, setup=job.setup + classes, entry_point=name, inputs=(), views=(), mode="module")
    )
    outcome = None
    if loaded is Status.OK:
        mode, name = ("suite", problem.entry_point) if is_suite else ("function", problem.entry_point)
        outcome = tester.run_tester(Job(setup, code, name, mode=mode), ask)  # type: ignore[arg-type]
    ending = candidate.end()
    if outcome is None:
        return TestedRun(tuple(calls), ending, "", ())
    if ending.status is not Status.OK:
        is_stuck = ending.status is Status.TIMEOUT and _overlaps(outcome.report)
        if is_stuck:  # threads of the tests ask one by one: one that waits for another never ends
            ending, calls = (
                replace(ending, status=Status.OK, detail="threads of the tests wait for each other"),
                [],
            )
        return TestedRun(tuple(calls), ending, "", ())
    if outcome.status is not Status.OK:
        # The tests themselves ran out of something, on a candidate that answered.
        detail = f"{TESTS_ENDED} {outcome.status.value} {outcome.exception or outcome.detail}".strip()
        return TestedRun(tuple(calls), replace(ending, status=Status.FAULT, detail=detail), "", ())
    try:
        results, notes = _read_report(outcome.report)
        first = results[0] if not is_suite else ("", "", "")
    except (ValueError, TypeError, LookupError, AttributeError):  # test code wrote past its harness
        detail = f"{TESTS_ENDED} a report that can't be read"
        return TestedRun(tuple(calls), replace(ending, status=Status.FAULT, detail=detail), "", ())
    if notes["reached"] and not calls:  # an enum or a dataclass, which the tests have in full, or only attributes
        calls.append(Answer(Status.OK, "null", "", 0.0))
    tests = _tests(results)
    verdict, detail = _sum_up(tests, len(calls)) if is_suite else _outcome(first, len(calls))
    if verdict == "failed" and _has_contexts(problem.test_code, job.code):
        verdict, detail = "", CONTEXTS
    if notes["broken"]:
        ending = replace(ending, status=Status.FORGED)
    elif notes["vague"] or (notes["own"] and verdict == "passed" and not problem.own_equality):
        verdict, detail = OWN_EQUALITY, "rests on what an __eq__, __bool__ or __hash__ of the candidate's says"
    elif invented and verdict == "passed":
        verdict, detail = "", "inspect gave a source that is not the candidate's"
    elif notes["swallowed"] and verdict == "passed":
        verdict, detail = "", "the candidate kept a failed assertion of the tests to itself"
    return TestedRun(tuple(calls), replace(ending, detail=detail), verdict, tests if is_suite else ())


def _has_contexts(tests: str, code: str) -> bool:
    """Return whether tests may call a solution in several contexts: over there these are one for each thread."""
    return "contextvars" in tests or ("asyncio" in tests and "contextvars" in code)


def arguments_asked(request: str, entries: dict[int, list[Any]]) -> str:
    """Return the argument list of a message that calls a function; empty for any other message.

    Args:
        request: what a test sent.
        entries: objects of its earlier messages, by number; those of this one are added.
    """
    try:
        body, changes, *_ = json.loads(request)
        entries.update({entry[0]: entry[1:] for entry in changes})
        if body[0] != "call":
            return ""
        return encode_arguments(decode_value(json.dumps(_plain(body[2], entries, [_KEPT_NODES]))))
    except (TypeError, ValueError, LookupError, RecursionError):
        return ""


def _read_report(text: str) -> tuple[list[tuple[str, str, str]], dict[str, bool]]:
    """Return the name, outcome and error of each test, and the notes of a report."""
    results, notes = decode_value(text)
    tests = [(str(name), str(outcome), str(error)) for name, outcome, error in results]
    return tests, {key: bool(notes[key]) for key in ("reached", "broken", "vague", "own", "overlaps", "swallowed")}


def _overlaps(report: str) -> bool:
    try:
        return _read_report(report)[1]["overlaps"]
    except (ValueError, TypeError, LookupError, AttributeError):
        return False


def _outcome(result: Sequence[str], n_calls: int) -> tuple[str, str]:
    _, outcome, error = result
    if outcome == "failed":
        return "failed", f"{error} in the test code"
    if outcome == "error":
        return "", error
    return ("passed", "") if n_calls else ("", "no test called the candidate")


def _call(answer: Answer) -> Answer:
    """Return the answer to a message as a call of the function would have given it."""
    if answer.status is not Status.OK:
        return answer
    try:
        body, changes, *_ = json.loads(answer.value)
        entries = {entry[0]: entry[1:] for entry in changes}
        if body[0] == "raise":
            name = _class_name(entries[body[1]["@"]][1], entries)
            return replace(answer, status=Status.EXCEPTION, value="", exception=name)
        value = _plain(body[1], entries, [_KEPT_NODES]) if body[0] == "ok" else None
        return replace(answer, value=encode_value(decode_value(json.dumps(value))))
    except (TypeError, ValueError, LookupError, RecursionError):
        return replace(answer, value=encode_value(None))  # the tester says whether it is a message at all


def _is_source(answer: Answer, texts: Sequence[str]) -> bool:
    """Return whether the source that `inspect` gave over there, if any, is a part of one of these texts."""
    try:
        body, changes, *_ = json.loads(answer.value)
        entries = {entry[0]: entry[1:] for entry in changes}
        found = decode_value(json.dumps(_plain(body[1], entries, [_KEPT_NODES])))
        text = found if isinstance(found, str) else "".join(found[0])
    except (TypeError, ValueError, LookupError, RecursionError):
        return answer.status is not Status.OK or '"raise"' in answer.value[:9]
    return body[0] == "raise" or any(text in one for one in texts)


def _class_name(tree: Any, entries: dict[Any, Any]) -> str:
    return str(tree["type"] if "type" in tree else entries[tree["@"]][1])[:100]


def _plain(tree: Any, entries: dict[Any, Any], left: list[int], depth: int = 0) -> Any:
    """Return the tree of `schemas.values` for a part of a message, as far as it is one."""
    left[0] -= 1
    if left[0] < 0 or depth > 50:
        return {"opaque": "..."}

    def inner(parts: Sequence[Any]) -> list[Any]:
        return [_plain(part, entries, left, depth + 1) for part in parts]

    if not isinstance(tree, dict):
        return tree
    ((tag, body),) = tree.items()
    if tag in ("tuple", "frozenset"):
        return {tag: inner(body)}
    if tag == "std":
        return {"std": [body[0], inner(body[1])]}
    if tag == "named":
        return {"tuple": inner(body[1])}
    if tag != "@":
        return tree if tag in ("int", "float", "complex", "bytes", "type") else {"opaque": tag}
    kind, *parts = entries.get(body, ["known"])
    if kind == "nan":
        return {"float": "nan"}
    if kind == "list":
        return inner(parts[1])
    if kind == "set":
        return {"set": sorted(inner(parts[1]), key=json.dumps)}
    if kind == "dict":
        items = inner(parts[1])
        return {"dict": [list(pair) for pair in zip(items[::2], items[1::2], strict=True)]}
    if kind in ("own", "obj", "exc", "sub"):
        return {
            "opaque": _class_name(parts[0], entries) if "@" not in parts[0] or parts[0]["@"] in entries else kind
        }
    return {"opaque": str(kind)}


def _tests(results: Sequence[Sequence[str]]) -> tuple[TestRun, ...]:
    outcomes: tuple[TestOutcome, ...] = get_args(TestOutcome)
    return tuple(TestRun(str(name), outcome) for name, outcome, _ in results if outcome in outcomes)


def _sum_up(tests: Sequence[TestRun], n_calls: int) -> tuple[str, str]:
    """Return passed, failed or nothing, and a line that says why."""
    of = {outcome: [test.name for test in tests if test.outcome == outcome] for outcome in get_args(TestOutcome)}
    if of["failed"]:
        others = f" and {len(of['failed']) - 1} more" if len(of["failed"]) > 1 else ""
        return "failed", f"{of['failed'][0]}{others} of {len(tests)} tests"
    if of["error"]:
        return "", f"{of['error'][0]} could not show anything about the candidate"
    if not of["passed"]:
        return "", f"no test passed or failed, {len(of['skipped'])} skipped"
    if not n_calls:
        return "", "no test called the candidate"
    return "passed", ""


_SMALL = (None, 0, 1, -1)


def taken_classes(tests: str, code: str) -> tuple[str, str]:
    """Return the classes of nodes that a solution takes from its tests, as a setup, and the tests without them.

    In one process with its tests a solution may use their `ListNode` or `TreeNode` when it is called. Such a class
    crosses where its methods only set and show its own attributes: they say nothing of what is expected.
    """
    try:
        tree, (at_load, in_calls) = (
            parse_python(tests),
            _names(compile(code, "<solution>", "exec", dont_inherit=True)),
        )
    except (SyntaxError, ValueError, RecursionError):
        return "", tests
    wanted = in_calls - at_load
    found = [
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name in wanted and _is_node(node)
    ]
    lines = tests.splitlines(keepends=True)
    setup = "".join("".join([*lines[node.lineno - 1 : node.end_lineno], "\n"]) for node in found)
    for node in found:
        for place in range(node.lineno - 1, node.end_lineno or node.lineno):
            lines[place] = "\n"
    return "\n" + setup if setup else "", "".join(lines)


def _names(code: types.CodeType) -> tuple[set[str], set[str]]:
    """Return the global names that a program uses while it loads, and those that its functions use."""
    at_load, in_calls = (
        (set(), set(code.co_names)) if code.co_flags & inspect.CO_OPTIMIZED else (set(code.co_names), set())
    )
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            loaded, called = _names(part)
            at_load, in_calls = at_load | loaded, in_calls | called
    return at_load, in_calls


def _is_node(node: ast.ClassDef) -> bool:
    if node.bases or node.keywords or node.decorator_list:
        return False
    allowed = {node.name, "str", "repr", "isinstance", "int", "object"}
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name.startswith("__"):
            names = {inner.arg for inner in ast.walk(part) if isinstance(inner, ast.arg)}
            names |= {
                inner.id
                for inner in ast.walk(part)
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
            }
            for inner in ast.walk(part):
                if isinstance(inner, ast.Name) and inner.id not in allowed | names:
                    return False
                if (
                    isinstance(inner, ast.Constant)
                    and inner.value not in _SMALL
                    and not isinstance(inner.value, str)
                ):
                    return False
        elif not (
            isinstance(part, ast.Pass) or (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
        ):
            return False
    return True
