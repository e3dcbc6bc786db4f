"""What a run would do: `--dry-run`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pairsmith.flows.chain import STAGES, load
from pairsmith.flows.forecasting import forecast_before
from pairsmith.flows.stored import as_stored
from pairsmith.flows.waves import is_adaptive
from pairsmith.pipeline.chain.stages import candidates_key, problems_key, stage_folder
from pairsmith.pipeline.pairing import split_of
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.report.words import counted
from pairsmith.pipeline.sampling import choose_backend
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.problem import Problem

ALL = (*STAGES, "training", "evaluation")


def show_plan(config: RunConfig, cache: Path, console: Console) -> None:
    """Print the plan of a whole run: its stages, training and evaluation, and what the draws will cost.

    What is there is what the store holds, where the run is kept in one; it is only read.
    """
    config, shards = show_parts(config, cache, console, ALL)
    _show_forecast(config, cache, console, shards)


def show_refresh_plan(config: RunConfig, cache: Path, console: Console) -> None:
    """Print the plan of a refresh: the stages, training where it is asked for, the version and the publishing."""
    config, shards = show_parts(config, cache, console, ALL if config.refresh.retrain else STAGES)
    _show_forecast(config, cache, console, shards)
    named = [f"{kind} {repo}" for kind in ("dataset", "model") if (repo := getattr(config.publish, kind))]
    told = (
        f"published to {', '.join(named)} if the gate lets it"
        if named
        else "published nowhere: no publish.dataset"
    )
    console.print(f"what came out new is a version, {told}", highlight=False, markup=False)


def show_parts(
    config: RunConfig, cache: Path, console: Console, parts: Sequence[str]
) -> tuple[RunConfig, Mapping[str, LoadedProblems]]:
    """Print what some parts would work on, and what is there already.

    Returns the configuration, with the run as its store holds it, and the problems by shard.

    Opens no model, no sandbox.

    Args:
        config: the run.
        cache: folder of what runs share.
        console: where to.
        parts: names of stages, `training`, `evaluation`.
    """
    title, kept = f"plan of {config.run}", [f"kept in {config.store}"] if config.store else []
    config, told = as_stored(config, cache)
    shards = load(config, cache)
    problems: list[Problem] = [row for part in shards.values() for row in part.problems]
    problems += [row.problem for part in shards.values() for row in part.pending]
    n_held_out = sum(split_of(row.problem_id, config.pairs.test_share) == "test" for row in problems)
    n = len(problems) * config.sampling.n
    backend = choose_backend(config.sampling)
    n_shards, checks = counted(len(shards), "shard"), config.crosscheck
    words = {
        "problems": f"{len(problems)} from {config.problems.source}, {n_held_out} held out, {n_shards}",
        "candidates": f"{n} from {config.sampling.model} by {backend}",
        "programs": f"{n} completions to look for code in",
        "executions": f"at most {n} programs, {config.sandbox.workers} at once, in {config.sandbox.backend}",
        "verdicts": f"{n}",
        "syntax": f"{n}",
        "standings": f"passed ones on at most {checks.n_inputs} more inputs a problem",
        "problem_standings": f"{counted(len(problems), 'problem')}, at most {checks.n_mutants} mutants each",
        "timings": f"{checks.n_timed_runs} runs of each passed program",
        "pairs": f"at most {len(problems) * config.pairs.max_per_problem}",
    }
    n_judged = min(config.judge.max_pairs or n, n) if config.judge.model else 0
    words["judgements"] = (
        f"at most {n_judged} pairs, by {config.judge.model}" if n_judged else "none: no judge.model"
    )
    there = {stage: _there(config.run, stage) for stage in STAGES}
    settings = config.training
    epochs = "1 epoch" if settings.epochs == 1 else f"{settings.epochs:g} epochs"
    length = f"{settings.max_steps} steps" if settings.max_steps else f"{epochs} in steps"
    steps = f"{settings.method}, {length} of {settings.batch_size} pairs"
    words["training"] = steps
    there["training"] = "yes" if (config.run / "training" / "summary.json").is_file() else "no"
    sets = [counted(n_held_out, "held-out problem")] if config.evaluation.held_out else []
    sets += [one.title() for one in config.evaluation.sets]
    models = ", ".join(one.name for one in config.evaluation.models) or "before and after"
    words["evaluation"] = f"{', '.join(sets)}; {config.scoring.n} candidates each; {models}"
    there["evaluation"] = "yes" if (config.run / "evaluation" / "gains.json").is_file() else "no"
    table = Table("stage", "would work on", "there already", title=title)
    for part in parts:
        table.add_row(part, words[part], there[part])
    console.print(table)
    for line in (*kept, *told):
        console.print(line, highlight=False, markup=False)
    return config, shards


def _show_forecast(config: RunConfig, cache: Path, console: Console, shards: Mapping[str, LoadedProblems]) -> None:
    """Print what the draws will cost that are not there yet; of waves, what all of them would."""
    n, whose = config.sampling.n, ""
    if is_adaptive(config):
        settings = config.adaptive
        target = f"until {settings.pairs} pairs" if settings.pairs else "while the budget lasts"
        console.print(f"in waves {target}: {settings.first_n} draws first, {settings.max_n} at most")
        missing, n, whose = list(shards.values()), settings.max_n, " of all waves"
    else:
        missing = [part for name, part in shards.items() if not _is_drawn(config, name, part)]
    n_problems = sum(len(part.problems) + len(part.pending) for part in missing)
    if not n_problems:
        console.print("forecast: nothing is left to draw")
        return
    forecast, is_measured = forecast_before(config, cache, n_problems * n, n_problems)
    source = (
        "as earlier runs of this model went" if is_measured else "a guess: no run of this model was measured yet"
    )
    told = f"forecast{whose}: {forecast.words(config.prices.currency)} ({source})"
    console.print(told, highlight=False, markup=False)


def _is_drawn(config: RunConfig, name: str, part: LoadedProblems) -> bool:
    """Return whether a shard's candidates are there, as this configuration wants them."""
    if not stage_folder(config.run, "problems").has_shard(name, problems_key(part)):
        return False
    return stage_folder(config.run, "candidates").has_shard(name, candidates_key(config.run, name, config))


def _there(run: Path, stage: str) -> str:
    folder = stage_folder(run, stage)
    manifest = folder.manifest()
    if manifest is not None:
        return f"{manifest.n_out} rows"
    n_shards = len(folder.shard_names())
    return f"{counted(n_shards, 'shard')}, not finished" if n_shards else "no"
