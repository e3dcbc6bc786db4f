"""Draws, executes, judges and parses shards at the same time; each shard is written as soon as it is whole."""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pairsmith.flows.reporting import Stage, reporter
from pairsmith.pipeline.chain import stages
from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.run.cpus import kept_off
from pairsmith.pipeline.run.thread_pipeline import Line
from pairsmith.pipeline.sampling.stream import Filled
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.pipeline.syntax.worker import Group, Reader
from pairsmith.schemas.candidate import Program
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.execution import Execution
from pairsmith.schemas.syntax import Syntax
from pairsmith.schemas.verdict import Label

_STOP_LIMIT_S = 20.0
_MADE = ("candidates", "programs", "executions", "verdicts", "syntax")


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
class Judging:
    """The steps behind sampling, and what they keep of shards that are not whole yet.

    Attributes:
        reader: finds programs and what their syntax says.
        make: runs the work of one shard of one stage: (stage, shard, work).
        on_judged: takes the different programs of a problem that passed and that failed, when it is judged.
    """

    chain: Path
    config: RunConfig
    reader: Reader
    pool: Callable[[], SandboxPool]
    make: Callable[[str, str, Callable[[], object]], None]
    bars: Mapping[str, Stage]
    on_judged: Callable[[int, int], None] = lambda n_passed, n_failed: None
    _programs: dict[str, Program] = field(default_factory=dict, init=False)
    _syntax: dict[str, Syntax] = field(default_factory=dict, init=False)
    _executions: dict[str, Execution] = field(default_factory=dict, init=False)
    _reused: dict[str, Execution] = field(default_factory=dict, init=False)
    _reused_of: str = field(default="", init=False)

    def read(self, item: Filled | ShardDone) -> Iterator[Read | ShardDone]:
        """Find the programs of a problem's candidates; those of a shard that was drawn before, too."""
        with kept_off(self.config.overlap.reserved_cpus):
            if isinstance(item, Filled):
                made: Read | ShardDone = Read(item, self.reader.start(item.problem, item.candidates))
            else:
                made = item
                if item.was_there:
                    self._read_shard(item.name)
        yield made

    def judge(self, item: Read | ShardDone) -> Iterator[ShardDone]:
        """Run a problem's programs at once; write the shard's stages when it is whole."""
        with kept_off(self.config.overlap.reserved_cpus):
            if isinstance(item, Read):
                self._run(item)
                return
            self._write(item.name)
        yield item

    def parse(self, item: ShardDone) -> Iterator[ShardDone]:
        """Write a shard of syntax."""
        with kept_off(self.config.overlap.reserved_cpus):
            key = stages.syntax_key(self.chain, item.name, self.config)
            ids = [row.candidate_id for row in stages.stage_folder(self.chain, "programs").read(item.name)]
            known = {one: self._syntax.pop(one) for one in ids if one in self._syntax}

            def write_syntax(chain: Path, name: str, config: RunConfig) -> object:
                return stages.write_syntax(chain, name, config, known)

            self._unless_there("syntax", item.name, key, write_syntax)
        return iter(())

    def _keep(self, group: Group) -> list[Program]:
        programs, rows = group
        self._programs.update({program.candidate_id: program for program in programs})
        self._syntax.update({row.candidate_id: row for row in rows})
        return programs

    def _read_shard(self, name: str) -> None:
        """Read all candidates of a shard, unless its programs are there."""
        key = stages.programs_key(self.chain, name, self.config)
        if stages.stage_folder(self.chain, "programs").has_shard(name, key):
            return
        candidates = stages.stage_folder(self.chain, "candidates").read(name)
        problems = {row.problem_id: row for row in stages.stage_folder(self.chain, "problems").read(name)}
        groups = [
            self.reader.start(problems[problem_id], list(group))
            for problem_id, group in itertools.groupby(candidates, key=lambda row: row.problem_id)
        ]
        for group in groups:
            self._keep(group())

    def _run(self, read: Read) -> None:
        filled, programs = read.filled, self._keep(read.group())
        there = self._there_already(filled, programs)
        self.bars["executions"].advance(len(there))
        missing = [program for program in programs if program.candidate_id not in there]
        if missing:
            problems = {filled.problem.problem_id: filled.problem}
            cache = stages.compiled_folder(self.config)
            advance, settings = self.bars["executions"].advance, self.config.execution
            made = execute_programs(
                missing, problems, self.pool(), advance, cache, settings.n_runs, settings.rerun_timeouts
            )
            self._executions.update({row.candidate_id: row for row in made})
            there |= {row.candidate_id: row for row in made}
        # Alike programs make no further pairs: the forecast counts different ones.
        codes = {program.candidate_id: program.code for program in programs}
        labels = {(judge(filled.problem, row).label, codes[key]) for key, row in there.items()}
        self.on_judged(*(sum(label is wanted for label, _ in labels) for wanted in (Label.PASSED, Label.FAILED)))

    def _there_already(self, filled: Filled, programs: Sequence[Program]) -> dict[str, Execution]:
        """Return the executions of a shard's earlier state, where they still hold."""
        if filled.shard != self._reused_of:
            self._reused_of = filled.shard
            self._reused = stages.reusable_executions(self.chain, filled.shard, self.config)
        mine = {program.candidate_id for program in programs}
        return {key: row for key, row in self._reused.items() if key in mine}

    def _write(self, name: str) -> None:
        chain, config = self.chain, self.config
        ids = [row.candidate_id for row in stages.stage_folder(chain, "candidates").read(name)]
        programs = {key: self._programs.pop(key) for key in ids if key in self._programs}
        executions = {key: self._executions.pop(key) for key in ids if key in self._executions}

        def write_programs(chain: Path, name: str, config: RunConfig) -> object:
            return stages.write_programs(chain, name, config, programs)

        def write_executions(chain: Path, name: str, config: RunConfig) -> object:
            advance = self.bars["executions"].advance
            return stages.write_executions(chain, name, config, self.pool(), advance, executions)

        self._unless_there("programs", name, stages.programs_key(chain, name, config), write_programs)
        self._unless_there("executions", name, stages.executions_key(chain, name, config), write_executions)
        self._unless_there("verdicts", name, stages.verdicts_key(chain, name, config), stages.write_verdicts)

    def _unless_there(
        self, stage: str, name: str, key: str, write: Callable[[Path, str, RunConfig], object]
    ) -> None:
        folder = stages.stage_folder(self.chain, stage)
        if not folder.has_shard(name, key):
            self.make(stage, name, lambda: write(self.chain, name, self.config))
        if stage != "executions":
            self.bars[stage].advance(folder.n_rows(name))


def run_line(
    judging: Judging,
    filled: Iterable[Filled],
    ready: Sequence[str],
    sizes: Mapping[str, int],
    write: Callable[[str, Sequence[Filled]], None],
) -> None:
    """Take problems as they are filled through all steps, and shards whose candidates are there already.

    Args:
        judging: the steps behind sampling.
        filled: problems with their candidates, drawn as they are taken.
        ready: shards whose candidates are written.
        sizes: problems a shard, of those that are filled.
        write: writes the candidates of one whole shard.
    """
    line = Line([judging.read, judging.judge, judging.parse], judging.config.overlap.n_waiting)
    waiting: dict[str, list[Filled]] = {}
    try:
        for name in ready:
            line.put(ShardDone(name, was_there=True))
        for one in filled:
            line.put(one)
            rows = waiting.setdefault(one.shard, [])
            rows.append(one)
            if len(rows) == sizes[one.shard]:
                write(one.shard, waiting.pop(one.shard))
                line.put(ShardDone(one.shard, was_there=False))
        line.finish()
    except BaseException:
        line.abort(_STOP_LIMIT_S)
        raise


@contextlib.contextmanager
def open_bars(n_drawn: int, n_all: int) -> Iterator[dict[str, Stage]]:
    """Show the stages that run at the same time.

    Args:
        n_drawn: candidates to draw.
        n_all: those and the ones that are there, which may lack later stages.
    """
    units = {"candidates": "drawn", "executions": "programs"}
    with contextlib.ExitStack() as stack:
        # Entered last, closed first: lines at the end stand in the order of the stages.
        bars = {
            stage: stack.enter_context(
                reporter().stage(stage, n_drawn if stage == "candidates" else n_all, units.get(stage, "rows"))
            )
            for stage in reversed(_MADE)
        }
        yield bars
