"""The verb that serves all flows with their schedules."""

from pathlib import Path

from flows.commands.shared import ConfigFile, Debug, Overrides, app, run_on_config
from flows.reporting import reporter
from pipeline.errors import PairsmithError
from schemas.config import RunConfig


@app.command("serve")
def serve_command(config: ConfigFile = None, overrides: Overrides = None, debug: Debug = False) -> None:
    """Serve all flows to Prefect, with the times of `schedule`; runs until it is stopped.

    Example: `pairsmith serve run.toml --set "schedule.refresh='0 3 * * *'"`
    """

    def work(settings: RunConfig, folder: Path) -> None:
        from prefect.settings import PREFECT_API_URL

        from flows.serving import serve_all

        if config is None:
            raise PairsmithError("pairsmith serve needs a TOML file: its runs read it when they are due")
        if not PREFECT_API_URL.value():
            raise PairsmithError(
                "no Prefect server; start one with `prefect server start` and set PREFECT_API_URL"
            )
        reporter().say(f"serve       at {PREFECT_API_URL.value()}; Ctrl-C ends it")
        serve_all(settings, config, overrides or ())

    run_on_config(config, overrides, False, None, debug, work)
