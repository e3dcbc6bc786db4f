"""TRL's trainers with what we add to any of them: order of the rows, more measures, silence."""

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import Sampler, SequentialSampler
from trl import DPOTrainer

from pairsmith.pipeline.training.losses import bonbon_loss
from pairsmith.pipeline.training.references import References, row_keys

N_COMPARED = "n_compared"


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
    references: References | None = None

    def watch_passes(self) -> None:
        """Begin to look at what the model gives; the trainer is ready."""
        self._passes: list[torch.Tensor] = []
        models = [self.model, getattr(self, "ref_model", None)]  # type: ignore[attr-defined]
        for model in models:
            if model is not None:
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
        """Note the mean of the values that count, over all processes."""
        sums = torch.stack([(values * counts).sum(), counts.sum().float()]).to(values.device)
        total, n = self.accelerator.reduce(sums, reduction="sum").tolist()  # type: ignore[attr-defined]
        if not n:
            return
        if hasattr(self, "store_metrics"):
            self.store_metrics({name: total / n}, train_eval="train")
        else:
            self._metrics["train"][name].append(total / n)  # type: ignore[attr-defined]

    def _precompute_ref_logps(self, dataset: Any, name: str, batch_size: int) -> Any:
        """Return the rows with the reference's log-probabilities; what is known is not computed again."""
        known = self.references
        if known is None:
            return super()._precompute_ref_logps(dataset, name, batch_size)  # type: ignore[misc]
        keys = row_keys(dataset)
        missing = known.missing(keys)
        if missing:
            part = super()._precompute_ref_logps(dataset.select(missing), name, batch_size)  # type: ignore[misc]
            for column, of_row in keys.items():
                known.add((of_row[row] for row in missing), part[column])
            if self.accelerator.is_main_process:  # type: ignore[attr-defined]
                known.write()
        for column, values in known.columns(keys).items():
            dataset = dataset.add_column(column, values)
        return dataset

    def _get_train_sampler(self, *args: Any, **kwargs: Any) -> Any:
        return self.order if self.order is not None else SequentialSampler(self.train_dataset)  # type: ignore[attr-defined]

    def _send_telemetry(self) -> None:
        """Send nothing: no run reports on its user."""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write none: checkpoints are not for publishing."""


class BonbonTrainer(DPOTrainer):  # type: ignore[misc] # TRL carries no types
    """BoNBoN: DPO's trainer with the loss of `bonbon_loss`, over log-probabilities summed over an answer's tokens.

    Rows have `n_compared`, the draws that a pair was taken from.
    """

    alpha = 0.005

    def carry_n(self) -> None:
        """Have batches carry each pair's n."""
        collate: Any = self.data_collator  # type: ignore[has-type]

        def with_n(rows: list[dict[str, Any]]) -> dict[str, Any]:
            batch: dict[str, Any] = collate(rows)
            batch[N_COMPARED] = torch.tensor([row[N_COMPARED] for row in rows])
            return batch

        self.data_collator = with_n

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if N_COMPARED not in self._signature_columns:
            self._signature_columns += [N_COMPARED]

    def _compute_loss(self, model: Any, inputs: Any, return_outputs: bool) -> Any:
        """Return the mean loss of the batch's pairs, and note DPO's own measures."""
        inputs = dict(inputs)
        n = inputs.pop(N_COMPARED)
        mask = inputs["completion_mask"]
        rest = {key: value for key, value in inputs.items() if key in ("input_ids", "attention_mask")}
        labels = inputs["input_ids"].masked_fill(mask == 0, -100)
        outputs = model(**rest, labels=labels, fused_lm_head=True, use_cache=False)
        best, worst = outputs.log_probs[:, -(mask.shape[1] - 1) :].sum(1).chunk(2)
        if self.precompute_ref_logps:
            reference = inputs["ref_chosen_logps"], inputs["ref_rejected_logps"]
        else:
            reference = self.compute_ref_log_probs(self.ref_model or self.model, inputs)
        losses = bonbon_loss(best, worst, *reference, n, self.alpha)
        self._note_rewards(best.detach(), worst.detach(), *reference)
        return (losses.mean(), outputs) if return_outputs else losses.mean()

    def _note_rewards(self, best: Any, worst: Any, reference_best: Any, reference_worst: Any) -> None:
        """Note what DPO notes; a reward is the log-ratio itself, since n stands in beta's place."""
        gained, lost = best - reference_best, worst - reference_worst
        values = {
            "rewards/chosen": gained,
            "rewards/rejected": lost,
            "rewards/margins": gained - lost,
            "rewards/accuracies": (gained > lost).float(),
            "logps/chosen": best,
            "logps/rejected": worst,
        }
        for name, value in values.items():
            kept = self._metrics["train" if self.model.training else "eval"][name]
            kept.append(self.accelerator.gather(value).mean().item())


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
