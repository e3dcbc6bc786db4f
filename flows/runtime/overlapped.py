"""The overlapped executor: draws, executes, judges and parses at the same time, shard after shard."""

import contextlib
import functools
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pairsmith.flows.runtime.reporting import Stage, reporter
from pairsmith.pipeline.chain import table
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.execution.stage import compiled_folder
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.run.cpus import reserve_cpus
from pairsmith.pipeline.run.thread_pipeline import Line
from pairsmith.pipeline.sampling.stream import Filled
from pairsmith.pipeline.syntax.worker import Group, Reader
from pairsmith.schemas.candidate import Program
from pairsmith.schemas.execution import Execution, Status
from pairsmith.schemas.verdict import Label

_STOP_LIMIT_S = 20.0
_N_WAITING = 64  # problems that may wait for judging; sampling pauses when there are more
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


@dataclass
class Overlapped:
    """The steps behind sampling, a thread each. Rows are made problem by problem, ahead of their shard.

    Attributes:
        reader: finds programs and what their syntax says.
        bars: of the stages, by name.
        on_judged: takes the different programs of a problem that passed and that failed, when it is judged.
    """

    chain: Chain
    reader: Reader
    bars: Mapping[str, Stage]
    on_judged: Callable[[int, int], None] = lambda n_passed, n_failed: None
    # Rows that were made ahead: by stage and shard, then by candidate.
    _known: dict[tuple[str, str], dict[str, Any]] = field(default_factory=lambda: defaultdict(dict), init=False)
    _n_executed: dict[str, int] = field(default_factory=lambda: defaultdict(int), init=False)
    _reused: dict[str, Execution] = field(default_factory=dict, init=False)
    _reused_of: str = field(default="", init=False)

    def run(self, filled: Iterable[Filled], ready: Sequence[str], sizes: Mapping[str, int]) -> None:
        """Take problems as they are filled through all steps, and shards whose candidates are there already.

        Args:
            filled: problems with their candidates, drawn as they are taken.
            ready: shards whose candidates are written.
            sizes: problems of each shard that is filled.
        """
        steps: list[_Step] = [self._read, self._execute]
        steps += [functools.partial(self._ensure, stage) for stage in overlapped_stages()]
        steps = [self._reserving_cpus(step) for step in steps]
        line = Line(steps, _N_WAITING)
        waiting: dict[str, list[Filled]] = defaultdict(list)
        try:
            for name in ready:
                line.put(ShardDone(name, was_there=True))
            for one in filled:
                line.put(one)
                waiting[one.shard].append(one)
                if len(waiting[one.shard]) == sizes[one.shard]:
                    self.chain.ensure("candidates", one.shard, source=waiting.pop(one.shard))
                    line.put(ShardDone(one.shard, was_there=False))
            line.finish()
        except BaseException:
            line.abort(_STOP_LIMIT_S)
            raise

    def _reserving_cpus(self, step: _Step) -> _Step:
        """Return a step that leaves the sampler its processors."""

        def work(item: Any) -> list[Any]:
            with reserve_cpus(self.chain.config.overlap.reserve_cpus):
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

    def _execute(self, item: Read | ShardDone) -> Iterator[ShardDone]:
        """Run a problem's programs and judge them."""
        if isinstance(item, ShardDone):
            yield item
            return
        shard, problem = item.filled.shard, item.filled.problem
        programs = self._keep(shard, item.group())
        done = self._still_valid(shard, programs)
        missing = [program for program in programs if program.candidate_id not in done]
        bar = self.bars["executions"]
        bar.advance(len(done))
        if missing:
            config = self.chain.config
            n_runs, again = config.execution.n_runs, config.execution.rerun_timeouts
            assert self.chain.tools is not None
            pool, cache = self.chain.tools.pool(), compiled_folder(config)
            made = execute_programs(
                missing, {problem.problem_id: problem}, pool, bar.advance, cache, n_runs, again
            )
            done |= {row.candidate_id: row for row in made}
        self._n_executed[shard] += len(programs)
        verdicts = {key: judge(problem, row) for key, row in done.items()}
        self._known["executions", shard].update(done)
        self._known["verdicts", shard].update(verdicts)
        # Alike programs make no further pairs: the forecast counts different ones.
        labels = {(verdicts[row.candidate_id].label, row.code) for row in programs}
        self.on_judged(*(sum(label is wanted for label, _ in labels) for wanted in (Label.PASSED, Label.FAILED)))

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
def open_bars(totals: Mapping[str, int]) -> Iterator[dict[str, Stage]]:
    """Show the stages that run at the same time, each with the rows that it will have."""
    with contextlib.ExitStack() as stack:
        # Entered last, closed first: lines at the end stand in the order of the stages.
        yield {
            name: stack.enter_context(reporter().stage(name, total, table.find_stage(name).unit))
            for name, total in reversed([*totals.items()])
        }
