"""The LoRA adapter: its shape, and its folder without paths of this machine."""

import json
import shutil
from pathlib import Path

from peft import LoraConfig

from schemas.config import TrainingConfig

_WEIGHTS, _SETTINGS = "adapter_model.safetensors", "adapter_config.json"


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


def save_adapter(checkpoint: Path, folder: Path, base: str) -> None:
    """Write the adapter of a checkpoint: whole or not at all, the same bytes for the same weights.

    Args:
        checkpoint: folder in which peft saved an adapter.
        folder: what to write; an adapter that is there is replaced.
        base: name of the start. peft would store its absolute path: whoever loads the adapter gives the base.
    """
    temporary = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    shutil.copyfile(checkpoint / _WEIGHTS, temporary / _WEIGHTS)
    settings = json.loads((checkpoint / _SETTINGS).read_text(encoding="utf-8"))
    settings["base_model_name_or_path"] = base
    settings["target_modules"] = sorted(settings["target_modules"])  # a set: in any order in another process
    text = json.dumps(settings, indent=2, sort_keys=True) + "\n"
    (temporary / _SETTINGS).write_text(text, encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)
