"""The card of what was trained: with what, on what, and what its log says. No path of this machine is in it."""

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq

from pairsmith.pipeline.run.folder import write_whole
from pairsmith.pipeline.training.methods import METHODS, Knobs
from pairsmith.pipeline.training.progress import file_digest
from pairsmith.schemas.config.training import TrainingConfig
from pairsmith.schemas.training import TrainingSummary

_VERSIONS = ("torch", "transformers", "trl", "peft", "accelerate")
_SPLIT_NAMES = ("loss", "reward_margin", "reward_accuracy", "chosen_logprob", "rejected_logprob", "kl")


def write_card(
    folder: Path, summary: TrainingSummary, config: TrainingConfig, knobs: Knobs, files: Sequence[Path], seed: int
) -> None:
    """Write `README.md` into the folder of an adapter or a model.

    Args:
        folder: the weights' folder.
        summary: what training did.
        config: its settings; `knobs` what the method took for those that were left open.
        files: what it was trained on.
        seed: seed of the run.
    """
    is_adapter = config.tuning != "full"
    head = {
        "library_name": "peft" if is_adapter else "transformers",
        "pipeline_tag": "text-generation",
        "tags": sorted({summary.method, "code", "pairsmith", "trl"}),
        **({"base_model": summary.model} if "/" in summary.model else {}),
        **({"datasets": [config.dataset]} if _is_hub_name(config.dataset) else {}),
    }
    what = f"LoRA adapter (rank {config.lora_rank}, alpha {config.lora_alpha})" if is_adapter else "model"
    lines = [
        f"# {summary.model} trained by {summary.method}",
        "",
        f"A {what}, made by pairsmith from {summary.model}.",
        "",
        *_table("with", _settings(summary, config, knobs, seed)),
        *_table("on", _data(summary, config, files)),
        *_table("what the log says", _log(summary)),
        *(f"- {line}" for line in summary.warnings),
    ]
    write_whole(folder / "README.md", f"---\n{json.dumps(head, indent=1)}\n---\n\n{_joined(lines)}".encode())


def dataset_fingerprints(files: Sequence[Path]) -> list[str]:
    """Return the fingerprints that `pairsmith build` left in the files' metadata, each once."""
    metadata = [pq.read_schema(file).metadata or {} for file in files]
    return sorted({value.decode() for each in metadata if (value := each.get(b"pairsmith:fingerprint"))})


def _settings(
    summary: TrainingSummary, config: TrainingConfig, knobs: Knobs, seed: int
) -> list[tuple[str, object]]:
    method = METHODS[config.method]
    n_rows = f"{len(summary.steps)} of {config.batch_size} rows"
    rows: list[tuple[str, object]] = [("method", f"{method.name}: {method.source}")]
    rows += [(name, value) for name in Knobs.__slots__ if (value := getattr(knobs, name)) is not None]
    rows += [("steps", n_rows), ("kept", f"the weights after step {summary.kept_step}"), ("tuning", config.tuning)]
    rows += [("max_length", f"{config.max_length} tokens"), ("seed", seed)]
    return [*rows, ("versions", ", ".join(f"{name} {version(name)}" for name in _VERSIONS))]


def _data(summary: TrainingSummary, config: TrainingConfig, files: Sequence[Path]) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [("rows", summary.n_pairs), ("rows too long, left out", summary.n_too_long)]
    if config.dataset:
        rows.append(("dataset", config.dataset if _is_hub_name(config.dataset) else Path(config.dataset).name))
    if config.dataset_revision:
        rows.append(("revision", config.dataset_revision))
    rows += [("fingerprint", f"`{value}`") for value in dataset_fingerprints(files)]
    return rows + [(file.name, f"sha256 `{file_digest(file)}`") for file in files]


def _log(summary: TrainingSummary) -> list[tuple[str, object]]:
    first, last = summary.steps[0], summary.steps[-1]
    rows: list[tuple[str, object]] = []
    for name in _SPLIT_NAMES:
        values = [getattr(step, name) for step in (first, last)]
        if None not in values:
            rows.append((name, f"{values[0]:.4g} at the first step, {values[1]:.4g} at the last"))
    for one in summary.held_out:
        if one.step == summary.kept_step:
            accuracy = "" if one.reward_accuracy is None else f", accuracy {one.reward_accuracy:.3f}"
            rows.append(("held-out pairs", f"loss {one.loss:.4g}{accuracy}"))
    return rows


def _table(title: str, rows: Sequence[tuple[str, object]]) -> list[str]:
    return [f"| {title} | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows), ""]


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"


def _is_hub_name(name: str) -> bool:
    return name.count("/") == 1 and not name.startswith((".", "/", "~")) and not Path(name).exists()
