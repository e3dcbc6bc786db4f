"""A training run, the part `training`: rows and a start in; weights, log and summary out."""

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from pairsmith.pipeline.chain.stage import Planned, Stage
from pairsmith.pipeline.run.folder import read_tree
from pairsmith.pipeline.training import progress
from pairsmith.pipeline.training.checks import (
    DISPLACED,
    TrainingError,
    check_model_folder,
    check_row_files,
    is_displaced,
)
from pairsmith.pipeline.training.methods import METHODS, Method, check_arguments, knobs
from pairsmith.pipeline.training.progress import OnPlan, OnStep, TrainingJob, load_summary
from pairsmith.pipeline.training.reading import COLUMNS, find_rows
from pairsmith.schemas.config.training import TrainingConfig
from pairsmith.schemas.training import TrainingStep, TrainingSummary

RESULT = "result.json"
"""Says where the weights are: folders in that of the run."""
_WAIT_S = 600  # a large model is written by then
_NEEDED = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")


def train(
    dataset: Path,
    start: Path,
    config: TrainingConfig,
    out: Path,
    seed: int,
    on_step: OnStep,
    *,
    model_name: str = "",
    on_plan: OnPlan | None = None,
) -> TrainingSummary:
    """Train a start with a method on a dataset; the weights are `out/adapter`, or `out/model` (see `result_of`).

    A run that was killed or interrupted goes on from its newest checkpoint and ends with the same losses; one
    that is done with the same inputs is not run again. On one CPU and number of threads the same inputs give
    the same weights, byte for byte.

    Args:
        dataset: folder that `pairsmith build` wrote as `dataset`, or a folder of Parquet files of pairs; rows of
            the `test` split are held out.
        config: method and hyperparameters; `max_length` in tokens.
        seed: decides the adapter's start and the order of the rows.
        on_step: called after each step, in order; when a run goes on, first with the steps it goes on from.
        model_name: name of the start for summary and adapter, as the sampler has it; the folder's by default.
        on_plan: called with rows and steps once they are known.

    Raises:
        TrainingError: training can't start or can't go on; the newest checkpoint is kept.
    """
    for package in _NEEDED:
        if find_spec(package) is None:
            raise TrainingError(f"training needs the package {package!r}; pip install 'pairsmith[train]'")
    method = METHODS[config.method]
    knobs(method, config)
    check_arguments(method, config.extra)
    check_model_folder(start)
    files = find_rows(dataset, method.rows)
    check_row_files(files.files, COLUMNS[files.kind])
    job = TrainingJob(dataset, start, config, out, seed, model_name or start.resolve().name, "")
    inputs = progress.inputs_digest(files.files, job.start, job.config, seed, job.name, method.couples_batch)
    done = progress.finished(out, inputs)
    if done is not None:
        for step in done.steps:
            on_step(step)
        return done
    if progress.recorded_inputs(out) != inputs or progress.read_worked(out) is None:
        _work(replace(job, inputs=inputs), on_plan or (lambda plan: None), on_step)
    if config.launch.machine_rank:
        return _wait_for_first(out)
    summary = _save(job, files.files)
    progress.close_run(out, summary)
    return summary


def result_of(out: Path) -> tuple[Path | None, Path | None]:
    """Return the base model and the adapter that a run came to.

    The base is None where it is the start itself; the adapter is None where the base holds all.
    """
    tree = read_tree(out / RESULT)
    if not tree:  # weights that somebody put there
        tree = {"base": "model" if (out / "model").is_dir() else ""}
        tree["adapter"] = "adapter" if (out / "adapter").is_dir() and not tree["base"] else ""
    base, adapter = (out / tree[name] if tree.get(name) else None for name in ("base", "adapter"))
    return base, adapter


def merge_adapter(base: Path, adapter: Path, folder: Path, keeps_type: bool = False) -> Path:
    """Return a folder with a base and its adapter as one model (see `saving.merged_model`)."""
    from pairsmith.pipeline.training.saving import merged_model
    from pairsmith.pipeline.training.trainer import quiet

    with quiet():
        return merged_model(base, adapter, folder, keeps_type)


def _work(job: TrainingJob, on_plan: OnPlan, on_step: OnStep) -> None:
    if not job.config.launch.config:
        from pairsmith.pipeline.training.work import do_steps

        do_steps(job, on_plan, on_step)
        return
    import torch

    from pairsmith.pipeline.training.launch import run_launched

    is_cpu = job.config.device == "cpu" or not torch.cuda.is_available()
    run_launched(job, is_cpu, on_plan, on_step)


def _wait_for_first(out: Path) -> TrainingSummary:
    """Return what the first machine wrote into the folder that all share."""
    for _ in range(_WAIT_S):
        summary = load_summary(out)
        if summary is not None:
            return summary
        time.sleep(1)
    raise TrainingError(f"{out}: no summary of machine 0; is the folder of the run shared by all machines?")


def _save(job: TrainingJob, files: Sequence[Path]) -> TrainingSummary:
    from pairsmith.pipeline.training.saving import save_adapter, save_model, write_card
    from pairsmith.pipeline.training.start import load_tokenizer

    start, config, out = job.start, job.config, job.out
    plan, worked, steps = progress.read_plan(out), progress.read_worked(out), progress.read_log(out)
    if plan is None or worked is None or not steps:
        raise TrainingError(f"{out}: the log is missing; delete the folder and train again")
    checkpoint = out / progress.CHECKPOINTS / f"checkpoint-{len(steps)}"
    tokenizer, is_new = load_tokenizer(start, config.chat_template)
    kind, other = ("model", "adapter") if config.tuning == "full" else ("adapter", "model")
    if kind == "model":
        save_model(checkpoint, out / kind, tokenizer, worked.precision)
        result = {"base": kind, "adapter": ""}
    else:
        save_adapter(checkpoint, out / kind, start, job.name, tokenizer if is_new else None)
        result = {"base": "", "adapter": kind}
    shutil.rmtree(out / other, ignore_errors=True)
    progress.write_json(out / RESULT, result)
    method = METHODS[config.method]
    summary = TrainingSummary(
        method=config.method,
        model=job.name,
        n_pairs=plan.n_rows,
        n_too_long=plan.n_too_long,
        first_loss=steps[0].loss,
        steps=tuple(steps),
        warnings=tuple(_warnings(steps, method)),
    )
    write_card(out / kind, summary, config, knobs(method, config), files, job.seed)
    return summary


def _warnings(steps: Sequence[TrainingStep], method: Method) -> Iterator[str]:
    if is_displaced(steps):
        yield DISPLACED
    if method.is_experimental:
        yield f"TRL calls the trainer of {method.name} experimental: it may change or go with any version"


def _planned(planned: Planned) -> str:
    settings = planned.config.training
    epochs = "1 epoch" if settings.epochs == 1 else f"{settings.epochs:g} epochs"
    length = f"{settings.max_steps} steps" if settings.max_steps else f"{epochs} in steps"
    return f"{settings.method}, {length} of {settings.batch_size} pairs"


STAGE = Stage(
    name="training",
    about="SFT, DPO and its variants, KTO, ORPO, CPO, SimPO, BoNBoN, through TRL",
    record=None,
    reads=("pairs",),
    settings=("training", "sampling.model", "seed"),
    planned=_planned,
    last_file="summary.json",
)
