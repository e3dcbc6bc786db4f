"""One chain, stage by stage: what is there is kept, what is missing or stale is made, a task a shard."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from pairsmith.flows.metering import Meter
from pairsmith.flows.overlap import Judging, open_bars, run_line
from pairsmith.flows.reporting import Stage, reporter
from pairsmith.flows.retrying import SAMPLER_TAG, retried
from pairsmith.flows.tools import Tools
from pairsmith.pipeline.chain import stages
from pairsmith.pipeline.crosscheck import stage as crosscheck
from pairsmith.pipeline.execution.runner import PYTHON
from pairsmith.pipeline.languages.toolchains import Toolchains
from pairsmith.pipeline.pairing.llm_judge import deal_pairs, judgements_key, write_judgements
from pairsmith.pipeline.problems.loading import load_problems
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.problems.sources.starter import starter_folder
from pairsmith.pipeline.run.digests import digest
from pairsmith.pipeline.run.folder import StageFolder
from pairsmith.pipeline.sampling import choose_backend
from pairsmith.pipeline.sampling.arms import Source
from pairsmith.pipeline.sampling.stream import Filled, draw
from pairsmith.pipeline.syntax.worker import Reader
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import RunConfig

STAGES = (
    "problems", "candidates", "programs", "executions", "verdicts", "syntax",
    "standings", "problem_standings", "timings", "pairs", "judgements",
)  # fmt: skip


@task(name="shard", task_run_name="{stage} {name}", cache_policy=NO_CACHE, persist_result=False)
def make_shard(stage: str, name: str, work: Callable[[], object]) -> None:
    """Make one shard of one stage."""
    work()


@task(name="sample", cache_policy=NO_CACHE, persist_result=False)
def sample(work: Callable[[], object]) -> None:
    """Draw candidates, and judge them beside; only so many at a time as the tag of samplers allows."""
    work()


def load(config: RunConfig, cache: Path) -> dict[str, LoadedProblems]:
    """Return the problems that the configuration names, by shard; published files are fetched into the cache."""
    loaded = load_problems(config.problems, starter_folder(), cache)
    for drop in loaded.dropped[:5]:
        if drop.reason not in ("other_level", "other_id", "over_limit"):
            reporter().say(f"left out: {drop.where}: {drop.message}")
    return stages.split_shards(loaded, config.shard_problems, stages.placed_problems(config.run))


def run_problems(chain: Path, shards: Mapping[str, LoadedProblems], tools: Tools) -> list[str]:
    """Make the problems' stage; return the names of its shards."""
    stages.place_problems(chain, shards)
    keys = {name: stages.problems_key(part) for name, part in shards.items()}
    languages = {problem.language for part in shards.values() for problem in part.problems} - {PYTHON}
    if languages:  # what can't run is known before anything is drawn
        with Toolchains(tools.pool()) as toolchains:
            toolchains.require(languages)

    def make(name: str, bar: Stage) -> None:
        stages.write_problems(chain, name, shards[name], tools.pool)
        bar.advance(len(shards[name].problems) + len(shards[name].pending))

    n = sum(len(part.problems) + len(part.pending) for part in shards.values())
    run_stage(chain, "problems", keys, n, "problems", make)
    return list(shards)


def run_samples(
    chain: Path, names: Sequence[str], config: RunConfig, tools: Tools, n_each: Mapping[str, int] | None = None
) -> Meter:
    """Draw the candidates; extract, execute, judge and parse them at the same time.

    Returns what was measured; nothing was drawn where all was there.

    Args:
        n_each: draws a problem; None takes `sampling.n` for all.
    """
    n_problems = count_rows(chain, "problems")
    n_draws = n_problems * config.sampling.n if n_each is None else sum(n_each.values())
    meter = Meter(config, tools.cache, n_draws, n_problems)
    stages.forget_failures(chain)
    stages.forget_faults(chain)
    keys = {name: stages.candidates_key(chain, name, config, n_each) for name in names}
    folder = stages.stage_folder(chain, "candidates")
    fingerprint = _fingerprint("candidates", keys)
    if not _is_there(folder, fingerprint):
        tags = [] if choose_backend(config.sampling) == "files" else [SAMPLER_TAG]
        step = retried(sample.with_options(tags=tags))
        step(lambda: _overlap(chain, keys, config, tools, n_each, meter))
        meter.keep()
        if n_each is None:  # else there may be another wave
            tools.close_sampler()
        folder.finish(names, fingerprint, stages.versions_of("candidates"))
        _say_failures(folder)

    run_samples_again(chain, names, config, tools)
    return meter


def run_samples_again(chain: Path, names: Sequence[str], config: RunConfig, tools: Tools) -> None:
    """Extract, execute, judge and parse the candidates that are there."""

    def execute(name: str, bar: Stage) -> None:
        stages.write_executions(chain, name, config, tools.pool(), bar.advance)

    _run_plain(chain, names, config, "programs", stages.programs_key, stages.write_programs)
    keys = {name: stages.executions_key(chain, name, config) for name in names}
    run_stage(chain, "executions", keys, count_rows(chain, "programs"), "programs", execute)
    _run_plain(chain, names, config, "verdicts", stages.verdicts_key, stages.write_verdicts)
    _run_plain(chain, names, config, "syntax", stages.syntax_key, stages.write_syntax)


def _overlap(
    chain: Path,
    keys: Mapping[str, str],
    config: RunConfig,
    tools: Tools,
    n_each: Mapping[str, int] | None,
    meter: Meter,
) -> None:
    """Make the missing shards of candidates, and the later stages of all shards as they become whole."""
    folder, problems = stages.stage_folder(chain, "candidates"), stages.stage_folder(chain, "problems")
    pending = [name for name in sorted(keys) if not folder.has_shard(name, keys[name])]
    ready = [name for name in sorted(keys) if name not in pending]
    if ready:
        reporter().say(f"candidates  {len(ready)} of {len(keys)} shards there already")
    ids = {name: [row.problem_id for row in problems.read(name)] for name in pending}
    n = sum(config.sampling.n if n_each is None else n_each.get(one, 0) for part in ids.values() for one in part)
    n_ready = sum(folder.n_rows(name) for name in ready)
    meter.found(n_ready)
    meter.expect(one for name in pending for one in sorted(ids[name]))
    with open_bars(n, n + n_ready) as bars:

        def count(candidate: Candidate) -> None:
            bars["candidates"].advance(1, meter.drawn(candidate))

        def filled() -> Iterator[Filled]:
            for one in draw(chain, pending, config, tools.open_source, tools.store(), n_each, count):
                bars["candidates"].expect_less(len(one.failures))
                bars["candidates"].advance(len(one.candidates) - one.n_drawn)
                meter.filled(one.problem.problem_id, one.candidates)
                yield one

        def write(name: str, rows: Sequence[Filled]) -> None:
            make_shard("candidates", name, lambda: stages.write_candidates(chain, name, config, rows, n_each))

        with Reader(config.syntax) as reader:
            judging = Judging(chain, config, reader, tools.pool, make_shard, bars, meter.judged)
            run_line(judging, filled(), ready, {name: len(part) for name, part in ids.items()}, write)


def _say_failures(folder: StageFolder) -> None:
    manifest = folder.manifest()
    if manifest is not None and manifest.dropped:
        told = ", ".join(f"{reason} {n}" for reason, n in sorted(manifest.dropped.items()))
        reporter().say(f"candidates  {sum(manifest.dropped.values())} requests gave none: {told}")


def run_truth(chain: Path, names: Sequence[str], config: RunConfig, tools: Tools) -> None:
    """Hold passed candidates against more inputs than the tests', and time them where that is asked for."""

    def hold(name: str, bar: Stage) -> None:
        crosscheck.write_truth(chain, name, config, tools.beyond_pool)
        bar.advance(len(stages.stage_folder(chain, "standings").read(name)))

    keys = {
        stage: {name: crosscheck.truth_key(chain, name, stage, config) for name in names}
        for stage in crosscheck.STAGES
    }
    folders = {stage: stages.stage_folder(chain, stage) for stage in crosscheck.STAGES}
    prints = {stage: _fingerprint(stage, keys[stage]) for stage in crosscheck.STAGES}
    there = [_is_there(folders[stage], prints[stage]) for stage in crosscheck.STAGES]
    if all(there):
        return
    # One piece of work writes a shard of each, so a manifest is written only when all shards are there.
    pending = [
        name for name in names if not all(folders[stage].has_shard(name, keys[stage][name]) for stage in folders)
    ]
    verdicts = stages.stage_folder(chain, "verdicts")
    n = sum(verdicts.counts(name).get("label.passed", 0) for name in pending) if config.crosscheck.n_inputs else 0
    with reporter().stage("standings", n, "candidates") as bar:
        for name in pending:
            retried(make_shard)("standings", name, lambda name=name: hold(name, bar))  # type: ignore[misc]
    for stage, folder in folders.items():
        folder.finish(list(names), prints[stage], stages.versions_of(stage))


def run_pairs(chain: Path, config: RunConfig) -> None:
    """Make the pairs."""
    folder = stages.stage_folder(chain, "pairs")
    fingerprint = stages.pairs_key(chain, config)
    if _is_there(folder, fingerprint):
        return
    written: list[Path] = []
    with reporter().stage("pairs", 0, "pairs") as bar:
        make_shard("pairs", "all", lambda: written.extend(stages.write_pairs(chain, config)))
        names = [path.name for path in written]
        bar.advance(folder.finish(names, fingerprint, stages.versions_of("pairs")).n_out)


def run_stage(
    chain: Path,
    stage: str,
    keys: Mapping[str, str],
    total: int,
    unit: str,
    make: Callable[[str, Stage], None],
) -> None:
    """Make those shards of a stage that are not there under their key, then its manifest.

    Args:
        chain: folder of the chain.
        stage: name of the stage.
        keys: shard name to the key that it must have.
        total: units of work, for the bar.
        unit: what is counted.
        make: makes one shard, and advances the bar.
    """
    folder = stages.stage_folder(chain, stage)
    fingerprint = _fingerprint(stage, keys)
    if _is_there(folder, fingerprint):
        return
    pending = [name for name, key in sorted(keys.items()) if not folder.has_shard(name, key)]
    if not pending:
        folder.finish(list(keys), fingerprint, stages.versions_of(stage))
        return
    if len(pending) < len(keys):
        reporter().say(f"{stage:<11} {len(keys) - len(pending)} of {len(keys)} shards there already")
    with reporter().stage(stage, total * len(pending) // max(len(keys), 1), unit) as bar:
        for name in pending:
            retried(make_shard)(stage, name, lambda name=name: make(name, bar))  # type: ignore[misc]
    folder.finish(list(keys), fingerprint, stages.versions_of(stage))


def run_judgements(chain: Path, config: RunConfig, tools: Tools) -> None:
    """Have a language model compare the pairs, where the configuration names one."""
    if not config.judge.model:
        return
    dealt = deal_pairs(stages.stage_folder(chain, "pairs").read_all(), config.judge)
    keys = {name: judgements_key(pairs, config.judge) for name, pairs in dealt.items()}

    def make(name: str, bar: Stage) -> None:
        with tools.open_source(Source(config.judge.sampling(), 1.0)) as judge:
            write_judgements(chain, name, dealt[name], config.judge, judge)
        bar.advance(len(dealt[name]))

    run_stage(chain, "judgements", keys, sum(map(len, dealt.values())), "pairs", make)


def _fingerprint(stage: str, keys: Mapping[str, str]) -> str:
    return digest(stage, *(f"{name}={key}" for name, key in sorted(keys.items())))


def _is_there(folder: StageFolder, fingerprint: str) -> bool:
    """Return whether a stage is done for this fingerprint, and say so."""
    manifest = folder.manifest() if folder.holds(fingerprint) else None
    if manifest is None:
        return False
    reporter().say(f"{folder.stage:<11} {manifest.n_out:>6} rows there already")
    return True


def _run_plain(
    chain: Path,
    names: Sequence[str],
    config: RunConfig,
    stage: str,
    key: Callable[[Path, str, RunConfig], str],
    write: Callable[[Path, str, RunConfig], Path],
) -> None:
    """Make a stage whose shards need neither model nor sandbox."""
    folder = stages.stage_folder(chain, stage)

    def make(name: str, bar: Stage) -> None:
        write(chain, name, config)
        bar.advance(len(folder.read(name)))

    run_stage(
        chain,
        stage,
        {name: key(chain, name, config) for name in names},
        count_rows(chain, "candidates"),
        "rows",
        make,
    )


def count_rows(chain: Path, stage: str) -> int:
    """Return the rows of a stage that is done, else 0."""
    manifest = stages.stage_folder(chain, stage).manifest()
    return manifest.n_out if manifest is not None else 0
