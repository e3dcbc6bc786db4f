"""Prefect's temporary server, out of reach of the signals that stop a command.

Prefect starts it in the command's own process group. Ctrl-C, or SIGTERM to the group, ends both at once, and the
command then waits for the server that its flows want to tell their end to: 146 s of a study, measured. Here the
server runs below a guard: no signal of the group reaches it, and it ends with the command, even by `kill -9`.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import prefect
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import PREFECT_API_URL, get_current_settings

from pipeline.sampling import guard

_TEMPORARY = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}
_APP = "prefect.server.api.server:create_app"


def take_over() -> None:
    """Have this process's flows use such a server where Prefect would start its own: where it is told of none."""
    if not PREFECT_API_URL.value():
        GuardedServer()


class GuardedServer(SubprocessASGIServer):
    """Prefect's temporary server; the first instance is the one that Prefect finds."""

    def _run_uvicorn_command(self) -> "subprocess.Popen[Any]":
        settings = get_current_settings().to_environment_variables(exclude_unset=True)
        command = [
            sys.executable, "-I", guard.__file__, sys.executable, "-m", "uvicorn",
            "--app-dir", str(Path(prefect.__file__).parent), "--factory", _APP,
            "--host", "127.0.0.1", "--port", str(self.port), "--log-level", "error", "--lifespan", "on",
        ]  # fmt: skip
        process = subprocess.Popen(command, stdin=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write(json.dumps({**settings, **_TEMPORARY}).encode() + b"\n")
        process.stdin.flush()
        return process

    def stop(self) -> None:
        """Have the guard end the server."""
        if self.server_process is not None and self.server_process.stdin is not None:
            self.server_process.stdin.close()
            self.server_process.wait()
        super().stop()
