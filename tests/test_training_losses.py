"""BoNBoN against a reference of our own in float64, and the losses of DPO's kin at equality."""

import math
from fractions import Fraction
from typing import Any, get_args

import numpy as np
import pytest

from pairsmith.pipeline.training.losses import bonbon_target, loss_at_equality
from pairsmith.pipeline.training.methods import METHODS, knobs
from pairsmith.schemas.config import TrainingConfig
from pairsmith.schemas.config.training import MethodName

torch = pytest.importorskip("torch", reason="training needs pairsmith[train]")

ALPHA = 0.005


@pytest.mark.parametrize(("n", "target"), [(2, 1.0), (4, 5.5), (8, 18.15), (10, 25.460714285714285)])
def test_the_target_of_bonbon_is_that_of_the_paper(n: int, target: float) -> None:
    assert bonbon_target(n) == pytest.approx(target, rel=1e-12)
    exact = (n - 1) * sum((Fraction(1, i) for i in range(1, n)), Fraction(0))
    assert bonbon_target(n) == pytest.approx(float(exact), rel=1e-12)
    assert bonbon_target(torch.tensor([n, 2]))[0] == pytest.approx(target, rel=1e-6)


def _summed(logits: np.ndarray, tokens: np.ndarray) -> float:
    """Return the log-probability of tokens under rows of logits, in float64, by the definition of softmax."""
    total = 0.0
    for row, token in zip(logits.astype(np.float64), tokens, strict=True):
        peak = row.max()
        total += row[token] - peak - math.log(np.exp(row - peak).sum())
    return total


def _expected(
    policy: np.ndarray, start: np.ndarray, tokens: np.ndarray, lengths: list[int], n: list[int], n_prompt: int
) -> float:
    """Return the mean loss of pairs whose best answers come first; logits are (answers, tokens, vocabulary)."""
    losses = []
    for i, draws in enumerate(n):
        gained = []
        for j in (i, len(n) + i):
            answer = slice(n_prompt, n_prompt + lengths[j])
            places = slice(n_prompt - 1, n_prompt - 1 + lengths[j])  # a place's logits are of the token behind it
            sums = [_summed(logits[j][places], tokens[j][answer]) for logits in (policy, start)]
            gained.append((sums[0], sums[0] - sums[1]))
        (best, best_ratio), (_, worst_ratio) = gained
        target = (draws - 1) * sum(1.0 / k for k in range(1, draws))
        losses.append(ALPHA * -best + (1 - ALPHA) * (best_ratio - worst_ratio - target) ** 2)
    return float(np.mean(losses))


class _Table(torch.nn.Module):  # type: ignore[name-defined,misc] # torch is imported by a call
    """Gives rows of fixed logits as log-probabilities of the labels, as TRL's fused head does."""

    is_gradient_checkpointing = False

    def __init__(self, logits: Any) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(logits)

    def forward(self, input_ids: Any, attention_mask: Any, labels: Any, **_: Any) -> Any:
        from types import SimpleNamespace

        wanted = labels[:, 1:]
        log_probs = self.logits.log_softmax(-1).gather(-1, wanted.clamp(min=0)[..., None])[..., 0]
        return SimpleNamespace(log_probs=log_probs * (wanted != -100))


@pytest.mark.parametrize("seed", range(5))
def test_bonbon_equals_a_float64_reference_on_random_logits(seed: int) -> None:
    """The trainer's own step, from logits to loss: sums over answers of different lengths, an n of each pair."""
    from accelerate import Accelerator

    from pairsmith.pipeline.training.watched import N_COMPARED, BonbonTrainer

    generator = np.random.default_rng(seed)
    n_pairs, width, vocabulary, n_prompt = 3, 9, 17, 3
    n = [int(value) for value in generator.integers(2, 11, n_pairs)]
    lengths = [int(value) for value in generator.integers(1, width - n_prompt + 1, 2 * n_pairs)]
    policy, start = (
        generator.normal(0, 2, (2 * n_pairs, width - 1, vocabulary)).astype(np.float32) for _ in range(2)
    )
    tokens = generator.integers(0, vocabulary, (2 * n_pairs, width))
    mask = np.zeros_like(tokens)
    for row, length in enumerate(lengths):
        mask[row, n_prompt : n_prompt + length] = 1
    trainer = BonbonTrainer.__new__(BonbonTrainer)
    trainer.accelerator, trainer.alpha, trainer.precompute_ref_logps = Accelerator(cpu=True), ALPHA, False
    trainer.model, trainer.ref_model = (_Table(torch.tensor(logits)) for logits in (policy, start))
    trainer.ld_alpha = None
    trainer.args = type("Arguments", (), {"gradient_checkpointing_kwargs": None})()
    trainer._metrics = {"train": {name: [] for name in MEASURES}}
    inputs = {
        "input_ids": torch.tensor(tokens),
        "attention_mask": torch.ones_like(torch.tensor(tokens)),
        "completion_mask": torch.tensor(mask),
        N_COMPARED: torch.tensor(n),
    }
    loss = trainer._compute_loss(trainer.model, inputs, False)
    expected = _expected(policy, start, tokens, lengths, n, n_prompt)
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    loss.backward()  # it reaches the policy, and not the reference
    assert trainer.model.logits.grad.abs().sum() > 0
    assert trainer.ref_model.logits.grad is None


MEASURES = (
    *(f"rewards/{name}" for name in ("chosen", "rejected", "margins", "accuracies")),
    *(f"logps/{name}" for name in ("chosen", "rejected")),
)


def test_losses_at_equality_are_known_for_dpo_and_its_kin() -> None:
    known = {}
    for name in get_args(MethodName):
        method = METHODS[name]
        known[name] = loss_at_equality(method, knobs(method, TrainingConfig(method=name)))
    assert {name for name, value in known.items() if value is None} == {
        "sft", "rpo", "kto", "orpo", "cpo", "simpo", "bonbon",
    }  # fmt: skip
    assert known["dpo"] == math.log(2)
    assert known["sppo_hard"] == 500_000.0  # 2 * (eta / 2)^2, eta = 1000
