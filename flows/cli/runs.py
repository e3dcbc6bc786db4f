"""The verbs that work on a configuration: build, evaluate, demo, synthesize, refresh, publish."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairsmith.flows.cli.shared import (
    Cache,
    ConfigFile,
    DryRun,
    Overrides,
    keep_pandas_out,
    need_publishable,
    read_key,
    run_on_config,
    verb,
)
from pairsmith.flows.cli.training import print_report
from pairsmith.flows.runtime.reporting import NAME_WIDTH, reporter
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.config.evaluation import evaluation_overrides

if TYPE_CHECKING:
    from pairsmith.flows.evaluating import Evaluated
    from pairsmith.pipeline.problems.records import LoadedProblems


@verb("build")
def build_command(
    config: ConfigFile = None,
    overrides: Overrides = None,
    preview: Annotated[
        int | None,
        typer.Option("--preview", min=1, help="Sample this number of problems only, and show everything."),
    ] = None,
    dry_run: DryRun = False,
    cache: Cache = None,
) -> None:
    """Sample, execute, judge, parse and pair: makes the preference dataset.

    A preview is a separate run, `RUN-preview`; the whole run reuses its samples.

    Examples: `pairsmith build run.toml --preview 3`,
    `pairsmith build run.toml --set sampling.n=8`
    """

    def work(settings: RunConfig, folder: Path) -> None:
        from pairsmith.flows.build import build

        if preview is not None:
            _preview(settings, folder, preview)
            return
        build(settings, folder, read_key)
        _print_stages(settings)
        print_report(settings)

    def is_done(settings: RunConfig, folder: Path) -> bool:
        from pairsmith.pipeline.problems.stage import load_shards

        keep_pandas_out()
        lines: list[str] = []
        shards = load_shards(settings, folder, lines.append)  # a fault in them is reported before Prefect starts
        return preview is None and _is_built(settings, shards, lines)

    run_on_config(config, overrides, dry_run, cache, work, is_done=is_done)


def _preview(settings: RunConfig, folder: Path, n_problems: int) -> None:
    """Build a preview run of a few problems, show all of it, and forecast the whole run."""
    from pairsmith.flows.build import build
    from pairsmith.flows.cli.plans import show_plan
    from pairsmith.pipeline.report.tables import show_run
    from pairsmith.pipeline.report.terminal import show_problems
    from pairsmith.pipeline.sampling.filling import store_path

    store = store_path(settings, folder, settings.run)
    sampling = settings.sampling if store is None else settings.sampling.model_copy(update={"store": str(store)})
    small = settings.model_copy(
        update={
            "run": settings.run.with_name(f"{settings.run.name}-preview"),
            "store": "",
            "problems": settings.problems.model_copy(update={"limit": n_problems}),
            "sampling": sampling,
        }
    )
    build(small, folder, read_key)
    console = reporter().console
    show_problems(small.run, console)
    show_run(small.run, n_problems * small.pairs.max_per_problem, console)
    reporter().log("")
    reporter().log("-- the whole run; it reuses the samples of the preview")
    show_plan(settings, folder, console)


@verb("evaluate")
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
        int | None,
        typer.Option("--limit", min=1, help="Maximum number of problems of each set of --on, for a quick check."),
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Model to evaluate instead of the run's.")] = None,
    adapter: Annotated[
        Path | None, typer.Option("--adapter", help="Adapter to evaluate against its model without the adapter.")
    ] = None,
    samples: Annotated[
        Path | None, typer.Option("--samples", help="JSONL of samples to evaluate instead of running a model.")
    ] = None,
    dry_run: DryRun = False,
    cache: Cache = None,
) -> None:
    """Score the start and the trained model, or any other model, on held-out problems or known benchmarks.

    Example: `pairsmith evaluate --model models/mine --on humaneval+ --on mbpp+=MbppPlus.jsonl.gz`
    """
    if limit is not None and not on:
        raise typer.BadParameter(
            "--limit applies to the sets of --on; for the run's own problems use problems.limit"
        )
    given = [*(overrides or ()), *evaluation_overrides(on or (), model, adapter, samples, limit)]

    def work(settings: RunConfig, folder: Path) -> None:
        from pairsmith.flows.evaluating import evaluate

        _print_evaluated(evaluate(settings, folder, read_key))
        print_report(settings)

    run_on_config(config, given, dry_run, cache, work, ("show_parts", "evaluation"))


@verb("demo")
def demo_command(
    config: ConfigFile = None, overrides: Overrides = None, dry_run: DryRun = False, cache: Cache = None
) -> None:
    """Build, train and evaluate on starter problems with the embedded model; about 7 minutes on two cores.

    Example: `pairsmith demo --set run=runs/mine`
    """
    from pairsmith.pipeline.problems.sources.starter import starter_folder

    def work(settings: RunConfig, folder: Path) -> None:
        from pairsmith.flows.build import build, train
        from pairsmith.flows.evaluating import evaluate

        build(settings, folder, read_key)
        train(settings, folder)
        evaluated = evaluate(settings, folder, read_key)
        _print_stages(settings)
        _print_evaluated(evaluated)
        print_report(settings)

    run_on_config(config or starter_folder().parent / "demo.toml", overrides, dry_run, cache, work)


def _is_built(settings: RunConfig, shards: "Mapping[str, LoadedProblems]", lines: list[str]) -> bool:
    """Return whether nothing is left to make of a run; then print what a build of it prints, these lines first."""
    from pairsmith.pipeline.chain.chain import Chain
    from pairsmith.pipeline.chain.state import remembered
    from pairsmith.pipeline.run.lock import locked

    if settings.store or not (settings.run / "report.html").is_file():
        return False
    with locked(settings.run):
        manifests = Chain(settings.run, settings).list_done(shards)
        if not manifests:
            return False
        for line in lines:
            reporter().log(line)
        with remembered(settings):
            for manifest in manifests:
                reporter().log(f"{manifest.stage:<{NAME_WIDTH}} {manifest.n_out:>6} rows reused")
    _print_stages(settings)
    print_report(settings)
    return True


def _print_stages(settings: RunConfig) -> None:
    from pairsmith.pipeline.report.tables import HEADER, print_table, stage_rows

    print_table(reporter().console, HEADER, stage_rows(settings.run))


def _print_evaluated(evaluated: "Sequence[Evaluated]") -> None:
    from pairsmith.pipeline.report.tables import gain_rows, print_table, score_line, short_gains, slice_rows

    start = ""
    for row in evaluated:
        if not row.gains:
            start = row.subject
            reporter().log(f"{row.set_name}: {score_line(row.score)}")
            continue
        sides = (start, row.subject, "change", "")
        print_table(reporter().console, (f"{row.set_name} problems", *sides), gain_rows(short_gains(row.gains)))
        if row.slices:
            print_table(reporter().console, (f"parts of {row.set_name}", *sides), slice_rows(row.slices))


@verb("synthesize")
def synthesize_command(
    config: ConfigFile = None, overrides: Overrides = None, dry_run: DryRun = False, cache: Cache = None
) -> None:
    """Make problems with tests from functions of your own code.

    Example: `pairsmith synthesize run.toml --set 'synthesis.seeds.folders=["src"]'`
    """

    def work(settings: RunConfig, folder: Path) -> None:
        from pairsmith.flows.synthesis import synthesize

        path = synthesize(settings, folder, read_key)
        reporter().log(f"problem file {path}")
        if path.stat().st_size:
            reporter().log(f"next        pairsmith build --set problems.source=jsonl --set problems.path={path}")
        else:
            reporter().log("no problem was kept; the report gives the reasons")

    run_on_config(config, overrides, dry_run, cache, work, ("show_synthesis_plan",))


Despite = Annotated[
    list[str] | None,
    typer.Option("--despite", help="Name of a check of the gate that does not block publishing; may be repeated."),
]


@verb("refresh")
def refresh_command(
    config: ConfigFile = None,
    overrides: Overrides = None,
    wait_s: Annotated[
        float, typer.Option("--wait", min=0.0, help="Seconds to wait for another process that uses this run.")
    ] = 0.0,
    despite: Despite = None,
    dry_run: DryRun = False,
    cache: Cache = None,
) -> None:
    """Rebuild what changed, write a version with its changelog, check the gate, and publish if `publish` is set.

    Example: `pairsmith refresh run.toml --set publish.dataset=me/pairs`
    """

    def work(settings: RunConfig, folder: Path) -> None:
        from pairsmith.flows.publishing import refresh

        refresh(settings, folder, read_key, wait_s, despite or ())

    run_on_config(config, overrides, dry_run, cache, work, ("show_refresh_plan",))


@verb("publish")
def publish_command(
    config: ConfigFile = None,
    overrides: Overrides = None,
    tag: Annotated[
        str, typer.Option("--tag", help="Name of the version; default: the recorded one, such as `v1`.")
    ] = "",
    despite: Despite = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the changes at the Hub without making them.")
    ] = False,
    cache: Cache = None,
) -> None:
    """Push dataset and adapter to the Hugging Face Hub: one commit, one tag, private by default.

    Example: `pairsmith publish run.toml --set publish.dataset=me/pairs --dry-run`
    """

    def work(settings: RunConfig, folder: Path) -> None:
        from pairsmith.flows.publishing import publish, show_publish

        if dry_run:
            show_publish(settings, tag, despite or (), reporter().console, folder)
        else:
            publish(settings, tag, despite or ())

    run_on_config(config, overrides, False, cache, work, check=need_publishable)
