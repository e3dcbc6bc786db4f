import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairsmith.pipeline.judging.verdict import judge, mark_suspects
from pairsmith.schemas.candidate import Extraction
from pairsmith.schemas.execution import CaseRun, Execution, Status
from pairsmith.schemas.problem import Case, JudgedBy, Problem
from pairsmith.schemas.values import encode_value
from pairsmith.schemas.verdict import Cause, Label
from tests.pairing_records import problem as make_problem
from tests.value_strategies import SMALL


def run(value: object = None, status: Status = Status.OK, exception: str = "") -> CaseRun:
    text = encode_value(value) if status is Status.OK else ""
    return CaseRun(status, text, "", exception, 0.0)


CASES = tuple(Case("[]", str(n)) for n in range(3))
PROBLEM = make_problem(cases=CASES)
TESTER = make_problem(judged_by=JudgedBy.TESTER, test_code="assert f()")
RIGHT = tuple(run(n) for n in range(3))


def raw(text: str) -> CaseRun:
    return CaseRun(Status.OK, text, "", "", 0.0)


def executed(*runs: CaseRun, status: Status = Status.OK, **changes: Any) -> Execution:
    base = Execution("c", "p/1", status, "", "", runs, "", "s" * 32, "fake", 0.1, 0.2, 3.0)
    return replace(base, **changes)


def outcome(problem: Problem, execution: Execution) -> tuple[Label, Cause, str]:
    verdict = judge(problem, execution)
    assert (verdict.candidate_id, verdict.problem_id, verdict.signature) == ("c", "p/1", "s" * 32)
    assert verdict.n_cases == len(verdict.passed_cases)
    assert verdict.n_passed == sum(verdict.passed_cases)
    if verdict.label is Label.PASSED:
        assert verdict.n_cases == verdict.n_passed >= 1
    return verdict.label, verdict.cause, verdict.detail


def test_all_right_is_passed() -> None:
    assert outcome(PROBLEM, executed(*RIGHT)) == (Label.PASSED, Cause.NONE, "")
    assert judge(PROBLEM, executed(*RIGHT)).passed_cases == (True, True, True)


def test_one_wrong_value_is_failed() -> None:
    verdict = judge(PROBLEM, executed(run(0), run(7), run(2)))
    assert (verdict.label, verdict.cause, verdict.passed_cases) == (
        Label.FAILED, Cause.WRONG_VALUE, (True, False, True)
    )  # fmt: skip


ENDED = [
    (Status.EXCEPTION, Cause.EXCEPTION), (Status.EXITED, Cause.EXITED), (Status.TIMEOUT, Cause.TIMEOUT),
    (Status.MEMORY, Cause.MEMORY), (Status.OUTPUT_LIMIT, Cause.OUTPUT_LIMIT), (Status.FORGED, Cause.FORGED),
    (Status.COMPILE_ERROR, Cause.COMPILE_ERROR),
    (Status.MISSING, Cause.MISSING_ENTRY_POINT),
]  # fmt: skip


def test_every_status_is_in_a_table_here() -> None:
    assert {status for status, _ in ENDED} == set(Status) - {Status.OK, Status.NOT_RUN, Status.FAULT}


@pytest.mark.parametrize(("status", "cause"), ENDED)
def test_a_program_that_ended_is_failed(status: Status, cause: Cause) -> None:
    not_run = run(status=Status.NOT_RUN)
    at_load = executed(not_run, not_run, not_run, status=status, exception="KeyError", detail="why")
    assert outcome(PROBLEM, at_load) == (Label.FAILED, cause, "KeyError")
    in_a_call = executed(run(0), run(status=status), not_run, status=status, detail="why")
    assert outcome(PROBLEM, in_a_call) == (Label.FAILED, cause, "why")
    # Everything was answered, and then: an answer that nobody asked for, say.
    assert outcome(PROBLEM, executed(*RIGHT, status=status, detail="why")) == (Label.FAILED, cause, "why")
    assert outcome(TESTER, executed(run(1), status=status, tester="passed")) == (Label.FAILED, cause, "")


@pytest.mark.parametrize(("status", "cause"), ENDED)
def test_the_first_case_that_did_not_pass_gives_the_cause(status: Status, cause: Cause) -> None:
    wrong_first = executed(run(9), run(status=status), run(status=Status.NOT_RUN), status=status)
    assert outcome(PROBLEM, wrong_first) == (Label.FAILED, Cause.WRONG_VALUE, "")
    raised_first = executed(run(status=Status.EXCEPTION, exception="KeyError"), run(1), run(2))
    assert outcome(PROBLEM, raised_first) == (Label.FAILED, Cause.EXCEPTION, "KeyError")
    own = executed(run(0), run(status=status, exception="E"), run(9))
    assert outcome(PROBLEM, own) == (Label.FAILED, cause, "E")


@pytest.mark.parametrize("problem", [PROBLEM, TESTER, make_problem(judged_by=JudgedBy.NOTHING)])
def test_a_fault_is_undecided(problem: Problem) -> None:
    for execution in (
        executed(status=Status.FAULT, detail="the pipe broke"),
        executed(*RIGHT, status=Status.FAULT, detail="the pipe broke", tester="passed"),
        executed(*RIGHT[:2], run(status=Status.FAULT), detail="the pipe broke"),
        executed(run(9), run(status=Status.FAULT), run(2), status=Status.EXITED, detail="the pipe broke"),
    ):
        assert outcome(problem, execution) == (Label.UNDECIDED, Cause.SANDBOX_FAULT, "the pipe broke")


def test_zero_cases_never_pass_and_never_fail() -> None:
    for problem in (make_problem(), make_problem(judged_by=JudgedBy.NOTHING)):
        for execution in (
            executed(),
            executed(status=Status.TIMEOUT),
            executed(run(1)),
            executed(status=Status.NOT_RUN, detail="no_code"),
        ):
            assert outcome(problem, execution) == (Label.UNDECIDED, Cause.NO_CASES, "")


@pytest.mark.parametrize("runs", [(), RIGHT[:2], (*RIGHT, run(3))])
def test_another_number_of_runs_is_undecided(runs: tuple[CaseRun, ...]) -> None:
    for status in (Status.OK, Status.TIMEOUT):
        said = f"{len(runs)} of 3 cases were run"
        assert outcome(PROBLEM, executed(*runs, status=status)) == (Label.UNDECIDED, Cause.SANDBOX_FAULT, said)


def test_a_case_not_run_for_no_reason_is_undecided() -> None:
    execution = executed(run(0), run(status=Status.NOT_RUN), run(2))
    assert outcome(PROBLEM, execution) == (Label.UNDECIDED, Cause.SANDBOX_FAULT, "a case was not run")


@pytest.mark.parametrize(
    ("extraction", "cause"),
    [
        (Extraction.NO_CODE, Cause.NO_CODE),
        (Extraction.SYNTAX_ERROR, Cause.SYNTAX_ERROR),
        (Extraction.NO_ENTRY_POINT, Cause.MISSING_ENTRY_POINT),
    ],
)
def test_what_has_no_program_is_failed(extraction: Extraction, cause: Cause) -> None:
    execution = executed(status=Status.NOT_RUN, detail=extraction.value)
    assert outcome(PROBLEM, execution) == (Label.FAILED, cause, "")
    assert judge(PROBLEM, execution).passed_cases == (False, False, False)
    assert judge(TESTER, execution).passed_cases == (False,)


@pytest.mark.parametrize("detail", ["", "ok", "gremlins"])
def test_not_run_without_a_known_reason_is_undecided(detail: str) -> None:
    execution = executed(status=Status.NOT_RUN, detail=detail)
    assert outcome(PROBLEM, execution) == (Label.UNDECIDED, Cause.SANDBOX_FAULT, detail)


@pytest.mark.parametrize(
    ("runs", "tester", "label", "cause", "detail"),
    [
        ([run(1)], "passed", Label.PASSED, Cause.NONE, ""),
        ([run(1), run(status=Status.EXCEPTION, exception="E")], "passed", Label.PASSED, Cause.NONE, ""),
        ([], "passed", Label.UNDECIDED, Cause.NO_CASES, "said"),
        ([], "failed", Label.UNDECIDED, Cause.NO_CASES, "said"),
        ([run(1)], "", Label.UNDECIDED, Cause.NO_CASES, "said"),
        ([run(1)], "failed", Label.FAILED, Cause.TEST_FAILED, "said"),
        ([run(1), run(status=Status.EXCEPTION, exception="E")], "failed", Label.FAILED, Cause.EXCEPTION, "E"),
        ([run(1), run(status=Status.MEMORY)], "failed", Label.FAILED, Cause.MEMORY, ""),
        ([run(1), run(status=Status.NOT_RUN)], "failed", Label.FAILED, Cause.TEST_FAILED, "said"),
    ],
)
def test_a_tester_decides_if_it_called(
    runs: list[CaseRun], tester: str, label: Label, cause: Cause, detail: str
) -> None:
    assert outcome(TESTER, executed(*runs, tester=tester, detail="said")) == (label, cause, detail)


STATUSES = st.sampled_from(list(Status))


@pytest.mark.slow
@given(st.data())
@settings(max_examples=300)
def test_passed_means_that_every_value_is_equal(draw: st.DataObject) -> None:
    pairs = draw.draw(st.lists(st.tuples(SMALL, SMALL) | SMALL.map(lambda value: (value, value)), max_size=4))
    statuses = draw.draw(st.lists(st.just(Status.OK) | STATUSES, min_size=len(pairs), max_size=len(pairs)))
    status = draw.draw(st.just(Status.OK) | STATUSES)
    n_cases = draw.draw(st.just(len(pairs)) | st.integers(0, len(pairs)))
    problem = make_problem(
        cases=tuple(Case("[]", encode_value(expected)) for _, expected in pairs[:n_cases]),
        judged_by=draw.draw(st.sampled_from([JudgedBy.CASES, JudgedBy.NOTHING])),
    )
    runs = [CaseRun(one, encode_value(got), "", "", 0.0) for one, (got, _) in zip(statuses, pairs, strict=True)]
    verdict = judge(problem, executed(*runs, status=status, detail=draw.draw(st.sampled_from(["", "no_code"]))))
    right = n_cases == len(pairs) > 0 and {status, *statuses} == {Status.OK}
    right = right and all(got == expected for got, expected in pairs)
    assert (verdict.label is Label.PASSED) is right
    if Status.FAULT in (status, *statuses) or n_cases == 0:
        assert verdict.label is Label.UNDECIDED


TAGS = ("int", "set", "frozenset", "dict", "tuple", "record", "namedtuple", "lazy", "opaque", "cycle", "complex")
TREES = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(TAGS), inner, max_size=1),
    max_leaves=8,
)


@given(TREES.map(json.dumps), SMALL)
@settings(max_examples=300)
def test_a_forged_text_never_raises(text: str, expected: object) -> None:
    problem = make_problem(
        cases=(Case("[]", encode_value(expected), view="set"), Case("[]", encode_value(expected)))
    )
    assert judge(problem, executed(raw(text), raw(text))).label in (Label.PASSED, Label.FAILED)


def suspects(*programs: tuple[str, str], reference: str = "") -> list[Label]:
    """Judge programs by how their tester's run ended: exception and signature."""
    problem = replace(TESTER, reference=reference)
    executions = [
        executed(
            run(n),
            tester="failed" if error else "passed",
            signature=signature,
            detail=f"{error} in the test code" if error else "",
        )
        for n, (error, signature) in enumerate(programs)
    ]
    verdicts = [judge(problem, row) for row in executions]
    return [row.label for row in mark_suspects(verdicts, executions, {"p/1": problem})]


@pytest.mark.parametrize(
    ("programs", "reference", "is_suspect"),
    [
        ([("TypeError", "a"), ("TypeError", "b")], "", True),
        ([("TypeError", "a"), ("TypeError", "b")], "def f(): ...", False),
        ([("TypeError", "a"), ("TypeError", "a")], "", False),  # one behaviour: the value may be to blame
        ([("NameError", "a")], "", True),
        ([("TypeError", "a")], "", False),
        ([("AssertionError", "a"), ("AssertionError", "b")], "", False),
        ([("TypeError", "a"), ("KeyError", "b")], "", False),
        ([("TypeError", "a"), ("", "b")], "", False),
    ],
)
def test_a_test_that_fails_every_candidate_the_same_way_is_suspect(
    programs: list[tuple[str, str]], reference: str, is_suspect: bool
) -> None:
    labels = suspects(*programs, reference=reference)
    assert (Label.UNDECIDED in labels) is is_suspect
    assert not is_suspect or set(labels) == {Label.UNDECIDED}
