"""What is watched at each step, and what we add to any of TRL's trainers."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from torch.utils.data import Sampler, SequentialSampler
from transformers import TrainerCallback

from pairsmith.pipeline.training.checks import check_finite, check_first_step
from pairsmith.pipeline.training.methods import Knobs, Method
from pairsmith.pipeline.training.progress import WHOLE
from pairsmith.schemas.training import DatasetStep, TrainingStep


@dataclass(frozen=True, slots=True)
class Expected:
    """What the first step must show."""

    loss: float | None  # at equality; None where it is unknown
    beta: float | None  # of the rewards; None where there is no reference
    precision: str  # float32 or bfloat16
    starts_equal: bool = True  # whether policy and reference are the same model at the first step


def reward_beta(method: Method, knobs: Knobs) -> float | None:
    """Return what a reward is in log-ratios; None for a method without a reference."""
    if not method.has_reference:
        return None
    return 1.0 if knobs.beta is None else knobs.beta


class StepWatch(TrainerCallback):  # type: ignore[misc] # transformers carries no types
    """Checks each step, hands it on as a record, and marks whole checkpoints.

    The trainer logs a step before it saves one, so a step that fails its checks is never saved.

    Args:
        expected: what the first step must show.
        report: is given each step that passed its checks.
        save_every_s: seconds between checkpoints; infinite for those that the trainer makes by steps.
    """

    def __init__(
        self,
        expected: Expected,
        report: Callable[[TrainingStep], None],
        save_every_s: float = math.inf,
    ) -> None:
        """Keep what the checks and the records need."""
        self._expected, self._report = expected, report
        self._began, self._saved_at, self._save_every_s = 0.0, time.perf_counter(), save_every_s

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Take the time."""
        self._began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Save a checkpoint where it is time; the first process's clock decides for all."""
        if self._save_every_s < math.inf:
            is_time = [time.perf_counter() - self._saved_at >= self._save_every_s]
            control.should_save |= broadcast_object_list(is_time)[0]

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        """Check and report the step that was just done."""
        if "loss" not in logs:  # the trainer's closing line of totals
            return
        check_finite(state.global_step, logs["loss"], logs["grad_norm"])
        has_reference = self._expected.beta is not None
        step = TrainingStep(
            step=state.global_step,
            loss=logs["loss"],
            reward_margin=logs.get("rewards/margins"),
            reward_accuracy=logs.get("rewards/accuracies"),
            chosen_logprob=logs.get("logps/chosen"),
            rejected_logprob=logs.get("logps/rejected"),
            learning_rate=logs["learning_rate"],
            wall_s=time.perf_counter() - self._began,
            gradient_norm=float(logs["grad_norm"]),
            chosen_reward=logs.get("rewards/chosen") if has_reference else None,
            rejected_reward=logs.get("rewards/rejected") if has_reference else None,
            datasets=_by_dataset(logs),
        )
        if step.step == 1 and self._expected.beta is not None and self._expected.starts_equal:
            check_first_step(step, self._expected.loss, self._expected.beta, self._expected.precision)
        if state.is_world_process_zero:
            self._report(step)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Mark the checkpoint as whole: a killed run never goes on from a torn one."""
        self._saved_at = time.perf_counter()
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / WHOLE).touch()


class StepOrder(Sampler[int]):
    """A new order in each epoch, cut to whole steps: the same one however many rows are in memory at once.

    Args:
        n_rows: rows there are.
        batch_size: rows per step.
        seed: with the epoch's number decides the order.
    """

    def __init__(self, n_rows: int, batch_size: int, seed: int) -> None:
        """Keep what decides the order."""
        self._n_rows, self._seed, self._epoch = n_rows, seed, 0
        self._n_taken = n_rows // batch_size * batch_size

    def set_epoch(self, epoch: int) -> None:
        """Take the order of this epoch, from 0."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        """Return the numbers of the rows, in order."""
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + self._epoch)
        return iter(torch.randperm(self._n_rows, generator=generator)[: self._n_taken].tolist())

    def __len__(self) -> int:
        """Return the rows of an epoch."""
        return self._n_taken


class Watched:
    """Goes before a trainer of TRL: the order of the rows, no report on the user."""

    order: StepOrder | None = None

    def _get_train_sampler(self, *args: Any, **kwargs: Any) -> Any:
        return self.order if self.order is not None else SequentialSampler(self.train_dataset)  # type: ignore[attr-defined]

    def _send_telemetry(self) -> None:
        """Send nothing: no run reports on its user."""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write none: checkpoints are not for publishing."""


def _by_dataset(logs: dict[str, float]) -> tuple[DatasetStep, ...]:
    names = [name.removeprefix("dataset/").removesuffix("/loss") for name in logs if name.startswith("dataset/")]
    return tuple(
        DatasetStep(name, logs[f"dataset/{name}/loss"], logs[f"dataset/{name}/accuracy"])
        for name in sorted(names)
        if f"dataset/{name}/loss" in logs
    )
