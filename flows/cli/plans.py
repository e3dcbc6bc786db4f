"""What a run would do: `--dry-run`. Opens no model and no sandbox; a store that keeps the run is only read."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from pairsmith.flows.runtime.reporting import reporter
from pairsmith.pipeline import synthesis as made
from pairsmith.pipeline.chain import table as chain_table
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.chain.stage import Planned, Stage
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.chain.tools import as_stored
from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.problems.stage import load_shards
from pairsmith.pipeline.report.tables import print_lines, print_table
from pairsmith.pipeline.report.words import counted
from pairsmith.pipeline.sampling import choose_backend
from pairsmith.pipeline.sampling.forecast import Forecast, forecast_before
from pairsmith.schemas.config import RunConfig


def show_plan(config: RunConfig, cache: Path, console: Console) -> None:
    """Print the plan of a whole run: its stages, training and evaluation, and what the draws will cost."""
    config, shards = show_parts(config, cache, console)
    _show_forecast(config, cache, console, shards)


def show_refresh_plan(config: RunConfig, cache: Path, console: Console) -> None:
    """Print the plan of a refresh: the stages, training where it is asked for, the version and the publishing."""
    parts = () if config.refresh.retrain else chain_table.stored_stages()
    config, shards = show_parts(config, cache, console, parts)
    _show_forecast(config, cache, console, shards)
    named = [f"{kind} {repo}" for kind in ("dataset", "model") if (repo := getattr(config.publish, kind))]
    target = f"published to {', '.join(named)} if the gate passes" if named else "published nowhere"
    print_lines(console, f"a changed dataset becomes a version, {target}{'' if named else ': no publish.dataset'}")


def show_parts(
    config: RunConfig, cache: Path, console: Console, parts: Sequence[str] = ()
) -> tuple[RunConfig, Mapping[str, LoadedProblems]]:
    """Print the work and the existing rows of some parts (default: all).

    Returns the configuration, with the run as its store holds it, and the problems by shard.
    """
    title, kept = f"plan of {config.run}", [f"kept in {config.store}"] if config.store else []
    config, notes = as_stored(config, cache)
    shards = load_shards(config, cache, reporter().log)
    problems = [row for part in shards.values() for row in part.every()]
    n_held_out = sum(split_of(row.problem_id, config.pairs.test_share) == "test" for row in problems)
    planned = Planned(config, len(problems), n_held_out, len(shards), len(problems) * config.sampling.n)
    rows = [
        (stage.name, stage.planned(planned), _there(config.run, stage))
        for stage in chain_table.STAGES
        if not parts or stage.name in parts
    ]
    print_table(console, ("stage", "planned", "already made"), rows, title)
    print_lines(console, *kept, *notes)
    return config, shards


def _show_forecast(config: RunConfig, cache: Path, console: Console, shards: Mapping[str, LoadedProblems]) -> None:
    missing = [part for name, part in shards.items() if not _is_drawn(config, name, part)]
    if choose_backend(config.sampling) == "files":
        return  # nothing is drawn
    n_problems = sum(len(part.every()) for part in missing)
    if not n_problems:
        console.print("forecast: nothing left to sample")
        return
    forecast, is_measured = forecast_before(config, cache, n_problems * config.sampling.n)
    guess = "an estimate: this model has not been measured yet"
    source = "from earlier runs of this model" if is_measured else guess
    print_lines(console, f"forecast: {forecast.words()} ({source})")


def _is_drawn(config: RunConfig, name: str, part: LoadedProblems) -> bool:
    """Return whether a shard's candidates are there, as this configuration wants them."""
    chain = Chain(config.run, config)
    chain.sources["problems"] = {name: part}
    return chain.has("problems", name) and chain.has("candidates", name)


def _there(run: Path, stage: Stage) -> str:
    if stage.record is None:
        return "yes" if (run / stage.name / stage.last_file).is_file() else "no"
    folder = stage_folder(run, stage.name)
    manifest = folder.manifest()
    if manifest is not None:
        return counted(manifest.n_out, "row")
    n_shards = len(folder.shard_names())
    return f"{counted(n_shards, 'shard')}, not finished" if n_shards else "no"


def show_synthesis_plan(config: RunConfig, cache: Path, console: Console) -> None:
    """Print the steps with the most that each asks for, and the forecast."""
    from pairsmith.flows.synthesis import read_seeds, step_config  # loads Prefect

    title = f"plan of {made.synthesis_folder(config.run)}"
    kept = [f"kept in {config.store}"] if config.store else []
    config, notes = as_stored(config, cache)
    found = read_seeds(config)
    settings = config.synthesis
    n_seeds = len(found.seeds)
    n_tasks = n_seeds * settings.per_seed
    n_problems = n_tasks * settings.instructions.n
    n_asked = {"concepts": n_seeds, "instructions": n_tasks, "responses": n_problems, "tests": n_problems}
    rows = [("seeds", f"{n_seeds} of {found.n_functions} functions in {found.n_files} files", "")]
    forecasts: list[tuple[Forecast, bool]] = []
    for step, n in n_asked.items():
        own = step_config(config, step)
        forecasts.append(forecast_before(own, cache, n * own.sampling.n, step))
        manifest = stage_folder(made.step_chain(config.run, step), "candidates").manifest()
        there = f"{manifest.n_out} answers" if manifest is not None else "no"
        rows.append((step, f"{n} prompts, {own.sampling.n} answers each, by {own.sampling.model}", there))
    n_programs = n_problems * settings.responses.n
    rows.append(("agreement", f"{n_programs} programs on at most {made.MAX_INPUTS} inputs each", ""))
    print_table(console, ("step", "planned", "already made"), rows, title)
    is_measured = all(is_measured for _, is_measured in forecasts)
    source = (
        "from earlier runs of these models"
        if is_measured
        else "partly an estimate: some models have not been measured yet"
    )
    total = functools.reduce(Forecast.plus, (forecast for forecast, _ in forecasts))
    print_lines(console, *kept, *notes, f"forecast: {total.words()} ({source})")


def show_rounds_plan(settings: RunConfig, cache: Path, console: Console) -> None:
    """Print the rounds, and what the first one would draw."""
    from pairsmith.pipeline.evaluation.round_config import check_rounds, laid_over, round_folder
    from pairsmith.pipeline.evaluation.rounds import read_rounds

    check_rounds(settings)
    result = read_rounds(settings.run)
    scored = {row.number for row in result.rows if row.gains} if result is not None else set()
    rows = []
    for number in range(1, settings.rounds.n + 1):
        one = laid_over(settings, number)
        model, training = one.sampling.model, one.training
        policy = (
            model
            if number == 1 or one.sampling.backend in ("openai", "openai-batch", "files")
            else f"round {number - 1}"
        )
        start = (
            f"round {number - 1}"
            if number > 1 and settings.rounds.start == "previous"
            else training.start or model
        )
        values = [
            "the method's" if value is None else f"{value:g}" for value in (training.learning_rate, training.beta)
        ]
        done = "yes" if number in scored else "started" if round_folder(settings.run, number).is_dir() else "no"
        rows.append((number, policy, start, *values, f"{one.sampling.temperature:g}", done))
    header = ("round", "sampled model", "trained from", "learning rate", "beta", "temperature", "done")
    print_table(console, header, rows, "plan of the rounds")
    show_plan(laid_over(settings, 1), cache, console)
