"""The verbs of versions: refresh, and publish on the Hugging Face Hub."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pairsmith.flows.cli.early import need_publishable
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
        from pairsmith.flows.cli.plans import show_refresh_plan

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
