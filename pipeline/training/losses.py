"""BoNBoN's loss, and what each loss is where policy and reference are equal."""

import math
from typing import Any

from pairsmith.pipeline.training.checks import LN_2
from pairsmith.pipeline.training.methods import Knobs, Method


def bonbon_target(n: Any) -> Any:
    """Return 1 / (2 beta_n) = (n - 1) H_{n - 1}, the gap of log-ratios of best and worst of n, in nats.

    Args:
        n: draws that best and worst were taken from, 2 or more; a whole number, or a tensor of whole numbers.

    Source: Gui et al. 2024, arXiv:2406.00832, theorem 3 and equation 14; H_m = 1 + 1/2 + ... + 1/m.
    """
    if not hasattr(n, "shape"):
        return float((n - 1) * sum(1.0 / i for i in range(1, n)))
    import torch

    table = torch.tensor([bonbon_target(i) if i > 1 else 0.0 for i in range(int(n.max()) + 1)], device=n.device)
    return table[n.long()]


def bonbon_loss(best: Any, worst: Any, reference_best: Any, reference_worst: Any, n: Any, alpha: float) -> Any:
    """Return alpha (-log pi(best)) + (1 - alpha) (h - 1 / (2 beta_n))^2 for each pair, a tensor of shape (pairs,).

    Args:
        best: log-probabilities of the best answers under the policy, each summed over the answer's tokens;
            `worst` those of the worst ones, `reference_best` and `reference_worst` under the reference.
        n: draws that each pair was taken from.
        alpha: weight of the likelihood, in [0, 1].

    Source: Gui et al. 2024, arXiv:2406.00832, section 4; h = log-ratio of best - log-ratio of worst.
    """
    gap = (best - reference_best) - (worst - reference_worst)
    return -alpha * best + (1.0 - alpha) * (gap - bonbon_target(n).to(gap)) ** 2


def loss_at_equality(method: Method, knobs: Knobs) -> float | None:
    """Return the loss of a pair whose log-ratios are zero; None where it depends on likelihoods or on weights.

    Source: each loss's formula in TRL 1.16, `DPOTrainer._compute_loss`, at zero.
    """
    if method.trainer != "trl:DPOTrainer" or method.name == "bonbon" or len(method.losses) > 1:
        return None
    beta, smoothing = knobs.beta or 0.0, knobs.label_smoothing or 0.0
    half = 1.0 / (2.0 * beta)
    values = {
        "hinge": 1.0,
        "ipo": half**2,
        "nca_pair": 2 * LN_2,
        "bco_pair": 2 * LN_2,
        "sppo_hard": 2 * half**2,
        "apo_zero": 1.0,
        "apo_down": 1.0,
        "discopop": 0.5 * LN_2 + 0.5,
    }
    if method.losses == ("exo_pair",):
        return -LN_2 - 0.5 * (math.log1p(-smoothing) + math.log(smoothing))
    return values.get(method.losses[0], LN_2)
