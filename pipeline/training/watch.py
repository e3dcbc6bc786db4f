"""What is watched at each step and each evaluation."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from pairsmith.pipeline.training.checks import check_finite, check_first_step
from pairsmith.pipeline.training.methods import Knobs, Method
from pairsmith.pipeline.training.progress import WHOLE
from pairsmith.schemas.training import HeldOutStep, TrainingStep


@dataclass(frozen=True, slots=True)
class Expected:
    """What the first step must show.

    Attributes:
        loss: at equality; None where it can't be told.
        beta: of the rewards; None where there is no reference.
        precision: float32 or bfloat16.
    """

    loss: float | None
    beta: float | None
    precision: str


def reward_beta(method: Method, knobs: Knobs) -> float | None:
    """Return what a reward is in log-ratios; None for a method without a reference."""
    if not method.has_reference:
        return None
    return 1.0 if knobs.beta is None else knobs.beta


class StepWatch(TrainerCallback):  # type: ignore[misc] # transformers carries no types
    """Checks each step, hands it on as a record, marks whole checkpoints, and ends a run that gains nothing more.

    The trainer logs a step before it saves one, so a step that fails its checks is never saved.

    Args:
        expected: what the first step must show.
        report: is given each step that passed its checks.
        evaluated: is given each evaluation; returns those before it and itself.
        patience: evaluations without a better one until the run ends; 0 never ends it.
    """

    def __init__(
        self,
        expected: Expected,
        report: Callable[[TrainingStep], None],
        evaluated: Callable[[HeldOutStep], list[HeldOutStep]],
        patience: int,
    ) -> None:
        """Keep what the checks and the records need."""
        self._expected, self._report, self._evaluated, self._patience = expected, report, evaluated, patience
        self._began = 0.0
        self.stopped_early = False

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Take the time."""
        self._began = time.perf_counter()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        """Check and report the step that was just done.

        Raises:
            TrainingError: the first step is not the start's; a loss or gradient is not finite.
        """
        if "loss" not in logs:  # an evaluation's line, or the trainer's closing one of totals
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
            kl=logs.get("kl_to_reference"),
            chosen_n_tokens=logs.get("length/chosen"),
            rejected_n_tokens=logs.get("length/rejected"),
        )
        if step.step == 1 and self._expected.beta is not None:
            check_first_step(step, self._expected.loss, self._expected.beta, self._expected.precision)
        if state.is_world_process_zero:
            self._report(step)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float], **_: Any) -> None:
        """Report an evaluation; save the best one so far, and stop where nothing better came for long."""
        logged = {name: value for entry in state.log_history for name, value in entry.items()} | metrics
        one = HeldOutStep(
            step=state.global_step,
            loss=logged["eval_loss"],
            reward_margin=logged.get("eval_rewards/margins"),
            reward_accuracy=logged.get("eval_rewards/accuracies"),
            chosen_logprob=logged.get("eval_logps/chosen"),
            rejected_logprob=logged.get("eval_logps/rejected"),
        )
        steps = self._evaluated(one)
        best = best_of(steps)
        if best == one:
            control.should_save = True
        elif self._patience and len(steps) - 1 - steps.index(best) >= self._patience:
            control.should_training_stop = control.should_save = self.stopped_early = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Mark the checkpoint as whole: a killed run never goes on from a torn one."""
        if state.is_world_process_zero:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / WHOLE).touch()


def best_of(steps: list[HeldOutStep]) -> HeldOutStep:
    """Return the first evaluation with the highest reward accuracy; where there is none, with the lowest loss."""
    return max(steps, key=lambda one: -one.loss if one.reward_accuracy is None else one.reward_accuracy)
