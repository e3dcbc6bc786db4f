"""Samples from `vllm serve` in an environment of its own, one server or several of a model."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pairsmith.pipeline.sampling.managed_server import ManagedServer
from pairsmith.pipeline.sampling.models import ResolvedModel
from pairsmith.pipeline.sampling.openai_backend import OpenAISampler
from pairsmith.pipeline.sampling.protocol import Trouble
from pairsmith.pipeline.sampling.vllm_backend import engine_settings
from pairsmith.pipeline.sampling.vllm_environment import default_environment, find_environment
from pairsmith.schemas.config.sampling import SamplingConfig


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
        served = config.model_copy(update={"base_url": tuple(server.url for server in self._servers)})
        # vLLM's own queue holds what doesn't fit its batch: no slow start.
        super().__init__(served, key, say, first_wait_s, first_concurrency=config.concurrency)
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
    if not any(option.startswith("--generation-config") for option in config.vllm.options):
        # Without it vLLM lays the model's generation_config.json under every request: hidden sampling parameters.
        command.append("--generation-config=vllm")
    if model.adapter is not None:
        command.append(f"--lora-modules=adapter={model.adapter.resolve()}")
        template = model.adapter / "chat_template.jinja"
        if template.is_file():  # training gave a base model one
            command.append(f"--chat-template={template.resolve()}")
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
