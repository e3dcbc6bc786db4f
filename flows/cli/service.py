"""The verb that serves all flows with their schedules."""

import contextlib
from pathlib import Path

from pairsmith.flows.cli.shared import ConfigFile, Debug, Overrides, app, run_on_config
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.schemas.config import RunConfig


@app.command("serve")
def serve_command(config: ConfigFile = None, overrides: Overrides = None, debug: Debug = False) -> None:
    """Serve all flows to Prefect, with the times of `schedule`; runs until it is stopped.

    Where PREFECT_API_URL names no server, the one on this machine is used, or started until then.

    Example: `pairsmith serve run.toml --set "schedule.refresh='0 3 * * *'"`
    """

    def work(settings: RunConfig, folder: Path) -> None:
        from prefect.settings import PREFECT_API_URL, temporary_settings

        from pairsmith.flows.runtime.servers import local_server
        from pairsmith.flows.serve import serve_all

        if config is None:
            raise PairsmithError("pairsmith serve needs a TOML file: its runs read it when they are due")
        with contextlib.ExitStack() as stack:
            url = PREFECT_API_URL.value() or stack.enter_context(local_server(settings.service.server_port))
            stack.enter_context(temporary_settings({PREFECT_API_URL: url}))
            reporter().say(f"serve       at {url}; Ctrl-C ends it")
            serve_all(settings, config, overrides or ())
            raise KeyboardInterrupt  # Prefect keeps the one that ended it to itself

    run_on_config(config, overrides, False, None, debug, work)
