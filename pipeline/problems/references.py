"""Gives problems without answers those of their reference, which runs in a sandbox like any program."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from pipeline.problems.evalplus import with_expected
from pipeline.problems.records import PendingProblem
from pipeline.sandbox import Job, SandboxPool
from schemas.execution import Status
from schemas.problem import Problem

NO_ANSWER = "reference_gave_no_answer"


def complete(
    pending: Sequence[PendingProblem], pool: Callable[[], SandboxPool]
) -> tuple[list[Problem], Counter[str]]:
    """Return the problems with answers, and counts of what was lost.

    An input that the reference gives no value for is left out of its problem; a problem without any value is
    dropped.

    Raises:
        SandboxFaultError, SandboxError: if the sandbox breaks; a reference is not to blame for it.
    """
    sandboxes = pool()
    with ThreadPoolExecutor(sandboxes.n_workers, thread_name_prefix="references") as threads:
        answers = list(threads.map(lambda row: _answer(row, sandboxes), pending))
    problems, lost = [], Counter[str]()
    for row, values in zip(pending, answers, strict=True):
        problem = with_expected(row, values)
        if problem.cases:
            problems.append(problem)
        else:
            lost[NO_ANSWER] += 1
    return problems, lost


def _answer(row: PendingProblem, pool: SandboxPool) -> list[str | None]:
    problem = row.problem
    job = Job(problem.setup, problem.reference, problem.entry_point, row.arguments)
    answers, _ = pool.run(lambda bench: bench.candidate.run(job))
    return [answer.value if answer.status is Status.OK else None for answer in answers]
