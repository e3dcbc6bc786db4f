"""What training leaves: an adapter, or a whole model, with a card, without paths of this machine."""

import json
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from peft import LoraConfig

from pairsmith.pipeline.run.digests import file_digest
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.sampling.models import digest_folder
from pairsmith.pipeline.training.checks import TrainingError
from pairsmith.pipeline.training.methods import METHODS, Knobs
from pairsmith.schemas.config.training import TrainingConfig
from pairsmith.schemas.training import TrainingSummary

BASE_DIGEST = "base_digest.txt"
"""File of an adapter with the digest of the base that it was trained on."""
_FINGERPRINT = b"pairsmith:fingerprint"  # that `pairsmith build` left in a file's metadata
_VERSIONS = ("torch", "transformers", "trl", "peft", "accelerate")
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


def save_adapter(checkpoint: Path, folder: Path, base: Path, name: str, tokenizer: Any = None) -> None:
    """Write the adapter of a checkpoint: whole or not at all, the same bytes for the same weights.

    Args:
        base: folder of the start, whose digest is kept beside.
        name: name of the start. peft would store its absolute path: whatever loads the adapter gives the base.
        tokenizer: saved with the adapter where it is not the base's own: it has got a chat template.
    """
    temporary = _fresh(folder)
    shutil.copyfile(checkpoint / _WEIGHTS, temporary / _WEIGHTS)
    settings = json.loads((checkpoint / _SETTINGS).read_text(encoding="utf-8"))
    settings["base_model_name_or_path"] = name
    settings["target_modules"] = sorted(settings["target_modules"])  # a set: in any order in another process
    text = json.dumps(settings, indent=2, sort_keys=True) + "\n"
    (temporary / _SETTINGS).write_text(text, encoding="utf-8")
    (temporary / BASE_DIGEST).write_text(digest_folder(base) + "\n", encoding="utf-8")
    if tokenizer is not None:
        tokenizer.save_pretrained(temporary)
    _replace(folder, temporary)


def save_model(checkpoint: Path, folder: Path, tokenizer: Any, precision: str = "float32") -> None:
    """Write the model of a checkpoint with its tokenizer: whole or not at all.

    Args:
        checkpoint: folder in which the trainer saved float32 weights.
        precision: number type of the training, float32 or bfloat16: that of the weights that are written.
    """
    import torch
    from transformers import AutoModelForCausalLM

    temporary = _fresh(folder)
    dtype = getattr(torch, precision)
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=dtype, local_files_only=True)
    model.save_pretrained(temporary)
    _forget_paths(temporary)
    tokenizer.save_pretrained(temporary)
    _replace(folder, temporary)


def merged_model(base: Path, adapter: Path, folder: Path, keeps_type: bool = False) -> Path:
    """Return a folder with a base and its adapter as one model: a start of its own; made again if they changed.

    In float32, since in bfloat16 the sum would round most of a short training's change away. The tokenizer is the
    adapter's where it has one: then it got its chat template in training.

    Args:
        keeps_type: write the weights in the base's number type.

    Raises:
        TrainingError: the adapter is for another base; the folder holds something else.
    """
    from pairsmith.pipeline.training.start import check_adapter

    mark, key = folder / "merged.json", json.dumps([digest_folder(base), digest_folder(adapter), keeps_type])
    if folder.is_dir() and any(folder.iterdir()) and not mark.is_file():
        raise TrainingError(f"{folder}: exists and is not a merged model; give another folder")
    check_adapter(adapter, base)
    if mark.is_file() and mark.read_text(encoding="utf-8") == key:
        return folder
    import torch
    from peft import PeftModel
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    temporary = _fresh(folder)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, local_files_only=True)
    whole = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()
    if keeps_type:
        settings = AutoConfig.from_pretrained(base, local_files_only=True)
        whole = whole.to(settings.dtype or torch.float32)
    whole.save_pretrained(temporary)
    _forget_paths(temporary)
    has_own = (adapter / "tokenizer_config.json").is_file()
    AutoTokenizer.from_pretrained(adapter if has_own else base, local_files_only=True).save_pretrained(temporary)
    (temporary / mark.name).write_text(key, encoding="utf-8")
    _replace(folder, temporary)
    return folder


def write_card(
    folder: Path, summary: TrainingSummary, config: TrainingConfig, knobs: Knobs, files: Sequence[Path], seed: int
) -> None:
    """Write `README.md` into the folder of an adapter or a model: method, settings, data, losses."""
    is_adapter = config.tuning != "full"
    head = {
        "library_name": "peft" if is_adapter else "transformers",
        "pipeline_tag": "text-generation",
        "tags": sorted({summary.method, "code", "pairsmith", "trl"}),
        **({"base_model": summary.model} if "/" in summary.model else {}),
        **({"datasets": [config.dataset]} if _is_hub_name(config.dataset) else {}),
    }
    what = f"LoRA adapter (rank {config.lora_rank}, alpha {config.lora_alpha})" if is_adapter else "model"
    method = METHODS[config.method]
    marks = {mark for file in files if (mark := (pq.read_schema(file).metadata or {}).get(_FINGERPRINT))}
    dataset = config.dataset if _is_hub_name(config.dataset) else Path(config.dataset).name
    rows = {
        "method": f"{method.name}: {method.source}",
        **{name: getattr(knobs, name) for name in Knobs.__slots__},
        "steps": f"{len(summary.steps)} of {config.batch_size} rows",
        "tuning": config.tuning,
        "max_length": f"{config.max_length} tokens",
        "seed": seed,
        "versions": ", ".join(f"{name} {version(name)}" for name in _VERSIONS),
        "rows": summary.n_pairs,
        "rows too long, left out": summary.n_too_long,
        "dataset": dataset or None,
        "revision": config.dataset_revision,
        "fingerprint": ", ".join(f"`{mark.decode()}`" for mark in sorted(marks)) or None,
        **{file.name: f"sha256 `{file_digest(file)}`" for file in files},
        "loss": f"{summary.steps[0].loss:.4g} at the first step, {summary.steps[-1].loss:.4g} at the last",
    }
    lines = [
        f"# {summary.model} trained by {summary.method}",
        "",
        f"A {what}, made by pairsmith from {summary.model}.",
        "",
        "| trained with | |",
        "| --- | --- |",
        *(f"| {name} | {value} |" for name, value in rows.items() if value is not None),
        "",
        *(f"- {line}" for line in summary.warnings),
    ]
    text = "\n".join(lines).rstrip() + "\n"
    write_whole(folder / "README.md", f"---\n{json.dumps(head, indent=1)}\n---\n\n{text}".encode())


def _is_hub_name(name: str) -> bool:
    return name.count("/") == 1 and not name.startswith((".", "/", "~")) and not Path(name).exists()


def _fresh(folder: Path) -> Path:
    temporary = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    return temporary


def _replace(folder: Path, temporary: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)


def _forget_paths(folder: Path) -> None:
    settings = folder / "config.json"
    tree = json.loads(settings.read_text(encoding="utf-8"))
    tree.pop("_name_or_path", None)
    settings.write_text(json.dumps(tree, indent=2, sort_keys=True) + "\n", encoding="utf-8")
