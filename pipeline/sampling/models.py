"""Which backend and which model a configuration means, and the digest of its weights."""

import hashlib
import importlib.util
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairsmith.pipeline.sampling.embedded import EMBEDDED, embedded_model, marked_digest
from pairsmith.pipeline.sampling.files_backend import FilesSampler
from pairsmith.pipeline.sampling.openai_backend import OpenAISampler
from pairsmith.pipeline.sampling.protocol import Sampler, SamplingError
from pairsmith.schemas.config.sampling import SamplingConfig

_WEIGHTS = ("*.safetensors", "*.bin", "*.pt")
_SMALL_BYTES = 1 << 30  # files up to a GiB are digested whole: half a second for SmolLM2
_N_PIECES = 64  # larger ones by so many pieces of one MiB, spread evenly: every few layers
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model that can be loaded.

    Attributes:
        source: folder, or name on the Hub.
        name: name as configured; a folder's last name.
        revision: digest of the weights and the adapter; for a Hub name the revision asked for.
        hub_revision: revision to load from the Hub; None for a folder or the default branch.
        adapter: LoRA folder, or None.
    """

    source: str
    name: str
    revision: str
    hub_revision: str | None
    adapter: Path | None


def open_sampler(
    config: SamplingConfig,
    cache: Path,
    api_key: str | None,
    report: Callable[[str], None],
    progress: Callable[[str, float], None] | None = None,
    seed: int = 0,
    logs: Path | None = None,
    devices: Sequence[str] = (),
) -> Sampler:
    """Return the sampler that a configuration asks for, ready to draw.

    `auto` takes the file if one is given, else vLLM where it is installed beside, else transformers; a server is
    asked or started only by name.

    Args:
        config: what to draw from.
        cache: folder for converted models, and for the environment of the vLLM server.
        api_key: key of the server, for openai.
        report: takes a line for the user.
        progress: takes phase and share done while the embedded model is converted.
        seed: seed of an engine.
        logs: folder for the log of a vLLM server; the cache by default.
        devices: devices that vLLM servers may use, as CUDA_VISIBLE_DEVICES names them; empty for all.

    Raises:
        SamplingError: if the backend isn't installed, or there is no such model or file.
    """
    backend = choose_backend(config)
    if backend == "files":
        return FilesSampler(config, report)
    if backend == "openai":
        return OpenAISampler(config, api_key, report)
    if config.model == "smollm2" or backend != "vllm-server":
        _need_torch()
    model = resolve_model(config, cache, report, progress)
    if backend == "vllm-server":
        from pairsmith.pipeline.sampling.vllm_server import ServedSampler

        return ServedSampler(config, model, cache, logs or cache / "logs", seed, report, devices=devices)
    if backend == "vllm":
        from pairsmith.pipeline.sampling.vllm_backend import VllmSampler

        return VllmSampler(config, model, seed, report)
    from pairsmith.pipeline.sampling.transformers_backend import TransformersSampler

    return TransformersSampler(config, model, report)


def choose_backend(config: SamplingConfig) -> str:
    """Return the backend that a configuration means: transformers, vllm, vllm-server, openai or files."""
    if config.backend != "auto":
        return config.backend
    if config.samples is not None:
        return "files"
    return "vllm" if importlib.util.find_spec("vllm") is not None else "transformers"


def has_chat_template(tokenizer: Any, model: str, config: SamplingConfig, report: Callable[[str], None]) -> bool:
    """Return whether a model can chat; report where it can't and `auto` decides."""
    has_chat = getattr(tokenizer, "chat_template", None) is not None
    if not has_chat and "auto" in config.templates:
        report(f"{model} has no chat template (a base model): it continues the function's signature instead")
    return has_chat


def _need_torch() -> None:
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None:
        raise SamplingError(
            "no model can be run here; pip install 'pairsmith[train]', or set sampling.backend to openai or files"
        )


def resolve_model(
    config: SamplingConfig,
    cache: Path,
    report: Callable[[str], None],
    progress: Callable[[str, float], None] | None = None,
) -> ResolvedModel:
    """Return the model that a configuration names, converting the embedded one if need be.

    Raises:
        SamplingError: if a folder holds no model, or the adapter's folder no adapter.
    """
    hub_revision = None
    if config.model == EMBEDDED:
        folder = embedded_model(cache, report, progress)
        source, name, revision = str(folder), EMBEDDED, marked_digest(folder)
    elif _looks_like_folder(config.model):
        folder = checked_folder(Path(config.model).expanduser())
        source, name, revision = str(folder), folder.resolve().name, marked_digest(folder)
        revision = revision or digest_folder(folder)
    else:
        source, name, revision = config.model, config.model, config.revision
        hub_revision = config.revision or None
    if config.adapter is not None:
        revision = f"{revision}+{digest_folder(checked_adapter(config.adapter))}"
    quantization = config.vllm.engine.get("quantization")
    if quantization and config.backend in ("vllm", "vllm-server"):  # other weights, so another model
        revision = f"{revision}+{quantization}"
    return ResolvedModel(source, name, revision, hub_revision, config.adapter)


def checked_folder(folder: Path) -> Path:
    """Return a folder that holds a model.

    Raises:
        SamplingError: if it isn't there, or lacks `config.json` or weights.
    """
    advice = "name a folder that save_pretrained wrote, or leave sampling.model at smollm2"
    if not folder.is_dir():
        raise SamplingError(f"{folder}: no such model folder; {advice}")
    if not (folder / "config.json").is_file():
        raise SamplingError(f"{folder}: not a model folder (no config.json); {advice}")
    if not any(_weights(folder)):
        raise SamplingError(f"{folder}: not a model folder (no weights, *.safetensors); {advice}")
    return folder


def checked_adapter(folder: Path) -> Path:
    """Return a folder that holds a LoRA adapter.

    Raises:
        SamplingError: if it lacks `adapter_config.json` or weights.
    """
    if not (folder / "adapter_config.json").is_file() or not any(_weights(folder)):
        raise SamplingError(f"{folder}: not an adapter folder (adapter_config.json and weights); train first")
    return folder


def digest_folder(folder: Path) -> str:
    """Return 16 hex digits over the names, sizes and contents of weights, and over the tokenizer.

    `config.json` is left out: it names the library version that wrote it, and the weights' shapes are in
    their files.
    """
    digest = hashlib.sha256()
    tokenizer = [folder / name for name in ("tokenizer.json", "chat_template.jinja")]
    for path in sorted([*_weights(folder), *(path for path in tokenizer if path.is_file())]):
        digest.update(json.dumps([path.name, path.stat().st_size]).encode())
        _digest_file(path, digest)
    return digest.hexdigest()[:16]


def _digest_file(path: Path, digest: "hashlib._Hash") -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= _SMALL_BYTES:
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
            return
        for i in range(_N_PIECES):
            file.seek((size - _PIECE_BYTES) * i // (_N_PIECES - 1))
            digest.update(file.read(_PIECE_BYTES))


def _weights(folder: Path) -> Iterable[Path]:
    return (path for pattern in _WEIGHTS for path in folder.glob(pattern))


def _looks_like_folder(model: str) -> bool:
    """Tell a path from a Hub name, which has at most one slash and never begins with a dot or a slash."""
    return model.startswith((".", "/", "~")) or model.count("/") > 1 or Path(model).exists()
