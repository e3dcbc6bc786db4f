"""The start of training: model, tokenizer, device and number type."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipeline.training.checks import TrainingError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Start:
    """What training starts from.

    Attributes:
        model: causal language model, still in main memory.
        tokenizer: with a chat template and a padding token.
        device: cpu or cuda, where training runs.
        dtype: float32 or bfloat16, of the model's weights; the adapter's are float32.
    """

    model: Any
    tokenizer: Any
    device: str
    dtype: str


def load_start(folder: Path, device: str) -> Start:
    """Return the start that a model folder holds.

    Args:
        folder: model folder.
        device: auto, cpu or cuda.

    Raises:
        TrainingError: see `choose_device`, `load_tokenizer` and `load_model`.
    """
    chosen, dtype = choose_device(device)
    return Start(load_model(folder, dtype), load_tokenizer(folder), chosen, dtype)


def choose_device(device: str) -> tuple[str, str]:
    """Return the device, cpu or cuda, and the number type, float32 or bfloat16, to train in.

    Raises:
        TrainingError: cuda is asked for and not there; several GPUs are visible (one process trains on one).
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise TrainingError("training.device = cuda, but torch sees no GPU; take auto or cpu")
    if device == "cpu" or not torch.cuda.is_available():
        return "cpu", "float32"
    if torch.cuda.device_count() > 1:
        raise TrainingError("several GPUs are visible; make one visible with CUDA_VISIBLE_DEVICES=0")
    return "cuda", "bfloat16" if torch.cuda.is_bf16_supported() else "float32"


def load_tokenizer(folder: Path) -> Any:
    """Return the tokenizer of a model folder, with a chat template and a padding token.

    A tokenizer without a padding token pads with its end-of-text token; padding is masked out of the loss.

    Raises:
        TrainingError: no tokenizer, no chat template, neither padding nor end-of-text token.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(f"{folder}: no tokenizer: {_first_line(error)}") from None
    if not tokenizer.chat_template:
        raise TrainingError(
            f"{folder}: the tokenizer has no chat template; add a chat_template.jinja to the folder"
        )
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise TrainingError(f"{folder}: the tokenizer has neither a padding nor an end-of-text token; set one")
        tokenizer.pad_token = tokenizer.eos_token
        _log.info("%s: no padding token, the end-of-text token %r is taken", folder.name, tokenizer.eos_token)
    return tokenizer


def load_model(folder: Path, dtype: str) -> Any:
    """Return the causal language model of a folder.

    Raises:
        TrainingError: the folder holds no such model.
    """
    try:
        return AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype), local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise TrainingError(f"{folder}: the model can't be loaded: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
