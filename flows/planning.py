"""What a run would do: `--dry-run`."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from flows.chain import STAGES, load
from flows.forecasting import forecast_before
from flows.stored import as_stored
from flows.waves import is_adaptive
from pipeline.pairing import split_of
from pipeline.sampling import choose_backend
from pipeline.stages import stage_folder
from schemas.config import RunConfig
from schemas.problem import Problem


def show_plan(config: RunConfig, cache: Path, console: Console) -> None:
    """Print the stages with what each would work on, and what is there already. Opens no model, no sandbox.

    What is there is what the store holds, where the run is kept in one; it is only read.
    """
    title = f"plan of {config.run}" + (f"\nkept in {config.store}" if config.store else "")
    config, told = as_stored(config, cache)
    shards = load(config, cache)
    problems: list[Problem] = [row for part in shards.values() for row in part.problems]
    problems += [row.problem for part in shards.values() for row in part.pending]
    n_held_out = sum(split_of(row.problem_id, config.pairs.test_share) == "test" for row in problems)
    n = len(problems) * config.sampling.n
    forecast, is_measured = forecast_before(config, cache, n, len(problems))
    backend = choose_backend(config.sampling)
    words = {
        "problems": f"{len(problems)} from {config.problems.source}, {n_held_out} held out, {len(shards)} shards",
        "candidates": f"{n} from {config.sampling.model} by {backend}",
        "programs": f"{n} completions to look for code in",
        "executions": f"at most {n} programs, {config.sandbox.workers} at once, in {config.sandbox.backend}",
        "verdicts": f"{n}",
        "syntax": f"{n}",
        "standings": f"passed ones on at most {config.truth.n_inputs} more inputs a problem",
        "problem_standings": f"{len(problems)} problems, at most {config.truth.n_mutants} mutants each",
        "timings": f"{config.truth.n_timed_runs} runs of each passed program",
        "pairs": f"at most {len(problems) * config.pairs.max_per_problem}",
    }
    n_judged = min(config.judge.max_pairs or n, n) if config.judge.model else 0
    words["judgements"] = (
        f"at most {n_judged} pairs, by {config.judge.model}" if n_judged else "none: no judge.model"
    )
    table = Table("stage", "would work on", "there already", title=title)
    for stage in STAGES:
        table.add_row(stage, words[stage], _there(config.run, stage))
    settings = config.training
    length = f"{settings.max_steps} steps" if settings.max_steps else f"{settings.epochs:g} epochs in steps"
    steps = f"{settings.method}, {length} of {settings.batch_size} pairs"
    table.add_row("training", steps, "yes" if (config.run / "training" / "summary.json").is_file() else "no")
    sets = [f"{n_held_out} held-out problems"] if config.evaluation.held_out else []
    sets += [one.title() for one in config.evaluation.sets]
    models = ", ".join(one.name for one in config.evaluation.models) or "before and after"
    scored = f"{', '.join(sets)}; {config.scoring.n} candidates each; {models}"
    table.add_row("evaluation", scored, "yes" if (config.run / "evaluation" / "gains.json").is_file() else "no")
    console.print(table)
    for line in told:
        console.print(line, highlight=False, markup=False)
    source = (
        "as earlier runs of this model went" if is_measured else "a guess: no run of this model was measured yet"
    )
    console.print(f"forecast: {forecast.words(config.prices.currency)} ({source})", highlight=False, markup=False)
    if is_adaptive(config):
        target = f"until {config.adaptive.pairs} pairs" if config.adaptive.pairs else "while the budget lasts"
        console.print(f"in waves {target}: {config.adaptive.first_n} draws first, {config.adaptive.max_n} at most")


def _there(run: Path, stage: str) -> str:
    folder = stage_folder(run, stage)
    manifest = folder.manifest()
    if manifest is not None:
        return f"{manifest.n_out} rows"
    n_shards = len(folder.shard_names())
    return f"{n_shards} shards, not finished" if n_shards else "no"
