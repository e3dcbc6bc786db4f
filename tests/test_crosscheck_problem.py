"""Whole problems held against more inputs, in real sandboxes."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pairsmith.pipeline.crosscheck.mutations import make_mutants, measure_adequacy
from pairsmith.pipeline.crosscheck.problem import crosscheck_problem
from pairsmith.pipeline.crosscheck.questions import PassedProgram, ask_reference
from pairsmith.pipeline.crosscheck.run import reading_of, run_on_inputs
from pairsmith.pipeline.crosscheck.vote import Question
from pairsmith.pipeline.sandbox.pool import SandboxPool
from pairsmith.pipeline.sandbox.sandbox import Sandbox
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.config import CrosscheckConfig
from pairsmith.schemas.execution import Status
from pairsmith.schemas.problem import Case, JudgedBy, Problem
from pairsmith.schemas.verdict import CrosscheckResult
from tests.pairing_records import problem

CONFIG = CrosscheckConfig(n_inputs=40, n_mutants=0)
UNIQUE = problem(
    entry_point="unique",
    cases=(Case("[[3,1,2,1]]", "[1,2,3]"), Case("[[5,5]]", "[5]"), Case("[[0,7,4]]", "[0,4,7]")),
    reference="def unique(l):\n    return sorted(set(l))",
)
RIGHT = (
    "def unique(l):\n    return sorted(set(l))",
    "def unique(l):\n    out = []\n    for x in sorted(l):\n        out += [x] * (x not in out)\n    return out",
    "def unique(l):\n    return sorted(dict.fromkeys(l))",
    "def unique(items):\n    kept = list(set(items))\n    kept.sort()\n    return kept",
)
BREAKS = "def unique(l):\n    assert len(l) < 5\n    return sorted(set(l))"


@pytest.fixture(scope="module")
def quick(pool: SandboxPool) -> Iterator[SandboxPool]:
    """A pool where a late program is stopped soon."""
    with pool.sibling({"cpu_s": 1, "wall_s": 1.5, "case_wall_s": 0.4}) as other:
        yield other


def passed(*codes: str) -> list[PassedProgram]:
    return [
        PassedProgram(Program(str(place), "p/1", Extraction.OK, "bare", code), str(place))
        for place, code in enumerate(codes)
    ]


def standings(
    one: Problem, codes: list[str], pool: SandboxPool, config: CrosscheckConfig = CONFIG
) -> list[CrosscheckResult]:
    rows = crosscheck_problem(one, passed(*codes), pool, config, seed=0)[1]
    assert [row.candidate_id for row in rows] == [str(place) for place in range(len(codes))]
    return [row.standing for row in rows]


def test_the_reference_refutes_what_the_tests_let_through(pool: SandboxPool) -> None:
    found = standings(UNIQUE, [*RIGHT, BREAKS], pool)
    assert found == [CrosscheckResult.CONFIRMED] * 4 + [CrosscheckResult.REFUTED]


def test_without_a_reference_independent_programs_outvote_it(
    pool: SandboxPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pairsmith.pipeline.crosscheck.problem._CLEAR_SHARE", 0.75)  # four of five are clear
    alone = replace(UNIQUE, reference="")
    problem, rows = crosscheck_problem(alone, passed(*RIGHT, BREAKS), pool, CONFIG, seed=0)
    assert [row.standing for row in rows] == [CrosscheckResult.CONFIRMED] * 4 + [CrosscheckResult.OUTVOTED]
    assert problem.is_weak
    assert problem.n_groups == 2
    assert problem.method == "consensus"
    assert problem.splitting_inputs
    assert standings(alone, [RIGHT[0], BREAKS], pool) == [CrosscheckResult.UNCHECKED] * 2  # two are no consensus
    agreed, _ = crosscheck_problem(alone, passed(*RIGHT), pool, CONFIG, seed=0)
    assert not agreed.is_weak
    assert agreed.top_support == 1.0


def test_a_contract_says_which_inputs_count(pool: SandboxPool) -> None:
    short = "def unique(l):\n    assert len(l) < 5\n    return sorted(set(l))"
    under = replace(UNIQUE, contract=short)
    assert standings(under, [RIGHT[0], BREAKS], pool) == [CrosscheckResult.CONFIRMED] * 2


def test_inputs_of_test_code_are_what_it_asks(pool: SandboxPool) -> None:
    asks = "assert unique([3, 1, 1]) == [1, 3]\nassert unique([2, 0]) == [0, 2]\nassert unique([4]) == [4]"
    tester = replace(UNIQUE, judged_by=JudgedBy.TESTER, cases=(), test_code=asks)
    assert standings(tester, [RIGHT[0], BREAKS], pool) == [CrosscheckResult.CONFIRMED, CrosscheckResult.REFUTED]


def test_a_program_that_never_ends_on_a_modest_input_is_refuted(quick: SandboxPool) -> None:
    loops = "def unique(l):\n    while len(l) > 5:\n        pass\n    return sorted(set(l))"
    assert standings(UNIQUE, [RIGHT[0], loops], quick) == [CrosscheckResult.CONFIRMED, CrosscheckResult.REFUTED]


FIB = problem(
    entry_point="fib",
    cases=(Case("[10]", "55"), Case("[12]", "144"), Case("[8]", "21"), Case("[11]", "89")),
    reference="def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)",
)
FAST_FIBS = (
    "def fib(n):\n    a, b = 0, 1\n    for _ in range(n):\n        a, b = b, a + b\n    return a",
    "def fib(n):\n    row = [0, 1]\n    while len(row) <= n:\n        row += [sum(row[-2:])]\n    return row[n]",
    "import functools\n\n\n@functools.cache\ndef fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)",
)


def test_where_the_reference_has_no_time_faster_programs_tell(quick: SandboxPool) -> None:
    small = "def fib(n):\n    a, b = 0, 1\n    for _ in range(n):\n        a, b = b, (a + b) % 10**6\n    return a"
    found = standings(FIB, [*FAST_FIBS, small, FIB.reference], quick)
    assert found[:3] == [CrosscheckResult.CONFIRMED] * 3
    assert found[3] is not CrosscheckResult.CONFIRMED, "faster ones know what it should answer"
    assert found[4] is CrosscheckResult.DOUBTFUL, "as slow as the reference: not chosen, and not wrong"


@pytest.mark.parametrize(
    ("code", "inputs", "n_runs", "late"),
    [  # the smallest late inputs are asked, larger ones are not
        ("def f(n):\n    while n > 3:\n        pass\n    return n", [1, 2, 3, 4, 5, 6, 7], 2, [4, 5, 6, 7]),
        ("def f(n):\n    while n % 2:\n        pass\n    return n", [1, 2, 3, 4, 5, 6, 7], 4, [1, 3, 5, 7]),
    ],
)
def test_inputs_larger_than_those_that_stop_a_program_are_not_asked(
    code: str, inputs: list[int], n_runs: int, late: list[int], quick: SandboxPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_jobs = []
    run = Sandbox.run
    monkeypatch.setattr(Sandbox, "run", lambda self, job: n_jobs.append(job) or run(self, job))  # type: ignore
    (ran,) = run_on_inputs(problem(entry_point="f"), [code], [f"[{n}]" for n in inputs], quick, 9, time_share=0.5)
    assert [n for n, one in zip(inputs, ran.answers, strict=True) if one.status is Status.TIMEOUT] == late
    assert len(n_jobs) == n_runs


TOTAL = problem(
    entry_point="total",
    cases=(Case("[10]", "55"), Case("[4]", "10"), Case("[7]", "28")),
    reference="def total(n):\n    return n * (n + 1) // 2 if n > 0 else 0",
)
SHORT = (
    "def total(n):\n    return n * (n + 1) // 2 if n > 0 else 0",
    "def total(n):\n    twice = n * n + n\n    return max(0, twice // 2 * (n > 0))",
    "def total(n):\n    return sum((n, n * n)) // 2 if n > 0 else 0",
)
LOOPS = (
    "def total(n):\n    return sum(range(n + 1))",
    "def total(n):\n    return sum([x for x in range(1, n + 1)])",
)


@pytest.mark.parametrize("contract", ["", f"def total(n):\n    assert n > 0\n{TOTAL.reference[14:]}"])
def test_a_loop_that_is_only_slow_is_doubted_where_most_are_fast_and_never_refuted(
    contract: str, quick: SandboxPool
) -> None:
    under = replace(TOTAL, contract=contract)
    assert standings(under, [*SHORT, LOOPS[0]], quick) == [CrosscheckResult.CONFIRMED] * 3 + [
        CrosscheckResult.DOUBTFUL
    ]
    assert standings(under, [SHORT[0], *LOOPS], quick) == [CrosscheckResult.CONFIRMED] * 3


def test_a_reference_that_never_ends_on_some_inputs_answers_the_others(quick: SandboxPool) -> None:
    reference = "def f(a, b):\n    while b == 0:\n        pass\n    return a // b"
    one = problem(entry_point="f", cases=(Case("[7,2]", "3"),), reference=reference)
    questions = [Question(f"[{a},{b}]", True, True) for b in (0, 3) for a in range(40)]
    kept, told = ask_reference(one, questions, reading_of(one.cases), quick, 0.4)
    assert [question.arguments for question in kept[: len(told)]] == [f"[{a},3]" for a in range(40)]
    assert [answer.key for answer in told.values()] == [str(a // 3) for a in range(40)]


def test_an_input_that_the_reference_is_slow_on_is_no_input_to_be_late_on(quick: SandboxPool) -> None:
    reference = "import time\n\n\ndef f(n):\n    time.sleep(n * 0.12)\n    return n"
    one = problem(entry_point="f", cases=(Case("[0]", "0"),), reference=reference)
    questions = [Question(f"[{n}]", True, True) for n in (2, 0)]
    kept, _ = ask_reference(one, questions, reading_of(one.cases), quick, 2.0)
    assert kept == [Question("[0]", True, True), Question("[2]", True, False)]


def test_inputs_whose_answers_are_unlike_those_of_the_tests_refute_nobody(pool: SandboxPool) -> None:
    reference = "def first(l):\n    for x in l:\n        if x > 9:\n            return x\n    return None"
    cases = tuple(Case(f"[[{a},{b},3]]", str(a if a > 9 else b)) for a, b in ((12, 4), (5, 14), (30, 20)))
    one = problem(entry_point="first", cases=cases, reference=reference)
    raises = "def first(l):\n    return [x for x in l if x > 9][0]"
    wrong = "def first(l):\n    return max(l)"
    found = standings(one, [reference, raises, wrong], pool)
    assert found[:2] == [CrosscheckResult.CONFIRMED] * 2
    assert found[2] is CrosscheckResult.REFUTED


def test_a_program_that_its_first_input_ends_is_refuted(pool: SandboxPool) -> None:
    own = "[3, 1, 2, 1], [5, 5], [0, 7, 4]"
    exits = f"import os\n\n\ndef unique(l):\n    l in ({own}) or os._exit(0)\n    return sorted(set(l))"
    assert standings(UNIQUE, [RIGHT[0], exits], pool) == [CrosscheckResult.CONFIRMED, CrosscheckResult.REFUTED]


def test_no_budget_checks_nothing(pool: SandboxPool) -> None:
    problem, rows = crosscheck_problem(
        UNIQUE, passed(RIGHT[0], BREAKS), pool, CrosscheckConfig(n_inputs=0, n_mutants=0), 0
    )
    assert {row.standing for row in rows} == {CrosscheckResult.UNCHECKED}
    assert (problem.method, problem.n_derived, problem.is_weak) == ("", 0, False)


def test_adequate_tests_kill_mutants_and_weak_ones_do_not(pool: SandboxPool) -> None:
    source = "def clamp(x):\n    if x < 0:\n        return 0\n    if x > 9:\n        return 9\n    return x"
    inputs = [f"[{value}]" for value in range(-3, 14)]
    whole = tuple(Case(f"[{value}]", str(min(max(value, 0), 9))) for value in (-3, -1, 0, 4, 9, 10, 13))
    strong = problem(entry_point="clamp", cases=whole)
    weak = problem(entry_point="clamp", cases=(Case("[4]", "4"),))
    found = measure_adequacy(strong, source, inputs, 30, 0, pool)
    assert found.n_killed == found.n_mutants >= 8
    less = measure_adequacy(weak, source, inputs, 30, 0, pool)
    assert less.n_mutants == found.n_mutants
    assert less.n_killed < found.n_killed


def test_mutants_differ_by_one_change_and_repeat_themselves() -> None:
    source = "def f(x):\n    y = x + 1\n    return y if x < 3 and y != 2 else None"
    mutants = make_mutants(source, 100, "seed")
    assert mutants == make_mutants(source, 100, "seed")
    assert len(set(mutants)) == len(mutants)
    wanted = ("y = x - 1", "y = x + 2", "x <= 3", "x > 3", "x < 3 or y != 2", "y == 2", "return None")
    for change in wanted:
        assert any(change in mutant for mutant in mutants), change
    assert make_mutants("def f(:", 10, "seed") == []
