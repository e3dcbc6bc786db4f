"""Brings the stages of a chain up to date: reuses current shards, and makes missing or stale ones, a task each.

Three executors do the same work, `chain.ensure(stage, shard)`: stage after stage (`run_stage`), judging beside
drawing (`run_samples`), and shards all over a cluster (`flows.runtime.cluster`).
"""

import contextvars
import itertools
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

from pairsmith.flows.runtime.reporting import NAME_WIDTH, ShardProgress, StageProgress, open_bars, reporter
from pairsmith.pipeline.chain import table
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.chain.stage import Stage
from pairsmith.pipeline.chain.tools import Tools
from pairsmith.pipeline.execution.runner import PYTHON
from pairsmith.pipeline.languages.toolchains import Toolchains
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.problems.stage import load_shards, place_problems
from pairsmith.pipeline.run.errors import InfrastructureError
from pairsmith.pipeline.sampling import choose_backend
from pairsmith.pipeline.sampling.filling import Filled
from pairsmith.pipeline.sampling.forecast import Meter
from pairsmith.pipeline.sandbox import SandboxError
from pairsmith.pipeline.sandbox.packages import why_no_packages
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.run import ServiceConfig
from pairsmith.schemas.problem import JudgedBy

P = ParamSpec("P")
R = TypeVar("R")
_RETRY_DELAY_S = 10.0  # before the first retry, doubled each time: what was away for a moment is back by then
_STOP_LIMIT_S = 20.0  # for the shards that are judged when a run is stopped
# Shards in sandboxes at once: while a program burns its limit at the end of one, the next has work for all cores.
_N_SHARDS = 2
_MANY_CUT_OFF = 0.1  # share of answers that ended at the limit of tokens, from which on the build says so
_JITTER = 0.5  # of the delay: runs that failed together don't come back together
_policy: list[ServiceConfig] = []


def set_policy(service: ServiceConfig | None) -> None:
    """Have all tasks of this process try again as a service does; None has them end at the first fault."""
    _policy[:] = [] if service is None else [service]


def retried(task: Task[P, R]) -> Callable[P, R]:
    """Return a task that is retried by the policy, after infrastructure faults only.

    A command that a person waits for reports the fault at once, so there is no policy without a service.
    """
    if not _policy or not _policy[0].retries:
        return task
    service = _policy[0]
    return task.with_options(
        retries=service.retries,
        retry_delay_seconds=exponential_backoff(_RETRY_DELAY_S),
        retry_jitter_factor=_JITTER,
        retry_condition_fn=is_infrastructure_fault,
    )


def is_infrastructure_fault(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Return whether what ended a task may be well again by itself."""
    try:
        state.result()
    except InfrastructureError:
        return True
    except BaseException:
        return False
    return False


ApiKeys = Callable[[str], str | None]
"""Returns the key that a variable holds, None for none."""


@task(name="shard", task_run_name="{stage} {name}", cache_policy=NO_CACHE, persist_result=False)
def make_shard(stage: str, name: str, work: Callable[[], object]) -> None:
    """Make one shard of one stage."""
    work()


@task(name="sample", cache_policy=NO_CACHE, persist_result=False)
def sample(work: Callable[[], object]) -> None:
    """Draw candidates and judge them in parallel."""
    work()


def open_chain(
    run_dir: Path,
    config: RunConfig,
    tools: Tools,
    is_inner: bool = False,
    stages: Sequence[Stage] | None = None,
) -> Chain:
    """Return a chain with one Prefect task per shard.

    Args:
        is_inner: whether it works within a task that is tried again itself.
        stages: its stages; None takes those of `chain.table`.
    """

    def around(stage: str, name: str, work: Callable[[], None]) -> None:
        (make_shard if is_inner else retried(make_shard))(stage, name, work)

    return Chain(run_dir, config, tools, around, stages)


def open_tools(config: RunConfig, cache: Path, root: Path, api_keys: ApiKeys, place: str = "") -> Tools:
    """Return the tools of a run; nothing is opened yet."""
    return Tools(config, cache, root, api_keys, place, reporter().log)


def no_key(variable: str) -> None:
    """Return no key, whatever is asked for."""
    return


def load(config: RunConfig, cache: Path) -> dict[str, LoadedProblems]:
    """Return the problems that the configuration names, by shard, and log what is left out.

    Raises:
        SandboxError: if `sandbox.packages` are not there: a run would find that out behind its draws.
    """
    for line in why_no_packages(config.sandbox.packages):
        raise SandboxError(line)
    return load_shards(config, cache, reporter().log)


def run_problems(chain: Chain, shards: Mapping[str, LoadedProblems]) -> list[str]:
    """Make the stage of problems; return the names of its shards."""
    assert chain.tools is not None
    place_problems(chain.run_dir, shards)
    chain.sources["problems"] = shards
    judged = (row for part in shards.values() for row in part.problems if row.judged_by is not JudgedBy.NOTHING)
    languages = {problem.language for problem in judged} - {PYTHON}
    if languages:  # what can't run is known before anything is drawn
        with Toolchains(chain.tools.pool()) as toolchains:
            toolchains.require(languages)
    sizes = {name: len(part.every()) for name, part in shards.items()}
    run_stage(chain, "problems", sizes)
    return list(shards)


def run_samples(chain: Chain, names: Sequence[str], step: str = "") -> None:
    """Draw the candidates; extract, execute, judge and parse them at the same time.

    Args:
        step: of synthesis: its answers are drawn alone, and the model stays open for the next one; empty for none.
    """
    assert chain.tools is not None
    meter = Meter(chain.config, chain.tools.cache, step)
    stages = () if step else overlapped_stages()
    chain.forget_faults()
    if _is_there(chain, "candidates", names):
        wanted = [stage for stage in stages if not _is_there(chain, stage, names)]
        if wanted:
            _draw_and_judge(chain, names, meter, stages)
    else:
        wanted = ["candidates", *stages]
        inner = open_chain(chain.run_dir, chain.config, chain.tools, is_inner=True)
        retried(sample)(lambda: _draw_and_judge(inner, names, meter, stages))
        meter.keep()
        if not step:
            chain.tools.close_sampler()
    for stage in wanted:
        chain.finish(stage, names)
    if "candidates" in wanted:
        log_failures(chain)


def log_failures(chain: Chain) -> None:
    """Log which requests gave no answer, and whether many answers were cut off."""
    manifest = chain.folder("candidates").manifest()
    n_cut = manifest.counts.get("finish.length", 0) if manifest is not None else 0
    if manifest is not None and n_cut > _MANY_CUT_OFF * manifest.n_out:
        share = f"{n_cut} of {manifest.n_out} answers ({n_cut / manifest.n_out:.0%})"
        reporter().log(f"candidates  {share} were truncated by the token limit; raise sampling.max_tokens")
    if manifest is not None and manifest.dropped:
        reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(manifest.dropped.items()))
        reporter().log(f"candidates  {sum(manifest.dropped.values())} requests gave none: {reasons}")


def overlapped_stages() -> tuple[str, ...]:
    """Return the stages that process shards while later shards are sampled."""
    return tuple(stage.name for stage in table.shard_stages() if stage.overlaps)


def _draw_and_judge(chain: Chain, names: Sequence[str], meter: Meter, stages: Sequence[str]) -> None:
    """Draw the missing shards of candidates, and make the later stages of each shard in parallel threads."""
    pending = [name for name in sorted(names) if not chain.has("candidates", name)]
    ready = [name for name in sorted(names) if name not in pending]
    if pending and ready:
        reporter().log(f"candidates  {len(ready)} of {len(names)} shards reused")
    n = chain.config.sampling.n * sum(len(chain.rows("problems", name)) for name in pending)
    n_ready = sum(chain.folder("candidates").n_rows(name) for name in ready)
    totals = {"candidates": n} if pending else {}
    totals |= dict.fromkeys(stages, n + n_ready)
    with open_bars(totals, lambda name: table.find_stage(name).unit) as bars, _judging(chain, bars) as judge:

        def drawn(candidate: Candidate) -> None:
            bars["candidates"].advance(1, meter.drawn(candidate))

        def filled(problem: Filled) -> None:
            bars["candidates"].expect_less(len(problem.failures))
            bars["candidates"].advance(len(problem.candidates) - problem.n_drawn)
            meter.n_all += len(problem.candidates)
            bars["candidates"].origin = meter.origin()

        for name in itertools.chain(ready, chain.draw(pending, drawn, filled)):
            judge(name)


@contextmanager
def _judging(chain: Chain, bars: Mapping[str, StageProgress]) -> Iterator[Callable[[str], None]]:
    """Yield a function that judges a shard in another thread; wait for all shards at the end."""
    others = threading.Lock()
    is_sampling = choose_backend(chain.config.sampling) == "transformers"
    with _beside(leave_first_cpu if is_sampling else None) as submit:
        yield lambda name: submit(lambda: _judge_shard(chain, name, bars, others))


@contextmanager
def _beside(initializer: Callable[[], None] | None = None) -> Iterator[Callable[[Callable[[], None]], None]]:
    """Yield a function that runs work in other threads; an exception of the work is raised at the end."""
    threads = ThreadPoolExecutor(_N_SHARDS, "shards", initializer=initializer)
    jobs: list[Future[None]] = []

    def submit(work: Callable[[], None]) -> None:
        jobs.append(threads.submit(contextvars.copy_context().run, work))
        for job in jobs:
            if job.done():
                job.result()

    try:
        yield submit
        for job in jobs:
            job.result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        wait([job for job in jobs if not job.cancelled()], _STOP_LIMIT_S)


def leave_first_cpu() -> None:
    """Keep this thread, and what it starts, off the first core if there are others: the model needs one.

    Containers are started by their engine and not bound by this.
    """
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus - {min(cpus)} or cpus)


def _judge_shard(chain: Chain, name: str, bars: Mapping[str, StageProgress], others: threading.Lock) -> None:
    """Make a shard of the stages behind the candidates; but for executions, one shard at a time."""
    for stage in (stage for stage in overlapped_stages() if stage in bars):
        counted = ShardProgress(bars[stage])
        with nullcontext() if stage == "executions" else others:
            chain.ensure(stage, name, on_done=counted.advance)
        bars[stage].advance(chain.folder(stage).n_rows(name) - counted.n_done)


def run_crosscheck(chain: Chain, names: Sequence[str]) -> None:
    """Hold passed candidates against more inputs than the tests', and time them where that is asked for."""
    verdicts, n_inputs = chain.folder("verdicts"), chain.config.crosscheck.n_inputs
    run_stage(
        chain,
        "standings",
        {name: verdicts.counts(name).get("label.passed", 0) if n_inputs else 0 for name in names},
        in_threads=True,
    )


def run_whole(chain: Chain, name: str) -> None:
    """Make a stage that is made as a whole, such as the pairs."""
    if _is_there(chain, name, ()):
        return
    with reporter().stage(name, 0, chain.stage(name).unit) as bar:
        bar.advance(chain.ensure_whole(name).n_out)


def run_stage(chain: Chain, name: str, sizes: Mapping[str, int], in_threads: bool = False) -> None:
    """Make those shards of a stage that are not there under their key, then its manifest.

    Args:
        sizes: rows of each shard, for the bar.
        in_threads: whether several shards are made at once.
    """
    stage = chain.stage(name)
    together = (name, *stage.beside)  # manifests are written only when all shards of all of them are there
    there = [_is_there(chain, each, sizes) for each in together]  # each is logged
    if all(there):
        return
    pending = [shard for shard in sorted(sizes) if not chain.has(name, shard)]
    if 0 < len(pending) < len(sizes):
        reporter().log(f"{name:<{NAME_WIDTH}} {len(sizes) - len(pending)} of {len(sizes)} shards reused")
    if pending:
        with reporter().stage(name, sum(sizes[shard] for shard in pending), stage.unit) as bar:
            if in_threads:
                _make_in_threads(chain, name, pending, sizes, bar)
            else:
                for shard in pending:
                    chain.ensure(name, shard)
                    bar.advance(sizes[shard])
    for each in together:
        chain.finish(each, sizes)


def _make_in_threads(
    chain: Chain, stage: str, shards: Sequence[str], sizes: Mapping[str, int], bar: StageProgress
) -> None:
    """Make shards in threads, so many at once."""

    def make(shard: str) -> None:
        chain.ensure(stage, shard)
        bar.advance(sizes[shard])

    with _beside() as submit:
        for shard in shards:
            submit(partial(make, shard))


def _is_there(chain: Chain, stage: str, names: Sequence[str] | Mapping[str, int]) -> bool:
    manifest = chain.done(stage, names)
    if manifest is not None:
        reporter().log(f"{stage:<{NAME_WIDTH}} {manifest.n_out:>6} rows reused")
    return manifest is not None
