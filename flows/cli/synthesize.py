"""The verb that makes problems from seed code."""

from pathlib import Path

from rich.console import Console

from pairsmith.flows.cli.shared import Cache, ConfigFile, Debug, DryRun, Overrides, app, read_key, run_on_config
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.schemas.config import RunConfig


@app.command("synthesize")
def synthesize_command(
    config: ConfigFile = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
    cache: Cache = None,
    debug: Debug = False,
) -> None:
    """Make problems with tests from functions of your own code.

    Example: `pairsmith synthesize run.toml --set 'synthesis.seeds.folders=["src"]'`
    """

    def work(settings: RunConfig, folder: Path) -> None:
        from pairsmith.flows.synthesis import synthesize

        path = synthesize(settings, folder, read_key)
        reporter().say(f"problem file {path}")
        if path.stat().st_size:
            reporter().say(f"next        pairsmith build --set problems.source=jsonl --set problems.path={path}")
        else:
            reporter().say("none is kept; the report says why")

    def plan(settings: RunConfig, folder: Path, console: Console) -> None:
        from pairsmith.flows.synthesis_plan import show_synthesis_plan

        show_synthesis_plan(settings, folder, console)

    run_on_config(config, overrides, dry_run, cache, debug, work, plan)
