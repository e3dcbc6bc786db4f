"""Runs a candidate against a pytest or unittest suite: the tests in one sandbox, the candidate in another."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from pairsmith.pipeline.sandbox import Answer, Ending, Job, Sandbox
from pairsmith.schemas.execution import Status, TestOutcome, TestRun
from pairsmith.schemas.problem import Problem
from pairsmith.schemas.values import decode_value, encode_value


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """What came of a suite.

    Attributes:
        calls: one answer a call of the candidate, in the order made: its value, or the exception that it raised.
        ending: how the candidate ended; its detail says why the suite proves nothing, where it proves nothing.
        tester: passed, failed, or empty where the suite proves nothing.
        tests: the outcome of each test.
    """

    calls: tuple[Answer, ...]
    ending: Ending
    tester: str
    tests: tuple[TestRun, ...]


def run_suite(code: str, problem: Problem, candidate: Sandbox, suite: Sandbox) -> SuiteRun:
    """Return what came of a problem's suite with a candidate's code.

    A suite that collects no test, none of whose tests passed or failed, or that passed without a call of the
    candidate, proves nothing. One failed test fails; a test that broke before it reached the candidate, or that
    asks for what is no plain value, fails nobody, but then nothing is passed either.

    Args:
        code: the candidate's program.
        problem: its test code is the suite.
        candidate: where the program runs.
        suite: where the tests run; it holds pytest.

    Raises:
        SandboxFaultError: if a sandbox broke.
    """
    calls = list[Answer]()

    def ask(request: str) -> Answer:
        answer = candidate.call(request)
        if request.startswith('["call"'):
            calls.append(_call(answer))
        return answer

    loaded = candidate.begin(Job(problem.setup, code, problem.entry_point, mode="module"))
    outcome = None
    if loaded is Status.OK:
        outcome = suite.run_tester(Job("", problem.test_code, "", mode="suite"), ask)
    ending = candidate.end()
    if outcome is None or ending.status is not Status.OK:
        return SuiteRun(tuple(calls), ending, "", ())
    if outcome.status is not Status.OK:
        # The suite itself ran out of something, on a candidate that answered.
        detail = f"the suite ended with {outcome.status.value} {outcome.exception or outcome.detail}".strip()
        return SuiteRun(tuple(calls), replace(ending, status=Status.FAULT, detail=detail), "", ())
    tests = _tests(outcome.report)
    tester, detail = _sum_up(tests, len(calls))
    return SuiteRun(tuple(calls), replace(ending, detail=detail), tester, tests)


def _call(answer: Answer) -> Answer:
    """Return the answer to a request of `call` as a call of the function would have given it."""
    if answer.status is not Status.OK:
        return answer
    kind, *rest = _decoded(answer.value)
    if kind == "value" and rest:
        return replace(answer, value=encode_value(rest[0]))
    if kind == "raised" and rest and isinstance(rest[0], list) and rest[0]:
        return replace(answer, status=Status.EXCEPTION, value="", exception=str(rest[0][0])[:100])
    return replace(answer, status=Status.FORGED, value="")


def _decoded(text: str) -> list[Any]:
    value = decode_value(text)
    return value if isinstance(value, list) and value else [None]


def _tests(report: str) -> tuple[TestRun, ...]:
    outcomes: tuple[TestOutcome, ...] = get_args(TestOutcome)
    return tuple(TestRun(str(name), outcome) for name, outcome in decode_value(report) if outcome in outcomes)


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
