"""What a training run leaves in its folder besides the weights.

inputs.json        what the run was started with: a rerun with other inputs starts afresh
plan.json          rows and steps, once the rows are read
log.jsonl          one `TrainingStep` a line, in order
checkpoints/       what a killed run goes on from; gone once the run is done
worked.json        number type of the training; written when the last step is done
adapter/, model/   the LoRA adapter, or the model of full fine-tuning
result.json        where the weights are
summary.json       `TrainingSummary`, written last: it marks the run as done
"""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pairsmith.pipeline.run.digests import file_digest
from pairsmith.pipeline.run.folder import read_tree, write_whole
from pairsmith.schemas.config import fingerprint
from pairsmith.schemas.config.training import LaunchConfig, TrainingConfig
from pairsmith.schemas.training import TrainingStep, TrainingSummary

CHECKPOINTS = "checkpoints"
WHOLE = "whole"  # empty file in a checkpoint, written after everything else in it
LOG, PLAN = "log.jsonl", "plan.json"
RESULTS = ("adapter", "model")
# Settings that came later: at their default they leave the digest as it was.
_LATER = ("reference", "datasets", "extra")
_SHAPING = ("torch", "transformers", "trl", "peft")
_SUMMARY = TypeAdapter(TrainingSummary)
_STEP = TypeAdapter(TrainingStep)


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What a run is about to do."""

    n_rows: int  # rows trained on
    n_too_long: int  # rows left out
    n_steps: int  # steps in all, those done before among them


@dataclass(frozen=True, slots=True)
class Worked:
    """How the steps ended."""

    precision: str = "float32"  # number type that was multiplied in, float32 or bfloat16


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """What a process needs to do a run's steps."""

    dataset: Path  # folder of the rows (see `find_rows`)
    start: Path  # model folder
    config: TrainingConfig
    out: Path  # folder of the run
    seed: int
    name: str  # name of the start
    inputs: str  # digest of all that decides the weights


OnStep = Callable[[TrainingStep], None]
OnPlan = Callable[[TrainingPlan], None]


def load_summary(out: Path) -> TrainingSummary | None:
    """Return the summary of a training run that is done; None where there is none that can be read."""
    try:
        return _SUMMARY.validate_json((out / "summary.json").read_bytes())
    except (OSError, ValueError):
        return None


def inputs_digest(
    files: Sequence[Path], model: Path, config: TrainingConfig, seed: int, name: str, couples_batch: bool = False
) -> str:
    """Return 16 hex digits over all that decides the weights: rows, start, configuration, seed, versions.

    On how many processes, with how many rows in memory and how often it is saved is left out: a run that had too
    little memory goes on with less.

    Args:
        files: row files, in the order in which they are read.
        config: hyperparameters; adapter and chat template count by their content.
        couples_batch: whether rows that are in memory together change each other's loss.
    """
    own: dict[str, Any] = {"launch": LaunchConfig(), "trackers": (), "gradient_checkpointing": False}
    own |= {"checkpoint_steps": None, "adapter": None, "chat_template": None, "start": ""}
    if not couples_batch:
        own["micro_batch_size"] = None
    folders = [model, *([config.adapter] if config.adapter is not None else [])]
    contents = [path for folder in folders for path in sorted(folder.iterdir()) if path.is_file()]
    if config.chat_template is not None:
        contents.append(config.chat_template)
    new = {"checkpoint_minutes"}
    new |= {name for name in _LATER if getattr(config, name) == TrainingConfig.model_fields[name].default}
    return fingerprint(
        config.model_copy(update=own).model_dump_json(exclude=new),
        f"seed {seed}",
        f"name {name}",
        *(file_digest(file) for file in files),
        *(f"{path.name} {file_digest(path)}" for path in contents),
        *(f"{name} {version(name)}" for name in _SHAPING),
    )


def finished(out: Path, inputs: str) -> TrainingSummary | None:
    """Return the summary of a run that is done with these very inputs, else None."""
    if recorded_inputs(out) != inputs or not any((out / name).is_dir() for name in RESULTS):
        return None
    return load_summary(out)


def open_run(out: Path, inputs: str) -> None:
    """Make the folder of a run ready to go on with these inputs, or to start with them.

    What a run with other inputs left is removed, but for its weights, which stay until the new ones are whole.
    """
    out.mkdir(parents=True, exist_ok=True)
    if recorded_inputs(out) == inputs:
        return
    for name in ("summary.json", "inputs.json", PLAN, "worked.json", LOG):
        (out / name).unlink(missing_ok=True)
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
    write_json(out / "inputs.json", {"inputs": inputs})


def go_on_from(out: Path) -> list[TrainingStep]:
    """Return the steps up to the newest whole checkpoint, to which the log is cut; newer checkpoints go."""
    steps = read_log(out)
    checkpoint = newest_checkpoint(out, len(steps))
    kept = steps[: _step_of(checkpoint)] if checkpoint else []
    write_whole(out / LOG, "".join(map(_line, kept)).encode())
    for folder in (out / CHECKPOINTS).glob("checkpoint-*"):
        if _step_of(folder) > len(kept):
            shutil.rmtree(folder)
    return kept


def newest_checkpoint(out: Path, last_step: int | None = None) -> Path | None:
    """Return the newest checkpoint that is whole, of those up to a step if one is given, else None."""
    for folder in sorted((out / CHECKPOINTS).glob("checkpoint-*"), key=_step_of, reverse=True):
        is_reached = last_step is None or _step_of(folder) <= last_step
        if (folder / WHOLE).is_file() and _step_of(folder) and is_reached:
            return folder
    return None


def close_run(out: Path, summary: TrainingSummary) -> None:
    """Write the summary, by a temporary name: from now on the run is done, and its checkpoints go."""
    text = json.dumps(asdict(summary), indent=2, sort_keys=True) + "\n"
    write_whole(out / "summary.json", text.encode())
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)


def read_log(out: Path) -> list[TrainingStep]:
    """Return the steps of the log, up to the first line that is torn or out of order."""
    try:
        lines = (out / LOG).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    steps: list[TrainingStep] = []
    for line in lines:
        try:
            step = _STEP.validate_json(line)
        except ValueError:
            break
        if step.step != len(steps) + 1:
            break
        steps.append(step)
    return steps


def append(out: Path, step: TrainingStep) -> None:
    """Add a step to the log."""
    with (out / LOG).open("a", encoding="utf-8") as log:
        log.write(_line(step))


def read_plan(out: Path) -> TrainingPlan | None:
    """Return the plan of a run whose rows have been read, else None."""
    tree = read_tree(out / PLAN)
    return TrainingPlan(**tree) if tree else None


def read_worked(out: Path) -> Worked | None:
    """Return how the steps of a run ended, else None."""
    tree = read_tree(out / "worked.json")
    return Worked(**tree) if tree else None


def recorded_inputs(out: Path) -> str:
    """Return the digest of the inputs that a run was started with; empty where there is none."""
    return str(read_tree(out / "inputs.json").get("inputs", ""))


def write_json(path: Path, tree: Any) -> None:
    """Write a record or a tree as JSON, by a temporary name."""
    tree = asdict(tree) if hasattr(tree, "__dataclass_fields__") else tree
    write_whole(path, (json.dumps(tree) + "\n").encode())


def _line(step: TrainingStep) -> str:
    return json.dumps(asdict(step), allow_nan=False) + "\n"


def _step_of(folder: Path) -> int:
    digits = folder.name.removeprefix("checkpoint-")
    return int(digits) if digits.isdecimal() else 0
