import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.judging import judge, matches, same_value
from schemas.candidate import Extraction
from schemas.execution import CaseRun, Execution, Status
from schemas.problem import Case, JudgedBy, Problem
from schemas.values import Cycle, Lazy, Opaque, Record, decode_value, encode_value
from schemas.verdict import Cause, Label
from tests.pairing_records import problem as make_problem

NAN, INF = math.nan, math.inf
HUGE = 10**400


def point(x: object, y: object, name: str = "Point") -> Record:
    return Record(name, (("x", x), ("y", y)), is_tuple=True)


def data(x: object, name: str = "Data", field: str = "x") -> Record:
    return Record(name, ((field, x),))


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (1, True), (1.0, 1), (True, 1.0), (0, False), (-0.0, 0.0), (2**70, 2.0**70), (1 + 0j, 1), (2.5, 2.5 + 0j),
        (INF, INF), (-INF, -INF), (NAN, NAN), (complex(NAN, 0), NAN), ("a", "a"), (b"a", b"a"), (None, None),
        ([1, [2.0]], [True, [2]]), ((), ()), ([], []), ([NAN], [NAN]), ({"a": NAN}, {"a": NAN}),
        ({1, 2}, {2, 1}), ({1, 2}, frozenset({1, 2})), ({NAN}, {NAN}), ({(NAN, 1)}, {(NAN, 1)}),
        (set(), frozenset()),
        ({1: "a", 2: "b"}, {2: "b", 1: "a"}), ({1.0: 1}, {1: True}), ({NAN: 1}, {NAN: 1}),
        ({(1, NAN): 2}, {(1, NAN): 2}),
        (point(1, 2), (1, 2)), ((1, 2), point(1, 2)), (point(1, 2), point(1, 2, "Pair")),
        ([point(1, NAN)], [(1, NAN)]),
        ({point(1, 2)}, {(1, 2)}), ({point(1, 2): 3}, {(1, 2): 3}), (data([1]), data([1.0])),
        (Lazy("range", (0, 1)), Lazy("range", (0, 1))), (Lazy("dict_keys", (1, 2)), {2, 1}),
        (frozenset({(1, 2)}), Lazy("dict_items", ((1, 2),))),
        (Lazy("dict_keys", (1, 2)), Lazy("dict_keys", (2, 1))),
        ([Cycle(1)], [Cycle(1)]), (HUGE, HUGE),
    ],
)  # fmt: skip
def test_these_are_equal(got: object, expected: object) -> None:
    assert same_value(got, expected)
    assert same_value([got], [expected])
    assert same_value({"k": (got,)}, {"k": (expected,)})


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (1, 2), (True, False), (1, "1"), ("1", 1), (None, False), (None, 0), (0, ""), ("", None),
        ("a", b"a"), (b"", ""),
        (0.1 + 0.2, 0.3), (NAN, 0.0), (0, NAN), (INF, -INF), (2**53 + 1, 2.0**53), (HUGE, INF), (1j, 1),
        ([1], (1,)), ((1,), [1]), ([1], [1, 1]), ([], None), ([], ()), ([], {}), (set(), {}),
        ({1}, [1]), ([1], {1}),
        ({1, 2}, {1, 3}), ({1}, {1, 2}), ({"1"}, {1}), ({(1, 2)}, {(2, 1)}),
        ({1: 2}, {1: 3}), ({1: 2}, {2: 2}), ({1: 2}, {1: 2, 3: 4}), ({"1": 2}, {1: 2}), ({NAN: 1}, {NAN: 2}),
        ({NAN: 1}, {1: 1}), (point(1, 2), [1, 2]), (point(1, 2), (2, 1)), (point(1, 2), (1, 2, 3)),
        (data(1), data(2)), (data(1), data(1, "Other")), (data(1), data(1, field="y")), (data(1), (1,)),
        (data(1), {"x": 1}), (Lazy("range", (0,)), [0]), (Lazy("range", (0,)), Lazy("map", (0,))),
        (Lazy("range", (0,)), Lazy("range", (1,))), (Lazy("dict_values", (1,)), {1}),
        (Lazy("dict_keys", (1,)), [1]),
        (Lazy("dict_keys", (1, 1, 2)), {1, 2, 3}), (Lazy("dict_keys", (1, 1)), {1}),
        (Lazy("dict_items", ((1, []),)), {(1, 2)}), (Cycle(1), Cycle(2)), ([Cycle(1)], [[1]]), (HUGE, HUGE + 1),
        (Lazy("dict_keys", tuple(k * (2**61 - 1) for k in range(1, 300))), set(range(299))),
    ],
)  # fmt: skip
def test_these_are_not_equal(got: object, expected: object) -> None:
    assert not same_value(got, expected)
    assert not same_value(expected, got)
    assert not same_value([got], [expected])
    assert not same_value({"k": (got,)}, {"k": (expected,)})


@pytest.mark.parametrize(
    "hide", [lambda x: x, lambda x: [x], lambda x: (x,), lambda x: {x}, lambda x: {1: x}, lambda x: {x: 1},
             lambda x: {(x,)}, lambda x: data(x), lambda x: point(x, 1), lambda x: Lazy("map", (x,)),
             lambda x: Lazy("dict_keys", (x,))],
)  # fmt: skip
def test_an_opaque_value_equals_nothing(hide: Any) -> None:
    for expected in (Opaque("Node"), 1, None, "Node"):
        assert not same_value(hide(Opaque("Node")), hide(expected))
        assert not same_value(hide(expected), hide(Opaque("Node")))
    assert not same_value(hide(Opaque("Node")), hide(Opaque("Node")), atol=9.0)


@pytest.mark.parametrize(
    ("got", "expected", "equal"),
    [
        (1.05, 1, True), (1, 1.05, True), (1.2, 1, False), (True, 1.05, True), (1, 2, False), (1.05j, 1j, True),
        ([1.05, "a"], [1, "a"], True), ([1.2], [1.0], False), (({"k": [1.05]},), ({"k": [1.0]},), True),
        ({1.05, 7.0}, {1.0, 7.0}, True), ({1.05, 7.2}, {1.0, 7.0}, False), ({(1.05, "a")}, {(1.0, "a")}, True),
        ({1.05: "a"}, {1.0: "a"}, True), ({1.05: "a", 2.0: "b"}, {1.0: "b", 2.0: "b"}, False),
        (data(1.05), data(1.0), True), (point(1.05, 2), (1.0, 2), True),
        (Lazy("map", (1.05,)), Lazy("map", (1.0,)), True),
        (Lazy("dict_keys", (1.05,)), {1.0}, True), (INF, INF, True), (INF, 1.0, False), (-INF, INF, False),
        (NAN, 1.0, False), (NAN, NAN, True), ("1.05", 1.0, False), (None, 0.0, False), (HUGE, 1.0, False),
        (HUGE, INF, False), (complex(HUGE % 7, 1e308), complex(0, -1e308), False), ([1.05], (1.0,), False),
        (1.1, 1.0, True), (1.2, 1.1, True),
        ({1.0, 1.05}, {1.02, 5.0}, False), ({1.0: 1, 1.05: 1}, {1.02: 1, 5.0: 1}, False),  # each is matched once
    ],
)  # fmt: skip
def test_floats_may_differ_at_any_depth(got: object, expected: object, equal: bool) -> None:
    assert same_value(got, expected, atol=0.1 + 1e-9) is equal


KEYS = (
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 2.5, -0.0]) | st.sampled_from("ab")
)
SMALL = st.recursive(
    KEYS
    | st.sets(KEYS, max_size=2)
    | st.frozensets(KEYS, max_size=2)
    | st.sampled_from([b"a", 1j, 2**80, 2.0**80]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=2)
    ),
    max_leaves=4,
)


@given(SMALL, SMALL)
@settings(max_examples=400)
def test_it_is_python_equality(got: object, expected: object) -> None:
    assert same_value(decode_value(encode_value(got)), decode_value(encode_value(expected))) is (got == expected)


@given(SMALL)
def test_equality_is_reflexive_across_the_border(value: object) -> None:
    assert same_value(decode_value(encode_value(value)), decode_value(encode_value(value)))


def run(value: object = None, status: Status = Status.OK, exception: str = "") -> CaseRun:
    text = encode_value(value) if status is Status.OK else ""
    return CaseRun(status, text, "", exception, 0.0)


def raw(text: str) -> CaseRun:
    return CaseRun(Status.OK, text, "", "", 0.0)


@pytest.mark.parametrize(
    ("view", "got", "expected", "passes"),
    [
        ("sorted", [2, 1], [1, 2], True), ("sorted", {2, 1}, [1, 2], True), ("sorted", (2, 1), (1, 2), False),
        ("sorted", iter([2, 1]), [1, 2], True), ("sorted", {2: 0, 1: 0}.keys(), [1, 2], True),
        ("sorted", 5, [5], False),
        ("sorted", [1, "a"], [1, "a"], False), ("sorted", None, [], False), ("sorted", "ba", ["a", "b"], True),
        ("list", (1, 2), [1, 2], True), ("list", range(2), [0, 1], True), ("list", {1: 2}, [1], True),
        ("list", (x for x in "ab"), ["a", "b"], True), ("list", object(), [], False), ("list", 3, [3], False),
        ("tuple", [1], (1,), True), ("tuple", [1], [1], False), ("set", [1, 1, 2], {1, 2}, True),
        ("set", [[1]], {1}, False), ("set", map(abs, [-1]), {1}, True), ("len", [1, 2], 2, True),
        ("len", {1: 2}.values(), 1, True), ("len", range(7), 7, True), ("len", iter([1, 2]), 2, False),
        ("len", 5, 1, False), ("len", object(), 0, False), ("str", 12, "12", True),
        ("str", [1, "a"], "[1, 'a']", True),
        ("str", object(), "object", False), ("str", iter([]), "[]", False), ("str", [10**5000], "1", False),
        ("abs", -3, 3, True), ("abs", "a", "a", False), ("abs", 3 + 4j, 5.0, True), ("sum", [1, 2], 3, True),
        ("sum", range(4), 6, True), ("sum", ["a"], "a", False), ("", [2, 1], [1, 2], False),
    ],
)  # fmt: skip
def test_views_are_those_of_the_test(view: Any, got: object, expected: object, passes: bool) -> None:
    assert matches(Case("[]", encode_value(expected), view=view), run(got)) is passes


def test_a_view_of_a_named_tuple_is_that_of_its_tuple() -> None:
    text = encode_value(point(2, 1))
    assert matches(Case("[]", "[1,2]", view="sorted"), raw(text))
    assert matches(Case("[]", "2", view="len"), raw(text))
    assert not matches(Case("[]", "1", view="len"), raw(encode_value(data([1]))))


@pytest.mark.parametrize(
    ("got", "truth"),
    [
        (True, True), (1, True), ("a", True), ([0], True), (NAN, True), (False, False), (0, False), ("", False),
        (None, False), ([], False), ({}, False), (0.0, False), (set(), False), (range(0), False), (range(1), True),
        ({}.keys(), False), (iter([]), True), (object(), None), (point(0, 0), True), (data(0), True),
        (Record("Empty", (), True), False), (Record("Empty", ()), True),
    ],
)  # fmt: skip
def test_truthy_and_falsy_ask_for_the_truth(got: object, truth: bool | None) -> None:
    assert matches(Case("[]", "true", "truthy"), run(got)) is (truth is True)
    assert matches(Case("[]", "false", "falsy"), run(got)) is (truth is False)


def test_the_tolerance_counts_for_close_only() -> None:
    assert matches(Case("[]", "1.0", "close", 0.1), run(1.05))
    assert not matches(Case("[]", "1.0", "equal", 0.1), run(1.05))
    assert not matches(Case("[]", "1.0", "close", 0.0), run(1.05))


@pytest.mark.parametrize(
    "text", ["", "NaN", '{"set":[[]]}', "[" * 5000, '{"opaque":"int"}', '{"cycle":1}', '{"x":1}']
)
def test_what_is_no_value_matches_nothing(text: str) -> None:
    for compare in ("equal", "close", "truthy", "falsy"):
        for view in ("", "list", "sorted", "str", "len"):
            assert not matches(Case("[]", "1", compare, 1.0, view), raw(text))


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
def test_only_a_value_matches(status: Status) -> None:
    assert not matches(Case("[]", "1"), CaseRun(status, "1", "", "", 0.0))
    assert not matches(Case("[]", "null", "falsy"), CaseRun(status, "null", "", "", 0.0))


CASES = tuple(Case("[]", str(n)) for n in range(3))
PROBLEM = make_problem(cases=CASES)
TESTER = make_problem(judged_by=JudgedBy.TESTER, test_code="assert f()")
RIGHT = tuple(run(n) for n in range(3))


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
