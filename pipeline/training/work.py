"""The steps of a run: in this process, or in each of several that `accelerate` started."""

import contextlib
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from accelerate import PartialState

from pairsmith.pipeline.training import progress
from pairsmith.pipeline.training.checks import TrainingError, check_best_of_n, check_n_rows
from pairsmith.pipeline.training.losses import (
    DATASET,
    N_COMPARED,
    WEIGHT,
    check_weights,
    loss_at_equality,
    number_datasets,
)
from pairsmith.pipeline.training.methods import METHODS, Method, knobs, least_rows
from pairsmith.pipeline.training.progress import OnPlan, OnStep, TrainingJob, TrainingPlan
from pairsmith.pipeline.training.reading import (
    COLUMNS,
    SPANS,
    count_tokens,
    find_rows,
    leave_out_too_long,
    read_rows,
    with_focus,
)
from pairsmith.pipeline.training.start import Start, load_start
from pairsmith.pipeline.training.trainer import Setup, make_trainer, quiet, scored_answers_only
from pairsmith.pipeline.training.watch import Expected, StepWatch, reward_beta
from pairsmith.schemas.training import TrainingStep

NO_SPACE_MIB = 64  # a failed write is put down to a full disk if less is free
_UNITS = {"pairs": "pairs", "unpaired": "answers", "sft": "right answers"}


def do_steps(job: TrainingJob, on_plan: OnPlan, on_step: OnStep) -> None:
    """Do the missing steps; the last one leaves a checkpoint, and `worked.json` says that all are done.

    The folder of the run is touched once the rows are known to be enough: until then an earlier run stays.

    Args:
        on_plan: called by the first process, when the rows are known.
        on_step: called by the first process after each step, and before with those that the run goes on from.

    Raises:
        TrainingError: training can't start or can't go on; the newest checkpoint is kept.
    """
    method, config = METHODS[job.config.method], job.config
    with quiet(), explained(job), _rows_folder(job.out) as cache:
        PartialState(cpu=config.device == "cpu")  # before anybody asks it on which device
        start = load_start(job.start, config, method.has_reference)
        train, plan = _read(job, method, start, cache)
        train, datasets = number_datasets(train, method)
        checkpoints = job.out / progress.CHECKPOINTS
        setup = Setup(method, config, start, train, job.seed, checkpoints, plan.n_steps, datasets)
        _take_up(job, plan, on_plan, on_step)
        checkpoint, n_done = progress.newest_checkpoint(job.out), len(progress.read_log(job.out))
        PartialState().wait_for_everyone()  # nobody's step is in the log before all have read it
        watch = _watch(job, method, start, on_step, WEIGHT in train.column_names)
        if n_done < plan.n_steps:  # transformers would do one step more from its last checkpoint
            with scored_answers_only():
                trainer = make_trainer(setup, watch)
                trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        if PartialState().is_main_process:
            progress.write_json(job.out / "worked.json", progress.Worked(start.precision))
        PartialState().wait_for_everyone()


@contextlib.contextmanager
def _rows_folder(out: Path) -> Iterator[Path]:
    """Give the folder of the rows' Arrow copies, one for all processes: TRL's first writes what the others read.

    What a killed run left there, such as log-probabilities of the reference, is used again.
    """
    folder = out / "rows"
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    PartialState().wait_for_everyone()
    if PartialState().is_main_process:
        shutil.rmtree(folder, ignore_errors=True)


def _take_up(job: TrainingJob, plan: TrainingPlan, on_plan: OnPlan, on_step: OnStep) -> None:
    """Have the first process clear the folder or cut it to the newest checkpoint, while the others wait."""
    if PartialState().is_main_process:
        progress.open_run(job.out, job.inputs)
        steps = progress.go_on_from(job.out)
        progress.write_json(job.out / progress.PLAN, plan)
        on_plan(plan)
        for step in steps:
            on_step(step)
    PartialState().wait_for_everyone()


def _read(job: TrainingJob, method: Method, start: Start, cache: Path) -> tuple[Any, TrainingPlan]:
    config = job.config
    train = read_rows(find_rows(job.dataset, method.rows), method.rows, cache)
    columns = [*COLUMNS[method.rows], WEIGHT, DATASET]
    if method.name == "bonbon":
        check_best_of_n(train, job.name)
        columns.append(N_COMPARED)
    if method.name == "focal":
        columns += SPANS
    train = train.select_columns([name for name in columns if name in train.column_names])
    train, n_too_long = leave_out_too_long(train, start.tokenizer, config.max_length)
    train = check_weights(train, method)
    if method.name == "focal":
        train = with_focus(train, start.tokenizer)
    check_n_rows(len(train), n_too_long, config.batch_size, config.max_length, _UNITS[method.rows])
    n_sequences = len(train)
    if config.extra.get("packing"):  # best fit leaves little of a sequence empty
        n_sequences = math.ceil(count_tokens(train, start.tokenizer) / config.max_length)
    n_epoch = max(1, n_sequences // config.batch_size)
    n_steps = config.max_steps or math.ceil(config.epochs * n_epoch)
    return train, TrainingPlan(len(train), n_too_long, n_steps)


def _watch(job: TrainingJob, method: Method, start: Start, on_step: OnStep, has_weights: bool) -> StepWatch:
    chosen = knobs(method, job.config)
    has_weights = has_weights or bool(job.config.extra.get("use_weighting"))
    first_loss = None if has_weights else loss_at_equality(method, chosen)  # its weights would scale it
    is_start = job.config.reference == "start"
    expected = Expected(first_loss, reward_beta(method, chosen), start.precision, starts_equal=is_start)

    def report(step: TrainingStep) -> None:
        progress.append(job.out, step)
        on_step(step)

    minutes = job.config.checkpoint_minutes or (15.0 if job.config.tuning == "full" else 1.0)
    every_s = math.inf if job.config.checkpoint_steps else 60.0 * minutes
    return StepWatch(expected, report, every_s)


@contextlib.contextmanager
def explained(job: TrainingJob) -> Iterator[None]:
    """Turn out-of-memory and disk-full errors inside torch into errors that name the remedy."""
    import torch

    try:
        yield
    except torch.OutOfMemoryError:
        raise TrainingError(_no_memory(job, "the GPU's memory is full")) from None
    except (MemoryError, OSError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
            raise TrainingError(_no_memory(job, "the memory is full")) from None
        there = next(folder for folder in (job.out, *job.out.absolute().parents) if folder.exists())
        free_mib = shutil.disk_usage(there).free >> 20
        if free_mib >= NO_SPACE_MIB:
            raise
        raise TrainingError(f"{job.out}: {free_mib} MiB of disk space left; free some and run again") from None


def _no_memory(job: TrainingJob, what: str) -> str:
    """Return what to try: a smaller part of the step in memory, then checkpointing, then shorter rows."""
    config = job.config
    micro = config.micro_batch_size or config.batch_size
    parts = [part for part in range(least_rows(config.method), micro) if config.batch_size % part == 0]
    if parts:
        remedy = f"set training.micro_batch_size = {parts[-1]}, which gives the same steps"
    elif not config.gradient_checkpointing:
        remedy = "set training.gradient_checkpointing = true"
    else:
        remedy = "lower training.max_length, or use training.tuning = lora or qlora"
    newest = progress.newest_checkpoint(job.out)
    kept = f"; {newest.name} is kept, and the next run continues from it" if newest else ""
    return f"{what}; {remedy}{kept}"
