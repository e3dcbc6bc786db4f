"""Gives problems without answers those of their reference, which runs in a sandbox like any program."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pairsmith.pipeline.problems.records import PendingProblem
from pairsmith.pipeline.problems.sources.evalplus import with_expected
from pairsmith.pipeline.sandbox import Job, SandboxError, SandboxFaultError, SandboxPool
from pairsmith.schemas.execution import Status
from pairsmith.schemas.problem import Problem

NO_ANSWER = "reference_gave_no_answer"
MAX_ANSWERS_BYTES = 8 << 20  # of one problem; a quarter of what `sandbox.answers_mib` allows by default


@dataclass(frozen=True, slots=True)
class Completed:
    """What references gave.

    Attributes:
        problems: problems with answers.
        n_dropped: problems whose reference gave no answer at all.
        n_lost_inputs: inputs that were left out, because the reference gave no value for them, or one that is
            too long beside the others.
    """

    problems: tuple[Problem, ...]
    n_dropped: int
    n_lost_inputs: int


def complete(pending: Sequence[PendingProblem], pool: SandboxPool) -> Completed:
    """Return the problems with the answers of their references.

    Raises:
        SandboxError: if the sandbox breaks; a reference is not to blame for it.
    """
    with ThreadPoolExecutor(pool.n_threads, thread_name_prefix="references") as threads:
        answers = list(threads.map(lambda row: _answer(row, pool), pending))
    problems = [with_expected(row, values) for row, values in zip(pending, answers, strict=True)]
    kept = tuple(problem for problem in problems if problem.cases)
    n_lost = sum(values.count(None) for values in answers)
    return Completed(kept, len(problems) - len(kept), n_lost)


def _answer(row: PendingProblem, pool: SandboxPool) -> list[str | None]:
    """Return a value or None for each input; one that ends the reference costs no other its answer."""
    problem, inputs = row.problem, list(row.arguments)
    values: list[str | None] = []
    while len(values) < len(inputs):
        job = Job(problem.setup, problem.reference, problem.entry_point, tuple(inputs[len(values) :]))
        try:
            answers, _ = pool.run(lambda bench, job=job: bench.candidate.run(job))  # type: ignore[misc]
        except SandboxFaultError as fault:
            raise SandboxError(
                f"{problem.problem_id}: no sandbox for its reference ({fault}); run again"
            ) from None
        ended = [answer for answer in answers if answer.status is not Status.NOT_RUN]
        values += [answer.value if answer.status is Status.OK else None for answer in ended]
        if not ended:  # it does not even load
            values += [None] * (len(inputs) - len(values))
    return _bounded(values)


def _bounded(values: list[str | None]) -> list[str | None]:
    """Return the answers less those that are too long together: a right candidate must be able to give all."""
    left = MAX_ANSWERS_BYTES
    kept: list[str | None] = []
    for value in values:
        fits = value is not None and len(value) <= left
        kept.append(value if fits else None)
        left -= len(value) if fits and value is not None else 0
    return kept
