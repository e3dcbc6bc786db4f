"""Runs references before a token is spent: for the answers that a problem lacks, and to check its tests.

A problem whose reference gives no answer at all is left out. One whose reference fails its own tests is left out
(`problems.trust = "reference"`) or kept without the reference (`"tests"`); both are named with the cause. So are
those whose reference shows nothing, such as one that imports a package that is not there: they are kept.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.problems.records import SOURCE_MARK, DroppedProblem, DropReason, PendingProblem
from pairsmith.pipeline.problems.sources.evalplus import with_expected
from pairsmith.pipeline.run.safe_text import shown_answer, shown_arguments, shown_expected
from pairsmith.pipeline.sandbox import Answer, Job, SandboxError, SandboxFaultError, SandboxPool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.execution import Execution, Status
from pairsmith.schemas.problem import Interface, JudgedBy, Problem
from pairsmith.schemas.values import encode_arguments
from pairsmith.schemas.verdict import Label, Verdict

NO_ANSWER = "reference_gave_no_answer"
MAX_ANSWERS_BYTES = 8 << 20  # of one problem; a quarter of what `sandbox.answers_mib` allows by default
# Of a program's CPU time: what the reference needs for all inputs. A right candidate may be three times as slow.
MAX_COST = 0.3
_MOST_SHOWN = 120  # characters of an input or a value in a message
_EVALUATE = "def evaluate(source):\n    return eval(source, {})\n"


@dataclass(frozen=True, slots=True)
class Completed:
    """What references gave."""

    problems: tuple[Problem, ...]  # problems with answers
    n_dropped: int  # problems whose reference gave no answer at all
    # By problem how many inputs were left out, because the reference gave no value for them, or one that is too
    # long beside the others, or needs too much time for all of them.
    lost_inputs: Mapping[str, int]

    @property
    def n_lost_inputs(self) -> int:
        """Return how many inputs of all problems were left out."""
        return sum(self.lost_inputs.values())


@dataclass(frozen=True, slots=True)
class Checked:
    """Results of running references against their own tests."""

    problems: tuple[Problem, ...]  # those to work on; none of their references is known to fail
    failed: tuple[DroppedProblem, ...]  # those whose reference fails, with the cause
    undecided: tuple[str, ...]  # a line for each whose reference shows nothing
    # Problems by what their reference showed: `reference.passed`, `.failed`, `.undecided`.
    counts: Mapping[str, int]


def complete(pending: Sequence[PendingProblem], pool: SandboxPool) -> Completed:
    """Return the problems with the answers of their references.

    Raises:
        SandboxError: if the sandbox breaks; a reference is not to blame for it.
    """
    with ThreadPoolExecutor(pool.n_threads, thread_name_prefix="references") as threads:
        rows = list(threads.map(lambda row: _evaluated(row, pool), pending))
        answers = list(threads.map(lambda row: _answer(row, pool), rows))
    problems = [with_expected(row, values) for row, values in zip(rows, answers, strict=True)]
    kept = tuple(problem for problem in problems if problem.cases)
    lost = {
        row.problem.problem_id: n_lost
        for row, values in zip(pending, answers, strict=True)
        if (n_lost := len(row.arguments) - sum(value is not None for value in values))
    }
    return Completed(kept, len(problems) - len(kept), lost)


def check_references(
    problems: Sequence[Problem], pool: SandboxPool, trust: Literal["tests", "reference"], cache: Path | None = None
) -> Checked:
    """Return the problems, those whose reference fails their own tests without it, or not at all.

    A reference that a sandbox decides nothing about is kept.

    Args:
        trust: which of the two is right where they differ.
        cache: folder for what is compiled; None keeps nothing.

    Raises:
        SandboxError: if the sandbox can't be restarted.
        LanguageError: if a toolchain is missing.
    """
    known = {
        problem.problem_id: problem
        for problem in problems
        if problem.reference and problem.judged_by is not JudgedBy.NOTHING
    }
    programs = [
        Program(problem_id, problem_id, Extraction.OK, "bare", problem.reference)
        for problem_id, problem in known.items()
    ]
    executions = execute_programs(programs, known, pool, cache=cache, n_runs=1)
    verdicts = [judge(known[execution.problem_id], execution) for execution in executions]
    failed = {
        verdict.problem_id: DroppedProblem(
            verdict.problem_id,
            DropReason.REFERENCE_FAILED,
            "its reference fails its own tests: " + _failure(known[verdict.problem_id], execution, verdict),
        )
        for execution, verdict in zip(executions, verdicts, strict=True)
        if verdict.label is Label.FAILED
    }
    kept = tuple(
        replace(problem, reference="", contract="") if problem.problem_id in failed else problem
        for problem in problems
        if trust == "tests" or problem.problem_id not in failed
    )
    undecided = tuple(
        f"{verdict.problem_id}: its reference could not be judged: {verdict.cause} {verdict.detail}".rstrip()
        for verdict in verdicts
        if verdict.label is Label.UNDECIDED
    )
    return Checked(
        kept, tuple(failed.values()), undecided, Counter(f"reference.{verdict.label}" for verdict in verdicts)
    )


def _failure(problem: Problem, execution: Execution, verdict: Verdict) -> str:
    """Return the cause of a failure, and the first case or test that failed with what the program gave."""
    cause = f"{verdict.cause} {verdict.detail}".rstrip()
    runs, is_plain = execution.runs, problem.interface is Interface.STDIN
    if execution.tests:
        names = [test.name for test in execution.tests if test.outcome in ("failed", "error")]
        return f"{cause} in {names[0]}" if names else cause
    if not problem.cases:
        return f"{cause}; its last answer was {shown_answer(runs[-1], _MOST_SHOWN)}" if runs else cause
    if False not in verdict.passed_cases or len(verdict.passed_cases) != len(problem.cases):
        return cause
    number = verdict.passed_cases.index(False)
    case, run = problem.cases[number], runs[number] if number < len(runs) else None
    given = shown_arguments(case.arguments, _MOST_SHOWN, is_plain)
    question = f"on the input {given!r}" if is_plain else f"{problem.entry_point}({given})"
    expected = shown_expected(case, _MOST_SHOWN, is_plain)
    return (
        f"{cause}; case {number + 1}, {question}, expects {expected}, "
        f"and it gave {shown_answer(run, _MOST_SHOWN, is_plain)}"
    )


def _evaluated(row: PendingProblem, pool: SandboxPool) -> PendingProblem:
    """Return a problem with values as inputs; those that are too large, or do not evaluate, are left out."""
    sources = [text for text in row.arguments if text.startswith(SOURCE_MARK)]
    if not sources:
        return row
    inputs = [encode_arguments([text.removeprefix(SOURCE_MARK)]) for text in sources]
    answers = _run(row, Job(row.problem.setup, _EVALUATE, "evaluate"), inputs, pool)
    values = {source: answer.value for source, answer in zip(sources, answers, strict=True)}
    texts = (values.get(text, text) for text in row.arguments)  # no value is an empty text
    return replace(row, arguments=tuple(dict.fromkeys(text for text in texts if text)))


def _answer(row: PendingProblem, pool: SandboxPool) -> list[str | None]:
    """Return a value or None for each input."""
    problem = row.problem
    job = Job(problem.setup, problem.reference, problem.entry_point)
    return _bounded(_run(row, job, list(row.arguments), pool), MAX_COST * pool.cpu_s)


def _run(row: PendingProblem, job: Job, inputs: Sequence[str], pool: SandboxPool) -> list[Answer]:
    """Return an answer for each input; one that ends the program costs no other its answer."""
    answers: list[Answer] = []
    while len(answers) < len(inputs):
        rest = replace(job, inputs=tuple(inputs[len(answers) :]))
        try:
            done, _ = pool.run(lambda bench, rest=rest: bench.candidate.run(rest))  # type: ignore[misc]
        except SandboxFaultError as fault:
            name = row.problem.problem_id
            raise SandboxError(f"{name}: its reference could not run in a sandbox ({fault}); run again") from None
        ended = [answer for answer in done if answer.status is not Status.NOT_RUN]
        answers += ended or done  # it may not even load
    return answers


def _bounded(answers: Sequence[Answer], seconds: float) -> list[str | None]:
    """Return the values less those that are too long or too slow together, the slowest first.

    A right candidate must be able to give all, on a slower machine too.
    """
    order: Sequence[int] = range(len(answers))
    if sum(answer.wall_s for answer in answers) > seconds:
        order = sorted(order, key=lambda index: answers[index].wall_s > seconds / len(answers))
    n_left, seconds_left = MAX_ANSWERS_BYTES, seconds
    kept: dict[int, str] = {}
    for index in order:
        answer = answers[index]
        if answer.status is not Status.OK or len(answer.value) > n_left or answer.wall_s > seconds_left:
            continue
        kept[index] = answer.value
        n_left, seconds_left = n_left - len(answer.value), seconds_left - answer.wall_s
    return [kept.get(index) for index in range(len(answers))]
