"""The flow `synthesize`: seeds, the chain of prompts, agreement, quality, the problem file."""

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from prefect import flow

from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.runtime.stages import ApiKeys, make_shard, open_tools
from pairsmith.flows.runtime.waves import Meter
from pairsmith.pipeline import synthesis as made
from pairsmith.pipeline.chain.chain import Chain, fingerprint_of
from pairsmith.pipeline.chain.table import stage_folder, versions_of
from pairsmith.pipeline.chain.tools import Tools
from pairsmith.pipeline.problems.contamination import Benchmarks, read_benchmarks
from pairsmith.pipeline.report.study import write_synthesis_report
from pairsmith.pipeline.run.digests import digest
from pairsmith.pipeline.run.folder import Shard, shard_name
from pairsmith.pipeline.run.lock import locked
from pairsmith.pipeline.sampling.filling import Filled
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.sampling import RoleConfig, SamplingConfig
from pairsmith.schemas.synthesis import ProblemCard, Seed


@flow(name="synthesize", validate_parameters=False)
def synthesize(config: RunConfig, cache: Path, api_keys: ApiKeys) -> Path:
    """Make a problem file of seeds; return its path. It may hold no problem at all."""
    settings = config.synthesis
    with locked(config.run, store=config.store), closing(open_tools(config, cache, config.run, api_keys)) as tools:
        seeds = {seed.seed_id: seed for seed in _run_seeds(config)}
        concepts = made.ask_concepts(list(seeds.values()))
        ideas = _run_step("concepts", concepts, config, tools)
        questions = made.ask_instructions(
            ideas, seeds, settings.difficulties, settings.topics, settings.per_seed, config.seed
        )
        tasks = _run_step("instructions", questions, config, tools)
        by_id = {problem.problem_id: problem for problem in questions.problems}
        stated = made.ask_responses(tasks, by_id)
        _run_step("responses", stated, config, tools)
        alone = made.Asked(stated.problems, Counter())
        _run_step("tests", alone, config, tools)
        if settings.weak.models:
            _run_step("weak", alone, config, tools)
        tools.close_sampler()
        _run_judging(config, tools, made.first_cards(stated, ideas, seeds))
    return made.synthesis_folder(config.run) / made.PROBLEM_FILE


def step_config(config: RunConfig, step: str) -> RunConfig:
    """Return the configuration that one step is drawn with."""
    role: RoleConfig = getattr(config.synthesis, step)
    changes = {
        "models": role.models or config.sampling.models,
        "n": role.n,
        "schedule": (),
        "temperature": role.temperature,
        "max_tokens": role.max_tokens,
        "templates": (made.TEMPLATES[step],),
        "prompts": config.synthesis.prompts,
    }
    sampling: SamplingConfig = config.sampling.model_copy(update=changes)
    return config.model_copy(update={"sampling": sampling})


def read_seeds(config: RunConfig) -> tuple[made.Collected, Counter[str]]:
    """Return the seeds of a run, and why whole files were left out."""
    settings = config.synthesis.seeds
    reasons: Counter[str] = Counter()
    benchmarks = open_benchmarks(config)
    with reporter().stage("seeds", 0, "files") as bar:
        found = made.collect_seeds(made.read_sources(settings, reasons), settings, benchmarks, bar.advance)
    return found, reasons


def open_benchmarks(config: RunConfig) -> Benchmarks | None:
    """Return what must not be trained on, as `syntax.benchmarks` names it."""
    paths = config.syntax.benchmarks
    return read_benchmarks(paths) if paths else None


def _run_seeds(config: RunConfig) -> list[Seed]:
    """Make the stage of seeds. Files are read each time, since its key depends on their content."""
    folder, name = made.open_stage(config.run, "seeds"), shard_name(0)
    found, files = read_seeds(config)
    key = digest("seeds", config.synthesis.seeds.model_dump_json(), *(repr(seed) for seed in found.seeds))
    reasons = {**files, **found.reasons}
    n_in = found.n_functions
    if not folder.holds(key):
        counts = {f"language.{language}": n for language, n in found.by_language.items()}
        shard = Shard(found.seeds, n_in, reasons, {**counts, "files": found.n_files})
        make_shard("seeds", name, lambda: folder.write_shard(name, key, shard))
        folder.finish([name], key, versions_of("syntax"))
    reporter().log(
        f"seeds       {len(found.seeds)} of {n_in} functions in {found.n_files} files; {_counted(reasons)}"
    )
    return list(found.seeds)


def _run_step(step: str, asked: made.Asked, config: RunConfig, tools: Tools) -> list[Candidate]:
    """Ask one step's questions; return all answers. What is there already is not asked again."""
    run_dir, own = made.step_chain(config.run, step), step_config(config, step)
    shards = made.asked_shards(asked, config.shard_problems)
    names = list(shards)
    reasons = {name: asked.reasons if place == 0 else Counter[str]() for place, name in enumerate(names)}
    problems, answers = stage_folder(run_dir, "problems"), stage_folder(run_dir, "candidates")
    keys = {name: made.asked_key(shards[name], reasons[name]) for name in names}
    if asked.reasons:
        reporter().log(
            f"{step:<11} {len(asked.problems)} to ask; answers before that lead to none: {_counted(asked.reasons)}"
        )
    fingerprint = fingerprint_of("asked", keys)
    if not problems.holds(fingerprint):
        for name in names:
            if not problems.has_shard(name, keys[name]):
                made.write_asked(run_dir, name, shards[name], reasons[name])
        problems.finish(names, fingerprint, {})

    def around(_: str, name: str, work: Callable[[], None]) -> None:
        make_shard(step, name, work)

    chain = Chain(run_dir, own, tools, around=around)
    chain.forget_faults()
    keys = {name: chain.key("candidates", name) for name in names}
    fingerprint = fingerprint_of(step, keys)
    if answers.holds(fingerprint):
        reporter().log(f"{step:<11} {sum(answers.n_rows(name) for name in names):>6} answers there already")
    else:
        pending = [name for name in names if not answers.has_shard(name, keys[name])]
        _draw(step, chain, pending, sum(len(shards[name]) for name in pending), tools)
        manifest = answers.finish(names, fingerprint, versions_of("candidates"))
        if manifest.dropped:
            reporter().log(f"{step:<11} requests that gave none: {_counted(manifest.dropped)}")
    return sorted(answers.read_all(), key=lambda row: (row.problem_id, row.index))


def _draw(step: str, chain: Chain, pending: Sequence[str], n_problems: int, tools: Tools) -> None:
    """Draw the answers of some shards as one stream; a shard is written when its last answer is in."""
    meter = Meter(chain.config, tools.cache, step)
    with reporter().stage(step, n_problems * chain.config.sampling.n, "answers") as bar:

        def drawn(candidate: Candidate) -> None:
            bar.advance(1, meter.drawn(candidate))

        def filled(problem: Filled) -> None:
            bar.advance(len(problem.candidates) - problem.n_drawn)
            meter.n_all += len(problem.candidates)

        for _ in chain.draw(pending, drawn, filled):
            pass
    meter.keep()


def _run_judging(config: RunConfig, tools: Tools, cards: Mapping[str, ProblemCard]) -> None:
    """Hold responses and tests against each other, judge the problems, write the kept ones."""
    run = config.run
    names = stage_folder(made.step_chain(run, "responses"), "problems").shard_names()
    answers_keys = {name: made.answers_key(run, name, config) for name in names}

    def write_answers(name: str, on_done: Callable[[], None]) -> None:
        made.write_answers(run, name, config, tools.beyond_pool, on_done)

    _make("answers", {"answers": answers_keys}, write_answers, len(cards), "executions", run)
    keys = {
        stage: {name: made.judged_key(run, name, stage, config) for name in names} for stage in made.MADE_TOGETHER
    }
    benchmarks = functools.cache(lambda: open_benchmarks(config))

    def write_judged(name: str, on_done: Callable[[], None]) -> None:
        made.write_judged(run, name, config, cards, benchmarks(), tools.beyond_pool, on_done)

    _make("agreement", keys, write_judged, len(cards), "syntax", run)
    folder, key = made.open_stage(run, "cards"), made.cards_key(run, names, config)
    if not (folder.holds(key) and (made.synthesis_folder(run) / made.PROBLEM_FILE).is_file()):
        make_shard("cards", "all", lambda: made.write_cards(run, names, config))
        folder.finish([shard_name(0)], key, {})
    rows: list[ProblemCard] = folder.read_all()
    n_kept = sum(not card.reason for card in rows)
    reasons = Counter(card.reason for card in rows if card.reason)
    reporter().log(f"problems    {n_kept} of {len(rows)} kept; left out: {_counted(reasons) or 'none'}")
    _report(config, rows)


def _make(
    label: str,
    keys: Mapping[str, Mapping[str, str]],
    write: Callable[[str, Callable[[], None]], None],
    n: int,
    package: str,
    run: Path,
) -> None:
    """Make the shards of stages that are written together, a Prefect task each; those that are current stay."""
    folders = {stage: made.open_stage(run, stage) for stage in keys}
    names = list(next(iter(keys.values())))
    pending = [
        name for name in names if not all(folders[stage].has_shard(name, keys[stage][name]) for stage in keys)
    ]
    if pending:
        with reporter().stage(label, n, "problems") as bar:
            for name in pending:
                make_shard(label, name, functools.partial(write, name, bar.advance))
    else:
        reporter().log(f"{label:<11} {n:>6} problems there already")
    for stage, folder in folders.items():
        fingerprint = fingerprint_of(stage, keys[stage])
        if not folder.holds(fingerprint):
            folder.finish(names, fingerprint, versions_of(package))


def _report(config: RunConfig, cards: Sequence[ProblemCard]) -> None:
    """Write the page of the synthesis."""
    run = config.run
    asked = {step: stage_folder(made.step_chain(run, step), "problems").manifest() for step in made.STEPS}
    found = {step: manifest for step, manifest in asked.items() if manifest is not None}
    seeds, agreements, standings = (
        made.open_stage(run, stage).manifest() for stage in ("seeds", "agreements", "standings")
    )
    assert seeds is not None
    assert agreements is not None
    assert standings is not None
    path = made.synthesis_folder(run) / "report.html"
    write_synthesis_report(path, run.name, {"seeds": seeds, **found}, agreements, standings, cards)
    reporter().log(f"report      {path}")


def _counted(reasons: Mapping[str, int]) -> str:
    return ", ".join(
        f"{reason} {n}" for reason, n in sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    )
