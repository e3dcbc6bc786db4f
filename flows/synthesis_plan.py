"""What a synthesis would do: `pairsmith synthesize --dry-run`."""

import functools
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pairsmith.flows.synthesis import read_seeds, step_config
from pairsmith.pipeline import synthesis as made
from pairsmith.pipeline.chain.stored import as_stored
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.sampling.forecast import Forecast, forecast_before
from pairsmith.schemas.config import RunConfig


def show_synthesis_plan(config: RunConfig, cache: Path, console: Console) -> None:
    """Print the steps with what each would ask at most, and the forecast. Opens no model, no sandbox.

    What is there is what the store holds, where the run is kept in one; it is only read.
    """
    title, kept = (
        f"plan of {made.synthesis_folder(config.run)}",
        [f"kept in {config.store}"] if config.store else [],
    )
    config, notes = as_stored(config, cache)
    found, _ = read_seeds(config)
    settings = config.synthesis
    n_seeds = len(found.seeds)
    n_tasks = n_seeds * settings.per_seed
    n_problems = n_tasks * settings.instructions.n
    n_asked = {"concepts": n_seeds, "instructions": n_tasks, "responses": n_problems, "tests": n_problems}
    if settings.weak.models:
        n_asked["weak"] = n_problems
    table = Table("step", "would ask at most", "there already", title=title)
    table.add_row("seeds", f"{n_seeds} of {found.n_functions} functions in {found.n_files} files", "")
    forecasts: list[Forecast] = []
    all_measured = True
    for step, n in n_asked.items():
        own = step_config(config, step)
        forecast, is_measured = forecast_before(own, cache, n * own.sampling.n, n, step)
        forecasts.append(forecast)
        all_measured = all_measured and is_measured
        models = ", ".join(model.model for model in own.sampling.models) or own.sampling.model
        manifest = stage_folder(made.step_chain(config.run, step), "candidates").manifest()
        there = f"{manifest.n_out} answers" if manifest is not None else "no"
        table.add_row(step, f"{n} prompts, {own.sampling.n} answers each, by {models}", there)
    inputs = settings.agreement.n_inputs + settings.agreement.n_derived
    table.add_row("agreement", f"{n_problems * settings.responses.n} programs on at most {inputs} inputs each", "")
    console.print(table)
    for line in (*kept, *notes):
        console.print(line, highlight=False, markup=False)
    source = "as earlier runs of these models went" if all_measured else "a guess where no run was measured yet"
    total = functools.reduce(Forecast.plus, forecasts)
    console.print(f"forecast: {total.words(config.prices.currency)} ({source})", highlight=False, markup=False)
