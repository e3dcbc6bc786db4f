"""Runs programs over the cases of their problems. Writes down what happened, judges nothing.

A program runs twice, the second time in another sandbox; one that behaves otherwise then is `flaky`. A program
that gave a wrong value, and whose source names nothing that could make it vary, has failed and is not run again.

Borderline failures are rerun while nothing else runs, and the rerun counts: a timeout of a program that waited for
a processor and did not use up its time, one that came while cases were being answered slowly, an OOM kill, tests
that did not end. A program that had the processor all the while and spent it on one case has, as a rule, a loop
that does not end.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from pairsmith.pipeline.execution.forms import DECIDED, is_plain, is_short, n_further_runs, run_first, run_forms
from pairsmith.pipeline.execution.suites import TESTS_ENDED, run_tests
from pairsmith.pipeline.judging.checkers import check_runs
from pairsmith.pipeline.judging.equality import agree
from pairsmith.pipeline.judging.verdict import MISSING, judge
from pairsmith.pipeline.languages.python.later import needs_later
from pairsmith.pipeline.languages.toolchains import Toolchains, Unprepared, prepare, prepare_program, prepare_tests
from pairsmith.pipeline.sandbox import Answer, Bench, Ending, Job, SandboxFaultError, SandboxPool
from pairsmith.schemas.candidate import Extraction, OtherBlock, Program
from pairsmith.schemas.config import ExecutionLimit
from pairsmith.schemas.execution import CaseRun, Execution, Status
from pairsmith.schemas.problem import Interface, JudgedBy, Problem
from pairsmith.schemas.values import canonical, encode_value
from pairsmith.schemas.verdict import Label

PYTHON = "python"
_BURNED = 0.9  # of its own time: a program that had the processor so long was not kept from it
_ANSWERING = 0.2  # of its time: one that answered cases so long was slow, and may be near its limit
_OVERLOAD = 0.6  # of its time: more waiting than that is not from our own programs, two of which share a processor
_LATER = Unprepared(Status.COMPILE_ERROR, f"{MISSING}a later Python")
_Key = tuple[str, str, str, tuple[OtherBlock, ...], str]


def execute_programs(
    programs: Sequence[Program],
    problems: Mapping[str, Problem],
    pool: SandboxPool,
    on_done: Callable[[int], None] = lambda n: None,
    cache: Path | None = None,
    n_runs: int = 2,
    limit: ExecutionLimit = "adaptive",
) -> list[Execution]:
    """Return one execution a program, in the programs' order.

    Identical code for one problem runs once. Programs whose extraction is not `ok` don't run: their execution is
    `not_run`.

    Args:
        problems: problem_id to problem, for every program.
        on_done: called with the number of programs that just got an execution.
        cache: folder for what is compiled; None keeps nothing.
        n_runs: 1 leaves out the second run, and no program is found to be flaky.
        limit: whether a case first has little time; labels don't depend on it.

    Raises:
        SandboxError: if the sandbox stays broken. A single fault gives an execution with status `fault`.
        LanguageError: if a problem's language is unknown, or its toolchain missing in the sandbox.
    """
    with Toolchains(pool, cache) as toolchains:
        return _execute(programs, problems, Runner(pool, toolchains, n_runs, limit), on_done)


def _execute(
    programs: Sequence[Program], problems: Mapping[str, Problem], runner: "Runner", on_done: Callable[[int], None]
) -> list[Execution]:
    runnable = {_key(program): program for program in programs if program.extraction is Extraction.OK}
    n_alike = Counter(_key(program) for program in programs if program.extraction is Extraction.OK)
    if n_alike.total() < len(programs):
        on_done(len(programs) - n_alike.total())
    with ThreadPoolExecutor(runner.pool.n_threads, thread_name_prefix="execute") as threads:
        futures = {
            threads.submit(runner.execute, program, problems[program.problem_id]): key
            for key, program in runnable.items()
        }
        try:
            done = {}
            for future in as_completed(futures):
                key = futures[future]
                done[key] = future.result()
                on_done(n_alike[key])
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    for key, execution in sorted(done.items()):
        if is_borderline(execution):
            done[key] = runner.execute_alone(runnable[key], problems[key[0]])
    return [
        replace(done[_key(program)], candidate_id=program.candidate_id)
        if program.extraction is Extraction.OK
        else _not_run(program, problems[program.problem_id])
        for program in programs
    ]


def _key(program: Program) -> _Key:
    return program.problem_id, program.code, program.pruned, program.other_blocks, program.method_of


def is_borderline(execution: Execution) -> bool:
    """Return whether something else than the program may have caused how it ended, and it may matter."""
    if execution.detail == DECIDED:
        return False
    if execution.status is Status.MEMORY and execution.detail:  # the kernel's doing; a MemoryError has no detail
        return True
    if execution.status is Status.FAULT and execution.detail.startswith(TESTS_ENDED):
        return True
    if not _timed_out(execution):
        return False
    answering_s = sum(run.wall_s for run in execution.runs if run.status is Status.OK)
    if answering_s >= _ANSWERING * execution.wall_s:
        return True
    own_s = execution.wall_s - max(execution.cpu_wait_s, 0.0)
    return execution.cpu_wait_s != 0.0 and execution.cpu_s < _BURNED * own_s


def _timed_out(execution: Execution) -> bool:
    return execution.status is Status.TIMEOUT or any(run.status is Status.TIMEOUT for run in execution.runs)


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs one program, as often as is asked. Many threads may use one.

    Attributes:
        n_runs: 1 leaves out the second run, and no program is found to be flaky.
        limit: whether a case first has little time.
        alone: whether nothing else runs meanwhile in the pool.
        lower: limits of the programs below the pool's, see `Job`.
        slowest: seconds of the slowest right answer to one case so far, by problem_id.
    """

    pool: SandboxPool
    toolchains: Toolchains
    n_runs: int = 2
    limit: ExecutionLimit = "adaptive"
    alone: bool = False
    lower: tuple[tuple[str, float], ...] = ()
    slowest: dict[str, float] = field(default_factory=dict)

    def execute(self, program: Program, problem: Problem) -> Execution:
        """Run a program in the form that can be loaded, with the other blocks of its answer."""
        return run_forms(program, lambda form: self._execute(form, problem))

    def run_one(self, program: Program, problem: Problem) -> Execution:
        """Run one program; what something else may have caused runs once more, alone, and only that run counts."""
        if program.extraction is not Extraction.OK:
            return _not_run(program, problem)
        execution = self.execute(program, problem)
        return self.execute_alone(program, problem) if is_borderline(execution) else execution

    def execute_alone(self, program: Program, problem: Problem) -> Execution:
        """Run a program likewise while nothing else runs in the pool."""
        return replace(self, alone=True).execute(program, problem)

    def _execute(self, program: Program, problem: Problem) -> Execution:
        """Run the code of a program, and again where that may tell more."""
        called = problem
        if program.method_of:
            called = replace(problem, entry_point=f"{program.method_of}.{problem.entry_point}")
        try:
            job = _prepare(program, called, self.toolchains)
        except SandboxFaultError as fault:
            return _fault(program, problem, self.pool.name, str(fault))
        if isinstance(job, Unprepared):
            return _unprepared(program, problem, job, self.pool.name)
        job = replace(job, n_expected_bytes=_expected_bytes(problem), lower=self.lower)
        if self.limit == "adaptive" and is_short(program, problem):
            case_s = min(self.pool.case_wall_s, dict(job.lower).get("case_wall_s", self.pool.case_wall_s))
            first = run_first(problem, job, partial(self._run, program), case_s, self.slowest)
        else:
            first = self._run(program, problem, job)
        if first.status is Status.FAULT or _timed_out(first) or is_borderline(first):
            return first
        n_further = n_further_runs(program.code, problem.language, self.n_runs)
        if is_plain(program.code, problem.language) and _gave_a_wrong_value(problem, first):
            return first
        for variation in range(1, n_further + 1):
            again = self._run(program, problem, replace(job, variation=variation))
            if again.status is Status.FAULT:
                break  # nothing was learnt
            if not _behaves_alike(problem, first, again):
                return replace(first, flaky=True)
        return first

    def _run(self, program: Program, problem: Problem, job: Job) -> Execution:
        def work(bench: Bench) -> Execution:
            sandbox = bench.again(job.variation) if job.variation else bench.candidate
            if problem.judged_by in (JudgedBy.TESTER, JudgedBy.SUITE):
                tester = bench.suite if problem.judged_by is JudgedBy.SUITE else bench.tester
                tested = run_tests(job, problem, sandbox, tester)
                done = _execution(program, tested.calls, tested.ending, tested.tester, self.pool.name)
                done = replace(done, tests=tested.tests)
            else:
                done = _execution(program, *sandbox.run(job), "", self.pool.name)
            if done.exception == "SyntaxError" and problem.language == PYTHON:
                major, minor = map(int, sandbox.python.split(".")[:2])
                if any(needs_later(text, (major, minor)) for text in (program.code, problem.setup)):
                    return _unprepared(program, problem, _LATER, self.pool.name)
            if not problem.checker:
                return done
            return replace(done, runs=tuple(check_runs(problem, done.runs, bench.tester, self.toolchains)))

        try:
            execution = self.pool.run(work, self.alone)
        except SandboxFaultError as fault:
            return _fault(program, problem, self.pool.name, str(fault))
        self.pool.note(waited_long=execution.cpu_wait_s > _OVERLOAD * execution.wall_s)
        return execution


def _gave_a_wrong_value(problem: Problem, execution: Execution) -> bool:
    """Return whether a program has failed by its values alone; tests that are code may vary themselves."""
    return problem.judged_by is JudgedBy.CASES and judge(problem, execution).label is Label.FAILED


def _behaves_alike(problem: Problem, first: Execution, second: Execution) -> bool:
    """Return whether two runs of a program gave the same answers, as the problem compares answers."""
    if (first.status, first.exception, first.tester, first.tests) != (
        second.status, second.exception, second.tester, second.tests,
    ):  # fmt: skip
        return False
    if first.signature == second.signature:
        return True
    if problem.judged_by in (JudgedBy.TESTER, JudgedBy.SUITE):
        return first.tester == "passed"  # its answers differ, and the tests take them all
    if not len(problem.cases) == len(first.runs) == len(second.runs):
        return False
    return all(map(partial(agree, language=problem.language), problem.cases, first.runs, second.runs))


def _prepare(program: Program, problem: Problem, toolchains: Toolchains) -> Job | Unprepared:
    """Return the job of a program over its problem's cases; a tester asks for the inputs itself."""
    inputs = tuple(case.arguments for case in problem.cases)
    if problem.judged_by is JudgedBy.IN_PROCESS:
        tests, name, language = problem.test_code, problem.entry_point, problem.language
        return prepare_tests(program.code, problem.setup, tests, name, language, toolchains)
    if problem.language != PYTHON and problem.interface is Interface.STDIN:
        texts = tuple(map(encode_value, inputs))
        return prepare_program(program.code, problem.setup, problem.language, texts, toolchains)
    if problem.language != PYTHON:
        return prepare(program.code, problem.setup, problem.entry_point, problem.language, inputs, toolchains)
    views = tuple("bool" if case.compare in ("truthy", "falsy") else case.view for case in problem.cases)
    job = Job(problem.setup, program.code, problem.entry_point, inputs, views=views if any(views) else ())
    if problem.interface is Interface.STDIN:
        job = replace(job, inputs=tuple(map(encode_value, inputs)), mode="stdin")
    return job


def _expected_bytes(problem: Problem) -> tuple[int, int]:
    """Return how long the longest expected answer is, and all of them together, as texts of values."""
    is_text = problem.interface is Interface.STDIN
    lengths = [len(encode_value(case.expected) if is_text else case.expected) for case in problem.cases]
    return max(lengths, default=0), sum(lengths)


def _execution(
    program: Program, answers: Sequence[Answer], ending: Ending, tester: str, backend: str
) -> Execution:
    runs = tuple(
        CaseRun(answer.status, answer.value, _output_digest(answer), answer.exception, answer.wall_s)
        for answer in answers
    )
    return Execution(
        candidate_id=program.candidate_id,
        problem_id=program.problem_id,
        status=ending.status,
        exception=ending.exception,
        detail=ending.detail,
        runs=runs,
        tester=tester,
        signature=_digest(ending.status, ending.exception, *(run.output_digest for run in runs))[:32],
        backend=backend,
        cpu_s=ending.cpu_s,
        wall_s=ending.wall_s,
        peak_memory_mib=ending.peak_memory_mib,
        cpu_wait_s=ending.cpu_wait_s,
    )


def _unprepared(program: Program, problem: Problem, why: Unprepared, backend: str) -> Execution:
    answers = [Answer(Status.NOT_RUN, "", "", 0.0)] * len(problem.cases)
    return _execution(program, answers, Ending(why.status, "", why.detail, 0.0, 0.0, 0.0), "", backend)


def _not_run(program: Program, problem: Problem) -> Execution:
    is_broken = program.extraction is Extraction.SYNTAX_ERROR and problem.language == PYTHON
    if is_broken and needs_later(program.code):
        return _unprepared(program, problem, _LATER, "")
    ending = Ending(Status.NOT_RUN, "", program.extraction.value, 0.0, 0.0, 0.0)
    return _execution(program, (), ending, "", "")


def _fault(program: Program, problem: Problem, backend: str, reason: str) -> Execution:
    return _execution(program, (), Ending(Status.FAULT, "", reason, 0.0, 0.0, 0.0), "", backend)


def _output_digest(answer: Answer) -> str:
    value = canonical(answer.value) if '{"dict"' in answer.value else answer.value  # all else is canonical already
    return _digest(answer.status, answer.exception, value)[:16]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
