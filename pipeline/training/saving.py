"""What training leaves: an adapter, or a whole model, without paths of this machine."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from peft import LoraConfig

from pairsmith.schemas.config.training import TrainingConfig

BASE_DIGEST = "base_digest.txt"
"""File of an adapter with the digest of the base that it was trained on."""
_WEIGHTS, _SETTINGS = "adapter_model.safetensors", "adapter_config.json"
_MODEL_FILES = ("*.safetensors", "model.safetensors.index.json", "config.json", "generation_config.json")


def lora_config(config: TrainingConfig) -> LoraConfig:
    """Return peft's configuration: all linear layers but the output's, no dropout, start at zero.

    Dropout would part policy and reference at the first step; an adapter on `lm_head` would not be trained
    (TRL multiplies by its weight directly).

    Source: all layers, alpha 32: Schulman et al. 2025, "LoRA Without Regret"; form: Hu et al. 2021,
    arXiv:2106.09685.
    """
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=0.0,
        bias="none",
        target_modules="all-linear",
        init_lora_weights=True,
    )


def base_digest(base: Path) -> str:
    """Return 16 hex digits over the weights and the tokenizer of a base, for its adapters to know it by."""
    from pairsmith.pipeline.sampling.models import digest_folder

    return digest_folder(base)


def save_adapter(checkpoint: Path, folder: Path, base: Path, name: str, tokenizer: Any = None) -> None:
    """Write the adapter of a checkpoint: whole or not at all, the same bytes for the same weights.

    Args:
        checkpoint: folder in which peft saved an adapter.
        folder: what to write; an adapter that is there is replaced.
        base: folder of the start, whose digest is kept beside.
        name: name of the start. peft would store its absolute path: whoever loads the adapter gives the base.
        tokenizer: saved with the adapter where it is not the base's own: it has got a chat template.
    """
    temporary = _fresh(folder)
    shutil.copyfile(checkpoint / _WEIGHTS, temporary / _WEIGHTS)
    settings = json.loads((checkpoint / _SETTINGS).read_text(encoding="utf-8"))
    settings["base_model_name_or_path"] = name
    settings["target_modules"] = sorted(settings["target_modules"])  # a set: in any order in another process
    text = json.dumps(settings, indent=2, sort_keys=True) + "\n"
    (temporary / _SETTINGS).write_text(text, encoding="utf-8")
    (temporary / BASE_DIGEST).write_text(base_digest(base) + "\n", encoding="utf-8")
    if tokenizer is not None:
        tokenizer.save_pretrained(temporary)
    _replace(folder, temporary)


def save_model(checkpoint: Path, folder: Path, tokenizer: Any) -> None:
    """Write the model of a checkpoint with its tokenizer; hard links where the file system has them."""
    temporary = _fresh(folder)
    for pattern in _MODEL_FILES:
        for path in checkpoint.glob(pattern):
            _link(path, temporary / path.name)
    _forget_paths(temporary / "config.json")
    tokenizer.save_pretrained(temporary)
    _replace(folder, temporary)


def merged_model(base: Path, adapter: Path, folder: Path) -> Path:
    """Return a folder with a base and its adapter as one model: a start of its own; made again if they changed.

    In float32, since in bfloat16 the sum would round most of a short training's change away. The tokenizer is the
    adapter's where it has one: then it got its chat template in training.
    """
    from pairsmith.pipeline.sampling.models import digest_folder

    mark, key = folder / "merged.json", json.dumps([digest_folder(base), digest_folder(adapter)])
    if mark.is_file() and mark.read_text(encoding="utf-8") == key:
        return folder
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    temporary = _fresh(folder)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, local_files_only=True)
    PeftModel.from_pretrained(model, str(adapter)).merge_and_unload().save_pretrained(temporary)
    _forget_paths(temporary / "config.json")
    has_own = (adapter / "tokenizer_config.json").is_file()
    AutoTokenizer.from_pretrained(adapter if has_own else base, local_files_only=True).save_pretrained(temporary)
    (temporary / mark.name).write_text(key, encoding="utf-8")
    _replace(folder, temporary)
    return folder


def _fresh(folder: Path) -> Path:
    temporary = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    return temporary


def _replace(folder: Path, temporary: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)


def _forget_paths(settings: Path) -> None:
    tree = json.loads(settings.read_text(encoding="utf-8"))
    tree.pop("_name_or_path", None)
    settings.unlink()  # it may be a link to the checkpoint's
    settings.write_text(json.dumps(tree, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)
