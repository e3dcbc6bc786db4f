"""References run before tokens are spent: what they show of a problem's tests, and what is cut by their cost."""

import dataclasses

import pytest

from pairsmith.pipeline.problems.records import DropReason, PendingProblem
from pairsmith.pipeline.problems.references import MAX_ANSWERS_BYTES, _bounded, check_references, complete
from pairsmith.pipeline.sandbox import Answer, SandboxPool
from pairsmith.schemas.execution import Status
from pairsmith.schemas.problem import Case, JudgedBy, Problem
from pairsmith.schemas.values import decode_value
from tests.pairing_records import problem as make_problem

CASES = (Case("[1]", "2"), Case("[2]", "3"))


def problem_of(problem_id: str, reference: str, **changes: object) -> Problem:
    problem = make_problem(problem_id=problem_id, cases=CASES, reference=reference, contract=reference)
    return dataclasses.replace(problem, entry_point="f", setup="", **changes)  # type: ignore[arg-type]


PROBLEMS = (
    problem_of("a/right", "def f(x):\n    return x + 1\n"),
    problem_of("b/wrong", "def f(x):\n    return 2\n"),
    problem_of("c/raises", "def f(x):\n    raise KeyError(x)\n"),
    problem_of("d/none", ""),
    problem_of(
        "e/tester", "def f(x):\n    return 1\n", judged_by=JudgedBy.TESTER, cases=(), test_code="assert f(1) > 2\n"
    ),
    problem_of("g/package", "import numpy_that_nobody_has\ndef f(x):\n    return x + 1\n"),
    problem_of("f/nothing", "def f(x):\n    return 1\n", judged_by=JudgedBy.NOTHING, cases=()),
)


@pytest.mark.parametrize("trust", ["tests", "reference"])
def test_a_reference_must_pass_its_own_tests(pool: SandboxPool, trust: str) -> None:
    checked = check_references(PROBLEMS, pool, trust)  # type: ignore[arg-type]
    assert {drop.where: drop.message for drop in checked.failed} == {
        "b/wrong": "its reference fails its own tests: wrong_value; case 2, f(2), expects 3, and it gave 2",
        "c/raises": "its reference fails its own tests: exception KeyError; "
        "case 1, f(1), expects 2, and it gave exception KeyError",
        "e/tester": "its reference fails its own tests: test_failed AssertionError in the test code; "
        "its last answer was 1",
    }
    assert {drop.reason for drop in checked.failed} == {DropReason.REFERENCE_FAILED}
    assert checked.counts == {"reference.passed": 1, "reference.failed": 3, "reference.undecided": 1}
    assert checked.undecided == (
        "g/package: its reference could not be judged: missing_package numpy_that_nobody_has",
    )
    kept = {problem.problem_id: problem for problem in checked.problems}
    if trust == "reference":
        assert sorted(kept) == ["a/right", "d/none", "f/nothing", "g/package"]
        return
    assert len(kept) == len(PROBLEMS)
    assert (kept["b/wrong"].reference, kept["b/wrong"].contract) == ("", "")  # nothing is decided by it
    assert kept["b/wrong"].cases == CASES
    assert kept["a/right"] == PROBLEMS[0]


def test_inputs_are_cut_where_the_reference_needs_much_time_for_all(pool: SandboxPool) -> None:
    code = "import time\ndef f(x):\n    end = time.process_time() + x\n    while time.process_time() < end: pass\n"
    problem = problem_of("a/slow", code + "    return x\n")
    costs = [0.0, 0.25, 0.0, 1.2, 0.25, 0.25, 0.25, 0.25, 0.0]
    pending = PendingProblem(problem, tuple(f"[{cost}]" for cost in costs), 0.0)
    completed = complete([dataclasses.replace(pending, problem=problem)], pool)
    (made,) = completed.problems
    kept = [decode_value(case.expected) for case in made.cases]
    assert kept.count(0.0) == 3
    assert 1.2 not in kept
    assert sum(kept) <= 0.3 * pool.cpu_s + 0.01
    assert completed.lost_inputs == {"a/slow": len(costs) - len(kept)}


@pytest.mark.parametrize(
    ("walls", "seconds", "kept"),
    [
        ((0.4, 0.01, 0.01), 0.9, [True, True, False]),  # all fit in time: the last is too long beside the others
        ((0.4, 0.01, 0.01), 0.1, [False, True, True]),  # too slow together: the slowest goes first
    ],
)
def test_answers_go_by_their_time_only_where_time_runs_out(
    walls: tuple[float, ...], seconds: float, kept: list[bool]
) -> None:
    value = "1" * (MAX_ANSWERS_BYTES // 2)
    answers = [Answer(Status.OK, value, "", wall_s) for wall_s in walls]
    assert [answer is not None for answer in _bounded(answers, seconds)] == kept
