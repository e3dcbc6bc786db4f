"""Losses of single pairs, and DPO's trainer for those that TRL has no place for.

TRL takes the mean over a step's pairs before anybody can weigh them, and its `sigmoid` has no label smoothing. So
pairs with weights, cDPO and BoNBoN are trained by `PairTrainer`; everything else by TRL's own trainers.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import logsigmoid
from trl import DPOTrainer

from pairsmith.pipeline.training.checks import TrainingError
from pairsmith.pipeline.training.methods import Knobs, Method
from pairsmith.pipeline.training.reading import FOCUS

WEIGHT, N_COMPARED, DATASET = "weight", "n_compared", "dataset"
CARRIED = (WEIGHT, N_COMPARED, DATASET)
"""Columns of pairs that a `PairTrainer` carries into its batches; `dataset` as a number."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Log-ratios of a batch's pairs, tensors of shape (pairs,)."""

    chosen: Any  # log-probability of the chosen answer, summed over its tokens
    up: Any  # its log-ratio to the reference; `down` that of the rejected answer
    down: Any
    n_chosen: Any  # tokens of the chosen answer; `n_rejected` those of the rejected one
    n_rejected: Any
    n_compared: Any = None  # draws that each pair was taken from; None where rows have no such column

    @property
    def gap(self) -> Any:
        """Return the difference of the log-ratios."""
        return self.up - self.down

    @property
    def gap_by_token(self) -> Any:
        """Return the difference of the log-ratios, each divided by its answer's tokens."""
        return self.up / self.n_chosen - self.down / self.n_rejected


PAIR_LOSSES: Mapping[str, Callable[[Scored, float, float], Any]] = {
    "sigmoid": lambda s, beta, e: -(1 - e) * logsigmoid(beta * s.gap) - e * logsigmoid(-beta * s.gap),
    "hinge": lambda s, beta, e: torch.relu(1 - beta * s.gap),
    "ipo": lambda s, beta, e: (s.gap_by_token - 1 / (2 * beta)) ** 2,
    "apo_zero": lambda s, beta, e: 1 - torch.sigmoid(beta * s.up) + torch.sigmoid(beta * s.down),
    "apo_down": lambda s, beta, e: torch.sigmoid(beta * s.up) + 1 - torch.sigmoid(beta * s.gap),
    "sigmoid_norm": lambda s, beta, e: -logsigmoid(beta * s.gap_by_token),
    "sft": lambda s, beta, e: -s.chosen * len(s.chosen) / s.n_chosen.sum(),  # its mean is the mean over tokens
}
"""TRL's name of a loss to that loss of each pair, by log-ratios, beta and label smoothing.

Source: TRL 1.16, `DPOTrainer._compute_loss`; `sigmoid` with smoothing: cDPO, Mitchell 2023, "A note on DPO with
noisy preferences & relationship to IPO", equation 3.
"""


def bonbon_target(n: Any) -> Any:
    """Return 1 / (2 beta_n) = (n - 1) H_{n - 1}, the gap of log-ratios of best and worst of n, in nats.

    Args:
        n: draws that best and worst were taken from, 2 or more; a whole number, or a tensor of whole numbers.

    Source: Gui et al. 2024, arXiv:2406.00832, theorem 3 and equation 14; H_m = 1 + 1/2 + ... + 1/m.
    """
    if not hasattr(n, "shape"):
        return float((n - 1) * sum(1.0 / i for i in range(1, n)))
    table = torch.tensor([bonbon_target(i) if i > 1 else 0.0 for i in range(int(n.max()) + 1)], device=n.device)
    return table[n.long()]


def bonbon_loss(scored: Scored, alpha: float) -> Any:
    """Return alpha (-log pi(best)) + (1 - alpha) (h - 1 / (2 beta_n))^2 for each pair, a tensor of shape (pairs,).

    Args:
        scored: best answers as the chosen ones, worst ones as the rejected; h is `scored.gap`.
        alpha: weight of the likelihood, in [0, 1].

    Source: Gui et al. 2024, arXiv:2406.00832, section 4.
    """
    target = bonbon_target(scored.n_compared).to(scored.gap)
    return -alpha * scored.chosen + (1.0 - alpha) * (scored.gap - target) ** 2


def loss_at_equality(method: Method, knobs: Knobs) -> float | None:
    """Return the loss of a pair whose log-ratios are zero; None where it depends on likelihoods.

    Source: each loss's formula in TRL 1.16, `DPOTrainer._compute_loss`, at zero.
    """
    if not method.is_dpo or method.name == "bonbon" or len(method.losses) > 1:
        return None
    zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    loss = PAIR_LOSSES[method.losses[0]]
    return float(loss(Scored(zero, zero, zero, one, one), knobs.beta or 0.0, knobs.label_smoothing or 0.0)[0])


class PairTrainer(DPOTrainer):  # type: ignore[misc] # TRL carries no types
    """DPO's trainer with a loss for each pair, times the pair's weight, averaged over the batch's pairs."""

    carried: tuple[str, ...] = ()
    pair_loss: Callable[[Scored], Any]
    reward_scale = 1.0
    datasets: tuple[str, ...] = ()

    def set_up(
        self, method: Method, knobs: Knobs, columns: tuple[str, ...], datasets: tuple[str, ...] = ()
    ) -> None:
        """Choose the loss, and have batches carry further columns of the rows; `datasets` are named in the log."""
        self.carried, self.reward_scale, self.datasets = columns, knobs.beta or 1.0, datasets
        if method.name == "bonbon":
            self.pair_loss = lambda scored: bonbon_loss(scored, knobs.sft_weight or 0.0)
        else:
            beta, smoothing = knobs.beta or 0.0, knobs.label_smoothing or 0.0
            weights = (1.0, knobs.sft_weight or 0.0)
            losses = [PAIR_LOSSES[name] for name in method.losses]
            self.pair_loss = lambda scored: sum(
                weight * loss(scored, beta, smoothing) for loss, weight in zip(losses, weights, strict=False)
            )
        collate: Any = self.data_collator  # type: ignore[has-type]

        def collate_with_columns(rows: list[dict[str, Any]]) -> dict[str, Any]:
            batch: dict[str, Any] = collate(rows)
            if all(name in rows[0] for name in FOCUS):
                batch["completion_mask"] = focused_mask(batch["completion_mask"], rows)
            return batch | {name: torch.tensor([row[name] for row in rows]) for name in columns}

        self.data_collator = collate_with_columns

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        known = set(self._signature_columns)
        self._signature_columns += [name for name in (*CARRIED, *FOCUS) if name not in known]

    def _compute_loss(self, model: Any, inputs: Any, return_outputs: bool) -> Any:
        """Return the mean over the batch's pairs of weight times loss, and note DPO's own measures."""
        inputs = dict(inputs)
        carried = {name: inputs.pop(name) for name in CARRIED if name in inputs}
        mask = inputs["completion_mask"]
        rest = {key: value for key, value in inputs.items() if key in ("input_ids", "attention_mask")}
        labels = inputs["input_ids"].masked_fill(mask == 0, -100)
        outputs = model(**rest, labels=labels, fused_lm_head=True, use_cache=False)
        chosen, rejected = outputs.log_probs[:, -(mask.shape[1] - 1) :].sum(1).chunk(2)
        if self.precompute_ref_logps:
            reference = inputs["ref_chosen_logps"], inputs["ref_rejected_logps"]
        else:
            reference = self.compute_ref_log_probs(self.ref_model or self.model, inputs)
        n_chosen, n_rejected = mask.sum(1).clamp(min=1).chunk(2)
        up, down = chosen - reference[0], rejected - reference[1]
        scored = Scored(chosen, up, down, n_chosen, n_rejected, carried.get(N_COMPARED))
        losses = self.pair_loss(scored)
        if DATASET in carried:
            self._note_datasets(carried[DATASET], losses.detach(), (up > down).detach())
        if WEIGHT in carried:
            losses = losses * carried[WEIGHT].to(losses)
        self._note_rewards(chosen.detach(), rejected.detach(), up.detach(), down.detach())
        return (losses.mean(), outputs) if return_outputs else losses.mean()

    def _note_datasets(self, numbers: Any, losses: Any, is_right: Any) -> None:
        numbers, losses, is_right = (self.accelerator.gather(part) for part in (numbers, losses, is_right.float()))
        for number in numbers.unique().tolist():
            mine = numbers == number
            for name, value in (("loss", losses), ("accuracy", is_right)):
                kept = self._metrics["train" if self.model.training else "eval"]
                kept[f"dataset/{self.datasets[number]}/{name}"].append(value[mine].mean().item())

    def _note_rewards(self, chosen: Any, rejected: Any, up: Any, down: Any) -> None:
        """Note what DPO notes; BoNBoN's reward is the log-ratio itself, since n takes beta's place."""
        scale = self.reward_scale
        values = {
            "rewards/chosen": scale * up,
            "rewards/rejected": scale * down,
            "rewards/margins": scale * (up - down),
            "rewards/accuracies": (up > down).float(),
            "logps/chosen": chosen,
            "logps/rejected": rejected,
        }
        for name, value in values.items():
            kept = self._metrics["train" if self.model.training else "eval"][name]
            kept.append(self.accelerator.gather(value).mean().item())


def focused_mask(mask: Any, rows: Sequence[Mapping[str, Sequence[int]]]) -> Any:
    """Return a batch's mask of answers cut down to the tokens that count, of its shape (2 pairs, tokens).

    Args:
        mask: of all chosen answers, then of all rejected ones; 1 for a token of the answer.
        rows: the pairs, with the columns `FOCUS`.
    """
    focused = torch.zeros_like(mask)
    answers = [row[name] for name in FOCUS for row in rows]
    for place, numbers in enumerate(answers):
        tokens = mask[place].nonzero()[:, 0]
        kept = [number for number in numbers if number < len(tokens)]
        focused[place, tokens[kept]] = 1
    return focused


def number_datasets(train: Any, method: Method) -> tuple[Any, tuple[str, ...]]:
    """Return the rows with the number of their dataset in the place of its name, and the names.

    The column is left out where there is one dataset, or where the method's loss is not one of each pair.
    """
    if DATASET not in train.column_names:
        return train, ()
    names = tuple(dict.fromkeys(train[DATASET]))
    keeps = len(names) > 1 and method.is_dpo
    numbers = {name: number for number, name in enumerate(names)}
    found = [numbers[name] for name in train[DATASET]]
    train = train.remove_columns(DATASET)
    return (train.add_column(DATASET, found), names) if keeps else (train, ())


def check_weights(rows: Any, method: Method) -> Any:
    """Return the rows, without the column of weights where all are 1.

    Args:
        rows: `datasets.Dataset`; a column `weight` comes from `pairs.leakage = "weigh"` or `pairs.rarity`.

    Raises:
        TrainingError: a weight that is not a number or negative, or a method whose loss has no place for weights.
    """
    if WEIGHT not in rows.column_names:
        return rows
    weights = rows[WEIGHT]
    if all(weight == 1.0 for weight in weights):
        return rows.remove_columns(WEIGHT)
    if not all(weight is not None and math.isfinite(weight) and weight >= 0.0 for weight in weights):
        raise TrainingError("the pairs' column 'weight' must be finite numbers of at least 0")
    if not method.is_dpo:
        raise TrainingError(
            f"{method.name} does not support weights of pairs; build them with pairs.leakage = drop and "
            "pairs.rarity = 0, or take another method such as dpo"
        )
    return rows
