"""Which backend a configuration means, and opening it."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

from pairsmith.pipeline.sampling.errors import SamplingError
from pairsmith.pipeline.sampling.files_backend import FilesSampler
from pairsmith.pipeline.sampling.openai_backend import OpenAISampler
from pairsmith.pipeline.sampling.protocol import Sampler
from pairsmith.schemas.config.sampling import SamplingConfig


def open_sampler(
    config: SamplingConfig,
    cache: Path,
    api_key: str | None,
    say: Callable[[str], None],
    progress: Callable[[str, float], None] | None = None,
    seed: int = 0,
    logs: Path | None = None,
) -> Sampler:
    """Return the sampler that a configuration asks for, ready to draw.

    `auto` takes the file if one is given, else vLLM where it is installed beside, else transformers; a server is
    asked or started only by name.

    Args:
        config: what to draw from.
        cache: folder for converted models, and for the environment of the vLLM server.
        api_key: key of the server, for openai.
        say: takes a line for the user.
        progress: takes phase and share done while the embedded model is converted.
        seed: seed of an engine.
        logs: folder for the log of a vLLM server; the cache by default.

    Raises:
        SamplingError: if the backend isn't installed, or there is no such model or file.
    """
    backend = choose_backend(config)
    if backend == "files":
        return FilesSampler(config, say)
    if backend == "openai":
        return OpenAISampler(config, api_key, say)
    from pairsmith.pipeline.sampling.models import resolve_model

    if config.model == "smollm2" or backend != "vllm-server":
        _need_torch()
    model = resolve_model(config, cache, say, progress)
    if backend == "vllm-server":
        from pairsmith.pipeline.sampling.vllm_server import ServedSampler

        return ServedSampler(config, model, cache, logs or cache / "logs", seed, say)
    if backend == "vllm":
        from pairsmith.pipeline.sampling.vllm_backend import VllmSampler

        return VllmSampler(config, model, seed, say)
    from pairsmith.pipeline.sampling.transformers_backend import TransformersSampler

    return TransformersSampler(config, model, say)


def choose_backend(config: SamplingConfig) -> str:
    """Return the backend that a configuration means: transformers, vllm, vllm-server, openai or files."""
    if config.backend != "auto":
        return config.backend
    if config.samples is not None:
        return "files"
    return "vllm" if importlib.util.find_spec("vllm") is not None else "transformers"


def _need_torch() -> None:
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None:
        raise SamplingError(
            "no model can be run here; pip install 'pairsmith[train]', or set sampling.backend to openai or files"
        )
