"""The flow `synthesize`: seeds, the chain of prompts, agreement, quality, the problem file."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from prefect import flow

from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.runtime.stages import (
    ApiKeys,
    open_chain,
    open_tools,
    run_problems,
    run_samples,
    run_stage,
    run_whole,
)
from pairsmith.pipeline import synthesis as made
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.chain.tools import Tools
from pairsmith.pipeline.problems.contamination import read_benchmarks
from pairsmith.pipeline.problems.records import DroppedProblem, LoadedProblems
from pairsmith.pipeline.problems.stage import split_shards
from pairsmith.pipeline.report.study import write_synthesis_report
from pairsmith.pipeline.run.folder import shard_name
from pairsmith.pipeline.run.lock import locked
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.sampling import RoleConfig, SamplingConfig
from pairsmith.schemas.synthesis import ProblemCard, Seed


@flow(name="synthesize", validate_parameters=False)
def synthesize(config: RunConfig, cache: Path, api_keys: ApiKeys) -> Path:
    """Make a problem file of seeds; return its path. It may hold no problem at all."""
    settings = config.synthesis
    with locked(config.run, store=config.store), closing(open_tools(config, cache, config.run, api_keys)) as tools:
        chain = open_chain(made.synthesis_folder(config.run), config, tools, stages=made.STAGES)
        seeds = {seed.seed_id: seed for seed in _run_seeds(chain)}
        ideas = _run_step("concepts", made.ask_concepts(list(seeds.values())), config, tools)
        questions = made.ask_instructions(
            ideas, seeds, settings.difficulties, settings.topics, settings.per_seed, config.seed
        )
        tasks = _run_step("instructions", questions, config, tools)
        stated = made.ask_responses(tasks, {problem.problem_id: problem for problem in questions.problems})
        _run_step("responses", stated, config, tools)
        alone = made.Asked(stated.problems, Counter())
        _run_step("tests", alone, config, tools)
        tools.close_sampler()
        return _run_judging(chain, made.first_cards(stated, ideas, seeds))


def step_config(config: RunConfig, step: str) -> RunConfig:
    """Return the configuration that one step is drawn with."""
    role: RoleConfig = getattr(config.synthesis, step)
    given = {name: value for name, value in role if value not in (None, "")}
    fixed = {"schedule": (), "templates": (made.TEMPLATES[step],)}
    sampling: SamplingConfig = config.sampling.model_copy(update={**given, **fixed})
    return config.model_copy(update={"sampling": sampling})


def read_seeds(config: RunConfig) -> made.Collected:
    """Return the seeds of a run, and why other functions and whole files were left out."""
    settings, benchmarks = config.synthesis.seeds, config.syntax.benchmarks
    files: Counter[str] = Counter()
    with reporter().stage("sources", 0, "files") as bar:
        known = read_benchmarks(benchmarks) if benchmarks else None
        found = made.collect_seeds(made.read_sources(settings, files), settings, known, bar.advance)
    return replace(found, reasons=files + found.reasons)


def _run_seeds(chain: Chain) -> Sequence[Seed]:
    """Make the stage of seeds. Files are read each time, since its key depends on their content."""
    found = read_seeds(chain.config)
    chain.sources["seeds"] = {shard_name(0): found}
    run_stage(chain, "seeds", {shard_name(0): found.n_functions})
    n = f"{len(found.seeds)} of {found.n_functions} functions in {found.n_files} files"
    reporter().log(f"seeds       {n}; {_counted(found.reasons)}")
    return found.seeds


def _run_step(step: str, asked: made.Asked, config: RunConfig, tools: Tools) -> list[Candidate]:
    """Ask one step's questions; return all answers. Existing answers are not requested again."""
    useless = f"; earlier answers without a prompt: {_counted(asked.reasons)}" if asked.reasons else ""
    reporter().log(f"-- {step}: {len(asked.problems)} prompts{useless}")
    dropped = tuple(DroppedProblem(step, reason, reason) for reason in asked.reasons.elements())
    chain = open_chain(made.step_chain(config.run, step), step_config(config, step), tools)
    shards = split_shards(LoadedProblems(asked.problems, dropped=dropped), config.shard_problems)
    run_samples(chain, run_problems(chain, shards), step)
    return sorted(chain.folder("candidates").read_all(), key=lambda row: (row.problem_id, row.index))


def _run_judging(chain: Chain, cards: Mapping[str, ProblemCard]) -> Path:
    """Compare responses and tests, judge the problems, write the kept ones; return their file."""
    run, stated = chain.config.run, chain.folder("responses/problems")
    sizes = {name: stated.n_rows(name) for name in stated.shard_names()}
    chain.sources["agreements"] = {
        name: {row.problem_id: cards[row.problem_id] for row in stated.read(name)} for name in sizes
    }
    run_stage(chain, "answers", sizes)
    run_stage(chain, "agreements", sizes)
    run_whole(chain, "cards")
    rows: list[ProblemCard] = chain.folder("cards").read_all()
    reasons = Counter(card.reason for card in rows if card.reason)
    n_kept = len(rows) - reasons.total()
    reporter().log(f"problems    {n_kept} of {len(rows)} kept; left out: {_counted(reasons) or 'none'}")
    steps = {step: stage_folder(made.step_chain(run, step), "problems").manifest() for step in made.STEPS}
    own = {name: chain.folder(name).manifest() for name in ("seeds", "agreements", "standings")}
    found = {name: manifest for name, manifest in {**own, **steps}.items() if manifest is not None}
    path = made.synthesis_folder(run) / "report.html"
    write_synthesis_report(path, run.name, found, rows)
    reporter().log(f"report      {path}")
    return made.write_problem_file(run)


def _counted(reasons: Mapping[str, int]) -> str:
    return ", ".join(
        f"{reason} {n}" for reason, n in sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    )
