"""DPO with a LoRA adapter: pairs in; adapter, log and summary out."""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pipeline.training import progress
from pipeline.training.checks import TrainingError, check_model_folder, check_n_pairs, check_pair_files
from pipeline.training.reading import leave_out_too_long, read_pairs
from schemas.config import TrainingConfig
from schemas.training import TrainingStep, TrainingSummary

if TYPE_CHECKING:
    from pipeline.training.start import Start

CHECKPOINT_STEPS = 5  # half a minute of CPU steps at most is done twice; 60 MB each for a 135M model, rank 16
NO_SPACE_MIB = 64  # a failed write is put down to a full disk if less is free

OnStep = Callable[[TrainingStep], None]


def train_dpo(
    pair_files: Sequence[Path],
    model_folder: Path,
    config: TrainingConfig,
    out: Path,
    seed: int,
    on_step: OnStep,
    *,
    model_name: str = "",
    checkpoint_steps: int = CHECKPOINT_STEPS,
) -> TrainingSummary:
    """Train a LoRA adapter on preference pairs by DPO; the reference is the model without the adapter.

    A run that was killed or interrupted goes on from its newest checkpoint and ends with the same losses; one
    that is done with the same inputs is not run again. On one CPU and number of threads the same inputs give
    the same adapter, byte for byte.

    Args:
        pair_files: Parquet files of pairs; rows of the `test` split are left alone.
        model_folder: the start.
        config: hyperparameters; `max_length` in tokens.
        out: folder of the run, see `pipeline.training.progress`.
        seed: decides the adapter's start and the order of the pairs.
        on_step: called after each step, in order; when a run goes on, first with the steps it goes on from.
        model_name: name of the start for summary and adapter; the folder's name by default.
        checkpoint_steps: steps between checkpoints.

    Raises:
        TrainingError: training can't start or can't go on; the newest checkpoint is kept.

    Source: Rafailov et al. 2023, arXiv:2305.18290; `trl.DPOTrainer`.
    """
    check_model_folder(model_folder)
    check_pair_files(pair_files)
    trainer = _import_trainer()
    name = model_name or model_folder.name
    inputs = progress.inputs_digest(pair_files, model_folder, config, seed, name)
    done = progress.finished(out, inputs)
    if done is not None:
        for step in done.steps:
            on_step(step)
        return done
    from pipeline.training.lora import save_adapter
    from pipeline.training.start import load_start

    with trainer.quiet(), _told(out), tempfile.TemporaryDirectory(prefix="pairsmith-pairs-") as cache:
        start = load_start(model_folder, config.device)
        pairs, n_too_long = leave_out_too_long(
            read_pairs(pair_files, Path(cache)), start.tokenizer, config.max_length
        )
        check_n_pairs(len(pairs), n_too_long, config.batch_size, config.max_length)
        progress.open_run(out, inputs)
        steps = _do_steps(start, pairs, config, out, seed, on_step, checkpoint_steps)
        save_adapter(out / progress.CHECKPOINTS / f"checkpoint-{config.max_steps}", out / "adapter", name)
        summary = TrainingSummary(config.method, name, len(pairs), n_too_long, steps[0].loss, tuple(steps))
        progress.close_run(out, summary)
    return summary


def _do_steps(
    start: "Start",
    pairs: Any,
    config: TrainingConfig,
    out: Path,
    seed: int,
    on_step: OnStep,
    checkpoint_steps: int,
) -> list[TrainingStep]:
    """Do the steps that are missing, and return all of them; the last one leaves a checkpoint."""
    from pipeline.training.trainer import StepWatch, make_trainer, scored_answers_only

    checkpoint, steps = progress.go_on_from(out)
    for step in steps:
        on_step(step)
    if len(steps) == config.max_steps:  # transformers would do one step more from its last checkpoint
        return steps

    def report(step: TrainingStep) -> None:
        steps.append(step)
        progress.append_log(out, step)
        on_step(step)

    watch = StepWatch(start.dtype, report)
    checkpoints = out / progress.CHECKPOINTS
    with scored_answers_only():
        trainer = make_trainer(start, pairs, config, seed, checkpoints, checkpoint_steps, watch)
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    return steps


def _import_trainer() -> ModuleType:
    try:
        from pipeline.training import trainer
    except ModuleNotFoundError as error:
        raise TrainingError(f"training needs the package {error.name!r}; pip install 'pairsmith[train]'") from None
    return trainer


@contextlib.contextmanager
def _told(out: Path) -> Iterator[None]:
    """Turn the machine's limits, met inside torch, into errors that name the remedy."""
    import torch

    try:
        yield
    except torch.OutOfMemoryError:
        raise TrainingError(
            "the GPU's memory is full; lower training.batch_size or training.max_length and run again"
        ) from None
    except (OSError, RuntimeError):
        there = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
        free_mib = shutil.disk_usage(there).free >> 20
        if free_mib >= NO_SPACE_MIB:
            raise
        raise TrainingError(f"{out}: {free_mib} MiB of disk space left; free some, then run again") from None
