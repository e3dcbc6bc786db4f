"""A server process on loopback: started, watched, started again when it dies or hangs, stopped at the end."""

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx

from pairsmith.pipeline.sampling import guard
from pairsmith.pipeline.sampling.protocol import ServerDownError

_POLL_S = 0.5
_HEALTH_EVERY_S = 5.0
_HEALTH_LIMIT_S = 30.0
_UNHEALTHY_TIMES = 3  # unanswered looks in a row, until a server that lives is taken for hung
_STOP_LIMIT_S = 30.0
_LOG_LINES = 400  # looked at for the reason of an end


class ManagedServer:
    """One server process on loopback, and the thread that watches it."""

    def __init__(
        self,
        command: Sequence[str],
        variables: Mapping[str, str],
        log: Path,
        start_limit_s: float,
        max_restarts: int,
        report: Callable[[str], None],
    ) -> None:
        """Start a server; `wait` waits for its health.

        Args:
            command: what to run; `{port}` in it is replaced.
            start_limit_s: seconds until it must be healthy.
            max_restarts: starts after the first, until it is given up.
        """
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._command = [part.replace("{port}", str(self.port)) for part in command]
        self._variables, self._log, self._report = dict(variables), log, report
        self._start_limit_s, self._max_restarts = start_limit_s, max_restarts
        self._changed = threading.Condition()
        self._is_healthy, self._is_closed, self._end = False, False, ""
        self.n_starts = 0
        self._process = self._start()
        self._thread = threading.Thread(target=self._watch, name="vllm-server", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Return when the server is healthy.

        Raises:
            SamplingError: if it was given up, or closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_healthy or self._end or self._is_closed)
            if not self._is_healthy:
                raise ServerDownError(self._end or "the vLLM server was stopped")

    def is_well(self) -> bool:
        """Look at the server now; one that is not well is no longer taken for healthy."""
        if self._process.poll() is None and self._answers():
            return True
        with self._changed:
            self._is_healthy = False
        return False

    def pid(self) -> int | None:
        """Return the server's process: the child of its guard."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int(children.read_text().split()[0])
        return None

    def close(self) -> None:
        """Stop the server and all that it started."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        guard.stop(self._process, _STOP_LIMIT_S)
        self._thread.join()

    def _start(self) -> "subprocess.Popen[bytes]":
        self.n_starts += 1
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("a", encoding="utf-8") as log:
            return guard.start(self._command, self._variables, stdout=log, stderr=subprocess.STDOUT)

    def _watch(self) -> None:
        """Wait for health, then look whether it lasts; start again what ended or hangs."""
        while True:
            reason = self._until_healthy() or self._while_healthy()
            with self._changed:
                self._is_healthy = False
                if self._is_closed:
                    return
            guard.stop(self._process, _STOP_LIMIT_S)
            if self.n_starts > self._max_restarts:
                with self._changed:
                    self._end = f"vllm serve: {reason}; started {self.n_starts} times; see {self._log}"
                    self._changed.notify_all()
                return
            self._report(f"vllm serve: {reason}; starting it again ({self.n_starts} of {self._max_restarts})")
            with self._changed:
                if self._is_closed:
                    return
                self._process = self._start()

    def _until_healthy(self) -> str:
        """Wait for the first sign of health; return why there is none, else nothing."""
        deadline = time.monotonic() + self._start_limit_s
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return f"ended while starting ({self._last_words()})"
            if self._answers():
                with self._changed:
                    self._is_healthy = True
                    self._changed.notify_all()
                return ""
            if self._closed_within(_POLL_S):
                return "stopped"
        return f"not healthy within {self._start_limit_s:g} s"

    def _while_healthy(self) -> str:
        """Look at the server until it ends; return how it did."""
        n_silent, looked_at = 0, time.monotonic()
        while True:
            if self._process.poll() is not None:
                return f"ended ({self._last_words()})"
            if self._closed_within(_POLL_S):
                return "stopped"
            with self._changed:
                doubted = not self._is_healthy
            if doubted or time.monotonic() - looked_at >= _HEALTH_EVERY_S:
                looked_at = time.monotonic()
                if self._answers():
                    n_silent = 0
                    with self._changed:
                        self._is_healthy = True
                        self._changed.notify_all()
                    continue
                n_silent += 1
                if n_silent >= _UNHEALTHY_TIMES:
                    return "doesn't answer"

    def _closed_within(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._is_closed, seconds)

    def _answers(self) -> bool:
        try:
            address = self.url.removesuffix("/v1") + "/health"
            return httpx.get(address, timeout=_HEALTH_LIMIT_S, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def _last_words(self) -> str:
        """Return the last line of the log that names an error, else the last one."""
        try:
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
        except OSError:
            lines = []
        errors = [line.strip() for line in lines if "Error" in line and "ERROR" not in line.split("Error")[-1]]
        last = (errors or [line.strip() for line in lines if line.strip()] or ["no output"])[-1]
        return last[-200:]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
