"""`vllm serve` in an environment of its own: started, watched, started again when it dies, stopped at the end."""

import asyncio
import contextlib
import json
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from pipeline.sampling import guard
from pipeline.sampling.errors import ServerDownError
from pipeline.sampling.models import ResolvedModel
from pipeline.sampling.openai_backend import OpenAISampler
from pipeline.sampling.protocol import Trouble
from pipeline.sampling.vllm_backend import engine_settings
from pipeline.sampling.vllm_environment import default_environment, find_environment
from schemas.sampling_config import SamplingConfig

_POLL_S = 0.5
_HEALTH_EVERY_S = 5.0
_HEALTH_LIMIT_S = 30.0
_UNHEALTHY_TIMES = 3  # unanswered looks in a row, until a server that lives is taken for hung
_STOP_LIMIT_S = 30.0
_LOG_LINES = 400  # looked at for the reason of an end
_CONCURRENCY = 256  # vLLM's own queue holds what doesn't fit its batch


class ManagedServer:
    """One server process on loopback, and the thread that watches it.

    Attributes:
        url: base address of its API.
        n_starts: how often it was started.
    """

    def __init__(
        self,
        command: Sequence[str],
        variables: Mapping[str, str],
        log: Path,
        start_limit_s: float,
        max_restarts: int,
        say: Callable[[str], None],
    ) -> None:
        """Start a server; `wait` waits for its health.

        Args:
            command: what to run; `{port}` in it is replaced.
            variables: added to its environment.
            log: file that takes its output.
            start_limit_s: seconds until it must be healthy.
            max_restarts: starts after the first, until it is given up.
            say: takes a line for the user.
        """
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._command = [part.replace("{port}", str(self.port)) for part in command]
        self._variables, self._log, self._say = dict(variables), log, say
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
        self._stop()
        self._thread.join()

    def _start(self) -> "subprocess.Popen[str]":
        self.n_starts += 1
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("a", encoding="utf-8") as log:
            process = subprocess.Popen(
                [sys.executable, "-I", guard.__file__, *self._command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.write(json.dumps(self._variables) + "\n")
            process.stdin.flush()
        return process

    def _stop(self) -> None:
        process = self._process
        with contextlib.suppress(OSError):
            assert process.stdin is not None
            process.stdin.close()
        try:
            process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()  # its command dies with it
            process.wait()

    def _watch(self) -> None:
        """Wait for health, then look whether it lasts; start again what ended or hangs."""
        while True:
            reason = self._until_healthy() or self._while_healthy()
            with self._changed:
                self._is_healthy = False
                if self._is_closed:
                    return
            self._stop()
            if self.n_starts > self._max_restarts:
                with self._changed:
                    self._end = f"vllm serve: {reason}; started {self.n_starts} times; see {self._log}"
                    self._changed.notify_all()
                return
            self._say(f"vllm serve: {reason}; starting it again ({self.n_starts} of {self._max_restarts})")
            with self._changed:
                if self._is_closed:
                    return
                self._process = self._start()

    def _until_healthy(self) -> str:
        """Wait for the first sign of health; return why there is none, else nothing."""
        deadline = time.monotonic() + self._start_limit_s
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return f"ended at its start ({self._last_words()})"
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
        """Return the last line of the log that tells of an error, else the last one."""
        try:
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
        except OSError:
            lines = []
        told = [line.strip() for line in lines if "Error" in line and "ERROR" not in line.split("Error")[-1]]
        last = (told or [line.strip() for line in lines if line.strip()] or ["no output"])[-1]
        return last[-200:]


class ServedSampler(OpenAISampler):
    """Servers of one model that this process runs."""

    backend = "vllm-server"

    def __init__(
        self,
        config: SamplingConfig,
        model: ResolvedModel,
        cache: Path,
        logs: Path,
        seed: int,
        say: Callable[[str], None],
        command: Sequence[str] = (),
        first_wait_s: float = 1.0,
    ) -> None:
        """Start the servers and wait for their health.

        Args:
            config: `vllm` and what `OpenAISampler` uses, but for `base_url`.
            model: what to serve.
            cache: folder that holds the environment of `pairsmith vllm install`.
            logs: folder for the servers' output.
            seed: seed of the engines.
            say: takes a line for the user.
            command: server to run in place of vLLM.
            first_wait_s: see `OpenAISampler`.

        Raises:
            SamplingError: if there is no such environment, or a server doesn't start.
        """
        key = secrets.token_hex(16)
        self._servers: list[ManagedServer] = []
        command = command or serve_command(config, model, cache, seed)
        threads = config.vllm.cpu_threads
        variables = {"VLLM_API_KEY": key, "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
        if threads is not None:
            variables |= {"OMP_NUM_THREADS": str(threads), "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
        try:
            for number in range(config.vllm.servers):
                devices = _devices(number, config) if config.vllm.servers > 1 else {}
                log = logs / f"vllm-{number}.log"
                limit_s, most = config.vllm.start_limit_s, config.vllm.max_restarts
                server = ManagedServer(command, {**variables, **devices}, log, limit_s, most, say)
                self._servers.append(server)
            say(f"vllm serve {model.name}: waiting for health; its log is {logs / 'vllm-0.log'}")
            for server in self._servers:
                server.wait()
        except BaseException:
            self.close()
            raise
        served = config.model_copy(
            update={
                "base_url": tuple(server.url for server in self._servers),
                "concurrency": max(config.concurrency, _CONCURRENCY),
            }
        )
        super().__init__(served, key, say, first_wait_s, first_concurrency=_CONCURRENCY)
        self.model, self.revision = model.name, model.revision
        self.served_name = "adapter" if model.adapter is not None else model.name
        self.has_chat = self._ask_for_chat(model, config, say)

    @property
    def n_starts(self) -> int:
        """Return how often servers were started, the first times included."""
        return sum(server.n_starts for server in self._servers)

    def pids(self) -> list[int]:
        """Return the process of each server that runs."""
        return [pid for server in self._servers if (pid := server.pid()) is not None]

    def close(self) -> None:
        """Stop the servers."""
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()

    async def _recover(self, url: str, trouble: Trouble) -> bool:
        """Wait for a server that isn't well to be so again.

        Raises:
            SamplingError: if it was given up.
        """
        server = next((one for one in self._servers if one.url == url), None)
        if server is None or await asyncio.to_thread(server.is_well):
            return False
        await asyncio.to_thread(server.wait)
        return True

    def _ask_for_chat(self, model: ResolvedModel, config: SamplingConfig, say: Callable[[str], None]) -> bool:
        """Return whether the model has a chat template, which only its folder tells without a request."""
        folder = Path(model.source)
        if not folder.is_dir():
            return True
        has_chat = (folder / "chat_template.jinja").is_file() or '"chat_template"' in _text(
            folder / "tokenizer_config.json"
        )
        if not has_chat and "auto" in config.templates:
            say(f"{model.name} has no chat template (a base model): it continues the function's signature instead")
        return has_chat


def serve_command(config: SamplingConfig, model: ResolvedModel, cache: Path, seed: int) -> list[str]:
    """Return the command that serves a model, with `{port}` in it.

    Raises:
        SamplingError: if there is no environment with vLLM.
    """
    environment = find_environment(config.vllm.environment or default_environment(cache))
    settings = engine_settings(config, model, seed, environment.on_cpu)
    source = str(settings.pop("model"))
    command = environment.serve(source)
    command += ["--host=127.0.0.1", "--port={port}", f"--served-model-name={model.name}"]
    command += [_option(name, value) for name, value in settings.items()]
    if model.adapter is not None:
        command.append(f"--lora-modules=adapter={model.adapter.resolve()}")
    return [*command, *config.vllm.options]


def _option(name: str, value: Any) -> str:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{flag}" if value else f"--no-{flag}"
    return f"--{flag}={value}"


def _devices(number: int, config: SamplingConfig) -> dict[str, str]:
    first = number * config.vllm.tensor_parallel
    return {"CUDA_VISIBLE_DEVICES": ",".join(str(first + i) for i in range(config.vllm.tensor_parallel))}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
