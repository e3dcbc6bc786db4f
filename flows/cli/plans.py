"""What a run would do: `--dry-run`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.runtime.waves import is_adaptive
from pairsmith.pipeline.chain import table as chain_table
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.chain.stage import Planned, Stage
from pairsmith.pipeline.chain.stored import as_stored
from pairsmith.pipeline.pairing import split_of
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.problems.stage import load_shards
from pairsmith.pipeline.report.words import counted
from pairsmith.pipeline.sampling.forecast import forecast_before
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.problem import Problem


def show_plan(config: RunConfig, cache: Path, console: Console) -> None:
    """Print the plan of a whole run: its stages, training and evaluation, and what the draws will cost.

    What is there is what the store holds, where the run is kept in one; it is only read.
    """
    config, shards = show_parts(config, cache, console)
    _show_forecast(config, cache, console, shards)


def show_refresh_plan(config: RunConfig, cache: Path, console: Console) -> None:
    """Print the plan of a refresh: the stages, training where it is asked for, the version and the publishing."""
    config, shards = show_parts(
        config, cache, console, () if config.refresh.retrain else chain_table.stored_stages()
    )
    _show_forecast(config, cache, console, shards)
    named = [f"{kind} {repo}" for kind in ("dataset", "model") if (repo := getattr(config.publish, kind))]
    told = (
        f"published to {', '.join(named)} if the gate lets it"
        if named
        else "published nowhere: no publish.dataset"
    )
    console.print(f"what came out new is a version, {told}", highlight=False, markup=False)


def show_parts(
    config: RunConfig, cache: Path, console: Console, parts: Sequence[str] = ()
) -> tuple[RunConfig, Mapping[str, LoadedProblems]]:
    """Print what some parts would work on, and what is there already.

    Returns the configuration, with the run as its store holds it, and the problems by shard.

    Opens no model, no sandbox.

    Args:
        config: the run.
        cache: folder of what runs share.
        console: where to.
        parts: names of stages; none takes all.
    """
    title, kept = f"plan of {config.run}", [f"kept in {config.store}"] if config.store else []
    config, told = as_stored(config, cache)
    shards = load_shards(config, cache, reporter().say)
    problems: list[Problem] = [row for part in shards.values() for row in part.problems]
    problems += [row.problem for part in shards.values() for row in part.pending]
    n_held_out = sum(split_of(row.problem_id, config.pairs.test_share) == "test" for row in problems)
    planned = Planned(config, len(problems), n_held_out, len(shards), len(problems) * config.sampling.n)
    table = Table("stage", "would work on", "there already", title=title)
    for stage in chain_table.STAGES:
        if not parts or stage.name in parts:
            table.add_row(stage.name, stage.planned(planned), _there(config.run, stage))
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
    chain = Chain(config.run, config)
    chain.sources["problems"] = {name: part}
    return chain.has("problems", name) and chain.has("candidates", name)


def _there(run: Path, stage: Stage) -> str:
    if stage.record is None:
        return "yes" if (run / stage.name / stage.last_file).is_file() else "no"
    folder = chain_table.stage_folder(run, stage.name)
    manifest = folder.manifest()
    if manifest is not None:
        return f"{manifest.n_out} rows"
    n_shards = len(folder.shard_names())
    return f"{counted(n_shards, 'shard')}, not finished" if n_shards else "no"
