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
            kl=logs.get("kl_to_reference"),
            chosen_n_tokens=logs.get("length/chosen"),
            rejected_n_tokens=logs.get("length/rejected"),
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
        batch_size: rows a step.
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
    """Goes before a trainer of TRL: lengths of answers, the KL to the reference, no report on the user.

    KL(reference || policy) is estimated on the step's answers by the mean over tokens of r - 1 - ln r, where r is
    the policy's probability of the token over the reference's. That is without bias where the answers are draws of
    the reference, as pairs of a model's own samples nearly are: their choice favours some.

    Source: Schulman 2020, "Approximating KL Divergence", estimator k3.
    """

    order: StepOrder | None = None

    def watch_passes(self) -> None:
        """Begin to look at what the model gives; the trainer is ready."""
        self._passes: list[torch.Tensor] = []
        models = [self.model, getattr(self, "ref_model", None)]  # type: ignore[attr-defined]
        is_precomputed = getattr(self.args, "precompute_ref_log_probs", False)  # type: ignore[attr-defined]
        for model in models:
            if model is not None and not is_precomputed:  # the reference makes no pass beside the policy's then
                model.register_forward_hook(self._keep_pass)

    def _keep_pass(self, module: Any, inputs: Any, output: Any) -> None:
        log_probs = getattr(output, "log_probs", None)
        if log_probs is not None:
            self._passes.append(log_probs.detach())

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the loss, and note the measures of a training step."""
        self._passes.clear()
        loss = super().compute_loss(model, inputs, *args, **kwargs)  # type: ignore[misc]
        if model.training:
            for name, mask in _answer_masks(inputs).items():
                self._note(f"length/{name}", mask.sum(1).float(), mask.any(1))
            divergence = self._divergence(inputs)
            if divergence is not None:
                self._note("kl_to_reference", *divergence)
        return loss

    def _divergence(self, inputs: Any) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Return r - 1 - ln r of each token of the answers, and which count; None without a reference's pass."""
        # DPO: policy, reference; KTO: each with a pass for its own estimate before.
        n = len(self._passes)
        if n not in (2, 4) or "completion_mask" not in inputs:
            return None
        policy, reference = (self._passes[0], self._passes[1]) if n == 2 else (self._passes[1], self._passes[3])
        mask = inputs["completion_mask"][:, 1:].bool()
        if policy.shape != reference.shape or policy.shape[0] != mask.shape[0]:
            return None
        log_ratio = (policy - reference)[:, -mask.shape[1] :].float()
        return log_ratio.exp() - 1.0 - log_ratio, mask

    def _note(self, name: str, values: torch.Tensor, counts: torch.Tensor) -> None:
        sums = torch.stack([(values * counts).sum(), counts.sum().float()]).to(values.device)
        total, n = self.accelerator.reduce(sums, reduction="sum").tolist()  # type: ignore[attr-defined]
        if not n:
            return
        if hasattr(self, "store_metrics"):
            self.store_metrics({name: total / n}, train_eval="train")
        else:
            self._metrics["train"][name].append(total / n)  # type: ignore[attr-defined]

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


def _answer_masks(inputs: Any) -> dict[str, torch.Tensor]:
    """Return which tokens belong to chosen and to rejected answers, each of shape (answers, tokens)."""
    if "chosen_labels" in inputs:
        return {side: inputs[f"{side}_labels"] != -100 for side in ("chosen", "rejected")}
    if "label" in inputs:
        mask, right = inputs["completion_mask"].bool(), torch.as_tensor(inputs["label"]).bool()
        return {"chosen": mask[right], "rejected": mask[~right]}
    if "completion_mask" in inputs:
        chosen, rejected = inputs["completion_mask"].bool().chunk(2)
        return {"chosen": chosen, "rejected": rejected}
    return {"chosen": inputs["labels"] != -100} if "labels" in inputs else {}
