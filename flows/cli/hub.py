"""The verbs of versions: refresh, publish on the Hugging Face Hub, rebuild an old one."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pairsmith.flows.cli.early import need_publishable
from pairsmith.flows.cli.shared import (
    EXIT_ERROR,
    Cache,
    ConfigFile,
    Debug,
    DryRun,
    Overrides,
    RunArgument,
    app,
    default_cache,
    guard,
    prepare_libraries,
    read_key,
    run_here,
    run_on_config,
)
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.schemas.config import RunConfig, validate_run

Despite = Annotated[
    list[str] | None,
    typer.Option("--despite", help="Check of the gate that holds nothing back, by name; may be repeated."),
]


@app.command("refresh")
def refresh_command(
    config: ConfigFile = None,
    overrides: Overrides = None,
    wait_s: Annotated[
        float, typer.Option("--wait", min=0.0, help="Seconds to wait for another process on this run.")
    ] = 0.0,
    despite: Despite = None,
    dry_run: DryRun = False,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """Redo what is new, write a version with its changelog, pass the gate, publish where `publish` says so.

    Example: `pairsmith refresh run.toml --set publish.dataset=me/pairs`
    """

    def work(settings: RunConfig, folder: Path) -> None:
        from pairsmith.flows.refreshing import refresh

        refresh(settings, folder, read_key, wait_s, despite or ())

    def plan(settings: RunConfig, folder: Path, console: Console) -> None:
        from pairsmith.flows.planning import show_refresh_plan

        show_refresh_plan(settings, folder, console)

    run_on_config(config, overrides, dry_run, cache, debug, work, plan)


@app.command("publish")
def publish_command(
    config: ConfigFile = None,
    overrides: Overrides = None,
    tag: Annotated[
        str, typer.Option("--tag", help="Name of the version; by default the recorded one, `v1`.")
    ] = "",
    despite: Despite = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change at the Hub.")] = False,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """Push dataset and adapter to the Hugging Face Hub: one commit, one tag, private unless told otherwise.

    Example: `pairsmith publish run.toml --set publish.dataset=me/pairs --dry-run`
    """

    def work(settings: RunConfig, folder: Path) -> None:
        from pairsmith.flows.publishing import publish, show_publish

        if dry_run:
            show_publish(settings, tag, despite or (), reporter().console, folder)
        else:
            publish(settings, tag, despite or ())

    run_on_config(config, overrides, False, cache, debug, work, check=need_publishable)


@app.command("rebuild")
def rebuild_command(
    run: RunArgument,
    version: Annotated[str, typer.Argument(help="Its name, such as v1.")],
    into: Annotated[
        str, typer.Option("--into", help="Folder to make it in, or address in a store; empty or absent.")
    ],
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """Make an old version again from its manifest, and say whether it is the same, byte for byte.

    Example: `pairsmith rebuild runs/demo v1 --into runs/demo-v1`
    """

    def work() -> None:
        from pairsmith.pipeline.publishing.versions.rebuilding import find_version

        target = validate_run({"run": into})
        with run_here(run) as folder:
            find_version(folder, version)
            prepare_libraries(debug)
            from pairsmith.flows.refreshing import rebuild

            is_same = rebuild(folder, version, target.run, cache or default_cache(), target.store)
        place = target.store or target.run
        reporter().say(f"{version:<11} in {place}/dataset: {'the same bytes' if is_same else 'NOT the same'}")
        if not is_same:
            raise typer.Exit(EXIT_ERROR)

    guard(work, debug)
