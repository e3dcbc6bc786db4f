import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

import pytest

from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.sandbox import Answer, Bench, Ending, Job, SandboxError, SandboxFaultError, SandboxPool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.config import ExecutionLimit
from pairsmith.schemas.execution import Execution, Status
from pairsmith.schemas.problem import Case, Interface, JudgedBy
from pairsmith.schemas.values import encode_value
from pairsmith.schemas.verdict import Label
from tests.pairing_records import problem as make_problem

T = TypeVar("T")
CASES = (Case("[1]", "10"), Case("[2]", "20"))
PROBLEM = make_problem(cases=CASES, setup="import math")
TESTED = make_problem("p/2", judged_by=JudgedBy.TESTER, test_code="assert f(1) == 10")
PROBLEMS = {"p/1": PROBLEM, "p/2": TESTED}


def value(text: str, wall_s: float = 0.1) -> Answer:
    return Answer(Status.OK, text, "", wall_s)


def broken(status: Status, exception: str = "") -> Answer:
    return Answer(status, "", exception, 0.1)


def ending(status: Status = Status.OK, exception: str = "", detail: str = "", cpu_wait_s: float = 0.0) -> Ending:
    return Ending(status, exception, detail, 0.5, 3.0 if cpu_wait_s else 0.6, 7.0, cpu_wait_s)


class FakeSandbox:
    """Answers from a script: code to what comes of running it, the last entry again and again."""

    python = "3.11.2"

    def __init__(self, script: dict[str, list[Any]], jobs: list[Job]) -> None:
        self.script, self.jobs = script, jobs

    def _next(self, job: Job) -> Any:
        self.jobs.append(job)
        entries = self.script[job.code]
        entry = entries.pop(0) if len(entries) > 1 else entries[0]
        if isinstance(entry, BaseException):
            raise entry
        return entry

    def run(self, job: Job) -> tuple[list[Answer], Ending]:
        return cast(tuple[list[Answer], Ending], self._next(job))

    def begin(self, job: Job) -> Status:
        answers, self.ending = self._next(job)
        self.answers = list(answers)
        return Status.OK if self.answers else self.ending.status

    def call(self, arguments: str, is_message: bool = False) -> Answer:
        self.asked = arguments
        answer = cast(Answer, self.answers.pop(0))
        is_value = is_message and answer.status is Status.OK
        return replace(answer, value=f'[["ok",{answer.value}],[],[]]') if is_value else answer

    def end(self) -> Ending:
        return cast(Ending, self.ending)

    def run_tester(self, job: Job, ask: Callable[[str], Answer]) -> Ending:
        calls, outcome = self._next(job)
        for arguments in calls:
            ask(f'[["call",null,{arguments},{{}}]]')
        if outcome.status not in (Status.OK, Status.EXCEPTION):
            return cast(Ending, outcome)
        is_passed = outcome.status is Status.OK
        notes = {
            "own": 0,
            "vague": False,
            "broken": False,
            "reached": False,
            "overlaps": False,
            "swallowed": False,
        }
        report = encode_value([[["", "passed" if is_passed else "failed", outcome.exception]], notes])
        return replace(cast(Ending, outcome), status=Status.OK, exception="", report=report)


class FakeBench:
    def __init__(self, script: dict[str, list[Any]]) -> None:
        self.jobs: list[Job] = []
        self.candidate, self.tester = FakeSandbox(script, self.jobs), FakeSandbox(script, self.jobs)
        self._again = FakeSandbox(script, self.jobs)

    def again(self, variation: int) -> FakeSandbox:
        return self._again


class FakePool:
    """Runs work on one bench; knows how much runs at once."""

    name = "fake"
    case_wall_s = 5.0

    def __init__(self, script: dict[str, list[Any]], n_threads: int = 2) -> None:
        self.bench, self.n_threads = FakeBench(script), n_threads
        self.notes: list[bool] = []
        self.n_at_once: list[int] = []
        self._n_running = 0
        self._lock = threading.Lock()

    def note(self, waited_long: bool) -> None:
        self.notes.append(waited_long)

    def run(self, work: Callable[[Bench], T], alone: bool = False) -> T:
        with self._lock:
            self._n_running += 1
            self.n_at_once.append(self._n_running)
        try:
            return work(cast(Bench, self.bench))
        finally:
            with self._lock:
                self._n_running -= 1


def program(name: str, code: str, extraction: Extraction = Extraction.OK, problem_id: str = "p/1") -> Program:
    return Program(name, problem_id, extraction, "fenced", code)


def execute(
    pool: FakePool,
    programs: Sequence[Program],
    on_done: Callable[[int], None] = lambda n: None,
    n_runs: int = 1,
    limit: ExecutionLimit = "fixed",
) -> list[Execution]:
    return execute_programs(programs, PROBLEMS, cast(SandboxPool, pool), on_done, None, n_runs, limit)


RIGHT = ([value("10"), value("20")], ending())
WRONG = ([value("10"), broken(Status.EXCEPTION, "KeyError")], ending())
SLOW = ([value("10"), broken(Status.TIMEOUT)], ending(Status.TIMEOUT, detail="wall"))
KEPT_WAITING = (SLOW[0], ending(Status.TIMEOUT, detail="wall", cpu_wait_s=2.0))
NOBODY_KNOWS = (SLOW[0], ending(Status.TIMEOUT, detail="wall", cpu_wait_s=-1.0))
NEARLY = ([value("10", wall_s=0.2), broken(Status.TIMEOUT)], ending(Status.TIMEOUT, detail="cpu"))
OOM = ([value("10"), broken(Status.MEMORY)], ending(Status.MEMORY, detail="killed by the kernel"))


def test_what_happened_is_written_down() -> None:
    pool = FakePool({"a": [WRONG]})
    (row,) = execute(pool, [program("x", "a")])
    assert pool.bench.jobs == [Job("import math", "a", "f", ("[1]", "[2]"), n_expected_bytes=(2, 4))]
    assert (row.candidate_id, row.problem_id, row.status, row.backend) == ("x", "p/1", Status.OK, "fake")
    assert [(run.status, run.value, run.exception) for run in row.runs] == [
        (Status.OK, "10", ""),
        (Status.EXCEPTION, "", "KeyError"),
    ]
    assert (row.cpu_s, row.wall_s, row.peak_memory_mib) == (0.5, 0.6, 7.0)
    assert (len(row.signature), len(row.runs[0].output_digest), row.tester) == (32, 16, "")


def test_the_sandbox_sees_no_expected_value() -> None:
    pool = FakePool({"a": [RIGHT]})
    execute(pool, [program("x", "a")])
    assert "10" not in repr(pool.bench.jobs)


def test_identical_code_runs_once_a_problem_and_order_is_kept() -> None:
    pool = FakePool({"a": [RIGHT], "b": [WRONG]})
    programs = [program("4", "b"), program("1", "a"), program("3", "a"), program("2", "b")]
    rows = execute(pool, programs)
    assert sorted(job.code for job in pool.bench.jobs) == ["a", "b"]
    assert [row.candidate_id for row in rows] == ["4", "1", "3", "2"]
    assert [row.runs[1].status for row in rows] == [Status.EXCEPTION, Status.OK, Status.OK, Status.EXCEPTION]


def test_the_same_code_for_another_problem_is_another_program() -> None:
    pool = FakePool({"a": [([value("10")], ending())], TESTED.test_code: [(["[1]"], ending())]}, n_threads=1)
    pool.bench.candidate.script["a"].append(([value("10")], ending()))
    rows = execute(pool, [program("x", "a"), program("y", "a", problem_id="p/2")])
    assert [row.problem_id for row in rows] == ["p/1", "p/2"]
    assert [job.code for job in pool.bench.jobs].count("a") == 2


def test_progress_counts_every_program() -> None:
    pool = FakePool({"a": [RIGHT], "b": [WRONG]})
    programs = [program("1", "a"), program("2", "a"), program("3", "b"), program("4", "", Extraction.NO_CODE)]
    done: list[int] = []
    execute(pool, programs, done.append)
    assert sum(done) == 4
    assert 0 not in done


def test_nothing_to_run_is_no_work() -> None:
    assert execute(FakePool({}), []) == []


@pytest.mark.parametrize("extraction", [one for one in Extraction if one is not Extraction.OK])
def test_what_has_no_program_is_not_run(extraction: Extraction) -> None:
    pool = FakePool({})
    (row,) = execute(pool, [program("x", "def f(", extraction)])
    assert (row.status, row.detail, row.runs, row.backend) == (Status.NOT_RUN, extraction.value, (), "")
    assert pool.bench.jobs == []


@pytest.mark.parametrize("first", [KEPT_WAITING, NOBODY_KNOWS, NEARLY, OOM, (SLOW[0], ending(cpu_wait_s=0.5))])
def test_what_others_may_have_caused_runs_once_more_alone_and_that_counts(
    first: tuple[list[Answer], Ending],
) -> None:
    pool = FakePool({"slow": [first, RIGHT], "a": [RIGHT], "b": [WRONG]}, n_threads=3)
    rows = execute(pool, [program("1", "slow"), program("2", "a"), program("3", "b"), program("4", "slow")])
    assert [job.code for job in pool.bench.jobs].count("slow") == 2
    assert pool.bench.jobs[-1].code == "slow"
    assert pool.n_at_once[-1] == 1
    assert [rows[index].status for index in (0, 3)] == [Status.OK, Status.OK]
    assert rows[0].runs[1].value == "20"


@pytest.mark.parametrize("slow", [KEPT_WAITING, NEARLY])
def test_a_second_timeout_stands(slow: tuple[list[Answer], Ending]) -> None:
    pool = FakePool({"slow": [slow, slow, RIGHT]})
    (row,) = execute(pool, [program("1", "slow")])
    assert (row.status, row.detail, len(pool.bench.jobs)) == (Status.TIMEOUT, slow[1].detail, 2)


@pytest.mark.parametrize("n_runs", [1, 2])
def test_a_program_that_had_the_processor_and_burned_its_limit_runs_once(n_runs: int) -> None:
    pool = FakePool({"slow": [SLOW, RIGHT]})
    (row,) = execute(pool, [program("1", "slow")], n_runs=n_runs)
    assert (row.status, len(pool.bench.jobs), row.flaky) == (Status.TIMEOUT, 1, False)


LATE = Answer(Status.TIMEOUT, "", "", 0.5)
NOT_RUN = broken(Status.NOT_RUN)


def late(*answers: Answer, wall_s: float = 0.6) -> tuple[list[Answer], Ending]:
    return [*answers], Ending(Status.TIMEOUT, "", "wall", wall_s, wall_s, 7.0, 0.0)


def case_times(pool: FakePool) -> list[float | None]:
    """Return how much of a case's time each job had; None for all of it."""
    return [dict(job.lower).get("case_wall_s") for job in pool.bench.jobs]


@pytest.mark.parametrize(
    ("runs", "times"),
    [
        ([late(value("11", 0.0), LATE)], [0.5]),  # wrong before the case that it is late for
        ([late(LATE, NOT_RUN), ([value("21")], ending())], [0.5, 0.1]),  # wrong behind it
        ([late(LATE, NOT_RUN), ([broken(Status.EXCEPTION, "KeyError")], ending())], [0.5, 0.1]),
    ],
)
def test_a_late_program_that_is_wrong_elsewhere_has_failed_without_all_of_its_time(
    runs: list[Any], times: list[float]
) -> None:
    pool = FakePool({"late": [*runs]})
    (row,) = execute(pool, [program("1", "late")], n_runs=2, limit="adaptive")
    assert (judge(PROBLEM, row).label, row.status, case_times(pool)) == (Label.FAILED, Status.TIMEOUT, times)


@pytest.mark.parametrize("behind", [late(LATE), ([value("20")], ending())])
@pytest.mark.parametrize("full", [RIGHT, late(Answer(Status.TIMEOUT, "", "", 5.0), NOT_RUN, wall_s=5.1)])
def test_a_late_program_that_may_be_right_has_all_of_its_time(behind: Any, full: Any) -> None:
    pool = FakePool({"late": [late(LATE, NOT_RUN), behind, full]})
    (row,) = execute(pool, [program("1", "late")], limit="adaptive")
    assert (row.status, case_times(pool)) == (full[1].status, [0.5, 0.1, None])
    assert row.detail == full[1].detail


def test_programs_as_slow_as_a_right_one_run_once() -> None:
    slow = ([value("10", wall_s=0.49), value("20")], ending())
    pool = FakePool({"slow": [slow], "slower": [slow]}, n_threads=1)
    execute(pool, [program("1", "slow"), program("2", "slower")], limit="adaptive")
    assert [time and round(time, 3) for time in case_times(pool)] == [0.5, 4.9]


def test_a_program_that_may_vary_has_all_of_its_time_at_once() -> None:
    pool = FakePool({"random": [SLOW]})
    execute(pool, [program("1", "random")], limit="adaptive")
    assert case_times(pool) == [None]


def test_a_memory_error_of_its_own_runs_once() -> None:
    pool = FakePool({"big": [([value("10"), broken(Status.MEMORY, "MemoryError")], ending(Status.MEMORY)), RIGHT]})
    assert execute(pool, [program("1", "big")])[0].status is Status.MEMORY


def test_the_pool_learns_who_was_kept_waiting() -> None:
    pool = FakePool({"slow": [KEPT_WAITING, RIGHT]})
    execute(pool, [program("1", "slow")])
    assert pool.notes == [True, False]


def test_a_program_that_burned_all_the_time_it_had_is_not_run_again() -> None:
    burned = (SLOW[0], Ending(Status.TIMEOUT, "", "wall", 2.9, 5.0, 7.0, 2.0))
    pool = FakePool({"slow": [burned, RIGHT]})
    (row,) = execute(pool, [program("1", "slow")])
    assert (row.status, len(pool.bench.jobs), pool.notes) == (Status.TIMEOUT, 1, [False])


@pytest.mark.parametrize(
    ("second", "flaky"),
    [
        (RIGHT, False),
        (([value("10", wall_s=0.4), value("20")], ending(detail="said")), False),
        (([value("10"), value("21")], ending()), True),
        (WRONG, True),
        (SLOW, True),
        (SandboxFaultError("the pipe broke"), False),
    ],
)
def test_a_second_run_that_behaves_otherwise_makes_it_flaky(second: Any, flaky: bool) -> None:
    pool = FakePool({"a": [RIGHT, second]})
    rows = execute(pool, [program("1", "a"), program("2", "a")], n_runs=2)
    assert [(row.flaky, row.status, row.runs[1].value) for row in rows] == [(flaky, Status.OK, "20")] * 2
    assert len(pool.bench.jobs) == 2


@pytest.mark.parametrize(("code", "n_runs"), [("a", 1), ("import random", 2)])
def test_a_program_that_failed_runs_again_only_if_it_may_vary(code: str, n_runs: int) -> None:
    pool = FakePool({code: [WRONG, RIGHT]})
    (row,) = execute(pool, [program("1", code)], n_runs=2)
    assert (len(pool.bench.jobs), row.flaky) == (n_runs, n_runs == 2)


def test_one_run_finds_nothing_flaky() -> None:
    pool = FakePool({"a": [RIGHT, WRONG]})
    assert not execute(pool, [program("1", "a")])[0].flaky


def test_a_fault_gives_an_execution_that_proves_nothing() -> None:
    pool = FakePool({"a": [RIGHT], "b": [SandboxFaultError("the pipe broke")]})
    rows = execute(pool, [program("1", "b"), program("2", "a")])
    assert [row.status for row in rows] == [Status.FAULT, Status.OK]
    assert (rows[0].detail, rows[0].runs, rows[0].backend) == ("the pipe broke", (), "fake")


def test_a_fault_in_the_second_run_of_a_timeout_is_a_fault() -> None:
    pool = FakePool({"slow": [KEPT_WAITING, SandboxFaultError("gone")]})
    assert execute(pool, [program("1", "slow")])[0].status is Status.FAULT


@pytest.mark.parametrize("error", [SandboxError("no sandbox"), KeyboardInterrupt()])
def test_a_broken_sandbox_stops_everything(error: BaseException) -> None:
    names = [f"p{number}" for number in range(50)]
    script: dict[str, list[Any]] = {name: [RIGHT] for name in names}
    gate = threading.Event()
    pool = FakePool({**script, "p0": [error]}, n_threads=1)
    real = pool.run

    def run(work: Callable[[Bench], T], alone: bool = False) -> T:
        if pool.bench.jobs:
            gate.wait(0.02)
        return real(work)

    pool.run = run  # type: ignore[method-assign]
    with pytest.raises(type(error)):
        execute(pool, [program(name, name) for name in names])
    assert len(pool.bench.jobs) < len(names)


def test_equal_behaviour_has_equal_signatures() -> None:
    def signature(*answers: Answer, end: Ending | None = None) -> str:
        pool = FakePool({"a": [(list(answers), end or ending()), (list(answers), end or ending())]})
        return execute(pool, [program("x", "a")])[0].signature

    base = signature(value('{"dict":[[1,2],[3,4]]}'), value("1"))
    assert base == signature(value('{"dict":[[3,4],[1,2]]}', wall_s=9.0), value("1"))
    others = [
        signature(value('{"dict":[[1,2],[3,5]]}'), value("1")),
        signature(value("1"), value('{"dict":[[1,2],[3,4]]}')),
        signature(value('{"dict":[[1,2],[3,4]]}'), value("1.0")),
        signature(value('{"dict":[[1,2],[3,4]]}'), broken(Status.EXCEPTION, "KeyError")),
        signature(value('{"dict":[[1,2],[3,4]]}'), broken(Status.EXCEPTION, "ValueError")),
        signature(value('{"dict":[[1,2],[3,4]]}'), value("1"), end=ending(Status.FORGED)),
        signature(value('{"dict":[[1,2],[3,4]]}')),
    ]
    assert len({base, *others}) == 8
    assert base == signature(value('{"dict":[[1,2],[3,4]]}'), value("1"), end=ending(detail="said"))


def run_a_tester(
    answers: list[Answer], end: Ending, calls: list[str], outcome: Ending
) -> tuple[Execution, FakePool]:
    pool = FakePool({"a": [(answers, end)], TESTED.test_code: [(calls, outcome)]})
    (row,) = execute(pool, [program("x", "a", problem_id="p/2")])
    return row, pool


def test_a_tester_that_is_content_has_passed() -> None:
    row, pool = run_a_tester([value("10"), value("20")], ending(), ["[1]", "[2]"], ending())
    assert (row.tester, row.status, [run.value for run in row.runs]) == ("passed", Status.OK, ["10", "20"])
    assert "[2]" in pool.bench.candidate.asked
    assert [job.code for job in pool.bench.jobs] == ["a", TESTED.test_code]
    assert "assert" not in pool.bench.jobs[0].code + pool.bench.jobs[0].setup


def test_a_tester_that_raises_has_failed() -> None:
    row, _ = run_a_tester([value("11")], ending(), ["[1]"], ending(Status.EXCEPTION, "AssertionError"))
    assert (row.tester, row.status, row.detail) == ("failed", Status.OK, "AssertionError in the test code")


def test_a_candidate_that_ends_has_its_own_status() -> None:
    end = ending(Status.TIMEOUT, detail="wall", cpu_wait_s=1.0)
    row, pool = run_a_tester(
        [broken(Status.TIMEOUT), broken(Status.TIMEOUT)], end, ["[1]"], ending(Status.EXCEPTION, "CandidateError")
    )
    assert (row.tester, row.status, row.detail) == ("", Status.TIMEOUT, "wall")
    assert len(pool.bench.jobs) == 4  # candidate and tester, twice: it had been kept waiting


def test_a_candidate_that_does_not_load_meets_no_tester() -> None:
    row, pool = run_a_tester([], ending(Status.EXCEPTION, "SyntaxError"), ["[1]"], ending())
    assert (row.tester, row.status, row.exception, row.runs) == ("", Status.EXCEPTION, "SyntaxError", ())
    assert [job.code for job in pool.bench.jobs] == ["a"]


@pytest.mark.parametrize(
    "status", [Status.TIMEOUT, Status.MEMORY, Status.EXITED, Status.OUTPUT_LIMIT, Status.FORGED]
)
def test_tests_that_end_by_themselves_prove_nothing(status: Status) -> None:
    row, pool = run_a_tester([value("10")], ending(), ["[1]"], ending(status, detail="wall"))
    assert (row.status, row.tester) == (Status.FAULT, "")
    assert len(pool.bench.jobs) == 4  # candidate and tester, once more alone
    assert row.detail == f"the test code ended with {status.value} wall"


def test_a_program_on_stdin_gets_text_and_no_expected_text() -> None:
    problem = make_problem(
        "p/3", interface=Interface.STDIN, entry_point="", cases=(Case("1 \u00e9\n", "2\n", "lines"),)
    )
    pool = FakePool({"code": [([value('"2\\n"')], ending())]})
    (row,) = execute_programs(
        [program("a", "code", problem_id="p/3")], {"p/3": problem}, cast(SandboxPool, pool), n_runs=1
    )
    assert pool.bench.jobs == [Job("", "code", "", ('"1 \\u00e9\\n"',), "stdin", n_expected_bytes=(5, 5))]
    assert [run.value for run in row.runs] == ['"2\\n"']
