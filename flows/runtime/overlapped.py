"""The overlapped executor: draws, executes, judges and parses at the same time, shard after shard."""

import contextlib
import contextvars
import functools
import itertools
import os
import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pairsmith.flows.runtime.reporting import StageProgress, reporter
from pairsmith.pipeline.chain import table
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.execution.stage import compiled_folder
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.sampling.filling import Filled
from pairsmith.pipeline.syntax.stage import Group, Reader
from pairsmith.schemas.candidate import Program
from pairsmith.schemas.execution import Execution, Status
from pairsmith.schemas.problem import Problem

_LOOK_EVERY_S = 0.2
_END = object()


class ThreadPipeline:
    """One thread a step; what a step returns goes to the next.

    An error in any step ends the pipeline: the next `put`, or `finish`, raises it.
    """

    def __init__(self, steps: Sequence[Callable[[Any], Iterable[Any]]], n_waiting: int) -> None:
        """Start the threads; they see the caller's context variables.

        Args:
            steps: each takes an item and returns those for the next step; the last step's are dropped.
            n_waiting: items that may wait before each step.
        """
        self._queues: list[queue.Queue[Any]] = [queue.Queue(n_waiting) for _ in steps]
        self._error: BaseException | None = None
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(
                target=contextvars.copy_context().run,
                args=(self._work, *step),
                name=f"pipeline-{step[0]}",
                daemon=True,
            )
            for step in enumerate(steps)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, item: Any) -> None:
        """Hand an item to the first step; waits while that has enough."""
        self._put(0, item)
        if self._error is not None:
            raise self._error

    def finish(self) -> None:
        """Wait until all that was put is done."""
        self._put(0, _END)
        for thread in self._threads:
            thread.join()
        if self._error is not None:
            raise self._error

    def abort(self, limit_s: float) -> None:
        """End the pipeline after the items that are in work; wait for it, but not longer than this."""
        self._ended.set()
        for thread in self._threads:
            thread.join(limit_s)

    def n_waiting(self) -> list[int]:
        """Return how many items wait before each step."""
        return [waiting.qsize() for waiting in self._queues]

    def _put(self, number: int, item: Any) -> None:
        while not self._ended.is_set():
            try:
                self._queues[number].put(item, timeout=_LOOK_EVERY_S)
                return
            except queue.Full:
                continue

    def _take(self, number: int) -> Any:
        while not self._ended.is_set():
            try:
                return self._queues[number].get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                continue
        return _END

    def _work(self, number: int, step: Callable[[Any], Iterable[Any]]) -> None:
        try:
            while (item := self._take(number)) is not _END:
                for made in step(item):
                    if number + 1 < len(self._queues):
                        self._put(number + 1, made)
            if number + 1 < len(self._queues):
                self._put(number + 1, _END)
        except BaseException as error:
            self._error = self._error or error
            self._ended.set()


def judging_cpus(available: frozenset[int], n_reserved: int) -> frozenset[int]:
    """Return the cores for judging: all but the first `n_reserved`, and at least one."""
    ordered = sorted(available)
    return frozenset(ordered[min(n_reserved, len(ordered) - 1) :])


@contextmanager
def reserve_cpus(n_reserved: int) -> Iterator[None]:
    """Keep this thread, and the threads and processes that it starts, off the first cores.

    Containers are started by their engine and not bound by this.
    """
    before = frozenset(os.sched_getaffinity(0))
    os.sched_setaffinity(0, judging_cpus(before, n_reserved))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


_STOP_LIMIT_S = 20.0
_N_RESERVED = 1  # cores that judging leaves to the thread that samples, if there are others
_N_WAITING = 64  # problems that may wait for judging; sampling pauses when there are more
_N_EXECUTED = 4  # problems at a time: what one of them waits for at its end, others use
_Step = Callable[[Any], Iterable[Any]]


def overlapped_stages() -> tuple[str, ...]:
    """Return the stages whose shards are made while others are still drawn."""
    return tuple(stage.name for stage in table.shard_stages() if stage.overlaps)


@dataclass(frozen=True, slots=True)
class Read:
    """A problem whose candidates are read, or being read in another process: `group` waits for it."""

    filled: Filled
    group: Callable[[], Group]


@dataclass(frozen=True, slots=True)
class ShardDone:
    """All candidates of a shard are written; `was_there`: before this run, so that nobody has read them yet."""

    name: str
    was_there: bool


@dataclass(frozen=True, slots=True)
class Started:
    """A problem whose programs run: those whose executions are known, and those that are made."""

    shard: str
    problem: Problem
    programs: Sequence[Program]
    known: dict[str, Execution]
    made: Future[list[Execution]]


@dataclass
class Overlapped:
    """The steps behind sampling, a thread each. Rows are made problem by problem, ahead of their shard."""

    chain: Chain
    reader: Reader  # finds programs and what their syntax says
    bars: Mapping[str, StageProgress]  # of the stages, by name
    # Rows that were made ahead: by stage and shard, then by candidate.
    _known: dict[tuple[str, str], dict[str, Any]] = field(default_factory=lambda: defaultdict(dict), init=False)
    _n_executed: dict[str, int] = field(default_factory=lambda: defaultdict(int), init=False)
    _reused: dict[str, Execution] = field(default_factory=dict, init=False)
    _reused_of: str = field(default="", init=False)
    _counting: threading.Lock = field(default_factory=threading.Lock, init=False)
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_N_EXECUTED, thread_name_prefix="problem"), init=False
    )

    def run(self, filled: Iterable[Filled], ready: Sequence[str], sizes: Mapping[str, int]) -> None:
        """Take problems as they are filled through all steps, and shards whose candidates are there already.

        Args:
            filled: problems with their candidates, drawn as they are taken.
            ready: shards whose candidates are written.
            sizes: problems of each shard that is filled.
        """
        steps: list[_Step] = [self._read, self._start, self._finish]
        steps += [functools.partial(self._ensure, stage) for stage in overlapped_stages()]
        steps = [self._reserving_cpus(step) for step in steps]
        pipeline = ThreadPipeline(steps, _N_WAITING)
        waiting: dict[str, list[Filled]] = defaultdict(list)
        try:
            for name in ready:
                pipeline.put(ShardDone(name, was_there=True))
            for problem in filled:
                shard = problem.shard
                pipeline.put(problem)
                waiting[shard].append(problem)
                if len(waiting[shard]) == sizes[shard]:
                    self.chain.ensure("candidates", shard, source=waiting.pop(shard))
                    pipeline.put(ShardDone(shard, was_there=False))
            pipeline.finish()
        except BaseException:
            self._threads.shutdown(wait=False, cancel_futures=True)
            pipeline.abort(_STOP_LIMIT_S)
            raise
        finally:
            self._threads.shutdown(wait=False)

    def _reserving_cpus(self, step: _Step) -> _Step:
        """Return a step that leaves the sampler its processors."""

        def work(item: Any) -> list[Any]:
            with reserve_cpus(_N_RESERVED):
                return list(step(item))

        return work

    def _read(self, item: Filled | ShardDone) -> Iterator[Read | ShardDone]:
        """Find the programs of a problem's candidates; those of a shard that was drawn before, too."""
        if isinstance(item, Filled):
            yield Read(item, self.reader.start(item.problem, item.candidates))
            return
        if item.was_there and not self.chain.has("programs", item.name):
            self._read_shard(item.name)
        yield item

    def _read_shard(self, name: str) -> None:
        problems = {row.problem_id: row for row in self.chain.rows("problems", name)}
        candidates = self.chain.rows("candidates", name)
        groups = [
            self.reader.start(problems[problem_id], list(rows))
            for problem_id, rows in itertools.groupby(candidates, key=lambda row: row.problem_id)
        ]
        for group in groups:
            self._keep(name, group())

    def _keep(self, shard: str, group: Group) -> list[Program]:
        programs, syntax = group
        self._known["programs", shard].update({row.candidate_id: row for row in programs})
        self._known["syntax", shard].update({row.candidate_id: row for row in syntax})
        return programs

    def _start(self, item: Read | ShardDone) -> Iterator["Started | ShardDone"]:
        """Start a problem's programs; the next problem's are started before its last one has ended."""
        if isinstance(item, ShardDone):
            yield item
            return
        shard, problem = item.filled.shard, item.filled.problem
        programs = self._keep(shard, item.group())
        done = self._still_valid(shard, programs)
        missing = [program for program in programs if program.candidate_id not in done]
        self._count(len(done))
        context = contextvars.copy_context()  # each problem its own: a context runs in one thread at a time
        made = self._threads.submit(context.run, self._execute, problem, missing)
        yield Started(shard, problem, programs, done, made)

    def _execute(self, problem: Problem, programs: Sequence[Program]) -> list[Execution]:
        if not programs:
            return []
        config = self.chain.config
        n_runs, again = config.execution.n_runs, config.execution.rerun_timeouts
        assert self.chain.tools is not None
        pool, cache = self.chain.tools.pool(), compiled_folder(config)
        return execute_programs(programs, {problem.problem_id: problem}, pool, self._count, cache, n_runs, again)

    def _count(self, n: int) -> None:
        with self._counting:  # several problems are executed at a time
            self.bars["executions"].advance(n)

    def _finish(self, item: "Started | ShardDone") -> Iterator[ShardDone]:
        """Judge a problem's programs when they have run."""
        if isinstance(item, ShardDone):
            yield item
            return
        shard = item.shard
        done = item.known | {row.candidate_id: row for row in item.made.result()}
        self._n_executed[shard] += len(item.programs)
        verdicts = {key: judge(item.problem, row) for key, row in done.items()}
        self._known["executions", shard].update(done)
        self._known["verdicts", shard].update(verdicts)

    def _still_valid(self, shard: str, programs: Sequence[Program]) -> dict[str, Execution]:
        """Return the executions of a shard's earlier state that still hold."""
        if shard != self._reused_of:
            rows = [row for part in self.chain.before("executions", shard).values() for row in part]
            self._reused = {row.candidate_id: row for row in rows if row.status is not Status.FAULT}
            self._reused_of = shard
        mine = {program.candidate_id for program in programs}
        return {key: row for key, row in self._reused.items() if key in mine}

    def _ensure(self, stage: str, item: ShardDone) -> Iterator[ShardDone]:
        """Write the shard of a stage, unless it is there."""
        bar = self.bars[stage]
        n_before = self._n_executed.pop(item.name, 0) if stage == "executions" else 0

        def count(n: int) -> None:
            nonlocal n_before
            n_before += n
            bar.advance(n)

        self.chain.ensure(stage, item.name, self._known.pop((stage, item.name), None), on_done=count)
        bar.advance(self.chain.folder(stage).n_rows(item.name) - n_before)
        yield item


@contextlib.contextmanager
def open_bars(totals: Mapping[str, int]) -> Iterator[dict[str, StageProgress]]:
    """Show the stages that run at the same time, each with the rows that it will have."""
    with contextlib.ExitStack() as stack:
        # Entered last, closed first: lines at the end are in the order of the stages.
        yield {
            name: stack.enter_context(reporter().stage(name, total, table.find_stage(name).unit))
            for name, total in reversed([*totals.items()])
        }
