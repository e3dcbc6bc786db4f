"""BoNBoN against a reference of our own in float64, and the losses of DPO's kin at equality."""

import math
from collections import defaultdict
from fractions import Fraction
from typing import Any, get_args

import numpy as np
import pytest

from pairsmith.pipeline.training.checks import TrainingError
from pairsmith.pipeline.training.methods import METHODS, knobs
from pairsmith.schemas.config import TrainingConfig
from pairsmith.schemas.config.training import MethodName

torch = pytest.importorskip("torch", reason="training needs pairsmith[train]")

from pairsmith.pipeline.training.losses import bonbon_target, loss_at_equality  # noqa: E402 # needs torch

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
        log_probs = log_probs * (wanted != -100)
        unused = torch.zeros_like(log_probs)  # TRL logs them
        return SimpleNamespace(log_probs=log_probs, entropy=unused, mean_logits=unused, is_top1=unused > 0)


def _trainer(
    policy: np.ndarray, start: np.ndarray, name: MethodName, columns: tuple[str, ...], **settings: Any
) -> Any:
    """Return a `PairTrainer` over fixed logits, as `make_trainer` sets it up."""
    from accelerate import Accelerator

    from pairsmith.pipeline.training.losses import PairTrainer

    trainer = PairTrainer.__new__(PairTrainer)
    trainer.accelerator, trainer.precompute_ref_logps = Accelerator(cpu=True), False
    trainer.model, trainer.ref_model = (_Table(torch.tensor(logits)) for logits in (policy, start))
    trainer.ld_alpha, trainer.aux_loss_enabled, trainer.use_weighting = None, False, False
    trainer.args = type("Arguments", (), {"gradient_checkpointing_kwargs": None})()
    trainer._metrics = {"train": defaultdict(list)}
    trainer.data_collator = lambda rows: {}
    method = METHODS[name]
    chosen = knobs(method, TrainingConfig(method=name, **settings))
    trainer.set_up(method, chosen, columns)
    trainer.beta, trainer.label_smoothing = chosen.beta, chosen.label_smoothing or 0.0
    trainer.loss_types = list(method.losses)
    trainer.loss_weights = [1.0, chosen.sft_weight or 0.0][: len(method.losses)]
    trainer.f_divergence_type, trainer._total_train_tokens, trainer._tp_size = "reverse_kl", 0, 1
    return trainer


N_PAIRS, WIDTH, VOCABULARY, N_PROMPT = 3, 9, 17, 3


def _batch(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[int], dict[str, Any]]:
    """Return policy's and reference's logits, tokens, lengths of the answers, and the trainer's inputs."""
    generator = np.random.default_rng(seed)
    lengths = [int(value) for value in generator.integers(1, WIDTH - N_PROMPT + 1, 2 * N_PAIRS)]
    shape = (2 * N_PAIRS, WIDTH - 1, VOCABULARY)
    policy, start = (generator.normal(0, 2, shape).astype(np.float32) for _ in range(2))
    tokens = generator.integers(0, VOCABULARY, (2 * N_PAIRS, WIDTH))
    mask = np.zeros_like(tokens)
    for row, length in enumerate(lengths):
        mask[row, N_PROMPT : N_PROMPT + length] = 1
    inputs = {
        "input_ids": torch.tensor(tokens),
        "attention_mask": torch.ones_like(torch.tensor(tokens)),
        "completion_mask": torch.tensor(mask),
    }
    return policy, start, tokens, lengths, inputs


@pytest.mark.parametrize("seed", range(5))
def test_bonbon_equals_a_float64_reference_on_random_logits(seed: int) -> None:
    """The trainer's own step, from logits to loss: sums over answers of different lengths, an n of each pair."""
    policy, start, tokens, lengths, inputs = _batch(seed)
    n = [int(value) for value in np.random.default_rng(seed).integers(2, 11, N_PAIRS)]
    trainer = _trainer(policy, start, "bonbon", ("n_compared",))
    loss = trainer._compute_loss(trainer.model, inputs | {"n_compared": torch.tensor(n)}, False)
    assert loss.item() == pytest.approx(_expected(policy, start, tokens, lengths, n, N_PROMPT), rel=1e-4)
    loss.backward()  # it reaches the policy, and not the reference
    assert trainer.model.logits.grad.abs().sum() > 0
    assert trainer.ref_model.logits.grad is None


def _gaps(policy: np.ndarray, start: np.ndarray, tokens: np.ndarray, lengths: list[int]) -> list[float]:
    """Return each pair's difference of log-ratios, in float64."""
    ratios = []
    for row, length in enumerate(lengths):
        answer, places = slice(N_PROMPT, N_PROMPT + length), slice(N_PROMPT - 1, N_PROMPT - 1 + length)
        sums = [_summed(logits[row][places], tokens[row][answer]) for logits in (policy, start)]
        ratios.append(sums[0] - sums[1])
    return [ratios[i] - ratios[N_PAIRS + i] for i in range(N_PAIRS)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_weighted_pairs_and_smoothed_labels_equal_a_float64_reference(seed: int, smoothing: float) -> None:
    policy, start, tokens, lengths, inputs = _batch(seed)
    weights = [0.25, 0.0, 1.0]
    expected = 0.0
    for gap, weight in zip(_gaps(policy, start, tokens, lengths), weights, strict=True):
        right, wrong = math.log1p(math.exp(-0.1 * gap)), math.log1p(math.exp(0.1 * gap))
        expected += weight * ((1 - smoothing) * right + smoothing * wrong) / N_PAIRS
    trainer = _trainer(policy, start, "dpo", ("weight",), label_smoothing=smoothing)
    loss = trainer._compute_loss(trainer.model, inputs | {"weight": torch.tensor(weights)}, False)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    moved = trainer.model.logits.grad.abs().sum((1, 2))
    assert [bool(value) for value in moved] == [True, False, True] * 2  # a weight of 0 removes a pair's gradient


@pytest.mark.parametrize("name", sorted(set(METHODS) - {"bonbon", "sft", "kto", "orpo", "cpo", "simpo"}))
def test_losses_of_single_pairs_are_those_of_trl(name: MethodName) -> None:
    """Without weights our trainer and TRL's own give the same loss, the same gradient and the same rewards."""
    from trl import DPOTrainer

    policy, start, _, _, inputs = _batch(7)
    ours, theirs = (_trainer(policy, start, name, ()) for _ in range(2))
    loss = ours._compute_loss(ours.model, inputs, False)
    expected = DPOTrainer._compute_loss(theirs, theirs.model, inputs, False)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    loss.backward()
    expected.backward()
    assert torch.allclose(ours.model.logits.grad, theirs.model.logits.grad, rtol=1e-4, atol=1e-7)
    for measure in MEASURES:
        assert ours._metrics["train"][measure] == pytest.approx(theirs._metrics["train"][measure], rel=1e-5)


@pytest.mark.parametrize(
    ("method", "weights", "said"),
    [
        ("simpo", [1.0, 0.5], "simpo does not support weights of pairs; build them with pairs.leakage = drop"),
        ("dpo", [1.0, None], "'weight' must be finite numbers of at least 0"),
        ("dpo", [1.0, -0.5], "'weight' must be finite numbers of at least 0"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(method: MethodName, weights: list[Any], said: str) -> None:
    import datasets

    from pairsmith.pipeline.training.losses import check_weights

    rows = datasets.Dataset.from_dict({"weight": weights, "prompt": ["a", "b"]})
    with pytest.raises(TrainingError, match=said):
        check_weights(rows, METHODS[method])


def test_weights_of_one_leave_the_rows_to_trl() -> None:
    import datasets

    from pairsmith.pipeline.training.losses import check_weights

    rows = datasets.Dataset.from_dict({"weight": [1.0, 1.0], "prompt": ["a", "b"]})
    assert check_weights(rows, METHODS["simpo"]).column_names == ["prompt"]
    weighed = datasets.Dataset.from_dict({"weight": [1.0, 0.5], "prompt": ["a", "b"]})
    assert check_weights(weighed, METHODS["rpo"]).column_names == ["weight", "prompt"]


@pytest.mark.parametrize(("micro", "n_processes"), [(1, 1), (None, 4)])
def test_kto_with_one_row_in_memory_is_refused(micro: int | None, n_processes: int) -> None:
    from pairsmith.pipeline.training.trainer import split_batch

    config = TrainingConfig(method="kto", batch_size=4, micro_batch_size=micro)
    with pytest.raises(
        TrainingError, match=r"kto compares the answers .*: 1 is too few, set training\.micro_batch_size = 2"
    ):
        split_batch(config, n_processes, 2)


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
