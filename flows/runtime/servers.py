"""Servers that Prefect's flows talk to where nobody names one, out of reach of the signals that stop a command.

Prefect starts its temporary server in the command's own process group. Ctrl-C, or SIGTERM to the group, ends both
at once, and the command then waits for the server that its flows want to report their end to: 146 s of a study,
measured. Here a server runs below a guard: no signal of the group reaches it. It ends with the command, even by
`kill -9`.
"""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import prefect
from prefect.settings import PREFECT_API_URL, get_current_settings

from pairsmith.pipeline.sampling import guard

# On a full disk each write to the server's database would print a traceback; the run's own error names the disk.
_TEMPORARY = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
}
_APP = "prefect.server.api.server:create_app"


def take_over() -> None:
    """Have this process's flows use such a server where Prefect would start its own: where it knows of none."""
    if PREFECT_API_URL.value():
        return
    from prefect.server.api.server import SubprocessASGIServer  # all of Prefect's server: 2 s

    class GuardedServer(SubprocessASGIServer):
        """Prefect's temporary server; the first instance is the one that Prefect finds."""

        def _run_uvicorn_command(self) -> "subprocess.Popen[Any]":
            command = [
                "uvicorn", "--app-dir", str(Path(prefect.__file__).parent), "--factory", _APP,
                "--host", "127.0.0.1", "--port", str(self.port), "--log-level", "error", "--lifespan", "on",
            ]  # fmt: skip
            return _guarded(command, _TEMPORARY)

        def stop(self) -> None:
            """Have the guard end the server."""
            if self.server_process is not None:
                guard.stop(self.server_process)
            super().stop()

    GuardedServer()


def _guarded(module: Sequence[str], more: Mapping[str, str]) -> "subprocess.Popen[Any]":
    """Start a module of this Python below a guard, with Prefect's settings of this process and more."""
    settings = get_current_settings().to_environment_variables(exclude_unset=True)
    command = [sys.executable, "-m", *module]
    return guard.start(command, {**settings, **more}, stdout=subprocess.DEVNULL)
