"""Runs programs on inputs whose answers nobody knows yet, and listens to what a test asks.

Not `pipeline.execution.runner`: that one makes labels, so it runs a timeout once more, alone. Here a program that
is late on an input has given no answer to it, and what comes of that is decided by `standing`.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pairsmith.pipeline.sandbox import Answer, Bench, Job, SandboxFaultError, SandboxPool
from pairsmith.schemas.execution import Status
from pairsmith.schemas.problem import Problem

STOPPING = frozenset(
    {
        Status.TIMEOUT,
        Status.MEMORY,
        Status.OUTPUT_LIMIT,
        Status.EXITED,
        Status.FORGED,
        Status.NOT_RUN,
        Status.FAULT,
    }
)
"""Statuses of a call after which a program answers nothing more."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What one program did: an answer an input, none where the sandbox broke; and its CPU seconds in all."""

    answers: tuple[Answer, ...]
    cpu_s: float

    @property
    def n_answered(self) -> int:
        """Return how many inputs it got through, from the first on."""
        stops = (place for place, answer in enumerate(self.answers) if answer.status in STOPPING)
        return next(stops, len(self.answers))


def run_on_inputs(problem: Problem, sources: Sequence[str], inputs: Sequence[str], pool: SandboxPool) -> list[Ran]:
    """Return what each program does on each input, in the programs' order.

    Args:
        problem: gives setup and entry point; its cases are not looked at.
        sources: whole programs.
        inputs: texts of argument lists.
        pool: where they run; its workers say how many at once.

    Raises:
        SandboxError: if the sandbox stays broken.
    """

    def run(source: str) -> Ran:
        job = Job(problem.setup, source, problem.entry_point, tuple(inputs))
        try:
            answers, ending = pool.run(lambda bench: bench.candidate.run(job))
        except SandboxFaultError:
            return Ran((), 0.0)
        return Ran(tuple(answers), ending.cpu_s)

    with ThreadPoolExecutor(pool.n_threads, thread_name_prefix="truth") as threads:
        return list(threads.map(run, sources))


def list_asked(problem: Problem, source: str, n: int, pool: SandboxPool) -> tuple[str, ...]:
    """Return the first n different argument lists that a problem's test code asks of a program.

    Args:
        problem: under a tester.
        source: a program that passes, so that the test gets to its end.
        n: argument lists at most.
        pool: where the test and the program run, each in a sandbox of its own.

    Returns:
        Nothing if the sandbox broke.
    """

    def listen(bench: Bench) -> dict[str, None]:
        asked: dict[str, None] = {}

        def ask(arguments: str) -> Answer:
            if len(asked) < n:
                asked[arguments] = None
            return bench.candidate.call(arguments)

        if bench.candidate.begin(Job(problem.setup, source, problem.entry_point)) is Status.OK:
            bench.tester.run_tester(Job(problem.setup, problem.test_code, problem.entry_point), ask)
        bench.candidate.end()
        return asked

    try:
        return tuple(pool.run(listen))
    except SandboxFaultError:
        return ()
