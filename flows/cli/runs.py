"""The verbs that make a run: build, train, evaluate, demo."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from pairsmith.flows.cli.early import need_pairs
from pairsmith.flows.cli.shared import (
    Cache,
    ConfigFile,
    Debug,
    DryRun,
    Overrides,
    app,
    read_key,
    run_on_config,
)
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.evaluation import evaluation_overrides

if TYPE_CHECKING:
    from pairsmith.flows.evaluating import Evaluated


@app.command("build")
def build_command(
    config: ConfigFile = None,
    overrides: Overrides = None,
    pairs: Annotated[
        str | None, typer.Option("--pairs", help="Draw in waves until so many pairs: 5000, 5k.")
    ] = None,
    budget_tokens: Annotated[
        str | None, typer.Option("--budget-tokens", help="Tokens to draw at most, such as 20M.")
    ] = None,
    budget_gpu_hours: Annotated[float | None, typer.Option("--budget-gpu-hours", help="Hours of devices.")] = None,
    budget_money: Annotated[float | None, typer.Option("--budget-money", help="By `prices` of the file.")] = None,
    dry_run: DryRun = False,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """Sample, execute, judge, parse and pair: makes the preference dataset.

    Example: `pairsmith build run.toml --set sampling.n=8 --pairs 5k --budget-tokens 20M`
    """
    given = {
        "adaptive.pairs": pairs and json.dumps(pairs),
        "budget.tokens": budget_tokens and json.dumps(budget_tokens),
        "budget.gpu_hours": budget_gpu_hours,
        "budget.money": budget_money,
    }
    overrides = [*(overrides or ()), *(f"{key}={value}" for key, value in given.items() if value is not None)]

    def work(settings: RunConfig, folder: Path) -> None:
        from pairsmith.flows.build import build

        build(settings, folder, read_key)
        _print_stages(settings)
        _print_report(settings)

    run_on_config(config, overrides, dry_run, cache, debug, work, is_done=_is_built)


@app.command("train")
def train_command(
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """Train a LoRA adapter on the pairs of a run.

    Example: `pairsmith train run.toml --set training.max_steps=60`
    """

    def work(settings: RunConfig, folder: Path) -> None:
        from pairsmith.flows.train import train

        train(settings, folder)
        reporter().say(f"adapter     {settings.run / 'training' / 'adapter'}")
        _print_report(settings)

    run_on_config(config, overrides, dry_run, cache, debug, work, _plan_of("training"), need_pairs)


@app.command("evaluate")
def evaluate_command(
    config: ConfigFile = None,
    overrides: Overrides = None,
    on: Annotated[
        list[str] | None,
        typer.Option(
            "--on", help="Set: humaneval, humaneval+, mbpp+=FILE, EvoEval_subtle, mine=FILE; may be repeated."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Problems of each set of --on at most, for a quick look.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Model to evaluate, in the place of the run's.")
    ] = None,
    adapter: Annotated[
        Path | None, typer.Option("--adapter", help="Adapter to evaluate, against its model without it.")
    ] = None,
    samples: Annotated[
        Path | None, typer.Option("--samples", help="JSONL of samples to evaluate; no model is run.")
    ] = None,
    dry_run: DryRun = False,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """Score the start and what the run trained, or any other model, on held-out problems or known benchmarks.

    Example: `pairsmith evaluate --model models/mine --on humaneval+ --on mbpp+=MbppPlus.jsonl.gz`
    """
    if limit is not None and not on:
        raise typer.BadParameter("it limits the sets of --on; problems.limit limits the run's own problems")
    given = [*(overrides or ()), *evaluation_overrides(on or (), model, adapter, samples, limit)]

    def work(settings: RunConfig, folder: Path) -> None:
        from pairsmith.flows.evaluating import evaluate

        _print_evaluated(evaluate(settings, folder, read_key))
        _print_report(settings)

    run_on_config(config, given, dry_run, cache, debug, work, _plan_of("evaluation"))


@app.command("demo")
def demo_command(
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """Build, train and evaluate on starter problems with the embedded model; about ten minutes on two cores.

    Example: `pairsmith demo --set run=runs/mine`
    """
    from pairsmith.pipeline.problems.sources.starter import starter_folder

    path = config if config is not None else starter_folder().parent / "demo.toml"

    def work(settings: RunConfig, folder: Path) -> None:
        from pairsmith.flows.build import build
        from pairsmith.flows.evaluating import evaluate
        from pairsmith.flows.train import train

        build(settings, folder, read_key)
        train(settings, folder)
        evaluated = evaluate(settings, folder, read_key)
        _print_stages(settings)
        _print_evaluated(evaluated)
        _print_report(settings)

    run_on_config(path, overrides, dry_run, cache, debug, work)


def _is_built(settings: RunConfig, folder: Path) -> bool:
    """Return whether nothing is left to make of a run; then print what a build of it prints."""
    from pairsmith.flows.runtime.waves import is_adaptive
    from pairsmith.pipeline.chain.chain import Chain
    from pairsmith.pipeline.chain.provenance import remembered
    from pairsmith.pipeline.problems.stage import load_shards
    from pairsmith.pipeline.run.lock import locked

    if settings.store or is_adaptive(settings) or not (settings.run / "report.html").is_file():
        return False
    with locked(settings.run):
        manifests = Chain(settings.run, settings).list_done(load_shards(settings, folder, reporter().say))
        if not manifests:
            return False
        with remembered(settings):
            for manifest in manifests:
                reporter().say(f"{manifest.stage:<11} {manifest.n_out:>6} rows there already")
    _print_stages(settings)
    _print_report(settings)
    return True


def _plan_of(*parts: str) -> Callable[[RunConfig, Path, Console], None]:
    def plan(settings: RunConfig, folder: Path, console: Console) -> None:
        from pairsmith.flows.cli.plans import show_parts

        show_parts(settings, folder, console, parts)

    return plan


def _print_stages(settings: RunConfig) -> None:
    from pairsmith.flows.runtime.tables import HEADER, stage_rows

    _print_table(HEADER, stage_rows(settings.run))


def _print_evaluated(evaluated: "Sequence[Evaluated]") -> None:
    from pairsmith.flows.runtime.tables import gain_rows, score_line, short_gains, slice_rows

    start = ""
    for row in evaluated:
        if not row.gains:
            start = row.subject
            reporter().say(f"{row.set_name}: {score_line(row.score)}")
            continue
        sides = (start, row.subject, "change", "")
        _print_table((f"{row.set_name} problems", *sides), gain_rows(short_gains(row.gains)))
        if row.slices:
            _print_table((f"parts of {row.set_name}", *sides), slice_rows(row.slices))


def _print_report(settings: RunConfig) -> None:
    if (settings.run / "report.html").is_file():
        reporter().say(f"report      {settings.run / 'report.html'}")


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(*header)
    for row in rows:
        table.add_row(*row)
    reporter().console.print(table)
