"""Brings the stages of a chain up to date: reuses current shards, and makes missing or stale ones, a task each.

Three executors do the same work, `chain.ensure(stage, shard)`: stage after stage here, several stages at the same
time in `overlapped`, shards all over a cluster in `cluster`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

from pairsmith.flows.runtime.overlapped import Overlapped, open_bars, overlapped_stages
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.runtime.waves import Meter
from pairsmith.pipeline.chain import table
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.chain.tools import Tools
from pairsmith.pipeline.execution.runner import PYTHON
from pairsmith.pipeline.languages.toolchains import Toolchains
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.problems.stage import load_shards, place_problems
from pairsmith.pipeline.run.errors import InfrastructureError
from pairsmith.pipeline.sampling import choose_backend
from pairsmith.pipeline.sampling.filling import Filled, draw
from pairsmith.pipeline.sandbox import SandboxError
from pairsmith.pipeline.sandbox.packages import why_no_packages
from pairsmith.pipeline.syntax.stage import Reader
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.run import ServiceConfig

P = ParamSpec("P")
R = TypeVar("R")
SAMPLER_TAG = "pairsmith-sampler"
MANY_CUT_OFF = 0.1  # share of answers that ended at the limit of tokens, from which on the build says so
_RETRY_DELAY_S = 10.0  # before the first retry, doubled each time: what was away for a moment is back by then
_JITTER = 0.5  # of the delay: runs that failed together don't come back together
_policy: list[ServiceConfig] = []


def set_policy(service: ServiceConfig | None) -> None:
    """Have all tasks of this process try again as a service does; None has them end at the first fault."""
    _policy[:] = [] if service is None else [service]


def retried(task: Task[P, R]) -> Callable[P, R]:
    """Return a task that tries again as the policy says, after faults of the infrastructure alone.

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
    """Draw candidates, and judge them beside; only so many at a time as the tag of samplers allows."""
    work()


def open_chain(
    run_dir: Path, config: RunConfig, tools: Tools, draws: Mapping[str, int] | None = None, is_inner: bool = False
) -> Chain:
    """Return a chain whose shards are a Prefect task each.

    Args:
        draws: draws of each problem; None takes `sampling.n` for all.
        is_inner: whether it works within a task that is tried again itself.
    """

    def around(stage: str, name: str, work: Callable[[], None]) -> None:
        (make_shard if is_inner else retried(make_shard))(stage, name, work)

    return Chain(run_dir, config, tools, draws, around)


def open_tools(config: RunConfig, cache: Path, root: Path, api_keys: ApiKeys, place: str = "") -> Tools:
    """Return the tools of a run whose steps the reporter shows; nothing is opened yet."""
    return Tools(config, cache, root, api_keys, place, reporter().log, reporter().following)


@contextmanager
def opened(config: RunConfig, cache: Path, api_keys: ApiKeys, root: Path | None = None) -> Iterator[Tools]:
    """Give the tools of a chain, and close what was opened of them."""
    tools = open_tools(config, cache, root or config.run, api_keys)
    try:
        yield tools
    finally:
        tools.close()


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
    languages = {problem.language for part in shards.values() for problem in part.problems} - {PYTHON}
    if languages:  # what can't run is known before anything is drawn
        with Toolchains(chain.tools.pool()) as toolchains:
            toolchains.require(languages)
    sizes = {name: len(part.problems) + len(part.pending) for name, part in shards.items()}
    run_stage(chain, "problems", sizes)
    return list(shards)


def run_samples(chain: Chain, names: Sequence[str]) -> Meter:
    """Draw the candidates; extract, execute, judge and parse them at the same time.

    Returns what was measured; nothing was drawn where all was there.
    """
    assert chain.tools is not None
    config = chain.config
    meter = Meter(config, chain.tools.cache)
    chain.forget_faults()
    if _is_there(chain, "candidates", names):
        judge_again(chain, names)
        return meter
    tags = [] if choose_backend(config.sampling) == "files" else [SAMPLER_TAG]
    retried(sample.with_options(tags=tags))(lambda: _draw_and_judge(chain, names, meter))
    meter.keep()
    if chain.draws is None:  # else there may be another wave
        chain.tools.close_sampler()
    for stage in ("candidates", *overlapped_stages()):
        chain.finish(stage, names)
    log_failures(chain)
    return meter


def judge_again(chain: Chain, names: Sequence[str]) -> None:
    """Bring the stages behind the candidates up to date: extract, execute, judge and parse them."""
    wanted = [stage for stage in overlapped_stages() if not _is_there(chain, stage, names)]
    if not wanted:
        return
    n = chain.n_rows("candidates")
    with (
        Reader(chain.config.syntax, chain.config.extraction) as reader,
        open_bars(dict.fromkeys(overlapped_stages(), n)) as bars,
    ):
        Overlapped(chain, reader, bars).run((), sorted(names), {})
    for stage in wanted:
        chain.finish(stage, names)


def _draw_and_judge(outer: Chain, names: Sequence[str], meter: Meter) -> None:
    """Make the missing shards of candidates, and the later stages of all shards as they become whole."""
    assert outer.tools is not None
    config, tools, draws = outer.config, outer.tools, outer.draws
    chain = open_chain(outer.run_dir, config, tools, draws, is_inner=True)
    pending = [name for name in sorted(names) if not chain.has("candidates", name)]
    ready = [name for name in sorted(names) if name not in pending]
    if ready:
        reporter().log(f"candidates  {len(ready)} of {len(names)} shards there already")
    ids = {name: [row.problem_id for row in chain.rows("problems", name)] for name in pending}
    n = sum(
        config.sampling.n if draws is None else draws.get(problem_id, 0)
        for part in ids.values()
        for problem_id in part
    )
    n_ready = sum(chain.folder("candidates").n_rows(name) for name in ready)
    totals = {"candidates": n, **dict.fromkeys(overlapped_stages(), n + n_ready)}
    with open_bars(totals) as bars, Reader(config.syntax, config.extraction) as reader:

        def count(candidate: Candidate) -> None:
            bars["candidates"].advance(1, meter.drawn(candidate))

        def filled() -> Iterator[Filled]:
            for problem in draw(chain.run_dir, pending, config, tools.open_source, tools.store(), draws, count):
                bars["candidates"].expect_less(len(problem.failures))
                bars["candidates"].advance(len(problem.candidates) - problem.n_drawn)
                meter.filled(problem.candidates)
                yield problem

        sizes = {name: len(part) for name, part in ids.items()}
        # No model is opened where nothing is missing: a cluster may have drawn all, on the nodes that have GPUs.
        Overlapped(chain, reader, bars).run(filled() if pending else (), ready, sizes)


def run_crosscheck(chain: Chain, names: Sequence[str]) -> None:
    """Hold passed candidates against more inputs than the tests', and time them where that is asked for."""
    verdicts, n_inputs = chain.folder("verdicts"), chain.config.crosscheck.n_inputs
    run_stage(
        chain,
        "standings",
        {name: verdicts.counts(name).get("label.passed", 0) if n_inputs else 0 for name in names},
    )


def run_pairs(chain: Chain) -> None:
    """Make the pairs."""
    if _is_there(chain, "pairs", ()):
        return
    with reporter().stage("pairs", 0, table.find_stage("pairs").unit) as bar:
        bar.advance(chain.ensure_whole("pairs").n_out)


def run_stage(chain: Chain, name: str, sizes: Mapping[str, int]) -> None:
    """Make those shards of a stage that are not there under their key, then its manifest."""
    stage = table.find_stage(name)
    together = (name, *stage.beside)  # manifests are written only when all shards of all of them are there
    there = [_is_there(chain, each, sizes) for each in together]  # each is logged
    if all(there):
        return
    pending = [shard for shard in sorted(sizes) if not chain.has(name, shard)]
    if 0 < len(pending) < len(sizes):
        reporter().log(f"{name:<11} {len(sizes) - len(pending)} of {len(sizes)} shards there already")
    if pending:
        with reporter().stage(name, sum(sizes[shard] for shard in pending), stage.unit) as bar:
            for shard in pending:
                chain.ensure(name, shard)
                bar.advance(sizes[shard])
    for each in together:
        chain.finish(each, sizes)


def _is_there(chain: Chain, stage: str, names: Sequence[str] | Mapping[str, int]) -> bool:
    """Return whether a stage is done, and log so."""
    manifest = chain.done(stage, names)
    if manifest is not None:
        reporter().log(f"{stage:<11} {manifest.n_out:>6} rows there already")
    return manifest is not None


def log_failures(chain: Chain) -> None:
    """Log which requests gave no answer, and whether many answers were cut off."""
    manifest = chain.folder("candidates").manifest()
    n_cut = manifest.counts.get("finish.length", 0) if manifest is not None else 0
    if manifest is not None and n_cut > MANY_CUT_OFF * manifest.n_out:
        share = f"{n_cut} of {manifest.n_out} answers ({n_cut / manifest.n_out:.0%})"
        reporter().log(f"candidates  {share} were cut off by the limit of tokens; raise sampling.max_tokens")
    if manifest is not None and manifest.dropped:
        reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(manifest.dropped.items()))
        reporter().log(f"candidates  {sum(manifest.dropped.values())} requests gave none: {reasons}")
