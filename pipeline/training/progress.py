"""What a training run leaves in its folder besides the adapter.

inputs.json     what the run was started with: a rerun with other inputs starts afresh
log.jsonl       one `TrainingStep` a line, in order
checkpoints/    what a killed run goes on from; gone once the run is done
adapter/        the LoRA adapter
summary.json    `TrainingSummary`, written last: its presence says that the run is done
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from schemas.config import TrainingConfig, fingerprint
from schemas.training import TrainingStep, TrainingSummary

CHECKPOINTS = "checkpoints"
WHOLE = "whole"  # empty file in a checkpoint, written after everything else in it
_SHAPING = ("torch", "transformers", "trl", "peft")


def load_summary(out: Path) -> TrainingSummary | None:
    """Return the summary of a training run that is done, else None.

    Args:
        out: folder of the run. A summary that can't be read counts as none.
    """
    try:
        tree = json.loads((out / "summary.json").read_text(encoding="utf-8"))
        return TrainingSummary(**{**tree, "steps": tuple(TrainingStep(**step) for step in tree["steps"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def inputs_digest(files: Sequence[Path], model: Path, config: TrainingConfig, seed: int, name: str) -> str:
    """Return 16 hex digits over all that decides the adapter: pairs, start, configuration, seed, versions.

    Args:
        files: pair files, in the order in which they are read.
        model: model folder.
        config: hyperparameters.
        seed: seed of the run.
        name: name of the start.
    """
    return fingerprint(
        config,
        f"seed {seed}",
        f"name {name}",
        *(_file_digest(file) for file in files),
        *(f"{path.name} {_file_digest(path)}" for path in sorted(model.iterdir()) if path.is_file()),
        *(f"{name} {version(name)}" for name in _SHAPING),
    )


def finished(out: Path, inputs: str) -> TrainingSummary | None:
    """Return the summary of a run that is done with these very inputs, else None.

    Args:
        out: folder of the run.
        inputs: digest by `inputs_digest`.
    """
    if _recorded_inputs(out) != inputs or not (out / "adapter").is_dir():
        return None
    return load_summary(out)


def open_run(out: Path, inputs: str) -> None:
    """Make the folder of a run ready to go on with these inputs, or to start with them.

    What a run with other inputs left is removed, but for its adapter, which stays until the new one is whole.
    """
    out.mkdir(parents=True, exist_ok=True)
    if _recorded_inputs(out) == inputs:
        return
    for name in ("summary.json", "inputs.json", "log.jsonl"):
        (out / name).unlink(missing_ok=True)
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
    _write(out / "inputs.json", json.dumps({"inputs": inputs}) + "\n")


def go_on_from(out: Path) -> tuple[Path | None, list[TrainingStep]]:
    """Return the newest whole checkpoint and the steps up to it, to which the log is cut; else (None, [])."""
    steps = read_log(out)
    checkpoint = None
    for folder in sorted((out / CHECKPOINTS).glob("checkpoint-*"), key=_step_of, reverse=True):
        if (folder / WHOLE).is_file() and 0 < _step_of(folder) <= len(steps):
            checkpoint = folder
            break
    kept = steps[: _step_of(checkpoint)] if checkpoint else []
    _write(out / "log.jsonl", "".join(_line(step) for step in kept))
    return checkpoint, kept


def close_run(out: Path, summary: TrainingSummary) -> None:
    """Write the summary, by a temporary name: from now on the run is done, and its checkpoints go."""
    _write(out / "summary.json", json.dumps(asdict(summary), indent=2, sort_keys=True) + "\n")
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)


def read_log(out: Path) -> list[TrainingStep]:
    """Return the steps of the log, up to the first line that is torn or out of order."""
    try:
        lines = (out / "log.jsonl").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    steps: list[TrainingStep] = []
    for line in lines:
        try:
            step = TrainingStep(**json.loads(line))
        except (ValueError, TypeError):
            break
        if step.step != len(steps) + 1:
            break
        steps.append(step)
    return steps


def append_log(out: Path, step: TrainingStep) -> None:
    """Add one step to the log."""
    with (out / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(_line(step))


def _line(step: TrainingStep) -> str:
    return json.dumps(asdict(step), allow_nan=False) + "\n"


def _recorded_inputs(out: Path) -> str:
    try:
        return str(json.loads((out / "inputs.json").read_text(encoding="utf-8"))["inputs"])
    except (OSError, ValueError, TypeError, KeyError):
        return ""


def _step_of(folder: Path) -> int:
    digits = folder.name.removeprefix("checkpoint-")
    return int(digits) if digits.isdecimal() else 0


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
