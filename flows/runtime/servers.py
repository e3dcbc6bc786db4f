"""Servers that Prefect's flows talk to where nobody names one, out of reach of the signals that stop a command.

Prefect starts its temporary server in the command's own process group. Ctrl-C, or SIGTERM to the group, ends both
at once, and the command then waits for the server that its flows want to report their end to: 146 s of a study,
measured. Here a server runs below a guard: no signal of the group reaches it. It ends with the command, even by
`kill -9`.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import prefect
from prefect.settings import PREFECT_API_URL, get_current_settings

from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.sampling import guard

_START_S = 120.0

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


@contextmanager
def local_server(port: int = 4200) -> Iterator[str]:
    """Give the address of a Prefect server on this machine: the one at a port, else one that is started there.

    What is started has Prefect's pages, and keeps runs and schedules in Prefect's own database. It ends with this
    process.

    Raises:
        PairsmithError: something else is at the port, or the server does not start.
    """
    url = f"http://127.0.0.1:{port}/api"
    if _answers(url):
        yield url
        return
    process = _guarded(["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)], {})
    try:
        deadline = time.monotonic() + _START_S
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise PairsmithError(
                    f"no Prefect server started at {url}; if the port is taken, start one elsewhere with "
                    "`prefect server start --port ...` and set PREFECT_API_URL"
                )
            time.sleep(0.2)
        yield url
    finally:
        guard.stop(process)


def _guarded(module: Sequence[str], more: Mapping[str, str]) -> "subprocess.Popen[Any]":
    """Start a module of this Python below a guard, with Prefect's settings of this process and more."""
    settings = get_current_settings().to_environment_variables(exclude_unset=True)
    command = [sys.executable, "-m", *module]
    return guard.start(command, {**settings, **more}, stdout=subprocess.DEVNULL)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2.0).json() is True
    except (httpx.HTTPError, ValueError):
        return False
