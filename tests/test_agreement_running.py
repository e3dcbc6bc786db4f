"""Programs on inputs and tests on answers, in a real sandbox: late, broken and hostile ones among them."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pairsmith.pipeline.crosscheck.run import RAISED, UNKNOWN
from pairsmith.pipeline.sandbox.pool import SandboxPool
from pairsmith.pipeline.synthesis.estimate import judge_evidence, read_coefficients
from pairsmith.pipeline.synthesis.evidence import Response, plan_runs, read_evidence, run_plan
from pairsmith.pipeline.synthesis.suites import read_suite, run_matrix, run_tests
from pairsmith.schemas.arrow import from_table, to_table
from pairsmith.schemas.config import AgreementConfig
from pairsmith.schemas.execution import Status
from pairsmith.schemas.synthesis import GeneratedTest, ProblemAnswers, ResponseLabel
from tests.sampling_kit import make_problem
from tests.sandboxes import LIMITS, PATIENCE, make_engine

pytestmark = pytest.mark.slow

PROBLEM = make_problem("f")
QUICK = LIMITS.model_copy(update={"cpu_s": 1, "wall_s": 3.0, "case_wall_s": 0.5})


@pytest.fixture(scope="module")
def quick() -> Iterator[SandboxPool]:
    engine = make_engine("bubblewrap", "agreement", QUICK)
    pool = SandboxPool(engine, QUICK, PATIENCE)
    yield pool
    pool.close()


def test_an_input_that_stops_many_costs_nobody_the_next_ones(quick: SandboxPool) -> None:
    stops = "def f(x):\n    while x == 1:\n        pass\n    return x + {}\n"
    sources = [stops.format(n) for n in range(3)]
    matrix = run_matrix(PROBLEM, sources, ["[0]", "[1]", "[2]"], quick)
    answers = [[matrix.answers[number] for number in row] for row in matrix.rows]
    assert [[answer.value for answer in row] for row in answers] == [
        ["0", "", "2"],
        ["1", "", "3"],
        ["2", "", "4"],
    ]
    assert {row[1].status for row in answers} == {Status.TIMEOUT}


def test_a_program_that_every_input_stops_is_asked_a_few_times(quick: SandboxPool) -> None:
    endless = "def f(x):\n    while True:\n        pass"
    sources = ["def f(x):\n    return x", endless]
    of_text, of_numbers = (
        run_matrix(PROBLEM, sources, [json.dumps([kind(n)]) for n in range(6)], quick) for kind in (str, int)
    )
    late = [of_text.answers[number].status for number in of_text.rows[1]]
    assert late == [Status.TIMEOUT] * 4 + [Status.NOT_RUN] * 2
    # Larger numbers than two that it was late for are not asked, and late.
    assert {of_numbers.answers[number].status for number in of_numbers.rows[1]} == {Status.TIMEOUT}


CODE_TESTS = {
    "assert f(1) is True": (False, False),
    "assert f(1) in (1, 2)": (False, True),
    "assert f(1) + f(2) == 6": (False, True),
    "assert f(9) in (1, 2)": (None, None),  # nobody ran that input
    "assert f(f(1)) == 4": (None, None),  # it asks for what it is told
    "import socket\nassert socket.create_connection(('1.1.1.1', 80), 2) and f(1)": (
        None,
        None,
    ),  # breaks before it asks
    "assert f(1) and not any(iter(int, 1))": (None, None),  # never ends
}


@pytest.mark.parametrize("code", CODE_TESTS)
def test_test_code_is_run_on_answers_not_beside_programs(quick: SandboxPool, code: str) -> None:
    sources = ["def f(x):\n    return [x]", "def f(x):\n    return 2 * x"]
    matrix = run_matrix(PROBLEM, sources, ["[1]", "[2]"], quick)
    (passed,) = run_tests(PROBLEM, [GeneratedTest(None, code)], matrix, quick)
    if code == "assert f(1) + f(2) == 6":
        assert passed[1] is True
        return
    assert passed == CODE_TESTS[code]


def test_expected_values_never_enter_the_sandbox_of_a_program(quick: SandboxPool) -> None:
    body = "return any(type(o) is list and o[:1] == [4711] for o in gc.get_objects())"
    spy = f"import gc\ndef f(x):\n    {body}\n"
    suite = read_suite("assert f(1) == [4711, 4712]", "f")
    spies = [Response("spy", spy, "c", "")]
    plan = plan_runs(PROBLEM, spies, [suite.tests], [])
    evidence = read_evidence(plan, run_plan(PROBLEM, plan, quick))
    assert [set(keys) for keys in evidence.keys] == [{"0"}]


def test_labels_of_a_whole_problem(quick: SandboxPool) -> None:
    """Late, crashing and absent programs never share a group with right ones; lies of tests are no cases."""
    squares = ("x * x", "x ** 2", "pow(x, 2)", "sum(abs(x) for _ in range(abs(x)))")
    right = [f"def f(x):\n    return {body}" for body in squares]
    broken = ("return x + x", "raise ValueError", "while True:\n        pass", "import os\n    os._exit(0)")
    wrong = [f"def f(x):\n    {body}" for body in broken]
    rows = [Response(f"{n}", code, f"c{n}", "") for n, code in enumerate([*right, *wrong])]
    texts = [
        "assert f(3) == 9\nassert f(0) == 0\nassert f(-2) == 4",
        "assert f(3) == 9\nassert f(5) == 10\nassert f(7) == 49",
    ]
    suites = [read_suite(text, "f").tests for text in texts]
    plan = plan_runs(PROBLEM, rows, suites, texts)
    ran = run_plan(PROBLEM, plan, quick)
    assert from_table(to_table([ran], ProblemAnswers), ProblemAnswers) == [ran]
    evidence = read_evidence(plan, ran)
    assert evidence.keys[5].count(RAISED) == len(evidence.inputs)
    assert set(evidence.keys[6]) == {UNKNOWN}
    ids = [*(row.response_id for row in rows), "no code"]
    agreement, standings = judge_evidence(PROBLEM, evidence, ids, AgreementConfig(), read_coefficients())
    assert [row.standing for row in standings[:4]] == [ResponseLabel.CHOSEN] * 4
    assert standings[4].standing is not ResponseLabel.CHOSEN  # one test speaks for it
    assert [row.standing for row in standings[5:]] == [ResponseLabel.REJECTED] * 4
    with pytest.raises(ValueError, match="are of other"):
        read_evidence(replace(plan, inputs=plan.inputs[1:]), ran)
    assert {case.arguments: case.expected for case in agreement.cases} == {
        "[3]": "9", "[0]": "0", "[-2]": "4", "[5]": "25", "[7]": "49",
    }  # fmt: skip
